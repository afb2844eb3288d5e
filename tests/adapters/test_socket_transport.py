"""stomp_socket.SocketTransport on the loop of an example: what all loops of examples/embedding rely on."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stomp_core import Limits, StompError
from stomp_core.adapter import BlockingConnection, TransportOptions
from stomp_core.session import (
    AuthenticationFailed,
    Config,
    ConnectFailed,
    Endpoint,
    Reconnect,
)
from stomp_testing import CLOSE, Broker, Expect, FaultProxy, ScriptedServer
from tests.examples.embedding.selectors_engine import Engine, Loop
from tests.waiting import HANGS


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    assert not loop.selector.get_map(), "a descriptor is still watched"
    loop.selector.close()


def connect(loop: Loop, url: str, **options: Any) -> BlockingConnection:
    options = {"reconnect": Reconnect.never()} | options
    transport = TransportOptions.take_from(url, options)
    return Engine(loop, Config(transport.endpoints, **options), transport).open()


def echo(connection: BlockingConnection, body: bytes = b"hello") -> None:
    """Send a message and receive it."""
    subscription = connection.subscribe("/queue/a")
    connection.send("/queue/a", body, receipt=True)
    assert subscription.receive(timeout=HANGS).body == body
    subscription.unsubscribe()


@pytest.mark.parametrize("size", [0, 5_000_000])
@pytest.mark.parametrize("kind", ["url", "tls_url", "unix_url", "ws_url", "wss_url"])
def test_every_kind_of_endpoint(loop: Loop, kind: str, size: int, tmp_path: Path) -> None:
    tls = kind in ("tls_url", "wss_url")
    unix = tmp_path / "socket" if kind == "unix_url" else None
    with Broker(tls=tls, websocket=kind in ("ws_url", "wss_url"), unix_path=unix) as broker:
        trust = {"ca_file": str(broker.ca_file)} if tls else {}
        with connect(loop, getattr(broker, kind), **trust) as connection:
            echo(connection, b"x" * size)


def test_functions_for_the_passcode_are_asked_at_each_attempt_beside_the_loop(loop: Loop) -> None:
    threads: list[threading.Thread] = []

    def passcode() -> str:
        threads.append(threading.current_thread())
        return "guest" if len(threads) > 1 else "old"

    with Broker(users={"guest": "guest"}) as broker:
        url = f"stomp://127.0.0.1:{broker.port}"
        with connect(loop, url, login="guest", passcode=passcode) as connection:
            echo(connection)
        assert len(threads) == 2
        assert threading.main_thread() not in threads
        with pytest.raises(AuthenticationFailed):
            connect(loop, url, login="guest", passcode="wrong")


@pytest.mark.parametrize("error", [LookupError("the vault is closed"), SystemExit("the vault is closed")])
def test_what_a_function_for_the_passcode_raises_is_the_reason(loop: Loop, error: BaseException) -> None:
    def passcode() -> str:
        raise error

    with pytest.raises(ConnectFailed, match="the vault is closed"):
        connect(loop, "stomp://127.0.0.1:1", login="guest", passcode=passcode)


def test_a_dialler_of_the_program(loop: Loop) -> None:
    with Broker() as broker:

        def dial(endpoint: Endpoint, timeout: float) -> socket.socket:
            assert endpoint.scheme == "line"
            return socket.create_connection(("127.0.0.1", broker.port), timeout)

        with connect(loop, "line://guest:guest@somewhere:1", dial=dial) as connection:
            echo(connection)


def test_closing_while_a_dialler_takes_its_time_closes_what_it_returns(loop: Loop) -> None:
    dialling, go_on = threading.Event(), threading.Event()
    pairs: list[tuple[socket.socket, socket.socket]] = []

    def dial(endpoint: Endpoint, timeout: float) -> socket.socket:
        dialling.set()
        go_on.wait(HANGS)
        pairs.append(socket.socketpair())
        return pairs[0][0]

    with pytest.raises(ConnectFailed, match=r"0\.1 s"):
        connect(loop, "line://somewhere:1", dial=dial, connect_timeout=0.1)
    assert dialling.wait(HANGS)
    go_on.set()
    while not pairs:
        go_on.wait(0.01)
    with pairs[0][1] as other:
        other.settimeout(HANGS)
        assert other.recv(1) == b""  # it was closed


@pytest.mark.parametrize("error", [SystemExit("enough"), ValueError("no such gateway")])
def test_whatever_a_dialler_raises_is_the_reason(loop: Loop, error: BaseException) -> None:
    """SystemExit would end nothing but the thread that dials."""

    def dial(endpoint: Endpoint, timeout: float) -> Any:
        raise error

    with pytest.raises(ConnectFailed, match=rf"dial\(\) raised {type(error).__name__}: {error}"):
        connect(loop, "custom://somewhere", dial=dial, connect_timeout=10 * HANGS)


def test_a_dialler_that_takes_too_long_is_named(loop: Loop) -> None:
    go_on = threading.Event()

    def dial(endpoint: Endpoint, timeout: float) -> Any:
        go_on.wait(HANGS)
        raise OSError("nobody waits for it")

    try:
        with pytest.raises(ConnectFailed, match=r"dial\(\) did not return within 0\.1 s"):
            connect(loop, "custom://somewhere", dial=dial, connect_timeout=0.1)
    finally:
        go_on.set()


def test_a_broker_that_does_not_answer_was_reached_through_a_dialler(loop: Loop) -> None:
    with ScriptedServer([Expect(b"\0"), CLOSE]) as server:

        def dial(endpoint: Endpoint, timeout: float) -> Any:
            return socket.create_connection(("127.0.0.1", server.port), HANGS)

        with pytest.raises(ConnectFailed, match=r"since it goes through dial\(\)"):
            connect(loop, "custom://somewhere", dial=dial)


def test_a_server_that_never_answers_the_tls_handshake(loop: Loop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"stomp+ssl://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ConnectFailed, match=r"0\.2 s"):
            connect(loop, url, connect_timeout=0.2)


def test_what_the_broker_has_sent_last_is_read_though_writing_has_failed(loop: Loop) -> None:
    """The broker refuses a message and closes, while more messages are on their way to it."""
    with Broker(limits=Limits(max_body=1000)) as broker, connect(loop, broker.url) as connection:
        with pytest.raises(StompError, match="the limit is 1000"):
            send_until_it_fails(connection)


class Closing:
    """A stream whose peer has sent an ERROR and closed by the time that we send something."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.theirs.send(b"!")  # there is something to read
        self.received = [b"CONNECTED\nversion:1.2\n\n\0"]

    def fileno(self) -> int:
        return self.ours.fileno()

    def recv(self, size: int) -> bytes:
        if not self.received:
            raise BlockingIOError
        if b"CONNECTED" in self.received[0]:
            self.ours.recv(1)
        return self.received.pop(0)

    def send(self, data: bytes | memoryview) -> int:
        if b"SEND" in bytes(data):
            self.received += [b"ERROR\nmessage:out of order\n\n\0", b""]
            raise BrokenPipeError(errno.EPIPE, "broken pipe")
        return len(data)

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


def test_the_last_frames_are_read_when_a_stream_is_broken(loop: Loop) -> None:
    def dial(endpoint: Endpoint, timeout: float) -> Closing:
        return Closing()

    with connect(loop, "line://somewhere:1", dial=dial) as connection:
        with pytest.raises(StompError, match="out of order"):
            connection.send("/queue/a", "x", receipt=True)


def send_until_it_fails(connection: BlockingConnection) -> None:
    for _ in range(200):
        connection.send("/queue/a", b"x" * 100_000)
    connection.send("/queue/a", b"", receipt=True)


def test_a_reset_is_noticed_and_the_next_connection_serves(loop: Loop) -> None:
    with Broker() as broker, FaultProxy(broker.url) as proxy:
        with connect(loop, proxy.url, reconnect=Reconnect(first_delay=0.01)) as connection:
            echo(connection)
            proxy.reset_all()
            echo(connection)
            assert connection.session.connection_number == 2
