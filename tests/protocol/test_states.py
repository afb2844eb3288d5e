"""The states of a connection: every command in every state, in both directions, for both roles.

The expectations are written down here, from the specifications; none of them is taken from the code.
"""

from __future__ import annotations

import pytest

from stomp_core import (
    NEED_DATA,
    ClientConnection,
    Connected,
    ConnectionClosed,
    ConnectionGoneError,
    Disconnect,
    Event,
    Frame,
    LocalProtocolError,
    Receipt,
    RemoteProtocolError,
    ServerConnection,
    State,
)
from stomp_core.protocol import CLIENT_RECEIVES, CLIENT_SENDS, SERVER_RECEIVES, SERVER_SENDS

from .pair import VERSIONS, Connection, close_by_peer, connected_client, connected_server, drain, receive

# A frame of each command that fits a connection of 1.2 on which subscription s is live in client-individual mode,
# message a waits, and transaction t is open.
FRAMES: dict[str, tuple[list[tuple[str, str]], bytes]] = {
    "CONNECT": (
        [("accept-version", "1.2"), ("host", "h")],
        b"CONNECT\naccept-version:1.2\nhost:h\n\n\0",
    ),
    "STOMP": ([("accept-version", "1.2"), ("host", "h")], b"STOMP\naccept-version:1.2\nhost:h\n\n\0"),
    "SEND": ([("destination", "/q")], b"SEND\ndestination:/q\n\n\0"),
    "SUBSCRIBE": ([("id", "s2"), ("destination", "/q")], b"SUBSCRIBE\nid:s2\ndestination:/q\n\n\0"),
    "UNSUBSCRIBE": ([("id", "s")], b"UNSUBSCRIBE\nid:s\n\n\0"),
    "ACK": ([("id", "a")], b"ACK\nid:a\n\n\0"),
    "NACK": ([("id", "a")], b"NACK\nid:a\n\n\0"),
    "BEGIN": ([("transaction", "t2")], b"BEGIN\ntransaction:t2\n\n\0"),
    "COMMIT": ([("transaction", "t")], b"COMMIT\ntransaction:t\n\n\0"),
    "ABORT": ([("transaction", "t")], b"ABORT\ntransaction:t\n\n\0"),
    "DISCONNECT": ([], b"DISCONNECT\n\n\0"),
    "CONNECTED": ([("version", "1.2")], b"CONNECTED\nversion:1.2\n\n\0"),
    "MESSAGE": (
        [("subscription", "s"), ("message-id", "m"), ("destination", "/q"), ("ack", "b")],
        b"MESSAGE\nsubscription:s\nmessage-id:m\ndestination:/q\nack:b\n\n\0",
    ),
    "RECEIPT": ([("receipt-id", "r")], b"RECEIPT\nreceipt-id:r\n\n\0"),
    "ERROR": ([("message", "m")], b"ERROR\nmessage:m\n\n\0"),
}
CLIENT_STATES = (
    "new",
    "connecting",
    "connected",
    "disconnecting",
    "failed",
    "failed by a violation",
    "closed",
)
SERVER_STATES = (
    "new",
    "connecting",
    "connected",
    "disconnecting",
    "refusing",
    "failed",
    "failed after refusing",
    "closed",
)


