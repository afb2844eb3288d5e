"""Wire: one connection to the program under test, read as frames. No call takes longer than its seconds.

It is over TCP, with TLS or WebSocket on it if there are layers.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence

from stomp_core import NEED_DATA, ConnectionClosed, Frame, FrameParser, HeartBeat, Limits, ProtocolError

from ._layers import Layer, Stack

__all__ = ["Closed", "Illegal", "Stalled", "Wire"]

_CHUNK = 64 * 1024
#: What a peer may send is not limited by ours: a large body of the fuzzer comes back, and a head with more headers.
_LIMITS = Limits(max_header_line=1 << 24, max_headers=1 << 20, max_head=1 << 26, max_body=1 << 26)


class Closed(Exception):
    """The peer has closed the connection."""


class Illegal(Exception):
    """The peer has sent bytes that are no STOMP.

    Attributes:
        code: which rule they break.
    """

    def __init__(self, error: ProtocolError) -> None:
        super().__init__(str(error))
        self.code = error.code


class Stalled(Exception):
    """The peer does not take what is sent."""


class Wire:
    """A connection.

    Args:
        connection: a connected socket.

    Attributes:
        sent: all bytes of STOMP that were written.
        received: all bytes of STOMP that were read.
        last_data: when bytes were read last, as of :func:`time.monotonic`.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._layers = Stack()
        self._unsent = bytearray()  # as it is written to the socket
        self._parser = FrameParser(limits=_LIMITS)
        self._frames: deque[Frame] = deque()
        self._end: Closed | Illegal | None = None
        self.sent: bytearray = bytearray()
        self.received: bytearray = bytearray()
        self.last_data: float = time.monotonic()

    @staticmethod
    def connect(host: str, port: int, seconds: float, new_layers: Sequence[Callable[[], Layer]] = ()) -> Wire:
        """Connect to a broker.

        Args:
            host: its name or address.
            port: its port.
            seconds: that it has to accept the connection, and for each handshake.
            new_layers: make what is between STOMP and the socket, the one next to the socket first.

        Raises:
            OSError: it does not accept connections, or a handshake has failed.
        """
        wire = Wire(socket.create_connection((host, port), seconds))
        layers: list[Layer] = []
        try:
            for new_layer in new_layers:
                layers.append(new_layer())
                wire._layers = Stack(layers)
                wire._await_opened(time.monotonic() + seconds)
        except BaseException:
            wire.close()
            raise
        return wire

    def _await_opened(self, end: float) -> None:
        while not self._layers.opened:
            self._unsent += self._layers.control()
            self._flush()
            left = end - time.monotonic()
            writing = [self._socket] if self._unsent else []
            readable, writable, _ = select.select([self._socket], writing, [], max(0.0, left))
            if readable:
                self._receive()
            elif not writable and left <= 0:
                raise TimeoutError("the handshake of TLS or WebSocket was not answered in time")

    @property
    def closed(self) -> bool:
        """Whether the peer is known to have closed, or to have sent what is no STOMP."""
        return self._end is not None

    def set_version(self, version: str) -> None:
        """Read further frames in this version. Call it behind CONNECTED, before the next frame is there."""
        self._parser.version = version

    def write(self, data: bytes, seconds: float, piece: int = 0) -> None:
        """Send bytes. What a peer that has closed no longer takes is dropped.

        Args:
            data: the bytes.
            seconds: how long the peer may take.
            piece: bytes at a time; 0 for all.

        Raises:
            Stalled: the peer does not take them, and sends nothing either.
        """
        if self._socket.fileno() < 0:
            return
        self.sent += data
        end, position = time.monotonic() + seconds, 0
        while position < len(data) or self._unsent:
            if not self._unsent:
                stop = position + (piece or len(data))
                self._unsent += self._layers.encoded(data[position:stop])
                position = stop
            left = end - time.monotonic()
            readable, writable, _ = select.select([self._socket], [self._socket], [], max(0.0, left))
            if writable:
                if not self._flush():
                    return  # reading finds out what it has sent last
            elif readable:
                if not self._receive():
                    return
            elif left <= 0:
                taken = max(0, min(position, len(data)) - len(self._unsent))
                raise Stalled(f"it has taken {taken} of {len(data)} bytes within {seconds:g} s")

    def _flush(self) -> bool:
        """Write what the socket takes at once; return False if the peer takes nothing more."""
        try:
            if self._unsent:
                del self._unsent[: self._socket.send(self._unsent[:_CHUNK])]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent.clear()
            return False
        return True

    def frame(self, seconds: float) -> Frame:
        """Return the next frame.

        Raises:
            Closed: the connection has ended.
            Illegal: bytes came that are no STOMP.
            TimeoutError: nothing came.
        """
        end = time.monotonic() + seconds
        while not self._frames:
            self._parse()
            if self._frames:
                break
            if self._end is not None:
                raise self._end
            left = end - time.monotonic()
            readable, _, _ = select.select([self._socket], [], [], max(0.0, left))
            if readable:
                self._receive()
            elif left <= 0:
                raise TimeoutError
        return self._frames.popleft()

    def shut_down(self) -> None:
        """Send nothing more. What the peer sends can still be read."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the peer has closed it

    def close(self) -> None:
        """Close the connection. May be called twice; nothing is sent or read behind it."""
        self._end = self._end or Closed("the connection was closed from this side")
        self._frames.clear()
        if self._layers.opened and self._socket.fileno() >= 0:
            self._unsent += self._layers.closing()
            self._flush()
        self._socket.close()

    def _receive(self) -> bool:
        """Read what is there; return False at the end."""
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            data = b""  # a reset ends a connection, too
        decoded = self._layers.decoded(data)
        self._unsent += self._layers.control()
        self._flush()
        if decoded:
            self.received += decoded
            self.last_data = time.monotonic()
            self._feed(decoded)
        if not data or self._layers.ended:
            self._feed(b"")
            return False
        return True

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.receive_data(data)
        except ProtocolError as error:
            self._end = self._end or Illegal(error)

    def _parse(self) -> None:
        """Read one frame: the version may change behind it."""
        if self._end is not None:
            return
        try:
            while (event := self._parser.next_frame()) is not NEED_DATA:
                if isinstance(event, ConnectionClosed):
                    self._end = Closed("the connection was closed")
                    return
                if not isinstance(event, HeartBeat):
                    self._frames.append(event)
                    return
        except ProtocolError as error:
            self._end = Illegal(error)
