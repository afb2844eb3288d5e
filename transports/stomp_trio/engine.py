"""The engine: tasks that dial, read, write and wait for a session, in the nursery of its connection.

Whoever has something to say writes it himself, as far as the socket takes it; what is said right behind it is gathered
for a moment. One task writes the rest, another reads. Neither waits for the other. All of it happens in one thread, and
nothing is awaited in the middle of a change, so nothing is locked.
"""

from __future__ import annotations

import math
import socket
import ssl
from collections.abc import Callable
from time import perf_counter
from typing import TypeVar

import trio

from stomp_core.session import Attempt, Pending, Session

from .dialling import dial

__all__ = ["Engine"]

T = TypeVar("T")
_READ_SIZE = 64 * 1024
_MOST_READS = 8  # before others have a turn
_TURN = 0.001  # seconds after which other tasks have a turn, though there is nothing to wait for
_MOMENT = 0.001  # seconds between writes of what nobody waits for
_BATCH = 64 * 1024  # bytes that do not wait for more to join them
_NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Engine:
    """Drives one session in a nursery.

    Args:
        make_session: makes the session, given what to call to wake the engine.
        context: for TLS; by default one that verifies the server.
    """

    def __init__(
        self, make_session: Callable[[Callable[[], None]], Session], context: ssl.SSLContext | None
    ) -> None:
        self.session = make_session(self._wake)
        self._context = context
        self._attention = False  # the session has something for the engine
        self._socket: socket.socket | None = None
        self._unsent = memoryview(b"")
        self._write_error: OSError | None = None
        self._turned_at = -math.inf  # by a clock that runs also where trio's is a test's
        self._written_at = -math.inf
        self._asleep_until = -math.inf  # the time-keeper's deadline, while it sleeps
        self._alarm = _Bell()  # for the time-keeper
        self._ink = _Bell()  # for the writer
        self._news = _Bell()  # for whoever waits for anything else
        self._scope = trio.CancelScope()  # of what ends with the attempt or its connection

    # ------------------------------------------------------------------ for other tasks

    def perform(self, operation: Callable[[], Pending[T]]) -> Pending[T]:
        """Call an operation of the session, and write what it said."""
        now = trio.current_time()
        self.session.tick(now)
        pending = operation()
        self.session.tick(now)
        self.attend()
        return pending

    def attend(self) -> None:
        """Do what the session asked for, or wake the task for it."""
        if not self._attention:
            return
        self._attention = False
        session = self.session
        if self._socket is not None and (session.size_to_send or self._unsent):
            if trio.current_time() - self._written_at >= _MOMENT or session.size_to_send >= _BATCH:
                self._write()
            self._ink.ring()
        if session.closed or session.want_close:
            self._scope.cancel()
        self._news.ring()
        deadline = session.next_deadline()
        if deadline is not None and deadline < self._asleep_until:
            self._alarm.ring()

    async def turn(self) -> None:
        """A point to be cancelled at, and to let other tasks run if they had no turn for a while.

        Called before anything is done. A checkpoint in full at each call would cost more than most calls do.
        """
        if perf_counter() - self._turned_at < _TURN:
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            await trio.lowlevel.checkpoint()
            self._turned_at = perf_counter()

    async def wait(self, pending: Pending[T]) -> T:
        """Wait for an outcome, and return it or raise it. Cancelled, it leaves no trace but what was said."""
        if pending.done:
            return pending.result()
        if not self._unsent:
            self._write()
        done = trio.Event()
        pending.add_done_callback(done.set)
        try:
            await done.wait()
        except BaseException:
            pending.remove_done_callback(done.set)
            pending.abandon()
            self.attend()
            raise
        self._turned_at = perf_counter()
        return pending.result()

    def abort(self) -> None:
        """End the session at once, without a word."""
        self.session.close()
        self.session.connection_lost(None, trio.current_time())
        self._wake()
        self.attend()

    # ------------------------------------------------------------------ the tasks

    async def run(self) -> None:
        """Drive the session until it is closed."""
        session = self.session
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._keep_time)
                while (attempt := session.next_attempt(trio.current_time())) is not None:
                    if attempt.at > trio.current_time():
                        with trio.move_on_at(attempt.at):
                            await self._news.wait()
                    else:
                        await self._connect_and_serve(attempt)
                nursery.cancel_scope.cancel()
        finally:
            self.abort()

    async def _keep_time(self) -> None:
        """Tell the session when a deadline has come."""
        while True:
            deadline = self.session.next_deadline()
            self._asleep_until = math.inf if deadline is None else deadline
            with trio.move_on_at(self._asleep_until):
                await self._alarm.wait()
            self._asleep_until = -math.inf
            if self._socket is not None and self.session.want_read:
                # What came while others held the processor is not silence.
                self._write_error = self._read(self._socket) or self._write_error
            self.session.handle_timeout(trio.current_time())
            self._wake()
            self.attend()

    async def _connect_and_serve(self, attempt: Attempt) -> None:
        session = self.session
        reason: BaseException | None = TimeoutError()
        try:
            with trio.move_on_after(attempt.timeout) as self._scope:
                if attempt.endpoint.secure and self._context is None:
                    self._context = ssl.create_default_context()
                self._socket = await dial(attempt.endpoint, self._context)
            if self._socket is not None:
                reason = None
                self._unsent = memoryview(b"")
                self._write_error = None
                session.connection_made(trio.current_time())
                reason = await self._serve(self._socket)
        except (OSError, ssl.CertificateError) as error:
            reason = error
        finally:
            sock, self._socket = self._socket, None
            if sock is not None:
                sock.close()
            session.connection_lost(reason, trio.current_time())
            self._wake()
            self.attend()

    async def _serve(self, sock: socket.socket) -> OSError | None:
        """Read and write until the session wants the socket closed, or it breaks; returns why it broke."""
        reason: OSError | None = None
        async with trio.open_nursery() as nursery:
            self._scope = nursery.cancel_scope
            self._wake()
            self.attend()
            nursery.start_soon(self._keep_writing, sock)
            while reason is None:
                if self._write_error is not None:
                    # The peer is gone, but what it said last may still be there to be read.
                    reason = self._read(sock, 1_000_000) or self._write_error
                elif not self.session.want_read:
                    await self._news.wait()
                else:
                    if isinstance(sock, ssl.SSLSocket) and sock.pending():
                        await trio.lowlevel.checkpoint()
                    else:
                        await trio.lowlevel.wait_readable(sock)
                    reason = self._read(sock)
                    self._wake()
                    self.attend()
            nursery.cancel_scope.cancel()
        return reason

    async def _keep_writing(self, sock: socket.socket) -> None:
        while True:
            if self._unsent:
                await trio.lowlevel.wait_writable(sock)
                self._write()
            elif self.session.size_to_send:
                await trio.sleep_until(self._written_at + _MOMENT)
                self._write()
            else:
                await self._ink.wait()

    def _wake(self) -> None:
        self._attention = True

    def _read(self, sock: socket.socket, most: int = _MOST_READS) -> OSError | None:
        """Read what is there."""
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
            session.receive_data(data, trio.current_time())
            if len(data) < _READ_SIZE and not isinstance(sock, ssl.SSLSocket):
                return None
        return None

    def _write(self) -> None:
        """Write as much as the socket takes. What it does not take stays first in line."""
        sock = self._socket
        if sock is None or self._write_error is not None:
            return
        try:
            while True:
                self._written_at = trio.current_time()
                if not self._unsent:
                    self._unsent = memoryview(self.session.data_to_send())
                    if not self._unsent:
                        return
                self._unsent = self._unsent[sock.send(self._unsent) :]
        except _NOT_NOW:
            return
        except OSError as error:
            self._write_error = error
            self._wake()


class _Bell:
    """Wakes the task that waits for it. To ring it costs next to nothing where none does."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event: trio.Event | None = None

    async def wait(self) -> None:
        if self._event is None:
            self._event = trio.Event()
        await self._event.wait()

    def ring(self) -> None:
        event, self._event = self._event, None
        if event is not None:
            event.set()
