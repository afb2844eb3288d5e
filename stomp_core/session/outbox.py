"""What waits: frames for the one writer, and operations for a connection. What is withdrawn falls out of both."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from .operation import Operation

__all__ = ["Backlog", "Outbox"]


class Outbox:
    """Frames in the order in which they were said. A frame leaves whole or not at all.

    Attributes:
        size: bytes that wait.
    """

    __slots__ = ("_entries", "_withdrawn", "size")

    def __init__(self) -> None:
        self._entries: list[tuple[bytes, Operation | None]] = []
        self._withdrawn = 0
        self.size = 0

    def put(self, wire: bytes, operation: Operation | None) -> None:
        """Queue a frame, or a heart-beat (which belongs to no operation)."""
        self._entries.append((wire, operation))
        self.size += len(wire)

    def take(self) -> bytes:
        """Everything, in one piece. What is taken counts as on its way."""
        if not self._entries:
            return b""
        entries = self._empty()
        for _, operation in entries:
            if operation is not None:
                operation.leave()
        return entries[0][0] if len(entries) == 1 else b"".join([wire for wire, _ in entries])

    def drop(self) -> list[Operation]:
        """Forget everything; returns the operations whose frames have not left, in order."""
        return [operation for _, operation in self._empty() if operation is not None]

    def tidy(self) -> None:
        """One of the operations has been withdrawn: do not keep its bytes for long."""
        self._withdrawn += 1
        # Not each time: a thousand that are late together would take a million steps.
        if self._withdrawn * 2 > len(self._entries):
            self._entries = self._empty()
            self.size = sum(len(wire) for wire, _ in self._entries)

    def _empty(self) -> list[tuple[bytes, Operation | None]]:
        entries = self._entries
        if self._withdrawn:
            entries = [entry for entry in entries if entry[1] is None or not entry[1].withdrawn]
            self._withdrawn = 0
        self._entries = []
        self.size = 0
        return entries


class Backlog:
    """Operations that wait for a connection, in the order in which they will be said."""

    __slots__ = ("_entries", "_withdrawn")

    def __init__(self) -> None:
        self._entries: deque[Operation] = deque()
        self._withdrawn = 0

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._entries)

    def add(self, operation: Operation) -> None:
        """It goes last."""
        self._entries.append(operation)

    def add_first(self, operations: Iterable[Operation]) -> None:
        """These go before all others, in this order: they were said before, on a connection that is gone."""
        self._entries.extendleft(reversed(list(operations)))

    def take(self) -> list[Operation]:
        """Everything."""
        entries = [operation for operation in self._entries if not operation.withdrawn]
        self._entries.clear()
        self._withdrawn = 0
        return entries

    def tidy(self) -> None:
        """One of the operations has been withdrawn: do not keep it for long."""
        self._withdrawn += 1
        if self._withdrawn * 2 > len(self._entries):
            self._entries.extend(self.take())
