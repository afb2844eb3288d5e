"""What the specifications say, as data: versions, commands, required headers, and the escaping of headers."""

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
    "decode_table",
    "encode_table",
    "undefined_escape",
    "unescape",
]


class Version(StrEnum):
    """A version of STOMP. It is a ``str``: ``Version.V1_2 == "1.2"``."""

    V1_0 = "1.0"
    V1_1 = "1.1"
    V1_2 = "1.2"


ALL_VERSIONS = (Version.V1_0, Version.V1_1, Version.V1_2)


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

#: Neither escaped nor trimmed, whatever the version: they are read before it is known.
HANDSHAKE_COMMANDS = frozenset({"CONNECT", "STOMP", "CONNECTED"})

#: The only ones that may have a body in 1.1 and 1.2 ("Body"). 1.0 is silent.
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

#: The headers without which a frame may not be written, by version and command. (UNSUBSCRIBE of 1.0 takes
#: ``id`` or ``destination``, which a table of required names cannot say: the serializer does.)
REQUIRED_HEADERS: dict[str, dict[str, tuple[str, ...]]] = {
    Version.V1_0: _1_0,
    Version.V1_1: _1_1,
    Version.V1_2: _1_2,
}


DecodeTable = dict[str, str]
Decoder = DecodeTable | None

_DECODE_1_1: DecodeTable = {"\\n": "\n", "\\c": ":", "\\\\": "\\"}
_DECODE_1_2: DecodeTable = {**_DECODE_1_1, "\\r": "\r"}
_ENCODE_1_1 = str.maketrans({"\\": "\\\\", "\n": "\\n", ":": "\\c"})
_ENCODE_1_2 = str.maketrans({"\\": "\\\\", "\n": "\\n", ":": "\\c", "\r": "\\r"})


@cache
def _escape() -> re.Pattern[str]:
    # A lone backslash at the end counts as an escape of one character, which no table defines.
    return re.compile(r"\\.?", re.DOTALL)


def decode_table(version: Version | None, *, cr_in_1_1: bool = False) -> Decoder:
    """The escapes that a reader of this version undoes; ``None`` where there are none (1.0)."""
    if version is Version.V1_0:
        return None
    if version is Version.V1_1 and not cr_in_1_1:
        return _DECODE_1_1
    return _DECODE_1_2


def encode_table(version: Version) -> dict[int, str] | None:
    """A table for :meth:`str.translate`; ``None`` where nothing can be escaped (1.0)."""
    if version is Version.V1_0:
        return None
    return _ENCODE_1_1 if version is Version.V1_1 else _ENCODE_1_2


def undefined_escape(text: str, table: DecodeTable) -> re.Match[str] | None:
    """The first escape in ``text`` that the table does not define, or ``None``."""
    for match in _escape().finditer(text):
        if match.group() not in table:
            return match
    return None


def unescape(text: str, table: DecodeTable = _DECODE_1_2) -> str:
    """Undo the escapes in one pass from left to right; those that the table does not define stay as they are."""
    return _escape().sub(lambda match: table.get(match.group(), match.group()), text)
