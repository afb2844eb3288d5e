"""What a parser returns besides frames: NEED_DATA, HeartBeat and ConnectionClosed."""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal

__all__ = ["NEED_DATA", "ConnectionClosed", "HeartBeat", "NeedData"]


class NeedData(Enum):
    """The type of :data:`.NEED_DATA`."""

    NEED_DATA = "NEED_DATA"

    def __repr__(self) -> str:
        return self.value


#: There is nothing more in the bytes received so far. Call ``receive_data`` with more.
NEED_DATA: Final[Literal[NeedData.NEED_DATA]] = NeedData.NEED_DATA


class HeartBeat:
    """A run of line ends between frames (STOMP 1.2, "Heart-beating").

    Args:
        count: the number of line ends.

    Attributes:
        count: the number of line ends. The one that may follow the NUL of a frame is not counted: RabbitMQ and ActiveMQ
            write one after every frame, so it does not show that their heart-beat timer works.
    """

    __slots__ = ("count",)

    def __init__(self, count: int = 1) -> None:
        self.count: int = count

    def __eq__(self, other: object) -> bool:
        return self.count == other.count if isinstance(other, HeartBeat) else NotImplemented

    def __hash__(self) -> int:
        return hash(("HeartBeat", self.count))

    def __repr__(self) -> str:
        return f"HeartBeat(count={self.count})"


class ConnectionClosed:
    """The connection was closed.

    Two of them are equal whatever their reason is.

    Attributes:
        clean: whether nothing is missing. For a parser: the stream ended between two frames. For a connection: it ended
            after DISCONNECT, and after its RECEIPT if it asked for one.
        cut: whether the stream ended inside a frame. The partial frame is never returned.
        reason: a sentence for people.
        code: ``"eof"``, or ``"heart-beat"`` if nothing was received from the peer for too long.
    """

    __slots__ = ("clean", "code", "cut", "reason")

    def __init__(self, *, clean: bool, cut: bool = False, reason: str = "", code: str = "eof") -> None:
        self.clean: bool = clean
        self.cut: bool = cut
        self.reason: str = reason
        self.code: str = code

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ConnectionClosed):
            return NotImplemented
        return (self.clean, self.cut, self.code) == (other.clean, other.cut, other.code)

    def __hash__(self) -> int:
        return hash((self.clean, self.cut, self.code))

    def __repr__(self) -> str:
        return f"ConnectionClosed(clean={self.clean}, cut={self.cut}, code={self.code!r}, reason={self.reason!r})"
