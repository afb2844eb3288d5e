"""Connections: what reads and writes a byte stream, once it is dialled.

A socket is read and written without an await, in the task that sends something; two tasks only wait until it is ready.
For any other stream, a task reads and a task writes.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from abc import ABC, abstractmethod
from typing import Any

import trio

from stomp_core.adapter import Line, LoopEngine

from ._dial import close

__all__ = ["Connection", "Waker", "connection_of"]

_READ_SIZE = 64 * 1024
_READS_PER_TURN = 8
_WOULD_BLOCK = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_LAST_FRAMES = 0.5  # seconds for what the peer sent before it closed
_TURNS = 8  # of the loop, for bytes to come from a socket through the streams above it


class Connection(ABC):
    """A connection.

    Args:
        engine: what is told the facts.
        line: what the driver knows of it.
    """

    def __init__(self, engine: LoopEngine, line: Line) -> None:
        self._engine = engine
        self._line = line
        self._scope = trio.CancelScope()
        self._reading = True
        self._unsent: Any = b""
        self._error: BaseException | None = None  # of reading or writing
        self._may_read = Waker()  # for the task that reads
        self._written = Waker()  # for the task that writes

    async def serve(self, via: str) -> BaseException | None:
        """Read and write until the connection is lost or aborted, then close it.

        Args:
            via: what it goes through, for error texts.

        Returns:
            The reason, if it is an exception.
        """
        try:
            with self._scope:
                self._engine.run(lambda now: self._line.made(now, via))
                if self._line.over:
                    return None  # the driver does not want it any more
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._keep_writing)
                    await self._keep_reading()
                    nursery.cancel_scope.cancel()
        finally:
            await self._close()
        return self._error

    def abort(self) -> None:
        """Close the connection at once."""
        self._scope.cancel()

    def set_reading(self, on: bool) -> None:
        """Start or stop reading."""
        self._reading = on
        self._may_read.wake()

    @abstractmethod
    def write(self, data: bytes | memoryview) -> None:
        """Write, or let the task that writes do it. Tell the driver when all has left."""

    @abstractmethod
    async def catch_up(self) -> None:
        """Read what came while a task did not let go of the thread."""

    @abstractmethod
    async def _keep_reading(self) -> None: ...

    @abstractmethod
    async def _keep_writing(self) -> None: ...

    @abstractmethod
    async def _close(self) -> None: ...


def connection_of(engine: LoopEngine, line: Line, stream: socket.socket | trio.abc.Stream) -> Connection:
    """Return the connection for what was dialled."""
    if isinstance(stream, socket.socket):
        return _SocketConnection(engine, line, stream)
    return _StreamConnection(engine, line, stream)


class _SocketConnection(Connection):
    """A connection on a socket."""

    def __init__(self, engine: LoopEngine, line: Line, sock: socket.socket) -> None:
        super().__init__(engine, line)
        self._socket = sock

    async def _keep_reading(self) -> None:
        while self._error is None and not self._line.over:
            if not self._reading:
                await self._may_read.wait()
                continue
            if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
                await trio.lowlevel.checkpoint()
            else:
                await trio.lowlevel.wait_readable(self._socket)
            self._read()

    async def catch_up(self) -> None:
        self._read()

    async def _close(self) -> None:
        self._socket.close()
        # If reading has failed before the task that writes had its first turn, that task has not done it.
        self._engine.end_turn(self._line)

    # ------------------------------------------------------------------ reading

    def _read(self) -> None:
        for _ in range(_READS_PER_TURN):
            if not self._reading or not self._receive():
                return

    def _receive(self) -> bool:
        """Receive once; return whether there may be more."""
        sock = self._socket
        if self._line.over:
            return False
        try:
            data = sock.recv(_READ_SIZE)
        except _WOULD_BLOCK:
            return False
        except OSError as error:
            self._error = self._error or error
            return False
        if not data:
            self._engine.report(self._line.eof)
            return False
        self._engine.report(self._line.received, data)
        return len(data) == _READ_SIZE or isinstance(sock, ssl.SSLSocket)

    # ------------------------------------------------------------------ writing

    def write(self, data: bytes | memoryview) -> None:
        """Write as much as the socket takes. The rest is written when it takes more."""
        self._unsent = memoryview(data)
        self._send()
        if self._error is not None:
            return
        if self._unsent or self._engine.wrote(self._line):
            self._written.wake()

    def _send(self) -> None:
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except _WOULD_BLOCK:
            pass
        except OSError as error:
            # The peer has closed. What it sent before, an ERROR perhaps, may still be there to be read.
            while self._receive():
                pass
            self._error = self._error or error
            self._may_read.wake()

    async def _keep_writing(self) -> None:
        """Write the rest of a Write, and end the turns of the engine."""
        while self._error is None:
            try:
                await self._written.wait()
                while self._unsent and self._error is None:
                    await trio.lowlevel.wait_writable(self._socket)
                    self._send()
            finally:
                self._engine.end_turn(self._line)


class _StreamConnection(Connection):
    """A connection on a stream of any kind."""

    def __init__(self, engine: LoopEngine, line: Line, stream: trio.abc.Stream) -> None:
        super().__init__(engine, line)
        self._stream = stream
        self._reader = trio.CancelScope()
        self._writing_failed = False

    async def _keep_reading(self) -> None:
        with self._reader:
            while not self._line.over:
                if not self._reading and not self._writing_failed:
                    await self._may_read.wait()
                    continue
                try:
                    data = await self._stream.receive_some(_READ_SIZE)
                except Exception as error:
                    self._error = self._error or _reason(error)
                    return
                if not data:
                    self._engine.report(self._line.eof)
                    return
                self._engine.report(self._line.received, data)

    async def catch_up(self) -> None:
        for _ in range(_TURNS):
            await trio.lowlevel.checkpoint()

    async def _close(self) -> None:
        await close(self._stream)

    # ------------------------------------------------------------------ writing

    def write(self, data: bytes | memoryview) -> None:
        """Let the task that writes do it."""
        self._unsent = data
        self._written.wake()

    async def _keep_writing(self) -> None:
        while True:
            await self._written.wait()
            try:
                await self._stream.send_all(self._unsent)
            except Exception as error:
                # The peer has closed. What it sent before, an ERROR perhaps, may still be there to be read.
                self._error = self._error or _reason(error)
                self._writing_failed = True
                self._reader.deadline = trio.current_time() + _LAST_FRAMES
                self._may_read.wake()
                return
            self._unsent = b""
            self._engine.report(self._line.written)


def _reason(error: Exception) -> BaseException:
    """Return what an exception of trio stands for."""
    if not isinstance(error, trio.BrokenResourceError):
        return error
    return error.__cause__ or BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


class Waker:
    """Wakes the task that waits for it. A call of wake() while no task waits is kept for the next wait()."""

    __slots__ = ("_event", "_woken")

    def __init__(self) -> None:
        self._event: trio.Event | None = None
        self._woken = False

    async def wait(self) -> None:
        if not self._woken:
            self._event = trio.Event()
            try:
                await self._event.wait()
            finally:
                self._event = None
        else:
            await trio.lowlevel.checkpoint()
        self._woken = False

    def wake(self) -> None:
        self._woken = True
        if self._event is not None:
            self._event.set()
