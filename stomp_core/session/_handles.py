"""Handles: what users hold of a subscription or a transaction. The records behind them belong to the session.

A handle shows its record and passes operations to its session. It is written against :class:`SessionOperations`, the
few operations that it needs, because the session makes the handles and so imports this module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from ..protocol import AckMode, Body, Connected, Message
from ..wire import HeaderSource
from ._delivery import Delivery, SubscriptionLike
from ._message_queue import EVENT_OVERHEAD, MessageQueue, QueueEntry
from ._pending import Pending
from ._subscriptions import SubscriptionRecord, SubscriptionState
from ._transactions import TransactionLike, TransactionRecord, TransactionState

__all__ = ["SessionOperations", "Subscription", "Transaction"]

T = TypeVar("T")
# CPython 3.11 looks up an attribute of an enum class in Python, which takes longer than all else that is done with it.
_ACTIVE = SubscriptionState.ACTIVE


class SessionOperations(Protocol):
    """The operations of a :class:`~stomp_core.Session` that handles pass on; see there."""

    def send(
        self,
        now: float,
        destination: str,
        body: Body = b"",
        *,
        content_type: str | None = None,
        headers: HeaderSource = (),
        transaction: TransactionLike | str | None = None,
        content_length: bool = True,
    ) -> Pending[None]:
        """Send a message."""
        ...

    def ack(
        self,
        now: float,
        delivery: Delivery,
        *,
        transaction: TransactionLike | str | None = None,
        headers: HeaderSource = (),
    ) -> Pending[None]:
        """Acknowledge a message."""
        ...

    def nack(
        self,
        now: float,
        delivery: Delivery,
        *,
        transaction: TransactionLike | str | None = None,
        headers: HeaderSource = (),
    ) -> Pending[None]:
        """Tell the broker that a message was not consumed."""
        ...

    def commit(
        self,
        now: float,
        transaction: TransactionLike | str,
        *,
        receipt: bool = True,
        timeout: float | None = None,
    ) -> Pending[None]:
        """Commit a transaction."""
        ...

    def abort(
        self,
        now: float,
        transaction: TransactionLike | str,
        *,
        receipt: bool = False,
        timeout: float | None = None,
    ) -> Pending[None]:
        """Abort a transaction."""
        ...

    def unsubscribe(
        self,
        now: float,
        subscription: Subscription,
        *,
        receipt: bool | None = None,
        delete: bool = False,
        timeout: float | None = None,
    ) -> Pending[None]:
        """End a subscription."""
        ...

    def take_from(self, queue: MessageQueue[T]) -> T | None:
        """Take an item from a queue of the session."""
        ...

    def put_back(self, record: SubscriptionRecord, entry: QueueEntry) -> None:
        """Put a message back that was taken from the queue of a subscription."""
        ...

    def count_unacknowledged(self, record: SubscriptionRecord) -> int:
        """Return how many messages of a subscription are not acknowledged."""
        ...

    @property
    def is_closing(self) -> bool:
        """Whether the session has ended, or is being closed."""
        ...

    @property
    def closed_text(self) -> str:
        """The text of the error of an operation after the end of the session."""
        ...

    @property
    def connected(self) -> Connected | None:
        """CONNECTED of the present connection; ``None`` while there is none."""
        ...


class Subscription:
    """One subscription, over all connections, made by :meth:`.Session.subscribe`. A handle: the session has the record.

    Args:
        session: the session that it belongs to.
        record: the session's record of it.
        make_delivery: makes what :meth:`take` returns, from the message, the subscription and the number of the
            connection.

    Attributes:
        record: for the session.
    """

    __slots__ = ("_make_delivery", "_session", "record")

    def __init__(
        self,
        session: SessionOperations,
        record: SubscriptionRecord,
        make_delivery: Callable[[Message, SubscriptionLike | None, int], Delivery],
    ) -> None:
        self._session = session
        self.record: SubscriptionRecord = record
        self._make_delivery = make_delivery

    @property
    def id(self) -> str:
        """The ``id`` header of the subscription, the same on every connection."""
        return self.record.id

    @property
    def destination(self) -> str:
        """The destination that it is subscribed to."""
        return self.record.destination

    @property
    def ack(self) -> AckMode:
        """The ack mode (STOMP 1.2, "SUBSCRIBE ack Header")."""
        return self.record.ack

    @property
    def state(self) -> SubscriptionState:
        """The state of the subscription."""
        return self.record.state

    @property
    def error(self) -> Exception | None:
        """Why the subscription ended; ``None`` as long as it has not, and if the caller ended it."""
        return self.record.error

    @property
    def dropped(self) -> int:
        """How many messages were dropped (late ones, those of a lost connection, those in the queue at the end)."""
        return self.record.dropped

    @property
    def waiting(self) -> int:
        """How many messages :meth:`take` would return at once."""
        return len(self.record.queue)

    @property
    def ended(self) -> bool:
        """Whether :meth:`take` will never return a message again."""
        return self.record.state is not _ACTIVE and not len(self.record.queue)

    def take(self) -> Delivery | None:
        """Return the next message, or ``None`` if the queue is empty; see :meth:`ready`.

        Raises:
            StompError: why the subscription has ended, if the caller did not end it. All earlier messages were taken.
        """
        record = self.record
        queue = record.queue
        # Only where reading has stopped may it go on when something is taken.
        item = self._session.take_from(queue) if queue.limit.full else queue.take()
        if item is not None:
            return self._make_delivery(item[0], self, item[1])
        if record.error is not None:
            raise record.error.with_traceback(None)
        return None

    def first(self) -> QueueEntry | None:
        """Return the entry that :meth:`take` takes next, for :meth:`put_back`; ``None`` if the queue is empty."""
        return self.record.queue.first()

    def put_back(self, entry: QueueEntry) -> None:
        """Make a message the next one again, unless it is: an exception has interrupted the caller that took it.

        With threads and signal handlers an exception may be raised between :meth:`take` and its caller. Ask for
        :meth:`first` before; nobody else may take a message in between.

        Args:
            entry: what :meth:`first` returned.
        """
        self._session.put_back(self.record, entry)

    def return_delivery(self, delivery: Delivery) -> None:
        """Make a message the next one again that was taken and that nobody handles any more.

        Args:
            delivery: the message.
        """
        size = delivery.event.frame.size + EVENT_OVERHEAD
        self.put_back(((delivery.event, delivery.connection_number), size))

    def ready(self) -> Pending[None]:
        """Return a Pending that is done when :meth:`take` may return something new, or when it has :attr:`ended`.

        It is safe to cancel.
        """
        return self.record.queue.ready()

    def changed(self) -> Pending[None]:
        """Return a Pending that is done at the next message, even if there are some, at the end, or when notified."""
        return self.record.queue.changed()

    def notify_all(self) -> None:
        """Wake everybody who waits for :meth:`ready` or :meth:`changed`."""
        self.record.queue.notify_all()

    def timeout_text(self, seconds: float) -> str:
        """Return the text of the error when no message came in time: from where, and why if that is known.

        Args:
            seconds: how many seconds the caller waited.
        """
        record, session = self.record, self._session
        text = f"no message from {record.destination} (subscription {record.id!r}) within {seconds:g} s"
        if session.connected is None:
            return f"{text}: there is no connection at the moment"
        unacknowledged = session.count_unacknowledged(record)
        prefetch = record.prefetch_sent
        if prefetch is not None and unacknowledged >= prefetch:
            are = "message is" if unacknowledged == 1 else "messages are"
            return (
                f"{text}: {unacknowledged} of prefetch={prefetch} {are} unacknowledged: the broker sends no more "
                "before message.ack()"
            )
        return text

    @property
    def ended_text(self) -> str:
        """The text of the error when a message is asked for after the end."""
        why = self._session.closed_text if self._session.is_closing else "unsubscribe() was called"
        return f"the subscription to {self.destination} has ended: {why}"

    def stop(self) -> None:
        """Let the handlers that run on the subscription finish their messages and take no more. It goes on."""
        for callback in list(self.record.stop_callbacks):
            callback()

    def add_stop_callback(self, callback: Callable[[], object]) -> None:
        """Call a function when :meth:`stop` is called.

        Args:
            callback: a function without arguments.
        """
        self.record.stop_callbacks.append(callback)

    def remove_stop_callback(self, callback: Callable[[], object]) -> None:
        """Do not call a function any more that was passed to :meth:`add_stop_callback`.

        Args:
            callback: the function.

        Raises:
            ValueError: it was not added, or was removed already.
        """
        self.record.stop_callbacks.remove(callback)

    def unsubscribe(
        self, now: float, *, receipt: bool | None = None, delete: bool = False, timeout: float | None = None
    ) -> Pending[None]:
        """End the subscription (STOMP 1.2, "UNSUBSCRIBE"). Messages that come late are dropped, and counted.

        In ``auto`` mode the messages in its queue can still be taken. In the other modes they are dropped, and the
        broker delivers them to another consumer. To end it again does nothing.

        Args:
            now: seconds of any monotonic clock.
            receipt: wait until the broker has confirmed that no more messages come. ``False``: wait only for room in
                the send queue. By default as it was given to ``subscribe()``.
            delete: delete a durable subscription at the broker. By default it goes on there, and collects messages.
            timeout: seconds to wait; by default ``receipt_timeout``. ``math.inf`` is no limit.

        Raises:
            LocalProtocolError: ``delete`` was asked for, and an UNSUBSCRIBE cannot do that at this broker (ActiveMQ
                Classic). Nothing has changed.
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
            Rejected, ReceiptTimeout: the broker answered with ERROR, or not in time. The subscription has ended anyway.
            NotSent, OutcomeUnknown: ``delete`` was asked for, and there was no connection, or the connection was lost.
        """
        return self._session.unsubscribe(now, self, receipt=receipt, delete=delete, timeout=timeout)

    def __repr__(self) -> str:
        return f"<Subscription {self.id!r} to {self.destination!r}, {self.ack}, {self.state.value}>"


class Transaction:
    """One transaction, on one connection, made by :meth:`.Session.begin`. A handle: the session has the record.

    Args:
        session: the session that it belongs to.
        record: the session's record of it.

    Attributes:
        record: for the session.
    """

    __slots__ = ("_session", "record")

    def __init__(self, session: SessionOperations, record: TransactionRecord) -> None:
        self._session = session
        self.record: TransactionRecord = record

    @property
    def id(self) -> str:
        """The ``transaction`` header of its frames."""
        return self.record.id

    @property
    def state(self) -> TransactionState:
        """The state of the transaction."""
        return self.record.state

    @property
    def connection_number(self) -> int:
        """The number of the connection that it belongs to, counted from 1."""
        return self.record.connection_number

    def send(
        self,
        now: float,
        destination: str,
        body: Body = b"",
        *,
        content_type: str | None = None,
        headers: HeaderSource = (),
        content_length: bool = True,
    ) -> Pending[None]:
        """Send a message within the transaction (STOMP 1.2, "SEND"): it is delivered when the transaction is committed.

        It has no receipt: RabbitMQ would send that only after COMMIT, whose own receipt covers it.

        Args:
            now: seconds of any monotonic clock.
            destination: where to send it, such as ``"/queue/orders"``. The syntax is the broker's own.
            body: ``bytes`` are sent as they are. A ``str`` is sent as UTF-8, with
                ``content-type:text/plain;charset=utf-8`` unless ``content_type`` or ``headers`` name another.
            content_type: the MIME type of the body. By default it is not stated for ``bytes``.
            headers: further headers, a mapping or pairs of ``str``. They must not contradict the other arguments.
            content_length: whether to send the ``content-length`` header. ActiveMQ makes a BytesMessage of a message
                that has it, and a TextMessage of one that has not.

        Raises:
            LocalProtocolError: STOMP cannot carry the message, or the transaction has ended. Nothing has changed. For
                an argument of a wrong type it is also a ``TypeError``.
            TransactionLost: the transaction was lost with its connection.
            NotSent: the message never left this process.
            SessionClosed: the connection was closed.
            ConnectionLost, ConnectFailed: the connection has ended, and is not replaced.
        """
        return self._session.send(
            now,
            destination,
            body,
            content_type=content_type,
            headers=headers,
            content_length=content_length,
            transaction=self,
        )

    def ack(self, now: float, delivery: Delivery, *, headers: HeaderSource = ()) -> Pending[None]:
        """Acknowledge a message within the transaction (STOMP 1.2, "ACK"): it counts when the transaction is committed.

        Args:
            now: seconds of any monotonic clock.
            delivery: the message, as its subscription returned it.
            headers: further headers.

        Raises:
            StaleMessageError: the message came on an earlier connection. The broker delivers it again.
            LocalProtocolError: the message cannot be acknowledged, or the transaction has ended. Nothing has changed.
            TypeError: this is not a message that a subscription returned.
            TransactionLost: the transaction was lost with its connection.
            SessionClosed: the connection was closed.
            ConnectionLost, ConnectFailed: the connection has ended, and is not replaced.
        """
        return self._session.ack(now, delivery, transaction=self, headers=headers)

    def nack(self, now: float, delivery: Delivery, *, headers: HeaderSource = ()) -> Pending[None]:
        """Tell the broker, within the transaction, that a message was not consumed (STOMP 1.2, "NACK"; 1.0 has none).

        Args:
            now: seconds of any monotonic clock.
            delivery: the message, as its subscription returned it.
            headers: further headers.

        Raises:
            StaleMessageError: the message came on an earlier connection. The broker delivers it again.
            LocalProtocolError: the message cannot be acknowledged, the transaction has ended, or the connection speaks
                1.0. Nothing has changed.
            TypeError: this is not a message that a subscription returned.
            TransactionLost: the transaction was lost with its connection.
            SessionClosed: the connection was closed.
            ConnectionLost, ConnectFailed: the connection has ended, and is not replaced.
        """
        return self._session.nack(now, delivery, transaction=self, headers=headers)

    def commit(self, now: float, *, receipt: bool = True, timeout: float | None = None) -> Pending[None]:
        """Commit the transaction (STOMP 1.2, "COMMIT").

        Args:
            now: seconds of any monotonic clock.
            receipt: wait until the broker has confirmed the COMMIT. ``False``: wait only for room in the send queue.
            timeout: seconds to wait; by default ``receipt_timeout``. ``math.inf`` is no limit.

        Raises:
            TransactionLost: the connection was lost before COMMIT left. Nothing was committed.
            TransactionInDoubt: the connection was lost after COMMIT left, or the broker did not confirm in time. Either
                everything was or will be committed, or nothing.
            Rejected: the broker answered with ERROR. Nothing was committed.
            LocalProtocolError: the transaction has ended already.
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
        """
        return self._session.commit(now, self, receipt=receipt, timeout=timeout)

    def abort(self, now: float, *, receipt: bool = False, timeout: float | None = None) -> Pending[None]:
        """Abort the transaction (STOMP 1.2, "ABORT"): nothing that was sent in it happens.

        If it was lost with its connection, it is aborted already; then this does nothing.

        Args:
            now: seconds of any monotonic clock.
            receipt: wait until the broker has confirmed the ABORT. ``False``: wait only for room in the send queue.
            timeout: seconds to wait; by default ``receipt_timeout``. ``math.inf`` is no limit.

        Raises:
            LocalProtocolError: the transaction has ended already.
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
            Rejected, ReceiptTimeout: the broker answered with ERROR, or not in time.
        """
        return self._session.abort(now, self, receipt=receipt, timeout=timeout)

    def __repr__(self) -> str:
        return f"<Transaction {self.id!r}, {self.state.value}>"
