"""OpenTelemetryListener: a span for each message that is sent, and for each that a handler processes.

The context of the sending span travels in headers of the message (``traceparent``, ``tracestate``, or whatever the
configured propagator writes), so that the span of the handler, in another program, becomes its child. Names of spans
and attributes follow OpenTelemetry's semantic conventions for messaging.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from stomp_core import Connected
from stomp_core.session import Delivery, Endpoint, Listener

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer, TracerProvider

__all__ = ["OpenTelemetryListener"]

# The values of messaging.system, which the `server` header of CONNECTED begins with.
_SYSTEMS = ("rabbitmq", "activemq")


class OpenTelemetryListener(Listener):
    """Traces the messages that a connection sends, and those that ``subscription.run`` processes.

    Pass ``listener=OpenTelemetryListener()`` to ``connect()``. Each connection needs a listener of its own.

    Args:
        tracer_provider: where spans are reported; ``None`` is the global tracer provider.

    Raises:
        ImportError: OpenTelemetry is not installed.
    """

    def __init__(self, tracer_provider: TracerProvider | None = None) -> None:
        try:
            from opentelemetry import context, propagate, trace
        except ImportError:
            raise ImportError(
                'OpenTelemetryListener needs OpenTelemetry: pip install "stomp-core[otel]"'
            ) from None
        self._context = context
        self._trace = trace
        self._propagate = propagate
        self._tracer: Tracer = trace.get_tracer("stomp_observe", tracer_provider=tracer_provider)
        self._server: dict[str, str | int] = {}
        self._system = "stomp"

    def connection_made(self, endpoint: Endpoint, connected: Connected) -> None:
        server = (connected.server or "").lower()
        self._system = next((system for system in _SYSTEMS if server.startswith(system)), "stomp")
        self._server = {"server.address": endpoint.host or endpoint.path}
        if endpoint.port:
            self._server["server.port"] = endpoint.port

    def headers_for(self, destination: str) -> Iterable[tuple[str, str]]:
        carrier: dict[str, str] = {}
        with self._tracer.start_as_current_span(
            f"send {destination}",
            kind=self._trace.SpanKind.PRODUCER,
            attributes=self._attributes("send", destination),
        ):
            self._propagate.inject(carrier)
        return carrier.items()

    def handling(self, delivery: Delivery) -> AbstractContextManager[object]:
        return self._processing(delivery)

    @contextmanager
    def _processing(self, delivery: Delivery) -> Iterator[None]:
        attributes = self._attributes("process", delivery.destination)
        attributes["messaging.message.id"] = delivery.message_id
        attributes["messaging.message.body.size"] = len(delivery.body)
        # All of the sender's context, not its span alone: the handler finds its baggage, and passes it on.
        token = self._context.attach(self._propagate.extract(delivery.headers.to_dict()))
        try:
            # An exception of the handler is recorded and marks the span as failed.
            with self._tracer.start_as_current_span(
                f"process {delivery.destination}",
                kind=self._trace.SpanKind.CONSUMER,
                attributes=attributes,
            ):
                yield
        finally:
            self._context.detach(token)

    def _attributes(self, operation: str, destination: str) -> dict[str, str | int]:
        return {
            "messaging.system": self._system,
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
            "messaging.destination.name": destination,
            **self._server,
        }
