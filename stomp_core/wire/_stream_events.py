"""What a reader can report that is not a frame: more bytes needed, heart-beats, the end."""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal

__all__ = ["NEED_DATA", "ConnectionClosed", "HeartBeat", "NeedData"]


class NeedData(Enum):
    """The type of :data:`NEED_DATA`."""

    NEED_DATA = "NEED_DATA"

    def __repr__(self) -> str:
        return self.value


#: Nothing more can be told from the bytes so far; call ``receive_data`` first.
NEED_DATA: Final[Literal[NeedData.NEED_DATA]] = NeedData.NEED_DATA


class HeartBeat:
    """A run of end-of-lines between frames (STOMP 1.2, "Heart-beating").

    Attributes:
        count: how many in a row. The one line feed that brokers put behind every frame is not counted: it is
            the end of that frame's line and proves no timer.
    """

    __slots__ = ("count",)

    def __init__(self, count: int = 1) -> None:
        self.count = count

    def __eq__(self, other: object) -> bool:
        return self.count == other.count if isinstance(other, HeartBeat) else NotImplemented

    def __hash__(self) -> int:
        return hash(("HeartBeat", self.count))

    def __repr__(self) -> str:
        return f"HeartBeat(count={self.count})"


class ConnectionClosed:
    """The peer says nothing more.

    Attributes:
        clean: nothing was cut off by it: for a bare parser, the stream ended between two frames; for a client
            connection, it ended after DISCONNECT as it should.
        cut: the stream ended inside a frame. The piece is never delivered.
        reason: a sentence for people.
        code: ``"eof"``, or ``"heart-beat"`` when the peer was silent for too long.
    """

    __slots__ = ("clean", "code", "cut", "reason")

    def __init__(self, *, clean: bool, cut: bool = False, reason: str = "", code: str = "eof") -> None:
        self.clean = clean
        self.cut = cut
        self.reason = reason
        self.code = code

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ConnectionClosed):
            return NotImplemented
        return (self.clean, self.cut, self.code) == (other.clean, other.cut, other.code)

    def __hash__(self) -> int:
        return hash((self.clean, self.cut, self.code))

    def __repr__(self) -> str:
        return f"ConnectionClosed(clean={self.clean}, cut={self.cut}, code={self.code!r}, reason={self.reason!r})"
