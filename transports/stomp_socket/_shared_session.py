"""SharedSession: one session used by many threads. The invariants are stated at the top of ``_engine.py``."""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from threading import get_ident
from time import monotonic
from typing import Any, Generic, TypeVar

from stomp_core.adapter import BlockingMessage, MessageSource, WaitTimeout
from stomp_core.session import (
    Config,
    Delivery,
    HandlerRunner,
    Pending,
    Pipeline,
    Session,
    Subscription,
    Transaction,
)

from ._stream import Stream, is_not_now
from ._waker import Waker, wait_writable

__all__ = ["READ_SIZE", "SharedSession"]

T = TypeVar("T")

#: Bytes of one read, and from which on a pipeline's frames do not wait for the next RECEIPT. More than a TLS record
#: has: nothing stays in the TLS layer, where no poll() sees it.
READ_SIZE = 64 * 1024

#: What callers perform themselves: all that is done for each message, and changes no more than the send queue and the
#: counters of the connection. Everything else is performed by the thread, where no signal handler can raise in the
#: middle: indexes of several parts must agree after it, or others wait for what it settles.
_PERFORMED_BY_CALLERS = frozenset(
    {
        Session.send,
        Session.ack,
        Session.nack,
        Session.send_frame,
        Session.send_heart_beat,
        Transaction.send,
        Transaction.ack,
        Transaction.nack,
        Pipeline.send,
        HandlerRunner.returned,
    }
)
#: What a signal handler may call in the middle of a call of this connection. It returns before it is performed.
_PERFORMED_LATER = (_PERFORMED_BY_CALLERS - {Pipeline.send}) | {
    Session.close,
    Session.unsubscribe,
    Subscription.unsubscribe,
}


class _Request(Generic[T]):
    """An operation that a caller leaves to the thread.

    Attributes:
        perform: calls the operation with ``now``.
        done: released when its outcome is known.
        pending: its outcome; ``None`` before it was performed.
        error: what it raised.
        cancelled: whether its caller no longer waits.
        left: whether nobody has ever waited for it.
    """

    __slots__ = ("cancelled", "done", "error", "left", "pending", "perform")

    def __init__(self, perform: Callable[[float], Any], *, left: bool = False) -> None:
        self.perform = perform
        self.left = left
        self.done = _held_lock()
        self.pending: Pending[T] | None = None
        self.error: Exception | None = None
        self.cancelled = False


class _Inside(threading.local):
    """Whether the present thread is inside of the section, or about to enter it."""

    value = False


