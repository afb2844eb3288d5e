"""Deadlines of many operations at once, the next one first."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Any, Protocol

from .pending import Pending

__all__ = ["Deadlines", "Timed"]

_COMPACT_FROM = 1024


class Timed(Protocol):
    """What may not take longer than so many seconds."""

    pending: Pending[Any]
    timeout: float

    def late(self) -> None:
        """They have passed."""


class Deadlines:
    """A heap from which what is done falls out as it comes to the top.

    What is added has no deadline before the next time is told: an operation is called at a moment that nobody tells,
    perhaps long after the last one that was.

    Attributes:
        fresh: what was added since.
    """

    __slots__ = ("_compact_at", "_count", "_heap", "fresh")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timed]] = []
        self.fresh: list[Timed] = []
        self._count = 0
        self._compact_at = _COMPACT_FROM

    def add(self, timed: Timed) -> None:
        """Watch it until it is done; its time starts with the next :meth:`tell`."""
        self.fresh.append(timed)

    def tell(self, now: float) -> None:
        """Tell the time."""
        for timed in self.fresh:
            if not timed.pending.done:
                self._count += 1  # of two with the same deadline the older one is due first
                heappush(self._heap, (now + timed.timeout, self._count, timed))
        self.fresh.clear()
        if len(self._heap) > self._compact_at:
            # One that takes long must not keep all the done ones behind it alive.
            self._heap = [entry for entry in self._heap if not entry[2].pending.done]
            heapify(self._heap)
            self._compact_at = max(_COMPACT_FROM, 2 * len(self._heap))

    def next(self) -> float | None:
        """The earliest deadline of those that are not done."""
        while self._heap and self._heap[0][2].pending.done:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> list[Timed]:
        """Take out those whose deadline has come."""
        due = []
        while self._heap and self._heap[0][0] <= now:
            timed = heappop(self._heap)[2]
            if not timed.pending.done:
                due.append(timed)
        return due
