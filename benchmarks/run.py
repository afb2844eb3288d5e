"""The pure layers beside stomp.py, stompman, stompest, aiostomp and `json`, in one run.

    python benchmarks/run.py                 tables, in about two minutes
    python benchmarks/run.py --quick         everything once: that it runs, no numbers worth a look
    python benchmarks/run.py --json FILE     the results as JSON, too
    python benchmarks/run.py --check         exit status 1 if a promised ratio is missed

Before anybody is timed, what they read and write is compared with what it should be.
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
    # Started as a script, Python looks beside it; the modules are those of the folder's package.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks.measure import best_rates
from benchmarks.memory import MIB, Cost, costs, show_costs
from benchmarks.readers import Reader, Take, readers
from benchmarks.report import Promise, Row, show_promises, show_rows
from benchmarks.samples import READ_SAMPLES, WRITE_SAMPLES, Decoded, Sample, as_json, cut
from benchmarks.writers import Writer, writers
from stomp_core import Frame, FrameParser

__all__ = ["Take", "main", "promised", "read_contest", "write_contest"]

REFERENCES = ("stomp.py", "json")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure stomp_core beside other clients.")
    parser.add_argument("--quick", action="store_true", help="only see whether it runs")
    parser.add_argument("--rounds", type=int, default=40, help="interleaved rounds; the best one counts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument("--check", action="store_true", help="exit status 1 if a promised ratio is missed")
    chosen = parser.parse_args(arguments)
    rounds = 1 if chosen.quick else chosen.rounds

    print(f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}")
    everyone, missing = readers()
    writing, _ = writers()
    if missing:
        print(f"not installed, so not compared: {', '.join(missing)} (pip install 'stomp-core[bench]')")
    rows: list[Row] = []
    for sample in READ_SAMPLES:
        rows += read_contest(_smaller(sample) if chosen.quick else sample, everyone, rounds)
    for sample in WRITE_SAMPLES:
        rows += write_contest(_smaller(sample) if chosen.quick else sample, writing, rounds)
    print(show_rows(rows))
    print("\nLarge and hostile input, FrameParser")
    memory = costs(body=MIB if chosen.quick else 64 * MIB)
    print(show_costs(memory))
    promises = promised(rows, memory)
    print("\nPromises" + (" (of --quick, so only for show)" if chosen.quick else ""))
    print(show_promises(promises))
    if chosen.json:
        chosen.json.write_text(json.dumps(_as_json(rows, memory, promises), indent=1) + "\n")
    return int(chosen.check and not all(promise.kept for promise in promises))


def read_contest(sample: Sample, everyone: Sequence[Reader], rounds: int) -> list[Row]:
    """Everybody reads one sample."""
    expected = sample.messages()
    chunks: Sequence[bytes] = cut(expected, sample.chunk)
    texts = as_json(expected)
    contestants = {}
    for reader in everyone:
        given: Sequence[object] = texts if reader.from_json else chunks
        frames: list[object] = []
        reader.read(given, frames.append)
        if [reader.fields(frame) for frame in frames] != expected:
            raise AssertionError(f"{reader.name} misreads {sample.name}")
        contestants[reader.name] = (partial(reader.read, given, _forget()), sample.frames)
    return _rows(f"Reading: {sample.name}", best_rates(contestants, rounds=rounds), "json.loads")


def write_contest(sample: Sample, everyone: Sequence[Writer], rounds: int) -> list[Row]:
    """Everybody writes one sample."""
    expected = sample.sends()
    contestants = {}
    for writer in everyone:
        given = writer.prepare(expected)
        written: list[object] = []
        writer.write(given, written.append)
        if (_read_json(written) if writer.to_json else _read_wire(written)) != expected:
            raise AssertionError(f"{writer.name} miswrites {sample.name}")
        contestants[writer.name] = (partial(writer.write, given, _forget()), sample.frames)
    return _rows(f"Writing: {sample.name}", best_rates(contestants, rounds=rounds), "json.dumps")


def _forget() -> Take:
    """Takes what it is given and keeps nothing: the same small cost for everybody."""
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
    return Sample(sample.name, sample.body, sample.chunk, 3, sample.judged)


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


def promised(rows: Sequence[Row], memory: Sequence[Cost]) -> list[Promise]:
    """What the project promises about ratios, and what this run has measured."""
    reading = next(f"Reading: {sample.name}" for sample in READ_SAMPLES if sample.judged)
    writing = next(f"Writing: {sample.name}" for sample in WRITE_SAMPLES if sample.judged)
    rate = {(row.contest, row.contestant): row.rate for row in rows}
    wanted = [
        (reading, "FrameParser", "stomp.py", 6.0),
        (reading, "FrameParser", "json.loads", 0.75),
        (reading, "ClientConnection, auto", "FrameParser", 0.75),
        (writing, "Frame.to_bytes", "stomp.py", 2.0),
    ]
    promises = [
        Promise(f"{one} beside {other}", least, rate[contest, one] / rate[contest, other])
        for contest, one, other, least in wanted
        if (contest, other) in rate
    ]
    body = memory[0]
    promises.append(
        Promise("3 x the size of a large body beside its peak of memory", 1.0, 3 * body.size / body.peak)
    )
    return promises


def _as_json(rows: Sequence[Row], memory: Sequence[Cost], promises: Sequence[Promise]) -> dict[str, object]:
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "rows": [asdict(row) for row in rows],
        "memory": [asdict(cost) for cost in memory],
        "promises": [{**asdict(promise), "kept": promise.kept} for promise in promises],
    }


if __name__ == "__main__":
    raise SystemExit(main())