def client_in(state: str) -> ClientConnection:
    client = ClientConnection()
    if state == "new":
        return client
    if state == "connecting":
        client.connect(host="h")
        return client
    client = connected_client()
    client.subscribe("/q", id="s", ack="client-individual")
    receive(client, b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/q\nack:a\n\n\0")
    client.begin("t")
    if state == "disconnecting":
        client.disconnect()
    elif state == "failed":
        receive(client, b"ERROR\nmessage:no\n\n\0")
    elif state == "failed by a violation":
        client.receive_data(b"junk")
        with pytest.raises(RemoteProtocolError):
            client.next_event()
    elif state == "closed":
        client.receive_data(b"")
        client.next_event()
    return client


def server_in(state: str) -> ServerConnection:
    server = ServerConnection()
    if state == "new":
        return server
    if state == "connecting":
        receive(server, FRAMES["CONNECT"][1])
        return server
    server = connected_server()
    receive(server, b"SUBSCRIBE\nid:s\ndestination:/q\nack:client-individual\n\n\0")
    server.send(
        Frame("MESSAGE", [("subscription", "s"), ("message-id", "1"), ("destination", "/q"), ("ack", "a")])
    )
    receive(server, b"BEGIN\ntransaction:t\n\n\0")
    if state == "disconnecting":
        receive(server, b"DISCONNECT\n\n\0")
    elif state in ("refusing", "failed after refusing"):
        server.receive_data(b"junk")
        with pytest.raises(RemoteProtocolError) as caught:
            server.next_event()
        if state == "failed after refusing":
            assert caught.value.frame_hint is not None
            server.send(caught.value.frame_hint)
    elif state == "failed":
        server.send(Frame("ERROR", [("message", "no")]))
    elif state == "closed":
        server.receive_data(b"")
        server.next_event()
    return server


def in_state(role: str, state: str) -> Connection:
    return client_in(state) if role == "client" else server_in(state)


CLIENT_FRAMES = ("SEND", "SUBSCRIBE", "UNSUBSCRIBE", "ACK", "NACK", "BEGIN", "COMMIT", "ABORT")

#: What may be sent, and the state that follows. Everything else is refused.
MAY_BE_SENT = {
    "client": {
        "new": {"CONNECT": "connecting", "STOMP": "connecting"},
        "connecting": {},
        "connected": {**dict.fromkeys(CLIENT_FRAMES, "connected"), "DISCONNECT": "disconnecting"},
        "disconnecting": {},
        "failed": {},
        "failed by a violation": {},
        "closed": {},
    },
    "server": {
        "new": {"ERROR": "failed"},
        "connecting": {"CONNECTED": "connected", "ERROR": "failed"},
        "connected": {"MESSAGE": "connected", "RECEIPT": "connected", "ERROR": "failed"},
        "disconnecting": {"MESSAGE": "disconnecting", "RECEIPT": "disconnecting", "ERROR": "failed"},
        "refusing": {"ERROR": "failed"},
        "failed": {},
        "failed after refusing": {},
        "closed": {},
    },
}
#: What may be received, and the state that follows. Everything else is a violation by the peer.
MAY_BE_RECEIVED = {
    "client": {
        "new": {},
        "connecting": {"CONNECTED": "connected", "ERROR": "failed"},
        "connected": {"MESSAGE": "connected", "RECEIPT": "connected", "ERROR": "failed"},
        "disconnecting": {"MESSAGE": "disconnecting", "RECEIPT": "disconnecting", "ERROR": "failed"},
    },
    "server": {
        "new": {"CONNECT": "connecting", "STOMP": "connecting"},
        "connected": {**dict.fromkeys(CLIENT_FRAMES, "connected"), "DISCONNECT": "disconnecting"},
        "disconnecting": {},
    },
}
GONE = ("failed", "failed by a violation", "failed after refusing", "closed")

EVERY_STATE = [
    *[("client", state) for state in CLIENT_STATES],
    *[("server", state) for state in SERVER_STATES],
]
every_state_and_command = pytest.mark.parametrize(
    ("role", "state", "command"),
    [
        pytest.param(role, state, command, id=f"{role}, {state}, {command}")
        for role, state in EVERY_STATE
        for command in FRAMES
    ],
)


def name_of(conn: Connection) -> str:
    return conn.state.value


@every_state_and_command
def test_in_which_states_a_command_may_be_sent(role: str, state: str, command: str) -> None:
    conn = in_state(role, state)
    before = conn.state
    after = MAY_BE_SENT[role][state].get(command)
    frame = Frame(command, FRAMES[command][0])
    if after is not None:
        assert conn.send(frame).startswith(command.encode() + b"\n")
        assert name_of(conn) == after
        return
    if state in GONE:
        with pytest.raises(ConnectionGoneError, match=command) as gone:
            conn.send(frame)
        assert gone.value.code == "connection-gone"
    else:
        sentence = f"{command} may not be sent by a {role} in state '{state}'"
        with pytest.raises(LocalProtocolError, match=sentence) as refused:
            conn.send(frame)
        assert refused.value.code == "unexpected-frame"
    assert conn.state is before


@every_state_and_command
def test_in_which_states_a_command_may_be_received(role: str, state: str, command: str) -> None:
    conn = in_state(role, state)
    wire = FRAMES[command][1]
    if state == "closed":
        with pytest.raises(ConnectionGoneError):
            conn.receive_data(wire)
        return
    conn.receive_data(wire)
    if state in ("failed", "failed after refusing", "failed by a violation", "refusing"):
        if state in ("failed by a violation", "refusing", "failed after refusing"):
            with pytest.raises(RemoteProtocolError):  # the same as before
                conn.next_event()
        elif role == "client" and command == "ERROR":
            assert [event.headers["message"] for event in drain(conn) if isinstance(event, Event)] == ["m"]
        else:
            assert conn.next_event() is NEED_DATA
        assert name_of(conn) == state.split()[0]
        return
    if role == "server" and state == "connecting":
        assert conn.next_event() is NEED_DATA  # it waits until CONNECTED is sent
        assert name_of(conn) == "connecting"
        return
    after = MAY_BE_RECEIVED[role][state].get(command)
    if after is not None:
        event = conn.next_event()
        assert isinstance(event, Event)
        assert event.frame.command == command
        assert name_of(conn) == after
    else:
        sentence = f"{command} may not be received by a {role} in state '{state}'"
        with pytest.raises(RemoteProtocolError, match=sentence) as caught:
            conn.next_event()
        assert caught.value.code == "unexpected-frame"
        assert name_of(conn) == ("failed" if role == "client" else "refusing")


@pytest.mark.parametrize(("role", "state"), EVERY_STATE)
def test_the_end_is_clean_after_disconnect_only(role: str, state: str) -> None:
    conn = in_state(role, state)
    conn.receive_data(b"")
    if state != "closed":
        closed = conn.next_event()
        assert isinstance(closed, ConnectionClosed)
        assert (closed.clean, closed.cut, closed.code) == (state == "disconnecting", False, "eof")
    assert conn.state is State.CLOSED
    assert conn.next_event() is NEED_DATA
    assert conn.next_deadline() is None


RECEIPT_OF = b"RECEIPT\nreceipt-id:%b\n\n\0"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("receipt", "behind", "clean"),
    [
        (None, b"", True),
        (None, RECEIPT_OF % b"of-a-send", True),
        ("77", b"", False),
        ("77", b"\n", False),
        ("77", RECEIPT_OF % b"76", False),
        ("77", RECEIPT_OF % b"", False),
        ("77", RECEIPT_OF % b"77", True),
        ("77", RECEIPT_OF % b"76" + RECEIPT_OF % b"77" + RECEIPT_OF % b"78", True),
        ("77", (RECEIPT_OF % b"77")[:-1], False),
        ("77", RECEIPT_OF % b"77" + b"MESS", False),
        ("77", RECEIPT_OF % b"77" + b"ERROR\nmessage:m\n\n\0", False),
        ("77", b"ERROR\nmessage:m\nreceipt-id:77\n\n\0", False),
        (None, b"ERROR\nmessage:m\n\n\0", False),
        ("", b"", False),
        ("", RECEIPT_OF % b"", True),
    ],
)
def test_a_disconnect_that_asks_for_a_receipt_ends_clean_only_with_it(
    version: str, receipt: str | None, behind: bytes, clean: bool
) -> None:
    """Without it nobody knows whether the frames before DISCONNECT were processed (STOMP 1.2, "DISCONNECT")."""
    client = connected_client(version)
    client.send(Disconnect(receipt=receipt))
    receive(client, behind)
    closed = close_by_peer(client)
    assert closed.clean is clean
    if not clean and receipt and behind in (b"", b"\n"):
        assert f"before its RECEIPT {receipt!r}" in closed.reason


