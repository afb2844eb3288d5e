"""Heart-beats: the header, the negotiation, and the two deadlines of a connection (STOMP 1.2, "Heart-beating").

The model. In CONNECT and CONNECTED each side states two numbers of milliseconds: how often it can send something, and
how often it would like to receive something; 0 means not at all. From both headers follow two independent intervals,
and from the intervals two deadlines:

* The *send deadline*. This side promised to write something at least once in its interval, so a heart-beat (an
  end-of-line) is due one interval after the last byte that was written. Every frame counts as a heart-beat, so a
  connection that is busy sends none. The interval is an upper bound for the peer, which may allow no margin: ActiveMQ
  closes a connection whose heart-beat arrives 1.00 to 1.02 intervals after the last byte. So the deadline is moved
  forward by ``pace``, a share of the interval (0.8 by default), which leaves the rest of it to late timers, busy
  programs and the network.
* The *receive deadline*. The peer promised the same. If nothing was received for ``tolerance`` of its intervals, the
  connection counts as lost. The tolerance has to be above 1, since the network and the peer's timers are late at times
  ("Heart-beating": the receiver SHOULD take into account an error margin), and it has to be above 2 in practice, since
  ActiveMQ sends its first heart-beat only two intervals after CONNECTED. Every received byte counts, not only
  heart-beats and whole frames: a large frame may take longer than an interval to arrive.

While the application does not read from the socket, nothing can be received, and the receive deadline means nothing. It
is suspended, and starts anew when reading is resumed.

The header decides, not the version: the text of 1.0 has no heart-beats, but RabbitMQ and ActiveMQ negotiate them in 1.0
too. Headers have milliseconds; everything else here has seconds of the caller's monotonic clock.
"""

from __future__ import annotations

from math import inf
from typing import Any

from .._arguments import check_number
from ..errors import ErrorCode, LocalProtocolError

__all__ = [
    "HeartBeatClock",
    "HeartBeatRange",
    "check_now",
    "check_pace",
    "format_heart_beat",
    "negotiate",
    "parse_heart_beat",
]

HeartBeatRange = tuple[int, int]
_LONGEST_NUMBER = 19  # digits; int() of thousands of digits takes quadratic time
_LEAST_PACE = 0.1  # more than ten heart-beats in an interval help nobody, and 0 would be a loop


def parse_heart_beat(value: str | None) -> HeartBeatRange | None:
    """Parse a ``heart-beat`` header.

    Args:
        value: the value of the header, or ``None`` if it is missing.

    Returns:
        Both numbers, in milliseconds: ``(1000, 0)`` for ``"1000,0"``, ``(0, 0)`` for a missing header; ``None`` if the
        value is not two numbers.
    """
    if value is None:
        return (0, 0)
    first, _, second = value.partition(",")
    for number in (first, second):
        if not (number.isascii() and number.isdigit()) or len(number) > _LONGEST_NUMBER:
            return None
    return int(first), int(second)


def format_heart_beat(heart_beat: Any) -> str:
    """Format a ``heart-beat`` header: ``"1000,0"`` for ``(1000, 0)``.

    Args:
        heart_beat: what a caller passed.

    Raises:
        LocalProtocolError: not two whole numbers of at least 0.
    """
    try:
        first, second = heart_beat
    except (TypeError, ValueError):
        raise _refusal(heart_beat) from None
    for number in (first, second):
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 10**_LONGEST_NUMBER:
            raise _refusal(heart_beat)
    return f"{first},{second}"


def _refusal(heart_beat: object) -> LocalProtocolError:
    return LocalProtocolError(
        f"heart_beat must be two whole numbers of milliseconds, (send, receive), got {heart_beat!r}: (10000, 10000) is "
        "10 seconds",
        code=ErrorCode.BAD_HEART_BEAT,
    )


def negotiate(mine: HeartBeatRange, theirs: HeartBeatRange) -> tuple[float, float]:
    """Return the intervals at which this side sends and receives (STOMP 1.2, "Heart-beating").

    Args:
        mine: how often this side can send, and would like to receive something, in milliseconds; 0 is never.
        theirs: the same of the peer.

    Returns:
        ``(sending, receiving)`` in seconds; 0.0 is never. Each is the larger one of what one side can do and the other
        one would like, unless either is 0.
    """
    sending = max(mine[0], theirs[1]) if mine[0] and theirs[1] else 0
    receiving = max(mine[1], theirs[0]) if mine[1] and theirs[0] else 0
    return sending / 1000, receiving / 1000


