"""Frames for people: a line with time, direction and command, the headers, the body, and what is wrong with it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

import click

from stomp_core import Frame, Send
from stomp_testing.frame_json import MASK, SECRET_HEADERS

from ._printing import show_body, visible

__all__ = ["FramePrinter"]

_COLOURS = {"to-server": "green", "to-client": "cyan"}
_ARROWS = {"to-server": "-->", "to-client": "<--"}
_LONGEST_LINE = 200  # characters of a body in a line


class FramePrinter:
    """Makes text of frames.

    Args:
        colour: whether to use colours.
        one_line: a line for each frame.
    """

    def __init__(self, *, colour: bool, one_line: bool = False) -> None:
        self._colour = colour
        self._one_line = one_line

    def frame(self, frame: Frame, where: str, direction: str | None = None) -> str:
        """Return a frame as lines, each with its line end.

        Args:
            frame: to show.
            where: what stands before its command, such as the time.
            direction: ``"to-server"``, ``"to-client"`` or unknown.
        """
        head = self._head(where, direction, frame.command)
        headers = [
            f"{self._styled(visible(name), fg='blue')}:{'' if self._one_line else ' '}{_shown(name, value)}"
            for name, value in frame.headers.items()
        ]
        if self._one_line:
            words = [head, *headers]
            if frame.body:
                words.append(_short(frame.body))
            return " ".join(words) + "\n"
        lines = [head, *(f"    {header}" for header in headers)]
        if frame.body:
            # A body has headers of its own to be shown by, which any frame may have; a SEND is one that shows them.
            shown = show_body(Send.from_frame(Frame("SEND", frame.headers, frame.body)), colour=self._colour)
            lines += ["", textwrap.indent(shown, "    ", lambda line: True)]
        return "\n".join(lines) + "\n" + ("" if not frame.body else "\n")

    def other(self, text: str, where: str, direction: str | None = None) -> str:
        """Return the line of something that is no frame: a heart-beat, or the end of a connection."""
        if direction is None:
            return f"{self._styled(f'{where} {visible(text)}', dim=True)}\n"
        return f"{self._head(where, direction, visible(text))}\n"

    def violations(self, texts: Iterable[object]) -> str:
        """Return a line for each violation."""
        return "".join(
            self._styled(f"  ! {visible(str(text))}", fg="red", bold=True) + "\n" for text in texts
        )

    def _head(self, where: str, direction: str | None, command: str) -> str:
        if direction is None:
            return f"{where} {self._styled(command, fg='cyan', bold=True)}"
        return f"{where} {self._styled(f'{_ARROWS[direction]} {command}', fg=_COLOURS[direction], bold=True)}"

    def _styled(self, text: str, **style: Any) -> str:
        return click.style(text, **style) if self._colour else text


def _shown(name: str, value: str) -> str:
    return MASK if name.lower() in SECRET_HEADERS else visible(value)


def _short(body: bytes) -> str:
    more = f"... ({len(body)} bytes)" if len(body) > _LONGEST_LINE else ""
    return f"{body[:_LONGEST_LINE]!r}{more}"
