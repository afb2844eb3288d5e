"""A trace as a sequence diagram of Mermaid (https://mermaid.js.org), which GitHub and many editors draw."""

from __future__ import annotations

import re
from typing import IO

from stomp_core import Frame

from ._tracing import Traced

__all__ = ["MermaidWriter"]

_LONGEST = 60  # characters of a text in the diagram
#: What names a frame best, beside its command.
_TELLING = ("destination", "id", "subscription", "receipt-id", "transaction", "version", "message")


class MermaidWriter:
    """Writes what it is called with as a diagram. The file is complete after each call.

    Args:
        file: where to.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._known: set[int] = set()
        self._write("sequenceDiagram", "    participant B as broker")

    def __call__(self, traced: Traced) -> None:
        """Write a frame as an arrow, and violations and ends of connections as notes."""
        client = f"C{traced.connection}"
        if traced.connection not in self._known:
            self._known.add(traced.connection)
            self._write(f"    participant {client} as client {traced.connection}")
        if isinstance(traced.what, Frame):
            arrow = f"{client}->>B" if traced.direction == "to-server" else f"B->>{client}"
            self._write(f"    {arrow}: {_escaped(_label(traced.what))}")
        elif isinstance(traced.what, str):
            self._write(f"    Note over {client},B: {_escaped(traced.what)}")
        for violation in traced.violations:
            self._write(f"    Note over {client},B: violation: {_escaped(str(violation), 200)}")

    def _write(self, *lines: str) -> None:
        print(*lines, sep="\n", file=self._file, flush=True)


def _label(frame: Frame) -> str:
    words = [frame.command]
    words += [f"{name}={frame.headers[name]}" for name in _TELLING if name in frame.headers][:2]
    if "receipt" in frame.headers:
        words.append(f"receipt={frame.headers['receipt']}")
    return " ".join(words)


def _escaped(text: str, longest: int = _LONGEST) -> str:
    """Return a text in which nothing means anything to Mermaid, whose escapes are ``#`` and a number."""
    text = text if len(text) <= longest else f"{text[: longest - 3]}..."
    return re.sub(r"[^\w \-./=,:*()'\"]", lambda match: f"#{ord(match[0])};", text, flags=re.ASCII)
