"""OpenTelemetryListener: sending a message and handling it are one trace."""

from __future__ import annotations

from pathlib import Path

import pytest

import stomp_socket
from stomp_observe import OpenTelemetryListener
from stomp_testing import Broker
from tests.waiting import HANGS, until

pytest.importorskip("opentelemetry.sdk", reason="pip install opentelemetry-sdk")

from opentelemetry import baggage
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
)


class Spans:
    """What was reported, in the order in which it ended.

    Attributes:
        provider: of the listener.
    """

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def of(self, kind: SpanKind) -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if span.kind is kind]

    @property
    def sent(self) -> ReadableSpan:
        """The span of the latest message that was sent."""
        return self.of(SpanKind.PRODUCER)[-1]

    @property
    def processed(self) -> ReadableSpan:
        """The span of the latest message that was processed."""
        return self.of(SpanKind.CONSUMER)[-1]


@pytest.fixture
def spans() -> Spans:
    return Spans()


def process(conn: stomp_socket.Connection, destination: str) -> stomp_socket.Message:
    """Let a handler process one message."""
    seen: list[stomp_socket.Message] = []

    def handle(message: stomp_socket.Message) -> None:
        seen.append(message)
        jobs.stop()

    with conn.subscribe(destination, ack="client-individual") as jobs:
        jobs.run(handle)
    return seen[0]


def test_the_handlers_span_is_a_child_of_the_senders(spans: Spans) -> None:
    seen = []

    def handle(message: stomp_socket.Message) -> None:
        seen.append(get_current_span().get_span_context().span_id)
        if len(seen) == 2:
            jobs.stop()
            raise ValueError("broken job")

    with Broker() as broker:
        with stomp_socket.connect(broker.url, listener=OpenTelemetryListener(spans.provider)) as conn:
            for body in ("one", "two"):
                conn.send("/queue/jobs", body, headers={"colour": "red"}, receipt=True)
            with conn.subscribe("/queue/jobs", ack="client-individual") as jobs:
                jobs.run(handle)
    sent, processed = spans.of(SpanKind.PRODUCER), spans.of(SpanKind.CONSUMER)
    assert [span.name for span in sent] == ["send /queue/jobs"] * 2
    assert [span.name for span in processed] == ["process /queue/jobs"] * 2
    for producer, consumer, current in zip(sent, processed, seen, strict=True):
        assert consumer.parent is not None
        assert producer.context is not None
        assert consumer.context is not None
        assert consumer.parent.span_id == producer.context.span_id
        assert consumer.context.trace_id == producer.context.trace_id
        assert consumer.context.span_id == current
    assert [span.status.status_code for span in processed] == [StatusCode.UNSET, StatusCode.ERROR]
    assert [len(span.events) for span in processed] == [0, 1]
    (event,) = processed[1].events
    assert event.attributes is not None
    assert event.attributes["exception.type"] == "ValueError"
    assert event.attributes["exception.message"] == "broken job"


def test_the_attributes_of_both_spans(spans: Spans) -> None:
    """The names are those of OpenTelemetry's semantic conventions for messaging."""
    with Broker() as broker:
        with stomp_socket.connect(broker.url, listener=OpenTelemetryListener(spans.provider)) as conn:
            conn.send("/queue/jobs", "grün", receipt=True)
            message = process(conn, "/queue/jobs")
        common = {
            "messaging.system": "rabbitmq",
            "messaging.destination.name": "/queue/jobs",
            "server.address": broker.host,
            "server.port": broker.port,
        }
    assert spans.sent.attributes == common | {
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
    }
    assert spans.processed.attributes == common | {
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.message.id": message.message_id,
        "messaging.message.body.size": 5,
    }


