"""Queues of received messages that nobody has taken yet, and the size limit that all queues of a session share."""

from __future__ import annotations

from collections import deque
from typing import Any, Generic, TypeVar

from ._pending import Pending

__all__ = ["EVENT_OVERHEAD", "BufferLimit", "MessageQueue", "QueueEntry"]

T = TypeVar("T")

#: An item of a queue and its size. What is put back is recognised by the identity of this tuple. mypyc takes tuples of
#: known length apart and makes new ones, so the length is not stated.
QueueEntry = tuple[Any, ...]

#: About how many bytes of memory an event takes besides its text and body.
EVENT_OVERHEAD = 1024


class BufferLimit:
    """Counts the bytes in all queues of a session, and tells when reading should stop.

    It is full at the limit and free again at half of it, so that reading does not stop and start with every message.

    Args:
        limit: bytes.

    Attributes:
        limit: see above.
        size: bytes in all queues.
        full: whether reading should stop.
    """

    __slots__ = ("full", "limit", "size")

    def __init__(self, limit: int) -> None:
        self.limit: int = limit
        self.size: int = 0
        self.full: bool = False

    @property
    def exceeded(self) -> bool:
        """Whether the queues hold more than four times the limit: then reading stops whatever is awaited."""
        return self.size > 4 * self.limit

    def add(self, size: int) -> None:
        """Count bytes that were put in a queue."""
        self.size += size
        if self.size >= self.limit:
            self.full = True

    def notice_removed(self) -> None:
        """Look whether reading may go on: somebody has subtracted from :attr:`size` what was taken from a queue."""
        if self.full and self.size * 2 <= self.limit:
            self.full = False


class MessageQueue(Generic[T]):
    """A queue of received items. To wait for one, ask for :meth:`ready`, wait for it, then call :meth:`take` again.

    Args:
        limit: counts the bytes of the items, for all queues of a session.

    Attributes:
        limit: see above.
    """

    __slots__ = ("_closed", "_items", "_ready", "_size", "limit")

    def __init__(self, limit: BufferLimit) -> None:
        self.limit: BufferLimit = limit
        self._items: deque[QueueEntry] = deque()
        self._size = 0
        self._closed = False
        self._ready: Pending[None] | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T, size: int) -> None:
        """Add an item.

        Args:
            item: the item.
            size: how many bytes of memory it takes.
        """
        self._items.append((item, size))
        self._size += size
        limit = self.limit
        limit.size += size
        if limit.size >= limit.limit:
            limit.full = True
        if self._ready is not None:
            self.notify_all()

    def take(self) -> T | None:
        """Remove and return the oldest item; ``None`` if the queue is empty."""
        if not self._items:
            return None
        item: T
        size: int
        item, size = self._items.popleft()
        if not self._closed:  # as in _release(), without its calls
            limit = self.limit
            self._size -= size
            limit.size -= size
            if limit.full:
                limit.notice_removed()
        return item

    def first(self) -> QueueEntry | None:
        """Return the entry that :meth:`take` removes next, for :meth:`put_back`; ``None`` if the queue is empty."""
        return self._items[0] if self._items else None

    def put_back(self, entry: QueueEntry) -> None:
        """Make an entry the first one again, unless it is: an exception has interrupted the caller that took it.

        Whether its bytes were still counted is not known then, so all of the queue is counted anew.

        Args:
            entry: what :meth:`first` returned.
        """
        if not self._items or self._items[0] is not entry:
            self._items.appendleft(entry)
        if not self._closed:
            size = sum(size for _, size in self._items)
            self.limit.add(size - self._size)
            self._size = size
        self.notify_all()

    def ready(self) -> Pending[None]:
        """Return a Pending that is done when :meth:`take` may return something new. It is safe to cancel."""
        return Pending.completed("wait for a message", None) if self._items else self.changed()

    def changed(self) -> Pending[None]:
        """Return a Pending that is done at the next :meth:`put`, :meth:`close` or :meth:`notify_all`."""
        if self._closed:
            return Pending.completed("wait for a message", None)
        if self._ready is None:
            self._ready = Pending("wait for a message")
        return self._ready

    def clear(self) -> list[T]:
        """Remove and return all items."""
        items = [item for item, _ in self._items]
        self._items.clear()
        self._release(self._size)
        return items

    def close(self) -> None:
        """Accept no more items, and wake all waiters. The items in the queue can still be taken.

        They are no longer counted: the queue does not grow any more, and if nobody empties it, that must not keep the
        other subscriptions from being read.
        """
        self._release(self._size)
        self._closed = True
        self.notify_all()

    def _release(self, size: int) -> None:
        if not self._closed:
            # No call in between, so that no signal handler can raise there: the two must agree; see put_back().
            self._size -= size
            self.limit.size -= size
            self.limit.notice_removed()

    def notify_all(self) -> None:
        """Wake all waiters."""
        # Forgotten only afterwards: whatever interrupts this, the next call wakes those who wait.
        ready = self._ready
        if ready is not None:
            ready.succeed(None)
            if self._ready is ready:
                self._ready = None
