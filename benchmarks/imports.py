"""Measure what an import costs: of each package of this library, and of the other clients, in one run.

    python benchmarks/imports.py             processor time, the best of interleaved rounds
    python benchmarks/imports.py --quick     only check that it runs

Each import is the first one of a new interpreter, with compiled modules. The time that the interpreter itself takes to
start is not included.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks.environment import python
from benchmarks.report import Requirement, Table, show_requirements

__all__ = ["Cost", "goals", "main", "measure", "table"]

#: What to import, by the name in the table.
MODULES = {
    "stomp_core": "stomp_core",
    "stomp_socket": "stomp_socket",
    "stomp_asyncio": "stomp_asyncio",
    "stomp_trio": "stomp_trio",
    "stomp_py": "stomp_py",
    "stomp.py": "stomp",
    "stompman": "stompman",
    "stompest": "stompest.sync",
    "aiostomp": "aiostomp",
    "asyncio alone": "asyncio",
    "trio alone": "trio",
}
ROUNDS, QUICK = 10, 1

_PROGRAM = """
import sys, time
before, began = len(sys.modules), time.process_time()
import {module}
print(time.process_time() - began, len(sys.modules) - before)
"""
#: 75 ms where stomp.py took 71.
_GOAL = 75 / 71


class Cost(NamedTuple):
    """What one import costs: seconds of processor time, and how many modules it loads."""

    seconds: float
    modules: int


def measure(rounds: int) -> dict[str, Cost | str]:
    """Return the cost of each import, or a text that states why there is none."""
    found: dict[str, Cost | str] = {}
    for _ in range(rounds):
        for name, module in MODULES.items():
            if isinstance(found.get(name), str):
                continue
            found[name] = _best(found.get(name), _import(module))
    return found


def _import(module: str) -> Cost | str:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(module=module)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"
    seconds, modules = done.stdout.split()
    return Cost(float(seconds), int(modules))


def _best(before: Cost | str | None, now: Cost | str) -> Cost | str:
    return min(before, now) if isinstance(before, Cost) and isinstance(now, Cost) else now


def table(found: Mapping[str, Cost | str]) -> Table:
    """Return a table with a row for each import."""
    return Table(
        ["", "CPU ms", "modules"],
        [
            [name, cost, ""]
            if isinstance(cost, str)
            else [name, f"{cost.seconds * 1000:.0f}", f"{cost.modules}"]
            for name, cost in found.items()
        ],
    )


def goals(found: Mapping[str, Cost | str]) -> list[Requirement]:
    """Return what the project requires, as far as it was measured."""
    ours, theirs = found.get("stomp_socket"), found.get("stomp.py")
    if not (isinstance(ours, Cost) and isinstance(theirs, Cost)):
        return []
    what = "Import: CPU of stomp_socket / stomp.py"
    return [Requirement(what, _GOAL, ours.seconds / theirs.seconds, at_most=True)]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure what an import costs.")
    parser.add_argument("--quick", action="store_true", help="only check that it runs")
    chosen = parser.parse_args(arguments)
    found = measure(QUICK if chosen.quick else ROUNDS)
    print(python())
    print(table(found).as_text("  "))
    print(show_requirements(goals(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
