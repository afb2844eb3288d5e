"""Inboxes: what came in and was not taken yet, counted so that somebody can stop reading in time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from ..wire import Frame
from .pending import Pending

__all__ = ["Budget", "Inbox", "weight"]

T = TypeVar("T")
_OVERHEAD = 1024  # bytes that an event costs besides its text and body


def weight(frame: Frame | None) -> int:
    """About how many bytes of memory a frame takes, or (``None``) something else that comes in."""
    if frame is None:
        return _OVERHEAD
    headers = frame.headers
    text = headers.text
    head = len(text) if text is not None else sum(len(name) + len(value) for name, value in headers.pairs)
    return _OVERHEAD + head + len(frame.body)


class Budget:
    """How much all inboxes of a session together hold, and whether that is too much.

    Full at the limit, free again at half of it: reading does not stutter with every message that is taken.

    Args:
        limit: bytes.
        on_free: called when it is no longer full: somebody may read again.

    Attributes:
        held: bytes.
        full: see above.
    """

    __slots__ = ("_limit", "_on_free", "full", "held")

    def __init__(self, limit: int, on_free: Callable[[], object]) -> None:
        self._limit = limit
        self._on_free = on_free
        self.held = 0
        self.full = False

    @property
    def overflowing(self) -> bool:
        """Far beyond the limit: nothing that is awaited justifies reading on."""
        return self.held > 4 * self._limit

    def add(self, size: int) -> None:
        """Something is held."""
        self.held += size
        if self.held >= self._limit:
            self.full = True

    def remove(self, size: int) -> None:
        """Something is held no more."""
        self.held -= size
        if self.full and self.held * 2 <= self._limit:
            self.full = False
            self._on_free()


class Inbox(Generic[T]):
    """A queue of what came in. Whoever wants to wait asks for :meth:`arrival`, then tries :meth:`take` again."""

    __slots__ = ("_arrival", "_budget", "_closed", "_items", "_size")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._items: deque[tuple[T, int]] = deque()
        self._size = 0
        self._closed = False
        self._arrival: Pending[None] | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T, size: int) -> None:
        """Add something that takes so many bytes."""
        self._items.append((item, size))
        self._size += size
        self._budget.add(size)
        if self._arrival is not None:
            self.stir()

    def take(self) -> T | None:
        """The oldest thing; ``None`` if there is nothing now."""
        if not self._items:
            return None
        item, size = self._items.popleft()
        self._give_back(size)
        return item

    def arrival(self) -> Pending[None]:
        """Done once :meth:`take` may have another answer than now. It hands nothing over, so it may be abandoned."""
        if self._items or self._closed:
            return Pending.completed("arrival", None)
        if self._arrival is None:
            self._arrival = Pending("arrival")
        return self._arrival

    def clear(self) -> list[T]:
        """Drop everything; returns what was dropped."""
        dropped = [item for item, _ in self._items]
        self._items.clear()
        self._give_back(self._size)
        return dropped

    def close(self) -> None:
        """Nothing more comes: all who wait look again. What is there can be taken.

        It counts no longer: it grows no more, and perhaps nobody takes it, which must not stop the others for ever.
        """
        self._give_back(self._size)
        self._closed = True
        self.stir()

    def _give_back(self, size: int) -> None:
        if not self._closed:
            self._size -= size
            self._budget.remove(size)

    def stir(self) -> None:
        """Let all who wait look again."""
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            arrival.succeed(None)
