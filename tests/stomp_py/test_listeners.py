"""How listeners are called: in which order, in which thread, and with which arguments."""

from __future__ import annotations

import logging
import pickle
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import stomp_py as stomp
from stomp_py.exception import ConnectFailedException
from stomp_py.utils import Frame
from stomp_testing import Broker, Expect, ScriptedServer
from tests.heart_beats import PATIENCE
from tests.waiting import HANGS

from .conftest import LOGIN, PASSCODE, Open, Place
from .recording_listener import RecordingListener

Calls = list[Any]


def both_arguments(calls: Calls) -> Any:
    def on_message(headers: Any, body: Any) -> None:
        calls.append((headers["destination"], body))

    return on_message


def a_frame(calls: Calls) -> Any:
    def on_message(frame: Any) -> None:
        calls.append((frame.headers["destination"], frame.body))

    return on_message


def with_a_default(calls: Calls) -> Any:
    def on_message(frame: Any, extra: Any = None) -> None:
        calls.append((frame.headers["destination"], frame.body))

    return on_message


def headers_with_a_default(calls: Calls) -> Any:
    def on_message(headers: Any, message: Any = None) -> None:
        calls.append((headers["destination"], message))

    return on_message


def keyword_only(calls: Calls) -> Any:
    def on_message(frame: Any, *, extra: Any = None) -> None:
        calls.append((frame.headers["destination"], frame.body))

    return on_message


def any_arguments(calls: Calls) -> Any:
    def on_message(*arguments: Any) -> None:
        (frame,) = arguments
        calls.append((frame.headers["destination"], frame.body))

    return on_message


def any_arguments_at_all(calls: Calls) -> Any:
    def on_message(*arguments: Any, **keywords: Any) -> None:
        (frame,) = arguments
        calls.append((frame.headers["destination"], frame.body))

    return on_message


def as_method(make: Any, hook: Any) -> Any:
    """Return a method with the same signature, after ``self``."""

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
    calls: Calls = []
    hook = make(calls)
    listener: Any
    if way == "on the instance":
        listener = stomp.ConnectionListener()
        listener.on_message = hook
    elif way == "static":
        listener = type("Listener", (stomp.ConnectionListener,), {"on_message": staticmethod(hook)})()
    else:
        base = stomp.ConnectionListener if way == "of the class" else object

        listener = type("Listener", (base,), {"on_message": as_method(make, hook)})()
    recorder = RecordingListener()
    conn = open_connection(here, recorder)
    conn.set_listener("listener", listener)
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x")
    recorder.wait_for("on_message")  # it is called after "listener", by the order of the names
    assert calls == [("/queue/a", "x")]


def test_a_hook_without_a_frame_may_take_headers_and_body(here: Place, open_connection: Open) -> None:
    """As in stomp.py, on_receiver_loop_completed gets ``None``."""
    calls: list[Any] = []
    older: Any = stomp.ConnectionListener()
    recorder = RecordingListener()
    older.on_receiver_loop_completed = lambda headers, body: calls.append((headers, body))
    conn = open_connection(here, recorder)
    conn.set_listener("older", older)
    conn.disconnect()
    recorder.wait_for("on_receiver_loop_completed")
    assert calls == [(None, None)]


def test_a_function_may_be_a_method_and_a_hook_on_an_instance(here: Place, open_connection: Open) -> None:
    """It has one argument more there."""
    calls: list[Any] = []

    def hook(first: Any, second: Any) -> None:
        calls.append((first, second))

    method: Any = type("Listener", (stomp.ConnectionListener,), {"on_message": hook})()
    instance: Any = stomp.ConnectionListener()
    instance.on_message = hook
    recorder = RecordingListener()
    conn = open_connection(here, recorder)
    for name, listener in (("a", method), ("b", instance), ("c", method)):
        conn.set_listener(name, listener)
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x")
    recorder.wait_for("on_message")  # of "test", which comes last
    (frame,) = recorder.of("on_message")
    assert calls == [(method, frame), (frame.headers, "x"), (method, frame)]


