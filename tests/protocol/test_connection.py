"""What both sides share: errors and what follows them, the end, heart-beat deadlines; and both in conversation."""

from __future__ import annotations

import contextlib
import tracemalloc
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stomp_core import (
    NEED_DATA,
    Abort,
    Ack,
    AckMode,
    Begin,
    ClientConnection,
    Commit,
    Connected,
    ConnectionClosed,
    ConnectionGoneError,
    Disconnect,
    Error,
    Event,
    Frame,
    HeartBeat,
    Leniency,
    LocalProtocolError,
    Message,
    Nack,
    Receipt,
    RemoteProtocolError,
    Send,
    ServerConnection,
    State,
    StompError,
    Subscribe,
    Tolerated,
    Unsubscribe,
)
from stomp_core.protocol._connection import checked_versions

from .pair import (
    VERSIONS,
    Connection,
    Cut,
    Pair,
    chunkings,
    connected_client,
    connected_server,
    connection,
    drain,
    hang_up,
    hear,
    hear_error,
    one,
    state_of,
)

every_version = pytest.mark.parametrize("version", VERSIONS)
both_roles = pytest.mark.parametrize("role", ["client", "server"])
FINE = {"client": b"RECEIPT\nreceipt-id:r\n\n\0", "server": b"SEND\ndestination:/q\n\n\0"}


# ------------------------------------------------------------------------ making one


