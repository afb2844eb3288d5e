"""RabbitMQ's Web-STOMP, the real peer, in the three worlds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stomp_core.session import Reconnect
from stomp_websocket import WebSocket
from tests.adapters.worlds import WORLDS, World
from tests.brokers import RabbitMQ

SOON = Reconnect(first_delay=0.05, max_delay=0.5)


@pytest.fixture(params=list(WORLDS))
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with WORLDS[request.param]() as world:
        yield world


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize("compression", [False, True])
def test_texts_bytes_and_large_messages_come_back(
    world: World, rabbitmq: RabbitMQ, scheme: str, compression: bool
) -> None:
    options: dict[str, Any] = {"websocket": WebSocket(compression=compression), "heart_beat": (5, 5)}
    if scheme == "wss":
        options["ca_file"] = rabbitmq.ca_file
    conn = world.connect(rabbitmq.wss_url if scheme == "wss" else rabbitmq.ws_url, **options)
    assert conn.version == "1.2"
    queue = rabbitmq.new_queue()
    messages = conn.subscribe(queue, ack="client-individual", prefetch=100)
    for number in range(300):
        conn.send(queue, f"grün {number}")
    for number in range(300):
        message = messages.receive()
        assert message.text == f"grün {number}"
        message.ack()
    # RabbitMQ sends bytes that are not UTF-8 as text, which is a violation that costs nothing to tolerate.
    for body in (bytes(range(256)), b"\0\r\n\0", b"", b"x" * 500_000, bytes(range(256)) * 2000):
        conn.send(queue, body, content_type="application/octet-stream", receipt=True)
        message = messages.receive()
        assert message.body == body
        message.ack(receipt=True)
