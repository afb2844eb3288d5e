"""A client that is a program: start it for a conversation, and see how it ends."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import IO

from ._symptoms import Severity, Symptom

__all__ = ["Program"]

#: How runtimes report an exception that the program has not handled.
_UNHANDLED = re.compile(
    rb"Traceback \(most recent call last\)"  # Python
    rb"|^panic: |^fatal error: "  # Go
    rb"|^thread '.*' panicked at"  # Rust
    rb"|Exception in thread "  # Java, and threads of Python
    rb"|^Unhandled exception|UnhandledPromiseRejection|^Uncaught |^PHP Fatal error|^Fatal error: "  # .NET, node, PHP
    rb"|^\S*:[0-9]+:in .*\(\w*(?:Error|Exception)\)"  # Ruby
    rb"|^node:internal/|^\s+throw er;"  # node
    rb"|AddressSanitizer|Segmentation fault|core dumped",
    re.MULTILINE,
)
_MOST_OF_OUTPUT = 20_000


class Program:
    """A program that was started.

    Args:
        command: its command line.
        url: in STOMP_URL of its environment.
        version: in STOMP_VERSION.

    Raises:
        OSError: it cannot be started.
        ValueError: its command line has unbalanced quotes.
    """

    def __init__(self, command: str, url: str, version: str) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                shlex.split(command),
                env={**os.environ, "STOMP_URL": url, "STOMP_VERSION": version},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                start_new_session=True,
            )
        except BaseException:
            self._errors.close()
            raise

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

    def symptom_of_end(self, seconds: float) -> Symptom | None:
        """Wait until it has ended; return what is wrong about that. It may go on running."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = 0
        output = self._output()
        if status < 0:
            name = signal.Signals(-status).name
            return Symptom(
                Severity.CRASH, f"killed-by-{name.lower()}", f"the program was ended by {name}{_last(output)}"
            )
        unhandled = _UNHANDLED.search(output)
        if unhandled is not None:
            text = f"the program has ended with an exception that it does not handle{_last(output)}"
            return Symptom(Severity.CRASH, "unhandled-exception", text)
        return None

    def kill(self) -> None:
        """End it, and whatever it has started."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self._process.kill()
        self._process.wait()
        self._errors.close()

    def _output(self) -> bytes:
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _MOST_OF_OUTPUT))
        return self._errors.read()


def _last(output: bytes) -> str:
    lines = output.decode(errors="backslashreplace").strip().splitlines()
    return f": {lines[-1][:300]}" if lines else ""