@pytest.mark.parametrize("hook", ["on_connected", "on_before_message", "on_receipt", "on_error", "on_send"])
def test_every_hook_with_a_frame_may_take_headers_and_body(
    hook: str, broker: Broker, here: Place, open_connection: Open
) -> None:
    calls: Calls = []
    older = stomp.ConnectionListener()
    setattr(older, hook, lambda headers, body: calls.append((headers, body)))
    recorder = RecordingListener()
    conn = stomp.Connection(here.address)
    conn.set_listener("older", older)
    conn.set_listener("test", recorder)
    conn.connect("admin", "password", wait=True)
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x", receipt="r")
    recorder.wait_for("on_receipt")
    recorder.wait_for("on_message")
    broker.send_error_to_all("nothing", "wrong")
    recorder.wait_for("on_disconnected")
    assert calls == [(frame.headers, frame.body) for frame in recorder.of(hook)]
    assert calls


def test_a_listener_may_have_some_hooks_only(here: Place, open_connection: Open) -> None:
    class Silent:
        pass

    recorder = RecordingListener()
    conn = open_connection(here, recorder)
    conn.set_listener("silent", Silent())
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x")
    recorder.wait_for("on_message")


def test_listeners_are_called_in_the_order_of_their_names(here: Place, open_connection: Open) -> None:
    recorder = RecordingListener()
    conn = open_connection(here, recorder)
    order: list[tuple[str, str]] = []
    for name in ("b", "c", "", "a"):
        listener: Any = stomp.ConnectionListener()
        listener.on_send = lambda frame, name=name: order.append((name, "send"))
        listener.on_message = lambda frame, name=name: order.append((name, "message"))
        conn.set_listener(name, listener)
    conn.send("/queue/a", "x")
    conn.subscribe("/queue/a", id=1)
    recorder.wait_for("on_message")
    names = ["", "a", "b", "c"]
    assert [name for name, hook in order if hook == "send"][:4] == names
    assert [name for name, hook in order if hook == "message"] == names


def test_listeners_may_change_frames_for_those_after_them(here: Place, open_connection: Open) -> None:
    class Changing(stomp.ConnectionListener):
        def on_send(self, frame: Frame) -> None:
            if frame.cmd == "SEND":
                frame.headers["trace"] = "1"
                frame.body = frame.body.upper() + "ß"

        def on_before_message(self, frame: Frame) -> None:
            frame.headers["seen"] = "yes"
            frame.body += "!"

    recorder = RecordingListener()
    conn = open_connection(here, recorder)
    conn.set_listener("changing", Changing())
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x")
    frame = recorder.wait_for("on_message")
    assert (frame.body, frame.headers["trace"], frame.headers["seen"]) == ("Xß!", "1", "yes")
    assert recorder.of("on_send")[-1].headers["trace"] == "1"


def test_on_before_message_may_return_headers_and_body(here: Place, open_connection: Open) -> None:
    class Changing(stomp.ConnectionListener):
        def on_before_message(self, frame: Frame) -> Any:
            return {**frame.headers, "seen": "yes"}, frame.body + "!"

    recorder = RecordingListener()
    conn = open_connection(here, recorder)
    conn.set_listener("changing", Changing())
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x")
    frame = recorder.wait_for("on_message")
    assert (frame.body, frame.headers["seen"], frame.headers["destination"]) == ("x!", "yes", "/queue/a")


def test_on_send_sees_the_length_that_the_caller_states(here: Place, open_connection: Open) -> None:
    """What is sent is the right one."""
    recorder = RecordingListener()
    conn = open_connection(here, recorder)
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "grün", headers={"content-length": 99})
    assert recorder.of("on_send")[-1].headers["content-length"] == 99
    assert recorder.wait_for("on_message").headers["content-length"] == "5"


@pytest.mark.parametrize("how", ["a subclass", "assigned to the connection", "another heart-beat listener"])
def test_a_replaced_hook_of_the_connection_gets_every_frame(here: Place, how: str) -> None:
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

    recorder = RecordingListener()
    conn = open_connection(here, recorder)
    conn.set_listener("answering", Answering())
    conn.subscribe("/queue/a", id=1, ack="client-individual")
    conn.send("/queue/a", "question")
    recorder.wait_for("on_disconnected")
    assert recorder.bodies() == ["question", "answer"]


