"""Over WebSocket, with RabbitMQ's Web-STOMP as the real peer."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from functools import partial
from typing import Any, Self

import pytest
from websockets.frames import Frame, Opcode

import stomp_socket
from stomp_core import Connect, Connected, Disconnect, Event, HeartBeat, Receipt, ServerConnection
from stomp_core.session import AuthenticationFailed, ConnectFailed, Listener, OutcomeUnknown, Reconnect
from stomp_testing import FaultProxy
from stomp_websocket import WebSocket, WebSocketServer
from tests.brokers import RabbitMQ
from tests.heart_beats import PATIENCE

from .worlds import HANGS, WORLDS, World, until

SOON = Reconnect(first_delay=0.05, max_delay=0.5)


def _has_reconnected(conn: Any, connections: int) -> bool:
    return bool(conn.session.connection_number > connections)


@pytest.mark.parametrize(("scheme", "compression"), [("ws", False), ("wss", False), ("ws", True)])
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


class Beats(Listener):
    """Counts the heart-beats of a connection."""

    def __init__(self) -> None:
        self.sent = self.received = 0

    def heart_beat_sent(self) -> None:
        self.sent += 1

    def heart_beat_received(self, heart_beat: HeartBeat) -> None:
        self.received += 1

    def have_passed(self) -> bool:
        """Return whether RabbitMQ has done without a frame for longer than it tolerates silence, twice an interval."""
        return self.sent >= 3 and self.received >= 3


def test_idle_connections_live_by_heart_beats(rabbitmq: RabbitMQ) -> None:
    with ExitStack() as stack:
        idle = []
        for make in WORLDS.values():
            beats = Beats()
            # RabbitMQ would notice if this process was held up for more than 2.4 s; we tolerate any silence.
            conn = stack.enter_context(make()).connect(
                rabbitmq.ws_url,
                heart_beat=(2, 1),
                heart_beat_tolerance=PATIENCE,
                reconnect=Reconnect.never(),
                listener=beats,
            )
            assert conn.heart_beat == (2, 1)
            queue = rabbitmq.new_queue()
            idle.append((conn, queue, conn.subscribe(queue), beats))
        for conn, queue, messages, beats in idle:
            until(beats.have_passed)
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
                conn.send(queue, f"{number}", receipt=True, timeout=HANGS)
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


def test_thousands_of_unconfirmed_messages_do_not_cost_the_connection(
    world: World, rabbitmq: RabbitMQ
) -> None:
    """RabbitMQ's flow control stops and goes on meanwhile, which it survives only if no heart-beats were promised."""
    queue = rabbitmq.new_queue()
    conn = world.connect(rabbitmq.ws_url, heart_beat=(10, 10), reconnect=Reconnect.never())
    for _ in range(3):

        def flood() -> None:
            for number in range(1500):
                conn.inner.send(queue, f"{number}")

        async def flood_async() -> None:
            for number in range(1500):
                await conn.inner.send(queue, f"{number}")

        world.call(flood if world.module is stomp_socket else flood_async)
        conn.send(queue, "last", receipt=True)


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
    with pytest.raises(ConnectFailed, match=r"no answer to the WebSocket request came within 0.3 s"):
        world.connect(f"ws://{rabbitmq.host}:{rabbitmq.tcp_port}/ws", handshake_timeout=0.3)
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
        assert messages.receive(timeout=HANGS).text == "ü" * 5000


# -------------------------------------------------------------------------------- a server that closes as it should


