"""The engine: one thread that dials, reads, writes and waits for a session, and how other threads hand it work.

One lock guards the session and the socket. It is held for moments only: the socket never blocks, and whoever waits does
so outside of it. A caller writes its own frame, if the socket takes it; the thread is woken only for the rest.
"""

from __future__ import annotations

import atexit
import os
import selectors
import socket
import ssl
import threading
from collections.abc import Callable
from threading import get_ident
from time import monotonic, sleep
from typing import TypeVar
from weakref import WeakSet

from stomp_core.session import Attempt, Pending, Session

from .dialling import Dial, GivenUp, dial

__all__ = ["Engine"]

T = TypeVar("T")
_READ_SIZE = 64 * 1024
_MOST_READS = 8  # before writing, and letting others in, is due again
_LAST_WORDS = 5.0  # seconds that a program which ends waits for the socket to take what was sent
_JOIN = 5.0  # seconds that close() waits for the thread to end
# Of one socket and a bell: poll() has no limit to a descriptor's number, and epoll would cost calls to set up.
_Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)
_NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Engine:
    """Drives one session in a thread of its own.

    Args:
        make_session: makes the session, given what to call to wake the engine.
        context: for TLS; by default one that verifies the server.
        dial: makes the socket of an attempt.
    """

    def __init__(
        self,
        make_session: Callable[[Callable[[], None]], Session],
        context: ssl.SSLContext | None,
        *,
        dial: Dial = dial,
    ) -> None:
        self.lock = threading.RLock()
        self.session = make_session(self._attend)
        self._context = context
        self._dial = dial
        self._attention = False  # the session has something for the thread
        self._asleep_until: float | None = None
        self._asleep = False
        self._awaits_room = False  # asleep until the socket takes more, among other things
        self._reading = True
        self._socket: socket.socket | None = None
        self._unsent: bytes | memoryview = b""
        self._write_error: OSError | None = None
        self._bell, self._ring = socket.socketpair()
        self._bell.setblocking(False)
        self._ring.setblocking(False)
        self._selector = _Selector()
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._watched: tuple[socket.socket | None, int] = (None, 0)
        self._thread = threading.Thread(target=self._run, name="stomp_socket", daemon=True)

    def start(self) -> None:
        """Begin to dial."""
        _running.add(self)
        self._thread.start()

    @property
    def present_socket(self) -> socket.socket | None:
        """The socket of the present connection; ``None`` while there is none. It is the engine's to use."""
        return self._socket

    # ------------------------------------------------------------------ for other threads

    def perform(self, operation: Callable[[], Pending[T]]) -> Pending[T]:
        """Call an operation of the session, and write what it said."""
        with self.lock:
            now = monotonic()
            self.session.tick(now)
            pending = operation()
            self.session.tick(now)
            self.attend()
            return pending

    def attend(self) -> None:
        """With the lock held: do what the session asked for, or wake the thread for it."""
        if not self._attention:
            return
        self._attention = False
        if get_ident() == self._thread.ident:
            return
        # What waits to be written already, the thread writes, and this behind it.
        if self._socket is not None and not self._unsent:
            self._write()
        if not self._asleep:
            self._attention = True  # it may have looked already, and be about to fall asleep
        elif self._thread_is_needed():
            self._asleep = False
            try:
                self._ring.send(b"\0")
            except OSError:
                pass  # full: it is awake; closed: it has ended

    def wait(self, pending: Pending[T], timeout: float | None = None) -> T:
        """Wait for an outcome, and return it or raise it.

        The session's deadlines are kept here too, should the thread be held up (by a resolver, say).

        Raises:
            TimeoutError: ``timeout`` seconds have passed. The operation goes on.
            RuntimeError: called from a listener, which must not wait.
        """
        if pending.done:
            return pending.result()
        if get_ident() == self._thread.ident:
            raise RuntimeError("a listener must not wait for the connection that calls it")
        done = threading.Lock()
        done.acquire()
        with self.lock:
            pending.add_done_callback(done.release)
        give_up = None if timeout is None else monotonic() + timeout
        try:
            while not done.acquire(timeout=self._patience(give_up)):
                if give_up is not None and monotonic() >= give_up:
                    break
                with self.lock:
                    self.session.handle_timeout(monotonic())
                    self.attend()
        except BaseException:
            with self.lock:
                pending.remove_done_callback(done.release)
                pending.abandon()
                self.attend()
            raise
        with self.lock:
            pending.remove_done_callback(done.release)
            if timeout is not None and not pending.done:
                raise TimeoutError(f"{pending.what}: nothing within {timeout:g} s")
        return pending.result()

    def join(self) -> None:
        """Wait until the thread has ended, for a moment at most: the session is closed, so it is about to."""
        if get_ident() != self._thread.ident:
            self._thread.join(_JOIN)

    def _patience(self, give_up: float | None) -> float:
        with self.lock:
            deadline = self.session.next_deadline()
        # A little later than the thread, which is there to keep deadlines.
        patience = 60.0 if deadline is None else min(60.0, max(0.0, deadline - monotonic()) + 0.05)
        return patience if give_up is None else max(0.0, min(patience, give_up - monotonic()))

    def write_the_rest(self) -> None:
        """The program ends: nobody says goodbye, but what was sent should leave."""
        give_up = monotonic() + _LAST_WORDS
        while monotonic() < give_up:
            with self.lock:
                self._write()
                if self._socket is None or self._write_error is not None:
                    return
                if not self._unsent and not self.session.size_to_send:
                    return
            sleep(0.005)

    def _attend(self) -> None:
        self._attention = True

    def _thread_is_needed(self) -> bool:
        session = self.session
        if (self._unsent or session.size_to_send) and not self._awaits_room:
            return True
        if session.want_close or session.closed or self._write_error is not None:
            return True
        if session.want_read is not self._reading:
            return True
        deadline = session.next_deadline()
        return deadline is not None and (self._asleep_until is None or deadline < self._asleep_until)

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        session = self.session
        try:
            while True:
                with self.lock:
                    attempt = session.next_attempt(monotonic())
                if attempt is None:
                    return
                if attempt.at > monotonic():
                    self._wait_for(None, False, False, attempt.at)
                    with self.lock:
                        session.handle_timeout(monotonic())
                    continue
                self._connect_and_serve(attempt)
        finally:
            self._selector.close()
            with self.lock:
                self._bell.close()
                self._ring.close()

    def _connect_and_serve(self, attempt: Attempt) -> None:
        session = self.session
        try:
            sock = self._dial(attempt.endpoint, attempt.timeout, self._context, self._wait_while_wanted)
        except (OSError, ssl.CertificateError, GivenUp) as error:
            with self.lock:
                session.connection_lost(error, monotonic())
            return
        reason: OSError | None = None
        try:
            with self.lock:
                self._socket = sock
                self._unsent = b""
                self._write_error = None
                session.connection_made(monotonic())
            reason = self._serve(sock)
        finally:
            with self.lock:
                self._socket = None
                self._watch(None, 0)
                sock.close()
                session.connection_lost(reason, monotonic())

    def _serve(self, sock: socket.socket) -> OSError | None:
        session = self.session
        while True:
            with self.lock:
                session.handle_timeout(monotonic())
                self._write()
                if session.want_close:
                    return None
                if self._write_error is not None:
                    # The peer is gone, but what it said last may still be there to be read.
                    return self._read(sock, 1_000_000) or self._write_error
                self._reading = session.want_read
                writing = bool(self._unsent)
                deadline = session.next_deadline()
                self._attention = False
                at_once = self._reading and isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
            if at_once or self._wait_for(sock, self._reading, writing, deadline):
                with self.lock:
                    if self._reading:
                        error = self._read(sock, _MOST_READS)
                        if error is not None:
                            return error

    def _read(self, sock: socket.socket, most: int) -> OSError | None:
        """With the lock held: read what is there."""
        session = self.session
        for _ in range(most):
            if session.want_close or not session.want_read:
                return None
            try:
                data = sock.recv(_READ_SIZE)
            except _NOT_NOW:
                return None
            except OSError as error:
                return error
            session.receive_data(data, monotonic())
            if len(data) < _READ_SIZE and not isinstance(sock, ssl.SSLSocket):
                return None
        return None

    def _write(self) -> None:
        """With the lock held: write as much as the socket takes. What it does not take stays first in line."""
        sock = self._socket
        if sock is None or self._write_error is not None:
            return
        session = self.session
        try:
            while self._unsent or session.size_to_send:
                if not self._unsent:
                    self._unsent = session.data_to_send()
                taken = sock.send(self._unsent) if self._unsent else 0
                self._unsent = b"" if taken == len(self._unsent) else memoryview(self._unsent)[taken:]
        except _NOT_NOW:
            return
        except OSError as error:
            self._write_error = error
            self._attention = True

    def _wait_while_wanted(
        self, sock: socket.socket | None, read: bool, write: bool, deadline: float | None
    ) -> bool:
        """Wait for a socket that is being dialled. A wake-up that does not end the session changes nothing."""
        while True:
            with self.lock:
                if self.session.closed:
                    raise GivenUp("the session was closed")
            if self._wait_for(sock, read, write, deadline):
                return True
            with self.lock:
                self.session.handle_timeout(monotonic())
            if deadline is not None and monotonic() >= deadline:
                return False

    def _watch(self, sock: socket.socket | None, events: int) -> None:
        """Let the selector watch this socket for these events, and no other one."""
        if self._watched == (sock, events):
            return
        if self._watched[0] is not None:
            self._selector.unregister(self._watched[0])
        if not events:
            sock = None
        if sock is not None:
            self._selector.register(sock, events)
        self._watched = (sock, events)

    def _wait_for(self, sock: socket.socket | None, read: bool, write: bool, deadline: float | None) -> bool:
        """Wait until the socket is ready, somebody rings, or the deadline comes. True: the socket is ready."""
        with self.lock:
            if self._attention:
                # Something was asked for since the thread looked.
                self._attention = False
                return False
            own = self.session.next_deadline()
            if own is not None and (deadline is None or own < deadline):
                deadline = own
            self._asleep_until = deadline
            self._awaits_room = write
            self._asleep = True
        events = (selectors.EVENT_READ if read else 0) | (selectors.EVENT_WRITE if write else 0)
        self._watch(sock, events)
        timeout = None if deadline is None else max(0.0, deadline - monotonic())
        ready = [key.fileobj for key, _ in self._selector.select(timeout)]
        self._asleep = False
        if self._bell in ready:
            try:
                while self._bell.recv(4096):
                    pass
            except BlockingIOError:
                pass
        return sock is not None and sock in ready


_running: WeakSet[Engine] = WeakSet()
if hasattr(os, "register_at_fork"):
    # A child has the parent's sockets, and must not write the parent's last words.
    os.register_at_fork(after_in_child=_running.clear)


@atexit.register
def _write_the_rest() -> None:
    for engine in list(_running):
        engine.write_the_rest()
