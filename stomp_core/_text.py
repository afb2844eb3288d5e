"""Text from elsewhere, for a line of a log, a terminal, or the message of an exception."""

from __future__ import annotations

__all__ = ["first_line", "printable"]

_LONGEST_LINE = 300  # characters


def printable(text: str) -> str:
    """Escape what must not reach a log or a terminal: line ends, ESC and other control characters, bidi controls.

    A header of a frame may contain any of them, and would forge lines of a log or control a terminal.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def first_line(text: str) -> str:
    """Return the first line of a text that is not blank, printable and not too long; ``""`` if there is none."""
    for line in text.splitlines():
        if line := line.strip():
            return printable(line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}...")
    return ""
