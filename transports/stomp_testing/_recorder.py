"""Recorder: what the two sides of connections have sent, as frames.

A recorder gets the bytes of both directions and parses them as the peers do: CONNECT and CONNECTED first, and what
follows in the version that CONNECTED names. What a client sends before CONNECTED has passed is recorded at once, in the
highest version that its CONNECT offers: if the server chooses a lower one, escapes in these frames may have been read
as those of the higher version. Their ``raw`` bytes are right in any case. The parser tolerates every violation that it
can; what is no STOMP at all is recorded as bytes, and so is everything that follows it in that direction.

A client that begins with an HTTP request speaks WebSocket: the frames in its messages are recorded as they are without
WebSocket, and what else is sent (HTTP, Ping, Pong, Close) as notes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from stomp_core import (
    ALL_VERSIONS,
    NEED_DATA,
    Connect,
    ConnectionClosed,
    Frame,
    FrameParser,
    HeartBeat,
    Leniency,
    RemoteProtocolError,
)

from ._websocket_reader import Opening, Part

__all__ = ["Note", "Record", "Recorder"]

_SHOWN = 200  # bytes of a body in a transcript
_MASK = "***"
_TO_SERVER, _TO_CLIENT = "to-server", "to-client"
#: Headers of HTTP that contain secrets.
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


@dataclass(frozen=True, slots=True)
class Note:
    """Something that belongs to WebSocket, and not to STOMP.

    Attributes:
        text: what it is, as in ``"close 1000 STOMP died"``. The query of a URL, credentials and cookies are masked.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """One frame, heart-beat or chunk of other bytes.

    Attributes:
        connection: the number of the connection, from 1.
        direction: ``"to-server"`` or ``"to-client"``.
        at: seconds since the recorder was created.
        what: a frame, a heart-beat, a note about WebSocket, or bytes that are not STOMP.
    """

    connection: int
    direction: str
    at: float
    what: Frame | HeartBeat | Note | bytes

    def __str__(self) -> str:
        arrow = "->" if self.direction == _TO_SERVER else "<-"
        return f"{self.at:9.3f} #{self.connection} {arrow} {_shown(self.what)}"


class Recorder:
    """Records the bytes of any number of connections. A Broker or a FaultProxy feeds it, or the caller does.

    Args:
        on_record: called with each :class:`Record`, in the thread that delivered its last byte.
        keep: keep the records. ``False``: only ``on_record`` gets them.

    >>> recorder = Recorder()
    >>> recorder.note(1, "to-server", b"CONNECT\\nlogin:me\\npasscode:secret\\n\\n\\0", at=0.0)
    >>> print(recorder.transcript())
        0.000 #1 -> CONNECT login:me passcode:***
    """

    def __init__(self, on_record: Callable[[Record], None] | None = None, *, keep: bool = True) -> None:
        self._on_record = on_record
        self._keep = keep
        self._created = time.monotonic()
        self._conversations: dict[int, _Conversation] = {}
        self._records: list[Record] = []
        self._lock = threading.Lock()

    def note(self, connection: int, direction: str, data: bytes, *, at: float | None = None) -> None:
        """Record bytes that were sent in one direction.

        Args:
            connection: the number of the connection; any number, if the caller feeds the recorder.
            direction: ``"to-server"`` or ``"to-client"``.
            data: the bytes, in any pieces.
            at: seconds since this recorder was created; ``None`` is now.

        Raises:
            ValueError: the direction does not exist.
        """
        if direction not in (_TO_SERVER, _TO_CLIENT):
            raise ValueError(f"direction must be 'to-server' or 'to-client', got {direction!r}")
        moment = time.monotonic() - self._created if at is None else at
        with self._lock:
            conversation = self._conversations.setdefault(connection, _Conversation())
            for sent_in, what in conversation.receive(direction, data):
                record = Record(connection, sent_in, moment, what)
                if self._keep:
                    self._records.append(record)
                if self._on_record is not None:
                    self._on_record(record)

    @property
    def records(self) -> list[Record]:
        """All records, in order."""
        with self._lock:
            return list(self._records)

    def frames(self, command: str | None = None, direction: str | None = None) -> list[Frame]:
        """Return the recorded frames, in order.

        Args:
            command: only frames with this command; by default all.
            direction: only frames sent in this direction, ``"to-server"`` or ``"to-client"``; by default both.
        """
        return [
            record.what
            for record in self.records
            if isinstance(record.what, Frame)
            and command in (None, record.what.command)
            and direction in (None, record.direction)
        ]

    def transcript(self) -> str:
        """Return all records as text, one line each. Passcodes are masked."""
        return "\n".join(map(str, self.records))

    def clear(self) -> None:
        """Forget all records. A frame that was received in part is still recorded when it is complete."""
        with self._lock:
            self._records.clear()


