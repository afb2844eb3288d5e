"""Text for headers and bytes for bodies, from pieces that parsers get wrong."""

from __future__ import annotations

from functools import cache

from ._choices import Choices
from ._model import Setting

__all__ = ["body", "header_pieces", "text"]

#: Characters of escapes, characters that end lines elsewhere, characters that other parsers trim.
_PIECES = (
    "a",
    "1",
    "x.y",
    "/",
    "é",
    "\N{RABBIT}",
    " ",
    "\t",
    "\x0b",
    "\x85",
    "\u2028",
    "\ufeff",
    "{",
    "n",
    "r",
    "c",
)
_PLAIN_PIECES = ("a", "1", "x.y", "/", "b-c", "_")
_BODIES = (
    b"",
    b"a",
    b"\0",
    b"\n",
    b"\r\n\0\n",
    b"x" * 100,
    b"\xff\xfe",
    b"SEND\ndestination:/queue/x\n\n\0",
    b"\0\0",
)
_PLAIN_BODIES = (b"", b"a", b"hello world", b"x" * 100)


@cache
def header_pieces(version: str, handshake: bool) -> tuple[str, ...]:
    """Return pieces of text that a version can carry; the handshake has no escapes."""
    if handshake:
        return (*_PIECES, ":")
    if version == "1.0":
        return (*_PIECES, ":", "\\", "\\n")
    return (*_PIECES, ":", "\\", "\n", "\\n", "\\c", *(("\r", "\r\n") if version == "1.2" else ()))


def text(choices: Choices, version: str, setting: Setting, *, handshake: bool = False) -> str:
    """Return a header value of a few pieces; the simplest is empty."""
    pieces = _PLAIN_PIECES if setting.plain else header_pieces(version, handshake)
    joined = "".join([choices.pick(pieces) for _ in range(choices.integer(0, 3))])
    # STOMP 1.0 does not say whether spaces around a value belong to it; parsers of 1.0 trim them.
    return joined.strip(" ") if version == "1.0" else joined


def body(choices: Choices, setting: Setting) -> bytes:
    """Return the body of a message; the simplest is empty."""
    return choices.pick(_PLAIN_BODIES if setting.plain else _BODIES)
