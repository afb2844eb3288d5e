"""RabbitMQ's Web-STOMP, the real peer, in the three worlds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

import stomp_socket
from stomp_core.session import AuthenticationFailed, ConnectFailed, OutcomeUnknown, Reconnect
from stomp_testing import FaultProxy
from stomp_websocket import WebSocket
from tests.adapters.worlds import WORLDS, World, until
from tests.brokers import RabbitMQ

SOON = Reconnect(first_delay=0.05, max_delay=0.5)


def _has_reconnected(conn: Any, connections: int) -> bool:
    return bool(conn.session.connection_number > connections)


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


def test_idle_connections_live_by_heart_beats(rabbitmq: RabbitMQ) -> None:
    with ExitStack() as stack:
        idle = []
        for make in WORLDS.values():
            conn = stack.enter_context(make()).connect(
                rabbitmq.ws_url, heart_beat=(1, 1), reconnect=Reconnect.never()
            )
            assert conn.heart_beat == (1, 1)
            queue = rabbitmq.new_queue()
            idle.append((conn, queue, conn.subscribe(queue)))
        assert idle[0][2].nothing_for(3.5), "longer than silence is tolerated"
        for conn, queue, messages in idle:
            conn.send(queue, "still here", receipt=True)
            assert messages.receive().text == "still here"


@pytest.mark.parametrize("cut", ["reset", "close"])
def test_after_a_cut_it_reconnects_and_subscribes_again(world: World, rabbitmq: RabbitMQ, cut: str) -> None:
    with FaultProxy(rabbitmq.ws_url) as proxy:
        conn = world.connect(proxy.url, reconnect=SOON)
        queue = rabbitmq.new_queue()
        messages = conn.subscribe(queue, ack="client-individual")
        for number in range(3):
            conn.send(queue, f"{number}", receipt=True)
            message = messages.receive()
            assert message.text == f"{number}"
            message.ack(receipt=True)
            connections: int = conn.session.connection_number
            if cut == "reset":
                proxy.reset_all()
            else:
                proxy.cut_all()
            until(partial(_has_reconnected, conn, connections))
        conn.send(queue, "last", receipt=True)
        assert messages.receive().text == "last"


def test_confirmed_messages_survive_cuts(world: World, rabbitmq: RabbitMQ) -> None:
    """What was confirmed arrives; what was not confirmed is reported as unknown."""
    queue = rabbitmq.new_queue()
    confirmed = []
    with FaultProxy(rabbitmq.ws_url, mean_bytes=20_000, seed=7) as proxy:
        conn = world.connect(proxy.url, reconnect=Reconnect(first_rounds=20, first_delay=0.01, max_delay=0.1))
        for number in range(300):
            try:
                conn.send(queue, f"{number}", receipt=True, timeout=20.0)
            except OutcomeUnknown:
                continue
            confirmed.append(f"{number}")
        assert proxy.accepted > 2
    assert len(confirmed) > 250
    direct = world.connect(rabbitmq.ws_url)
    messages = direct.subscribe(queue)
    found: list[str] = []
    while not set(confirmed) <= set(found):
        found.append(messages.receive().text)
    assert [text for text in found if text in set(confirmed)] == confirmed, "once each, in order"


def test_close_over_a_websocket_of_rabbitmq_confirms_nothing(world: World, rabbitmq: RabbitMQ) -> None:
    """It closes the WebSocket upon DISCONNECT, with code 1000 and without a RECEIPT. What was sent before is safe."""
    queue = rabbitmq.new_queue()
    conn = world.connect(rabbitmq.ws_url)
    conn.send(queue, "unconfirmed")
    assert conn.close() is False
    assert world.connect(rabbitmq.ws_url).subscribe(queue).receive().text == "unconfirmed"


def test_a_wrong_password_is_an_authentication_error(world: World, rabbitmq: RabbitMQ) -> None:
    with pytest.raises(AuthenticationFailed, match="Access refused") as caught:
        world.connect(rabbitmq.ws_url.replace(rabbitmq.passcode, "wrong-pass"))
    assert "wrong-pass" not in str(caught.value)


def test_a_wrong_path_a_plain_port_and_an_untrusted_certificate(world: World, rabbitmq: RabbitMQ) -> None:
    with pytest.raises(
        ConnectFailed, match=r"HTTP 404 Not Found .*check the path of the URL \(RabbitMQ: /ws"
    ):
        world.connect(f"ws://{rabbitmq.host}:{rabbitmq.ws_port}/stomp")
    with pytest.raises(ConnectFailed, match="no answer to the WebSocket request came within 1 s"):
        world.connect(f"ws://{rabbitmq.host}:{rabbitmq.tcp_port}/ws", handshake_timeout=1)
    with pytest.raises(ConnectFailed, match=r"HTTP, not STOMP: .*ws://localhost:15674/ws"):
        world.connect(f"stomp://{rabbitmq.host}:{rabbitmq.ws_port}")
    with pytest.raises(ConnectFailed, match="certificate is not trusted"):
        world.connect(rabbitmq.wss_url)
    with pytest.raises(ConnectFailed, match="nothing there speaks TLS"):
        world.connect(f"wss://{rabbitmq.host}:{rabbitmq.ws_port}/ws")


@pytest.mark.parametrize("subprotocols", [(), ("v10.stomp",), ("mqtt",)])
def test_any_subprotocol_is_accepted(rabbitmq: RabbitMQ, subprotocols: tuple[str, ...]) -> None:
    with stomp_socket.connect(rabbitmq.ws_url, websocket=WebSocket(subprotocols=subprotocols)) as conn:
        assert conn.version == "1.2", "the subprotocol does not bind the version"


@pytest.mark.parametrize("text", [True, False])
def test_messages_split_and_of_one_kind_are_understood(rabbitmq: RabbitMQ, text: bool) -> None:
    queue = rabbitmq.new_queue()
    with stomp_socket.connect(rabbitmq.ws_url, websocket=WebSocket(text=text, message_size=1024)) as conn:
        messages = conn.subscribe(queue)
        conn.send(queue, "ü" * 5000, receipt=True)
        assert messages.receive(timeout=10.0).text == "ü" * 5000
