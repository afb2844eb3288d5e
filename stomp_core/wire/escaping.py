"""Escaping of header names and values: STOMP 1.1 and 1.2, "Value Encoding".

1.2 knows ``\\r \\n \\c \\\\``, 1.1 the same without ``\\r``, 1.0 none.
"""

from __future__ import annotations

import re
from functools import cache

from .versions import Version

__all__ = ["DecodeTable", "Decoder", "decode_table", "encode_table", "undefined_escape", "unescape"]

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
