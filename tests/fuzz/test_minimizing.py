"""Findings become shorter, and stay findings."""

from __future__ import annotations

from fuzz.minimizing import minimize


def _fails_on_two_marks(data: bytes) -> None:
    assert data.count(b"!") < 2


def test_what_is_not_needed_is_left_out() -> None:
    assert minimize(_fails_on_two_marks, b"abc!defghijklmnop!qrstuvw" * 3, 60) == b"!!"


def test_another_failure_does_not_count() -> None:
    def fails_in_two_ways(data: bytes) -> None:
        if b"first" in data:
            raise KeyError
        if b"f" in data:
            raise ValueError

    assert minimize(fails_in_two_ways, b"xx first xx", 60) == b"first"


def test_an_input_that_does_not_fail_stays_as_it_is() -> None:
    assert minimize(_fails_on_two_marks, b"abc!", 60) == b"abc!"


def test_without_time_an_input_stays_as_it_is() -> None:
    assert minimize(_fails_on_two_marks, b"!abc!", -1) == b"!abc!"
