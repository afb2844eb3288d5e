"""``stomp record`` and ``replay``."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from stomp_testing import Broker

from .command import Stomp


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return tmp_path / "recording.jsonl"


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_what_was_recorded_is_sent_again(stomp: Stomp, broker: Broker, recording: Path) -> None:
    stomp("pub", "/queue/a", "-l", stdin=b"one\ntwo\nthree\n")
    result = stomp("record", "/queue/a", "-o", str(recording), "-n", "3")
    assert (result.status, result.err) == (0, f"stomp: 3 recorded in {recording}\n")
    recorded = lines(recording)
    times = [float(str(line["time"])) for line in recorded]
    assert times[0] == 0
    assert times == sorted(times)
    broker.wait_until(lambda broker: not broker.messages("/queue/a"))
    result = stomp("replay", str(recording), "--speed", "0")
    assert (result.status, result.err) == (0, "stomp: 3 confirmed, 0 rejected, 0 unknown\n")
    assert broker.messages("/queue/a") == [b"one", b"two", b"three"]


def test_a_recording_is_never_overwritten(stomp: Stomp, recording: Path) -> None:
    recording.write_text("{}\n")
    assert stomp("record", "/queue/a", "-o", str(recording), "--idle", "0.1").status == 2
    stomp("pub", "/queue/a", "x")
    assert stomp("record", "/queue/a", "-o", str(recording), "--append", "-n", "1").status == 0
    assert len(lines(recording)) == 2


def test_too_few_messages_in_time(stomp: Stomp, recording: Path) -> None:
    assert stomp("record", "/queue/a", "-o", str(recording), "-n", "1", "--timeout", "0.1").status == 124


def test_replay_elsewhere_again_and_with_headers(stomp: Stomp, broker: Broker, recording: Path) -> None:
    recording.write_text('{"time":5,"destination":"/queue/a","headers":{"x":"1"},"body":"b"}\n')
    result = stomp("replay", str(recording), "/queue/b", "--loop", "-n", "3", "-H", "x:2", "--speed", "1000")
    assert (result.status, result.err) == (0, "stomp: 3 confirmed, 0 rejected, 0 unknown\n")
    assert broker.messages("/queue/b") == [b"b"] * 3
    received = stomp("sub", "/queue/b", "-n", "3").messages
    assert [message["headers"]["x"] for message in received] == ["2"] * 3


def test_replay_waits_between_messages_at_the_given_speed(stomp: Stomp, recording: Path) -> None:
    recording.write_text(
        '{"time":7,"destination":"/queue/a","body":"a"}\n{"time":7.2,"destination":"/queue/a","body":"b"}\n'
    )
    began = time.monotonic()
    assert stomp("replay", str(recording), "--speed", "0.5").status == 0
    assert time.monotonic() - began >= 0.4


def test_replay_names_the_line_of_a_mistake(stomp: Stomp, broker: Broker, recording: Path) -> None:
    recording.write_text('{"time":0,"destination":"/queue/a","body":"b"}\nnonsense\n')
    result = stomp("replay", str(recording))
    assert result.status == 1
    assert "line 2: not JSON" in result.err
    assert len(broker.messages("/queue/a")) == 1
