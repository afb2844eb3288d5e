"""What a soak has sent and got, and whether the two agree. The same for every adapter."""

from __future__ import annotations

import threading
from collections import Counter

__all__ = ["Ledger"]


class Ledger:
    """Books of one run. A message is a number; its fate is what its sender was told.

    Args:
        total: how many messages there will be.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._lock = threading.Lock()
        self._next = 0
        self.confirmed: set[int] = set()
        self.unknown: set[int] = set()
        self.not_sent: set[int] = set()
        self.received: Counter[int] = Counter()

    def next(self) -> int | None:
        """The next message to send; ``None`` when all have their fate."""
        with self._lock:
            if self._next == self.total:
                return None
            self._next += 1
            return self._next - 1

    def got(self, number: int) -> None:
        """A consumer has it."""
        with self._lock:
            self.received[number] += 1

    @property
    def all_sent(self) -> bool:
        """Whether every message has a fate."""
        return len(self.confirmed) + len(self.unknown) + len(self.not_sent) == self.total

    @property
    def missing(self) -> set[int]:
        """Confirmed, and not received yet."""
        return {number for number in self.confirmed if number not in self.received}

    def check(self) -> str:
        """Raise AssertionError unless everything adds up; otherwise a sentence about what happened."""
        assert self.all_sent, (
            f"{self.total} messages: {len(self.confirmed)} confirmed, {len(self.unknown)} unknown, "
            f"{len(self.not_sent)} not sent: the rest has no fate"
        )
        assert not self.missing, f"confirmed but never received: {sorted(self.missing)[:20]}"
        invented = [number for number in self.received if number in self.not_sent or number >= self.total]
        assert not invented, f"received although reported as not sent: {invented[:20]}"
        again = sum(count - 1 for count in self.received.values())
        return (
            f"{len(self.confirmed)} confirmed and received, {len(self.unknown)} unknown "
            f"({sum(number in self.received for number in self.unknown)} of them received), "
            f"{len(self.not_sent)} not sent, {again} delivered again"
        )
