"""dial= of stomp_socket: what a dialler may return and raise, who waits for it, signals, forks, and the end."""

from __future__ import annotations

import itertools
import math
import os
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import stomp_socket
from stomp_core import Endpoint, StompError
from stomp_core.adapter import TransportOptions
from stomp_core.session import Config, ConnectFailed, Reconnect
from stomp_socket import SessionClosed, Stream
from stomp_testing import CLOSE, Broker, Pause, ScriptedServer
from tests.certificates import Certificates
from tests.heart_beats import BeatingBroker

from .test_cancellation import never_connecting, sockets
from .test_socket_signals import Struck, alarm, needs_monitoring, needs_timer, strike
from .worlds import HANGS, in_a_thread, until

SOON = Reconnect(first_delay=0.01, max_delay=0.05)
URL = "custom://guest:guest@somewhere/x?y=z"


class Wrapped:
    """A stream in Python, which is no socket for the engine, and does as a test wants."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock

    def fileno(self) -> int:
        return self.sock.fileno()

    def recv(self, size: int) -> Any:
        return self.sock.recv(size)

    def send(self, data: bytes | memoryview) -> Any:
        return self.sock.send(data)

    def close(self) -> None:
        self.sock.close()


def tcp(broker: Broker, *, secure: bool = False) -> socket.socket:
    return socket.create_connection((broker.host, broker.tls_port if secure else broker.port))


def dial_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "stomp_socket dial"]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    until(lambda: not dial_threads())


def works(dial: Callable[..., Any], broker: BeatingBroker, url: str = URL, **options: Any) -> None:
    """Send and receive, be silent for several heart-beats, lose the connection, send again, close."""
    options |= broker.beats.client_options()
    with stomp_socket.connect(url, dial=dial, reconnect=SOON, **options) as conn:
        body = os.urandom(300_000)
        conn.send("/queue/a", body, receipt=True)
        with conn.subscribe("/queue/a") as messages:
            assert messages.receive(timeout=HANGS).body == body
            broker.beats.wait()
        assert conn.session.connection_number == 1
        broker.drop_connections()
        while b"again" not in broker.messages("/queue/b"):
            with suppress(StompError):
                conn.send("/queue/b", "again", receipt=True, timeout=HANGS)
        assert conn.session.connection_number > 1
        assert conn.close() is True
    assert b"again" in broker.messages("/queue/b")


# ---------------------------------------------------------------------- what it returns


@pytest.mark.parametrize("kind", ["socket", "stream"])
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_a_stream_carries_a_connection(kind: str, secure: bool, tls_certs: Certificates) -> None:
    endpoints: list[Endpoint] = []

    def dial(endpoint: Endpoint, timeout: float) -> Stream:
        assert 0 < timeout <= 10
        endpoints.append(endpoint)
        sock = tcp(broker, secure=secure)
        return sock if kind == "socket" else Wrapped(sock)

    url = "stomp+ssl://guest:guest@localhost" if secure else URL
    options: dict[str, Any] = {"ca_file": str(tls_certs.ca)} if secure else {}
    with BeatingBroker(tls=tls_certs.server.server_context()) as broker:
        works(dial, broker, url, **options)
    assert {str(endpoint) for endpoint in endpoints} == {
        "stomp+ssl://localhost:61614" if secure else "custom://somewhere/x?..."
    }
    assert len(endpoints) > 1
    assert secure or endpoints[0].path == "/x?y=z"


@pytest.mark.parametrize("kind", ["socket", "stream"])
def test_tls_is_verified_inside_of_what_is_dialled(kind: str, tls_certs: Certificates) -> None:
    def dial(endpoint: Endpoint, timeout: float) -> Stream:
        sock = tcp(broker, secure=endpoint.host != "plain")
        return sock if kind == "socket" else Wrapped(sock)

    def refusal(url: str, **options: Any) -> str:
        with pytest.raises(ConnectFailed) as caught:
            stomp_socket.connect(url, dial=dial, **options)
        return str(caught.value)

    trust: dict[str, Any] = {"ca_file": str(tls_certs.ca)}
    with Broker(tls=tls_certs.server.server_context()) as broker:
        stomp_socket.connect(
            "stomp+ssl://guest:guest@x", dial=dial, server_hostname="localhost", **trust
        ).close()
        assert "not trusted" in refusal("stomp+ssl://localhost")
        assert "not valid for 'other'" in refusal("stomp+ssl://other", **trust)
        assert "TLS" in refusal("stomp+ssl://plain", **trust)


def test_a_peer_that_ends_in_the_middle_of_tls_is_noticed(tls_certs: Certificates) -> None:
    """Of a stream as of a socket; and bytes that come one by one are enough."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for after in (0, 5):
            peer, _ = listener.accept()
            with peer:
                peer.recv(after) if after else None
        peer, _ = listener.accept()
        with peer, tls_certs.server.server_context().wrap_socket(peer, server_side=True) as tls:
            tls.recv(4096)
            for number in b"CONNECTED\nversion:1.2\n\n\0":
                tls.send(bytes([number]))
            tls.recv(4096)

    thread, outcome = in_a_thread(serve)

    def dial(endpoint: Endpoint, timeout: float) -> Stream:
        return Wrapped(socket.create_connection(listener.getsockname()))

    options: dict[str, Any] = {"dial": dial, "ca_file": str(tls_certs.ca), "heart_beat": (0, 0)}
    with listener:
        for _ in range(2):
            with pytest.raises(ConnectFailed, match="check"):
                stomp_socket.connect("stomp+ssl://localhost", **options)
        conn = stomp_socket.connect("stomp+ssl://localhost", reconnect=Reconnect.never(), **options)
        with suppress(StompError):
            conn.send("/queue/a", "x", receipt=True, timeout=HANGS)
        thread.join(HANGS)
        conn.close()
    assert outcome == [None]


