"""The log: what becomes of connections is there without any listener, in lines that nobody else can write."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from stomp_core import Connected, Error, Leniency, Session
from stomp_core.session import Listener, Reconnect

from .play import ACTIVEMQ, RABBITMQ, Play

CONNECTION = "stomp_core.connection"
FRAMES = "stomp_core.frames"
CHECK_THE_PORT = "nothing listens there; check the port, and that the broker runs with its STOMP listener on"


@pytest.fixture
def debug(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything is logged."""
    with caplog.at_level(logging.DEBUG, "stomp_core"):
        yield caplog


def lines(caplog: pytest.LogCaptureFixture, name: str = CONNECTION) -> list[tuple[str, str]]:
    """Level and text of each record of a logger since the last call."""
    found = [(entry.levelname, entry.getMessage()) for entry in caplog.records if entry.name == name]
    caplog.clear()
    return found


def unobserved(*arguments: Any, **options: Any) -> Play:
    return Play(*arguments, listener=None, **options)


def test_the_life_of_a_session(debug: pytest.LogCaptureFixture) -> None:
    play = unobserved("stomp://joe:hush@broker").connected()
    assert lines(debug) == [
        ("INFO", "connecting to stomp://broker:61613 (attempt 1)"),
        ("INFO", "connected to stomp://broker:61613: RabbitMQ/3.13.7, STOMP 1.2"),
    ]
    play.cut(ConnectionResetError("reset by peer"))
    play.attempt()
    play.cut(ConnectionRefusedError("refused"))
    play.connected()
    play.close()
    play.confirm_all()
    assert lines(debug) == [
        ("WARNING", "the connection to stomp://broker:61613 was lost: reset by peer"),
        ("INFO", "connecting to stomp://broker:61613 in 0.2 s (attempt 1)"),
        (
            "WARNING",
            f"could not connect: {play.session.endpoint}: connection refused: {CHECK_THE_PORT}",
        ),
        ("INFO", "connecting to stomp://broker:61613 in 0.4 s (attempt 2)"),
        ("INFO", "connected again to stomp://broker:61613: RabbitMQ/3.13.7, STOMP 1.2"),
        ("INFO", "stomp://broker:61613: closed by the caller"),
    ]


def test_giving_up_is_an_error(debug: pytest.LogCaptureFixture) -> None:
    play = unobserved(reconnect=Reconnect.never()).connected()
    lines(debug)
    play.cut("a reason")
    assert lines(debug) == [
        ("WARNING", "the connection to stomp://broker:61613 was lost: a reason"),
        ("ERROR", "giving up: the connection to stomp://broker:61613 was lost: a reason"),
    ]
    play = unobserved()
    play.attempt()
    play.cut("no way")
    assert [level for level, _ in lines(debug)] == ["INFO", "WARNING", "ERROR"]


def test_frames_and_heart_beats_are_in_a_logger_of_their_own(debug: pytest.LogCaptureFixture) -> None:
    play = unobserved("stomp://joe:hush@broker", heart_beat=(10, 0), beats=(0, 10_000)).connected()
    play.send("/queue/a", "text")
    subscription = play.subscribed()
    play.deliver(subscription.id, "1", ack=None)
    play.receive_bytes(b"\n\n")
    play.wait(8.0)
    found = lines(debug, FRAMES)
    assert {level for level, _ in found} == {"DEBUG"}
    texts = [text for _, text in found]
    for text, start in zip(
        texts,
        [
            "sent Connect(", "received Connected(", "sent Send(", "sent Subscribe(", "received Receipt(",
            "received Message(", "received a heart-beat", "sent a heart-beat",
        ],
        strict=True,
    ):  # fmt: skip
        assert text.startswith(start)
    assert "('passcode', '***')" in texts[0]
    assert "hush" not in "".join(texts)


def test_frames_are_not_logged_above_debug(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "stomp_core"):
        play = unobserved().connected()
        play.send("/queue/a")
        assert lines(caplog, FRAMES) == []


@pytest.mark.parametrize("listener", [None, Listener()], ids=["no listener", "a listener"])
def test_a_program_may_turn_frames_on_later(
    caplog: pytest.LogCaptureFixture, listener: Listener | None
) -> None:
    play = Play(listener=listener, heart_beat=(10, 0), beats=(0, 10_000)).connected()
    with caplog.at_level(logging.DEBUG, "stomp_core.frames"):
        play.wait(8.0)
        play.send("/queue/a")
        assert lines(caplog, FRAMES)[-1] == ("DEBUG", "sent Send(Headers([('destination', '/queue/a')]))")
    play.wait(8.0)
    play.send("/queue/a")
    assert lines(caplog, FRAMES) == []


