"""``{{name}}`` in texts: numbers, times and unique ids in what is sent, parts of a message in what is printed."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from stomp_core.session import Delivery

__all__ = ["fill", "fill_from_message"]

_FIELD = re.compile(r"\{\{ *([^{}\s]+) *\}\}")
_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\0": "\0", "\\\\": "\\"}
_OUTGOING: dict[str, Callable[[int], str]] = {
    "n": str,
    "uuid": lambda number: str(uuid.uuid4()),
    "now": lambda number: datetime.now(UTC).isoformat(timespec="milliseconds"),
}


def fill(text: str, number: int) -> str:
    """Replace ``{{n}}``, ``{{uuid}}`` and ``{{now}}``; anything else in braces stays.

    Args:
        text: of a body or of a header.
        number: of the message, from 1.
    """
    if "{{" not in text:
        return text
    return _FIELD.sub(lambda match: _OUTGOING[match[1]](number) if match[1] in _OUTGOING else match[0], text)


def fill_from_message(template: str, message: Delivery, number: int) -> bytes:
    r"""Replace ``{{body}}``, ``{{destination}}``, ``{{n}}``, ``{{now}}``, and ``{{NAME}}`` by the header of this name.

    ``\n``, ``\t`` and ``\0`` are line end, tab and NUL. A header that the message has not is empty.

    Args:
        template: the text.
        message: that is printed.
        number: of the message, from 1.
    """
    template = re.sub(r"\\[nt0\\]", lambda match: _ESCAPES[match[0]], template)
    output = bytearray()
    end = 0
    for match in _FIELD.finditer(template):
        output += template[end : match.start()].encode()
        end = match.end()
        name = match[1]
        if name == "body":
            output += message.body  # as it is, whatever it is
        elif name == "destination":
            output += message.destination.encode()
        elif name in _OUTGOING:
            output += _OUTGOING[name](number).encode()
        else:
            output += message.headers.get(name, "").encode()
    return bytes(output + template[end:].encode())
