"""Inboxes, and the budget that they share."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

import pytest

from stomp_core import Frame, FrameParser
from stomp_core.session.inbox import Budget, Inbox, weight


def budget(limit: int = 100) -> tuple[Budget, list[str]]:
    calls: list[str] = []
    return Budget(limit, lambda: calls.append("free")), calls


def test_a_budget_is_full_at_its_limit() -> None:
    money, calls = budget(100)
    money.add(99)
    assert not money.full
    money.add(1)
    assert money.full
    assert money.held == 100
    assert calls == []


def test_it_is_free_again_at_half_of_it_and_says_so_once() -> None:
    money, calls = budget(100)
    money.add(100)
    money.remove(49)
    assert money.full
    assert calls == []
    money.remove(1)
    assert not money.full
    assert calls == ["free"]
    money.remove(50)
    assert calls == ["free"]
    assert money.held == 0


def test_it_overflows_beyond_four_times_the_limit() -> None:
    money, _ = budget(100)
    money.add(400)
    assert not money.overflowing
    money.add(1)
    assert money.overflowing


def test_an_inbox_hands_over_in_the_order_of_arrival_and_keeps_the_budget() -> None:
    money, _ = budget()
    inbox: Inbox[str] = Inbox(money)
    assert inbox.take() is None
    inbox.put("a", 10)
    inbox.put("b", 20)
    assert len(inbox) == 2
    assert money.held == 30
    assert inbox.take() == "a"
    assert money.held == 20
    assert inbox.take() == "b"
    assert inbox.take() is None
    assert (len(inbox), money.held) == (0, 0)


def test_two_inboxes_share_one_budget() -> None:
    money, calls = budget(100)
    one: Inbox[str] = Inbox(money)
    two: Inbox[str] = Inbox(money)
    one.put("a", 60)
    two.put("b", 60)
    assert money.full
    one.take()
    assert money.full
    two.take()
    assert calls == ["free"]


def test_whoever_waits_for_an_arrival_waits_until_something_is_there() -> None:
    inbox: Inbox[str] = Inbox(budget()[0])
    arrival = inbox.arrival()
    assert not arrival.done
    assert inbox.arrival() is arrival, "several may wait for one"
    inbox.put("a", 1)
    assert arrival.done
    assert arrival.result() is None
    assert inbox.arrival().done, "something is there already"
    inbox.take()
    again = inbox.arrival()
    assert again is not arrival
    assert not again.done


def test_clearing_returns_what_was_dropped_and_the_budget() -> None:
    money, calls = budget(25)
    inbox: Inbox[str] = Inbox(money)
    inbox.put("a", 10)
    inbox.put("b", 20)
    assert inbox.clear() == ["a", "b"]
    assert (len(inbox), money.held, calls) == (0, 0, ["free"])
    assert inbox.clear() == []
    assert not inbox.arrival().done
    inbox.put("c", 5)
    assert money.held == 5


def test_closing_wakes_who_waits_and_leaves_what_is_there_to_be_taken() -> None:
    inbox: Inbox[str] = Inbox(budget()[0])
    arrival = inbox.arrival()
    inbox.close()
    assert arrival.done
    assert inbox.arrival().done, "nothing will ever come"
    assert inbox.take() is None


def test_what_is_in_a_closed_inbox_weighs_on_nobody() -> None:
    """A subscription that ended with messages that nobody takes stopped reading for ever."""
    money, calls = budget(50)
    inbox: Inbox[str] = Inbox(money)
    inbox.put("a", 30)
    inbox.put("b", 30)
    assert money.full
    inbox.close()
    assert (money.held, money.full, calls) == (0, False, ["free"])
    assert inbox.take() == "a"
    assert money.held == 0
    assert inbox.clear() == ["b"]
    inbox.close()
    assert money.held == 0


PARSED = b"MESSAGE\ndestination:/q\nmessage-id:1\nsubscription:s\n\nbody\0"


def test_a_frame_weighs_its_head_its_body_and_what_python_needs() -> None:
    parser = FrameParser("1.2")
    parser.receive_data(PARSED)
    frame = parser.next_frame()
    assert isinstance(frame, Frame)
    assert weight(frame) == 1024 + len("\ndestination:/q\nmessage-id:1\nsubscription:s\n") + 4


def test_a_frame_that_was_not_parsed_weighs_its_headers_too() -> None:
    assert weight(Frame("MESSAGE", {"a": "b:", "de": "f"}, b"1234567")) == 1024 + 6 + 7


def test_what_is_no_frame_weighs_what_python_needs() -> None:
    assert weight(None) == 1024


@pytest.mark.parametrize("size", [1, 1000])
def test_a_full_inbox_of_any_size_frees_the_budget_when_it_is_emptied(size: int) -> None:
    money, calls = budget(10 * size)
    inbox: Inbox[int] = Inbox(money)
    for number in range(10):
        inbox.put(number, size)
    assert money.full
    while inbox.take() is not None:
        pass
    assert calls == ["free"]
