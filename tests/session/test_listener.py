"""Listener: what an observer of a session is told."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import pytest

from stomp_core import Connected, Error, Event, HeartBeat, Leniency, Message, Tolerated
from stomp_core.session import Listener, SessionState

from .play import Play


def test_a_listener_that_overrides_nothing_hears_everything_in_peace() -> None:
    listener = Listener()
    methods = [
        (name, method)
        for name, method in inspect.getmembers(listener, inspect.ismethod)
        if not name.startswith("_")
    ]
    assert len(methods) >= 15
    for _, method in methods:
        method(*[None] * len(inspect.signature(method).parameters))
        assert method.__doc__
    assert list(listener.headers_for("/queue/a")) == []


def test_the_story_of_a_session() -> None:
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


def test_an_error_is_told_as_a_frame_and_as_what_it_is() -> None:
    play = Play().connected()
    play.refuse("no")
    assert play.recorder.names()[-3:] == ["frame_received", "error_received", "connection_lost"]
    ((error,),) = play.recorder.of("error_received")
    assert isinstance(error, Error)


def test_a_rule_that_is_forgiven_is_told() -> None:
    play = Play(leniency=Leniency(bad_heart_beat=True))
    play.dial()
    play.receive_bytes(b"CONNECTED\nversion:1.2\nheart-beat:nonsense\n\n\0")
    ((tolerated,),) = play.recorder.of("tolerated")
    assert isinstance(tolerated, Tolerated)
    assert play.session.state is SessionState.CONNECTED
    assert isinstance(play.session.opened.result(), Connected)


def test_a_message_for_nobody_is_told() -> None:
    play = Play().connected()
    subscription = play.subscribed()
    play.unsubscribe(subscription)
    play.deliver(subscription.id, "late", ack=None)
    play.deliver("stranger", "2", ack=None)
    told = play.recorder.of("message_dropped")
    assert [(message.message_id, why) for message, why in told] == [
        ("late", "its subscription has ended"),
        ("2", "it belongs to no subscription"),
    ]
    assert isinstance(told[0][0], Message)
    assert play.session.dropped == 2


class Tracer(Listener):
    """One that adds headers to what is sent."""

    def headers_for(self, destination: str) -> list[tuple[str, str]]:
        return [("trace", destination), ("x", "of the observer")]


def test_an_observer_may_add_headers_to_messages_but_changes_none() -> None:
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


def test_one_that_cannot_is_reported_and_the_message_sent_without_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caught: list[Any] = []
    monkeypatch.setattr(sys, "excepthook", lambda *error: caught.append(error))
    play = Play(listener=BadTracer()).connected()
    play.send("/queue/a", headers={"x": "mine"})
    assert play.sent_one().headers["x"] == "mine"
    ((kind, error, trace),) = caught
    assert kind is ValueError
    assert str(error) == "no headers for /queue/a"
    assert trace is error.__traceback__


class Clumsy(Listener):
    def frame_sent(self, event: Event) -> None:
        raise ValueError(f"I cannot bear {event.command}")


def test_what_a_listener_raises_disturbs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    caught: list[Any] = []
    monkeypatch.setattr(sys, "excepthook", lambda *error: caught.append(error))
    play = Play(listener=Clumsy()).connected()
    assert play.session.state is SessionState.CONNECTED
    ((kind, error, trace),) = caught
    assert kind is ValueError
    assert str(error) == "I cannot bear CONNECT"
    assert trace is error.__traceback__
