"""Queues: which subscription gets which message, and where a message goes that was not acknowledged.

The model. A queue holds messages in order and a ring of subscriptions that can take one now. While it has both, the
first message goes to the first subscription of the ring, which then moves to the end: competing consumers take turns.
A subscription leaves the ring when its client does not read or has as many unacknowledged messages as its prefetch
allows, and is put back by :meth:`Queue.resume`. A message that returns goes to the place that it had.

A message that has expired when its turn comes is dropped.

No I/O, nothing of STOMP.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

__all__ = ["Backlog", "Queue", "QueuedMessage", "Receiver", "Subscription"]

_OVERHEAD = 500  # bytes that a queued message costs besides its body, roughly


class QueuedMessage:
    """One message in one queue.

    Attributes:
        destination: the destination of its SEND.
        headers: the headers that the sender gave besides, in order.
        body: the bytes of its body.
        order: its position among all messages of the broker; a message that returns to its queue is sorted by it.
        expires: seconds of the queue's clock; ``None`` is never.
        deliveries: how many times it was delivered for acknowledgement.
    """

    __slots__ = ("body", "deliveries", "destination", "expires", "headers", "order")

    def __init__(
        self,
        destination: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        order: int = 0,
        expires: float | None = None,
    ) -> None:
        self.destination = destination
        self.headers = headers
        self.body = body
        self.order = order
        self.expires = expires
        self.deliveries = 0


class Receiver(Protocol):
    """The client behind a subscription, as a queue sees it."""

    #: it takes no message for now, because it does not read
    congested: bool

    def deliver(self, subscription: Subscription, message: QueuedMessage) -> str:
        """Write a message to the client; returns the id under which it will be acknowledged."""
        ...


class Subscription:
    """One client's subscription to one queue.

    Args:
        receiver: the client.
        id: the client's name for it; ``None`` if SUBSCRIBE had none.
        tag: the broker's name for it, which no other subscription of the connection has.
        ack: ``"auto"``, ``"client"`` or ``"client-individual"``.
        prefetch: how many messages may be in flight; ``None`` is any number.

    Attributes:
        unacknowledged: delivered messages by the id that an ACK names, in order of delivery.
        in_flight: how many messages count against the prefetch: the unacknowledged ones, and those acknowledged in a
            transaction that is still open.
        active: false once it has ended.
        queue: the queue that it takes from; ``None`` before.
        in_ring: whether it is in the ring of its queue.
    """

    __slots__ = (
        "ack",
        "active",
        "id",
        "in_flight",
        "in_ring",
        "prefetch",
        "queue",
        "receiver",
        "tag",
        "unacknowledged",
    )

    def __init__(
        self, receiver: Receiver, id: str | None, tag: str, ack: str = "auto", prefetch: int | None = None
    ) -> None:
        self.receiver = receiver
        self.id = id
        self.tag = tag
        self.ack = ack
        self.prefetch = prefetch
        self.unacknowledged: dict[str, QueuedMessage] = {}
        self.in_flight = 0
        self.active = True
        self.in_ring = False
        self.queue: Queue | None = None

    @property
    def ready(self) -> bool:
        """Whether it can take a message now."""
        return (
            self.active
            and not self.receiver.congested
            and (self.prefetch is None or self.in_flight < self.prefetch)
        )

    def remove_covered(self, ack_id: str, *, cumulative: bool = True) -> dict[str, QueuedMessage]:
        """Remove and return the messages that an ACK or NACK of this id covers.

        That is one message, in ``client`` mode also all that were delivered before it ("ACK", STOMP 1.1 and 1.2).

        Args:
            ack_id: of an unacknowledged message.
            cumulative: whether ``client`` mode makes the difference.
        """
        if self.ack != "client" or not cumulative:
            return {ack_id: self.unacknowledged.pop(ack_id)}
        covered = {}
        for key in list(self.unacknowledged):
            covered[key] = self.unacknowledged.pop(key)
            if key == ack_id:
                break
        return covered

    def restore(self, covered: dict[str, QueuedMessage]) -> None:
        """Undo :meth:`remove_covered`: the messages are unacknowledged again, before all later ones."""
        self.unacknowledged = {**covered, **self.unacknowledged}


class Backlog:
    """The number of bytes that wait in all queues together."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        self.size = 0