def test_a_listener_may_connect_again_after_a_loss(
    broker: Broker, here: Place, open_connection: Open
) -> None:
    class Returning(stomp.ConnectionListener):
        returned = threading.Event()

        def on_disconnected(self) -> None:
            if not self.returned.is_set():
                conn.connect("admin", "password", wait=True)
                conn.subscribe("/queue/a", id=1)
                self.returned.set()

    recorder = RecordingListener()
    returning = Returning()
    conn = open_connection(here, recorder)
    conn.set_listener("returning", returning)
    broker.drop_connections()
    assert returning.returned.wait(HANGS)
    assert conn.is_connected()
    conn.send("/queue/a", "back")
    recorder.wait_for("on_message")


def test_a_listener_that_disconnects_does_not_wait_for_the_broker() -> None:
    """Nothing could be received meanwhile: the receiver is the thread that would wait."""
    running: list[bool] = []
    returned = threading.Event()

    class Leaving(stomp.ConnectionListener):
        def on_message(self, frame: Frame) -> None:
            conn.disconnect(receipt="bye")
            running.append(conn.transport.running)
            returned.set()

    message = b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/queue/a\n\nx\0"
    with ScriptedServer([Expect(b"\0"), b"CONNECTED\nversion:1.1\n\n\0", message]) as server:
        recorder = RecordingListener()
        conn = stomp.Connection([("127.0.0.1", server.port)])
        conn.set_listener("leaving", Leaving())
        conn.set_listener("recorder", recorder)
        conn.connect(LOGIN, PASSCODE)
        assert returned.wait(HANGS)
        server.send(b"RECEIPT\nreceipt-id:bye\n\n\0")
        recorder.wait_for("on_receiver_loop_completed")
    assert running == [True]
    assert [frame.headers["receipt-id"] for frame in recorder.of("on_receipt")] == ["bye"]


class Slow(RecordingListener):
    """Takes its time before it records a call."""

    def _note(self, hook: str, what: Any = None) -> None:
        if hook in ("on_connected", "on_error", "on_disconnected"):
            time.sleep(0.1)
        super()._note(hook, what)


def test_callers_return_when_the_listeners_were_called(here: Place, open_connection: Open) -> None:
    """Programs rely on it, so callers wait for a second."""
    recorder = Slow()
    conn = open_connection(here, recorder)
    assert recorder.names()[-1] == "on_connected"
    with conn:
        pass
    assert recorder.names()[-1] == "on_receiver_loop_completed"
    conn.connect(LOGIN, PASSCODE, wait=True)
    conn.disconnect()
    assert recorder.names().count("on_disconnected") == 2
    with pytest.raises(ConnectFailedException):
        conn.connect(LOGIN, "wrong", wait=True)
    assert "on_error" in recorder.names()


def test_with_a_receipt_disconnect_waits_longer_for_the_listeners(here: Place, open_connection: Open) -> None:
    """A context does, too."""

    class VerySlow(RecordingListener):
        def on_disconnected(self) -> None:
            time.sleep(1.2)  # without a receipt callers wait for a second
            super().on_disconnected()

    recorder = VerySlow()
    with open_connection(here, recorder):
        pass
    assert "on_disconnected" in recorder.names()


def test_the_socket_is_closed_when_on_disconnected_is_called(
    broker: Broker, here: Place, open_connection: Open
) -> None:
    sockets: list[Any] = []

    class Looking(RecordingListener):
        def on_disconnected(self) -> None:
            sockets.append(conn.transport.socket)
            super().on_disconnected()

    recorder = Looking()
    conn = open_connection(here, recorder)
    broker.drop_connections()
    recorder.wait_for("on_disconnected")
    conn.connect(LOGIN, PASSCODE, wait=True)
    conn.disconnect()
    recorder.wait_for("on_disconnected", 2)
    assert sockets == [None, None]


def test_the_thread_of_each_hook(here: Place, open_connection: Open) -> None:
    threads: dict[str, int] = {}

    class Where(RecordingListener):
        def _note(self, hook: str, what: Any = None) -> None:
            threads[hook] = threading.get_ident()
            super()._note(hook, what)

    recorder = Where()
    conn = open_connection(here, recorder)
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x", receipt="r")
    recorder.wait_for("on_message")
    recorder.wait_for("on_receipt")
    receiver = conn.transport.receiver_thread.ident
    mine = threading.get_ident()
    assert receiver != mine
    for hook in ("on_connected", "on_before_message", "on_message", "on_receipt"):
        assert threads[hook] == receiver, hook
    for hook in ("on_connecting", "on_send"):
        assert threads[hook] == mine, hook


