"""What waits: frames for the one writer, and operations for a connection."""

from __future__ import annotations

import io
import time

import pytest

from stomp_core import Send
from stomp_core.session import Pending
from stomp_core.session._operations import Operation, SendOperation
from stomp_core.session._send_queue import Backlog, SendQueue

from .interrupting import Interruption, interrupt, interrupt_everywhere


def sending(receipt: str | None = "r") -> SendOperation:
    return SendOperation(Send("/q"), Pending("SEND"), receipt, 1.0)


def filled(count: int) -> tuple[SendQueue, list[SendOperation]]:
    queue, operations = SendQueue(), [sending() for _ in range(count)]
    for number, operation in enumerate(operations):
        queue.put(b"%d;" % number, operation)
    return queue, operations


def test_an_empty_queue_has_nothing() -> None:
    queue = SendQueue()
    assert (queue.size, queue.take(), queue.drop()) == (0, b"", [])


@pytest.mark.parametrize("count", [1, 3])
def test_everything_is_taken_in_one_piece_in_order(count: int) -> None:
    queue, operations = filled(count)
    assert queue.size == 2 * count
    assert queue.take() == b"".join(b"%d;" % number for number in range(count))
    assert (queue.size, queue.take()) == (0, b"")
    assert all(operation.left for operation in operations)


def test_heart_beats_are_taken_too() -> None:
    queue = SendQueue()
    queue.put(b"\n", None)
    assert (queue.size, queue.take()) == (1, b"\n")
    queue.put(b"\n", None)
    assert queue.drop() == []


def test_operations_that_are_dropped_have_not_left() -> None:
    queue, operations = filled(3)
    queue.put(b"\n", None)
    assert queue.drop() == operations
    assert not any(operation.left for operation in operations)
    assert (queue.size, queue.take(), queue.drop()) == (0, b"", [])


def test_an_operation_without_a_receipt_is_done_when_it_leaves() -> None:
    queue, operation = SendQueue(), sending(receipt=None)
    queue.put(b"x", operation)
    assert not operation.pending.done
    queue.take()
    assert operation.pending.done


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_withdrawn_operation_does_not_leave(which: int) -> None:
    queue, operations = filled(3)
    operations[which].withdraw()
    queue.note_withdrawn()
    kept = [number for number in range(3) if number != which]
    assert queue.take() == b"".join(b"%d;" % number for number in kept)
    assert not operations[which].left


def test_a_withdrawn_operation_is_not_among_the_dropped_ones() -> None:
    queue, operations = filled(3)
    operations[1].withdraw()
    queue.note_withdrawn()
    assert queue.drop() == [operations[0], operations[2]]


def test_a_queue_of_withdrawn_operations_is_empty() -> None:
    """A heart-beat is not needed where bytes wait; these bytes would never have been written."""
    queue, operations = filled(3)
    for operation in operations:
        operation.withdraw()
        queue.note_withdrawn()
    assert (queue.size, queue.take()) == (0, b"")


def test_withdrawn_bytes_are_freed_while_nothing_is_written() -> None:
    queue = SendQueue()
    queue.put(b"first", sending())
    for _ in range(1000):
        late = sending()
        queue.put(bytes(1000), late)
        late.withdraw()
        queue.note_withdrawn()
        assert queue.size <= 5 + 3 * 1000
    assert bytes(queue.take()).startswith(b"first")


@pytest.mark.parametrize("kind", [SendQueue, Backlog])
def test_withdrawing_many_operations_takes_linear_time(kind: type[SendQueue] | type[Backlog]) -> None:
    def cost(count: int) -> float:
        waiting = kind()
        operations = [sending() for _ in range(count)]
        for operation in operations:
            if isinstance(waiting, SendQueue):
                waiting.put(b"x", operation)
            else:
                waiting.add(operation)
        start = time.process_time()
        for operation in operations:
            operation.withdraw()
            waiting.note_withdrawn()
        return time.process_time() - start

    best = min(cost(1000) for _ in range(3))
    assert min(cost(8000) for _ in range(3)) < 40 * best + 0.1


def backlog(count: int) -> tuple[Backlog, list[Operation]]:
    waiting = Backlog()
    operations: list[Operation] = [sending() for _ in range(count)]
    for operation in operations:
        waiting.add(operation)
    return waiting, operations


def test_a_backlog_keeps_the_order_and_is_taken_once() -> None:
    waiting, operations = backlog(3)
    assert list(waiting) == operations
    assert waiting.take() == operations
    assert waiting.take() == []


def test_operations_of_a_lost_connection_go_first_in_order() -> None:
    waiting, operations = backlog(2)
    earlier: list[Operation] = [sending(), sending()]
    waiting.add_first(iter(earlier))
    assert waiting.take() == earlier + operations


def test_a_withdrawn_operation_leaves_the_backlog() -> None:
    waiting, operations = backlog(5)
    for number in (0, 3):
        operations[number].withdraw()
        waiting.note_withdrawn()
    assert waiting.take() == [operations[1], operations[2], operations[4]]


def test_withdrawn_operations_do_not_accumulate_in_a_backlog() -> None:
    waiting, _ = backlog(1)
    for _ in range(1000):
        late = sending()
        waiting.add(late)
        late.withdraw()
        waiting.note_withdrawn()
        assert len(list(waiting)) <= 4


