"""ServerConnection: what it answers, to the byte, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from stomp_core import (
    NEED_DATA,
    Ack,
    Connect,
    Connected,
    ConnectionClosed,
    Error,
    Event,
    Frame,
    HeartBeat,
    Leniency,
    Limits,
    LocalProtocolError,
    Message,
    Nack,
    Receipt,
    RemoteProtocolError,
    Send,
    ServerConnection,
    State,
    Subscribe,
    Tolerated,
)

from .pair import (
    VERSIONS,
    Cut,
    chunkings,
    close_by_peer,
    connected_server,
    drain,
    one,
    receive,
    receive_error,
    state_of,
)

every_version = pytest.mark.parametrize("version", VERSIONS)


def answer_to(connect: bytes, connected: Connected | None = None, **options: Any) -> bytes:
    """Return what a server writes when it accepts this CONNECT."""
    server = ServerConnection(**options)
    receive(server, connect)
    return server.send(connected or Connected())


def refusal_of(connect: bytes, **options: Any) -> bytes:
    """Return what a server writes when it refuses these bytes."""
    server = ServerConnection(**options)
    hint = receive_error(server, connect).frame_hint
    assert hint is not None
    assert state_of(server) is State.REFUSING
    wire = server.send(hint)
    assert state_of(server) is State.FAILED
    return wire


def with_subscription(version: str = "1.2", mode: str = "client", **options: Any) -> ServerConnection:
    server = connected_server(version, **options)
    receive(server, b"SUBSCRIBE\nid:s\ndestination:/q\nack:%b\n\n\0" % mode.encode())
    return server


# ------------------------------------------------------------------------ the handshake


@pytest.mark.parametrize(
    ("offer", "supported", "chosen"),
    [
        (b"accept-version:1.0,1.1,2.0\n", VERSIONS, b"version:1.1\n"),
        (b"accept-version:1.2\n", VERSIONS, b"version:1.2\n"),
        (b"accept-version:1.2,1.1,1.0\n", VERSIONS, b"version:1.2\n"),
        (b"accept-version:1.0,1.1,1.2\n", ("1.0", "1.1"), b"version:1.1\n"),
        (b"accept-version: 1.0 , 1.1 \n", VERSIONS, b"version:1.1\n"),
        (b"accept-version:,1.1,,x\n", VERSIONS, b"version:1.1\n"),
        (b"accept-version:1.1\naccept-version:1.2\n", VERSIONS, b"version:1.1\n"),
        (b"accept-version:1.0\n", VERSIONS, b"version:1.0\n"),
        (b"accept-version:1.20,1.0\n", VERSIONS, b"version:1.0\n"),
        (b"", VERSIONS, b""),
        (b"Accept-Version:1.2\n", VERSIONS, b""),
    ],
)
@pytest.mark.parametrize("command", [b"CONNECT", b"STOMP"])
def test_the_highest_common_version_is_chosen(
    command: bytes, offer: bytes, supported: tuple[str, ...], chosen: bytes
) -> None:
    assert (
        answer_to(command + b"\n" + offer + b"host:h\n\n\0", versions=supported)
        == b"CONNECTED\n" + chosen + b"\n\0"
    )


@pytest.mark.parametrize(
    ("offer", "supported", "versions", "text"),
    [
        (b"accept-version:2.0\n", VERSIONS, b"1.0,1.1,1.2", b"1.0 1.1 1.2"),
        (b"accept-version:1.3\n", ("1.2", "1.1"), b"1.1,1.2", b"1.1 1.2"),
        (b"accept-version:1.2 1.1\n", VERSIONS, b"1.0,1.1,1.2", b"1.0 1.1 1.2"),
        (b"accept-version:\n", VERSIONS, b"1.0,1.1,1.2", b"1.0 1.1 1.2"),
        (b"", ("1.2",), b"1.2", b"1.2"),
    ],
)
def test_no_common_version_is_answered_with_the_versions(
    offer: bytes, supported: tuple[str, ...], versions: bytes, text: bytes
) -> None:
    sentence = b"Supported protocol versions are " + text
    assert refusal_of(b"CONNECT\n" + offer + b"host:h\n\n\0", versions=supported) == (
        b"ERROR\nversion:%b\nmessage:%b\ncontent-type:text/plain\ncontent-length:%d\n\n%b\0"
        % (versions, sentence, len(sentence), sentence)
    )


@pytest.mark.parametrize("version", [b"1.1", b"1.2"])
def test_from_1_1_on_a_missing_host_is_refused_or_tolerated(version: bytes) -> None:
    wire = b"CONNECT\naccept-version:%b\n\n\0" % version
    assert refusal_of(wire).startswith(b"ERROR\nmessage:CONNECT without its 'host' header\n")
    assert answer_to(wire, leniency=Leniency(missing_host=True)) == b"CONNECTED\nversion:%b\n\n\0" % version


@pytest.mark.parametrize("offer", [b"", b"accept-version:1.0\n"])
def test_1_0_needs_no_host(offer: bytes) -> None:
    assert answer_to(b"CONNECT\n%b\n\0" % offer).startswith(b"CONNECTED\n")


def test_an_empty_host_is_not_missing() -> None:
    assert answer_to(b"CONNECT\naccept-version:1.2\nhost:\n\n\0") == b"CONNECTED\nversion:1.2\n\n\0"


@pytest.mark.parametrize("version", [b"1.1", b"1.2"])
def test_the_body_of_connect_is_refused_or_dropped(version: bytes) -> None:
    wire = b"CONNECT\naccept-version:%b\nhost:h\n\nbody\0" % version
    assert refusal_of(wire).startswith(b"ERROR\nmessage:CONNECT has a body\n")
    server = ServerConnection(leniency=Leniency(unexpected_body=True))
    connect = one(receive(server, wire))
    assert isinstance(connect, Connect)
    assert (connect.frame.body, connect.host) == (b"", "h")


def test_in_1_0_a_connect_may_have_a_body() -> None:
    assert one(receive(ServerConnection(), b"CONNECT\nlogin:x\n\nbody\0")).frame.body == b"body"


def test_connect_may_not_ask_for_a_receipt() -> None:
    wire = b"CONNECT\naccept-version:1.2\nhost:h\nreceipt:r\n\n\0"
    refusal = refusal_of(wire)
    assert refusal.startswith(b"ERROR\nmessage:CONNECT may not ask for a receipt\nreceipt-id:r\n")
    assert answer_to(wire, leniency=Leniency(receipt_on_connect=True)) == b"CONNECTED\nversion:1.2\n\n\0"


def test_a_malformed_heart_beat_is_refused_or_tolerated() -> None:
    """If it is tolerated it counts as 0,0, and Tolerated comes before CONNECT."""
    wire = b"CONNECT\naccept-version:1.2\nhost:h\nheart-beat:1,x\n\n\0"
    assert b"'1,x' of CONNECT is not two numbers" in refusal_of(wire)
    server = ServerConnection(leniency=Leniency(bad_heart_beat=True))
    events = receive(server, wire)
    assert [type(event) for event in events] == [Tolerated, Connect]
    server.send(Connected(heart_beat=(1, 1)))
    assert server.heart_beat == (0.0, 0.0)


@every_version
def test_heart_beats_are_negotiated_in_every_version(version: str) -> None:
    server = connected_server(version, b"heart-beat:1000,2000\n", heart_beat=(3000, 500))
    assert server.heart_beat == (3.0, 1.0)
    assert connected_server(version, b"heart-beat:1000,2000\n").heart_beat == (0.0, 0.0)
    assert connected_server(version, heart_beat=(1000, 2000)).heart_beat == (0.0, 0.0)


def test_connected_to_the_byte() -> None:
    wire = b"CONNECT\naccept-version:1.2\nhost:h\n\n\0"
    connected = Connected(session="x", server="mine/1", heart_beat=(1, 2), headers={"a": "b"})
    assert (
        answer_to(wire, connected)
        == b"CONNECTED\nversion:1.2\nsession:x\nserver:mine/1\nheart-beat:1,2\na:b\n\n\0"
    )


def test_connected_may_state_the_negotiated_version_only() -> None:
    server = ServerConnection()
    receive(server, b"CONNECT\naccept-version:1.0,1.1\nhost:h\n\n\0")
    with pytest.raises(LocalProtocolError, match=r"'1.2', but 1.1 was negotiated") as caught:
        server.send(Connected(version="1.2"))
    assert caught.value.code == "version-not-offered"
    assert server.state is State.CONNECTING
    assert server.send(Connected(version="1.1")) == b"CONNECTED\nversion:1.1\n\n\0"


@pytest.mark.parametrize(
    ("connected", "code"),
    [
        (Connected(headers={"heart-beat": "x"}), "bad-heart-beat"),
        (Connected(session="a\nb"), "cannot-encode"),
        (Frame("CONNECTED", [], b"body"), "body-not-allowed"),
        (Frame("CONNECTED", [("version", "1.2")], b"body"), "body-not-allowed"),
    ],
)
def test_a_refused_connected_changes_nothing(connected: Connected | Frame, code: str) -> None:
    server = ServerConnection()
    receive(server, b"CONNECT\naccept-version:1.2\nhost:h\nheart-beat:1,1\n\n\0")
    with pytest.raises(LocalProtocolError) as caught:
        server.send(connected)
    assert caught.value.code == code
    assert server.state is State.CONNECTING
    assert server.heart_beat == (0.0, 0.0)
    assert server.send(Connected()) == b"CONNECTED\nversion:1.2\n\n\0"


def test_the_deadline_of_a_client_starts_at_connected() -> None:
    """It started at CONNECT: a slow login check killed the client at once."""
    server = ServerConnection(heart_beat_tolerance=2.0)
    receive(server, b"CONNECT\naccept-version:1.2\nhost:h\nheart-beat:1000,0\n\n\0", 0.0)
    server.send(Connected(heart_beat=(0, 1000)), now=60.0)
    assert server.next_deadline() == 62.0
    assert server.handle_timeout(60.0) == b""
    assert server.next_event() is NEED_DATA
    server.send(Receipt("r"), now=61.0)
    assert server.next_deadline() == 62.0, "what the server sends is no sign of life of the client"


@chunkings
@pytest.mark.parametrize(("version", "value"), [("1.0", "a\\cb"), ("1.1", "a:b"), ("1.2", "a:b")])
def test_frames_behind_connect_wait_for_the_version(version: str, value: str, cut: Cut) -> None:
    """They are read in the version that was negotiated."""
    server = ServerConnection()
    events = receive(
        server,
        b"CONNECT\naccept-version:%b\nhost:h\n\n\0SEND\ndestination:/q\nx:a\\cb\n\n\0DISCONNECT\n\n\0"
        % version.encode(),
        cut=cut,
    )
    assert [type(event) for event in events] == [Connect]
    server.send(Connected())
    events = drain(server)
    assert [event.frame.command for event in events] == ["SEND", "DISCONNECT"]  # type: ignore[union-attr]
    assert events[0].headers["x"] == value  # type: ignore[union-attr]


def test_heart_beats_behind_connect_wait_for_its_answer() -> None:
    server = ServerConnection()
    assert [type(event) for event in receive(server, b"CONNECT\nlogin:x\n\n\0\n\n\n")] == [Connect]
    server.send(Connected())
    assert drain(server) == [HeartBeat(2)]


@pytest.mark.parametrize(
    ("connect", "code"),
    [
        (b"CONNECT\naccept-version:2.0\nhost:h\n\n\0", "version-not-shared"),
        (b"CONNECT\naccept-version:1.2\n\n\0", "missing-header"),
        (b"CONNECT\naccept-version:1.2\nhost:h\n\nbody\0", "body-not-allowed"),
        (b"CONNECT\nreceipt:r\n\n\0", "header-not-allowed"),
        (b"CONNECT\nheart-beat:1\n\n\0", "bad-heart-beat"),
        (b"SEND\ndestination:/q\n\n\0", "unexpected-frame"),
    ],
)
def test_the_codes_of_violations_in_the_handshake(connect: bytes, code: str) -> None:
    assert receive_error(ServerConnection(), connect).code == code


@chunkings
def test_frames_behind_connect_survive_the_end(cut: Cut) -> None:
    """The end made a violation of the frames behind CONNECT, which are allowed."""
    server = ServerConnection()
    events = receive(server, b"CONNECT\nlogin:x\n\n\0\nSEND\ndestination:/q\n\n\0DISCONNECT\n\n\0\n", cut=cut)
    assert [type(event) for event in events] == [Connect]
    server.receive_data(b"")
    assert server.next_event() is NEED_DATA
    server.send(Connected())
    events = drain(server)
    assert [type(event).__name__ for event in events] == ["Send", "Disconnect", "ConnectionClosed"]
    assert events[-1].clean  # type: ignore[union-attr]


@chunkings
@pytest.mark.parametrize("ends_of_lines", [b"", b"\n", b"\n\r\n\n"])
def test_a_client_that_closes_before_connected_is_closed(ends_of_lines: bytes, cut: Cut) -> None:
    server = ServerConnection()
    receive(server, b"CONNECT\naccept-version:1.2\nhost:h\n\n\0" + ends_of_lines, cut=cut)
    server.receive_data(b"")
    closed = drain(server)[-1]
    assert isinstance(closed, ConnectionClosed)
    assert not closed.clean
    assert server.state is State.CLOSED


def test_a_refused_login_is_error_in_place_of_connected() -> None:
    server = ServerConnection()
    receive(server, b"CONNECT\naccept-version:1.2\nhost:h\n\n\0SEND\ndestination:/q\n\n\0")
    assert server.send(Error("Bad CONNECT", body="Access denied")) == (
        b"ERROR\nmessage:Bad CONNECT\ncontent-type:text/plain\ncontent-length:13\n\nAccess denied\0"
    )
    assert drain(server) == [], "frames behind CONNECT are not returned"
    assert not close_by_peer(server).clean


@every_version
def test_the_version_is_known_after_connect(version: str) -> None:
    server = ServerConnection()
    assert server.version is None
    receive(server, b"CONNECT\naccept-version:%b\nhost:h\n\n\0" % version.encode())
    assert server.version == version


@pytest.mark.parametrize(
    ("escaped", "passcode"),
    [(False, "a\\cb"), (True, "a:b")],
)
def test_connect_is_unescaped_only_on_request(escaped: bool, passcode: str) -> None:
    server = ServerConnection(leniency=Leniency(escapes_in_connect=escaped))
    assert one(receive(server, b"CONNECT\npasscode:a\\cb\n\n\0")).passcode == passcode


# ------------------------------------------------------------------------ sending


@every_version
def test_a_receipt_to_the_byte(version: str) -> None:
    assert (
        connected_server(version).send(Receipt("message-12345")) == b"RECEIPT\nreceipt-id:message-12345\n\n\0"
    )


@every_version
def test_a_message_to_the_byte(version: str) -> None:
    server = with_subscription(version)
    message = Message("/q", message_id="m", subscription="s", ack="a", body=b"\0", headers={"x": "y"})
    assert server.send(message) == (
        b"MESSAGE\nsubscription:s\nmessage-id:m\ndestination:/q\nack:a\nx:y\ncontent-length:1\n\n\0\0"
    )


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_from_1_1_on_message_needs_a_subscription(version: str) -> None:
    server = with_subscription(version, "auto")
    with pytest.raises(LocalProtocolError, match="'subscription'") as caught:
        server.send(Message("/q", message_id="m"))
    assert caught.value.code == "missing-header"


def test_in_1_0_message_needs_a_subscription_without_id() -> None:
    """A MESSAGE without subscription header can only belong to a subscription without id."""
    server = connected_server("1.0")
    message = Message("/q", message_id="m")
    with pytest.raises(LocalProtocolError, match="None, which the client does not have"):
        server.send(message)
    receive(server, b"SUBSCRIBE\nid:s\ndestination:/q\n\n\0")
    with pytest.raises(LocalProtocolError) as caught:
        server.send(message)
    assert caught.value.code == "unknown-subscription"
    receive(server, b"SUBSCRIBE\ndestination:/q\n\n\0")
    assert server.send(message) == b"MESSAGE\nmessage-id:m\ndestination:/q\n\n\0"


@every_version
def test_unsolicited_messages_are_refused_by_default(
    version: str,
) -> None:
    message = Message("/queue/y", message_id="m", subscription="/temp-queue/x")
    server = with_subscription(version, "auto")
    with pytest.raises(LocalProtocolError, match="'/temp-queue/x', which the client does not have") as caught:
        server.send(message)
    assert caught.value.code == "unknown-subscription"
    assert server.state is State.CONNECTED
    server = with_subscription(version, "auto", unsolicited_messages=True)
    assert server.send(message).startswith(b"MESSAGE\nsubscription:/temp-queue/x\n")


def test_a_message_for_an_ended_subscription_is_refused() -> None:
    server = with_subscription()
    receive(server, b"UNSUBSCRIBE\nid:s\n\n\0")
    with pytest.raises(LocalProtocolError):
        server.send(Message("/q", message_id="m", subscription="s", ack="a"))


@pytest.mark.parametrize("mode", ["client", "client-individual"])
def test_in_1_2_a_message_to_be_acked_needs_an_ack_header(mode: str) -> None:
    server = with_subscription(mode=mode)
    with pytest.raises(LocalProtocolError, match="'ack' header") as caught:
        server.send(Message("/q", message_id="m", subscription="s"))
    assert caught.value.code == "missing-header"
    assert with_subscription(mode="auto").send(Message("/q", message_id="m", subscription="s"))
    assert with_subscription("1.1", mode).send(Message("/q", message_id="m", subscription="s"))


def test_an_error_before_connect_is_written_as_in_1_2() -> None:
    assert ServerConnection().send(Error("a\rb:c")) == b"ERROR\nmessage:a\\rb\\cc\n\n\0"


def test_send_takes_events_and_frames() -> None:
    server = connected_server()
    assert server.send(Frame("RECEIPT", {"receipt-id": "r"})) == server.send(Receipt("r"))
    for other in (None, "/q", b"x"):
        with pytest.raises(TypeError, match=type(other).__name__):
            server.send(other)  # type: ignore[arg-type]


def test_after_error_nothing_is_received() -> None:
    server = connected_server()
    server.send(Error("no"))
    assert receive(server, b"SEND\ndestination:/q\n\n\0junk \0 and more") == []
    assert server.state is State.FAILED


@every_version
def test_after_disconnect_the_server_may_still_answer(version: str) -> None:
    server = with_subscription(version)
    receive(server, b"DISCONNECT\nreceipt:77\n\n\0")
    assert server.send(Message("/q", message_id="m", subscription="s", ack="a"))
    assert server.send(Receipt("77")) == b"RECEIPT\nreceipt-id:77\n\n\0"
    assert server.state is State.DISCONNECTING
    assert close_by_peer(server).clean


# ------------------------------------------------------------------------ violations


ALL = "1.0 1.1 1.2"
REFUSED: list[tuple[str, str, bytes, str]] = [
    ("a second CONNECT", ALL, b"CONNECT\naccept-version:1.2\nhost:h\n\n\0", "unexpected-frame"),
    ("a frame of a server", ALL, b"MESSAGE\nsubscription:s\nmessage-id:m\ndestination:/q\n\n\0", "unexpected-frame"),
    ("an unknown command", ALL, b"HELLO\n\n\0", "unknown-command"),
    ("NACK in 1.0", "1.0", b"NACK\nmessage-id:m\n\n\0", "unknown-command"),
    ("SEND without destination", ALL, b"SEND\n\n\0", "missing-header"),
    ("SUBSCRIBE without destination", ALL, b"SUBSCRIBE\nid:x\n\n\0", "missing-header"),
    ("SUBSCRIBE without id", "1.1 1.2", b"SUBSCRIBE\ndestination:/q\n\n\0", "missing-header"),
    ("SUBSCRIBE with an id in use", ALL, b"SUBSCRIBE\nid:s\ndestination:/q\n\n\0", "duplicate-subscription"),
    ("SUBSCRIBE in an unknown mode", ALL, b"SUBSCRIBE\nid:x\ndestination:/q\nack:x\n\n\0", "bad-ack-mode"),
    ("UNSUBSCRIBE without id", "1.1 1.2", b"UNSUBSCRIBE\ndestination:/q\n\n\0", "missing-header"),
    ("UNSUBSCRIBE without id or destination", ALL, b"UNSUBSCRIBE\n\n\0", "missing-header"),
    ("UNSUBSCRIBE of an unknown id", ALL, b"UNSUBSCRIBE\nid:x\n\n\0", "unknown-subscription"),
    ("UNSUBSCRIBE of an unknown destination", "1.0", b"UNSUBSCRIBE\ndestination:/q\n\n\0", "unknown-subscription"),
    ("ACK without id", "1.2", b"ACK\nmessage-id:m\nsubscription:s\n\n\0", "missing-header"),
    ("ACK without message-id", "1.0 1.1", b"ACK\nid:a\nsubscription:s\n\n\0", "missing-header"),
    ("ACK without subscription", "1.1", b"ACK\nmessage-id:m\n\n\0", "missing-header"),
    ("NACK without subscription", "1.1", b"NACK\nmessage-id:m\n\n\0", "missing-header"),
    ("NACK without id", "1.2", b"NACK\n\n\0", "missing-header"),
    ("ACK of an unknown message", "1.2", b"ACK\nid:m\n\n\0", "not-acknowledgeable"),
    ("ACK of an unknown message", "1.0 1.1", b"ACK\nmessage-id:a\nsubscription:s\n\n\0", "not-acknowledgeable"),
    ("ACK of an unknown subscription", "1.0 1.1", b"ACK\nmessage-id:m\nsubscription:x\n\n\0", "unknown-subscription"),
    ("ACK in an unknown transaction", "1.2", b"ACK\nid:a\ntransaction:x\n\n\0", "unknown-transaction"),
    ("SEND in an unknown transaction", ALL, b"SEND\ndestination:/q\ntransaction:x\n\n\0", "unknown-transaction"),
    ("BEGIN without transaction", ALL, b"BEGIN\n\n\0", "missing-header"),
    ("COMMIT without transaction", ALL, b"COMMIT\n\n\0", "missing-header"),
    ("ABORT without transaction", ALL, b"ABORT\n\n\0", "missing-header"),
    ("BEGIN twice", ALL, b"BEGIN\ntransaction:t\n\n\0", "duplicate-transaction"),
    ("COMMIT without BEGIN", ALL, b"COMMIT\ntransaction:x\n\n\0", "unknown-transaction"),
    ("ABORT without BEGIN", ALL, b"ABORT\ntransaction:x\n\n\0", "unknown-transaction"),
    ("an undefined escape", "1.1 1.2", b"SEND\ndestination:/q\nx:\\t\n\n\0", "undefined-escape"),
    ("a body where none may be", "1.1 1.2", b"BEGIN\ntransaction:x\n\nbody\0", "body-not-allowed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("version", "wire", "code"),
    [
        pytest.param(version, wire, code, id=f"{version} {name}")
        for name, versions, wire, code in REFUSED
        for version in versions.split()
    ],
)
def test_a_violation_is_answered_with_its_receipt(version: str, wire: bytes, code: str) -> None:
    server = with_subscription(version)
    server.send(Message("/q", message_id="m", subscription="s", ack="a"))
    receive(server, b"BEGIN\ntransaction:t\n\n\0")
    command, _, rest = wire.partition(b"\n")
    if code == "unknown-command":
        expected = None  # the line with the receipt comes too late
    else:
        wire, expected = command + b"\nreceipt:r 1\n" + rest, "r 1"
    error = receive_error(server, wire)
    assert error.code == code
    hint = error.frame_hint
    assert hint is not None
    assert (hint.command, hint.headers.get("receipt-id")) == ("ERROR", expected)
    assert hint.headers["message"]
    assert hint.headers["content-type"] == "text/plain"
    assert str(error).encode() == hint.body
    assert server.state is State.REFUSING
    with pytest.raises(LocalProtocolError):
        server.send(Receipt("r"))
    assert server.send(hint).startswith(b"ERROR\nmessage:")


def test_the_answer_to_a_violation_to_the_byte() -> None:
    server = connected_server()
    error = receive_error(server, b"SEND\nreceipt:message-12345\n\nHello queue a!\0")
    assert error.frame_hint is not None
    assert server.send(error.frame_hint) == (
        b"ERROR\nmessage:SEND without its 'destination' header\nreceipt-id:message-12345\n"
        b"content-type:text/plain\ncontent-length:37\n\nSEND without its 'destination' header\0"
    )


@pytest.mark.parametrize(
    ("version", "raw", "echoed"),
    [
        ("1.0", b"a:b\\c", b"receipt-id:a:b\\c\n"),
        ("1.0", b" padded ", b"receipt-id:padded\n"),
        ("1.0", b"a\rb", b""),
        ("1.1", b"a\\cb\\nc", b"receipt-id:a\\cb\\nc\n"),
        ("1.1", b" padded ", b"receipt-id: padded \n"),
        ("1.1", b"a\rb", b""),
        ("1.2", b"a\\cb\\r\\\\", b"receipt-id:a\\cb\\r\\\\\n"),
        ("1.2", b"  padded", b"receipt-id:  padded\n"),
        ("1.2", b"", b"receipt-id:\n"),
    ],
)
def test_the_receipt_is_echoed_exactly_or_not_at_all(version: str, raw: bytes, echoed: bytes) -> None:
    server = connected_server(version)
    hint = receive_error(server, b"SEND\nreceipt:%b\n\n\0" % raw).frame_hint
    assert hint is not None
    wire = server.send(hint)
    assert echoed in wire
    assert (b"receipt-id" in wire) == bool(echoed)


@pytest.mark.parametrize(
    ("receipt", "echoed"),
    [
        (b"r 1", True),
        (b"X", True),
        (b"a:b", False),
        (b"a\\b", False),
        (b" r", False),
        (b"r ", False),
        (b"a  b", False),
    ],
)
def test_before_the_version_a_receipt_is_echoed_if_plain(receipt: bytes, echoed: bool) -> None:
    """That is, if all versions read it alike."""
    server = ServerConnection()
    hint = receive_error(server, b"SEND\nreceipt:%b\n\n\0" % receipt).frame_hint
    assert hint is not None
    assert hint.headers.get("receipt-id") == (receipt.decode() if echoed else None)
    assert len({hint.to_bytes(version) for version in VERSIONS}) == 1


def test_a_receipt_that_is_not_utf_8_is_not_echoed() -> None:
    server = ServerConnection(leniency=Leniency.permissive())
    hint = receive_error(server, b"SEND\nreceipt:\xff\n\n\0").frame_hint
    assert hint is not None
    assert b"receipt-id" not in server.send(hint)


def test_a_receipt_before_the_violation_is_echoed() -> None:
    server = connected_server()
    hint = receive_error(server, b"SEND\nreceipt:first\nreceipt:second\nx:\\t\n").frame_hint
    assert hint is not None
    assert hint.headers["receipt-id"] == "first"


def test_the_answer_has_a_short_header_and_the_whole_body() -> None:
    """A name of 64 KiB in the message header made a line that no client would read."""
    server = connected_server()
    name = "x" * 60_000
    hint = receive_error(server, b"COMMIT\ntransaction:%b\n\n\0" % name.encode()).frame_hint
    assert hint is not None
    assert len(hint.headers["message"]) == 200
    assert name in hint.body.decode()


@pytest.mark.parametrize(
    "wire", [b"\x16\x03\x01\x02", b"GET / HTTP/1.1\r\n\r\n", b"CONNECT\nbad\n", b"CONNECT\n\n\0\0"]
)
@pytest.mark.parametrize("supported", [("1.0",), ("1.2",)])
def test_the_answer_can_be_written_in_every_version(wire: bytes, supported: tuple[str, ...]) -> None:
    server = ServerConnection(supported)
    server.receive_data(wire)
    try:
        event = server.next_event()
    except Exception as error:
        hint = getattr(error, "frame_hint", None)
    else:
        assert isinstance(event, Connect)
        server.send(Connected())
        hint = receive_error(server, b"").frame_hint
    assert isinstance(hint, Frame)
    for version in VERSIONS:
        assert hint.to_bytes(version).startswith(b"ERROR\n")


def test_limits_hold_for_clients() -> None:
    server = connected_server(limits=Limits(max_body=3))
    assert receive_error(server, b"SEND\ndestination:/q\ncontent-length:4\n\n").code == "body-too-large"


# ------------------------------------------------------------------------ receiving


@pytest.mark.parametrize(
    ("version", "ack"),
    [
        ("1.0", b"ACK\nmessage-id:m\n\n\0"),
        ("1.1", b"ACK\nmessage-id:m\nsubscription:s\n\n\0"),
        ("1.2", b"ACK\nid:a\n\n\0"),
    ],
)
@chunkings
def test_a_message_can_be_acknowledged_once(version: str, ack: bytes, cut: Cut) -> None:
    server = with_subscription(version)
    server.send(Message("/q", message_id="m", subscription="s", ack="a"))
    event = one(receive(server, ack, cut=cut))
    assert isinstance(event, Ack)
    assert receive_error(server, ack).code == "not-acknowledgeable"
    if version != "1.0":
        server = with_subscription(version)
        server.send(Message("/q", message_id="m", subscription="s", ack="a"))
        assert isinstance(one(receive(server, b"N" + ack, cut=cut)), Nack)


def test_a_message_in_auto_mode_cannot_be_acknowledged() -> None:
    server = with_subscription(mode="auto")
    server.send(Message("/q", message_id="m", subscription="s", ack="a"))
    assert receive_error(server, b"ACK\nid:a\n\n\0").code == "not-acknowledgeable"


@every_version
def test_all_client_frames_are_events(version: str) -> None:
    server = connected_server(version)
    events = receive(
        server,
        b"BEGIN\ntransaction:t\n\n\0SEND\ndestination:/q\ntransaction:t\nreceipt:r\n\nhi\0COMMIT\ntransaction:t\n\n\0\n\n"
        b"SUBSCRIBE\nid:s\ndestination:/q\n\n\0UNSUBSCRIBE\nid:s\n\n\0DISCONNECT\n\n\0",
    )
    assert [type(event).__name__ for event in events] == [
        "Begin", "Send", "Commit", "HeartBeat", "Subscribe", "Unsubscribe", "Disconnect",
    ]  # fmt: skip
    assert events[1] == Send("/q", b"hi", transaction="t", receipt="r")
    assert events[4] == Subscribe("/q", id="s")


def test_in_1_0_a_destination_identifies_a_subscription() -> None:
    server = connected_server("1.0")
    receive(server, b"SUBSCRIBE\ndestination: /q\nack: client\n\n\0")
    server.send(Message("/q", message_id="m"))
    receive(server, b"ACK\nmessage-id: m\n\n\0UNSUBSCRIBE\ndestination: /q\n\n\0")
    with pytest.raises(LocalProtocolError):
        server.send(Message("/q", message_id="m"))


def test_after_disconnect_every_frame_is_a_violation() -> None:
    server = connected_server()
    receive(server, b"DISCONNECT\n\n\0")
    assert receive_error(server, b"SEND\ndestination:/q\n\n\0").code == "unexpected-frame"


# ---------------------------------------------------------------------- check_requests=False


def unchecked(version: str = "1.2") -> ServerConnection:
    server = ServerConnection(check_requests=False, leniency=Leniency(nack_in_1_0=True))
    server.receive_data(f"CONNECT\naccept-version:{version}\nhost:/\n\n\0".encode(), now=0.0)
    assert isinstance(server.next_event(), Connect)
    server.send(Connected(), now=0.0)
    return server


@pytest.mark.parametrize(
    "frame",
    [
        b"SEND\n\nx",
        b"SEND\ndestination:/queue/a\ntransaction:unknown\n\nx",
        b"SUBSCRIBE\nack:nonsense\n\n",
        b"UNSUBSCRIBE\n\n",
        b"ACK\nid:unknown\n\n",
        b"NACK\n\n",
        b"BEGIN\n\n",
        b"COMMIT\ntransaction:unknown\n\n",
        b"CONNECT\n\n",
        b"MESSAGE\n\n",
    ],
    ids=lambda frame: frame.partition(b"\n")[0].decode(),
)
@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
def test_without_checks_every_frame_is_returned(version: str, frame: bytes) -> None:
    """Twice, with what comes behind it; the state does not change."""
    server = unchecked(version)
    server.receive_data(frame + b"\0" + frame + b"\0DISCONNECT\n\n\0", now=1.0)
    events = [server.next_event() for _ in range(3)]
    assert [event.command for event in events if isinstance(event, Event)] == [
        frame.partition(b"\n")[0].decode(),
        frame.partition(b"\n")[0].decode(),
        "DISCONNECT",
    ]
    assert server.state is State.DISCONNECTING
    assert server.subscriptions == ()


def test_without_checks_a_frame_before_connect_is_returned() -> None:
    server = ServerConnection(check_requests=False)
    server.receive_data(b"SEND\n\nx\0CONNECT\naccept-version:1.2\nhost:/\n\n\0", now=0.0)
    assert isinstance(server.next_event(), Send)
    assert server.state is State.NEW
    assert isinstance(server.next_event(), Connect)
    assert server.send(Connected(), now=0.0) == b"CONNECTED\nversion:1.2\n\n\0"


def test_without_checks_messages_are_sent_as_they_are_given() -> None:
    server = unchecked()
    assert server.send(Message("/queue/a", message_id="1", subscription="unknown", body=b"x"), now=1.0)


def test_without_checks_bytes_that_are_no_stomp_are_refused_all_the_same() -> None:
    server = unchecked()
    server.receive_data(b"SEND\nno colon\n\n\0", now=1.0)
    with pytest.raises(RemoteProtocolError, match="colon"):
        server.next_event()
