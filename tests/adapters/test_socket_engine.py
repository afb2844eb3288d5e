"""The promises of the blocking engine, each by causing the trouble: kills, signals, forks, exits, full sockets."""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
import warnings
import weakref
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

import stomp_socket
from stomp_core import Frame
from stomp_core.session import Config
from stomp_socket import NotSent, OutcomeUnknown, Reconnect, SessionClosed
from stomp_socket._waker import SelectPoll
from stomp_testing import Broker, FaultProxy

from .worlds import HANGS, in_a_thread, until

ROOT = Path(__file__).parents[2]
SOON = Reconnect(first_delay=0.01, max_delay=0.05)
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork() on this platform")


def wait_for_messages(broker: Broker, count: int, destination: str = "/queue/a") -> None:
    broker.wait_until(lambda broker: len(broker.messages(destination)) == count, timeout=HANGS)


def wait_for_connection(conn: stomp_socket.Connection, number: int) -> None:
    until(lambda: conn.session.connection_number == number and conn.connected is not None)


def wait_until_closed(conn: stomp_socket.Connection) -> None:
    until(lambda: conn.closed)


def run_program(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "transports")])}
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", code, *arguments],
        timeout=HANGS,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )


# -------------------------------------------------------------------------------- E1: what was sent has left


@pytest.mark.parametrize(
    ("end", "count"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", 1),
        ("os.kill(os.getpid(), signal.SIGKILL)", 300),
        ("os.kill(os.getpid(), signal.SIGTERM)", 17),
        ("os._exit(0)", 300),
        ("os.execv(sys.executable, [sys.executable, '-c', ''])", 100),
        ("pass", 300),
    ],
    ids=["SIGKILL-1", "SIGKILL-300", "SIGTERM", "_exit", "execv", "exit"],
)
def test_a_send_that_returned_survives_the_process(end: str, count: int) -> None:
    code = (
        "import os, signal, sys, stomp_socket\n"
        "conn = stomp_socket.connect(sys.argv[1])\n"
        f"for _ in range({count}): conn.send('/queue/a', 'x')\n"
        f"{end}\n"
    )
    with Broker() as broker:
        run_program(code, broker.url)
        wait_for_messages(broker, count)


def _connect_and_send(url: str) -> None:
    conn = stomp_socket.connect(url)
    for _ in range(500):
        conn.send("/queue/a", "x")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of fork() in a process with threads
@pytest.mark.parametrize("method", sorted({"fork", "spawn"} & {*multiprocessing.get_all_start_methods()}))
def test_a_send_that_returned_survives_a_child_of_multiprocessing(method: str) -> None:
    with Broker() as broker:
        context: Any = multiprocessing.get_context(method)
        process = context.Process(target=_connect_and_send, args=(broker.url,))
        process.start()
        process.join(HANGS)
        assert process.exitcode == 0
        wait_for_messages(broker, 500)


def test_a_row_of_sends_leaves_nothing_behind() -> None:
    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        for count in range(1, 101):
            conn.send("/queue/a", "x")
            assert conn.session.size_to_send == 0
            if count % 20 == 0:
                wait_for_messages(broker, count)


def test_a_pipeline_sends_many_frames_with_few_writes() -> None:
    with Broker() as broker, FaultProxy(broker.url) as proxy, stomp_socket.connect(proxy.url) as conn:
        proxy.stall()
        left = []
        pipeline = conn.pipeline(window=200)
        for number in range(100):
            pipeline.send("/queue/a", str(number))
            left.append(conn.session.size_to_send)
        # The first one left at once. The others wait for its receipt, which does not come yet.
        assert left[0] == 0
        assert left[-1] > 0
        proxy.resume()
        pipeline.drain()
        assert len(broker.messages("/queue/a")) == 100


class Congested:
    """A broker that sends more than anybody takes, and reads when all of it is sent."""

    def __init__(self, message: bytes, count: int) -> None:
        self._message, self._count = message, count
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.url = f"stomp://127.0.0.1:{self.socket.getsockname()[1]}"
        self.received = b""
        self.thread, self.outcome = in_a_thread(self._serve)

    def _serve(self) -> None:
        with self.socket, self.socket.accept()[0] as peer:
            peer.recv(4096)
            peer.sendall(b"CONNECTED\nversion:1.2\n\n\0")
            peer.recv(4096)
            for _ in range(self._count):
                peer.sendall(self._message)
            while not self.received.endswith(b"\n\nlast\0"):
                self.received = (self.received + peer.recv(65536))[-100:]


