"""benchmarks/instructions.py counts what it is about. The floors themselves are judged in `.ci/run`."""

from __future__ import annotations

import shutil

import pytest

from benchmarks.instructions import GOALS, count, main, show
from benchmarks.workloads import WORKLOADS


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_processes_its_messages(name: str) -> None:
    WORKLOADS[name](30)()


def test_goals_are_about_workloads_and_no_floor_is_above_its_goal() -> None:
    counts = dict.fromkeys(WORKLOADS, 1)
    for goal in GOALS:
        assert goal.measured(counts) == 1
        assert goal.floor >= goal.wanted if goal.than is None else goal.floor <= goal.wanted


def test_a_missed_goal_is_shown_as_missed() -> None:
    counts = dict.fromkeys(WORKLOADS, 100_000)
    table = show(counts)
    assert "| parse, RECEIPTs | 100,000 |" in table
    assert "**missed**" in table


@pytest.mark.skipif(
    shutil.which("valgrind") is None, reason="valgrind is not installed: apt install valgrind"
)
def test_twice_the_work_is_twice_the_count() -> None:
    name = "parse, RECEIPTs"
    counts = count([name, "json.loads"], messages=100)
    assert list(counts) == [name, "json.loads"]
    assert 5_000 < counts[name] < 100_000
    assert count([name], messages=200)[name] == pytest.approx(counts[name], rel=0.1)


def test_an_unknown_workload_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["parse everything"])
    assert "there is no workload 'parse everything'" in capsys.readouterr().err
