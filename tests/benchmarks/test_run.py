"""`make bench` runs, and every contestant parses and serializes correctly. Times are not checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.goals import GOALS
from benchmarks.memory import Cost, costs
from benchmarks.readers import Reader, readers
from benchmarks.samples import READ_SAMPLES, WRITE_SAMPLES, Sample, cut
from benchmarks.workloads import workloads
from benchmarks.writers import Writer, writers

QUICK = Sample("quick", b"body", 100, 3)


def test_quick_run_writes_results_of_every_contest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "results.json"
    assert run.main(["--quick", "--json", str(file)]) == 0
    results = json.loads(file.read_text())
    contests = {row["contest"] for row in results["rows"]}
    assert contests == {f"Reading: {sample.name}" for sample in READ_SAMPLES} | {
        f"Writing: {sample.name}" for sample in WRITE_SAMPLES
    }
    assert all(row["rate"] > 0 for row in results["rows"])
    # The first two need stomp.py, the rest nothing but this library.
    assert {one["what"].partition(" / ")[0] for one in results["requirements"]} >= {
        "events, client",
        "session, take + ack, client",
    }
    assert "FrameParser" in capsys.readouterr().out


@pytest.mark.parametrize("client", ["stomp.py", "stompman", "stompest", "aiostomp"])
def test_installed_client_is_measured(client: str) -> None:
    found, missing = readers()
    if client in missing:
        pytest.skip(f"{client} is not installed: pip install --group test")
    assert client in [reader.name for reader in found]
    assert client in [writer.name for writer in writers()[0]]


def test_incorrect_reader_is_refused() -> None:
    def read(chunks: object, take: run.Take) -> None:
        for command, headers, body in QUICK.messages():
            take((command, headers, body + b"!"))

    wrong = Reader("wrong", read, lambda frame: frame)
    with pytest.raises(AssertionError, match="wrong misreads quick"):
        run.read_contest(QUICK, [wrong], 1)


def test_incorrect_writer_is_refused() -> None:
    def write(frames: object, take: run.Take) -> None:
        for command, headers, _ in QUICK.sends():
            take(b"".join(cut([(command, headers, b"BODY")], 10_000)))

    wrong = Writer("wrong", lambda frames: frames, write)
    with pytest.raises(AssertionError, match="wrong miswrites quick"):
        run.write_contest(QUICK, [wrong], 1)


@pytest.fixture(scope="module")
def cost_of() -> dict[str, Cost]:
    return {cost.what: cost for cost in costs(body=1024 * 1024)}


def test_large_body_needs_less_than_3_times_its_size(cost_of: dict[str, Cost]) -> None:
    cost = cost_of["a body with content-length"]
    assert cost.outcome == "body of 1048576"
    assert cost.peak < 3 * cost.size


@pytest.mark.parametrize(
    ("what", "outcome"),
    [
        ("a header line that never ends", "more data needed"),
        ("a content-length of 3 GB", "refused: body-too-large"),
        ("a flood of end-of-lines", "8 heart-beat events"),
    ],
)
def test_hostile_input_needs_little_memory(what: str, outcome: str, cost_of: dict[str, Cost]) -> None:
    cost = cost_of[what]
    assert cost.outcome == outcome
    assert cost.peak < 512 * 1024


def test_no_goal_is_about_a_frame_that_was_serialized_before() -> None:
    times = dict.fromkeys(
        (name for goal in GOALS if goal.other is not None for name in (goal.ours, goal.other)), 1.0
    )
    judged = run.requirements(times, [Cost("a large body", 100, 1.0, 250, "", 1.0)])
    assert len(judged) == len([goal for goal in GOALS if goal.other is not None]) + 1
    assert not [one for one in judged if "to_bytes" in one.what]


def test_ratio_above_its_limit_is_missed() -> None:
    times = {"events, auto": 1.4, "parse, 64 KiB": 1.0}
    verdicts = [one.met for one in run.requirements(times, [Cost("a large body", 100, 1.0, 301, "", 1.0)])]
    assert verdicts == [False, False]


def test_check_fails_if_a_goal_was_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without stomp.py, whose workloads then do not exist."""
    with_peers = workloads()
    without = {name: work for name, work in with_peers.items() if not name.startswith("stomp.py")}
    monkeypatch.setattr(run, "workloads", lambda: without)
    monkeypatch.setattr(run, "requirements", lambda times, memory: [])
    assert run.main(["--quick", "--check"]) == 1
