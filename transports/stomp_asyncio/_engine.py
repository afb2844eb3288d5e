"""Engine: drives a session in an asyncio event loop, with one protocol for each socket and one task for each dial.

Everything happens in the loop's thread, so nothing is locked. The engine carries out what the driver yields
(:mod:`stomp_core.adapter` has the contract) and tells it what happened; :class:`LoopEngine` decides when it polls.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine
from enum import Enum, auto
from time import monotonic
from typing import Any, TypeVar, cast

from stomp_core.adapter import (
    Abort,
    AsyncMessage,
    Command,
    Dial,
    End,
    Line,
    LoopEngine,
    Read,
    Timer,
    TransportOptions,
    Write,
)
from stomp_core.session import Pending, Questions, Session

from ._dial import dial
from ._transports import close_transport, method_of

__all__ = ["Engine"]

T = TypeVar("T")
_TIME_SLICE = 0.005  # seconds that a task may go on without an await that really waits
_READ_SIZE = 64 * 1024
_CLOSE_TIMEOUT = 1.0  # seconds for a transport or a dialler of others to notice that it is closed


class Engine(LoopEngine):
    """Drives one session in the running event loop. An :class:`~stomp_core.adapter.AsyncEngine`.

    Args:
        session: what it drives.
        options: how to connect to an endpoint.
    """

    def __init__(self, session: Session, options: TransportOptions) -> None:
        super().__init__(session, monotonic)
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._waited_at = monotonic()
        self._end: asyncio.Future[None] = self._loop.create_future()  # an Event takes 600 bytes more
        self._sockets: set[_Socket] = set()  # those that are not closed
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start to drive the session."""
        self._task = self._loop.create_task(self._live(), name="stomp_asyncio")
        self.poll()

    async def _live(self) -> None:
        """Live as long as the connection: when the loop cancels all of its tasks, end the connection."""
        try:
            await self._end
        finally:
            if not self.ended:
                self.session.closed_because = "its event loop has ended"
            self.abort()
            for connection in list(self._sockets):
                connection.abort()
                await asyncio.wait([connection.closed], timeout=_CLOSE_TIMEOUT)

    # ------------------------------------------------------------------ for AsyncConnection

    async def wait(self, pending: Pending[T], timeout: float | None = None) -> T:
        """Wait for an outcome, and return it or raise it. If the task is cancelled, cancel the Pending.

        Raises:
            TimeoutError: it is not known after ``timeout`` seconds.
        """
        if pending.done:
            return pending.result()
        settled: asyncio.Future[bool] = self._loop.create_future()

        def settle(done: bool = True) -> None:
            if not settled.done():
                settled.set_result(done)

        pending.add_done_callback(settle)
        timer = None if timeout is None else self._loop.call_later(timeout, settle, False)
        try:
            if not await settled:
                raise TimeoutError(f"{pending.what} took more than {timeout:g} s")
        except BaseException:
            pending.remove_done_callback(settle)
            self.run(pending.cancel)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        self._waited_at = monotonic()
        return pending.result()

    def check_context(self) -> None:
        """Refuse to go on in another event loop, unless the session has ended."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:  # in trio, for instance
            running = None
        if running is self._loop or self.session.closed:
            return
        if self._loop.is_running():
            raise RuntimeError(
                "this connection belongs to another event loop: use it there, or connect in this one"
            )
        raise RuntimeError(
            "this connection belongs to an event loop that has ended: connect again in this loop"
        )

    async def checkpoint(self) -> None:
        """Let other tasks run if they had no turn for a while."""
        self.check_context()
        if monotonic() - self._waited_at > _TIME_SLICE:
            await asyncio.sleep(0)
            self._waited_at = monotonic()

    async def run_workers(self, worker: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
        """Run ``worker()`` in ``count`` tasks, and return when all of them have ended."""
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(worker())

    async def call_handler(
        self, handler: Callable[[AsyncMessage], Awaitable[object]], message: AsyncMessage
    ) -> None:
        """Call a user's handler, in the task of a worker."""
        try:
            await handler(message)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise RuntimeError("the handler awaited something that was cancelled") from error

    async def join(self) -> None:
        """Wait until everything of the engine has ended."""
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    # ------------------------------------------------------------------ for LoopEngine

    def poll_soon(self) -> None:
        self._loop.call_soon(self.poll_if_due)

    def carry_out(self, command: Command) -> None:
        if isinstance(command, Write):
            self._write(command.line, command.data)
        elif isinstance(command, Timer):
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(max(0.0, command.at - monotonic()), self._ring)
        elif isinstance(command, Read):
            _socket_of(command.line).set_reading(command.on)
        elif isinstance(command, Dial):
            own_transport = self._options.dial is None and not command.endpoint.secure
            kind = _BufferedSocket if own_transport else _Socket
            connection = command.line.tag = kind(self, command.line, self._options.via(command.endpoint))
            command.line.too_late = self._options.explain(
                command.endpoint, TimeoutError(), command.timeout, too_late=True
            )
            self._sockets.add(connection)
            connection.closed.add_done_callback(lambda _: self._sockets.discard(connection))
            connection.task = self._loop.create_task(
                self._dial(connection, command), name=f"stomp_asyncio dials {command.endpoint}"
            )
            connection.task.add_done_callback(connection.dialled)
        elif isinstance(command, Abort):
            _socket_of(command.line).abort()
        elif isinstance(command, End):
            if self._timer is not None:
                self._timer.cancel()
            if not self._end.done():  # it is cancelled with the task that awaits it
                self._end.set_result(None)

    def _ring(self) -> None:
        # uvloop runs timers first, then callbacks, then looks at sockets; asyncio looks at sockets first. In both, the
        # sockets are looked at before the second callback from here.
        self._loop.call_soon(self._loop.call_soon, self.timer_rang, monotonic())

    def _write(self, line: Line, data: bytes | memoryview, waited: bool = False) -> None:
        connection = _socket_of(line)
        if line.over or connection.is_closing():
            return  # connection_lost() comes
        unread = connection.look_while_paused()
        if unread is _Unread.END:
            return  # it was reported
        if unread is _Unread.DATA and not waited:
            # Once, since TLS stops reading, too, when its own buffer is full. Sockets are looked at before the second
            # callback from here.
            self._loop.call_soon(self._loop.call_soon, self._write, line, data, True)
            return
        try:
            connection.write(data)
        except Exception as error:  # of a transport of others
            connection.failed(error)
            return
        if connection.full or connection.is_closing():
            return  # resume_writing() or connection_lost() comes
        if self.wrote(line):
            self._loop.call_soon(self.end_turn, line)

    async def _dial(self, connection: _Socket, command: Dial) -> None:
        try:
            if command.questions is not None:
                await _ask(command.questions)
            connection.socket = await dial(command.endpoint, self._options, command.timeout, connection)
        except Exception as error:
            connection.failed(error)


