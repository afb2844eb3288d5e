"""Both sides of a connection, talking to each other: what one may say, the other accepts and understands.

An input is two bytes of settings and then operations (see :func:`conversation`).
"""

from __future__ import annotations

from stomp_core import (
    ClientConnection,
    Connect,
    Connected,
    Event,
    Frame,
    HeartBeat,
    ServerConnection,
    State,
)

from .choices import Choices
from .connection import JUMPS, VERSIONS, Watched, client_says, server_says

__all__ = ["conversation"]

_MOST_BEATS = 50  # an hour of heart-beats every millisecond would be 3,600,000


def conversation(data: bytes) -> None:
    """Two strict connections of this library never find fault with each other, and neither dies of silence.

    Byte 0 picks the versions of the client, 1 those of the server. Then one byte picks who does what: 0 the client
    speaks, 1 the server speaks, 2 time passes, 3 one closes.
    """
    choices = Choices(data)
    client = Watched(ClientConnection(choices.pick(VERSIONS)))
    server = Watched(ServerConnection(choices.pick(VERSIONS)))
    while choices.left:
        deed = choices.byte() % 4
        if deed == 0:
            _speak(client, server, choices)
        elif deed == 1:
            _speak(server, client, choices)
        elif deed == 2:
            _pass_time(client, server, choices.pick(JUMPS))
        elif not choices.byte() % 4:
            speaker, hearer = (client, server) if choices.byte() & 1 else (server, client)
            speaker.receive(b"")
            hearer.receive(b"")
            client.drain()
            server.drain()
            return


def _speak(speaker: Watched, hearer: Watched, choices: Choices) -> None:
    said: list[Event | Frame] = []

    def make() -> Event | Frame:
        says = client_says if isinstance(speaker.conn, ClientConnection) else server_says
        said.append(says(choices, speaker.messages))
        return said[0]

    wire = speaker.say(make)
    if wire is None:
        return
    heard: list[object] = []
    state = hearer.conn.state
    cut = choices.byte() % len(wire)
    for piece in (wire[:cut], wire[cut:]):
        if piece:
            hearer.receive(piece)
            heard += hearer.drain()
    frame = said[0].frame if isinstance(said[0], Event) else said[0]
    if hearer.error is not None:
        # Versions are the one thing that two sides can only find out together; and a server may lose its patience
        # with a client that has not said CONNECT, which then has asked for nothing that ERROR could answer.
        expected = (
            "unexpected-frame" if state is State.NEW and frame.command == "ERROR" else "version-not-shared"
        )
        assert hearer.error.code == expected, f"{frame!r} was refused: {hearer.error!r}"
        return
    if frame.command not in hearer.conn._receives[state]:
        assert not heard, f"{heard!r} was heard of {frame!r}"
        return
    assert len(heard) == 1, f"{heard!r} was heard of {frame!r}"
    event = heard[0]
    assert isinstance(event, Event)
    if isinstance(event, Connect | Connected):
        assert event.command == ("CONNECT" if isinstance(event, Connect) else "CONNECTED")
        assert set(frame.headers.items()) <= set(event.headers.items())
    else:
        assert event.frame == frame, f"{event!r} was heard of {frame!r}"


def _pass_time(client: Watched, server: Watched, seconds: float) -> None:
    """Let time pass, with every deadline kept to the instant."""
    end = client.now + seconds
    for _ in range(_MOST_BEATS):
        due = [
            (deadline, turn)
            for turn, side in enumerate((client, server))
            if (deadline := side.conn.next_deadline()) is not None and deadline <= end
        ]
        if not due:
            break
        now, turn = min(due)
        client.now = server.now = max(client.now, now)
        side, other = (client, server) if turn == 0 else (server, client)
        beat = side.timeout()
        assert beat, "a peer that beats in time was declared dead"
        other.receive(beat)
        assert all(isinstance(event, HeartBeat) for event in other.drain())
    else:
        return
    client.now = server.now = max(client.now, end)