def test_the_thread_writes_what_a_full_socket_did_not_take() -> None:
    """Both sides are full and neither reads; when the messages are dropped, everything goes on."""
    headers = {"destination": "/q", "subscription": "s", "message-id": "1", "ack": "1"}
    message = Frame("MESSAGE", headers, bytes(100_000))
    broker = Congested(message.to_bytes("1.2"), 200)
    with stomp_socket.connect(
        broker.url, buffer_size=1_000_000, heart_beat=(0, 0), reconnect=Reconnect.never()
    ) as conn:
        messages = conn.subscribe("/q", id="s", ack="client-individual", receipt=False)
        until(lambda: conn.session.want_read is False)
        until(lambda: (conn.send("/q", bytes(50_000)), conn.session.size_to_send)[1])
        for _ in range(100):
            conn.send("/q", b"x" * 1000)
        messages.unsubscribe(receipt=False)
        conn.send("/q", "last")
        broker.thread.join(HANGS)
    assert broker.outcome == [None]


def test_the_thread_writes_the_rest_though_nobody_calls_again() -> None:
    """Without heart-beats the thread sleeps until it is woken by the very call whose frame the socket did not take."""
    read, received = threading.Event(), threading.Event()

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(4096)
            peer.sendall(b"CONNECTED\nversion:1.2\n\n\0")
            read.wait(HANGS)
            end = b""
            while not end.endswith(b"last\0"):
                end = (end + peer.recv(65536))[-10:]
            received.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        in_a_thread(serve)
        url = f"stomp://127.0.0.1:{listener.getsockname()[1]}"
        with stomp_socket.connect(
            url, heart_beat=(0, 0), connect_timeout=100, handshake_timeout=100, close_timeout=1
        ) as conn:
            # So much that one attempt more, which finds some room, does not write it all.
            until(lambda: (conn.send("/q", bytes(20_000_000) + b"last"), conn.session.size_to_send)[1])
            read.set()
            assert received.wait(HANGS)


def fill_buffer(broker: Broker, conn: stomp_socket.Connection, count: int) -> Any:
    messages = conn.subscribe("/queue/a")
    for _ in range(count):
        broker.send("/queue/a", bytes(50_000))
    until(lambda: conn.session.want_read is False)
    return messages


def test_the_thread_reads_again_when_messages_are_taken() -> None:
    with (
        Broker() as broker,
        stomp_socket.connect(
            broker.url, buffer_size=200_000, heart_beat=(0, 0), connect_timeout=100, handshake_timeout=100
        ) as conn,
    ):
        messages = fill_buffer(broker, conn, 400)
        assert [len(messages.receive(timeout=HANGS).body) for _ in range(400)] == [50_000] * 400


def test_the_thread_reads_the_receipts_of_a_pipeline_though_the_buffer_is_full() -> None:
    with (
        Broker() as broker,
        stomp_socket.connect(
            broker.url, buffer_size=200_000, heart_beat=(0, 0), connect_timeout=100, handshake_timeout=100
        ) as conn,
    ):
        fill_buffer(broker, conn, 10)
        with conn.pipeline() as pipeline:
            pipeline.send("/queue/b", "now")
            until(lambda: pipeline.confirmed == 1)


