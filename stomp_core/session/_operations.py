"""Operations: frames whose outcome somebody waits for, and what each outcome means for each command.

The life of an operation. It is *queued* until the driver takes its bytes, then it has *left* and is in flight: it may
have arrived. It ends once, in one of these ways:

========== ===========================================================================================
confirmed  its RECEIPT came, or it asked for none and was queued with room to spare
rejected   the broker answered it with ERROR
lost       its connection was lost before the answer
timed out  its deadline passed
withdrawn  the caller cancelled it before it left
========== ===========================================================================================

A *portable* operation means the same on every connection. If its connection is lost before it has left, it moves to the
next one. What is not portable (ACK, COMMIT, everything in a transaction) ends with its connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .._callbacks import check_result
from .._logging import log_exception
from ..protocol import Begin, Error, Event, Send
from ..wire import Frame, Headers
from ._errors import (
    NotSent,
    NotSentInTime,
    OutcomeUnknown,
    ReceiptTimeout,
    Rejected,
    TransactionInDoubt,
    TransactionLost,
)
from ._pending import Pending
from ._subscriptions import SubscriptionRecord, SubscriptionState
from ._transactions import TransactionRecord, TransactionState

__all__ = [
    "AbortOperation",
    "AckOperation",
    "BeginOperation",
    "CommitOperation",
    "DisconnectOperation",
    "Operation",
    "RequestOperation",
    "SendOperation",
    "SubscribeOperation",
    "SubscriptionWait",
    "Timed",
    "TimerCallback",
    "UnmadeSend",
    "UnsubscribeOperation",
]


class Timed(Protocol):
    """What has a deadline."""

    pending: Pending[Any]
    timeout: float

    def timed_out(self, now: float) -> None:
        """The deadline has passed."""


class UnmadeSend:
    """What a SEND outside of a transaction consists of.

    Its bytes are made of this without an event. Only if the connection is lost before it has left, or somebody is told
    of it, does anybody need one.

    Attributes:
        headers: all but ``receipt``.
        body: the bytes of the body.
        receipt: the id of its RECEIPT, if it asks for one.
        content_length: whether to write ``content-length``.
    """

    __slots__ = ("body", "content_length", "headers", "receipt")

    def __init__(self, headers: Headers, body: bytes, receipt: str | None, content_length: bool) -> None:
        self.headers = headers
        self.body = body
        self.receipt = receipt
        self.content_length = content_length

    def make(self) -> Send:
        """Make the event."""
        return Send.assemble(self.headers, self.body, self.receipt, self.content_length)


class Operation:
    """One frame and its outcome; the base of all kinds.

    Args:
        event: the frame.
        pending: settled with the outcome.
        receipt: the id of its RECEIPT; ``None``: it is done as soon as it has left, or is queued with room to spare.
        timeout: seconds until waiting for it ends.
        transaction: the transaction that it belongs to, or ends.

    Attributes:
        left: whether the driver has taken its bytes.
        withdrawn: whether it must not leave any more.
        number: its position among the frames of its connection; 0 while it waits for a connection.
    """

    __slots__ = (
        "_event",
        "left",
        "number",
        "pending",
        "receipt",
        "timeout",
        "transaction",
        "withdrawn",
    )

    def __init__(
        self,
        event: Event | UnmadeSend,
        pending: Pending[Any],
        receipt: str | None,
        timeout: float,
        transaction: TransactionRecord | None = None,
    ) -> None:
        self._event: Event | UnmadeSend | None = event
        self.pending = pending
        self.receipt = receipt
        self.timeout = timeout
        self.transaction = transaction
        self.left = False
        self.withdrawn = False
        self.number = 0

    @property
    def event(self) -> Event | None:
        """The frame; ``None`` once it has left or was withdrawn: it is not sent again, and its body may be large."""
        event = self._event
        if isinstance(event, UnmadeSend):
            event = self._event = event.make()
        return event

    @property
    def portable(self) -> bool:
        """Whether it means the same on every connection, and can be withdrawn without changing what follows it."""
        return False

    def queued(self) -> None:
        """It is in the send queue, which has room to spare."""
        if self.receipt is None:
            self.confirmed()

    def leave(self) -> None:
        """The driver takes its bytes. To call it again does no harm."""
        if self.receipt is None and not self.pending.done:
            self.queued()
        self.left = True
        self._event = None

    def withdraw(self) -> None:
        """It has not left, and must not leave any more."""
        self.withdrawn = True
        self._event = None

    def confirmed(self) -> None:
        """Its RECEIPT came, or it asked for none."""
        self.pending.succeed(None)

    def rejected(self, error: Error) -> None:
        """The broker answered it with this ERROR."""
        self.pending.fail(
            Rejected(f"{self.pending.what} was rejected by the broker: {error.description}", error)
        )

    def lost(self, reason: str, error: Error | None) -> None:
        """Its connection was lost. The state of its transaction, if any, is up to date already.

        Args:
            reason: why the connection was lost.
            error: an ERROR without receipt-id that may be the answer.
        """
        transaction = self.transaction
        if transaction is not None and transaction.state is TransactionState.LOST:
            self.pending.fail(
                TransactionLost(f"{self.pending.what} was part of transaction {transaction.id!r}: {reason}")
            )
        elif transaction is not None and transaction.state is TransactionState.IN_DOUBT:
            self.pending.fail(
                TransactionInDoubt(
                    f"{self.pending.what} was part of transaction {transaction.id!r}, and whether that was committed "
                    f"is unknown: {reason}",
                    error,
                )
            )
        elif not self.left:
            self.pending.fail(NotSent(f"{self.pending.what} was not sent: {reason}"))
        else:
            self.pending.fail(
                OutcomeUnknown(
                    f"whether the broker has done {self.pending.what} is unknown: {reason} before its receipt came",
                    error,
                )
            )

    def timed_out(self, now: float) -> None:
        """Its deadline has passed."""
        if self.left:
            self.pending.fail(ReceiptTimeout(f"no receipt for {self.pending.what} within {self.timeout:g} s"))
        elif self.portable:
            self.withdraw()
            self.pending.fail(
                NotSentInTime(f"{self.pending.what} was not sent within {self.timeout:g} s, and will not be")
            )
        else:
            # It stays in the send queue: to withdraw it would change what the frames behind it mean.
            self.pending.fail(
                ReceiptTimeout(f"{self.pending.what} still waits to be written after {self.timeout:g} s")
            )


class SendOperation(Operation):
    """SEND."""

    __slots__ = ()

    @property
    def portable(self) -> bool:
        """Whether it is not part of a transaction."""
        return self.transaction is None


class BeginOperation(Operation):
    """BEGIN. It succeeds with its transaction when it is queued: there is nothing to confirm.

    Attributes:
        record: the transaction; ``transaction`` is ``None`` until BEGIN is in the send queue.
        handle: what the caller gets.
    """

    __slots__ = ("handle", "record")

    def __init__(
        self, event: Begin, pending: Pending[Any], timeout: float, record: TransactionRecord, handle: object
    ) -> None:
        super().__init__(event, pending, None, timeout)
        self.record = record
        self.handle = handle

    @property
    def portable(self) -> bool:
        """Whether it still waits for a connection: a transaction lives on one connection only."""
        return self.transaction is None

    def queued(self) -> None:
        """Nothing: it succeeds with the transaction, once that is recorded as open."""


class RequestOperation(Operation):
    """SEND of a request. It ends with the reply.

    Attributes:
        correlation_id: the header that the reply repeats.
    """

    __slots__ = ("correlation_id",)

    def __init__(self, event: Send, pending: Pending[Any], timeout: float, correlation_id: str) -> None:
        super().__init__(event, pending, None, timeout)
        self.correlation_id = correlation_id

    @property
    def portable(self) -> bool:
        """Always: each connection gets the request with a reply queue of its own."""
        return True

    def event_for(self, reply_to: str) -> Send:
        """Return the SEND with the headers that say where to reply."""
        assert self.event is not None
        frame = self.event.frame
        pairs = [
            *frame.headers.items(),
            ("reply-to", reply_to),
            ("correlation-id", self.correlation_id),
        ]
        return Send.from_frame(Frame("SEND", pairs, frame.body))

    def queued(self) -> None:
        """Nothing: only the reply ends it."""

    def lost(self, reason: str, error: Error | None) -> None:
        """The reply queue was lost with its connection."""
        self.pending.fail(OutcomeUnknown(f"no reply to the {self.pending.what} will come: {reason}", error))

    def timed_out(self, now: float) -> None:
        """No reply came in time."""
        if self.left:
            self.pending.fail(
                ReceiptTimeout(f"no reply to the {self.pending.what} within {self.timeout:g} s")
            )
        else:
            super().timed_out(now)


class SubscribeOperation(Operation):
    """SUBSCRIBE on one connection. The caller waits for the subscription (:class:`SubscriptionWait`), not for it."""

    __slots__ = ("subscription",)

    def __init__(
        self, event: Event, receipt: str | None, timeout: float, subscription: SubscriptionRecord
    ) -> None:
        what = f"SUBSCRIBE to {subscription.destination}"
        super().__init__(event, Pending(what), receipt, timeout)
        self.subscription = subscription

    def leave(self) -> None:
        """The driver takes its bytes."""
        self.subscription.ever_left = True
        super().leave()

    def confirmed(self) -> None:
        """The broker delivers messages from now on."""
        super().confirmed()
        self.subscription.confirm(by_broker=self.receipt is not None)

    def rejected(self, error: Error) -> None:
        """The broker refuses it. To subscribe again would lose every further connection as well."""
        super().rejected(error)
        self.subscription.end(SubscriptionState.GONE, self.pending.exception())


class SubscriptionWait:
    """A caller's wait for the confirmation of a subscription, which may span several connections.

    Args:
        pending: who waits.
        timeout: seconds until waiting ends.
        subscription: what is awaited.
    """

    __slots__ = ("pending", "subscription", "timeout")

    def __init__(self, pending: Pending[Any], timeout: float, subscription: SubscriptionRecord) -> None:
        self.pending = pending
        self.timeout = timeout
        self.subscription = subscription

    def timed_out(self, now: float) -> None:
        """The deadline has passed: the subscription is ended, because nobody will take its messages."""
        self.subscription.waiter = None
        self.pending.cancel(now)
        what = self.pending.what
        if self.subscription.ever_left:
            self.pending.fail(ReceiptTimeout(f"{what} was not confirmed within {self.timeout:g} s"))
        else:
            self.pending.fail(NotSentInTime(f"{what} was not sent within {self.timeout:g} s"))


class UnsubscribeOperation(Operation):
    """UNSUBSCRIBE.

    Attributes:
        subscription: the subscription that it ends on this connection.
        deletes: whether it deletes a durable subscription at the broker.
    """

    __slots__ = ("deletes", "subscription")

    def __init__(
        self,
        event: Event,
        pending: Pending[None],
        receipt: str | None,
        timeout: float,
        subscription: SubscriptionRecord,
        deletes: bool,
    ) -> None:
        super().__init__(event, pending, receipt, timeout)
        self.subscription = subscription
        self.deletes = deletes

    def confirmed(self) -> None:
        """No message comes after this receipt."""
        self.subscription.end(SubscriptionState.GONE)
        super().confirmed()

    def lost(self, reason: str, error: Error | None) -> None:
        """The subscription ended with its connection, as the caller wants; unless it was to be deleted."""
        if self.deletes:
            super().lost(reason, error)
        else:
            self.confirmed()


class AckOperation(Operation):
    """ACK or NACK. It means something on its own connection only."""

    __slots__ = ()


class _EndOfTransaction(Operation):
    """COMMIT or ABORT.

    Attributes:
        record: the transaction that it ends, as ``transaction`` is.
    """

    __slots__ = ("record",)

    def __init__(
        self,
        event: Event,
        pending: Pending[Any],
        receipt: str | None,
        timeout: float,
        record: TransactionRecord,
    ) -> None:
        super().__init__(event, pending, receipt, timeout, record)
        self.record = record


class CommitOperation(_EndOfTransaction):
    """COMMIT."""

    __slots__ = ()

    def confirmed(self) -> None:
        """All of the transaction was committed."""
        self.record.state = TransactionState.DONE
        super().confirmed()

    def rejected(self, error: Error) -> None:
        """Nothing of it was committed."""
        self.record.state = TransactionState.LOST
        super().rejected(error)

    def lost(self, reason: str, error: Error | None) -> None:
        """All or nothing of it was committed; nothing, if COMMIT had not left."""
        record = self.record
        if self.left:
            record.state = TransactionState.IN_DOUBT
            self.pending.fail(
                TransactionInDoubt(
                    f"whether transaction {record.id!r} was committed is unknown: {reason} while COMMIT was in "
                    "flight; it was all of it or nothing",
                    error,
                )
            )
        else:
            record.state = TransactionState.LOST
            self.pending.fail(
                TransactionLost(
                    f"transaction {record.id!r} was not committed: {reason} before COMMIT was sent"
                )
            )

    def timed_out(self, now: float) -> None:
        """It may still be committed."""
        self.record.state = TransactionState.IN_DOUBT
        self.pending.fail(
            TransactionInDoubt(
                f"whether transaction {self.record.id!r} was committed is unknown: no receipt for COMMIT within "
                f"{self.timeout:g} s; it is all of it or nothing"
            )
        )


class AbortOperation(_EndOfTransaction):
    """ABORT."""

    __slots__ = ()

    def confirmed(self) -> None:
        """Nothing of the transaction was committed."""
        self.record.state = TransactionState.DONE
        super().confirmed()

    def rejected(self, error: Error) -> None:
        """The ERROR ends the connection, and every open transaction with it."""
        self.record.state = TransactionState.LOST
        super().rejected(error)

    def lost(self, reason: str, error: Error | None) -> None:
        """A broker aborts what is open when its connection ends, which is what the caller wants."""
        self.confirmed()


class DisconnectOperation(Operation):
    """DISCONNECT. Its RECEIPT ends the session, as everything does that ends its connection."""

    __slots__ = ()


class TimerCallback:
    """A function to be called at a time; see ``Session.call_later``.

    Args:
        callback: called with ``now``.
        timeout: seconds.
    """

    __slots__ = ("_callback", "pending", "timeout")

    def __init__(self, callback: Callable[[float], object], timeout: float) -> None:
        self._callback = callback
        self.pending: Pending[None] = Pending("timer")
        self.timeout = timeout

    def timed_out(self, now: float) -> None:
        """Call the function."""
        self.pending.succeed(None)
        try:
            result = self._callback(now)
            if result is not None:
                check_result(result, self._callback, "the function given to call_later()")
        except Exception as error:
            log_exception("a function given to call_later() raised", error)
