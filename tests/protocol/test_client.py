"""ClientConnection: what it writes, to the byte, and the events that it makes of what brokers write."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stomp_core import (
    NEED_DATA,
    Ack,
    AckMode,
    ClientConnection,
    Connect,
    Connected,
    ConnectionGoneError,
    Error,
    Frame,
    FrameParser,
    Headers,
    Leniency,
    Limits,
    LocalProtocolError,
    Message,
    Nack,
    Receipt,
    RemoteProtocolError,
    Send,
    State,
    StompError,
    Subscribe,
    Tolerated,
    Unsubscribe,
    Version,
)
from tests.compiled import type_error

from .pair import (
    VERSIONS,
    Cut,
    chunkings,
    close_by_peer,
    connected_client,
    cut_bytes,
    cut_whole,
    drain,
    one,
    receive,
    receive_error,
)

every_version = pytest.mark.parametrize("version", VERSIONS)
MESSAGE = b"MESSAGE\nsubscription:s\nmessage-id:m\ndestination:/q\nack:a\n\nbody\0"


def with_message(version: str = "1.2", mode: Any = "client") -> tuple[ClientConnection, Message]:
    """Return a client that has received MESSAGE m of its subscription s."""
    client = connected_client(version)
    client.subscribe("/q", id="s", ack=mode)
    message = one(receive(client, MESSAGE))
    assert isinstance(message, Message)
    return client, message


# ------------------------------------------------------------------------ CONNECT


@pytest.mark.parametrize(
    ("versions", "wire"),
    [
        (("1.0", "1.1", "1.2"), b"CONNECT\naccept-version:1.0,1.1,1.2\nhost:h\n\n\0"),
        (("1.2", "1.0"), b"CONNECT\naccept-version:1.0,1.2\nhost:h\n\n\0"),
        (("1.2",), b"CONNECT\naccept-version:1.2\nhost:h\n\n\0"),
        (("1.1",), b"CONNECT\naccept-version:1.1\nhost:h\n\n\0"),
        (("1.0",), b"CONNECT\nhost:h\n\n\0"),
    ],
)
def test_accept_version_is_ascending_without_spaces(versions: tuple[str, ...], wire: bytes) -> None:
    assert ClientConnection(versions).connect(host="h") == wire


def test_connect_carries_login_passcode_and_heart_beat() -> None:
    wire = ClientConnection().connect(
        host="/", login="me", passcode="s3cret", heart_beat=(10_000, 5_000), headers={"client-id": "x"}
    )
    assert wire == (
        b"CONNECT\naccept-version:1.0,1.1,1.2\nhost:/\nlogin:me\npasscode:s3cret\nheart-beat:10000,5000\n"
        b"client-id:x\n\n\0"
    )


def test_stomp_is_another_command_for_connect() -> None:
    client = ClientConnection(("1.2",))
    assert client.send(Connect(host="h", command="STOMP")) == b"STOMP\naccept-version:1.2\nhost:h\n\n\0"
    assert client.state is State.CONNECTING


@pytest.mark.parametrize("offer", [None, ("1.0",)])
def test_stomp_is_not_written_to_servers_of_1_0(offer: tuple[str, ...] | None) -> None:
    """They know only CONNECT."""
    client = ClientConnection(("1.0",))
    with pytest.raises(LocalProtocolError, match="send CONNECT") as caught:
        client.send(Connect(host="h", command="STOMP", accept_version=offer))
    assert caught.value.code == "not-in-version"
    assert client.state is State.NEW
    assert client.connect(host="h").startswith(b"CONNECT\n")


def test_stomp_may_offer_1_0_to_a_server_that_knows_the_command() -> None:
    client = ClientConnection()
    wire = client.send(Connect(host="h", command="STOMP"))
    assert wire == b"STOMP\naccept-version:1.0,1.1,1.2\nhost:h\n\n\0"
    client.receive_data(b"CONNECTED\nversion:1.0\n\n\0")
    assert isinstance(client.next_event(), Connected)


def test_1_0_alone_needs_no_host() -> None:
    assert ClientConnection(("1.0",)).connect(login="me") == b"CONNECT\nlogin:me\n\n\0"


@pytest.mark.parametrize("versions", [("1.1",), ("1.2",), ("1.0", "1.1")])
def test_from_1_1_on_the_host_is_required(versions: tuple[str, ...]) -> None:
    client = ClientConnection(versions)
    with pytest.raises(LocalProtocolError, match="'host'") as caught:
        client.connect()
    assert caught.value.code == "missing-header"
    assert client.state is State.NEW
    client.connect(host="h")


def test_connect_may_offer_some_of_the_versions() -> None:
    client = ClientConnection()
    assert (
        client.send(Connect(host="h", accept_version=("1.1",)))
        == b"CONNECT\naccept-version:1.1\nhost:h\n\n\0"
    )
    assert receive_error(client, b"CONNECTED\nversion:1.2\n\n\0").code == "version-not-offered"


def test_an_offer_of_1_0_alone_may_be_explicit() -> None:
    wire = ClientConnection().send(Connect(accept_version=("1.0",)))
    assert wire == b"CONNECT\naccept-version:1.0\n\n\0"


def test_a_well_formed_accept_version_stays_in_its_place() -> None:
    wire = ClientConnection().send(
        Frame("CONNECT", [("host", "h"), ("accept-version", "1.1,1.2"), ("x", "y")])
    )
    assert wire == b"CONNECT\nhost:h\naccept-version:1.1,1.2\nx:y\n\n\0"


def test_spaces_in_accept_version_are_removed() -> None:
    client = ClientConnection()
    wire = client.send(Frame("CONNECT", [("host", "h"), ("accept-version", "1.1 , 1.2,")]))
    assert wire == b"CONNECT\naccept-version:1.1,1.2\nhost:h\n\n\0"
    wire = ClientConnection(("1.0",)).send(Frame("CONNECT", [("accept-version", " 1.0")]))
    assert wire == b"CONNECT\naccept-version:1.0\n\n\0"


@pytest.mark.parametrize(
    "connect",
    [
        Connect(host="h", accept_version=("1.2", "1.0", "1.1", "1.2")),
        Connect(host="h", accept_version=iter(["1.1", Version.V1_0, "1.2"])),
        Connect(host="h", headers={"accept-version": "1.2,1.1,1.0"}),
        Connect(host="h", headers={"accept-version": "1.0,1.1,1.1,1.2"}),
        Frame("CONNECT", [("accept-version", "1.2, 1.1,1.0,1.2"), ("host", "h")]),
    ],
)
def test_an_offer_is_a_list_of_increasing_versions(connect: Connect | Frame) -> None:
    """STOMP 1.2, "Protocol Negotiation"."""
    client = ClientConnection()
    assert client.send(connect) == b"CONNECT\naccept-version:1.0,1.1,1.2\nhost:h\n\n\0"
    client.receive_data(b"CONNECTED\nversion:1.0\n\n\0")
    assert isinstance(client.next_event(), Connected)


@pytest.mark.parametrize(
    ("connect", "code"),
    [
        (Connect(host="h", accept_version=("1.2", "2.0")), "bad-header-value"),
        (Connect(host="h", headers={"accept-version": ","}), "bad-header-value"),
        (Connect(host="h", headers={"accept-version": "1.2,1.3"}), "bad-header-value"),
        (Connect(host="h", accept_version=("1.1",)), "bad-header-value"),
        (Connect(host="h", accept_version=()), "bad-header-value"),
        (Connect(host="h", headers={"receipt": "r"}), "header-not-allowed"),
        (Connect(host="h", headers={"heart-beat": "soon"}), "bad-heart-beat"),
        (Connect(host="h\n"), "cannot-encode"),
        (Frame("CONNECT", [("host", "h")], b"body"), "body-not-allowed"),
        (Frame("CONNECT", [("host", "h"), ("accept-version", "1.2")], b"body"), "body-not-allowed"),
    ],
)
def test_a_refused_connect_changes_nothing(connect: Connect | Frame, code: str) -> None:
    client = ClientConnection(("1.2",))
    with pytest.raises(LocalProtocolError) as caught:
        client.send(connect)
    assert caught.value.code == code
    assert client.state is State.NEW
    assert client.connect(host="h") == b"CONNECT\naccept-version:1.2\nhost:h\n\n\0"


def test_connect_is_escaped_only_on_request() -> None:
    assert b"passcode:a\\b:c\n" in ClientConnection().connect(host="h", passcode="a\\b:c")
    assert b"passcode:a\\\\b\\cc\n" in ClientConnection(escape_connect=True).connect(
        host="h", passcode="a\\b:c"
    )


def test_a_received_connect_is_escaped_only_on_request() -> None:
    parser = FrameParser()
    parser.receive_data(b"CONNECT\naccept-version:1.2\nhost:h\npasscode:a\\b\n\n\0")
    frame = parser.next_frame()
    assert isinstance(frame, Frame)
    assert b"passcode:a\\\\b\n" in ClientConnection(escape_connect=True).send(frame)
    assert b"passcode:a\\b\n" in ClientConnection().send(frame)


# ------------------------------------------------------------------------ CONNECTED


@every_version
@chunkings
def test_the_version_of_connected_is_the_negotiated_one(version: str, cut: Cut) -> None:
    client = ClientConnection()
    client.connect(host="h")
    connected = one(receive(client, b"CONNECTED\nversion:%b\nsession:x\n\n\0" % version.encode(), cut=cut))
    assert isinstance(connected, Connected)
    assert (client.version, client.state) == (version, State.CONNECTED)


def test_no_version_is_known_before_connected() -> None:
    client = ClientConnection()
    client.connect(host="h")
    assert client.version is None


def test_connected_without_version_means_1_0() -> None:
    client = ClientConnection()
    client.connect(host="h")
    receive(client, b"CONNECTED\nsession: abc\n\n\0")
    assert client.version == "1.0"


@pytest.mark.parametrize(
    ("versions", "wire", "mentioned"),
    [
        (("1.1", "1.2"), b"CONNECTED\n\n\0", "names no version"),
        (("1.1", "1.2"), b"CONNECTED\nversion:1.0\n\n\0", "'1.0', but 1.1, 1.2"),
        (("1.0", "1.1"), b"CONNECTED\nversion:1.2\n\n\0", "'1.2'"),
        (("1.2",), b"CONNECTED\nversion:2.0\n\n\0", "'2.0'"),
        (("1.2",), b"CONNECTED\nversion: 1.2\n\n\0", "' 1.2'"),
        (("1.2",), b"CONNECTED\nversion:\n\n\0", "''"),
        (("1.2",), b"CONNECTED\nVersion:1.2\n\n\0", "names no version"),
        (("1.2",), b"CONNECTED\nversion:1.1\nversion:1.2\n\n\0", "'1.1'"),
    ],
)
def test_a_version_that_was_not_offered_is_an_error(
    versions: tuple[str, ...], wire: bytes, mentioned: str
) -> None:
    client = ClientConnection(versions)
    client.connect(host="h")
    error = receive_error(client, wire)
    assert (error.code, error.frame_hint) == ("version-not-offered", None)
    assert mentioned in str(error)
    assert "names no version" in str(error) or mentioned != "names no version"
    assert client.state is State.FAILED
    assert client.version is None


def test_the_error_for_a_wrong_version_claims_no_missing_one() -> None:
    client = ClientConnection(("1.2",))
    client.connect(host="h")
    assert "names no version" not in str(receive_error(client, b"CONNECTED\nversion:1.0\n\n\0"))


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_connected_may_not_have_a_body(version: str) -> None:
    client = ClientConnection()
    client.connect(host="h")
    error = receive_error(client, b"CONNECTED\nversion:%b\n\nbody\0" % version.encode())
    assert error.code == "body-not-allowed"


def test_a_tolerated_body_of_connected_is_dropped() -> None:
    client = ClientConnection(leniency=Leniency(unexpected_body=True))
    client.connect(host="h")
    connected = one(receive(client, b"CONNECTED\nversion:1.2\n\nbody\0"))
    assert (connected.frame.body, connected.version) == (b"", "1.2")


def test_in_1_0_connected_may_have_a_body() -> None:
    client = ClientConnection()
    client.connect(host="h")
    assert one(receive(client, b"CONNECTED\nsession:x\n\nhi\0")).frame.body == b"hi"


def test_a_receipt_id_in_connected_is_a_plain_header() -> None:
    """ActiveMQ writes one."""
    client = ClientConnection()
    client.connect(host="h")
    connected = one(receive(client, b"CONNECTED\nversion:1.2\nreceipt-id:r\n\n\0\n"))
    assert connected.headers["receipt-id"] == "r"


def test_error_in_place_of_connected_fails_the_connection() -> None:
    client = ClientConnection()
    client.connect(host="h")
    error = one(receive(client, b"ERROR\nmessage:Bad CONNECT\ncontent-length:13\n\nAccess denied\0\n"))
    assert isinstance(error, Error)
    assert error.description == "Bad CONNECT: Access denied"
    assert client.state is State.FAILED
    with pytest.raises(ConnectionGoneError):
        client.connect(host="h")


@chunkings
@pytest.mark.parametrize(
    ("version", "value"),
    [("1.0", "a\\cb"), ("1.1", "a:b"), ("1.2", "a:b")],
)
def test_frames_behind_connected_are_read_in_its_version(version: str, value: str, cut: Cut) -> None:
    client = ClientConnection()
    client.connect(host="h")
    events = receive(
        client,
        b"CONNECTED\nversion:%b\n\n\0\nMESSAGE\nsubscription:s\nmessage-id:1\ndestination:/q\nx:a\\cb\n\n\0"
        % version.encode(),
        cut=cut,
    )
    assert [type(event) for event in events] == [Connected, Message]
    assert isinstance(events[1], Message)
    assert events[1].headers["x"] == value


@pytest.mark.parametrize(("version", "accepted"), [("1.0", False), ("1.1", False), ("1.2", True)])
def test_crlf_behind_connected_is_read_in_1_2_only(version: str, accepted: bool) -> None:
    client = ClientConnection()
    client.connect(host="h")
    client.receive_data(
        b"CONNECTED\r\nversion:%b\r\n\r\n\0RECEIPT\r\nreceipt-id:r\r\n\r\n\0" % version.encode()
    )
    assert isinstance(client.next_event(), Connected)
    if accepted:
        assert one(drain(client)) == Receipt("r")
    else:
        assert receive_error(client, b"").code == "unknown-command"


@pytest.mark.parametrize(
    ("mine", "header", "agreed"),
    [
        ((10_000, 20_000), b"heart-beat:5000,30000\n", (30.0, 20.0)),
        ((10_000, 20_000), b"heart-beat:0,0\n", (0.0, 0.0)),
        ((10_000, 20_000), b"", (0.0, 0.0)),
        ((10_000, 0), b"heart-beat:5000,5000\n", (10.0, 0.0)),
        ((0, 10_000), b"heart-beat:25000,5000\n", (0.0, 25.0)),
        (None, b"heart-beat:1000,1000\n", (0.0, 0.0)),
    ],
)
@every_version
def test_heart_beats_are_negotiated_in_every_version(
    version: str, mine: tuple[int, int] | None, header: bytes, agreed: tuple[float, float]
) -> None:
    """The header decides, not the version."""
    assert connected_client(version, header, heart_beat=mine).heart_beat == agreed


def test_a_malformed_heart_beat_is_an_error() -> None:
    client = ClientConnection()
    client.connect(host="h")
    error = receive_error(client, b"CONNECTED\nversion:1.2\nheart-beat:-1,0\n\n\0")
    assert error.code == "bad-heart-beat"
    assert "'-1,0' of CONNECTED" in str(error)


def test_a_tolerated_heart_beat_counts_as_0_0() -> None:
    """Tolerated comes before the frame that it is about."""
    client = ClientConnection(leniency=Leniency(bad_heart_beat=True))
    client.connect(host="h", heart_beat=(1, 1))
    events = receive(client, b"CONNECTED\nversion:1.2\nheart-beat:x\n\n\0")
    assert [type(event) for event in events] == [Tolerated, Connected]
    assert isinstance(events[0], Tolerated)
    assert events[0].code == "bad-heart-beat"
    assert events[0].description == "the heart-beat header 'x' of CONNECTED is not two numbers; taken as 0,0"
    assert client.heart_beat == (0.0, 0.0)


LATE = b"ERROR\nmessage:Subscription not found\n\nThere is no current subscription with tag 'T_%b'.\0\n"


def test_an_error_about_a_late_message_ends_nothing() -> None:
    """RabbitMQ sends one for each message that was on its way to a subscription when that was ended."""
    client = connected_client("1.2")
    client.send(Subscribe("/q", id="s"))
    client.send(Unsubscribe("s", receipt="r"))
    events = receive(client, b"RECEIPT\nreceipt-id:r\n\n\0" + 2 * LATE % (b"s", b"s"))
    assert [type(event) for event in events] == [Receipt, Tolerated, Tolerated]
    assert client.state.value == "connected"
    client.send(Subscribe("/q", id="s"))
    assert [type(event) for event in receive(client, LATE % b"s")] == [Error]
    assert client.state.value == "failed"


@pytest.mark.parametrize(
    "leniency", [Leniency(), Leniency(unchecked_conversation=True, late_message_errors=True)]
)
def test_an_error_about_a_late_message_is_an_error_without_leniency(leniency: Leniency) -> None:
    client = ClientConnection(leniency=leniency)
    client.connect(host="h")
    receive(client, b"CONNECTED\nversion:1.2\n\n\0")
    assert [type(event) for event in receive(client, LATE % b"s")] == [Error]


@pytest.mark.parametrize("body", [b"", b"There is no current subscription with tag 'Q_s'.", LATE + b" More."])
def test_other_errors_are_no_late_messages(body: bytes) -> None:
    client = connected_client("1.2")
    assert [type(event) for event in receive(client, b"ERROR\n\n%b\0" % body.strip(b"\0\n"))] == [Error]


@pytest.mark.parametrize("version", VERSIONS)
def test_missing_message_headers_are_tolerated_on_request(version: str) -> None:
    bare = b"MESSAGE\n\nx\0"
    error = receive_error(connected_client(version), bare)
    assert (error.code, str(error)) == ("missing-header", "MESSAGE without its 'destination' header")

    message = one(receive(connected_client(version, leniency=Leniency(missing_message_headers=True)), bare))
    assert isinstance(message, Message)
    assert (message.destination, message.message_id, message.subscription) == ("", "", None)
    assert message.body == b"x"


def test_missing_message_headers_concerns_no_other_frame() -> None:
    error = receive_error(connected_client(leniency=Leniency(missing_message_headers=True)), b"RECEIPT\n\n\0")
    assert error.code == "missing-header"


BROWSED = b"MESSAGE\ndestination:/q\nmessage-id:1\nsubscription:s\nack:a\n\none\0"
# ActiveMQ 5.17 sends this MESSAGE, whatever the ack mode, behind the last one of a queue that is browsed.
BROWSER_END = b"MESSAGE\nbrowser:end\ndestination:/q\nmessage-id:0\nsubscription:s\n\n\0\n"


@pytest.mark.parametrize("ack", ["client", "client-individual"])
def test_the_end_of_a_browsed_queue_needs_no_ack_header(ack: AckMode) -> None:
    client = connected_client("1.2")
    client.subscribe("/q", id="s", ack=ack)
    first, end, again = receive(client, BROWSED + BROWSER_END + BROWSED.replace(b":a", b":b"))
    assert isinstance(first, Message)
    assert isinstance(end, Message)
    assert isinstance(again, Message)
    assert end.ack is None
    with pytest.raises(
        LocalProtocolError, match="has no 'ack' header, so it cannot be acknowledged"
    ) as caught:
        end.acknowledge()
    assert caught.value.code == "not-acknowledgeable"
    assert client.unacknowledged("s") == ("a", "b")
    client.send(first.acknowledge())
    client.send(again.acknowledge())
    assert client.unacknowledged("s") == ()


def test_without_leniency_the_end_of_a_browsed_queue_is_an_error() -> None:
    client = connected_client("1.2", leniency=Leniency())
    client.subscribe("/q", id="s", ack="client")
    assert receive_error(client, BROWSER_END).code == "missing-header"


def test_missing_message_headers_does_not_concern_ack() -> None:
    client = connected_client("1.2", leniency=Leniency(missing_message_headers=True))
    client.subscribe("/q", id="s", ack="client")
    assert receive_error(client, b"MESSAGE\nsubscription:s\n\n\0").code == "missing-header"


def test_between_frames_means_nothing_buffered_or_unreturned() -> None:
    client = connected_client()
    seen = [client.between_frames]
    for piece in (MESSAGE[:-1], MESSAGE[-1:], b"\n\n"):
        client.receive_data(piece)
        seen.append(client.between_frames)
        drain(client)
        seen.append(client.between_frames)
    assert seen == [True, False, False, False, True, False, True]


# ------------------------------------------------------------------------ sending


FRAMES_SENT: list[tuple[str, Any, dict[str, bytes | str]]] = [
    (
        "SEND of bytes",
        lambda client: client.send("/q", b"a\0b", receipt="r", headers={"x": "y"}),
        dict.fromkeys(VERSIONS, b"SEND\ndestination:/q\nx:y\nreceipt:r\ncontent-length:3\n\na\0b\0"),
    ),
    (
        "SEND of text",
        lambda client: client.send("/q", "h\xe9"),
        dict.fromkeys(
            VERSIONS,
            b"SEND\ndestination:/q\ncontent-type:text/plain;charset=utf-8\ncontent-length:3\n\nh\xc3\xa9\x00",
        ),
    ),
    (
        "SEND in a transaction",
        lambda client: client.send("/q", transaction="t", content_type="a/b"),
        dict.fromkeys(VERSIONS, b"SEND\ndestination:/q\ncontent-type:a/b\ntransaction:t\n\n\0"),
    ),
    (
        "SEND without content-length",
        lambda client: client.send("/q", b"x", content_length=False),
        dict.fromkeys(VERSIONS, b"SEND\ndestination:/q\n\nx\0"),
    ),
    (
        "SEND of NUL without content-length",
        lambda client: client.send("/q", b"\0", content_length=False),
        dict.fromkeys(VERSIONS, "cannot-encode"),
    ),
    (
        "SEND of what must be escaped",
        lambda client: client.send("/q", headers={"a:b": "c\r\nd\\"}),
        {
            "1.0": "cannot-encode",
            "1.1": "cannot-encode",
            "1.2": b"SEND\ndestination:/q\na\\cb:c\\r\\nd\\\\\n\n\0",
        },
    ),
    (
        "SUBSCRIBE",
        lambda client: client.subscribe(
            "/q", id="s2", ack="client", receipt="r", headers={"selector": "a=1"}
        ),
        dict.fromkeys(
            VERSIONS, b"SUBSCRIBE\nid:s2\ndestination:/q\nack:client\nreceipt:r\nselector:a=1\n\n\0"
        ),
    ),
    (
        "SUBSCRIBE without id",
        lambda client: client.subscribe("/q"),
        {"1.0": b"SUBSCRIBE\ndestination:/q\n\n\0", "1.1": "missing-header", "1.2": "missing-header"},
    ),
    (
        "UNSUBSCRIBE",
        lambda client: client.unsubscribe("s", receipt="r", headers={"durable": "true"}),
        dict.fromkeys(VERSIONS, b"UNSUBSCRIBE\nid:s\nreceipt:r\ndurable:true\n\n\0"),
    ),
    (
        "UNSUBSCRIBE by destination",
        lambda client: client.unsubscribe(destination="/without"),
        {"1.0": b"UNSUBSCRIBE\ndestination:/without\n\n\0", "1.1": "missing-header", "1.2": "missing-header"},
    ),
    (
        "UNSUBSCRIBE of nothing",
        lambda client: client.unsubscribe(),
        dict.fromkeys(VERSIONS, "missing-header"),
    ),
    (
        "ACK by id",
        lambda client: client.ack("a", transaction="t", receipt="r", headers={"x": "y"}),
        {
            "1.0": "not-acknowledgeable",
            "1.1": "missing-header",
            "1.2": b"ACK\nid:a\ntransaction:t\nreceipt:r\nx:y\n\n\0",
        },
    ),
    (
        "ACK by message-id and subscription",
        lambda client: client.ack("m", subscription="s", transaction="t", receipt="r", headers={"x": "y"}),
        {
            "1.0": b"ACK\nmessage-id:m\nsubscription:s\ntransaction:t\nreceipt:r\nx:y\n\n\0",
            "1.1": b"ACK\nmessage-id:m\nsubscription:s\ntransaction:t\nreceipt:r\nx:y\n\n\0",
            "1.2": "not-acknowledgeable",
        },
    ),
    (
        "ACK by message-id",
        lambda client: client.ack("m"),
        {"1.0": b"ACK\nmessage-id:m\n\n\0", "1.1": "missing-header", "1.2": "not-acknowledgeable"},
    ),
    (
        "ACK of 1.2 as an event",
        lambda client: client.send(Ack("a")),
        {"1.0": "missing-header", "1.1": "missing-header", "1.2": b"ACK\nid:a\n\n\0"},
    ),
    (
        "ACK of 1.1 as an event",
        lambda client: client.send(Ack(message_id="m", subscription="s")),
        {
            "1.0": b"ACK\nmessage-id:m\nsubscription:s\n\n\0",
            "1.1": b"ACK\nmessage-id:m\nsubscription:s\n\n\0",
            "1.2": "missing-header",
        },
    ),
    (
        "NACK by id",
        lambda client: client.nack("a", transaction="t", receipt="r", headers={"x": "y"}),
        {
            "1.0": "not-in-version",
            "1.1": "missing-header",
            "1.2": b"NACK\nid:a\ntransaction:t\nreceipt:r\nx:y\n\n\0",
        },
    ),
    (
        "NACK by message-id and subscription",
        lambda client: client.nack("m", subscription="s", transaction="t", receipt="r", headers={"x": "y"}),
        {
            "1.0": "not-in-version",
            "1.1": b"NACK\nmessage-id:m\nsubscription:s\ntransaction:t\nreceipt:r\nx:y\n\n\0",
            "1.2": "not-acknowledgeable",
        },
    ),
    (
        "BEGIN",
        lambda client: client.begin("t2", receipt="r", headers={"x": "y"}),
        dict.fromkeys(VERSIONS, b"BEGIN\ntransaction:t2\nreceipt:r\nx:y\n\n\0"),
    ),
    (
        "COMMIT",
        lambda client: client.commit("t", receipt="r", headers={"x": "y"}),
        dict.fromkeys(VERSIONS, b"COMMIT\ntransaction:t\nreceipt:r\nx:y\n\n\0"),
    ),
    (
        "ABORT",
        lambda client: client.abort("t", receipt="r", headers={"x": "y"}),
        dict.fromkeys(VERSIONS, b"ABORT\ntransaction:t\nreceipt:r\nx:y\n\n\0"),
    ),
    (
        "DISCONNECT",
        lambda client: client.disconnect(receipt="77", headers={"x": "y"}),
        dict.fromkeys(VERSIONS, b"DISCONNECT\nreceipt:77\nx:y\n\n\0"),
    ),
    (
        "a second CONNECT",
        lambda client: client.connect(host="h"),
        dict.fromkeys(VERSIONS, "unexpected-frame"),
    ),
    (
        "a transaction that is not open",
        lambda client: client.commit("never"),
        dict.fromkeys(VERSIONS, "unknown-transaction"),
    ),
    (
        "a header without text",
        lambda client: client.send("/q", headers={"a": 1}),
        dict.fromkeys(VERSIONS, "not-text"),
    ),
]


@every_version
@pytest.mark.parametrize(
    ("send", "expected"), [row[1:] for row in FRAMES_SENT], ids=[row[0] for row in FRAMES_SENT]
)
def test_client_frames_to_the_byte_in_every_version(
    version: str, send: Any, expected: dict[str, bytes | str]
) -> None:
    client, _ = with_message(version)
    if version == "1.0":
        client.subscribe("/without")
    client.begin("t")
    outcome = expected[version]
    if isinstance(outcome, bytes):
        assert send(client) == outcome
        return
    with pytest.raises(LocalProtocolError) as caught:
        send(client)
    assert caught.value.code == outcome
    # Nothing has changed: everything that could be sent before can still be sent.
    assert client.state is State.CONNECTED
    client.ack("a") if version == "1.2" else client.ack("m", subscription="s")
    client.commit("t")
    client.unsubscribe("s")
    client.disconnect()


@every_version
def test_ack_and_nack_take_a_message(version: str) -> None:
    wires = {
        "1.0": b"ACK\nmessage-id:m\n\n\0",
        "1.1": b"ACK\nmessage-id:m\nsubscription:s\n\n\0",
        "1.2": b"ACK\nid:a\n\n\0",
    }
    client, message = with_message(version)
    assert client.ack(message) == wires[version]
    client, message = with_message(version)
    if version == "1.0":
        with pytest.raises(LocalProtocolError, match="NACK does not exist"):
            client.nack(message)
    else:
        assert client.nack(message) == b"N" + wires[version]
    client, message = with_message(version)
    client.begin("t")
    more = b"transaction:t\nreceipt:r\nx:y\n\n\0"
    assert client.ack(message, transaction="t", receipt="r", headers={"x": "y"}) == wires[version][:-2] + more
    if version != "1.0":
        client, message = with_message(version)
        client.begin("t")
        wire = client.nack(message, transaction="t", receipt="r", headers={"x": "y"})
        assert wire == b"N" + wires[version][:-2] + more


def test_a_message_of_another_connection_cannot_be_acked() -> None:
    _, message = with_message()
    client = connected_client()
    client.subscribe("/q", id="s", ack="client")
    with pytest.raises(LocalProtocolError) as caught:
        client.ack(message)
    assert caught.value.code == "not-acknowledgeable"


def test_a_refused_ack_leaves_the_message_unacknowledged() -> None:
    client, message = with_message()
    with pytest.raises(LocalProtocolError):
        client.ack(message, transaction="never")
    with pytest.raises(LocalProtocolError):
        client.ack(message, headers={"a": "\0"})
    client.ack(message)
    with pytest.raises(LocalProtocolError):
        client.ack(message)


def test_send_takes_events_frames_and_destinations() -> None:
    client = connected_client()
    wire = b"SEND\ndestination:/q\ncontent-length:1\n\nx\0"
    assert client.send("/q", b"x") == client.send(Send("/q", b"x")) == wire
    assert client.send(Frame("SEND", {"destination": "/q"}, b"x")) == wire
    for other in (None, 5, b"/q", object()):
        with pytest.raises(TypeError, match=type(other).__name__):
            client.send(other)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "arguments",
    [
        {"body": b"x"}, {"content_type": "a/b"}, {"transaction": "t"}, {"receipt": "r"}, {"headers": {"a": "b"}},
        {"content_length": False},
    ],
)  # fmt: skip
def test_message_arguments_need_a_destination(arguments: Any) -> None:
    """They were ignored beside an event or a frame."""
    client = connected_client()
    client.begin("t")
    assert client.send("/q", **arguments)
    for what in (Send("/q"), Frame("SEND", {"destination": "/q"})):
        with pytest.raises(TypeError, match="with a destination only"):
            client.send(what, **arguments)


def test_a_received_frame_is_sent_with_its_received_bytes() -> None:
    """But only if it may be sent: the parser reads frames without required headers."""
    parser = FrameParser("1.2")
    wire = b"SEND\r\ndestination:/q\r\n\r\nx\0"
    parser.receive_data(wire + b"BEGIN\n\n\0" + b"SEND\n\n\0")
    client = connected_client()
    frames: list[Any] = [parser.next_frame() for _ in range(3)]
    assert client.send(frames[0]) == wire
    for frame in frames[1:]:
        with pytest.raises(LocalProtocolError) as caught:
            client.send(frame)
        assert caught.value.code == "missing-header"
    assert connected_client("1.1").send(frames[0]) == b"SEND\ndestination:/q\n\nx\0"


@every_version
def test_repeated_headers_are_sent_like_new_ones(version: str) -> None:
    """SENDs with the same Headers object take a straight path, which gives the same bytes and the same refusals."""
    client, same = connected_client(version), Headers({"destination": "/q", "x": "y"})
    for number in range(5):
        for body in (b"", b"text", b"\0", b"%d" % number):
            for counted in (True, False):
                expected = outcome(client, Headers(same.items()), body, counted)
                assert outcome(client, same, body, counted) == expected
    for _ in range(3):
        for length in ("4", "04", "6", "0"):
            stated = Headers({"a": "b", "content-length": length, "destination": "/q"})
            escaped = Headers([*stated.items(), ("c", ":\\"), ("content-length", length)])
            for body in (b"text", b"longer", b"", b"\0abc"):
                for counted in (True, False):
                    for pairs in (stated.items(), escaped.items()):
                        expected = outcome(connected_client(version), Headers(pairs), body, counted)
                        assert outcome(client, Headers(pairs), body, counted) == expected
    in_transaction = Headers({"destination": "/q", "transaction": "t"})
    client.begin("t")
    for _ in range(4):
        assert b"transaction:t" in client.send(Send.from_frame(Frame("SEND", in_transaction)), now=1.0)
    client.commit("t")
    for headers in (in_transaction, Headers([*in_transaction.items(), ("content-length", "0")])):
        with pytest.raises(LocalProtocolError, match="no transaction 't'"):
            client.send(Send.from_frame(Frame("SEND", headers)), now=1.0)
    same_again = Send.from_frame(Frame("SEND", same, b"x"))
    with pytest.raises(TypeError, match="with a destination only"):
        client.send(same_again, receipt="r", now=1.0)  # type: ignore[call-overload]
    for now in (nan, inf):
        with pytest.raises(ValueError, match="now must be a finite number"):
            client.send(same_again, now=now)
    client.disconnect()
    with pytest.raises(LocalProtocolError, match="'disconnecting'"):
        client.send(same_again, now=1.0)
    close_by_peer(client)
    with pytest.raises(ConnectionGoneError):
        client.send(same_again, now=1.0)


def test_repeated_headers_count_as_a_heart_beat_like_new_ones() -> None:
    client = connected_client("1.2", b"heart-beat:0,1000\n", heart_beat=(1000, 0))
    send = Send.from_frame(Frame("SEND", Headers({"destination": "/q"})))
    for now in (0.5, 1.0, 1.5, 2.0):
        client.send(send, now=now)
        assert client.next_deadline() == now + 1.0
    client.receive_data(b"\n", now=2.5)
    client.handle_timeout(9.0)
    with pytest.raises(TypeError, match=type_error("now must be a number")):
        client.send(send, now="1")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="heart-beats were negotiated"):
        client.send(send)


def outcome(client: ClientConnection, headers: Headers, body: bytes, counted: bool) -> bytes | str:
    """Send such a SEND; return its bytes or the code of its refusal."""
    try:
        return client.send(Send.from_frame(Frame("SEND", headers, body), content_length=counted), now=1.0)
    except LocalProtocolError as error:
        return error.code


def test_a_received_frame_is_sent_with_its_bytes_every_time() -> None:
    parser = FrameParser("1.2")
    wire = b"SEND\r\ndestination:/q\n\nx\0"
    parser.receive_data(wire)
    frame = parser.next_frame()
    assert isinstance(frame, Frame)
    client = connected_client()
    assert [client.send(Send.from_frame(frame), now=1.0) for _ in range(4)] == [wire] * 4


# ------------------------------------------------------------------------ receiving


@every_version
@chunkings
def test_message_receipt_and_error_are_events(version: str, cut: Cut) -> None:
    client = connected_client(version)
    client.subscribe("/q", id="s")
    events = receive(
        client,
        b"MESSAGE\nsubscription:s\nmessage-id:m\ndestination:/q\ncontent-length:3\n\na\0b\0\n"
        b"RECEIPT\nreceipt-id:77\n\n\0"
        b"ERROR\nmessage:malformed\n\nwhy\0",
        cut=cut,
    )
    assert events == [
        Message("/q", message_id="m", subscription="s", body=b"a\0b"),
        Receipt("77"),
        Error("malformed", body=b"why"),
    ]


REQUIRED = {
    "1.0": [(b"MESSAGE", ("destination", "message-id")), (b"RECEIPT", ("receipt-id",))],
    "1.1": [(b"MESSAGE", ("destination", "message-id", "subscription")), (b"RECEIPT", ("receipt-id",))],
    "1.2": [(b"MESSAGE", ("destination", "message-id", "subscription")), (b"RECEIPT", ("receipt-id",))],
}


@pytest.mark.parametrize(
    ("version", "command", "names", "missing"),
    [
        pytest.param(version, command, names, missing, id=f"{version} {command.decode()} without {missing}")
        for version, rows in REQUIRED.items()
        for command, names in rows
        for missing in names
    ],
)
@pytest.mark.parametrize("mode", ["auto", "client"])
@pytest.mark.parametrize("disguise", [b"x-%b:v\n", b"%b-x:v\n", b"X:%b\n", b"\\\\n%b:v\n", b"a:b\\n%b\\cv\n"])
def test_a_missing_required_header_is_an_error(
    version: str, command: bytes, names: tuple[str, ...], missing: str, mode: Any, disguise: bytes
) -> None:
    """Whatever else in the frame looks like it."""
    client = connected_client(version)
    client.subscribe("/q", id="s", ack=mode)
    head = b"".join(b"%b:s\n" % name.encode() for name in names if name != missing)
    error = receive_error(client, b"%b\n%back:a\n%b\n\0" % (command, head, disguise % missing.encode()))
    assert error.code == "missing-header"
    assert f"without its {missing!r} header" in str(error)
    assert client.state is State.FAILED


def test_in_1_0_a_message_needs_no_subscription() -> None:
    client = connected_client("1.0")
    client.subscribe("/q", ack="client")
    message = one(receive(client, b"MESSAGE\ndestination:/q\nmessage-id: m\n\nhello queue a\0"))
    assert (message.subscription, message.message_id) == (None, "m")
    assert client.ack(message) == b"ACK\nmessage-id:m\n\n\0"


def test_an_empty_header_is_not_missing() -> None:
    client = connected_client()
    message = one(receive(client, b"MESSAGE\nsubscription:\nmessage-id:\ndestination:\n\n\0"))
    assert (message.subscription, message.message_id, message.destination) == ("", "", "")


@pytest.mark.parametrize("mode", ["client", "client-individual"])
@chunkings
def test_in_1_2_a_message_to_be_acked_needs_an_ack_header(mode: Any, cut: Cut) -> None:
    client = connected_client(leniency=Leniency())
    client.subscribe("/q", id="s", ack=mode)
    wire = b"MESSAGE\nsubscription:s\nmessage-id:m\ndestination:/q\n\n\0"
    receive(client, wire[:-1], cut=cut)
    error = receive_error(client, wire[-1:])
    assert error.code == "missing-header"
    assert client.state is State.FAILED


def test_in_1_2_a_message_in_auto_mode_needs_no_ack_header() -> None:
    """Also while another subscription acknowledges."""
    client = connected_client()
    client.subscribe("/q", id="auto")
    client.subscribe("/q", id="s", ack="client")
    assert one(receive(client, b"MESSAGE\nsubscription:auto\nmessage-id:m\ndestination:/q\n\n\0")).ack is None


@pytest.mark.parametrize("mode", [None, "client", "client-individual"])
@every_version
def test_a_message_for_an_unknown_subscription_is_an_event(version: str, mode: Any) -> None:
    """RabbitMQ sends replies to /temp-queue/ without SUBSCRIBE."""
    client = connected_client(version)
    client.subscribe("/q", id="other", ack=mode)
    wire = b"MESSAGE\nsubscription:/temp-queue/x\nmessage-id:m\ndestination:/queue/y\n\n\0"
    assert one(receive(client, wire)).subscription == "/temp-queue/x"
    assert client.state is State.CONNECTED


@every_version
def test_a_message_in_flight_at_unsubscribe_cannot_be_acked(
    version: str,
) -> None:
    """It is an event like any other."""
    client, first = with_message(version)
    client.unsubscribe("s")
    late = one(receive(client, MESSAGE.replace(b":a\n", b":b\n").replace(b":m\n", b":n\n")))
    assert isinstance(late, Message)
    for message in (first, late):
        with pytest.raises(LocalProtocolError):
            client.ack(message)


def test_receipt_and_transaction_of_a_message_mean_nothing() -> None:
    """RabbitMQ copies them from SEND."""
    client = connected_client()
    client.subscribe("/q", id="s", ack="client")
    wire = MESSAGE.replace(b"\n\n", b"\nreceipt:r\ntransaction:never\n\n")
    assert one(receive(client, wire)).headers["transaction"] == "never"


def test_an_unexpected_receipt_is_an_event() -> None:
    client = connected_client()
    assert receive(client, b"RECEIPT\nreceipt-id:x\n\n\0RECEIPT\nreceipt-id:x\n\n\0") == [
        Receipt("x"),
        Receipt("x"),
    ]


def test_the_command_decides_and_not_the_headers() -> None:
    client = connected_client()
    events = receive(
        client, MESSAGE.replace(b"MESSAGE\n", b"RECEIPT\nreceipt-id:r\n").replace(b"body", b"")
    ) + receive(client, MESSAGE.replace(b"MESSAGE\n", b"ERROR\n"))
    assert [type(event) for event in events] == [Receipt, Error]
    assert client.state is State.FAILED


@chunkings
def test_after_an_error_only_further_errors_are_events(cut: Cut) -> None:
    client = connected_client()
    events = receive(
        client,
        b"ERROR\nmessage:one\n\n\0RECEIPT\nreceipt-id:r\n\n\0\n\n\n" + MESSAGE + b"ERROR\nmessage:two\n\n\0",
        cut=cut,
    )
    assert events == [Error("one"), Error("two")]
    assert client.state is State.FAILED


@every_version
def test_after_disconnect_message_and_receipt_still_come(version: str) -> None:
    client, _ = with_message(version)
    assert client.disconnect(receipt="77") == b"DISCONNECT\nreceipt:77\n\n\0"
    events = receive(client, MESSAGE + b"\nRECEIPT\nreceipt-id:77\n\n\0")
    assert [type(event) for event in events] == [Message, Receipt]
    assert client.state is State.DISCONNECTING
    client.receive_data(b"")
    closed = client.next_event()
    assert getattr(closed, "clean", None) is True


def test_after_disconnect_required_headers_are_still_required() -> None:
    client, _ = with_message()
    client.disconnect()
    assert receive_error(client, b"MESSAGE\nsubscription:s\nmessage-id:m\n\n\0").code == "missing-header"


def test_after_disconnect_nothing_can_be_acknowledged() -> None:
    client, message = with_message()
    client.disconnect()
    with pytest.raises(LocalProtocolError) as caught:
        client.ack(message)
    assert caught.value.code == "unexpected-frame"


@pytest.mark.parametrize("tolerated", [True, False])
def test_the_leniency_decides_what_is_tolerated(tolerated: bool) -> None:
    client = connected_client("1.1", leniency=Leniency(crlf=tolerated))
    wire = b"RECEIPT\r\nreceipt-id:r\r\n\r\n\0"
    if tolerated:
        assert one(receive(client, wire)) == Receipt("r")
    else:
        assert receive_error(client, wire).code == "unknown-command"


def test_by_default_what_rabbitmq_needs_is_tolerated() -> None:
    client = connected_client("1.1")
    assert one(receive(client, b"RECEIPT\nreceipt-id:a\\rb\n\n\0")) == Receipt("a\rb")
    assert receive_error(client, b"RECEIPT\nreceipt-id:a\\tb\n\n\0").code == "undefined-escape"


def test_limits_hold_for_servers() -> None:
    client = connected_client(limits=Limits(max_body=3))
    assert receive_error(client, MESSAGE.replace(b"\n\n", b"\ncontent-length:4\n\n")).code == "body-too-large"


def test_cumulative_acknowledgement_to_the_end() -> None:
    client = connected_client()
    client.subscribe("/q", id="s", ack="client")
    wires = [MESSAGE.replace(b":a\n", b":%d\n" % number) for number in range(5)]
    messages = receive(client, b"".join(wires))
    third, fourth = messages[2:4]
    assert isinstance(third, Message)
    assert isinstance(fourth, Message)
    client.ack(third)
    for message in messages[:3]:
        assert isinstance(message, Message)
        with pytest.raises(LocalProtocolError):
            client.ack(message)
    client.nack(fourth)
    assert client.next_event() is NEED_DATA


def test_events_are_sent_like_the_methods_of_their_commands() -> None:
    client = connected_client()
    assert client.send(Subscribe("/q", id="s")) == b"SUBSCRIBE\nid:s\ndestination:/q\n\n\0"
    assert client.send(Unsubscribe("s")) == b"UNSUBSCRIBE\nid:s\n\n\0"
    with pytest.raises(LocalProtocolError):
        client.send(Nack("a"))


HEADER_LINES = [
    b"subscription:s", b"subscription:t", b"subscription:", b"message-id:1", b"message-id:a\\cb", b"destination:/q",
    b"ack:1", b"ack:2", b"ack:", b"ack:\\\\", b"x:y", b"x-subscription:s", b"x\\nsubscription:s", b"x:\\nack\\c1",
    b"ack\\c:1", b"subscription", b" subscription:s", b"content-length:x", b"content-length:2",
]  # fmt: skip


@given(
    st.lists(st.lists(st.sampled_from(HEADER_LINES), max_size=6), max_size=4),
    st.sampled_from(VERSIONS),
    st.sampled_from(["auto", "client", "client-individual"]),
)
def test_a_message_is_the_same_whole_or_byte_by_byte(
    frames: list[list[bytes]], version: str, mode: Any
) -> None:
    """Whole frames take the straight path."""
    wire = b"".join(b"MESSAGE\n%b\n\nhi\0" % b"\n".join(lines) for lines in frames)
    outcomes = []
    for cut in (cut_whole, cut_bytes):
        client = connected_client(version)
        client.subscribe("/q", id="s", ack=mode)
        client.subscribe("/r", id="t")
        outcome: list[object] = []
        try:
            for chunk in cut(wire):
                client.receive_data(chunk)
                while (event := client.next_event()) is not NEED_DATA:
                    outcome.append(event)
        except RemoteProtocolError as error:
            outcome.append(error.code)
        for ack_id in ("1", "2", "", "\\", "a:b"):
            try:
                outcome.append(client.ack(ack_id, subscription=None if version == "1.2" else "s"))
            except StompError as error:
                outcome.append(error.code)
        outcomes.append(outcome)
    assert outcomes[0] == outcomes[1]
