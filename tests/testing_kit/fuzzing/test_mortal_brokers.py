"""Brokers that die or hang for good: with --exec they are started again, and without it the run ends early."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stomp_testing.__main__ import main
from stomp_testing.fuzzing import (
    BrokerTarget,
    RunLimits,
    RunReport,
    Severity,
    as_html,
    as_markdown,
    fuzz_broker,
)
from tests.brokers.base import free_ports
from tests.waiting import HANGS

#: What tests wait for an answer that never comes.
SECONDS = 2.0


def command_of(mortal: str, port: int) -> list[str]:
    return [sys.executable, "-m", "tests.testing_kit.fuzzing.mortal_brokers", mortal, str(port)]


@contextmanager
def running(mortal: str) -> Iterator[int]:
    """Run a broker that nobody starts again."""
    [port] = free_ports(1)
    with subprocess.Popen(command_of(mortal, port), stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + HANGS
            while True:
                try:
                    BrokerTarget("127.0.0.1", port).connect().close()
                    break
                except OSError:
                    assert time.monotonic() < end
                    time.sleep(0.01)
            yield port
        finally:
            process.kill()


def fuzz(port: int, only: list[str], command: str | None, jobs: int = 1) -> RunReport:
    return fuzz_broker(
        BrokerTarget("127.0.0.1", port, timeout=SECONDS),
        seed=1,
        only=only,
        limits=RunLimits(seconds=None, count=60, jobs=jobs, findings=1, minimise_seconds=30.0),
        command=command,
    )


@pytest.mark.parametrize(
    ("mortal", "only", "severity", "symptom", "steps"),
    [
        # CONNECT, and the frame that breaks the rule
        ("Aborts", "undefined-escape", Severity.CRASH, "killed-by-sigabrt", 2),
        pytest.param(
            "Exits", "unknown-command", Severity.CRASH, "exited-with-status-3", 2, marks=pytest.mark.slow
        ),
        pytest.param(
            "Hangs", "header-without-colon", Severity.HANG, "bystander-stalled", 2, marks=pytest.mark.slow
        ),
        # CONNECT, BEGIN, COMMIT
        pytest.param(
            "ExitsAtCommit", "legal", Severity.CRASH, "exited-with-status-0", 3, marks=pytest.mark.slow
        ),
    ],
)
def test_broker_is_started_again_until_the_conversation_is_short(
    mortal: str, only: str, severity: Severity, symptom: str, steps: int
) -> None:
    [port] = free_ports(1)
    report = fuzz(port, [only], " ".join(command_of(mortal, port)))
    [finding] = report.findings
    assert (finding.severity, finding.symptom) == (severity, symptom), finding.text
    assert finding.minimised
    assert len(finding.script.sends) <= steps, finding.script
    assert report.ended_early is None
    with pytest.raises(ConnectionRefusedError):  # the last one was ended
        BrokerTarget("127.0.0.1", port).connect()


@pytest.mark.parametrize(
    ("mortal", "rule", "jobs"),
    [
        ("Aborts", "undefined-escape", 1),
        pytest.param("Exits", "unknown-command", 4, marks=pytest.mark.slow),
        ("Hangs", "header-without-colon", 1),
    ],
)
def test_broker_that_stays_dead_is_a_finding(mortal: str, rule: str, jobs: int) -> None:
    """It was not played again, so it is not minimised; what was sent is there."""
    with running(mortal) as port:
        report = fuzz(port, ["legal", rule], None, jobs)
    [finding] = report.findings
    assert (finding.rule, finding.minimised) == (rule, False), finding.text
    assert finding.severity is (Severity.HANG if mortal == "Hangs" else Severity.CRASH)
    assert finding.sent["a"].startswith((b"CONNECT", b"STOMP"))
    assert "did not come back" in finding.text
    assert report.ended_early is not None
    for page in (as_markdown(report), as_html(report)):
        assert "the run has ended early" in page


def test_status_is_4_when_the_broker_stays_dead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All forms of the reproducer are written. The script tells whether the broker survives."""
    options = ("--rule", "undefined-escape", "--seed", "1", "--count", "60", "--jobs", "1", "--quiet")
    with running("Aborts") as port:
        assert main(["fuzz", f"stomp://127.0.0.1:{port}", *options, "--report", str(tmp_path)]) == 4
    assert "the run has ended early: the broker does not serve" in capsys.readouterr().out
    [line] = (tmp_path / "findings.jsonl").read_text().splitlines()
    name = json.loads(line)["name"]
    assert b"\\" in (tmp_path / f"{name}.bin").read_bytes()
    for mortal, status in (("Aborts", 1), ("Exits", 0)):
        with running(mortal) as port:
            script = [sys.executable, "-I", str(tmp_path / f"{name}.py"), "127.0.0.1", str(port)]
            done = subprocess.run(script, capture_output=True, text=True, timeout=HANGS, check=False)
        assert done.returncode == status, done.stdout + done.stderr


@pytest.mark.slow
def test_finding_that_kills_is_played_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [port] = free_ports(1)
    url, command = f"stomp://127.0.0.1:{port}", " ".join(command_of("Aborts", port))
    options = ("--rule", "undefined-escape", "--seed", "1", "--count", "9", "--jobs", "1", "--quiet")
    assert main(["fuzz", url, "--exec", command, *options, "--report", str(tmp_path)]) == 1
    file = str(tmp_path / "findings.jsonl")
    assert main(["fuzz", url, "--exec", command, "--replay", file]) == 1
    assert "shown again" in capsys.readouterr().out


def test_exec_wants_a_free_port(capsys: pytest.CaptureFixture[str]) -> None:
    with running("Aborts") as port:
        assert main(["fuzz", f"stomp://127.0.0.1:{port}", "--exec", "sleep 60"]) == 2
    assert "is served already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "status", "text"),
    [
        ("no-such-program-there-is", 2, "no-such-program"),
        ("false", 3, "the broker has ended while it started"),
        ("sleep 600", 3, "does not listen"),
    ],
)
def test_broker_that_does_not_start(
    command: str, status: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    [port] = free_ports(1)
    arguments = ["fuzz", f"stomp://127.0.0.1:{port}", "--exec", command, "--start-timeout", "0.2"]
    assert main(arguments) == status
    assert text in capsys.readouterr().err
