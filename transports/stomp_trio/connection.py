"""Connection: the session's operations, each awaiting its outcome, in trio's world."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Coroutine
from random import Random
from types import TracebackType
from typing import Any, TypeVar, Unpack

import trio

from stomp_core.session import Credentials, EndpointSource, Session, SessionOptions, check_endpoints
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

__all__ = [
    "Connecting",
    "Connection",
    "Message",
    "Opening",
    "Pipeline",
    "Subscription",
    "Transaction",
    "connect",
]

T = TypeVar("T")
_log = logging.getLogger("stomp_trio")

Pipeline = AwaitedPipeline
Transaction = AwaitedTransaction


class Subscription(AwaitedSubscription):
    __doc__ = AwaitedSubscription.__doc__

    @staticmethod
    def _log(sentence: str, error: Exception) -> None:
        _log.error("%s", sentence, exc_info=error)

    async def _within(self, timeout: float, wait: Callable[[], Coroutine[Any, Any, T]]) -> T:
        with trio.move_on_after(timeout):
            return await wait()
        raise TimeoutError(f"no message from {self.destination} within {timeout:g} s")

    async def _together(self, worker: Callable[[], Coroutine[Any, Any, None]], concurrency: int) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(concurrency):
                nursery.start_soon(worker)


class Connection(AwaitedConnection[Engine]):
    """A connection to a broker, and to those that replace it. Made by :func:`connect`; of one trio run.

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


def connect(
    endpoints: EndpointSource,
    login: str | None = None,
    passcode: str | None = None,
    *,
    ssl_context: ssl.SSLContext | None = None,
    **options: Unpack[SessionOptions],
) -> Connecting:
    """Connect to a broker: ``async with connect(...) as connection``. It closes gracefully at the end of the block.

    The block begins when the broker has answered CONNECTED. What it raises comes out as it is, in no exception group.

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
    return Connecting(Connection(endpoints, credentials, ssl_context, options))


class Connecting:
    """A connection and the nursery of its tasks, for one ``async with``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._nursery = trio.open_nursery()
        self._crash: Exception | None = None  # of the tasks, which is a mistake in this library

    async def _drive(self) -> None:
        try:
            await self._connection._engine.run()
        except Exception as error:
            self._crash = error
            raise

    async def __aenter__(self) -> Connection:
        engine = self._connection._engine
        nursery = await self._nursery.__aenter__()
        nursery.start_soon(self._drive)
        try:
            await engine.wait(self._connection.session.opened)
        except BaseException as error:
            await self._end(error)
            raise
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._connection.close()
        except trio.Cancelled as cancelled:
            if error is None:
                await self._end(cancelled)
                raise
        await self._end(error)

    async def _end(self, error: BaseException | None) -> None:
        """Wait for the tasks to end. What the block raised is the caller's, who raises it as it is.

        The nursery is told of it only if it may be what the nursery itself has cancelled the block with.
        """
        self._connection._engine.abort()
        told = error if error is not None and _is_cancelled(error) else None
        left: BaseException | None = None
        try:
            await self._nursery.__aexit__(
                None if told is None else type(told), told, None if told is None else told.__traceback__
            )
        except BaseException as raised:
            left = raised
        if self._crash is not None:
            left = self._crash
        elif left is None or error is not None:
            return
        left = _unwrapped(left)
        context = left.__context__
        try:
            raise left
        finally:
            left.__context__ = context


def _is_cancelled(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(trio.Cancelled) is not None
    return isinstance(error, trio.Cancelled)


def _unwrapped(raised: BaseException) -> BaseException:
    """What a nursery means: a lone exception is no group, and what is cancelled beside it says nothing."""
    while isinstance(raised, BaseExceptionGroup):
        found = [entry for entry in raised.exceptions if not isinstance(entry, trio.Cancelled)]
        if len(found) > 1:
            break
        raised = found[0] if found else raised.exceptions[0]
    return raised
