"""What four parsers make of the same bytes: ours, and those of stomp.py, stompman and stompest, all in STOMP 1.2.

Only the first frame of a stream is asked for. Where a frame ends depends on what is in it, so behind a difference the
rest of the stream has two meanings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple

from stomp_core import Frame, FrameParser, HeartBeat, Limits, RemoteProtocolError

__all__ = ["INCOMPLETE", "PEERS", "Outcome", "Read", "Refused", "ours"]


#: The peers do not count headers.
_LIMITS = Limits(max_headers=1_000_000)


class Read(NamedTuple):
    """A frame.

    Attributes:
        command: the command.
        headers: the first value of each name.
        body: the body.
    """

    command: str
    headers: dict[str, str]
    body: bytes


class Refused(NamedTuple):
    """The parser raises.

    Attributes:
        code: ours, or the name of the class of the peer's exception.
    """

    code: str


#: The parser waits for more bytes, or has dropped those that came.
INCOMPLETE = "nothing"
Outcome = Read | Refused | str


def ours(stream: bytes) -> Outcome:
    """Return what our strict parser makes of the first frame."""
    parser = FrameParser("1.2", limits=_LIMITS)
    parser.receive_data(stream)
    try:
        item = parser.next_frame()
        while isinstance(item, HeartBeat):
            item = parser.next_frame()
    except RemoteProtocolError as error:
        return Refused(error.code)
    return Read(item.command, item.headers.to_dict(), item.body) if isinstance(item, Frame) else INCOMPLETE


def _first(read: Callable[[bytes], Iterator[Read]]) -> Callable[[bytes], Outcome]:
    """Make a function that returns the first frame, or how reading ended without one."""

    def outcome(stream: bytes) -> Outcome:
        try:
            return next(read(stream), INCOMPLETE)
        except ImportError:
            raise
        except Exception as error:
            return Refused(type(error).__name__)

    return outcome


# The library of each peer is imported when it is used: the other targets do without them.


def _stomp_py(stream: bytes) -> Iterator[Read]:
    BaseTransport: Any = import_module("stomp.transport").BaseTransport  # noqa: N806 - a class
    parse_frame: Any = import_module("stomp.utils").parse_frame
    Closed: Any = import_module("stomp.exception").ConnectionClosedException  # noqa: N806 - a class

    class Transport(BaseTransport):  # type: ignore[misc]
        """Receives one chunk from a variable instead of a socket."""

        chunk = stream

        def receive(self) -> bytes:
            """Return the chunk, and then the end."""
            chunk, self.chunk = self.chunk, b""
            return chunk

    # It has no parser that could be called by itself.
    transport: Any = Transport(auto_decode=False)
    transport.running = True
    try:
        frames = transport._BaseTransport__read()
    except Closed:
        return
    for frame in map(parse_frame, frames):
        if frame is not None:
            yield Read(frame.cmd, dict(frame.headers), frame.body or b"")


def _stompman(stream: bytes) -> Iterator[Read]:
    HeartbeatFrame: Any = import_module("stompman.frames").HeartbeatFrame  # noqa: N806 - a class
    serde: Any = import_module("stompman.serde")
    if not stream:
        return
    for frame in serde.FrameParser().parse_frames_from_chunk(stream):
        if not isinstance(frame, HeartbeatFrame):
            command = serde.FRAMES_TO_COMMANDS[type(frame)].decode()
            yield Read(command, dict(frame.headers), getattr(frame, "body", b""))


def _stompest(stream: bytes) -> Iterator[Read]:
    protocol: Any = import_module("stompest.protocol")
    parser = protocol.StompParser("1.2")
    problem: Exception | None = None
    try:
        parser.add(stream)
    except Exception as error:
        problem = error  # it comes behind what was read before
    while parser.canRead():
        frame = parser.get()
        if isinstance(frame, protocol.StompFrame):
            yield Read(frame.command, dict(frame.headers), frame.body)
    if problem is not None:
        raise problem


PEERS: dict[str, Callable[[bytes], Outcome]] = {
    "stomp.py": _first(_stomp_py),
    "stompman": _first(_stompman),
    "stompest": _first(_stompest),
}
