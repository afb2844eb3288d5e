"""OpenTelemetryListener: sending a message and handling it are one trace."""

from __future__ import annotations

import pytest

import stomp_socket
from stomp_observe import OpenTelemetryListener
from stomp_testing import Broker
from tests.waiting import HANGS

pytest.importorskip("opentelemetry.sdk", reason="pip install opentelemetry-sdk")

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span


def test_the_handlers_span_is_a_child_of_the_senders() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    seen = []

    def handle(message: stomp_socket.Message) -> None:
        seen.append(get_current_span().get_span_context().span_id)
        if len(seen) == 2:
            jobs.stop()
            raise ValueError("broken job")

    with Broker() as broker:
        with stomp_socket.connect(broker.url, listener=OpenTelemetryListener(provider)) as conn:
            for body in ("one", "two"):
                conn.send("/queue/jobs", body, headers={"colour": "red"}, receipt=True)
            with conn.subscribe("/queue/jobs", ack="client-individual") as jobs:
                jobs.run(handle)
    sent = [span for span in exporter.get_finished_spans() if span.kind is SpanKind.PRODUCER]
    processed = [span for span in exporter.get_finished_spans() if span.kind is SpanKind.CONSUMER]
    assert [span.name for span in sent] == ["send /queue/jobs"] * 2
    assert [span.name for span in processed] == ["process /queue/jobs"] * 2
    for producer, consumer, current in zip(sent, processed, seen, strict=True):
        assert consumer.parent is not None
        assert producer.context is not None
        assert consumer.context is not None
        assert consumer.parent.span_id == producer.context.span_id
        assert consumer.context.trace_id == producer.context.trace_id
        assert consumer.context.span_id == current
        assert consumer.attributes is not None
        assert consumer.attributes["messaging.system"] == "rabbitmq"
        assert consumer.attributes["messaging.destination.name"] == "/queue/jobs"
        assert consumer.attributes["messaging.message.body.size"] == 3
        assert consumer.attributes["server.port"] == broker.port
    assert [span.status.status_code for span in processed] == [StatusCode.UNSET, StatusCode.ERROR]


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
