"""Raise exceptions in signal handlers and fork, thousands of times: nothing is duplicated, lost or left hanging.

SOAK_INTERRUPTIONS=20000   how many exceptions interrupt calls of the blocking connection
SOAK_FORKS=100             how many children are forked

Exceptions strike the main thread after a random time, in whatever it does: writing a frame, waiting, taking a message.
"""

from __future__ import annotations

import faulthandler
import gc
import itertools
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

import stomp_socket
from stomp_core.session import (
    NotSent,
    OutcomeUnknown,
    SessionClosed,
    StaleMessageError,
    TransactionLost,
    Unconfirmed,
)
from stomp_testing import Broker

INTERRUPTIONS = int(os.environ.get("SOAK_INTERRUPTIONS", "20000"))
FORKS = int(os.environ.get("SOAK_FORKS", "100"))
_PROGRESS_TIMEOUT = (
    120.0  # seconds without an interruption or a message, after which the main thread counts as hung
)
#: What an interruption of an earlier call may do to the next one: the connection was replaced in the middle of it.
_REPLACED = (NotSent, OutcomeUnknown, TransactionLost, StaleMessageError, Unconfirmed)

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no setitimer() on this platform"),
]


class Struck(Exception):
    """An ordinary exception of a signal handler."""


class Alarm(TimeoutError):
    """A timeout of a signal handler, which is an OSError too."""


class Hung(BaseException):
    """Raised in the main thread when it makes no progress."""


KINDS = (Struck, Alarm, KeyboardInterrupt)


class Striker:
    """Interrupts calls of the main thread.

    Attributes:
        struck: how many calls were interrupted.
        by_kind: how many by which exception.
    """

    def __init__(self, seed: int) -> None:
        self.struck = 0
        self.by_kind: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._armed = False
        self._kind: type[BaseException] = Struck
        self._progress = time.monotonic()
        self._stop = threading.Event()

    def _strike(self, number: int, frame: object) -> None:
        if self._armed:
            self._armed = False
            raise self._kind

    def _hung(self, number: int, frame: object) -> None:
        faulthandler.dump_traceback(2)
        raise Hung(f"no progress for {_PROGRESS_TIMEOUT:g} s after {self.struck} interruptions")

    def _watch(self) -> None:
        while not self._stop.wait(1.0):
            if time.monotonic() - self._progress > _PROGRESS_TIMEOUT:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
                return

    def __enter__(self) -> Striker:
        # A handler's exception in a finalizer is swallowed by CPython, so nothing is collected meanwhile.
        gc.collect()
        gc.disable()
        self._before = [
            (signal.SIGALRM, signal.signal(signal.SIGALRM, self._strike)),
            (signal.SIGUSR1, signal.signal(signal.SIGUSR1, self._hung)),
        ]
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *details: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._stop.set()
        self._watcher.join()
        for number, handler in self._before:
            signal.signal(number, handler)
        gc.enable()

    def call(self, function: Callable[[], object], longest: float) -> bool:
        """Call a function and interrupt it after a random time; return whether that was before its end."""
        self._progress = time.monotonic()
        self._kind = self._random.choice(KINDS)
        try:
            self._arm(function, self._random.uniform(1e-6, longest))
        except KINDS as error:
            self.struck += 1
            self.by_kind[type(error).__name__] += 1
            return True
        return False

    def _arm(self, function: Callable[[], object], seconds: float) -> None:
        # A function of its own: whatever instruction of it is interrupted, its caller catches the exception.
        try:
            self._armed = True
            signal.setitimer(signal.ITIMER_REAL, seconds)
            function()
        finally:
            self._armed = False


@contextmanager
def reported(name: str, striker: Striker) -> Iterator[list[str]]:
    details: list[str] = []
    began = time.monotonic()
    yield details
    print(
        f"\n{name}: {striker.struck} interruptions ({dict(striker.by_kind)}), {', '.join(details)}, 0 hangs, "
        f"{time.monotonic() - began:.0f} s"
    )