def test_a_frame_that_never_left_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    play = unobserved(reconnect=Reconnect.never()).connected()
    play.send("/queue/a")
    play.cut("gone")
    assert (
        "ERROR",
        "SEND to /queue/a was not sent: the connection to stomp://broker:61613 was lost: gone",
    ) in (lines(caplog))


def test_dropped_messages_are_warnings(caplog: pytest.LogCaptureFixture) -> None:
    play = unobserved().connected()
    subscription = play.subscribed()
    play.unsubscribe(subscription)
    for _ in range(3):
        play.deliver(subscription.id, "late", ack=None)
    play.deliver("unknown", "2", ack=None, destination="/temp-queue/x")
    assert lines(caplog) == [
        (
            "WARNING",
            (
                f"message 'late' from /queue/a was dropped: its subscription has ended: {subscription.id!r} to "
                "/queue/a (later ones of this subscription are not logged)"
            ),
        ),
        (
            "WARNING",
            (
                "message '2' from /temp-queue/x was dropped: there is no subscription with the id 'unknown': it has "
                "ended, or was made by send_frame(), whose messages go to the tap of a Session only "
                "(later ones of this subscription are not logged)"
            ),
        ),
    ]


def test_late_heart_beats_are_a_warning_without_a_deadline_of_their_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    play = unobserved(heart_beat=(10, 10), beats=(10_000, 10_000)).connected()
    play.wait(15.9)
    assert lines(caplog) == []
    play.wait(8.0)
    assert lines(caplog) == [
        ("WARNING", "stomp://broker:61613: heart-beats are late: nothing was received for 16.0 s")
    ]


def test_a_tolerated_violation_is_a_warning_once_for_each_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    play = unobserved(leniency=Leniency(bad_heart_beat=True))
    for _ in range(2):
        play.dial()
        play.sent()
        play.receive_bytes(b"CONNECTED\nversion:1.2\nheart-beat:nonsense\n\n\0")
        ((level, text),) = lines(caplog)
        assert level == "WARNING"
        assert "tolerated: " in text
        assert "nonsense" in text
        play.cut()
        lines(caplog)


def test_messages_on_their_way_to_an_ended_subscription_cost_no_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """RabbitMQ answers each with ERROR, which would have been taken for the answer to what comes next."""
    play = unobserved().connected()
    play.unsubscribe(play.subscribed(id="mine"))
    play.confirm_all()
    sent = play.send("/queue/b", receipt=True)
    play.sent()
    for _ in range(3):
        play.receive_bytes(b"ERROR\n\nThere is no current subscription with tag 'T_mine'.\0\n")
    assert not sent.done
    play.confirm("auto-3")
    assert sent.result() is None
    assert not play.session.want_close
    ((level, text),) = lines(caplog)
    assert level == "WARNING"
    assert text.endswith("since a message was on its way to subscription 'mine' when that was ended")


def test_an_error_of_the_broker_is_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    play = unobserved().connected()
    play.refuse("no such queue", body=b"no queue 'x' in vhost '/'\nmore\n")
    ((level, text),) = lines(caplog)
    assert level == "WARNING"
    assert "the broker sent ERROR: no such queue" in text
    assert "more" not in text


def test_an_error_while_closing_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    play = unobserved().connected()
    play.send("/queue/a", receipt=True)
    play.sent()
    play.close()
    play.refuse("too late")
    assert lines(caplog) == [
        ("WARNING", "stomp://broker:61613: the broker sent ERROR while the session was closing: too late")
    ]


def test_the_listener_is_notified_besides_the_log(debug: pytest.LogCaptureFixture) -> None:
    play = Play().connected()
    assert play.recorder.names() == ["dialling", "frame_sent", "frame_received", "connection_made"]
    assert len(debug.records) == 4


def test_a_session_may_be_without_a_log(debug: pytest.LogCaptureFixture) -> None:
    session = Session("stomp://broker", log=False)
    session.next_attempt(0.0)
    session.connection_lost("no", 0.0)
    assert debug.records == []


FORGED = "x\nERROR forged\r\x1b[31mred\x07\x85\u2028\u202eleft"


