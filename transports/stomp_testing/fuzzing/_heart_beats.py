"""Heart-beats that a broker has promised: a client that wants some, and how long it waits for them."""

from __future__ import annotations

import re
import time

from stomp_core import Frame

from ._script import HEART_BEATS, Script, Send, connect_frame
from ._wire import Wire

__all__ = ["heart_beat_script", "patience_for", "promised_interval", "silence"]

#: Milliseconds between two heart-beats that the client wants.
_WANTED = 500
#: So many heart-beats have to come.
_BEATS = 3
#: A heart-beat may come after so many intervals, and never has to come sooner than so many seconds behind its time:
#: ActiveMQ sends the first one after two intervals, and a machine that is busy everything later.
_INTERVALS = 4.0
_LATE = 4.0


def heart_beat_script(version: str) -> Script:
    """Return a conversation of a client that wants heart-beats, and sends nothing."""
    connect = connect_frame(version, ("heart-beat", f"0,{_WANTED}"))
    return Script(version, (Send(connect),), HEART_BEATS)


def promised_interval(connect: bytes, connected: Frame) -> float | None:
    """Return the seconds between two heart-beats of a broker; ``None`` if it has promised none.

    Args:
        connect: the frame of the client.
        connected: that of the broker.
    """
    wanted = re.search(rb"(?m)^heart-beat:[0-9]+,([0-9]+)$", connect)
    promised = re.fullmatch("([0-9]+),[0-9]+", connected.headers.get("heart-beat", ""))
    if wanted is None or promised is None or not int(wanted[1]) or not int(promised[1]):
        return None
    return max(int(wanted[1]), int(promised[1])) / 1000


def patience_for(interval: float) -> float:
    """Return the seconds in which the next heart-beat has to come."""
    return max(_INTERVALS * interval, interval + _LATE)


def silence(wire: Wire, interval: float, allowed: float) -> float | None:
    """Wait for heart-beats, or anything else that the broker sends in their place.

    Args:
        wire: the connection.
        interval: seconds between two of them.
        allowed: seconds that the broker may send nothing.

    Returns:
        For how many seconds it has sent nothing, if that is more than allowed; ``None`` if all is well.

    Raises:
        Closed: the connection has ended.
        Illegal: bytes came that are no STOMP.
    """
    enough = time.monotonic() + _BEATS * interval
    while True:
        since = wire.last_data
        now = time.monotonic()
        if now > enough and now - since < interval:
            return None
        try:
            wire.frame(max(0.0, min(since + allowed, now + interval) - now))
        except TimeoutError:
            pass
        # What has come while this process was held up is read before the time is looked at.
        if wire.last_data == since and now - since > allowed:
            return now - since
