"""FrameReader: cut what an implementation sends into frames, and change nothing in them.

It does not use the parser of stomp_core, which is tested by the same cases, and which decodes what has to be compared
as it is on the wire. It is lenient, since what is wrong in a frame is for a case to find.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FrameReader", "NotAFrame", "WireFrame"]


class NotAFrame(ValueError):
    """What was received cannot be a frame of any version."""


class WireFrame(NamedTuple):
    """A frame as it is on the wire.

    Attributes:
        command: one character for each octet, as in all of these attributes.
        headers: in their order, with their escapes.
        body: without the NUL.
    """

    command: str
    headers: tuple[tuple[str, str], ...]
    body: str

    def header(self, name: str) -> str | None:
        """Return the first value of a header; ``None`` if there is none."""
        return next((value for key, value in self.headers if key == name), None)

    def __str__(self) -> str:
        headers = ", ".join(f"{name}:{value}" for name, value in self.headers)
        return f"{self.command} [{headers}] {self.body[:80]!r}"


class FrameReader:
    """Turn received bytes into frames.

    Attributes:
        heart_beats: how many end-of-lines were received between frames.
    """

    def __init__(self) -> None:
        self.heart_beats = 0
        self._data = b""

    @property
    def partial(self) -> bytes:
        """What was received of a frame that is not complete."""
        return self._data

    def feed(self, data: bytes) -> None:
        """Take received bytes."""
        self._data += data

    def next_frame(self) -> WireFrame | None:
        """Return the next frame, or ``None`` if it is not complete.

        Raises:
            NotAFrame: what was received is none.
        """
        rest = self._data.lstrip(b"\r\n")
        self.heart_beats += self._data[: len(self._data) - len(rest)].count(b"\n")
        self._data = rest
        lines, position = [], 0
        while True:
            end = rest.find(b"\n", position)
            if end < 0:
                return None
            line, position = rest[position:end].removesuffix(b"\r").decode("latin-1"), end + 1
            if not line:
                break
            lines.append(line)
        headers = tuple(_header(line) for line in lines[1:])
        frame = WireFrame(lines[0], headers, "")
        length = frame.header("content-length")
        if length is not None:
            if not (length.isascii() and length.isdigit()):
                raise NotAFrame(f"content-length must be a number, got {length!r}")
            end = position + int(length)
            if len(rest) <= end:
                return None
            if rest[end] != 0:
                raise NotAFrame(f"the octet after a body of {length} octets must be NUL, got {rest[end]}")
        else:
            end = rest.find(b"\0", position)
            if end < 0:
                return None
        self._data = rest[end + 1 :]
        return frame._replace(body=rest[position:end].decode("latin-1"))


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise NotAFrame(f"a header line must have a colon, got {line!r}")
    return name, value
