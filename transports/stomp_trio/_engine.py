"""Engine: drives a session in a trio nursery, with one task for time and two tasks for each connection.

Everything happens in one thread, and nothing is awaited in the middle of a change, so nothing is locked. The engine
carries out what the driver yields (:mod:`stomp_core.adapter` has the contract) and tells it what happened;
:class:`LoopEngine` decides when it polls.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from math import inf
from time import perf_counter
from typing import Any, TypeVar, cast

import trio

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
from stomp_core.session import Endpoint, Pending, Questions, Session

from ._dial import dial
from ._groups import unwrapped

__all__ = ["Engine"]

T = TypeVar("T")
_TIME_SLICE = 0.001  # seconds that a task may go on without an await that really waits
_READ_SIZE = 64 * 1024
_READS_PER_TURN = 8
_WOULD_BLOCK = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Engine(LoopEngine):
    """Drives one session in a nursery. An :class:`~stomp_core.adapter.AsyncEngine`.

    Args:
        session: what it drives.
        options: how to connect to an endpoint.
    """

    def __init__(self, session: Session, options: TransportOptions) -> None:
        super().__init__(session, trio.current_time)
        self._options = options
        self._timer_changed = _Waker()  # for the task for time: an earlier timer, a poll, or the end
        self._socket: _Socket | None = None
        self._waited_at = -inf  # on a clock that also runs where trio's is a test's
        self._nursery: trio.Nursery | None = None
        self._run: trio.lowlevel.TrioToken | None = None
        self._end = trio.Event()

    async def live(self) -> None:
        """Drive the session until it has ended, and its connection is closed."""
        try:
            self._run = trio.lowlevel.current_trio_token()
            async with trio.open_nursery() as self._nursery:
                try:
                    self.poll()
                    await self._keep_time()
                finally:
                    self.abort()
                    self._nursery.cancel_scope.cancel()
        finally:
            self._end.set()

    async def _keep_time(self) -> None:
        while not self.ended:
            with trio.move_on_at(self.timer_at):
                await self._timer_changed.wait()
            if trio.current_time() < self.timer_at:
                self.poll_if_due()
            else:
                if self._socket is not None:
                    self._socket.read()  # what came while a task did not let go of the thread
                self.timer_rang()

    # ------------------------------------------------------------------ for AsyncConnection

    async def wait(self, pending: Pending[T], timeout: float | None = None) -> T:
        """Wait for an outcome, and return it or raise it. If the task is cancelled, cancel the Pending.

        Raises:
            TimeoutError: it is not known after ``timeout`` seconds.
        """
        if pending.done:
            return pending.result()
        done = trio.Event()
        pending.add_done_callback(done.set)
        try:
            if timeout is None:
                await done.wait()
            else:
                with trio.move_on_after(timeout):
                    await done.wait()
                if not done.is_set():
                    raise TimeoutError(f"{pending.what} took more than {timeout:g} s")
        except BaseException:
            pending.remove_done_callback(done.set)
            self.run(pending.cancel)
            raise
        self._waited_at = perf_counter()
        return pending.result()

    def check_context(self) -> None:
        """Refuse to go on in another run of trio, unless the session has ended."""
        try:
            run = trio.lowlevel.current_trio_token()
        except RuntimeError:  # in asyncio, for instance
            run = None
        if run is not self._run and not self.session.closed:
            raise RuntimeError(
                "this connection belongs to another trio.run(): use it there, or connect in this one"
            )

    async def checkpoint(self) -> None:
        """Let other tasks run if they had no turn for a while, and raise if the task is cancelled.

        A full checkpoint at each call would cost more than most calls do.
        """
        self.check_context()
        if perf_counter() - self._waited_at < _TIME_SLICE:
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            await trio.lowlevel.checkpoint()
            self._waited_at = perf_counter()

    async def run_workers(self, worker: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
        """Run ``worker()`` in ``count`` tasks, and return when all of them have ended."""
        with unwrapped():
            async with trio.open_nursery() as nursery:
                for _ in range(count):
                    nursery.start_soon(worker)

    async def call_handler(
        self, handler: Callable[[AsyncMessage], Awaitable[object]], message: AsyncMessage
    ) -> None:
        """Call a user's handler, in the task of a worker."""
        await handler(message)

    async def join(self) -> None:
        """Wait until everything of the engine has ended."""
        await self._end.wait()

    # ------------------------------------------------------------------ for LoopEngine

    def poll_soon(self) -> None:
        self._timer_changed.wake()

    def carry_out(self, command: Command) -> None:
        if isinstance(command, Write):
            _socket_of(command.line).write(command.data)
        elif isinstance(command, Timer | End):
            self._timer_changed.wake()
        elif isinstance(command, Read):
            _socket_of(command.line).set_reading(command.on)
        elif isinstance(command, Dial):
            assert self._nursery is not None
            self._socket = command.line.tag = _Socket(self, command.line)
            self._nursery.start_soon(self._socket.live, command.endpoint)
        elif isinstance(command, Abort):
            _socket_of(command.line).abort()

    @property
    def options(self) -> TransportOptions:
        return self._options