@pytest.mark.parametrize("version", VERSIONS)
def test_an_end_that_was_received_before_the_receipt_is_read_after_it(version: str) -> None:
    client = connected_client(version)
    client.send(Disconnect(receipt="77"))
    client.receive_data(RECEIPT_OF % b"77")
    client.receive_data(b"")
    receipt, closed = drain(client)
    assert receipt == Receipt("77")
    assert isinstance(closed, ConnectionClosed)
    assert closed.clean


@pytest.mark.parametrize(
    ("receipt", "sent", "clean"),
    [
        (None, [], True),
        ("77", [], False),
        ("77", ["76"], False),
        ("77", ["77"], True),
        ("77", ["77", "78"], True),
        ("", [], False),
        ("", [""], True),
    ],
)
def test_for_a_server_too(receipt: str | None, sent: list[str], clean: bool) -> None:
    """A client that leaves before the RECEIPT that it asked for has not learnt that all was processed."""
    server = connected_server()
    receive(server, Disconnect(receipt=receipt).frame.to_bytes("1.2"))
    for receipt_id in sent:
        server.send(Receipt(receipt_id))
    assert close_by_peer(server).clean is clean


def test_a_refused_receipt_does_not_make_the_end_clean() -> None:
    server = connected_server("1.1")
    receive(server, b"DISCONNECT\nreceipt:77\n\n\0")
    with pytest.raises(LocalProtocolError):
        server.send(Receipt("77", headers={"x": "\r"}))
    assert not close_by_peer(server).clean


