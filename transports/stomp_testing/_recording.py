"""Recordings: what has passed between clients and a server, as lines of JSON in a file.

.. code-block:: json

    {"time":0.0012,"connection":1,"event":"accepted from 127.0.0.1:40512"}
    {"time":0.0031,"connection":1,"direction":"to-server","command":"CONNECT","headers":{"host":"/","passcode":"***"}}
    {"time":0.0049,"raw_base64":"Q09O...","connection":1,"direction":"to-client","command":"CONNECTED","headers":{}}

``time`` is in seconds. A frame has its bytes, too, unless something in it is masked.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from typing import IO, Any, NamedTuple

from stomp_core import Frame, HeartBeat

from ._checker import Violation
from ._recorder import Note, Record
from .frame_json import SECRET_HEADERS, frame_of, frame_to_dict, read_line, to_json

__all__ = ["Recording", "RecordingStep", "RecordingWriter"]

_SHOWN = 200  # bytes of what is not STOMP


class RecordingWriter:
    """Writes a recording, line by line.

    Args:
        file: the file to write to, opened for text.
        secrets: whether to write passcodes. By default they are masked.

    >>> with open("session.jsonl", "w") as file:  # doctest: +SKIP
    ...     writer = RecordingWriter(file)
    ...     proxy = FaultProxy(url, recorder=Recorder(writer.write, keep=False), ...)
    """

    def __init__(self, file: IO[str], *, secrets: bool = False) -> None:
        self._file = file
        self._secrets = secrets

    def write(self, record: Record, violations: Sequence[Violation] = ()) -> None:
        """Write a frame, or whatever else was sent.

        Args:
            record: a record of a :class:`stomp_testing.Recorder`.
            violations: the rules that it breaks.
        """
        content: dict[str, Any] = {"time": round(record.at, 6)}
        what = record.what
        if isinstance(what, Frame) and (self._secrets or not _has_secrets(what)):
            content["raw_base64"] = b64encode(what.raw or b"").decode("ascii")
        content |= {"connection": record.connection, "direction": record.direction}
        match what:
            case Frame():
                content |= frame_to_dict(what, secrets=self._secrets)
            case HeartBeat():
                content["heart_beats"] = what.count
            case Note():
                content["note"] = f"({what.text})"
            case _:
                content["note"] = what[:_SHOWN].decode("ascii", "backslashreplace")
        if violations:
            content["violations"] = [
                {"code": str(one.code), "section": one.section, "text": one.text} for one in violations
            ]
        self._line(content)

    def event(self, connection: int, at: float, text: str) -> None:
        """Write that a connection has begun or ended, or that a fault was caused.

        Args:
            connection: the number of the connection.
            at: the time, in seconds on the same clock as the records.
            text: what has happened, in the words of ``on_event`` of a FaultProxy.
        """
        self._line({"time": round(at, 6), "connection": connection, "event": text})

    def _line(self, content: dict[str, Any]) -> None:
        print(to_json(content), file=self._file, flush=True)


def _has_secrets(frame: Frame) -> bool:
    return any(name.lower() in SECRET_HEADERS for name, _ in frame.headers.items())


class RecordingStep(NamedTuple):
    """One thing in a recording.

    Attributes:
        connection: the number of the connection.
        time: when, in seconds.
        direction: ``"to-server"`` for what the client did, ``"to-client"`` for what the server did.
        frame: the frame that was sent; ``None`` if this side ended the connection.
        raw: the bytes of the frame; ``None`` if they are not recorded.
    """

    connection: int
    time: float
    direction: str
    frame: Frame | None
    raw: bytes | None

    @property
    def by_server(self) -> bool:
        """Whether the server did it."""
        return self.direction == "to-client"


class Recording:
    """A recording that was read from a file.

    Args:
        lines: the lines of the file.

    Attributes:
        steps: everything that happened, in order.
        connections: the same by connection, in the order in which they were accepted.

    Raises:
        ValueError: a line is not one of a recording (the text names it), or there is none.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self.steps: list[RecordingStep] = []
        by_number: dict[int, list[RecordingStep]] = {}
        for number, line in enumerate(lines, 1):
            try:
                content = read_line(line)
                connection, seconds = content.get("connection"), content.get("time")
                if not isinstance(connection, int) or not isinstance(seconds, (int, float)):
                    raise ValueError("it has no connection or no time: was it written by --record?")
                step = _step(content, connection, seconds)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
            of_connection = by_number.setdefault(connection, [])
            if step is not None:
                self.steps.append(step)
                of_connection.append(step)
        self.connections: list[list[RecordingStep]] = list(by_number.values())
        if not self.connections:
            raise ValueError("the recording is empty")


def _step(content: dict[str, Any], connection: int, seconds: float) -> RecordingStep | None:
    event = str(content.get("event", ""))
    if event.endswith((" by the server", " by the client")):
        direction = "to-client" if event.endswith("server") else "to-server"
        return RecordingStep(connection, seconds, direction, None, None)
    if "command" not in content:
        return None
    if content.get("direction") not in ("to-server", "to-client"):
        raise ValueError(f"direction must be to-server or to-client, got {content.get('direction')!r}")
    frame = frame_of(content)
    # Whether it has content-length is a part of what was recorded.
    omits = "content-length" not in frame.headers
    frame = Frame.assemble(frame.command, frame.headers, frame.body, None, omits_content_length=omits)
    raw = content.get("raw_base64")
    return RecordingStep(
        connection, seconds, content["direction"], frame, None if raw is None else b64decode(raw)
    )