def test_an_unconfirmed_send_takes_few_calls() -> None:
    """At most 30 calls, from the user to the socket: data can be followed."""
    calls: list[CodeType] = []

    def count(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            calls.append(frame.f_code)

    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        for _ in range(3):
            conn.send("/queue/a", "hello")
        sys.setprofile(count)
        try:
            conn.send("/queue/a", "hello")
        finally:
            sys.setprofile(None)
    files = {code.co_filename for code in calls}
    assert len(calls) <= 30, [f"{Path(code.co_filename).name}:{code.co_name}" for code in calls]
    assert len(files) <= 12, files


# -------------------------------------------------------------------------------- E2, E6: one thread reads


class ThreadRecorder(stomp_socket.Listener):
    """Keeps in which thread each frame was received."""

    def __init__(self) -> None:
        self.threads: set[str] = set()

    def frame_received(self, event: Any) -> None:
        self.threads.add(threading.current_thread().name)


def test_one_thread_reads_and_calls_listeners() -> None:
    listener = ThreadRecorder()
    with Broker() as broker, stomp_socket.connect(broker.url, listener=listener) as conn:
        messages = conn.subscribe("/queue/a")
        for _ in range(20):
            conn.send("/queue/a", "x", receipt=True)
            messages.receive(timeout=HANGS)
    assert listener.threads == {"stomp_socket"}


class CallingListener(stomp_socket.Listener):
    """Calls the connection when a MESSAGE is received, which a listener must not do."""

    def __init__(self) -> None:
        self.conn: stomp_socket.Connection | None = None
        self.raised: list[str] = []

    def frame_received(self, event: Any) -> None:
        if self.conn is not None and event.command == "MESSAGE":
            for call in (self._send, self._close):
                try:
                    call(self.conn)
                except RuntimeError as error:
                    self.raised.append(str(error))

    def _send(self, conn: stomp_socket.Connection) -> None:
        conn.send("/queue/b", "x", receipt=True)

    def _close(self, conn: stomp_socket.Connection) -> None:
        conn.close()


def test_a_listener_that_calls_its_connection_gets_an_error_and_nothing_is_sent() -> None:
    listener = CallingListener()
    with Broker() as broker, stomp_socket.connect(broker.url, listener=listener) as conn:
        messages = conn.subscribe("/queue/a")
        listener.conn = conn
        broker.send("/queue/a", "x")
        messages.receive(timeout=HANGS)
        until(lambda: len(listener.raised) == 2)
        assert all("must not" in text and "another thread" in text for text in listener.raised)
        conn.send("/queue/c", "x", receipt=True)
        assert broker.messages("/queue/b") == []


class SlowListener(stomp_socket.Listener):
    """Blocks the thread while a MESSAGE is received."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.go_on = threading.Event()

    def frame_received(self, event: Any) -> None:
        if event.command == "MESSAGE":
            self.entered.set()
            self.go_on.wait(HANGS)


def test_a_slow_listener_keeps_nobody_from_sending() -> None:
    listener = SlowListener()
    with Broker() as broker, stomp_socket.connect(broker.url, listener=listener) as conn:
        conn.subscribe("/queue/a")
        broker.send("/queue/a", "x")
        assert listener.entered.wait(HANGS)

        def send_some() -> None:
            for _ in range(50):
                conn.send("/queue/b", "x")

        senders = [in_a_thread(send_some) for _ in range(4)]
        for thread, _ in senders:
            thread.join(HANGS)
        wait_for_messages(broker, 200, "/queue/b")
        assert not listener.go_on.is_set()
        listener.go_on.set()


def test_several_waiting_callers_all_get_their_outcomes() -> None:
    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        subscriptions = [conn.subscribe(f"/queue/{number}") for number in range(5)]
        waiting = [in_a_thread(subscription.receive) for subscription in subscriptions]
        for number in (3, 0, 4, 1, 2):
            broker.send(f"/queue/{number}", str(number))
            thread, outcome = waiting[number]
            thread.join(HANGS)
            assert [message.text for message in outcome] == [str(number)]


def test_fifty_threads_that_send_confirmed_lose_nothing() -> None:
    with Broker() as broker, stomp_socket.connect(broker.url) as conn:

        def send_some() -> str:
            for _ in range(40):
                conn.send("/queue/a", "x", receipt=True)
            return "sent"

        started = [in_a_thread(send_some) for _ in range(50)]
        for thread, _ in started:
            thread.join(HANGS)
        assert [outcome for _, outcome in started] == [["sent"]] * 50
        assert len(broker.messages("/queue/a")) == 2000


def test_close_while_fifty_threads_send_gives_each_send_one_outcome() -> None:
    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        outcomes: dict[str, list[str]] = {}
        under_way = threading.Event()

        def send_until_it_is_closed(sender: int) -> None:
            for number in itertools.count():
                body = f"{sender}.{number}"
                outcome = outcomes.setdefault(body, [])
                try:
                    conn.send("/queue/a", body, receipt=True)
                except NotSent:
                    outcome.append("not sent")
                except OutcomeUnknown:
                    outcome.append("unknown")
                except SessionClosed:
                    outcome.append("not sent")
                    return
                else:
                    outcome.append("sent")
                    under_way.set()

        started = [in_a_thread(partial(send_until_it_is_closed, sender)) for sender in range(50)]
        assert under_way.wait(HANGS)
        conn.close()
        for thread, _ in started:
            thread.join(HANGS)
        assert [outcome for _, outcome in started] == [[None]] * 50
        stored = [body.decode() for body in broker.messages("/queue/a")]
        assert len(stored) == len(set(stored))
        assert {len(outcome) for outcome in outcomes.values()} == {1}
        by_outcome = {
            kind: {body for body, outcome in outcomes.items() if outcome == [kind]}
            for kind in ("sent", "not sent", "unknown")
        }
        assert by_outcome["sent"] <= set(stored)
        assert not by_outcome["not sent"] & set(stored)


def test_a_waiting_caller_learns_that_another_thread_closes_the_connection() -> None:
    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        messages = conn.subscribe("/queue/a")
        thread, outcome = in_a_thread(messages.receive)
        time.sleep(0.01)  # so that it waits, as a rule; either way the outcome is the same
        conn.close()
        thread.join(HANGS)
        assert [type(error) for error in outcome] == [SessionClosed]


def test_a_waiting_caller_stays_through_a_new_connection() -> None:
    with (
        Broker() as broker,
        FaultProxy(broker.url) as proxy,
        stomp_socket.connect(proxy.url, reconnect=SOON) as conn,
    ):
        messages = conn.subscribe("/queue/a")
        for number, end in enumerate((proxy.cut_all, proxy.reset_all), start=2):
            thread, outcome = in_a_thread(messages.receive)
            end()
            wait_for_connection(conn, number)
            broker.send("/queue/a", "hello")
            thread.join(HANGS)
            assert [message.text for message in outcome] == ["hello"]


def test_heart_beats_leave_and_silence_is_noticed_on_every_new_connection() -> None:
    """A wake-up that is lost at CONNECTED would show here: nobody calls the connections afterwards."""
    with Broker(heart_beat=(1, 1)) as broker, FaultProxy(broker.url) as proxy:
        connections = [
            stomp_socket.connect(proxy.url, heart_beat=(0.1, 0.1), reconnect=Reconnect.never())
            for _ in range(40)
        ]
        proxy.stall()
        for conn in connections:
            wait_until_closed(conn)


# -------------------------------------------------------------------------------- E5: collection and exit


def test_unclosed_connections_are_collected_and_their_threads_end() -> None:
    gc.collect()
    with Broker() as broker:
        before = threading.active_count()
        # Without heart-beats nothing else wakes the threads.
        options: dict[str, Any] = {"heart_beat": (0, 0), "connect_timeout": 1000, "handshake_timeout": 1000}
        connections = [stomp_socket.connect(broker.url, **options) for _ in range(20)]
        references = [weakref.ref(conn) for conn in connections]
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            connections.clear()
            gc.collect()
        assert len([entry for entry in warned if "unclosed connection" in str(entry.message)]) == 20
        assert [reference() for reference in references] == [None] * 20
        until(lambda: threading.active_count() <= before)


def test_a_message_keeps_its_connection_until_it_is_acknowledged() -> None:
    with Broker() as broker:
        broker.send("/queue/a", "x")
        conn = stomp_socket.connect(broker.url)
        message = conn.subscribe("/queue/a", ack="client-individual").receive(timeout=HANGS)
        del conn
        gc.collect()
        message.ack(receipt=True)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            del message
            gc.collect()
        assert ["unclosed connection" in str(entry.message) for entry in warned] == [True]


def test_at_exit_a_slow_peer_still_gets_what_was_sent() -> None:
    """It begins to read only when the program has reached its end, and most of the message is still in its memory."""
    code = (
        "import sys, stomp_socket\n"
        "conn = stomp_socket.connect(sys.argv[1], heart_beat=(0, 0))\n"
        "conn.send('/queue/a', bytes(20_000_000) + b'last')\n"
        "assert conn.session.size_to_send\n"
        "print('the end', flush=True)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"stomp://127.0.0.1:{listener.getsockname()[1]}"
        program = subprocess.Popen(
            [sys.executable, "-W", "ignore::ResourceWarning", "-c", code, url],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "transports")])},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert program.stdout is not None
        with program, listener.accept()[0] as peer:
            peer.settimeout(HANGS)
            peer.recv(4096)
            peer.sendall(b"CONNECTED\nversion:1.2\n\n\0")
            assert program.stdout.readline() == "the end\n"
            end = b""
            while data := peer.recv(1 << 20):
                end = (end + data)[-5:]
            assert end == b"last\0"
            assert program.wait(HANGS) == 0


def test_at_exit_stuck_peers_cost_one_wait_together() -> None:
    code = (
        "import sys, time, stomp_socket\n"
        "conns = [stomp_socket.connect(url, heart_beat=(0, 0)) for url in sys.argv[1:]]\n"
        "print('connected', flush=True)\n"
        "sys.stdin.readline()\n"
        "for conn in conns:\n"
        "    while not conn.session.size_to_send: conn.send('/queue/a', bytes(50_000))\n"
        "print(time.monotonic(), flush=True)\n"
    )
    with Broker() as broker, FaultProxy(broker.url) as proxy:
        program = subprocess.Popen(
            [sys.executable, "-c", code, *[proxy.url] * 12],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "transports")])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert program.stdin is not None
        assert program.stdout is not None
        with program:
            assert program.stdout.readline() == "connected\n"
            proxy.stall()
            program.stdin.write("\n")
            program.stdin.flush()
            full = float(program.stdout.readline())
            assert program.wait(2 * HANGS) == 0
        assert time.monotonic() - full < 12 * 5.0, "each stuck peer has cost a wait of its own"


# -------------------------------------------------------------------------------- the rest


def test_it_works_without_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has select() only."""
    monkeypatch.setattr("stomp_socket._waker.new_poll", SelectPoll)
    with (
        Broker() as broker,
        FaultProxy(broker.url) as proxy,
        stomp_socket.connect(proxy.url, reconnect=SOON) as conn,
    ):
        messages = conn.subscribe("/queue/a")
        proxy.cut_all()
        until(lambda: conn.session.connection_number == 2)
        conn.send("/queue/a", bytes(3_000_000))
        assert len(messages.receive(timeout=HANGS).body) == 3_000_000


def test_a_call_while_the_thread_ends_is_refused_as_any_other() -> None:
    """A refused call wakes the thread, which may be about to close what wakes it."""
    with Broker() as broker:
        for _ in range(100):
            conn = stomp_socket.connect(broker.url)
            closed = threading.Event()

            def send_for_ever(conn: stomp_socket.Connection = conn, closed: threading.Event = closed) -> str:
                while not closed.is_set():
                    try:
                        conn.send("/queue/a", "x")
                    except SessionClosed:
                        pass
                return "refused"

            callers = [in_a_thread(send_for_ever) for _ in range(2)]
            conn.close()
            closed.set()
            for thread, outcome in callers:
                thread.join(HANGS)
                assert outcome == ["refused"]


def test_a_dialler_may_raise_anything() -> None:
    class ProxyRefused(Exception):
        pass

    def dial(*_: object) -> socket.socket:
        raise ProxyRefused("ask your administrator")

    with pytest.raises(stomp_socket.ConnectFailed, match="ask your administrator") as caught:
        stomp_socket.connect("stomp://broker", dial=dial)
    assert isinstance(caught.value.__cause__, ProxyRefused)


def test_what_the_broker_sent_last_is_read_though_writing_failed_first() -> None:
    """The inbox is full, the broker sends ERROR and closes, and the next send fails."""
    headers = {"destination": "/q", "subscription": "s", "message-id": "1", "ack": "1"}
    message = Frame("MESSAGE", headers, bytes(10_000)).to_bytes("1.2")
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with server, server.accept()[0] as peer:
            peer.recv(4096)
            peer.sendall(b"CONNECTED\nversion:1.2\n\n\0")
            peer.recv(4096)
            for _ in range(5):
                peer.sendall(message)  # all of it fits in the receiver's kernel
            peer.sendall(b"ERROR\nmessage:the broker is going down\n\n\0")

    thread, _ = in_a_thread(serve)
    url = f"stomp://127.0.0.1:{server.getsockname()[1]}"
    conn = stomp_socket.connect(url, buffer_size=5_000, heart_beat=(0, 0), reconnect=Reconnect.never())
    conn.subscribe("/q", id="s", ack="client-individual", receipt=False)
    thread.join(HANGS)

    def send_for_ever() -> None:
        while True:
            conn.send("/q", bytes(10_000))

    # One that waits for room in the socket is told NotSent, a later one ConnectionLost: both with the reason.
    with pytest.raises((stomp_socket.ConnectionLost, stomp_socket.NotSent), match="the broker is going down"):
        send_for_ever()
    conn.close()


def test_nobody_waits_for_a_thread_that_a_mistake_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: reported.append(arguments.exc_type))
    with Broker() as broker, stomp_socket.connect(broker.url, reconnect=SOON) as conn:
        messages = conn.subscribe("/queue/a")
        thread, outcome = in_a_thread(messages.receive)

        def mistaken(now: float) -> None:
            raise ZeroDivisionError

        # The thread asks the session; the session is made to fail in a way that nothing expects.
        monkeypatch.setattr(type(conn.session), "handle_timeout", lambda session, now: mistaken(now))
        monkeypatch.setattr(type(conn.session), "receive_data", lambda session, data, now: mistaken(now))
        broker.drop_connections()
        thread.join(HANGS)
        assert [type(error) for error in outcome] == [SessionClosed]
    assert reported == [ZeroDivisionError]


def test_an_engine_that_is_given_a_stream_asks_for_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "nonsense://proxy")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        engine = stomp_socket.Engine(Config("stomp://broker"), stream=ours)
        engine.start()
        engine.run(engine.session.terminate)
        engine.join()
        with pytest.raises(ValueError, match="all_proxy"):
            stomp_socket.Engine(Config("stomp://broker"))
