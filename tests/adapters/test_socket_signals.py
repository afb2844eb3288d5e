"""Exceptions of signal handlers, and forks, at any point of the blocking engine's calls (E3 and E4 of its promises)."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

import stomp_socket
from stomp_core import AckMode, StompError
from stomp_socket import SessionClosed
from stomp_testing import Broker

from .test_cancellation import sockets
from .worlds import HANGS, in_a_thread, until

needs_timer = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="there is no setitimer() on this platform"
)


class Struck(Exception):
    """What a signal handler raises in these tests."""


# -------------------------------------------------------------------------------- E3: at every point of one call


def raise_struck() -> None:
    raise Struck


@contextmanager
def strike(
    position: int, where: list[str], handler: Callable[[], object] = raise_struck
) -> Iterator[list[int]]:
    """Call ``handler`` at the n-th place in the library where CPython may call a signal handler; by default it raises.

    CPython looks for signals when a function starts, after a call of a C function, and when it jumps backward.
    """
    left = [position]
    thread = threading.get_ident()

    def strike_in(code: CodeType) -> None:
        if threading.get_ident() != thread or not left[0]:
            return
        if "stomp_core" in code.co_filename or "stomp_socket" in code.co_filename:
            left[0] -= 1
            if not left[0]:
                where.append(f"{Path(code.co_filename).name}:{code.co_name}")
                handler()

    def jumped(code: CodeType, offset: int, destination: int) -> None:
        if destination < offset:
            strike_in(code)

    monitoring: Any = vars(sys)["monitoring"]  # since 3.12, and types are checked for 3.11
    events = monitoring.events
    monitoring.use_tool_id(monitoring.DEBUGGER_ID, "strike")
    monitoring.register_callback(
        monitoring.DEBUGGER_ID, events.PY_START, lambda code, offset: strike_in(code)
    )
    monitoring.register_callback(
        monitoring.DEBUGGER_ID, events.C_RETURN, lambda code, offset, function, first: strike_in(code)
    )
    monitoring.register_callback(monitoring.DEBUGGER_ID, events.JUMP, jumped)
    monitoring.set_events(monitoring.DEBUGGER_ID, events.PY_START | events.CALL | events.JUMP)
    try:
        yield left
    finally:
        monitoring.set_events(monitoring.DEBUGGER_ID, 0)
        monitoring.free_tool_id(monitoring.DEBUGGER_ID)


needs_monitoring = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="sys.monitoring came with Python 3.12"
)


def _pipeline(conn: stomp_socket.Connection, body: str) -> None:
    with conn.pipeline(4) as pipeline:
        pipeline.send("/queue/a", body)


def _transaction(conn: stomp_socket.Connection, body: str) -> None:
    with conn.transaction() as transaction:
        transaction.send("/queue/a", body)


@needs_monitoring
@pytest.mark.parametrize(
    "call",
    [
        lambda conn, body: conn.send("/queue/a", body),
        lambda conn, body: conn.send("/queue/a", body, receipt=True),
        _pipeline,
        _transaction,
    ],
    ids=["send", "confirmed", "pipeline", "transaction"],
)
def test_an_exception_at_any_point_of_a_call_duplicates_and_loses_nothing(
    call: Callable[[stomp_socket.Connection, str], None],
) -> None:
    returned: set[str] = set()
    where: list[str] = []
    with Broker() as broker:
        conn = stomp_socket.connect(broker.url, receipt_timeout=HANGS)
        for position in range(1, 1000):
            body = f"struck {position}"
            left = [0]
            try:
                with strike(position, where) as left:
                    call(conn, body)
                returned.add(body)
            except Struck:
                pass
            conn.send("/queue/a", f"after {position}", receipt=True)
            returned.add(f"after {position}")
            if left[0] > 0:
                break  # the call has fewer places than that
        else:
            pytest.fail("the call never ends without a strike")
        assert len(where) > 20
        bodies = [body.decode() for body in broker.messages("/queue/a")]
        assert len(bodies) == len(set(bodies)), "a message was sent twice"
        assert returned <= set(bodies), "a message was lost whose send() had returned"
        assert conn.close() is True


@needs_monitoring
def test_an_exception_at_any_point_of_close_leaves_nobody_waiting() -> None:
    where: list[str] = []
    with Broker() as broker:
        for position in range(1, 1000):
            conn = stomp_socket.connect(broker.url, close_timeout=2.0)
            messages = conn.subscribe("/queue/a")
            thread, outcome = in_a_thread(messages.receive)
            left = [0]
            try:
                with strike(position, where) as left:
                    conn.close()
            except Struck:
                pass
            conn.close()
            thread.join(HANGS)
            assert [type(error) for error in outcome] == [SessionClosed], where[-1:]
            if left[0] > 0:
                break
        assert len(where) > 5


@needs_monitoring
@pytest.mark.parametrize("ack", ["auto", "client-individual"])
def test_an_exception_at_any_point_of_receive_loses_no_message(ack: AckMode) -> None:
    where: list[str] = []
    taken: list[str] = []
    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        messages = conn.subscribe("/queue/a", ack=ack)
        for position in range(1, 1000):
            broker.send("/queue/a", str(position))
            until(lambda: conn.session.buffered_size > 0)
            left = [0]
            try:
                with strike(position, where) as left:
                    message = messages.receive(timeout=HANGS)
            except Struck:
                message = messages.receive(timeout=HANGS)
            taken.append(message.text)
            if ack != "auto":
                message.ack()
            if left[0] > 0:
                break
        assert len(where) > 10
        assert taken == [str(position) for position in range(1, len(taken) + 1)]
        assert conn.session.buffered_size == 0
        assert conn.session.connection_number == 1


@needs_monitoring
def test_an_exception_while_subscribing_leaves_no_subscription() -> None:
    """Nobody has its handle, so nobody would take its messages."""
    where: list[str] = []
    with Broker() as broker, stomp_socket.connect(broker.url) as conn:

        def stays(destination: str) -> bool:
            conn.send(destination, "x", receipt=True)
            return bool(broker.messages(destination))

        for position in range(1, 1000):
            left = [0]
            try:
                with strike(position, where) as left:
                    messages = conn.subscribe(f"/queue/{position}")
            except Struck:
                # Where the engine has returned it already, it cannot be helped.
                if where[-1].startswith("_shared_session.py"):
                    until(partial(stays, f"/queue/{position}"))
            else:
                messages.unsubscribe()
            if left[0] > 0:
                break
        assert len(where) > 10


def test_an_exception_while_the_thread_starts_leaves_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the thread is connected before start() returns, where a handler may raise as well."""
    start = threading.Thread.start

    def start_and_raise(thread: threading.Thread) -> None:
        start(thread)
        if thread.name == "stomp_socket":
            until(lambda: broker.connections)
            raise Struck

    with Broker() as broker:
        monkeypatch.setattr(threading.Thread, "start", start_and_raise)
        with pytest.raises(Struck):
            stomp_socket.connect(broker.url)
        monkeypatch.undo()
        until(lambda: not broker.connections)
        assert not [thread for thread in threading.enumerate() if thread.name == "stomp_socket"]


