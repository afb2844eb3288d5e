"""A program in a terminal of its own: what it shows, and what is typed."""

from __future__ import annotations

import errno
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

__all__ = ["Terminal"]

_TIMEOUT = 30.0
#: Where the cursor is, and colours; a line is put together from pieces with these between them.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07")
#: prompt_toolkit asks for bracketed paste once the terminal is its own, and ends it when it gives the terminal back.
_PROMPTED, _ANSWERED = b"\x1b[?2004h", b"\x1b[?2004l"


class Terminal:
    """A program that runs in a terminal. A context manager that ends it.

    Args:
        arguments: of Python, such as ``["-m", "stomp_cli", "shell"]``.
        environment: variables beside those of this process.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", "LINES": "24", "COLUMNS": "100", **environment},
            start_new_session=True,
        )
        os.close(slave)
        self._raw = b""
        self._answered = 0
        self._position = 0
        self._entered = -1

    @property
    def shown(self) -> str:
        """Everything that was shown so far, without escape sequences."""
        return _without_escapes(self._raw)

    def press(self, text: str) -> None:
        """Press keys; ``\\r`` is Enter."""
        if "\r" in text:
            self._entered = len(self._raw)
        os.write(self._master, text.encode())

    def expect(self, text: str) -> None:
        """Wait until ``text`` is shown, after what the latest call has waited for.

        Raises:
            AssertionError: it is not, and the program has ended, or nothing has happened for too long.
        """
        deadline = time.monotonic() + _TIMEOUT
        while (found := self.shown.find(text, self._position)) < 0:
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{text!r} was not shown: {self.shown[self._position :]!r}")
        self._position = found + len(text)

    def expect_prompt(self, text: str = "stomp>") -> None:
        """Wait until the prompt after the latest Enter reads keys. Until then Tab and Ctrl-D are not the prompt's.

        Its text alone does not tell: a prompt that was answered is drawn once more while it ends.

        Args:
            text: what it looks like.

        Raises:
            AssertionError: there is no prompt.
        """
        deadline = time.monotonic() + _TIMEOUT
        while self._raw.rfind(_PROMPTED) <= max(self._raw.rfind(_ANSWERED), self._entered):
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"there is no prompt: {self.shown[self._position :]!r}")
        self._position = len(_without_escapes(self._raw[: self._raw.rfind(_PROMPTED)]))
        self.expect(text)

    def wait(self) -> int:
        """Wait for the end of the program, and return its exit status."""
        deadline = time.monotonic() + _TIMEOUT
        while self._read(deadline - time.monotonic()):
            pass
        return self._process.wait(_TIMEOUT)

    def _read(self, timeout: float) -> bool:
        """Read what the program shows; return whether there was something."""
        if timeout <= 0 or not select.select([self._master], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError as error:
            if error.errno == errno.EIO:  # Linux: nobody has the other side open
                return False
            raise
        self._raw += data
        # A terminal answers where its cursor is; prompt_toolkit asks.
        asked = self._raw.count(b"\x1b[6n")
        for _ in range(asked - self._answered):
            self.press("\x1b[1;1R")
        self._answered = asked
        return bool(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        os.close(self._master)


def _without_escapes(raw: bytes) -> str:
    return _ESCAPES.sub("", raw.decode(errors="replace"))
