"""Watches: the faults that wait on one connection for a frame or a byte, and what they do to a frame. No I/O.

A watch counts what has come on its connection. A fault that strikes once is used up by the connection that reaches its
place first; the watches of the others then wait for nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from ._armed_fault import ArmedFault
from ._error_answer import error_frame
from ._fault import ENDINGS, HEART_BEAT, Direction, directions_of
from ._stomp_pieces import Piece
from ._verdict import Verdict

__all__ = ["Watch", "Watches"]


class Watch:
    """Counts, on one connection, what a fault waits for.

    Args:
        armed: the fault, at a frame or a byte.
        passed: how many bytes have passed in each direction.
    """

    def __init__(self, armed: ArmedFault, passed: Mapping[Direction, int]) -> None:
        self.armed = armed
        self.fault = armed.fault
        self._directions = (
            tuple(Direction) if self.fault.direction is None else (Direction(self.fault.direction),)
        )
        if self.fault.frame is not None and self.fault.direction is None:
            self._directions = tuple(directions_of(self.fault.frame))
        self._start = dict(passed)
        self._frames = 0
        self.done = False

    @property
    def is_over(self) -> bool:
        """Whether it waits for nothing any more."""
        return self.done or self.armed.is_used_up

    def concerns(self, direction: Direction) -> bool:
        """Return whether it waits for something in a direction."""
        return not self.is_over and direction in self._directions

    def meets(self, direction: Direction, piece: Piece, *, begun: bool) -> bool:
        """Count a frame or heart-beat, and return whether the fault strikes it.

        Args:
            direction: of the piece.
            piece: complete.
            begun: its first bytes have left already, so only a fault behind it can strike.
        """
        if not self.concerns(direction) or (begun and not self._is_behind_frame):
            return False
        wanted, name = self.fault.frame, _name(piece)
        if piece.kind == "line-end":
            # It is no heart-beat, but when all of these are struck, it goes with them.
            return wanted == HEART_BEAT and self.fault.every == 1
        if name != wanted and (wanted != "any" or name == HEART_BEAT):
            return False
        self._frames += 1
        if not self.fault.strikes(self._frames):
            return False
        self.done = not self.fault.every
        return True

    @property
    def _is_behind_frame(self) -> bool:
        return self.fault.name in ENDINGS and self.fault.place == "frame" and self.fault.offset >= 0

    def room(self, passed: Mapping[Direction, int]) -> int:
        """Return how many bytes may pass until the fault at a byte strikes. ``corrupt`` strikes before its byte."""
        assert self.fault.byte is not None
        counted = sum(passed[direction] - self._start[direction] for direction in self._directions)
        return self.fault.byte - (self.fault.name == "corrupt") - counted


class Watches:
    """The watches of one connection.

    Args:
        seed: of the bytes that are corrupted.
        note_strike: called with each fault that has changed a frame, and the frame's command.
    """

    def __init__(self, seed: str, note_strike: Callable[[ArmedFault, str], object]) -> None:
        self._seed = seed
        self._note_strike = note_strike
        self._watches: list[Watch] = []

    def add(self, armed: ArmedFault, passed: Mapping[Direction, int]) -> None:
        """Wait for the place of a fault, and count from now on."""
        self._watches.append(Watch(armed, passed))

    def remove(self, armed: ArmedFault) -> None:
        """Wait for a fault no more."""
        self._watches = [watch for watch in self._watches if watch.armed is not armed]

    def clear(self) -> None:
        """Wait for nothing."""
        self._watches.clear()

    def hold(self, direction: Direction) -> bool:
        """Return whether a frame must be complete before it leaves.

        A fault may strike it; or it must not be open when an ERROR of the proxy is sent in the same direction.
        """
        return any(
            watch.fault.frame is not None
            and (watch.concerns(direction) or (watch.fault.name == "error" and not watch.is_over))
            for watch in self._watches
        )

    def next_at_byte(self, direction: Direction, passed: Mapping[Direction, int], size: int) -> Watch | None:
        """Return the watch that strikes first within the next bytes, or directly behind them."""
        found = [
            watch
            for watch in self._watches
            if watch.fault.byte is not None
            and watch.concerns(direction)
            # A byte can be inverted only when it is there.
            and watch.room(passed) <= size - (watch.fault.name == "corrupt")
        ]
        return min(found, key=lambda watch: watch.room(passed), default=None)

    def decide(self, direction: Direction, piece: Piece, begun: bool) -> Verdict | None:
        """Return what faults do to a frame or heart-beat; ``None`` if they do nothing.

        Args:
            direction: of the piece.
            piece: complete.
            begun: its first bytes have left already.
        """
        verdict = None
        for watch in self._watches:
            if watch.fault.frame is not None and watch.meets(direction, piece, begun=begun):
                verdict = Verdict(piece.data) if verdict is None else verdict
                self._apply(watch, direction, piece, verdict)
        if verdict is not None:
            self._watches = [watch for watch in self._watches if not watch.is_over]
        return verdict

    def _apply(self, watch: Watch, direction: Direction, piece: Piece, verdict: Verdict) -> None:
        fault = watch.fault
        if fault.name in ENDINGS:
            # It strikes when the bytes before its place have been written.
            (verdict.before if fault.before else verdict.after).append(watch.armed)
            return
        match fault.name:
            case "swallow":
                verdict.data = b""
            case "duplicate":
                verdict.data *= 2
            case "corrupt":
                verdict.data = self._corrupted(verdict.data, watch.armed)
            case "delay":
                verdict.delay += float(fault.value or 0)
            case "split":
                verdict.split = int(fault.value or 0)
            case "error":
                answer = error_frame(str(fault.value), piece.data)
                verdict.data, verdict.answer = (
                    (b"", answer) if direction is Direction.TO_SERVER else (answer, b"")
                )
                verdict.after.append(watch.armed)
                return
        self._note_strike(watch.armed, _name(piece))

    def _corrupted(self, data: bytes, armed: ArmedFault) -> bytes:
        """Invert one byte of a frame: the same for the same seed, connection, fault and number of strikes."""
        if not data:
            return data
        position = random.Random(f"{self._seed} {armed.fault} {armed.struck}").randrange(len(data))
        return data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]


def _name(piece: Piece) -> str:
    return piece.command if piece.kind == "frame" else HEART_BEAT
