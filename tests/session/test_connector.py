"""Connector: dialling, the handshake, the end of a connection, and the next one."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pytest

from stomp_core import Connected, Error, Session
from stomp_core.session import (
    ACTIVEMQ as ACTIVEMQ_PROFILE,
)
from stomp_core.session import (
    GENERIC,
    RABBITMQ,
    TRANSITIONS,
    AuthenticationFailed,
    ConnectFailed,
    ConnectionLost,
    Endpoint,
    Input,
    OutcomeUnknown,
    Reconnect,
    SessionClosed,
    SessionState,
)

from .play import ACTIVEMQ, Play, failure

STEADY = Reconnect(first_delay=1.0, max_delay=1.0)

# -------------------------------------------------------------------------------- dialling


def test_a_new_session_is_waiting() -> None:
    session = Session("stomp://a")
    assert session.state is SessionState.WAITING
    assert (session.endpoint, session.connected, session.version) == (None, None, None)
    assert (session.heart_beat, session.broker_profile, session.connection_number) == ((0.0, 0.0), GENERIC, 0)
    assert (session.closed, session.want_close, session.want_read) == (False, False, True)
    assert (session.data_to_send(), session.size_to_send, session.next_deadline()) == (b"", 0, None)


def test_the_names_of_the_states() -> None:
    assert [state.value for state in SessionState] == [
        "waiting",
        "handshaking",
        "connected",
        "closing",
        "closed",
    ]


def test_heart_beats_count_from_the_latest_write() -> None:
    made = Play(heart_beat=(10, 0), beats=(0, 10_000))
    made.attempt()
    made.session.connection_made(100.0)
    made.session.data_to_send()
    made.session.receive_data(b"CONNECTED\nversion:1.2\nheart-beat:0,10000\n\n\0", 105.0)
    assert made.session.next_deadline() == 108.0, "CONNECT was sent at 100 s"

    waited = Play(heart_beat=(10, 0), beats=(0, 10_000))
    waited.send("/q", timeout=100.0)
    waited.dial()
    waited.sent()
    waited.now = 5.0
    waited.accept()
    assert waited.session.next_deadline() == 13.0, "SEND was sent at 5 s"


def test_an_attempt_that_is_due_at_once_is_no_deadline() -> None:
    play = Play()
    play.attempt()
    assert play.session.next_deadline() is None


def test_the_listener_is_notified_of_an_attempt_once() -> None:
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
    assert play.recorder.calls == [("dialling", attempt)]
    assert play.session.endpoint == attempt.endpoint


def test_connection_made_without_an_attempt_raises() -> None:
    session = Session("stomp://a")
    with pytest.raises(RuntimeError, match="without an attempt"):
        session.connection_made(0.0)
    assert session.state is SessionState.WAITING
    assert session.next_attempt(0.0) is not None


def test_next_attempt_while_there_is_a_socket_raises() -> None:
    play = Play()
    play.dial()
    with pytest.raises(RuntimeError, match="without an attempt"):
        play.session.connection_made(0.0)
    with pytest.raises(RuntimeError, match="still open"):
        play.session.next_attempt(0.0)
    assert play.commands() == ["CONNECT"], "sent once"


def test_the_old_socket_must_be_closed_before_the_next_attempt() -> None:
    play = Play().connected()
    play.refuse()
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
    play.sent()
    play.accept()
    session = play.session
    assert session.state is SessionState.CONNECTED
    assert isinstance(opened.result(), Connected)
    assert session.connected is opened.result()
    assert (session.version, session.heart_beat, session.connection_number) == ("1.1", (5.0, 4.0), 1)
    assert session.broker_profile is RABBITMQ
    assert play.recorder.of("connection_made") == [(session.endpoint, session.connected)]


@pytest.mark.parametrize(
    ("options", "profile"),
    [
        ({"server": ACTIVEMQ}, ACTIVEMQ_PROFILE),
        ({"server": None}, GENERIC),
        ({"server": ACTIVEMQ, "broker_profile": RABBITMQ}, RABBITMQ),
    ],
)
def test_the_broker_profile_is_as_given_or_recognised(options: dict[str, Any], profile: Any) -> None:
    play = Play(**options)
    assert play.session.broker_profile is options.get("broker_profile", GENERIC)
    assert play.connected().session.broker_profile is profile


def test_the_handshake_timeout_ends_a_silent_handshake() -> None:
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


def test_the_handshake_timeout_ends_with_the_handshake() -> None:
    play = Play(handshake_timeout=5.0).connected()
    play.wait(100.0)
    assert play.session.state is SessionState.CONNECTED


def test_connect_is_not_sent_on_a_socket_that_is_to_be_closed() -> None:
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
        play.receive_bytes(first)
    play.receive_bytes(b"")
    assert "the peer closed the connection before CONNECTED" in str(
        failure(play.session.opened, ConnectFailed)
    )
    assert play.recorder.names().count("attempt_failed") == 1
    assert "connection_lost" not in play.recorder.names()


def test_a_reset_before_connected_fails_the_attempt() -> None:
    play = Play()
    play.dial()
    play.cut(ConnectionResetError("reset by peer"))
    assert "the peer closed the connection before CONNECTED (reset by peer)" in str(
        failure(play.session.opened, ConnectFailed)
    )


def test_in_tls_1_3_a_refused_certificate_fails_the_attempt() -> None:
    play = Play("stomp+ssl://broker")
    play.dial()
    play.cut(ssl.SSLError(1, "tlsv13 alert certificate required"))
    error = str(failure(play.session.opened, ConnectFailed))
    assert "TLS failed (tlsv13 alert certificate required)" in error
    assert "client certificate" in error


def test_a_later_tls_error_loses_the_connection() -> None:
    play = Play("stomp+ssl://broker").connected()
    play.cut(ssl.SSLError(1, "bad record mac"))
    assert play.recorder.names()[-1] == "connection_lost"
    assert play.session.state is SessionState.WAITING


@pytest.mark.parametrize(
    ("answer", "check"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "this port speaks HTTP, not STOMP"),
        (
            b"\x15\x03\x01\x00\x02\x02\x16",
            "this port speaks TLS, not STOMP: check the scheme: use stomp+ssl://",
        ),
        (b"MESSAGE\n\n\0", "the answer is not STOMP: MESSAGE may not be received"),
        (b"CONNECTED\nversion:1.3\n\n\0", "the server chose STOMP '1.3'"),
    ],
)
def test_an_answer_that_is_not_stomp_fails_the_attempt(answer: bytes, check: str) -> None:
    play = Play()
    play.dial()
    play.receive_bytes(answer)
    assert check in str(failure(play.session.opened, ConnectFailed))
    assert play.session.want_close


def test_another_protocol_is_recognised_in_pieces_and_when_it_goes_silent() -> None:
    play = Play(handshake_timeout=5.0)
    play.dial()
    for byte in b"SSH-2.0-OpenSSH":  # no line end, so that the parser still waits for more
        play.receive_bytes(bytes([byte]))
    play.wait(6.0)
    assert "this port speaks SSH, not STOMP" in str(failure(play.session.opened, ConnectFailed))


def test_a_failed_dial_fails_the_attempt() -> None:
    play = Play("stomp+ssl://broker", connect_timeout=3.0)
    play.attempt()
    play.cut(TimeoutError())
    error = failure(play.session.opened, ConnectFailed)
    assert "no connection, or no end of the TLS handshake, within 3 s" in str(error)
    assert [str(endpoint) for endpoint, _ in error.failures] == ["stomp+ssl://broker:61614"]
    assert error.error is None


def test_a_failed_dial_can_be_reported_once() -> None:
    play = Play("stomp://a,stomp://b")
    play.attempt()
    play.cut(OSError("no"))
    with pytest.raises(RuntimeError, match="without an attempt"):
        play.cut(OSError("no"))
    assert play.recorder.names() == ["dialling", "attempt_failed"]
    assert str(play.attempt().endpoint) == "stomp://b:61613"


def test_a_loss_can_be_reported_once() -> None:
    play = Play("stomp://a,stomp://b").connected()
    play.cut()
    for reason in (None, OSError("no")):
        with pytest.raises(RuntimeError, match="without an attempt"):
            play.cut(reason)
    assert play.recorder.names()[-1] == "connection_lost"
    assert "attempt_failed" not in play.recorder.names()
    assert str(play.attempt().endpoint) == "stomp://a:61613"


def test_a_refusal_has_the_error_frame_attached() -> None:
    play = Play()
    play.dial()
    play.refuse("version mismatch", headers={"version": "1.3"})
    error = failure(play.session.opened, ConnectFailed)
    assert "it supports STOMP 1.3: check versions=..." in str(error)
    assert isinstance(error.error, Error)
    assert play.session.want_close
    assert play.recorder.names() == [
        "dialling",
        "frame_sent",
        "frame_received",
        "error_received",
        "attempt_failed",
        "closed",
    ]


# -------------------------------------------------------------------------------- failover


def test_every_endpoint_is_tried_in_order() -> None:
    play = Play("stomp://a,stomp://b,stomp://c")
    play.attempt()
    play.cut(ConnectionRefusedError())
    play.dial()
    play.receive_bytes(b"")
    play.dial()
    play.refuse("full")
    error = failure(play.session.opened, ConnectFailed)
    assert [str(endpoint) for endpoint, _ in error.failures] == [
        "stomp://a:61613",
        "stomp://b:61613",
        "stomp://c:61613",
    ]
    for (_, sentence), part in zip(
        error.failures,
        ["refused: nothing", "closed the connection before CONNECTED", "the broker refused: full"],
        strict=True,
    ):
        assert part in sentence
        assert sentence in str(error)
    assert str(error).startswith("could not connect: ")


def test_the_error_has_the_last_failure_of_each_endpoint() -> None:
    play = Play("stomp://a,stomp://b", reconnect=Reconnect(first_rounds=2))
    for reason in ("one", "two", "three", "four"):
        play.attempt()
        play.cut(reason)
    error = failure(play.session.opened, ConnectFailed)
    assert [sentence.rpartition(": ")[2] for _, sentence in error.failures] == ["three", "four"]


def test_the_second_endpoint_opens_the_session_too() -> None:
    play = Play("stomp://a,stomp://b")
    play.attempt()
    play.cut("no")
    play.connected()
    assert str(play.session.endpoint) == "stomp://b:61613"
    assert play.session.opened.done


def test_failures_before_a_connection_are_forgotten() -> None:
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
    assert "the connection was lost and could not be restored" in str(play.session.error)


# -------------------------------------------------------------------------------- refused logins


def refused_login(play: Play) -> None:
    play.dial()
    play.refuse("Access denied")


def test_a_refused_login_ends_the_session() -> None:
    play = Play("stomp://a,stomp://b", reconnect=Reconnect(first_rounds=None))
    refused_login(play)
    error = failure(play.session.opened, AuthenticationFailed)
    assert "no login was given: pass login=... and passcode=..." in str(error)
    assert isinstance(error.error, Error)
    assert len(error.failures) == 1
    play.close_socket()
    assert play.session.next_attempt(play.now) is None
    assert play.recorder.names()[-2:] == ["attempt_failed", "closed"]


def test_a_refused_login_that_was_sent_is_to_be_checked() -> None:
    play = Play("stomp://joe:hush@broker")
    refused_login(play)
    assert "check login and passcode" in str(failure(play.session.opened, AuthenticationFailed))


def test_after_a_success_the_third_refused_login_ends_it() -> None:
    """A broker that is starting may accept connections before its users are known."""
    play = Play().connected()
    play.cut()
    for _ in range(2):
        refused_login(play)
        assert not play.session.closed
    refused_login(play)
    assert isinstance(play.session.error, AuthenticationFailed)


def test_a_success_resets_the_count_of_refused_logins() -> None:
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
        (lambda play: play.receive_bytes(b""), "the peer closed the connection"),
        (lambda play: play.receive_bytes(b"MESSAGE\nx"), None),
        (lambda play: play.cut(), "the peer closed the connection"),
        (lambda play: play.cut(OSError("no route")), "no route"),
        (lambda play: play.cut(OSError()), "OSError"),
        (lambda play: play.cut("switched off"), "switched off"),
        (lambda play: play.refuse("shutting down"), "the broker sent ERROR: shutting down"),
        (lambda play: play.receive_bytes(b"NONSENSE\n\n\0"), "protocol error: "),
        (lambda play: play.receive_bytes(b"RECEIPT\n\n\0"), "protocol error: RECEIPT without"),
    ],
    ids=[
        "EOF",
        "half a frame, EOF",
        "closed",
        "broken",
        "broken without a text",
        "a sentence",
        "ERROR",
        "not STOMP",
        "not 1.2",
    ],
)
def test_a_connection_that_ends_is_replaced(end: Any, reason: str | None) -> None:
    play = Play(reconnect=STEADY).connected()
    end(play)
    if reason is None:
        play.receive_bytes(b"")
        reason = "the peer closed"
        assert (
            "cut" in play.recorder.of("connection_lost")[0][1]
            or "inside" in play.recorder.of("connection_lost")[0][1]
        )
    else:
        losses = play.recorder.of("connection_lost")
        assert len(losses) == 1
        assert losses[0][0] == play.session.endpoint
        assert f"the connection to stomp://broker:61613 was lost: {reason}" in losses[0][1]
    session = play.session
    assert session.state is SessionState.WAITING
    assert (session.connected, session.version, session.heart_beat) == (None, None, (0.0, 0.0))
    if session.want_close:
        play.cut()
    assert play.attempt().number == 1
    play.connected()
    assert session.connection_number == 2


def test_frames_of_a_connection_that_is_over_are_ignored() -> None:
    play = Play().connected()
    pending = play.send("/q", receipt=True)
    play.sent()
    play.receive_bytes(b"ERROR\nmessage:a\n\n\0RECEIPT\nreceipt-id:auto-1\n\n\0")
    play.receive_bytes(b"RECEIPT\nreceipt-id:auto-1\n\n\0")
    play.receive_bytes(b"")
    assert play.recorder.names().count("connection_lost") == 1
    assert play.recorder.names().count("frame_received") == 2
    assert not play.session.closed
    assert pending.exception() is not None


def test_with_reconnect_never_a_loss_ends_the_session() -> None:
    play = Play(reconnect=Reconnect.never()).connected()
    play.refuse("shutting down")
    assert isinstance(play.session.error, ConnectionLost)
    assert isinstance(play.session.error.error, Error)
    assert play.session.closed
    assert play.session.want_close
    play.close_socket()
    assert play.session.next_attempt(0.0) is None
    assert play.recorder.names()[-2:] == ["connection_lost", "closed"]
    assert play.recorder.of("closed") == [(play.session.error,)]


def test_the_pause_before_the_next_attempt_is_a_deadline() -> None:
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


def test_a_connection_made_early_ends_that_deadline() -> None:
    play = Play(reconnect=STEADY).connected()
    play.cut()
    play.attempt()
    play.session.connection_made(0.5)
    assert play.session.next_deadline() == 10.5


def test_closing_ends_that_deadline() -> None:
    play = Play(reconnect=STEADY).connected()
    play.cut()
    play.attempt()
    play.close()
    assert play.session.next_deadline() is None


def test_an_infinite_deadline_means_no_deadline() -> None:
    play = Play(receipt_timeout=float("inf")).connected()
    play.send("/q", receipt=True)
    play.session.handle_timeout(0.0)
    assert play.session.next_deadline() is None


# -------------------------------------------------------------------------------- heart-beats


def beating(
    heart_beat: tuple[float, float] = (10, 10), beats: tuple[int, int] = (10_000, 10_000), **options: Any
) -> Play:
    return Play(heart_beat=heart_beat, beats=beats, **options).connected()


def test_an_hour_of_heart_beats() -> None:
    play = beating()
    play.receive_bytes(b"\n")  # the end of CONNECTED's line
    beats = []
    for second in range(1, 3601):
        play.wait(1.0)
        if play.session.data_to_send() == b"\n":
            beats.append(second)
        if second % 9 == 0:
            play.receive_bytes(b"\n")
    assert beats == list(range(8, 3601, 8)), "well within the 10 s that were agreed"
    assert play.session.state is SessionState.CONNECTED
    assert play.recorder.names().count("heart_beat_sent") == 450
    assert play.recorder.names().count("heart_beat_received") == 400
    assert "heart_beat_late" not in play.recorder.names()


def test_an_hour_without_heart_beats() -> None:
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
    assert "from the peer for 25.0 s" in play.recorder.of("connection_lost")[0][1]


def test_the_heart_beat_tolerance_can_be_chosen() -> None:
    play = beating(heart_beat_tolerance=4.0)
    play.wait(39.9)
    assert play.session.state is SessionState.CONNECTED
    play.wait(0.1)
    assert play.session.want_close


def test_set_read_timeout_holds_for_one_connection() -> None:
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


def test_any_received_byte_is_a_sign_of_life() -> None:
    play = beating()
    for byte in b"MESSAGE\n":
        play.wait(24.0)
        play.receive_bytes(bytes([byte]))
    assert play.session.state is SessionState.CONNECTED


@pytest.mark.parametrize(("pace", "due"), [(0.5, 5.0), (0.8, 8.0), (1, 10.0)])
def test_the_pace_of_heart_beats_can_be_chosen(pace: float, due: float) -> None:
    assert beating(heart_beat=(10, 0), heart_beat_pace=pace).session.next_deadline() == due


def test_a_heart_beat_of_activemq_after_two_intervals_is_not_late() -> None:
    """It looks once in an interval whether it has written since the last look."""
    play = beating(server="ActiveMQ/5.17.2")
    play.wait(20.1)
    play.receive_bytes(b"\n")
    play.wait(20.1)
    assert play.recorder.of("heart_beat_late") == []
    play.wait(2.4)
    assert play.recorder.of("heart_beat_late") == [(22.5,)]
    assert play.session.state is SessionState.CONNECTED


def test_a_late_heart_beat_is_reported_once() -> None:
    play = beating()
    play.wait(14.9)
    assert play.recorder.of("heart_beat_late") == []
    play.wait(5.0)
    assert play.recorder.of("heart_beat_late") == [(15.0,)]
    play.receive_bytes(b"\n")
    play.wait(15.0)
    assert play.recorder.of("heart_beat_late") == [(15.0,), (15.0,)]


def test_without_a_listener_lateness_is_no_deadline() -> None:
    play = beating(heart_beat=(0, 10), listener=None)
    assert play.session.next_deadline() == 25.0
    assert beating(heart_beat=(0, 10)).session.next_deadline() == 15.0


def test_the_next_connection_starts_with_fresh_deadlines() -> None:
    play = beating(heart_beat=(0, 10), beats=(10_000, 0), reconnect=STEADY)
    play.wait(25.0)
    play.connected()
    assert play.session.next_deadline() == play.now + 15.0
    play.wait(15.0)
    assert len(play.recorder.of("heart_beat_late")) == 2


def test_a_heart_beat_may_be_sent_before_it_is_due() -> None:
    session = Session("stomp://a")
    with pytest.raises(ConnectionLost):
        session.send_heart_beat(0.0)
    play = beating(heart_beat=(0, 0))
    assert play.send_heart_beat().done
    assert play.session.data_to_send() == b"\n"
    assert play.recorder.names().count("heart_beat_sent") == 1
    play.close()
    with pytest.raises(SessionClosed):
        play.send_heart_beat()


def test_waiting_bytes_replace_a_heart_beat() -> None:
    play = beating(heart_beat=(10, 0))
    play.send("/q", "stuck")
    for _ in range(5):
        play.wait(10.0)
    assert play.commands() == ["SEND"]
    assert "heart_beat_sent" not in play.recorder.names()


def test_heart_beats_do_not_accumulate() -> None:
    play = beating(heart_beat=(10, 0))
    play.wait(1000.0)
    assert play.session.data_to_send() == b"\n"


def test_a_frame_counts_as_a_heart_beat() -> None:
    play = beating(heart_beat=(10, 0))
    play.wait(7.0)
    play.session.handle_timeout(play.now)
    play.send("/q")
    play.sent()
    play.wait(7.9)
    assert play.session.data_to_send() == b""
    play.wait(0.1)
    assert play.session.data_to_send() == b"\n"


# -------------------------------------------------------------------------------- reading rests


def full(**options: Any) -> tuple[Play, Any]:
    play = beating(buffer_size=5000, **options)
    subscription = play.subscribed()
    for number in range(5):
        play.deliver(subscription.id, str(number), ack=None)
    assert not play.session.want_read
    return play, subscription


def test_while_reading_is_stopped_silence_proves_nothing() -> None:
    play, _ = full()
    beats = 0
    for _ in range(60):
        play.wait(10.0)
        beats += play.session.data_to_send() == b"\n"
    assert play.session.state is SessionState.CONNECTED
    assert beats >= 59
    assert "heart_beat_late" not in play.recorder.names()


def test_when_reading_starts_the_broker_has_its_full_time() -> None:
    play, subscription = full()
    play.wait(1000.0)
    wakes = play.wakes
    while subscription.take() is not None:
        pass
    assert play.session.want_read
    assert play.wakes > wakes, "the adapter must look again"
    play.session.handle_timeout(play.now)
    play.wait(14.9)
    assert "heart_beat_late" not in play.recorder.names()
    play.wait(10.0)
    assert play.session.state is SessionState.CONNECTED
    play.wait(0.1)
    assert play.session.want_close


# -------------------------------------------------------------------------------- calling early, late, or in vain


def test_calling_handle_timeout_early_does_no_harm() -> None:
    play = beating()
    for _ in range(100):
        play.session.handle_timeout(0.0)
    assert play.session.data_to_send() == b""
    assert play.session.next_deadline() == 8.0


def test_what_a_timeout_sends_has_its_deadline_at_once() -> None:
    play = Play().connected()
    play.send("/q", receipt=True)
    play.close(timeout=10.0)
    play.session.handle_timeout(0.0)
    play.session.handle_timeout(5.0)
    assert play.session.next_deadline() == 10.0, "DISCONNECT was sent"


def test_closing_in_a_callback_at_a_loss_ends_the_session_once() -> None:
    play = Play(reconnect=Reconnect.never()).connected()
    pending = play.send("/q", receipt=True)
    pending.add_done_callback(lambda: play.close())
    play.sent()
    play.cut()
    assert play.session.closed
    assert play.recorder.of("closed") == [(None,)]
    assert play.session.error is None


def test_calling_handle_timeout_late_does_no_harm() -> None:
    play = beating(heart_beat=(10, 0))
    play.session.handle_timeout(1e6)
    assert play.session.data_to_send() == b"\n"
    assert play.session.next_deadline() == 1e6 + 8.0


def test_a_closed_session_accepts_every_fact() -> None:
    play = Play(reconnect=Reconnect.never()).connected()
    play.cut()
    session, error = play.session, play.session.error
    session.receive_data(b"x", 1.0)
    session.receive_data(b"", 1.0)
    session.handle_timeout(1.0)
    session.alive(1.0)
    session.connection_lost(None, 1.0)
    session.connection_lost(OSError("no"), 1.0)
    assert (session.next_attempt(1.0), session.next_deadline(), session.data_to_send()) == (None, None, b"")
    assert session.error is error
    assert play.recorder.names().count("closed") == 1


def test_a_socket_that_connects_after_close_is_to_be_closed() -> None:
    play = Play()
    play.attempt()
    play.close()
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
    pending = play.send("/q", receipt=True)
    play.sent()
    play.cut()
    assert play.session.connection_number == 1
    failure(pending, OutcomeUnknown)


# -------------------------------------------------------------------------------- waking the adapter


@pytest.mark.parametrize(
    "what",
    [
        lambda play: play.send("/q"),
        lambda play: play.send("/q", receipt=True),
        lambda play: play.subscribe("/q"),
        lambda play: play.begin(),
        lambda play: play.request("/q"),
        lambda play: play.close(),
    ],
    ids=["send", "confirmed send", "subscribe", "begin", "request", "close"],
)
def test_every_operation_wakes_the_driver(what: Any) -> None:
    play = Play().connected()
    play.sent()
    before = play.wakes
    what(play)
    assert play.wakes > before


@pytest.mark.parametrize(
    "what",
    [
        lambda play: play.send("/q"),
        lambda play: play.send("/q", receipt=True),
        lambda play: play.subscribe("/q"),
        lambda play: play.begin(),
        lambda play: play.request("/q"),
        lambda play: play.close(),
    ],
    ids=["send", "confirmed send", "subscribe", "begin", "request", "close"],
)
def test_every_operation_wakes_it_while_disconnected(what: Any) -> None:
    play = Play()
    play.attempt()
    before = play.wakes
    what(play)
    assert play.wakes > before


def test_a_session_works_without_wake() -> None:
    session = Session("stomp://broker")
    session.next_attempt(0.0)
    session.connection_made(0.0)
    assert bytes(session.data_to_send()).startswith(b"CONNECT\n")


# -------------------------------------------------------------------------------- the state machine


def test_the_table_has_every_state_and_input_and_only_these() -> None:
    assert set(TRANSITIONS) == set(SessionState)
    assert {given for row in TRANSITIONS.values() for given in row} == set(Input)
    assert TRANSITIONS[SessionState.CLOSED] == {Input.END: SessionState.CLOSED}
    reachable = {SessionState.WAITING}
    while more := {after for state in reachable for after in TRANSITIONS[state].values()} - reachable:
        reachable |= more
    assert reachable == set(SessionState)


#: What causes each input, wherever it can come.
CAUSES: dict[str, Callable[[Play], object]] = {
    "dial": lambda play: play.dial(),
    "CONNECTED": lambda play: play.receive_bytes(b"CONNECTED\nversion:1.2\n\n\0"),
    "ERROR": lambda play: play.receive_bytes(b"ERROR\nmessage:full\n\n\0"),
    "login refused": lambda play: play.receive_bytes(b"ERROR\nmessage:Access denied\n\n\0"),
    "not STOMP": lambda play: play.receive_bytes(b"NONSENSE\n\n\0"),
    "EOF": lambda play: play.receive_bytes(b""),
    "lost": lambda play: play.cut("gone"),
    "silence": lambda play: play.wait(1000.0),
    "close": lambda play: play.close(),
    "terminate": lambda play: play.session.terminate(play.now),
}


def test_every_change_of_state_is_in_the_table() -> None:
    """Every sequence of up to four causes, in sessions that reconnect and in ones that do not."""
    seen: set[tuple[SessionState, SessionState]] = set()

    def explore(causes: tuple[str, ...], policy: Reconnect) -> None:
        play = Play(reconnect=policy, listener=None)
        before = after = play.session.state
        for cause in causes:
            before = play.session.state
            if cause == "dial" and (play.session.closed or (play.broker and not play.session.want_close)):
                return
            try:
                CAUSES[cause](play)
            except RuntimeError:
                return  # a fact without an attempt or a connection
            after = play.session.state
            if before is not after:
                seen.add((before, after))
        if len(causes) < 4 and before is not after:
            for cause in CAUSES:
                explore((*causes, cause), policy)

    for policy in (Reconnect.never(), Reconnect(first_delay=0.0, first_rounds=2)):
        explore(("dial",), policy)
    # One cause may lead through two rows: an attempt fails, and the session gives up.
    in_table = {(state, after) for state, row in TRANSITIONS.items() for after in row.values()}
    both = {(one, three) for one, two in in_table for other, three in in_table if two is other}
    assert seen <= in_table | both
    assert {pair for pair in in_table if pair[0] is not pair[1]} <= seen


# -------------------------------------------------------------------------------- endpoints of other adapters


@pytest.mark.parametrize(
    "reason",
    [
        None,
        "unplugged",
        OSError("unplugged"),
        ConnectionRefusedError(),
        ConnectionResetError(),
        TimeoutError(),
        FileNotFoundError(),
        EOFError(),
        ssl.SSLError("no TLS on a serial line"),
    ],
    ids=repr,
)
def test_a_scheme_of_an_adapter_works_whatever_fails(reason: BaseException | str | None) -> None:
    """``Endpoint("serial")`` was accepted, and a KeyError came out of connection_lost()."""
    play = Play(Endpoint("serial", path="/dev/ttyUSB0"), reconnect=Reconnect(first_rounds=None))
    play.attempt()
    play.cut(reason)
    play.dial()
    play.cut(reason)
    play.dial()
    play.receive_bytes(b"\x15\x03")
    play.close_socket()
    play.dial()
    play.wait(10.0)
    play.close_socket()
    play.connected()
    play.cut(reason)
    reasons = [
        text for _, text in [*play.recorder.of("attempt_failed"), *play.recorder.of("connection_lost")]
    ]
    assert len(reasons) == 5
    assert all("serial:///dev/ttyUSB0" in text for text in reasons)
    play.connected()
