"""What both ends of a WebSocket share: STOMP's frames in messages of RFC 6455, and back.

One STOMP frame, or one heart-beat, is one message: ActiveMQ reads no second frame of a message and takes a heart-beat
only as a message that is exactly a line feed. It is a text message if it is UTF-8, else a binary one: ActiveMQ ignores
binary messages, and RabbitMQ closes the connection for a text message that is not UTF-8.

In the other direction nothing of this is expected. The payload of each WebSocket frame is passed on as soon as it is
complete: a message may contain several STOMP frames or a part of one, and a text message need not be UTF-8 (RabbitMQ
sends bodies of any bytes as text). Nothing is assembled, so memory is bounded by one WebSocket frame, and a message
that never ends costs none.
"""

from __future__ import annotations

import logging
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import OPEN, Protocol

from . import _texts

__all__ = ["QUIET", "Layer"]

_PONG = 0x8A  # the first byte of a Pong frame
_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


class _Quiet(logging.LoggerAdapter[logging.Logger]):
    """Let no DEBUG and INFO through: at DEBUG, websockets logs the headers of the handshake, and with them tokens."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802
        return level > logging.INFO and super().isEnabledFor(level)


#: The logger of every WebSocket. The session logs what becomes of a connection.
QUIET = _Quiet(logging.getLogger("stomp_core.websocket"))


class Layer:
    """A WebSocket, between STOMP and the bytes of a socket. It is a :class:`stomp_core.session.ByteLayer`.

    Args:
        protocol: the protocol object of the package websockets.
        text: send every message as text (``True``) or as binary (``False``); ``None``: as text if it is UTF-8.
        message_size: split STOMP frames that are longer than this many bytes into several messages; ``None``: never.

    Attributes:
        opened: whether the handshake has succeeded, so that STOMP may pass.
        over: a sentence that says why nothing more will come; ``None`` as long as something may.
        login_refused: whether the server refused the handshake with HTTP 401 or 403.
        promise_heart_beats: whether CONNECT may promise heart-beats to this peer.
    """

    def __init__(self, protocol: Protocol, *, text: bool | None, message_size: int | None) -> None:
        self._protocol: Any = protocol
        self._text = text
        self._message_size = message_size
        self._received_any = False  # whether any byte was received
        self.opened: bool = False
        self.over: str | None = None
        self.login_refused: bool = False
        self.promise_heart_beats: bool = True

    # ------------------------------------------------------------------ receiving

    @property
    def expands(self) -> bool:
        """Whether few received bytes may become many, by permessage-deflate."""
        return bool(self._protocol.extensions)

    def receive_data(self, data: bytes | bytearray | memoryview) -> bytes | bytearray:
        """Process bytes from the socket. Look at ``over``, and write :meth:`control`, afterwards.

        Args:
            data: the bytes, in pieces of any size.

        Returns:
            The bytes of STOMP in them; ``b""`` as long as a WebSocket frame is incomplete.
        """
        if self.over is not None or not data:
            return b""
        self._received_any = True
        self._protocol.receive_data(data)
        return self._process_events()

    def receive_eof(self) -> None:
        """Process the end of the stream: ``over`` says what it means."""
        if self.over is None:
            self._protocol.receive_eof()
            self._process_events()
            if self.over is None:
                self.over = _texts.ENDED_WITHOUT_CLOSE

    def _process_events(self) -> bytes | bytearray:
        protocol = self._protocol
        payloads: list[Any] = []
        for event in protocol.events_received():
            if not isinstance(event, Frame):
                self._receive_http(event)
            elif event.opcode in _DATA:
                payloads.append(self._receive_payload(event))
            elif event.opcode is Opcode.CLOSE:
                self.over = _texts.closed(protocol.close_rcvd)
        if self.over is None:
            if protocol.handshake_exc is not None:
                self._refused(protocol.handshake_exc)
            elif isinstance(protocol.parser_exc, EOFError):
                self.over = _texts.ENDED_WITHOUT_CLOSE
            elif protocol.parser_exc is not None:
                sent = protocol.close_sent
                self.over = _texts.broken(protocol.parser_exc, None if sent is None else sent.code)
        payload: bytes | bytearray = payloads[0] if len(payloads) == 1 else b"".join(payloads)
        return payload

    def _receive_payload(self, frame: Frame) -> bytes | bytearray:
        """Return the bytes of STOMP in a data frame."""
        payload: bytes | bytearray = bytes(frame.data) if isinstance(frame.data, memoryview) else frame.data
        return payload

    def _receive_http(self, event: Request | Response) -> None:
        """Process the HTTP message of the handshake."""
        raise NotImplementedError

    def _refused(self, error: Exception) -> None:
        """Process the failure of the handshake."""
        raise NotImplementedError

    # ------------------------------------------------------------------ sending

    def encode(self, wire: bytes) -> bytes:
        """Return a STOMP frame or a heart-beat as it is written to the socket, as one message.

        It is ``b""`` if nothing can be written, because a Close frame was sent.

        Args:
            wire: the bytes of the frame or heart-beat.
        """
        protocol = self._protocol
        if protocol.state is not OPEN:
            return b""
        text = self._text
        if text is None:
            text = wire.isascii() or _is_utf8(wire)
        send = protocol.send_text if text else protocol.send_binary
        if self._message_size is None or len(wire) <= self._message_size:
            send(wire)
        else:
            for piece in _split(wire, self._message_size, text=text):
                send(piece)
        return self.control()

    def control(self) -> bytes:
        """Return the bytes to write before STOMP frames that have not begun to leave: the HTTP answer, Pong, Close.

        Of several Pongs only the last one is returned: RFC 6455, section 5.5.3, allows that.
        """
        writes: list[bytes] = self._protocol.data_to_send()
        if len(writes) == 1:
            return writes[0]
        if not writes:
            return b""
        # An empty item stands for a half-close, which is the driver's to decide.
        pongs = [index for index, item in enumerate(writes) if item and item[0] == _PONG]
        for index in pongs[:-1]:
            writes[index] = b""
        return b"".join(writes)

    def close(self, code: int = 1000, reason: str = "") -> bytes:
        """Return a Close frame; ``b""`` if the WebSocket is not open or a Close frame was sent already.

        Args:
            code: the code of the Close frame (RFC 6455, section 7.4).
            reason: its reason, a text of at most 123 bytes.
        """
        if self._protocol.state is OPEN:
            self._protocol.send_close(code, reason)
        return self.control()


def _is_utf8(wire: bytes) -> bool:
    try:
        wire.decode()
    except UnicodeDecodeError:
        return False
    return True


def _end_of_character(wire: bytes, start: int, end: int) -> int:
    """Return where the last whole character in front of ``end`` ends; ``end`` itself if the bytes are no UTF-8."""
    for last in range(end, max(start, end - 4), -1):
        if last >= len(wire) or wire[last] & 0xC0 != 0x80:  # not a continuation byte of UTF-8
            return last
    return end


def _split(wire: bytes, size: int, *, text: bool) -> list[bytes]:
    """Split a STOMP frame into pieces of at most ``size`` bytes, in text not within a character."""
    pieces = []
    start = 0
    while start < len(wire):
        end = start + size
        if text:
            end = _end_of_character(wire, start, end)
        pieces.append(wire[start:end])
        start = end
    return pieces
