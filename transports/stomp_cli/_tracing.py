"""What a trace makes of records: it checks each frame, counts it, and passes it on to those who print and write it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, Any, NamedTuple

from stomp_core import Frame, HeartBeat
from stomp_testing import Checker, Note, Record, RecordingWriter, Violation
from stomp_testing.frame_json import frame_to_dict, to_json

from ._frame_filter import FrameFilter
from ._frame_printing import FramePrinter

__all__ = ["ConnectionEvent", "FrameRecorder", "JsonWriter", "Sink", "TextWriter", "Trace", "Traced"]


class ConnectionEvent(NamedTuple):
    """The beginning or the end of a connection, a fault that was caused on it, or a difference from a recording.

    Attributes:
        connection: its number.
        at: seconds since the trace began.
        text: what has happened.
        is_edge: whether the connection has begun or ended.
    """

    connection: int
    at: float
    text: str
    is_edge: bool = True


class Traced(NamedTuple):
    """One line of a trace.

    Attributes:
        at: seconds since the trace began.
        connection: its number.
        direction: ``"to-server"`` or ``"to-client"``; ``None`` for an event of the connection.
        what: what was sent; ``str`` is an event.
        violations: the rules that it breaks.
    """

    at: float
    connection: int
    direction: str | None
    what: Frame | HeartBeat | Note | bytes | str
    violations: list[Violation]


Sink = Callable[[Traced], object]


class Trace:
    """Check, count and pass on.

    Args:
        shown: get what the filter lets pass.
        frame_filter: which frames those are; ``None`` is all of them.
        heart_beats: whether they get heart-beats.
        record: gets everything.

    Attributes:
        ended: how many connections have ended.
        violations: how many were found.
    """

    def __init__(
        self,
        shown: list[Sink],
        frame_filter: FrameFilter | None = None,
        *,
        heart_beats: bool = False,
        record: Sink | None = None,
    ) -> None:
        self._shown = shown
        self._filter = frame_filter
        self._heart_beats = heart_beats
        self._record = record
        self._checkers: dict[int, Checker] = {}
        self._connections: set[int] = set()
        self._frames: Counter[str | None] = Counter()
        self.ended = 0
        self.violations = 0

    def handle(self, happened: Record | ConnectionEvent) -> None:
        """Pass on what has happened."""
        number = happened.connection
        if isinstance(happened, ConnectionEvent):
            traced = Traced(happened.at, number, None, happened.text, [])
            if happened.is_edge:
                self.ended += number in self._connections
                self._connections.add(number)
        else:
            checker = self._checkers.setdefault(number, Checker())
            violations = checker.check(happened.direction, happened.what)
            traced = Traced(happened.at, number, happened.direction, happened.what, violations)
            self.violations += len(violations)
            self._frames[happened.direction] += isinstance(happened.what, Frame)
        if self._record is not None:
            self._record(traced)
        if self._is_shown(traced):
            for show in self._shown:
                show(traced)

    def _is_shown(self, traced: Traced) -> bool:
        if isinstance(traced.what, HeartBeat):
            return self._heart_beats
        if self._filter is None:
            return True
        return (
            isinstance(traced.what, Frame)
            and traced.direction is not None
            and self._filter(traced.what, traced.direction, bool(traced.violations))
        )

    def __str__(self) -> str:
        return (
            f"{_count(len(self._connections), 'connection')}, {_count(self._frames['to-server'], 'frame')} to the "
            f"server, {self._frames['to-client']} to the client, {_count(self.violations, 'violation')}"
        )


class TextWriter:
    """Prints for people.

    Args:
        write: prints a text.
        printer: makes it.
        started: when the trace began, in seconds since 1970.
    """

    def __init__(self, write: Callable[[str], object], printer: FramePrinter, started: float) -> None:
        self._write = write
        self._printer = printer
        self._started = started

    def __call__(self, traced: Traced) -> None:
        """Print it."""
        moment = datetime.fromtimestamp(self._started + traced.at)
        where = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03} #{traced.connection}"
        if isinstance(traced.what, Frame):
            text = self._printer.frame(traced.what, where, traced.direction)
        else:
            text = self._printer.other(_in_words(traced.what), where, traced.direction)
        self._write(text + self._printer.violations(traced.violations))


class JsonWriter:
    """Prints a line of JSON for each.

    Args:
        write: prints a text.
        started: when the trace began, in seconds since 1970.
    """

    def __init__(self, write: Callable[[str], object], started: float) -> None:
        self._write = write
        self._started = started

    def __call__(self, traced: Traced) -> None:
        """Print it."""
        at = datetime.fromtimestamp(self._started + traced.at, UTC).isoformat(timespec="milliseconds")
        self._write(to_json(_to_dict(traced, at)) + "\n")


class FrameRecorder:
    """Write everything to a file, from which ``trace --replay`` plays the server.

    Args:
        file: where to.
    """

    def __init__(self, file: IO[str]) -> None:
        self._writer = RecordingWriter(file)

    def __call__(self, traced: Traced) -> None:
        """Write it."""
        if traced.direction is None or isinstance(traced.what, str):
            self._writer.event(traced.connection, traced.at, str(traced.what))
        else:
            record = Record(traced.connection, traced.direction, traced.at, traced.what)
            self._writer.write(record, traced.violations)


def _to_dict(traced: Traced, at: str) -> dict[str, Any]:
    content: dict[str, Any] = {"time": round(traced.at, 6), "at": at, "connection": traced.connection}
    if traced.direction is not None:
        content["direction"] = traced.direction
    match traced.what:
        case Frame():
            content |= frame_to_dict(traced.what)
        case HeartBeat():
            content["heart_beats"] = traced.what.count
        case str():
            content["event"] = traced.what
        case _:
            content["note"] = _in_words(traced.what)
    if traced.violations:
        content["violations"] = [
            {"code": str(violation.code), "section": violation.section, "text": violation.text}
            for violation in traced.violations
        ]
    return content


def _in_words(what: HeartBeat | Note | bytes | str) -> str:
    match what:
        case HeartBeat():
            return "heart-beat" if what.count == 1 else f"{what.count} heart-beats"
        case Note():
            return f"({what.text})"
        case bytes():
            return what[:200].decode("ascii", "backslashreplace")
        case _:
            return what


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