@contextmanager
def alarm(handler: Callable[[], object], seconds: float) -> Iterator[None]:
    """Call a signal handler every few seconds."""
    before = signal.signal(signal.SIGALRM, lambda *_: handler())
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@needs_timer
@pytest.mark.usefixtures("no_collections")
@pytest.mark.parametrize("kind", [Struck, KeyboardInterrupt, TimeoutError, InterruptedError, BlockingIOError])
@pytest.mark.parametrize("receipt", [False, True], ids=["unconfirmed", "confirmed"])
def test_handlers_that_raise_many_times_duplicate_and_lose_nothing(
    kind: type[BaseException], receipt: bool
) -> None:
    """A handler's TimeoutError comes out: it is an OSError, and not one of the socket."""
    struck = 0
    armed = False

    def handler() -> None:
        # Once for each block: a signal that is handled late must not strike outside of it.
        nonlocal armed
        if armed:
            armed = False
            raise kind

    returned = set()
    with Broker() as broker:
        conn = stomp_socket.connect(broker.url, receipt_timeout=HANGS)
        numbers = itertools.count()

        def send_until_struck() -> None:
            # A function of its own: whatever instruction of it the handler interrupts, the caller catches it.
            nonlocal armed
            with alarm(handler, 0.002):
                armed = True
                while True:
                    body = str(next(numbers))
                    conn.send("/queue/a", body, receipt=receipt)
                    returned.add(body)

        while struck < 150:
            try:
                send_until_struck()
            except kind:
                struck += 1
        conn.send("/queue/a", "last", receipt=True)
        assert conn.close() is True
        bodies = [body.decode() for body in broker.messages("/queue/a")]
    assert len(bodies) == len(set(bodies)), "a message was sent twice"
    assert returned <= set(bodies), "a message was lost whose send() had returned"


