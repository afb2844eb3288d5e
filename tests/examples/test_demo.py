"""examples/demo.py, as `make demo` runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.brokers import Broker

ROOT = Path(__file__).parents[2]
STEPS = (
    "connect():",
    "STOMP 1.2",
    "confirmed",
    "got 'one pizza' for table 7",
    "got 'a main course'",
    "ABORT was sent",
    "nothing arrived",
    "again (redelivered:",
    "can no longer be acknowledged",
    "processed everything: True",
)


def demo(**environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "STOMP_URL"}
    return subprocess.run(
        [sys.executable, "-W", "error", "examples/demo.py"],
        cwd=ROOT,
        env=inherited | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'transports'}"} | environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def check(run: subprocess.CompletedProcess[str]) -> None:
    assert run.returncode == 0, run.stdout + run.stderr
    position = 0
    for text in STEPS:
        position = run.stdout.find(text, position)
        assert position >= 0, f"{text!r} is missing, or out of order, in:\n{run.stdout}"
    assert run.stderr == ""


def test_the_demo_runs_on_the_embedded_broker() -> None:
    check(demo())


def test_the_demo_runs_on_a_real_broker(real_broker: Broker) -> None:
    check(demo(STOMP_URL=real_broker.url))


def test_a_wrong_url_is_an_error_of_one_line(closed_port: int) -> None:
    """The line says what is wrong, and does not contain the passcode."""
    for url, expected in (
        (f"stomp://guest:hush@127.0.0.1:{closed_port}", "connection refused"),
        ("http://guest:hush@127.0.0.1", "use one of stomp://"),
        ("stomp://guest:hu/sh@127.0.0.1", "percent-encoded"),
    ):
        run = demo(STOMP_URL=url)
        assert run.returncode == 1
        assert run.stderr.startswith("demo: ")
        assert run.stderr.count("\n") == 1
        assert expected in run.stderr
        assert "hush" not in run.stderr + run.stdout
        assert "hu/sh" not in run.stderr + run.stdout
