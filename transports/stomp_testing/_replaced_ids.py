"""ReplacedIds: the ids that one side invents anew in a replay, in place of the recorded ones."""

from __future__ import annotations

from stomp_core import Frame

__all__ = ["ReplacedIds"]

#: Headers that name the same thing. Others name it by themselves.
_SAME = {"receipt-id": "receipt", "reply-to": "destination"}
#: The header ``id`` (and ``ack`` of STOMP 1.2) names different things in different frames.
_IDS = {
    "SUBSCRIBE": {"id": "subscription"},
    "UNSUBSCRIBE": {"id": "subscription"},
    "ACK": {"id": "ack"},
    "NACK": {"id": "ack"},
}
#: What the two peers negotiate or describe, and nobody refers to.
_NO_IDS = frozenset(
    {"accept-version", "content-length", "content-type", "heart-beat", "host", "login", "message", "passcode", "server",
     "timestamp", "version"}
)  # fmt: skip


class ReplacedIds:
    """Learns from frames that differ from the recorded ones, and puts that into others."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], str] = {}

    def learn(self, recorded: Frame, sent: Frame) -> None:
        """Remember what differs in a frame of the other side."""
        if recorded.command != sent.command:
            return
        for name, value in recorded.headers.items():
            now = sent.headers.get(name, value)
            kind = _kind(recorded.command, name)
            if kind is not None and now != value:
                self._values[kind, value] = now

    def put_into(self, frame: Frame) -> Frame:
        """Return a recorded frame with the ids of now; the same object if nothing in it differs."""
        pairs = [(name, self.value(frame.command, name, value)) for name, value in frame.headers.items()]
        return frame if pairs == frame.headers.items() else frame.replace(headers=pairs)

    def value(self, command: str, name: str, value: str) -> str:
        """Return what a recorded header is now."""
        kind = _kind(command, name)
        return value if kind is None else self._values.get((kind, value), value)


def _kind(command: str, name: str) -> str | None:
    """Return what a header names; ``None`` if it is no id."""
    if name in _NO_IDS:
        return None
    return _IDS.get(command, {}).get(name) or _SAME.get(name, name)
