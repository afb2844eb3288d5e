"""Two connections with the same life, one on the straight paths and one that never takes any.

The first one receives bytes in large pieces, sends events, and acknowledges messages by `ack_received`. The other one
receives the same bytes one by one and sends frames, so that it parses, serializes and tracks on the general paths.
Whatever can be seen of the two must be equal. An input is three bytes of settings and then operations.
"""

from __future__ import annotations

from collections.abc import Callable

from stomp_core import (
    ClientConnection,
    ConnectionClosed,
    Event,
    Frame,
    HeartBeat,
    LocalProtocolError,
    Message,
    Send,
    ServerConnection,
    StompError,
    Tolerated,
)

from .choices import Choices
from .connection import JUMPS, LENIENCIES, VERSIONS, Watched, client_frame, server_frame

__all__ = ["STEPS", "twins"]

STEPS = (
    "receive",
    "receive junk",
    "send",
    "send to a destination",
    "ack",
    "wait",
    "to the deadline",
    "pause",
    "end",
)
_Received = list[Event | HeartBeat | ConnectionClosed | Tolerated]
_HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"a": "b"},
    {"a": "b:c"},
    {"content-length": "1"},
    {"transaction": "a"},
)


def twins(data: bytes) -> None:
    """Check that a connection does the same on its straight and on its general paths, however bytes are cut.

    Byte 0 picks the role, 1 the versions, 2 the leniency. Then one byte picks each of :data:`STEPS`.
    """
    choices = Choices(data)
    role = (ClientConnection, ServerConnection)[choices.byte() & 1]
    versions, leniency = choices.pick(VERSIONS), choices.pick(LENIENCIES)
    pair = _Twins(*(role(versions, leniency=leniency) for _ in range(2)))
    while choices.left:
        pair.step(choices.pick(STEPS), choices)
        pair.compare()


class _Twins:
    def __init__(
        self, straight: ClientConnection | ServerConnection, general: ClientConnection | ServerConnection
    ) -> None:
        self.straight, self.general = Watched(straight, takes_receipts=True), Watched(general)

    def step(self, step: str, choices: Choices) -> None:
        straight, general = self.straight, self.general
        is_client = isinstance(straight.conn, ClientConnection)
        if step == "receive":
            self._receive_frame(server_frame if is_client else client_frame, choices)
        elif step == "receive junk":
            self._receive(choices.piece())
        elif step == "send":
            make = client_frame if is_client else server_frame
            try:
                event = make(choices, straight.messages)
            except LocalProtocolError:
                return
            self._send(lambda: event, lambda: _as_frame(event))
        elif step == "send to a destination" and is_client:
            self._send_to_destination(choices.piece(), choices.pick(_HEADERS))
        elif step == "ack" and straight.messages and is_client:
            self._ack(straight.messages[choices.byte() % len(straight.messages)])
        elif step == "wait":
            straight.now += choices.pick(JUMPS)
            general.now = straight.now
        elif step == "to the deadline":
            deadline = straight.conn.next_deadline()
            if deadline is not None:
                straight.now = general.now = max(straight.now, deadline)
            assert straight.timeout() == general.timeout()
            self._drain_both()
        elif step == "pause":
            name = choices.pick(("pause_reading", "resume_reading"))
            for twin in (straight, general):
                getattr(twin.conn, name)(twin.now)
        elif step == "end":
            straight.receive(b"")
            general.receive(b"")
            self._drain_both()

    # ---------------------------------------------------------------- receiving

    def _receive_frame(
        self, make: Callable[[Choices, list[Message]], Event | Frame], choices: Choices
    ) -> None:
        version = self.straight.conn.version or choices.pick(("1.0", "1.1", "1.2"))
        try:
            what = make(choices, self.straight.messages)
            wire = (what.frame if isinstance(what, Event) else what).to_bytes(version)
        except LocalProtocolError:
            return
        self._receive(wire * (1 + choices.byte() % 3))

    def _receive(self, wire: bytes) -> None:
        if not wire:
            return
        self.straight.receive(wire)
        got: list[_Received] = [[], []]
        got[0] += self.straight.drain()
        for at in range(len(wire)):
            self.general.receive(wire[at : at + 1])
            got[1] += self.general.drain()
        self._same_events(*got)

    def _drain_both(self) -> None:
        self._same_events(self.straight.drain(), self.general.drain())

    def _same_events(self, straight: _Received, general: _Received) -> None:
        both = (straight, general)
        shown = [[_shown(event) for event in events if not isinstance(event, HeartBeat)] for events in both]
        assert shown[0] == shown[1], f"{shown[0]!r} as a whole, {shown[1]!r} byte by byte"
        beats = [sum(event.count for event in events if isinstance(event, HeartBeat)) for events in both]
        assert beats[0] == beats[1], f"{beats[0]} heart-beats as a whole, {beats[1]} byte by byte"
        errors = [repr(twin.error) for twin in (self.straight, self.general)]
        assert errors[0] == errors[1]

    # ---------------------------------------------------------------- sending

    def _send(self, straight: Callable[[], Event | Frame], general: Callable[[], Event | Frame]) -> None:
        wires = self.straight.send(straight), self.general.send(general)
        assert wires[0] == wires[1], f"{wires[0]!r} is not {wires[1]!r}"

    def _send_to_destination(self, body: bytes, headers: dict[str, str]) -> None:
        client, now = self.straight.conn, self.straight.now
        assert isinstance(client, ClientConnection)
        wire: bytes | None = None
        # More than once, since what was sent before is remembered.
        for _ in range(3):
            try:
                wire = client.send("/q", body, headers=headers, now=now)
            except StompError:
                wire = None
            expected = self.general.send(lambda: _as_frame(Send("/q", body, headers=headers)))
            assert wire == expected, f"{wire!r} is not {expected!r}"

    def _ack(self, message: Message) -> None:
        client, now = self.straight.conn, self.straight.now
        assert isinstance(client, ClientConnection)
        wire = client.ack_received(message, now)
        if wire is None:
            self._send(message.acknowledge, message.acknowledge)
            return
        expected = self.general.send(message.acknowledge)
        assert wire == expected, f"{wire!r} is not {expected!r}"

    # ---------------------------------------------------------------- what must be equal

    def compare(self) -> None:
        """Compare everything that can be seen of the two."""
        straight, general = self.straight.picture(), self.general.picture()
        assert straight == general, f"on straight paths {straight!r}, on general ones {general!r}"


def _as_frame(event: Event | Frame) -> Event | Frame:
    """Return the frame of an event, unless that would lose that no content-length is wanted."""
    return event.frame if isinstance(event, Event) and event.content_length_wanted else event


def _shown(event: object) -> object:
    return (type(event), event.frame) if isinstance(event, Event) else event
