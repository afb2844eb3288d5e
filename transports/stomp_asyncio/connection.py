"""Connection: the session's operations, each awaiting its outcome."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from functools import partial, wraps
from random import Random
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, Unpack, cast

from stomp_core import StompError
from stomp_core import protocol as events
from stomp_core import session as core
from stomp_core.session import (
    ConnectionView,
    Credentials,
    Delivery,
    EndpointSource,
    Pending,
    Session,
    SessionClosed,
    SessionOptions,
    SubscriptionView,
    TransactionLike,
    TransactionState,
    TransactionView,
    View,
    WorkPolicy,
    check_endpoints,
)
from stomp_core.wire import HeaderSource

from .engine import Engine

__all__ = ["Connection", "Message", "Opening", "Subscription", "Transaction", "connect"]

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
U = TypeVar("U")
_log = logging.getLogger("stomp_asyncio")


class _Bound(View[S]):
    """Something of the session, in asyncio's world."""

    _engine: Engine


def _operation(
    method: Callable[Concatenate[S, P], Pending[T]],
) -> Callable[Concatenate[_Bound[S], P], Coroutine[Any, Any, T]]:
    """The same operation, which returns its outcome when it is known and raises why it failed."""

    @wraps(method)
    async def call(self: _Bound[S], /, *args: P.args, **kwargs: P.kwargs) -> T:
        engine = self._engine
        await engine.turn()
        return await engine.wait(engine.perform(lambda: method(self._subject, *args, **kwargs)))

    return call


def _giving(
    method: Callable[Concatenate[S, P], Pending[T]], give: Callable[[Engine, T], U]
) -> Callable[Concatenate[_Bound[S], P], Coroutine[Any, Any, U]]:
    """An operation whose outcome is something of the session: it is given out in asyncio's world."""

    @wraps(method)
    async def call(self: _Bound[S], /, *args: P.args, **kwargs: P.kwargs) -> U:
        engine = self._engine
        await engine.turn()
        return give(engine, await engine.wait(engine.perform(lambda: method(self._subject, *args, **kwargs))))

    return call


class _Entered(Protocol):
    async def __aenter__(self) -> Any: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


C = TypeVar("C", bound=_Entered)


class Opening(Generic[C]):
    """What is being opened: ``await`` it, or enter it with ``async with``, which closes it at the end."""

    __slots__ = ("_coroutine", "_opened")

    _opened: C

    def __init__(self, coroutine: Coroutine[Any, Any, C]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, C]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> C:
        self._opened = await self._coroutine
        await self._opened.__aenter__()
        return self._opened

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.__aexit__(kind, error, trace)


def _opening(
    call: Callable[Concatenate[S, P], Coroutine[Any, Any, C]],
) -> Callable[Concatenate[S, P], Opening[C]]:
    @wraps(call)
    def begin(self: S, /, *args: P.args, **kwargs: P.kwargs) -> Opening[C]:
        return Opening(call(self, *args, **kwargs))

    return begin


def _log_failure(sentence: str, error: Exception) -> None:
    _log.error("%s", sentence, exc_info=error)


class Message(Delivery):
    """A message that a subscription handed over; see :class:`stomp_core.session.Delivery` for what it carries."""

    __slots__ = ("_connection",)

    _connection: Connection

    async def ack(
        self,
        *,
        transaction: TransactionLike | str | None = None,
        receipt: bool | str = False,
        headers: HeaderSource = (),
        timeout: float | None = None,
    ) -> None:
        """Say that this message is done with; see :meth:`stomp_core.Session.ack`."""
        await self._connection.ack(
            self, transaction=transaction, receipt=receipt, headers=headers, timeout=timeout
        )

    async def nack(
        self,
        *,
        transaction: TransactionLike | str | None = None,
        receipt: bool | str = False,
        headers: HeaderSource = (),
        timeout: float | None = None,
    ) -> None:
        """Say that this message was not consumed; see :meth:`stomp_core.Session.nack`."""
        await self._connection.nack(
            self, transaction=transaction, receipt=receipt, headers=headers, timeout=timeout
        )


class Transaction(_Bound[core.Transaction], TransactionView):
    """One transaction; see :class:`stomp_core.session.Transaction`."""

    def __init__(self, engine: Engine, transaction: core.Transaction) -> None:
        self._engine = engine
        self._subject = transaction

    send = _operation(core.Transaction.send)
    ack = _operation(core.Transaction.ack)
    nack = _operation(core.Transaction.nack)
    commit = _operation(core.Transaction.commit)
    abort = _operation(core.Transaction.abort)


