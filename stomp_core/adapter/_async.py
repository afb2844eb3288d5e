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
    """Drives a session in an event loop.

    Attributes:
        session: the session, made with ``make_delivery=AsyncMessage``.
    """

    session: Session

    def run(self, function: Callable[[float], T]) -> T:
        """Call ``function(now)``, then carry out what the driver wants, and return the function's value.

        Args:
            function: a function of ``now``, which is seconds.

        Raises:
            Exception: what ``function`` raised.
        """
        ...

    async def wait(self, pending: Pending[T], timeout: float | None = None) -> T:
        """Wait for an outcome, and return it or raise it. If the task is cancelled, cancel the Pending.

        Args:
            pending: the outcome to wait for.
            timeout: seconds to wait; ``None`` waits for as long as it takes.

        Raises:
            TimeoutError: it is not known in time. The Pending is cancelled.
            Exception: the outcome.
        """
        ...

    async def checkpoint(self) -> None:
        """Let other tasks run if they had no turn for a while. Operations call it before they do anything.

        Raises:
            RuntimeError: see :meth:`check_context`.
        """

    def check_context(self) -> None:
        """Refuse to go on in another event loop than that of the engine, unless the session has ended.

        Raises:
            RuntimeError: this is another loop.
        """

    async def run_workers(self, worker: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
        """Run ``worker()`` in several tasks, and return when all of them have ended.

        Args:
            worker: an ``async`` function without arguments.
            count: how many tasks.

        Raises:
            BaseException: what a worker has raised.
        """

    async def call_handler(
        self, handler: Callable[[AsyncMessage], Awaitable[object]], message: AsyncMessage
    ) -> None:
        """Call a user's handler, in the task of a worker.

        Args:
            handler: the handler.
            message: what to call it with.

        Raises:
            Exception: what the handler raised. So is what ends the handler but not the task, such as the cancellation
                of something that it awaits.
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
    """A message that a subscription has returned, or the reply to a request (STOMP 1.2, "MESSAGE").

    Attributes:
        body: the body, as ``bytes``. :attr:`text` is the same as ``str``.
        headers: all headers of the message.
        event: the frame as a typed event of the protocol layer.
        subscription: the subscription that it came on; ``None`` for the reply to a request.
        connection_number: the number of the connection that it came on, counted from 1. It can be acknowledged only as
            long as that connection is up.
    """

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
    """A transaction, made by ``begin()`` or ``transaction()``. If its connection is lost, it is lost, too."""

    send: Final = operation(Transaction.send)
    ack: Final = operation(Transaction.ack)
    nack: Final = operation(Transaction.nack)
    commit: Final = operation(Transaction.commit)
    abort: Final = operation(Transaction.abort)


@export("stomp_core.adapter")
class AsyncPipeline(PipelineView[AsyncEngine]):
    """Sends many messages, each with a receipt, and waits only while ``window`` of them are in flight.

    Made by ``pipeline()``. It is an async context manager: at the end of the block every message has been confirmed, or
    :class:`.Unconfirmed` is raised and names those that have not. Messages arrive in the order in which they were sent.
    When one was not confirmed, the pipeline accepts no more.
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
    """A subscription, made by ``subscribe()``. Iterate over it with ``async for`` to get its messages.

    Iteration waits for the next message for as long as it takes, through reconnects. It ends when the subscription or
    the connection is closed. If the subscription ends for another reason, such as a connection that is lost and not
    replaced, iteration raises that reason. A subscription is an async context manager that unsubscribes at the end of
    the block.
    """

    async def receive(self, timeout: float | None = None, **unknown: Never) -> AsyncMessage:
        """Return the next message, and wait for it if there is none yet.

        Args:
            timeout: seconds to wait; ``None`` waits for as long as it takes.

        Raises:
            TimeoutError: no message came in time.
            SessionClosed: the subscription or the connection was closed.
            StompError: why the subscription ended, if the caller did not end it, such as ConnectionLost.
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
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
        """Call a handler for every message, until the subscription or the connection is closed, or :meth:`stop` called.

        When the handler returns, the message is acknowledged. When it raises, the listener's ``handler_error`` is
        called (without such a listener, the exception is logged), and the message is tried again after a pause, as
        ``policy`` says. The connection goes on. If this method is cancelled, messages that were taken and not settled
        are the next ones that the subscription returns.

        Args:
            handler: an ``async`` function that takes a message, or another function that returns something to await.
            concurrency: how many messages are handled at a time, each in a task of its own.
            policy: what to do with a message after its handler; by default ``WorkPolicy()``.

        Raises:
            StompError: why the subscription ended, if the caller did not end it, such as ConnectionLost.
            Exception: what the handler raised, if ``policy`` says ``on_error="stop"``.
            TypeError: ``handler`` is not a function of one argument, or returns nothing to await; or ``concurrency`` or
                ``policy`` is of a wrong type. Raised before a message is taken, if it is known then. If it shows only
                when a plain function has returned, ``run`` ends then, and the message is acknowledged.
            ValueError: ``concurrency`` is less than 1, or more than 1 with ``ack="client"``.
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
        """Let :meth:`run` finish the messages that it has taken, take no more, and return. A handler may call it."""
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
    """A connection to a broker, and those that replace it when it is lost. Made by ``connect()``.

    Every operation returns when its outcome is known, or raises why it failed. A connection belongs to one event loop:
    in another one, operations raise RuntimeError. A task that is cancelled at any await leaves the connection as usable
    as it was. A connection is an async context manager that closes gracefully at the end of the block.

    Args:
        engine: drives the session. It has been started, and the session has been opened. For authors of adapters.

    Raises:
        TypeError: ``engine`` is not an engine: use ``connect(url)``.
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
        """Return a pipeline, which sends many messages with a receipt each: ``async with conn.pipeline() as pipeline``.

        Args:
            window: how many messages may be in flight at a time.

        Raises:
            TypeError: ``window`` is not a whole number.
            ValueError: ``window`` is less than 1.
        """
        return AsyncPipeline(self._engine, Pipeline(self._subject, window))

    @explained
    def transaction(
        self, id: str | None = None, *, headers: HeaderSource = (), timeout: float | None = None
    ) -> AbstractAsyncContextManager[AsyncTransaction]:
        """Return a context manager for a transaction (STOMP 1.2, "BEGIN"): ``async with conn.transaction() as tx``.

        At the end of the block the transaction is committed, and the broker's confirmation is awaited. If the block
        raises, it is aborted.

        Args:
            id: the ``transaction`` header; by default a generated one.
            headers: further headers of BEGIN.
            timeout: seconds to wait for a connection; by default ``receipt_timeout``. ``math.inf`` is no limit.

        Raises:
            LocalProtocolError: the id is in use. This and the other errors of ``begin()`` are raised before the block.
            TransactionLost: the connection was lost during the block. Nothing was committed.
            TransactionInDoubt: the connection was lost while COMMIT was in flight, or the broker did not confirm in
                time. Either everything was or will be committed, or nothing.
            Rejected: the broker answered COMMIT with ERROR. Nothing was committed.
        """
        return _transaction_block(self, self._engine, id, headers, timeout)

    @explained
    async def close(self, *, timeout: float | None = None) -> bool:
        """End the connection gracefully (STOMP 1.2, "DISCONNECT"). To call it again does no harm.

        Subscriptions end at once. Receipts in flight are awaited for half of the time; then DISCONNECT asks for one of
        its own. A broker that does not answer makes it return ``False``, and raises nothing. If it is cancelled, it
        ends the connection at once.

        Args:
            timeout: seconds for all of it; by default ``close_timeout``.

        Returns:
            Whether the broker confirmed that it has processed everything.

        Raises:
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
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
        """Do the same as :meth:`close`.

        Args:
            timeout: seconds for all of it; by default ``close_timeout``.

        Returns:
            Whether the broker confirmed that it has processed everything.

        Raises:
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
        """
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
