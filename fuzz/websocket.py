"""Both ends of a WebSocket, with each other and with a peer that sends anything.

What is written is read by a small reader of RFC 6455 that is written here, so that two mistakes which fit each other
are found. An input is two bytes of settings and then operations (see :func:`websocket`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from stomp_core.session import Endpoint
from stomp_websocket import WebSocket, WebSocketServer
from stomp_websocket import WebSocketClient as _Client

from .choices import Choices

__all__ = ["STEPS", "websocket"]

STEPS = ("client sends", "server sends", "client closes", "server closes", "end")
_PEER_STEPS = ("peer sends", "peer sends bytes", "end")
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
_OPCODES = (_TEXT, _BINARY, 0, _PING, _PONG, _CLOSE, 3)
_MAX_SIZE = 1024
Layer = _Client | WebSocketServer
_REPEATED = (1, 1, 1, 6)
_MESSAGE_SIZES = (None, 4, 16)
_TEXT_MODES = (None, None, True, False)


class _Message(NamedTuple):
    """A WebSocket frame.

    Attributes:
        opcode: its opcode.
        is_final: whether it ends a message.
        payload: unmasked.
    """

    opcode: int
    is_final: bool
    payload: bytes


def websocket(data: bytes) -> None:
    """Check that each end gives what the other one was given, as messages that RFC 6455 allows, in any chunks.

    Byte 0 picks from which size on messages are split (bits 0-1), whether they are text (2-3), whether a peer that
    follows no rules takes the place of the server (4), and whether the server waits for whole messages (5); 1 is the
    size of chunks. Then one byte picks each step.
    """
    choices = Choices(data)
    first = choices.byte()
    size, text = _MESSAGE_SIZES[first % 4 % 3], _TEXT_MODES[first >> 2 & 3]
    chunk = choices.byte() % 16 + 1
    play = _Peer(text, chunk) if first & 16 else _Ends(size, text, chunk, whole=bool(first & 32))
    steps = _PEER_STEPS if first & 16 else STEPS
    while choices.left:
        play.step(choices.pick(steps), choices)


class _Ends:
    """A client's and a server's end."""

    def __init__(self, message_size: int | None, text: bool | None, chunk: int, *, whole: bool) -> None:
        self.text, self.chunk = text, chunk
        # The server's options do not allow sizes that are only good for tests.
        self.sizes = {True: message_size, False: None if message_size is None else _MAX_SIZE}
        self.server = WebSocketServer(
            WebSocket(max_size=_MAX_SIZE, message_size=self.sizes[False], text=text),
            read_message=(lambda message, is_text: message) if whole else None,
        )
        self.client = _client(message_size, text)
        for piece in _cut(self.client.opening(), chunk):
            self.server.receive_data(piece)
        for piece in _cut(self.server.control(), chunk):
            self.client.receive_data(piece)
        assert self.client.opened
        assert self.server.opened

    def step(self, step: str, choices: Choices) -> None:
        """Do one of :data:`STEPS`."""
        if step == "client sends":
            self.send(self.client, self.server, choices.piece() * choices.pick(_REPEATED))
        elif step == "server sends":
            self.send(self.server, self.client, choices.piece() * choices.pick(_REPEATED))
        elif step == "client closes":
            self.close(self.client, self.server, choices.pick((1000, 1001, 4000)))
        elif step == "server closes":
            self.close(self.server, self.client, choices.pick((1000, 1001, 4000)))
        else:
            for end in (self.client, self.server):
                _end(end)

    def send(self, sender: Layer, receiver: Layer, wire: bytes) -> None:
        """Send a frame of STOMP, and check what is written and what arrives."""
        if not wire:
            return
        is_client = sender is self.client
        was_over, receiver_was_over = sender.over is not None, receiver.over is not None
        written = sender.encode(wire)
        if not written:
            return
        assert not was_over or not sender.opened or receiver_was_over, f"{wire!r} was written after the end"
        messages = [message for message in _read(written, masked=is_client) if message.opcode < _CLOSE]
        assert b"".join(message.payload for message in messages) == wire
        self._check_messages(messages, wire, self.sizes[is_client])
        received = b"".join(receiver.receive_data(piece) for piece in _cut(written, self.chunk))
        if receiver_was_over:
            assert not received, "STOMP came after the end"
        elif receiver.over is None:
            assert received == wire, f"{received!r} was received of {wire!r}"
        else:
            assert max(len(message.payload) for message in messages) > _MAX_SIZE, (
                f"{receiver.over} at {wire!r}"
            )

    def _check_messages(self, messages: list[_Message], wire: bytes, size: int | None) -> None:
        assert all(message.is_final for message in messages), "a message is fragmented"
        opcodes = {message.opcode for message in messages}
        assert len(opcodes) == 1, f"{wire!r} was written with the opcodes {opcodes}"
        is_text = opcodes == {_TEXT}
        assert is_text == (_is_utf8(wire) if self.text is None else self.text)
        if size is None or len(wire) <= size:
            assert len(messages) == 1, f"{wire!r} was split"
        elif not (is_text and not _is_utf8(wire)):
            assert all(len(message.payload) <= size for message in messages)
            if is_text:
                assert all(_is_utf8(message.payload) for message in messages), (
                    f"{messages!r} splits a character"
                )

    def close(self, closer: Layer, other: Layer, code: int) -> None:
        """Close one end. Nothing is written behind a Close frame."""
        close = closer.close(code)
        assert closer.close(code) == b"", "a second Close frame"
        assert closer.encode(b"x") == b"", "a frame behind Close"
        if close:
            for piece in _cut(close, self.chunk):
                other.receive_data(piece)
            assert other.over is not None
            assert other.encode(b"x") in (b"", other.control()), "a frame behind the answer to Close"


class _Peer:
    """Two clients that receive the same from a peer, one of them in chunks."""

    def __init__(self, text: bool | None, chunk: int) -> None:
        self.chunk = chunk
        self.client, self.again = _client(None, text), _client(None, text)
        for client in (self.client, self.again):
            # They have sent different keys.
            server = WebSocketServer()
            server.receive_data(client.opening())
            client.receive_data(server.control())
        self.sent = b""

    def step(self, step: str, choices: Choices) -> None:
        """Do one of :data:`_PEER_STEPS`."""
        if step == "peer sends":
            opcode, is_final = choices.pick(_OPCODES), not choices.byte() & 1
            self.receive(_write(_Message(opcode, is_final, choices.piece() * choices.pick(_REPEATED))))
        elif step == "peer sends bytes":
            self.receive(choices.piece())
        else:
            _end(self.client)
            _end(self.again)
            assert self.client.over == self.again.over

    def receive(self, data: bytes) -> None:
        """Let both clients receive bytes of any kind."""
        was_over = self.client.over is not None
        whole = bytes(self.client.receive_data(data))
        in_chunks = b"".join(bytes(self.again.receive_data(piece)) for piece in _cut(data, self.chunk))
        assert not was_over or not whole, "STOMP came after the end"
        assert in_chunks == whole, f"{in_chunks!r} in chunks, {whole!r} as a whole"
        assert self.again.over == self.client.over
        sent_before, self.sent = self.sent, self.sent + data
        assert len(whole) <= len(self.sent)
        written = list(_read(self.client.control(), masked=True))
        again = list(_read(self.again.control(), masked=True))
        pongs = [message for message in written if message.opcode == _PONG]
        assert len(pongs) <= 1, "more than the last Pong is kept"
        assert pongs == [message for message in again if message.opcode == _PONG][-1:]
        others = [[entry for entry in found if entry.opcode != _PONG] for found in (written, again)]
        assert others[0] == others[1], f"{others[0]!r} as a whole, {others[1]!r} in chunks"
        if self.client.over is None:
            # What these bytes complete may have begun in earlier ones.
            messages = _complete(self.sent)[len(_complete(sent_before)) :]
            pings = [message.payload for message in messages if message.opcode == _PING]
            assert [message.payload for message in pongs] == pings[-1:], "the last Ping has no Pong"
            stomp = b"".join(message.payload for message in messages if message.opcode < _CLOSE)
            assert whole == stomp, f"{whole!r} was received of {stomp!r}"


def _end(end: Layer) -> None:
    """End the stream."""
    end.receive_eof()
    assert end.over is not None
    assert end.receive_data(b"\x81\x01x") == b"", "STOMP came after the end"


def _client(message_size: int | None, text: bool | None) -> _Client:
    return _Client(
        Endpoint("ws", "broker", 80, path="/ws"),
        max_size=_MAX_SIZE,
        message_size=message_size,
        text=text,
    )


def _cut(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def _is_utf8(wire: bytes) -> bool:
    return wire.decode(errors="replace").encode() == wire


# ---------------------------------------------------------------------- RFC 6455, section 5.2


def _write(message: _Message) -> bytes:
    """Return a frame of a server, which is not masked."""
    head = bytes([message.is_final << 7 | message.opcode])
    size = len(message.payload)
    return head + (bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2)) + message.payload


class _Cut(AssertionError):
    """The end of a frame is missing."""


def _read(data: bytes, *, masked: bool) -> Iterator[_Message]:
    while data:
        if len(data) < 2:
            raise _Cut
        first, second = data[0], data[1]
        size, pos = second & 0x7F, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, pos = int.from_bytes(data[pos : pos + width]), pos + width
        key = b"\0\0\0\0"
        if second & 0x80:
            key, pos = data[pos : pos + 4], pos + 4
        payload = data[pos : pos + size]
        if len(data) < pos or len(payload) < size:
            raise _Cut
        # Only now: the layers judge a frame once it is there as a whole.
        assert not first & 0x70, "a reserved bit is set"
        assert bool(second & 0x80) == masked, "masked by the wrong end"
        yield _Message(
            first & 15, bool(first & 0x80), bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))
        )
        data = data[pos + size :]


def _complete(data: bytes) -> list[_Message]:
    """Return the frames of a stream that are there to their ends."""
    messages = []
    with suppress(_Cut):
        for message in _read(data, masked=False):
            messages.append(message)
    return messages
