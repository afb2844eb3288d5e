"""Layered: the byte layer of one connection, between the socket and a session's queue.

What is received passes through the layer on its way to STOMP, and what the layer itself has to write (the opening
handshake, a Pong, a Close) goes into the send queue before frames that have not begun to leave. When the layer is
opened, CONNECT follows, and from then on the send queue encodes every frame with it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..protocol import Connect, Event
from ..wire import Headers
from ._byte_layer import ByteLayer
from ._send_queue import SendQueue

__all__ = ["Layered"]

_PIECE = 4096  # bytes


class Layered:
    """A byte layer in use.

    Args:
        layer: a new one. What it writes first is queued.
        queue: of the session.
        connect: the frame to send when the layer is opened.

    Attributes:
        layer: see above.
        connect: see above.
        started: whether CONNECT may be sent, or was.
        answer: what the layer has written itself when it last received something.
        unpromised: the interval of our heart-beats in seconds, if they are sent without a promise; otherwise 0.
    """

    __slots__ = ("_closing", "_queue", "answer", "connect", "layer", "started", "unpromised")

    def __init__(self, layer: ByteLayer, queue: SendQueue, connect: Event) -> None:
        self.layer = layer
        self.connect = connect
        self.started = False
        self.answer = b""
        self.unpromised = 0.0
        self._queue = queue
        self._closing = False
        if opening := layer.opening():
            queue.put_first(opening)

    def receive(self, data: bytes | bytearray | memoryview) -> bytes | bytearray:
        """Pass bytes from the socket through the layer, ``b""`` as the end of the stream; return those of STOMP."""
        layer = self.layer
        stomp: bytes | bytearray = b""
        if data:
            stomp = layer.receive_data(data)
        else:
            layer.receive_eof()
        self.answer = control = layer.control()
        if control and not self._closing:  # a Pong would replace our Close, if that has not left yet
            self._queue.put_first(control)
        return stomp

    def pieces(self, data: bytes | bytearray | memoryview) -> Iterable[bytes | bytearray | memoryview]:
        """Return what was received in the pieces in which it may pass: small ones if the layer decompresses.

        A byte of deflate may be a thousand bytes of STOMP, so a single read could be hundreds of megabytes.
        """
        if len(data) <= _PIECE or not self.layer.expands:
            return (data,)
        return [data[start : start + _PIECE] for start in range(0, len(data), _PIECE)]

    def start(self) -> bool:
        """Return, once, whether the layer is opened; from then on frames are encoded."""
        if self.started or not self.layer.opened:
            return False
        self.started = True
        self._queue.encode = self.layer.encode
        return True

    def withdraw_promise(self) -> None:
        """Let CONNECT promise no heart-beats if this peer breaks upon them; they are to be sent all the same."""
        if self.layer.promise_heart_beats or not isinstance(self.connect, Connect):
            return
        sending, comma, receiving = self.connect.headers.get("heart-beat", "").partition(",")
        if comma and sending != "0":
            headers = [
                (name, f"0,{receiving}" if name == "heart-beat" else value)
                for name, value in self.connect.headers.items()
            ]
            self.unpromised = int(sending) / 1000
            self.connect = Connect.from_frame(self.connect.frame.replace(headers=Headers(headers)))

    def close(self) -> bool:
        """Send the end of the layer's protocol behind everything else; return whether the peer will answer it."""
        self._closing = True
        wire = self.layer.close()
        self._queue.encode = None
        if wire:
            self._queue.put(wire, None)
        return bool(wire)
