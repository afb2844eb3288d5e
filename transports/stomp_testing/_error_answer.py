"""The ERROR with which a proxy answers a frame in place of the broker."""

from __future__ import annotations

import re

__all__ = ["error_frame"]

_RECEIPT = re.compile(rb"\n(?:receipt|receipt-id):([^\r\n]*)")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_ESCAPES = str.maketrans({"\\": "\\\\", ":": "\\c"})


def error_frame(text: str, answered: bytes) -> bytes:
    """Return an ERROR.

    Args:
        text: for its ``message`` header.
        answered: the frame that it answers, or a RECEIPT that it takes the place of. The id of the receipt is copied
            as it is written there: the client's version has escaped it.
    """
    head = _HEAD_END.split(answered, maxsplit=1)[0]
    lines = [b"ERROR", b"message:" + text.translate(_ESCAPES).encode()]
    if (receipt := _RECEIPT.search(head)) is not None:
        lines.append(b"receipt-id:" + receipt[1])
    return b"\n".join([*lines, b"", b"\0"])
