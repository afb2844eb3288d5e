"""Heart-beats: the header, the negotiation, and the two deadlines of a connection (STOMP 1.2, "Heart-beating").

Milliseconds stand in headers; everything that counts time counts seconds of the caller's monotonic clock.
"""

from __future__ import annotations

from math import inf

from ..errors import ErrorCode, LocalProtocolError

__all__ = ["HeartBeatClock", "HeartBeatRange", "format_heart_beat", "negotiate", "parse_heart_beat"]

HeartBeatRange = tuple[int, int]
_LONGEST_NUMBER = 19  # digits; int() of thousands of digits takes quadratic time


def parse_heart_beat(value: str | None) -> HeartBeatRange | None:
    """``"1000,0"`` as ``(1000, 0)``; a missing header is ``(0, 0)``, nonsense is ``None``."""
    if value is None:
        return (0, 0)
    first, _, second = value.partition(",")
    for number in (first, second):
        if not (number.isascii() and number.isdigit()) or len(number) > _LONGEST_NUMBER:
            return None
    return int(first), int(second)


def format_heart_beat(heart_beat: tuple[int, int]) -> str:
    """``(1000, 0)`` as ``"1000,0"``.

    Raises:
        LocalProtocolError: not two whole numbers of at least 0.
    """
    try:
        first, second = heart_beat
    except (TypeError, ValueError):
        raise _refusal(heart_beat) from None
    numbers: tuple[object, object] = (first, second)
    for number in numbers:
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 10**_LONGEST_NUMBER:
            raise _refusal(heart_beat)
    return f"{first},{second}"


def _refusal(heart_beat: object) -> LocalProtocolError:
    return LocalProtocolError(
        f"heart_beat is two whole numbers of milliseconds, (send, receive), not {heart_beat!r}",
        code=ErrorCode.BAD_HEART_BEAT,
    )


def negotiate(mine: HeartBeatRange, theirs: HeartBeatRange) -> tuple[float, float]:
    """The intervals, in seconds, at which this side must send and will receive; 0.0 is never."""
    sending = max(mine[0], theirs[1]) if mine[0] and theirs[1] else 0
    receiving = max(mine[1], theirs[0]) if mine[1] and theirs[0] else 0
    return sending / 1000, receiving / 1000


class HeartBeatClock:
    """When this side has to write, and until when the peer must have been heard.

    Args:
        tolerance: the peer is dead after this many of its intervals without a byte.
        pace: a beat is due after this share of our interval without a byte written; below 1 leaves room for timers
            and networks that are late.
    """

    __slots__ = ("_pace", "_resting", "_tolerance", "last_read", "last_write", "receiving", "sending")

    def __init__(self, tolerance: float, pace: float) -> None:
        self._tolerance = tolerance
        self._pace = pace
        self._resting = False
        self.sending = 0.0
        self.receiving = 0.0
        self.last_read = 0.0
        self.last_write = 0.0

    def rest(self, resting: bool, now: float) -> None:
        """While nobody reads, silence proves nothing: the deadline of the peer rests, and starts anew after."""
        if self._resting:
            self.last_read = now
        self._resting = resting

    def endure(self, seconds: float) -> None:
        """The peer is dead after so many seconds without a byte, however many of its intervals that is."""
        if self.receiving:
            self._tolerance = seconds / self.receiving

    @property
    def beat_due(self) -> float | None:
        """When this side must have written something."""
        return self.last_write + self.sending * self._pace if self.sending else None

    @property
    def death_due(self) -> float | None:
        """When the peer counts as dead."""
        return (
            self.last_read + self.receiving * self._tolerance
            if self.receiving and not self._resting and self._tolerance != inf
            else None
        )
