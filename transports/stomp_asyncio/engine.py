"""The engine: one task that dials for a session, and one protocol that reads, writes and waits for it.

Whoever has something to say writes it to the transport himself, if that takes it; reading goes on meanwhile, since
neither waits for the other. All of it happens in one event loop, so nothing is locked.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from time import monotonic
from typing import TypeVar, cast

from stomp_core.session import Attempt, Pending, Session

from .dialling import dial

__all__ = ["Engine"]

T = TypeVar("T")
_TURN = 0.005  # seconds after which others in the loop have a turn, though there is nothing to wait for
_BATCH = 64 * 1024  # bytes that are not held back for more to join them
_HELD_UP = 0.05  # seconds that a timer is late when the loop was held up: what came meanwhile is read first


class Engine:
    """Drives one session in the running event loop.

    Args:
        make_session: makes the session, given what to call to wake the engine.
        context: for TLS; by default one that verifies the server.
    """

    def __init__(
        self, make_session: Callable[[Callable[[], None]], Session], context: ssl.SSLContext | None
    ) -> None:
        self.session = make_session(self._wake)
        self._loop = asyncio.get_running_loop()
        self._context = context
        self._attention = False  # the session has something for the engine
        self._transport: asyncio.Transport | None = None
        self._reading = True
        self._writable = True
        self._gathering = False  # what is said in this turn of the loop leaves at its end
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._held_up = False
        self._turned_at = 0.0
        self._dialling: asyncio.Timeout | None = None
        self._bell: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to dial."""
        self._task = self._loop.create_task(self._run(), name="stomp_asyncio")

    # ------------------------------------------------------------------ for other tasks

    def perform(self, operation: Callable[[], Pending[T]]) -> Pending[T]:
        """Call an operation of the session, and write what it said."""
        now = monotonic()
        self.session.tick(now)
        pending = operation()
        self.session.tick(now)
        self.attend()
        return pending

    def attend(self) -> None:
        """Do what the session asked for."""
        if not self._attention:
            return
        self._attention = False
        session, transport = self.session, self._transport
        if transport is not None and not transport.is_closing():
            if session.want_close:
                transport.abort()
            else:
                self._write(transport)
                if session.want_read is not self._reading:
                    self._reading = not self._reading
                    if self._reading:
                        transport.resume_reading()
                    else:
                        transport.pause_reading()
        elif self._dialling is not None and session.closed and not self._dialling.expired():
            self._dialling.reschedule(self._loop.time())
        if self._bell is not None and not self._bell.done():
            self._bell.set_result(None)
        deadline = session.next_deadline()
        if deadline is not None and (self._timer is None or deadline < self._timer_at):
            self._set_timer(deadline)

    async def turn(self) -> None:
        """Let the others in the loop have a turn, if they had none for a while. Called before anything is done."""
        if monotonic() - self._turned_at > _TURN:
            await asyncio.sleep(0)
            self._turned_at = monotonic()

    async def wait(self, pending: Pending[T]) -> T:
        """Wait for an outcome, and return it or raise it. Cancelled, it leaves no trace but what was said."""
        if pending.done:
            return pending.result()
        done = self._loop.create_future()

        def wake() -> None:
            if not done.done():
                done.set_result(None)

        pending.add_done_callback(wake)
        try:
            await done
        except BaseException:
            pending.remove_done_callback(wake)
            pending.abandon()
            self.attend()
            raise
        self._turned_at = monotonic()
        return pending.result()

    def abort(self) -> None:
        """End the session at once, without a word."""
        self.session.close()
        self.session.connection_lost(None, monotonic())
        if self._transport is not None:
            self._transport.abort()
        self._wake()
        self.attend()

    async def join(self) -> None:
        """Wait until the task has ended: the session is closed, so it is about to."""
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    # ------------------------------------------------------------------ the task

    async def _run(self) -> None:
        session = self.session
        try:
            while (attempt := session.next_attempt(monotonic())) is not None:
                pause = attempt.at - monotonic()
                if pause > 0:
                    await self._pause(pause)
                else:
                    await self._connect_and_serve(attempt)
        finally:
            self.abort()
            if self._timer is not None:
                self._timer.cancel()

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until somebody wants something."""
        self._bell = self._loop.create_future()
        try:
            await asyncio.wait([self._bell], timeout=seconds)
        finally:
            self._bell = None

    async def _connect_and_serve(self, attempt: Attempt) -> None:
        link = _Link(self)
        if attempt.endpoint.secure and self._context is None:
            self._context = ssl.create_default_context()
        try:
            async with asyncio.timeout(attempt.timeout) as self._dialling:
                sock = await dial(attempt.endpoint, self._context, lambda: link)
            if not attempt.endpoint.secure:
                link.socket = sock
        except (OSError, ssl.CertificateError) as error:
            if link.transport is None:
                self.session.connection_lost(error, monotonic())
                self.attend()
                return
            link.transport.abort()
        except BaseException:
            if link.transport is not None:
                link.transport.abort()
            raise
        finally:
            self._dialling = None
        try:
            await link.lost
        except BaseException:
            assert link.transport is not None
            link.transport.abort()
            raise

    # ------------------------------------------------------------------ for the protocol and the timer

    def made(self, transport: asyncio.Transport) -> None:
        """There is a connection."""
        self._transport = transport
        self._reading = self._writable = True
        self.session.connection_made(monotonic())
        self._wake()
        self.attend()

    def received(self, data: bytes) -> None:
        """Something came; ``b""`` is the end."""
        self.session.receive_data(data, monotonic())
        self._wake()
        self.attend()

    def may_write(self, writable: bool) -> None:
        """The transport's buffer is full, or has room again."""
        self._writable = writable
        if writable:
            self._wake()
            self.attend()

    def lost(self, reason: Exception | None, sock: socket.socket | None) -> None:
        """The connection is no more."""
        self._transport = None
        if isinstance(reason, OSError) and sock is not None:
            # Writing failed. The peer is gone, but what it said last may still be there to be read.
            try:
                while data := sock.recv(_BATCH):
                    self.session.receive_data(data, monotonic())
            except OSError:
                pass
        self.session.connection_lost(reason, monotonic())
        self._wake()
        self.attend()

    def _wake(self) -> None:
        self._attention = True

    def _write(self, transport: asyncio.Transport) -> None:
        """Write at once what is said first in a turn of the loop; what follows in that turn goes with one call."""
        session = self.session
        if not self._writable or (self._gathering and session.size_to_send < _BATCH):
            return
        data = session.data_to_send()
        if not data:
            return
        transport.write(data)
        if not self._gathering:
            self._gathering = True
            self._loop.call_soon(self._end_of_turn)

    def _end_of_turn(self) -> None:
        self._gathering = False
        transport = self._transport
        if transport is not None and not transport.is_closing():
            self._write(transport)

    def _set_timer(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self._loop.call_later(max(0.0, deadline - monotonic()), self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = monotonic()
        if now - self._timer_at > _HELD_UP and not self._held_up:
            # uvloop runs timers before it looks at sockets: silence is proved only after it has.
            self._held_up = True
            self._set_timer(now + 0.001)
            return
        self._held_up = False
        self.session.handle_timeout(now)
        self._wake()
        self.attend()


class _Link(asyncio.Protocol):
    """One connection: passes on what the transport says."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.transport: asyncio.Transport | None = None
        self.socket: socket.socket | None = None  # of plain STOMP
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._engine.made(self.transport)

    def data_received(self, data: bytes) -> None:
        self._engine.received(data)

    def eof_received(self) -> None:
        self._engine.received(b"")

    def pause_writing(self) -> None:
        self._engine.may_write(False)

    def resume_writing(self) -> None:
        self._engine.may_write(True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._engine.lost(exc, self.socket)
        if not self.lost.done():
            self.lost.set_result(None)
