"""MemoryStream: the end of a connection in memory that lives in trio. See :mod:`._memory_end`."""

from __future__ import annotations

from collections import deque
from typing import Self

import trio

from ._memory_end import HIGH, End

__all__ = ["MemoryStream"]

_RECEIVED_AT_ONCE = 64 * 1024


class MemoryStream(End, trio.abc.Stream):
    """One end of a connection in memory."""

    def __init__(self, token: trio.lowlevel.TrioToken) -> None:
        super().__init__(token.run_sync_soon)
        self._inbox: deque[bytes | Exception] = deque()
        self._changed = trio.Event()
        self._closed = False

    @classmethod
    async def create(cls) -> Self:
        """Return an end that is not connected yet."""
        await trio.lowlevel.checkpoint()
        return cls(trio.lowlevel.current_trio_token())

    # ------------------------------------------------------------------ called by the other end

    def arrived(self, what: bytes | Exception) -> None:
        self._inbox.append(what)
        self._wake()

    def taken(self, size: int) -> None:
        self.under_way -= size
        self._wake()

    def peer_left(self) -> None:
        self.peer_is_gone = True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    # ------------------------------------------------------------------ called by the program

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        self._check_open()
        if data and not self.peer_is_gone:
            self.send(bytes(data))
            await self.wait_send_all_might_not_block()
        if self.peer_is_gone:
            raise trio.BrokenResourceError("the peer has closed")

    async def wait_send_all_might_not_block(self) -> None:
        while self.under_way > HIGH and not self.peer_is_gone:
            await self._changed.wait()
            self._check_open()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        self._check_open()
        while not self._inbox:
            await self._changed.wait()
            self._check_open()
        what = self._inbox[0]
        if isinstance(what, Exception):
            raise trio.BrokenResourceError("the peer has aborted the connection") from what
        if not what:
            return b""  # and again, if it is asked for again
        self._inbox.popleft()
        size = max_bytes or _RECEIVED_AT_ONCE
        if len(what) > size:
            self._inbox.appendleft(what[size:])
            what = what[:size]
        self.peer.post(self.peer.taken, len(what))
        return what

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self.leave()
            self._wake()
        await trio.lowlevel.checkpoint()

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this stream was closed")
