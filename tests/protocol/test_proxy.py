"""A proxy made of a ServerConnection and a ClientConnection: what it passes on stays as it is, to the byte."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stomp_core import (
    NEED_DATA,
    ClientConnection,
    Connect,
    Connected,
    ConnectionClosed,
    Event,
    Frame,
    LocalProtocolError,
    Message,
    Send,
    ServerConnection,
)

from .pair import Cut, chunkings, drain, one, receive, receive_error

ABOVE = "1.0,1.1,1.2,1.3,2.0"


class Proxy:
    """The two sides of a proxy.

    Args:
        change: what becomes of each event that is passed on.
        versions: those of the server behind the proxy; by default what the client offers.
    """

    def __init__(
        self, change: Callable[[Event], Event] = lambda event: event, versions: tuple[str, ...] | None = None
    ) -> None:
        self.server = ServerConnection()
        self.client: ClientConnection | None = None
        self._change = change
        self._versions = versions

    def from_client(self, data: bytes) -> bytes:
        """Return what the server gets of what the client has sent."""
        wire = b""
        for event in receive(self.server, data):
            assert isinstance(event, Event)
            if isinstance(event, Connect):
                self.client = ClientConnection(self._versions or event.known_versions)
            assert self.client is not None
            wire += self.client.send(self._change(event))
        return wire

    def from_server(self, data: bytes) -> bytes:
        """Return what the client gets of what the server has sent."""
        assert self.client is not None
        wire = b""
        for event in receive(self.client, data):
            assert isinstance(event, Event)
            wire += self.server.send(self._change(event))
        return wire

    def connect(self, version: str) -> None:
        """Let both sides agree on a version."""
        self.from_client(f"CONNECT\naccept-version:{version}\nhost:h\n\n\0".encode())
        self.from_server(f"CONNECTED\nversion:{version}\n\n\0".encode())


# ------------------------------------------------------------------------ the handshake


@pytest.mark.parametrize(
    ("offer", "passed_on"),
    [
        (f"accept-version:{ABOVE}\n", "accept-version:1.0,1.1,1.2\n"),
        ("accept-version:1.3,1.2\n", "accept-version:1.2\n"),
        ("accept-version:1.2,1.1\n", "accept-version:1.1,1.2\n"),
        ("accept-version:1.1,1.2\n", "accept-version:1.1,1.2\n"),
        ("", ""),
    ],
)
def test_an_offer_of_unknown_versions_is_passed_on_without_them(offer: str, passed_on: str) -> None:
    proxy = Proxy()
    wire = proxy.from_client(f"CONNECT\n{offer}host:h\nlogin:me\npasscode:a\\\\b\n\n\0".encode())
    assert wire == f"CONNECT\n{passed_on}host:h\nlogin:me\npasscode:a\\\\b\n\n\0".encode()


def test_the_server_behind_may_have_fewer_versions_than_the_proxy() -> None:
    proxy = Proxy(versions=("1.0", "1.2"))
    wire = proxy.from_client(f"CONNECT\naccept-version:{ABOVE}\nhost:h\n\n\0".encode())
    assert wire == b"CONNECT\naccept-version:1.0,1.2\nhost:h\n\n\0"
    connected = b"CONNECTED\nversion:1.2\nserver:x/1\n\n\0"
    assert proxy.from_server(connected) == connected


def test_an_offer_without_any_known_version_never_comes_to_a_proxy() -> None:
    proxy = Proxy()
    error = receive_error(proxy.server, b"CONNECT\naccept-version:1.3,2.0\nhost:h\n\n\0")
    assert error.code == "version-not-shared"


def test_an_offer_that_the_server_behind_lacks_is_refused() -> None:
    server = ServerConnection()
    connect = one(receive(server, b"CONNECT\naccept-version:1.1,1.3\nhost:h\n\n\0"))
    client = ClientConnection(("1.2",))
    with pytest.raises(LocalProtocolError, match="no version of this connection") as caught:
        client.send(connect)
    assert caught.value.code == "bad-header-value"
    assert client.next_event() is NEED_DATA


# ------------------------------------------------------------------------ frames

TO_SERVER = [
    b"SEND\ndestination:/q\n\nno length\0",
    b"SEND\ndestination:/q\ncontent-length:9\n\nwith\0NULs\0",
    b"SEND\ncontent-length:0\ndestination:/q\n\n\0",
    b"SEND\ndestination:/q\n\n\0",
    b"SEND\ndestination:/q\nx:1\nx:2\ncontent-length:4\ny:\n\nbody\0",
    b"SUBSCRIBE\nid:s\ndestination:/q\nack:client\n\n\0",
    b"BEGIN\ntransaction:t\nreceipt:1\n\n\0",
]
TO_CLIENT = [
    b"MESSAGE\nsubscription:s\nmessage-id:m\nack:a\ndestination:/q\n\na TextMessage\0",
    b"MESSAGE\nsubscription:s\nmessage-id:n\nack:b\ndestination:/q\ncontent-length:3\n\n\0\0\0\0",
    b"RECEIPT\nreceipt-id:1\n\n\0",
    b"ERROR\nmessage:m\n\nno length\0",
]


@chunkings
@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
def test_frames_are_passed_on_byte_for_byte(version: str, cut: Cut) -> None:
    proxy = Proxy()
    proxy.connect(version)
    stream = b"".join(TO_SERVER)
    assert b"".join(proxy.from_client(chunk) for chunk in cut(stream)) == stream
    stream = b"".join(TO_CLIENT)
    assert b"".join(proxy.from_server(chunk) for chunk in cut(stream)) == stream


def test_escapes_and_line_ends_of_1_2_are_passed_on() -> None:
    proxy = Proxy()
    proxy.connect("1.2")
    wire = b"SEND\r\ndestination:/q\\ca\r\nx\\n:\\\\\r\n\r\nbody\0"
    assert proxy.from_client(wire) == wire


@pytest.mark.parametrize("frame", [*TO_SERVER[:5], *TO_CLIENT[:2]])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_frame_keeps_or_lacks_its_length_in_another_version(frame: bytes, version: str) -> None:
    """Between 1.2 and 1.1 the bytes cannot be copied, but ActiveMQ's messages keep their kind."""
    server = ServerConnection()
    receive(server, b"CONNECT\naccept-version:1.2\nhost:h\n\n\0")
    server.send(Connected())
    client = ClientConnection((version,))
    client.connect(host="h")
    receive(client, f"CONNECTED\nversion:{version}\n\n\0".encode())
    if frame.startswith(b"SEND"):
        assert client.send(one(receive(server, frame))) == frame
    else:
        client.subscribe("/q", id="s")
        receive(server, b"SUBSCRIBE\nid:s\ndestination:/q\n\n\0")
        assert server.send(one(receive(client, frame))) == frame