@pytest.mark.parametrize("make", [ClientConnection, ServerConnection])
@pytest.mark.parametrize(
    ("versions", "named"),
    [((), "at least one"), (("1.3",), "'1.3'"), (("1.2", "2"), "'2'"), ("1.2", "'1'"), (("",), "''")],
)
def test_versions_must_exist(make: Any, versions: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make(versions)


def test_versions_are_put_in_order() -> None:
    assert checked_versions(["1.2", "1.0", "1.2"]) == ("1.0", "1.2")


@pytest.mark.parametrize("make", [ClientConnection, ServerConnection])
@pytest.mark.parametrize(
    "options",
    [
        {"heart_beat_tolerance": 1.0}, {"heart_beat_tolerance": 0.5}, {"heart_beat_tolerance": float("nan")},
        {"heart_beat_pace": 0.0}, {"heart_beat_pace": -1.0}, {"heart_beat_pace": 1.01},
        {"heart_beat_pace": float("nan")},
    ],
)  # fmt: skip
def test_heart_beat_options_must_make_sense(make: Any, options: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        make(**options)
    make(heart_beat_tolerance=1.001, heart_beat_pace=1.0)


def test_a_new_connection_has_no_version_no_heart_beat_and_no_deadline() -> None:
    conn = ClientConnection()
    assert (conn.state, conn.version, conn.heart_beat) == (State.NEW, None, (0.0, 0.0))
    assert conn.next_deadline() is None
    assert conn.handle_timeout(1e9) == b""
    assert conn.next_event() is NEED_DATA


# ------------------------------------------------------------------------ errors of the peer


@both_roles
@pytest.mark.parametrize("junk", [b"\0\0", b"HELLO\n", b"CONNECTED\n\n\0", b"STOMP\n\n\0"])
def test_events_before_an_error_in_one_chunk_come_out_before_it(role: str, junk: bytes) -> None:
    conn = connection(role)
    conn.receive_data(FINE[role] * 2 + b"\n\n" + FINE[role] + junk)
    told = [conn.next_event() for _ in range(4)]
    assert [type(event).__name__ for event in told].count("HeartBeat") == 1
    with pytest.raises(RemoteProtocolError):
        conn.next_event()


@both_roles
def test_an_error_is_raised_again_until_the_peer_closes(role: str) -> None:
    conn = connection(role)
    error = hear_error(conn, b"junk" + FINE[role])
    for more in (FINE[role], b"\n", b"junk"):
        conn.receive_data(more)
        with pytest.raises(RemoteProtocolError) as again:
            conn.next_event()
        assert again.value is error
    assert (error.frame_hint is None) == (role == "client")
    closed = hang_up(conn)
    assert (closed.clean, closed.cut, closed.code) == (False, False, "eof")
    assert str(error) in closed.reason
    assert conn.state is State.CLOSED
    with pytest.raises(ConnectionGoneError):
        conn.receive_data(b"\n")


@both_roles
def test_an_error_and_the_end_that_came_together_are_told_one_after_the_other(role: str) -> None:
    conn = connection(role)
    conn.receive_data(b"junk")
    conn.receive_data(b"")
    with pytest.raises(RemoteProtocolError):
        conn.next_event()
    assert isinstance(one(drain(conn)), ConnectionClosed)


def test_an_error_then_junk_then_the_end_all_at_once_is_still_an_end() -> None:
    """The end was forgotten together with the junk before it."""
    client = connected_client()
    client.receive_data(b"ERROR\nmessage:no\n\n\0junk")
    client.receive_data(b"")
    told = drain(client)
    assert [type(event) for event in told] == [Error, ConnectionClosed]
    assert client.state is State.CLOSED


def test_junk_after_an_error_is_no_further_error() -> None:
    client = connected_client()
    assert hear(client, b"ERROR\nmessage:no\n\n\0junk") == [Error("no")]
    assert hear(client, b"ERROR\nmessage:again\n\n\0" * 3) == [], "nothing behind junk can be read"
    assert hang_up(client).reason == "closed after ERROR"


def test_an_error_that_was_cut_off_says_so() -> None:
    client = connected_client()
    hear(client, b"ERROR\nmessage:no\n\n\0ERROR\nmess")
    assert hang_up(client).cut


@both_roles
def test_bytes_after_an_error_cost_no_memory(role: str) -> None:
    """They were kept although nobody would ever read them."""
    conn = connection(role)
    hear_error(conn, b"junk")
    piece = bytes(10_000)
    tracemalloc.start()
    try:
        for _ in range(1000):
            conn.receive_data(bytes(bytearray(piece)))
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


# ------------------------------------------------------------------------ bytes in


@both_roles
@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
def test_bytes_may_come_in_any_buffer(role: str, make: Any) -> None:
    conn = connection(role)
    conn.receive_data(make(FINE[role]))
    assert isinstance(conn.next_event(), Event)
    conn.receive_data(make(b""))
    assert isinstance(conn.next_event(), ConnectionClosed)


@both_roles
def test_anything_else_is_refused_and_is_no_sign_of_life(role: str) -> None:
    beats: dict[str, Any] = {"extra": b"heart-beat:1000,1000\n", "heart_beat": (1000, 1000)}
    conn = connection(role, **beats)
    deadline = conn.next_deadline()
    for other in ("text", None, 5, [1]):
        data: Any = other
        with pytest.raises(TypeError):
            conn.receive_data(data, now=0.9)
    assert conn.next_deadline() == deadline
    conn.send(Receipt("r") if role == "server" else Send("/q"), now=0.9)
    assert conn.next_deadline() == 1.9


@both_roles
def test_bytes_after_the_end_are_refused(role: str) -> None:
    conn = connection(role)
    conn.receive_data(b"")
    with pytest.raises(ConnectionGoneError):
        conn.receive_data(b"x")
    assert isinstance(conn.next_event(), ConnectionClosed)
    conn.receive_data(b"")
    with pytest.raises(ConnectionGoneError):
        conn.receive_data(b"x")
    assert conn.next_event() is NEED_DATA, "the end is told once"


@both_roles
@every_version
def test_heart_beats_between_frames_are_events_but_for_the_one_behind_a_frame(
    role: str, version: str
) -> None:
    conn = connection(role, version)
    told = hear(conn, b"\n\n" + FINE[role] + b"\n" + FINE[role] + b"\n\n\n")
    assert [event for event in told if isinstance(event, HeartBeat)] == [HeartBeat(1), HeartBeat(2)]


# ------------------------------------------------------------------------ heart-beats


BEATS: Any = {"extra": b"heart-beat:10000,4000\n", "heart_beat": (3000, 8000)}
# client: says (3000, 8000), hears (10000, 4000); server: the same the other way round. Both send every 4 s and
# expect something every 10 s.


@both_roles
@every_version
def test_the_first_deadline_is_the_beat_that_is_due(role: str, version: str) -> None:
    conn = connection(role, version, **BEATS)
    assert conn.heart_beat == (4.0, 10.0)
    assert conn.next_deadline() == 4.0


@both_roles
def test_calling_early_does_nothing_and_calling_in_time_beats_once(role: str) -> None:
    conn = connection(role, **BEATS)
    assert conn.handle_timeout(3.999) == b""
    assert conn.next_deadline() == 4.0
    assert conn.handle_timeout(4.0) == b"\n"
    assert conn.next_deadline() == 8.0
    assert conn.handle_timeout(4.0) == b""


@both_roles
def test_calling_late_beats_once_and_counts_from_then(role: str) -> None:
    conn = connection(role, **BEATS)
    assert conn.handle_timeout(19.0) == b"\n"
    assert conn.next_deadline() == 23.0


@both_roles
def test_a_frame_written_counts_as_a_beat(role: str) -> None:
    conn = connection(role, **BEATS)
    conn.send(Receipt("r") if role == "server" else Send("/q"), now=3.0)
    assert conn.next_deadline() == 7.0
    assert conn.handle_timeout(4.0) == b""


@both_roles
def test_a_refused_frame_does_not(role: str) -> None:
    conn = connection(role, **BEATS)
    with pytest.raises(LocalProtocolError):
        conn.send(Connected() if role == "client" else Send("/q"), now=3.0)
    assert conn.next_deadline() == 4.0


@both_roles
@pytest.mark.parametrize(
    "sign", [b"\n", b"S", b"RECEIPT\n"], ids=["an end of line", "a byte", "part of a frame"]
)
def test_any_byte_is_a_sign_of_life(role: str, sign: bytes) -> None:
    conn = connection(role, heart_beat_tolerance=2.0, **BEATS)
    conn.handle_timeout(17.0)
    assert conn.next_deadline() == 20.0
    if role == "server":
        sign = sign.replace(b"RECEIPT", b"SEND")
    conn.receive_data(sign, now=19.9)
    drain(conn)
    assert conn.next_deadline() == 21.0
    conn.handle_timeout(39.0)
    assert conn.next_deadline() == 39.9
    conn.handle_timeout(39.9)
    assert isinstance(one(drain(conn)), ConnectionClosed)


@both_roles
def test_a_silent_peer_is_dead_once_the_tolerance_is_over(role: str) -> None:
    conn = connection(role, **BEATS)
    assert conn.handle_timeout(24.9) == b"\n"
    assert conn.next_event() is NEED_DATA
    assert conn.next_deadline() == 25.0
    assert conn.handle_timeout(25.0) == b""
    assert conn.next_deadline() is None
    assert state_of(conn) is State.CONNECTED
    closed = conn.next_event()
    assert isinstance(closed, ConnectionClosed)
    assert (closed.clean, closed.cut, closed.code) == (False, False, "heart-beat")
    assert "for 25.0 s, though it promised a sign of life every 10 s" in closed.reason
    assert state_of(conn) is State.CLOSED
    assert conn.next_event() is NEED_DATA
    assert conn.handle_timeout(1000.0) == b""


@both_roles
@pytest.mark.parametrize("seconds", [3.0, 12.5, 100.0])
def test_the_silence_that_is_endured_may_be_said_in_seconds(role: str, seconds: float) -> None:
    conn = connection(role, **BEATS)
    conn.set_read_timeout(seconds)
    conn.receive_data(b"\n", now=1.0)
    drain(conn)
    conn.handle_timeout(1.0 + seconds - 0.1)
    assert conn.next_event() is NEED_DATA
    conn.handle_timeout(1.0 + seconds)
    assert isinstance(conn.next_event(), ConnectionClosed)


@both_roles
def test_any_silence_may_be_endured(role: str) -> None:
    conn = connection(role, **BEATS)
    conn.set_read_timeout(inf)
    assert conn.handle_timeout(1e9) == b"\n"
    assert conn.next_deadline() == 1e9 + 4.0
    assert conn.next_event() is NEED_DATA


@both_roles
def test_a_peer_that_promised_nothing_may_be_silent_for_ever(role: str) -> None:
    conn = connection(role)
    conn.set_read_timeout(1.0)
    assert conn.next_deadline() is None
    assert conn.handle_timeout(1e9) == b""
    assert conn.next_event() is NEED_DATA


@both_roles
@pytest.mark.parametrize("seconds", [0.0, -1.0, nan])
def test_no_silence_at_all_cannot_be_endured(role: str, seconds: float) -> None:
    conn = connection(role, **BEATS)
    with pytest.raises(ValueError, match="more than 0"):
        conn.set_read_timeout(seconds)


@both_roles
def test_a_dead_peer_is_heard_out_and_neither_heard_nor_told_more(role: str) -> None:
    conn = connection(role, **BEATS)
    conn.receive_data(FINE[role] + b"\n" + FINE[role] + b"RECEIPT", now=0.0)
    conn.handle_timeout(25.0)
    with pytest.raises(ConnectionGoneError):
        conn.receive_data(b"\n", now=26.0)
    with pytest.raises(ConnectionGoneError, match=r"nothing came from the peer for 25.0 s"):
        conn.send(Receipt("r") if role == "server" else Send("/q"), now=26.0)
    conn.receive_data(b"", now=26.0)
    told = drain(conn)
    assert [type(event).__name__ for event in told] == (
        ["Receipt", "Receipt", "ConnectionClosed"]
        if role == "client"
        else ["Send", "Send", "ConnectionClosed"]
    )


def test_a_dead_peer_whose_last_words_were_an_error_is_told_after_them() -> None:
    for last_words, told_before in (
        (b"ERROR\nmessage:no\n\n\0", [Error("no")]),
        (b"ERROR\nmessage:no\n\n\0junk", [Error("no")]),
        (b"ERR", []),
    ):
        client = connected_client(**BEATS)
        client.receive_data(last_words, now=0.0)
        client.handle_timeout(25.0)
        told = drain(client)
        assert told[:-1] == told_before
        closed = told[-1]
        assert isinstance(closed, ConnectionClosed)
        assert closed.code == "heart-beat"
        assert client.state is State.CLOSED
        assert drain(client) == []


def test_a_dead_peer_whose_last_words_were_junk_is_told_after_the_error() -> None:
    client = connected_client(**BEATS)
    client.receive_data(b"junk", now=0.0)
    client.handle_timeout(25.0)
    with pytest.raises(RemoteProtocolError):
        client.next_event()
    assert one(drain(client)).code == "heart-beat"


@both_roles
def test_while_reading_rests_silence_proves_nothing_and_our_beats_go_on(role: str) -> None:
    conn = connection(role, **BEATS)
    conn.pause_reading(now=20.0)
    assert conn.next_deadline() == 4.0
    assert conn.handle_timeout(1000.0) == b"\n"
    assert conn.next_deadline() == 1004.0
    assert conn.next_event() is NEED_DATA
    conn.resume_reading(now=1001.0)
    assert conn.handle_timeout(1025.9) == b"\n"
    conn.handle_timeout(1026.0)
    assert one(drain(conn)).code == "heart-beat"


@both_roles
def test_without_now_the_latest_time_counts(role: str) -> None:
    conn = connection(role, **BEATS)
    assert conn.handle_timeout(3.0) == b""
    conn.send(Receipt("r") if role == "server" else Send("/q"))
    assert conn.next_deadline() == 7.0
    conn.receive_data(b"\n", now=6.0)
    conn.receive_data(b"\n")
    assert conn.handle_timeout(7.0) == b"\n"
    conn.pause_reading(now=7.5)
    conn.resume_reading()
    assert conn.handle_timeout() == b""
    assert conn.handle_timeout(32.4) == b"\n"
    assert conn.next_deadline() == 32.5


@both_roles
def test_no_beat_is_written_to_a_peer_found_dead(role: str) -> None:
    conn = connection(role, **BEATS)
    assert conn.handle_timeout(1000.0) == b""
    assert one(drain(conn)).code == "heart-beat"


@both_roles
def test_the_end_of_the_stream_is_no_sign_of_life(role: str) -> None:
    conn = connection(role, **BEATS)
    conn.handle_timeout(22.0)
    conn.receive_data(b"", now=23.0)
    assert conn.next_deadline() == 25.0


def test_before_any_now_was_passed_it_is_0() -> None:
    client = ClientConnection()
    client.connect(host="h", heart_beat=(1000, 1000))
    hear(client, b"CONNECTED\nversion:1.2\nheart-beat:1000,1000\n\n\0")
    assert client.next_deadline() == 1.0


def test_a_pace_below_1_beats_earlier() -> None:
    assert connected_client(heart_beat_pace=0.5, **BEATS).next_deadline() == 2.0
    assert connected_server(heart_beat_pace=0.75, **BEATS).next_deadline() == 3.0


def test_activemq_may_beat_for_the_first_time_after_two_intervals() -> None:
    client = connected_client("1.2", b"heart-beat:1000,0\n", heart_beat=(0, 1000))
    client.handle_timeout(2.0)
    hear(client, b"\n", 2.1)
    assert client.state is State.CONNECTED
    assert client.next_deadline() == pytest.approx(4.6)


@both_roles
def test_without_heart_beats_there_is_no_deadline(role: str) -> None:
    conn = connection(role)
    assert conn.next_deadline() is None
    assert conn.handle_timeout(1e9) == b""
    assert conn.next_event() is NEED_DATA


@both_roles
@pytest.mark.parametrize("state", ["connecting", "failed", "closed", "refusing"])
def test_there_are_no_heart_beats_but_in_the_conversation(role: str, state: str) -> None:
    if state == "connecting":
        conn: Connection = ClientConnection()
        if isinstance(conn, ClientConnection):
            conn.connect(host="h", heart_beat=(1, 1), now=0.0)
        if role == "server":
            conn = ServerConnection()
            hear(conn, b"CONNECT\naccept-version:1.2\nhost:h\nheart-beat:1,1\n\n\0", 0.0)
    else:
        conn = connection(role, **BEATS)
        if state == "failed":
            if isinstance(conn, ServerConnection):
                conn.send(Error("no"))
            else:
                hear(conn, b"ERROR\n\n\0")
        elif state == "closed":
            hang_up(conn)
        else:
            hear_error(conn, b"junk")
    assert conn.next_deadline() is None
    assert conn.handle_timeout(1e9) == b""


def test_after_disconnect_the_client_writes_nothing_not_even_a_beat_and_waits_as_long_as_you_like() -> None:
    client = connected_client(**BEATS)
    client.disconnect(now=1.0)
    assert client.next_deadline() is None
    assert client.handle_timeout(1e6) == b""
    assert client.next_event() is NEED_DATA


def test_after_disconnect_the_server_beats_while_it_is_busy_and_its_client_may_be_silent() -> None:
    server = connected_server(**BEATS)
    hear(server, b"DISCONNECT\nreceipt:r\n\n\0", 1.0)
    assert server.next_deadline() == 4.0
    assert server.handle_timeout(4.0) == b"\n"
    assert server.handle_timeout(1e6) == b"\n"
    assert server.next_event() is NEED_DATA


def test_a_handshake_that_took_long_leaves_a_beat_due_at_once() -> None:
    client = ClientConnection()
    client.connect(host="h", heart_beat=(1000, 1000), now=0.0)
    hear(client, b"CONNECTED\nversion:1.2\nheart-beat:1000,1000\n\n\0", 30.0)
    assert client.next_deadline() == 1.0
    assert client.handle_timeout(30.0) == b"\n"
    assert client.next_deadline() == 31.0
    assert client.next_event() is NEED_DATA


@every_version
def test_an_hour_of_heart_beats(version: str) -> None:
    pair = Pair(version, client_beats=(10_000, 10_000), server_beats=(20_000, 5_000))
    assert (pair.client.heart_beat, pair.server.heart_beat) == ((10.0, 20.0), (20.0, 10.0))
    log = pair.wait(3600.0)
    assert [(at, wire) for at, name, wire in log if name == "client"] == [
        (10.0 * beat, b"\n") for beat in range(1, 361)
    ]
    assert [(at, wire) for at, name, wire in log if name == "server"] == [
        (20.0 * beat, b"\n") for beat in range(1, 181)
    ]
    assert pair.client.state is pair.server.state is State.CONNECTED
    assert set(pair.client_hears) | set(pair.server_hears) == {HeartBeat(1)}


def test_an_hour_of_frames_makes_beats_of_one_side_needless() -> None:
    pair = Pair(client_beats=(10_000, 10_000), server_beats=(10_000, 10_000))
    log = []
    for minute in range(720):
        pair.client_says(Send("/q", str(minute)))
        log += pair.wait(pair.now + 5.0)
    assert {name for _, name, _ in log} == {"server"}
    assert len(log) == 360


# ------------------------------------------------------------------------ conversations


def conversation(version: str) -> list[tuple[str, Event]]:
    """A talk that uses every frame that the version has."""
    name = "s" if version == "1.1" else None

    def acknowledge(kind: type[Ack] | type[Nack], number: int, **more: Any) -> Event:
        if version == "1.2":
            return kind(f"a{number}", **more)
        return kind(message_id=f"m{number}", subscription=name, **more)

    def message(number: int) -> Event:
        ack = f"a{number}" if version == "1.2" else None
        return Message("/q:1", message_id=f"m{number}", subscription="s", ack=ack, body=b"\0" * number)

    refuse = Ack if version == "1.0" else Nack
    return [
        ("client", Subscribe("/q:1", id="s", ack="client", receipt="1")),
        ("server", Receipt("1")),
        *(("server", message(number)) for number in range(8)),
        ("client", acknowledge(Ack, 1)),
        ("client", Begin("t", receipt="2")),
        ("client", Send("/q:1", "h\xe9", transaction="t")),
        ("client", acknowledge(Ack, 3, transaction="t")),
        ("server", Receipt("2")),
        ("client", Abort("t")),
        ("client", acknowledge(Ack, 2)),
        ("client", Begin("t")),
        ("client", acknowledge(refuse, 4, transaction="t")),
        ("client", Commit("t", receipt="3")),
        ("client", acknowledge(refuse, 7)),
        ("client", Unsubscribe("s")),
        ("server", Receipt("3")),
        ("client", Disconnect(receipt="4")),
        ("server", Receipt("4")),
    ]


@every_version
@chunkings
def test_what_one_side_says_the_other_hears(version: str, cut: Cut) -> None:
    pair = Pair(version, cut=cut)
    for side, event in conversation(version):
        if side == "client":
            pair.client_says(event)
            assert pair.server_hears[-1] == event
        else:
            pair.server_says(event)
            assert pair.client_hears[-1] == event
        assert pair.client.state is pair.server.state
    assert pair.server_hears == [event for side, event in conversation(version) if side == "client"]
    assert pair.client_hears == [event for side, event in conversation(version) if side == "server"]
    for conn in (pair.client, pair.server):
        assert hang_up(conn).clean


@every_version
@pytest.mark.parametrize("mode", ["client", "client-individual"])
def test_both_sides_keep_the_same_books(version: str, mode: AckMode) -> None:
    pair = Pair(version)
    pair.client_says(Subscribe("/q", id="s", ack=mode), Begin("t"))
    for number in range(6):
        pair.server_says(Message("/q", message_id=str(number), subscription="s", ack=f"a{number}"))
    messages = [event for event in pair.client_hears if isinstance(event, Message)]
    pair.client_says(messages[1].acknowledge(), messages[3].acknowledge(transaction="t"), Abort("t"))
    allowed = []
    for message in messages:
        with contextlib.suppress(LocalProtocolError):
            pair.client_says(message.acknowledge())
            allowed.append(message.message_id)
    assert allowed == (["2", "3", "4", "5"] if mode == "client" else ["0", "2", "3", "4", "5"])
    assert pair.server.state is State.CONNECTED


def test_two_sides_that_share_no_version_part_with_the_list() -> None:
    client, server = ClientConnection(("1.1", "1.2")), ServerConnection(("1.0",))
    hint = hear_error(server, client.connect(host="h")).frame_hint
    assert hint is not None
    error = one(hear(client, server.send(hint)))
    assert isinstance(error, Error)
    assert (error.headers["version"], error.body) == ("1.0", b"Supported protocol versions are 1.0")


@pytest.mark.parametrize("offered", [("1.0",), ("1.1",), ("1.2",), ("1.0", "1.1"), ("1.0", "1.2"), VERSIONS])
@pytest.mark.parametrize("speaks", [("1.0",), ("1.1",), ("1.2",), ("1.1", "1.2"), VERSIONS])
@chunkings
def test_two_sides_agree_on_the_highest_version_in_common(
    offered: tuple[str, ...], speaks: tuple[str, ...], cut: Cut
) -> None:
    client, server = ClientConnection(offered), ServerConnection(speaks)
    shared = sorted(set(offered) & set(speaks))
    wire = client.connect(host="h")
    if not shared:
        assert hear_error(server, wire).code == "version-not-shared"
        return
    hear(server, wire, cut=cut)
    hear(client, server.send(Connected()), cut=cut)
    assert client.version == server.version == shared[-1]


# ------------------------------------------------------------------------ whatever comes


ALPHABET = [
    b"\n",
    b"\r\n",
    b"\0",
    b"\0\n",
    b":",
    b"\\",
    b"\\c",
    b"\r",
    b"\xff",
    b"x",
    b"",
    b"\n\n\0",
    b"CONNECT\naccept-version:1.2\nhost:h\nheart-beat:1000,1000\n\n\0",
    b"CONNECT\n\n\0",
    b"STOMP\nhost:h\n\n\0",
    b"CONNECTED\nversion:1.2\nheart-beat:1000,1000\n\n\0",
    b"CONNECTED\n\n\0",
    b"CONNECTED\nversion:1.1\nheart-beat:x\n\n\0",
    b"SEND\ndestination:/q\n\nx\0",
    b"SEND\ndestination:/q\ntransaction:t\n\n\0",
    b"SEND\n",
    b"content-length:3\n\n",
    b"SUBSCRIBE\nid:s\ndestination:/q\nack:client\n\n\0",
    b"SUBSCRIBE\ndestination:/q\n\n\0",
    b"UNSUBSCRIBE\nid:s\n\n\0",
    b"UNSUBSCRIBE\ndestination:/q\n\n\0",
    b"ACK\nid:a\n\n\0",
    b"ACK\nmessage-id:m\nsubscription:s\n\n\0",
    b"NACK\nid:a\n\n\0",
    b"BEGIN\ntransaction:t\n\n\0",
    b"COMMIT\ntransaction:t\n\n\0",
    b"ABORT\ntransaction:t\n\n\0",
    b"DISCONNECT\nreceipt:r\n\n\0",
    b"MESSAGE\nsubscription:s\nmessage-id:m\ndestination:/q\nack:a\n\nx\0",
    b"MESSAGE\ndestination:/q\nmessage-id:m\n\n\0",
    b"RECEIPT\nreceipt-id:r\n\n\0",
    b"ERROR\nmessage:m\n\nx\0",
    b"RECEIPT\n\n\0",
]
CLIENT_SAYINGS: list[Any] = [
    Frame("CONNECT", {"accept-version": "1.0,1.1,1.2", "host": "h", "heart-beat": "1000,1000"}),
    Frame("CONNECT", {"host": "h"}),
    Subscribe("/q", id="s", ack="client"),
    Subscribe("/q"),
    Unsubscribe("s"),
    Unsubscribe(destination="/q"),
    Ack("a"),
    Ack(message_id="m", subscription="s"),
    Nack("a", transaction="t"),
    Begin("t"),
    Commit("t"),
    Abort("t"),
    Send("/q", b"x", transaction="t"),
    Send("/q"),
    Disconnect(),
    Connected(),
    Receipt("r"),
    Frame("BEGIN"),
    Frame("ACK"),
    Frame("UNSUBSCRIBE"),
    Frame("NONSENSE"),
]
SERVER_SAYINGS: list[Any] = [
    Connected(),
    Connected(version="1.1"),
    Connected(heart_beat=(1000, 1000)),
    Receipt("r"),
    Error("no"),
    Send("/q"),
    Message("/q", message_id="m", subscription="s", ack="a"),
    Message("/q", message_id="m"),
    Frame("MESSAGE"),
    Frame("ERROR"),
    Frame("CONNECTED"),
    Frame("NONSENSE"),
]

MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("hear"), st.lists(st.sampled_from(ALPHABET), max_size=3).map(b"".join)),
        st.tuples(st.just("hear"), st.binary(max_size=20)),
        st.tuples(st.just("say"), st.integers(0, 30)),
        st.tuples(st.just("wait"), st.floats(0, 10)),
        st.tuples(st.just("deadline"), st.none()),
        st.tuples(st.sampled_from(["pause", "resume", "early"]), st.none()),
    ),
    max_size=25,
)


