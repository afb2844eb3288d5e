"""A frame as a line of JSON: what recordings contain, ``stomp decode`` prints, and ``stomp encode`` reads.

.. code-block:: json

    {"command": "SEND", "headers": {"destination": "/queue/orders"}, "body": "hello"}

A body that is not UTF-8 is ``body_base64``. Headers in which a name occurs twice are a list of pairs. Passcodes are
masked unless asked for. Line ends between frames are ``{"heart_beats": 1}``.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any

from stomp_core import Frame

__all__ = [
    "MASK",
    "SECRET_HEADERS",
    "body_fields",
    "body_of",
    "frame_of",
    "frame_to_dict",
    "read_line",
    "to_json",
]

MASK = "***"
#: Headers whose values are never shown, in lower case.
SECRET_HEADERS = frozenset({"passcode", "password", "authorization"})
#: What lines have beside the frame, and is not a part of it.
_BESIDE = frozenset(
    {"at", "connection", "direction", "heart_beats", "offset", "raw_base64", "time", "violations"}
)  # fmt: skip


def frame_to_dict(frame: Frame, *, secrets: bool = False) -> dict[str, Any]:
    """Return command, headers and body of a frame.

    Args:
        frame: any frame.
        secrets: whether to include passcodes. By default they are masked.
    """
    pairs = [
        (name, MASK if not secrets and name.lower() in SECRET_HEADERS else value)
        for name, value in frame.headers.items()
    ]
    headers = dict(pairs)
    content: dict[str, Any] = {
        "command": frame.command,
        "headers": headers if len(headers) == len(pairs) else pairs,
    }
    return content | body_fields(frame.body) if frame.body else content


def read_line(line: str | bytes) -> dict[str, Any]:
    """Return the object of a line.

    Args:
        line: the line of JSON.

    Raises:
        ValueError: the line is not JSON, or not an object.
    """
    try:
        content = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    if not isinstance(content, dict):
        raise ValueError(f"a line must be an object with command, headers and body, got {content!r}")
    return content


def frame_of(content: dict[str, Any]) -> Frame:
    """Return the frame that an object describes.

    Args:
        content: the object, as :func:`read_line` returns it.

    Raises:
        ValueError: the object has no command, or something in it is of a wrong type or unknown.
    """
    command = content.get("command")
    if not isinstance(command, str):
        raise ValueError(f"command must be a string, got {command!r}")
    unknown = content.keys() - {"command", "headers", "body", "body_base64"} - _BESIDE
    if unknown:
        raise ValueError(
            f"a frame has command, headers, and body or body_base64, got {', '.join(sorted(unknown))}"
        )
    given = content.get("headers", {})
    pairs = list(given.items()) if isinstance(given, dict) else given
    if not isinstance(pairs, list) or not all(_is_pair(pair) for pair in pairs):
        raise ValueError(
            f"headers must be an object of strings, or a list of pairs of strings, got {given!r}"
        )
    body = body_of(content)
    return Frame(
        command, [(name, value) for name, value in pairs], body.encode() if isinstance(body, str) else body
    )


def _is_pair(pair: object) -> bool:
    return isinstance(pair, (list, tuple)) and len(pair) == 2 and all(isinstance(part, str) for part in pair)


def body_fields(body: str | bytes) -> dict[str, str]:
    """Return the field ``body`` of an object, or ``body_base64`` if the body is not UTF-8.

    Args:
        body: the body.
    """
    if isinstance(body, str):
        return {"body": body}
    try:
        return {"body": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"body_base64": b64encode(body).decode("ascii")}


def body_of(content: dict[str, Any]) -> str | bytes:
    """Return the body in an object.

    Args:
        content: the object, as :func:`read_line` returns it.

    Raises:
        ValueError: ``body_base64`` is not base64.
    """
    if "body_base64" in content:
        try:
            return b64decode(content["body_base64"], validate=True)
        except (ValueError, TypeError):
            raise ValueError("body_base64 is not base64") from None
    body = content.get("body", "")
    text = body if isinstance(body, str) else json.dumps(body)
    # As bytes it gets no content-type of its own: that of the message, or none, is what it had.
    return text.encode() if content.get("headers") else text


def to_json(content: dict[str, Any]) -> str:
    """Return an object as a line of JSON, without the line end.

    Args:
        content: the object.
    """
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
