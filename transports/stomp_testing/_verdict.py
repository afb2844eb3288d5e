"""Verdict: what is done to a frame, and to any other bytes, on their way through a proxy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ._armed_fault import ArmedFault
from ._stomp_pieces import Piece

__all__ = ["Decide", "Verdict", "verdict_on"]


@dataclass(slots=True)
class Verdict:
    """Bytes that are written in one go, and what happens to them and around them.

    Attributes:
        data: what is written.
        delay: seconds by which it is late.
        split: the size of the pieces in which it is written; 0 does not split.
        before: faults that strike before it.
        after: faults that strike behind it.
        answer: what the client gets, where its frame was not passed on.
    """

    data: bytes
    delay: float = 0.0
    split: int = 0
    before: list[ArmedFault] = field(default_factory=list)
    after: list[ArmedFault] = field(default_factory=list)
    answer: bytes = b""

    def add(self, other: Verdict) -> None:
        """Let also happen, with the bytes of this one, what happens with those of another one."""
        self.delay = max(self.delay, other.delay)
        self.split = other.split or self.split
        self.before += other.before
        self.after += other.after
        self.answer += other.answer


#: Decides about a frame or heart-beat, and is passed whether its first bytes have left. ``None``: it passes unchanged.
Decide = Callable[[Piece, bool], Verdict | None]


def verdict_on(decide: Decide, piece: Piece, *, begun: bool) -> Verdict:
    """Return what happens to a piece."""
    found = None if piece.kind == "other" else decide(piece, begun)
    return Verdict(piece.data) if found is None else found
