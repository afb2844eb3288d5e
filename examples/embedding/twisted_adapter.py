"""The whole Connection API for Twisted: an engine of one Protocol, for coroutines (``Deferred.fromCoroutine``).

async with connect("stomp://guest:guest@localhost:61613") as connection:
    await connection.send("/queue/a", "hello", receipt=True)
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import twisted.internet.reactor
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectionDone, DNSLookupError
from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import optionsForClientTLS
from twisted.python.failure import Failure
from zope.interface import implementer

from stomp_core.adapter import AsyncConnection, AsyncLoopEngine, ConnectContext, Line
from stomp_core.session import Config, Endpoint, EndpointSource

reactor: Any = twisted.internet.reactor


def original(error: BaseException | None) -> BaseException | None:
    """Return the exception of the standard library for one of Twisted: it decides what an error text says."""
    if isinstance(error, ConnectError) and isinstance(error.osError, int):
        return OSError(error.osError, os.strerror(error.osError))
    if isinstance(error, DNSLookupError):
        return socket.gaierror(socket.EAI_NONAME, str(error))
    return error


@implementer(IHandshakeListener, IPushProducer)
class Link(Protocol):
    """One attempt to connect, and the connection that it becomes. It is a stomp_core.adapter.Transport.

    As a producer it learns when the transport's buffer is full (64 KiB), and when it is empty again.
    """

    transport: Any = None

    def __init__(self, engine: Engine, line: Line, endpoint: Endpoint) -> None:
        self.engine, self.line, self.secure = engine, line, endpoint.secure
        self.buffer_is_full = False
        target: Any
        if endpoint.transport == "unix":
            target = UNIXClientEndpoint(reactor, endpoint.path)
        else:
            target = HostnameEndpoint(reactor, endpoint.host, endpoint.port)
        if endpoint.secure:
            target = wrapClientTLS(optionsForClientTLS(endpoint.host, engine.trust_root), target)
        self.dialling = target.connect(Factory.forProtocol(lambda: self))
        self.dialling.addErrback(lambda failure: engine.report(line.lost, original(failure.value)))

    # ------------------------------------------------------------------ what the engine calls

    def write(self, data: bytes | memoryview) -> None:
        self.transport.write(bytes(data))
        if not self.buffer_is_full:
            self.engine.report(self.line.written)

    def set_reading(self, on: bool) -> None:
        if on:
            self.transport.resumeProducing()
        else:
            self.transport.pauseProducing()

    def abort(self) -> None:
        if self.transport is None:
            self.dialling.cancel()
        else:
            self.transport.abortConnection()  # loseConnection() would wait for a peer that does not read

    # ------------------------------------------------------------------ what Twisted calls

    def connectionMade(self) -> None:  # noqa: N802
        self.transport.registerProducer(self, True)
        if not self.secure:
            self.engine.report(self.line.made)

    def handshakeCompleted(self) -> None:  # noqa: N802
        self.engine.report(self.line.made)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self.engine.report(self.line.received, data)

    def connectionLost(self, reason: Failure | None = None) -> None:  # noqa: N802
        error = reason.value if reason is not None else None
        if isinstance(error, ConnectionDone):
            self.engine.report(self.line.eof)
        self.engine.report(self.line.lost, original(error))

    def pauseProducing(self) -> None:  # noqa: N802
        self.buffer_is_full = True

    def resumeProducing(self) -> None:  # noqa: N802
        self.buffer_is_full = False
        self.engine.report(self.line.written)

    def stopProducing(self) -> None:  # noqa: N802
        """The connection is lost: connectionLost() comes."""


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

    def __init__(self, config: Config, trust_root: Any) -> None:
        super().__init__(config, time.monotonic, rng=Random())
        self.trust_root = trust_root

    def dial(self, line: Line, endpoint: Endpoint) -> Link:
        return Link(self, line, endpoint)

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


def connect(
    endpoints: EndpointSource, *, trust_root: Any = None, **options: Any
) -> ConnectContext[AsyncConnection]:
    """Connect to a broker. The options are those of stomp_core.session.Config; ``trust_root`` is Twisted's."""
    return ConnectContext(Engine(Config(endpoints, **options), trust_root).open())
