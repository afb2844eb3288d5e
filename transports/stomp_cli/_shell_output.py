"""What the shell prints: messages and answers on stdout; remarks and errors beside them."""

from __future__ import annotations

import sys
import threading
from typing import Protocol

import click

from stomp_core.session import Delivery

from ._printing import Printer
from ._terminal import colours

__all__ = ["ShellOutput"]


class _Stream(Protocol):
    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


class ShellOutput:
    """Prints, from any thread.

    Args:
        interactive: print remarks beside the messages, where the user looks; otherwise on stderr.

    Attributes:
        terminal: while there is a prompt, prints above it.
    """

    def __init__(self, *, interactive: bool) -> None:
        self._interactive = interactive
        self._printer = Printer()
        self._coloured = colours(sys.stdout if interactive else sys.stderr)
        self._lock = threading.Lock()
        self.terminal: _Stream | None = None

    def message(self, message: Delivery) -> None:
        """Print a message: as JSON in a pipe.

        Raises:
            BrokenPipeError: nobody reads our output.
        """
        with self._lock:
            data = self._printer.render(message)
            if self.terminal is not None:
                self.terminal.write(data.decode())
            else:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()

    def answer(self, text: str) -> None:
        """Print what a command was asked for."""
        with self._lock:
            stream: _Stream = sys.stdout if self.terminal is None else self.terminal
            stream.write(f"{text}\n")
            stream.flush()

    def remark(self, text: str) -> None:
        """Print what has happened."""
        if self._interactive:
            self.answer(text)
        else:
            self._print_beside(f"stomp: {text}")

    def error(self, text: str) -> None:
        """Print why something has failed: one line."""
        line = f"stomp: {' '.join(text.split())}"
        if self._coloured:
            line = click.style(line, fg="red")
        if self.terminal is not None:
            self.answer(line)
        else:
            self._print_beside(line)

    def _print_beside(self, line: str) -> None:
        with self._lock:
            print(line, file=sys.stderr, flush=True)