# -------------------------------------------------------------------------------- a limit


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 8, 100, None])
def test_any_limit_gives_the_same_bytes_in_order(limit: int | None) -> None:
    queue, operations = filled(4)
    queue.put(b"\n", None)
    wire = b""
    while data := queue.take(limit):
        assert limit is None or len(data) <= limit
        wire += data
        assert queue.size == 9 - len(wire)
        left = [operation.left for operation in operations]
        assert left == sorted(left, reverse=True), "in order"
        assert left.count(True) >= len(wire) / 2 - 0.5, "its first byte decides"
    assert wire == b"0;1;2;3;\n"
    assert queue.take(limit) == b""


def test_only_whole_frames_are_taken_if_more_than_one_would_be_cut() -> None:
    queue, operations = filled(3)
    assert queue.take(5) == b"0;1;"
    assert [operation.left for operation in operations] == [True, True, False]


def test_the_rest_of_a_cut_frame_comes_first() -> None:
    queue = SendQueue()
    long, late = sending(), sending()
    queue.put(b"long frame", long)
    queue.put(b"late", late)
    assert queue.take(4) == b"long"
    assert (long.left, late.left, queue.size) == (True, False, 10)
    late.withdraw()
    queue.note_withdrawn()
    queue.put(b"\n", None)
    assert queue.size == 7
    assert queue.take(4) == b" fra"
    assert queue.take() == b"me\n"
    assert queue.size == 0


def test_a_cut_frame_is_not_among_what_is_dropped() -> None:
    queue, operations = filled(2)
    assert queue.take(1) == b"0"
    assert queue.drop() == operations[1:]
    assert (queue.size, queue.take()) == (0, b"")


# -------------------------------------------------------------------------------- write_with


@pytest.mark.parametrize("count", [1, 3], ids=["straight path", "several"])
def test_write_with_writes_everything(count: int) -> None:
    queue, operations = filled(count)
    expected = b"".join(b"%d;" % number for number in range(count))
    out = io.BytesIO()
    queue.write_with(out.write)
    assert out.getvalue() == expected
    assert queue.size == 0
    assert all(operation.left for operation in operations)
    queue.write_with(out.write)
    assert out.getvalue() == expected


def test_write_with_notes_what_leaves_before_the_socket_takes_it() -> None:
    """If it raises, nobody knows what has left."""
    for count in (1, 3):
        queue, operations = filled(count)

        def fail(data: bytes | memoryview) -> int:
            raise BrokenPipeError

        with pytest.raises(BrokenPipeError):
            queue.write_with(fail)
        assert all(operation.left for operation in operations)


def test_write_with_goes_on_in_the_middle_of_a_single_frame() -> None:
    queue = SendQueue()
    queue.put(b"a single frame;", sending())
    wire, takes = b"", iter([1, 0, 5, 100])

    def send(data: bytes | memoryview) -> int:
        nonlocal wire
        count = min(next(takes), len(data))
        if not count:
            raise BlockingIOError
        wire += data[:count]
        return count

    with pytest.raises(BlockingIOError):
        queue.write_with(send)
    assert (wire, queue.size) == (b"a", 14)
    queue.put(b"next;", sending())
    takes = iter([5, 100, 100])
    queue.write_with(send)
    assert (wire, queue.size) == (b"a single frame;next;", 0)


def test_write_with_goes_on_where_a_full_socket_stopped_it() -> None:
    queue, _ = filled(3)
    wire = b""
    room = 4

    def send(data: bytes | memoryview) -> int:
        nonlocal wire, room
        if not room:
            raise BlockingIOError
        count = min(room, len(data), 3)
        wire += data[:count]
        room -= count
        return count

    with pytest.raises(BlockingIOError):
        queue.write_with(send)
    assert (wire, queue.size) == (b"0;1;", 2)
    queue.put(b"3;", sending())
    room = 100
    queue.write_with(send)
    assert (wire, queue.size) == (b"0;1;2;3;", 0)


@pytest.mark.parametrize("then", ["write", "withdraw", "drop"])
def test_write_with_interrupted_anywhere_loses_and_repeats_nothing(then: str) -> None:
    def run(step: int) -> int:
        queue, operations = filled(5)
        operations[1].withdraw()
        queue.note_withdrawn()
        out = io.BytesIO()
        result = interrupt(lambda: queue.write_with(out.write), step)
        before = out.getvalue()
        assert before in (b"", b"0;2;3;4;")
        queue.put(b"5;", None)
        if then == "withdraw":
            if not operations[4].left:
                operations[4].withdraw()
                queue.note_withdrawn()
        elif then == "drop":
            dropped = queue.drop()
            assert (queue.size, queue.take()) == (0, b"")
            assert all(entry.left or entry in dropped or entry.withdrawn for entry in operations)
            return result
        assert queue.size > 0
        queue.write_with(out.write)
        expected = b"0;2;3;4;5;" if operations[4].left else b"0;2;3;5;"
        assert out.getvalue() == expected
        assert queue.size == 0
        assert not operations[1].left
        return result

    interrupt_everywhere(run)


def test_write_with_interrupted_by_a_done_callback_loses_nothing() -> None:
    queue = SendQueue()
    operations = [sending(receipt=None) for _ in range(3)]
    for number, operation in enumerate(operations):
        queue.put(b"%d;" % number, operation)

    def fail() -> None:
        raise Interruption

    operations[1].pending.add_done_callback(fail)
    out = io.BytesIO()
    with pytest.raises(Interruption):
        queue.write_with(out.write)
    assert out.getvalue() == b""
    queue.write_with(out.write)
    assert out.getvalue() == b"0;1;2;"
    assert all(operation.pending.done for operation in operations)
