"""WebSocketReader: what passes in the two directions of a WebSocket, seen by somebody in the middle.

It takes no part in the conversation and is not strict: it finds the bytes of STOMP in it, and what else was sent, for
the recorder and the proxy. It needs nothing but the standard library.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

__all__ = [
    "Opening",
    "Part",
    "WebSocketReader",
    "is_compressed",
    "is_message",
    "text_message",
    "with_payload",
]

_REQUEST = b"GET "
_LARGEST_HEAD = 64 * 1024
_LARGEST_FRAME = 256 * 1024 * 1024
_KINDS = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
_DATA = 3  # operation codes below it are data frames
_FLUSHED = b"\x00\x00\xff\xff"  # what RFC 7692, section 7.2.1, removes from the end of a compressed message


class Opening:
    """Tells from the first bytes of a client whether a connection speaks WebSocket.

    Attributes:
        reader: of the WebSocket, once it is known that there is one.
    """

    def __init__(self) -> None:
        self.reader: WebSocketReader | None = None
        self._first = b""  # what the client sent while it was unknown
        self._known = False

    def pass_on(self, direction: str, data: bytes) -> bytes | None:
        """Return what is to be read now: ``data`` behind what was kept; ``None`` while too little is known.

        Args:
            direction: ``"to-server"`` or ``"to-client"``.
            data: the next bytes in it.
        """
        if self._known or direction != "to-server":
            return data
        data = self._first + data
        if not data.startswith(_REQUEST) and _REQUEST.startswith(data):
            self._first = data
            return None
        self._known = True
        if data.startswith(_REQUEST):
            self.reader = WebSocketReader()
        return data


class Part(NamedTuple):
    """One piece of a WebSocket conversation.

    Attributes:
        kind: ``"head"`` of HTTP, ``"body"`` of a refusal, ``"text"``, ``"binary"``, ``"continuation"``, ``"ping"``,
            ``"pong"``, ``"close"``, or ``"broken"``: from here on this direction is not read.
        payload: unmasked and decompressed; for ``"broken"`` the reason.
        raw: its bytes as they pass; empty for ``"broken"``.
    """

    kind: str
    payload: bytes
    raw: bytes

    @property
    def is_stomp(self) -> bool:
        """Whether the payload is bytes of STOMP."""
        return self.kind in ("text", "binary", "continuation")


class WebSocketReader:
    """Reads both directions of one WebSocket."""

    def __init__(self) -> None:
        to_server, to_client = _Direction(), _Direction()
        to_client.other = to_server
        self._directions = {"to-server": to_server, "to-client": to_client}

    def read(self, direction: str, data: bytes) -> Iterator[Part]:
        """Yield what is complete with these bytes.

        Args:
            direction: ``"to-server"`` or ``"to-client"``.
            data: the next bytes in it.
        """
        return self._directions[direction].read(data)


class _Direction:
    def __init__(self) -> None:
        self._buffer = bytearray()
        self._read = self._read_head
        self._compressed = False  # the message whose fragments are read
        self._inflater = zlib.decompressobj(-15)
        self._broken = False
        self.other: _Direction | None = None  # of the answer: the direction of the request
        self.keeps_context = True

    def read(self, data: bytes) -> Iterator[Part]:
        self._buffer += data
        while not self._broken and self._buffer:
            try:
                found = self._read()
            except (ValueError, zlib.error) as error:
                self._broken = True
                yield Part("broken", str(error).encode(), b"")
                break
            if found is None:
                return
            yield found
        if self._broken:
            self._buffer.clear()

    def _read_head(self) -> Part | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _LARGEST_HEAD:
                raise ValueError(f"no end of the HTTP head within {_LARGEST_HEAD} bytes")
            return None
        head = self._take(end + 4)
        self._read = self._read_frame
        if self.other is not None:
            if not head.startswith(b"HTTP/") or head.split(b" ", 2)[1] != b"101":
                self._read = self.other._read = self._read_body
            self._negotiate(head)
        return Part("head", head, head)

    def _negotiate(self, head: bytes) -> None:
        """Read what the server has agreed to, for both directions."""
        for line in head.decode("latin-1").lower().split("\r\n"):
            name, _, value = line.partition(":")
            if name == "sec-websocket-extensions" and self.other is not None:
                self.keeps_context = "server_no_context_takeover" not in value
                self.other.keeps_context = "client_no_context_takeover" not in value

    def _read_body(self) -> Part | None:
        body = self._take(len(self._buffer))
        return Part("body", body, body)

    def _read_frame(self) -> Part | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size = buffer[1] & 0x7F
        start = 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(buffer[2:start], "big")
        masked = buffer[1] >= 0x80
        start += 4 if masked else 0
        if size > _LARGEST_FRAME:
            raise ValueError(f"a frame of {size} bytes")
        if len(buffer) < start + size:
            return None
        final, compressed, code = buffer[0] >= 0x80, bool(buffer[0] & 0x40), buffer[0] & 0x0F
        if code not in _KINDS or buffer[0] & 0x30:
            raise ValueError(f"a frame that begins with 0x{buffer[0]:02x}")
        frame = self._take(start + size)
        payload = frame[start:]
        if masked:
            payload = _unmasked(payload, frame[start - 4 : start])
        if code < _DATA:
            payload = self._decompressed(code, payload, final, compressed)
        return Part(_KINDS[code], payload, frame)

    def _decompressed(self, code: int, payload: bytes, final: bool, compressed: bool) -> bytes:
        if code:
            self._compressed = compressed
        if not self._compressed:
            return payload
        payload = self._inflater.decompress(payload + _FLUSHED if final else payload, _LARGEST_FRAME)
        if self._inflater.unconsumed_tail:
            raise ValueError(f"a frame of more than {_LARGEST_FRAME} bytes, decompressed")
        if final and not self.keeps_context:
            self._inflater = zlib.decompressobj(-15)
        return payload

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


# ---------------------------------------------------------------------- one WebSocket frame


def is_final(frame: bytes) -> bool:
    """Return whether a frame of data is the last one of its message."""
    return frame[0] >= 0x80


def is_message(frame: bytes) -> bool:
    """Return whether a frame of data is a whole message."""
    return is_final(frame) and frame[0] & 0x0F != 0


def is_compressed(frame: bytes) -> bool:
    """Return whether a frame begins a compressed message (RFC 7692, section 6)."""
    return bool(frame[0] & 0x40)


def text_message(payload: bytes) -> bytes:
    """Return a message of a server, as one frame."""
    return with_payload(b"\x81\x00", payload)


def with_payload(frame: bytes, payload: bytes) -> bytes:
    """Return a frame with another payload, which is not compressed; it is masked with the same key.

    Args:
        frame: of data, complete.
        payload: what it is to contain.
    """
    size = frame[1] & 0x7F
    start = {126: 4, 127: 10}.get(size, 2)
    masked = frame[1] & 0x80
    key = frame[start : start + 4] if masked else b""
    if len(payload) < 126:
        length = bytes([masked | len(payload)])
    elif len(payload) < 1 << 16:
        length = bytes([masked | 126]) + len(payload).to_bytes(2, "big")
    else:
        length = bytes([masked | 127]) + len(payload).to_bytes(8, "big")
    return bytes([frame[0] & 0xBF]) + length + key + (_unmasked(payload, key) if masked else payload)


def _unmasked(payload: bytes, key: bytes) -> bytes:
    size = len(payload)
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")
