"""Recorder: what two peers said to each other, as frames."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from stomp_core import (
    NEED_DATA,
    ConnectionClosed,
    Frame,
    FrameParser,
    HeartBeat,
    Leniency,
    RemoteProtocolError,
)

__all__ = ["Record", "Recorder"]

_SHOWN = 200  # bytes of a body
_MASK = "***"


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that was said.

    Attributes:
        connection: the number of the connection, from 1.
        direction: ``"to-server"`` or ``"to-client"``.
        at: seconds since the recorder was made.
        what: a frame, a heart-beat, or bytes that are no STOMP.
    """

    connection: int
    direction: str
    at: float
    what: Frame | HeartBeat | bytes

    def __str__(self) -> str:
        arrow = "->" if self.direction == "to-server" else "<-"
        return f"{self.at:9.3f} #{self.connection} {arrow} {_shown(self.what)}"


class Recorder:
    """Notes the bytes of any number of connections; a Broker or a FaultProxy feeds it, or you do.

    Args:
        on_record: called with each :class:`Record` as it is made, in the thread that noted it.
        keep: whether records are kept; ``on_record`` alone gets them otherwise.

    >>> recorder = Recorder()
    >>> recorder.note(1, "to-server", b"CONNECT\\nlogin:me\\npasscode:secret\\n\\n\\0", at=0.0)
    >>> print(recorder.transcript())
        0.000 #1 -> CONNECT login:me passcode:***
    """

    def __init__(self, on_record: Callable[[Record], None] | None = None, *, keep: bool = True) -> None:
        self._on_record = on_record
        self._keep = keep
        self._began = time.monotonic()
        self._conversations: dict[int, _Conversation] = {}
        self._records: list[Record] = []
        self._lock = threading.Lock()

    def note(self, connection: int, direction: str, data: bytes, *, at: float | None = None) -> None:
        """Take bytes that went one way.

        Args:
            connection: which connection; numbers of your own.
            direction: ``"to-server"`` or ``"to-client"``.
            data: the bytes.
            at: seconds since this recorder was made; ``None`` is now.
        """
        moment = time.monotonic() - self._began if at is None else at
        with self._lock:
            conversation = self._conversations.setdefault(connection, _Conversation())
            for said_in, what in conversation.hear(direction, data):
                record = Record(connection, said_in, moment, what)
                if self._keep:
                    self._records.append(record)
                if self._on_record is not None:
                    self._on_record(record)

    @property
    def records(self) -> list[Record]:
        """Everything so far, in order."""
        with self._lock:
            return list(self._records)

    def frames(self, command: str | None = None, direction: str | None = None) -> list[Frame]:
        """The frames so far, or those of one command or one direction."""
        return [
            record.what
            for record in self.records
            if isinstance(record.what, Frame)
            and command in (None, record.what.command)
            and direction in (None, record.direction)
        ]

    def transcript(self) -> str:
        """Everything so far, a line each, for people. Passcodes are masked."""
        return "\n".join(map(str, self.records))

    def clear(self) -> None:
        """Forget what was said. Frames of which a part is here already are told once they are whole."""
        with self._lock:
            self._records.clear()


class _Conversation:
    """The two parsers of one connection, which learn the version as the peers do."""

    def __init__(self) -> None:
        self._parsers = {
            direction: FrameParser(None, leniency=Leniency.permissive())
            for direction in ("to-server", "to-client")
        }
        self._connecting = False
        self._deaf: set[str] = set()

    def hear(self, direction: str, data: bytes) -> list[tuple[str, Frame | HeartBeat | bytes]]:
        if direction not in self._parsers:
            raise ValueError(f"direction is 'to-server' or 'to-client', not {direction!r}")
        if direction in self._deaf:
            return [(direction, data)]
        self._parsers[direction].receive_data(data)
        told: list[tuple[str, Frame | HeartBeat | bytes]] = []
        connected = self._read(direction, told)
        if connected:
            # What the client said behind CONNECT obeys the version that has just been agreed.
            self._read("to-server", told)
        return told

    def _read(self, direction: str, told: list[tuple[str, Frame | HeartBeat | bytes]]) -> bool:
        parser = self._parsers[direction]
        connected = False
        while not (direction == "to-server" and self._connecting):
            try:
                item = parser.next_frame()
            except RemoteProtocolError as error:
                self._deaf.add(direction)
                told.append((direction, f"(not STOMP: {error})".encode()))
                break
            if item is NEED_DATA or isinstance(item, ConnectionClosed):
                break
            told.append((direction, item))
            if isinstance(item, Frame):
                if item.command in ("CONNECT", "STOMP"):
                    self._connecting = True
                elif item.command == "CONNECTED":
                    self._agree(item.headers.get("version", "1.0"))
                    connected = True
        return connected

    def _agree(self, version: str) -> None:
        self._connecting = False
        if version in ("1.0", "1.1", "1.2"):
            for parser in self._parsers.values():
                parser.version = version


def _shown(what: Frame | HeartBeat | bytes) -> str:
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
