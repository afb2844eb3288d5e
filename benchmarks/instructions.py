"""Count the instructions that a message costs, with callgrind: these repeat to about 1 %, on a busy machine too.

    python benchmarks/instructions.py                     every workload, and the goals
    python benchmarks/instructions.py --only parse send   workloads whose name contains one of these words
    python benchmarks/instructions.py --check             exit status 1 if a count is above its floor
    python benchmarks/instructions.py --quick             few messages, only to check that it runs

No compiler is needed. The counted process calls `os.getppid()`, which nothing else here calls, before and after each
workload, and callgrind writes its counters down and starts them at zero whenever that function of the C library is
entered.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import which

if not __package__:
    # For a script, the first entry of the path is its own folder; the package is in the folder above.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks.environment import python
from benchmarks.goals import GOALS, Goal
from benchmarks.workloads import MESSAGES, workloads

__all__ = ["MANY", "QUICK", "count", "main", "show_goals"]

#: Messages of a workload, and those before it that fill caches.
MANY, QUICK, WARM_UP = 600, 20, 100


def count(names: Sequence[str], messages: int) -> dict[str, float]:
    """Return the instructions a message of some workloads, by name.

    Raises:
        RuntimeError: valgrind is not installed, or the counted process failed.
    """
    valgrind = which("valgrind")
    if valgrind is None:
        raise RuntimeError("valgrind is needed to count instructions: apt-get install valgrind")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "out")
        done = subprocess.run(
            [
                valgrind,
                "--tool=callgrind",
                "--dump-before=getppid",
                f"--callgrind-out-file={output}",
                sys.executable,
                str(Path(__file__).resolve()),
                "--counted",
                str(messages),
                *names,
            ],
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"the counted process failed: {done.stderr[-2000:]}")
        # Dump 1 ends before the first workload; then come one with a workload, one between two of them, and so on.
        return {
            name: _total(Path(f"{output}.{2 * number}")) / MESSAGES.get(name, messages)
            for number, name in enumerate(names, 1)
        }


def _total(dump: Path) -> int:
    found = re.search(r"^totals: (\d+)", dump.read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"callgrind wrote no totals into {dump.name}")
    return int(found[1])


def _be_counted(names: Sequence[str], messages: int) -> None:
    all_workloads = workloads()
    for name in names:
        number = MESSAGES.get(name, messages)
        all_workloads[name](min(number, WARM_UP))()
        work = all_workloads[name](number)
        gc.collect()
        gc.disable()
        os.getppid()
        work()
        os.getppid()
        gc.enable()


def show_goals(counts: Mapping[str, float], goals: Sequence[Goal] = GOALS) -> tuple[list[str], bool]:
    """Return a line for each goal whose workloads were counted, and whether all floors are kept."""
    lines, kept = [], True
    for ours, other, goal, floor in goals:
        if ours not in counts or (other is not None and other not in counts):
            continue
        value = counts[ours] / (counts[other] if other else 1.0)
        verdict = "ABOVE ITS FLOOR" if value > floor else "met    " if value <= goal else "not yet"
        kept = kept and value <= floor
        of = f" / {other}" if other else ""
        lines.append(f"  {verdict}  {ours}{of}: {value:,.3g}, goal {goal:,.3g}, floor {floor:,.3g}")
    return lines, kept


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Count the instructions that a message costs.")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="workloads whose name contains a word")
    parser.add_argument("--check", action="store_true", help="exit status 1 if a count is above its floor")
    parser.add_argument("--quick", action="store_true", help="few messages, only to check that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts there")
    parser.add_argument("--counted", nargs="+", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.counted:
        _be_counted(chosen.counted[1:], int(chosen.counted[0]))
        return 0
    names = [
        name
        for name in workloads()
        if not chosen.only or any(word.lower() in name.lower() for word in chosen.only)
    ]
    counts = count(names, QUICK if chosen.quick else MANY)
    print(f"{python()}: instructions a message")
    for name, value in counts.items():
        print(f"  {name:42} {value:12,.0f}")
    lines, kept = show_goals(counts)
    unjudged = [goal.ours for goal in GOALS if goal.other not in (None, *counts) and not chosen.only]
    print("\nGoals" + (" (with --quick they mean nothing)" if chosen.quick else ""), *lines, sep="\n")
    if chosen.json:
        chosen.json.write_text(json.dumps(counts, indent=1) + "\n")
    for name in unjudged if chosen.check else ():
        print(f"not judged, since stomp.py is not installed: {name}", file=sys.stderr)
    return int(chosen.check and (not kept or bool(unjudged)))


if __name__ == "__main__":
    raise SystemExit(main())
