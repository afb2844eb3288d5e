"""One scenario for every loop: what happens to a connection in its life, each step asserted.

It is a coroutine that awaits nothing but the connection, so it runs on any loop; a blocking connection goes through it
in the form of :class:`Waited`.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from stomp_core.adapter import AsyncConnection, AsyncSubscription
from stomp_core.session import ConnectFailed, NotSentInTime, Reconnect
from stomp_testing import FaultProxy
from tests.heart_beats import BeatingBroker
from tests.waiting import HANGS

BUFFER = 300_000
OPTIONS: dict[str, Any] = {"reconnect": Reconnect(first_delay=0.01, max_delay=0.05), "buffer_size": BUFFER}
#: Seconds of silence after which a peer is to be dead, where the scenario lets it be silent.
SILENCE = 0.3


@dataclass
class Scene:
    """A broker, a proxy in front of it, and the URL of the proxy."""

    broker: BeatingBroker
    proxy: FaultProxy
    url: str
    ssl_context: ssl.SSLContext | None

    @classmethod
    @contextmanager
    def open(cls, *, tls: bool) -> Iterator[Scene]:
        """Start both."""
        with BeatingBroker(tls=tls) as broker:
            upstream = broker.tls_url if tls else broker.url
            context = ssl.create_default_context(cafile=str(broker.ca_file)) if tls else None
            with FaultProxy(upstream) as proxy:
                yield cls(broker, proxy, proxy.url, context)


async def pause(idle: AsyncSubscription, seconds: float) -> None:
    """Do nothing for a while, as a user of the connection."""
    with pytest.raises(TimeoutError):
        await idle.receive(timeout=seconds)


async def scenario(connect: Callable[..., Any], scene: Scene) -> None:
    """Live the life of a connection that ``connect(url, ssl_context=..., **options)`` returns."""
    await failures(connect, scene)
    options = OPTIONS | scene.broker.beats.client_options()
    async with connect(scene.url, ssl_context=scene.ssl_context, **options) as connection:
        idle = await connection.subscribe("/queue/idle")
        await life(connection, idle, scene)
    assert connection.closed
    assert connection.session.error is None
    scene.broker.wait_until(lambda broker: not broker.connections, timeout=HANGS)
    async with connect(
        scene.url, ssl_context=scene.ssl_context, **OPTIONS | {"heart_beat": (0, 0)}
    ) as connection:
        await back_pressure_of_senders(connection, scene)
        assert await connection.close()


async def failures(connect: Callable[..., Any], scene: Scene) -> None:
    """Nobody listens; nobody answers; and with TLS, a certificate that nobody has signed."""
    never: dict[str, Any] = {"reconnect": Reconnect.never()}
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"stomp://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ConnectFailed, match="connection refused: nothing listens there"):
            await open_and_close(connect(url, ssl_context=None, **never))
    scene.proxy.stall()
    impatient = never | {"connect_timeout": 0.3, "handshake_timeout": 0.3}
    with pytest.raises(ConnectFailed, match=r"0\.3 s"):
        await open_and_close(connect(scene.url, ssl_context=scene.ssl_context, **impatient))
    scene.proxy.resume()
    if scene.ssl_context is not None:
        with pytest.raises(ConnectFailed, match=r"(?i)certificate"):
            await open_and_close(connect(scene.url, ssl_context=None, **never))


async def open_and_close(context: Any) -> None:
    """Enter a connection and leave it."""
    async with context:
        pass


async def life(connection: AsyncConnection, idle: AsyncSubscription, scene: Scene) -> None:
    """Messages, idleness, a reset, silence, a flood."""
    session = connection.session
    work = await connection.subscribe("/queue/work", ack="client-individual")
    await connection.send("/queue/work", "first", receipt=True)
    message = await work.receive(timeout=HANGS)
    assert message.text == "first"
    await message.ack(receipt=True)
    assert scene.broker.unacknowledged("/queue/work") == []

    beaten = scene.broker.beats.more(3)
    while not beaten():
        await pause(idle, 0.01)
    assert session.connection_number == 1

    scene.proxy.reset_all()
    while session.connection_number == 1:
        await pause(idle, 0.01)
    await connection.send("/queue/work", "second", receipt=True)
    await (await work.receive(timeout=HANGS)).ack(receipt=True)

    scene.proxy.stall()
    session.set_read_timeout(SILENCE)
    while session.connection_number == 2 and connection.connected:
        await pause(idle, 0.05)  # until its silence is noticed
    scene.proxy.resume()
    await connection.send("/queue/work", "third", receipt=True)
    await (await work.receive(timeout=HANGS)).ack(receipt=True)

    connected = session.connection_number
    flood = await connection.subscribe("/queue/flood")
    for number in range(60):
        scene.broker.send("/queue/flood", b"%09d" % number + bytes(50_000))
    while session.want_read:
        await pause(idle, 0.01)
    session.set_read_timeout(SILENCE)
    await pause(idle, 2 * SILENCE)
    assert not session.want_read
    assert session.buffered_size < BUFFER + 200_000, "reading did not stop"
    assert session.connection_number == connected, "it did not survive that it read nothing"
    session.set_read_timeout(HANGS)
    got = [int((await flood.receive(timeout=HANGS)).body[:9]) for _ in range(60)]
    assert got == list(range(60))

    done: list[str] = []

    async def handler(message: Any) -> None:
        done.append(message.text)
        await pause(idle, 0.001)
        if len(done) == 6:
            jobs.stop()

    jobs = await connection.subscribe("/queue/jobs", ack="client-individual")
    async with connection.pipeline() as pipeline:
        for number in range(6):
            await pipeline.send("/queue/jobs", str(number))
    await jobs.run(handler, concurrency=3)
    assert sorted(done) == list("012345")


async def back_pressure_of_senders(connection: AsyncConnection, scene: Scene) -> None:
    """A peer that does not read: sends wait, and nobody buffers what they send."""
    scene.proxy.stall()
    sent = 0
    try:
        while sent < 30:
            await connection.send("/topic/nobody", bytes(1_000_000), timeout=0.3)
            sent += 1
    except NotSentInTime:
        pass
    assert sent < 30, "somebody buffers what the peer does not read"
    scene.proxy.resume()
    await connection.send("/topic/nobody", "it goes on", receipt=True)


def run_blocking(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in which nothing really waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it has awaited something")


class Waited:
    """A blocking connection, subscription, message, pipeline, or method of them, in the form of an asynchronous one."""

    def __init__(self, blocking: Any) -> None:
        self._blocking = blocking

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._blocking, name)
        if name in ("stop", "pipeline"):
            return lambda *args, **options: Waited(value(*args, **options))
        if name == "run":
            return self._run
        return _awaitable(value) if callable(value) else value

    async def _run(self, handler: Callable[[Any], Coroutine[Any, Any, None]], **options: Any) -> None:
        self._blocking.run(lambda message: run_blocking(handler(message)), **options)

    async def __aenter__(self) -> Any:
        self._blocking.__enter__()
        return self

    async def __aexit__(self, *details: Any) -> None:
        self._blocking.__exit__(*details)


def _awaitable(method: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any, **options: Any) -> Any:
        result = method(*args, **options)
        return Waited(result) if hasattr(result, "ack") or hasattr(result, "unsubscribe") else result

    return call
