"""Messages on standard output: to look at on a terminal, as lines of JSON in a pipe, or as the user says."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

import click

from stomp_core.session import Delivery
from stomp_testing.frame_json import to_json

from ._message_json import to_dict
from ._templates import fill_from_message
from ._terminal import colours

__all__ = ["Bodied", "Printer", "printing_options", "show_body", "visible", "write_out"]

_HEX_BYTES = 1024  # how much of a binary body is shown at a terminal


class Printer:
    """Writes messages to standard output. What it has written was flushed: the message may be acknowledged.

    Args:
        style: ``"pretty"``, ``"json"``, ``"raw"`` or ``"headers"``; ``None``: pretty at a terminal, else JSON.
        template: in place of a style; see :func:`~stomp_cli._templates.fill_from_message`.
    """

    def __init__(self, style: str | None = None, template: str | None = None) -> None:
        if style is None:
            style = "pretty" if sys.stdout.isatty() else "json"
        self.count = 0
        self._pretty: Callable[[Delivery, bool], str] | None = None
        self._make = self._maker(style, template)

    def _maker(self, style: str, template: str | None) -> Callable[[Delivery], bytes]:
        if template is not None:
            return lambda message: fill_from_message(template, message, self.count)
        if style == "raw":
            return lambda message: message.body
        if style == "json":
            return lambda message: (to_json(to_dict(message)) + "\n").encode("utf-8", "surrogatepass")
        if style == "headers" and not sys.stdout.isatty():
            return lambda message: (to_json(to_dict(message, body=False)) + "\n").encode()
        show = _Pretty(colours(sys.stdout), body=style != "headers")
        return lambda message: show(message, self.count).encode("utf-8", "replace")

    def __call__(self, message: Delivery) -> None:
        """Print a message.

        Raises:
            BrokenPipeError: nobody reads our output.
        """
        write_out(self.render(message))

    def render(self, message: Delivery) -> bytes:
        """Return what is printed of a message, and count it."""
        self.count += 1
        return self._make(message)


def write_out(data: bytes) -> None:
    """Write bytes to standard output, all of them, before it returns.

    Raises:
        BrokenPipeError: nobody reads our output.
    """
    out = sys.stdout.buffer
    left = memoryview(data)
    while left:
        left = left[out.write(left) :]  # with PYTHONUNBUFFERED it may write less
    out.flush()


class _Pretty:
    """A message for people: a line with its number and destination, its headers, and its body by its kind."""

    def __init__(self, colour: bool, *, body: bool) -> None:
        self._colour = colour
        self._body = body

    def __call__(self, message: Delivery, number: int) -> str:
        parts = [self._styled(f"[{number}] {message.destination}", fg="cyan", bold=True)]
        for name, value in message.headers.items():
            if name != "destination":
                parts.append(f"{self._styled(name, fg='blue')}: {visible(value)}")
        text = "\n".join(parts) + "\n"
        if self._body:
            text += show_body(message, colour=self._colour) + "\n"
        return text + ("\n" if self._body else "")

    def _styled(self, text: str, **style: Any) -> str:
        return click.style(text, **style) if self._colour else text


class Bodied(Protocol):
    """What has a body to show: a received message, or the event of a frame."""

    @property
    def body(self) -> bytes: ...
    @property
    def content_type(self) -> str | None: ...
    @property
    def text(self) -> str: ...


def show_body(message: Bodied, *, colour: bool) -> str:
    """Return a body for people: JSON indented, JSON and XML in colours, and bytes that are no text as a hex dump.

    Args:
        message: whose body it is.
        colour: whether to use colours.
    """
    try:
        text = message.text
    except (UnicodeDecodeError, LookupError):
        text = None
    if text is None or any(
        not (character.isprintable() or character in "\n\r\t") for character in text[:4096]
    ):
        dump = _hex_dump(message.body)
        return click.style(dump, fg="yellow") if colour else dump
    kind, shown = _format(text, message.content_type or "")
    return _highlight(shown, kind) if colour and kind is not None else shown


def _format(text: str, content_type: str) -> tuple[str | None, str]:
    """Return the language of a body, if it is known, and the body, indented."""
    stripped = text.strip()
    if "json" in content_type or stripped[:1] in ("{", "["):
        import json

        try:
            return "json", json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        except ValueError:
            return None, text
    if "xml" in content_type or stripped.startswith("<"):
        return "xml", text
    return None, text


def _highlight(text: str, kind: str) -> str:
    from io import StringIO

    from rich.console import Console
    from rich.syntax import Syntax

    console = Console(
        file=StringIO(), force_terminal=True, width=max(len(line) for line in [*text.splitlines(), ""]) + 1
    )
    with console.capture() as capture:
        console.print(Syntax(text, kind, theme="ansi_dark", background_color="default"), end="")
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def visible(text: str) -> str:
    """Return a header's value as one line that cannot move the cursor of a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _hex_dump(data: bytes) -> str:
    lines = []
    for offset in range(0, min(len(data), _HEX_BYTES), 16):
        row = data[offset : offset + 16]
        characters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{offset:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  |{characters}|")
    if len(data) > _HEX_BYTES:
        lines.append(f"... {len(data) - _HEX_BYTES} more bytes (--raw writes all of them)")
    return "\n".join(lines)


def printing_options(function: Callable[..., NoReturn] | Any) -> Any:
    """Give a command the options that say how messages are printed; it gets ``printer``, which makes a Printer."""
    from functools import wraps

    @click.option(
        "--pretty", "style", flag_value="pretty", help="As at a terminal: headers and body to look at."
    )
    @click.option("--json", "style", flag_value="json", help="As in a pipe: a line of JSON each.")
    @click.option(
        "--raw", "style", flag_value="raw", help="The bodies, byte by byte, with nothing between them."
    )
    @click.option("--headers-only", "style", flag_value="headers", help="Without the bodies.")
    @click.option(
        "--format", "template", metavar="TEXT",
        help=r"Such as '{{destination}} {{priority}} {{body}}\n': {{n}}, {{now}}, and any header.",
    )  # fmt: skip
    @wraps(function)
    def with_printer(*args: Any, style: str | None, template: str | None, **kwargs: Any) -> Any:
        return function(*args, printer=Printer(style, template), **kwargs)

    return with_printer
