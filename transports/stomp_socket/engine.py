"""The engine: one thread that dials, reads, writes and waits for a session, and how other threads hand it work.

One lock guards the session and the socket. It is held for moments only: the socket never blocks, and whoever waits does
so outside of it. A caller writes its own frame, if the socket takes it; what follows at once is held back for a moment,
to leave with one call. A caller who waits alone reads, too, in the thread's place: between the bytes and the one who
waits for them no thread has to wake another one. The thread keeps the deadlines, writes what callers leave, and reads
when none of them has done so for a moment.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from threading import get_ident
from time import monotonic, sleep
from typing import TypeVar, TypeVarTuple

from stomp_core.session import Attempt, Pending, Session

from .dialling import Dial, GivenUp, dial
from .flow import Flow
from .last_words import heed
from .watching import Watcher

__all__ = ["Engine"]

T = TypeVar("T")
Args = TypeVarTuple("Args")
_PIECE = 64 * 1024  # more than a TLS record has: none of it stays in the TLS layer, where no select() sees it
_MOST_READS = 8  # before writing, and letting others in, is due again
_LAST_WORDS = 5.0  # seconds that a program which ends waits for the socket to take what was sent
_JOIN = 5.0  # seconds that close() waits for the thread to end
_A_MOMENT = 0.002  # seconds in which a caller who has read may read on, and one who has said something go on
_LONG = 60.0  # seconds after which whoever waits looks around
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
        self._read_error: OSError | None = None  # of a caller: nothing is read or written after it
        self._watcher = Watcher()
        self._waiting = 0  # callers who wait and do not read
        self._reader: int | None = None  # the thread of a caller who reads
        self._readers_watcher: Watcher | None = None
        self._turns = 0  # how often a caller has begun to read
        self._turns_seen = 0
        self._flow = Flow()
        self._held_back = False  # something was, since the thread looked
        self._looks_again = False  # the thread does so in a moment, because of that
        self._relies_on_reader = False  # the thread does not look whether that caller still reads
        self._thread = threading.Thread(target=self._run, name="stomp_socket", daemon=True)

    def start(self) -> None:
        """Begin to dial."""
        heed(self)
        self._thread.start()

    @property
    def present_socket(self) -> socket.socket | None:
        """The socket of the present connection; ``None`` while there is none. It is the engine's to use."""
        return self._socket

    @property
    def _broken(self) -> bool:
        """Whether nothing more can be written on the present connection."""
        return self._write_error is not None or self._read_error is not None

    # ------------------------------------------------------------------ for other threads

    def perform(self, operation: Callable[[*Args], Pending[T]], *args: *Args) -> Pending[T]:
        """Call an operation of the session, and write what it said."""
        with self.lock:
            try:
                session = self.session
                now = monotonic()
                session.tick(now)
                pending = operation(*args)
                if not pending.done or not self._hold_back(now):
                    session.tick(now)
                    self.attend()
                return pending
            except Exception:
                raise
            except BaseException as interruption:
                self._interrupted(interruption)
                raise

    def _hold_back(self, now: float) -> bool:
        """With the lock held: let what a caller has said wait for what he says next, if he goes on like this.

        To write a small frame costs more than to make it. A caller who waits for something writes what was held back
        before he does; what he leaves, the thread writes a moment later.
        """
        session = self.session
        goes_on = self._flow.goes_on(now, session.receipts_awaited > 0)
        if self._awaits_room and self._asleep and session.want_read is self._reading:
            self._attention = False  # the socket takes no more; when it does, the thread writes
            return True
        if not goes_on or session.size_to_send > _PIECE or session.connected is None:
            return False
        self._held_back = True
        if self._looks_again:
            self._attention = False
        elif self._attention and self._asleep:
            self._attention = False
            self._wake()
        return True

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
            self._wake()

    def wait(self, pending: Pending[T], timeout: float | None = None) -> T:
        """Wait for an outcome, and return it or raise it.

        The session's deadlines are kept here too, should the thread be held up (by a resolver, say).

        Raises:
            TimeoutError: ``timeout`` seconds have passed. The operation goes on.
            RuntimeError: called from a listener, which must not wait.
        """
        if pending.done:
            return pending.result()
        if get_ident() == self._thread.ident or self.lock._is_owned():  # type: ignore[attr-defined]
            raise RuntimeError("a listener must not wait for the connection that calls it")
        give_up = None if timeout is None else monotonic() + timeout
        try:
            self._read_until(pending, give_up)
            if not pending.done:
                self._sleep_until(pending, give_up)
        except BaseException:
            with self.lock:
                pending.abandon()
                self.attend()
            raise
        with self.lock:
            if timeout is not None and not pending.done:
                raise TimeoutError(f"{pending.what}: nothing within {timeout:g} s")
        return pending.result()

    def _sleep_until(self, pending: Pending[T], give_up: float | None) -> None:
        done = threading.Lock()
        done.acquire()
        with self.lock:
            self._waiting += 1
            pending.add_done_callback(done.release)
        try:
            while not done.acquire(timeout=self._patience(give_up)):
                if give_up is not None and monotonic() >= give_up:
                    return
                with self.lock:
                    self.session.handle_timeout(monotonic())
                    self.attend()
        finally:
            with self.lock:
                self._waiting -= 1
                pending.remove_done_callback(done.release)

    def _read_until(self, pending: Pending[T], give_up: float | None) -> None:
        """Read in the thread's place until this is done, if nobody else waits. It may return before that."""
        with self.lock:
            sock = self._socket
            if self.session.size_to_send:
                self._attention = True
                self.attend()
            if pending.done or sock is None or self._reader is not None or self._waiting:
                return
            watcher = self._readers_watcher
            if watcher is None:
                watcher = self._readers_watcher = Watcher()
            self._reader = get_ident()
            self._turns += 1
            pending.add_done_callback(self._wake_reader)
        try:
            while self._read_on(pending, sock, watcher, give_up):
                pass
        finally:
            with self.lock:
                pending.remove_done_callback(self._wake_reader)
                self._reader = None
                if self._relies_on_reader or self._waiting:
                    self._wake()
                if self.session.closed:
                    self._drop_readers_watcher()

    def _read_on(
        self, pending: Pending[T], sock: socket.socket, watcher: Watcher, give_up: float | None
    ) -> bool:
        """Wait for bytes, and read them. False: that is for others to do, or there is no need to."""
        patience = _LONG if give_up is None else give_up - monotonic()
        if patience <= 0:
            return False
        ready = watcher.wait(sock, True, False, patience)
        with self.lock:
            if self._socket is not sock or self._read_error is not None:
                return False
            if ready and not pending.done and self.session.want_read:
                try:
                    self._read_error = self._read(sock, _MOST_READS)
                    self._attention = self._attention or self._read_error is not None
                    self.attend()
                except BaseException as interruption:
                    self._interrupted(interruption)
                    raise
            return not pending.done and self._read_error is None and self.session.want_read

    def _wake_reader(self) -> None:
        if self._reader is not None and self._reader != get_ident() and self._readers_watcher is not None:
            self._readers_watcher.ring()

    def _drop_readers_watcher(self) -> None:
        if self._reader is None and self._readers_watcher is not None:
            self._readers_watcher.close()
            self._readers_watcher = None

    def _interrupted(self, interruption: BaseException) -> None:
        """A signal's handler has raised in the midst of reading or writing: nobody knows how far that had come."""
        self._read_error = ConnectionAbortedError(f"interrupted by {interruption!r}")
        self._wake()

    def join(self) -> None:
        """Wait until the thread has ended, for a moment at most: the session is closed, so it is about to."""
        if get_ident() != self._thread.ident:
            self._thread.join(_JOIN)

    def _patience(self, give_up: float | None) -> float:
        with self.lock:
            deadline = self.session.next_deadline()
        # A little later than the thread, which is there to keep deadlines.
        patience = _LONG if deadline is None else min(_LONG, max(0.0, deadline - monotonic()) + 0.05)
        return patience if give_up is None else max(0.0, min(patience, give_up - monotonic()))

    def write(self) -> None:
        """Write what was held back."""
        with self.lock:
            self._write()

    def write_the_rest(self) -> None:
        """The program ends: nobody says goodbye, but what was sent should leave."""
        give_up = monotonic() + _LAST_WORDS
        while monotonic() < give_up:
            with self.lock:
                self._write()
                if self._socket is None or self._broken:
                    return
                if not self._unsent and not self.session.size_to_send:
                    return
            sleep(0.005)

    def _attend(self) -> None:
        self._attention = True

    def _wake(self) -> None:
        self._asleep = False
        self._watcher.ring()

    def _thread_is_needed(self) -> bool:
        session = self.session
        if (self._unsent or session.size_to_send) and not self._awaits_room:
            return True
        if session.want_close or session.closed or self._broken:
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
        except BaseException:
            # A mistake in this library, which threading reports: nobody may wait for a thread that is no more.
            with self.lock:
                session.close()
                session.connection_lost(None, monotonic())
            raise
        finally:
            with self.lock:
                self._watcher.close()
                self._drop_readers_watcher()

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
                self._write_error = self._read_error = None
                session.connection_made(monotonic())
            reason = self._serve(sock)
        finally:
            with self.lock:
                self._socket = None
                self._wake_reader()
                self._watcher.forget()
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
                if self._read_error is not None:
                    return self._read_error
                if self._write_error is not None:
                    # The peer is gone, but what it said last may still be there to be read.
                    return self._read(sock, 1_000_000) or self._write_error
                self._reading = session.want_read
                reading = self._reading and self._is_our_turn()
                writing = bool(self._unsent)
                deadline = session.next_deadline()
                self._looks_again, self._held_back = self._held_back, False
                if self._looks_again or (self._reading and not reading and not self._relies_on_reader):
                    moment = monotonic() + _A_MOMENT
                    deadline = moment if deadline is None else min(deadline, moment)
                self._attention = False
            if self._wait_for(sock, reading, writing, deadline) and reading:
                with self.lock:
                    if self._reader is None:
                        error = self._read(sock, _MOST_READS)
                        if error is not None:
                            return error

    def _is_our_turn(self) -> bool:
        """Whether the thread reads: no caller does, nor has since the thread last looked."""
        seen, self._turns_seen = self._turns_seen, self._turns
        # One who has read for longer than a moment says so when he stops.
        self._relies_on_reader = self._reader is not None and seen == self._turns
        return self._reader is None and (seen == self._turns or self._waiting > 0)

    def _read(self, sock: socket.socket, most: int) -> OSError | None:
        """With the lock held: read what is there."""
        session = self.session
        if self._read_error is not None:
            return self._read_error
        for _ in range(most):
            if session.want_close or not session.want_read:
                return None
            try:
                data = sock.recv(_PIECE)
            except _NOT_NOW:
                return None
            except OSError as error:
                return error
            self._flow.heard = True
            session.receive_data(data, monotonic())
            if len(data) < _PIECE and not isinstance(sock, ssl.SSLSocket):
                return None
        return None

    def _write(self) -> None:
        """With the lock held: write as much as the socket takes. What it does not take stays first in line."""
        sock = self._socket
        if sock is None or self._broken:
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
        timeout = None if deadline is None else max(0.0, deadline - monotonic())
        ready = self._watcher.wait(sock, read, write, timeout)
        self._asleep = False
        return ready
