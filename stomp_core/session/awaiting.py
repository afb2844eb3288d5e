"""Awaiting: a session's operations as coroutines, for the adapters of event loops, and of no loop in particular.

An adapter brings an engine, which drives the session and knows how its world waits (:class:`AwaitedEngine`), and
derives its ``Connection`` and ``Subscription`` from those here. Nothing here imports a loop, dials, reads or writes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from functools import partial, wraps
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, cast

from .. import protocol as events
from ..errors import StompError
from ..wire import HeaderSource
from .delivery import Delivery
from .endpoint import Credentials, EndpointSource
from .errors import SessionClosed
from .options import SessionOptions
from .pending import Pending
from .pipeline import Pipeline
from .reconnect import Rng
from .session import Session
from .subscription import Subscription
from .transaction import Transaction, TransactionLike, TransactionState
from .views import ConnectionView, PipelineView, SubscriptionView, TransactionView, View
from .work import Work, WorkPolicy

__all__ = [
    "AwaitedConnection",
    "AwaitedEngine",
    "AwaitedPipeline",
    "AwaitedSubscription",
    "AwaitedTransaction",
    "Bound",
    "Message",
    "Opening",
    "giving",
    "opening",
    "operation",
]

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
U = TypeVar("U")


class AwaitedEngine(Protocol):
    """What drives a session in an event loop."""

    session: Session

    def perform(self, operation: Callable[[], Pending[T]]) -> Pending[T]:
        """Call an operation of the session, and write what it said."""
        ...

    def attend(self) -> None:
        """Do what the session asked for."""

    def abort(self) -> None:
        """End the session at once, without a word."""

    async def turn(self) -> None:
        """Let the others in the loop have a turn, if they had none for a while. Called before anything is done."""

    async def wait(self, pending: Pending[T]) -> T:
        """Wait for an outcome, and return it or raise it. Cancelled, it leaves no trace but what was said."""
        ...


E = TypeVar("E", bound=AwaitedEngine)


class Bound(View[S], Generic[S, E]):
    """Something of the session, in the world of an engine."""

    _engine: E


def operation(
    method: Callable[Concatenate[S, P], Pending[T]],
) -> Callable[Concatenate[Bound[S, Any], P], Coroutine[Any, Any, T]]:
    """The same operation, which returns its outcome when it is known and raises why it failed."""

    @wraps(method)
    async def call(self: Bound[S, Any], /, *args: P.args, **kwargs: P.kwargs) -> T:
        engine: AwaitedEngine = self._engine
        await engine.turn()
        return await engine.wait(engine.perform(lambda: method(self._subject, *args, **kwargs)))

    return call


def giving(
    method: Callable[Concatenate[S, P], Pending[T]], give: Callable[[Any, T], U]
) -> Callable[Concatenate[Bound[S, Any], P], Coroutine[Any, Any, U]]:
    """An operation whose outcome is something of the session: ``give(engine, outcome)`` is what is given out."""
    call = operation(method)

    @wraps(method)
    async def call_and_give(self: Bound[S, Any], /, *args: P.args, **kwargs: P.kwargs) -> U:
        return give(self._engine, await call(self, *args, **kwargs))

    return call_and_give


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


def opening(
    call: Callable[Concatenate[S, P], Coroutine[Any, Any, C]],
) -> Callable[Concatenate[S, P], Opening[C]]:
    """The same call, whose result may be entered at once."""

    @wraps(call)
    def begin(self: S, /, *args: P.args, **kwargs: P.kwargs) -> Opening[C]:
        return Opening(call(self, *args, **kwargs))

    return begin


class Message(Delivery):
    """A message that a subscription handed over; see :class:`stomp_core.session.Delivery` for what it carries."""

    __slots__ = ("_connection",)

    _connection: AwaitedConnection[Any]

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


class AwaitedTransaction(Bound[Transaction, AwaitedEngine], TransactionView):
    """One transaction; see :class:`stomp_core.session.Transaction`."""

    def __init__(self, engine: AwaitedEngine, transaction: Transaction) -> None:
        self._engine = engine
        self._subject = transaction

    send = operation(Transaction.send)
    ack = operation(Transaction.ack)
    nack = operation(Transaction.nack)
    commit = operation(Transaction.commit)
    abort = operation(Transaction.abort)


class AwaitedPipeline(Bound[Pipeline, AwaitedEngine], PipelineView):
    """Confirmed sends, many under way at a time; see :class:`stomp_core.session.Pipeline`. Made by ``pipeline()``.

    An async context manager: at its end everything has been confirmed, or :class:`Unconfirmed` says what has not.
    """

    def __init__(self, engine: AwaitedEngine, pipeline: Pipeline) -> None:
        self._engine = engine
        self._subject = pipeline

    send = operation(Pipeline.send)
    drain = operation(Pipeline.drain)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._subject.drains_after(error):
            await self.drain()


class AwaitedSubscription(Bound[Subscription, AwaitedEngine], SubscriptionView, ABC):
    """One subscription: iterate over it. An async context manager that unsubscribes.

    Iteration waits for the next message for as long as it takes, through reconnects, and ends when the subscription or
    the connection is closed. When the connection is lost for good, it raises why.
    """

    def __init__(self, engine: AwaitedEngine, subscription: Subscription) -> None:
        self._engine = engine
        self._subject = subscription

    # ------------------------------------------------------------------ what an adapter adds

    @staticmethod
    @abstractmethod
    def _log(sentence: str, error: Exception) -> None:
        """Told of what a handler raised, if no listener is."""

    @abstractmethod
    async def _within(self, timeout: float, wait: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Wait for something, for so many seconds at most. Raises TimeoutError."""

    @abstractmethod
    async def _together(self, worker: Callable[[], Coroutine[Any, Any, None]], concurrency: int) -> None:
        """So many tasks of a worker; returns when all have ended."""

    async def _handle(
        self, work: Work, handler: Callable[[Message], Awaitable[object]], message: Message
    ) -> None:
        """Call a handler."""
        with work.handling(message):
            await handler(message)

    # ------------------------------------------------------------------ for users

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
            message = await self._within(timeout, lambda: self._next(self._subject))
        if message is None:
            raise SessionClosed(f"the subscription to {self.destination} has ended")
        return message

    async def _next(self, source: Subscription | Work) -> Message | None:
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
        work = Work(self._subject, concurrency, policy, self._log)

        async def worker() -> None:
            while (message := await self._next(work)) is not None:
                try:
                    await self._handle(work, handler, message)
                except Exception as error:
                    settle = partial(work.raised, message, error)
                else:
                    settle = partial(work.returned, message)
                try:
                    # Said before anything is awaited, so that a cancelled wait loses no ACK.
                    await engine.wait(engine.perform(settle))
                except StompError as error:
                    work.stop(error)

        try:
            await self._together(worker, concurrency)
        finally:
            work.finish()

    def stop(self) -> None:
        """Let :meth:`run` finish the messages that it has, take no more, and return."""
        self._subject.stop()

    unsubscribe = operation(Subscription.unsubscribe)

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


