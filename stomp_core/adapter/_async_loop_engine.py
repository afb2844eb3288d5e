"""AsyncLoopEngine: how tasks wait, for an asynchronous Connection on any event loop whose functions are ``async``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from ..session import Config, EndpointSource, Pending, Rng, Session
from ._async import AsyncConnection, AsyncMessage
from ._callback_engine import CallbackEngine

__all__ = ["AsyncEvent", "AsyncLoopEngine"]

T = TypeVar("T")
_TIME_SLICE = 0.005  # seconds that a task may go on without an await that really waits


class AsyncEvent(Protocol):
    """An event that a task can wait for, such as ``asyncio.Event``, ``trio.Event`` and ``anyio.Event``."""

    def set(self) -> object:
        """Wake the task that waits. It may be called again. Its result is ignored."""

    async def wait(self) -> object:
        """Wait until it is set; return at once if it is set already. Its result is ignored."""


class AsyncLoopEngine(CallbackEngine):
    """An :class:`AsyncEngine` of four methods (``call_later``, ``dial``, ``new_event``, ``run_workers``) and a clock.

    ``await engine.open()`` returns the connection.

    Args:
        config: the options of the session. A URL, or several, stands for a :class:`.Config` with these endpoints.
        clock: a function that returns ``now``, in seconds; a monotonic clock, such as ``time.monotonic``.
        rng: for the jitter of pauses before reconnects: a :class:`random.Random`. Without it, clients that lose the
            same broker come back all at once.

    Raises:
        TypeError, ValueError, LocalProtocolError: see :class:`.Config`.
    """

    def __init__(
        self, config: Config | EndpointSource, clock: Callable[[], float], *, rng: Rng | None = None
    ) -> None:
        super().__init__(Session(config, make_delivery=AsyncMessage, rng=rng), clock)
        self._waited_at = clock()
        self._joining: list[AsyncEvent] = []

    # ------------------------------------------------------------------ what an adapter adds

    @abstractmethod
    def new_event(self) -> AsyncEvent:
        """Return a new event. It is called in the loop's thread."""

    @abstractmethod
    async def run_workers(self, worker: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
        """Run ``worker()`` in several tasks, and return when all of them have ended.

        If one of them raises, cancel the others. If this method is cancelled, cancel all of them.

        Args:
            worker: an ``async`` function without arguments.
            count: how many tasks.

        Raises:
            BaseException: what a worker has raised.
        """

    # ------------------------------------------------------------------ for AsyncConnection

    async def open(self) -> AsyncConnection:
        """Drive the session, wait until the broker has accepted CONNECT, and return the connection.

        Raises:
            AuthenticationFailed: the broker refused the login or the passcode.
            ConnectFailed: no endpoint could be connected to.
        """
        self.poll()
        try:
            await self.wait(self.session.opened)
        except BaseException:
            self.abort()
            raise
        return AsyncConnection(self)

    async def wait(self, pending: Pending[T], timeout: float | None = None) -> T:
        """Wait for an outcome, and return it or raise it. If the task is cancelled, cancel the Pending.

        Args:
            pending: the outcome to wait for.
            timeout: seconds to wait; ``None`` waits for as long as it takes.

        Raises:
            TimeoutError: it is not known in time. The Pending is cancelled.
            Exception: the outcome.
        """
        done = pending.done
        if done:
            return pending.result()
        event = self.new_event()
        pending.add_done_callback(event.set)
        expired = False

        def expire() -> None:
            nonlocal expired
            expired = True
            event.set()

        cancel_timer = None if timeout is None else self.call_later(timeout, expire)
        try:
            await event.wait()
            if not pending.done:
                raise TimeoutError(f"{pending.what} took more than {timeout:g} s")
        except BaseException:
            pending.remove_done_callback(event.set)
            self.run(pending.cancel)
            raise
        finally:
            if cancel_timer is not None and not expired:
                cancel_timer()
        self._waited_at = self._clock()
        return pending.result()

    async def checkpoint(self) -> None:
        """Let other tasks run if they had no turn for a while. Operations call it before they do anything.

        Override it if the loop has a cheap one of its own.

        Raises:
            RuntimeError: see :meth:`check_context`.
        """
        self.check_context()
        if self._clock() - self._waited_at > _TIME_SLICE:
            event = self.new_event()
            self.call_later(0.0, event.set)
            await event.wait()
            self._waited_at = self._clock()

    async def call_handler(
        self, handler: Callable[[AsyncMessage], Awaitable[object]], message: AsyncMessage
    ) -> None:
        """Call a user's handler, in the task of a worker.

        Args:
            handler: the handler.
            message: what to call it with.

        Raises:
            Exception: what the handler raised.
        """
        await handler(message)

    async def join(self) -> None:
        """Wait until the session has ended. Override it to wait for tasks of your own as well."""
        while not self.ended:
            event = self.new_event()
            self._joining.append(event)
            await event.wait()

    def on_end(self) -> None:
        """Wake the tasks that wait for the end."""
        for event in self._joining:
            event.set()
