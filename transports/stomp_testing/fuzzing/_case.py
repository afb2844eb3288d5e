"""What was sent and received, written down as steps of a conformance case."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from stomp_core import Frame
from stomp_core.wire import escape

from ._reference import Expected
from ._script import to_text

__all__ = ["CaseSteps", "describe", "printable", "wire_value"]

_ID = re.compile(r"(?<!\$)\{((?:message|ack)-[0-9]+|subscription|destination)\}")

Content = dict[str, Any]


def wire_value(text: str, version: str) -> str:
    """Return a header value as it is on the wire, with one character for each octet."""
    return to_text((text if version == "1.0" else escape(text, version)).encode())  # type: ignore[arg-type]


class CaseSteps:
    """The steps of a case, which is written while a conversation is played.

    Args:
        version: of STOMP.
        values: what stands for placeholders in this run; expected frames get the placeholders back.
    """

    def __init__(self, version: str, values: Mapping[str, str] | None = None) -> None:
        self._version = version
        self._placeholders = {
            value: f"${{{name}}}" for name, value in (values or {}).items() if len(value) > 20
        }
        self._steps: list[Content] = []

    def receive(self, on: str, data: bytes) -> None:
        """The program under test receives bytes; ``b""`` is the end of the connection."""
        if not data:
            self._add(on, {"close": True})
            return
        text = _ID.sub(r"${\1}", to_text(data))
        last = self._steps[-1] if self._steps else {}
        if "receive" in last and last.get("on", "a") == on:
            last["receive"] += text
        else:
            self._add(on, {"receive": text})

    def wait(self, on: str, seconds: float) -> None:
        """Nothing is sent to it."""
        self._add(on, {"wait": round(seconds * 1000)})

    def sends(self, on: str, expected: Iterable[Expected]) -> None:
        """It sends these frames, in any order."""
        frames = [self.pattern(one) for one in expected]
        if frames:
            self._add(on, {"sends": frames[0] if len(frames) == 1 else frames})

    def add(self, steps: Iterable[Content]) -> None:
        """Add further steps."""
        self._steps += steps

    def as_json(self) -> list[Content]:
        """Return the steps."""
        return self._steps

    def pattern(self, expected: Expected) -> Content:
        """Return the description of a frame that has to be sent."""
        frame = expected.frame
        if frame.command == "RECEIPT":
            return self.receipt(frame.headers["receipt-id"])
        if frame.command != "MESSAGE":
            return {"command": frame.command}
        headers: dict[str, Any] = {"message-id": {"as": f"message-{expected.number}"}}
        if expected.acknowledged and self._version == "1.2":
            headers["ack"] = {"as": f"ack-{expected.number}"}
        for name, value in frame.headers.to_dict().items():
            if name not in ("message-id", "ack", "content-length"):
                headers[to_text(name.encode())] = self._without_values(wire_value(value, self._version))
        return {"command": "MESSAGE", "headers": headers, "body": to_text(frame.body)}

    def _without_values(self, text: str) -> str:
        for value, placeholder in self._placeholders.items():
            text = text.replace(value, placeholder)
        return text

    def receipt(self, receipt: str) -> Content:
        """Return the description of a RECEIPT."""
        return {"command": "RECEIPT", "headers": {"receipt-id": wire_value(receipt, self._version)}}

    def _add(self, on: str, content: Content) -> None:
        self._steps.append(content if on == "a" else {"on": on, **content})


def describe(frame: Frame) -> str:
    """Return a frame in a line."""
    headers = ", ".join(f"{name}:{value}" for name, value in frame.headers.pairs)
    return f"{frame.command} [{headers[:200]}]" + (f" {frame.body[:60]!r}" if frame.body else "")


def printable(text: str) -> str:
    """Return text whose control characters and backslashes are escaped, so that it is one line in a report."""
    return "".join(
        char if char.isprintable() and char != "\\" else char.encode("unicode_escape").decode()
        for char in text
    ).replace("\\x00", "\\0")
