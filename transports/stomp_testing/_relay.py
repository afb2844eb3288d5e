"""Relay: one connection through a FaultProxy, and the faults that its bytes meet.

The bytes of a direction are read (and coalesced), wait while the connection is stalled, are cut into frames
(``_passage``), and are written in pieces. What happens to a frame is decided where the frames are known (``_watches``).
Faults at a place in the stream, as ``cut`` after so many bytes or behind a frame, strike while the bytes are written:
they are exact to the byte, whatever the chunks are.

A cut with a FIN is not a close: bytes that a side still sends are read and discarded for a moment, because closing a
socket with unread bytes in it sends a RST instead of the FIN.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from ._armed_fault import ArmedFault
from ._fault import Direction, Fault
from ._gate import Gate
from ._network import reset, send_fin
from ._passage import Passage
from ._recorder import Recorder
from ._stomp_pieces import Piece
from ._verdict import Verdict
from ._watches import Watches
from ._websocket_reader import Opening, text_message

__all__ = ["FaultPlan", "Faults", "Relay"]

_CHUNK = 64 * 1024
_SPLIT_PAUSE = 0.0005  # seconds between the pieces of a split chunk, so that the reader gets them one by one
_DISCARD_TIME = 1.0  # seconds for which a cut connection is still read


@dataclass(slots=True)
class Faults:
    """How the bytes of one direction are passed on. It may be changed at any time.

    Attributes:
        split: write in pieces of at most this many bytes; 0 writes them as they come.
        coalesce: hold bytes back until this many have come, or none came for ``coalesce_time``; 0 is never.
        coalesce_time: how many seconds ``coalesce`` waits for more bytes.
        delay: how many seconds each chunk is late.
        drop: read the bytes and discard them.
    """

    split: int = 0
    coalesce: int = 0
    coalesce_time: float = 0.05
    delay: float = 0.0
    drop: bool = False


@dataclass(slots=True)
class FaultPlan:
    """What the connections of a proxy share.

    Attributes:
        recorder: receives the bytes that pass.
        on_strike: called with the number of a connection, a fault that has struck, and what it has struck.
        seed: of the bytes that are corrupted.
        faults: by direction.
        armed: the faults that were added.
        cuts: how many connections the proxy has ended.
    """

    recorder: Recorder | None
    on_strike: Callable[[int, Fault, str], object] | None
    seed: int
    faults: dict[Direction, Faults]
    armed: list[ArmedFault]
    cuts: int = 0


@dataclass(slots=True)
class _Mark:
    """A place in the bytes of one direction at which a fault strikes: when so many of its bytes have passed."""

    armed: ArmedFault
    position: int


class _Way:
    """One direction of a connection.

    Attributes:
        gate: shut while it is stalled.
        marks: the places at which faults strike next.
        faults: of this connection only; ``None`` for those of the proxy.
        writing: held while something is written, so that an ERROR of the proxy comes between frames.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passage: Passage) -> None:
        self.reader = reader
        self.writer = writer
        self.passage = passage
        self.gate = Gate()
        self.marks: list[_Mark] = []
        self.faults: Faults | None = None
        self.writing = asyncio.Lock()


