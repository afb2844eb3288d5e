"""examples/dial_asyncio.py and examples/dial_trio.py: each transport with heart-beats, a cut, and a new connection."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import stomp_asyncio
from stomp_core import StompError
from stomp_core.session import Reconnect
from stomp_testing import Broker
from tests.certificates import Certificates

pty = pytest.importorskip("pty", reason="serial lines are tested with pseudo-terminals")
trio = pytest.importorskip("trio", reason='pip install "stomp-core[trio]"')
stomp_trio = pytest.importorskip("stomp_trio")

EXAMPLES = Path(__file__).parents[2] / "examples"
HANGS = 30.0
BEAT = 0.1  # seconds between heart-beats
SILENCE = 0.4  # seconds without a message, in which the connection would be lost without heart-beats


#: What `nc HOST PORT` does, for machines without it.
NETCAT = """
import os, socket, sys, threading
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    try:
        while data := os.read(0, 65536):
            peer.sendall(data)
    finally:
        os._exit(0)
threading.Thread(target=up, daemon=True).start()
while data := peer.recv(65536):
    os.write(1, data)
"""


def netcat(host: str, port: int) -> list[str]:
    return [sys.executable, "-c", NETCAT, host, str(port)]


def example(name: str) -> ModuleType:
    spec = spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


for_asyncio = example("dial_asyncio")
for_trio = example("dial_trio")


@pytest.fixture
def broker(tls_certs: Certificates) -> Iterator[Broker]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*tls_certs.server)
    with Broker(heart_beat=(100, 100), tls=context) as broker:
        yield broker


async def story(
    connect: Callable[..., Any], url: str, drop: Callable[[], Any], broker: Broker, **options: Any
) -> None:
    """Send 300 kB, be silent while heart-beats flow, lose the connection, and send again on the next one."""
    soon = Reconnect(first_delay=0.01, max_delay=0.05)
    async with connect(url, "guest", "guest", heart_beat=(BEAT, BEAT), reconnect=soon, **options) as conn:
        first = broker.connections[0].session
        await conn.send("/queue/a", b"x" * 300_000, receipt=True)
        async with conn.subscribe("/queue/b") as subscription:
            with pytest.raises(TimeoutError):
                await subscription.receive(timeout=SILENCE)
        assert [client.session for client in broker.connections] == [first]
        await drop()
        confirmed = False
        while not confirmed:
            with contextlib.suppress(StompError):
                confirmed = await conn.send("/queue/a", "again", receipt=True, timeout=2) or True
        assert [client.session for client in broker.connections if client.version] != [first]
    assert broker.messages("/queue/a")[0] == b"x" * 300_000
    assert broker.messages("/queue/a")[-1] == b"again"


def run_asyncio(broker: Broker, url: str, dial: Callable[..., Any], **options: Any) -> None:
    async def main() -> None:
        async def drop() -> None:
            await asyncio.to_thread(broker.drop_connections)

        async with asyncio.timeout(HANGS):
            await story(stomp_asyncio.connect, url, drop, broker, dial=dial, **options)

    asyncio.run(main())


def run_trio(broker: Broker, url: str, dial: Callable[..., Any], **options: Any) -> None:
    async def drop() -> None:
        await trio.to_thread.run_sync(broker.drop_connections)

    async def main() -> None:
        with trio.fail_after(HANGS):
            await story(stomp_trio.connect, url, drop, broker, dial=dial, **options)

    trio.run(main)


# ---------------------------------------------------------------------- a serial line


class SerialServer:
    """What is at the other end of a serial line, such as ser2net: it connects to the broker when bytes come."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._master, self._slave = pty.openpty()
        self.device = os.ttyname(self._slave)
        self._end, end = socket.socketpair()
        self._thread = threading.Thread(target=self._run, args=(end,), daemon=True)
        self._thread.start()

    def _run(self, end: socket.socket) -> None:
        peer: socket.socket | None = None
        while True:
            watched = [self._master, end] if peer is None else [self._master, end, peer]
            ready, _, _ = select.select(watched, [], [])
            if end in ready:
                break
            if self._master in ready:
                data = os.read(self._master, 65536)
                peer = peer or socket.create_connection(("127.0.0.1", self._port))
                with contextlib.suppress(OSError):
                    peer.sendall(data)
            if peer is not None and peer in ready:
                try:
                    data = peer.recv(65536)
                except OSError:
                    data = b""
                if not data:
                    peer.close()
                    peer = None
                while data:
                    data = data[os.write(self._master, data) :]
        if peer is not None:
            peer.close()
        end.close()

    def __enter__(self) -> SerialServer:
        return self

    def __exit__(self, *exception: object) -> None:
        self._end.close()
        self._thread.join(HANGS)
        os.close(self._master)
        os.close(self._slave)


def test_a_serial_line_in_asyncio(broker: Broker) -> None:
    with SerialServer(broker.port) as server:
        run_asyncio(broker, f"serial://{server.device}", for_asyncio.serial_line)


def test_a_serial_line_in_trio(broker: Broker) -> None:
    with SerialServer(broker.port) as server:
        run_trio(broker, f"serial://{server.device}", for_trio.serial_line)


# ---------------------------------------------------------------------- the pipes of a program


def test_the_pipes_of_a_program_in_asyncio(broker: Broker) -> None:
    run_asyncio(broker, "program://netcat", for_asyncio.program(*netcat("127.0.0.1", broker.port)))


def test_the_pipes_of_a_program_in_trio(broker: Broker) -> None:
    run_trio(broker, "program://netcat", for_trio.program(*netcat("127.0.0.1", broker.port)))


def test_a_program_that_does_not_exist(broker: Broker) -> None:
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


def test_a_pair_in_memory_in_asyncio(broker: Broker, tls_certs: Certificates) -> None:
    run_asyncio(broker, "memory://", for_asyncio.memory(lambda: Bridge(broker.port)))
    secure = for_asyncio.memory(lambda: Bridge(broker.tls_port))
    run_asyncio(broker, "stomp+ssl://localhost", secure, ca_file=str(tls_certs.ca))


async def pump(source: Any, target: Any) -> None:
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        async for data in source:
            await target.send_all(data)
    await target.aclose()
    await source.aclose()


def test_a_pair_in_memory_in_trio(broker: Broker, tls_certs: Certificates) -> None:
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