def test_nothing_that_a_peer_sends_forges_a_line(debug: pytest.LogCaptureFixture) -> None:
    play = unobserved()
    play.dial()
    play.sent()
    server = FORGED.replace("\n", "").replace("\r", "")
    play.receive(Connected(headers=[("server", server)]))
    play.deliver(FORGED, FORGED, destination=FORGED, ack=None)
    play.receive(Error(FORGED, body=FORGED, headers=[(FORGED, FORGED)]))
    play.cut()
    play.attempt()
    play.cut(OSError(FORGED))
    texts = [record.getMessage() for record in debug.records]
    assert len(texts) >= 10
    assert all(text.isprintable() for text in texts)
    assert any(r"x\nERROR forged\r\x1b[31mred\x07\x85\u2028\u202eleft" in text for text in texts)


def test_the_log_is_written_where_listeners_are_called(debug: pytest.LogCaptureFixture) -> None:
    """The blocking adapter calls both outside of its lock: a handler of the log may take its time."""
    later: list[Any] = []
    play = unobserved(run_listener=later.append)
    play.attempt()
    assert debug.records == []
    for notification in later:
        notification()
    assert len(debug.records) == 1


def test_a_run_listener_that_raises_does_not_reach_the_caller(caplog: pytest.LogCaptureFixture) -> None:
    def run(notification: object) -> None:
        raise ValueError("no thread")

    play = Play(run_listener=run).connected()
    assert play.send("/queue/a").done
    assert {record.getMessage() for record in caplog.records} == {"run_listener() raised"}


@pytest.mark.parametrize("receipt", [False, True])
def test_a_callback_that_raises_after_a_send_was_queued_goes_to_the_log(
    caplog: pytest.LogCaptureFixture, receipt: bool
) -> None:
    def fail() -> None:
        raise ValueError("a mistake of the program")

    play = unobserved().connected()
    play.session.wake = fail
    pending = play.send("/queue/a", "once", receipt=receipt)
    pending.add_done_callback(fail)
    assert [event.body for event in play.confirm_all()] == [b"once"]
    assert pending.done
    assert pending.exception() is None
    assert {entry.name for entry in caplog.records} == {"stomp_core"}
    assert {entry.getMessage() for entry in caplog.records} == {"wake() raised", "a done callback raised"}


def test_a_handler_of_the_log_that_raises_does_not_reach_the_caller() -> None:
    class Broken(logging.Handler):
        calls = 0

        def emit(self, record: logging.LogRecord) -> None:
            self.calls += 1
            raise OSError("the disk is full")

    handler = Broken()
    logger = logging.getLogger("stomp_core")
    logger.addHandler(handler)
    try:
        play = unobserved(reconnect=Reconnect.never()).connected()
        pending = play.send("/queue/a", receipt=True)
        pending.add_done_callback(lambda: 1 / 0)
        play.sent()
        play.cut("gone")
    finally:
        logger.removeHandler(handler)
    assert pending.done
    assert play.session.closed
    assert handler.calls >= 3


def test_an_ack_that_covers_another_subscription_is_announced_once(debug: pytest.LogCaptureFixture) -> None:
    """RabbitMQ acknowledges the messages of all subscriptions of a connection: work would be lost without a word."""
    play = unobserved(reconnect=Reconnect(first_delay=0.0)).connected()
    play.subscribed("/queue/auto")
    play.subscribed("/queue/individual", ack="client-individual")
    lines(debug)
    play.subscribed("/queue/cumulative", ack="client")
    play.subscribed("/queue/other", ack="client")
    play.reconnect()
    (warning,) = [text for level, text in lines(debug) if level == "WARNING" and "lost" not in text]
    assert warning == (
        "stomp://broker:61613: an ACK of a message from /queue/cumulative, subscribed with ack='client', also "
        "acknowledges all earlier messages from /queue/individual: RabbitMQ covers all subscriptions of a connection; "
        "use ack='client-individual', or a connection for each subscription"
    )


@pytest.mark.parametrize(
    ("server", "modes"),
    [
        (ACTIVEMQ, ("client", "client")),
        (RABBITMQ, ("client-individual", "client-individual")),
        (RABBITMQ, ("auto", "client")),
        (RABBITMQ, ("client", "auto")),
    ],
)
def test_other_subscriptions_cover_nothing(
    debug: pytest.LogCaptureFixture, server: str, modes: tuple[Any, Any]
) -> None:
    play = unobserved(server=server).connected()
    for mode in modes:
        play.subscribed("/queue/" + mode, ack=mode)
    assert "WARNING" not in {level for level, _ in lines(debug)}
