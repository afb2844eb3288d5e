"""The books of subscriptions: all that are wanted, and which of them the present connection has not heard of yet.

After an ERROR that names no culprit (RabbitMQ's never name a receipt), a SUBSCRIBE that had no answer may have been to
blame, and saying it again would end the next connection too, and so on for ever. Such *suspects* are said first on the
next connection, one at a time and with nothing else beside them, so that the next ERROR has one cause only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from .subscription import Subscription, SubscriptionState

__all__ = ["Subscriptions"]


class Subscriptions:
    """The subscriptions of one session, by id.

    Attributes:
        on_trial: the suspect whose SUBSCRIBE waits for its answer; nothing else is said meanwhile.
    """

    def __init__(self) -> None:
        self._by_id: dict[str, Subscription] = {}
        self._by_destination: dict[str, dict[str, Subscription]] = {}
        self._to_say: deque[Subscription] = deque()
        self._suspects: set[Subscription] = set()
        self._counter = 0
        self.on_trial: Subscription | None = None

    def __iter__(self) -> Iterator[Subscription]:
        return iter(list(self._by_id.values()))

    def __contains__(self, id: str) -> bool:
        return id in self._by_id

    def get(self, id: str | None) -> Subscription | None:
        """The subscription of this id, if there is one that is active or draining."""
        return self._by_id.get(id) if id is not None else None

    def only_one_to(self, destination: str) -> Subscription | None:
        """The subscription to this destination, if no other one listens to it too."""
        found = self._by_destination.get(destination, {})
        return next(iter(found.values())) if len(found) == 1 else None

    def free_id(self) -> str:
        """An id that no subscription has."""
        while True:
            self._counter += 1
            name = f"s-{self._counter}"
            if name not in self._by_id:
                return name

    def add(self, subscription: Subscription) -> None:
        """It is wanted from now on."""
        self._by_id[subscription.id] = subscription
        self._by_destination.setdefault(subscription.destination, {})[subscription.id] = subscription

    def remove(self, subscription: Subscription) -> None:
        """It has ended, and its id may be used again."""
        if self._by_id.get(subscription.id) is not subscription:
            return  # its id is used again already
        del self._by_id[subscription.id]
        alike = self._by_destination[subscription.destination]
        del alike[subscription.id]
        if not alike:
            del self._by_destination[subscription.destination]
        self._suspects.discard(subscription)

    def clear(self) -> None:
        """None is wanted any more."""
        self._by_id.clear()
        self._by_destination.clear()
        self._suspects.clear()
        self._to_say.clear()

    # ------------------------------------------------------------------ what a connection has not heard of yet

    def connection_made(self) -> None:
        """All are to be said: the suspects first."""
        suspects = [entry for entry in self._by_id.values() if entry in self._suspects]
        others = [entry for entry in self._by_id.values() if entry not in self._suspects]
        self._to_say = deque([*suspects, *others])

    def say_later(self, subscription: Subscription) -> None:
        """There is a connection, but a trial goes on."""
        self._to_say.append(subscription)

    def next_to_say(self) -> Subscription | None:
        """The one whose SUBSCRIBE is due now; a suspect is put on trial by it."""
        while self._to_say and self.on_trial is None:
            subscription = self._to_say.popleft()
            if subscription.state is SubscriptionState.ACTIVE:
                if subscription in self._suspects:
                    self.on_trial = subscription
                return subscription
        return None

    def answered(self, subscription: Subscription) -> None:
        """Its SUBSCRIBE has its answer, or will have none: it is no suspect any more."""
        self._suspects.discard(subscription)
        if self.on_trial is subscription:
            self.on_trial = None

    def suspect(self) -> None:
        """An ERROR came that names no culprit: what has no answer may be to blame."""
        self._suspects.update(entry for entry in self._by_id.values() if entry.said and not entry.proven)

    def connection_lost(self) -> None:
        """The connection's knowledge went with it. What was only waiting for that has ended."""
        self._to_say.clear()
        self.on_trial = None
        for subscription in self:
            subscription._connection_lost()
            if subscription.state is not SubscriptionState.ACTIVE:
                self.remove(subscription)
