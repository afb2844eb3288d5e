"""asyncio: which of two sockets is kept, and how much a transport of the loop takes before its peer has read it."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

import stomp_asyncio
from stomp_core.session import ConnectFailed, Reconnect
from stomp_testing import Broker
from tests.certificates import Certificates

from .test_dial_async import Minimal
from .worlds import CONNECTED, HANGS, in_a_thread

BODY = 20_000
SENDS = 20  # several writes
ENOUGH = 1 << 26  # bytes, more than the kernel buffers
ONE_WRITE = 64 * 1024
OVERHEAD = 1024  # of TLS
PATIENCE = 10 * HANGS


def run(loop: Callable[[], asyncio.AbstractEventLoop], main: Any) -> None:
    async def within() -> None:
        async with asyncio.timeout(HANGS):
            await main()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(within())


# ---------------------------------------------------------------------- two addresses that answer


class AnsweredTogether(asyncio.SelectorEventLoop):
    """A loop where connecting takes until two sockets are connected."""

    def __init__(self) -> None:
        super().__init__()
        self.connected: list[socket.socket] = []
        self.both = asyncio.Event()

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, ("127.0.0.1", port))] * 2

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        await super().sock_connect(sock, address)
        self.connected.append(sock)
        if len(self.connected) == 2:
            self.both.set()
        await self.both.wait()


def test_of_two_addresses_that_answer_together_one_is_closed() -> None:
    """RFC 8305, section 5: the other attempts are cancelled, and one may have succeeded by then."""
    loop = AnsweredTogether()

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"stomp://several.test:{listener.getsockname()[1]}"
            connecting = asyncio.ensure_future(
                stomp_asyncio.connect(url, handshake_timeout=PATIENCE, connect_timeout=PATIENCE).__aenter__()
            )
            await loop.both.wait()
            while all(sock.fileno() >= 0 for sock in loop.connected):  # noqa: ASYNC110 -- nobody announces it
                await asyncio.sleep(0.001)
            assert sorted(sock.fileno() >= 0 for sock in loop.connected) == [False, True]
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
            assert [sock.fileno() for sock in loop.connected] == [-1, -1]

    run(lambda: loop, main)


# ---------------------------------------------------------------------- a peer that does not read


class Transports(asyncio.SelectorEventLoop):
    """A loop that keeps the transports that it has made."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[asyncio.Transport] = []

    async def create_connection(self, *arguments: Any, **options: Any) -> Any:
        made = await super().create_connection(*arguments, **options)
        self.made.append(made[0])
        return made


@contextmanager
def broker_that_reads_no_more(tls: ssl.SSLContext | None) -> Iterator[int]:
    """Return the port of one that answers CONNECT, and then reads nothing."""
    over = threading.Event()

    def serve() -> None:
        peer, _ = listener.accept()
        peer.settimeout(HANGS)
        with peer if tls is None else tls.wrap_socket(peer, server_side=True) as peer:
            while not peer.recv(65536).endswith(b"\0"):
                pass
            peer.sendall(CONNECTED)
            assert over.wait(HANGS)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread, outcome = in_a_thread(serve)
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            thread.join(HANGS)
            assert outcome == [None]


@pytest.mark.parametrize("way", ["socket", "socket with TLS", "dial", "dial with TLS"])
def test_a_transport_takes_one_write_before_the_peer_reads(way: str, tls_certs: Certificates) -> None:
    """What it takes counts as sent: with more in its buffer, more had an unknown outcome, and no sender waited."""
    loop = Transports()
    secure = way.endswith("TLS")

    async def dial(endpoint: Any, protocol: Any) -> Any:
        transport, _ = await loop.create_connection(protocol, "127.0.0.1", endpoint.port)
        return transport

    async def main() -> None:
        async with stomp_asyncio.connect(
            f"stomp{'+ssl' if secure else ''}://localhost:{port}",
            ca_file=str(tls_certs.ca) if secure else None,
            dial=dial if way.startswith("dial") else None,
            heart_beat=(0, 0),
            close_timeout=0.01,
            reconnect=Reconnect.never(),
        ) as conn:
            (transport,) = loop.made
            sent = 0
            buffered: list[int] = []  # since the kernel has no room any more
            while len(buffered) < SENDS:
                await conn.send("/queue/a", bytes(BODY))
                await asyncio.sleep(0)
                size = transport.get_write_buffer_size()
                buffered = [*buffered, size] if size else []
                sent += BODY
                assert sent < ENOUGH
            assert max(buffered) <= ONE_WRITE + OVERHEAD

    with broker_that_reads_no_more(tls_certs.server.server_context() if secure else None) as port:
        run(lambda: loop, main)


