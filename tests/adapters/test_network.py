"""What a connection asks of the network: options of its socket, several addresses, and time for TLS."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stomp_core.session import ConnectFailed, Reconnect
from stomp_testing import Broker, Pause, ScriptedServer
from tests.certificates import Certificates

from .test_cancellation import never_connecting
from .worlds import HANGS, World, until

SOON = Reconnect(first_delay=0.01, max_delay=0.05)
PATIENCE = 10 * HANGS  # a call that waits for it hangs


# ---------------------------------------------------------------------- options of the socket


def sockets_to(port: int) -> Iterator[socket.socket]:
    """Iterate over the sockets of this process that are connected to a port."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            sock = socket.socket(fileno=int(name))  # raises if it is none
            try:
                if sock.family == socket.AF_INET and sock.getpeername()[1] == port:
                    yield sock
            finally:
                sock.detach()


def check_options(port: int) -> None:
    found = list(map(options_of, sockets_to(port)))
    # Without TCP_NODELAY a frame waits for the ACK of the one before it: 40 ms, and more.
    assert found == [{"TCP_NODELAY": True, "SO_KEEPALIVE": True}]


def options_of(sock: socket.socket) -> dict[str, bool]:
    return {
        "TCP_NODELAY": bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)),
        "SO_KEEPALIVE": bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)),
    }


has_proc = os.path.exists("/proc/self/fd")
needs_proc = pytest.mark.skipif(not has_proc, reason="only Linux tells the sockets of a process")


@needs_proc
def test_frames_are_not_held_back_by_nagle_s_algorithm(world: World, tls_certs: Certificates) -> None:
    with Broker(tls=tls_certs.server.server_context()) as broker:
        world.connect(broker.url)
        check_options(broker.port)
        world.connect(broker.tls_url, ca_file=str(tls_certs.ca))
        check_options(broker.tls_port)


@needs_proc
@pytest.mark.parametrize("scheme", ["socks5", "socks4", "http"])
def test_nor_are_they_behind_a_proxy(world: World, scheme: str) -> None:
    pytest.importorskip("python_socks", reason='pip install "stomp-core[proxy]"')
    from .scripted_proxy import ScriptedProxy

    with Broker() as broker, ScriptedProxy() as proxy:
        url = proxy.url(scheme)
        world.connect(broker.url, proxy=url)
        check_options(int(url.rpartition(":")[2]))


# ---------------------------------------------------------------------- addresses


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the host name ``several.test`` have these addresses, in this order."""
    original = socket.getaddrinfo

    def resolve(*targets: tuple[str, int]) -> None:
        def entry(host: str, port: int) -> tuple[Any, ...]:
            kind = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
            if ":" in host:
                return (socket.AF_INET6, *kind, (host, port, 0, 0))
            return (socket.AF_INET, *kind, (host, port))

        def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
            if host == "several.test":
                return [entry(*target) for target in targets]
            return original(host, *arguments, **options)

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return resolve


SEVERAL = "stomp://guest:guest@several.test"


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    world: World, resolve: Callable[..., None]
) -> None:
    with Broker() as broker, never_connecting("dialling") as (url, _):
        resolve(("127.0.0.1", int(url.rpartition(":")[2])), ("127.0.0.1", broker.port))
        conn = world.connect(SEVERAL, connect_timeout=3)
        conn.send("/queue/a", "x", receipt=True)
        conn.leave()  # nothing is left of the other one, either


def test_an_address_that_refuses_is_followed_by_the_next(
    world: World, resolve: Callable[..., None], closed_port: int
) -> None:
    with Broker() as broker:
        resolve(("127.0.0.1", closed_port), ("127.0.0.1", broker.port))
        world.connect(SEVERAL).send("/queue/a", "x", receipt=True)


def test_the_first_address_that_failed_is_the_reason(
    world: World, resolve: Callable[..., None], closed_port: int
) -> None:
    resolve(("127.0.0.1", closed_port), ("255.255.255.255", 1))  # nobody may connect to the second one
    with pytest.raises(ConnectFailed, match="connection refused"):
        world.connect(SEVERAL)


Refused = list[tuple[str, float | None]]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Let every address refuse connections; what was tried, and with which timeout, is in the list."""
    tried: Refused = []

    def connect(sock: socket.socket, address: Any) -> None:
        tried.append((address[0], sock.gettimeout()))
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))

    monkeypatch.setattr(socket.socket, "connect", connect)
    return tried


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6")


@needs_ipv6
@pytest.mark.parametrize("first", ["127.0.0.", "::"])
def test_an_address_of_the_other_family_comes_second(
    world: World, resolve: Callable[..., None], refused: Refused, first: str
) -> None:
    """RFC 8305, section 4, where several are tried at once; the blocking adapter keeps to the resolver's order."""
    own = [f"{first}{number}" for number in (1, 2, 3)]
    other = "127.0.0.9" if first == "::" else "::9"
    resolve(*[(host, 1) for host in [*own, other]])
    with pytest.raises(ConnectFailed, match="connection refused"):
        world.connect(SEVERAL)
    in_order = [*own, other] if world.module.__name__ == "stomp_socket" else [own[0], other, *own[1:]]
    assert [host for host, _ in refused] == in_order


