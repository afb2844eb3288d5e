"""Link: a client's connections, one after the other."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

import ssl
from typing import Any

import pytest

from stomp_core import Connected, Error, Session
from stomp_core.session import (
    ACTIVEMQ as ACTIVEMQ_DIALECT,
)
from stomp_core.session import (
    GENERIC,
    RABBITMQ,
    AuthenticationFailed,
    ConnectFailed,
    ConnectionLost,
    OutcomeUnknown,
    Reconnect,
    SessionClosed,
    SessionState,
)

from .play import ACTIVEMQ, Play, failure

STEADY = Reconnect(first_delay=1.0, max_delay=1.0)

# -------------------------------------------------------------------------------- dialling


def test_a_new_session_waits_to_be_dialled() -> None:
    session = Session("stomp://a")
    assert session.state is SessionState.WAITING
    assert (session.endpoint, session.connected, session.version) == (None, None, None)
    assert (session.heart_beat, session.dialect, session.connection_number) == ((0.0, 0.0), GENERIC, 0)
    assert (session.closed, session.want_close, session.want_read) == (False, False, True)
    assert (session.data_to_send(), session.size_to_send, session.next_deadline()) == (b"", 0, None)


def test_the_words_for_its_states() -> None:
    assert [state.value for state in SessionState] == [
        "waiting",
        "handshaking",
        "connected",
        "closing",
        "closed",
    ]


def test_every_call_tells_the_time() -> None:
    asked = Play()
    asked.session.send("/q", timeout=3.0)
    asked.session.next_attempt(5.0)
    assert asked.session.next_deadline() == 8.0

    made = Play(heart_beat=(10, 0), beats=(0, 10_000))
    made.attempt()
    made.session.connection_made(100.0)
    made.session.data_to_send()
    made.session.receive_data(b"CONNECTED\nversion:1.2\nheart-beat:0,10000\n\n\0", 105.0)
    assert made.session.next_deadline() == 110.0, "CONNECT was said at 100 s"

    heard = Play(heart_beat=(10, 0), beats=(0, 10_000))
    heard.session.send("/q")
    heard.dial()
    heard.hears()
    heard.now = 5.0
    heard.welcome()
    assert heard.session.next_deadline() == 15.0, "SEND was said at 5 s"


def test_what_is_due_at_once_is_no_deadline() -> None:
    play = Play()
    play.attempt()
    assert play.session.next_deadline() is None


def test_an_attempt_is_announced_once_however_often_it_is_asked_for() -> None:
    play = Play(connect_timeout=4.0)
    attempt = play.attempt()
    assert (str(attempt.endpoint), attempt.at, attempt.timeout, attempt.number) == (
        "stomp://broker:61613",
        0.0,
        4.0,
        1,
    )
    play.now = 5.0
    assert play.attempt() == attempt
    assert play.observer.told == [("dialling", attempt)]
    assert play.session.endpoint == attempt.endpoint


def test_a_connection_without_an_attempt_is_a_mistake_that_changes_nothing() -> None:
    session = Session("stomp://a")
    with pytest.raises(RuntimeError, match="without an attempt"):
        session.connection_made(0.0)
    assert session.state is SessionState.WAITING
    assert session.next_attempt(0.0) is not None


def test_so_is_a_second_one_and_an_attempt_while_there_is_a_socket() -> None:
    play = Play()
    play.dial()
    with pytest.raises(RuntimeError, match="without an attempt"):
        play.session.connection_made(0.0)
    with pytest.raises(RuntimeError, match="still open"):
        play.session.next_attempt(0.0)
    assert play.commands() == ["CONNECT"], "said once"


def test_a_socket_that_is_done_with_must_be_given_up_before_the_next_attempt() -> None:
    play = Play().connected()
    play.refuses()
    assert play.session.want_close
    with pytest.raises(RuntimeError, match="still open"):
        play.session.next_attempt(0.0)
    with pytest.raises(RuntimeError, match="without an attempt"):
        play.session.connection_made(0.0)
    play.cut()
    assert not play.session.want_close
    assert play.session.next_attempt(0.0) is not None


def test_a_connection_begins_with_connect() -> None:
    play = Play()
    play.dial()
    assert play.session.state is SessionState.HANDSHAKING
    assert play.session.size_to_send > 0
    assert play.commands() == ["CONNECT"]
    assert play.session.size_to_send == 0
    assert play.session.connected is None


# -------------------------------------------------------------------------------- the handshake


def test_connected_opens_the_session() -> None:
    play = Play(heart_beat=(4, 4), beats=(2000, 5000), version="1.1")
    play.dial()
    opened = play.session.opened
    assert not opened.done
    play.hears()
    play.welcome()
    session = play.session
    assert session.state is SessionState.CONNECTED
    assert isinstance(opened.result(), Connected)
    assert session.connected is opened.result()
    assert (session.version, session.heart_beat, session.connection_number) == ("1.1", (5.0, 4.0), 1)
    assert session.dialect is RABBITMQ
    assert play.observer.of("connection_made") == [(session.endpoint, session.connected)]


@pytest.mark.parametrize(
    ("options", "dialect"),
    [
        ({"server": ACTIVEMQ}, ACTIVEMQ_DIALECT),
        ({"server": None}, GENERIC),
        ({"server": ACTIVEMQ, "dialect": RABBITMQ}, RABBITMQ),
    ],
)
def test_the_dialect_is_as_given_or_recognised(options: dict[str, Any], dialect: Any) -> None:
    play = Play(**options)
    assert play.session.dialect is options.get("dialect", GENERIC)
    assert play.connected().session.dialect is dialect


def test_silence_ends_the_handshake_at_its_deadline() -> None:
    play = Play(handshake_timeout=5.0)
    play.now = 100.0
    play.dial()
    assert play.session.next_deadline() == 105.0
    play.wait(4.9)
    assert play.session.state is SessionState.HANDSHAKING
    play.wait(0.1)
    assert play.session.want_close
    error = failure(play.session.opened, ConnectFailed)
    assert "stomp://broker:61613: connected, but no CONNECTED came within 5 s" in str(error)
    assert play.session.error is error
    assert play.session.state is SessionState.CLOSED
    assert play.session.next_deadline() is None


def test_nobody_watches_the_handshake_once_it_is_over() -> None:
    play = Play(handshake_timeout=5.0).connected()
    play.wait(100.0)
    assert play.session.state is SessionState.CONNECTED


def test_connect_does_not_go_out_on_a_socket_that_is_given_up() -> None:
    play = Play(handshake_timeout=5.0)
    play.dial()
    play.wait(6.0)
    assert play.session.data_to_send() == b""


@pytest.mark.parametrize(
    "first", [b"", b"\n", b"CONNECTED\nversion:1.2\n"], ids=["nothing", "a beat", "half a frame"]
)
def test_the_end_before_connected_fails_the_attempt(first: bytes) -> None:
    play = Play()
    play.dial()
    if first:
        play.says_bytes(first)
    play.says_bytes(b"")
    assert "the peer hung up before CONNECTED" in str(failure(play.session.opened, ConnectFailed))
    assert play.observer.names().count("attempt_failed") == 1
    assert "connection_lost" not in play.observer.names()


def test_so_does_a_socket_that_breaks() -> None:
    play = Play()
    play.dial()
    play.cut(ConnectionResetError("reset by peer"))
    assert "the peer hung up before CONNECTED (reset by peer)" in str(
        failure(play.session.opened, ConnectFailed)
    )


def test_tls_1_3_says_at_the_first_read_that_it_wants_a_client_certificate() -> None:
    play = Play("stomp+ssl://broker")
    play.dial()
    play.cut(ssl.SSLError(1, "tlsv13 alert certificate required"))
    error = str(failure(play.session.opened, ConnectFailed))
    assert "TLS failed (tlsv13 alert certificate required)" in error
    assert "client certificate" in error


def test_tls_that_breaks_later_is_a_lost_connection() -> None:
    play = Play("stomp+ssl://broker").connected()
    play.cut(ssl.SSLError(1, "bad record mac"))
    assert play.observer.names()[-1] == "connection_lost"
    assert play.session.state is SessionState.WAITING


@pytest.mark.parametrize(
    ("said", "check"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it answers in HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x16", "it answers in TLS: use stomp+ssl://"),
        (b"MESSAGE\n\n\0", "what came is not STOMP: MESSAGE may not be received"),
        (b"CONNECTED\nversion:1.3\n\n\0", "the server chose STOMP '1.3'"),
    ],
)
def test_what_is_not_stomp_fails_the_attempt(said: bytes, check: str) -> None:
    play = Play()
    play.dial()
    play.says_bytes(said)
    assert check in str(failure(play.session.opened, ConnectFailed))
    assert play.session.want_close


def test_what_could_not_be_dialled_fails_the_attempt() -> None:
    play = Play("stomp+ssl://broker", connect_timeout=3.0)
    play.attempt()
    play.cut(TimeoutError())
    error = failure(play.session.opened, ConnectFailed)
    assert "no connection, or no end of the TLS handshake, within 3 s" in str(error)
    assert [str(endpoint) for endpoint, _ in error.failures] == ["stomp+ssl://broker:61614"]
    assert error.error is None


def test_a_failure_is_counted_once_however_often_it_is_told() -> None:
    play = Play("stomp://a,stomp://b")
    play.attempt()
    play.cut(OSError("no"))
    play.cut(OSError("no"))
    assert play.observer.names() == ["dialling", "attempt_failed"]
    assert str(play.attempt().endpoint) == "stomp://b:61613"


def test_so_is_a_loss() -> None:
    play = Play("stomp://a,stomp://b").connected()
    play.cut()
    play.cut()
    play.cut(OSError("no"))
    assert play.observer.names()[-1] == "connection_lost"
    assert "attempt_failed" not in play.observer.names()
    assert str(play.attempt().endpoint) == "stomp://a:61613"


def test_a_refusal_is_told_with_the_error_that_said_so() -> None:
    play = Play()
    play.dial()
    play.refuses("version mismatch", headers={"version": "1.3"})
    error = failure(play.session.opened, ConnectFailed)
    assert "it speaks STOMP 1.3: check versions=..." in str(error)
    assert isinstance(error.error, Error)
    assert play.session.want_close
    assert play.observer.names() == [
        "dialling",
        "frame_sent",
        "frame_received",
        "error_received",
        "attempt_failed",
        "closed",
    ]


# -------------------------------------------------------------------------------- failover


def test_every_endpoint_is_tried_in_order_and_each_failure_told() -> None:
    play = Play("stomp://a,stomp://b,stomp://c")
    play.attempt()
    play.cut(ConnectionRefusedError())
    play.dial()
    play.says_bytes(b"")
    play.dial()
    play.refuses("full")
    error = failure(play.session.opened, ConnectFailed)
    assert [str(endpoint) for endpoint, _ in error.failures] == [
        "stomp://a:61613",
        "stomp://b:61613",
        "stomp://c:61613",
    ]
    for (_, sentence), part in zip(
        error.failures, ["refused: nothing", "hung up", "the broker refused: full"], strict=True
    ):
        assert part in sentence
        assert sentence in str(error)
    assert str(error).startswith("could not connect: ")


def test_the_last_failure_of_each_endpoint_is_told() -> None:
    play = Play("stomp://a,stomp://b", reconnect=Reconnect(first_rounds=2))
    for reason in ("one", "two", "three", "four"):
        play.attempt()
        play.cut(reason)
    error = failure(play.session.opened, ConnectFailed)
    assert [sentence.rpartition(": ")[2] for _, sentence in error.failures] == ["three", "four"]


def test_the_second_endpoint_is_as_good_as_the_first() -> None:
    play = Play("stomp://a,stomp://b")
    play.attempt()
    play.cut("no")
    play.connected()
    assert str(play.session.endpoint) == "stomp://b:61613"
    assert play.session.opened.done


def test_failures_before_a_connection_are_not_told_after_it() -> None:
    play = Play("stomp://a,stomp://b", reconnect=Reconnect(rounds=1))
    play.attempt()
    play.cut("before")
    play.connected()
    play.cut()
    for _ in range(2):
        play.attempt()
        play.cut("after")
    assert "before" not in str(play.session.error)
    assert str(play.session.error).count("after") == 2
    assert isinstance(play.session.error, ConnectionLost)
    assert "the connection was lost and did not come back" in str(play.session.error)


# -------------------------------------------------------------------------------- refused logins


def refused_login(play: Play) -> None:
    play.dial()
    play.refuses("Access denied")


def test_a_refused_login_is_not_tried_again_even_elsewhere() -> None:
    play = Play("stomp://a,stomp://b", reconnect=Reconnect(first_rounds=None))
    refused_login(play)
    error = failure(play.session.opened, AuthenticationFailed)
    assert "check login and passcode" in str(error)
    assert isinstance(error.error, Error)
    assert len(error.failures) == 1
    play.lets_go()
    assert play.session.next_attempt(play.now) is None
    assert play.observer.names()[-2:] == ["attempt_failed", "closed"]


def test_after_a_success_it_is_given_up_at_the_third_time() -> None:
    """A broker that is just coming up may listen before its users are known."""
    play = Play().connected()
    play.cut()
    for _ in range(2):
        refused_login(play)
        assert not play.session.closed
    refused_login(play)
    assert isinstance(play.session.error, AuthenticationFailed)


def test_a_success_in_between_forgives_them() -> None:
    play = Play().connected()
    for _ in range(2):
        play.cut()
        refused_login(play)
        refused_login(play)
        play.connected()
    assert play.session.state is SessionState.CONNECTED


# -------------------------------------------------------------------------------- a connection ends


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda play: play.says_bytes(b""), "the peer closed the connection"),
        (lambda play: play.says_bytes(b"MESSAGE\nx"), None),
        (lambda play: play.cut(), "the peer closed the connection"),
        (lambda play: play.cut(OSError("no route")), "no route"),
        (lambda play: play.cut(OSError()), "OSError"),
        (lambda play: play.cut("switched off"), "switched off"),
        (lambda play: play.refuses("shutting down"), "the broker said ERROR: shutting down"),
        (lambda play: play.says_bytes(b"NONSENSE\n\n\0"), "the broker broke STOMP: "),
        (lambda play: play.says_bytes(b"RECEIPT\n\n\0"), "the broker broke STOMP: RECEIPT without"),
    ],
    ids=[
        "EOF",
        "half a frame, EOF",
        "closed",
        "broken",
        "broken without words",
        "words",
        "ERROR",
        "not STOMP",
        "not 1.2",
    ],
)
def test_a_connection_that_ends_is_replaced(end: Any, reason: str | None) -> None:
    play = Play(reconnect=STEADY).connected()
    end(play)
    if reason is None:
        play.says_bytes(b"")
        reason = "the peer closed"
        assert (
            "cut" in play.observer.of("connection_lost")[0][1]
            or "inside" in play.observer.of("connection_lost")[0][1]
        )
    else:
        told = play.observer.of("connection_lost")
        assert len(told) == 1
        assert told[0][0] == play.session.endpoint
        assert f"the connection to stomp://broker:61613 was lost: {reason}" in told[0][1]
    session = play.session
    assert session.state is SessionState.WAITING
    assert (session.connected, session.version, session.heart_beat) == (None, None, (0.0, 0.0))
    if session.want_close:
        play.cut()
    assert play.attempt().number == 1
    play.connected()
    assert session.connection_number == 2


def test_nothing_more_is_heard_from_a_connection_that_is_over() -> None:
    play = Play().connected()
    pending = play.session.send("/q", receipt=True)
    play.hears()
    play.says_bytes(b"ERROR\nmessage:a\n\n\0RECEIPT\nreceipt-id:auto-1\n\n\0")
    play.says_bytes(b"RECEIPT\nreceipt-id:auto-1\n\n\0")
    play.says_bytes(b"")
    assert play.observer.names().count("connection_lost") == 1
    assert play.observer.names().count("frame_received") == 2
    assert not play.session.closed
    assert pending.exception() is not None


def test_a_lost_connection_is_not_replaced_when_nobody_wants_that() -> None:
    play = Play(reconnect=Reconnect.never()).connected()
    play.refuses("shutting down")
    assert isinstance(play.session.error, ConnectionLost)
    assert isinstance(play.session.error.error, Error)
    assert play.session.closed
    assert play.session.want_close
    play.lets_go()
    assert play.session.next_attempt(0.0) is None
    assert play.observer.names()[-2:] == ["connection_lost", "closed"]
    assert play.observer.of("closed") == [(play.session.error,)]


def test_the_pause_before_the_next_attempt_is_one_of_the_deadlines() -> None:
    play = Play(reconnect=STEADY).connected()
    play.now = 50.0
    play.cut()
    attempt = play.attempt()
    assert attempt.at == 51.0
    assert play.session.next_deadline() == 51.0
    play.session.handle_timeout(50.5)
    assert play.session.next_deadline() == 51.0
    play.session.handle_timeout(51.0)
    assert play.session.next_deadline() is None, "dialling has a time of its own"


def test_a_connection_made_early_has_no_such_deadline_any_more() -> None:
    play = Play(reconnect=STEADY).connected()
    play.cut()
    play.attempt()
    play.session.connection_made(0.5)
    assert play.session.next_deadline() == 10.5


def test_neither_has_a_session_that_is_closed() -> None:
    play = Play(reconnect=STEADY).connected()
    play.cut()
    play.attempt()
    play.session.close()
    assert play.session.next_deadline() is None


def test_an_infinite_deadline_is_none() -> None:
    play = Play(receipt_timeout=float("inf")).connected()
    play.session.send("/q", receipt=True)
    play.session.handle_timeout(0.0)
    assert play.session.next_deadline() is None


# -------------------------------------------------------------------------------- heart-beats


def beating(
    heart_beat: tuple[float, float] = (10, 10), beats: tuple[int, int] = (10_000, 10_000), **options: Any
) -> Play:
    return Play(heart_beat=heart_beat, beats=beats, **options).connected()


def test_an_hour_of_heart_beats() -> None:
    play = beating()
    play.says_bytes(b"\n")  # the end of CONNECTED's line
    beats = []
    for second in range(1, 3601):
        play.wait(1.0)
        if play.session.data_to_send() == b"\n":
            beats.append(second)
        if second % 9 == 0:
            play.says_bytes(b"\n")
    assert beats == list(range(10, 3601, 10))
    assert play.session.state is SessionState.CONNECTED
    assert play.observer.names().count("heart_beat_sent") == 360
    assert play.observer.names().count("heart_beat_received") == 400
    assert "heart_beat_late" not in play.observer.names()


def test_an_hour_without_heart_beats_where_none_were_agreed_on() -> None:
    play = Play().connected()
    assert play.session.next_deadline() is None
    play.wait(3600.0)
    assert play.session.data_to_send() == b""
    assert play.session.state is SessionState.CONNECTED


def test_a_silent_broker_is_dead_after_its_tolerance() -> None:
    play = beating()
    play.wait(24.9)
    assert play.session.state is SessionState.CONNECTED
    play.wait(0.1)
    assert play.session.want_close
    assert "nothing was received from the peer for 25.0 s" in play.observer.of("connection_lost")[0][1]


def test_the_tolerance_can_be_chosen() -> None:
    play = beating(heart_beat_tolerance=4.0)
    play.wait(39.9)
    assert play.session.state is SessionState.CONNECTED
    play.wait(0.1)
    assert play.session.want_close


def test_the_silence_that_is_endured_may_be_said_in_seconds_for_one_connection() -> None:
    play = beating(heart_beat=(0, 10), beats=(10_000, 0), listener=None, reconnect=STEADY)
    wakes = play.wakes
    play.session.set_read_timeout(3.0)
    assert play.wakes > wakes, "the deadline is new"
    assert play.session.next_deadline() == play.now + 3.0
    play.wait(3.0)
    assert play.session.want_close
    play.connected()
    assert play.session.next_deadline() == play.now + 25.0
    play.cut()
    play.session.set_read_timeout(3.0)


def test_any_byte_is_a_sign_of_life() -> None:
    play = beating()
    for byte in b"MESSAGE\n":
        play.wait(24.0)
        play.says_bytes(bytes([byte]))
    assert play.session.state is SessionState.CONNECTED


def test_a_beat_that_is_late_is_told_once_a_silence() -> None:
    play = beating()
    play.wait(14.9)
    assert play.observer.of("heart_beat_late") == []
    play.wait(5.0)
    assert play.observer.of("heart_beat_late") == [(15.0,)]
    play.says_bytes(b"\n")
    play.wait(15.0)
    assert play.observer.of("heart_beat_late") == [(15.0,), (15.0,)]


def test_nobody_is_woken_for_that_when_nobody_listens() -> None:
    play = beating(heart_beat=(0, 10), listener=None)
    assert play.session.next_deadline() == 25.0
    assert beating(heart_beat=(0, 10)).session.next_deadline() == 15.0


def test_the_next_connection_starts_with_a_clean_slate() -> None:
    play = beating(heart_beat=(0, 10), beats=(10_000, 0), reconnect=STEADY)
    play.wait(25.0)
    play.connected()
    assert play.session.next_deadline() == play.now + 15.0
    play.wait(15.0)
    assert len(play.observer.of("heart_beat_late")) == 2


def test_a_heart_beat_may_be_sent_before_it_is_due() -> None:
    session = Session("stomp://a")
    with pytest.raises(ConnectionLost):
        session.send_heart_beat()
    play = beating(heart_beat=(0, 0))
    assert play.session.send_heart_beat().done
    assert play.session.data_to_send() == b"\n"
    assert play.observer.names().count("heart_beat_sent") == 1
    play.session.close()
    with pytest.raises(SessionClosed):
        play.session.send_heart_beat()


def test_bytes_that_wait_to_be_written_are_as_good_as_a_beat() -> None:
    play = beating(heart_beat=(10, 0))
    play.session.send("/q", "stuck")
    for _ in range(5):
        play.wait(10.0)
    assert play.commands() == ["SEND"]
    assert "heart_beat_sent" not in play.observer.names()


def test_beats_do_not_pile_up_in_front_of_a_stuck_writer() -> None:
    play = beating(heart_beat=(10, 0))
    play.wait(1000.0)
    assert play.session.data_to_send() == b"\n"


def test_a_frame_counts_as_a_beat() -> None:
    play = beating(heart_beat=(10, 0))
    play.wait(9.0)
    play.session.handle_timeout(play.now)
    play.session.send("/q")
    play.hears()
    play.wait(9.9)
    assert play.session.data_to_send() == b""
    play.wait(0.1)
    assert play.session.data_to_send() == b"\n"


# -------------------------------------------------------------------------------- reading rests


def full(**options: Any) -> tuple[Play, Any]:
    play = beating(buffer_size=5000, **options)
    subscription = play.subscribed()
    for number in range(5):
        play.delivers(subscription.id, str(number), ack=None)
    assert not play.session.want_read
    return play, subscription


def test_while_nobody_reads_silence_proves_nothing_and_our_beats_go_on() -> None:
    play, _ = full()
    beats = 0
    for _ in range(60):
        play.wait(10.0)
        beats += play.session.data_to_send() == b"\n"
    assert play.session.state is SessionState.CONNECTED
    assert beats >= 59
    assert "heart_beat_late" not in play.observer.names()


def test_when_reading_goes_on_the_broker_has_its_full_time_again() -> None:
    play, subscription = full()
    play.wait(1000.0)
    wakes = play.wakes
    while subscription.take() is not None:
        pass
    assert play.session.want_read
    assert play.wakes > wakes, "the adapter must look again"
    play.session.handle_timeout(play.now)
    play.wait(14.9)
    assert "heart_beat_late" not in play.observer.names()
    play.wait(10.0)
    assert play.session.state is SessionState.CONNECTED
    play.wait(0.1)
    assert play.session.want_close


# -------------------------------------------------------------------------------- calling early, late, or in vain


def test_calling_early_does_no_harm() -> None:
    play = beating()
    for _ in range(100):
        play.session.handle_timeout(0.0)
        play.session.tick(0.0)
    assert play.session.data_to_send() == b""
    assert play.session.next_deadline() == 10.0


def test_what_is_said_within_handle_timeout_has_its_deadline_at_once() -> None:
    play = Play().connected()
    play.session.send("/q", receipt=True)
    play.session.close(timeout=10.0)
    play.session.handle_timeout(0.0)
    play.session.handle_timeout(5.0)
    assert play.session.next_deadline() == 10.0, "DISCONNECT was said"


def test_whoever_closes_in_the_middle_of_a_loss_ends_the_session_once() -> None:
    play = Play(reconnect=Reconnect.never()).connected()
    pending = play.session.send("/q", receipt=True)
    pending.add_done_callback(lambda: play.session.close())
    play.hears()
    play.cut()
    assert play.session.closed
    assert play.observer.of("closed") == [(None,)]
    assert play.session.error is None


def test_calling_late_does_no_harm() -> None:
    play = beating(heart_beat=(10, 0))
    play.session.handle_timeout(1e6)
    assert play.session.data_to_send() == b"\n"
    assert play.session.next_deadline() == 1e6 + 10.0


def test_a_session_that_is_closed_takes_every_call_of_its_adapter() -> None:
    play = Play(reconnect=Reconnect.never()).connected()
    play.cut()
    session, error = play.session, play.session.error
    session.receive_data(b"x", 1.0)
    session.receive_data(b"", 1.0)
    session.handle_timeout(1.0)
    session.tick(1.0)
    session.connection_lost(None, 1.0)
    session.connection_lost(OSError("no"), 1.0)
    assert (session.next_attempt(1.0), session.next_deadline(), session.data_to_send()) == (None, None, b"")
    assert session.error is error
    assert play.observer.names().count("closed") == 1


def test_a_connection_that_comes_after_the_close_is_to_be_closed() -> None:
    play = Play()
    play.attempt()
    play.session.close()
    assert not play.session.want_close
    play.session.connection_made(1.0)
    assert play.session.want_close
    assert play.session.data_to_send() == b""
    play.session.connection_lost(None, 1.0)
    assert not play.session.want_close
    assert play.session.next_attempt(1.0) is None


def test_the_connection_number_counts_connections_not_attempts() -> None:
    play = Play("stomp://a,stomp://b")
    play.attempt()
    play.cut("no")
    assert play.session.connection_number == 0
    play.connected()
    assert play.session.connection_number == 1
    pending = play.session.send("/q", receipt=True)
    play.hears()
    play.cut()
    assert play.session.connection_number == 1
    failure(pending, OutcomeUnknown)


# -------------------------------------------------------------------------------- waking the adapter


@pytest.mark.parametrize(
    "what",
    [
        lambda play: play.refuses(),
        lambda play: play.says_bytes(b""),
        lambda play: play.session.send("/q"),
        lambda play: play.session.send("/q", receipt=True),
        lambda play: play.session.subscribe("/q"),
        lambda play: play.session.begin(),
        lambda play: play.session.request("/q"),
        lambda play: play.session.close(),
    ],
    ids=["ERROR", "EOF", "send", "confirmed send", "subscribe", "begin", "request", "close"],
)
def test_whatever_the_adapter_must_look_at_wakes_it(what: Any) -> None:
    play = Play().connected()
    play.hears()
    before = play.wakes
    what(play)
    assert play.wakes > before


@pytest.mark.parametrize(
    "what",
    [
        lambda session: session.send("/q"),
        lambda session: session.send("/q", receipt=True),
        lambda session: session.subscribe("/q"),
        lambda session: session.begin(),
        lambda session: session.request("/q"),
        lambda session: session.close(),
    ],
    ids=["send", "confirmed send", "subscribe", "begin", "request", "close"],
)
def test_so_does_a_new_deadline_while_there_is_no_connection(what: Any) -> None:
    play = Play()
    play.attempt()
    before = play.wakes
    what(play.session)
    assert play.wakes > before


def test_a_session_that_wakes_nobody_works_too() -> None:
    session = Session("stomp://broker")
    session.next_attempt(0.0)
    session.connection_made(0.0)
    assert session.data_to_send().startswith(b"CONNECT\n")
