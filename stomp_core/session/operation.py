"""Operations: frames whose fate somebody waits for, and what each fate means for each command.

An operation is *queued*, has *left* (it is on its way, and may have arrived), and ends once: confirmed by its RECEIPT,
rejected by an ERROR, lost with its connection, or late.
"""

from __future__ import annotations

from typing import Any

from ..protocol import Error, Event
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
    "Committing",
    "Disconnecting",
    "Operation",
    "Sending",
    "Subscribing",
    "Unsubscribing",
    "Waiting",
]


class Waiting:
    """A wait that may span several connections, such as that for a subscription or for a transaction to begin with.

    Args:
        pending: who waits.
        timeout: seconds until waiting ends, counted from the next time that the session is told.
    """

    __slots__ = ("pending", "timeout")

    def __init__(self, pending: Pending[Any], timeout: float) -> None:
        self.pending = pending
        self.timeout = timeout

    def late(self) -> None:
        """The deadline has passed: nobody will take what comes, so it is given back."""
        self.pending.fail(ReceiptTimeout(f"{self.pending.what} was not confirmed within {self.timeout:g} s"))
        self.pending.abandon()


class Operation:
    """What all have in common.

    Args:
        event: the frame.
        pending: who waits for the outcome.
        receipt: the id that its RECEIPT will have; ``None``: it is done as soon as it has left, or has room.
        timeout: seconds until waiting ends, counted from the next time that the session is told.

    Attributes:
        left: the writer has taken it.
        withdrawn: it must not leave any more.
        watched: its deadline is being watched.
        number: its place among the frames of its connection.
        transaction: what it is part of, or ends.
    """

    __slots__ = (
        "event",
        "left",
        "number",
        "pending",
        "receipt",
        "timeout",
        "transaction",
        "watched",
        "withdrawn",
    )

    #: whether the same frame may go out on the next connection, if it has not left on this one
    portable = False

    def __init__(
        self,
        event: Event,
        pending: Pending[Any],
        receipt: str | None,
        timeout: float,
        transaction: Transaction | None = None,
    ) -> None:
        self.event = event
        self.pending = pending
        self.receipt = receipt
        self.timeout = timeout
        self.transaction = transaction
        self.left = False
        self.withdrawn = False
        self.watched = False
        self.number = 0

    def leave(self) -> None:
        """The writer takes it."""
        self.left = True
        if self.receipt is None:
            self.confirmed()

    def confirmed(self) -> None:
        """Its RECEIPT is here, or was not asked for."""
        self.pending.succeed(None)

    def rejected(self, error: Error) -> None:
        """The broker answered with this ERROR."""
        self.pending.fail(
            Rejected(f"{self.pending.what} was rejected by the broker: {error.description}", error)
        )

    def lost(self, reason: str, error: Error | None) -> None:
        """Its connection is gone."""
        if self.transaction is not None:
            self.pending.fail(
                TransactionLost(
                    f"{self.pending.what} was part of transaction {self.transaction.id!r}: {reason}"
                )
            )
            return
        if not self.left:
            self.pending.fail(NotSent(f"{self.pending.what} was not sent: {reason}"))
            return
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
            self.withdrawn = True
            self.pending.fail(
                NotSentInTime(f"{self.pending.what} was not sent within {self.timeout:g} s, and will not be")
            )
        else:
            # To take it back would change what the frames behind it mean.
            self.pending.fail(
                ReceiptTimeout(f"{self.pending.what} still waits to be written after {self.timeout:g} s")
            )


class Sending(Operation):
    """SEND. Outside of a transaction it means the same on any connection."""

    __slots__ = ()

    @property
    def portable(self) -> bool:  # type: ignore[override]
        """Whether it is part of no transaction."""
        return self.transaction is None


class Subscribing(Operation):
    """SUBSCRIBE. The next connection says it anew, so that a loss ends nothing."""

    __slots__ = ("subscription",)

    def __init__(
        self,
        event: Event,
        pending: Pending[Any],
        receipt: str | None,
        timeout: float,
        subscription: Subscription,
    ) -> None:
        super().__init__(event, pending, receipt, timeout)
        self.subscription = subscription

    def confirmed(self) -> None:
        """The broker sends messages from now on."""
        self.pending.succeed(None)
        confirming, self.subscription.confirming = self.subscription.confirming, None
        if confirming is not None:
            confirming.succeed(self.subscription)

    def rejected(self, error: Error) -> None:
        """The broker will not have it; asking again would end every further connection too."""
        subscription = self.subscription
        subscription._end(
            SubscriptionState.GONE,
            Rejected(
                f"SUBSCRIBE to {subscription.destination} was rejected by the broker: {error.description}",
                error,
            ),
        )
        super().rejected(error)

    def lost(self, reason: str, error: Error | None) -> None:
        """Nothing to say: it is said anew."""

    def late(self) -> None:
        """The subscription is there in our books until the broker denies it: the wait alone has ended."""


class Unsubscribing(Operation):
    """UNSUBSCRIBE. What its connection carried ends with it."""

    __slots__ = ("subscription",)

    def __init__(
        self,
        event: Event,
        pending: Pending[None],
        receipt: str | None,
        timeout: float,
        subscription: Subscription,
    ) -> None:
        super().__init__(event, pending, receipt, timeout)
        self.subscription = subscription

    def confirmed(self) -> None:
        """No message comes behind this receipt."""
        self.subscription._end(SubscriptionState.GONE)
        super().confirmed()

    def lost(self, reason: str, error: Error | None) -> None:
        """The subscription went with its connection, which is what was wanted."""
        self.confirmed()


class Acknowledging(Operation):
    """ACK and NACK."""

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

    def lost(self, reason: str, error: Error | None) -> None:
        """A broker drops what was open on a connection that is gone, which is what was wanted."""
        self.confirmed()


class Disconnecting(Operation):
    """DISCONNECT. What follows its end is the session's affair."""

    __slots__ = ()

    def lost(self, reason: str, error: Error | None) -> None:
        """The session ends either way."""

    def late(self) -> None:
        """The session ends either way."""
