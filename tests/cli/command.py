"""Run the ``stomp`` command: in this process, which is quick, or in one of its own, for signals and pipes."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stomp_cli import main

ROOT = Path(__file__).parents[2]
_OF_THE_USER = (
    "STOMP_URL",
    "STOMP_HOST",
    "STOMP_PORT",
    "STOMP_USER",
    "STOMP_PASS",
    "STOMP_PASSCODE",
    "STOMP_CONTEXT",
)


class Result(NamedTuple):
    """What a command has left behind."""

    status: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.decode().splitlines()

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages that it printed as JSON."""
        return [json.loads(line) for line in self.lines]

    @property
    def bodies(self) -> list[str]:
        return [message["body"] for message in self.messages]


def environment(variables: Mapping[str, str] = {}) -> dict[str, str]:
    """Return the environment of a command: without the user's STOMP settings, but with these variables."""
    own = {name: value for name, value in os.environ.items() if name not in _OF_THE_USER}
    return own | {"XDG_CONFIG_HOME": os.devnull, "NO_COLOR": "1"} | dict(variables)


class Stomp:
    """Runs commands in this process. Its input is never a terminal.

    Args:
        patch: of the test.
        url: that STOMP_URL has.
    """

    def __init__(self, patch: pytest.MonkeyPatch, url: str | None = None) -> None:
        self._patch = patch
        self.variables: dict[str, str] = {} if url is None else {"STOMP_URL": url}

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Result:
        out, err = io.BytesIO(), io.StringIO()
        with self._patch.context() as patch:
            for name in _OF_THE_USER:
                patch.delenv(name, raising=False)
            for name, value in environment(self.variables).items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            patch.setattr(sys, "stdout", stdout := io.TextIOWrapper(out, write_through=True))
            patch.setattr(sys, "stderr", err)
            status = main(arguments)
            stdout.flush()
            output = out.getvalue()
            stdout.detach()
        return Result(status, output, err.getvalue())


def start(*arguments: str, url: str = "", stdin: int | None = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """Start a command in a process of its own."""
    variables = environment({"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "transports")])})
    if url:
        variables["STOMP_URL"] = url
    return subprocess.Popen(
        [sys.executable, "-m", "stomp_cli", *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=variables,
        # Where the tests run in the background, Ctrl-C may be ignored, which a new process inherits.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def finish(process: subprocess.Popen[bytes], stdin: bytes = b"") -> Result:
    """Wait for the end of a command that was started."""
    try:
        out, err = process.communicate(stdin, timeout=60)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    return Result(process.returncode, out, err.decode())


class InBackground:
    """Something that runs in a thread while the test does something else. What it raises, :meth:`result` raises."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._outcome: list[Any] = []
        self._error: BaseException | None = None

        def run() -> None:
            try:
                self._outcome.append(function(*arguments))
            except BaseException as error:
                self._error = error

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def result(self) -> Any:
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error
        return self._outcome[0]
