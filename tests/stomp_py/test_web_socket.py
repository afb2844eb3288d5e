"""WSConnection: stomp.py's API over WebSocket, against RabbitMQ's Web-STOMP."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

import stomp_py as stomp
from stomp_py.adapter.ws import WSStompConnection, WSTransport
from stomp_testing import Broker
from stomp_websocket import WebSocketRequest
from tests.brokers import RabbitMQ
from tests.heart_beats import PATIENCE
from tests.stomp_py.recording_listener import RecordingListener
from tests.waiting import HANGS

rabbitmq = pytest.mark.rabbitmq


def new_queue() -> str:
    return f"/queue/test-{uuid.uuid4().hex}"


class Made:
    """Makes connections to the broker, and closes them at the end."""

    def __init__(self, broker: RabbitMQ) -> None:
        self.broker = broker
        self._made: list[Any] = []

    def __call__(self, *, port: int | None = None, **options: Any) -> tuple[Any, RecordingListener]:
        options = {"ws_path": "/ws", "vhost": "/", "timeout": HANGS, **options}
        conn = stomp.WSConnection([(self.broker.host, port or self.broker.ws_port)], **options)
        listener = RecordingListener()
        conn.set_listener("test", listener)
        self._made.append(conn)
        return conn, listener

    def connected(self, **options: Any) -> tuple[Any, RecordingListener]:
        conn, listener = self(**options)
        conn.connect(self.broker.login, self.broker.passcode, wait=True)
        return conn, listener

    def close(self) -> None:
        for conn in self._made:
            conn.transport.disconnect_socket()


@pytest.fixture
def made(request: pytest.FixtureRequest) -> Iterator[Made]:
    made = Made(request.getfixturevalue("rabbitmq"))
    yield made
    made.close()


def test_the_names_are_those_of_stomp_py() -> None:
    assert stomp.WSConnection is stomp.WSStompConnection is WSStompConnection
    conn = stomp.WSConnection([("broker", 1)], ws_path="/ws", header={"Cookie": "a=b"}, ws=None)
    assert isinstance(conn.transport, WSTransport)
    assert (conn.version, conn.transport.ws_path, conn.transport.header) == ("1.2", "/ws", {"Cookie": "a=b"})


@pytest.mark.parametrize(
    ("header", "error"),
    [("Cookie: a=b", TypeError), (["Cookie"], ValueError), ({"Co okie": "x"}, ValueError), (5, TypeError)],
)
def test_a_header_that_cannot_be_sent_is_refused(header: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="header"):
        stomp.WSConnection([("broker", 1)], header=header)


@pytest.mark.parametrize("header", [{"X-Test": "1", "X-None": None}, ["X-Test: 1"]], ids=["a dict", "lines"])
def test_path_query_and_headers_are_those_of_the_request(header: Any) -> None:
    requests: list[WebSocketRequest] = []
    with Broker(websocket=True, websocket_path="/there", websocket_check=requests.append) as broker:
        conn = stomp.WSConnection(
            [(broker.host, broker.ws_port)], ws_path="/there?token=1", header=header, vhost="/"
        )
        conn.connect("guest", "guest", wait=True)
        conn.disconnect()
    (request,) = requests
    assert request.path == "/there?token=1"
    assert request.headers["X-Test"] == "1"
    assert "X-None" not in request.headers


def test_binary_mode_sends_binary_messages_only() -> None:
    """ActiveMQ reads none of them."""
    with Broker(websocket=True, flavour="activemq") as broker:
        hosts = [(broker.host, broker.ws_port)]
        conn = stomp.WSConnection(hosts, ws_path="/ws")
        conn.connect("guest", "guest", wait=True)
        conn.disconnect()
        conn = stomp.WSConnection(hosts, ws_path="/ws", binary_mode=True, timeout=0.2)
        with pytest.raises(stomp.exception.ConnectFailedException):
            conn.connect("guest", "guest", wait=True)


@rabbitmq
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"binary_mode": True},
        {"header": {"X-Test": "1"}},
        {"header": ["X-Test: 1"]},
        {"heartbeats": (1000, 1000), "heart_beat_receive_scale": PATIENCE},
        {"ws_path": "ws"},
    ],
    ids=lambda options: next(iter(options), "plain"),
)
def test_messages_go_and_come(made: Made, options: dict[str, Any]) -> None:
    conn, listener = made.connected(**options)
    queue = new_queue()
    conn.subscribe(queue, id=1, ack="client-individual")
    bodies = ["plain", "\N{SNOWMAN}", "x" * 100_000, bytes(range(256))]
    for body in bodies:
        conn.send(queue, body)
    for count, body in enumerate(bodies, 1):
        frame = listener.wait_for("on_message", count)
        assert frame.body == body
        conn.ack(frame.headers["ack"])
    assert conn.is_connected()
    conn.disconnect()
    listener.wait_for("on_disconnected")
    assert not conn.is_connected()


@rabbitmq
def test_tls_is_for_the_hosts_of_set_ssl(made: Made) -> None:
    conn, listener = made(port=made.broker.wss_port)
    conn.set_ssl([(made.broker.host, made.broker.wss_port)], ca_certs=str(made.broker.ca_file))
    conn.connect(made.broker.login, made.broker.passcode, wait=True)
    queue = new_queue()
    conn.subscribe(queue, id=1)
    conn.send(queue, "hello")
    assert listener.wait_for("on_message").body == "hello"


@rabbitmq
def test_a_connection_can_be_made_again(made: Made) -> None:
    conn, listener = made.connected()
    conn.disconnect()
    listener.wait_for("on_disconnected")
    conn.connect(made.broker.login, made.broker.passcode, wait=True)
    queue = new_queue()
    conn.subscribe(queue, id=1)
    conn.send(queue, "again")
    assert listener.wait_for("on_message").body == "again"


@rabbitmq
def test_connect_raises_what_the_server_answers(made: Made) -> None:
    conn, _ = made(ws_path="/nothing", reconnect_attempts_max=1)
    with pytest.raises(stomp.exception.ConnectFailedException, match="404"):
        conn.connect(made.broker.login, made.broker.passcode)
    assert not conn.is_connected()


@rabbitmq
def test_a_wrong_passcode_is_refused_as_over_tcp(made: Made) -> None:
    conn, listener = made(reconnect_attempts_max=1)
    with pytest.raises(stomp.exception.ConnectFailedException):
        conn.connect(made.broker.login, "wrong", wait=True)
    listener.wait_for("on_error")


def test_a_port_that_does_not_answer_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        conn = stomp.WSConnection([("127.0.0.1", port)], timeout=0.2, reconnect_attempts_max=1)
        with pytest.raises(stomp.exception.ConnectFailedException, match="WebSocket"):
            conn.connect("a", "b", wait=True)


def test_a_port_of_stomp_is_named(here: Any) -> None:
    conn = stomp.WSConnection(here.address, reconnect_attempts_max=1, timeout=5)
    with pytest.raises(stomp.exception.ConnectFailedException):
        conn.connect("a", "b", wait=True)