def check_now(now: object) -> None:
    """Check that ``now`` is a finite number.

    A wrong clock does not show at once: with NaN no deadline ever passes, and with a function in place of its result
    the first comparison fails far away from the mistake. A bool is a number to Python, but no time: it is an argument
    that was meant for something else.

    Raises:
        TypeError: it is not an ``int`` or ``float``.
        ValueError: it is NaN or infinite.
    """
    if isinstance(now, bool) or not isinstance(now, int | float):
        raise TypeError(f"now must be a number of seconds of a monotonic clock, got {now!r}")
    if not -inf < now < inf:
        raise ValueError(f"now must be a finite number of seconds of a monotonic clock, got {now!r}")


def check_pace(pace: Any) -> float:
    """Check that ``pace`` is a sensible share of an interval, and return it as a ``float``.

    Raises:
        TypeError: it is not a number.
        ValueError: it is out of its range.
    """
    share = check_number("heart_beat_pace", pace)
    if not _LEAST_PACE <= share <= 1:
        raise ValueError(
            f"heart_beat_pace must be a share of the interval between {_LEAST_PACE} and 1, got {share!r}"
        )
    return share


class HeartBeatClock:
    """The two deadlines of one connection; see the top of this module.

    Args:
        tolerance: how many intervals of the peer may pass without a byte.
        pace: after which share of this side's interval without a byte written a heart-beat is due.

    Attributes:
        send_interval: this side's interval, in seconds; 0.0 if it sends no heart-beats. See :meth:`set_intervals`.
        receive_interval: the peer's interval, in seconds; 0.0 if it promised no heart-beats.
        last_write: when the last byte was written.
        last_read: when the last byte was received.
    """

    __slots__ = (
        "_pace",
        "_paused",
        "_read_after",
        "_tolerance",
        "_write_after",
        "last_read",
        "last_write",
        "receive_interval",
        "send_interval",
    )

    def __init__(self, tolerance: float, pace: float) -> None:
        self._tolerance = tolerance
        self._pace = pace
        self._paused = False
        self._read_after = 0.0  # seconds from the last byte to the deadline; 0.0 if there is none
        self._write_after = 0.0
        self.send_interval = 0.0
        self.receive_interval = 0.0
        self.last_read = 0.0
        self.last_write = 0.0

    def set_intervals(self, send: float, receive: float) -> None:
        """Set both intervals, in seconds; 0.0 means never."""
        self.send_interval = send
        self.receive_interval = receive
        self._write_after = send * self._pace
        self.set_read_timeout(receive * self._tolerance if receive else inf)

    def set_read_timeout(self, seconds: float) -> None:
        """Let the receive deadline be so many seconds after the last byte. Without an interval there is none."""
        self._read_after = seconds if self.receive_interval and seconds != inf else 0.0

    @property
    def has_deadlines(self) -> bool:
        """Whether anything is due at any time, once reading is not paused."""
        return bool(self._write_after or self._read_after)

    def start(self, now: float) -> None:
        """Count both deadlines from now on."""
        self.last_read = self.last_write = now

    @property
    def send_deadline(self) -> float | None:
        """When a heart-beat has to be written, or ``None``."""
        return self.last_write + self._write_after if self._write_after else None

    @property
    def receive_deadline(self) -> float | None:
        """When the peer counts as dead, or ``None``."""
        return self.last_read + self._read_after if self._read_after and not self._paused else None

    def next_deadline(self) -> float | None:
        """Return the earlier one of the two deadlines; ``None`` if there is neither."""
        # What the two properties return, without their calls: this is asked after each read.
        send = self.last_write + self._write_after if self._write_after else None
        if self._read_after and not self._paused:
            receive = self.last_read + self._read_after
            if send is None or receive < send:
                return receive
        return send

    def pause_reading(self, now: float) -> None:
        """Suspend the receive deadline."""
        if self._paused:
            self.last_read = now
        self._paused = True

    def resume_reading(self, now: float) -> None:
        """Start the receive deadline anew, if it was suspended."""
        if self._paused:
            self.last_read = now
        self._paused = False
