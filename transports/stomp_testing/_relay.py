"""Relay: one connection through a FaultProxy, and the faults that its bytes meet.

What a proxy can do to a connection:

* change how bytes arrive (:class:`Faults`, one for each direction): in small pieces, in large pieces, late, never;
* stall: nothing passes, both connections stay open, and an end of one side is not passed on either;
* cut: end both connections with a FIN or a RST, now, after an exact number of bytes or frames, or after a random number
  of bytes.

A cut with a FIN is not a close: bytes that a side still sends are read and discarded for a moment, because closing a
socket with unread bytes in it sends a RST instead of the FIN.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from ._frame_counter import FrameCounter
from ._network import reset, send_fin
from ._recorder import Recorder

__all__ = ["Cut", "Direction", "FaultPlan", "Faults", "FrameCut", "Relay"]

_CHUNK = 64 * 1024
_SPLIT_PAUSE = 0.0005  # seconds between the pieces of a split chunk, so that the reader gets them one by one
_DISCARD_TIME = 1.0  # seconds for which a cut connection is still read


class Direction(StrEnum):
    """A direction of bytes."""

    TO_SERVER = "to-server"
    TO_CLIENT = "to-client"


@dataclass(slots=True)
class Faults:
    """How the bytes of one direction are passed on. It may be changed at any time.

    Attributes:
        split: write in pieces of at most this many bytes; 0 writes them as they come.
        coalesce: hold bytes back until this many have come, or none came for ``coalesce_time``; 0 is never.
        coalesce_time: seconds.
        delay: seconds by which each chunk is late.
        drop: read the bytes and discard them.
    """

    split: int = 0
    coalesce: int = 0
    coalesce_time: float = 0.05
    delay: float = 0.0
    drop: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """The end of a connection after a number of bytes.

    Attributes:
        after: how many bytes pass before it.
        reset: with a RST; otherwise with a FIN.
        direction: which bytes count; ``None`` is both directions together.
    """

    after: int
    reset: bool
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class FrameCut:
    """The end of a connection at a STOMP frame.

    Attributes:
        after: how many frames pass before it.
        offset: bytes from the end of the last of them to the cut; negative ones cut inside of it.
        reset: with a RST; otherwise with a FIN.
        direction: which frames count; ``None`` is both directions together.
    """

    after: int
    offset: int
    reset: bool
    direction: Direction | None = None


class FaultPlan:
    """What the connections of a proxy share.

    Attributes:
        faults: by direction.
        recorder: receives the bytes that pass.
        flowing: cleared while the proxy is stalled.
        next_cut: ends the first connection that reaches it, and that one only.
        next_frame_cut: the same, at a frame.
        cuts: how many connections the proxy has ended.
    """

    def __init__(self, recorder: Recorder | None) -> None:
        self.faults = {direction: Faults() for direction in Direction}
        self.recorder = recorder
        self.flowing = asyncio.Event()
        self.next_cut: Cut | None = None
        self.next_frame_cut: FrameCut | None = None
        self.cuts = 0


class Relay:
    """One connection through the proxy: two sockets, with bytes passed on both ways.

    Args:
        number: the number of the connection.
        client: reader and writer of the client's socket.
        server: reader and writer of the server's socket.
        plan: shared with the other connections of the proxy.
        random_cut: when this connection ends by chance.

    Attributes:
        end: how the connection has ended, in words.
    """

    def __init__(
        self,
        number: int,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        plan: FaultPlan,
        random_cut: Cut | None,
    ) -> None:
        self._number = number
        self._client_reader, self._client_writer = client
        self._server_reader, self._server_writer = server
        self._plan = plan
        self._random_cut = random_cut
        self._passed = dict.fromkeys(Direction, 0)
        self._passed_since_armed = dict.fromkeys(Direction, 0)
        self._frames = FrameCounter()
        self._frames_since_armed = dict.fromkeys(Direction, 0)
        self._own_cut: Cut | None = None  # where it will be cut, because enough frames have passed
        self._ended = False
        self._half_closed = False
        self.end = "closed by the proxy"
        self._timer: asyncio.TimerHandle | None = None

    @property
    def ended(self) -> bool:
        """Whether the connection has ended, by either side or by a cut: no more bytes pass."""
        return self._ended

    async def run(self) -> None:
        """Pass bytes both ways until both sides have closed, or the connection is cut."""
        try:
            await asyncio.gather(
                self._pass_on(self._client_reader, self._server_writer, Direction.TO_SERVER),
                self._pass_on(self._server_reader, self._client_writer, Direction.TO_CLIENT),
            )
        finally:
            self.close()

    def cut(self, *, hard: bool) -> None:
        """End the connection on both sides, and count it.

        Args:
            hard: with a RST; otherwise with a FIN.
        """
        if self._ended:
            return
        self._plan.cuts += 1
        self.end = "reset by the proxy" if hard else "cut by the proxy"
        if hard:
            self._reset()
            return
        self._ended = True
        _end_sending(self._client_writer)
        _end_sending(self._server_writer)
        self._timer = asyncio.get_running_loop().call_later(_DISCARD_TIME, self.close)

    def close(self) -> None:
        """Close both sockets."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        self._client_writer.close()
        self._server_writer.close()

    def count_from_here(self) -> None:
        """Count bytes for ``next_cut``, and frames for ``next_frame_cut``, from now on."""
        self._passed_since_armed = dict.fromkeys(Direction, 0)
        self._frames_since_armed = dict.fromkeys(Direction, 0)

    # ------------------------------------------------------------------ one direction

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
    ) -> None:
        plan, faults = self._plan, self._plan.faults[direction]
        try:
            while True:
                data = await _read(reader, faults)
                await plan.flowing.wait()
                if not data:
                    break
                if faults.drop:
                    continue
                if faults.delay and not self._ended:
                    await asyncio.sleep(faults.delay)
                    await plan.flowing.wait()
                for piece in _pieces(data, faults.split):
                    # After a cut, what a side still sends is read and discarded.
                    if self._ended or not self._write(piece, writer, direction):
                        break
                    await writer.drain()
                    if faults.split:
                        await asyncio.sleep(_SPLIT_PAUSE)
                        await plan.flowing.wait()
        except OSError:
            # One side has reset the connection: reset the other.
            self._note_end("reset", direction)
            self._reset()
            return
        if not self._ended:
            self._note_end("closed", direction)
            _end_sending(writer)

    def _note_end(self, how: str, direction: Direction) -> None:
        """Remember who has ended the connection first."""
        if not self._ended and not self._half_closed:
            self._half_closed = True
            side = "client" if direction is Direction.TO_SERVER else "server"
            self.end = f"{how} by the {side}"

    def _write(self, piece: bytes, writer: asyncio.StreamWriter, direction: Direction) -> bool:
        """Write what may pass of a piece. Returns False if the connection was cut there."""
        self._count_frames(piece, direction)
        room, cut = self._next_cut(direction, len(piece))
        passing = piece[:room]
        if passing:
            self._passed[direction] += len(passing)
            self._passed_since_armed[direction] += len(passing)
            if self._plan.recorder is not None:
                self._plan.recorder.note(self._number, direction.value, passing)
            writer.write(passing)
        if cut is None:
            return True
        self.cut(hard=cut.reset)
        return False

    def _count_frames(self, piece: bytes, direction: Direction) -> None:
        """Count the frames that end in a piece, and find out whether the connection is to be cut at one of them."""
        ends = self._frames.ends(direction, piece)
        armed = self._plan.next_frame_cut
        if armed is not None and armed.direction in (None, direction):
            missing = armed.after - _count(self._frames_since_armed, armed.direction)
            if 0 < missing <= len(ends):
                self._plan.next_frame_cut = None
                after = _count(self._passed, armed.direction) + ends[missing - 1] + armed.offset
                self._own_cut = Cut(after, armed.reset, armed.direction)
        self._frames_since_armed[direction] += len(ends)

    def _next_cut(self, direction: Direction, size: int) -> tuple[int, Cut | None]:
        """Return how many of these bytes may pass, and the cut that comes then, if one does."""
        armed = self._plan.next_cut
        if armed is not None and armed.direction in (None, direction):
            room = armed.after - _count(self._passed_since_armed, armed.direction)
            if room <= size:
                self._plan.next_cut = None
                return max(room, 0), armed
        for cut in (self._own_cut, self._random_cut):
            if cut is not None and cut.direction in (None, direction):
                room = cut.after - _count(self._passed, cut.direction)
                if room <= size:
                    return max(room, 0), cut
        return size, None

    def _reset(self) -> None:
        self._ended = True
        reset(self._client_writer.transport)
        reset(self._server_writer.transport)


def _end_sending(writer: asyncio.StreamWriter) -> None:
    """Send a FIN after what was written. With TLS, where that is not possible, close both directions."""
    if not send_fin(writer.transport):
        writer.close()


def _count(passed: dict[Direction, int], direction: Direction | None) -> int:
    return sum(passed.values()) if direction is None else passed[direction]


async def _read(reader: asyncio.StreamReader, faults: Faults) -> bytes:
    """Read a chunk, and more of them if bytes are to be coalesced. ``b""`` is the end."""
    data = await reader.read(_CHUNK)
    while data and faults.coalesce > len(data):
        try:
            more = await asyncio.wait_for(reader.read(_CHUNK), faults.coalesce_time)
        except TimeoutError:
            break
        if not more:
            break
        data += more
    return data


def _pieces(data: bytes, size: int) -> list[bytes]:
    if not size:
        return [data]
    return [data[start : start + size] for start in range(0, len(data), size)]