async def _ask(questions: Questions[Any]) -> None:
    """Ask the program for its passcode and the like."""
    try:
        await questions.ask_async()
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError(f"{questions.current} awaited something that was cancelled") from error


def _socket_of(line: Line) -> _Socket:
    return cast(_Socket, line.tag)


class _Unread(Enum):
    """What a socket holds."""

    NOTHING = auto()
    DATA = auto()
    END = auto()


class _Socket(asyncio.Protocol):
    """One attempt to dial, and the connection that it becomes.

    Until its transport is accepted, it keeps what it is told: a dialler may have more to do after the transport has
    called ``connection_made()``, and may fail then.

    Attributes:
        line: what the driver knows of it.
        task: dials.
        transport: ``None`` until it is connected.
        socket: below the transport, and below TLS; ``None`` if there is none, or it is not known.
        full: the transport has called ``pause_writing()``.
        closed: done when there is no transport, and will be none.
        write: ``write()`` of the transport.
        is_closing: ``is_closing()`` of the transport, if it has one.
    """

    write: Callable[[bytes | memoryview], object]
    is_closing: Callable[[], bool]

    def __init__(self, engine: Engine, line: Line, via: str) -> None:
        self._engine = engine
        self.line = line
        self._via = via  # what it goes through, for error texts
        self.task: asyncio.Task[None] | None = None
        self.transport: asyncio.Transport | None = None
        self.socket: socket.socket | None = None
        self.full = False
        self._tls: ssl.SSLObject | None = None
        self._accepted = False
        self._report: Callable[..., object] = self._keep
        self._kept: list[tuple[Any, ...]] = []
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def set_reading(self, on: bool) -> None:
        """Start or stop reading, if the transport can do that."""
        transport = self.transport
        if transport is not None and not self.is_closing():
            change = method_of(transport, "resume_reading" if on else "pause_reading")
            if change is not None:
                change()

    def abort(self) -> None:
        """Close the connection at once, or stop dialling."""
        if self.task is not None:
            self.task.cancel()
        if self.transport is not None:
            close_transport(self.transport)

    def failed(self, reason: BaseException) -> None:
        """Note that dialling or writing has failed. The transport, if there is one, is closed."""
        self._engine.report(self.line.lost, reason)
        if self.transport is not None:
            close_transport(self.transport)

    def dialled(self, task: asyncio.Task[None]) -> None:
        """Note that the task that dials has ended, or was cancelled, even before it had begun."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failed(error)  # no Exception: those were reported
        if self.transport is None:
            self._note_closed()
        elif self.line.over:
            # Perhaps cancelled in the moment in which it had connected. uvloop then closes the transport without
            # calling connection_lost(), for which the end of the engine would wait for ever. asyncio calls it, at the
            # latest in the third turn of the loop from here (with TLS).
            close_transport(self.transport)
            self._note_closed_soon(3)

    def _note_closed_soon(self, turns: int) -> None:
        if turns == 0:
            self._note_closed()
        else:
            asyncio.get_running_loop().call_soon(self._note_closed_soon, turns - 1)

    def _note_closed(self) -> None:
        if not self.closed.done():
            self.closed.set_result(None)

    # ------------------------------------------------------------------ the last frames of the peer

    def look_while_paused(self) -> _Unread:
        """Return what is in the socket of a connection with TLS whose reading is paused. The end is reported.

        TLS of asyncio goes on reading the socket while reading is paused, into a buffer of its own. If it finds the end
        of the stream there, it reports that only when reading is resumed, and drops what is written until then. So this
        is asked before each Write: the last frames of the peer, an ERROR perhaps, are read, and then the end. If there
        is data, the Write should wait until TLS has read it: if the write fails, nobody can decrypt it any more.
        """
        if self._tls is None or self.line.reading or self.socket is None:
            return _Unread.NOTHING
        try:
            if self.socket.recv(1, socket.MSG_PEEK):
                return _Unread.DATA
        except (BlockingIOError, InterruptedError):
            return _Unread.NOTHING
        except OSError:
            pass  # it was reset
        self._read_rest()
        self._engine.report(self.line.eof)
        return _Unread.END

    def _read_rest(self) -> None:
        """Read what the peer sent before the connection ended, an ERROR perhaps, and nobody has read yet."""
        source = (
            self._tls.read if self._tls is not None else self.socket.recv if self.socket is not None else None
        )
        try:
            while source is not None and not self.line.over and (data := source(_READ_SIZE)):
                self._engine.report(self.line.received, data)
        except OSError:  # also those of TLS
            pass

    # ------------------------------------------------------------------ until the transport is accepted

    def stream_made(self) -> None:
        """Note that there is a byte stream: if it takes too long from here on, TLS does."""
        self.line.too_late = TimeoutError()

    def accept(self, transport: asyncio.Transport | None) -> None:
        """Pass on what was kept, and from now on everything.

        Args:
            transport: the one that counts, which may not have called connection_made() yet; ``None`` if it will.
        """
        self._accepted = True
        if transport is not None:
            self.transport = transport
            self._open(transport)

    def _keep(self, *fact: Any) -> None:
        self._kept.append(fact)

    def _open(self, transport: asyncio.Transport) -> None:
        # It may be one of others, which has only some methods of a transport.
        self.write = transport.write
        self.is_closing = method_of(transport, "is_closing") or self.closed.done
        extra_info = method_of(transport, "get_extra_info")
        self._tls = None if extra_info is None else extra_info("ssl_object")
        set_limits = method_of(transport, "set_write_buffer_limits")
        if set_limits is not None:
            # resume_writing() is to be called when its buffer is empty. A plain transport calls pause_writing() above
            # `high` bytes, one with TLS from `high` bytes on.
            set_limits(high=0 if self._tls is None else 1, low=0)
        self._report = self._engine.report
        self._engine.run(lambda now: self.line.made(now, self._via))
        kept, self._kept = self._kept, []
        for fact in kept:
            self._report(*fact)
        if self.line.over:
            self.abort()  # the driver does not want it any more

    # ------------------------------------------------------------------ for the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.transport is None:
            self.transport = cast(asyncio.Transport, transport)
            if self._accepted:
                self._open(self.transport)
        elif transport is not self.transport:
            close_transport(transport)  # a dialler has made two

    def data_received(self, data: bytes) -> None:
        self._report(self.line.received, data)

    def eof_received(self) -> None:
        self._report(self.line.eof)

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        # In the next turn: asyncio calls connection_lost() twice if the transport is closed within this call.
        asyncio.get_running_loop().call_soon(self._report_written)

    def _report_written(self) -> None:
        if not self.full:
            self._report(self.line.written)

    def connection_lost(self, exc: Exception | None) -> None:
        if isinstance(exc, OSError) or self._tls is not None:
            # Writing failed: the peer has closed. With TLS the transport has read ahead, and at times uvloop closes it
            # without an exception.
            self._read_rest()
        self._report(self.line.lost, exc)
        self._note_closed()


class _ReadBuffer(threading.local):
    """The buffer that all connections of a thread read into: a loop reads one socket after the other."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(_READ_SIZE))


_read_buffer = _ReadBuffer()


class _BufferedSocket(_Socket, asyncio.BufferedProtocol):
    """A connection whose transport is the loop's own, without TLS.

    For a plain protocol asyncio allocates 256 KiB for each read, whatever comes, and shrinks that afterwards: the C
    library maps these pages, and the kernel clears and unmaps them, which costs several times what it takes to read
    and process a frame. So this is read into a buffer that is there already. A transport of others may keep a buffer
    for longer than one call, and TLS has a buffer of its own: both of them call :meth:`data_received`.
    """

    def get_buffer(self, sizehint: int) -> memoryview:
        return _read_buffer.view

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(_read_buffer.view[:nbytes]))