@needs_timer
def test_a_handler_may_close_the_connection_that_the_main_thread_waits_for() -> None:
    with Broker() as broker:
        conn = stomp_socket.connect(broker.url)
        messages = conn.subscribe("/queue/a")
        closed: list[bool] = []
        with alarm(lambda: closed.append(conn.close()), 0.05):
            for _ in messages:
                pass
        assert closed[0] is True


@needs_timer
def test_a_handler_may_send_and_close_in_the_middle_of_sending() -> None:
    with Broker() as broker:
        conn = stomp_socket.connect(broker.url)
        handled = 0

        def handler() -> None:
            nonlocal handled
            handled += 1
            if handled < 50:
                conn.send("/queue/b", str(handled))
            else:
                conn.close()

        def send_for_ever() -> None:
            while True:
                conn.send("/queue/a", "x")

        with alarm(handler, 0.002), pytest.raises(StompError):
            send_for_ever()
        conn.close()
        sent = sorted(int(body) for body in broker.messages("/queue/b"))
        assert sent == list(range(1, 50))


@needs_timer
def test_a_handler_that_interrupts_a_call_may_do_what_needs_no_waiting() -> None:
    """What has no result is done afterwards; anything else is refused, so that no result is pretended."""
    outcomes: set[str] = set()
    sent = 0
    with Broker() as broker:
        conn = stomp_socket.connect(broker.url)
        calls: dict[str, Callable[[], object]] = {
            "confirmed": lambda: conn.send("/queue/c", "x", receipt=True),
            "begin": conn.begin,
            "subscribe": lambda: conn.subscribe("/queue/d"),
            "receive": lambda: conn.subscribe("/queue/e").receive(timeout=0),
        }
        busy = False

        def handler() -> None:
            nonlocal sent, busy
            if busy:
                return  # it interrupts itself, where it waits
            busy = True
            conn.send("/queue/b", "x")
            sent += 1
            for name, call in calls.items():
                try:
                    call()
                except RuntimeError as error:
                    outcomes.add(name if "must not wait" in str(error) else str(error))
                except TimeoutError:
                    pass
            busy = False

        with alarm(handler, 0.002):
            ends = time.monotonic() + HANGS
            while len(outcomes) < len(calls) and time.monotonic() < ends:
                conn.send("/queue/a", "x")
        assert outcomes == set(calls)
        conn.send("/queue/last", "", receipt=True)
        until(lambda: len(broker.messages("/queue/b")) == sent)
        assert conn.session.connection_number == 1
        assert conn.close() is True


# -------------------------------------------------------------------------------- E4: fork


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork() on this platform")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of fork() in a process with threads
def test_in_a_fork_every_operation_raises_and_the_parent_goes_on() -> None:
    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        messages = conn.subscribe("/queue/a")
        stop = threading.Event()

        def keep_busy() -> None:
            while not stop.is_set():
                conn.send("/queue/busy", "x", receipt=True)

        thread, outcome = in_a_thread(keep_busy)
        try:
            for _ in range(20):
                child = os.fork()
                if child == 0:
                    code = 1
                    try:
                        code = _in_the_child(conn, messages)
                    finally:
                        os._exit(code)
                _, status = os.waitpid(child, 0)
                assert os.waitstatus_to_exitcode(status) == 0
        finally:
            stop.set()
        thread.join(HANGS)
        assert outcome == [None]
        conn.send("/queue/a", "still here", receipt=True)
        assert messages.receive(timeout=HANGS).text == "still here"
        assert conn.session.connection_number == 1


def _in_the_child(conn: stomp_socket.Connection, messages: stomp_socket.Subscription) -> int:
    """Return 0 if every call does what it should in a forked child, otherwise which one does not."""
    calls: list[Callable[[], object]] = [
        lambda: conn.send("/queue/a", "x"),
        lambda: conn.send("/queue/a", "x", receipt=True),
        lambda: messages.receive(timeout=1),
        lambda: conn.subscribe("/queue/b"),
        lambda: messages.unsubscribe(),
    ]
    for position, call in enumerate(calls, start=2):
        try:
            call()
        except RuntimeError as error:
            if str(os.getppid()) not in str(error) or str(os.getpid()) not in str(error):
                return 40 + position
        else:
            return position
    before = len(sockets())
    if conn.close() is not False:
        return 60
    # That of the connection, and both of the pair that wakes its thread. Only Linux tells.
    return 0 if before == 0 or len(sockets()) == before - 3 else 61
