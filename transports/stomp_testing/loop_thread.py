"""LoopThread: one asyncio event loop in one background thread, for tools that blocking and async tests use alike."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["LoopThread"]

T = TypeVar("T")
_PATIENCE = 30.0  # seconds that a call into the loop may take; none takes a tenth of one


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

        self.run(cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_PATIENCE)
        self.loop.close()
