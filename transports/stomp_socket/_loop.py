"""Loop: the one thread of a connection. It dials, reads, keeps deadlines, calls listeners, and writes what is left.

The invariants are stated at the top of ``_engine.py``.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic

from stomp_core.adapter import TransportOptions
from stomp_core.session import Attempt

from ._asking import Asker
from ._dial import DialCancelled, dial_stream
from ._shared_session import READ_SIZE, SharedSession
from ._stream import Stream, is_not_now

__all__ = ["Loop"]

_LINGER_TIMEOUT = 1.0  # seconds that the peer of an interrupted connection has to take what was written


class Loop:
    """Drives a shared session until it is closed.

    Args:
        shared: the session.
        options: how to connect to an endpoint.
        stream: a stream for the first attempt, which needs not be dialled then.

    Attributes:
        thread: runs it.
        unused: set it, and wake the thread, when nobody can use the connection any more.
    """

    def __init__(self, shared: SharedSession, options: TransportOptions, stream: Stream | None) -> None:
        self._shared = shared
        self._session = shared.session
        self._options = options
        self._given = stream
        self._asker = Asker(partial(setattr, shared, "asking_id"))
        self._readable = False
        self.unused = False
        self.thread = threading.Thread(target=self._run, name="stomp_socket", daemon=True)

    def _run(self) -> None:
        shared, session = self._shared, self._session
        shared.enter_thread()
        try:
            while True:
                with shared.lock:
                    shared.replace_if_interrupted()
                    attempt = session.next_attempt(monotonic())
                if attempt is None:
                    return
                if attempt.at > monotonic():
                    self._turn(None, None)
                else:
                    self._connect_and_serve(attempt)
        finally:
            # Also after a mistake in this library, which threading reports: nobody may wait for a thread that has
            # ended.
            with shared.lock:
                session.terminate(monotonic())
                shared.ended = True
                shared.asleep = False
                shared.perform_requests()
            shared.call_listeners()
            shared.thread_id = 0
            shared.waker.close()

    # ------------------------------------------------------------------ one connection

    def _connect_and_serve(self, attempt: Attempt) -> None:
        shared, session = self._shared, self._session
        sock: Stream | None = None
        reason: Exception | None = None
        try:
            try:
                sock, via = self._connect(attempt)
            except Exception as error:  # what a dialler has raised is explained, but anything else may happen
                reason = error
            else:
                with shared.lock:
                    shared.replace_if_interrupted()
                    shared.socket = sock
                    shared.broken = None
                    shared.interrupted = False
                    session.connection_made(monotonic(), via)
                reason = self._serve(sock)
        finally:
            with shared.lock:
                shared.replace_if_interrupted()
                interrupted, shared.interrupted = shared.interrupted, False
                shared.socket = None
                shared.waker.forget()
                session.connection_lost(reason, monotonic(), at_once=interrupted)
            if sock is not None:
                if interrupted:
                    _close_lingering(sock)
                else:
                    sock.close()
            shared.call_listeners()

    def _connect(self, attempt: Attempt) -> tuple[Stream, str]:
        """Return a stream, and what it goes through."""
        given, self._given = self._given, None
        if given is not None:
            return given, ""
        options, endpoint = self._options, attempt.endpoint
        timeout = attempt.timeout
        if attempt.questions is not None:
            deadline = monotonic() + timeout
            self._asker.ask(attempt.questions, deadline, self)
            timeout = max(0.0, deadline - monotonic())
        return dial_stream(endpoint, timeout, options, self), options.via(endpoint)

    def _serve(self, sock: Stream) -> Exception | None:
        """Read and write until the connection is over; return why, unless the session says it."""
        shared, session = self._shared, self._session
        data: bytes | None = None
        while not self._turn(data, sock):
            try:
                data = self._read(sock) if self._readable else None
            except OSError as error:
                return error
        if shared.broken is None or shared.interrupted:
            return shared.broken
        # Writing failed: the peer is gone. What it sent last, an ERROR perhaps, may still be there to be read.
        try:
            while not session.want_close and (data := self._read(sock)):
                with shared.lock:
                    session.receive_data(data, monotonic())
        except OSError:
            pass
        return shared.broken

    def _read(self, sock: Stream) -> bytes | None:
        """Read what is there; ``None`` if there is nothing."""
        try:
            if type(sock) is socket.socket:
                return sock.recv(READ_SIZE)  # outside of the lock: nobody else reads
            # OpenSSL does not read and write at the same time; streams of the program's own need not be able to.
            with self._shared.lock:
                return sock.recv(READ_SIZE)
        except OSError as error:
            if is_not_now(error):
                return None
            raise

    def _turn(self, data: bytes | None, sock: Stream | None) -> bool:
        """Process what was read, do what callers have left, write, and sleep until there is more to do.

        Returns:
            Whether the connection is over.
        """
        shared, session = self._shared, self._session
        with shared.lock:
            shared.replace_if_interrupted()
            now = monotonic()
            if data is not None:
                session.receive_data(data, now)
            self._end_if_unused(now)
            if shared.has_requests:
                shared.perform_requests()
            deadline = session.next_deadline()
            if deadline is not None and deadline <= now:
                session.handle_timeout(now)
                deadline = session.next_deadline()
            if session.size_to_send:
                shared.write()
            over = session.closed or session.want_close or (sock is not None and shared.broken is not None)
            shared.reading = session.want_read
            shared.writing = sock is not None and session.size_to_send > 0
            self._decide_sleep(now, deadline)
        shared.call_listeners()
        if over:
            shared.asleep = False
            return True
        more = data is not None and len(data) == READ_SIZE
        self._readable = self._sleep(sock, shared.reading, shared.writing, more) and shared.reading
        return False

    def _end_if_unused(self, now: float) -> None:
        if self.unused and not self._session.closed:
            self._session.terminate(now)

    # ------------------------------------------------------------------ sleeping

    def _decide_sleep(self, now: float, deadline: float | None) -> None:
        """With the lock held: decide for how long to sleep, so that callers know whether they must wake the thread."""
        shared = self._shared
        until = shared.until
        if until is not None and now < until and (deadline is None or until < deadline):
            # What it slept for is done already. To sleep no longer than announced spares the next caller, who
            # has a deadline of its own, a wake-up.
            deadline = until
        shared.until = deadline
        shared.asleep = True

    def _sleep(self, sock: Stream | None, read: bool, write: bool, more: bool = False) -> bool:
        """Sleep as decided; return whether the socket is ready."""
        shared = self._shared
        until = shared.until
        timeout = None if until is None else max(0.0, until - monotonic())
        if more or shared.has_requests:
            # The requests are looked at after `asleep` was set: who appended one before that did not wake us.
            timeout = 0.0
        ready = shared.waker.wait(sock, read, write, timeout)
        shared.asleep = False
        return ready

    # ------------------------------------------------------------------ while dialling: a Waiter

    def wake(self) -> None:
        """End :meth:`wait`, or the next one. Called by the thread that dials."""
        self._shared.waker.wake()

    def wait(
        self, stream: Stream | None, read: bool, write: bool, deadline: float, done: Callable[[], object]
    ) -> bool:
        """Wait for a stream, or for the thread that dials, and do meanwhile what callers leave.

        Raises:
            DialCancelled: the session was closed.
        """
        shared, session = self._shared, self._session
        while True:
            with shared.lock:
                shared.replace_if_interrupted()
                now = monotonic()
                self._end_if_unused(now)
                shared.perform_requests()
                session.handle_timeout(now)
                if session.closed:
                    raise DialCancelled("the session was closed")
                own = session.next_deadline()
                shared.reading, shared.writing = session.want_read, False
                shared.until = None
                self._decide_sleep(now, deadline if own is None else min(own, deadline))
            shared.call_listeners()
            if self._sleep(stream, read, write) or done():
                return True
            if monotonic() >= deadline:
                return False


def _close_lingering(sock: Stream) -> None:
    """Close a socket so that the peer gets what was written: with unread bytes, close() drops what is on its way."""
    if not isinstance(sock, socket.socket):
        sock.close()
        return
    give_up = monotonic() + _LINGER_TIMEOUT
    try:
        socket.socket.shutdown(sock, socket.SHUT_WR)
        while (left := give_up - monotonic()) > 0:
            sock.settimeout(left)
            if not sock.recv(READ_SIZE):
                break
    except OSError:
        pass
    finally:
        sock.close()
