"""The contestants that parse frames: this library, and other clients.

Each other client is measured with its public parser, or where it has none, with what its transport does between `recv`
and the listener.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stomp_core import NEED_DATA, ClientConnection, Connect, FrameParser, Message, Subscribe

from .samples import Decoded

__all__ = ["Reader", "Take", "peer", "readers"]

Take = Callable[[Any], object]


@dataclass(frozen=True)
class Reader:
    """One contestant.

    Attributes:
        name: for the table.
        read: parses chunks and passes each frame to its second argument.
        fields: returns command, headers and body of such a frame.
        ours: whether it belongs to this library.
        from_json: whether it takes JSON texts instead of chunks.
    """

    name: str
    read: Callable[[Sequence[Any], Take], None]
    fields: Callable[[Any], Decoded]
    ours: bool = False
    from_json: bool = False


def peer(module: str) -> Any:
    """Import a module of another client. It may not be installed, and most have no type hints.

    Raises:
        ImportError: it is not installed.
    """
    return importlib.import_module(module)


def readers() -> tuple[list[Reader], list[str]]:
    """Return all contestants that are installed, and the names of the clients that are not."""
    found = [
        Reader("FrameParser", _frame_parser, _ours, ours=True),
        Reader("FrameParser, 3 headers read", _frame_parser_3, _ours, ours=True),
        Reader("FrameParser, all headers read", _frame_parser_all, _ours, ours=True),
        Reader("ClientConnection, auto", _connection("auto"), _ours, ours=True),
        Reader("ClientConnection, client-individual", _connection("client-individual"), _ours, ours=True),
        Reader("json.loads", _json, _from_json, from_json=True),
    ]
    missing = []
    for name, make in (
        ("stomp.py", _stomp_py),
        ("stompman", _stompman),
        ("stompest", _stompest),
        ("aiostomp", _aiostomp),
    ):
        try:
            found += make()
        except ImportError:
            missing.append(name)
    return found, missing


# ---------------------------------------------------------------------- this library


def _frame_parser(chunks: Sequence[bytes], take: Take) -> None:
    parser = FrameParser("1.2")
    for chunk in chunks:
        parser.receive_data(chunk)
        while (frame := parser.next_frame()) is not NEED_DATA:
            take(frame)


def _frame_parser_3(chunks: Sequence[bytes], take: Take) -> None:
    parser = FrameParser("1.2")
    for chunk in chunks:
        parser.receive_data(chunk)
        while (frame := parser.next_frame()) is not NEED_DATA:
            headers = frame.headers  # type: ignore[union-attr]
            for name in ("destination", "message-id", "subscription"):
                headers[name]
            take(frame)


def _frame_parser_all(chunks: Sequence[bytes], take: Take) -> None:
    parser = FrameParser("1.2")
    for chunk in chunks:
        parser.receive_data(chunk)
        while (frame := parser.next_frame()) is not NEED_DATA:
            frame.headers.to_dict()  # type: ignore[union-attr]
            take(frame)


def _connection(ack: str) -> Callable[[Sequence[bytes], Take], None]:
    def read(chunks: Sequence[bytes], take: Take) -> None:
        conn = ClientConnection()
        conn.send(Connect(host="/"), now=0.0)
        conn.receive_data(b"CONNECTED\nversion:1.2\n\n\0\n", now=0.0)
        conn.next_event()
        conn.send(Subscribe("/queue/orders", id="orders-1", ack=ack), now=0.0)  # type: ignore[arg-type]
        now = 0.0
        for chunk in chunks:
            now += 0.001
            conn.receive_data(chunk, now)
            while (event := conn.next_event()) is not NEED_DATA:
                take(event)

    return read


def _ours(frame: Any) -> Decoded:
    if isinstance(frame, Message):
        frame = frame.frame
    return frame.command, frame.headers.to_dict(), frame.body


# ---------------------------------------------------------------------- json


def _json(texts: Sequence[str], take: Take) -> None:
    for text in texts:
        take(json.loads(text))


def _from_json(value: Any) -> Decoded:
    return value["command"], value["headers"], value["body"].encode()


# ---------------------------------------------------------------------- other clients


def _stomp_py() -> list[Reader]:
    BaseTransport = peer("stomp.transport").BaseTransport  # noqa: N806 - a class
    parse_frame = peer("stomp.utils").parse_frame
    Closed = peer("stomp.exception").ConnectionClosedException  # noqa: N806 - a class
    ConnectionListener = peer("stomp").ConnectionListener  # noqa: N806 - a class

    class ChunkTransport(BaseTransport):  # type: ignore[misc, valid-type]
        """The transport of stomp.py, receiving chunks from a list instead of a socket."""

        def __init__(self, chunks: Sequence[bytes]) -> None:
            super().__init__(auto_decode=False)
            self._chunks = iter(chunks)
            self.running = True

        def receive(self) -> bytes:
            return next(self._chunks, b"")

    def parser(chunks: Sequence[bytes], take: Take) -> None:
        transport = ChunkTransport(chunks)
        read = transport._BaseTransport__read
        try:
            while True:
                for frame in read():
                    take(parse_frame(frame))
        except Closed:
            pass

    def listener(chunks: Sequence[bytes], take: Take) -> None:
        class Listener(ConnectionListener):  # type: ignore[misc, valid-type]
            def on_message(self, frame: Any) -> None:
                take(frame)

        transport = ChunkTransport(chunks)
        transport.set_listener("", Listener())
        read = transport._BaseTransport__read_frames
        try:
            while True:
                read()
        except Closed:
            pass

    def fields(frame: Any) -> Decoded:
        return frame.cmd, frame.headers, frame.body

    return [Reader("stomp.py", parser, fields), Reader("stomp.py, to a listener", listener, fields)]


def _stompman() -> list[Reader]:
    heart_beat = peer("stompman.frames").HeartbeatFrame
    serde = peer("stompman.serde")

    def read(chunks: Sequence[bytes], take: Take) -> None:
        parser = serde.FrameParser()
        for chunk in chunks:
            for frame in parser.parse_frames_from_chunk(chunk):
                # It returns the line feed after a frame as a heart-beat.
                if type(frame) is not heart_beat:
                    take(frame)

    def fields(frame: Any) -> Decoded:
        return serde.FRAMES_TO_COMMANDS[type(frame)].decode(), dict(frame.headers), frame.body

    return [Reader("stompman", read, fields)]


def _stompest() -> list[Reader]:
    protocol = peer("stompest.protocol")
    frame_type = protocol.StompFrame

    def read(chunks: Sequence[bytes], take: Take) -> None:
        parser = protocol.StompParser("1.2")
        for chunk in chunks:
            parser.add(chunk)
            while parser.canRead():
                frame = parser.get()
                # It returns the line feed after a frame as a heart-beat, too.
                if type(frame) is frame_type:
                    take(frame)

    def fields(frame: Any) -> Decoded:
        return frame.command, frame.headers, frame.body

    return [Reader("stompest", read, fields)]


def _aiostomp() -> list[Reader]:
    protocol = peer("aiostomp.protocol")

    def read(chunks: Sequence[bytes], take: Take) -> None:
        parser = protocol.StompProtocol()
        for chunk in chunks:
            parser.feed_data(chunk)
            for frame in parser.pop_frames():
                if frame.command != "HEARTBEAT":
                    take(frame)

    def fields(frame: Any) -> Decoded:
        return frame.command, frame.headers, frame.body or b""

    return [Reader("aiostomp", read, fields)]
