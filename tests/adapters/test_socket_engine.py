"""stomp_socket's engine: what callers do in the thread's place, and what they leave to it."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import stomp_socket
from stomp_core import Event, Frame
from stomp_core.session import Reconnect, Session, SessionClosed
from stomp_socket import engine, flow
from stomp_socket.watching import Watcher
from stomp_testing import Broker, FaultProxy

from .worlds import HANGS, until

ROOT = Path(__file__).parents[2]
SOON = Reconnect(first_delay=0.01, max_delay=0.05)


class Hears(stomp_socket.Listener):
    """Keeps in which thread each frame was heard, and does something there."""

    def __init__(self, deed: Callable[[Event], object] = lambda event: None) -> None:
        self.heard: list[tuple[str, int]] = []
        self.deed = deed

    def frame_received(self, event: Any) -> None:
        self.heard.append((event.command, threading.get_ident()))
        self.deed(event)


def in_a_thread(function: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Start it; what it returns or raises is in the list when the thread has ended."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(function())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, outcome


def reading(conn: stomp_socket.Connection, broker: Broker) -> None:
    """Wait until a caller reads."""
    broker.wait_until(lambda _: conn._engine._reader is not None)


def wait_for_connection(conn: stomp_socket.Connection, broker: Broker, number: int) -> None:
    broker.wait_until(lambda _: conn.session.connection_number == number, timeout=10)


def wait_for_messages(broker: Broker, count: int) -> None:
    broker.wait_until(lambda broker: len(broker.messages("/queue/a")) == count, timeout=10)


def test_no_thread_wakes_another_one_for_a_receipt() -> None:
    listener = Hears()
    with Broker() as broker, stomp_socket.connect(broker.url, listener=listener) as conn:
        for _ in range(50):
            conn.send("/queue/a", "x", receipt=True)
    threads = [thread for command, thread in listener.heard if command == "RECEIPT"]
    # Not all: the thread reads too, when nobody has for a moment.
    assert threading.get_ident() in threads


def test_a_message_comes_through_the_caller_who_waits_for_it() -> None:
    listener = Hears()
    with (
        Broker() as broker,
        stomp_socket.connect(broker.url, listener=listener) as conn,
        conn.subscribe("/queue/a") as messages,
    ):
        for word in ("one", "two", "three"):
            thread, outcome = in_a_thread(messages.receive)
            reading(conn, broker)
            broker.send("/queue/a", word)
            thread.join(HANGS)
            assert [message.text for message in outcome] == [word]
            assert ("MESSAGE", thread.ident) in listener.heard
        # Nobody waits any more: the thread reads again.
        broker.send("/queue/a", "again")
        broker.wait_until(lambda _: listener.heard.count(("MESSAGE", conn._engine._thread.ident or 0)) == 1)


def test_a_caller_who_reads_is_told_when_another_thread_closes_the_connection() -> None:
    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        messages = conn.subscribe("/queue/a")
        thread, outcome = in_a_thread(messages.receive)
        reading(conn, broker)
        conn.close()
        thread.join(HANGS)
        assert [type(error) for error in outcome] == [SessionClosed]


def test_a_caller_who_reads_lives_through_a_new_connection() -> None:
    with (
        Broker() as broker,
        FaultProxy(broker.url) as proxy,
        stomp_socket.connect(proxy.url, reconnect=SOON) as conn,
    ):
        messages = conn.subscribe("/queue/a")
        for end in (proxy.cut_all, proxy.reset_all):
            thread, outcome = in_a_thread(messages.receive)
            reading(conn, broker)
            number = conn.session.connection_number
            end()
            wait_for_connection(conn, broker, number + 1)
            broker.send("/queue/a", "hello")
            thread.join(HANGS)
            assert [message.text for message in outcome] == ["hello"]


def test_several_callers_who_wait_at_a_time_all_get_their_outcomes() -> None:
    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        subscriptions = [conn.subscribe(f"/queue/{number}") for number in range(5)]
        waiting = [in_a_thread(subscription.receive) for subscription in subscriptions]
        for number in (3, 0, 4, 1, 2):
            broker.send(f"/queue/{number}", str(number))
            thread, outcome = waiting[number]
            thread.join(HANGS)
            assert [message.text for message in outcome] == [str(number)]


def test_an_interruption_in_the_midst_of_reading_costs_the_connection_and_no_more() -> None:
    armed = True

    def interrupt(event: Event) -> None:
        nonlocal armed
        if (
            armed
            and event.frame.command == "RECEIPT"
            and threading.current_thread() is threading.main_thread()
        ):
            armed = False
            raise KeyboardInterrupt  # as a signal's handler would

    with (
        Broker() as broker,
        stomp_socket.connect(broker.url, listener=Hears(interrupt), reconnect=SOON) as conn,
    ):

        def send_on() -> None:
            for _ in range(1000):
                conn.send("/queue/a", "x", receipt=True)

        with pytest.raises(KeyboardInterrupt):
            send_on()
        conn.send("/queue/b", "after", receipt=True)
        assert conn.session.connection_number == 2
        assert broker.messages("/queue/b") == [b"after"]


def test_whoever_waits_for_long_does_not_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = 0
    wait = Watcher.wait

    def counted(self: Watcher, *arguments: Any) -> bool:
        nonlocal turns
        turns += 1
        return wait(self, *arguments)

    monkeypatch.setattr(Watcher, "wait", counted)
    with Broker() as broker, stomp_socket.connect(broker.url, heart_beat=(0, 0)) as conn:
        messages = conn.subscribe("/queue/a")
        with pytest.raises(TimeoutError):
            messages.receive(timeout=0.2)
        before = turns
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            messages.receive(timeout=0.5)
        assert time.monotonic() - began >= 0.5
        assert turns - before < 10


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_waits_for_a_thread_that_a_mistake_of_this_library_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def mistaken(*arguments: Any) -> None:
        raise ZeroDivisionError

    with Broker() as broker, stomp_socket.connect(broker.url, reconnect=SOON) as conn:
        messages = conn.subscribe("/queue/a")
        thread, outcome = in_a_thread(messages.receive)
        reading(conn, broker)
        monkeypatch.setattr(engine.Engine, "_serve", mistaken)
        broker.drop_connections()
        thread.join(HANGS)
        assert [type(error) for error in outcome] == [SessionClosed]


def test_what_is_said_in_quick_succession_leaves_with_few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = 0
    data_to_send = Session.data_to_send

    def counted(self: Session) -> bytes:
        nonlocal pieces
        pieces += 1
        return data_to_send(self)

    monkeypatch.setattr(Session, "data_to_send", counted)
    monkeypatch.setattr(flow, "_SUCCESSION", HANGS)  # however slow this machine is
    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        for number in range(1000):
            conn.send("/queue/a", str(number))
        conn.send("/queue/a", "last", receipt=True)
        assert pieces < 500
        assert broker.messages("/queue/a") == [b"%d" % number for number in range(1000)] + [b"last"]


@pytest.mark.parametrize("length", [1, 2, 3, 10, 300])
def test_what_was_held_back_leaves_though_nobody_says_more(
    monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr(flow, "_SUCCESSION", HANGS)
    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        for burst in range(1, 20):
            for _ in range(length):
                conn.send("/queue/a", "x")
            wait_for_messages(broker, burst * length)


def test_whoever_waits_writes_what_was_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "_SUCCESSION", HANGS)
    monkeypatch.setattr(engine, "_A_MOMENT", HANGS)  # so that the thread does not
    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        messages = conn.subscribe("/queue/a")
        for _ in range(3):
            for number in range(50):
                conn.send("/queue/a", str(number))
            assert [messages.receive(timeout=10).text for _ in range(50)] == [str(n) for n in range(50)]
        for _ in range(50):
            conn.send("/queue/b", "x")
        assert conn.close() is True
        assert broker.messages("/queue/b") == [b"x"] * 50


def test_what_is_large_is_not_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "_SUCCESSION", HANGS)
    monkeypatch.setattr(engine, "_A_MOMENT", HANGS)
    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        for _ in range(3):
            conn.send("/queue/a", bytes(100_000))
            assert conn.session.size_to_send == 0


class Congested:
    """A broker that says more than anybody takes, and listens when all of it is said."""

    def __init__(self, message: bytes, count: int) -> None:
        self._said, self._count = message, count
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.url = f"stomp://127.0.0.1:{self.socket.getsockname()[1]}"
        self.heard = b""
        self.thread, self.outcome = in_a_thread(self._serve)

    def _serve(self) -> None:
        with self.socket, self.socket.accept()[0] as peer:
            peer.recv(4096)
            peer.sendall(b"CONNECTED\nversion:1.2\n\n\0")
            peer.recv(4096)
            for _ in range(self._count):
                peer.sendall(self._said)
            while not self.heard.endswith(b"\n\nlast\0"):
                self.heard = (self.heard + peer.recv(65536))[-100:]


def test_where_the_socket_takes_no_more_the_thread_writes_the_rest_and_reads_when_that_is_wanted_again() -> (
    None
):
    body = bytes(100_000)
    message = Frame(
        "MESSAGE", {"destination": "/q", "subscription": "s", "message-id": "1", "ack": "1"}, body
    )
    broker = Congested(message.to_bytes("1.2"), 200)
    with stomp_socket.connect(
        broker.url, buffer_size=1_000_000, heart_beat=(0, 0), reconnect=Reconnect.never()
    ) as conn:
        messages = conn.subscribe("/q", id="s", ack="client-individual", receipt=False)
        until(lambda: conn.session.want_read is False)
        # Both sides are full, and neither reads.
        until(lambda: (conn.send("/q", bytes(50_000)), conn._engine._awaits_room)[1])
        for _ in range(100):
            conn.send("/q", b"x" * 1000)
        messages.unsubscribe(receipt=False)
        conn.send("/q", "last")
        broker.thread.join(HANGS)
    assert broker.outcome == [None]


def test_a_watcher_hears_of_the_socket_of_the_bell_and_of_neither() -> None:
    watcher = Watcher()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert not watcher.wait(ours, True, False, 0)
        assert watcher.wait(ours, False, True, 0)
        theirs.send(b"x")
        assert watcher.wait(ours, True, False, None)
        watcher.ring()
        watcher.ring()
        assert not watcher.wait(None, False, False, None)
        assert not watcher.wait(None, False, False, 0), "one wait hears every ring before it"
        watcher.forget()
    # Another socket with the same number.
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert not watcher.wait(ours, True, False, 0)
        theirs.send(b"x")
        assert watcher.wait(ours, True, False, None)
    watcher.close()
    watcher.ring()


def test_few_frames_in_a_row_leave_each_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "_SUCCESSION", HANGS)
    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        for _ in range(flow._STEADY):
            conn.send("/queue/a", "x")
            assert conn.session.size_to_send == 0


def _connect_and_send(url: str) -> None:
    conn = stomp_socket.connect(url)
    for _ in range(500):
        conn.send("/queue/a", "x")


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_process_that_ends_without_a_word_writes_what_was_held_back(method: str) -> None:
    with Broker() as broker:
        context: Any = multiprocessing.get_context(method)
        process = context.Process(target=_connect_and_send, args=(broker.url,))
        process.start()
        process.join(HANGS)
        assert process.exitcode == 0
        wait_for_messages(broker, 500)


def test_a_program_that_ends_without_a_word_writes_what_was_held_back() -> None:
    code = "import sys; from tests.adapters import test_socket_engine as t; t._connect_and_send(sys.argv[1])"
    with Broker() as broker:
        subprocess.run([sys.executable, "-c", code, broker.url], check=True, timeout=HANGS, cwd=ROOT)
        wait_for_messages(broker, 500)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork() on this platform")
def test_what_was_held_back_is_written_before_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "_SUCCESSION", HANGS)
    monkeypatch.setattr(engine, "_A_MOMENT", HANGS)
    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        for burst in range(1, 11):
            for _ in range(50):
                conn.send("/queue/a", "x")
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
            assert conn.session.size_to_send == 0
            wait_for_messages(broker, 50 * burst)
