"""Count the instructions that each layer executes for one message, beside stomp.py.

    python benchmarks/instructions.py             a table, in about two minutes; needs valgrind
    python benchmarks/instructions.py --check     exit status 1 if a floor is missed
    python benchmarks/instructions.py --json FILE also write the counts as JSON

Counts repeat to 0.5 % on a machine that is busy, where times differ by half. They are those of one interpreter: compare
ratios between interpreters, not counts. Callgrind writes what it has counted whenever os.getpgrp() is called, which is
the marker here, so nothing needs to be compiled.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

if not __package__:
    # For a script, the first entry of the path is its own folder; the package is in the folder above.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks.workloads import WORKLOADS

__all__ = ["GOALS", "Goal", "count", "main"]

_ROOT = Path(__file__).resolve().parent.parent
_MESSAGES = 600
_WARM_UP = 200


@dataclass(frozen=True)
class Goal:
    """A ratio of two counts, or a count, and what it should be.

    Attributes:
        what: the workload of this library.
        than: what it is compared with; ``None`` judges the count itself.
        wanted: ``than / what`` at least; without ``than``, instructions at most.
        floor: what it must be in CI: that of ``wanted`` where it is met, with some slack where it is not.
    """

    what: str
    than: str | None
    wanted: float
    floor: float

    def measured(self, counts: Mapping[str, int]) -> float:
        """Return the ratio, or the count."""
        return counts[self.what] if self.than is None else counts[self.than] / counts[self.what]

    def is_met(self, counts: Mapping[str, int], value: float) -> bool:
        """Return whether the ratio is at least, or the count at most, a value."""
        measured = self.measured(counts)
        return measured <= value if self.than is None else measured >= value


#: What users meet, not what is fastest. The floors are for CPython 3.13.
GOALS = (
    Goal("parse, 64 KiB reads", "stomp.py, parse, 64 KiB reads", 8.5, 7.0),
    Goal("parse, 1460-byte reads", "stomp.py, parse, 1460-byte reads", 5.0, 5.0),
    Goal("events, auto", "parse, 64 KiB reads", 0.75, 0.75),
    Goal("events, client", "parse, 64 KiB reads", 0.75, 0.65),
    Goal("events, client-individual", "parse, 64 KiB reads", 0.75, 0.65),
    Goal("session, take and ack, client-individual", "parse, 64 KiB reads", 1 / 2.6, 1 / 2.9),
    Goal("connection.send(), same headers", "stomp.py, send, same headers", 3.0, 2.9),
    Goal("connection.send(), with escapes", "stomp.py, send, with escapes", 2.0, 2.0),
    Goal("connection.send(), a varying header", "stomp.py, send, a varying header", 1.3, 1.1),
    Goal("session.send()", "stomp.py, send, same headers", 1.9, 1.6),
    Goal("session.send(), receipt and RECEIPT", None, 90_000, 110_000),
)


def count(names: Iterable[str], *, messages: int = _MESSAGES) -> dict[str, int]:
    """Count the instructions of some workloads.

    Args:
        names: of the workloads.
        messages: how many each of them processes.

    Returns:
        Instructions for one message, by workload.

    Raises:
        RuntimeError: valgrind is not installed, or a workload has failed.
    """
    names = list(names)
    if shutil.which("valgrind") is None:
        raise RuntimeError(
            "valgrind is not installed: it is a package of that name in Debian, Fedora and others"
        )
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "out")
        done = subprocess.run(
            [
                "valgrind", "--tool=callgrind", "--dump-before=getpgrp", f"--callgrind-out-file={output}",
                sys.executable, "-m", "benchmarks.instructions", "--worker", str(messages), *names,
            ],
            cwd=_ROOT,
            env=os.environ
            # The order of sets and dicts of str, and with it the number of steps, depends on the seed.
            | {"PYTHONHASHSEED": "0", "PYTHONPATH": f"{_ROOT}{os.pathsep}{_ROOT / 'transports'}"},
            capture_output=True,
            text=True,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"the workloads have failed:\n{done.stderr[-2000:]}")
        # The dumps are numbered from 1, two for each workload: what came before it, and the workload itself.
        return {
            name: _total(Path(f"{output}.{2 * position}")) // messages
            for position, name in enumerate(names, 1)
        }


def _total(dump: Path) -> int:
    found = re.search(r"^totals: (\d+)", dump.read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"{dump.name} has no total")
    return int(found[1])


def work(names: Sequence[str], messages: int) -> None:
    """Run workloads, with the marker before and after each; in the process that callgrind watches."""
    for name in names:
        WORKLOADS[name](_WARM_UP)()
        run = WORKLOADS[name](messages)
        gc.collect()
        gc.disable()
        os.getpgrp()
        run()
        os.getpgrp()
        gc.enable()


def show(counts: Mapping[str, int]) -> str:
    """Return the counts and the goals as a table of Markdown."""
    lines = ["| for one message | instructions |", "|---|---:|"]
    lines += [f"| {name} | {number:,} |" for name, number in counts.items()]
    lines += ["", "| goal | wanted | measured | |", "|---|---:|---:|---|"]
    for goal in GOALS:
        measured = goal.measured(counts)
        form = ",.0f" if goal.than is None else ".2f"
        what = goal.what if goal.than is None else f"{goal.what}, beside {goal.than}"
        bound = "at most" if goal.than is None else "at least"
        result = "met" if goal.is_met(counts, goal.wanted) else "**missed**"
        lines.append(f"| {what} | {bound} {goal.wanted:{form}} | {measured:{form}} | {result} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Count the instructions that each layer executes for one message."
    )
    parser.add_argument("workload", nargs="*", help="only these workloads")
    parser.add_argument("--check", action="store_true", help="exit status 1 if a floor is missed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts there")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.worker is not None:
        work(chosen.workload, chosen.worker)
        return 0
    unknown = [name for name in chosen.workload if name not in WORKLOADS]
    if unknown:
        parser.error(f"there is no workload {unknown[0]!r}; there are: {'; '.join(WORKLOADS)}")
    try:
        peers = f"stomp.py {version('stomp.py')}"
    except PackageNotFoundError:
        parser.error("stomp.py is not installed: pip install --group bench")
    counts = count(chosen.workload or WORKLOADS)
    print(f"{platform.python_implementation()} {platform.python_version()}, {peers}\n")
    if chosen.workload:
        print("\n".join(f"{name}: {number:,}" for name, number in counts.items()))
        return 0
    print(show(counts))
    if chosen.json:
        chosen.json.write_text(json.dumps(counts, indent=1) + "\n")
    below = [goal for goal in GOALS if not goal.is_met(counts, goal.floor)]
    for goal in below:
        print(f"below its floor of {goal.floor:g}: {goal.what}", file=sys.stderr)
    return int(chosen.check and bool(below))


if __name__ == "__main__":
    sys.exit(main())