# ------------------------------------------------------------------------ changed frames


def with_header(event: Event) -> Event:
    """Add a header to a message, as a proxy does that traces."""
    if not isinstance(event, Send | Message):
        return event
    frame = event.frame
    return type(event).from_frame(frame.replace(headers=[*frame.headers.items(), ("traceparent", "1")]))


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
@pytest.mark.parametrize("frame", [*TO_SERVER[:5], *TO_CLIENT[:2]])
def test_a_changed_header_changes_no_more(version: str, frame: bytes) -> None:
    proxy = Proxy(with_header)
    proxy.connect(version)
    head, blank, body = frame.partition(b"\n\n")
    changed = head + b"\ntraceparent:1" + blank + body
    if frame.startswith(b"SEND"):
        for _ in range(3):  # the same again, whatever the connection remembers of it
            assert proxy.from_client(frame) == changed
    else:
        proxy.from_client(b"SUBSCRIBE\nid:s\ndestination:/q\n\n\0")
        assert proxy.from_server(frame) == changed


def test_a_changed_body_keeps_or_lacks_its_length() -> None:
    def with_other_body(event: Event) -> Event:
        return Send.from_frame(event.frame.replace(body=b"other")) if isinstance(event, Send) else event

    proxy = Proxy(with_other_body)
    proxy.connect("1.2")
    assert proxy.from_client(TO_SERVER[0]) == b"SEND\ndestination:/q\n\nother\0"
    assert proxy.from_client(TO_SERVER[1]) == b"SEND\ndestination:/q\ncontent-length:5\n\nother\0"


def test_a_changed_body_with_nul_needs_a_length_and_is_refused_without() -> None:
    """To add the header would change what ActiveMQ makes of the message; to leave it out would cut the body."""
    frame = one(receive(connected(), TO_SERVER[0])).frame.replace(body=b"a\0b")
    client = ClientConnection(("1.2",))
    client.connect(host="h")
    receive(client, b"CONNECTED\nversion:1.2\n\n\0")
    with pytest.raises(LocalProtocolError, match="contains NUL, so it needs a content-length") as caught:
        client.send(frame)
    assert caught.value.code == "cannot-encode"
    with_length = Frame("SEND", frame.headers, frame.body)
    assert client.send(with_length) == b"SEND\ndestination:/q\ncontent-length:3\n\na\0b\0"


def connected() -> ServerConnection:
    """Return a server that has a client of 1.2."""
    server = ServerConnection()
    receive(server, b"CONNECT\naccept-version:1.2\nhost:h\n\n\0")
    server.send(Connected())
    return server


def test_a_message_may_be_made_of_a_send_without_changing_its_kind() -> None:
    """As a broker does: another command, other headers, the same body."""
    server = connected()
    receive(server, b"SUBSCRIBE\nid:s\ndestination:/q\n\n\0")
    for wire, length in ((TO_SERVER[0], b""), (TO_SERVER[1], b"content-length:9\n")):
        frame = one(receive(server, wire)).frame
        own = {"subscription": "s", "message-id": "m", "destination": "/q"}
        sent = server.send(frame.replace(command="MESSAGE", headers=own))
        assert sent == b"MESSAGE\nsubscription:s\nmessage-id:m\ndestination:/q\n%b\n%b\0" % (
            length,
            frame.body,
        )


def test_a_message_event_may_be_written_without_a_length() -> None:
    server = connected()
    receive(server, b"SUBSCRIBE\nid:s\ndestination:/q\n\n\0")
    message = Message("/q", message_id="m", subscription="s", body=b"text", content_length=False)
    assert not message.content_length_wanted
    assert server.send(message) == b"MESSAGE\nsubscription:s\nmessage-id:m\ndestination:/q\n\ntext\0"
    assert server.send(message.frame) == server.send(message)


def test_the_end_is_passed_on() -> None:
    proxy = Proxy()
    proxy.connect("1.2")
    assert proxy.from_client(b"DISCONNECT\nreceipt:9\n\n\0") == b"DISCONNECT\nreceipt:9\n\n\0"
    assert proxy.from_server(b"RECEIPT\nreceipt-id:9\n\n\0") == b"RECEIPT\nreceipt-id:9\n\n\0"
    for conn in (proxy.server, proxy.client):
        assert conn is not None
        conn.receive_data(b"")
        closed = one(drain(conn))
        assert isinstance(closed, ConnectionClosed)
        assert closed.clean