def play(conn: Connection, sayings: list[Any], moves: list[tuple[str, Any]]) -> None:
    """Do all this; nothing but what the documentation names may happen."""
    now = 0.0
    ended = failed = False
    for move, argument in moves:
        if move == "hear":
            try:
                conn.receive_data(argument, now)
            except ConnectionGoneError:
                assert argument
        elif move == "say":
            before = (conn.state, conn.next_deadline(), conn.version, conn.heart_beat)
            try:
                wire = conn.send(sayings[argument % len(sayings)], now=now)
            except (LocalProtocolError, ConnectionGoneError):
                assert (conn.state, conn.next_deadline(), conn.version, conn.heart_beat) == before
            else:
                assert wire.endswith(b"\0")
                assert not failed or isinstance(conn, ServerConnection)
        elif move == "pause":
            conn.pause_reading(now)
        elif move == "resume":
            conn.resume_reading(now)
        else:
            deadline = conn.next_deadline()
            if move == "wait":
                now += argument
            elif move == "deadline" and deadline is not None:
                now = max(now, deadline)
            if move == "early":
                if deadline is not None and now < deadline:
                    assert conn.handle_timeout(now) == b""
                    assert conn.next_deadline() == deadline
                continue
            assert conn.handle_timeout(now) in (b"", b"\n")
            later = conn.next_deadline()
            assert later is None or later > now, "after handle_timeout nothing is due any more"
        for _ in range(100):
            try:
                event = conn.next_event()
            except RemoteProtocolError as error:
                hint = error.frame_hint
                assert (hint is not None) == isinstance(conn, ServerConnection)
                assert conn.state in (State.REFUSING, State.FAILED)
                failed = True
                break
            if event is NEED_DATA:
                break
            assert not ended, "nothing comes after the end"
            assert isinstance(event, Event | HeartBeat | Tolerated | ConnectionClosed)
            if isinstance(event, ConnectionClosed):
                ended = True
                assert conn.state is State.CLOSED
            elif failed:
                raise AssertionError("nothing but the end comes after a broken rule")
        else:
            raise AssertionError("this never ends")


