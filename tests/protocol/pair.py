"""What the tests of the protocol share: connections in a given state; a client and a server joined by a fake wire."""

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
    """Its state; asked through a function, since a type checker thinks that a property stays what it was."""
    return conn.state


def drain(conn: Connection) -> list[Happening]:
    """All that the connection has to tell now."""
    told: list[Happening] = []
    while (event := conn.next_event()) is not NEED_DATA:
        told.append(event)
    return told


def hear(conn: Connection, data: bytes, now: float | None = None, cut: Cut = cut_whole) -> list[Happening]:
    """What the connection makes of these bytes."""
    told = []
    for chunk in cut(data):
        conn.receive_data(chunk, now)
        told += drain(conn)
    return told


def one(happenings: Iterable[Happening]) -> Any:
    """The only one of them."""
    (happening,) = happenings
    return happening


def hear_error(conn: Connection, data: bytes, now: float | None = None) -> RemoteProtocolError:
    """The error that the connection finds in these bytes, before anything else."""
    conn.receive_data(data, now)
    with pytest.raises(RemoteProtocolError) as caught:
        conn.next_event()
    return caught.value


def hang_up(conn: Connection) -> ConnectionClosed:
    """What the connection says when the peer closes."""
    conn.receive_data(b"")
    closed = one(drain(conn))
    assert isinstance(closed, ConnectionClosed)
    return closed


def connected_client(
    version: str = "1.2", extra: bytes = b"", *, heart_beat: tuple[int, int] | None = None, **options: Any
) -> ClientConnection:
    """A client that has read CONNECTED at 0 s; ``extra`` are further header lines of it."""
    client = ClientConnection(**options)
    client.connect(host="h", heart_beat=heart_beat, now=0.0)
    assert isinstance(
        one(hear(client, b"CONNECTED\nversion:%b\n%b\n\0" % (version.encode(), extra), 0.0)), Connected
    )
    return client


def connected_server(
    version: str = "1.2", extra: bytes = b"", *, heart_beat: tuple[int, int] | None = None, **options: Any
) -> ServerConnection:
    """A server that has said CONNECTED at 0 s; ``extra`` are further header lines of the client's CONNECT."""
    server = ServerConnection(**options)
    hear(server, b"CONNECT\naccept-version:%b\nhost:h\n%b\n\0" % (version.encode(), extra), 0.0)
    server.send(Connected(heart_beat=heart_beat), now=0.0)
    return server


def connection(role: str, version: str = "1.2", **options: Any) -> Connection:
    """A connected one of either role."""
    return connected_client(version, **options) if role == "client" else connected_server(version, **options)


class Pair:
    """A client and a server that hear each other at once, through a wire cut as you like, at one clock."""

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
        self.client = client or ClientConnection((version,))
        self.server = server or ServerConnection()
        self.client_hears: list[Happening] = []
        self.server_hears: list[Happening] = []
        self.to_server(self.client.connect(host="h", heart_beat=client_beats, now=self.now))
        self.server_says(Connected(heart_beat=server_beats))
        self.client_hears.clear()
        self.server_hears.clear()

    def to_server(self, wire: bytes) -> None:
        """These bytes of the client arrive."""
        self.server_hears += hear(self.server, wire, self.now, self.cut)

    def to_client(self, wire: bytes) -> None:
        """These bytes of the server arrive."""
        self.client_hears += hear(self.client, wire, self.now, self.cut)

    def client_says(self, *what: Event | Frame) -> None:
        for event in what:
            self.to_server(self.client.send(event, now=self.now))

    def server_says(self, *what: Event | Frame) -> None:
        for event in what:
            self.to_client(self.server.send(event, now=self.now))

    def wait(self, until: float) -> list[tuple[float, str, bytes]]:
        """Let time pass, calling handle_timeout whenever it is due; what was written when, and by whom."""
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
