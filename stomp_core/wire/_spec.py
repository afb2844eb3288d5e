"""The specifications as data: versions, commands, required headers, and how header lines are escaped."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache

__all__ = [
    "ALL_VERSIONS",
    "BODY_COMMANDS",
    "CLIENT_COMMANDS",
    "COMMANDS",
    "HANDSHAKE_COMMANDS",
    "REQUIRED_HEADERS",
    "SERVER_COMMANDS",
    "DecodeTable",
    "Decoder",
    "Version",
    "check_version",
    "decode_table",
    "escape",
    "is_trimmed",
    "undefined_escape",
    "unescape",
]


class Version(StrEnum):
    """A version of STOMP. It is a ``str``: ``Version.V1_2 == "1.2"``."""

    V1_0 = "1.0"
    V1_1 = "1.1"
    V1_2 = "1.2"


ALL_VERSIONS = (Version.V1_0, Version.V1_1, Version.V1_2)


def check_version(version: str) -> Version:
    """Return the member of :class:`Version` that equals ``version``.

    Raises:
        ValueError: there is no such version.
    """
    try:
        return Version(version)
    except ValueError:
        raise ValueError(
            f"{version!r} is not a version of STOMP that exists; use '1.0', '1.1' or '1.2'"
        ) from None


CLIENT_COMMANDS = frozenset(
    {
        "CONNECT",
        "STOMP",
        "SEND",
        "SUBSCRIBE",
        "UNSUBSCRIBE",
        "ACK",
        "NACK",
        "BEGIN",
        "COMMIT",
        "ABORT",
        "DISCONNECT",
    }
)
SERVER_COMMANDS = frozenset({"CONNECTED", "MESSAGE", "RECEIPT", "ERROR"})

#: From the bytes of a command line to the command.
COMMANDS = {name.encode("ascii"): name for name in sorted(CLIENT_COMMANDS | SERVER_COMMANDS)}

#: The frames that are exchanged before a version is agreed on. They look the same in every version: 1.2 forbids to
#: escape CONNECT and CONNECTED ("Value Encoding"), so that servers of 1.0 understand them, and they are not trimmed.
HANDSHAKE_COMMANDS = frozenset({"CONNECT", "STOMP", "CONNECTED"})

#: The only frames that may have a body in 1.1 and 1.2 ("Body"). 1.0 does not restrict bodies.
BODY_COMMANDS = frozenset({"SEND", "MESSAGE", "ERROR"})

_TRANSACTION = {"BEGIN": ("transaction",), "COMMIT": ("transaction",), "ABORT": ("transaction",)}
_1_0: dict[str, tuple[str, ...]] = {
    "SEND": ("destination",),
    "SUBSCRIBE": ("destination",),
    "ACK": ("message-id",),
    "MESSAGE": ("destination", "message-id"),
    "RECEIPT": ("receipt-id",),
    **_TRANSACTION,
}
_1_1: dict[str, tuple[str, ...]] = {
    "CONNECT": ("accept-version", "host"),
    "STOMP": ("accept-version", "host"),
    "CONNECTED": ("version",),
    "SEND": ("destination",),
    "SUBSCRIBE": ("destination", "id"),
    "UNSUBSCRIBE": ("id",),
    "ACK": ("message-id", "subscription"),
    "NACK": ("message-id", "subscription"),
    "MESSAGE": ("destination", "message-id", "subscription"),
    "RECEIPT": ("receipt-id",),
    **_TRANSACTION,
}
_1_2: dict[str, tuple[str, ...]] = {**_1_1, "ACK": ("id",), "NACK": ("id",)}

#: By version and command: the headers that a frame must have (STOMP 1.2, "Frames and Headers"). UNSUBSCRIBE of 1.0
#: needs ``id`` or ``destination``, which this table cannot express; the serializer and the server check that.
REQUIRED_HEADERS: dict[str, dict[str, tuple[str, ...]]] = {
    Version.V1_0: _1_0,
    Version.V1_1: _1_1,
    Version.V1_2: _1_2,
}


# ---------------------------------------------------------------- escaping (STOMP 1.1 and 1.2, "Value Encoding")

#: From an escape of two characters to the character that it stands for.
DecodeTable = dict[str, str]
Decoder = DecodeTable | None

_DECODE_1_1: DecodeTable = {"\\n": "\n", "\\c": ":", "\\\\": "\\"}
_DECODE_1_2: DecodeTable = {**_DECODE_1_1, "\\r": "\r"}


@cache
def _escape_expression() -> re.Pattern[str]:
    # A lone backslash at the end counts as an escape of one character, which no table defines.
    return re.compile(r"\\.?", re.DOTALL)


def decode_table(version: Version | None, *, cr_in_1_1: bool = False) -> Decoder:
    """Return the escapes that a reader of this version decodes.

    Args:
        version: ``None`` is the time before a version is known. Of the frames that may come then only ERROR is
            unescaped, with the escapes of 1.2.
        cr_in_1_1: decode ``\\r`` in 1.1 too, where only 1.2 defines it.

    Returns:
        A table, or ``None`` for 1.0, which has no escapes.
    """
    if version is Version.V1_0:
        return None
    if version is Version.V1_1 and not cr_in_1_1:
        return _DECODE_1_1
    return _DECODE_1_2


def escape(text: str, version: Version) -> str:
    """Return a header name or value with its escapes (STOMP 1.2, "Value Encoding").

    A CR stays as it is in 1.1, which has no escape for it; the serializer refuses it afterwards.

    Args:
        text: the name or value.
        version: 1.1 or 1.2. 1.0 has no escapes.
    """
    # Backslashes first: those that the other replacements write must not be doubled.
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if ":" in text:
        text = text.replace(":", "\\c")
    if "\n" in text:
        text = text.replace("\n", "\\n")
    if "\r" in text and version is not Version.V1_1:
        text = text.replace("\r", "\\r")
    return text


def is_trimmed(text: str) -> bool:
    """Return whether a reader of 1.0 would trim a space in the text of headers."""
    return " " in text and (" \n" in text or "\n " in text or " :" in text or ": " in text)


def undefined_escape(text: str, table: DecodeTable) -> re.Match[str] | None:
    """Return the first escape in ``text`` that the table does not define, or ``None``."""
    for match in _escape_expression().finditer(text):
        if match.group() not in table:
            return match
    return None


def unescape(text: str, table: DecodeTable = _DECODE_1_2) -> str:
    """Return a header name or value without its escapes (STOMP 1.2, "Value Encoding").

    They are decoded in one pass from left to right.

    Args:
        text: the name or value, as it is written.
        table: the escapes to decode, by default those of 1.2. Others stay as they are.
    """
    if "\\" not in text:
        return text
    # Splitting at escaped backslashes is the pass from left to right: in a run of backslashes each pair is one escape,
    # and only a last odd one belongs to the character after it. So no part has two adjacent backslashes, and the other
    # escapes in it can be replaced one kind after the other.
    parts = text.split("\\\\")
    for at, part in enumerate(parts):
        if "\\" in part:
            for escaped, char in table.items():
                part = part.replace(escaped, char)
            parts[at] = part
    return "\\".join(parts)
