"""The whole Connection API for Twisted, for coroutines (``Deferred.fromCoroutine``).

async with connect("stomp://guest:guest@localhost:61613") as connection:
    await connection.send("/queue/a", "hello", receipt=True)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import twisted.internet.reactor
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.interfaces import IReadDescriptor, IWriteDescriptor
from zope.interface import implementer

from stomp_core.adapter import AsyncConnection, AsyncLoopEngine, ConnectContext, Line, TransportOptions
from stomp_core.session import Config, Endpoint, EndpointSource
from stomp_socket import SocketTransport

reactor: Any = twisted.internet.reactor


@implementer(IReadDescriptor, IWriteDescriptor)
class Descriptor:
    """A descriptor that the reactor watches."""

    def __init__(self, number: int, callback: Callable[[], object]) -> None:
        self.number, self.callback = number, callback

    def fileno(self) -> int:
        return self.number

    def doRead(self) -> None:  # noqa: N802
        self.callback()

    doWrite = doRead  # noqa: N815

    def connectionLost(self, reason: object) -> None:  # noqa: N802
        """The reactor stops: the transport finds out by itself."""

    def logPrefix(self) -> str:  # noqa: N802
        return "stomp"


class Event:
    """Wakes a coroutine."""

    def __init__(self) -> None:
        self.deferred: Deferred[None] = Deferred()

    def set(self) -> None:
        reactor.callLater(0, self.wake)  # not at once: the session is in the middle of something

    def wake(self) -> None:
        if not self.deferred.called:
            self.deferred.callback(None)

    async def wait(self) -> None:
        await self.deferred


class Engine(AsyncLoopEngine):
    """Drives a session in the reactor's thread."""

    def __init__(self, config: Config, options: TransportOptions) -> None:
        super().__init__(config, time.monotonic, rng=Random())
        self.options = options
        self.watched: dict[int, Descriptor] = {}

    def dial(self, line: Line, endpoint: Endpoint) -> SocketTransport:
        return SocketTransport(self, line, endpoint, self.options, self.watch)

    def watch(self, descriptor: int, read: bool, write: bool, callback: Callable[[], object]) -> None:
        watched = self.watched.setdefault(descriptor, Descriptor(descriptor, callback))
        (reactor.addReader if read else reactor.removeReader)(watched)
        (reactor.addWriter if write else reactor.removeWriter)(watched)
        if not read and not write:
            del self.watched[descriptor]

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Callable[[], object]:
        cancel: Callable[[], object] = reactor.callLater(seconds, callback).cancel
        return cancel

    def new_event(self) -> Event:
        return Event()

    async def run_workers(self, worker: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
        workers = [Deferred.fromCoroutine(worker()) for _ in range(count)]
        try:
            await gatherResults(workers, consumeErrors=True)
        except FirstError as first:
            for other in workers:
                other.cancel()
            first.subFailure.raiseException()


def connect(endpoints: EndpointSource, **options: Any) -> ConnectContext[AsyncConnection]:
    """Connect to a broker. The options are those of stomp_asyncio.connect()."""
    transport = TransportOptions.take_from(endpoints, options)
    return ConnectContext(Engine(Config(transport.endpoints, **options), transport).open())
