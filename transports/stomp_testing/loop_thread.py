"""LoopThread: one asyncio event loop in one background thread, for tools that blocking and async tests use alike."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["LoopThread", "rounds", "stop_serving"]

T = TypeVar("T")
_ROUNDS = 8  # an accepted connection takes three until its handler runs
_PATIENCE = 30.0  # seconds that a call into the loop may take; none takes a tenth of one


async def rounds() -> None:
    """Let the loop go round a few times: what was accepted gets its protocol, what was closed lets its socket go."""
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)


async def stop_serving(server: asyncio.Server) -> None:
    """Close a listener, when those whom it has accepted are there to be closed as well.

    ``Server.close`` alone would lose a connection of which the transport is about to be made: its socket is never
    closed, and a ResourceWarning says so.
    """
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    await rounds()
    server.close()


class LoopThread:
    """Starts at once; :meth:`close` ends it, with everything that runs in it.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and wait for what it returns or raises."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(_PATIENCE)

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in the loop's thread and wait for what it returns or raises."""
        if threading.current_thread() is self._thread:
            return function()

        async def calling() -> T:
            return function()

        return self.run(calling())

    def close(self) -> None:
        """Cancel what still runs, end the thread, close the loop."""

        async def cancel_all() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.loop.shutdown_asyncgens()
            # Transports close their sockets one round after they were told to.
            await rounds()

        self.run(cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_PATIENCE)
        self.loop.close()
