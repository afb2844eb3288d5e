"""FrameReader: frames in bytes, each with its offset, and everything that is wrong with them.

A parser stops at the first byte that breaks a rule. This reader goes on behind the first NUL of the broken frame, where
the next one begins if there was no NUL in its body. So a wrong content-length hides no frame behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from stomp_core import (
    CLIENT_SENDS,
    NEED_DATA,
    SERVER_SENDS,
    Connect,
    Connected,
    ConnectionClosed,
    ErrorCode,
    Frame,
    FrameParser,
    HeartBeat,
    LocalProtocolError,
    RemoteProtocolError,
)
from stomp_testing import Checker, Violation

__all__ = ["Found", "FrameReader", "Problem"]

_CHUNK = 16 * 1024  # the parser is asked after each frame for what it has not read
_SHOWN = 16  # bytes on either side of one that breaks a rule
_SENDS = {
    role: {command for state in table.values() for command in state}
    for role, table in (("client", CLIENT_SENDS), ("server", SERVER_SENDS))
}


class Problem(NamedTuple):
    """What is wrong.

    Attributes:
        violation: the rule that is broken.
        near: the bytes around the one that breaks it; ``b""`` if it is no byte.
    """

    violation: Violation
    near: bytes = b""


class Found(NamedTuple):
    """One thing in the bytes.

    Attributes:
        offset: of its first byte; of a problem, the byte that breaks the rule.
        what: a frame, line ends between frames, or a problem.
    """

    offset: int
    what: Frame | HeartBeat | Problem


class FrameReader:
    """Read bytes that one side has sent, or both.

    Args:
        version: the version to read in. ``None`` is 1.2, until CONNECT or CONNECTED names another one.
        role: ``"client"`` or ``"server"``: which frames there may be. ``None`` is all of them.
    """

    def __init__(self, version: str | None = None, role: str | None = None) -> None:
        self._fixed_version = version
        self._version = version or "1.2"
        self._role = role
        self._parser = FrameParser(self._version)
        self._fed = 0  # offset of the end of what the parser was given
        self._parser_base = 0  # offset of the first byte that it was given
        self._pending = bytearray()  # what is not returned yet, from ...
        self._base = 0  # ... this offset on
        self._skips = False  # up to the first NUL of a broken frame

    def read(self, data: bytes) -> Iterator[Found]:
        """Return what is complete with these bytes."""
        for start in range(0, len(data), _CHUNK):
            yield from self._read(data[start : start + _CHUNK])

    def end(self) -> Iterator[Found]:
        """Return what is wrong if these were all bytes."""
        self._parser.receive_data(b"")
        yield from self._parse()
        if self._pending.strip(b"\r\n") and not self._skips:
            violation = Violation(
                ErrorCode.FRAME_NOT_TERMINATED,
                f"the bytes end inside the frame that begins at byte {self._base}",
            )
            yield Found(self._base + len(self._pending), Problem(violation, bytes(self._pending[-_SHOWN:])))

    def _read(self, data: bytes) -> Iterator[Found]:
        self._pending += data
        if not self._skips:
            self._feed(data)
        yield from self._parse()

    def _feed(self, data: bytes) -> None:
        self._parser.receive_data(data)
        self._fed += len(data)

    def _parse(self) -> Iterator[Found]:
        while not self._skips or self._resume():
            try:
                item = self._parser.next_frame()
            except RemoteProtocolError as error:
                yield self._problem(error)
                continue
            if item is NEED_DATA or isinstance(item, ConnectionClosed):
                return
            taken = self._fed - len(self._parser.unread()) - self._base
            piece = self._pending[:taken]
            del self._pending[:taken]
            offset = self._base
            self._base += taken
            if isinstance(item, Frame):
                # The line end behind the frame before this one belongs to neither.
                offset += len(piece) - len(piece.lstrip(b"\r\n"))
                yield Found(offset, item)
                yield from self._check(offset, item)
            else:
                yield Found(offset, item)

    def _problem(self, error: RemoteProtocolError) -> Found:
        offset = self._parser_base + (error.offset or 0)
        at = max(offset - self._base, 0)
        near = bytes(self._pending[max(at - _SHOWN, 0) : at + _SHOWN])
        text = str(error).partition(" (at byte ")[0]
        self._skips = True
        return Found(offset, Problem(Violation(error.code, text), near))

    def _resume(self) -> bool:
        """Begin anew behind the first NUL, if it is there."""
        nul = self._pending.find(b"\0")
        behind = len(self._pending) if nul < 0 else nul + 1
        self._base += behind
        del self._pending[:behind]
        if nul < 0:
            return False
        self._skips = False
        self._parser = FrameParser(self._version)
        self._parser_base = self._fed = self._base
        self._feed(bytes(self._pending))
        return True

    def _check(self, offset: int, frame: Frame) -> Iterator[Found]:
        """Return what is wrong with a frame that a parser can read."""
        if self._role is not None and frame.command not in _SENDS[self._role]:
            text = f"{frame.command} is no frame that a {self._role} sends"
            yield Found(offset, Problem(Violation(ErrorCode.UNEXPECTED_FRAME, text)))
        if frame.command in ("CONNECT", "STOMP"):
            known = Connect.from_frame(frame).known_versions
            self._set_version(max(known, default=None))
            for violation in Checker().check("to-server", frame):
                yield Found(offset, Problem(violation))
            return
        if frame.command == "CONNECTED":
            self._set_version(Connected.from_frame(frame).version)
        try:
            Frame(frame.command, frame.headers, frame.body).to_bytes(self._version)
        except LocalProtocolError as error:
            yield Found(offset, Problem(Violation(error.code, str(error))))

    def _set_version(self, version: str | None) -> None:
        if self._fixed_version is None and version in ("1.0", "1.1", "1.2"):
            self._version = version
            self._parser.version = version
