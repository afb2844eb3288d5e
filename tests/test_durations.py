"""What `make test` prints about the tests that took long."""

from __future__ import annotations

from pathlib import Path

from .durations import LONG, REASONS, what_took_long

TESTS = Path(__file__).parent


def test_a_short_run_prints_nothing() -> None:
    assert what_took_long({"tests/wire/test_parser.py::test_a": LONG - 1}) == []
    assert what_took_long({}) == []


def test_the_slowest_group_comes_first_with_its_reason() -> None:
    lines = what_took_long(
        {
            "tests/docs/test_pages.py::test_page[a]": 20.0,
            "tests/docs/test_questions.py::test_search": 25.0,
            "tests/adapters/test_faults.py::test_reset[rabbitmq-trio]": 70.0,
            "tests/wire/test_parser.py::test_a": 1.0,
        }
    )
    assert "116 s" in lines[0]
    assert lines[1:] == [
        f"    70 s  rabbitmq, 1 test: {REASONS['rabbitmq']}",
        f"    45 s  tests/docs, 2 tests: {REASONS['tests/docs']}",
        "     1 s  tests/wire, 1 test",
    ]


def test_every_reason_is_of_tests_that_exist() -> None:
    folders = {name.removeprefix("tests/") for name in REASONS if name.startswith("tests/")}
    assert folders <= {path.name for path in TESTS.iterdir() if path.is_dir()}
