"""Pending: the outcome of an operation, before and after it is known."""

from __future__ import annotations

import pytest

from stomp_core.session import NotSent, Pending


def test_a_pending_is_not_done_until_it_is_settled() -> None:
    pending: Pending[int] = Pending("SEND to /queue/a")
    assert not pending.done
    assert pending.exception() is None
    with pytest.raises(RuntimeError, match="SEND to /queue/a is not done yet"):
        pending.result()


def test_a_success_returns_its_value_each_time() -> None:
    pending: Pending[int] = Pending("x")
    pending.succeed(7)
    assert pending.done
    assert (pending.result(), pending.result(), pending.exception()) == (7, 7, None)


def test_a_failure_is_raised_without_earlier_tracebacks() -> None:
    pending: Pending[int] = Pending("x")
    error = NotSent("no")
    pending.fail(error)
    assert pending.done
    assert pending.exception() is error
    depths = []
    for _ in range(3):
        with pytest.raises(NotSent) as caught:
            pending.result()
        assert caught.value is error
        depth, trace = 0, caught.value.__traceback__
        while trace is not None:
            depth, trace = depth + 1, trace.tb_next
        depths.append(depth)
    assert len(set(depths)) == 1


def test_the_first_outcome_stands() -> None:
    first: Pending[int] = Pending("x")
    first.succeed(1)
    first.succeed(2)
    first.fail(NotSent("no"))
    assert first.result() == 1
    assert first.exception() is None
    second: Pending[int] = Pending("x")
    second.fail(NotSent("first"))
    second.fail(NotSent("second"))
    second.succeed(2)
    with pytest.raises(NotSent, match="first"):
        second.result()


def test_a_completed_pending_is_done() -> None:
    pending = Pending.completed("arrival", "value")
    assert pending.done
    assert pending.result() == "value"


@pytest.mark.parametrize("succeeds", [True, False])
def test_callbacks_are_called_once_in_order(succeeds: bool) -> None:
    pending: Pending[int] = Pending("x")
    calls: list[object] = []
    pending.add_done_callback(lambda: calls.append((1, pending.done)))
    pending.add_done_callback(lambda: calls.append((2, pending.done)))
    assert calls == []
    if succeeds:
        pending.succeed(1)
    else:
        pending.fail(NotSent("no"))
    pending.succeed(2)
    assert calls == [(1, True), (2, True)]


def test_a_callback_of_a_done_pending_is_called_at_once() -> None:
    calls: list[int] = []
    Pending.completed("x", 1).add_done_callback(lambda: calls.append(1))
    assert calls == [1]


def test_a_callback_that_was_removed_is_not_called() -> None:
    pending: Pending[int] = Pending("x")
    calls: list[int] = []

    def first() -> None:
        calls.append(1)

    def second() -> None:
        calls.append(2)

    pending.remove_done_callback(first)  # unknown ones are ignored
    pending.add_done_callback(first)
    pending.add_done_callback(second)
    pending.remove_done_callback(first)
    pending.remove_done_callback(first)
    pending.succeed(1)
    assert calls == [2]
    pending.remove_done_callback(second)


def hooked() -> tuple[Pending[object], list[str]]:
    calls: list[str] = []
    pending: Pending[object] = Pending("x")
    pending.on_cancel = lambda now: calls.append(f"cancelled at {now}")
    return pending, calls


def test_cancel_calls_its_hook_once() -> None:
    pending, calls = hooked()
    pending.cancel(3.0)
    pending.cancel(3.0)
    assert calls == ["cancelled at 3.0"]


def test_what_succeeded_with_a_value_can_still_be_cancelled() -> None:
    pending, calls = hooked()
    pending.succeed("a subscription")
    pending.cancel(3.0)
    assert calls == ["cancelled at 3.0"]


@pytest.mark.parametrize("outcome", ["nothing", "failure"])
def test_without_a_value_there_is_nothing_to_cancel(outcome: str) -> None:
    pending, calls = hooked()
    if outcome == "failure":
        pending.fail(NotSent("no"))
    else:
        pending.succeed(None)
    assert pending.on_cancel is None
    pending.cancel(3.0)
    assert calls == []


def test_cancel_without_a_hook_is_no_error() -> None:
    Pending("x").cancel(3.0)


def test_the_repr_shows_operation_and_outcome() -> None:
    pending: Pending[int] = Pending("ACK of 7")
    assert repr(pending) == "<Pending ACK of 7: pending>"
    pending.fail(NotSent("no"))
    assert repr(pending) == "<Pending ACK of 7: failed: NotSent('no')>"
    assert repr(Pending.completed("x", 1)) == "<Pending x: succeeded>"
