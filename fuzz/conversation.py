"""Both sides of a connection: what one side may send, the other accepts and understands.

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
from .connection import JUMPS, VERSIONS, Watched, client_frame, server_frame

__all__ = ["conversation"]

_MOST_HEART_BEATS = 50  # an hour of heart-beats every millisecond would be 3,600,000


def conversation(data: bytes) -> None:
    """Check that two strict connections find no violation in each other, and keep each other's deadlines.

    Byte 0 picks the versions of the client, 1 those of the server. Then one byte picks what happens: 0 the client
    sends, 1 the server sends, 2 time passes, 3 one side closes.
    """
    choices = Choices(data)
    client = Watched(ClientConnection(choices.pick(VERSIONS)))
    server = Watched(ServerConnection(choices.pick(VERSIONS)))
    stated: dict[str, str] = {}
    while choices.left:
        _agree(client, server, stated)
        step = choices.byte() % 4
        if step == 0:
            _send(client, server, choices, stated)
        elif step == 1:
            _send(server, client, choices, stated)
        elif step == 2:
            _pass_time(client, server, choices.pick(JUMPS))
        elif not choices.byte() % 4:
            sender, receiver = (client, server) if choices.byte() & 1 else (server, client)
            sender.receive(b"")
            receiver.receive(b"")
            client.drain()
            server.drain()
            return


def _agree(client: Watched, server: Watched, stated: dict[str, str]) -> None:
    """Check that both sides have negotiated what STOMP 1.2, "Heart-beating", says, once both are connected.

    Args:
        client: the client.
        server: the server.
        stated: the heart-beat headers of CONNECT and CONNECTED.
    """
    if client.conn.state is not State.CONNECTED or server.conn.state is not State.CONNECTED:
        return
    assert client.conn.version == server.conn.version
    can, likes = map(int, stated["CONNECT"].split(","))
    server_can, server_likes = map(int, stated["CONNECTED"].split(","))
    from_client = max(can, server_likes) / 1000 if can and server_likes else 0.0
    from_server = max(server_can, likes) / 1000 if server_can and likes else 0.0
    assert client.conn.heart_beat == (from_client, from_server), f"{client.conn.heart_beat} of {stated}"
    assert server.conn.heart_beat == (from_server, from_client), f"{server.conn.heart_beat} of {stated}"


def _send(sender: Watched, receiver: Watched, choices: Choices, stated: dict[str, str]) -> None:
    sent: list[Event | Frame] = []

    def make() -> Event | Frame:
        own_frame = client_frame if isinstance(sender.conn, ClientConnection) else server_frame
        sent.append(own_frame(choices, sender.messages))
        return sent[0]

    wire = sender.send(make)
    if wire is None:
        return
    received: list[object] = []
    state = receiver.conn.state
    cut = choices.byte() % len(wire)
    for piece in (wire[:cut], wire[cut:]):
        if piece:
            receiver.receive(piece)
            received += receiver.drain()
    frame = sent[0].frame if isinstance(sent[0], Event) else sent[0]
    if frame.command in ("CONNECT", "STOMP", "CONNECTED"):
        stated["CONNECTED" if frame.command == "CONNECTED" else "CONNECT"] = frame.headers.get(
            "heart-beat", "0,0"
        )
    if receiver.error is not None:
        # Two sides can fail to have a version in common. And a server may send ERROR before CONNECT; the client expects
        # no frame then.
        expected = (
            "unexpected-frame" if state is State.NEW and frame.command == "ERROR" else "version-not-shared"
        )
        assert receiver.error.code == expected, f"{frame!r} was refused: {receiver.error!r}"
        return
    if frame.command not in receiver.receives[state]:
        assert not received, f"{received!r} was received of {frame!r}"
        return
    assert len(received) == 1, f"{received!r} was received of {frame!r}"
    event = received[0]
    assert isinstance(event, Event)
    if isinstance(event, Connect | Connected):
        assert event.command == ("CONNECT" if isinstance(event, Connect) else "CONNECTED")
        assert set(frame.headers.items()) <= set(event.headers.items())
    else:
        assert event.frame == frame, f"{event!r} was received of {frame!r}"


def _pass_time(client: Watched, server: Watched, seconds: float) -> None:
    """Let time pass, and keep every deadline exactly."""
    end = client.now + seconds
    for _ in range(_MOST_HEART_BEATS):
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
        wire = side.timeout()
        assert wire, "a peer that kept its deadlines was declared dead"
        other.receive(wire)
        assert all(isinstance(event, HeartBeat) for event in other.drain())
    else:
        return
    client.now = server.now = max(client.now, end)
