"""dial= in asyncio, on uvloop, and in trio: what a dialler may return, how it may fail, and when it is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import itertools
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

import stomp_asyncio
import stomp_trio
from stomp_core import StompError
from stomp_core.session import ConnectFailed, OutcomeUnknown, Reconnect
from stomp_testing import Broker
from tests.certificates import Certificates

from .test_trouble import broker_that_gives_up
from .worlds import CONNECTED, HANGS, until

SOON = Reconnect(first_delay=0.01, max_delay=0.05)
URL = "custom://guest:guest@somewhere"
Main = Callable[[Any], Awaitable[None]]


class AsyncWorld:
    """asyncio or trio, as a test that is written once sees it."""

    module: Any

    def run(self, main: Main) -> None:
        raise NotImplementedError

    def connect(self, dial: Callable[..., Any], url: str = URL, **options: Any) -> Any:
        return self.module.connect(
            url, dial=dial, **({"reconnect": SOON, "connect_timeout": HANGS} | options)
        )

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError

    async def in_thread(self, function: Callable[[], Any]) -> None:
        raise NotImplementedError


class InAsyncio(AsyncWorld):
    module = stomp_asyncio

    def __init__(self, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self._new_loop = new_loop

    def run(self, main: Main) -> None:
        async def within() -> None:
            async with asyncio.timeout(HANGS):
                await main(self)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        with asyncio.Runner(loop_factory=self._new_loop) as runner:
            runner.run(within())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def in_thread(self, function: Callable[[], Any]) -> None:
        await asyncio.to_thread(function)


class InTrio(AsyncWorld):
    module = stomp_trio

    def run(self, main: Main) -> None:
        async def within() -> None:
            with trio.fail_after(HANGS):
                await main(self)

        trio.run(within)

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)

    async def in_thread(self, function: Callable[[], Any]) -> None:
        await trio.to_thread.run_sync(function)


def new_uvloop() -> asyncio.AbstractEventLoop:
    uvloop = pytest.importorskip("uvloop", reason='pip install "stomp-core[uvloop]"')
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


LOOPS = [asyncio.new_event_loop, new_uvloop]


@pytest.fixture(params=["asyncio", "uvloop", "trio"])
def world(request: pytest.FixtureRequest) -> AsyncWorld:
    if request.param == "trio":
        return InTrio()
    return InAsyncio(new_uvloop if request.param == "uvloop" else asyncio.new_event_loop)


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def loop_world(request: pytest.FixtureRequest) -> InAsyncio:
    return InAsyncio(request.param)


@pytest.fixture
def sockets() -> Iterator[None]:
    """Check that the test leaves no descriptor open."""
    descriptors = Path("/proc/self/fd")
    for new_loop in LOOPS:  # libuv opens some once and for all
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(asyncio.sleep(0))
    before = len(list(descriptors.iterdir())) if descriptors.exists() else 0
    yield
    gc.collect()
    if descriptors.exists():
        until(lambda: len(list(descriptors.iterdir())) <= before)


async def fails(world: AsyncWorld, dial: Callable[..., Any], **options: Any) -> str:
    with pytest.raises(ConnectFailed) as caught:
        async with world.connect(dial, **options):
            pass
    return str(caught.value)


# ---------------------------------------------------------------------- what it returns


def tcp(broker: Broker) -> socket.socket:
    return socket.create_connection((broker.host, broker.port))


async def works(world: AsyncWorld, broker: Broker, dial: Callable[..., Any], **options: Any) -> None:
    """Send and receive, lose the connection, send again."""
    async with world.connect(dial, **options) as conn:
        await conn.send("/queue/a", b"x" * 300_000, receipt=True)
        async with conn.subscribe("/queue/a") as subscription:
            assert (await subscription.receive(timeout=HANGS)).body == b"x" * 300_000
        await world.in_thread(broker.drop_connections)
        while True:
            try:
                await conn.send("/queue/b", "again", receipt=True)
            except StompError:
                continue
            break
    assert b"again" in broker.messages("/queue/b")


def test_a_socket_is_taken_even_a_blocking_one(world: AsyncWorld, sockets: None) -> None:
    async def main(world: AsyncWorld) -> None:
        async def dial(*arguments: Any) -> socket.socket:
            return tcp(broker)

        await works(world, broker, dial)

    with Broker() as broker:
        world.run(main)


def test_a_function_that_is_not_async_may_return_one(world: AsyncWorld, sockets: None) -> None:
    async def main(world: AsyncWorld) -> None:
        await works(world, broker, lambda *arguments: tcp(broker))

    with Broker() as broker:
        world.run(main)


def test_tls_inside_a_socket_is_ours(world: AsyncWorld, tls_certs: Certificates, sockets: None) -> None:
    async def main(world: AsyncWorld) -> None:
        def dial(*arguments: Any) -> socket.socket:
            return socket.create_connection((broker.host, broker.tls_port))

        url, trust = "stomp+ssl://guest:guest@localhost", {"ca_file": str(tls_certs.ca)}
        await works(world, broker, dial, url=url, **trust)
        await works(
            world, broker, dial, url=url.replace("localhost", "x"), server_hostname="localhost", **trust
        )
        assert "not trusted" in await fails(world, dial, url=url)
        assert "for another name" in await fails(world, dial, url=url.replace("localhost", "other"), **trust)

    with Broker(tls=tls_certs.server.server_context()) as broker:
        world.run(main)


async def nothing() -> None: ...


def closed_socket() -> socket.socket:
    sock = socket.socket()
    sock.close()
    return sock


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: None, "got None"),
        (lambda: 42, "got 42"),
        (object, "got the object"),
        (lambda: nothing(), "await"),
        (closed_socket, "closed"),
        (lambda: socket.socket(type=socket.SOCK_DGRAM), "no stream"),
    ],
    ids=["None", "number", "object", "coroutine", "closed", "datagrams"],
)
def test_nonsense_is_the_reason_of_a_failed_attempt(
    world: AsyncWorld, make: Callable[[], Any], text: str, sockets: None
) -> None:
    async def main(world: AsyncWorld) -> None:
        async def dial(*arguments: Any) -> Any:
            return make()

        error = await fails(world, dial)
        assert "dial() must return" in error
        assert text in error

    world.run(main)


def test_a_socket_that_is_not_connected_ends_the_attempt(world: AsyncWorld, sockets: None) -> None:
    async def main(world: AsyncWorld) -> None:
        assert "not connected" in await fails(world, lambda *arguments: socket.socket())

    world.run(main)


def test_a_socket_with_tls_is_refused_where_tls_is_ours(world: AsyncWorld, tls_certs: Certificates) -> None:
    async def main(world: AsyncWorld) -> None:
        def dial(*arguments: Any) -> socket.socket:
            context = ssl.create_default_context(cafile=tls_certs.ca)
            sock = socket.create_connection((broker.host, broker.tls_port))
            return context.wrap_socket(sock, server_hostname="localhost")

        assert "SSLSocket" in await fails(world, dial, url="stomp+ssl://localhost")

    with Broker(tls=tls_certs.server.server_context()) as broker:
        world.run(main)


# ---------------------------------------------------------------------- how it fails


class Strange(Exception):
    """An exception without text."""


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no such gateway"), "no such gateway"),
        (OSError("the gateway is closed"), "the gateway is closed"),
        (ExceptionGroup("two", [ValueError("the inner one"), Strange()]), "the inner one"),
        (
            ExceptionGroup("one", [ExceptionGroup("two", [ValueError("the innermost")])]),
            "ValueError: the innermost",
        ),
        (Strange(), "Strange"),
        (TimeoutError("the gateway takes too long"), "TimeoutError: the gateway"),
        (StopIteration(), "Stop"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_exception_is_the_reason_of_a_failed_attempt(
    world: AsyncWorld, error: Exception, text: str
) -> None:
    async def main(world: AsyncWorld) -> None:
        async def dial(*arguments: Any) -> Any:
            raise error

        assert text in await fails(world, dial)

    world.run(main)


def test_after_a_failure_it_is_called_again(world: AsyncWorld) -> None:
    async def main(world: AsyncWorld) -> None:
        calls = []

        async def dial(endpoint: Any, *arguments: Any) -> socket.socket:
            calls.append(str(endpoint))
            if len(calls) < 4:
                raise ValueError("not now")
            return tcp(broker)

        patient = Reconnect(first_rounds=None, first_delay=0.01, max_delay=0.01)
        async with world.connect(dial, reconnect=patient) as conn:
            await conn.send("/queue/a", "x", receipt=True)
        assert calls == ["custom://somewhere"] * 4

    with Broker() as broker:
        world.run(main)


class Reset(socket.socket):
    """A socket that can be written, and whose peer has reset the connection by the time it is read."""

    def __init__(self) -> None:
        ours, self._theirs = socket.socketpair()
        super().__init__(ours.family, ours.type, ours.proto, ours.detach())
        self._theirs.send(b"?")  # what wakes who reads; uvloop does not call recv(), and reads it

    def recv(self, *arguments: Any) -> bytes:
        raise ConnectionResetError(errno.ECONNRESET, "reset at once")

    def close(self) -> None:
        self._theirs.close()
        super().close()


def test_connections_that_are_reset_at_once_delay_nothing(world: AsyncWorld) -> None:
    """In the turn in which CONNECT is written. Then nobody told trio's engine that the turn has ended.

    It waited for a timer. The order of tasks in a turn is random there: one of so many attempts has the wrong one.
    """

    async def main(world: AsyncWorld) -> None:
        attempts = itertools.count()

        async def dial(*arguments: Any) -> socket.socket:
            return Reset() if next(attempts) < 20 else tcp(broker)

        at_once = Reconnect(first_rounds=None, first_delay=0, max_delay=0)
        async with world.connect(dial, reconnect=at_once, handshake_timeout=10 * HANGS) as conn:
            await conn.send("/queue/a", "x", receipt=True)

    with Broker() as broker:
        world.run(main)


def test_something_that_was_cancelled_in_the_dialler_is_a_failure(loop_world: InAsyncio) -> None:
    async def main(world: AsyncWorld) -> None:
        async def dial(*arguments: Any) -> Any:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

        assert "cancelled" in await fails(world, dial)

    loop_world.run(main)


# ---------------------------------------------------------------------- cancelled


def test_a_dialler_that_hangs_ends_with_the_connect_timeout(world: AsyncWorld) -> None:
    async def main(world: AsyncWorld) -> None:
        ended = []

        async def dial(*arguments: Any) -> Any:
            try:
                await world.sleep(HANGS)
            finally:
                ended.append(True)

        assert "within 0.1 s" in await fails(world, dial, connect_timeout=0.1)
        assert ended == [True]

    world.run(main)


def test_a_dialler_that_hangs_is_cancelled_though_the_next_attempt_succeeds(world: AsyncWorld) -> None:
    async def main(world: AsyncWorld) -> None:
        ended = []

        async def dial(endpoint: Any, *arguments: Any) -> Any:
            if endpoint.host == "hangs":
                try:
                    await world.sleep(HANGS)
                finally:
                    ended.append(True)
            return tcp(broker)

        urls = ["custom://guest:guest@hangs", URL]
        async with world.module.connect(urls, dial=dial, connect_timeout=0.2) as conn:
            assert ended == [True]
            await conn.send("/queue/a", "x", receipt=True)

    with Broker() as broker:
        world.run(main)


def test_a_tls_handshake_that_takes_too_long_is_no_fault_of_the_dialler(world: AsyncWorld) -> None:
    async def main(world: AsyncWorld) -> None:
        ends: list[socket.socket] = []

        def dial(*arguments: Any) -> socket.socket:
            ours, theirs = socket.socketpair()
            ends.append(theirs)
            return ours

        # The time of the dialler counts, too: long enough for it to return, even if this process is held up.
        text = await fails(world, dial, url="stomp+ssl://somewhere", connect_timeout=1.0)
        assert "no end of the TLS handshake, within 1 s" in text
        ends[0].close()
        assert "dial() did not return" in await fails(
            world, lambda *arguments: world.sleep(HANGS), connect_timeout=0.1
        )

    world.run(main)


def test_close_does_not_wait_for_a_dialler(world: AsyncWorld, sockets: None) -> None:
    async def main(world: AsyncWorld) -> None:
        calls = []

        async def dial(*arguments: Any) -> socket.socket:
            calls.append(False)
            if len(calls) > 1:
                try:
                    await world.sleep(HANGS)
                finally:
                    calls[1] = True
            return tcp(broker)

        async with world.connect(dial) as conn:
            await world.in_thread(broker.drop_connections)
            while len(calls) < 2:
                await world.sleep(0.001)
            assert not conn.closed
        assert calls == [False, True]

    with Broker() as broker:
        world.run(main)


def test_what_a_dialler_returns_too_late_is_closed(world: AsyncWorld, sockets: None) -> None:
    """It swallows its cancellation, and returns."""

    async def main(world: AsyncWorld) -> None:
        late = []

        async def dial(*arguments: Any) -> socket.socket:
            try:
                await world.sleep(HANGS)
            except BaseException:
                late.append(tcp(broker))
            return late[-1]

        assert "within 0.1 s" in await fails(world, dial, connect_timeout=0.1)
        while [sock.fileno() for sock in late] != [-1]:
            await world.sleep(0.001)

    with Broker() as broker:
        world.run(main)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_connect_may_be_cancelled_in_every_turn(
    loop_world: InAsyncio, secure: bool, tls_certs: Certificates, sockets: None
) -> None:
    """With a dialler that makes a transport. Nothing is left open, and no task."""
    options: dict[str, Any] = {"ca_file": str(tls_certs.ca)} if secure else {}

    async def dial(endpoint: Any, protocol: Any) -> Any:
        port = broker.tls_port if secure else broker.port
        transport, _ = await asyncio.get_running_loop().create_connection(protocol, broker.host, port)
        return transport

    async def enter_and_leave() -> None:
        async with loop_world.connect(
            dial, "stomp+ssl://guest:guest@localhost" if secure else URL, **options
        ):
            pass

    async def main(world: AsyncWorld) -> None:
        connected = turns = 0
        while connected < 3:
            task = asyncio.ensure_future(enter_and_leave())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=HANGS)
            assert done, f"it hangs when it is cancelled in turn {turns}"
            assert asyncio.all_tasks() == {asyncio.current_task()}
            connected += not task.cancelled()
            turns += 1

    with Broker(tls=tls_certs.server.server_context()) as broker:
        loop_world.run(main)
        broker.wait_until(lambda b: not b.connections, timeout=HANGS)


# ---------------------------------------------------------------------- transports of asyncio


class Minimal(asyncio.Transport):
    """A transport with ``write`` and ``close`` alone, over a socket that a thread of the test reads."""

    def __init__(self, protocol: Any, port: int, *, reports_end: bool = True) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()
        self.protocol = protocol
        self.reports_end = reports_end
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.open = True
        self.loop.add_reader(self.sock.fileno(), self.read)

    def read(self) -> None:
        try:
            data = self.sock.recv(65536)
        except OSError:
            data = b""
        if data:
            self.protocol.data_received(data)
        else:
            self.close()

    def write(self, data: Any) -> None:
        self.sock.sendall(data)

    def close(self) -> None:
        if self.open:
            self.open = False
            self.loop.remove_reader(self.sock.fileno())
            self.sock.close()
            if self.reports_end:
                self.loop.call_soon(self.protocol.connection_lost, None)


@pytest.mark.parametrize("made", ["before", "after", "never"])
def test_connection_made_may_be_called_before_or_after_or_never(
    loop_world: InAsyncio, made: str, sockets: None
) -> None:
    async def main(world: AsyncWorld) -> None:
        async def dial(endpoint: Any, protocol: Any) -> Any:
            transport = Minimal(protocol(), broker.port)
            if made == "before":
                transport.protocol.connection_made(transport)
                await asyncio.sleep(0.01)
            elif made == "after":
                transport.loop.call_later(0.01, transport.protocol.connection_made, transport)
            return transport

        await works(world, broker, dial)

    with Broker() as broker:
        loop_world.run(main)


def test_tls_over_a_minimal_transport(loop_world: InAsyncio, tls_certs: Certificates, sockets: None) -> None:
    async def main(world: AsyncWorld) -> None:
        def dial(endpoint: Any, protocol: Any) -> Any:
            return Minimal(protocol(), broker.port if endpoint.host == "127.0.0.1" else broker.tls_port)

        trust = {"ca_file": str(tls_certs.ca)}
        await works(world, broker, dial, url="stomp+ssl://guest:guest@localhost", **trust)
        assert "not trusted" in await fails(world, dial, url="stomp+ssl://localhost")
        assert "for another name" in await fails(world, dial, url="stomp+ssl://elsewhere", **trust)
        assert "TLS failed" in await fails(world, dial, url="stomp+ssl://127.0.0.1", **trust)

    with Broker(tls=tls_certs.server.server_context()) as broker:
        loop_world.run(main)


def test_tls_over_a_transport_of_the_loop(
    loop_world: InAsyncio, tls_certs: Certificates, sockets: None
) -> None:
    async def main(world: AsyncWorld) -> None:
        async def dial(endpoint: Any, protocol: Any) -> Any:
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_connection(protocol, broker.host, broker.tls_port)
            return transport

        trust = {"ca_file": str(tls_certs.ca)}
        await works(world, broker, dial, url="stomp+ssl://guest:guest@localhost", **trust)

    with Broker(tls=tls_certs.server.server_context()) as broker:
        loop_world.run(main)


class Throttled(Minimal):
    """A transport whose buffer is full after each write, until a moment later."""

    def write(self, data: Any) -> None:
        super().write(data)
        self.protocol.pause_writing()
        self.loop.call_later(0.001, self.protocol.resume_writing)

    def pause_reading(self) -> None:
        self.loop.remove_reader(self.sock.fileno())

    def resume_reading(self) -> None:
        if self.open:
            self.loop.add_reader(self.sock.fileno(), self.read)


@pytest.mark.parametrize("kind", [Minimal, Throttled])
def test_tls_over_a_transport_with_a_slow_consumer(
    loop_world: InAsyncio, tls_certs: Certificates, kind: type[Minimal]
) -> None:
    """Reading stops and goes on again and again, and so does writing."""

    async def main(world: AsyncWorld) -> None:
        options = {"ca_file": str(tls_certs.ca), "buffer_size": 50_000, "heart_beat": (0, 0)}
        async with (
            world.connect(
                lambda endpoint, protocol: kind(protocol(), broker.tls_port),
                "stomp+ssl://guest:guest@elsewhere",
                server_hostname="localhost",
                **options,
            ) as conn,
            conn.subscribe("/queue/a") as subscription,
        ):
            sender = asyncio.ensure_future(send_all(conn))
            for number in range(60):
                message = await subscription.receive(timeout=HANGS)
                assert message.body == bytes([number]) * 20_000
            await sender

    async def send_all(conn: Any) -> None:
        for number in range(60):
            await conn.send("/queue/a", bytes([number]) * 20_000)

    with Broker(tls=tls_certs.server.server_context()) as broker:
        loop_world.run(main)


def test_tls_over_a_transport_holds_back_senders_and_reading(
    loop_world: InAsyncio, tls_certs: Certificates
) -> None:
    """A transport that is full keeps senders waiting; one whose messages nobody takes is not read."""
    transports: list[Any] = []

    class Full(Throttled):
        full = False

        def write(self, data: Any) -> None:
            self.protocol.pause_writing()
            Minimal.write(self, data)
            if not self.full:
                self.protocol.resume_writing()

        def pause_reading(self) -> None:
            super().pause_reading()
            self.reading = False

        def resume_reading(self) -> None:
            super().resume_reading()
            self.reading = True

    async def main(world: AsyncWorld) -> None:
        def dial(endpoint: Any, protocol: Any) -> Any:
            transports.append(Full(protocol(), broker.tls_port))
            return transports[-1]

        url, trust = "stomp+ssl://guest:guest@localhost", {"ca_file": str(tls_certs.ca)}
        async with world.connect(dial, url, buffer_size=10_000, heart_beat=(0, 0), **trust) as conn:
            transport = transports[0]
            subscription = await conn.subscribe("/queue/a")
            for number in range(10):
                broker.send("/queue/a", bytes([number]) * 20_000)
            while getattr(transport, "reading", True):
                await world.sleep(0.001)
            for number in range(10):
                assert (await subscription.receive(timeout=HANGS)).body[0] == number
            transport.full = True
            senders = [asyncio.ensure_future(conn.send("/queue/b", bytes(500_000))) for _ in range(10)]
            for _ in range(10):
                await asyncio.sleep(0)
            assert not all(sender.done() for sender in senders), "nobody waits for a transport that is full"
            transport.full = False
            transport.protocol.resume_writing()
            await asyncio.gather(*senders)

    with Broker(tls=tls_certs.server.server_context()) as broker:
        loop_world.run(main)


def test_tls_over_a_transport_whose_peer_gives_up(tls_certs: Certificates, sockets: None) -> None:
    """It reads the ERROR before the end, though the inbox is full."""
    errors: list[str] = []

    class Observer(stomp_asyncio.Listener):
        def error_received(self, error: Any) -> None:
            errors.append(error.description)

    async def main(world: AsyncWorld) -> None:
        options: dict[str, Any] = {"ca_file": str(tls_certs.ca), "reconnect": Reconnect.never()}
        async with world.connect(
            lambda endpoint, protocol: Minimal(protocol(), port),
            "stomp+ssl://localhost",
            buffer_size=1000,
            listener=Observer(),
            **options,
        ) as conn:
            subscription = await conn.subscribe("/q", id="s", receipt=False)
            while not subscription.waiting:
                await world.sleep(0.001)
            paused.set()
            while not conn.closed:
                await world.sleep(0.001)
        assert errors == ["enough: you are too slow"]

    paused = threading.Event()
    with broker_that_gives_up(tls_certs.server.server_context(), paused, "closed") as port:
        InAsyncio(asyncio.new_event_loop).run(main)


def test_a_refused_certificate_is_reported_to_the_server(
    loop_world: InAsyncio, tls_certs: Certificates
) -> None:
    def serve() -> str:
        peer, _ = listener.accept()
        with peer:
            try:
                with tls_certs.server.server_context().wrap_socket(peer, server_side=True) as tls:
                    tls.recv(4096)
            except ssl.SSLError as error:
                return str(error.reason)
        return "nothing"

    async def main(world: AsyncWorld) -> None:
        port = listener.getsockname()[1]
        assert "not trusted" in await fails(
            world, lambda endpoint, protocol: Minimal(protocol(), port), url="stomp+ssl://localhost"
        )

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
        answer = pool.submit(serve)
        loop_world.run(main)
        assert "ALERT" in answer.result(HANGS)


@pytest.mark.parametrize("number", [1, 2])
def test_what_write_raises_in_the_tls_handshake_is_the_reason(
    loop_world: InAsyncio, tls_certs: Certificates, number: int, sockets: None
) -> None:
    class Broken(Minimal):
        writes = 0

        def write(self, data: Any) -> None:
            self.writes += 1
            if self.writes == number:
                raise OSError("this transport is broken")
            super().write(data)

    async def main(world: AsyncWorld) -> None:
        assert "this transport is broken" in await fails(
            world,
            lambda endpoint, protocol: Broken(protocol(), broker.tls_port),
            url="stomp+ssl://localhost",
            ca_file=str(tls_certs.ca),
            connect_timeout=10 * HANGS,
        )

    with Broker(tls=tls_certs.server.server_context()) as broker:
        loop_world.run(main)


def test_an_end_of_stream_in_the_tls_handshake_is_noticed(loop_world: InAsyncio) -> None:
    class Ended(Minimal):
        def write(self, data: Any) -> None:
            self.protocol.eof_received()

    async def main(world: AsyncWorld) -> None:
        assert "closed the connection" in await fails(
            world,
            lambda endpoint, protocol: Ended(protocol(), silent.getsockname()[1]),
            url="stomp+ssl://localhost",
            connect_timeout=10 * HANGS,
        )

    with socket.create_server(("127.0.0.1", 0)) as silent:
        loop_world.run(main)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_the_transport_of_a_cancelled_dialler_is_closed(loop_world: InAsyncio, secure: bool) -> None:
    transports: list[Minimal] = []

    async def main(world: AsyncWorld) -> None:
        async def dial(endpoint: Any, protocol: Any) -> Any:
            transports.append(Minimal(protocol(), broker.port))
            transports[0].protocol.connection_made(transports[0])
            await world.sleep(HANGS)

        url = "stomp+ssl://localhost" if secure else URL
        assert "dial() did not return" in await fails(world, dial, url=url, connect_timeout=0.1)
        assert not transports[0].open

    with Broker() as broker:
        loop_world.run(main)


def test_a_transport_that_never_reports_its_end(sockets: None) -> None:
    async def main(world: AsyncWorld) -> None:
        def dial(endpoint: Any, protocol: Any) -> Any:
            return Minimal(protocol(), broker.port, reports_end=False)

        async with world.connect(dial) as conn:
            await conn.send("/queue/a", "x", receipt=True)

    with Broker() as broker:
        InAsyncio(asyncio.new_event_loop).run(main)


def test_a_transport_that_loses_its_connection_at_once(loop_world: InAsyncio) -> None:
    async def main(world: AsyncWorld) -> None:
        def dial(endpoint: Any, protocol: Any) -> Any:
            made = protocol()
            transport = Minimal(made, broker.port)
            made.connection_made(transport)
            transport.close()
            made.connection_lost(OSError("lost at once"))
            return transport

        assert "lost at once" in await fails(world, dial)
        assert "lost at once" in await fails(world, dial, url="stomp+ssl://localhost")

    with Broker() as broker:
        loop_world.run(main)


def test_what_write_raises_ends_the_connection(loop_world: InAsyncio, sockets: None) -> None:
    class Broken(Minimal):
        def write(self, data: Any) -> None:
            if b"SEND" in bytes(data):
                raise RuntimeError("this transport is broken")
            super().write(data)

    transports: list[Broken] = []

    async def main(world: AsyncWorld) -> None:
        def dial(endpoint: Any, protocol: Any) -> Any:
            transports.append(Broken(protocol(), broker.port))
            return transports[-1]

        async with world.connect(dial) as conn:
            with pytest.raises(OutcomeUnknown, match="this transport is broken"):
                await conn.send("/queue/a", "x", receipt=True)
            assert not transports[0].open

    with Broker() as broker:
        loop_world.run(main)


def test_a_transport_must_be_made_with_our_protocol(loop_world: InAsyncio, sockets: None) -> None:
    async def main(world: AsyncWorld) -> None:
        async def other_protocol(endpoint: Any, protocol: Any) -> Any:
            return (await create_connection(asyncio.Protocol, broker.host, broker.port))[0]

        async def a_tuple(endpoint: Any, protocol: Any) -> Any:
            return await create_connection(protocol, broker.host, broker.port)

        async def another_transport(endpoint: Any, protocol: Any) -> Any:
            await create_connection(protocol, broker.host, broker.port)
            return await other_protocol(endpoint, protocol)

        create_connection = asyncio.get_running_loop().create_connection
        assert "made with protocol()" in await fails(world, other_protocol)
        assert "got the tuple" in await fails(world, a_tuple)
        for url in URL, "stomp+ssl://localhost":
            text = await fails(world, another_transport, url=url)
            assert "and not the transport that called connection_made()" in text

    with Broker() as broker:
        loop_world.run(main)


def test_the_transport_is_closed_if_the_dialler_fails_later(loop_world: InAsyncio, sockets: None) -> None:
    async def main(world: AsyncWorld) -> None:
        async def dial(endpoint: Any, protocol: Any) -> Any:
            transport = Minimal(protocol(), broker.port)
            transport.protocol.connection_made(transport)
            raise ValueError("after all, no")

        assert "after all, no" in await fails(world, dial)
        assert "after all, no" in await fails(world, dial, url="stomp+ssl://localhost")

    with Broker() as broker:
        loop_world.run(main)


class Held(asyncio.Transport):
    """A transport that does not get rid of what is written, until it is told to."""

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self.protocol = protocol
        self.written = 0
        self.reading: list[str] = []
        self.reading_changed = asyncio.Event()

    def write(self, data: Any) -> None:
        self.written += len(data)
        if b"CONNECT" in bytes(data):
            asyncio.get_running_loop().call_soon(self.protocol.data_received, CONNECTED)
        else:
            self.protocol.pause_writing()

    def pause_reading(self) -> None:
        self.reading.append("paused")

    def resume_reading(self) -> None:
        self.reading.append("resumed")
        self.reading_changed.set()

    def close(self) -> None:
        asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)


def test_a_transport_may_answer_before_write_returns(loop_world: InAsyncio) -> None:
    class Immediate(Held):
        def write(self, data: Any) -> None:
            self.protocol.pause_writing()
            self.written += len(data)
            if b"CONNECT" in bytes(data):
                self.protocol.data_received(CONNECTED)
            elif b"receipt:" in bytes(data):
                receipt = bytes(data).partition(b"receipt:")[2].partition(b"\n")[0]
                self.protocol.data_received(b"RECEIPT\nreceipt-id:%s\n\n\0" % receipt)
            self.protocol.resume_writing()

    async def main(world: AsyncWorld) -> None:
        async with world.connect(lambda endpoint, protocol: Immediate(protocol()), heart_beat=(0, 0)) as conn:
            for _ in range(3):
                await conn.send("/queue/a", "x", receipt=True)

    loop_world.run(main)


def test_senders_wait_while_a_transport_is_full(loop_world: InAsyncio) -> None:
    async def main(world: AsyncWorld) -> None:
        transports: list[Held] = []

        def dial(endpoint: Any, protocol: Any) -> Any:
            transports.append(Held(protocol()))
            return transports[-1]

        async with world.connect(dial, heart_beat=(0, 0), close_timeout=0.1) as conn:
            transport = transports[0]
            connect = transport.written
            senders = [asyncio.ensure_future(conn.send("/queue/a", b"x" * 1_000_000)) for _ in range(20)]
            for _ in range(10):
                await asyncio.sleep(0)
            assert transport.written - connect <= 64 * 1024
            assert not all(sender.done() for sender in senders)
            while not all(sender.done() for sender in senders):
                transport.protocol.resume_writing()
                await asyncio.sleep(0)
            assert transport.written - connect > 10_000_000

    loop_world.run(main)


def test_reading_is_paused_while_messages_pile_up(loop_world: InAsyncio) -> None:
    async def main(world: AsyncWorld) -> None:
        transports: list[Held] = []

        def dial(endpoint: Any, protocol: Any) -> Any:
            transports.append(Held(protocol()))
            return transports[-1]

        async with world.connect(dial, heart_beat=(0, 0), close_timeout=0.1, buffer_size=1000) as conn:
            transport = transports[0]
            subscription = await conn.subscribe("/queue/a", id="1", receipt=False)
            transport.protocol.resume_writing()
            message = b"MESSAGE\nsubscription:1\nmessage-id:%d\ndestination:/queue/a\n\n%s\0"
            for number in range(10):
                transport.protocol.data_received(message % (number, b"x" * 500))
            assert transport.reading == ["paused"]
            for _ in range(10):
                await subscription.receive(timeout=HANGS)
            assert await transport.reading_changed.wait()
            assert transport.reading == ["paused", "resumed"]

    loop_world.run(main)


# ---------------------------------------------------------------------- streams of trio


def through_trio(main: Callable[[trio.Nursery], Awaitable[None]]) -> None:
    async def within() -> None:
        with trio.fail_after(HANGS):
            async with trio.open_nursery() as nursery:
                await main(nursery)
                nursery.cancel_scope.cancel()

    trio.run(within)


async def receive_everything(stream: Any) -> None:
    with contextlib.suppress(trio.ClosedResourceError, trio.BrokenResourceError):
        async for _ in stream:
            pass


async def pump(source: Any, target: Any) -> None:
    try:
        async for data in source:
            await target.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    await target.aclose()


def memory_pair_to(nursery: trio.Nursery, port: Callable[[], int]) -> Callable[..., Awaitable[Any]]:
    async def dial(endpoint: Any) -> trio.abc.Stream:
        ours, theirs = trio.testing.memory_stream_pair()
        peer = await trio.open_tcp_stream("127.0.0.1", port())
        nursery.start_soon(pump, theirs, peer)
        nursery.start_soon(pump, peer, theirs)
        return ours

    return dial


def test_a_stream_without_a_socket(tls_certs: Certificates) -> None:
    async def main(nursery: trio.Nursery) -> None:
        await works(InTrio(), broker, memory_pair_to(nursery, lambda: broker.port))
        secure = memory_pair_to(nursery, lambda: broker.tls_port)
        url, trust = "stomp+ssl://guest:guest@localhost", {"ca_file": str(tls_certs.ca)}
        await works(InTrio(), broker, secure, url=url, **trust)
        assert "not trusted" in await fails(InTrio(), secure, url=url)
        assert "for another name" in await fails(InTrio(), secure, url="stomp+ssl://elsewhere", **trust)
        plain = memory_pair_to(nursery, lambda: broker.port)
        assert "TLS failed" in await fails(InTrio(), plain, url=url, **trust)

    with Broker(tls=tls_certs.server.server_context()) as broker:
        through_trio(main)


def test_the_certificate_in_a_stream_has_the_expected_name(tls_certs: Certificates) -> None:
    async def main(nursery: trio.Nursery) -> None:
        secure = memory_pair_to(nursery, lambda: broker.tls_port)
        options = {"ca_file": str(tls_certs.ca), "server_hostname": "localhost"}
        await works(InTrio(), broker, secure, url="stomp+ssl://guest:guest@elsewhere", **options)

    with Broker(tls=tls_certs.server.server_context()) as broker:
        through_trio(main)


@pytest.mark.parametrize("kind", ["SocketStream", "socket"])
def test_sockets_of_trio_are_taken(kind: str, sockets: None) -> None:
    async def main(world: AsyncWorld) -> None:
        async def dial(endpoint: Any) -> Any:
            stream = await trio.open_tcp_stream("127.0.0.1", broker.port)
            return stream if kind == "SocketStream" else stream.socket

        await works(world, broker, dial)

    with Broker() as broker:
        InTrio().run(main)


def test_senders_wait_while_a_stream_is_full() -> None:
    async def main(nursery: trio.Nursery) -> None:
        peers: list[Any] = []

        async def dial(endpoint: Any) -> Any:
            ours, theirs = trio.testing.lockstep_stream_pair()  # send_all() returns when all was received
            peers.append(theirs)
            nursery.start_soon(theirs.send_all, CONNECTED)
            nursery.start_soon(theirs.receive_some, 65536)
            return ours

        done = trio.Event()

        async def send(conn: Any) -> None:
            for _ in range(20):
                await conn.send("/queue/a", b"x" * 1_000_000)
            done.set()

        async with InTrio().connect(dial, heart_beat=(0, 0), close_timeout=0.1) as conn:
            nursery.start_soon(send, conn)
            await trio.testing.wait_all_tasks_blocked()
            assert not done.is_set()
            received = 0
            while received < 20_000_000:
                received += len(await peers[0].receive_some(65536))
            await done.wait()

    through_trio(main)


def test_a_stream_is_not_read_while_messages_pile_up() -> None:
    async def main(nursery: trio.Nursery) -> None:
        peers: list[Any] = []

        async def dial(endpoint: Any) -> Any:
            ours, theirs = trio.testing.lockstep_stream_pair()  # send_all() returns when all was received
            peers.append(theirs)
            nursery.start_soon(theirs.send_all, CONNECTED)
            nursery.start_soon(receive_everything, theirs)
            return ours

        sent: list[int] = []

        async def send_messages() -> None:
            message = b"MESSAGE\nsubscription:1\nmessage-id:%d\ndestination:/queue/a\n\n%s\0"
            for number in range(10):
                await peers[0].send_all(message % (number, b"x" * 500))
                sent.append(number)

        async with InTrio().connect(dial, heart_beat=(0, 0), close_timeout=0.1, buffer_size=1000) as conn:
            subscription = await conn.subscribe("/queue/a", id="1", receipt=False)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(send_messages)
            await trio.testing.wait_all_tasks_blocked()
            assert sent == list(range(sent[-1] + 1))
            assert sent[-1] < 9
            for _ in range(10):
                await subscription.receive(timeout=HANGS)

    through_trio(main)


class Stubborn(trio.abc.Stream):
    """A stream that fails as it is told."""

    def __init__(self, inner: Any, **errors: Exception) -> None:
        self.inner = inner
        self.errors = errors
        self.closed = False

    async def send_all(self, data: Any) -> None:
        await trio.lowlevel.checkpoint()
        if "send" in self.errors and b"SEND" in bytes(data):
            try:
                raise self.errors["cause"]
            except Exception as error:
                raise self.errors["send"] from error
        await self.inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        data: bytes = await self.inner.receive_some(max_bytes)
        return data

    async def aclose(self) -> None:
        try:
            await self.inner.aclose()
            await trio.sleep(HANGS)  # a graceful end, for which nobody has time
        finally:
            self.closed = True
            if "close" in self.errors:
                raise self.errors["close"]


def test_a_stream_is_closed_forcefully(sockets: None) -> None:
    async def main(nursery: trio.Nursery) -> None:
        streams: list[Stubborn] = []

        async def dial(endpoint: Any) -> Any:
            inner = await trio.open_tcp_stream("127.0.0.1", broker.port)
            streams.append(Stubborn(inner, close=OSError("it cannot be closed")))
            return streams[-1]

        await works(InTrio(), broker, dial)
        assert len(streams) == 2
        assert all(stream.closed for stream in streams)

    with Broker() as broker:
        through_trio(main)


def test_the_cause_of_a_broken_stream_is_the_reason(sockets: None) -> None:
    async def main(nursery: trio.Nursery) -> None:
        async def dial(endpoint: Any) -> Any:
            inner = await trio.open_tcp_stream("127.0.0.1", broker.port)
            cause = OSError("the line was cut")
            return Stubborn(inner, send=trio.BrokenResourceError("broken"), cause=cause)

        async with InTrio().connect(dial) as conn:
            with pytest.raises(OutcomeUnknown, match="the line was cut"):
                await conn.send("/queue/a", "x", receipt=True)

    with Broker() as broker:
        through_trio(main)


class Closing(trio.abc.Stream):
    """A stream whose peer has sent an ERROR and closed by the time we send something, after some messages."""

    def __init__(self, messages: int) -> None:
        message = b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/q\n\n%b\0" % (b"x" * 5000)
        self.subscribed, self.answered = trio.Event(), trio.Event()
        self.received = [CONNECTED, message * messages, b"ERROR\nmessage:out of order\n\n\0", b""]

    async def send_all(self, data: Any) -> None:
        await trio.lowlevel.checkpoint()
        if b"SUBSCRIBE" in bytes(data):
            self.subscribed.set()
        if b"SEND" in bytes(data):
            self.answered.set()
            raise trio.BrokenResourceError("the line was cut")

    async def wait_send_all_might_not_block(self) -> None: ...

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        left = len(self.received)
        if left == 3:
            await self.subscribed.wait()
        elif left == 2:
            await self.answered.wait()
        for _ in range(5):  # it takes a while
            await trio.lowlevel.checkpoint()
        return self.received.pop(0)

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("messages", [1, 3], ids=["room", "full inbox"])
def test_the_last_frames_are_read_when_a_stream_is_broken(messages: int) -> None:
    """Also if the inbox is full, so that nothing is read otherwise."""
    received = trio.Event()

    class Observer(stomp_trio.Listener):
        def frame_received(self, event: Any) -> None:
            if event.command == "MESSAGE":
                received.set()

    async def main(world: AsyncWorld) -> None:
        async def dial(endpoint: Any) -> Any:
            return Closing(messages)

        async with world.connect(
            dial,
            heart_beat=(0, 0),
            close_timeout=0.1,
            buffer_size=10_000,
            listener=Observer(),
            reconnect=Reconnect.never(),
        ) as conn:
            await conn.subscribe("/q", id="s", receipt=False)
            await received.wait()
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(StompError, match="out of order"):
                await send_until_it_fails(conn)

    async def send_until_it_fails(conn: Any) -> None:
        while True:  # without a receipt, for which it would read
            await conn.send("/queue/a", "x")
            await trio.testing.wait_all_tasks_blocked()

    InTrio().run(main)


def test_a_dialler_with_a_nursery_may_be_cancelled() -> None:
    """Its tasks fail when they are cancelled, so it raises a group of cancellations and others."""

    async def main(world: AsyncWorld) -> None:
        async def fail_when_cancelled() -> None:
            try:
                await trio.sleep(HANGS)
            finally:
                raise ValueError("in the middle of cancelling")

        async def dial(endpoint: Any) -> Any:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fail_when_cancelled)
                await trio.sleep(HANGS)

        assert "within 0.1 s" in await fails(world, dial, connect_timeout=0.1)

    InTrio().run(main)


# ---------------------------------------------------------------------- our own


def test_local_address_is_where_connections_come_from(world: AsyncWorld) -> None:
    async def main(world: AsyncWorld) -> None:
        with pytest.raises(ConnectFailed):
            async with world.module.connect(url, local_address="127.0.0.5"):
                pass
        with pytest.raises(ConnectFailed, match=r"assign|incompatible"):
            async with world.module.connect(url, local_address="192.0.2.1"):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"stomp://127.0.0.1:{listener.getsockname()[1]}"

        def accept() -> str:
            sock, address = listener.accept()
            sock.close()
            return str(address[0])

        with ThreadPoolExecutor() as pool:
            accepted = pool.submit(accept)
            world.run(main)
            assert accepted.result(HANGS) == "127.0.0.5"


def test_only_addresses_of_the_family_of_local_address_are_tried(world: AsyncWorld) -> None:
    async def main(world: AsyncWorld) -> None:
        url = broker.url.replace("127.0.0.1", "localhost")  # often ::1 as well
        async with world.module.connect(url, local_address="127.0.0.1") as conn:
            await conn.send("/queue/a", "x", receipt=True)
        with pytest.raises(ConnectFailed, match="local_address"):
            async with world.module.connect(broker.url, local_address="::1"):
                pass

    with Broker() as broker:
        world.run(main)
