"""Exchange: from destinations to queues. Topics, durable subscriptions, dead letters, redelivery on a given clock.

No I/O, and time is an argument. ``/topic/...`` goes to everybody who listens, everything else is a queue.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Sequence
from itertools import count

from .flavours import Flavour
from .queues import Backlog, Item, Queue, Subscription

__all__ = ["Exchange"]

_TOPIC = "/topic/"


class Exchange:
    """All destinations of a broker.

    Args:
        flavour: whose habits.
        redelivery_delay: seconds until a NACKed message is delivered again.

    Attributes:
        backlog: how many bytes wait.
    """

    def __init__(self, flavour: Flavour, redelivery_delay: float = 0.0) -> None:
        self.flavour = flavour
        self.redelivery_delay = redelivery_delay
        self.backlog = Backlog()
        self._orders = count(1)
        self._queues: dict[str, Queue] = {}
        self._topics: dict[str, dict[Queue, None]] = {}
        self._patterns: dict[Queue, re.Pattern[str]] = {}
        self._durable: dict[tuple[str, ...], Queue] = {}
        self._delayed: list[tuple[float, int, Queue, Item]] = []

    # ------------------------------------------------------------------ messages in

    def publish(self, destination: str, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """A message for a destination: to every listener of a topic, to one taker of a queue."""
        if not destination.startswith(_TOPIC):
            self.queue(destination).put(Item(destination, headers, body, next(self._orders)))
            return
        queues = [*self._topics.get(destination, ())]
        queues += [queue for queue, pattern in self._patterns.items() if pattern.fullmatch(destination)]
        for queue in queues:
            queue.put(Item(destination, headers, body, next(self._orders)))

    def queue(self, destination: str) -> Queue:
        """The queue of this name; it is made when it is first spoken of."""
        queue = self._queues.get(destination)
        if queue is None:
            queue = self._queues[destination] = Queue(destination, self.backlog)
        return queue

    def queues_of(self, destination: str) -> list[Queue]:
        """All queues that hold messages for a destination: one, or for a topic one a subscription."""
        if not destination.startswith(_TOPIC):
            return [self._queues[destination]] if destination in self._queues else []
        return [
            *self._topics.get(destination, ()),
            *(queue for queue in self._patterns if queue.name == destination),
        ]

    def delete(self, destination: str) -> None:
        """Forget a queue and what waits in it."""
        queue = self._queues.pop(destination, None)
        if queue is not None:
            self._forget(queue)

    # ------------------------------------------------------------------ subscriptions

    def subscribe(
        self, destination: str, subscription: Subscription, durable: tuple[str, ...] | None = None
    ) -> None:
        """From now on the subscription takes what comes, and what waits.

        Args:
            durable: names a topic subscription that outlives its connection.
        """
        if not destination.startswith(_TOPIC):
            self.queue(destination).add(subscription)
            return
        queue = None if durable is None else self._durable.get(durable)
        if queue is not None and queue.name != destination:
            # Both brokers take the same name with another topic for a new subscription.
            self.forget_durable(durable or ())
            queue = None
        if queue is None:
            queue = Queue(destination, self.backlog)
            self._listen(destination, queue)
            if durable is not None:
                self._durable[durable] = queue
        queue.add(subscription)

    def unsubscribe(self, subscription: Subscription) -> None:
        """The subscription ends; what it has not acknowledged goes to others, or waits."""
        queue = subscription.queue
        if queue is None or not subscription.active:
            return
        queue.remove(subscription)
        if queue.name.startswith(_TOPIC) and queue not in self._durable.values():
            self._stop_listening(queue)

    def in_use(self, durable: tuple[str, ...]) -> bool:
        """Whether somebody takes from the durable subscription now."""
        queue = self._durable.get(durable)
        return queue is not None and bool(queue.subscriptions)

    def forget_durable(self, durable: tuple[str, ...]) -> None:
        """End a durable subscription for good."""
        queue = self._durable.pop(durable, None)
        if queue is not None:
            self._stop_listening(queue)

    def _listen(self, destination: str, queue: Queue) -> None:
        one, many = self.flavour.one_word, self.flavour.many_words
        words = destination.removeprefix(_TOPIC).split(".")
        if one in words or many in words:
            # The many-words wildcard also stands for no word at all: its dot is optional.
            pattern = r"\.".join(
                r"[^.]+" if word == one else r".*" if word == many else re.escape(word) for word in words
            )
            pattern = pattern.replace(r"\..*", r"(?:\..*)?")
            self._patterns[queue] = re.compile(re.escape(_TOPIC) + pattern, re.DOTALL)
        else:
            self._topics.setdefault(destination, {})[queue] = None

    def _forget(self, queue: Queue) -> None:
        queue.clear()
        self._delayed = [entry for entry in self._delayed if entry[2] is not queue]
        heapq.heapify(self._delayed)

    def _stop_listening(self, queue: Queue) -> None:
        self._forget(queue)
        self._patterns.pop(queue, None)
        listeners = self._topics.get(queue.name, {})
        listeners.pop(queue, None)
        if not listeners:
            self._topics.pop(queue.name, None)

    # ------------------------------------------------------------------ acknowledgements

    def accept(self, subscription: Subscription, items: Sequence[Item]) -> None:
        """These were consumed."""
        self._settled(subscription, len(items))

    def refuse(self, subscription: Subscription, items: Sequence[Item], now: float, *, requeue: bool) -> None:
        """These were not consumed: again, or to the dead letters (ActiveMQ), or away (RabbitMQ)."""
        queue = subscription.queue
        assert queue is not None
        if requeue and self.redelivery_delay:
            for item in items:
                entry = (now + self.redelivery_delay, next(self._orders), queue, item)
                heapq.heappush(self._delayed, entry)
        elif requeue:
            queue.put_back(items)
        elif not self.flavour.nack_requeues:
            for item in items:
                self.publish(_dead_letters(queue.name), item.headers, item.body)
        self._settled(subscription, len(items))

    def put_back(self, subscription: Subscription, items: Sequence[Item]) -> None:
        """These were handed to a subscription that is no more."""
        assert subscription.queue is not None
        subscription.queue.put_back(items)

    def _settled(self, subscription: Subscription, number: int) -> None:
        subscription.outstanding -= number
        assert subscription.queue is not None
        subscription.queue.wake(subscription)

    # ------------------------------------------------------------------ time

    def next_deadline(self) -> float | None:
        """When :meth:`handle_timeout` must be called at the latest, on the clock of ``now``; ``None`` is never."""
        return self._delayed[0][0] if self._delayed else None

    def handle_timeout(self, now: float) -> None:
        """Deliver again what is due."""
        while self._delayed and self._delayed[0][0] <= now:
            _, _, queue, item = heapq.heappop(self._delayed)
            queue.put_back([item])


def _dead_letters(destination: str) -> str:
    return "/queue/DLQ." + destination.rpartition("/")[2]
