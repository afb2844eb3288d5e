"""The asynchronous API: Connection, Subscription, Transaction, Pipeline and Message, over any engine that can wait.

An engine drives the session in an event loop and knows how a task waits there (:class:`AsyncEngine`). Nothing here
names a loop.

Cancellation. An operation is performed in one step, without an await, and then waited for. A task that is cancelled
while it waits cancels the Pending, so that what has not left is not sent; a task that is cancelled at a checkpoint has
done nothing yet. A message is taken and returned without an await in between, so none is lost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from types import TracebackType
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Final,
    Never,
    ParamSpec,
    Protocol,
    Self,
    TypeVar,
    cast,
)

from .._arguments import check_seconds
from .._hints import explained, refuse_call, unknown_keywords
from ..errors import StompError
from ..session import (
    Delivery,
    HandlerRunner,
    Pending,
    Pipeline,
    Session,
    SessionClosed,
    Subscription,
    Transaction,
    TransactionState,
    WorkPolicy,
)
from ..wire import HeaderSource
from ._connect_context import awaitable_context
from ._handlers import check_async_handler, not_awaitable
from ._wrapping import (
    ConnectionView,
    MessageSource,
    PipelineView,
    SubscriptionView,
    TransactionView,
    Wrapped,
    check_engine,
    describe,
    export,
    refuse_use,
)

__all__ = [
    "AsyncConnection",
    "AsyncEngine",
    "AsyncMessage",
    "AsyncPipeline",
    "AsyncSubscription",
    "AsyncTransaction",
]

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
U = TypeVar("U")


class AsyncEngine(Protocol):
    """What drives a session in an event loop.

    Attributes:
        session: what it drives; made with ``make_delivery=AsyncMessage``.
    """

    session: Session

    def run(self, function: Callable[[float], T]) -> T:
        """Call ``function(now)``, then carry out what the driver wants, and return the function's value."""
        ...

    async def wait(self, pending: Pending[T], timeout: float | None = None) -> T:
        """Wait for an outcome, and return it or raise it. If the task is cancelled, cancel the Pending.

        Raises:
            TimeoutError: it is not known after ``timeout`` seconds. The Pending is cancelled.
        """
        ...

    async def checkpoint(self) -> None:
        """Let other tasks run if they had no turn for a while. It is called before anything is done.

        Raises:
            RuntimeError: see :meth:`check_context`.
        """

    def check_context(self) -> None:
        """Refuse to go on in another event loop than that of the engine, unless the session has ended.

        Raises:
            RuntimeError: this is another loop.
        """

    async def run_workers(self, worker: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
        """Run ``worker()`` in ``count`` tasks, and return when all of them have ended."""

    async def call_handler(
        self, handler: Callable[[AsyncMessage], Awaitable[object]], message: AsyncMessage
    ) -> None:
        """Call a user's handler, in the task of a worker.

        What ends the handler but not the task, such as the cancellation of something that it awaits, is raised as an
        :class:`Exception`.
        """

    def abort(self) -> None:
        """End the session and its connection at once."""

    async def join(self) -> None:
        """Wait until everything of the engine has ended: the session is closed, so it is about to."""


# ------------------------------------------------------------------ lifting operations


def operation(
    method: Callable[Concatenate[S, float, P], Pending[T]],
) -> Callable[Concatenate[Wrapped[S, AsyncEngine], P], Coroutine[Any, Any, T]]:
    """Lift an operation: the same, but it returns its outcome when that is known, or raises it."""

    async def call(self: Wrapped[S, AsyncEngine], /, *args: P.args, **kwargs: P.kwargs) -> T:
        engine, subject = self._engine, self._subject
        await engine.checkpoint()
        try:
            pending = engine.run(lambda now: method(subject, now, *args, **kwargs))
        except TypeError:
            refuse_call(call, (self, *args), kwargs)
            raise
        return pending.result() if pending.done else await engine.wait(pending)

    describe(call, method)
    return call


def wrap_result(
    method: Callable[Concatenate[S, float, P], Pending[T]],
    wrap: Callable[[AsyncEngine, T], U],
    *,
    returns: type | None = None,
) -> Callable[Concatenate[Wrapped[S, AsyncEngine], P], Coroutine[Any, Any, U]]:
    """Lift an operation whose outcome is something of the session: ``wrap(engine, outcome)`` is returned.

    Args:
        method: the operation.
        wrap: the class of the wrapper, or a function that returns an instance of ``returns``.
        returns: see there.
    """
    lifted = operation(method)

    async def call(self: Wrapped[S, AsyncEngine], /, *args: P.args, **kwargs: P.kwargs) -> U:
        return wrap(self._engine, await lifted(self, *args, **kwargs))

    describe(call, method, returns=wrap if returns is None else returns)
    return call


def _message_operation(
    method: Callable[Concatenate[Session, float, Delivery, P], Pending[None]],
) -> Callable[Concatenate[AsyncMessage, P], Coroutine[Any, Any, None]]:
    """Lift an operation of the session on a message to a method of the message."""

    async def call(self: AsyncMessage, /, *args: P.args, **kwargs: P.kwargs) -> None:
        engine = self._engine
        await engine.checkpoint()
        try:
            pending = engine.run(lambda now: method(engine.session, now, self, *args, **kwargs))
        except TypeError:
            refuse_call(call, (self, *args), kwargs)
            raise
        if pending.done:
            pending.result()
        else:
            await engine.wait(pending)

    describe(call, method, given=("delivery",))
    return call


# ------------------------------------------------------------------ what users hold


@export("stomp_core.adapter")
class AsyncMessage(Delivery):
    """A message that a subscription has handed out, or the reply to a request."""

    __slots__ = ("_engine",)

    _engine: AsyncEngine

    ack: Final = _message_operation(Session.ack)
    nack: Final = _message_operation(Session.nack)


def _handed_out(engine: AsyncEngine, delivery: Delivery) -> AsyncMessage:
    message = cast(AsyncMessage, delivery)
    message._engine = engine
    return message


@export("stomp_core.adapter")
class AsyncTransaction(TransactionView[AsyncEngine]):
    """A transaction on one connection; it is lost with it. Made by ``begin()`` or ``transaction()``."""

    send: Final = operation(Transaction.send)
    ack: Final = operation(Transaction.ack)
    nack: Final = operation(Transaction.nack)
    commit: Final = operation(Transaction.commit)
    abort: Final = operation(Transaction.abort)


@export("stomp_core.adapter")
class AsyncPipeline(PipelineView[AsyncEngine]):
    """Sends messages with a receipt each, and waits only when ``window`` of them are in flight. Made by ``pipeline()``.

    The messages arrive in the order in which they were sent. When one was not confirmed, the pipeline accepts no more.
    It is an async context manager: at its end everything has been confirmed, or :class:`.Unconfirmed` says what is not.
    """

    send: Final = operation(Pipeline.send)
    drain: Final = operation(Pipeline.drain)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._subject.drains_after(error):
            await self.drain()


@export("stomp_core.adapter")
class AsyncSubscription(SubscriptionView[AsyncEngine]):
    """A subscription: iterate over it. An async context manager that unsubscribes. Made by ``subscribe()``.

    Iteration waits for the next message for as long as it takes, through reconnects, and ends when the subscription or
    the connection is closed. When the connection is lost for good, it raises why.
    """

    async def receive(self, timeout: float | None = None, **unknown: Never) -> AsyncMessage:
        """Return the next message, and wait for it if there is none.

        Args:
            timeout: seconds to wait; ``None`` is for as long as it takes.

        Raises:
            TimeoutError: none came in time.
            SessionClosed: the subscription, or the connection, was closed.
            StompError: why the subscription ended, if the user did not end it.
            TypeError, ValueError: ``timeout`` is no number of seconds.
        """
        if unknown:
            raise unknown_keywords("receive", unknown, ("timeout",))
        # A float that is right needs no call.
        if timeout is not None and (type(timeout) is not float or not timeout >= 0.0):
            timeout = check_seconds("timeout", timeout)
        message = await self._next(self._subject, timeout)
        if message is None:
            raise SessionClosed(self._subject.ended_text)
        return message

    async def _next(self, source: MessageSource, timeout: float | None = None) -> AsyncMessage | None:
        engine = self._engine
        await engine.checkpoint()
        deadline = None if timeout is None else engine.run(lambda now: now) + timeout
        while True:
            # From here to the caller nothing is awaited: a message that was taken is returned.
            delivery = source.take()
            if delivery is not None:
                return _handed_out(engine, delivery)
            if source.ended:
                return None
            ready = source.ready()
            if deadline is None:
                await engine.wait(ready)
                continue
            remaining = deadline - engine.run(lambda now: now)
            if remaining <= 0:
                assert timeout is not None
                raise TimeoutError(self._subject.timeout_text(timeout))
            try:
                await engine.wait(ready, remaining)
            except TimeoutError:
                pass  # one may have come in the same moment

    if not TYPE_CHECKING:
        __iter__ = __next__ = refuse_use(
            "this subscription is asynchronous: write 'async for message in subscription'"
        )
        __enter__ = __exit__ = refuse_use(
            "this subscription is asynchronous: write 'async with connection.subscribe(...) as subscription'"
        )

    # Iteration is not an async generator: one that is cancelled is finished, and the next message would be lost.

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AsyncMessage:
        message = await self._next(self._subject)
        if message is None:
            raise StopAsyncIteration
        return message

    @explained
    async def run(
        self,
        handler: Callable[[AsyncMessage], Awaitable[object]],
        *,
        concurrency: int = 1,
        policy: WorkPolicy | None = None,
    ) -> None:
        """Call a handler for every message until the subscription or the connection is closed.

        When it returns, the message is acknowledged. When it raises, the listener's ``handler_error`` is called (if it
        has none, the exception is logged), and the message is tried again after a pause: see ``policy``. The connection
        goes on. If this is cancelled, the messages that are not settled are taken next from the subscription.

        Args:
            handler: takes a message; an ``async`` function, or another one that returns something to await.
            concurrency: how many messages are handled at a time, each in a task of its own.
            policy: what to do with a message after its handler.

        Raises:
            StompError: why the subscription ended, if the user did not end it.
            Exception: what the handler raised, if the policy is to stop then.
            TypeError: ``handler`` is not a function of one argument; or it is certain that it returns nothing to
                await. Raised before a message is taken. A plain function of which that shows only when it has returned
                ends ``run`` then; its message, which it has handled, is acknowledged.
            ValueError: ``concurrency`` is not at least 1; or it is not 1 in ``client`` mode.
        """
        is_async = check_async_handler(handler)
        engine = self._engine
        runner = HandlerRunner(engine.session, self._subject, concurrency, policy)

        async def call_plain_function(message: AsyncMessage) -> None:
            result: object = handler(message)
            if isinstance(result, Awaitable):
                await result
            else:
                runner.stop(not_awaitable(handler, result))

        call = handler if is_async else call_plain_function

        async def worker() -> None:
            while (message := await self._next(runner)) is not None:
                try:
                    with runner.handling(message):
                        await engine.call_handler(call, message)
                except Exception as error:
                    settle = partial(runner.raised, delivery=message, error=error)
                except BaseException:
                    runner.interrupted(message)
                    raise
                else:
                    settle = partial(runner.returned, delivery=message)
                try:
                    # Sent before anything is awaited, so that a cancelled task loses no ACK.
                    pending = engine.run(settle)
                    await engine.wait(pending)
                except StompError as error:
                    runner.stop(error)

        try:
            await engine.run_workers(worker, concurrency)
        finally:
            runner.finish()

    def stop(self) -> None:
        """Let :meth:`run` finish the messages that it has, take no more, and return. A handler may call it, too."""
        self._subject.stop()

    unsubscribe: Final = operation(Subscription.unsubscribe)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Sent before anything is awaited: a cancelled task may not get to send anything later.
        self._engine.check_context()
        try:
            pending = self._engine.run(self._subject.unsubscribe)
            await self._engine.wait(pending)
        except StompError:
            if error is None:
                raise


@export("stomp_core.adapter")
@explained
class AsyncConnection(ConnectionView[AsyncEngine]):
    """A connection to a broker, and to those that replace it. It belongs to one event loop. Made by ``connect()``.

    An async context manager that closes gracefully. Every operation returns when its outcome is known. A task that is
    cancelled at any await leaves the connection as usable as it was.

    Args:
        engine: drives the session. It has been started, and the session has been opened.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        check_engine(engine)
        super().__init__(engine, engine.session)

    send: Final = operation(Session.send)
    ack: Final = operation(Session.ack)
    nack: Final = operation(Session.nack)
    subscribe: Final = awaitable_context(wrap_result(Session.subscribe, AsyncSubscription))
    begin: Final = wrap_result(Session.begin, AsyncTransaction)
    commit: Final = operation(Session.commit)
    abort: Final = operation(Session.abort)
    request: Final = wrap_result(Session.request, _handed_out, returns=AsyncMessage)
    send_frame: Final = operation(Session.send_frame)

    @explained
    def pipeline(self, window: int = 100) -> AsyncPipeline:
        """Return a pipeline, to send many messages with a receipt each: ``async with conn.pipeline() as pipeline``.

        Args:
            window: how many messages may be in flight at a time.

        Raises:
            TypeError: the window is no whole number.
            ValueError: the window is not at least 1.
        """
        return AsyncPipeline(self._engine, Pipeline(self._subject, window))

    @explained
    def transaction(
        self, id: str | None = None, *, headers: HeaderSource = (), timeout: float | None = None
    ) -> AbstractAsyncContextManager[AsyncTransaction]:
        """Begin a transaction for an ``async with`` block: committed, with a receipt, at its end; aborted if it raises.

        Args:
            id: its name on the wire; by default a generated one.
            headers: further headers of BEGIN.
            timeout: seconds to wait for a connection; by default ``receipt_timeout``.

        Raises:
            TransactionLost: the connection was lost in between; nothing of it has happened.
            TransactionInDoubt: the connection was lost while COMMIT was in flight; all or nothing has happened.
            Rejected: the broker answered COMMIT with ERROR; nothing has happened.
        """
        return _transaction_block(self, self._engine, id, headers, timeout)

    @explained
    async def close(self, *, timeout: float | None = None) -> bool:
        """End the connection gracefully (STOMP 1.2, "DISCONNECT"). To call it again does no harm.

        Subscriptions end at once. Receipts in flight get half of the time to come; then DISCONNECT asks for one of its
        own. It never fails. If it is cancelled, it ends the connection at once.

        Args:
            timeout: seconds for all of it; by default ``close_timeout``.

        Returns:
            Whether the broker confirmed that it has processed everything.
        """
        engine, session = self._engine, self._subject
        engine.check_context()
        closing = engine.run(lambda now: session.close(now, timeout=timeout))
        try:
            return await engine.wait(closing)
        except BaseException:
            engine.abort()
            raise
        finally:
            await engine.join()

    @explained
    async def disconnect(self, *, timeout: float | None = None) -> bool:
        """Do the same as :meth:`close`."""
        return await self.close(timeout=timeout)

    if not TYPE_CHECKING:
        __enter__ = __exit__ = refuse_use(
            "this connection is asynchronous: write 'async with connect(...) as connection'"
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.note_end_of_block()
        await self.close()


@asynccontextmanager
async def _transaction_block(
    connection: AsyncConnection,
    engine: AsyncEngine,
    id: str | None,
    headers: HeaderSource,
    timeout: float | None,
) -> AsyncIterator[AsyncTransaction]:
    transaction = await connection.begin(id, headers=headers, timeout=timeout)
    try:
        yield transaction
    except BaseException:
        if transaction.state is TransactionState.OPEN:
            try:
                # Sent without an await, which a cancelled task may not get through.
                engine.run(lambda now: engine.session.abort(now, transaction))
            except StompError:
                pass  # what the block raised says more
        raise
    if transaction.state in (TransactionState.OPEN, TransactionState.LOST):
        await transaction.commit()
