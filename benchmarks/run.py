"""Compare the pure layers with stomp.py, stompman, stompest, aiostomp and `json`, in one run.

    python benchmarks/run.py                 tables, in about two minutes
    python benchmarks/run.py --quick         run everything once, only to check that it runs
    python benchmarks/run.py --json FILE     also write the results as JSON
    python benchmarks/run.py --check         exit status 1 if a goal is missed, or was not judged

Before a contestant is measured, its output is compared with the expected output. The goals are those of `goals.py`,
judged by times of the same workloads that `instructions.py` counts.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

if not __package__:
    # For a script, the first entry of the path is its own folder; the package is in the folder above.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks.environment import describe
from benchmarks.goals import GOALS, as_requirements
from benchmarks.measure import best_rates, best_times
from benchmarks.memory import MIB, Cost, costs, show_costs
from benchmarks.readers import Reader, Take, readers
from benchmarks.report import Requirement, Row, show_requirements, show_rows
from benchmarks.samples import READ_SAMPLES, WRITE_SAMPLES, Decoded, Sample, as_json, cut
from benchmarks.workloads import workloads
from benchmarks.writers import Writer, writers
from stomp_core import Frame, FrameParser

__all__ = ["Take", "main", "read_contest", "requirements", "write_contest"]

REFERENCES = ("stomp.py", "json")
#: Messages of a workload when its goal is judged.
MANY, QUICK = 600, 20


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compare stomp_core with other clients.")
    parser.add_argument("--quick", action="store_true", help="only check that it runs")
    parser.add_argument("--rounds", type=int, default=40, help="interleaved rounds; the best one counts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument("--check", action="store_true", help="exit status 1 if a goal is missed")
    chosen = parser.parse_args(arguments)
    rounds = 1 if chosen.quick else chosen.rounds

    for what, value in describe().items():
        print(f"{what}: {value}")
    all_readers, missing = readers()
    all_writers, _ = writers()
    if missing:
        print(f"not installed, so not compared: {', '.join(missing)} (pip install --group bench)")
    rows: list[Row] = []
    for sample in READ_SAMPLES:
        rows += read_contest(_smaller(sample) if chosen.quick else sample, all_readers, rounds)
    for sample in WRITE_SAMPLES:
        rows += write_contest(_smaller(sample) if chosen.quick else sample, all_writers, rounds)
    print(show_rows(rows))
    print("\nLarge and hostile input, FrameParser")
    memory = costs(body=MIB if chosen.quick else 64 * MIB)
    print(show_costs(memory))
    required = requirements(goal_times(QUICK if chosen.quick else MANY, rounds), memory)
    print("\nGoals" + (" (with --quick they mean nothing)" if chosen.quick else ""))
    print(show_requirements(required))
    unjudged = [goal.ours for goal in GOALS if goal.other not in (None, *workloads())]
    for name in unjudged:
        print(f"  not judged, since stomp.py is not installed: {name}")
    if chosen.json:
        chosen.json.write_text(json.dumps(_as_json(rows, memory, required), indent=1) + "\n")
    return int(chosen.check and (bool(unjudged) or not all(one.met for one in required)))


def read_contest(sample: Sample, all_readers: Sequence[Reader], rounds: int) -> list[Row]:
    """Let every reader parse one sample.

    Raises:
        AssertionError: a reader returns something else than the sample.
    """
    expected = sample.messages()
    chunks: Sequence[bytes] = cut(expected, sample.chunk)
    texts = as_json(expected)
    contestants = {}
    for reader in all_readers:
        given: Sequence[object] = texts if reader.from_json else chunks
        frames: list[object] = []
        reader.read(given, frames.append)
        if [reader.fields(frame) for frame in frames] != expected:
            raise AssertionError(f"{reader.name} misreads {sample.name}")
        contestants[reader.name] = (partial(reader.read, given, _discard()), sample.frames)
    return _rows(f"Reading: {sample.name}", best_rates(contestants, rounds=rounds), "json.loads")


def write_contest(sample: Sample, all_writers: Sequence[Writer], rounds: int) -> list[Row]:
    """Let every writer serialize one sample.

    Raises:
        AssertionError: a writer writes something else than the sample.
    """
    expected = sample.sends()
    contestants = {}
    for writer in all_writers:
        given = writer.prepare(expected)
        written: list[object] = []
        writer.write(given, written.append)
        if (_read_json(written) if writer.to_json else _read_wire(written)) != expected:
            raise AssertionError(f"{writer.name} miswrites {sample.name}")
        contestants[writer.name] = (partial(writer.write, given, _discard()), sample.frames)
    return _rows(f"Writing: {sample.name}", best_rates(contestants, rounds=rounds), "json.dumps")


def _discard() -> Take:
    """Return a function that discards its argument, with the same small cost for every contestant."""
    return collections.deque(maxlen=0).append


def _rows(contest: str, rates: dict[str, float], name_of_json: str) -> list[Row]:
    names = {"stomp.py": "stomp.py", "json": name_of_json}
    return [
        Row(
            contest,
            contestant,
            rate,
            {name: rate / rates[names[name]] for name in REFERENCES if names[name] in rates},
        )
        for contestant, rate in rates.items()
    ]


def _smaller(sample: Sample) -> Sample:
    return Sample(sample.name, sample.body, sample.chunk, 3)


def _read_wire(written: Sequence[object]) -> list[Decoded]:
    parser = FrameParser("1.2")
    frames = []
    for wire in written:
        assert isinstance(wire, bytes)
        parser.receive_data(wire)
        frame = parser.next_frame()
        assert isinstance(frame, Frame)
        frames.append((frame.command, frame.headers.to_dict(), frame.body))
    return frames


def _read_json(written: Sequence[object]) -> list[Decoded]:
    values = [json.loads(str(text)) for text in written]
    return [(value["command"], value["headers"], value["body"].encode()) for value in values]


def goal_times(messages: int, rounds: int) -> dict[str, float]:
    """Return the best processor time of each workload that a goal names, in seconds for so many messages."""
    named = {name for goal in GOALS if goal.other is not None for name in (goal.ours, goal.other)}
    found = workloads()
    return best_times(
        {name: partial(found[name], messages) for name in sorted(named & found.keys())}, rounds=rounds
    )


def requirements(times: Mapping[str, float], memory: Sequence[Cost]) -> list[Requirement]:
    """Return what the project requires, with the values of this run.

    Args:
        times: of workloads, for the same number of messages.
        memory: of large and hostile input; the first one is the large body.
    """
    body = memory[0]
    return [
        *as_requirements(times, counts=False),
        Requirement(
            "peak memory relative to the size of a large body", 3.0, body.peak / body.size, at_most=True
        ),
    ]


def _as_json(
    rows: Sequence[Row], memory: Sequence[Cost], required: Sequence[Requirement]
) -> dict[str, object]:
    return {
        "environment": describe(),
        "rows": [asdict(row) for row in rows],
        "memory": [asdict(cost) for cost in memory],
        "requirements": [{**asdict(one), "met": one.met} for one in required],
    }


if __name__ == "__main__":
    raise SystemExit(main())
