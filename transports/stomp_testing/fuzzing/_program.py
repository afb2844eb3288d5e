"""A program that was started, and how it ends: a client for one conversation, or a broker."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from ._program_end import ProgramEnd, end_of

__all__ = ["Program"]

_MOST_OF_OUTPUT = 20_000


class Program:
    """A program that was started.

    Args:
        command: its command line.
        environment: variables of its environment, besides those of ours.

    Raises:
        OSError: it cannot be started.
        ValueError: its command line has unbalanced quotes, or is empty.
    """

    def __init__(self, command: str, environment: Mapping[str, str]) -> None:
        words = shlex.split(command)
        if not words:
            raise ValueError("--exec must be a command, got nothing")
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                words,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                start_new_session=True,
            )
        except BaseException:
            self._errors.close()
            raise

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def peak_memory(self) -> int:
        """Return the most memory that it has had in RAM, in bytes; 0 if that cannot be seen."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text()
        except OSError:
            return 0
        match = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(match[1]) * 1024 if match else 0

    def wait(self, seconds: float) -> int | None:
        """Wait until it has ended.

        Returns:
            Its exit status, negative for a signal; ``None`` if it goes on.
        """
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def end(self, seconds: float) -> ProgramEnd:
        """Wait until it has ended; return how. It may go on running."""
        status = self.wait(seconds)
        return end_of(status, self._output())

    def stop(self, seconds: float) -> None:
        """Ask it to end, and end it and whatever it has started after so many seconds. May be called twice."""
        if self.running:
            self._send_signal(signal.SIGTERM)
            self.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """End it, and whatever it has started."""
        self._send_signal(signal.SIGKILL)
        self._process.wait()
        self._errors.close()

    def _send_signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            self._process.send_signal(number)

    def _output(self) -> bytes:
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _MOST_OF_OUTPUT))
        return self._errors.read()
