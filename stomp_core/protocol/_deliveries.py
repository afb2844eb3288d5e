"""What a broker needs to know of the messages that it has delivered: when an ACK counts, and which ones come back.

"BEGIN is used to start a transaction. ... any messages sent or acknowledged during a transaction will be processed
atomically" (STOMP 1.2, "BEGIN"). So a SEND, ACK or NACK in a transaction is held back until COMMIT. What an ACK covers
is known when it is received, since messages that are delivered before the COMMIT are not among it. So these messages
wait with the frame: if the transaction is aborted they are unacknowledged again, or, if their subscription has ended in
the meantime, go to somebody else.

A message goes to somebody else, too, if a NACK covers it, or if its subscription or its connection ends before it was
acknowledged. Therefore the SEND of each delivery is kept until then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from operator import itemgetter
from typing import NamedTuple

from ._events import Abort, Ack, Commit, Event, Nack, Send, Unsubscribe
from ._tracker import Coverage, TrackedSubscription

__all__ = ["Deliveries", "Effect"]

# A subscription and the id that an ACK has to name; the number of the delivery and what was delivered.
_Key = tuple[TrackedSubscription, str]
_Delivery = tuple[int, Send]


class Effect(NamedTuple):
    """Something that a broker has to do because of a client's frame.

    Args:
        event: the SEND, ACK or NACK that takes effect, or the UNSUBSCRIBE or ABORT by which messages come back.
        sends: for a SEND, the SEND itself. For an ACK, the messages that were consumed. For all others, the messages to
            deliver again, in the order of their delivery.
    """

    event: Send | Ack | Nack | Unsubscribe | Abort
    sends: tuple[Send, ...]


class _Held(NamedTuple):
    """A frame of an open transaction, with the deliveries that it covers."""

    event: Send | Ack | Nack
    covered: dict[_Key, _Delivery]


class Deliveries:
    """The messages that were delivered on one connection and are not acknowledged, and its open transactions.

    Attributes:
        count: how many were delivered.
    """

    def __init__(self) -> None:
        self.count = 0
        self._kept: dict[_Key, _Delivery] = {}
        self._transactions: dict[str, list[_Held]] = {}

    def add(self, subscription: TrackedSubscription, ack_id: str, send: Send) -> None:
        """Keep what was delivered until it is acknowledged, if it has to be.

        Args:
            subscription: where to.
            ack_id: the id that an ACK has to name.
            send: what was delivered.
        """
        self.count += 1
        if subscription.ack != "auto":
            self._kept[subscription, ack_id] = self.count, send

    def effects(
        self,
        event: Event,
        covered_by: Callable[[Ack | Nack], Coverage],
        subscriptions: Callable[[], Collection[TrackedSubscription]],
    ) -> list[Effect]:
        """Return what takes effect with a frame that was received, in the order in which it was received.

        Args:
            event: the frame.
            covered_by: tells what an ACK or NACK covers.
            subscriptions: tells which subscriptions there are now.
        """
        if isinstance(event, Send | Ack | Nack):
            held = _Held(event, {} if isinstance(event, Send) else self._take(covered_by(event)))
            if event.transaction is None:
                return [_effect(held)]
            self._transactions.setdefault(event.transaction, []).append(held)
        elif isinstance(event, Commit):
            return [_effect(held) for held in self._transactions.pop(event.transaction, ())]
        elif isinstance(event, Abort):
            for held in self._transactions.pop(event.transaction, ()):
                self._kept.update(held.covered)
            return self._ended(event, subscriptions())
        elif isinstance(event, Unsubscribe):
            return self._ended(event, subscriptions())
        return []

    def take_all(self) -> tuple[Send, ...]:
        """Return everything that is not acknowledged, once. What open transactions have acknowledged is among it."""
        for transaction in self._transactions.values():
            for held in transaction:
                self._kept.update(held.covered)
        self._transactions.clear()
        kept, self._kept = self._kept, {}
        return _in_order(kept)

    def _take(self, coverage: Coverage) -> dict[_Key, _Delivery]:
        keys = [(coverage.subscription, ack_id) for ack_id in coverage.ids]
        # A message may be unknown here: the server has written it as a frame of its own making.
        return {key: self._kept.pop(key) for key in keys if key in self._kept}

    def _ended(
        self, event: Unsubscribe | Abort, subscriptions: Collection[TrackedSubscription]
    ) -> list[Effect]:
        """Take what belongs to subscriptions that have ended."""
        ended = [key for key in self._kept if key[0] not in subscriptions]
        sends = _in_order({key: self._kept.pop(key) for key in ended})
        return [Effect(event, sends)] if sends else []


def _effect(held: _Held) -> Effect:
    event = held.event
    return Effect(event, (event,) if isinstance(event, Send) else _in_order(held.covered))


def _in_order(deliveries: dict[_Key, _Delivery]) -> tuple[Send, ...]:
    return tuple([send for _, send in sorted(deliveries.values(), key=itemgetter(0))])
