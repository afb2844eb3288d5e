"""Helpers of these tests: connections in a given state; a client and a server that are joined without a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from stomp_core import (
    NEED_DATA,
    ClientConnection,
    Connected,
    ConnectionClosed,
    Event,
    Frame,
    HeartBeat,
    RemoteProtocolError,
    ServerConnection,
    State,
    Tolerated,
)

VERSIONS = ("1.0", "1.1", "1.2")
#: The tests calculate in whole intervals; those of the default pace make their connections themselves.
WHOLE_INTERVALS: Any = {"heart_beat_pace": 1.0}
Connection = ClientConnection | ServerConnection
Happening = Event | HeartBeat | ConnectionClosed | Tolerated


def cut_whole(data: bytes) -> list[bytes]:
    return [data] if data else []


def cut_bytes(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def cut_threes(data: bytes) -> list[bytes]:
    return [data[i : i + 3] for i in range(0, len(data), 3)]


Cut = Callable[[bytes], list[bytes]]
chunkings = pytest.mark.parametrize(
    "cut", [cut_whole, cut_bytes, cut_threes], ids=["whole", "byte by byte", "in threes"]
)


def state_of(conn: Connection) -> State:
    """Return its state. A type checker takes a property for unchanged after a call, but not a function."""
    return conn.state


def drain(conn: Connection) -> list[Happening]:
    """Return all events that are there."""
    events: list[Happening] = []
    while (event := conn.next_event()) is not NEED_DATA:
        events.append(event)
    return events


def receive(conn: Connection, data: bytes, now: float | None = None, cut: Cut = cut_whole) -> list[Happening]:
    """Give these bytes to a connection, and return the events."""
    events = []
    for chunk in cut(data):
        conn.receive_data(chunk, now)
        events += drain(conn)
    return events


def one(happenings: Iterable[Happening]) -> Any:
    """Return the only one of them."""
    (happening,) = happenings
    return happening


def receive_error(conn: Connection, data: bytes, now: float | None = None) -> RemoteProtocolError:
    """Give these bytes to a connection, and return the violation that comes before any event."""
    conn.receive_data(data, now)
    with pytest.raises(RemoteProtocolError) as caught:
        conn.next_event()
    return caught.value


def close_by_peer(conn: Connection) -> ConnectionClosed:
    """Give the end of the stream to a connection, and return the event."""
    conn.receive_data(b"")
    closed = one(drain(conn))
    assert isinstance(closed, ConnectionClosed)
    return closed


def connected_client(
    version: str = "1.2",
    extra: bytes = b"",
    *,
    heart_beat: tuple[int, int] | None = None,
    now: float | None = 0.0,
    **options: Any,
) -> ClientConnection:
    """Return a client that has received CONNECTED, at 0 s; ``extra`` are further header lines of it."""
    client = ClientConnection(**(WHOLE_INTERVALS | options))
    client.connect(host="h", heart_beat=heart_beat, now=now)
    assert isinstance(
        one(receive(client, b"CONNECTED\nversion:%b\n%b\n\0" % (version.encode(), extra), now)), Connected
    )
    return client


def connected_server(
    version: str = "1.2",
    extra: bytes = b"",
    *,
    heart_beat: tuple[int, int] | None = None,
    now: float | None = 0.0,
    **options: Any,
) -> ServerConnection:
    """Return a server that has sent CONNECTED, at 0 s; ``extra`` are further header lines of the client's CONNECT."""
    server = ServerConnection(**(WHOLE_INTERVALS | options))
    receive(server, b"CONNECT\naccept-version:%b\nhost:h\n%b\n\0" % (version.encode(), extra), now)
    server.send(Connected(heart_beat=heart_beat), now=now)
    return server


def connection(role: str, version: str = "1.2", **options: Any) -> Connection:
    """Return a connected one of either role."""
    return connected_client(version, **options) if role == "client" else connected_server(version, **options)


class Pair:
    """A client and a server: what one sends the other receives at once, cut in pieces; one clock."""

    def __init__(
        self,
        version: str = "1.2",
        *,
        cut: Cut = cut_whole,
        client_beats: tuple[int, int] = (0, 0),
        server_beats: tuple[int, int] = (0, 0),
        client: ClientConnection | None = None,
        server: ServerConnection | None = None,
    ) -> None:
        self.now = 0.0
        self.cut = cut
        self.client = client or ClientConnection((version,), **WHOLE_INTERVALS)
        self.server = server or ServerConnection(**WHOLE_INTERVALS)
        self.client_received: list[Happening] = []
        self.server_received: list[Happening] = []
        self.to_server(self.client.connect(host="h", heart_beat=client_beats, now=self.now))
        self.server_sends(Connected(heart_beat=server_beats))
        self.client_received.clear()
        self.server_received.clear()

    def to_server(self, wire: bytes) -> None:
        """Let the server receive these bytes."""
        self.server_received += receive(self.server, wire, self.now, self.cut)

    def to_client(self, wire: bytes) -> None:
        """Let the client receive these bytes."""
        self.client_received += receive(self.client, wire, self.now, self.cut)

    def client_sends(self, *what: Event | Frame) -> None:
        for event in what:
            self.to_server(self.client.send(event, now=self.now))

    def server_sends(self, *what: Event | Frame) -> None:
        for event in what:
            self.to_client(self.server.send(event, now=self.now))

    def wait(self, until: float) -> list[tuple[float, str, bytes]]:
        """Let time pass, with handle_timeout at every deadline; return what was written, when, and by which side."""
        log: list[tuple[float, str, bytes]] = []
        while True:
            due = [
                (deadline, name)
                for name, conn in (("client", self.client), ("server", self.server))
                if (deadline := conn.next_deadline()) is not None
            ]
            if not due or min(due)[0] > until:
                self.now = until
                return log
            self.now, name = min(due)
            if name == "client":
                wire = self.client.handle_timeout(self.now)
                self.to_server(wire)
            else:
                wire = self.server.handle_timeout(self.now)
                self.to_client(wire)
            log.append((self.now, name, wire))
            assert len(log) < 10_000, "handle_timeout leaves its own deadline due"