LENIENCIES = st.sampled_from([None, Leniency.permissive(), Leniency.brokers()])


@settings(max_examples=300)
@given(MOVES, st.sampled_from([VERSIONS, ("1.0",), ("1.1", "1.2"), ("1.2",)]), LENIENCIES, st.booleans())
def test_whatever_comes_a_client_gives_events_or_a_protocol_error(
    moves: list[tuple[str, Any]], versions: tuple[str, ...], leniency: Leniency | None, begun: bool
) -> None:
    client = ClientConnection(versions, leniency=leniency)
    if begun:
        moves = [
            ("say", 1),
            ("hear", b"CONNECTED\nversion:%b\n\n\0" % versions[-1].encode()),
            ("say", 2),
            *moves,
        ]
    play(client, CLIENT_SAYINGS, moves)


@settings(max_examples=300)
@given(MOVES, st.sampled_from([VERSIONS, ("1.0",), ("1.1", "1.2"), ("1.2",)]), LENIENCIES, st.booleans())
def test_whatever_comes_a_server_gives_events_or_a_protocol_error(
    moves: list[tuple[str, Any]], versions: tuple[str, ...], leniency: Leniency | None, begun: bool
) -> None:
    server = ServerConnection(versions, leniency=leniency)
    if begun:
        connect = b"CONNECT\naccept-version:%b\nhost:h\nheart-beat:500,500\n\n\0" % versions[-1].encode()
        subscribe = b"SUBSCRIBE\nid:s\ndestination:/q\nack:client\n\n\0"
        moves = [("hear", connect), ("say", 2), ("hear", subscribe), *moves]
    play(server, SERVER_SAYINGS, moves)


