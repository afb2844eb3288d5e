"""When to dial which endpoint."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from stomp_core.session import Endpoint, Reconnect
from stomp_core.session._reconnect import Attempt, Schedule

A, B = Endpoint.parse("stomp://a"), Endpoint.parse("stomp://b")


class Chance:
    """Random numbers that are known beforehand."""

    def __init__(self, *numbers: float) -> None:
        self.numbers = list(numbers)

    def random(self) -> float:
        return self.numbers.pop(0)


def schedule(*endpoints: Endpoint, rng: Chance | None = None, **policy: Any) -> Schedule:
    return Schedule(endpoints or (A,), Reconnect(**policy), rng, 7.0)


def due(plan: Schedule, now: float) -> Attempt:
    attempt = plan.next(now)
    assert attempt is not None
    return attempt


@pytest.mark.parametrize(
    "policy",
    [
        {"first_delay": -1.0},
        {"first_delay": 2.0, "max_delay": 1.0},
        {"max_delay": inf},
        {"first_delay": nan},
        {"max_delay": nan},
        {"rounds": -1},
        {"first_rounds": 0},
        {"growth": 0.9},
        {"growth": 1001.0},
        {"jitter": -0.1},
        {"jitter": 1.1},
    ],
    ids=str,
)
def test_an_option_out_of_its_range_is_refused(policy: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Reconnect(**policy)


@pytest.mark.parametrize(
    "policy",
    [
        {"first_delay": 0.0, "max_delay": 0.0},
        {"first_delay": 1.0, "max_delay": 1.0},
        {"rounds": 0},
        {"rounds": None},
        {"first_rounds": 1},
        {"first_rounds": None},
        {"growth": 1.0},
        {"growth": 1000.0},
        {"jitter": 0.0},
        {"jitter": 1.0},
    ],
    ids=str,
)
def test_the_edges_of_the_ranges_are_allowed(policy: dict[str, Any]) -> None:
    Reconnect(**policy)


def test_the_defaults() -> None:
    policy = Reconnect()
    assert (policy.first_delay, policy.max_delay, policy.rounds, policy.first_rounds) == (0.1, 30.0, None, 1)
    assert (policy.growth, policy.jitter) == (2.0, 1.0)


def test_never_does_not_replace_a_lost_connection() -> None:
    plan = Schedule((A,), Reconnect.never(), None, 7.0)
    assert due(plan, 0.0).endpoint == A
    plan.connected(1.0)
    plan.lost(100.0)
    assert plan.next(100.0) is None


def test_the_first_attempt_is_due_at_once() -> None:
    assert due(schedule(), 5.0) == Attempt(A, 5.0, 7.0, 1)


def test_an_attempt_is_the_same_until_its_outcome_is_known() -> None:
    plan = schedule(A, B, rng=Chance(0.5))
    assert due(plan, 1.0) == due(plan, 9.0)
    plan.connected(9.0)
    plan.lost(99.0)
    assert due(plan, 99.0) == due(plan, 1000.0)


def test_a_round_tries_every_endpoint_in_order_without_a_pause() -> None:
    plan = schedule(A, B, first_rounds=2)
    assert (due(plan, 1.0).endpoint, due(plan, 1.0).number) == (A, 1)
    plan.failed()
    second = due(plan, 4.0)
    assert (second.endpoint, second.number) == (B, 2)
    assert second.at <= 4.0
    plan.failed()
    third = due(plan, 6.0)
    assert (third.endpoint, third.number) == (A, 3)
    assert third.at == 6.1


def test_an_attempt_may_be_repeated_at_once_within_its_round() -> None:
    plan = schedule(A, B)
    due(plan, 1.0)
    plan.repeat(2.0)
    again = due(plan, 2.0)
    assert (again.endpoint, again.at, again.number) == (A, 2.0, 2)
    plan.failed()
    following = due(plan, 3.0)
    assert (following.endpoint, following.at) == (B, 2.0)
    plan.failed()
    assert plan.next(4.0) is None, "it was one round"


def test_the_first_connection_fails_after_its_rounds() -> None:
    plan = schedule(A, B, first_rounds=2)
    for _ in range(4):
        assert plan.next(0.0) is not None
        plan.failed()
    assert plan.next(0.0) is None


def test_without_a_limit_attempts_never_end() -> None:
    plan = schedule(first_rounds=None)
    for turn in range(1000):
        assert plan.next(float(turn)) is not None
        plan.failed()


def test_pauses_double_up_to_the_bound() -> None:
    plan = schedule(first_delay=1.0, max_delay=6.0)
    plan.connected(0.0)
    plan.lost(100.0)
    pauses = []
    for _ in range(6):
        pauses.append(due(plan, 1000.0).at - 1000.0)
        plan.failed()
    assert pauses == [1.0, 2.0, 4.0, 6.0, 6.0, 6.0]


def test_pauses_before_the_first_connection_grow_too() -> None:
    plan = schedule(first_delay=1.0, max_delay=6.0, first_rounds=None)
    pauses = []
    for _ in range(5):
        pauses.append(due(plan, 1000.0).at - 1000.0)
        plan.failed()
    assert pauses == [0.0, 1.0, 2.0, 4.0, 6.0]


def test_pauses_grow_by_the_given_factor() -> None:
    plan = schedule(first_delay=1.0, max_delay=1000.0, growth=3.0)
    plan.connected(0.0)
    plan.lost(100.0)
    pauses = []
    for _ in range(4):
        pauses.append(due(plan, 0.0).at)
        plan.failed()
    assert pauses == [1.0, 3.0, 9.0, 27.0]


def test_full_jitter_makes_a_pause_any_length_up_to_the_bound() -> None:
    plan = schedule(first_delay=8.0, rng=Chance(0.25, 0.0))
    plan.connected(0.0)
    plan.lost(100.0)
    assert due(plan, 100.0).at == 102.0
    plan.failed()
    assert due(plan, 200.0).at == 200.0


def test_less_jitter_makes_only_a_part_random() -> None:
    plan = schedule(first_delay=8.0, jitter=0.5, rng=Chance(0.0, 0.5))
    plan.connected(0.0)
    plan.lost(100.0)
    assert due(plan, 100.0).at == 104.0
    plan.failed()
    assert due(plan, 100.0).at == 112.0


def test_a_day_of_failures_overflows_nothing() -> None:
    plan = schedule(first_delay=1.0, max_delay=30.0, growth=1000.0)
    plan.connected(0.0)
    plan.lost(100.0)
    for _ in range(100_000):
        plan.failed()
    assert due(plan, 0.0).at == 30.0


def test_after_a_loss_the_preferred_endpoint_is_tried_first_again() -> None:
    plan = schedule(A, B)
    plan.failed()
    assert due(plan, 0.0).endpoint == B
    plan.connected(0.0)
    plan.lost(100.0)
    attempt = due(plan, 100.0)
    assert (attempt.endpoint, attempt.number) == (A, 1)


def test_every_connection_resets_the_count_of_rounds() -> None:
    plan = schedule(A, B, rounds=2)
    plan.connected(0.0)
    for _ in range(3):
        plan.lost(100.0)
        for _ in range(3):
            assert plan.next(100.0) is not None
            plan.failed()
        assert plan.next(100.0) is not None
        plan.connected(100.0)
    plan.lost(200.0)
    for _ in range(4):
        plan.failed()
    assert plan.next(200.0) is None


def test_a_connection_that_lasted_resets_back_off() -> None:
    plan = schedule(first_delay=1.0, max_delay=64.0)
    plan.connected(0.0)
    plan.lost(10.0)
    for _ in range(3):
        plan.failed()
    assert due(plan, 0.0).at == 8.0
    plan.connected(100.0)
    plan.lost(108.0)  # as long as the bound
    assert due(plan, 200.0).at == 201.0


def test_a_connection_that_ends_at_once_does_not() -> None:
    """A broker that sends CONNECTED and closes at once was dialled in a hot loop."""
    plan = schedule(first_delay=0.1, max_delay=64.0)
    now, pauses = 0.0, []
    for _ in range(5):
        plan.connected(now)
        plan.lost(now + 0.999)
        pauses.append(round(due(plan, now).at - now, 3))
        now += 100.0
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2]
    plan.connected(now)
    plan.lost(now + 3.1)
    assert round(due(plan, now).at - now, 3) == 6.4, "it must have lived as long as the bound"


def test_a_connection_of_a_second_has_lasted() -> None:
    plan = schedule(first_delay=0.1)
    plan.connected(0.0)
    plan.lost(1.0)
    assert due(plan, 1.0).at == 1.1
