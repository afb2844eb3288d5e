"""Server: the sockets and timers of a broker, in an asyncio loop. Everything about STOMP is behind the peers.

Each client has a socket (:class:`ClientSocket`, an asyncio protocol) and a :class:`~stomp_testing._peer.Peer`. One
chunk from one client can create output for many others, so output is collected: the peers that have some are listed,
and :meth:`Server.flush` writes it when the chunk is processed, with one write for each client.

Reading pauses in four cases: the broker is stalled; a client sends while the queues hold more than ``memory``; input is
buffered behind an unanswered CONNECT; a client sends and does not read its receipts.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

from ._exchange import Exchange
from ._network import reset, send_fin, stop_serving
from ._peer import Peer
from ._recorder import Recorder
from ._settings import Settings

if TYPE_CHECKING:
    from stomp_websocket import WebSocketServer

    from ._websocket import WebSocketListener

__all__ = ["Server"]

_MAX_UNREAD_RECEIPTS = 4 * 1024 * 1024  # bytes that a client may leave unread before it is no longer read
_CLOSE_TIMEOUT = 1.0  # seconds for a client to receive its last bytes
_LINGER_TIMEOUT = (
    30.0  # seconds for a client to close after a FIN: on a busy machine it reads its last bytes late
)
_GOING_AWAY = 1001  # of RFC 6455, section 7.4.1
_NORMAL_CLOSURE = 1000


class ClientSocket(asyncio.Protocol):
    """One client's socket. It moves bytes and deadlines between the loop and the peer.

    Args:
        server: the server that accepted it.

    Attributes:
        blocked: the queues are full and this client sends: it is not read.
        lost: set once the connection is gone.
    """

    transport: asyncio.Transport
    peer: Peer

    def __init__(self, server: Server) -> None:
        self._server = server
        self._recorder = server.recorder
        self._number = 0
        self._timer: asyncio.TimerHandle | None = None
        self._full = False
        self._closing = False
        self._reading = True
        self.blocked = False
        self.lost = asyncio.Event()

    # ------------------------------------------------------------------ called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast and no isinstance: loops other than asyncio's own have transports that derive from nothing of asyncio.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=self._server.settings.high_water)
        self._number, self.peer = self._server.add(self)
        self.update()

    def data_received(self, data: bytes) -> None:
        if self._recorder is not None:
            self._recorder.note(self._number, "to-server", data)
        self.process(data)
        self.update()
        self._server.flush()

    def process(self, data: bytes) -> None:
        """Process bytes from the client."""
        if self.peer.receive_data(data, self._server.now()):
            self._server.check_memory(self)

    def eof_received(self) -> bool:
        self.peer.receive_data(b"", self._server.now())
        self._server.flush()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._server.remove(self)
        self.lost.set()

    def pause_writing(self) -> None:
        self._full = True
        self.peer.output_written(transport_full=True)

    def resume_writing(self) -> None:
        self._full = False
        # In the next turn: asyncio calls connection_lost() twice if the transport is closed within this call.
        asyncio.get_running_loop().call_soon(self._resume)

    def _resume(self) -> None:
        if self._full or self.lost.is_set():
            return
        self.peer.output_written(transport_full=False)
        self.update()
        self._server.flush()

    # ------------------------------------------------------------------ called by the server

    def write_output(self) -> None:
        """Write the peer's output, and close after it if the peer has ended."""
        self.write(self.take_output())
        if self.peer.closing:
            self.close()
            return
        self.peer.output_written(transport_full=self._full)
        self.update()

    def take_output(self) -> bytes:
        """Return the peer's output as it is written to the socket, and forget it."""
        return self.peer.take_output()

    def announce_end(self) -> None:
        """Write what tells the client that the broker stops."""

    def write(self, data: bytes) -> None:
        """Write bytes, if there are any and the connection is open."""
        if data and not self.transport.is_closing():
            if self._recorder is not None:
                self._recorder.note(self._number, "to-client", data)
            self.transport.write(data)

    def update(self) -> None:
        """Pause or resume reading, and set the timer, as the state of peer and server demands."""
        server = self._server
        reading = not (
            server.stalled
            or self.blocked
            or self.peer.input_full
            or (self._full and self.transport.get_write_buffer_size() > _MAX_UNREAD_RECEIPTS)
        )
        if reading != self._reading and not self.transport.is_closing():
            self._reading = reading
            if reading:
                self.peer.resume_reading(server.now())
                self.transport.resume_reading()
            else:
                self.peer.pause_reading(server.now())
                self.transport.pause_reading()
        deadline = None if server.stalled else self.peer.next_deadline()
        # While bytes flow, the deadline moves with each of them. The timer is left where it is: when it fires too
        # early it is set anew, once an interval instead of once a chunk.
        if deadline is not None and (self._timer is None or deadline < self._timer.when()):
            self._set_timer(deadline, self._on_timer)

    def close(self) -> None:
        """Begin to close the connection, after what was written."""
        if not self._closing and not self.transport.is_closing():
            self._closing = True
            self.end_stream()

    def end_stream(self) -> None:
        """Send a FIN, and read and discard what the client still sends until it closes, too."""
        # Closing a socket with unread bytes in it sends a RST, which can take away an ERROR that the client has not
        # read yet.
        if send_fin(self.transport):
            self._set_timer(self._server.now() + _LINGER_TIMEOUT, self.transport.abort)
        else:
            self.transport.close()

    # ------------------------------------------------------------------ inside

    def _set_timer(self, deadline: float, action: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._server.loop.call_at(deadline, action)

    def _on_timer(self) -> None:
        self._timer = None
        if self._server.stalled:
            return
        self.peer.handle_timeout(self._server.now())
        self.update()
        self._server.flush()


class WebSocketClientSocket(ClientSocket):
    """The socket of a client that speaks WebSocket: each frame of the peer is a message.

    Args:
        server: the server that accepted it.
        layer: between the socket and the peer.
    """

    def __init__(self, server: Server, layer: WebSocketServer) -> None:
        super().__init__(server)
        self._layer = layer

    def process(self, data: bytes) -> None:
        layer = self._layer
        stomp = layer.receive_data(data)
        self.write(layer.control())
        if stomp:
            super().process(bytes(stomp))
        else:
            self.peer.alive(self._server.now())
        if layer.over is not None:
            self.peer.end()
            if self._closing:  # the client has answered our Close frame
                self.end_stream()

    def take_output(self) -> bytes:
        return b"".join(map(self._layer.encode, self.peer.take_frames()))

    def announce_end(self) -> None:
        self.write(self._layer.close(_GOING_AWAY))

    def close(self) -> None:
        if self._closing or self.transport.is_closing():
            return
        self._closing = True
        layer = self._layer
        self.write(layer.close(_NORMAL_CLOSURE, self._server.settings.flavour.websocket_close_reason))
        if layer.opened and layer.over is None:
            # The client answers with a Close frame; who ends the stream before that may break its goodbye.
            self._set_timer(self._server.now() + _CLOSE_TIMEOUT, self.end_stream)
        else:
            self.end_stream()


class Server:
    """The listeners and clients of one broker. Created and used in one event loop.

    Args:
        exchange: the destinations.
        settings: the broker's.
        memory: bytes that may wait in all queues before clients that send are no longer read.
        numbers: numbers for connections; they go on after a restart.
        recorder: receives all bytes.

    Attributes:
        stalled: nothing is read, written or answered, and everything stays open.
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
        self.settings = settings
        self.recorder = recorder
        self.stalled = False
        self._exchange = exchange
        self._memory = memory
        self._numbers = numbers
        self._listeners: list[asyncio.Server] = []
        self._clients: dict[Peer, ClientSocket] = {}
        self._blocked: set[ClientSocket] = set()
        self._with_output: list[Peer] = []
        self._flushing = False
        self._timer: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """Return the time of the loop's clock, in seconds."""
        return self.loop.time()

    @property
    def peers(self) -> list[Peer]:
        """The clients, in the order in which they connected."""
        return list(self._clients)

    # ------------------------------------------------------------------ listening

    async def listen(
        self,
        listener: socket.socket,
        tls: ssl.SSLContext | None = None,
        websocket: WebSocketListener | None = None,
    ) -> None:
        """Accept connections from a listening socket: of plain STOMP, or of WebSocket."""

        def client() -> ClientSocket:
            return (
                ClientSocket(self)
                if websocket is None
                else WebSocketClientSocket(self, websocket.new_layer())
            )

        self._listeners.append(await self.loop.create_server(client, sock=listener, ssl=tls))

    def new_client(self) -> ClientSocket:
        """Return the protocol for one connection that was not accepted by a listener.

        Raises:
            ConnectionRefusedError: nobody listens: no more connections are accepted.
        """
        if not self._listeners:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "the broker accepts no connections")
        return ClientSocket(self)

    async def stop_listening(self) -> None:
        """Close all listeners: new connections are refused."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            await stop_serving(listener)

    # ------------------------------------------------------------------ clients

    def add(self, client: ClientSocket) -> tuple[int, Peer]:
        """Create the peer of a new connection; returns the connection's number too."""
        number = next(self._numbers)
        peer = Peer(
            self._exchange,
            self.settings,
            f"session-{number}",
            self._with_output,
            self.now(),
            websocket=isinstance(client, WebSocketClientSocket),
        )
        self._clients[peer] = client
        return number, peer

    def remove(self, client: ClientSocket) -> None:
        """Forget a connection that was lost, and requeue what its client did not acknowledge."""
        self._clients.pop(client.peer, None)
        self._blocked.discard(client)
        client.peer.end()
        self.flush()

    def flush(self) -> None:
        """Write the output of all peers that have some."""
        if self._flushing or self.stalled:
            return
        self._flushing = True
        try:
            while self._with_output:
                # The list is shared with the peers, so it is emptied in place. Writing can add peers to it.
                peers, self._with_output[:] = list(self._with_output), []
                for peer in peers:
                    client = self._clients.get(peer)
                    if client is not None:
                        client.write_output()
        finally:
            self._flushing = False
        if self._blocked and self._exchange.backlog.size < self._memory // 2:
            blocked, self._blocked = self._blocked, set()
            for client in blocked:
                client.blocked = False
                client.update()
        self._set_timer()

    def check_memory(self, client: ClientSocket) -> None:
        """Block a client that has sent, if the queues hold too much."""
        if self._exchange.backlog.size > self._memory:
            client.blocked = True
            self._blocked.add(client)

    def _set_timer(self) -> None:
        deadline = self._exchange.next_deadline()
        if deadline is not None and self._timer is None:
            self._timer = self.loop.call_at(deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._exchange.handle_timeout(self.now())
        self.flush()

    # ------------------------------------------------------------------ what a test makes the broker do

    def send_error_to_all(self, message: str, body: str, *, close: bool) -> None:
        """Send an ERROR to every client."""
        for peer in self.peers:
            peer.send_error(message, body, close=close)
        self._update_all()

    def release_receipts(self) -> None:
        """Send the receipts that were held back."""
        for peer in self.peers:
            peer.release_receipts()
        self._update_all()

    def answer_connects(self) -> None:
        """Answer the CONNECTs that are unanswered because the broker was silent."""
        for peer in self.peers:
            peer.answer_late(self.now())
        self._update_all()

    def stall(self) -> None:
        """Stop reading, writing and answering, and keep everything open."""
        self.stalled = True
        self._update_all()

    def resume(self) -> None:
        """Go on after :meth:`stall`."""
        self.stalled = False
        self._update_all()

    def _update_all(self) -> None:
        for client in list(self._clients.values()):
            client.update()
        self.flush()

    async def drop(self, *, hard: bool, announced: bool = False) -> None:
        """End every connection.

        Args:
            hard: with a RST; otherwise with a FIN after what was written.
            announced: send a Close frame to clients with a WebSocket.
        """
        clients = list(self._clients.values())
        for client in clients:
            client.peer.end()
            if hard:
                reset(client.transport)
            elif not self.stalled:
                client.write(client.take_output())
                if announced:
                    client.announce_end()
            client.transport.close()
        waits = [asyncio.ensure_future(client.lost.wait()) for client in clients]
        if waits:
            _, late = await asyncio.wait(waits, timeout=_CLOSE_TIMEOUT)
            if late:
                # They do not read their last bytes.
                for client in clients:
                    client.transport.abort()
                await asyncio.wait(waits, timeout=_CLOSE_TIMEOUT)
        self.flush()

    async def close(self, *, hard: bool) -> None:
        """Close all listeners and connections, and cancel timers."""
        await self.stop_listening()
        await self.drop(hard=hard, announced=True)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
