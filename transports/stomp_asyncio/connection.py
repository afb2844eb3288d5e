"""Connection: the session's operations, each awaiting its outcome, in asyncio's world."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any, Self, TypeVar, Unpack

from stomp_core.session import Credentials, EndpointSource, Session, SessionOptions, Work, check_endpoints
from stomp_core.session.awaiting import (
    AwaitedConnection,
    AwaitedPipeline,
    AwaitedSubscription,
    AwaitedTransaction,
    Message,
    Opening,
    giving,
    opening,
)

from .engine import Engine

__all__ = ["Connection", "Message", "Opening", "Pipeline", "Subscription", "Transaction", "connect"]

T = TypeVar("T")
_log = logging.getLogger("stomp_asyncio")

Pipeline = AwaitedPipeline
Transaction = AwaitedTransaction


class Subscription(AwaitedSubscription):
    __doc__ = AwaitedSubscription.__doc__

    @staticmethod
    def _log(sentence: str, error: Exception) -> None:
        _log.error("%s", sentence, exc_info=error)

    async def _within(self, timeout: float, wait: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async with asyncio.timeout(timeout):
            return await wait()

    async def _together(self, worker: Callable[[], Coroutine[Any, Any, None]], concurrency: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(worker())

    async def _handle(
        self, work: Work, handler: Callable[[Message], Awaitable[object]], message: Message
    ) -> None:
        try:
            await super()._handle(work, handler, message)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # What the handler awaited was cancelled, not the handler: that fails like anything else.
            raise RuntimeError("the handler awaited something that was cancelled") from error


class Connection(AwaitedConnection[Engine]):
    """A connection to a broker, and to those that replace it. Made by :func:`connect`; of one event loop.

    An async context manager that closes gracefully. Every operation is that of :class:`stomp_core.Session` and returns
    when its outcome is known. Cancelled at any await, it stays as usable as it was.
    """

    def __init__(
        self,
        endpoints: EndpointSource,
        credentials: Credentials | None,
        ssl_context: ssl.SSLContext | None,
        options: SessionOptions,
    ) -> None:
        self._engine = Engine(
            lambda wake: self._new_session(wake, endpoints, credentials, options, Random()), ssl_context
        )
        self._subject = self._engine.session

    subscribe = opening(giving(Session.subscribe, Subscription))

    async def close(self, *, timeout: float | None = None) -> bool:
        try:
            return await super().close(timeout=timeout)
        finally:
            await self._engine.join()

    close.__doc__ = AwaitedConnection.close.__doc__

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()


def connect(
    endpoints: EndpointSource,
    login: str | None = None,
    passcode: str | None = None,
    *,
    ssl_context: ssl.SSLContext | None = None,
    **options: Unpack[SessionOptions],
) -> Opening[Connection]:
    """Connect to a broker: ``async with connect(...) as connection``, or ``connection = await connect(...)``.

    It is there when the broker has answered CONNECTED.

    Args:
        endpoints: a URL (``stomp://``, ``stomp+ssl://``, ``stomp+unix://``), or several in order of preference.
        login, passcode: credentials; otherwise those of the URL.
        ssl_context: for ``stomp+ssl://``; by default one that verifies the server's certificate and name.
        options: every other argument of :class:`stomp_core.Session`: ``host``, ``heart_beat``, ``versions``,
            ``reconnect``, ``receipt_timeout``, ...

    Raises:
        AuthenticationFailed: the broker does not let this user in.
        ConnectFailed: no endpoint could be connected to; it says why, and what to check, for each. It is also an
            :class:`OSError`.
        ValueError: an argument out of its range, a URL that cannot be read, or an ``ssl_context`` for a URL that means
            plaintext. Raised by the call itself.
    """
    check_endpoints(endpoints, ("tcp", "unix"), ssl_context_given=ssl_context is not None)
    credentials = None if login is None and passcode is None else Credentials(login, passcode)
    return Opening(_connect(endpoints, credentials, ssl_context, options))


async def _connect(
    endpoints: EndpointSource,
    credentials: Credentials | None,
    ssl_context: ssl.SSLContext | None,
    options: SessionOptions,
) -> Connection:
    connection = Connection(endpoints, credentials, ssl_context, options)
    engine = connection._engine
    engine.start()
    try:
        await engine.wait(connection.session.opened)
    except BaseException:
        engine.abort()
        await engine.join()
        raise
    return connection