class Subscription(_Bound[core.Subscription], SubscriptionView):
    """One subscription: iterate over it. An async context manager that unsubscribes.

    Iteration waits for the next message for as long as it takes, through reconnects, and ends when the subscription or
    the connection is closed. When the connection is lost for good, it raises why.
    """

    def __init__(self, engine: Engine, subscription: core.Subscription) -> None:
        self._engine = engine
        self._subject = subscription

    async def receive(self, timeout: float | None = None) -> Message:
        """The next message.

        Args:
            timeout: seconds to wait for it; ``None`` is as long as it takes.

        Raises:
            TimeoutError: none came in time.
            SessionClosed: the subscription, or the connection, was closed.
            StompError: why the subscription ended, if nobody asked for that.
        """
        if timeout is None:
            message = await self._next(self._subject)
        else:
            async with asyncio.timeout(timeout):
                message = await self._next(self._subject)
        if message is None:
            raise SessionClosed(f"the subscription to {self.destination} has ended")
        return message

    async def _next(self, source: core.Subscription | core.Work) -> Message | None:
        engine = self._engine
        await engine.turn()
        while True:
            # From here to the caller nothing is awaited: what was taken is handed over.
            message = source.take()
            if message is not None:
                engine.attend()
                return cast(Message, message)
            if source.ended:
                return None
            await engine.wait(source.arrival())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        message = await self._next(self._subject)
        if message is None:
            raise StopAsyncIteration
        return message

    async def run(
        self,
        handler: Callable[[Message], Awaitable[object]],
        *,
        concurrency: int = 1,
        policy: WorkPolicy | None = None,
    ) -> None:
        """Call a handler for every message until the subscription or the connection is closed.

        When it returns, the message is acknowledged. When it raises, the listener's ``handler_error`` hears of it
        (if it has none, the log does), and the message is NACKed after a pause: see ``policy``. The connection
        lives on.

        Args:
            handler: takes a message; an ``async`` function.
            concurrency: how many messages are worked on at a time, each in a task of its own.
            policy: what to do with a message after its handler; see :class:`stomp_core.session.WorkPolicy`.

        Raises:
            StompError: why the subscription ended, if nobody asked for that.
            Exception: what the handler raised, if the policy is to stop then.
            ValueError: a concurrency that is not at least 1, or above 1 in ``client`` mode.
        """
        engine = self._engine
        work = core.Work(self._subject, concurrency, policy, _log_failure)

        async def worker() -> None:
            while (message := await self._next(work)) is not None:
                try:
                    with work.handling(message):
                        await handler(message)
                except Exception as error:
                    settle = partial(work.raised, message, error)
                except asyncio.CancelledError as error:
                    task = asyncio.current_task()
                    if task is None or task.cancelling():
                        raise
                    # What the handler awaited was cancelled, not the handler: that fails like anything else.
                    failure = RuntimeError("the handler awaited something that was cancelled")
                    failure.__cause__ = error
                    settle = partial(work.raised, message, failure)
                else:
                    settle = partial(work.returned, message)
                try:
                    # Said before anything is awaited, so that a cancelled wait loses no ACK.
                    await engine.wait(engine.perform(settle))
                except StompError as error:
                    work.stop(error)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(worker())
        finally:
            work.finish()

    def stop(self) -> None:
        """Let :meth:`run` finish the messages that it has, take no more, and return."""
        self._subject.stop()

    unsubscribe = _operation(core.Subscription.unsubscribe)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Said at once: a cancelled task may not get to say anything later.
        pending = self._engine.perform(self._subject.unsubscribe)
        try:
            await self._engine.wait(pending)
        except StompError:
            if error is None:
                raise


class Connection(_Bound[Session], ConnectionView):
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
        def deliver(event: events.Message, subscription: core.Subscription | None, number: int) -> Message:
            message = Message(event, subscription, number)
            message._connection = self
            return message

        self._engine = Engine(
            lambda wake: Session(
                endpoints, credentials, wake=wake, delivery=deliver, rng=Random(), **options
            ),
            ssl_context,
        )
        self._subject = self._engine.session

    send = _operation(Session.send)
    ack = _operation(Session.ack)
    nack = _operation(Session.nack)
    subscribe = _opening(_giving(Session.subscribe, Subscription))
    begin = _giving(Session.begin, Transaction)
    commit = _operation(Session.commit)
    abort = _operation(Session.abort)
    request = _giving(Session.request, lambda _, reply: cast(Message, reply))
    send_frame = _operation(Session.send_frame)

    @asynccontextmanager
    async def transaction(
        self, id: str | None = None, *, headers: HeaderSource = (), timeout: float | None = None
    ) -> AsyncIterator[Transaction]:
        """Begin a transaction for the block: committed, with a receipt, at its end; aborted if it raises.

        Args:
            id, headers, timeout: as for :meth:`begin`.

        Raises:
            TransactionLost: the connection was lost in between; nothing of it has happened.
            TransactionInDoubt: it was lost while COMMIT was on its way.
        """
        transaction = await self.begin(id, headers=headers, timeout=timeout)
        try:
            yield transaction
        except BaseException:
            if transaction.state is TransactionState.OPEN:
                try:
                    self._engine.perform(transaction._subject.abort)
                except StompError:
                    pass  # what the block raised says more
            raise
        if transaction.state in (TransactionState.OPEN, TransactionState.LOST):
            await transaction.commit()

    async def close(self, *, timeout: float | None = None) -> bool:
        """End the connection gracefully; see :meth:`stomp_core.Session.close`. Safe to call twice.

        Cancelled, it ends the connection at once.

        Args:
            timeout: seconds; otherwise ``close_timeout``.

        Returns:
            Whether the broker confirmed that it has processed everything.
        """
        engine = self._engine
        try:
            return await engine.wait(engine.perform(lambda: self._subject.close(timeout=timeout)))
        except BaseException:
            engine.abort()
            raise
        finally:
            await engine.join()

    disconnect = close

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
