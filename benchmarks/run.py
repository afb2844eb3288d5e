"""Compare the pure layers with stomp.py, stompman, stompest, aiostomp and `json`, in one run.

    python benchmarks/run.py                 tables, in about two minutes
    python benchmarks/run.py --quick         run everything once, only to check that it runs
    python benchmarks/run.py --json FILE     also write the results as JSON
    python benchmarks/run.py --check         exit status 1 if a required ratio is missed

Before a contestant is measured, its output is compared with the expected output.
"""

from __future__ import annotations

import argparse
import collections
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

if not __package__:
    # For a script, the first entry of the path is its own folder; the package is in the folder above.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks.measure import best_rates
from benchmarks.memory import MIB, Cost, costs, show_costs
from benchmarks.readers import Reader, Take, readers
from benchmarks.report import Requirement, Row, show_requirements, show_rows
from benchmarks.samples import READ_SAMPLES, WRITE_SAMPLES, Decoded, Sample, as_json, cut
from benchmarks.writers import Writer, writers
from stomp_core import Frame, FrameParser

__all__ = ["Take", "main", "read_contest", "requirements", "write_contest"]

REFERENCES = ("stomp.py", "json")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compare stomp_core with other clients.")
    parser.add_argument("--quick", action="store_true", help="only check that it runs")
    parser.add_argument("--rounds", type=int, default=40, help="interleaved rounds; the best one counts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument("--check", action="store_true", help="exit status 1 if a required ratio is missed")
    chosen = parser.parse_args(arguments)
    rounds = 1 if chosen.quick else chosen.rounds

    print(f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}")
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
    required = requirements(rows, memory)
    print("\nRequired ratios" + (" (with --quick they mean nothing)" if chosen.quick else ""))
    print(show_requirements(required))
    if chosen.json:
        chosen.json.write_text(json.dumps(_as_json(rows, memory, required), indent=1) + "\n")
    return int(chosen.check and not all(one.met for one in required))


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
    return Sample(sample.name, sample.body, sample.chunk, 3, sample.has_requirements)


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


def requirements(rows: Sequence[Row], memory: Sequence[Cost]) -> list[Requirement]:
    """Return the ratios that the project requires, with the values of this run."""
    reading = next(f"Reading: {sample.name}" for sample in READ_SAMPLES if sample.has_requirements)
    writing = next(f"Writing: {sample.name}" for sample in WRITE_SAMPLES if sample.has_requirements)
    rate = {(row.contest, row.contestant): row.rate for row in rows}
    wanted = [
        (reading, "FrameParser", "stomp.py", 6.0),
        (reading, "FrameParser", "json.loads", 0.75),
        (reading, "ClientConnection, auto", "FrameParser", 0.75),
        (writing, "Frame.to_bytes", "stomp.py", 2.0),
    ]
    found = [
        Requirement(f"{one} relative to {other}", least, rate[contest, one] / rate[contest, other])
        for contest, one, other, least in wanted
        if (contest, other) in rate
    ]
    body = memory[0]
    found.append(
        Requirement(
            "3 x the size of a large body relative to its peak memory", 1.0, 3 * body.size / body.peak
        )
    )
    return found


def _as_json(
    rows: Sequence[Row], memory: Sequence[Cost], required: Sequence[Requirement]
) -> dict[str, object]:
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "rows": [asdict(row) for row in rows],
        "memory": [asdict(cost) for cost in memory],
        "requirements": [{**asdict(one), "met": one.met} for one in required],
    }


if __name__ == "__main__":
    raise SystemExit(main())