class ClosingServer:
    """Accepts one WebSocket after the other, answers CONNECT and DISCONNECT, and answers a Close frame if asked to.

    Args:
        answers_close: whether it answers a Close frame.
        check: of the HTTP request.
        behind: bytes that are sent in place of the Ping.

    Attributes:
        ends: how each WebSocket ended, as its server saw it.
        pongs: the first byte of what came after a Ping, which is sent with CONNECTED.
    """

    def __init__(self, *, answers_close: bool = True, check: Any = None, behind: bytes = b"") -> None:
        self._answers_close = answers_close
        self._behind = behind
        self._check = check
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://joe:s3cret@127.0.0.1:{self._listener.getsockname()[1]}/ws"
        self.ends: list[str | None] = []
        self.pongs: list[int] = []
        self._thread = threading.Thread(target=self._serve, name="closing server")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(HANGS)

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with sock:
                self._talk(sock)

    def _talk(self, sock: socket.socket) -> None:
        web = WebSocketServer(check=self._check)
        stomp = ServerConnection(heart_beats=False)
        pinged = False
        while True:
            data = sock.recv(65536)
            if not data:
                web.receive_eof()
                break
            if pinged:
                self.pongs.append(data[0])
                pinged = False
            stomp.receive_data(web.receive_data(data) or b"\n")
            if web.over is None or self._answers_close:
                sock.sendall(web.control())
            if web.over is not None and self._answers_close:
                break
            while isinstance(event := stomp.next_event(), Event):
                answer: Event | None = None
                if isinstance(event, Connect):
                    answer = Connected(version="1.2")
                elif isinstance(event, Disconnect) and event.receipt is not None:
                    answer = Receipt(event.receipt)
                if answer is not None:
                    sock.sendall(web.encode(stomp.send(answer)))
                if isinstance(event, Connect):
                    pinged = not self._behind
                    sock.sendall(self._behind or Frame(Opcode.PING, b"still there?").serialize(mask=False))
        self.ends.append(web.over)


def test_after_the_receipt_of_disconnect_both_sides_close(world: World) -> None:
    with ClosingServer() as server:
        conn = world.connect(server.url, heart_beat=(0, 0))
        assert conn.close() is True
        until(lambda: server.ends)
    assert server.ends == ["the peer closed the WebSocket with code 1000 (ok)"]


def test_a_ping_is_answered_while_the_program_does_nothing(world: World) -> None:
    with ClosingServer() as server:
        conn = world.connect(server.url, heart_beat=(0, 0))
        until(lambda: server.pongs)
        assert server.pongs == [0x8A]
        assert conn.close() is True


def test_a_peer_that_does_not_answer_the_close_is_left_soon(world: World) -> None:
    with ClosingServer(answers_close=False) as server:
        conn = world.connect(server.url, heart_beat=(0, 0), close_timeout=HANGS)
        assert conn.close() is True
        until(lambda: server.ends)
    assert server.ends == ["the peer closed the WebSocket with code 1000 (ok)"]


@pytest.mark.parametrize(
    ("behind", "end"),
    [
        (b"\xff\x00", '1002 (protocol error), because "invalid opcode"'),
        (Frame(Opcode.TEXT, b"WRONG\n\n\0").serialize(mask=False), "1002 (protocol error)"),
        (b"\x88\x02\x03\xe9", "1001 (going away)"),
    ],
    ids=["no WebSocket", "no STOMP", "a Close frame"],
)
@pytest.mark.parametrize(
    "reconnect", [Reconnect.never(), Reconnect(first_delay=0.01)], ids=["ends", "goes on"]
)
def test_a_connection_that_we_end_gets_a_close_frame(
    world: World, behind: bytes, end: str, reconnect: Reconnect
) -> None:
    """RFC 6455, sections 7.1.7 and 5.5.1: a Close frame tells why, and one of the peer is answered."""
    with ClosingServer(behind=behind) as server:
        world.connect(server.url, heart_beat=(0, 0), reconnect=reconnect)
        until(lambda: server.ends)
    assert server.ends[0] == f"the peer closed the WebSocket with code {end}"


def test_a_refused_handshake_is_one_error(world: World) -> None:
    with ClosingServer(check=lambda request: (401, "who are you?\n")) as server:
        with pytest.raises(
            AuthenticationFailed, match=r'HTTP 401 Unauthorized \("who are you\?"\)'
        ) as caught:
            world.connect(server.url, websocket=WebSocket(headers={"Authorization": "Bearer t0ken"}))
        assert "s3cret" not in str(caught.value)
        assert len(caught.value.failures) == 1
