"""Views: what every adapter's objects show of the session's own, written once.

An adapter's ``Connection``, ``Subscription`` and ``Transaction`` derive from these and add how to wait.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from ..protocol import Connected
from ..wire import Version
from .pipeline import Pipeline
from .session import Session
from .subscription import Subscription, SubscriptionState
from .transaction import Transaction, TransactionState

__all__ = ["ConnectionView", "PipelineView", "SubscriptionView", "TransactionView", "View"]

S = TypeVar("S")


class View(Generic[S]):
    """Something of the session, as an adapter's world sees it."""

    _subject: S


class TransactionView(View[Transaction]):
    """What can be seen of a transaction."""

    @property
    def id(self) -> str:
        """Its name on the wire."""
        return self._subject.id

    @property
    def state(self) -> TransactionState:
        """Where it stands."""
        return self._subject.state

    def __repr__(self) -> str:
        return repr(self._subject)


class PipelineView(View[Pipeline]):
    """What can be seen of a pipeline."""

    @property
    def under_way(self) -> int:
        """How many messages have no outcome yet."""
        return self._subject.under_way

    @property
    def confirmed(self) -> int:
        """How many messages the broker has confirmed."""
        return self._subject.confirmed


class SubscriptionView(View[Subscription]):
    """What can be seen of a subscription."""

    @property
    def id(self) -> str:
        """Its name on the wire."""
        return self._subject.id

    @property
    def destination(self) -> str:
        """What it listens to."""
        return self._subject.destination

    @property
    def state(self) -> SubscriptionState:
        """Where it stands."""
        return self._subject.state

    @property
    def dropped(self) -> int:
        """How many messages came that nobody got."""
        return self._subject.dropped

    def __repr__(self) -> str:
        return repr(self._subject)


class ConnectionView(View[Session]):
    """What can be seen of a connection."""

    @property
    def session(self) -> Session:
        """The pure session behind it. Look at it, but leave driving it to the connection."""
        return self._subject

    @property
    def connected(self) -> Connected | None:
        """The broker's CONNECTED frame; ``None`` while there is no connection."""
        return self._subject.connected

    @property
    def version(self) -> Version | None:
        """The version of STOMP that was negotiated; ``None`` while there is no connection."""
        return self._subject.version

    @property
    def heart_beat(self) -> tuple[float, float]:
        """The negotiated intervals ``(sending, receiving)`` in seconds; 0.0 is never."""
        return self._subject.heart_beat

    @property
    def closed(self) -> bool:
        """Whether it has ended for good."""
        return self._subject.closed

    def __repr__(self) -> str:
        module = type(self).__module__.partition(".")[0]
        return f"<{module}.{type(self).__name__} to {self._subject.endpoint}, {self._subject.state.value}>"