class Queue:
    """Messages that wait, and the subscriptions that take them in turn.

    Attributes:
        waiting: the messages that are not delivered, in order.
        subscriptions: all subscriptions, in the ring or not.
    """

    __slots__ = ("_backlog", "_clock", "_ring", "name", "subscriptions", "waiting")

    def __init__(self, name: str, backlog: Backlog, clock: Callable[[], float]) -> None:
        self.name = name
        self.waiting: deque[QueuedMessage] = deque()
        self.subscriptions: dict[Subscription, None] = {}
        # Only those that can take a message, or could when they were last checked: ten thousand others cost nothing.
        self._ring: deque[Subscription] = deque()
        self._backlog = backlog
        self._clock = clock

    def put(self, message: QueuedMessage) -> None:
        """Add a new message behind all others."""
        self.waiting.append(message)
        self._backlog.size += len(message.body) + _OVERHEAD
        self._deliver_waiting()

    def requeue(self, messages: Iterable[QueuedMessage]) -> None:
        """Put messages back that were delivered and not consumed, in the places that they had."""
        front = sorted(messages, key=_order)
        if not front:
            return
        self._backlog.size += sum(len(message.body) + _OVERHEAD for message in front)
        last = front[-1].order
        while self.waiting and self.waiting[0].order < last:
            front.append(self.waiting.popleft())
        self.waiting.extendleft(sorted(front, key=_order, reverse=True))
        self._deliver_waiting()

    def add(self, subscription: Subscription) -> None:
        """Add a subscription; it gets messages from now on."""
        subscription.queue = self
        self.subscriptions[subscription] = None
        self.resume(subscription)

    def remove(self, subscription: Subscription) -> None:
        """End a subscription; its unacknowledged messages stay with it until :meth:`requeue_unacknowledged`."""
        subscription.active = False
        self.subscriptions.pop(subscription, None)

    def requeue_unacknowledged(self, subscription: Subscription) -> None:
        """Requeue what a subscription has not acknowledged."""
        messages, subscription.unacknowledged = list(subscription.unacknowledged.values()), {}
        self.requeue(messages)

    def resume(self, subscription: Subscription) -> None:
        """Put a subscription back into the ring if it can take messages again."""
        if not subscription.in_ring and subscription.ready:
            subscription.in_ring = True
            self._ring.append(subscription)
            self._deliver_waiting()

    def clear(self) -> None:
        """Drop the messages that wait."""
        self._backlog.size -= sum(len(message.body) + _OVERHEAD for message in self.waiting)
        self.waiting.clear()

    def drop_expired(self) -> None:
        """Drop the messages that have expired."""
        if any(message.expires is not None for message in self.waiting):
            now = self._clock()
            kept = [message for message in self.waiting if message.expires is None or message.expires > now]
            self.clear()
            self._backlog.size += sum(len(message.body) + _OVERHEAD for message in kept)
            self.waiting.extend(kept)

    def _deliver_waiting(self) -> None:
        waiting, ring = self.waiting, self._ring
        while waiting and ring:
            if waiting[0].expires is not None and waiting[0].expires <= self._clock():
                self._backlog.size -= len(waiting.popleft().body) + _OVERHEAD
                continue
            subscription = ring.popleft()
            if not subscription.ready:
                subscription.in_ring = False
                continue
            message = waiting.popleft()
            self._backlog.size -= len(message.body) + _OVERHEAD
            ring.append(subscription)
            ack_id = subscription.receiver.deliver(subscription, message)
            if subscription.ack != "auto":
                message.deliveries += 1
                subscription.in_flight += 1
                subscription.unacknowledged[ack_id] = message


def _order(message: QueuedMessage) -> int:
    return message.order
