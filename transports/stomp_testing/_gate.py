"""Gate: whether the bytes of one direction may pass."""

from __future__ import annotations

import asyncio

__all__ = ["Gate"]


class Gate:
    """Open at first. Used in an event loop."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._for_good = False
        self._timer: asyncio.TimerHandle | None = None

    def shut(self, seconds: float | None) -> None:
        """Let nothing pass, for some seconds or until :meth:`open`."""
        self._open.clear()
        self._cancel_timer()
        if seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self.open)

    def shut_for_good(self) -> None:
        """Let nothing pass any more: only :meth:`release` ends that."""
        self.shut(None)
        self._for_good = True

    def open(self) -> None:
        """Let bytes pass again, unless it was shut for good."""
        self._cancel_timer()
        if not self._for_good:
            self._open.set()

    def release(self) -> None:
        """Let nobody wait any more: the connection has ended."""
        self._for_good = False
        self.open()

    async def passable(self) -> None:
        """Wait until bytes may pass."""
        await self._open.wait()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