_Sent = tuple[str, Frame | HeartBeat | Note | bytes]  # a direction, and what was sent in it


class _Conversation:
    """The two parsers of one connection, which learn the version as the peers do."""

    def __init__(self) -> None:
        self._parsers = {
            direction: FrameParser(None, leniency=Leniency.permissive())
            for direction in (_TO_SERVER, _TO_CLIENT)
        }
        # In which version each direction is read from its next frame on; None is that of the handshake.
        self._versions: dict[str, str | None] = dict.fromkeys(self._parsers)
        self._not_stomp: set[str] = set()  # directions that are recorded as bytes
        self._opening = Opening()

    def receive(self, direction: str, data: bytes) -> list[_Sent]:
        """Parse bytes; returns what is complete now."""
        opened = self._opening.pass_on(direction, data)
        if opened is None:
            return []
        if self._opening.reader is None:
            return self._receive_stomp(direction, opened)
        complete: list[_Sent] = []
        for part in self._opening.reader.read(direction, opened):
            if part.is_stomp:
                complete += self._receive_stomp(direction, part.payload)
            else:
                complete.append((direction, part.payload if part.kind == "body" else _note(part)))
        return complete

    def _receive_stomp(self, direction: str, data: bytes) -> list[_Sent]:
        if direction in self._not_stomp:
            return [(direction, data)]
        parser = self._parsers[direction]
        if parser.between_frames:
            self._set_version(direction)
        parser.receive_data(data)
        complete: list[_Sent] = []
        while True:
            try:
                item = parser.next_frame()
            except RemoteProtocolError as error:
                self._not_stomp.add(direction)
                complete.append((direction, f"(not STOMP: {error})".encode()))
                return complete
            if item is NEED_DATA or isinstance(item, ConnectionClosed):
                return complete
            complete.append((direction, item))
            if isinstance(item, Frame):
                self._learn_version(item)
                self._set_version(direction)

    def _learn_version(self, frame: Frame) -> None:
        """Note what the frames of a handshake say about the version."""
        if frame.command in ("CONNECT", "STOMP") and self._versions[_TO_CLIENT] is None:
            self._versions[_TO_SERVER] = max(Connect.from_frame(frame).known_versions, default=None)
        elif frame.command == "CONNECTED":
            version = frame.headers.get("version", "1.0")
            if version in ALL_VERSIONS:
                self._versions = dict.fromkeys(self._versions, version)

    def _set_version(self, direction: str) -> None:
        """Read what follows in the version of the direction. No frame may have been read in part."""
        if self._parsers[direction].version != self._versions[direction]:
            self._parsers[direction].version = self._versions[direction]


def _note(part: Part) -> Note:
    if part.kind == "head":
        return Note(_head(part.payload))
    if part.kind == "broken":
        return Note(f"not WebSocket: {part.payload.decode()}")
    if part.kind == "close" and len(part.payload) >= 2:
        code = int.from_bytes(part.payload[:2], "big")
        return Note(f"close {code} {part.payload[2:].decode(errors='backslashreplace')}".rstrip())
    return Note(f"{part.kind} {part.payload[:_SHOWN]!r}" if part.payload else part.kind)


def _head(head: bytes) -> str:
    """Return an HTTP head in one line, without secrets."""
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    words = ["HTTP"]
    for word in first.split(" "):
        path, question_mark, _ = word.partition("?")
        if not word.startswith("HTTP/"):
            words.append(f"{path}?{_MASK}" if question_mark else path)
    for line in lines:
        name, _, value = line.partition(":")
        words.append(f"{name}:{_MASK if name.lower() in _SECRET_HEADERS else value.strip()}")
    return " ".join(words)


def _shown(what: Frame | HeartBeat | Note | bytes) -> str:
    if isinstance(what, Note):
        return f"({_printable(what.text)})"
    if isinstance(what, HeartBeat):
        return "heart-beat" if what.count == 1 else f"heart-beat x{what.count}"
    if isinstance(what, bytes):
        return repr(what[:_SHOWN])
    words = [what.command]
    for name, value in what.headers.items():
        words.append(f"{name}:{_MASK if name == 'passcode' else _printable(value)}")
    if what.body:
        more = f" ... ({len(what.body)} bytes)" if len(what.body) > _SHOWN else ""
        words.append(f"{what.body[:_SHOWN]!r}{more}")
    return " ".join(words)


def _printable(value: str) -> str:
    return value if value.isprintable() and value else repr(value)
