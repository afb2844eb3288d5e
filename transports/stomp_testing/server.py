"""Server: sockets and timers around peers, in an asyncio loop. It knows nothing of STOMP."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator

from .exchange import Exchange
from .loop_thread import stop_serving
from .peer import Peer
from .ports import reset
from .recorder import Recorder
from .settings import Settings

__all__ = ["Link", "Server"]

_MANY_RECEIPTS = 4 * 1024 * 1024  # bytes that a client may leave unread before the broker stops reading it
_GRACE = 1.0  # seconds for a connection to take its last bytes


class Link(asyncio.Protocol):
    """One socket, and the peer behind it."""

    transport: asyncio.Transport
    peer: Peer
    number: int

    def __init__(self, server: Server) -> None:
        self._server = server
        self._recorder = server.recorder
        self._timer: asyncio.TimerHandle | None = None
        self._full = False
        self._leaving = False
        self._reading = True
        self.blocked = False  # the broker's memory is full, and this one would fill it further
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=self._server.settings.high_water)
        self.number = next(self._server.numbers)
        self.peer = self._server.enter(self)
        self.settle()

    def data_received(self, data: bytes) -> None:
        if self._recorder is not None:
            self._recorder.note(self.number, "to-server", data)
        published = self.peer.published
        self.peer.receive_data(data, self._server.now())
        if self.peer.published != published:
            self._server.check_memory(self)
        self.settle()
        self._server.flush()

    def eof_received(self) -> bool:
        self.peer.receive_data(b"", self._server.now())
        self._server.flush()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._server.leave(self)
        self.lost.set()

    def pause_writing(self) -> None:
        self._full = True
        self.peer.relieve(True)

    def resume_writing(self) -> None:
        self._full = False
        self.peer.relieve(False)
        self.settle()
        self._server.flush()

    def write_out(self) -> None:
        """Write what the peer has to say; close after it if the conversation is over."""
        wire = self.peer.take_output()
        self.write(wire)
        if self.peer.closing:
            self._say_goodbye()
            return
        self.peer.relieve(self._full)
        self.settle()

    def _say_goodbye(self) -> None:
        """Close behind the last bytes. What the client is still saying is read and thrown away: to close a socket
        with unread bytes in it is a RST, which can take the ERROR from the client that was to read it.
        """
        if self._leaving or self.transport.is_closing():
            return
        self._leaving = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._set_timer(self._server.now() + _GRACE, self.transport.abort)
        else:
            self.transport.close()

    def write(self, wire: bytes) -> None:
        """Write bytes, if there are any and the connection takes them."""
        if wire and not self.transport.is_closing():
            if self._recorder is not None:
                self._recorder.note(self.number, "to-client", wire)
            self.transport.write(wire)

    def settle(self) -> None:
        """Read or do not read, and set the timer, as things stand now."""
        server = self._server
        reading = not (
            server.stalled
            or self.blocked
            or self.peer.deaf
            or (self._full and self.transport.get_write_buffer_size() > _MANY_RECEIPTS)
        )
        if reading != self._reading and not self.transport.is_closing():
            self._reading = reading
            if reading:
                self.peer.resume_reading(server.now())
                self.transport.resume_reading()
            else:
                self.peer.pause_reading(server.now())
                self.transport.pause_reading()
        due = None if server.stalled else self.peer.next_deadline()
        # While bytes flow the deadline moves away with each of them. A timer that comes too early does no harm: to
        # look again then costs one an interval, however much is said.
        if due is not None and (self._timer is None or due < self._timer.when()):
            self._set_timer(due, self._on_time)

    def _set_timer(self, due: float, action: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._server.loop.call_at(due, action)

    def _on_time(self) -> None:
        self._timer = None
        if self._server.stalled:
            return
        self.peer.handle_timeout(self._server.now())
        self.settle()
        self._server.flush()


class Server:
    """Listeners and links of one broker; all of it runs in one loop.

    Args:
        exchange: the destinations.
        settings: the broker's.
        memory: bytes that may wait in all queues before clients that send are not read any more.
        numbers: for connections; they go on through restarts.
        recorder: notes all that is said.

    Attributes:
        stalled: nothing is read, written or answered, and all stays open.
    """

    def __init__(
        self,
        exchange: Exchange,
        settings: Settings,
        memory: int,
        numbers: Iterator[int],
        recorder: Recorder | None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.exchange = exchange
        self.settings = settings
        self.stalled = False
        self.links: dict[Peer, Link] = {}
        self._listeners: list[asyncio.Server] = []
        self._memory = memory
        self._blocked: set[Link] = set()
        self._dirty: list[Peer] = []
        self._flushing = False
        self.numbers = numbers
        self.recorder = recorder
        self._timer: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """The loop's clock."""
        return self.loop.time()

    # ------------------------------------------------------------------ listening

    async def listen(self, listener: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Take connections from a listening socket."""
        self._listeners.append(await self.loop.create_server(lambda: Link(self), sock=listener, ssl=tls))

    async def stop_listening(self) -> None:
        """New connections are refused from now on."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            await stop_serving(listener)

    # ------------------------------------------------------------------ links

    def enter(self, link: Link) -> Peer:
        """A connection was made."""
        session = f"session-{link.number}"
        peer = Peer(self.exchange, self.settings, session, self._dirty.append, self.now())
        self.links[peer] = link
        return peer

    def leave(self, link: Link) -> None:
        """A connection was lost."""
        self.links.pop(link.peer, None)
        self._blocked.discard(link)
        link.peer.end()
        self.flush()

    def flush(self) -> None:
        """Write what everybody has to say. One write a client, however many messages one chunk has made."""
        if self._flushing or self.stalled:
            return
        self._flushing = True
        try:
            while self._dirty:
                peers, self._dirty[:] = list(self._dirty), []
                for peer in peers:
                    link = self.links.get(peer)
                    if link is not None:
                        link.write_out()
        finally:
            self._flushing = False
        if self._blocked and self.exchange.backlog.size < self._memory // 2:
            blocked, self._blocked = self._blocked, set()
            for link in blocked:
                link.blocked = False
                link.settle()
        self._set_timer()

    def check_memory(self, link: Link) -> None:
        """A client that sends is not read while too much waits."""
        if self.exchange.backlog.size > self._memory:
            link.blocked = True
            self._blocked.add(link)

    def _set_timer(self) -> None:
        due = self.exchange.next_deadline()
        if due is not None and self._timer is None:
            self._timer = self.loop.call_at(due, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self.exchange.handle_timeout(self.now())
        self.flush()

    # ------------------------------------------------------------------ what tests do

    def each(self, action: Callable[[Peer], None]) -> None:
        """Do something to every client, and write what comes of it."""
        for peer, link in list(self.links.items()):
            action(peer)
            link.settle()
        self.flush()

    def stall(self) -> None:
        """Keep everything open; read, write and answer nothing."""
        self.stalled = True
        for link in self.links.values():
            link.settle()

    def resume(self) -> None:
        """Go on where :meth:`stall` stopped."""
        self.stalled = False
        for link in list(self.links.values()):
            link.settle()
        self.flush()

    async def drop(self, *, hard: bool) -> None:
        """End every connection: with a RST, or with a FIN behind what was written."""
        links = list(self.links.values())
        for link in links:
            link.peer.end()
            if hard:
                reset(link.transport)
            elif not self.stalled:
                link.write(link.peer.take_output())
            link.transport.close()
        waits = [asyncio.ensure_future(link.lost.wait()) for link in links]
        if waits:
            _, late = await asyncio.wait(waits, timeout=_GRACE)
            if late:
                # They do not read their last bytes.
                for link in links:
                    link.transport.abort()
                await asyncio.wait(waits, timeout=_GRACE)
        self.flush()

    async def close(self, *, hard: bool) -> None:
        """End listeners, connections and timers."""
        await self.stop_listening()
        await self.drop(hard=hard)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