@given(
    st.lists(st.integers(0, 5_000), min_size=4, max_size=4),
    st.floats(1.1, 5),
    st.floats(0.1, 1),
    st.lists(st.tuples(st.sampled_from(["client", "server"]), st.floats(0, 20)), max_size=10),
)
def test_two_sides_that_call_handle_timeout_in_time_stay_connected(
    beats: list[int], tolerance: float, pace: float, talk: list[tuple[str, float]]
) -> None:
    options: Any = {"heart_beat_tolerance": tolerance, "heart_beat_pace": pace}
    pair = Pair(
        client=ClientConnection(**options),
        server=ServerConnection(**options),
        client_beats=(beats[0], beats[1] and beats[1] + 200),
        server_beats=(beats[2], beats[3] and beats[3] + 200),
    )
    for side, pause in talk:
        pair.wait(pair.now + pause)
        if side == "client":
            pair.client_says(Send("/q"))
        else:
            pair.server_says(Receipt("r"))
    assert pair.client.state is pair.server.state is State.CONNECTED


def test_every_error_of_a_connection_is_one_of_stomp() -> None:
    for kind in (LocalProtocolError, RemoteProtocolError, ConnectionGoneError):
        assert issubclass(kind, StompError)
    assert not issubclass(ConnectionGoneError, LocalProtocolError)
