"""Operations: frames whose fate somebody waits for, and what each fate means for each command.

An operation is *queued*, has *left* (it is on its way, and may have arrived), and ends once: confirmed by its RECEIPT,
rejected by an ERROR, lost with its connection, late, or *withdrawn* before it left.
"""

from __future__ import annotations

from typing import Any

from ..protocol import Begin, Error, Event, Send
from ..wire import Frame
from .delivery import Delivery
from .errors import (
    NotSent,
    NotSentInTime,
    OutcomeUnknown,
    ReceiptTimeout,
    Rejected,
    TransactionInDoubt,
    TransactionLost,
)
from .pending import Pending
from .subscription import Subscription, SubscriptionState
from .transaction import Transaction, TransactionState

__all__ = [
    "Aborting",
    "Acknowledging",
    "Beginning",
    "Committing",
    "Disconnecting",
    "Operation",
    "Requesting",
    "Sending",
    "Subscribing",
    "SubscriptionWait",
    "Unsubscribing",
]


class SubscriptionWait:
    """The wait for a subscription to begin, which may span several connections.

    Args:
        pending: who waits.
        timeout: seconds until waiting ends, counted from the next time that the session is told.
        subscription: what is waited for.
    """

    __slots__ = ("pending", "subscription", "timeout")

    def __init__(self, pending: Pending[Subscription], timeout: float, subscription: Subscription) -> None:
        self.pending = pending
        self.timeout = timeout
        self.subscription = subscription

    def late(self) -> None:
        """The deadline has passed: nobody will take what comes, so it is given back."""
        self.subscription.confirming = None
        self.pending.abandon()
        what = self.pending.what
        if self.subscription.asked:
            self.pending.fail(ReceiptTimeout(f"{what} was not confirmed within {self.timeout:g} s"))
        else:
            self.pending.fail(NotSentInTime(f"{what} was not sent within {self.timeout:g} s"))


class Operation:
    """What all have in common.

    Args:
        event: the frame.
        pending: who waits for the outcome.
        receipt: the id that its RECEIPT will have; ``None``: it is done as soon as it has left, or has room.
        timeout: seconds until waiting ends, counted from the next time that the session is told.
        transaction: what it is part of, or ends.

    Attributes:
        event: ``None`` once it has left or is withdrawn: it is not said again, and its body may be large.
        left: the writer has taken it.
        withdrawn: it must not leave any more.
        number: its place among the frames of its connection; 0 while it waits for one.
    """

    __slots__ = (
        "event",
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
        event: Event,
        pending: Pending[Any],
        receipt: str | None,
        timeout: float,
        transaction: Transaction | None = None,
    ) -> None:
        self.event: Event | None = event
        self.pending = pending
        self.receipt = receipt
        self.timeout = timeout
        self.transaction = transaction
        self.left = False
        self.withdrawn = False
        self.number = 0

    @property
    def portable(self) -> bool:
        """Whether it means the same on any connection, and can be taken back without changing what follows it."""
        return False

    def accepted(self) -> None:
        """There is room to write it."""
        if self.receipt is None:
            self.confirmed()

    def leave(self) -> None:
        """The writer takes it."""
        self.left = True
        self.event = None
        if not self.pending.done:
            self.accepted()

    def withdraw(self) -> None:
        """Nobody wants it any more, and it has not left: now it never does."""
        self.withdrawn = True
        self.event = None

    def confirmed(self) -> None:
        """Its RECEIPT is here, or was not asked for."""
        self.pending.succeed(None)

    def rejected(self, error: Error) -> None:
        """The broker answered with this ERROR."""
        self.pending.fail(
            Rejected(f"{self.pending.what} was rejected by the broker: {error.description}", error)
        )

    def lost(self, reason: str, error: Error | None) -> None:
        """Its connection is gone. The transaction that it is part of knows its own fate already."""
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

    def late(self) -> None:
        """The deadline has passed."""
        if self.left:
            self.pending.fail(ReceiptTimeout(f"no receipt for {self.pending.what} within {self.timeout:g} s"))
        elif self.portable:
            self.withdraw()
            self.pending.fail(
                NotSentInTime(f"{self.pending.what} was not sent within {self.timeout:g} s, and will not be")
            )
        else:
            # To take it back would change what the frames behind it mean.
            self.pending.fail(
                ReceiptTimeout(f"{self.pending.what} still waits to be written after {self.timeout:g} s")
            )


class Sending(Operation):
    """SEND."""

    __slots__ = ()

    @property
    def portable(self) -> bool:
        """Whether it is part of no transaction."""
        return self.transaction is None


class Beginning(Operation):
    """BEGIN. It hands over its transaction as soon as it is said; there is nothing to confirm."""

    __slots__ = ()

    def __init__(self, event: Begin, pending: Pending[Transaction], timeout: float) -> None:
        super().__init__(event, pending, None, timeout)

    @property
    def portable(self) -> bool:
        """Whether it still waits for a connection: the transaction lives and dies with that."""
        return self.transaction is None

    def accepted(self) -> None:
        """The transaction is with its owner already."""


