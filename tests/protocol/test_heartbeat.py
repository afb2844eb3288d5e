"""Heart-beats (STOMP 1.2, "Heart-beating")."""

from __future__ import annotations

from typing import Any

import pytest

from stomp_core import LocalProtocolError
from stomp_core.protocol._heartbeat import HeartBeatClock, format_heart_beat, negotiate, parse_heart_beat


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        pytest.param(None, (0, 0), id="a missing header is 0,0"),
        pytest.param("0,0", (0, 0), id="none either way"),
        pytest.param("1000,0", (1000, 0), id="sends"),
        pytest.param("0,1000", (0, 1000), id="would like to receive"),
        pytest.param("4000,5000", (4000, 5000), id="both"),
        pytest.param("007,010", (7, 10), id="leading zeros are decimal"),
        pytest.param("9999999999999,1", (9_999_999_999_999, 1), id="more than 32 bits"),
        pytest.param("9" * 19 + ",1", (10**19 - 1, 1), id="19 digits"),
    ],
)
def test_the_header_holds_two_numbers(value: str | None, numbers: tuple[int, int]) -> None:
    assert parse_heart_beat(value) == numbers


@pytest.mark.parametrize(
    "value",
    [
        "", ",", "1000", "1000,", ",1000", "1000,1000,1000", "1000;1000", "1000, 1000", " 1000,1000", "1000,1000 ",
        "-1,0", "0,-1", "+1,0", "1_0,0", "1.5,0", "0x10,0", "a,b", "\u0661,0", "\u00b2,0",
        "9" * 20 + ",0", "0," + "9" * 5000,
    ],
)  # fmt: skip
def test_any_other_header_is_malformed(value: str) -> None:
    assert parse_heart_beat(value) is None


@pytest.mark.parametrize(
    ("numbers", "value"),
    [((0, 0), "0,0"), ((1000, 0), "1000,0"), ((1, 10**19 - 1), "1," + "9" * 19)],
)
def test_two_whole_numbers_are_formatted(numbers: tuple[int, int], value: str) -> None:
    assert format_heart_beat(numbers) == value
    assert parse_heart_beat(value) == numbers


@pytest.mark.parametrize(
    "numbers",
    [(-1, 0), (0, -1), (10.0, 0), (0, 10.0), ("1", "2"), (True, 0), (0, False), (1,), (1, 2, 3), None, 5, (10**19, 0)],
)  # fmt: skip
def test_nothing_else_is_formatted(numbers: Any) -> None:
    with pytest.raises(LocalProtocolError, match="two whole numbers of milliseconds") as caught:
        format_heart_beat(numbers)
    assert caught.value.code == "bad-heart-beat"


@pytest.mark.parametrize(
    ("mine", "theirs", "sending", "receiving"),
    [
        pytest.param((0, 0), (0, 0), 0, 0, id="none"),
        pytest.param((1000, 0), (0, 3000), 3, 0, id="they want fewer than I can send"),
        pytest.param((4000, 0), (0, 3000), 4, 0, id="they want more than I can send"),
        pytest.param((1000, 0), (1000, 0), 0, 0, id="they do not want mine, I do not want theirs"),
        pytest.param((0, 1000), (0, 1000), 0, 0, id="neither can send"),
        pytest.param((0, 1000), (2000, 0), 0, 2, id="they send slower than I want"),
        pytest.param((0, 5000), (2000, 0), 0, 5, id="I want it slower than they send"),
        pytest.param((1000, 2000), (3000, 4000), 4, 3, id="both directions are apart"),
        pytest.param((0, 2000), (3000, 4000), 0, 3, id="I cannot send"),
        pytest.param((1000, 2000), (3000, 0), 0, 3, id="they want none"),
        pytest.param((1000, 0), (3000, 4000), 4, 0, id="I want none"),
        pytest.param((1000, 2000), (0, 4000), 4, 0, id="they cannot send"),
        pytest.param((1, 1), (1, 1), 0.001, 0.001, id="milliseconds"),
    ],
)
def test_the_interval_is_the_larger_number_or_0(
    mine: tuple[int, int], theirs: tuple[int, int], sending: float, receiving: float
) -> None:
    """0 if either number is."""
    assert negotiate(mine, theirs) == (sending, receiving)
    assert negotiate(theirs, mine) == (receiving, sending), "the other side calculates the same"


def test_the_send_deadline_follows_the_last_write() -> None:
    clock = HeartBeatClock(tolerance=2.5, pace=1.0)
    clock.last_write = 100.0
    clock.set_intervals(10.0, 0.0)
    assert clock.send_deadline == 110.0
    clock.last_write = 105.0
    assert clock.send_deadline == 115.0


def test_without_an_interval_there_is_no_deadline() -> None:
    clock = HeartBeatClock(tolerance=2.5, pace=1.0)
    assert (clock.send_deadline, clock.receive_deadline) == (None, None)


def test_a_new_clock_starts_at_0() -> None:
    clock = HeartBeatClock(tolerance=2.5, pace=1.0)
    clock.set_intervals(10.0, 10.0)
    assert (clock.send_deadline, clock.receive_deadline) == (10.0, 25.0)


def test_a_pace_below_1_moves_the_send_deadline_forward() -> None:
    clock = HeartBeatClock(tolerance=2.5, pace=0.5)
    clock.last_write = 100.0
    clock.set_intervals(10.0, 0.0)
    assert clock.send_deadline == 105.0


def test_the_receive_deadline_follows_the_last_read() -> None:
    clock = HeartBeatClock(tolerance=3.0, pace=1.0)
    clock.last_read = 100.0
    clock.set_intervals(0.0, 10.0)
    assert clock.receive_deadline == 130.0
    clock.last_read = 101.0
    assert clock.receive_deadline == 131.0


def test_pausing_suspends_the_receive_deadline() -> None:
    clock = HeartBeatClock(tolerance=2.0, pace=1.0)
    clock.set_intervals(0.0, 10.0)
    clock.pause_reading(15.0)
    clock.pause_reading(16.0)
    assert clock.receive_deadline is None


def test_resuming_starts_the_receive_deadline_anew() -> None:
    clock = HeartBeatClock(tolerance=2.0, pace=1.0)
    clock.set_intervals(0.0, 10.0)
    clock.pause_reading(15.0)
    clock.resume_reading(1000.0)
    assert clock.receive_deadline == 1020.0


def test_resuming_without_a_pause_extends_nothing() -> None:
    clock = HeartBeatClock(tolerance=2.0, pace=1.0)
    clock.set_intervals(0.0, 10.0)
    clock.resume_reading(15.0)
    assert clock.receive_deadline == 20.0


def test_pausing_does_not_concern_the_send_deadline() -> None:
    clock = HeartBeatClock(tolerance=2.0, pace=1.0)
    clock.set_intervals(10.0, 0.0)
    clock.pause_reading(5.0)
    assert clock.send_deadline == 10.0


@pytest.mark.parametrize("sending", [0.0, 10.0, 30.0])
@pytest.mark.parametrize("receiving", [0.0, 20.0])
@pytest.mark.parametrize("paused", [False, True])
def test_the_next_deadline_is_the_earlier_one(sending: float, receiving: float, paused: bool) -> None:
    clock = HeartBeatClock(tolerance=1.0, pace=1.0)
    clock.set_intervals(sending, receiving)
    clock.start(100.0)
    if paused:
        clock.pause_reading(100.0)
    deadlines = [
        deadline for deadline in (clock.send_deadline, clock.receive_deadline) if deadline is not None
    ]
    assert clock.next_deadline() == min(deadlines, default=None)