def test_interrupted_senders_duplicate_and_lose_nothing() -> None:
    returned: list[str] = []
    numbers = itertools.count()

    def send(conn: stomp_socket.Connection, receipt: bool) -> None:
        body = str(next(numbers))
        conn.send("/queue/a", body, receipt=receipt)
        returned.append(body)

    def pipeline(conn: stomp_socket.Connection) -> None:
        bodies = [str(next(numbers)) for _ in range(3)]
        with conn.pipeline(2) as pipe:
            for body in bodies:
                pipe.send("/queue/a", body)
        returned.extend(bodies)

    def transaction(conn: stomp_socket.Connection) -> None:
        bodies = [str(next(numbers)) for _ in range(2)]
        with conn.transaction() as tx:
            for body in bodies:
                tx.send("/queue/a", body)
        returned.extend(bodies)

    chosen = random.Random(1)
    wanted = INTERRUPTIONS * 6 // 10
    replaced = 0
    with Broker() as broker, Striker(1) as striker, reported("senders", striker) as details:
        conn = stomp_socket.connect(broker.url, receipt_timeout=60)
        calls: list[tuple[Callable[[], None], float]] = [
            (lambda: send(conn, False), 0.0002),
            (lambda: send(conn, True), 0.001),
            (lambda: pipeline(conn), 0.002),
            (lambda: transaction(conn), 0.002),
        ]
        while striker.struck < wanted:
            try:
                striker.call(*chosen.choice(calls))
            except _REPLACED:
                replaced += 1
        send(conn, True)
        connections = conn.session.connection_number
        assert conn.close() is True
        bodies = Counter(body.decode() for body in broker.messages("/queue/a"))
        duplicates = sum(count - 1 for count in bodies.values())
        lost = [body for body in returned if body not in bodies]
        details += [
            f"{len(returned)} messages whose call returned", f"{duplicates} duplicates", f"{len(lost)} lost",
            f"{connections} connections", f"{replaced} other calls failed with a replaced connection",
        ]  # fmt: skip
    assert (duplicates, lost) == (0, [])


def test_interrupted_receivers_lose_nothing_and_get_nothing_twice() -> None:
    wanted = INTERRUPTIONS * 3 // 10
    taken: set[str] = set()
    acknowledged: list[str] = []
    replaced = 0
    sent = 0
    with Broker() as broker, Striker(2) as striker, reported("receivers", striker) as details:
        conn = stomp_socket.connect(broker.url, receipt_timeout=60)
        messages = conn.subscribe("/queue/a", ack="client-individual")

        def receive() -> None:
            message = messages.receive(timeout=60)
            taken.add(message.text)
            assert message.text not in acknowledged[-1000:]
            message.ack(receipt=True)
            acknowledged.append(message.text)

        while striker.struck < wanted:
            if not broker.messages("/queue/a") and not conn.session.buffered_size:
                for _ in range(20):
                    broker.send("/queue/a", str(sent))
                    sent += 1
            try:
                striker.call(receive, 0.002)
            except _REPLACED:
                replaced += 1
        connections = conn.session.connection_number
        conn.close()
        broker.wait_until(lambda _: not broker.unacknowledged("/queue/a"), timeout=60)
        left = [body.decode() for body in broker.messages("/queue/a")]
        lost = set(map(str, range(sent))) - taken - set(left)
        again = Counter(acknowledged)
        duplicates = sum(count - 1 for count in again.values()) + len(set(acknowledged) & set(left))
        details += [
            f"{sent} messages", f"{len(acknowledged)} acknowledged", f"{duplicates} delivered again after that",
            f"{len(lost)} lost", f"{connections} connections", f"{replaced} ACKs on a replaced connection",
        ]  # fmt: skip
    assert (duplicates, lost) == (0, set())


def _receive(messages: stomp_socket.Subscription, outcome: list[BaseException]) -> None:
    try:
        messages.receive()
    except BaseException as error:
        outcome.append(error)


