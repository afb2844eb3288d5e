"""examples/dial_asyncio.py and examples/dial_trio.py: each transport with heart-beats, a cut, and a new connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import stomp_asyncio
from stomp_core import StompError
from stomp_core.session import Reconnect
from tests.certificates import Certificates
from tests.heart_beats import BeatingBroker
from tests.waiting import HANGS

from .dialling import EXAMPLES, SerialServer, load_example, netcat

trio = pytest.importorskip("trio", reason='pip install "stomp-core[trio]"')
stomp_trio = pytest.importorskip("stomp_trio")


for_asyncio = load_example("dial_asyncio")
for_trio = load_example("dial_trio")

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]


async def story(
    connect: Callable[..., Any], url: str, in_thread: InThread, broker: BeatingBroker, **options: Any
) -> None:
    """Send 300 kB, be silent while heart-beats flow, lose the connection, and send again on the next one."""
    soon = Reconnect(first_delay=0.01, max_delay=0.05)
    options |= broker.beats.client_options()
    async with connect(url, "guest", "guest", reconnect=soon, **options) as conn:
        first = broker.connections[0].session
        await conn.send("/queue/a", b"x" * 300_000, receipt=True)
        await in_thread(broker.beats.wait)
        assert [client.session for client in broker.connections] == [first]
        await in_thread(broker.drop_connections)
        confirmed = False
        while not confirmed:
            with contextlib.suppress(StompError):
                confirmed = await conn.send("/queue/a", "again", receipt=True, timeout=2) or True
        assert [client.session for client in broker.connections if client.version] != [first]
    assert broker.messages("/queue/a")[0] == b"x" * 300_000
    assert broker.messages("/queue/a")[-1] == b"again"


def run_asyncio(broker: BeatingBroker, url: str, dial: Callable[..., Any], **options: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(HANGS):
            await story(stomp_asyncio.connect, url, asyncio.to_thread, broker, dial=dial, **options)

    asyncio.run(main())


def run_trio(broker: BeatingBroker, url: str, dial: Callable[..., Any], **options: Any) -> None:
    async def main() -> None:
        with trio.fail_after(HANGS):
            await story(stomp_trio.connect, url, trio.to_thread.run_sync, broker, dial=dial, **options)

    trio.run(main)


# ---------------------------------------------------------------------- a serial line


def test_a_serial_line_in_asyncio(broker: BeatingBroker) -> None:
    with SerialServer(broker.port) as server:
        run_asyncio(broker, f"serial://{server.device}", for_asyncio.serial_line)


def test_a_serial_line_in_trio(broker: BeatingBroker) -> None:
    with SerialServer(broker.port) as server:
        run_trio(broker, f"serial://{server.device}", for_trio.serial_line)


# ---------------------------------------------------------------------- the pipes of a program


def test_the_pipes_of_a_program_in_asyncio(broker: BeatingBroker) -> None:
    run_asyncio(broker, "program://netcat", for_asyncio.program(*netcat("127.0.0.1", broker.port)))


def test_the_pipes_of_a_program_in_trio(broker: BeatingBroker) -> None:
    run_trio(broker, "program://netcat", for_trio.program(*netcat("127.0.0.1", broker.port)))


def test_a_program_that_does_not_exist(broker: BeatingBroker) -> None:
    with pytest.raises(OSError, match="no-such-program"):
        run_asyncio(broker, "program://nothing", for_asyncio.program("no-such-program"))
    with pytest.raises(OSError, match="no-such-program"):
        run_trio(broker, "program://nothing", for_trio.program("no-such-program"))


# ---------------------------------------------------------------------- a pair in memory


class Bridge(asyncio.Protocol):
    """The server of a pair in memory: it passes everything to a TCP port and back."""

    def __init__(self, port: int, peer: Bridge | None = None) -> None:
        self.port = port
        self.peer = peer
        self.early: list[bytes] = []
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        if self.peer is None:
            self.peer = peer = Bridge(self.port, self)
            loop = asyncio.get_running_loop()
            self.task = loop.create_task(loop.create_connection(lambda: peer, "127.0.0.1", self.port))
        else:
            for data in self.peer.early:
                transport.write(data)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        assert self.peer is not None
        if self.peer.transport is None:
            self.early.append(data)
        else:
            self.peer.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.close()


def test_a_pair_in_memory_in_asyncio(broker: BeatingBroker, tls_certs: Certificates) -> None:
    run_asyncio(broker, "memory://", for_asyncio.memory(lambda: Bridge(broker.port)))
    secure = for_asyncio.memory(lambda: Bridge(broker.tls_port))
    run_asyncio(broker, "stomp+ssl://localhost", secure, ca_file=str(tls_certs.ca))


async def pump(source: Any, target: Any) -> None:
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        async for data in source:
            await target.send_all(data)
    await target.aclose()
    await source.aclose()


def test_a_pair_in_memory_in_trio(broker: BeatingBroker, tls_certs: Certificates) -> None:
    for port, url in (broker.port, "memory://"), (broker.tls_port, "stomp+ssl://localhost"):

        async def bridge(stream: Any, port: int = port) -> None:
            peer = await trio.open_tcp_stream("127.0.0.1", port)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pump, peer, stream)
                nursery.start_soon(pump, stream, peer)

        def accept(stream: Any, bridge: Any = bridge) -> None:
            trio.lowlevel.spawn_system_task(bridge, stream)

        run_trio(
            broker,
            url,
            for_trio.memory(accept),
            **({"ca_file": str(tls_certs.ca)} if url != "memory://" else {}),
        )


def test_no_dialler_needs_more_than_30_lines() -> None:
    """The lines of a dialler and its classes, but for blank ones, docstrings and the types of arguments."""
    for name in "dial_asyncio.py", "dial_trio.py":
        for definition in (EXAMPLES / name).read_text().split("\n\n\n")[1:]:
            lines = [
                line
                for line in definition.splitlines()
                if line.strip() and not line.startswith(("#", "    def"))
            ]
            assert len(lines) <= 30, definition
