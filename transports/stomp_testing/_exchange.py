"""Exchange: all destinations of a broker, and what happens to a message after its SEND, ACK or NACK.

The model. ``/topic/...`` and ``/exchange/...`` copy a message to every subscription of the moment: each topic
subscription has a queue of its own, found by the topic's name or by a pattern with wildcards. Every other destination
is one queue, created when it is first used, whose subscriptions take turns. A durable topic subscription is a queue
that outlives its subscriber and has a name. A NACKed message is requeued at once or after a delay, dead-lettered or
dropped, as the flavour demands.

No I/O; time is an argument.
"""

from __future__ import annotations

import heapq
import re
import time
from collections.abc import Callable, Sequence
from itertools import count

from ._destinations import EXCHANGE, TOPIC, copies_messages
from ._queues import Backlog, Queue, QueuedMessage, Subscription
from ._settings import Flavour

__all__ = ["Exchange"]


class Exchange:
    """All destinations of a broker.

    Args:
        flavour: the broker to behave like.
        redelivery_delay: seconds until a NACKed message is delivered again.
        clock: seconds since 1970, by which messages expire.

    Attributes:
        backlog: how many bytes wait in all queues.
        client_ids: the ``client-id`` of each connection that has one.
    """

    def __init__(
        self,
        flavour: Flavour,
        redelivery_delay: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.backlog = Backlog()
        self.client_ids: set[str] = set()
        self._flavour = flavour
        self._redelivery_delay = redelivery_delay
        self._clock = clock
        self._orders = count(1)
        self._queues: dict[str, Queue] = {}
        self._topics: dict[str, dict[Queue, None]] = {}
        self._patterns: dict[Queue, re.Pattern[str]] = {}
        self._durable: dict[tuple[str, ...], Queue] = {}
        self._delayed: list[
            tuple[float, int, Queue, QueuedMessage]
        ] = []  # a heap: due, order, where to, what

    # ------------------------------------------------------------------ messages

    def publish(
        self,
        destination: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        expires: float | None = None,
    ) -> None:
        """Route a message: to every subscription of a topic, or into one queue.

        Args:
            destination: a queue or topic.
            headers: those of its MESSAGEs.
            body: bytes.
            expires: seconds of the clock; ``None`` is never.
        """
        if not copies_messages(destination):
            message = QueuedMessage(destination, headers, body, next(self._orders), expires)
            self._queue(destination).put(message)
            return
        queues = [*self._topics.get(destination, ())]
        queues += [queue for queue, pattern in self._patterns.items() if pattern.fullmatch(destination)]
        for queue in queues:
            queue.put(QueuedMessage(destination, headers, body, next(self._orders), expires))

    def queues_of(self, destination: str) -> list[Queue]:
        """Return the queues that hold messages of a destination: one, or for a topic one for each subscription."""
        if not copies_messages(destination):
            queues = [self._queues[destination]] if destination in self._queues else []
        else:
            queues = [
                *self._topics.get(destination, ()),
                *(queue for queue in self._patterns if queue.name == destination),
            ]
        for queue in queues:
            queue.drop_expired()
        return queues

    def delete(self, destination: str) -> None:
        """Delete a queue and the messages that wait in it."""
        queue = self._queues.pop(destination, None)
        if queue is not None:
            self._drop_messages(queue)

    def _queue(self, destination: str) -> Queue:
        queue = self._queues.get(destination)
        if queue is None:
            queue = self._queues[destination] = Queue(destination, self.backlog, self._clock)
        return queue

    def _drop_messages(self, queue: Queue) -> None:
        queue.clear()
        self._delayed = [entry for entry in self._delayed if entry[2] is not queue]
        heapq.heapify(self._delayed)

    # ------------------------------------------------------------------ subscriptions

    def subscribe(
        self, destination: str, subscription: Subscription, durable: tuple[str, ...] | None = None
    ) -> None:
        """Add a subscription: it gets the messages that wait, and those that come.

        Args:
            destination: a queue or topic.
            subscription: not subscribed before.
            durable: the name of a topic subscription that outlives its connection.
        """
        if not copies_messages(destination):
            self._queue(destination).add(subscription)
            return
        queue = None if durable is None else self._durable.get(durable)
        if durable is not None and queue is not None and queue.name != destination:
            # RabbitMQ 3.10 and ActiveMQ 5.17 both take the same name with another topic as a new subscription.
            self.delete_durable(durable)
            queue = None
        if queue is None:
            queue = Queue(destination, self.backlog, self._clock)
            self._bind(destination, queue)
            if durable is not None:
                self._durable[durable] = queue
        queue.add(subscription)

    def unsubscribe(self, subscription: Subscription, *, requeue: bool = True) -> None:
        """End a subscription.

        Args:
            subscription: does nothing if it has ended before.
            requeue: what it has not acknowledged goes to other subscriptions, or waits. Otherwise it stays with the
                subscription until :meth:`requeue_unacknowledged`.
        """
        queue = subscription.queue
        if queue is None or not subscription.active:
            return
        queue.remove(subscription)
        if requeue:
            queue.requeue_unacknowledged(subscription)
        if copies_messages(queue.name) and queue not in self._durable.values():
            self._unbind(queue)

    def requeue_unacknowledged(self, subscription: Subscription) -> None:
        """Requeue what a subscription has not acknowledged that has ended."""
        if subscription.queue is not None:
            subscription.queue.requeue_unacknowledged(subscription)

    def resume(self, subscription: Subscription) -> None:
        """Deliver to a subscription again whose client reads again."""
        if subscription.queue is not None:
            subscription.queue.resume(subscription)

    def durable_in_use(self, durable: tuple[str, ...]) -> bool:
        """Return whether a connected client uses this durable subscription."""
        queue = self._durable.get(durable)
        return queue is not None and bool(queue.subscriptions)

    def delete_durable(self, durable: tuple[str, ...]) -> None:
        """Delete a durable subscription and the messages that wait in it."""
        queue = self._durable.pop(durable, None)
        if queue is not None:
            self._unbind(queue)

    def _bind(self, destination: str, queue: Queue) -> None:
        one, many = self._flavour.one_word, self._flavour.many_words
        if destination.startswith(TOPIC):
            prefix = TOPIC
        else:
            prefix = destination[: destination.find("/", len(EXCHANGE)) + 1]
        words = destination.removeprefix(prefix).split(".")
        if one in words or many in words:
            # The wildcard for many words also matches no word at all: the dot before it is optional.
            pattern = r"\.".join(
                r"[^.]+" if word == one else r".*" if word == many else re.escape(word) for word in words
            )
            pattern = pattern.replace(r"\..*", r"(?:\..*)?")
            self._patterns[queue] = re.compile(re.escape(prefix) + pattern, re.DOTALL)
        else:
            self._topics.setdefault(destination, {})[queue] = None

    def _unbind(self, queue: Queue) -> None:
        self._drop_messages(queue)
        self._patterns.pop(queue, None)
        bound = self._topics.get(queue.name, {})
        bound.pop(queue, None)
        if not bound:
            self._topics.pop(queue.name, None)

    # ------------------------------------------------------------------ acknowledgements

    def ack(self, subscription: Subscription, messages: Sequence[QueuedMessage]) -> None:
        """Count messages as consumed."""
        self._release(subscription, len(messages))

    def nack(
        self, subscription: Subscription, messages: Sequence[QueuedMessage], now: float, *, requeue: bool
    ) -> None:
        """Handle messages that were rejected.

        Args:
            subscription: the one that they were delivered to.
            messages: in any order.
            now: seconds.
            requeue: deliver them again. Otherwise ActiveMQ moves them to a dead letter queue, and RabbitMQ drops them.
        """
        queue = subscription.queue
        assert queue is not None
        if requeue and self._redelivery_delay:
            for message in messages:
                entry = (now + self._redelivery_delay, next(self._orders), queue, message)
                heapq.heappush(self._delayed, entry)
        elif requeue:
            queue.requeue(messages)
        elif not self._flavour.nack_requeues:
            for message in messages:
                # A dead letter does not expire.
                self.publish(_dead_letter_queue(queue.name), message.headers, message.body)
        self._release(subscription, len(messages))

    def restore(self, subscription: Subscription, covered: dict[str, QueuedMessage]) -> None:
        """Undo an acknowledgement whose transaction was aborted.

        Args:
            subscription: if it has ended meanwhile, the messages are requeued.
            covered: what :meth:`Subscription.remove_covered` returned.
        """
        if subscription.active:
            subscription.restore(covered)
        else:
            assert subscription.queue is not None
            subscription.queue.requeue(covered.values())

    def _release(self, subscription: Subscription, number: int) -> None:
        subscription.in_flight -= number
        assert subscription.queue is not None
        subscription.queue.resume(subscription)

    # ------------------------------------------------------------------ time

    def next_deadline(self) -> float | None:
        """Return when :meth:`handle_timeout` must be called at the latest, in seconds of ``now``; ``None`` is never."""
        return self._delayed[0][0] if self._delayed else None

    def handle_timeout(self, now: float) -> None:
        """Requeue the messages whose redelivery delay is over."""
        while self._delayed and self._delayed[0][0] <= now:
            _, _, queue, message = heapq.heappop(self._delayed)
            queue.requeue([message])


def _dead_letter_queue(destination: str) -> str:
    # ActiveMQ 5.17 uses ActiveMQ.DLQ unless an individualDeadLetterStrategy is set up; this is the latter's form.
    return "/queue/DLQ." + destination.rpartition("/")[2]
