"""MemoryDial: connections to a broker in the same process, without sockets. For each adapter, what it dials."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, overload

from stomp_core import Endpoint

from ._memory_end import HIGH, End

if TYPE_CHECKING:
    import trio

__all__ = ["MemoryDial"]


class MemoryDial:
    """Connects to a broker without a socket: the ``dial`` of ``connect()``, in each of the adapters.

    Args:
        loop: returns the broker's loop.
        accept: makes the protocol of the broker's end. It is called in the broker's thread.

    Raises:
        ConnectionRefusedError: the broker does not accept connections.
    """

    def __init__(
        self, loop: Callable[[], asyncio.AbstractEventLoop], accept: Callable[[], asyncio.Protocol]
    ) -> None:
        self._loop = loop
        self._accept = accept

    @overload
    def __call__(self, endpoint: Endpoint, how: float) -> socket.socket: ...

    @overload
    def __call__(
        self, endpoint: Endpoint, how: Callable[[], asyncio.Protocol]
    ) -> Awaitable[asyncio.Transport]: ...

    @overload
    def __call__(self, endpoint: Endpoint) -> Awaitable[trio.abc.Stream]: ...

    def __call__(
        self, endpoint: Endpoint, how: float | Callable[[], asyncio.Protocol] | None = None
    ) -> socket.socket | Awaitable[asyncio.Transport] | Awaitable[trio.abc.Stream]:
        """Connect.

        Args:
            endpoint: any.
            how: what the adapter passes: seconds in stomp_socket, a protocol factory in stomp_asyncio, nothing in
                stomp_trio.

        Returns:
            One end of a socket pair for stomp_socket, which waits for descriptors; for the others, something that is
            awaited and gives one end of a pair in memory.
        """
        if callable(how):
            return self._dial_asyncio(how)
        if how is not None:
            return self._dial_socket(how)
        return self._dial_trio()

    def _dial_socket(self, timeout: float) -> socket.socket:
        loop = self._loop()
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        accepted = asyncio.run_coroutine_threadsafe(loop.connect_accepted_socket(self._accept, theirs), loop)
        try:
            accepted.result(timeout)
        except BaseException:
            ours.close()
            theirs.close()
            raise
        return ours

    async def _dial_asyncio(self, make_protocol: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        loop = self._loop()
        ours = _Transport(asyncio.get_running_loop().call_soon_threadsafe)
        _connect(ours, _Transport(loop.call_soon_threadsafe), self._accept)
        ours.open(make_protocol())
        return ours

    async def _dial_trio(self) -> trio.abc.Stream:
        # Not at the top: the broker does not need trio.
        from ._memory_stream import MemoryStream

        loop = self._loop()
        ours = await MemoryStream.create()
        _connect(ours, _Transport(loop.call_soon_threadsafe), self._accept)
        return ours


def _connect(ours: End, theirs: _Transport, accept: Callable[[], asyncio.Protocol]) -> None:
    ours.peer, theirs.peer = theirs, ours
    theirs.post(theirs.accept, accept)


class _Transport(End, asyncio.Transport):
    """An end for a loop of asyncio."""

    def __init__(self, post: Callable[..., object]) -> None:
        End.__init__(self, post)
        asyncio.Transport.__init__(self)
        self._protocol: Any = None
        self._inbox: deque[bytes | Exception] = deque()
        self._reading = True
        self._closing = False
        self._high, self._low = HIGH, HIGH // 4
        self._full = False

    def accept(self, make_protocol: Callable[[], asyncio.Protocol]) -> None:
        """Begin, if the connection is accepted."""
        try:
            protocol = make_protocol()
        except ConnectionRefusedError as error:
            self._closing = True
            self.leave(error)
        else:
            self.open(protocol)

    def open(self, protocol: asyncio.Protocol) -> None:
        """Begin: what has come already is delivered."""
        self._protocol = protocol
        protocol.connection_made(self)
        self._deliver()

    # ------------------------------------------------------------------ called by the other end

    def arrived(self, what: bytes | Exception) -> None:
        self._inbox.append(what)
        self._deliver()

    def _deliver(self) -> None:
        while self._inbox and self._reading and not self._closing and self._protocol is not None:
            what = self._inbox.popleft()
            if isinstance(what, Exception):
                self._end(what)
            elif what:
                self.peer.post(self.peer.taken, len(what))
                self._protocol.data_received(what)
            elif not self._protocol.eof_received():
                self.close()

    def taken(self, size: int) -> None:
        self.under_way -= size
        if self._full and self.under_way <= self._low:
            self._full = False
            self._protocol.resume_writing()

    def peer_left(self) -> None:
        self.peer_is_gone = True
        if self._full:
            self._end(BrokenPipeError(errno.EPIPE, "the peer has closed"))

    # ------------------------------------------------------------------ called by the protocol

    def write(self, data: Any) -> None:
        if self._closing:
            return
        if self.peer_is_gone:
            self._end(BrokenPipeError(errno.EPIPE, "the peer has closed"))
            return
        self.send(data)
        if not self._full and self.under_way > self._high:
            self._full = True
            self._protocol.pause_writing()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.send_end()

    def get_write_buffer_size(self) -> int:
        return self.under_way

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = HIGH if high is None else high
        self._low = self._high // 4 if low is None else low

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True
        self.post(self._deliver)

    def is_reading(self) -> bool:
        return self._reading

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self.leave()
            self.post(self._protocol.connection_lost, None)

    def abort(self) -> None:
        if not self._closing:
            self._closing = True
            self.leave(ConnectionResetError(errno.ECONNRESET, "the peer has aborted the connection"))
            self.post(self._protocol.connection_lost, None)

    def _end(self, error: Exception) -> None:
        self._closing = True
        self.leave()
        self.post(self._protocol.connection_lost, error)
