"""Listener: what an observer of a session is notified of."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from math import nan
from types import SimpleNamespace
from typing import Any

import pytest

from stomp_core import Connected, Error, Event, HeartBeat, Leniency, Message, Receipt, Send, Tolerated
from stomp_core.session import (
    Listener,
    Listeners,
    OutcomeUnknown,
    ReceiptTimeout,
    Reconnect,
    SessionState,
)

from .play import Play, Recorder


def notifications() -> list[tuple[str, Any]]:
    """The methods of a listener, without the one that asks which of them are overridden."""
    return [
        (name, method)
        for name, method in inspect.getmembers(Listener(), inspect.ismethod)
        if not name.startswith("_") and name != "handles"
    ]


def test_every_method_of_a_listener_may_be_left_as_it_is() -> None:
    listener = Listener()
    assert len(notifications()) >= 15
    for name, method in notifications():
        method(*[None] * len(inspect.signature(method).parameters))
        assert method.__doc__
        assert not listener.handles(name)
    assert list(listener.headers_for("/queue/a")) == []


def test_several_listeners_are_notified_as_one() -> None:
    recorders = [Recorder(), Recorder()]
    listeners = Listeners(*recorders)
    names = [name for name, _ in notifications() if name not in ("handling", "headers_for")]
    for name in names:
        method = getattr(listeners, name)
        method(*range(len(inspect.signature(method).parameters)))
        assert listeners.handles(name)
    for recorder in recorders:
        assert recorder.names() == names
        assert all(list(call[1:]) == list(range(len(call) - 1)) for call in recorder.calls)
    assert Listeners(Tracer(), Listener()).headers_for("/q") == [("trace", "/q"), ("x", "of the listener")]


def test_one_of_several_listeners_that_raises_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recorder = Recorder()
    play = Play(listener=Listeners(Failing(), recorder)).connected()
    assert play.session.state is SessionState.CONNECTED
    assert "frame_sent" in recorder.names()
    assert [record.getMessage() for record in caplog.records] == ["a listener raised in frame_sent()"]


def test_the_notifications_of_a_whole_session() -> None:
    play = Play().connected()
    subscription = play.subscribed()
    play.deliver(subscription.id, "1", ack=None)
    play.receive_bytes(b"\n\n\n")
    play.cut()
    play.connected()
    play.confirm_all()
    play.close()
    play.confirm_all()
    assert play.recorder.names() == [
        "dialling",
        "frame_sent",  # CONNECT
        "frame_received",
        "connection_made",
        "frame_sent",  # SUBSCRIBE
        "frame_received",  # its RECEIPT
        "frame_received",  # MESSAGE
        "heart_beat_received",
        "connection_lost",
        "dialling",
        "frame_sent",  # CONNECT
        "frame_received",
        "connection_made",
        "frame_sent",  # SUBSCRIBE
        "frame_received",  # its RECEIPT
        "frame_sent",  # DISCONNECT
        "frame_received",  # its RECEIPT
        "closed",
    ]
    kinds = {
        "frame_sent": Event,
        "frame_received": Event,
        "heart_beat_received": HeartBeat,
    }
    for name, kind in kinds.items():
        assert all(isinstance(entry[0], kind) for entry in play.recorder.of(name))
    assert play.recorder.of("heart_beat_received") == [(HeartBeat(2),)]
    assert play.recorder.of("closed") == [(None,)]


def test_an_error_is_notified_as_a_frame_and_as_an_error() -> None:
    play = Play().connected()
    play.refuse("no")
    assert play.recorder.names()[-3:] == ["frame_received", "error_received", "connection_lost"]
    ((error,),) = play.recorder.of("error_received")
    assert isinstance(error, Error)


def test_a_tolerated_violation_is_notified() -> None:
    play = Play(leniency=Leniency(bad_heart_beat=True))
    play.dial()
    play.receive_bytes(b"CONNECTED\nversion:1.2\nheart-beat:nonsense\n\n\0")
    ((tolerated,),) = play.recorder.of("tolerated")
    assert isinstance(tolerated, Tolerated)
    assert play.session.state is SessionState.CONNECTED
    assert isinstance(play.session.opened.result(), Connected)


def test_a_dropped_message_is_notified() -> None:
    play = Play().connected()
    with_ack = play.subscribed(ack="client", id="one")
    without_ack = play.subscribed("/queue/b", id="two")
    play.unsubscribe(with_ack)
    play.unsubscribe(without_ack)
    play.deliver("one", "1")
    play.deliver("two", "2", ack=None)
    play.deliver("unknown", "3", ack=None)
    play.deliver("unknown", "4")
    play.deliver("/temp-queue/mine", "5", ack=None)
    dropped = play.recorder.of("message_dropped")
    again = "; nobody will acknowledge it, so the broker delivers it again, at the latest when this connection has "
    again += "ended"
    unknown = (
        "there is no subscription with the id 'unknown': it has ended, or was made by send_frame(), whose messages go "
        "to the tap of a Session only"
    )
    temporary = (
        "it is a reply on the temporary queue /temp-queue/mine, which RabbitMQ subscribes to by itself where a SEND "
        "has it as reply-to: use request(), which waits for the reply"
    )
    assert [(message.message_id, why) for message, why in dropped] == [
        ("1", f"its subscription has ended: 'one' to /queue/a{again}"),
        ("2", "its subscription has ended: 'two' to /queue/b"),
        ("3", unknown),
        ("4", unknown + again),
        ("5", temporary),
    ]
    assert isinstance(dropped[0][0], Message)
    assert play.session.dropped == 5


def test_a_message_that_names_no_subscription_is_dropped_with_a_reason() -> None:
    play = Play(version="1.0").connected()
    for name in ("one", "two"):
        play.subscribed(id=name)
    play.deliver(None, "1")
    ((message, reason),) = play.recorder.of("message_dropped")
    assert message.message_id == "1"
    assert reason == (
        "it names no subscription, and not exactly one is to /queue/a: subscribe to each destination once"
    )


def test_a_receipt_that_confirms_nothing_is_notified() -> None:
    play = Play(receipt_timeout=5.0).connected()
    queued = play.send("/q", "not written yet", receipt="mine")
    play.receive_bytes(b"RECEIPT\nreceipt-id:mine\n\n\0")
    assert not queued.done, "the broker cannot have it"
    play.sent()
    play.receive_bytes(b"RECEIPT\nreceipt-id:nobody's\n\n\0")
    assert not queued.done
    play.confirm("mine")
    assert queued.result() is None
    late = play.send("/q", receipt="late")
    play.sent()
    play.wait(5.0)
    assert isinstance(late.exception(), ReceiptTimeout)
    play.confirm("late")
    unexpected = play.recorder.of("unexpected_receipt")
    assert [(receipt.receipt_id, reason) for receipt, reason in unexpected] == [
        ("mine", "the frame that asks for it has not been sent yet"),
        ("nobody's", "no frame on this connection has asked for it"),
        ("late", "nobody waits for it any more: it comes too late, or twice"),
    ]
    assert all(isinstance(receipt, Receipt) for receipt, _ in unexpected)


def test_a_receipt_of_a_raw_frame_is_expected() -> None:
    play = Play(tap=True).connected()
    play.session.send_frame(play.now, Send("/q", receipt="raw"))
    play.sent()
    play.confirm("raw")
    assert play.recorder.of("unexpected_receipt") == []
    play.receive_bytes(b"RECEIPT\nreceipt-id:raw\n\n\0")
    assert len(play.recorder.of("unexpected_receipt")) == 1


def test_a_receipt_before_its_frame_has_left_confirms_it_on_no_connection() -> None:
    play = Play().connected()
    queued = play.send("/q", receipt="mine")
    play.receive_bytes(b"RECEIPT\nreceipt-id:mine\n\n\0")
    play.reconnect()
    assert not queued.done
    play.confirm_all()
    assert queued.done


class Tracer(Listener):
    """One that adds headers to what is sent."""

    def headers_for(self, destination: str) -> list[tuple[str, str]]:
        return [("trace", destination), ("x", "of the listener")]


def test_a_listener_may_add_headers_but_changes_none() -> None:
    play = Play(listener=Tracer()).connected()
    play.send("/queue/a", headers={"x": "mine", "y": "z"})
    play.request("/queue/b")
    play.subscribe("/queue/c")
    send, request, subscribe = play.sent()
    assert send.headers.items()[:4] == [
        ("destination", "/queue/a"),
        ("x", "mine"),
        ("y", "z"),
        ("trace", "/queue/a"),
    ]
    assert send.headers.get_all("x") == ["mine"]
    assert request.headers["trace"] == "/queue/b"
    assert "trace" not in subscribe.headers


class BadTracer(Listener):
    def headers_for(self, destination: str) -> list[tuple[str, str]]:
        raise ValueError(f"no headers for {destination}")


@pytest.mark.parametrize(
    "headers",
    [
        None, 5, "ab", ["ab"], [("a",)], [("a", 1)], [("a", "b", "c")], [(b"a", "b")], [("", "x")], [("a", "\0")],
        [("a", "\ud800")], {"a": None},
    ],
    ids=ascii,
)  # fmt: skip
def test_headers_of_a_listener_that_are_none_do_not_stop_the_message(
    headers: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Wrong(Listener):
        def headers_for(self, destination: str) -> Any:
            return headers

    for listener in (Wrong(), Listeners(Wrong())):
        caplog.clear()
        play = Play(listener=listener).connected()
        play.send("/queue/a", "body", headers={"x": "mine"})
        assert play.sent_one().headers["x"] == "mine"
        assert len(caplog.records) == 1
        assert "headers_for()" in caplog.records[0].getMessage()


def test_a_listener_does_not_change_what_the_call_states() -> None:
    class Rude(Listener):
        def headers_for(self, destination: str) -> list[tuple[str, str]]:
            names = ("destination", "receipt", "transaction", "content-length", "trace")
            return [(name, "of the listener") for name in names]

    play = Play(listener=Rude()).connected()
    play.send("/queue/a", "body")
    assert play.sent_one().headers.items() == [
        ("destination", "/queue/a"),
        ("content-type", "text/plain;charset=utf-8"),
        ("trace", "of the listener"),
        ("content-length", "4"),
    ]


def the_log_record(caplog: pytest.LogCaptureFixture) -> tuple[str, str]:
    """The only log record, with the text of its exception."""
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("stomp_core", logging.ERROR)
    assert record.exc_info is not None
    return record.getMessage(), str(record.exc_info[1])


def test_if_headers_for_raises_the_message_is_sent_without(caplog: pytest.LogCaptureFixture) -> None:
    play = Play(listener=BadTracer()).connected()
    play.send("/queue/a", headers={"x": "mine"})
    assert play.sent_one().headers["x"] == "mine"
    assert the_log_record(caplog) == (
        "a listener raised in headers_for()",
        "no headers for /queue/a",
    )


class Failing(Listener):
    def frame_sent(self, event: Event) -> None:
        raise ValueError(f"I cannot handle {event.command}")


def test_what_a_listener_raises_is_logged_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    play = Play(listener=Failing()).connected()
    assert play.session.state is SessionState.CONNECTED
    assert the_log_record(caplog) == ("a listener raised in frame_sent()", "I cannot handle CONNECT")


def test_run_listener_gets_each_notification_to_call_it_later(caplog: pytest.LogCaptureFixture) -> None:
    later: list[Callable[[], None]] = []
    play = Play(run_listener=later.append)
    play.attempt()
    assert play.recorder.calls == []
    for notification in later:
        notification()
    assert play.recorder.names() == ["dialling"]
    failing = Play(listener=Failing(), run_listener=later.append).connected()
    for notification in later:
        notification()
    assert failing.session.state is SessionState.CONNECTED
    assert the_log_record(caplog) == ("a listener raised in frame_sent()", "I cannot handle CONNECT")


def test_what_run_listener_raises_is_logged_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It came out of send() after the message was queued."""

    def run(notification: Callable[[], None]) -> None:
        raise RuntimeError("the executor is shut down")

    play = Play(run_listener=run).connected()
    caplog.clear()
    pending = play.send("/queue/a", receipt=True)
    assert the_log_record(caplog) == ("run_listener() raised", "the executor is shut down")
    assert play.sent_one().destination == "/queue/a"
    play.receive_bytes(b"")
    assert isinstance(pending.exception(), OutcomeUnknown)
    play.close_socket()
    play.close()
    assert play.session.closed


@pytest.mark.parametrize(
    ("rng", "logged"),
    [(lambda: 1 / 0, True), (lambda: "x", True), (lambda: None, True), (lambda: nan, False), (lambda: -5.0, False)],
    ids=["raises", "text", "None", "NaN", "negative"],
)  # fmt: skip
def test_a_broken_source_of_jitter_does_not_stop_reconnecting(
    rng: Callable[[], Any], logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    source = SimpleNamespace(random=rng)
    play = Play(rng=source, reconnect=Reconnect(first_delay=1.0)).connected()
    play.now = 10.0
    play.cut()
    assert play.attempt().at == 11.0, "the pause is as long as it may be"
    assert ("rng.random() raised" in caplog.text) is logged


def test_notify_listener_returns_whether_the_method_is_overridden() -> None:
    play = Play(listener=Tracer())
    assert not play.session.notify_listener("handler_error", None, ValueError())
    assert not Play(listener=None).session.notify_listener("handler_error", None, ValueError())
    play = Play()
    assert play.session.notify_listener("handler_error", "a", "b")
    assert play.recorder.of("handler_error") == [("a", "b")]