def test_interrupted_close_leaves_nobody_waiting() -> None:
    wanted = INTERRUPTIONS // 10
    closed = 0
    with Broker() as broker, Striker(3) as striker, reported("close", striker) as details:
        while striker.struck < wanted:
            conn = stomp_socket.connect(broker.url)
            messages = conn.subscribe("/queue/a")
            outcome: list[BaseException] = []

            waiting = threading.Thread(target=_receive, args=(messages, outcome), daemon=True)
            waiting.start()
            striker.call(conn.close, 0.002)
            conn.close()
            waiting.join(_PROGRESS_TIMEOUT)
            assert [type(error) for error in outcome] == [SessionClosed]
            closed += 1
        broker.wait_until(lambda _: not broker.connections, timeout=60)
        left = [thread for thread in threading.enumerate() if thread.name == "stomp_socket"]
        details += [f"{closed} connections closed", f"{len(left)} threads left"]
    assert not left


def _close(conn: stomp_socket.Connection, outcomes: list[bool], number: int, frame: object) -> None:
    outcomes.append(conn.close())


def test_a_handler_that_closes_while_the_main_thread_iterates() -> None:
    rounds = max(1, INTERRUPTIONS // 100)
    chosen = random.Random(4)
    outcomes: list[bool] = []
    with Broker() as broker:
        before = signal.getsignal(signal.SIGALRM)
        try:
            for _ in range(rounds):
                conn = stomp_socket.connect(broker.url)
                messages = conn.subscribe("/queue/a")
                signal.signal(signal.SIGALRM, partial(_close, conn, outcomes))
                signal.setitimer(signal.ITIMER_REAL, chosen.uniform(0.0001, 0.01))
                for _ in messages:
                    pass
                assert conn.closed
                conn.close()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        broker.wait_until(lambda _: not broker.connections, timeout=60)
    print(f"\nclose() by a handler while iterating: {len(outcomes)} of {rounds}, 0 hangs")
    assert len(outcomes) == rounds


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork() on this platform")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_forks_hang_nowhere_and_leave_the_parent_unharmed() -> None:
    failed: Counter[int] = Counter()
    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        messages = conn.subscribe("/queue/a", ack="client-individual")
        stop = threading.Event()
        sent: list[int] = []
        received: list[str] = []

        def send() -> None:
            while not stop.is_set():
                conn.send("/queue/a", str(len(sent)), receipt=True)
                sent.append(len(sent))

        def receive() -> None:
            for message in messages:
                received.append(message.text)
                message.ack()
                if message.text == "last":
                    return

        threads = [threading.Thread(target=target, daemon=True) for target in (send, receive)]
        for thread in threads:
            thread.start()
        for _ in range(FORKS):
            child = os.fork()
            if child == 0:
                code = 99
                try:
                    code = use_in_child(conn, messages)
                finally:
                    os._exit(code)
            deadline = time.monotonic() + _PROGRESS_TIMEOUT
            while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
                time.sleep(0.001)
            if ended[0] == 0:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                failed[-1] += 1
            elif code := os.waitstatus_to_exitcode(ended[1]):
                failed[code] += 1
        stop.set()
        threads[0].join(_PROGRESS_TIMEOUT)
        conn.send("/queue/a", "last", receipt=True)
        threads[1].join(_PROGRESS_TIMEOUT)
        hangs = [thread for thread in threads if thread.is_alive()]
        assert received == [*map(str, sent), "last"]
        assert conn.session.connection_number == 1
    print(
        f"\nforks: {FORKS}, {failed.total()} children failed or hung, {len(sent)} messages of the parent meanwhile, "
        "each confirmed and received once"
    )
    assert not failed
    assert not hangs


def use_in_child(conn: stomp_socket.Connection, messages: stomp_socket.Subscription) -> int:
    """Return 0 if every call is refused in the child, otherwise the number of the one that is not."""
    calls: list[Callable[[], object]] = [
        lambda: conn.send("/queue/a", "of a child"),
        lambda: conn.send("/queue/a", "of a child", receipt=True),
        lambda: messages.receive(timeout=1),
        lambda: conn.subscribe("/queue/b"),
        lambda: conn.begin(),
        lambda: messages.unsubscribe(),
        lambda: messages.stop(),
    ]
    for position, call in enumerate(calls, start=1):
        try:
            call()
        except RuntimeError as error:
            if "fork" not in str(error):
                return 20 + position
        else:
            return position
    return 0 if conn.close() is False else 50
