"""Engine: drives a session in a trio nursery, with one task for time and two tasks for each connection.

Everything happens in one thread, and nothing is awaited in the middle of a change, so nothing is locked. The engine
carries out what the driver yields (:mod:`stomp_core.adapter` has the contract) and tells it what happened;
:class:`LoopEngine` decides when it polls.
"""

from __future__ import annotations

import socket
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
from stomp_core.session import Pending, Session

from ._connections import Connection, Waker, connection_of
from ._dial import dial
from ._groups import unwrapped, without_failures

__all__ = ["Engine"]

T = TypeVar("T")
_TIME_SLICE = 0.001  # seconds that a task may go on without an await that really waits


class Engine(LoopEngine):
    """Drives one session in a nursery. An :class:`~stomp_core.adapter.AsyncEngine`.

    Args:
        session: what it drives.
        options: how to connect to an endpoint.
    """

    def __init__(self, session: Session, options: TransportOptions) -> None:
        super().__init__(session, trio.current_time)
        self._options = options
        self._timer_changed = Waker()  # for the task for time: an earlier timer, a poll, or the end
        self._connection: Connection | None = None
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
            now = trio.current_time()
            if now < self.timer_at:
                self.poll_if_due()
            else:
                if self._connection is not None:
                    await self._connection.catch_up()
                self.timer_rang(now)

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
            _connection_of(command.line).write(command.data)
        elif isinstance(command, Timer | End):
            self._timer_changed.wake()
        elif isinstance(command, Read):
            _connection_of(command.line).set_reading(command.on)
        elif isinstance(command, Dial):
            assert self._nursery is not None
            attempt = command.line.tag = _Attempt()
            command.line.too_late = self._options.explain(
                command.endpoint, TimeoutError(), command.timeout, too_late=True
            )
            self._nursery.start_soon(self._connect, attempt, command)
        elif isinstance(command, Abort):
            command.line.tag.abort()

    async def _connect(self, attempt: _Attempt, command: Dial) -> None:
        """Dial, then read and write until the connection is lost or aborted."""
        line = command.line
        reason: BaseException | None = None
        completed = False
        try:
            stream = await self._dial(attempt, command)
            if stream is not None:
                connection = line.tag = self._connection = connection_of(self, line, stream)
                reason = await connection.serve(self._options.via(command.endpoint))
            else:
                reason = attempt.error
            completed = True
        finally:
            if completed:
                self.report(line.lost, reason)
            elif not line.over:
                self.abort()  # it was not the driver who cancelled this task, but the program, which ends

    async def _dial(self, attempt: _Attempt, command: Dial) -> socket.socket | trio.abc.Stream | None:
        def stream_made() -> None:
            command.line.too_late = TimeoutError()

        try:
            with attempt.scope, without_failures():
                if command.questions is not None:
                    await command.questions.ask_async()
                return await dial(command.endpoint, self._options, command.timeout, stream_made)
        except Exception as error:
            attempt.error = error
        return None


def _connection_of(line: Line) -> Connection:
    return cast(Connection, line.tag)


class _Attempt:
    """An attempt to dial.

    Attributes:
        scope: in which it dials.
        error: why it failed.
    """

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.error: Exception | None = None

    def abort(self) -> None:
        """Stop dialling."""
        self.scope.cancel()