@pytest.mark.parametrize(
    ("role", "state"), [pair for pair in EVERY_STATE if pair[1] in ("connected", "disconnecting")]
)
def test_an_end_inside_a_frame_is_never_clean(role: str, state: str) -> None:
    conn = in_state(role, state)
    receive(conn, b"MESSAGE\nsubscr" if role == "client" else b"SEND\ndest")
    conn.receive_data(b"")
    closed = conn.next_event()
    assert isinstance(closed, ConnectionClosed)
    assert (closed.clean, closed.cut) == (False, True)
    assert "inside a frame" in closed.reason


def test_the_reason_of_an_end_names_the_state() -> None:
    reasons = {}
    for state in ("connecting", "connected", "disconnecting", "failed"):
        conn = client_in(state)
        conn.receive_data(b"")
        closed = conn.next_event()
        assert isinstance(closed, ConnectionClosed)
        reasons[state] = closed.reason
    assert "'connecting'" in reasons["connecting"]
    assert "'connected'" in reasons["connected"]
    assert reasons["disconnecting"] == "closed after DISCONNECT"
    assert reasons["failed"] == "closed after ERROR"


def test_the_tables_have_every_state_and_command() -> None:
    for table in (CLIENT_SENDS, CLIENT_RECEIVES, SERVER_SENDS, SERVER_RECEIVES):
        assert set(table) == set(State)
        assert {command for row in table.values() for command in row} <= set(FRAMES)
    client_commands = {"CONNECT", "STOMP", "DISCONNECT", *CLIENT_FRAMES}
    for table in (CLIENT_SENDS, SERVER_RECEIVES):
        assert {command for row in table.values() for command in row} == client_commands
    for table in (CLIENT_RECEIVES, SERVER_SENDS):
        assert {command for row in table.values() for command in row} == {
            "CONNECTED",
            "MESSAGE",
            "RECEIPT",
            "ERROR",
        }


def test_after_an_error_a_client_receives_further_errors() -> None:
    assert CLIENT_RECEIVES[State.FAILED] == {"ERROR": State.FAILED}


def test_a_client_is_never_refusing() -> None:
    assert CLIENT_SENDS[State.REFUSING] == CLIENT_RECEIVES[State.REFUSING] == {}
    assert all(
        State.REFUSING not in row.values()
        for table in (CLIENT_SENDS, CLIENT_RECEIVES, SERVER_SENDS, SERVER_RECEIVES)
        for row in table.values()
    )


@pytest.mark.parametrize(
    ("sends", "receives"), [(CLIENT_SENDS, SERVER_RECEIVES), (SERVER_SENDS, CLIENT_RECEIVES)]
)
def test_what_one_side_may_send_the_other_may_receive(
    sends: dict[State, dict[str, State]], receives: dict[State, dict[str, State]]
) -> None:
    """And both come to the same state."""
    for state in (State.CONNECTING, State.CONNECTED, State.DISCONNECTING):
        if (sends, state) == (CLIENT_SENDS, State.CONNECTING):
            continue
        assert sends[state] == receives[state]


def test_connections_share_nothing() -> None:
    first, second = connected_client(), connected_client()
    first.begin("t")
    with pytest.raises(LocalProtocolError):
        second.commit("t")
    assert Connected(version="1.2") == Connected(version="1.2")


def test_the_states_have_stable_names() -> None:
    assert [state.value for state in State] == [
        "new",
        "connecting",
        "connected",
        "disconnecting",
        "refusing",
        "failed",
        "closed",
    ]