async def _ask(questions: Questions[Any]) -> None:
    """Ask the program for its passcode and the like."""
    try:
        await questions.ask_async()
    except BaseExceptionGroup as group:
        # If what was cancelled has a nursery, and a task in it fails at that, the failure is of no interest any more.
        cancelled, _ = group.split(trio.Cancelled)
        if cancelled is None:
            raise
        raise cancelled from None


def _socket_of(line: Line) -> _Socket:
    return cast(_Socket, line.tag)


class _Socket:
    """One attempt to dial, and the connection that it becomes.

    Args:
        engine: the engine.
        line: what the driver knows of it.
    """

    def __init__(self, engine: Engine, line: Line) -> None:
        self._engine = engine
        self._line = line
        self._scope = trio.CancelScope()
        self._socket: socket.socket | None = None
        self._reading = True
        self._unsent = memoryview(b"")
        self._error: OSError | None = None  # of reading or writing
        self._may_read = _Waker()  # for the task that reads
        self._written = _Waker()  # for the task that writes

    async def live(self, endpoint: Endpoint) -> None:
        """Dial, then read and write until the connection is lost or aborted."""
        reason: BaseException | None = None
        completed = False
        try:
            with self._scope:
                try:
                    if self._line.questions is not None:
                        await _ask(self._line.questions)
                    self._socket = await dial(endpoint, self._engine.options)
                except Exception as error:
                    reason = error
                else:
                    self._engine.report(self._line.made)
                    reason = await self._serve()
                completed = True
        finally:
            if self._socket is not None:
                self._socket.close()
            if completed:
                self._engine.report(self._line.lost, reason)
            elif not self._line.over:
                self._engine.abort()  # it was not the driver who cancelled this task, but the program, which ends

    async def _serve(self) -> OSError | None:
        assert self._socket is not None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_writing, self._socket)
            while self._error is None and not self._line.over:
                if not self._reading:
                    await self._may_read.wait()
                    continue
                if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
                    await trio.lowlevel.checkpoint()
                else:
                    await trio.lowlevel.wait_readable(self._socket)
                self.read()
            nursery.cancel_scope.cancel()
        return self._error

    def abort(self) -> None:
        """Close the connection at once, or stop dialling."""
        self._scope.cancel()

    # ------------------------------------------------------------------ reading

    def set_reading(self, on: bool) -> None:
        """Start or stop reading."""
        self._reading = on
        self._may_read.wake()

    def read(self) -> None:
        """Read what the socket has, without waiting for more."""
        for _ in range(_READS_PER_TURN):
            if not self._reading or not self._receive():
                return

    def _receive(self) -> bool:
        """Receive once; return whether there may be more."""
        sock = self._socket
        if sock is None or self._line.over:
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
        assert self._socket is not None
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

    async def _keep_writing(self, sock: socket.socket) -> None:
        """Write the rest of a Write, and end the turns of the engine."""
        while self._error is None:
            try:
                await self._written.wait()
                while self._unsent and self._error is None:
                    await trio.lowlevel.wait_writable(sock)
                    self._send()
            finally:
                self._engine.end_turn(self._line)


class _Waker:
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