class Relay:
    """One connection through the proxy: two sockets, with bytes passed on both ways.

    Args:
        number: the number of the connection.
        client: reader and writer of the client's socket.
        server: reader and writer of the server's socket.
        plan: shared with the other connections of the proxy.
        random_cut: how this connection ends by chance.

    Attributes:
        end: how the connection has ended, in words.
    """

    def __init__(
        self,
        number: int,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        plan: FaultPlan,
        random_cut: Fault | None,
    ) -> None:
        self.number = number
        self._plan = plan
        self._passed = dict.fromkeys(Direction, 0)
        self._opening = Opening()
        self._watches = Watches(f"{plan.seed} {number}", self._note_strike)
        self._ways = {
            Direction.TO_SERVER: self._way(Direction.TO_SERVER, client[0], server[1]),
            Direction.TO_CLIENT: self._way(Direction.TO_CLIENT, server[0], client[1]),
        }
        self._timers: list[asyncio.TimerHandle] = []
        self._ended = False
        self._half_closed = False
        self.end = "closed by the proxy"
        for armed in list(plan.armed):
            self.arm(armed)
        if random_cut is not None:
            self.arm(ArmedFault(random_cut))

    def _way(self, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> _Way:
        def decide(piece: Piece, begun: bool) -> Verdict | None:
            return self._watches.decide(direction, piece, begun)

        return _Way(
            reader, writer, Passage(direction, self._opening, decide, lambda: self._watches.hold(direction))
        )

    @property
    def ended(self) -> bool:
        """Whether the connection has ended, by either side or by a cut: no more bytes pass."""
        return self._ended

    async def run(self) -> None:
        """Pass bytes both ways until both sides have closed, or the connection is cut."""
        try:
            await asyncio.gather(*(self._pass_on(direction) for direction in Direction))
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
        self._finish()
        for way in self._ways.values():
            _end_sending(way.writer)
        self._timers.append(asyncio.get_running_loop().call_later(_DISCARD_TIME, self.close))

    def close(self) -> None:
        """Close both sockets."""
        self._finish()
        for way in self._ways.values():
            way.writer.close()

    def _reset(self) -> None:
        self._finish()
        for way in self._ways.values():
            reset(way.writer.transport)

    def _finish(self) -> None:
        """Let nothing pass any more, and nobody wait for that."""
        self._ended = True
        for timer in self._timers:
            timer.cancel()
        for way in self._ways.values():
            way.gate.release()

    # ------------------------------------------------------------------ faults

    def arm(self, armed: ArmedFault) -> None:
        """Wait for a fault's place, or let it strike if it has none."""
        fault = armed.fault
        if fault.connection not in (None, self.number):
            return
        if fault.frame is not None or fault.byte is not None:
            self._watches.add(armed, self._passed)
        elif fault.after is not None:
            loop = asyncio.get_running_loop()
            self._timers.append(loop.call_later(fault.after, self._strike_at_time, armed))
        elif fault.name in ("stall", "half-open") or fault.connection is not None:
            self._strike(armed, "the connection")

    def disarm(self, armed: ArmedFault) -> None:
        """Wait for a fault no more. What it has done stays, but for bytes that it makes late, small or large."""
        self._watches.remove(armed)
        for way in self._ways.values():
            way.marks = [mark for mark in way.marks if mark.armed is not armed]
        if armed.fault.place:
            return
        if armed.fault.name == "stall":
            self.resume()
        if armed.fault.connection == self.number:
            for direction in self._directions(armed.fault):
                self._ways[direction].faults = None

    def clear(self) -> None:
        """Wait for no fault any more, and pass on what comes. What was held back leaves with the next bytes."""
        self._watches.clear()
        for way in self._ways.values():
            way.marks.clear()
            way.faults = None
        self.resume()

    def resume(self) -> None:
        """End a stall."""
        for way in self._ways.values():
            way.gate.open()

    def _directions(self, fault: Fault) -> list[Direction]:
        return [direction for direction in Direction if fault.direction in (None, direction)]

    def _strike_at_time(self, armed: ArmedFault) -> None:
        # An earlier connection may have used it up, or it was removed.
        if not self._ended and not armed.is_used_up and armed in self._plan.armed:
            self._strike(armed, f"{armed.fault.after:g} s")

    def _strike(self, armed: ArmedFault, where: str) -> None:
        """Do what a fault does at a place, and not to a frame."""
        fault = armed.fault
        self._note_strike(armed, where)
        match fault.name:
            case "cut" | "reset" | "error":
                self.cut(hard=fault.name == "reset")
            case "stall":
                for direction in self._directions(fault):
                    self._ways[direction].gate.shut(fault.value if isinstance(fault.value, float) else None)
            case "half-open":
                for way in self._ways.values():
                    way.gate.shut_for_good()
            case "drop" | "split" | "coalesce" | "delay":
                for direction in self._directions(fault):
                    faults = self._ways[direction].faults or self._plan.faults[direction]
                    changes: dict[str, Any] = {fault.name: True if fault.value is None else fault.value}
                    self._ways[direction].faults = replace(faults, **changes)

    def _note_strike(self, armed: ArmedFault, where: str) -> None:
        armed.struck += 1
        if armed.is_used_up and armed in self._plan.armed:
            self._plan.armed.remove(armed)
        if self._plan.on_strike is not None:
            self._plan.on_strike(self.number, armed.fault, where)

    # ------------------------------------------------------------------ one direction

    async def _pass_on(self, direction: Direction) -> None:
        way = self._ways[direction]
        try:
            while True:
                data = await self._read(direction)
                await way.gate.passable()
                if not data:
                    break
                if self._ended:
                    continue  # after a cut, what a side still sends is read and discarded
                await self._write_all(way.passage.receive(data), direction)
            if not self._ended:
                await self._write_all(way.passage.end(), direction)
        except OSError:
            # One side has reset the connection: reset the other.
            await way.gate.passable()
            if not self._ended:
                self._note_end("reset", direction)
                self._reset()
            return
        if not self._ended:
            self._note_end("closed", direction)
            _end_sending(way.writer)

    async def _read(self, direction: Direction) -> bytes:
        """Read a chunk, and more of them if bytes are to be coalesced. ``b""`` is the end."""
        reader = self._ways[direction].reader
        data = await reader.read(_CHUNK)
        while data and (faults := self._faults(direction)).coalesce > len(data):
            try:
                more = await asyncio.wait_for(reader.read(_CHUNK), faults.coalesce_time)
            except TimeoutError:
                break
            if not more:
                break
            data += more
        return data

    def _faults(self, direction: Direction) -> Faults:
        return self._ways[direction].faults or self._plan.faults[direction]

    async def _write_all(self, verdicts: Iterable[Verdict], direction: Direction) -> None:
        delay = self._faults(direction).delay
        for verdict in verdicts:
            verdict.delay += delay
            delay = 0.0
            await self._write(verdict, direction)
            if self._ended:
                return

    async def _write(self, verdict: Verdict, direction: Direction) -> None:
        """Write bytes, let faults strike on the way, and send the client its ERROR."""
        way, faults = self._ways[direction], self._faults(direction)
        if faults.drop:
            return
        if verdict.delay:
            await asyncio.sleep(verdict.delay)
            await way.gate.passable()
        if verdict.answer:
            await self._answer(verdict.answer)
        async with way.writing:
            start = self._passed[direction]
            end = start + len(verdict.data)
            way.marks += [_Mark(armed, start + armed.fault.offset) for armed in verdict.before]
            way.marks += [_Mark(armed, end + armed.fault.offset) for armed in verdict.after]
            size = verdict.split or faults.split
            for piece in _pieces(verdict.data, size):
                await self._write_piece(piece, direction)
                if self._ended or self._faults(direction).drop:
                    return
                await way.writer.drain()
                if size:
                    await asyncio.sleep(_SPLIT_PAUSE)
                    await way.gate.passable()

    async def _answer(self, frame: bytes) -> None:
        way = self._ways[Direction.TO_CLIENT]
        async with way.writing:
            if not self._ended:
                self._pass(
                    frame if self._opening.reader is None else text_message(frame), Direction.TO_CLIENT
                )

    async def _write_piece(self, piece: bytes, direction: Direction) -> None:
        """Write what may pass of a piece, as far as faults let it."""
        way = self._ways[direction]
        while not self._ended and not self._faults(direction).drop:
            room, armed = self._next_place(direction, len(piece))
            if room:
                self._pass(piece[:room], direction)
                piece = piece[room:]
            if armed is None:
                return
            if armed.fault.name == "corrupt":
                piece = bytes([piece[0] ^ 0xFF]) + piece[1:]
                self._note_strike(armed, f"byte {armed.fault.byte}")
            else:
                self._strike(armed, armed.fault.frame or f"byte {armed.fault.byte}")
            await way.gate.passable()

    def _pass(self, data: bytes, direction: Direction) -> None:
        self._passed[direction] += len(data)
        if self._plan.recorder is not None:
            self._plan.recorder.note(self.number, direction.value, data)
        self._ways[direction].writer.write(data)

    def _next_place(self, direction: Direction, size: int) -> tuple[int, ArmedFault | None]:
        """Return how many of the next bytes may pass, and the fault that strikes then, if one does."""
        way = self._ways[direction]
        # Another connection may have reached the place first.
        way.marks = [mark for mark in way.marks if not mark.armed.is_used_up]
        mark = min(way.marks, key=lambda mark: mark.position, default=None)
        room = size if mark is None else max(mark.position - self._passed[direction], 0)
        watch = self._watches.next_at_byte(direction, self._passed, min(room, size))
        if watch is not None:
            watch.done = True
            return max(watch.room(self._passed), 0), watch.armed
        if mark is not None and room <= size:
            way.marks.remove(mark)
            return room, mark.armed
        return size, None

    def _note_end(self, how: str, direction: Direction) -> None:
        """Remember which side has ended the connection first."""
        if not self._ended and not self._half_closed:
            self._half_closed = True
            side = "client" if direction is Direction.TO_SERVER else "server"
            self.end = f"{how} by the {side}"


def _end_sending(writer: asyncio.StreamWriter) -> None:
    """Send a FIN after what was written. With TLS, where that is not possible, close both directions."""
    if not send_fin(writer.transport):
        writer.close()


def _pieces(data: bytes, size: int) -> list[bytes]:
    if not size:
        return [data]
    return [data[start : start + size] for start in range(0, len(data), size)] or [data]
