"""Heart-beats: STOMP 1.2, "Heart-beating". Time is a number."""

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
        pytest.param("0,1000", (0, 1000), id="would like to get"),
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
def test_all_else_is_nonsense(value: str) -> None:
    assert parse_heart_beat(value) is None


@pytest.mark.parametrize(
    ("numbers", "value"),
    [((0, 0), "0,0"), ((1000, 0), "1000,0"), ((1, 10**19 - 1), "1," + "9" * 19)],
)
def test_two_whole_numbers_become_a_header(numbers: tuple[int, int], value: str) -> None:
    assert format_heart_beat(numbers) == value
    assert parse_heart_beat(value) == numbers


@pytest.mark.parametrize(
    "numbers",
    [(-1, 0), (0, -1), (10.0, 0), (0, 10.0), ("1", "2"), (True, 0), (0, False), (1,), (1, 2, 3), None, 5, (10**19, 0)],
)  # fmt: skip
def test_nothing_else_becomes_one(numbers: Any) -> None:
    with pytest.raises(LocalProtocolError, match="two whole numbers of milliseconds") as caught:
        format_heart_beat(numbers)
    assert caught.value.code == "bad-heart-beat"


@pytest.mark.parametrize(
    ("mine", "theirs", "sending", "receiving"),
    [
        pytest.param((0, 0), (0, 0), 0, 0, id="nobody"),
        pytest.param((1000, 0), (0, 3000), 3, 0, id="they want it slower than I can"),
        pytest.param((4000, 0), (0, 3000), 4, 0, id="I cannot do it as fast as they want"),
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
def test_the_interval_is_the_greater_of_both_numbers_unless_either_is_0(
    mine: tuple[int, int], theirs: tuple[int, int], sending: float, receiving: float
) -> None:
    assert negotiate(mine, theirs) == (sending, receiving)
    assert negotiate(theirs, mine) == (receiving, sending), "the other side comes to the same"


def test_a_beat_is_due_one_interval_after_the_last_byte_written() -> None:
    clock = HeartBeatClock(tolerance=2.5, pace=1.0)
    clock.last_write = 100.0
    clock.sending = 10.0
    assert clock.beat_due == 110.0
    clock.last_write = 105.0
    assert clock.beat_due == 115.0


def test_without_an_interval_nothing_is_due() -> None:
    clock = HeartBeatClock(tolerance=2.5, pace=1.0)
    assert (clock.beat_due, clock.death_due) == (None, None)


def test_a_new_clock_counts_from_0() -> None:
    clock = HeartBeatClock(tolerance=2.5, pace=1.0)
    clock.sending = clock.receiving = 10.0
    assert (clock.beat_due, clock.death_due) == (10.0, 25.0)


def test_a_pace_below_1_leaves_room_for_timers_that_are_late() -> None:
    clock = HeartBeatClock(tolerance=2.5, pace=0.5)
    clock.last_write, clock.sending = 100.0, 10.0
    assert clock.beat_due == 105.0


def test_the_peer_is_dead_after_the_tolerated_number_of_intervals_without_a_byte() -> None:
    clock = HeartBeatClock(tolerance=3.0, pace=1.0)
    clock.last_read = 100.0
    clock.receiving = 10.0
    assert clock.death_due == 130.0
    clock.last_read = 101.0
    assert clock.death_due == 131.0


def test_while_nobody_reads_the_deadline_of_the_peer_rests() -> None:
    clock = HeartBeatClock(tolerance=2.0, pace=1.0)
    clock.receiving, clock.last_read = 10.0, 0.0
    clock.rest(True, 15.0)
    clock.rest(True, 16.0)
    assert clock.death_due is None


def test_the_deadline_of_the_peer_starts_anew_when_reading_goes_on() -> None:
    clock = HeartBeatClock(tolerance=2.0, pace=1.0)
    clock.receiving, clock.last_read = 10.0, 0.0
    clock.rest(True, 15.0)
    clock.rest(False, 1000.0)
    assert clock.death_due == 1020.0


def test_saying_that_reading_goes_on_when_it_never_rested_grants_no_time() -> None:
    clock = HeartBeatClock(tolerance=2.0, pace=1.0)
    clock.receiving, clock.last_read = 10.0, 0.0
    clock.rest(False, 15.0)
    assert clock.death_due == 20.0


def test_our_own_beats_go_on_while_nobody_reads() -> None:
    clock = HeartBeatClock(tolerance=2.0, pace=1.0)
    clock.sending = 10.0
    clock.rest(True, 5.0)
    assert clock.beat_due == 10.0
