"""Queues: who gets which message, and what comes back."""

from __future__ import annotations

import pytest

from stomp_testing.queues import Backlog, Item, Queue, Subscription


class Bucket:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.congested = False
        self.got: list[int] = []

    def deliver(self, subscription: Subscription, item: Item) -> str:
        self.got.append(item.order)
        return f"ack-{item.order}"


def item(order: int) -> Item:
    return Item("/queue/a", (), b"x", order)


@pytest.fixture
def queue() -> Queue:
    return Queue("/queue/a", Backlog())


def test_competing_consumers_take_turns(queue: Queue) -> None:
    buckets = [Bucket() for _ in range(3)]
    for bucket in buckets:
        queue.add(Subscription(bucket, "1"))
    for order in range(1, 8):
        queue.put(item(order))
    assert [bucket.got for bucket in buckets] == [[1, 4, 7], [2, 5], [3, 6]]


def test_who_cannot_take_is_passed_over_and_comes_back_when_it_is_woken(queue: Queue) -> None:
    slow, fast = Bucket(), Bucket()
    subscription = Subscription(slow, "1")
    queue.add(subscription)
    queue.add(Subscription(fast, "1"))
    slow.congested = True
    queue.put(item(1))
    queue.put(item(2))
    assert fast.got == [1, 2]
    slow.congested = False
    queue.wake(subscription)
    for order in (3, 4):
        queue.put(item(order))
    assert slow.got
    assert sorted(slow.got + fast.got) == [1, 2, 3, 4]


def test_what_comes_back_goes_where_it_was(queue: Queue) -> None:
    bucket = Bucket()
    subscription = Subscription(bucket, "1", "client-individual", credit=3)
    queue.add(subscription)
    for order in range(1, 6):
        queue.put(item(order))
    second = subscription.take("ack-2")
    queue.remove(subscription)
    assert [waiting.order for waiting in queue.waiting] == [1, 3, 4, 5]
    queue.put_back(second.values())
    assert [waiting.order for waiting in queue.waiting] == [1, 2, 3, 4, 5]


def test_a_message_of_an_automatic_subscription_does_not_come_back(queue: Queue) -> None:
    subscription = Subscription(Bucket(), "1", "auto")
    queue.add(subscription)
    queue.put(item(1))
    queue.remove(subscription)
    assert not queue.waiting


@pytest.mark.parametrize(
    ("ack", "taken"), [("client", ["ack-1", "ack-2"]), ("client-individual", ["ack-2"])], ids=str
)
def test_an_id_means_one_message_or_all_up_to_it(queue: Queue, ack: str, taken: list[str]) -> None:
    subscription = Subscription(Bucket(), "1", ack)
    queue.add(subscription)
    for order in (1, 2, 3):
        queue.put(item(order))
    found = subscription.take("ack-2")
    assert list(found) == taken
    subscription.give_back(found)
    if ack == "client":
        assert list(subscription.unacknowledged) == ["ack-1", "ack-2", "ack-3"]
    assert set(subscription.unacknowledged) == {"ack-1", "ack-2", "ack-3"}


def test_the_backlog_counts_what_waits_and_nothing_else() -> None:
    backlog = Backlog()
    queue = Queue("/queue/a", backlog)
    queue.put(item(1))
    one = backlog.size
    assert one > 0
    queue.put(item(2))
    assert backlog.size == 2 * one
    subscription = Subscription(Bucket(), "1", "client", credit=1)
    queue.add(subscription)
    assert backlog.size == one
    queue.remove(subscription)
    assert backlog.size == 2 * one
    queue.clear()
    assert backlog.size == 0


def test_those_who_cannot_take_cost_nothing_however_many_they_are(queue: Queue) -> None:
    looks = 0

    class Watched(Subscription):
        __slots__ = ()

        @property
        def ready(self) -> bool:
            nonlocal looks
            looks += 1
            return super().ready

    for _ in range(100):
        queue.add(Watched(Bucket(), "1", "client", credit=1))
    for order in range(1, 101):
        queue.put(item(order))
    looks = 0
    for order in range(101, 301):
        queue.put(item(order))
    assert looks <= 100
    assert len(queue.waiting) == 200
