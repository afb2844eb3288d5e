"""Connection: the session's operations, each waiting for its outcome."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import wraps
from random import Random
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar, Unpack, cast

from stomp_core import StompError
from stomp_core import protocol as events
from stomp_core import session as core
from stomp_core.session import (
    ConnectionView,
    Credentials,
    Delivery,
    EndpointSource,
    Pending,
    PipelineView,
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

__all__ = ["Connection", "Message", "Pipeline", "Subscription", "Transaction", "connect"]

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
U = TypeVar("U")
_log = logging.getLogger("stomp_socket")


class _Bound(View[S]):
    """Something of the session, in the world of blocking calls."""

    _engine: Engine


def _operation(method: Callable[Concatenate[S, P], Pending[T]]) -> Callable[Concatenate[_Bound[S], P], T]:
    """The same operation, which returns its outcome when it is known and raises why it failed."""

    @wraps(method)
    def call(self: _Bound[S], /, *args: P.args, **kwargs: P.kwargs) -> T:
        engine = self._engine
        return engine.wait(engine.perform(lambda: method(self._subject, *args, **kwargs)))

    return call


def _giving(
    method: Callable[Concatenate[S, P], Pending[T]], give: Callable[[Engine, T], U]
) -> Callable[Concatenate[_Bound[S], P], U]:
    """An operation whose outcome is something of the session: it is given out in the world of blocking calls."""

    @wraps(method)
    def call(self: _Bound[S], /, *args: P.args, **kwargs: P.kwargs) -> U:
        engine = self._engine
        return give(engine, engine.wait(engine.perform(lambda: method(self._subject, *args, **kwargs))))

    return call


def _log_failure(sentence: str, error: Exception) -> None:
    _log.error("%s", sentence, exc_info=error)


class Message(Delivery):
    """A message that a subscription handed over; see :class:`stomp_core.session.Delivery` for what it carries."""

    __slots__ = ("_connection",)

    _connection: Connection

    def ack(
        self,
        *,
        transaction: TransactionLike | str | None = None,
        receipt: bool | str = False,
        headers: HeaderSource = (),
        timeout: float | None = None,
    ) -> None:
        """Say that this message is done with; see :meth:`stomp_core.Session.ack`."""
        self._connection.ack(self, transaction=transaction, receipt=receipt, headers=headers, timeout=timeout)

    def nack(
        self,
        *,
        transaction: TransactionLike | str | None = None,
        receipt: bool | str = False,
        headers: HeaderSource = (),
        timeout: float | None = None,
    ) -> None:
        """Say that this message was not consumed; see :meth:`stomp_core.Session.nack`."""
        self._connection.nack(
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


class Pipeline(_Bound[core.Pipeline], PipelineView):
    """Confirmed sends, many under way at a time; see :class:`stomp_core.session.Pipeline`. Made by ``pipeline()``.

    A context manager: at its end everything has been confirmed, or :class:`Unconfirmed` says what has not.
    """

    def __init__(self, engine: Engine, pipeline: core.Pipeline) -> None:
        self._engine = engine
        self._subject = pipeline

    send = _operation(core.Pipeline.send)
    drain = _operation(core.Pipeline.drain)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._subject.drains_after(error):
            self.drain()


class Subscription(_Bound[core.Subscription], SubscriptionView):
    """One subscription: iterate over it. A context manager that unsubscribes.

    Iteration waits for the next message for as long as it takes, through reconnects, and ends when the subscription or
    the connection is closed. When the connection is lost for good, it raises why.
    """

    def __init__(self, engine: Engine, subscription: core.Subscription) -> None:
        self._engine = engine
        self._subject = subscription

    def receive(self, timeout: float | None = None) -> Message:
        """The next message.

        Args:
            timeout: seconds to wait for it; ``None`` is as long as it takes.

        Raises:
            TimeoutError: none came in time.
            SessionClosed: the subscription, or the connection, was closed.
            StompError: why the subscription ended, if nobody asked for that.
        """
        message = self._next(self._subject, timeout)
        if message is None:
            raise SessionClosed(f"the subscription to {self.destination} has ended")
        return message

    def _next(self, source: core.Subscription | core.Work, timeout: float | None = None) -> Message | None:
        engine = self._engine
        while True:
            with engine.lock:
                message = source.take()
                if message is not None:
                    engine.attend()
                    return cast(Message, message)
                if source.ended:
                    return None
                arrival = source.arrival()
            engine.wait(arrival, timeout)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Message:
        message = self._next(self._subject)
        if message is None:
            raise StopIteration
        return message

    def run(
        self,
        handler: Callable[[Message], object],
        *,
        concurrency: int = 1,
        policy: WorkPolicy | None = None,
    ) -> None:
        """Call a handler for every message until the subscription or the connection is closed.

        When it returns, the message is acknowledged. When it raises, the listener's ``handler_error`` hears of it
        (if it has none, the log does), and the message is NACKed after a pause: see ``policy``. The connection
        lives on.

        Args:
            handler: takes a message.
            concurrency: how many messages are worked on at a time, each in a thread of its own if there are several.
            policy: what to do with a message after its handler; see :class:`stomp_core.session.WorkPolicy`.

        Raises:
            StompError: why the subscription ended, if nobody asked for that.
            Exception: what the handler raised, if the policy is to stop then.
            ValueError: a concurrency that is not at least 1, or above 1 in ``client`` mode.
        """
        engine = self._engine
        with engine.lock:
            work = core.Work(self._subject, concurrency, policy, _log_failure)

        def worker() -> None:
            try:
                while (message := self._next(work)) is not None:
                    _work_on(message)
            except BaseException:
                with engine.lock:
                    work.stop()
                raise

        def _work_on(message: Message) -> None:
            try:
                with work.handling(message):
                    handler(message)
            except Exception as error:
                failure = error  # which the language forgets at the end of this clause
                engine.wait(engine.perform(lambda: work.raised(message, failure)))
            else:
                engine.wait(engine.perform(lambda: work.returned(message)))

        try:
            with ThreadPoolExecutor(concurrency, thread_name_prefix=f"worker {self.id}") as pool:
                try:
                    for done in [pool.submit(worker) for _ in range(concurrency)]:
                        done.result()
                except BaseException:
                    with engine.lock:
                        work.stop()
                    raise
        finally:
            with engine.lock:
                work.finish()

    def stop(self) -> None:
        """Let :meth:`run` finish the messages that it has, take no more, and return. From any thread, or a handler."""
        with self._engine.lock:
            self._subject.stop()

    unsubscribe = _operation(core.Subscription.unsubscribe)

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


class Connection(_Bound[Session], ConnectionView):
    """A connection to a broker, and to those that replace it. Made by :func:`connect`; thread-safe.

    A context manager that closes gracefully. Every operation is that of :class:`stomp_core.Session` and returns when
    its outcome is known.
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
    subscribe = _giving(Session.subscribe, Subscription)
    begin = _giving(Session.begin, Transaction)
    commit = _operation(Session.commit)
    abort = _operation(Session.abort)
    request = _giving(Session.request, lambda _, reply: cast(Message, reply))
    send_frame = _operation(Session.send_frame)

    def pipeline(self, window: int = 100) -> Pipeline:
        """Send many messages, each confirmed, without waiting for each: ``with conn.pipeline() as pipeline``.

        Args:
            window: how many messages may be under way at a time.

        Raises:
            ValueError: a window that is not at least 1.
        """
        return Pipeline(self._engine, core.Pipeline(self._subject, window))

    @contextmanager
    def transaction(
        self, id: str | None = None, *, headers: HeaderSource = (), timeout: float | None = None
    ) -> Iterator[Transaction]:
        """Begin a transaction for the ``with`` block: committed, with a receipt, at its end; aborted if it raises.

        Args:
            id, headers, timeout: as for :meth:`begin`.

        Raises:
            TransactionLost: the connection was lost in between; nothing of it has happened.
            TransactionInDoubt: it was lost while COMMIT was on its way.
        """
        transaction = self.begin(id, headers=headers, timeout=timeout)
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

    def close(self, *, timeout: float | None = None) -> bool:
        """End the connection gracefully; see :meth:`stomp_core.Session.close`. Safe to call twice.

        Args:
            timeout: seconds; otherwise ``close_timeout``.

        Returns:
            Whether the broker confirmed that it has processed everything.
        """
        engine = self._engine
        confirmed = engine.wait(engine.perform(lambda: self._subject.close(timeout=timeout)))
        engine.join()
        return confirmed

    disconnect = close

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def connect(
    endpoints: EndpointSource,
    login: str | None = None,
    passcode: str | None = None,
    *,
    ssl_context: ssl.SSLContext | None = None,
    **options: Unpack[SessionOptions],
) -> Connection:
    """Connect to a broker, and return when it has answered CONNECTED.

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
            plaintext.
    """
    check_endpoints(endpoints, ("tcp", "unix"), ssl_context_given=ssl_context is not None)
    credentials = None if login is None and passcode is None else Credentials(login, passcode)
    connection = Connection(endpoints, credentials, ssl_context, options)
    engine = connection._engine
    engine.start()
    try:
        engine.wait(connection.session.opened)
    except BaseException:
        engine.perform(connection.session.close)
        engine.join()
        raise
    return connection