class SharedSession:
    """A session with its lock, its socket's sending side, and the requests of callers for the thread.

    Args:
        config: the options of the session.
        make_delivery: see :class:`Session`; must not hold the engine.
        tap, log: see :class:`Session`.

    Attributes:
        session: see above.
        lock: guards everything here.
        socket: of the present connection, or what serves as one.
        broken: why nothing more is written on the present connection.
        interrupted: whether that is because an operation was interrupted half-way.
        asleep: whether the thread sleeps, or is about to.
        until: for how long it sleeps, as it has decided under the lock.
        reading: whether it reads.
        writing: whether it waits for room in the socket.
        thread_id: of the thread, while it runs.
        asking_id: of the thread that asks the program for the passcode and the like, while it does.
        in_listener: whether the thread is calling a listener.
        ended: whether the thread has ended.
        foreign: whether the present process is a fork of the one that made it.
        notifications: of the listener, for the thread to deliver.
        waker: the thread's sleep.
    """

    def __init__(
        self, config: Config, make_delivery: Callable[..., Delivery], *, tap: bool, log: bool = True
    ) -> None:
        from random import Random

        self.notifications: deque[Callable[[], None]] = deque()
        self.session = Session(
            config,
            make_delivery=make_delivery,
            run_listener=self.notifications.append,
            tap=tap,
            rng=Random(),
            log=log,
        )
        self.lock = threading.Lock()
        self.waker = Waker()
        self.socket: Stream | None = None
        self.broken: Exception | None = None
        self.interrupted = False
        self.asleep = False
        self.until: float | None = None
        self.reading = True
        self.writing = False
        self.thread_id = 0
        self.asking_id = 0
        self.in_listener = False
        self.ended = False
        self.foreign = False
        self._process = os.getpid()
        self._requests: deque[_Request[Any]] = deque()
        self._inside = _Inside()
        self._writing_tls = False

    # ------------------------------------------------------------------ for callers

    def call(
        self,
        delayed: bool,
        operation: Callable[..., Pending[T]],
        subject: object,
        /,
        *args: Any,
        **kwargs: Any,
    ) -> T:
        """Call ``operation(subject, now, *args, **kwargs)``, write what it has sent, and wait for its outcome.

        Args:
            delayed: what it has sent may wait for the next RECEIPT (see :meth:`.Session.may_delay_writing`).
            operation: of the session, or of a handle.
            subject: the session, or the handle.
            args: see above.
            kwargs: see above.
        """
        inside = self._inside
        if (
            # While a listener runs the thread performs nothing; then it is better to wait for the lock.
            (self.lock.locked() and not self.in_listener)
            or inside.value
            or operation not in _PERFORMED_BY_CALLERS
            or get_ident() == self.thread_id
        ):
            if inside.value and (
                operation not in _PERFORMED_LATER
                or (operation in _PERFORMED_BY_CALLERS and kwargs.get("receipt"))
            ):
                self._check_may_wait()
            return self._call_by_thread(lambda now: operation(subject, now, *args, **kwargs))
        session = self.session
        pending = None
        inside.value = True
        try:
            with self.lock:
                if self.foreign or self._writing_tls or session.changing:
                    self._check()
                pending = operation(subject, monotonic(), *args, **kwargs)
                done = None if pending.done else _when_done(pending)
                left = session.size_to_send > 0
                if left and not (delayed and done is None and session.may_delay_writing(READ_SIZE)):
                    left = not self.write()
                # Nearly always the thread reads, all is written, and the new deadline comes later than the one that it
                # sleeps until: then it is asked no further.
                if self.asleep and (
                    left
                    or not self.reading
                    or self.broken is not None
                    or self.notifications
                    or (done is not None and not self._sleeps_no_longer_than(pending.deadline))
                ):
                    self._wake_thread_if_needed(done is not None)
        except BaseException:
            if pending is not None:
                self._cancel(pending)
            self.waker.wake()  # the thread looks whether something was interrupted, and writes what is there
            raise
        finally:
            inside.value = False
        return pending.result() if done is None else self._wait(pending, done, None)

    def run(self, function: Callable[[float], T]) -> T:
        """Call ``function(now)`` in the thread, and return its value; write what it has sent.

        In a listener, and in a signal handler or finalizer that interrupts a call of this connection, it returns
        ``None`` at once.
        """
        if get_ident() == self.thread_id:
            self._check_process()
            self._leave(function)
            return None  # type: ignore[return-value]
        return self._call_by_thread(lambda now: Pending.completed("run", function(now)))

    def wait(self, pending: Pending[T], timeout: float | None = None) -> T:
        """Wait for an outcome, and return it or raise it.

        Raises:
            WaitTimeout: it is not known after ``timeout`` seconds. The Pending is cancelled.
            RuntimeError: called by a listener, or by a signal handler that interrupts a call of this connection.
        """
        if pending.done:
            return pending.result()
        self._check_may_wait()
        return self._wait(pending, self.run(lambda now: _when_done(pending)), timeout)

    def take(self, source: MessageSource, timeout: float | None = None) -> BlockingMessage | None:
        """Wait for the next message, and return it; ``None`` when its source has ended.

        An exception of a signal handler loses no message: until this method returns, it puts the message back.

        Raises:
            WaitTimeout: there is none after ``timeout`` seconds.
            RuntimeError: called by a listener, or by a signal handler that interrupts a call of this connection.
        """
        inside, session = self._inside, self.session
        if self.foreign or self.asking_id or inside.value or get_ident() == self.thread_id:
            self._check_may_wait()
        deadline = None if timeout is None else monotonic() + timeout
        while True:
            message: Any = None
            entry: Any = None
            waiting: tuple[Pending[None], threading.Lock] | None = None
            inside.value = True
            try:
                with self.lock:
                    if self.foreign or self._writing_tls or session.changing:
                        self._check()
                    if self.ended:
                        self._perform_after_the_end()
                    entry = source.first()
                    try:
                        message = source.take()
                    except BaseException:
                        if entry is not None:
                            source.put_back(entry)
                        raise
                    if message is None and not source.ended:
                        ready = source.ready()
                        waiting = ready, _when_done(ready)
                    # To take from a subscription can do no more than make room, so that the thread may read again.
                    if self.asleep and (
                        not self.reading or self.broken is not None or type(source) is not Subscription
                    ):
                        self._wake_thread_if_needed(False)
            except BaseException:
                if message is not None:
                    self._leave(partial(_put_back, source, entry))
                self.waker.wake()
                raise
            finally:
                inside.value = False
            if waiting is None:
                return message  # type: ignore[no-any-return]  # no call from here on: it could be interrupted
            self._wait(*waiting, None if deadline is None else max(0.0, deadline - monotonic()))

    # ------------------------------------------------------------------ waiting

    def _call_by_thread(self, perform: Callable[[float], Pending[T]]) -> T:
        """Leave an operation to the thread, and wait for its outcome where that is possible."""
        self._check_process()
        if self._inside.value:
            # A signal handler or a finalizer interrupts a call of this connection in its own thread: to wait for the
            # lock, or for the thread, would be to wait for ourselves.
            self._leave(perform)
            return None  # type: ignore[return-value]
        if get_ident() == self.thread_id:
            raise RuntimeError(
                "a listener must not call an operation of its connection: hand it over to another thread"
            )
        self._check_not_asking()
        request: _Request[T] = _Request(perform)
        try:
            self._requests.append(request)
            if self.asleep:
                self.waker.wake()
            if self.ended:
                self._inside.value = True
                try:
                    with self.lock:
                        self._perform_after_the_end()
                finally:
                    self._inside.value = False
            request.done.acquire()
            if request.error is not None:
                raise request.error.with_traceback(None)
            assert request.pending is not None
            return request.pending.result()
        except BaseException:
            request.cancelled = True
            if request.pending is not None and request.pending.exception() is None:
                self._cancel(request.pending)  # interrupted: nobody gets the subscription, for instance
            raise

    def _wait(self, pending: Pending[T], done: threading.Lock, timeout: float | None) -> T:
        try:
            self._check_not_asking()
            in_time = done.acquire(timeout=-1.0 if timeout is None else min(timeout, threading.TIMEOUT_MAX))
        except BaseException:
            self._cancel(pending, done)
            raise
        if not in_time and not pending.done:
            self._cancel(pending, done)
            raise WaitTimeout(f"{pending.what}: not done within {timeout:g} s")
        return pending.result()

    def _cancel(self, pending: Pending[Any], done: threading.Lock | None = None) -> None:
        """Have the thread cancel what a caller no longer waits for."""

        def cancel(now: float) -> None:
            pending.cancel(now)
            if done is not None:
                pending.remove_done_callback(done.release)

        self._leave(cancel)

    def _leave(self, perform: Callable[[float], Any]) -> None:
        """Leave something to the thread, and do not wait. May be called anywhere, also with the lock held."""
        self._requests.append(_Request(perform, left=True))
        self.waker.wake()

    def _check_may_wait(self) -> None:
        self._check_process()
        if self._inside.value:
            raise RuntimeError(
                "a signal handler or finalizer that interrupts a call of this connection must not wait for it"
            )
        if get_ident() == self.thread_id:
            raise RuntimeError("a listener must not wait for its connection: hand it over to another thread")
        self._check_not_asking()

    def _check_not_asking(self) -> None:
        if self.asking_id and get_ident() == self.asking_id:
            raise RuntimeError(
                "login, passcode and headers, if they are functions, must not use their connection: it waits for them"
            )

    def _check_process(self) -> None:
        if self.foreign:
            raise RuntimeError(
                f"this connection belongs to process {self._process}, and this is its fork {os.getpid()}: "
                "connect in the new process"
            )

    # ------------------------------------------------------------------ with the lock held

    def _check(self) -> None:
        self._check_process()
        self.replace_if_interrupted()

    def replace_if_interrupted(self) -> None:
        """If an operation was interrupted half-way, write nothing more: the thread replaces the connection."""
        if not self.session.changing and not self._writing_tls:
            return
        self.session.clear_interruption()
        self._writing_tls = False
        if self.socket is not None and self.broken is None:
            self.interrupted = True
            self.broken = ConnectionAbortedError(
                "an operation was interrupted half-way by an exception, probably of a signal handler"
            )

    def write(self) -> bool:
        """Write as much as the socket takes; return whether that was everything."""
        sock = self.socket
        if sock is None or self.broken is not None:
            return False
        # TLS, and a stream of the program's own, send by Python code: an exception of a signal handler may come between
        # the kernel and the note of what it took.
        self._writing_tls = type(sock) is not socket.socket
        written = False
        try:
            self.session.write_with(sock.send)
            written = True
        except OSError as error:
            if _is_of_a_handler(error):
                raise
            if not is_not_now(error):
                self.broken = error
        self._writing_tls = False
        return written

    def _sleeps_no_longer_than(self, deadline: float | None) -> bool:
        """Whether the thread wakes until a deadline by itself. That of a Pending which has none is another one's."""
        until = self.until
        return until is not None and deadline is not None and until <= deadline

    def _wake_thread_if_needed(self, new_deadline: bool) -> None:
        """Wake the thread if it would sleep too long.

        Args:
            new_deadline: whether there may be an earlier deadline than before.
        """
        session = self.session
        if not (
            self.broken is not None
            or self.notifications
            or session.needs_turn(reading=self.reading, writing=self.writing)
        ):
            if not new_deadline:
                return
            deadline = session.next_deadline()
            if deadline is None or (self.until is not None and self.until <= deadline):
                return
        self.asleep = False
        self.waker.wake()

    # ------------------------------------------------------------------ for the thread

    def enter_thread(self) -> None:
        """Note that the present thread is the thread of the connection: what it interrupts in itself must not wait."""
        self.thread_id = get_ident()
        self._inside.value = True

    @property
    def has_requests(self) -> bool:
        """Whether callers have left something to the thread."""
        return bool(self._requests)

    def perform_requests(self) -> None:
        """Perform what callers have left to the thread, and write it with one call."""
        finished = []
        while self._requests:
            request = self._requests.popleft()
            if self._perform(request):
                finished.append(request.done)
        if finished:
            self.write()  # a send() that returns was handed to the kernel
            for done in finished:
                done.release()

    def _perform_after_the_end(self) -> None:
        """Perform the requests in a caller's thread: there is no other any more.

        Every operation is refused now, so it does no harm to perform one again whose caller was interrupted by an
        exception: it is removed only afterwards, so that nobody waits for one that is lost.
        """
        while self._requests:
            request = self._requests[0]
            if self._perform(request) and request.done.locked():
                request.done.release()
            self._requests.popleft()

    def _perform(self, request: _Request[Any]) -> bool:
        """Perform a request; return whether its outcome is known."""
        if request.cancelled:
            return False
        try:
            outcome = request.perform(monotonic())
        except Exception as error:
            request.error = error
            if request.left:
                import logging

                logging.getLogger("stomp_core").warning(
                    "what a signal handler or a finalizer has called failed: %s", error
                )
            return True
        if request.left:
            return False
        request.pending = pending = outcome
        if request.cancelled:
            # The caller may have looked for the Pending too early.
            pending.cancel(monotonic())  # type: ignore[unreachable]  # another thread sets it
        if pending.done:
            return True
        pending.add_done_callback(request.done.release)
        return False

    def call_listeners(self) -> None:
        """Deliver the notifications, in the thread and without the lock."""
        while self.notifications:
            self.in_listener, self._inside.value = True, False
            try:
                self.notifications.popleft()()
            finally:
                self.in_listener, self._inside.value = False, True

    # ------------------------------------------------------------------ for the lifetime

    @property
    def may_wait(self) -> bool:
        """Whether the present thread may wait for the thread of the connection."""
        return not (self._inside.value or self.foreign or get_ident() == self.thread_id)

    def flush(self, deadline: float) -> None:
        """Wait until the socket has taken everything that was sent, until ``deadline`` at most."""
        while monotonic() < deadline:
            with self.lock:
                self.write()
                sock = self.socket
                if sock is None or self.broken is not None or not self.session.size_to_send:
                    return
                number = sock.fileno()
            wait_writable(number, deadline - monotonic())

    def disown(self) -> None:
        """Make it unusable: this process is a fork of the one that made it."""
        self.foreign = True
        self.broken = ConnectionAbortedError("the connection belongs to another process")
        self.lock = threading.Lock()  # the old one may be held by a thread that exists in the parent only
        self._inside = _Inside()

    def drop(self) -> None:
        """Close the descriptors, and write nothing."""
        sock, self.socket = self.socket, None
        if sock is not None:
            sock.close()
        self.waker.close()


def _put_back(source: MessageSource, entry: object, now: float) -> None:
    source.put_back(entry)


def _held_lock() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


def _when_done(pending: Pending[Any]) -> threading.Lock:
    """Return a lock that is released when the outcome is known. A caller sleeps on it, and nobody else does."""
    lock = _held_lock()
    pending.add_done_callback(lock.release)
    return lock


def _is_of_a_handler(error: OSError) -> bool:
    """Whether a signal handler has raised it (an alarm's TimeoutError is an OSError), and not the socket.

    What the socket raises comes from code of the core or of the module ssl; a handler has a frame of its own.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = "" if trace is None else str(trace.tb_frame.f_globals.get("__name__", ""))
    return not (name == "ssl" or name.startswith(("stomp_core.", "stomp_socket.")))
