"""Outbox: bytes that wait for the one writer, and what they were said for."""

from __future__ import annotations

from .operation import Operation

__all__ = ["Outbox"]


class Outbox:
    """Frames in the order in which they were said. A frame leaves whole or not at all.

    Attributes:
        size: bytes that wait.
    """

    __slots__ = ("_entries", "size")

    def __init__(self) -> None:
        self._entries: list[tuple[bytes, Operation | None]] = []
        self.size = 0

    def put(self, wire: bytes, operation: Operation | None) -> None:
        """Queue a frame, or a heart-beat (which belongs to no operation)."""
        self._entries.append((wire, operation))
        self.size += len(wire)

    def take(self) -> bytes:
        """Everything, in one piece. What is taken counts as on its way."""
        entries = self._entries
        if not entries:
            return b""
        self._entries = []
        self.size = 0
        pieces = []
        for wire, operation in entries:
            if operation is not None:
                if operation.withdrawn:
                    continue
                operation.leave()
            pieces.append(wire)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def drop(self) -> list[Operation]:
        """Forget everything; returns the operations whose frames have not left, in order."""
        entries, self._entries = self._entries, []
        self.size = 0
        return [operation for _, operation in entries if operation is not None and not operation.withdrawn]
