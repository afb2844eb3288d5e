"""What both roles share: violations and what follows them, the end, heart-beat deadlines; and both connected."""

from __future__ import annotations

import contextlib
import re
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
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
from tests.compiled import python_only, type_error

from .pair import (
    VERSIONS,
    Connection,
    Cut,
    Pair,
    chunkings,
    close_by_peer,
    connected_client,
    connected_server,
    connection,
    drain,
    one,
    receive,
    receive_error,
    state_of,
)

every_version = pytest.mark.parametrize("version", VERSIONS)
#: A function of mypyc that takes a float takes a bool as well.
bool_is_no_number = python_only("a bool is taken for a number")
both_roles = pytest.mark.parametrize("role", ["client", "server"])
FINE = {"client": b"RECEIPT\nreceipt-id:r\n\n\0", "server": b"SEND\ndestination:/q\n\n\0"}


# ------------------------------------------------------------------------ arguments


@pytest.mark.parametrize("make", [ClientConnection, ServerConnection])
@pytest.mark.parametrize(
    ("versions", "named"),
    [((), "at least one"), (("1.3",), "'1.3'"), (("1.2", "2"), "'2'"), (("",), "''")],
)
def test_versions_must_exist(make: Any, versions: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make(versions)


@pytest.mark.parametrize("make", [ClientConnection, ServerConnection])
@pytest.mark.parametrize(
    ("versions", "text"),
    [
        ("1.2", r"versions must be several, as in \('1.2',\), got the str '1.2'"),
        (1.2, r"got 1.2: write \('1.2',\)"),
        (None, "got None: leave it out"),
        (b"1.2", "got the bytes"),
    ],
)
def test_one_version_is_not_several(make: Any, versions: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        make(versions)


def test_versions_are_offered_in_order() -> None:
    wire = ClientConnection(["1.2", "1.0", "1.2"]).connect(host="h")
    assert b"accept-version:1.0,1.2\n" in wire


@pytest.mark.parametrize("make", [ClientConnection, ServerConnection])
@pytest.mark.parametrize(
    "options",
    [
        {"heart_beat_tolerance": 1.0}, {"heart_beat_tolerance": 0.5}, {"heart_beat_tolerance": float("nan")},
        {"heart_beat_pace": 0.0}, {"heart_beat_pace": -1.0}, {"heart_beat_pace": 1.01},
        {"heart_beat_pace": float("nan")}, {"heart_beat_pace": 0.001}, {"heart_beat_pace": 0.099},
    ],
)  # fmt: skip
def test_heart_beat_options_have_a_range(make: Any, options: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        make(**options)
    make(heart_beat_tolerance=1.001, heart_beat_pace=1.0)
    make(heart_beat_pace=0.1)


@pytest.mark.parametrize("make", [ClientConnection, ServerConnection])
@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("heart_beat_pace", "0.8", "must be a number, got the str '0.8': write 0.8"),
        ("heart_beat_pace", None, "must be a number, got None"),
        pytest.param("heart_beat_pace", True, "must be a number, got True", marks=bool_is_no_number),
        ("heart_beat_pace", (0.8,), "must be a number, got the tuple"),
        ("heart_beat_tolerance", "3", "must be a number of intervals, got the str '3': write 3"),
        ("limits", 1000, "must be a Limits, got 1000"),
        ("leniency", True, "must be a Leniency, got True"),
        ("leniency", Leniency, "must be a Leniency, got the class Leniency: make an instance of it"),
    ],
)
def test_an_option_of_a_wrong_type_is_refused(make: Any, option: str, value: Any, text: str) -> None:
    with pytest.raises(TypeError, match=type_error(f"{option} {text}")):
        make(**{option: value})


@pytest.mark.parametrize("make", [ClientConnection, ServerConnection])
def test_any_kind_of_number_will_do(make: Any) -> None:
    make(heart_beat_pace=Decimal("0.5"), heart_beat_tolerance=Decimal(3))


def test_a_new_connection_has_no_version_and_no_deadline() -> None:
    conn = ClientConnection()
    assert (conn.state, conn.version, conn.heart_beat) == (State.NEW, None, (0.0, 0.0))
    assert conn.next_deadline() is None
    assert conn.handle_timeout(1e9) == b""
    assert conn.next_event() is NEED_DATA


# ------------------------------------------------------------------------ violations


@both_roles
@pytest.mark.parametrize("junk", [b"\0\0", b"HELLO\n", b"CONNECTED\n\n\0", b"STOMP\n\n\0"])
def test_events_before_a_violation_are_returned_first(role: str, junk: bytes) -> None:
    conn = connection(role)
    conn.receive_data(FINE[role] * 2 + b"\n\n" + FINE[role] + junk)
    events = [conn.next_event() for _ in range(4)]
    assert [type(event).__name__ for event in events].count("HeartBeat") == 1
    with pytest.raises(RemoteProtocolError):
        conn.next_event()


@both_roles
def test_a_violation_is_raised_again_until_the_peer_closes(role: str) -> None:
    conn = connection(role)
    error = receive_error(conn, b"junk" + FINE[role])
    for more in (FINE[role], b"\n", b"junk"):
        conn.receive_data(more)
        with pytest.raises(RemoteProtocolError) as again:
            conn.next_event()
        assert again.value is error
    assert (error.frame_hint is None) == (role == "client")
    closed = close_by_peer(conn)
    assert (closed.clean, closed.cut, closed.code) == (False, False, "eof")
    assert str(error) in closed.reason
    assert conn.state is State.CLOSED
    with pytest.raises(ConnectionGoneError):
        conn.receive_data(b"\n")


@both_roles
def test_a_violation_and_the_end_in_one_chunk(role: str) -> None:
    conn = connection(role)
    conn.receive_data(b"junk")
    conn.receive_data(b"")
    with pytest.raises(RemoteProtocolError):
        conn.next_event()
    assert isinstance(one(drain(conn)), ConnectionClosed)


def test_error_then_junk_then_the_end_in_one_chunk() -> None:
    """The end was forgotten together with the junk before it."""
    client = connected_client()
    client.receive_data(b"ERROR\nmessage:no\n\n\0junk")
    client.receive_data(b"")
    events = drain(client)
    assert [type(event) for event in events] == [Error, ConnectionClosed]
    assert client.state is State.CLOSED


def test_junk_behind_an_error_is_no_violation() -> None:
    client = connected_client()
    assert receive(client, b"ERROR\nmessage:no\n\n\0junk") == [Error("no")]
    assert receive(client, b"ERROR\nmessage:again\n\n\0" * 3) == [], "nothing behind junk can be read"
    assert close_by_peer(client).reason == "closed after ERROR"


def test_an_error_may_be_cut_off() -> None:
    client = connected_client()
    receive(client, b"ERROR\nmessage:no\n\n\0ERROR\nmess")
    assert close_by_peer(client).cut


@both_roles
def test_bytes_after_a_violation_take_no_memory(role: str) -> None:
    """They were kept although they would never be read."""
    conn = connection(role)
    receive_error(conn, b"junk")
    piece = bytes(10_000)
    tracemalloc.start()
    try:
        for _ in range(1000):
            conn.receive_data(bytes(bytearray(piece)))
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


# ------------------------------------------------------------------------ received data


@both_roles
@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
def test_data_may_be_any_kind_of_bytes(role: str, make: Any) -> None:
    conn = connection(role)
    conn.receive_data(make(FINE[role]))
    assert isinstance(conn.next_event(), Event)
    conn.receive_data(make(b""))
    assert isinstance(conn.next_event(), ConnectionClosed)


@both_roles
def test_other_data_is_refused_and_is_no_sign_of_life(role: str) -> None:
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
    assert conn.next_event() is NEED_DATA, "the end is events once"


@both_roles
@every_version
def test_heart_beats_are_events_but_not_the_one_after_nul(role: str, version: str) -> None:
    """The line feed behind the NUL of a frame is no heart-beat."""
    conn = connection(role, version)
    events = receive(conn, b"\n\n" + FINE[role] + b"\n" + FINE[role] + b"\n\n\n")
    assert [event for event in events if isinstance(event, HeartBeat)] == [HeartBeat(1), HeartBeat(2)]


# ------------------------------------------------------------------------ heart-beats


BEATS: Any = {"extra": b"heart-beat:10000,4000\n", "heart_beat": (3000, 8000)}
# The client sends heart-beat:3000,8000 and receives 10000,4000; the server does the opposite. Both have to send every
# 4 s, and are promised something every 10 s.


@both_roles
@every_version
def test_the_first_deadline_is_that_of_our_heart_beat(role: str, version: str) -> None:
    conn = connection(role, version, **BEATS)
    assert conn.heart_beat == (4.0, 10.0)
    assert conn.next_deadline() == 4.0


@both_roles
def test_a_heart_beat_is_written_once_when_it_is_due(role: str) -> None:
    conn = connection(role, **BEATS)
    assert conn.handle_timeout(3.999) == b""
    assert conn.next_deadline() == 4.0
    assert conn.handle_timeout(4.0) == b"\n"
    assert conn.next_deadline() == 8.0
    assert conn.handle_timeout(4.0) == b""


@both_roles
def test_a_late_heart_beat_is_written_once(role: str) -> None:
    conn = connection(role, **BEATS)
    assert conn.handle_timeout(19.0) == b"\n"
    assert conn.next_deadline() == 23.0


@both_roles
def test_a_sent_frame_counts_as_a_heart_beat(role: str) -> None:
    conn = connection(role, **BEATS)
    conn.send(Receipt("r") if role == "server" else Send("/q"), now=3.0)
    assert conn.next_deadline() == 7.0
    assert conn.handle_timeout(4.0) == b""


@both_roles
def test_a_refused_frame_does_not_count_as_a_heart_beat(role: str) -> None:
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
def test_a_silent_peer_is_dead_after_the_tolerance(role: str) -> None:
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
    assert "for 25.0 s, but it promised a heart-beat every 10 s" in closed.reason
    assert state_of(conn) is State.CLOSED
    assert conn.next_event() is NEED_DATA
    assert conn.handle_timeout(1000.0) == b""


@both_roles
@pytest.mark.parametrize("seconds", [3.0, 12.5, 100.0])
def test_the_read_timeout_is_in_seconds(role: str, seconds: float) -> None:
    conn = connection(role, **BEATS)
    conn.set_read_timeout(seconds)
    conn.receive_data(b"\n", now=1.0)
    drain(conn)
    conn.handle_timeout(1.0 + seconds - 0.1)
    assert conn.next_event() is NEED_DATA
    conn.handle_timeout(1.0 + seconds)
    assert isinstance(conn.next_event(), ConnectionClosed)


@both_roles
def test_the_read_timeout_may_be_infinite(role: str) -> None:
    conn = connection(role, **BEATS)
    conn.set_read_timeout(inf)
    assert conn.handle_timeout(1e9) == b"\n"
    assert conn.next_deadline() == 1e9 + 4.0
    assert conn.next_event() is NEED_DATA


@both_roles
def test_without_heart_beats_there_is_no_read_timeout(role: str) -> None:
    conn = connection(role)
    conn.set_read_timeout(1.0)
    assert conn.next_deadline() is None
    assert conn.handle_timeout(1e9) == b""
    assert conn.next_event() is NEED_DATA


@both_roles
def test_heart_beats_may_be_sent_without_a_promise(role: str) -> None:
    conn = connection(role)
    conn.receive_data(b"\n", now=100.0)
    drain(conn)
    assert conn.next_deadline() is None
    conn.set_send_interval(5.0)
    assert conn.heart_beat == (5.0, 0.0)
    assert conn.handle_timeout(200.0) == b"\n"
    assert conn.next_deadline() == 205.0
    for seconds in (0.0, -1.0, nan):
        with pytest.raises(ValueError, match="seconds must be positive"):
            conn.set_send_interval(seconds)


@both_roles
@pytest.mark.parametrize("seconds", [0.0, -1.0, nan])
def test_the_read_timeout_must_be_positive(role: str, seconds: float) -> None:
    conn = connection(role, **BEATS)
    with pytest.raises(ValueError, match="seconds must be positive"):
        conn.set_read_timeout(seconds)


@both_roles
def test_what_a_dead_peer_sent_before_is_returned(role: str) -> None:
    """After that nothing is received from it or sent to it."""
    conn = connection(role, **BEATS)
    conn.receive_data(FINE[role] + b"\n" + FINE[role] + b"RECEIPT", now=0.0)
    conn.handle_timeout(25.0)
    with pytest.raises(ConnectionGoneError):
        conn.receive_data(b"\n", now=26.0)
    with pytest.raises(ConnectionGoneError, match=r"nothing was received from the peer for 25.0 s"):
        conn.send(Receipt("r") if role == "server" else Send("/q"), now=26.0)
    conn.receive_data(b"", now=26.0)
    events = drain(conn)
    assert [type(event).__name__ for event in events] == (
        ["Receipt", "Receipt", "ConnectionClosed"]
        if role == "client"
        else ["Send", "Send", "ConnectionClosed"]
    )


def test_a_peer_that_dies_after_an_error() -> None:
    for wire, events_before in (
        (b"ERROR\nmessage:no\n\n\0", [Error("no")]),
        (b"ERROR\nmessage:no\n\n\0junk", [Error("no")]),
        (b"ERR", []),
    ):
        client = connected_client(**BEATS)
        client.receive_data(wire, now=0.0)
        client.handle_timeout(25.0)
        events = drain(client)
        assert events[:-1] == events_before
        closed = events[-1]
        assert isinstance(closed, ConnectionClosed)
        assert closed.code == "heart-beat"
        assert client.state is State.CLOSED
        assert drain(client) == []


def test_a_peer_that_dies_after_a_violation() -> None:
    client = connected_client(**BEATS)
    client.receive_data(b"junk", now=0.0)
    client.handle_timeout(25.0)
    with pytest.raises(RemoteProtocolError):
        client.next_event()
    assert one(drain(client)).code == "heart-beat"


@both_roles
def test_while_reading_is_paused_the_peer_has_no_deadline(role: str) -> None:
    """Our own heart-beats go on."""
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


def clockless_calls(role: str) -> dict[str, Callable[[Connection], object]]:
    """Every call that takes ``now``, without it."""
    return {
        "send": lambda conn: conn.send(Receipt("r") if role == "server" else Send("/q")),
        "receive_data": lambda conn: conn.receive_data(b"\n"),
        "handle_timeout": lambda conn: conn.handle_timeout(),
        "alive": lambda conn: conn.alive(),
        "pause_reading": lambda conn: conn.pause_reading(),
        "resume_reading": lambda conn: conn.resume_reading(),
    }


@both_roles
@pytest.mark.parametrize("call", list(clockless_calls("client")))
@pytest.mark.parametrize("paused", [False, True])
def test_with_heart_beats_every_call_needs_now(role: str, call: str, paused: bool) -> None:
    """Without it no heart-beat would ever leave, and no silence would be noticed. The refused call changes nothing."""
    conn = connection(role, **BEATS)
    if paused:
        conn.pause_reading(1.0)
    before = conn.next_deadline(), conn.state
    with pytest.raises(TypeError, match=rf"{call}\(\) needs now=.*4 s .*10 s .*heart_beats=False"):
        clockless_calls(role)[call](conn)
    assert (conn.next_deadline(), conn.state) == before
    assert conn.next_event() is NEED_DATA
    assert conn.handle_timeout(4.0) == b"\n"


@both_roles
@pytest.mark.parametrize(
    ("mine", "agreed"), [((4000, 0), (4.0, 0.0)), ((0, 10_000), (0.0, 10.0))], ids=["sending", "receiving"]
)
def test_one_direction_of_heart_beats_needs_now_too(
    role: str, mine: tuple[int, int], agreed: tuple[float, float]
) -> None:
    conn = connection(role, heart_beat=mine, extra=b"heart-beat:10000,4000\n")
    assert conn.heart_beat == agreed
    with pytest.raises(TypeError, match="needs now"):
        conn.receive_data(b"\n")


@both_roles
@pytest.mark.parametrize("call", list(clockless_calls("client")))
def test_without_heart_beats_no_call_needs_now(role: str, call: str) -> None:
    clockless_calls(role)[call](connection(role))


@both_roles
@pytest.mark.parametrize("call", list(clockless_calls("client")))
def test_heart_beats_may_be_switched_off_for_programs_without_a_clock(role: str, call: str) -> None:
    conn = connection(role, **BEATS, heart_beats=False)
    assert conn.heart_beat == (4.0, 10.0), "what was negotiated is known"
    clockless_calls(role)[call](conn)
    assert conn.next_deadline() is None
    assert conn.handle_timeout(1e9) == b""
    assert conn.next_event() is NEED_DATA


@both_roles
def test_the_first_now_starts_the_clock(role: str) -> None:
    """A handshake without a clock must not make a peer look dead that was never watched."""
    conn = connection(role, now=None, **BEATS)
    assert conn.handle_timeout(1000.0) == b""
    assert conn.next_event() is NEED_DATA
    assert conn.next_deadline() == 1004.0


@both_roles
def test_the_end_of_the_stream_needs_no_now(role: str) -> None:
    conn = connection(role, **BEATS)
    assert not close_by_peer(conn).clean


@both_roles
def test_no_heart_beat_is_written_to_a_dead_peer(role: str) -> None:
    conn = connection(role, **BEATS)
    assert conn.handle_timeout(1000.0) == b""
    assert one(drain(conn)).code == "heart-beat"


@both_roles
def test_bytes_of_a_partial_message_are_a_sign_of_life(role: str) -> None:
    """A WebSocket or TLS layer may not be able to pass them on yet."""
    conn = connection(role, **BEATS)
    conn.alive(20.0)
    assert conn.handle_timeout(44.9) == b"\n"
    assert conn.next_event() is NEED_DATA
    conn.alive(44.9)
    assert conn.handle_timeout(69.8) == b"\n"
    conn.handle_timeout(69.9)
    assert one(drain(conn)).code == "heart-beat"
    conn.alive(70.0)
    assert (conn.next_deadline(), conn.next_event()) == (None, NEED_DATA)


@both_roles
@pytest.mark.parametrize(
    ("now", "error"),
    [
        (nan, ValueError),
        (inf, ValueError),
        (-inf, ValueError),
        ("1", TypeError),
        pytest.param(True, TypeError, marks=bool_is_no_number),
        (Decimal(1), TypeError),
        (len, TypeError),
        ([], TypeError),
    ],
    ids=str,
)
def test_now_must_be_a_finite_number(role: str, now: Any, error: type[Exception]) -> None:
    conn = connection(role, **BEATS)
    begin = b"BEGIN\ntransaction:t\n\n\0"
    calls: list[Callable[[], object]] = [
        lambda: conn.receive_data(FINE[role], now),
        lambda: conn.send(Receipt("r") if role == "server" else Begin("t"), now=now),
        lambda: conn.handle_timeout(now),
        lambda: conn.alive(now),
        lambda: conn.pause_reading(now),
        lambda: conn.resume_reading(now),
    ]
    for call in calls:
        with pytest.raises(error) as caught:
            call()
        kind = "number" if error is TypeError else "finite number"
        expected = f"now must be a {kind} of seconds of a monotonic clock, got "
        assert re.match(type_error(expected) if error is TypeError else expected, str(caught.value))
    assert (conn.next_event(), conn.next_deadline(), conn.transactions) == (NEED_DATA, 4.0, {})
    if isinstance(conn, ClientConnection):
        assert conn.begin("t", now=0) == begin, "an int is a number"


@both_roles
def test_the_end_of_the_stream_is_no_sign_of_life(role: str) -> None:
    conn = connection(role, **BEATS)
    conn.handle_timeout(22.0)
    conn.receive_data(b"", now=23.0)
    assert conn.next_deadline() == 25.0


def test_without_any_now_it_is_0() -> None:
    client = ClientConnection(heart_beat_pace=1.0)
    client.connect(host="h", heart_beat=(1000, 1000))
    receive(client, b"CONNECTED\nversion:1.2\nheart-beat:1000,1000\n\n\0")
    assert client.next_deadline() == 1.0


def test_heart_beats_leave_well_before_the_interval_ends_by_default() -> None:
    """ActiveMQ closes a connection whose heart-beats leave after 1.00 to 1.02 intervals."""
    pair = Pair(
        client=ClientConnection(), server=ServerConnection(), client_beats=(10_000, 5_000),
        server_beats=(5_000, 10_000),
    )  # fmt: skip
    sent = pair.wait(20.0)
    assert [at for at, side, _ in sent if side == "client"] == [8.0, 16.0]
    assert [at for at, side, _ in sent if side == "server"] == [4.0, 8.0, 12.0, 16.0, 20.0]


def test_a_pace_below_1_makes_heart_beats_earlier() -> None:
    assert connected_client(heart_beat_pace=0.5, **BEATS).next_deadline() == 2.0
    assert connected_server(heart_beat_pace=0.75, **BEATS).next_deadline() == 3.0


def test_a_first_heart_beat_after_two_intervals_is_in_time() -> None:
    """ActiveMQ sends it then."""
    client = connected_client("1.2", b"heart-beat:1000,0\n", heart_beat=(0, 1000))
    client.handle_timeout(2.0)
    receive(client, b"\n", 2.1)
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
def test_outside_of_connected_there_are_no_deadlines(role: str, state: str) -> None:
    if state == "connecting":
        conn: Connection = ClientConnection()
        if isinstance(conn, ClientConnection):
            conn.connect(host="h", heart_beat=(1, 1), now=0.0)
        if role == "server":
            conn = ServerConnection()
            receive(conn, b"CONNECT\naccept-version:1.2\nhost:h\nheart-beat:1,1\n\n\0", 0.0)
    else:
        conn = connection(role, **BEATS)
        if state == "failed":
            if isinstance(conn, ServerConnection):
                conn.send(Error("no"), now=0.0)
            else:
                receive(conn, b"ERROR\n\n\0", 0.0)
        elif state == "closed":
            close_by_peer(conn)
        else:
            receive_error(conn, b"junk", 0.0)
    assert conn.next_deadline() is None
    assert conn.handle_timeout(1e9) == b""
    assert conn.handle_timeout() == b"", "nothing is due, so nobody needs a clock"


def test_after_disconnect_the_client_has_no_deadline() -> None:
    """It may not write anything, and the server may take its time."""
    client = connected_client(**BEATS)
    client.disconnect(now=1.0)
    assert client.next_deadline() is None
    assert client.handle_timeout(1e6) == b""
    assert client.next_event() is NEED_DATA


def test_after_disconnect_the_server_sends_heart_beats() -> None:
    """Its client may not write anything."""
    server = connected_server(**BEATS)
    receive(server, b"DISCONNECT\nreceipt:r\n\n\0", 1.0)
    assert server.next_deadline() == 4.0
    assert server.handle_timeout(4.0) == b"\n"
    assert server.handle_timeout(1e6) == b"\n"
    assert server.next_event() is NEED_DATA


def test_a_slow_handshake_makes_a_heart_beat_overdue() -> None:
    client = ClientConnection(heart_beat_pace=1.0)
    client.connect(host="h", heart_beat=(1000, 1000), now=0.0)
    receive(client, b"CONNECTED\nversion:1.2\nheart-beat:1000,1000\n\n\0", 30.0)
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
    assert set(pair.client_received) | set(pair.server_received) == {HeartBeat(1)}


def test_a_side_that_sends_frames_needs_no_heart_beats() -> None:
    pair = Pair(client_beats=(10_000, 10_000), server_beats=(10_000, 10_000))
    log = []
    for minute in range(720):
        pair.client_sends(Send("/q", str(minute)))
        log += pair.wait(pair.now + 5.0)
    assert {name for _, name, _ in log} == {"server"}
    assert len(log) == 360


# ------------------------------------------------------------------------ both sides


def conversation(version: str) -> list[tuple[str, Event]]:
    """Every frame that the version has, each with its sender."""
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
def test_what_one_side_sends_the_other_receives(version: str, cut: Cut) -> None:
    pair = Pair(version, cut=cut)
    for side, event in conversation(version):
        if side == "client":
            pair.client_sends(event)
            assert pair.server_received[-1] == event
        else:
            pair.server_sends(event)
            assert pair.client_received[-1] == event
        assert pair.client.state is pair.server.state
    assert pair.server_received == [event for side, event in conversation(version) if side == "client"]
    assert pair.client_received == [event for side, event in conversation(version) if side == "server"]
    for conn in (pair.client, pair.server):
        assert close_by_peer(conn).clean


@every_version
@pytest.mark.parametrize("mode", ["client", "client-individual"])
def test_both_sides_track_the_same(version: str, mode: AckMode) -> None:
    pair = Pair(version)
    pair.client_sends(Subscribe("/q", id="s", ack=mode), Begin("t"))
    for number in range(6):
        pair.server_sends(Message("/q", message_id=str(number), subscription="s", ack=f"a{number}"))
    messages = [event for event in pair.client_received if isinstance(event, Message)]
    pair.client_sends(messages[1].acknowledge(), messages[3].acknowledge(transaction="t"), Abort("t"))
    allowed = []
    for message in messages:
        with contextlib.suppress(LocalProtocolError):
            pair.client_sends(message.acknowledge())
            allowed.append(message.message_id)
    assert allowed == (["2", "3", "4", "5"] if mode == "client" else ["0", "2", "3", "4", "5"])
    assert pair.server.state is State.CONNECTED


def test_no_common_version_is_answered_with_the_list() -> None:
    client, server = ClientConnection(("1.1", "1.2")), ServerConnection(("1.0",))
    hint = receive_error(server, client.connect(host="h")).frame_hint
    assert hint is not None
    error = one(receive(client, server.send(hint)))
    assert isinstance(error, Error)
    assert (error.headers["version"], error.body) == ("1.0", b"Supported protocol versions are 1.0")


@pytest.mark.parametrize("offered", [("1.0",), ("1.1",), ("1.2",), ("1.0", "1.1"), ("1.0", "1.2"), VERSIONS])
@pytest.mark.parametrize("supported", [("1.0",), ("1.1",), ("1.2",), ("1.1", "1.2"), VERSIONS])
@chunkings
def test_the_highest_common_version_is_negotiated(
    offered: tuple[str, ...], supported: tuple[str, ...], cut: Cut
) -> None:
    client, server = ClientConnection(offered), ServerConnection(supported)
    shared = sorted(set(offered) & set(supported))
    wire = client.connect(host="h")
    if not shared:
        assert receive_error(server, wire).code == "version-not-shared"
        return
    receive(server, wire, cut=cut)
    receive(client, server.send(Connected()), cut=cut)
    assert client.version == server.version == shared[-1]


# ------------------------------------------------------------------------ what is tracked


@both_roles
@every_version
def test_what_is_tracked_can_be_seen(role: str, version: str) -> None:
    pair = Pair(version)
    conn: Connection = pair.client if role == "client" else pair.server
    assert (conn.subscriptions, conn.transactions) == ((), {})
    pair.client_sends(
        Subscribe("/q", id="s", ack="client"), Subscribe("/r", id="auto"), Begin("t"), Begin("u")
    )
    if version == "1.0":
        pair.client_sends(Subscribe("/without", ack="client-individual"))
        pair.server_sends(Message("/without", message_id="w"))
        assert conn.unacknowledged(destination="/without") == ("w",)
        pair.client_sends(Unsubscribe(destination="/without"))
    for number in range(4):
        pair.server_sends(Message("/q", message_id=str(number), subscription="s", ack=str(number)))
    pair.server_sends(Message("/r", message_id="m", subscription="auto"))
    shown = [(tracked.id, tracked.destination, tracked.ack) for tracked in conn.subscriptions]
    assert shown == [("s", "/q", "client"), ("auto", "/r", "auto")]
    assert (conn.unacknowledged("s"), conn.unacknowledged("auto")) == (("0", "1", "2", "3"), ())
    message = pair.client_received[-4]
    assert isinstance(message, Message)
    pair.client_sends(message.acknowledge(transaction="t"))
    assert conn.unacknowledged("s") == ("2", "3")
    assert conn.transactions == {"t": ("0", "1"), "u": ()}
    pair.client_sends(Abort("t"))
    assert conn.unacknowledged("s") == ("0", "1", "2", "3")
    assert list(conn.transactions) == ["u"]
    pair.client_sends(Unsubscribe("s"))
    with pytest.raises(LocalProtocolError, match="no subscription with id 's'") as caught:
        conn.unacknowledged("s")
    assert caught.value.code == "unknown-subscription"
    with pytest.raises(AttributeError):
        conn.subscriptions[0].destination = "/elsewhere"  # type: ignore[misc]


@every_version
@pytest.mark.parametrize("mode", ["client", "client-individual"])
def test_what_an_ack_covers_can_be_asked(version: str, mode: AckMode) -> None:
    """By a client before and after it sends the ACK, by a server after it received it."""
    pair = Pair(version)
    pair.client_sends(Subscribe("/q", id="s", ack=mode))
    for number in range(4):
        pair.server_sends(Message("/q", message_id=str(number), subscription="s", ack=str(number)))
    message = pair.client_received[2]
    assert isinstance(message, Message)
    acknowledgement = message.acknowledge()
    ids = ("0", "1", "2") if mode == "client" else ("2",)
    before = pair.client.covered_by(acknowledgement)
    assert (before.subscription.id, before.ids) == ("s", ids)
    pair.client_sends(acknowledgement)
    received = pair.server_received[-1]
    assert isinstance(received, Ack)
    for conn, event in ((pair.client, acknowledgement), (pair.server, received)):
        coverage = conn.covered_by(event)
        assert (coverage.subscription.destination, coverage.ids) == ("/q", ids)
        assert not set(ids) & set(conn.unacknowledged("s"))
        with pytest.raises(LocalProtocolError) as caught:
            conn.covered_by(message.acknowledge())
        assert caught.value.code == "not-acknowledgeable"
    pair.client_sends(Begin("t"))
    with pytest.raises(LocalProtocolError):
        pair.client.covered_by(acknowledgement)


# ------------------------------------------------------------------------ any input


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
CLIENT_FRAMES: list[Any] = [
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
SERVER_FRAMES: list[Any] = [
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
        st.tuples(st.just("receive"), st.lists(st.sampled_from(ALPHABET), max_size=3).map(b"".join)),
        st.tuples(st.just("receive"), st.binary(max_size=20)),
        st.tuples(st.just("send"), st.integers(0, 30)),
        st.tuples(st.just("wait"), st.floats(0, 10)),
        st.tuples(st.just("deadline"), st.none()),
        st.tuples(st.sampled_from(["pause", "resume", "early"]), st.none()),
    ),
    max_size=25,
)


def play(conn: Connection, frames: list[Any], moves: list[tuple[str, Any]]) -> None:
    """Make these moves, and check that only what is documented happens."""
    now = 0.0
    ended = failed = False
    for move, argument in moves:
        if move == "receive":
            try:
                conn.receive_data(argument, now)
            except ConnectionGoneError:
                assert argument
        elif move == "send":
            before = (conn.state, conn.next_deadline(), conn.version, conn.heart_beat)
            try:
                wire = conn.send(frames[argument % len(frames)], now=now)
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
                raise AssertionError("only the end comes after a violation")
        else:
            raise AssertionError("the events never end")


LENIENCIES = st.sampled_from([None, Leniency.permissive(), Leniency.brokers()])


@given(MOVES, st.sampled_from([VERSIONS, ("1.0",), ("1.1", "1.2"), ("1.2",)]), LENIENCIES, st.booleans())
def test_any_input_gives_a_client_events_or_errors(
    moves: list[tuple[str, Any]], versions: tuple[str, ...], leniency: Leniency | None, begun: bool
) -> None:
    client = ClientConnection(versions, leniency=leniency)
    if begun:
        moves = [
            ("send", 1),
            ("receive", b"CONNECTED\nversion:%b\n\n\0" % versions[-1].encode()),
            ("send", 2),
            *moves,
        ]
    play(client, CLIENT_FRAMES, moves)


@given(MOVES, st.sampled_from([VERSIONS, ("1.0",), ("1.1", "1.2"), ("1.2",)]), LENIENCIES, st.booleans())
def test_any_input_gives_a_server_events_or_errors(
    moves: list[tuple[str, Any]], versions: tuple[str, ...], leniency: Leniency | None, begun: bool
) -> None:
    server = ServerConnection(versions, leniency=leniency)
    if begun:
        connect = b"CONNECT\naccept-version:%b\nhost:h\nheart-beat:500,500\n\n\0" % versions[-1].encode()
        subscribe = b"SUBSCRIBE\nid:s\ndestination:/q\nack:client\n\n\0"
        moves = [("receive", connect), ("send", 2), ("receive", subscribe), *moves]
    play(server, SERVER_FRAMES, moves)


@given(
    st.lists(st.integers(0, 5_000), min_size=4, max_size=4),
    st.floats(1.1, 5),
    st.floats(0.1, 1),
    st.lists(st.tuples(st.sampled_from(["client", "server"]), st.floats(0, 20)), max_size=10),
)
def test_two_sides_that_keep_their_deadlines_stay_connected(
    beats: list[int], tolerance: float, pace: float, sent: list[tuple[str, float]]
) -> None:
    options: Any = {"heart_beat_tolerance": tolerance, "heart_beat_pace": pace}
    pair = Pair(
        client=ClientConnection(**options),
        server=ServerConnection(**options),
        client_beats=(beats[0], beats[1] and beats[1] + 200),
        server_beats=(beats[2], beats[3] and beats[3] + 200),
    )
    for side, pause in sent:
        pair.wait(pair.now + pause)
        if side == "client":
            pair.client_sends(Send("/q"))
        else:
            pair.server_sends(Receipt("r"))
    assert pair.client.state is pair.server.state is State.CONNECTED


def test_every_error_of_a_connection_is_a_stomp_error() -> None:
    for kind in (LocalProtocolError, RemoteProtocolError, ConnectionGoneError):
        assert issubclass(kind, StompError)
    assert not issubclass(ConnectionGoneError, LocalProtocolError)