def test_an_exception_does_not_stop_calls_of_other_listeners(
    here: Place, open_connection: Open, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(stomp.ConnectionListener):
        def on_message(self, frame: Frame) -> None:
            raise KeyError("a bug of mine")

    recorder = RecordingListener()
    conn = open_connection(here, recorder)
    conn.set_listener("a failing one", Failing())
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x")
    recorder.wait_for("on_message")
    assert "a bug of mine" in caplog.text


def test_on_send_may_refuse_a_frame(here: Place, open_connection: Open) -> None:
    """Its exception reaches the caller, nothing is sent, and the connection stays."""

    class Refusing(stomp.ConnectionListener):
        def on_send(self, frame: Frame) -> None:
            if frame.body == "forbidden":
                raise KeyError("not that")

    recorder = RecordingListener()
    conn = open_connection(here, recorder)
    conn.set_listener("refusing", Refusing())
    conn.subscribe("/queue/a", id=1)
    with pytest.raises(KeyError, match="not that"):
        conn.send("/queue/a", "forbidden")
    conn.send("/queue/a", "allowed")
    recorder.wait_for("on_message")
    assert recorder.bodies() == ["allowed"]


def test_listeners_are_set_found_replaced_and_removed(here: Place) -> None:
    conn = stomp.Connection(here.address)
    first, second = RecordingListener(), RecordingListener()
    conn.set_listener("name", first)
    assert conn.get_listener("name") is first
    conn.set_listener("name", second)
    assert conn.get_listener("name") is second
    conn.remove_listener("name")
    assert conn.get_listener("name") is None
    with pytest.raises(KeyError):
        conn.remove_listener("name")


def test_a_heart_beat_calls_on_heartbeat(here: Place, open_connection: Open) -> None:
    recorder = RecordingListener()
    conn = open_connection(here, recorder, heartbeats=(100, 100), heart_beat_receive_scale=PATIENCE)
    recorder.wait_for("on_heartbeat", 2)
    assert conn.heartbeats == (100, 100)
    assert conn.received_heartbeat is not None


def test_a_silent_broker_calls_on_heartbeat_timeout(
    broker: Broker, here: Place, open_connection: Open
) -> None:
    recorder = RecordingListener()
    conn = open_connection(here, recorder, heartbeats=(100, 100))
    broker.stall()
    recorder.wait_for("on_heartbeat_timeout")
    recorder.wait_for("on_disconnected")
    assert not conn.is_connected()
    broker.resume()


def test_silence_is_tolerated_for_the_scale_and_one_interval_more() -> None:
    """ActiveMQ's first heart-beat comes after two intervals."""
    recorder = RecordingListener()
    with ScriptedServer([Expect(b"\0"), b"CONNECTED\nversion:1.1\nheart-beat:50,0\n\n\0"]) as server:
        conn = stomp.Connection(
            [("127.0.0.1", server.port)], heartbeats=(0, 50), heart_beat_receive_scale=5.0
        )
        conn.set_listener("", recorder)
        began = time.monotonic()
        conn.connect(LOGIN, PASSCODE, wait=True)
        recorder.wait_for("on_heartbeat_timeout")
        assert time.monotonic() - began >= 6 * 0.05
        assert conn.receive_sleep == 5 * 0.05


def test_receive_sleep_may_be_assigned_while_connected(here: Place, open_connection: Open) -> None:
    class Impatient(stomp.ConnectionListener):
        def on_heartbeat(self) -> None:
            conn.get_listener("protocol-listener").receive_sleep = 0.006

    recorder = RecordingListener()
    conn = open_connection(here, recorder, heartbeats=(0, 300), heart_beat_receive_scale=200.0)
    assert (conn.send_sleep, conn.receive_sleep) == (0.0, 60.0)
    for connections in (1, 2):
        conn.set_listener("impatient", Impatient())
        recorder.wait_for("on_receiver_loop_completed", connections)
        assert len(recorder.of("on_heartbeat_timeout")) == connections
        assert conn.receive_sleep == 0.006
        conn.remove_listener("impatient")
        conn.connect("admin", "password", wait=True)
        assert conn.receive_sleep == 60.0
    conn.receive_sleep = 0
    assert conn.receive_sleep == 0
    # 0 is never, and not at once: the next heart-beat comes after 0.3 s.
    recorder.wait_for("on_heartbeat", len(recorder.of("on_heartbeat")) + 1)
    assert len(recorder.of("on_heartbeat_timeout")) == 2


def test_on_error_is_called_before_the_end(broker: Broker, here: Place, open_connection: Open) -> None:
    recorder = RecordingListener()
    open_connection(here, recorder)
    broker.send_error_to_all("no more", "the details")
    recorder.wait_for("on_receiver_loop_completed")
    assert recorder.names("on_send", "on_connecting", "on_connected") == [
        "on_error",
        "on_disconnected",
        "on_receiver_loop_completed",
    ]
    (frame,) = recorder.of("on_error")
    assert (frame.headers["message"], frame.body) == ("no more", "the details")


# ---------------------------------------------------------------------- the listeners of stomp.py


def test_the_stats_listener_counts(broker: Broker, here: Place, open_connection: Open) -> None:
    stats, recorder = stomp.StatsListener(), RecordingListener()
    conn = stomp.Connection(here.address)
    conn.set_listener("stats", stats)
    conn.set_listener("test", recorder)
    conn.connect("admin", "password", wait=True)
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x")
    recorder.wait_for("on_message")
    broker.send_error_to_all("no more", "")
    recorder.wait_for("on_disconnected")
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


def test_the_waiting_listener_waits_for_receipt_and_end(here: Place, open_connection: Open) -> None:
    waiting = stomp.WaitingListener("mine")
    conn = open_connection(here, waiting)
    conn.send("/queue/a", "x", receipt="another")
    conn.send("/queue/a", "x", receipt="mine")
    waiting.wait_on_receipt()
    conn.disconnect()
    waiting.wait_on_disconnected()


def waits(wait: Any) -> bool:
    """Return whether a call is still waiting after a moment."""
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    thread.join(0.05)
    return thread.is_alive()


def test_waiting_listeners_wait_for_what_is_theirs_and_once() -> None:
    receipt = {name: Frame("RECEIPT", {"receipt-id": name}, "") for name in ("mine", "another")}
    waiting = stomp.WaitingListener("mine")
    waiting.on_receipt(receipt["another"])
    assert waits(waiting.wait_on_receipt)
    waiting = stomp.WaitingListener("mine")
    waiting.on_receipt(receipt["mine"])
    waiting.wait_on_receipt()
    assert waits(waiting.wait_on_receipt)
    waiting.on_receipt(receipt["mine"])  # so that nobody waits any more


def test_the_test_listener_waits_for_a_new_message_and_heart_beat() -> None:
    listener = stomp.listener.TestListener(print_to_log=True)
    calls: list[tuple[Any, Any]] = [
        (lambda: listener.on_message(Frame("MESSAGE", {}, "x")), listener.wait_for_message),
        (listener.on_heartbeat, listener.wait_for_heartbeat),
    ]
    for call, wait in calls:
        call()
        wait()
        assert waits(wait)
        call()


@pytest.mark.parametrize("kind", [stomp.StatsListener, stomp.listener.TestListener])
def test_every_call_has_a_counter(kind: Any, capsys: pytest.CaptureFixture[str]) -> None:
    stats, frame = kind(), Frame("ANY", {}, "")
    calls = {
        "connections": lambda: stats.on_connecting(("localhost", 1)),
        "disconnects": stats.on_disconnected,
        "errors": lambda: stats.on_error(frame),
        "messages": lambda: stats.on_message(frame),
        "messages_sent": lambda: stats.on_send(frame),
        "heartbeat_count": stats.on_heartbeat,
        "heartbeat_timeouts": stats.on_heartbeat_timeout,
    }
    for times, call in enumerate(calls.values(), 1):
        for _ in range(times):
            call()
    assert [getattr(stats, name) for name in calls] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("kind", ["MESSAGE", "RECEIPT", "ERROR"])
def test_every_frame_is_a_sign_of_life(kind: str, here: Place, open_connection: Open) -> None:
    """received_heartbeat is when something was received last."""
    frames = {
        "MESSAGE": b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:a\n\n\0",
        "RECEIPT": b"RECEIPT\nreceipt-id:1\n\n\0",
        "ERROR": b"ERROR\nmessage:no\n\n\0",
    }
    recorder = RecordingListener()
    with ScriptedServer([Expect(b"\0"), b"CONNECTED\nversion:1.1\n\n\0"]) as server:
        conn: Any = stomp.Connection([("127.0.0.1", server.port)])
        conn.set_listener("z", recorder)  # called after that of the connection
        conn.connect(LOGIN, PASSCODE, wait=True)
        before = conn.received_heartbeat
        server.send(frames[kind])
        recorder.wait_for(f"on_{kind.lower()}")
        assert conn.received_heartbeat > before
        conn.transport.disconnect_socket()


def test_the_printing_listener_prints_no_passcode(
    here: Place, open_connection: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = RecordingListener()
    conn = stomp.Connection(here.address)
    conn.set_listener("printing", stomp.PrintingListener())
    conn.set_listener("test", recorder)
    conn.connect("admin", "password", wait=True)
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "the body")
    recorder.wait_for("on_message")
    conn.disconnect()
    recorder.wait_for("on_disconnected")
    out = capsys.readouterr().out
    assert "password" not in out
    for sent in (
        "on_connecting 127.0.0.1",
        "on_send",
        "on_connected",
        "on_before_message",
        "on_message",
        "the body",
    ):
        assert sent in out


def test_the_test_listener_keeps_messages_and_waits(
    here: Place, open_connection: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    listener = stomp.listener.TestListener("mine", print_to_log=True)
    conn = open_connection(here, listener, heartbeats=(100, 100), heart_beat_receive_scale=PATIENCE)
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x", receipt="mine")
    listener.wait_on_receipt()
    listener.wait_for_message()
    listener.wait_for_heartbeat()
    headers, body = listener.get_latest_message()
    assert (headers["destination"], body) == ("/queue/a", "x")
    assert capsys.readouterr().out == ""


# ---------------------------------------------------------------------- the log


def test_the_log_is_that_of_stomp_py_alone(
    broker: Broker, here: Place, open_connection: Open, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = RecordingListener()
    with caplog.at_level(logging.DEBUG):
        open_connection(here, recorder)
        broker.drop_connections()
        recorder.wait_for("on_disconnected")
    names = {record.name for record in caplog.records}
    assert "stomp.py" in names
    assert not [name for name in names if name.startswith("stomp_core")]
    (lost,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "was lost" in lost.getMessage()


def test_an_error_that_repeats_the_passcode_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    answer = b"ERROR\nmessage:no user with passcode:password\n\npasscode 'password' is wrong\n\0"
    recorder = RecordingListener()
    with caplog.at_level(logging.DEBUG), ScriptedServer([Expect(b"\0"), answer]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)])
        conn.set_listener("test", recorder)
        with pytest.raises(ConnectFailedException) as caught:
            conn.connect(LOGIN, PASSCODE, wait=True)
        recorder.wait_for("on_error")
    (frame,) = recorder.of("on_error")
    for text in (
        str(caught.value),
        str(frame),
        repr(frame.body),
        caplog.text,
        repr(pickle.dumps(caught.value)),
    ):
        assert "no user with passcode:password" not in text
        assert "'password'" not in text
    assert "***" in str(caught.value)


def test_a_passcode_that_is_received_is_masked_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    message = b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:a\npasscode:s3cret\n\nx\0"
    recorder = RecordingListener()
    script: Any = [Expect(b"\0"), b"CONNECTED\nversion:1.1\n\n\0", message]
    with caplog.at_level(logging.DEBUG), ScriptedServer(script) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)])
        conn.set_listener("", recorder)
        conn.connect(LOGIN, PASSCODE, wait=True)
        assert recorder.wait_for("on_message").headers["passcode"] == "s3cret"
        conn.transport.disconnect_socket()
    assert "received frame: 'MESSAGE'" in caplog.text
    assert "s3cret" not in caplog.text


def test_a_method_that_never_runs_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Wrong(stomp.ConnectionListener):
        async def on_message(self, frame: Frame) -> None:  # type: ignore[override]
            """Never run."""

        def on_error(self, frame: Frame) -> Iterator[None]:  # type: ignore[override]
            yield

        def on_connected(self, frame: Frame) -> None:
            """A plain method."""

    conn = stomp.Connection()
    conn.set_listener("mine", Wrong())
    assert sorted(record.getMessage().partition(" is ")[0] for record in caplog.records) == [
        "on_error of listener 'mine'",
        "on_message of listener 'mine'",
    ]
    assert all("its body never runs: make it a plain def" in record.getMessage() for record in caplog.records)
