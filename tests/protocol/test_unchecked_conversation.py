"""``Leniency.unchecked_conversation``: what the conversation forbids is sent, safely, and nothing breaks later."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stomp_core import (
    Ack,
    Begin,
    ClientConnection,
    Connect,
    Connected,
    ConnectionClosed,
    ConnectionGoneError,
    Disconnect,
    Error,
    ErrorCode,
    Event,
    Frame,
    Leniency,
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
    Unsubscribe,
)
from stomp_core.wire import NEED_DATA, FrameParser
from stomp_testing import strategies

from .pair import connected_client, connected_server, connection, one, receive, state_of

UNCHECKED = Leniency(unchecked_conversation=True)
VERSIONS = ("1.0", "1.1", "1.2")


def frame(command: str, headers: Any = (), body: bytes = b"") -> Frame:
    return Frame(command, headers, body)


#: The versions in which it is forbidden, the frame, its bytes in these versions, and the rule.
FORBIDDEN: dict[str, tuple[tuple[str, ...], Frame, bytes, str]] = {
    "NACK in 1.0": (
        ("1.0",), frame("NACK", {"message-id": "m"}), b"NACK\nmessage-id:m\n\n\0", ErrorCode.NOT_IN_VERSION,
    ),
    "SEND without destination": (
        VERSIONS, frame("SEND", body=b"x"), b"SEND\ncontent-length:1\n\nx\0", "missing-header",
    ),
    "SUBSCRIBE without destination": (
        VERSIONS, frame("SUBSCRIBE", {"id": "s"}), b"SUBSCRIBE\nid:s\n\n\0", "missing-header",
    ),
    "SUBSCRIBE without id": (
        ("1.1", "1.2"), frame("SUBSCRIBE", {"destination": "/q"}), b"SUBSCRIBE\ndestination:/q\n\n\0", "missing-header",
    ),
    "an unknown ack mode": (
        VERSIONS, frame("SUBSCRIBE", {"destination": "/q", "id": "s", "ack": "never"}),
        b"SUBSCRIBE\ndestination:/q\nid:s\nack:never\n\n\0", "bad-ack-mode",
    ),
    "UNSUBSCRIBE of nothing": (
        VERSIONS, frame("UNSUBSCRIBE", {"id": "s"}), b"UNSUBSCRIBE\nid:s\n\n\0", "unknown-subscription",
    ),
    "UNSUBSCRIBE without id": (VERSIONS, frame("UNSUBSCRIBE"), b"UNSUBSCRIBE\n\n\0", "missing-header"),
    "ACK of nothing": (("1.0",), frame("ACK", {"message-id": "m"}), b"ACK\nmessage-id:m\n\n\0", "not-acknowledgeable"),
    "ACK of nothing in 1.2": (("1.2",), frame("ACK", {"id": "m"}), b"ACK\nid:m\n\n\0", "not-acknowledgeable"),
    "ACK of an unknown subscription": (
        ("1.1",), frame("ACK", {"message-id": "m", "subscription": "s"}), b"ACK\nmessage-id:m\nsubscription:s\n\n\0",
        "unknown-subscription",
    ),
    "ACK without subscription": (
        ("1.1",), frame("ACK", {"message-id": "m"}), b"ACK\nmessage-id:m\n\n\0", "missing-header",
    ),
    "ACK without anything": (VERSIONS, frame("ACK"), b"ACK\n\n\0", "missing-header"),
    "NACK without anything": (("1.1", "1.2"), frame("NACK"), b"NACK\n\n\0", "missing-header"),
    "BEGIN without transaction": (VERSIONS, frame("BEGIN"), b"BEGIN\n\n\0", "missing-header"),
    "COMMIT of an unknown transaction": (
        VERSIONS, frame("COMMIT", {"transaction": "t"}), b"COMMIT\ntransaction:t\n\n\0", "unknown-transaction",
    ),
    "ABORT of an unknown transaction": (
        VERSIONS, frame("ABORT", {"transaction": "t"}), b"ABORT\ntransaction:t\n\n\0", "unknown-transaction",
    ),
    "SEND in an unknown transaction": (
        VERSIONS, frame("SEND", {"destination": "/q", "transaction": "t"}),
        b"SEND\ndestination:/q\ntransaction:t\n\n\0",
        "unknown-transaction",
    ),
    "ACK in an unknown transaction": (
        ("1.2",), frame("ACK", {"id": "m", "transaction": "t"}),
        b"ACK\nid:m\ntransaction:t\n\n\0", "unknown-transaction",
    ),
    "a second CONNECT": (
        VERSIONS, frame("CONNECT", {"accept-version": "9", "host": "h"}), b"CONNECT\naccept-version:9\nhost:h\n\n\0",
        "unexpected-frame",
    ),
    "a frame of servers": (
        VERSIONS, frame("RECEIPT", {"receipt-id": "r"}), b"RECEIPT\nreceipt-id:r\n\n\0", "unexpected-frame",
    ),
    "CONNECTED": (VERSIONS, frame("CONNECTED", {"version": "7"}), b"CONNECTED\nversion:7\n\n\0", "unexpected-frame"),
    "an unknown command": (VERSIONS, frame("PUBLISH", {"a": "b"}), b"PUBLISH\na:b\n\n\0", "unexpected-frame"),
    "a body where none may be": (
        ("1.1", "1.2"), frame("SUBSCRIBE", {"destination": "/q", "id": "s"}, b"a\0b"),
        b"SUBSCRIBE\ndestination:/q\nid:s\ncontent-length:3\n\na\0b\0", "body-not-allowed",
    ),
}  # fmt: skip

each_forbidden = pytest.mark.parametrize(
    ("version", "what", "wire", "rule"),
    [
        pytest.param(version, what, wire, rule, id=f"{name} in {version}")
        for name, (versions, what, wire, rule) in FORBIDDEN.items()
        for version in versions
    ],
)


@each_forbidden
def test_what_is_forbidden_is_sent(version: str, what: Frame, wire: bytes, rule: str) -> None:
    client = connected_client(version, leniency=UNCHECKED)
    assert client.send(what, now=1.0) == wire
    assert client.state is State.CONNECTED
    assert [broken.code for broken in client.take_broken_rules()] == [rule]
    assert client.take_broken_rules() == ()


@each_forbidden
def test_without_the_switch_it_is_refused(version: str, what: Frame, wire: bytes, rule: str) -> None:
    client = connected_client(version, leniency=Leniency.permissive())
    with pytest.raises(LocalProtocolError) as caught:
        client.send(what, now=1.0)
    assert caught.value.code in (rule, ErrorCode.UNKNOWN_COMMAND)
    assert client.take_broken_rules() == ()


def test_what_is_allowed_breaks_no_rule() -> None:
    client = connected_client(leniency=UNCHECKED)
    client.subscribe("/q", id="s", ack="client")
    client.begin("t")
    client.send("/q", "x", transaction="t")
    client.commit("t")
    client.disconnect()
    assert client.take_broken_rules() == ()


def test_it_takes_part_in_neither_preset() -> None:
    assert not Leniency.brokers().unchecked_conversation
    assert not Leniency.permissive().unchecked_conversation


# ---------------------------------------------------------------------- safe bytes


@pytest.mark.parametrize(
    ("version", "what"),
    [
        ("1.0", frame("SEND", {"a": "1\nb:2"})),
        ("1.0", frame("SEND", {"a:b": "c"})),
        ("1.0", frame("SEND", {" content-length": "0"})),
        ("1.1", frame("SEND", {"a": "1\rb:2"})),
        ("1.2", frame("SEND", {"a": "1\0SEND"})),
        ("1.2", frame("SEND", {"a\0": "1"})),
        ("1.2", frame("SEND", {"content-length": "99"}, b"x")),
        ("1.2", frame("SUBSCRIBE", {"content-length": "1"})),
        ("1.2", frame("CONNECT", {"passcode": "a\nb:c"})),
        ("1.2", frame("PUBLISH\na:b")),
        ("1.2", frame("PUBLISH\r")),
        ("1.2", frame("PUB\0LISH")),
        ("1.2", frame("")),
        ("1.2", frame("PUBLISH", {"a": "\ud800"})),
        ("1.2", frame("PUBLISH\ud800")),
    ],
    ids=repr,
)
def test_what_could_be_read_as_something_else_is_refused(version: str, what: Frame) -> None:
    client = connected_client(version, leniency=UNCHECKED)
    with pytest.raises(LocalProtocolError):
        client.send(what, now=1.0)
    assert client.take_broken_rules() == ()
    assert client.send(Send("/q"), now=1.0) == b"SEND\ndestination:/q\n\n\0"


def test_a_body_without_length_may_not_contain_nul() -> None:
    client = connected_client(leniency=UNCHECKED)
    with pytest.raises(LocalProtocolError, match="NUL"):
        client.send(Send.from_frame(frame("SEND", body=b"a\0SEND\n\n"), content_length=False))


def test_values_of_1_0_may_have_spaces_around() -> None:
    client = connected_client("1.0", leniency=UNCHECKED)
    assert client.send(Send("/q", headers={"a": " b "})) == b"SEND\ndestination:/q\na: b \n\n\0"


def frames_of_any_kind(version: str) -> st.SearchStrategy[Frame]:
    """Frames of any STOMP command with any headers and any body."""
    commands = st.sampled_from(["SEND", "SUBSCRIBE", "UNSUBSCRIBE", "ACK", "NACK", "BEGIN", "COMMIT", "ABORT",
                                "DISCONNECT", "MESSAGE", "RECEIPT", "ERROR"])  # fmt: skip
    standard = st.sampled_from(
        ["id", "destination", "transaction", "message-id", "subscription", "ack", "receipt"]
    )
    # Headers of STOMP half of the time; a content-length would contradict the body.
    names = standard | strategies.header_names(version).filter(lambda name: name != "content-length")
    headers = st.lists(st.tuples(names, strategies.header_values(version)), max_size=3)
    return st.builds(Frame, commands, headers, strategies.bodies())


#: Made once: Hypothesis examines a strategy when it is first used, which takes longer than an example.
ANY_FRAME = {version: frames_of_any_kind(version) for version in VERSIONS}
SEVERAL_READABLE = {
    version: st.lists(frames.filter(lambda what: what.command != "NACK") if version == "1.0" else frames,
                      min_size=1, max_size=4)
    for version, frames in ANY_FRAME.items()
}  # fmt: skip
#: What a client sends, or the subscription and the number of a MESSAGE that it receives.
STEPS = {
    version: st.lists(frames | st.tuples(st.sampled_from("ab"), st.integers(0, 3)), min_size=1, max_size=8)
    for version, frames in ANY_FRAME.items()
}


@pytest.mark.parametrize("version", VERSIONS)
@given(data=st.data())
def test_the_bytes_are_read_as_the_same_frame(version: str, data: st.DataObject) -> None:
    client = connected_client(version, leniency=UNCHECKED)
    sent = data.draw(SEVERAL_READABLE[version])
    wire = b"".join(client.send(what, now=1.0) for what in sent)
    # From 1.1 on, a reader takes the body of most commands off; that it ends where it should is what counts here.
    parser = FrameParser(version, leniency=Leniency(unexpected_body=True))
    parser.receive_data(wire)
    read = []
    while (item := parser.next_frame()) is not NEED_DATA:
        read.append(item)
    expected = [
        what
        if version == "1.0" or what.command in ("SEND", "MESSAGE", "ERROR")
        else Frame(what.command, what.headers)
        for what in sent
    ]
    assert read == expected


@pytest.mark.parametrize("version", VERSIONS)
@given(data=st.data())
def test_the_tracker_survives_whatever_was_sent(version: str, data: st.DataObject) -> None:
    client = connected_client(version, leniency=UNCHECKED)
    for step in data.draw(STEPS[version]):
        if isinstance(step, Frame):
            client.send(step, now=1.0)
        else:
            name, number = step
            wire = b"MESSAGE\ndestination:/q\nsubscription:%b\nmessage-id:%d\nack:%d\n\n\0"
            receive(client, wire % (name.encode(), number, number))
        for subscription in client.subscriptions:
            assert len(set(subscription.unacknowledged)) == len(subscription.unacknowledged)
        assert all(isinstance(name, str) for name in client.transactions)


# ---------------------------------------------------------------------- what is tracked stays useful


def deliver(client: ClientConnection, number: int, subscription: str = "s") -> None:
    head = f"MESSAGE\ndestination:/q\nsubscription:{subscription}\nmessage-id:{number}\nack:{number}\n\n\0"
    receive(client, head.encode())


@pytest.mark.parametrize(
    "named", [{"subscription": "other"}, {}], ids=["another subscription", "no subscription"]
)
def test_in_1_1_an_ack_counts_by_its_message_id(named: dict[str, str]) -> None:
    """Brokers go by the message-id; and what stayed unacknowledged for ever would take memory for ever."""
    client = connected_client("1.1", leniency=UNCHECKED)
    client.subscribe("/q", id="s", ack="client-individual")
    deliver(client, 1)
    deliver(client, 2)
    client.send(frame("ACK", {"message-id": "1", **named}))
    assert client.unacknowledged("s") == ("2",)


def test_in_1_0_a_nack_counts_as_an_acknowledgement() -> None:
    client = connected_client("1.0", leniency=UNCHECKED)
    client.subscribe("/q", id="s", ack="client-individual")
    deliver(client, 1)
    client.send(Nack(message_id="1"))
    assert client.unacknowledged("s") == ()


def test_a_second_subscribe_changes_nothing() -> None:
    client = connected_client(leniency=UNCHECKED)
    client.subscribe("/q", id="s", ack="client")
    deliver(client, 1)
    client.subscribe("/other", id="s")
    (subscription,) = client.subscriptions
    assert (subscription.destination, subscription.unacknowledged) == ("/q", ("1",))
    client.unsubscribe("s")
    assert client.subscriptions == ()


def test_a_second_begin_changes_nothing() -> None:
    client = connected_client(leniency=UNCHECKED)
    client.subscribe("/q", id="s", ack="client-individual")
    deliver(client, 1)
    client.begin("t")
    client.send(Ack("1", transaction="t"))
    client.send(Begin("t"))
    assert client.transactions == {"t": ("1",)}
    client.abort("t")
    assert client.unacknowledged("s") == ("1",)


def test_an_ack_in_an_unknown_transaction_changes_nothing() -> None:
    client = connected_client(leniency=UNCHECKED)
    client.subscribe("/q", id="s", ack="client-individual")
    deliver(client, 1)
    client.send(Ack("1", transaction="t"))
    assert client.unacknowledged("s") == ("1",)
    client.send(Ack("1"))
    assert client.unacknowledged("s") == ()


def test_broken_rules_that_nobody_asks_for_are_bounded() -> None:
    client = connected_client(leniency=UNCHECKED)
    for number in range(1000):
        client.unsubscribe(str(number))
    broken = client.take_broken_rules()
    assert len(broken) == 100
    assert "'999'" in broken[-1].description


@pytest.mark.parametrize("leniency", [UNCHECKED, Leniency()], ids=["unchecked", "strict"])
def test_in_1_0_artemis_names_a_subscription_that_the_client_did_not(leniency: Leniency) -> None:
    client = connected_client("1.0", leniency=leniency)
    client.send(Subscribe("/q", ack="client-individual"))
    deliver(client, 1, "subscription//q")
    assert client.unacknowledged(destination="/q") == ("1",)
    assert client.send(Ack(message_id="1")) == b"ACK\nmessage-id:1\n\n\0"
    assert client.unacknowledged(destination="/q") == ()
    assert client.take_broken_rules() == ()


# ---------------------------------------------------------------------- states


def test_frames_before_connect_are_sent_and_their_answers_received() -> None:
    client = ClientConnection(leniency=UNCHECKED)
    assert client.send(Send("/q", receipt="r"), now=0.0) == b"SEND\ndestination:/q\nreceipt:r\n\n\0"
    assert state_of(client) is State.NEW
    assert one(receive(client, b"RECEIPT\nreceipt-id:r\n\n\0")) == Receipt("r")
    assert one(receive(client, b"ERROR\nmessage:who are you\n\n\0")) == Error("who are you")
    assert client.state is State.FAILED


def test_frames_between_connect_and_connected_are_sent_and_tracked() -> None:
    client = ClientConnection(["1.1"], leniency=UNCHECKED)
    client.connect(host="h", now=0.0)
    wire = client.send(Subscribe("/q", id="a:b", ack="client"), now=0.0)
    assert wire == b"SUBSCRIBE\nid:a\\cb\ndestination:/q\nack:client\n\n\0"
    assert client.state is State.CONNECTING
    receive(client, b"CONNECTED\nversion:1.1\n\n\0")
    receive(client, b"MESSAGE\nsubscription:a\\cb\nmessage-id:1\ndestination:/q\n\n\0")
    assert client.unacknowledged("a:b") == ("1",)


def test_frames_after_disconnect_are_sent() -> None:
    client = connected_client(leniency=UNCHECKED)
    client.disconnect(receipt="bye")
    assert client.send(Send("/q")) == b"SEND\ndestination:/q\n\n\0"
    assert client.send(Disconnect()) == b"DISCONNECT\n\n\0"
    assert client.state is State.DISCONNECTING
    assert one(receive(client, b"RECEIPT\nreceipt-id:bye\n\n\0")) == Receipt("bye")


def test_an_error_does_not_end_the_conversation_before_the_server_closes() -> None:
    """RabbitMQ leaves most connections open after ERROR."""
    client = connected_client(leniency=UNCHECKED)
    client.subscribe("/q", id="s", ack="client")
    assert one(receive(client, b"ERROR\nmessage:no\n\n\0")) == Error("no")
    assert client.send(Send("/q")) == b"SEND\ndestination:/q\n\n\0"
    deliver(client, 1)
    assert client.unacknowledged("s") == ("1",)
    closed = _close(client)
    assert isinstance(closed, ConnectionClosed)
    assert (closed.clean, closed.reason) == (False, "closed after ERROR")
    with pytest.raises(ConnectionGoneError):
        client.send(Send("/q"))


def test_an_error_that_answers_connect_ends_it() -> None:
    client = ClientConnection(leniency=UNCHECKED)
    client.connect(host="h")
    receive(client, b"ERROR\nmessage:no\n\n\0")
    assert client.state is State.FAILED


def _close(client: ClientConnection) -> Any:
    client.receive_data(b"")
    return client.next_event()


def test_a_second_connected_is_returned_and_changes_nothing() -> None:
    client = connected_client("1.1", leniency=UNCHECKED)
    client.connect(host="h")
    event = one(receive(client, b"CONNECTED\nversion:1.2\nheart-beat:1,1\n\n\0"))
    assert isinstance(event, Connected)
    assert (client.version, client.heart_beat) == ("1.1", (0.0, 0.0))


@pytest.mark.parametrize("offered", ["1.3", "100.1", "1.2,1.1", "1.2, 1.0", "", "1.0,1.2"])
def test_any_accept_version_is_offered_as_it_is(offered: str) -> None:
    client = ClientConnection(leniency=UNCHECKED)
    connect = Connect.from_frame(frame("CONNECT", [("host", "h"), ("accept-version", offered)]))
    assert client.send(connect) == f"CONNECT\nhost:h\naccept-version:{offered}\n\n\0".encode()
    assert client.state is State.CONNECTING


@pytest.mark.parametrize("chosen", [b"version:1.0\n", b"version:1.3\n", b"version: 1.1\n", b""])
def test_whatever_version_is_chosen_an_offered_one_is_used(chosen: bytes) -> None:
    client = ClientConnection(leniency=UNCHECKED)
    client.send(frame("CONNECT", {"accept-version": "1.1,1.3", "host": "h"}))
    tolerated, connected = receive(client, b"CONNECTED\n%b\n\0" % chosen)
    assert isinstance(connected, Connected)
    assert isinstance(tolerated, Tolerated)
    assert tolerated.code == ErrorCode.VERSION_NOT_OFFERED
    assert client.version == "1.1"


@pytest.mark.parametrize("offered", ["1.3", "100.1", "1.3,2.0", ""])
@pytest.mark.parametrize("chosen", ["1.3", "1.2", "1.0", "100.1"])
def test_if_no_version_that_exists_was_offered_1_2_is_used(offered: str, chosen: str) -> None:
    client = ClientConnection(leniency=UNCHECKED)
    client.send(frame("CONNECT", {"accept-version": offered, "host": "h"}))
    tolerated, connected = receive(client, f"CONNECTED\nversion:{chosen}\n\n\0".encode())
    assert isinstance(connected, Connected)
    assert connected.version == chosen
    assert isinstance(tolerated, Tolerated)
    assert tolerated.code == ErrorCode.VERSION_NOT_OFFERED
    was = "is not known here" if chosen in offered.split(",") else "was not offered"
    assert tolerated.description == f"the server chose STOMP {chosen!r}, which {was}; taken as 1.2"
    assert client.version == "1.2"


def test_without_the_switch_a_version_that_was_not_offered_is_refused() -> None:
    client = ClientConnection(leniency=Leniency.permissive())
    client.send(frame("CONNECT", {"accept-version": "1.1", "host": "h"}))
    client.receive_data(b"CONNECTED\nversion:1.3\n\n\0")
    with pytest.raises(RemoteProtocolError) as caught:
        client.next_event()
    assert caught.value.code == ErrorCode.VERSION_NOT_OFFERED


def test_one_of_the_offered_versions_that_exists_can_be_chosen() -> None:
    client = ClientConnection(leniency=UNCHECKED)
    client.send(frame("CONNECT", {"accept-version": "1.1,1.3", "host": "h"}))
    receive(client, b"CONNECTED\nversion:1.1\n\n\0")
    assert client.version == "1.1"


@pytest.mark.parametrize("role", ["client", "server"])
def test_the_switch_does_not_change_what_a_peer_may_send(role: str) -> None:
    conn = connection(role, leniency=UNCHECKED)
    conn.receive_data(b"NONSENSE\n\n\0")
    with pytest.raises(RemoteProtocolError):
        conn.next_event()


# ---------------------------------------------------------------------- servers

SERVER_FRAMES: dict[str, tuple[Event | Frame, bytes]] = {
    "MESSAGE for nobody": (
        Message("/q", message_id="1", subscription="s"), b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/q\n\n\0",
    ),
    "MESSAGE without headers": (frame("MESSAGE", body=b"x"), b"MESSAGE\ncontent-length:1\n\nx\0"),
    "RECEIPT without id": (frame("RECEIPT"), b"RECEIPT\n\n\0"),
    "RECEIPT with a body": (
        frame("RECEIPT", {"receipt-id": "r"}, b"x"), b"RECEIPT\nreceipt-id:r\ncontent-length:1\n\nx\0",
    ),
    "CONNECTED again": (Connected(version="1.0"), b"CONNECTED\nversion:1.0\n\n\0"),
    "a frame of clients": (Send("/q"), b"SEND\ndestination:/q\n\n\0"),
    "an unknown command": (frame("PUBLISH"), b"PUBLISH\n\n\0"),
}  # fmt: skip


@pytest.mark.parametrize(("what", "wire"), SERVER_FRAMES.values(), ids=SERVER_FRAMES)
def test_a_server_sends_what_is_forbidden(what: Event | Frame, wire: bytes) -> None:
    server = connected_server(leniency=UNCHECKED)
    assert server.send(what, now=1.0) == wire
    assert server.state is State.CONNECTED
    assert len(server.take_broken_rules()) == 1
    with pytest.raises(LocalProtocolError):
        connected_server(leniency=Leniency.permissive()).send(what, now=1.0)


def test_a_server_sends_a_message_that_cannot_be_acknowledged() -> None:
    server = connected_server(leniency=UNCHECKED)
    receive(server, b"SUBSCRIBE\nid:s\ndestination:/q\nack:client\n\n\0")
    assert server.send(Message("/q", message_id="1", subscription="s")).startswith(b"MESSAGE\n")
    assert server.unacknowledged("s") == ()
    assert len(server.take_broken_rules()) == 1


def test_a_server_sends_before_connect() -> None:
    server = ServerConnection(leniency=UNCHECKED)
    assert server.send(Connected(version="1.2")) == b"CONNECTED\nversion:1.2\n\n\0"
    assert server.send(Receipt("r")) == b"RECEIPT\nreceipt-id:r\n\n\0"
    assert server.state is State.NEW


def test_a_server_chooses_a_version_that_was_not_offered() -> None:
    server = ServerConnection(leniency=UNCHECKED)
    receive(server, b"CONNECT\naccept-version:1.1\nhost:h\nheart-beat:0,1000\n\n\0", 0.0)
    connected = frame("CONNECTED", {"version": "1.2", "heart-beat": "2000,0"})
    assert server.send(connected, now=0.0) == b"CONNECTED\nversion:1.2\nheart-beat:2000,0\n\n\0"
    assert (server.state, server.version, server.heart_beat) == (State.CONNECTED, "1.1", (2.0, 0.0))


def test_a_server_goes_on_after_an_error_and_a_violation() -> None:
    server = connected_server(leniency=UNCHECKED)
    server.send(Error("no"))
    assert server.send(Receipt("r")) == b"RECEIPT\nreceipt-id:r\n\n\0"
    server = connected_server(leniency=UNCHECKED)
    server.receive_data(b"NONSENSE\n\n\0")
    with pytest.raises(RemoteProtocolError):
        server.next_event()
    assert server.send(Receipt("r")) == b"RECEIPT\nreceipt-id:r\n\n\0"
    assert server.state is State.REFUSING


def test_unsubscribe_by_a_destination_that_is_not_subscribed_is_sent() -> None:
    client = connected_client("1.0", leniency=UNCHECKED)
    assert client.send(Unsubscribe(destination="/q")) == b"UNSUBSCRIBE\ndestination:/q\n\n\0"
