"""The blocking API: Connection, Subscription, Transaction, Pipeline and Message, over any engine that can wait.

An engine drives the session, in threads or greenlets, and knows how a caller waits (:class:`BlockingEngine`). Nothing
here starts a thread, except for :func:`run_in_threads`.

Who holds what. The connection and everything that it has handed out hold the engine, and the engine must not be held
by its session: then a connection that nobody closes can be collected once nobody uses anything of it. So the session
makes messages that hold nothing (``Session(..., make_delivery=BlockingMessage)``), and they are given the engine when
they are handed out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, Final, Never, ParamSpec, Protocol, Self, TypeVar, cast

from .._arguments import check_seconds
from .._callbacks import check_result
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
from ._handlers import check_blocking_handler
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
    "BlockingConnection",
    "BlockingEngine",
    "BlockingMessage",
    "BlockingPipeline",
    "BlockingSubscription",
    "BlockingTransaction",
    "WaitTimeout",
    "run_in_threads",
]

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
U = TypeVar("U")


class WaitTimeout(TimeoutError):
    """A wait of a :class:`BlockingEngine` has ended without an outcome.

    It is a class of its own because a signal handler that interrupts the wait may raise another TimeoutError.
    """


class BlockingEngine(Protocol):
    """Drives a session for callers that block. All methods may be called from any thread.

    Attributes:
        session: the session, made with ``make_delivery=BlockingMessage``.
    """

    session: Session

    def call(self, operation: Callable[..., Pending[T]], subject: object, /, *args: Any, **kwargs: Any) -> T:
        """Call ``operation(subject, now, *args, **kwargs)``, write what it has sent, and wait for its outcome.

        Args:
            operation: a method of the session or of one of its handles.
            subject: what it is a method of.
            args: its arguments after ``now``.
            kwargs: its keyword arguments.

        Returns:
            The outcome.

        Raises:
            Exception: what the operation raised, or its outcome.
        """
        ...

    def call_delayed(
        self, operation: Callable[..., Pending[T]], subject: object, /, *args: Any, **kwargs: Any
    ) -> T:
        """Do the same as :meth:`call`, but let what was sent wait for the next RECEIPT.

        When that is allowed, :meth:`.Session.may_delay_writing` says.

        Args:
            operation: a method of the session or of one of its handles.
            subject: what it is a method of.
            args: its arguments after ``now``.
            kwargs: its keyword arguments.

        Returns:
            The outcome.

        Raises:
            Exception: what the operation raised, or its outcome.
        """
        ...

    def run(self, function: Callable[[float], T]) -> T:
        """Call ``function(now)`` while nobody else uses the session, write what it has sent, and return its value.

        Args:
            function: a function of ``now``, which is seconds.

        Raises:
            Exception: what ``function`` raised.
        """
        ...

    def wait(self, pending: Pending[T], timeout: float | None = None) -> T:
        """Wait for an outcome, and return it or raise it.

        Args:
            pending: the outcome to wait for.
            timeout: seconds to wait; ``None`` waits for as long as it takes.

        Raises:
            WaitTimeout: it is not known in time. The Pending is cancelled.
            Exception: the outcome.
        """
        ...

    def take(self, source: MessageSource, timeout: float | None = None) -> BlockingMessage | None:
        """Wait for the next message, and return it; ``None`` when its source has ended.

        An engine whose callers may be interrupted by exceptions of signal handlers puts the message back then.

        Args:
            source: where to take the message from.
            timeout: seconds to wait; ``None`` waits for as long as it takes.

        Raises:
            WaitTimeout: there is none in time.
            StompError: why the source has ended, if the caller did not end it.
        """
        ...

    def run_workers(
        self, worker: Callable[[], None], count: int, name: str, stop: Callable[[], object]
    ) -> None:
        """Run ``worker()`` in several threads, as :func:`run_in_threads` does.

        Args:
            worker: a function without arguments.
            count: how many threads.
            name: the beginning of their names.
            stop: called if an exception interrupts the caller, to let the workers end.

        Raises:
            BaseException: what a worker has raised, or what has interrupted the caller.
        """
        ...

    def start(self) -> None:
        """Begin to drive the session."""
        ...

    def join(self) -> None:
        """Wait until everything of the engine has ended: the session is closed, so it is about to."""
        ...


def run_in_threads(worker: Callable[[], None], count: int, name: str, stop: Callable[[], object]) -> None:
    """Run ``worker()`` in several threads, and return when all of them have ended.

    Args:
        worker: a function without arguments. If it raises in one thread, the others end as soon as their handlers have.
        count: how many threads.
        name: the beginning of their names.
        stop: called if an exception such as KeyboardInterrupt interrupts the caller, to let the workers end.

    Raises:
        BaseException: what a worker has raised, or what has interrupted the caller.
    """
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(count, thread_name_prefix=name) as pool:
        try:
            for done in [pool.submit(worker) for _ in range(count)]:
                done.result()
        except BaseException:
            stop()
            raise


def operation(
    method: Callable[Concatenate[S, float, P], Pending[T]],
) -> Callable[Concatenate[Wrapped[S, BlockingEngine], P], T]:
    """Lift an operation: the same, but it returns its outcome when that is known, or raises it."""

    def call(self: Wrapped[S, BlockingEngine], /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return self._engine.call(method, self._subject, *args, **kwargs)
        except TypeError:
            refuse_call(call, (self, *args), kwargs)
            raise

    describe(call, method)
    return call


def delayed_operation(
    method: Callable[Concatenate[S, float, P], Pending[T]],
) -> Callable[Concatenate[Wrapped[S, BlockingEngine], P], T]:
    """Lift an operation whose frame may wait for the next RECEIPT."""

    def call(self: Wrapped[S, BlockingEngine], /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return self._engine.call_delayed(method, self._subject, *args, **kwargs)
        except TypeError:
            refuse_call(call, (self, *args), kwargs)
            raise

    describe(call, method)
    return call


def wrap_result(
    method: Callable[Concatenate[S, float, P], Pending[T]],
    wrap: Callable[[BlockingEngine, T], U],
    *,
    returns: type | None = None,
) -> Callable[Concatenate[Wrapped[S, BlockingEngine], P], U]:
    """Lift an operation whose outcome is something of the session: ``wrap(engine, outcome)`` is returned.

    Args:
        method: the operation.
        wrap: the class of the wrapper, or a function that returns an instance of ``returns``.
        returns: see there.
    """

    def call(self: Wrapped[S, BlockingEngine], /, *args: P.args, **kwargs: P.kwargs) -> U:
        engine = self._engine
        try:
            outcome = engine.call(method, self._subject, *args, **kwargs)
        except TypeError:
            refuse_call(call, (self, *args), kwargs)
            raise
        return wrap(engine, outcome)

    describe(call, method, returns=wrap if returns is None else returns)
    return call


def _message_operation(
    method: Callable[Concatenate[Session, float, Delivery, P], Pending[None]],
) -> Callable[Concatenate[BlockingMessage, P], None]:
    """Lift an operation of the session on a message to a method of the message."""

    def call(self: BlockingMessage, /, *args: P.args, **kwargs: P.kwargs) -> None:
        engine = self._engine
        try:
            engine.call(method, engine.session, self, *args, **kwargs)
        except TypeError:
            refuse_call(call, (self, *args), kwargs)
            raise

    describe(call, method, given=("delivery",))
    return call


@export("stomp_core.adapter")
class BlockingMessage(Delivery):
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

    _engine: BlockingEngine

    ack: Final = _message_operation(Session.ack)
    nack: Final = _message_operation(Session.nack)


def _handed_out(engine: BlockingEngine, delivery: Delivery) -> BlockingMessage:
    message = cast(BlockingMessage, delivery)
    message._engine = engine
    return message


@export("stomp_core.adapter")
class BlockingTransaction(TransactionView[BlockingEngine]):
    """A transaction, made by ``begin()`` or ``transaction()``. If its connection is lost, it is lost, too."""

    send: Final = operation(Transaction.send)
    ack: Final = operation(Transaction.ack)
    nack: Final = operation(Transaction.nack)
    commit: Final = operation(Transaction.commit)
    abort: Final = operation(Transaction.abort)


@export("stomp_core.adapter")
class BlockingPipeline(PipelineView[BlockingEngine]):
    """Sends many messages, each with a receipt, and waits only while ``window`` of them are in flight.

    Made by ``pipeline()``. It is a context manager: at the end of the block every message has been confirmed, or
    :class:`.Unconfirmed` is raised and names those that have not. Messages arrive in the order in which they were sent.
    When one was not confirmed, the pipeline accepts no more.
    """

    send: Final = delayed_operation(Pipeline.send)
    drain: Final = operation(Pipeline.drain)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._subject.drains_after(error):
            self.drain()


@export("stomp_core.adapter")
class BlockingSubscription(SubscriptionView[BlockingEngine]):
    """A subscription, made by ``subscribe()``. Iterate over it to get its messages.

    Iteration waits for the next message for as long as it takes, through reconnects. It ends when the subscription or
    the connection is closed. If the subscription ends for another reason, such as a connection that is lost and not
    replaced, iteration raises that reason. A subscription is a context manager that unsubscribes at the end of the
    block.
    """

    def receive(self, timeout: float | None = None, **unknown: Never) -> BlockingMessage:
        """Return the next message, and wait for it if there is none yet.

        Args:
            timeout: seconds to wait; ``None`` waits for as long as it takes.

        Raises:
            TimeoutError: no message came in time.
            SessionClosed: the subscription or the connection was closed.
            StompError: why the subscription ended, if the caller did not end it, such as ConnectionLost.
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
        """
        # A parameter for them, and no decorator: with one, an exception of a signal handler could lose the message.
        if unknown:
            raise unknown_keywords("receive", unknown, ("timeout",))
        # A float that is right needs no call.
        if timeout is not None and (type(timeout) is not float or not timeout >= 0.0):
            timeout = check_seconds("timeout", timeout)
        try:
            message = self._next(self._subject, timeout)
        except WaitTimeout:
            assert timeout is not None
            seconds = timeout
            text = self._engine.run(lambda now: self._subject.timeout_text(seconds))
            raise TimeoutError(text) from None
        if message is None:
            raise SessionClosed(self._subject.ended_text)
        return message

    def _next(self, source: MessageSource, timeout: float | None = None) -> BlockingMessage | None:
        engine = self._engine
        message = engine.take(source, timeout)
        # Nothing is called from here on: CPython calls signal handlers after calls, and one that raises would lose it.
        if message is not None:
            message._engine = engine
        return message

    if not TYPE_CHECKING:
        __aiter__ = __anext__ = refuse_use(
            "this subscription blocks: write 'for message in subscription' without async; stomp_asyncio and stomp_trio "
            "have asynchronous ones"
        )
        __aenter__ = __aexit__ = refuse_use(
            "this subscription blocks: write 'with connection.subscribe(...)' without async"
        )
        __await__ = refuse_use("subscribe() of stomp_socket blocks, and has returned: leave out await")

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> BlockingMessage:
        message = self._next(self._subject)
        if message is None:
            raise StopIteration
        return message

    @explained
    def run(
        self,
        handler: Callable[[BlockingMessage], object],
        *,
        concurrency: int = 1,
        policy: WorkPolicy | None = None,
    ) -> None:
        """Call a handler for every message, until the subscription or the connection is closed, or :meth:`stop` called.

        When the handler returns, the message is acknowledged. When it raises, the listener's ``handler_error`` is
        called (without such a listener, the exception is logged), and the message is tried again after a pause, as
        ``policy`` says. The connection goes on.

        >>> import stomp_socket
        >>> from stomp_testing import Broker
        >>> def handle(message):
        ...     print(message.text)
        ...     subscription.stop()
        >>> with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        ...     conn.send("/queue/a", "hello")
        ...     subscription = conn.subscribe("/queue/a", ack="client-individual")
        ...     subscription.run(handle)
        hello

        Args:
            handler: a function that takes a message. Its work must be done when it returns: if it returns something to
                await, it has failed.
            concurrency: how many messages are handled at a time, each in a thread of its own.
            policy: what to do with a message after its handler; by default ``WorkPolicy()``.

        Raises:
            StompError: why the subscription ended, if the caller did not end it, such as ConnectionLost.
            Exception: what the handler raised, if ``policy`` says ``on_error="stop"``.
            TypeError: ``handler`` is not a function of one argument, or its body would never run, because it is an
                ``async`` function or has a ``yield``. Or ``concurrency`` or ``policy`` is of a wrong type. Raised
                before a message is taken.
            ValueError: ``concurrency`` is less than 1, or more than 1 with ``ack="client"``.
        """
        check_blocking_handler(handler)
        engine = self._engine
        session, subscription = engine.session, self._subject
        runner = engine.run(lambda now: HandlerRunner(session, subscription, concurrency, policy))

        def worker() -> None:
            try:
                while (message := self._next(runner)) is not None:
                    _handle(engine, runner, handler, message)
            except BaseException:
                engine.run(lambda now: runner.stop())
                raise

        try:
            engine.run_workers(
                worker, concurrency, f"worker {self.id}", lambda: engine.run(lambda now: runner.stop())
            )
        finally:
            engine.run(lambda now: runner.finish())

    def stop(self) -> None:
        """Let :meth:`run` finish the messages that it has taken, take no more, and return. A handler may call it."""
        self._engine.run(lambda now: self._subject.stop())

    unsubscribe: Final = operation(Subscription.unsubscribe)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.unsubscribe()
        except StompError:
            if error is None:
                raise


def _handle(
    engine: BlockingEngine,
    runner: HandlerRunner,
    handler: Callable[[BlockingMessage], object],
    message: BlockingMessage,
) -> None:
    try:
        with runner.handling(message):
            result = handler(message)
            if result is not None:
                check_result(result, handler, "the handler", finished=True)
    except Exception as error:
        engine.call(HandlerRunner.raised, runner, message, error)
    except BaseException:
        engine.run(lambda now: runner.interrupted(message))
        raise
    else:
        engine.call(HandlerRunner.returned, runner, message)


@export("stomp_core.adapter")
@explained
class BlockingConnection(ConnectionView[BlockingEngine]):
    """A connection to a broker, and those that replace it when it is lost. Made by ``connect()``. Thread-safe.

    Every operation returns when its outcome is known, or raises why it failed. A connection is a context manager that
    closes gracefully at the end of the block.

    Args:
        engine: drives the session. It has been started, and the session has been opened. For authors of adapters.

    Raises:
        TypeError: ``engine`` is not an engine: use ``connect(url)``.
    """

    def __init__(self, engine: BlockingEngine) -> None:
        check_engine(engine)
        super().__init__(engine, engine.session)

    send: Final = operation(Session.send)
    ack: Final = operation(Session.ack)
    nack: Final = operation(Session.nack)
    subscribe: Final = wrap_result(Session.subscribe, BlockingSubscription)
    begin: Final = wrap_result(Session.begin, BlockingTransaction)
    commit: Final = operation(Session.commit)
    abort: Final = operation(Session.abort)
    request: Final = wrap_result(Session.request, _handed_out, returns=BlockingMessage)
    send_frame: Final = operation(Session.send_frame)

    @explained
    def pipeline(self, window: int = 100) -> BlockingPipeline:
        """Return a pipeline, which sends many messages with a receipt each: ``with conn.pipeline() as pipeline``.

        >>> import stomp_socket
        >>> from stomp_testing import Broker
        >>> with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        ...     with conn.pipeline() as pipeline:
        ...         numbers = [pipeline.send("/queue/a", f"message {i}") for i in range(500)]
        ...     print(pipeline.confirmed)
        500

        Args:
            window: how many messages may be in flight at a time.

        Raises:
            TypeError: ``window`` is not a whole number.
            ValueError: ``window`` is less than 1.
        """
        return BlockingPipeline(self._engine, Pipeline(self._subject, window))

    @explained
    def transaction(
        self, id: str | None = None, *, headers: HeaderSource = (), timeout: float | None = None
    ) -> AbstractContextManager[BlockingTransaction]:
        """Return a context manager for a transaction (STOMP 1.2, "BEGIN"): ``with conn.transaction() as transaction``.

        At the end of the block the transaction is committed, and the broker's confirmation is awaited. If the block
        raises, it is aborted.

        >>> import stomp_socket
        >>> from stomp_testing import Broker
        >>> with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        ...     with conn.transaction() as transaction:
        ...         transaction.send("/queue/a", "both")
        ...         transaction.send("/queue/b", "or none")
        ...     broker.messages("/queue/b")
        [b'or none']

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
        return _transaction_block(self, id, headers, timeout)

    @explained
    def close(self, *, timeout: float | None = None) -> bool:
        """End the connection gracefully (STOMP 1.2, "DISCONNECT"). To call it again does no harm.

        Subscriptions end at once. Receipts in flight are awaited for half of the time; then DISCONNECT asks for one of
        its own. A broker that does not answer makes it return ``False``, and raises nothing.

        Args:
            timeout: seconds for all of it; by default ``close_timeout``.

        Returns:
            Whether the broker confirmed that it has processed everything.

        Raises:
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
        """
        confirmed = self._engine.call(Session.close, self._subject, timeout=timeout)
        self._engine.join()
        return confirmed

    @explained
    def disconnect(self, *, timeout: float | None = None) -> bool:
        """Do the same as :meth:`close`.

        Args:
            timeout: seconds for all of it; by default ``close_timeout``.

        Returns:
            Whether the broker confirmed that it has processed everything.

        Raises:
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
        """
        return self.close(timeout=timeout)

    if not TYPE_CHECKING:
        __aenter__ = __aexit__ = refuse_use(
            "this connection blocks: write 'with connect(...)' without async; stomp_asyncio and stomp_trio have "
            "asynchronous ones"
        )
        __await__ = refuse_use(
            "connect() of stomp_socket blocks, and has returned: leave out await, or use that of stomp_asyncio"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.note_end_of_block()
        self.close()


@contextmanager
def _transaction_block(
    connection: BlockingConnection, id: str | None, headers: HeaderSource, timeout: float | None
) -> Iterator[BlockingTransaction]:
    transaction = connection.begin(id, headers=headers, timeout=timeout)
    try:
        yield transaction
    except BaseException:
        if transaction.state is TransactionState.OPEN:
            try:
                transaction.abort()
            except StompError:
                pass  # what the block raised says more
        raise
    if transaction.state in (TransactionState.OPEN, TransactionState.LOST):
        transaction.commit()
