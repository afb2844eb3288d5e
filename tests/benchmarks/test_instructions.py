"""The counts of `benchmarks/instructions.py`: every workload runs, and floors are judged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.goals import GOALS, Goal, as_requirements
from benchmarks.instructions import main, show_goals
from benchmarks.workloads import workloads

needs_valgrind = pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")


@pytest.mark.parametrize("name", sorted(workloads()))
def test_workload_runs(name: str) -> None:
    workloads()[name](2)()


@pytest.mark.soak  # valgrind takes half a minute to import everything
@needs_valgrind
def test_counts_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "counts.json"
    assert main(["--quick", "--only", "parse, 1460 B", "--json", str(file)]) == 0
    first = json.loads(file.read_text())["parse, 1460 B"]
    assert first > 1000
    assert "parse, 1460 B" in capsys.readouterr().out


def test_count_above_its_floor_is_reported() -> None:
    goal = Goal("a", "b", goal=1.0, floor=2.0)
    assert [show_goals({"a": a, "b": 10}, [goal])[1] for a in (9, 15, 21)] == [True, True, False]
    assert "ABOVE ITS FLOOR" in show_goals({"a": 21, "b": 10}, [goal])[0][0]


def test_goal_without_counts_is_left_out() -> None:
    assert show_goals({"a": 1}, [Goal("a", "b", goal=1.0, floor=2.0)]) == ([], True)


def test_workloads_of_goals_exist() -> None:
    # Workloads of other clients exist only where these are installed.
    missing = {goal.ours for goal in GOALS} - set(workloads())
    assert not missing


def test_goals_become_requirements_where_both_workloads_were_measured() -> None:
    costs = {goal.ours: 1.0 for goal in GOALS}
    judged = as_requirements(costs | {"stomp.py, parse, 64 KiB": 10.0})
    assert "parse, 64 KiB / stomp.py, parse, 64 KiB" in [one.what for one in judged]
    assert not [one for one in judged if "stomp.py, send" in one.what]
    assert [one.what for one in judged if one.what.endswith(": instructions")]


def test_goals_in_instructions_are_not_judged_by_times() -> None:
    assert not [
        one
        for one in as_requirements({goal.ours: 1.0 for goal in GOALS}, counts=False)
        if one.what.endswith(": instructions")
    ]


def test_floor_counts_also_where_the_goal_is_met() -> None:
    goal = Goal("a", "b", goal=2.0, floor=1.0)
    assert [show_goals({"a": a, "b": 10}, [goal])[1] for a in (9, 15)] == [True, False]
    assert "ABOVE ITS FLOOR" in show_goals({"a": 15, "b": 10}, [goal])[0][0]