class AwaitedConnection(Bound[Session, E], ConnectionView):
    """A connection to a broker, and to those that replace it. An adapter adds ``subscribe`` and its life."""

    def _new_session(
        self,
        wake: Callable[[], None],
        endpoints: EndpointSource,
        credentials: Credentials | None,
        options: SessionOptions,
        rng: Rng,
    ) -> Session:
        """The session, whose messages know this connection."""

        def deliver(event: events.Message, subscription: Subscription | None, number: int) -> Message:
            message = Message(event, subscription, number)
            message._connection = self
            return message

        return Session(endpoints, credentials, wake=wake, delivery=deliver, rng=rng, **options)

    send = operation(Session.send)
    ack = operation(Session.ack)
    nack = operation(Session.nack)
    begin = giving(Session.begin, AwaitedTransaction)
    commit = operation(Session.commit)
    abort = operation(Session.abort)
    request = giving(Session.request, lambda _, reply: cast(Message, reply))
    send_frame = operation(Session.send_frame)

    def pipeline(self, window: int = 100) -> AwaitedPipeline:
        """Send many messages, each confirmed, without waiting for each: ``async with conn.pipeline() as pipeline``.

        Args:
            window: how many messages may be under way at a time.

        Raises:
            ValueError: a window that is not at least 1.
        """
        return AwaitedPipeline(self._engine, Pipeline(self._subject, window))

    @asynccontextmanager
    async def transaction(
        self, id: str | None = None, *, headers: HeaderSource = (), timeout: float | None = None
    ) -> AsyncIterator[AwaitedTransaction]:
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

    async def disconnect(self, *, timeout: float | None = None) -> bool:
        """The same as :meth:`close`."""
        return await self.close(timeout=timeout)
