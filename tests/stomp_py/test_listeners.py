"""How listeners are called: in which order and thread, and in the way of their time."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import stomp_py as stomp
from stomp_py.utils import Frame
from stomp_testing import Broker

from .conftest import Open, Place
from .ear import Ear

Told = list[Any]


def both_arguments(told: Told) -> Any:
    def on_message(headers: Any, body: Any) -> None:
        told.append((headers["destination"], body))

    return on_message


def a_frame(told: Told) -> Any:
    def on_message(frame: Any) -> None:
        told.append((frame.headers["destination"], frame.body))

    return on_message


def with_a_default(told: Told) -> Any:
    def on_message(frame: Any, extra: Any = None) -> None:
        told.append((frame.headers["destination"], frame.body))

    return on_message


def headers_with_a_default(told: Told) -> Any:
    def on_message(headers: Any, message: Any = None) -> None:
        told.append((headers["destination"], message))

    return on_message


def keyword_only(told: Told) -> Any:
    def on_message(frame: Any, *, extra: Any = None) -> None:
        told.append((frame.headers["destination"], frame.body))

    return on_message


def any_arguments(told: Told) -> Any:
    def on_message(*arguments: Any) -> None:
        (frame,) = arguments
        told.append((frame.headers["destination"], frame.body))

    return on_message


def any_arguments_at_all(told: Told) -> Any:
    def on_message(*arguments: Any, **keywords: Any) -> None:
        (frame,) = arguments
        told.append((frame.headers["destination"], frame.body))

    return on_message


def as_method(make: Any, hook: Any) -> Any:
    """The same signature, after ``self``."""

    def two(self: Any, headers: Any, body: Any) -> None:
        hook(headers, body)

    def one_or_two(self: Any, headers: Any, message: Any = None) -> None:
        hook(headers, message)

    def any_number(self: Any, *arguments: Any, **keywords: Any) -> None:
        hook(*arguments, **keywords)

    return {both_arguments: two, headers_with_a_default: one_or_two}.get(make, any_number)


HOOKS = [
    both_arguments,
    a_frame,
    with_a_default,
    headers_with_a_default,
    keyword_only,
    any_arguments,
    any_arguments_at_all,
]


@pytest.mark.parametrize("make", HOOKS)
@pytest.mark.parametrize("way", ["of the class", "on the instance", "without a base class", "static"])
def test_a_hook_is_called_as_its_signature_wants(
    make: Any, way: str, here: Place, open_connection: Open
) -> None:
    told: Told = []
    hook = make(told)
    listener: Any
    if way == "on the instance":
        listener = stomp.ConnectionListener()
        listener.on_message = hook
    elif way == "static":
        listener = type("Listener", (stomp.ConnectionListener,), {"on_message": staticmethod(hook)})()
    else:
        base = stomp.ConnectionListener if way == "of the class" else object

        listener = type("Listener", (base,), {"on_message": as_method(make, hook)})()
    ear = Ear()
    conn = open_connection(here, ear)
    conn.set_listener("listener", listener)
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x")
    ear.wait_for("on_message")  # "listener" stands before "test"
    assert told == [("/queue/a", "x")]


@pytest.mark.parametrize("hook", ["on_connected", "on_before_message", "on_receipt", "on_error", "on_send"])
def test_every_hook_that_gets_a_frame_may_take_headers_and_body(
    hook: str, broker: Broker, here: Place, open_connection: Open
) -> None:
    told: Told = []
    older = stomp.ConnectionListener()
    setattr(older, hook, lambda headers, body: told.append((headers, body)))
    ear = Ear()
    conn = stomp.Connection(here.address)
    conn.set_listener("older", older)
    conn.set_listener("test", ear)
    conn.connect("admin", "password", wait=True)
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x", receipt="r")
    ear.wait_for("on_receipt")
    ear.wait_for("on_message")
    broker.send_error_to_all("nothing", "wrong")
    ear.wait_for("on_disconnected")
    assert told == [(frame.headers, frame.body) for frame in ear.of(hook)]
    assert told


def test_a_listener_may_have_some_hooks_only(here: Place, open_connection: Open) -> None:
    class Deaf:
        pass

    ear = Ear()
    conn = open_connection(here, ear)
    conn.set_listener("deaf", Deaf())
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x")
    ear.wait_for("on_message")


def test_listeners_are_called_in_the_order_of_their_names(here: Place, open_connection: Open) -> None:
    ear = Ear()
    conn = open_connection(here, ear)
    order: list[tuple[str, str]] = []
    for name in ("b", "c", "", "a"):
        listener: Any = stomp.ConnectionListener()
        listener.on_send = lambda frame, name=name: order.append((name, "send"))
        listener.on_message = lambda frame, name=name: order.append((name, "message"))
        conn.set_listener(name, listener)
    conn.send("/queue/a", "x")
    conn.subscribe("/queue/a", id=1)
    ear.wait_for("on_message")
    names = ["", "a", "b", "c"]
    assert [name for name, hook in order if hook == "send"][:4] == names
    assert [name for name, hook in order if hook == "message"] == names


def test_what_a_listener_changes_the_next_one_sees_and_the_broker_gets(
    here: Place, open_connection: Open
) -> None:
    class Changing(stomp.ConnectionListener):
        def on_send(self, frame: Frame) -> None:
            if frame.cmd == "SEND":
                frame.headers["trace"] = "1"
                frame.body = frame.body.upper() + "ß"

        def on_before_message(self, frame: Frame) -> None:
            frame.headers["seen"] = "yes"
            frame.body += "!"

    ear = Ear()
    conn = open_connection(here, ear)
    conn.set_listener("changing", Changing())
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x")
    frame = ear.wait_for("on_message")
    assert (frame.body, frame.headers["trace"], frame.headers["seen"]) == ("Xß!", "1", "yes")
    assert ear.of("on_send")[-1].headers["trace"] == "1"


@pytest.mark.parametrize("how", ["a subclass", "assigned to the connection", "another heart-beat listener"])
def test_a_hook_of_ones_own_in_place_of_the_connections_hears_every_frame(here: Place, how: str) -> None:
    commands: list[str] = []

    class Noting(stomp.HeartbeatListener):
        def on_send(self, frame: Frame) -> None:
            commands.append(str(frame.cmd))
            super().on_send(frame)

    class Mine(Noting, stomp.Connection11):
        pass

    conn = (Mine if how == "a subclass" else stomp.Connection11)(here.address, heartbeats=(50_000, 60_000))
    if how == "assigned to the connection":
        conn.on_send = lambda frame: commands.append(str(frame.cmd))  # type: ignore[method-assign]
    elif how == "another heart-beat listener":
        conn.set_listener("", Noting(conn.transport, (50_000, 60_000)))
    conn.connect("admin", "password", wait=True)
    conn.send("/queue/a", "x")
    conn.send("/queue/a", "x")
    conn.disconnect()
    assert commands == ["STOMP", "SEND", "SEND", "DISCONNECT"]


def test_a_listener_may_send_acknowledge_and_disconnect(here: Place, open_connection: Open) -> None:
    class Answering(stomp.ConnectionListener):
        def on_message(self, frame: Frame) -> None:
            conn.ack(frame.headers["message-id"], frame.headers["subscription"])
            if frame.body == "question":
                conn.send("/queue/a", "answer")
            else:
                conn.disconnect()

    ear = Ear()
    conn = open_connection(here, ear)
    conn.set_listener("answering", Answering())
    conn.subscribe("/queue/a", id=1, ack="client-individual")
    conn.send("/queue/a", "question")
    ear.wait_for("on_disconnected")
    assert ear.bodies() == ["question", "answer"]


def test_a_listener_may_connect_again_when_the_connection_is_lost(
    broker: Broker, here: Place, open_connection: Open
) -> None:
    class Returning(stomp.ConnectionListener):
        returned = threading.Event()

        def on_disconnected(self) -> None:
            if not self.returned.is_set():
                conn.connect("admin", "password", wait=True)
                conn.subscribe("/queue/a", id=1)
                self.returned.set()

    ear = Ear()
    returning = Returning()
    conn = open_connection(here, ear)
    conn.set_listener("returning", returning)
    broker.drop_connections()
    assert returning.returned.wait(10)
    assert conn.is_connected()
    conn.send("/queue/a", "back")
    ear.wait_for("on_message")


def test_what_comes_in_is_told_in_the_receiver_thread_and_what_goes_out_in_the_callers(
    here: Place, open_connection: Open
) -> None:
    threads: dict[str, int] = {}

    class Where(Ear):
        def _note(self, hook: str, what: Any = None) -> None:
            threads[hook] = threading.get_ident()
            super()._note(hook, what)

    ear = Where()
    conn = open_connection(here, ear)
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x", receipt="r")
    ear.wait_for("on_message")
    ear.wait_for("on_receipt")
    receiver = conn.transport.receiver_thread.ident
    mine = threading.get_ident()
    assert receiver != mine
    for hook in ("on_connected", "on_before_message", "on_message", "on_receipt"):
        assert threads[hook] == receiver, hook
    for hook in ("on_connecting", "on_send"):
        assert threads[hook] == mine, hook


def test_an_exception_of_on_send_or_another_hook_does_not_silence_other_listeners(
    here: Place, open_connection: Open, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(stomp.ConnectionListener):
        def on_message(self, frame: Frame) -> None:
            raise KeyError("a bug of mine")

    ear = Ear()
    conn = open_connection(here, ear)
    conn.set_listener("a failing one", Failing())
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x")
    ear.wait_for("on_message")
    assert "a bug of mine" in caplog.text


def test_a_listener_is_registered_found_replaced_and_removed(here: Place) -> None:
    conn = stomp.Connection(here.address)
    first, second = Ear(), Ear()
    conn.set_listener("name", first)
    assert conn.get_listener("name") is first
    conn.set_listener("name", second)
    assert conn.get_listener("name") is second
    conn.remove_listener("name")
    assert conn.get_listener("name") is None


def test_a_heart_beat_is_told(here: Place, open_connection: Open) -> None:
    ear = Ear()
    conn = open_connection(here, ear, heartbeats=(100, 100))
    ear.wait_for("on_heartbeat", 2)
    assert conn.heartbeats == (100, 100)
    assert conn.received_heartbeat is not None


def test_a_silent_broker_is_told_and_the_connection_ends(
    broker: Broker, here: Place, open_connection: Open
) -> None:
    ear = Ear()
    conn = open_connection(here, ear, heartbeats=(100, 100))
    broker.stall()
    ear.wait_for("on_heartbeat_timeout")
    ear.wait_for("on_disconnected")
    assert not conn.is_connected()
    broker.resume()


def test_how_long_a_broker_may_be_silent_may_be_changed_on_the_way(
    here: Place, open_connection: Open
) -> None:
    class Impatient(stomp.ConnectionListener):
        def on_heartbeat(self) -> None:
            protocol = conn.get_listener("protocol-listener")
            protocol.receive_sleep = protocol.receive_sleep / 100

    ear = Ear()
    conn = open_connection(here, ear, heartbeats=(0, 300), heart_beat_receive_scale=2.0)
    assert (conn.send_sleep, conn.receive_sleep) == (0.0, 0.6)
    for connections in (1, 2):
        conn.set_listener("impatient", Impatient())
        ear.wait_for("on_receiver_loop_completed", connections)
        assert len(ear.of("on_heartbeat_timeout")) == connections
        assert conn.receive_sleep == 0.006
        conn.remove_listener("impatient")
        conn.connect("admin", "password", wait=True)
        assert conn.receive_sleep == 0.6
    conn.receive_sleep = 0
    assert conn.receive_sleep == 0


def test_an_error_of_the_broker_is_told_before_the_end(
    broker: Broker, here: Place, open_connection: Open
) -> None:
    ear = Ear()
    open_connection(here, ear)
    broker.send_error_to_all("no more", "the details")
    ear.wait_for("on_receiver_loop_completed")
    assert ear.names("on_send", "on_connecting", "on_connected") == [
        "on_error",
        "on_disconnected",
        "on_receiver_loop_completed",
    ]
    (frame,) = ear.of("on_error")
    assert (frame.headers["message"], frame.body) == ("no more", "the details")


# ---------------------------------------------------------------------- those that come with it


def test_the_stats_listener_counts(broker: Broker, here: Place, open_connection: Open) -> None:
    stats, ear = stomp.StatsListener(), Ear()
    conn = stomp.Connection(here.address)
    conn.set_listener("stats", stats)
    conn.set_listener("test", ear)
    conn.connect("admin", "password", wait=True)
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x")
    ear.wait_for("on_message")
    broker.send_error_to_all("no more", "")
    ear.wait_for("on_disconnected")
    counted = (stats.connections, stats.messages_sent, stats.messages, stats.errors, stats.disconnects)
    assert counted == (1, 3, 1, 1, 1)
    assert str(stats).splitlines() == [
        "Connections: 1",
        "Disconnects: 1",
        "Messages sent: 3",
        "Messages received: 1",
        "Heartbeats received: 0",
        "Errors: 1",
    ]


def test_the_waiting_listener_waits_for_its_receipt_and_for_the_end(
    here: Place, open_connection: Open
) -> None:
    waiting = stomp.WaitingListener("mine")
    conn = open_connection(here, waiting)
    conn.send("/queue/a", "x", receipt="another")
    conn.send("/queue/a", "x", receipt="mine")
    waiting.wait_on_receipt()
    conn.disconnect()
    waiting.wait_on_disconnected()


def test_the_printing_listener_prints_no_passcode(
    here: Place, open_connection: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    ear = Ear()
    conn = stomp.Connection(here.address)
    conn.set_listener("printing", stomp.PrintingListener())
    conn.set_listener("test", ear)
    conn.connect("admin", "password", wait=True)
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "the body")
    ear.wait_for("on_message")
    conn.disconnect()
    ear.wait_for("on_disconnected")
    out = capsys.readouterr().out
    assert "password" not in out
    for said in (
        "on_connecting 127.0.0.1",
        "on_send",
        "on_connected",
        "on_before_message",
        "on_message",
        "the body",
    ):
        assert said in out


def test_the_test_listener_keeps_messages_and_waits(
    here: Place, open_connection: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    listener = stomp.listener.TestListener("mine", print_to_log=True)
    conn = open_connection(here, listener, heartbeats=(100, 100))
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x", receipt="mine")
    listener.wait_on_receipt()
    listener.wait_for_message()
    listener.wait_for_heartbeat()
    headers, body = listener.get_latest_message()
    assert (headers["destination"], body) == ("/queue/a", "x")
    assert capsys.readouterr().out == ""
