"""Subscription: what a client listens to, through as many connections as it takes."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

from ..protocol import AckMode, Message
from ..wire import Headers
from .delivery import Delivery
from .errors import SessionClosed
from .inbox import Budget, Inbox, weight
from .pending import Pending

if TYPE_CHECKING:
    from .session import Session
    from .work import Work

__all__ = ["Subscription", "SubscriptionState"]


class SubscriptionState(StrEnum):
    """Where a subscription stands."""

    ACTIVE = "active"  # wanted; on every new connection it is subscribed again
    DRAINING = "draining"  # UNSUBSCRIBE is said: late messages are dropped, and counted
    GONE = "gone"


class Subscription:
    """One subscription. Made by :meth:`Session.subscribe`.

    Attributes:
        id: its name on the wire, the same on every connection.
        destination: what it listens to.
        ack: its ack mode.
        state: see :class:`SubscriptionState`.
        error: why it ended, if nobody asked for that.
        dropped: how many messages came that nobody got: late ones, those of a lost connection that the broker delivers
            again, and those left in the inbox at the end.
    """

    __slots__ = (
        "_delivery",
        "_inbox",
        "_session",
        "ack",
        "asked",
        "confirming",
        "destination",
        "dropped",
        "durable",
        "error",
        "headers",
        "id",
        "prefetch",
        "proven",
        "said",
        "state",
        "wants_receipt",
        "works",
    )

    def __init__(
        self,
        session: Session,
        budget: Budget,
        delivery: Callable[[Message, Subscription | None, int], Delivery],
        id: str,
        destination: str,
        ack: AckMode,
        prefetch: int | None,
        durable: str | None,
        headers: Headers,
        wants_receipt: bool,
    ) -> None:
        self._session = session
        self._delivery = delivery
        self._inbox: Inbox[tuple[Message, int]] = Inbox(budget)
        self.id = id
        self.destination = destination
        self.ack: AckMode = ack
        self.prefetch = prefetch
        self.durable = durable
        self.headers = headers
        self.wants_receipt = wants_receipt
        self.state = SubscriptionState.ACTIVE
        self.error: Exception | None = None
        self.dropped = 0
        #: who waits for the broker's word on it
        self.confirming: Pending[Subscription] | None = None
        #: whether a SUBSCRIBE has ever left
        self.asked = False
        #: whether SUBSCRIBE is said on the present connection
        self.said = False
        #: whether the broker has shown that it took it
        self.proven = False
        #: the runs of handlers that are under way
        self.works: list[Work] = []

    def take(self) -> Delivery | None:
        """The next message, now the caller's; ``None`` if there is none at the moment: see :meth:`arrival`.

        Raises:
            StompError: the subscription has ended, not as asked; every message before that was taken.
        """
        item = self._inbox.take()
        if item is not None:
            return self._delivery(item[0], self, item[1])
        if self.error is not None:
            raise self.error.with_traceback(None)
        return None

    def arrival(self) -> Pending[None]:
        """Done once :meth:`take` has something else to say, or :attr:`ended` has become true."""
        return self._inbox.arrival()

    def stop(self) -> None:
        """Let those who work on it finish the messages that they have, and take no more. The subscription lives on."""
        for work in self.works:
            work.stop()

    @property
    def waiting(self) -> int:
        """How many messages :meth:`take` would hand over at once."""
        return len(self._inbox)

    @property
    def ended(self) -> bool:
        """Whether :meth:`take` will never hand over anything again."""
        return self.state is not SubscriptionState.ACTIVE and not len(self._inbox)

    def unsubscribe(
        self, *, receipt: bool = True, delete: bool = False, timeout: float | None = None
    ) -> Pending[None]:
        """End it; see :meth:`Session.unsubscribe`."""
        return self._session.unsubscribe(self, receipt=receipt, delete=delete, timeout=timeout)

    # ------------------------------------------------------------------ for the session

    def _deliver(self, message: Message, connection_number: int) -> bool:
        if self.state is not SubscriptionState.ACTIVE:
            self.dropped += 1
            return False
        self.proven = True
        self._inbox.put((message, connection_number), weight(message.frame))
        return True

    def _connection_lost(self) -> None:
        self.said = self.proven = False
        self._drop_unacknowledged()
        if self.state is SubscriptionState.DRAINING:
            self.state = SubscriptionState.GONE

    def _drop_unacknowledged(self) -> None:
        """What waits to be acknowledged on a connection that is gone comes again; what needs no ACK does not."""
        if self.ack != "auto":
            self.dropped += len(self._inbox.clear())

    def _end(self, state: SubscriptionState, error: Exception | None = None) -> None:
        if self.state is not SubscriptionState.ACTIVE:
            # Whoever ended it knows why; only the draining can be over.
            self.state = SubscriptionState.GONE
            return
        self.state = state
        self.error = error
        self._drop_unacknowledged()
        self._inbox.close()
        confirming, self.confirming = self.confirming, None
        if confirming is not None:
            confirming.fail(
                error or SessionClosed(f"the subscription to {self.destination} ended before it began")
            )

    def __repr__(self) -> str:
        return f"<Subscription {self.id!r} to {self.destination!r}, {self.ack}, {self.state.value}>"
