"""Queues of received messages, and the limit that all queues of a session share."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

import pytest

from stomp_core.session._message_queue import BufferLimit, MessageQueue

# -------------------------------------------------------------------------------- the limit


def test_a_buffer_is_full_at_its_limit() -> None:
    limit = BufferLimit(100)
    limit.add(99)
    assert not limit.full
    limit.add(1)
    assert limit.full
    assert limit.size == 100


def test_a_full_buffer_has_room_again_at_half_of_its_limit() -> None:
    limit = BufferLimit(100)
    limit.add(100)
    for size, full in ((51, True), (50, False), (0, False)):
        limit.size = size
        limit.notice_removed()
        assert limit.full is full


def test_a_buffer_is_exceeded_beyond_four_times_its_limit() -> None:
    limit = BufferLimit(100)
    limit.add(400)
    assert not limit.exceeded
    limit.add(1)
    assert limit.exceeded


# -------------------------------------------------------------------------------- a queue


def test_items_are_taken_in_order_and_no_longer_counted() -> None:
    limit = BufferLimit(100)
    queue: MessageQueue[str] = MessageQueue(limit)
    assert queue.take() is None
    queue.put("a", 10)
    queue.put("b", 20)
    assert len(queue) == 2
    assert limit.size == 30
    assert queue.take() == "a"
    assert limit.size == 20
    assert queue.take() == "b"
    assert queue.take() is None
    assert (len(queue), limit.size) == (0, 0)


def test_two_queues_share_one_limit() -> None:
    limit = BufferLimit(100)
    one: MessageQueue[str] = MessageQueue(limit)
    two: MessageQueue[str] = MessageQueue(limit)
    one.put("a", 60)
    two.put("b", 60)
    assert limit.full
    one.take()
    assert limit.full
    two.take()
    assert not limit.full


def test_ready_is_done_when_there_is_an_item() -> None:
    queue: MessageQueue[str] = MessageQueue(BufferLimit(100))
    ready = queue.ready()
    assert not ready.done
    assert queue.ready() is ready, "several may wait for one"
    queue.put("a", 1)
    assert ready.done
    assert ready.result() is None
    assert queue.ready().done, "an item is there already"
    queue.take()
    again = queue.ready()
    assert again is not ready
    assert not again.done


def test_notify_all_wakes_all_waiters_without_an_item() -> None:
    queue: MessageQueue[str] = MessageQueue(BufferLimit(100))
    queue.notify_all()
    ready = queue.ready()
    queue.notify_all()
    assert ready.done
    assert not queue.ready().done


def test_clear_returns_the_items_and_makes_room() -> None:
    limit = BufferLimit(25)
    queue: MessageQueue[str] = MessageQueue(limit)
    queue.put("a", 10)
    queue.put("b", 20)
    assert queue.clear() == ["a", "b"]
    assert (len(queue), limit.size, limit.full) == (0, 0, False)
    assert queue.clear() == []
    assert not queue.ready().done
    queue.put("c", 5)
    assert limit.size == 5


def test_close_wakes_waiters_and_leaves_the_items() -> None:
    queue: MessageQueue[str] = MessageQueue(BufferLimit(100))
    ready = queue.ready()
    queue.close()
    assert ready.done
    assert queue.ready().done, "no item will ever come"
    assert queue.take() is None


def test_the_items_of_a_closed_queue_are_not_counted() -> None:
    """A subscription that had ended with messages in its queue stopped reading for ever."""
    limit = BufferLimit(50)
    queue: MessageQueue[str] = MessageQueue(limit)
    queue.put("a", 30)
    queue.put("b", 30)
    assert limit.full
    queue.close()
    assert (limit.size, limit.full) == (0, False)
    assert queue.take() == "a"
    assert limit.size == 0
    assert queue.clear() == ["b"]
    queue.close()
    assert limit.size == 0


@pytest.mark.parametrize("size", [1, 1000])
def test_emptying_a_full_queue_makes_room(size: int) -> None:
    limit = BufferLimit(10 * size)
    queue: MessageQueue[int] = MessageQueue(limit)
    for number in range(10):
        queue.put(number, size)
    assert limit.full
    while queue.take() is not None:
        pass
    assert not limit.full


def test_an_item_that_was_taken_can_be_put_back() -> None:
    """Whatever an exception has interrupted: it is the first one, and counted once."""
    limit = BufferLimit(100)
    queue: MessageQueue[str] = MessageQueue(limit)
    queue.put("a", 60)
    queue.put("b", 20)
    entry = queue.first()
    assert entry is not None
    queue.put_back(entry)  # it was not taken yet
    assert (len(queue), limit.size) == (2, 80)
    queue.take()
    queue.take()
    assert queue.first() is None
    ready = queue.ready()
    queue.put_back(entry)
    assert ready.done
    assert (len(queue), limit.size) == (1, 60)
    assert queue.take() == "a"
    assert limit.size == 0
