"""Queues: who gets which message, and what comes back. No I/O, no clock, no STOMP."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

__all__ = ["Backlog", "Item", "Queue", "Sink", "Subscription"]

_OVERHEAD = 500  # bytes that a waiting message costs besides its body, roughly


class Item:
    """One message in one queue.

    Attributes:
        destination: where it was sent to.
        headers: what the sender said besides, in order.
        body: its octets.
        order: its place among all messages of the broker; a message that comes back goes where it was.
        deliveries: how often it was handed out.
    """

    __slots__ = ("body", "deliveries", "destination", "headers", "order")

    def __init__(
        self, destination: str, headers: Sequence[tuple[str, str]], body: bytes, order: int = 0
    ) -> None:
        self.destination = destination
        self.headers = headers
        self.body = body
        self.order = order
        self.deliveries = 0


class Sink(Protocol):
    """What a queue delivers to: one client."""

    #: it takes no more for now
    congested: bool

    def deliver(self, subscription: Subscription, item: Item) -> str:
        """Hand a message over; returns the id under which it will be acknowledged."""
        ...


class Subscription:
    """One client's interest in one queue.

    Args:
        sink: the client.
        id: the client's name for it, ``None`` where STOMP 1.0 goes without.
        ack: ``"auto"``, ``"client"`` or ``"client-individual"``.
        credit: how many unacknowledged messages it takes at most; ``None`` is any number.

    Attributes:
        unacknowledged: by the id for ACK, in order of delivery.
        outstanding: how many count against the credit: those, and those acknowledged in an open transaction.
    """

    __slots__ = ("ack", "active", "credit", "id", "outstanding", "queue", "queued", "sink", "unacknowledged")

    def __init__(self, sink: Sink, id: str | None, ack: str = "auto", credit: int | None = None) -> None:
        self.sink = sink
        self.id = id
        self.ack = ack
        self.credit = credit
        self.unacknowledged: dict[str, Item] = {}
        self.outstanding = 0
        self.active = True
        self.queued = False  # whether it stands in its queue's line of takers
        self.queue: Queue | None = None

    @property
    def ready(self) -> bool:
        """Whether it takes a message now."""
        return (
            self.active
            and not self.sink.congested
            and (self.credit is None or self.outstanding < self.credit)
        )

    def take(self, ack_id: str) -> dict[str, Item]:
        """What an ACK or NACK of this id means: that message, in ``client`` mode also all before it."""
        if self.ack != "client":
            return {ack_id: self.unacknowledged.pop(ack_id)}
        taken = {}
        for key in list(self.unacknowledged):
            taken[key] = self.unacknowledged.pop(key)
            if key == ack_id:
                break
        return taken

    def give_back(self, taken: dict[str, Item]) -> None:
        """Undo :meth:`take`: these wait for an acknowledgement again, before all later ones."""
        self.unacknowledged = {**taken, **self.unacknowledged}


class Backlog:
    """The bytes that wait in all queues together."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        self.size = 0


class Queue:
    """Messages that wait, and subscriptions that take them in turn.

    Attributes:
        waiting: in order.
        subscriptions: all of them.
    """

    __slots__ = ("_backlog", "_takers", "name", "subscriptions", "waiting")

    def __init__(self, name: str, backlog: Backlog) -> None:
        self.name = name
        self.waiting: deque[Item] = deque()
        self.subscriptions: dict[Subscription, None] = {}
        # Only those that can take, or could when they were last looked at: ten thousand that cannot cost nothing.
        self._takers: deque[Subscription] = deque()
        self._backlog = backlog

    def put(self, item: Item) -> None:
        """A new message, behind all others."""
        self.waiting.append(item)
        self._backlog.size += len(item.body) + _OVERHEAD
        self._hand_out()

    def put_back(self, items: Iterable[Item]) -> None:
        """Messages that were handed out and not consumed, to where they were."""
        front = sorted(items, key=_order)
        if not front:
            return
        self._backlog.size += sum(len(item.body) + _OVERHEAD for item in front)
        last = front[-1].order
        while self.waiting and self.waiting[0].order < last:
            front.append(self.waiting.popleft())
        self.waiting.extendleft(sorted(front, key=_order, reverse=True))
        self._hand_out()

    def add(self, subscription: Subscription) -> None:
        """From now on it takes its turn."""
        subscription.queue = self
        self.subscriptions[subscription] = None
        self.wake(subscription)

    def remove(self, subscription: Subscription) -> None:
        """It takes no more, and what it has not acknowledged is put back."""
        subscription.active = False
        self.subscriptions.pop(subscription, None)
        items, subscription.unacknowledged = list(subscription.unacknowledged.values()), {}
        self.put_back(items)

    def wake(self, subscription: Subscription) -> None:
        """It may be ready again."""
        if not subscription.queued and subscription.ready:
            subscription.queued = True
            self._takers.append(subscription)
            self._hand_out()

    def clear(self) -> None:
        """Forget what waits."""
        self._backlog.size -= sum(len(item.body) + _OVERHEAD for item in self.waiting)
        self.waiting.clear()

    def _hand_out(self) -> None:
        waiting, takers = self.waiting, self._takers
        while waiting and takers:
            subscription = takers.popleft()
            if not subscription.ready:
                subscription.queued = False
                continue
            item = waiting.popleft()
            self._backlog.size -= len(item.body) + _OVERHEAD
            takers.append(subscription)
            ack_id = subscription.sink.deliver(subscription, item)
            if subscription.ack != "auto":
                item.deliveries += 1
                subscription.outstanding += 1
                subscription.unacknowledged[ack_id] = item


def _order(item: Item) -> int:
    return item.order