# ---------------------------------------------------------------------- transports of the program


@pytest.fixture
def tls_broker(tls_certs: Certificates) -> Iterator[Broker]:
    with Broker(tls=tls_certs.server.server_context()) as broker:
        yield broker


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_a_second_transport_of_a_dialler_is_closed(
    tls_broker: Broker, tls_certs: Certificates, secure: bool
) -> None:
    """A protocol has one transport. The end of the other one is its end, too, so the attempt fails, and leaves none."""
    made: list[asyncio.Transport] = []
    port = tls_broker.tls_port if secure else tls_broker.port

    async def dial(endpoint: Any, protocol: Any) -> Any:
        loop = asyncio.get_running_loop()
        for _ in range(2):
            transport, _ = await loop.create_connection(protocol, "127.0.0.1", port)
            made.append(transport)
        return made[0]

    async def main() -> None:
        with suppress(ConnectFailed):
            await stomp_asyncio.connect(
                f"stomp{'+ssl' if secure else ''}://guest:guest@localhost",
                ca_file=str(tls_certs.ca) if secure else None,
                dial=dial,
            )
        assert made[1].is_closing()
        assert all(transport.is_closing() for transport in made)

    run(asyncio.SelectorEventLoop, main)


class Counting(Minimal):
    """Counts what it has read, and cannot stop."""

    received = 0

    def read(self) -> None:
        data = self.sock.recv(65536)
        self.received += len(data)
        self.protocol.data_received(data) if data else self.close()


def test_what_a_transport_reads_though_nobody_takes_it_stays_encrypted(
    tls_broker: Broker, tls_certs: Certificates
) -> None:
    """A transport that cannot pause goes on; the session gets no more than it wants."""
    transports: list[Counting] = []
    messages: list[Any] = []

    class Observer(stomp_asyncio.Listener):
        def frame_received(self, event: Any) -> None:
            if event.command == "MESSAGE":
                messages.append(event)

    def dial(endpoint: Any, protocol: Any) -> Counting:
        transports.append(Counting(protocol(), tls_broker.tls_port))
        return transports[0]

    async def main() -> None:
        async with stomp_asyncio.connect(
            "stomp+ssl://guest:guest@localhost",
            ca_file=str(tls_certs.ca),
            dial=dial,
            buffer_size=1000,
            heart_beat=(0, 0),
            listener=Observer(),
        ) as conn:
            subscription = await conn.subscribe("/queue/a")
            for number in range(10):
                tls_broker.send("/queue/a", bytes([number]) * 20_000)
            while transports[0].received < 200_000:  # noqa: ASYNC110 -- nobody announces it
                await asyncio.sleep(0.001)
            assert len(messages) < 10
            for number in range(10):
                assert (await subscription.receive(timeout=HANGS)).body[0] == number

    run(asyncio.SelectorEventLoop, main)


def test_a_transport_that_cannot_be_closed_is_reported_to_the_loop(tls_broker: Broker) -> None:
    class Stuck(Minimal):
        def close(self) -> None:
            super().close()
            raise ValueError("it does not close")

    reported: list[str] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: reported.append(f"{context['message']}: {context['exception']}")
        )
        async with stomp_asyncio.connect(
            "custom://guest:guest@somewhere",
            dial=lambda endpoint, protocol: Stuck(protocol(), tls_broker.port),
        ) as conn:
            await conn.send("/queue/a", "x", receipt=True)

    run(asyncio.SelectorEventLoop, main)
    assert reported
    assert all(re.fullmatch("closing <.*> failed: it does not close", text) for text in reported)