class Requesting(Operation):
    """SEND of a request. What ends it is the reply.

    Attributes:
        correlation_id: what the reply repeats.
    """

    __slots__ = ("correlation_id",)

    def __init__(self, event: Send, pending: Pending[Delivery], timeout: float, correlation_id: str) -> None:
        super().__init__(event, pending, None, timeout)
        self.correlation_id = correlation_id

    @property
    def portable(self) -> bool:
        """Always: where to reply is said anew on each connection."""
        return True

    def event_for(self, reply_to: str) -> Send:
        """The SEND that says where to reply."""
        assert self.event is not None
        frame = self.event.frame
        pairs = [
            *frame.headers.items(),
            ("reply-to", reply_to),
            ("correlation-id", self.correlation_id),
        ]
        return Send.from_frame(Frame("SEND", pairs, frame.body))

    def accepted(self) -> None:
        """The reply is what counts."""

    def lost(self, reason: str, error: Error | None) -> None:
        """The reply's queue is gone with its connection."""
        self.pending.fail(OutcomeUnknown(f"no reply to the {self.pending.what} will come: {reason}", error))

    def late(self) -> None:
        """The deadline has passed."""
        if self.left:
            self.pending.fail(
                ReceiptTimeout(f"no reply to the {self.pending.what} within {self.timeout:g} s")
            )
        else:
            super().late()


class Subscribing(Operation):
    """SUBSCRIBE. The next connection says it anew, so nobody waits for this frame, but for the subscription."""

    __slots__ = ("subscription",)

    def __init__(self, event: Event, receipt: str | None, timeout: float, subscription: Subscription) -> None:
        what = f"SUBSCRIBE to {subscription.destination}"
        super().__init__(event, Pending(what), receipt, timeout)
        self.subscription = subscription

    def leave(self) -> None:
        """The broker will hear of it."""
        self.subscription.asked = True
        super().leave()

    def confirmed(self) -> None:
        """The broker sends messages from now on."""
        super().confirmed()
        subscription = self.subscription
        subscription.proven = self.receipt is not None
        confirming, subscription.confirming = subscription.confirming, None
        if confirming is not None:
            confirming.succeed(subscription)

    def rejected(self, error: Error) -> None:
        """The broker will not have it; asking again would end every further connection too."""
        super().rejected(error)
        self.subscription._end(SubscriptionState.GONE, self.pending.exception())


class Unsubscribing(Operation):
    """UNSUBSCRIBE.

    Attributes:
        subscription: what it ends on this connection.
        deletes: whether it ends a durable one for good.
    """

    __slots__ = ("deletes", "subscription")

    def __init__(
        self,
        event: Event,
        pending: Pending[None],
        receipt: str | None,
        timeout: float,
        subscription: Subscription,
        deletes: bool,
    ) -> None:
        super().__init__(event, pending, receipt, timeout)
        self.subscription = subscription
        self.deletes = deletes

    def confirmed(self) -> None:
        """No message comes behind this receipt."""
        self.subscription._end(SubscriptionState.GONE)
        super().confirmed()

    def lost(self, reason: str, error: Error | None) -> None:
        """The subscription went with its connection, which is what was wanted, unless it was to be deleted."""
        if self.deletes:
            super().lost(reason, error)
        else:
            self.confirmed()


class Acknowledging(Operation):
    """ACK and NACK. They mean something on their own connection only."""

    __slots__ = ()


class Committing(Operation):
    """COMMIT."""

    __slots__ = ()
    transaction: Transaction

    def confirmed(self) -> None:
        """All of it has happened."""
        self.transaction.state = TransactionState.DONE
        super().confirmed()

    def rejected(self, error: Error) -> None:
        """Nothing of it has happened."""
        self.transaction.state = TransactionState.LOST
        super().rejected(error)

    def lost(self, reason: str, error: Error | None) -> None:
        """All of it or nothing: all, at most, if COMMIT had left."""
        transaction = self.transaction
        if self.left:
            transaction.state = TransactionState.IN_DOUBT
            self.pending.fail(
                TransactionInDoubt(
                    f"whether transaction {transaction.id!r} was committed is unknown: {reason} while COMMIT was under "
                    "way; it was all of it or nothing",
                    error,
                )
            )
        else:
            transaction.state = TransactionState.LOST
            self.pending.fail(
                TransactionLost(
                    f"transaction {transaction.id!r} was not committed: {reason} before COMMIT was sent"
                )
            )

    def late(self) -> None:
        """It may still happen."""
        self.transaction.state = TransactionState.IN_DOUBT
        self.pending.fail(
            TransactionInDoubt(
                f"whether transaction {self.transaction.id!r} was committed is unknown: no receipt for COMMIT within "
                f"{self.timeout:g} s; it is all of it or nothing"
            )
        )


class Aborting(Operation):
    """ABORT."""

    __slots__ = ()
    transaction: Transaction

    def confirmed(self) -> None:
        """Nothing of it has happened."""
        self.transaction.state = TransactionState.DONE
        super().confirmed()

    def rejected(self, error: Error) -> None:
        """The ERROR ends the connection, and whatever was open on it."""
        self.transaction.state = TransactionState.LOST
        super().rejected(error)

    def lost(self, reason: str, error: Error | None) -> None:
        """A broker drops what was open on a connection that is gone, which is what was wanted."""
        self.confirmed()


class Disconnecting(Operation):
    """DISCONNECT. Its RECEIPT ends the session, as anything else does that ends its connection."""

    __slots__ = ()