class Trickle(Wrapped):
    """A stream that takes few bytes at a time, and none at every second call."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._calls = itertools.count()

    def send(self, data: bytes | memoryview) -> Any:
        if next(self._calls) % 2:
            raise BlockingIOError
        return super().send(data[:5000])


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_a_stream_may_take_little_at_a_time(secure: bool, tls_certs: Certificates) -> None:
    with BeatingBroker(tls=tls_certs.server.server_context()) as broker:
        works(
            lambda endpoint, timeout: Trickle(tcp(broker, secure=secure)),
            broker,
            "stomp+ssl://guest:guest@localhost" if secure else URL,
            **({"ca_file": str(tls_certs.ca)} if secure else {}),
        )


@pytest.mark.parametrize("kind", ["socket", "stream"])
def test_a_refused_certificate_is_reported_to_the_server(kind: str, tls_certs: Certificates) -> None:
    def serve() -> str:
        peer, _ = listener.accept()
        with peer:
            try:
                with tls_certs.server.server_context().wrap_socket(peer, server_side=True) as tls:
                    tls.recv(4096)
            except ssl.SSLError as error:
                return str(error.reason)
            return "nothing"

    def dial(endpoint: Endpoint, timeout: float) -> Stream:
        sock = socket.create_connection(listener.getsockname())
        return sock if kind == "socket" else Wrapped(sock)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread, outcome = in_a_thread(serve)
        with pytest.raises(ConnectFailed, match="not trusted"):
            stomp_socket.connect("stomp+ssl://localhost", dial=dial)
        thread.join(HANGS)
    assert "ALERT" in outcome[0]


@pytest.mark.parametrize("kind", ["socket", "stream"])
def test_what_came_before_the_end_of_tls_is_read(kind: str, tls_certs: Certificates) -> None:
    """One chunk has an ERROR and then something that is no TLS, or the end of the stream without a word of TLS."""

    def serve() -> None:
        for end in (b"\x17\x03\x03\x00\x05hello", b""):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = tls_certs.server.server_context().wrap_bio(incoming, outgoing, server_side=True)
            peer, _ = listener.accept()
            with peer:
                for step in (tls.do_handshake, partial(tls.read, 4096)):
                    while True:
                        try:
                            step()
                            break
                        except ssl.SSLWantReadError:
                            peer.sendall(outgoing.read())
                            incoming.write(peer.recv(65536))
                tls.write(b"CONNECTED\nversion:1.2\n\n\0")
                tls.write(b"ERROR\nmessage:enough\n\n\0")
                peer.sendall(outgoing.read() + end)

    def dial(endpoint: Endpoint, timeout: float) -> Stream:
        sock = socket.create_connection(listener.getsockname())
        return sock if kind == "socket" else Wrapped(sock)

    errors: list[str] = []

    class Observer(stomp_socket.Listener):
        def error_received(self, error: Any) -> None:
            errors.append(error.description)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread, outcome = in_a_thread(serve)
        for number in (1, 2):
            conn = stomp_socket.connect(
                "stomp+ssl://localhost",
                dial=dial,
                ca_file=str(tls_certs.ca),
                reconnect=Reconnect.never(),
                listener=Observer(),
            )
            until(partial(getattr, conn, "closed"))
            conn.close()
            assert errors == ["enough"] * number
        thread.join(HANGS)
    assert outcome == [None]


def test_what_tls_cannot_begin_with_is_closed(tls_certs: Certificates) -> None:
    """No certificate can have such a name."""
    socks: list[socket.socket] = []

    def dial(endpoint: Endpoint, timeout: float) -> Stream:
        ours, theirs = socket.socketpair()
        theirs.close()
        socks.append(ours)
        return ours if len(socks) == 1 else Wrapped(ours)

    for _ in range(2):
        with pytest.raises(ConnectFailed):
            stomp_socket.connect(
                "stomp+ssl://localhost", dial=dial, ca_file=str(tls_certs.ca), server_hostname=".x"
            )
    assert [sock.fileno() for sock in socks] == [-1, -1]


def test_dialling_and_tls_share_one_timeout(tls_certs: Certificates) -> None:
    """Each would take two thirds of it: if the process is held up, it is over even earlier."""

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            gone.wait(0.4)
            with suppress(OSError):
                tls_certs.server.server_context().wrap_socket(peer, server_side=True).recv(1)

    def dial(endpoint: Endpoint, timeout: float) -> Stream:
        threading.Event().wait(timeout * 2 / 3)
        return socket.create_connection(listener.getsockname())

    gone = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread, outcome = in_a_thread(serve)
        with pytest.raises(ConnectFailed, match=r"within 0\.6 s"):
            stomp_socket.connect(
                "stomp+ssl://localhost",
                dial=dial,
                ca_file=str(tls_certs.ca),
                connect_timeout=0.6,
                handshake_timeout=HANGS,
            )
        gone.set()
    thread.join(HANGS)
    assert outcome == [None]


async def nothing() -> None: ...


def closed_socket() -> socket.socket:
    sock = socket.socket()
    sock.close()
    return sock


class NoFileno:
    recv = send = close = print


class Broken(NoFileno):
    def fileno(self) -> int:
        raise ValueError("no number today")


class Negative(NoFileno):
    def fileno(self) -> int:
        return -1


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: None, "got None"),
        (lambda: 42, "got 42"),
        (lambda: ("reader", "writer"), "got the tuple"),
        (object, "which has no fileno()"),
        (NoFileno, "which has no fileno()"),
        (Broken, "no number today"),
        (Negative, "it is closed"),
        (lambda: Wrapped, "Wrapped"),
        (lambda: nothing(), "a coroutine"),
        (closed_socket, "which is closed"),
        (lambda: socket.socket(type=socket.SOCK_DGRAM), "no stream socket"),
        (socket.socket, "not connected"),
        (lambda: open(os.devnull, "rb"), "which has no recv()"),  # noqa: SIM115 -- the engine closes it
    ],
)
def test_nonsense_is_the_reason_of_a_failed_attempt(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ConnectFailed) as caught:
        stomp_socket.connect(URL, dial=lambda *_: make())
    assert "custom://somewhere/x?...: dial() must return a connected socket, or a Stream" in str(caught.value)
    assert text in str(caught.value)
    assert isinstance(caught.value.__cause__, TypeError)


def test_a_socket_with_tls_is_refused_where_tls_is_ours(tls_certs: Certificates) -> None:
    def dial(endpoint: Endpoint, timeout: float) -> Stream:
        context = ssl.create_default_context(cafile=tls_certs.ca)
        return context.wrap_socket(tcp(broker, secure=True), server_hostname="localhost")

    with BeatingBroker(tls=tls_certs.server.server_context()) as broker:
        with pytest.raises(ConnectFailed, match="is made by the library, with ssl_context="):
            stomp_socket.connect("stomp+ssl://localhost", dial=dial)
        works(dial, broker)


# ---------------------------------------------------------------------- what it raises


class Strange(Exception):
    """An exception without text."""


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no such gateway"), "raised ValueError: no such gateway"),
        (ConnectionRefusedError(111, "refused"), "raised ConnectionRefusedError: [Errno 111] refused"),
        (TimeoutError("the gateway"), "raised TimeoutError: the gateway"),
        (Strange(), "raised Strange: check"),
        (ExceptionGroup("two", [ValueError("the inner one"), Strange()]), "raised ValueError: the inner one"),
        (SystemExit(3), "raised SystemExit: 3"),
        (KeyboardInterrupt(), "raised KeyboardInterrupt"),
        (StopIteration(), "raised StopIteration"),
        (ssl.SSLError(1, "of its own"), "raised SSLError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_is_raised_is_the_reason_of_a_failed_attempt(error: BaseException, text: str) -> None:
    def dial(endpoint: Endpoint, timeout: float) -> Stream:
        raise error

    with pytest.raises(ConnectFailed) as caught:
        stomp_socket.connect(URL, dial=dial)
    assert f"custom://somewhere/x?...: dial() {text}" in str(caught.value)
    assert "check what it connects to" in str(caught.value)
    assert caught.value.__cause__ is error


def test_a_dialler_that_repeats_the_passcode_shows_it_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    def dial(endpoint: Endpoint, timeout: float) -> Stream:
        assert endpoint.credentials is not None
        raise ValueError(f"no access with {endpoint.credentials.passcode}")

    with pytest.raises(ConnectFailed, match=r"no access with \*\*\*") as caught:
        stomp_socket.connect("custom://guest:hush-hush@somewhere", dial=dial)
    assert caught.value.__cause__ is None  # a traceback would show it
    assert "hush" not in caplog.text


def test_after_a_failure_it_is_called_again() -> None:
    calls = itertools.count()

    def dial(endpoint: Endpoint, timeout: float) -> Stream:
        if next(calls) < 3:
            raise ValueError("not now")
        return tcp(broker)

    patient = Reconnect(first_rounds=None, first_delay=0.01, max_delay=0.01)
    with Broker() as broker, stomp_socket.connect(URL, dial=dial, reconnect=patient) as conn:
        conn.send("/queue/a", "x", receipt=True)
        assert next(calls) == 4


def test_who_hangs_up_before_connected_is_reached_through_dial() -> None:
    with ScriptedServer([CLOSE]) as server:
        with pytest.raises(ConnectFailed, match=r"since it goes through dial\(\)"):
            stomp_socket.connect(URL, dial=lambda *_: socket.create_connection(("127.0.0.1", server.port)))


# ---------------------------------------------------------------------- who waits for it


@contextmanager
def hanging(
    broker: Broker, first: int = 0
) -> Iterator[tuple[Callable[..., Any], list[Any], threading.Event]]:
    """A dialler that hangs after some calls; what it returns then; and how it goes on."""
    go_on = threading.Event()
    late: list[Any] = []
    calls = itertools.count()

    def dial(endpoint: Endpoint, timeout: float) -> Any:
        if next(calls) < first:
            return tcp(broker)
        late.append(None)
        go_on.wait(HANGS)
        late[-1] = tcp(broker)
        return late[-1]

    try:
        yield dial, late, go_on
    finally:
        go_on.set()


def all_closed(late: list[Any]) -> bool:
    return all(sock is not None and sock.fileno() == -1 for sock in late)


def test_the_deadline_does_not_wait_and_what_comes_late_is_closed() -> None:
    with Broker() as broker, hanging(broker) as (dial, late, go_on):
        with pytest.raises(ConnectFailed, match=r"dial\(\) did not return within 0.1 s: check") as caught:
            stomp_socket.connect(URL, dial=dial, connect_timeout=0.1)
        assert caught.value.__cause__ is None
        until(lambda: late == [None])
        go_on.set()
        until(lambda: all_closed(late))
        assert not broker.connections


def test_close_and_operations_do_not_wait_for_it() -> None:
    with Broker() as broker, hanging(broker, first=1) as (dial, late, go_on):
        conn = stomp_socket.connect(URL, dial=dial, reconnect=SOON, connect_timeout=HANGS)
        messages = conn.subscribe("/queue/a")
        broker.drop_connections()
        until(lambda: late)
        with pytest.raises(TimeoutError):
            messages.receive(timeout=0.05)
        with pytest.raises(stomp_socket.NotSent):
            conn.send("/queue/a", "x", receipt=True, timeout=0.05)
        thread, outcome = in_a_thread(lambda: conn.subscribe("/queue/b"))
        conn.close()
        thread.join(HANGS)
        assert isinstance(outcome[0], SessionClosed)
        assert late == [None], "close() has waited for the dialler"
        assert dial_threads()
        go_on.set()
        until(lambda: all_closed(late))


@needs_timer
def test_ctrl_c_ends_connect_while_it_hangs() -> None:
    struck: list[bool] = []

    def handler() -> None:
        if not struck and late:
            struck.append(True)
            raise KeyboardInterrupt

    with Broker() as broker, hanging(broker) as (dial, late, go_on):
        with alarm(handler, 0.01), pytest.raises(KeyboardInterrupt):
            stomp_socket.connect(URL, dial=dial, connect_timeout=HANGS)
        assert late == [None]
        go_on.set()
        until(lambda: all_closed(late))


def test_an_unclosed_connection_is_collected_while_it_hangs() -> None:
    with Broker() as broker, hanging(broker, first=1) as (dial, late, go_on):
        held = [stomp_socket.connect(URL, dial=dial, reconnect=SOON, connect_timeout=HANGS)]
        engine_threads = [thread for thread in threading.enumerate() if thread.name == "stomp_socket"]
        broker.drop_connections()
        until(lambda: late)
        with pytest.warns(ResourceWarning, match="unclosed connection"):
            held.clear()
        for thread in engine_threads:
            thread.join(HANGS)
            assert not thread.is_alive()
        assert late == [None]
        go_on.set()
        until(lambda: all_closed(late))


def test_the_interpreter_ends_while_it_hangs() -> None:
    code = """
        import os, socket, sys, threading
        import stomp_socket
        from stomp_core.session import Reconnect
        from stomp_testing import Broker
        calls, hangs = [], threading.Event()
        def dial(endpoint, timeout):
            calls.append(1)
            if len(calls) > 1:
                hangs.set()
                threading.Event().wait()
            return socket.create_connection((broker.host, broker.port))
        broker = Broker()
        broker.start()
        conn = stomp_socket.connect("x://guest:guest@y", dial=dial, reconnect=Reconnect(first_delay=0))
        broker.drop_connections()
        hangs.wait()
        conn.close()
        broker.stop()
        print("the end")
    """
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env=os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{root / 'transports'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("the end\n", "", 0)


def test_our_own_dialling_is_given_up_at_once() -> None:
    """A port whose queue is full does not answer: nothing of it is left when the connection is closed."""
    with never_connecting("dialling") as (url, options):
        begun = len(dial_threads())
        with pytest.raises(ConnectFailed, match=r"within 0\.1 s"):
            stomp_socket.connect(url, **{**options, "connect_timeout": 0.1, "reconnect": Reconnect.never()})
        until(lambda: len(dial_threads()) == begun)


def connecting_to(port: int) -> bool:
    """Return whether a socket of this machine has asked to connect to a port, and has no answer."""
    lines = Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]
    return any(fields[2].endswith(f":{port:04X}") and fields[3] == "02" for fields in map(str.split, lines))


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells what is connecting")
@pytest.mark.parametrize("through_proxy", [False, True], ids=["direct", "proxy"])
def test_our_own_dialling_ends_when_nobody_wants_it(through_proxy: bool) -> None:
    with never_connecting("dialling") as (url, _):
        port = int(url.rpartition(":")[2])
        proxy = f"http://127.0.0.1:{port}" if through_proxy else None
        config = Config("stomp://127.0.0.1:1" if through_proxy else url, connect_timeout=10 * HANGS)
        engine = stomp_socket.Engine(config, TransportOptions(config.parsed_endpoints, proxy=proxy))
        engine.start()
        until(lambda: connecting_to(port))
        engine.run(engine.session.terminate)
        engine.join()
        until(lambda: not dial_threads())


@pytest.mark.parametrize("kind", ["dialler", "TLS"])
def test_dial_ends_within_its_timeout(kind: str) -> None:
    with ScriptedServer([Pause(2 * HANGS)]) as server, hanging_dialler() as hang:
        url = server.url.replace("stomp://", "stomp+ssl://")
        options = TransportOptions(url, dial=hang if kind == "dialler" else None, proxy=None)
        with pytest.raises(OSError, match=r"within 0\.1 s|took too long"):
            stomp_socket.dial(options.endpoints[0], 0.1, options)


def test_dial_prepares_the_socket_and_leaves_nothing_else_open() -> None:
    prepared: list[socket.socket] = []
    with Broker() as broker:
        endpoint = TransportOptions(broker.url, proxy=None).endpoints[0]
        before = sockets()
        stream = stomp_socket.dial(endpoint, math.inf, prepare=prepared.append)
        assert prepared == [stream]
        stream.close()
        until(lambda: not dial_threads())
        broker.wait_until(lambda _: not broker.connections, timeout=HANGS)
        until(lambda: sockets() <= before)


@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_a_proxy_that_never_comes_to_an_end_keeps_no_thread(scheme: str) -> None:
    """It sends nothing, or a head that goes on and on."""
    endless: list[Any] = [b"HTTP/1.1 200 OK\r\nx: ", *([b"x", Pause(0.02)] * 10_000)]
    script = endless if scheme == "http" else [Pause(2 * HANGS)]
    if scheme == "socks5":
        pytest.importorskip("python_socks", reason='pip install "stomp-core[proxy]"')
    with ScriptedServer(script) as server:
        proxy = f"{scheme}://127.0.0.1:{server.port}"
        with pytest.raises(ConnectFailed, match=r"within 0\.1 s"):
            stomp_socket.connect("stomp://127.0.0.1:1", proxy=proxy, connect_timeout=0.1)
        until(lambda: not dial_threads())


def test_what_is_asked_before_dialling_takes_from_the_timeout() -> None:
    """Each would take two thirds of it: if the process is held up, it is over even earlier."""

    def passcode() -> str:
        threading.Event().wait(0.4)
        return "guest"

    def dial(endpoint: Endpoint, timeout: float) -> Stream:
        threading.Event().wait(0.4)
        return tcp(broker)

    with Broker() as broker, pytest.raises(ConnectFailed, match=r"dial\(\) did not return"):
        stomp_socket.connect(URL, "guest", passcode, dial=dial, connect_timeout=0.6)


@contextmanager
def hanging_dialler() -> Iterator[Callable[..., Any]]:
    go_on = threading.Event()

    def dial(endpoint: Endpoint, timeout: float) -> Any:
        go_on.wait(HANGS)
        raise OSError("too late")

    try:
        yield dial
    finally:
        go_on.set()


# ---------------------------------------------------------------------- a stream that fails


class Failing(Wrapped):
    """After so many calls of one method, it does something else."""

    def __init__(self, sock: socket.socket, method: str, after: int, act: Callable[..., Any]) -> None:
        super().__init__(sock)
        calls = itertools.count()
        original = getattr(self, method)

        def instead(*arguments: Any) -> Any:
            return original(*arguments) if next(calls) < after else act(*arguments)

        setattr(self, method, instead)


def raising(error: BaseException) -> Callable[..., Any]:
    def act(*_: Any) -> Any:
        raise error

    return act


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (raising(ValueError("out of order")), "raised ValueError: out of order"),
        (raising(OSError(5, "Input/output error")), "Input/output error"),
        (raising(Strange()), "raised Strange"),
        (raising(StopIteration()), "raised StopIteration"),
        (lambda *_: "text", "returned"),
        (lambda *_: -1, "returned"),
        (lambda *_: 10**9, "returned"),
    ],
    ids=["ValueError", "OSError", "Strange", "StopIteration", "text", "negative", "too many"],
)
@pytest.mark.parametrize("method", ["recv", "send"])
def test_a_stream_that_fails_is_replaced(method: str, act: Callable[..., Any], text: str) -> None:
    """It costs this connection, never the engine, and comes out of no call."""
    streams: list[Any] = []

    def dial(endpoint: Endpoint, timeout: float) -> Any:
        sock = tcp(broker)
        streams.append(Wrapped(sock) if streams else Failing(sock, method, 2, act))
        return streams[-1]

    reasons: list[str] = []

    class Observer(stomp_socket.Listener):
        def connection_lost(self, endpoint: Endpoint, reason: str) -> None:
            reasons.append(reason)

    with Broker() as broker:
        with stomp_socket.connect(URL, dial=dial, reconnect=SOON, listener=Observer()) as conn:
            while len(streams) < 2:
                with suppress(StompError):
                    conn.send("/queue/a", "x", receipt=True, timeout=HANGS)
            conn.send("/queue/a", "last", receipt=True)
            assert streams[0].fileno() == -1
        assert text in reasons[0]
        assert broker.messages("/queue/a")[-1] == b"last"


def test_a_stream_may_return_what_raw_files_return() -> None:
    """None where nothing was read or written."""

    class Raw(Wrapped):
        def send(self, data: bytes | memoryview) -> Any:
            calls.append(len(data))
            return None if len(calls) % 2 else super().send(data[:1000])

        def recv(self, size: int) -> Any:
            return bytearray(super().recv(min(size, 1000)))

    calls: list[int] = []
    with BeatingBroker() as broker:
        works(lambda *_: Raw(tcp(broker)), broker)
    assert len(calls) > 10


def test_a_stream_that_cannot_be_closed_is_left() -> None:
    class Stuck(Wrapped):
        def close(self) -> None:
            super().close()
            raise ValueError("stuck")

    with BeatingBroker() as broker:
        works(lambda *_: Stuck(tcp(broker)), broker)


# ---------------------------------------------------------------------- E3 and E4: signals and forks


@needs_timer
@pytest.mark.usefixtures("no_collections")
@pytest.mark.parametrize(
    ("kind", "secure"),
    [
        (Struck, False),
        (KeyboardInterrupt, False),
        (TimeoutError, False),
        (BlockingIOError, False),
        (Struck, True),
        (TimeoutError, True),
    ],
)
def test_handlers_that_raise_in_a_stream_duplicate_nothing_and_are_not_swallowed(
    kind: type[BaseException], secure: bool, tls_certs: Certificates
) -> None:
    """The stream spends its time in Python, before and after the kernel has taken the bytes."""
    raised = struck = 0
    armed = False

    def handler() -> None:
        nonlocal armed, raised
        if armed:
            armed = False
            raised += 1
            raise kind

    def busy() -> None:
        for _ in range(200):
            pass

    class Slow(Wrapped):
        def send(self, data: bytes | memoryview) -> Any:
            busy()
            taken = super().send(data)
            busy()
            return taken

    def dial(endpoint: Endpoint, timeout: float) -> Stream:
        return Slow(tcp(broker, secure=secure))

    url = "stomp+ssl://guest:guest@localhost" if secure else URL
    options: dict[str, Any] = {"ca_file": str(tls_certs.ca)} if secure else {}
    confirmed: set[str] = set()
    with Broker(tls=tls_certs.server.server_context()) as broker:
        conn = stomp_socket.connect(url, dial=dial, reconnect=SOON, receipt_timeout=HANGS, **options)
        numbers = itertools.count()

        def send_until_struck() -> None:
            nonlocal armed
            with alarm(handler, 0.002):
                armed = True
                while True:
                    body = str(next(numbers))
                    with suppress(StompError):
                        conn.send("/queue/a", body, receipt=True)
                        confirmed.add(body)

        while struck < 60:
            try:
                send_until_struck()
            except kind:
                struck += 1
        conn.send("/queue/a", "last", receipt=True)
        assert conn.close() is True
        bodies = [body.decode() for body in broker.messages("/queue/a")]
    assert struck == raised, "an exception of a handler was swallowed"
    assert len(bodies) == len(set(bodies)), "a message was sent twice"
    assert confirmed <= set(bodies), "a confirmed message was lost"


@needs_monitoring
def test_an_exception_at_any_point_of_sending_to_a_stream_duplicates_and_loses_nothing() -> None:
    def strike_here(*_: object) -> None:
        raise Struck

    before = signal.signal(signal.SIGUSR1, strike_here)  # it counts as a signal handler
    returned: set[str] = set()
    where: list[str] = []
    try:
        with Broker() as broker:
            conn = stomp_socket.connect(
                URL, dial=lambda *_: Wrapped(tcp(broker)), reconnect=SOON, receipt_timeout=HANGS
            )
            for position in range(1, 1000):
                body = f"struck {position}"
                left = [0]
                try:
                    with strike(position, where, strike_here) as left:
                        conn.send("/queue/a", body, receipt=True)
                    returned.add(body)
                except Struck:
                    pass
                conn.send("/queue/a", f"after {position}", receipt=True)
                returned.add(f"after {position}")
                if left[0] > 0:
                    break
            else:
                pytest.fail("the call never ends without a strike")
            assert any(place.startswith("_stream.py") for place in where)
            bodies = [body.decode() for body in broker.messages("/queue/a")]
            assert conn.close() is True
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(bodies) == len(set(bodies)), "a message was sent twice"
    assert returned <= set(bodies), "a message was lost whose send() had returned"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork() on this platform")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of fork() in a process with threads
def test_a_fork_while_dialling_leaves_the_parent_alone() -> None:
    with Broker() as broker, hanging(broker, first=1) as (dial, late, go_on):
        conn = stomp_socket.connect(URL, dial=dial, reconnect=SOON, connect_timeout=HANGS)
        broker.drop_connections()
        until(lambda: late)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                with suppress(RuntimeError):
                    conn.send("/queue/a", "x")
                    code = 2
                code = code if code == 2 else int(conn.close())
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        go_on.set()
        conn.send("/queue/a", "still here", receipt=True)
        assert conn.close() is True