@needs_ipv6
@pytest.mark.parametrize(("local", "expected"), [("127.0.0.1", "127.0.0.2"), ("::1", "::2")])
@pytest.mark.parametrize("order", [("::2", "127.0.0.2"), ("127.0.0.2", "::2")])
def test_addresses_of_another_family_than_local_address_are_left_out(
    world: World,
    resolve: Callable[..., None],
    refused: Refused,
    local: str,
    expected: str,
    order: tuple[str, str],
) -> None:
    resolve(*[(host, 1) for host in order])
    with pytest.raises(ConnectFailed, match="connection refused"):
        world.connect(SEVERAL, local_address=local)
    tried = {host for host, _ in refused}
    if world.module.__name__ == "stomp_trio":  # trio connects from ::ffff:127.0.0.1, in vain
        tried.discard("::2" if local == "127.0.0.1" else "")
    assert tried == {expected}


@pytest.mark.parametrize("world", ["socket"], indirect=True)
def test_addresses_that_refuse_leave_their_time_to_the_others(
    world: World, resolve: Callable[..., None], refused: Refused
) -> None:
    """The others are tried at the same time in asyncio and trio."""
    resolve(("127.0.0.1", 1), ("127.0.0.2", 1), ("127.0.0.3", 1))
    with pytest.raises(ConnectFailed):
        world.connect(SEVERAL, connect_timeout=PATIENCE)
    for (host, timeout), share in zip(refused, (PATIENCE / 3, PATIENCE / 2, PATIENCE), strict=True):
        assert timeout is not None
        assert share * 0.9 < timeout <= share, host


@pytest.mark.parametrize("world", ["socket"], indirect=True)
def test_no_further_address_is_tried_when_nobody_waits(
    world: World, resolve: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In asyncio and trio what tries them is cancelled, which ends it."""
    tried: list[str] = []
    go_on = threading.Event()

    def connect(sock: socket.socket, address: Any) -> None:
        tried.append(address[0])
        assert go_on.wait(HANGS)
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))

    monkeypatch.setattr(socket.socket, "connect", connect)
    resolve(("127.0.0.1", 1), ("127.0.0.2", 1))
    before = set(threading.enumerate())
    with pytest.raises(ConnectFailed, match=r"within 0\.1 s"):
        world.connect(SEVERAL, connect_timeout=0.1, reconnect=Reconnect.never())
    go_on.set()
    until(lambda: not [thread for thread in set(threading.enumerate()) - before if "dial" in thread.name])
    assert tried == ["127.0.0.1"]


def test_an_impossible_host_name_is_one_that_cannot_be_resolved(world: World) -> None:
    with pytest.raises(ConnectFailed, match="cannot be resolved"):
        world.connect(f"stomp://{'x' * 64}.invalid")


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="only Linux connects a socket to itself")
def test_a_socket_that_is_connected_to_itself_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux may choose the very port that nobody listens on for our own side."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    connect = socket.socket.connect

    def connect_from_there(sock: socket.socket, address: Any) -> None:
        if address[1] == port:
            sock.bind(("127.0.0.1", port))
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", connect_from_there)
    with pytest.raises(ConnectFailed, match="connection refused"):
        world.connect(f"stomp://127.0.0.1:{port}", handshake_timeout=PATIENCE)


# ---------------------------------------------------------------------- TLS that is never agreed on


def test_a_server_that_never_answers_tls_is_given_up(world: World) -> None:
    with ScriptedServer([Pause(2 * HANGS)]) as server:
        url = server.url.replace("stomp://", "stomp+ssl://")
        with pytest.raises(ConnectFailed, match=r"no end of the TLS handshake, within 0\.3 s"):
            world.connect(url, connect_timeout=0.3)
        server.wait_until_closed(timeout=HANGS)


def test_a_context_that_cannot_be_made_leaves_no_socket(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **options: Any) -> ssl.SSLContext:
        raise ssl.SSLError("the store of certificates cannot be read")

    monkeypatch.setattr(ssl, "create_default_context", fail)
    with ScriptedServer([Pause(2 * HANGS)]) as server:
        with pytest.raises(ConnectFailed, match="cannot be read"):
            world.connect(server.url.replace("stomp://", "stomp+ssl://"))
        server.wait_until_closed(timeout=HANGS)


def test_close_does_not_wait_for_a_server_that_never_answers_tls(
    world: World, tls_certs: Certificates
) -> None:
    dialled: list[int] = []

    class Observer(world.module.Listener):  # type: ignore[misc,name-defined]
        def dialling(self, attempt: Any) -> None:
            dialled.append(attempt.endpoint.port)

    with (
        Broker(tls=tls_certs.server.server_context()) as broker,
        ScriptedServer([Pause(2 * HANGS)]) as server,
    ):
        silent = server.url.replace("stomp://", "stomp+ssl://")
        conn = world.connect(
            [broker.tls_url, silent],
            listener=Observer(),
            ca_file=str(tls_certs.ca),
            reconnect=SOON,
            connect_timeout=PATIENCE,
            close_timeout=PATIENCE,
        )
        broker.kill()
        until(lambda: server.received)
        until(lambda: server.port in dialled)  # it is told while it goes on
        conn.leave()
        server.wait_until_closed(timeout=HANGS)