def test_the_whole_context_of_the_sender_travels_with_the_message(spans: Spans) -> None:
    """Its trace, its state for other vendors, and its baggage."""
    upstream = SpanContext(
        trace_id=0xA, span_id=0xB, is_remote=False,
        trace_flags=TraceFlags(TraceFlags.SAMPLED), trace_state=TraceState([("vendor", "state")]),
    )  # fmt: skip
    seen: list[object] = []

    def handle(message: stomp_socket.Message) -> None:
        seen.append(baggage.get_baggage("tenant"))
        seen.append(get_current_span().get_span_context().trace_state.get("vendor"))
        jobs.stop()

    with Broker() as broker:
        with stomp_socket.connect(broker.url, listener=OpenTelemetryListener(spans.provider)) as conn:
            token = attach(
                baggage.set_baggage("tenant", "blue", set_span_in_context(NonRecordingSpan(upstream)))
            )
            try:
                conn.send("/queue/jobs", "x", receipt=True)
            finally:
                detach(token)
            with conn.subscribe("/queue/jobs", ack="client-individual") as jobs:
                jobs.run(handle)
    assert seen == ["blue", "state"]
    assert spans.sent.parent is not None
    assert spans.sent.parent.span_id == upstream.span_id
    assert spans.processed.context is not None
    assert spans.processed.context.trace_id == upstream.trace_id


def test_a_message_of_a_program_that_is_not_traced_begins_a_trace(spans: Spans) -> None:
    with Broker() as broker:
        broker.send("/queue/jobs", "x")
        with stomp_socket.connect(broker.url, listener=OpenTelemetryListener(spans.provider)) as conn:
            process(conn, "/queue/jobs")
    assert spans.processed.parent is None


def test_after_a_failover_spans_name_the_new_server(spans: Spans, tmp_path: Path) -> None:
    with Broker() as first, Broker(server="Artemis", unix_path=tmp_path / "stomp") as second:
        listener = OpenTelemetryListener(spans.provider)
        with stomp_socket.connect([first.url, second.unix_url], listener=listener) as conn:
            conn.send("/queue/jobs", "x", receipt=True)
            first.stop()
            until(lambda: second.connections and conn.connected is not None)
            conn.send("/queue/jobs", "x", receipt=True)
    before, after = (span.attributes for span in spans.of(SpanKind.PRODUCER))
    assert before is not None
    assert after is not None
    names = ("messaging.system", "server.address", "server.port")
    assert [before.get(name) for name in names] == ["rabbitmq", first.host, first.port]
    assert [after.get(name) for name in names] == ["stomp", str(tmp_path / "stomp"), None]


@pytest.mark.parametrize(
    ("server", "system"),
    [
        ("RabbitMQ/4.0", "rabbitmq"),
        ("ActiveMQ/6.1", "activemq"),
        ("apache-artemis/2.30", "stomp"),
        ("", "stomp"),
    ],
)
def test_the_system_is_what_the_server_calls_itself(spans: Spans, server: str, system: str) -> None:
    with Broker(server=server) as broker:
        with stomp_socket.connect(broker.url, listener=OpenTelemetryListener(spans.provider)) as conn:
            conn.send("/queue/jobs", "x", receipt=True)
    assert spans.sent.attributes is not None
    assert spans.sent.attributes["messaging.system"] == system


def test_without_a_provider_it_is_the_global_one(spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: spans.provider)
    with Broker() as broker, stomp_socket.connect(broker.url, listener=OpenTelemetryListener()) as conn:
        conn.send("/queue/jobs", "x", receipt=True)
    assert spans.sent.name == "send /queue/jobs"


def test_a_header_of_the_caller_wins() -> None:
    class Fixed(stomp_socket.Listener):
        def headers_for(self, destination: str) -> list[tuple[str, str]]:
            return [("traceparent", "added"), ("other", destination)]

    with Broker() as broker, stomp_socket.connect(broker.url, listener=Fixed()) as conn:
        conn.send("/queue/a", "x", headers={"traceparent": "mine"}, receipt=True)
        with conn.subscribe("/queue/a") as messages:
            headers = messages.receive(timeout=HANGS).headers
    assert headers.get_all("traceparent") == ["mine"]
    assert headers["other"] == "/queue/a"
