"""Record what was sent and received in a soak test, and check that both agree."""

from __future__ import annotations

import threading
from collections import Counter

__all__ = ["Outcomes"]


class Outcomes:
    """The outcome of every message of one run. A message is a number.

    Senders take numbers with :meth:`next_number` and add each to one of the three sets; consumers call
    :meth:`add_received`. May be used from several threads.

    Args:
        total: how many messages are sent.

    Attributes:
        confirmed: messages whose RECEIPT arrived.
        unknown: messages that may or may not have been received by the broker.
        not_sent: messages that were reported as not sent.
        received: how many times each message was delivered.
        new: how many times each message was delivered as one that was not delivered before.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._lock = threading.Lock()
        self._next = 0
        self.confirmed: set[int] = set()
        self.unknown: set[int] = set()
        self.not_sent: set[int] = set()
        self.received: Counter[int] = Counter()
        self.new: Counter[int] = Counter()

    def next_number(self) -> int | None:
        """Return the next message to send, or None when all have been taken."""
        with self._lock:
            if self._next == self.total:
                return None
            self._next += 1
            return self._next - 1

    def add_received(self, number: int, *, redelivered: bool) -> None:
        """Count a delivery of a message."""
        with self._lock:
            self.received[number] += 1
            self.new[number] += not redelivered

    @property
    def all_sent(self) -> bool:
        """Whether the outcome of every message is known."""
        return len(self.confirmed) + len(self.unknown) + len(self.not_sent) == self.total

    @property
    def missing(self) -> set[int]:
        """Messages that are confirmed but not yet received."""
        return {number for number in self.confirmed if number not in self.received}

    def check(self, *, twice: bool) -> str:
        """Check that every message has an outcome and that what was received agrees with it.

        Args:
            twice: a message may be new twice, because the broker does not mark all that it delivers again.

        Returns:
            A summary.

        Raises:
            AssertionError: a message is lost, was received although it was not sent, or has no outcome.
        """
        assert self.all_sent, (
            f"{self.total} messages, but {len(self.confirmed)} confirmed, {len(self.unknown)} unknown, "
            f"{len(self.not_sent)} not sent: the others have no outcome"
        )
        assert not self.missing, f"confirmed but never received: {sorted(self.missing)[:20]}"
        unexpected = [number for number in self.received if number in self.not_sent or number >= self.total]
        assert not unexpected, f"received although reported as not sent: {unexpected[:20]}"
        sent_twice = [number for number, count in self.new.items() if count > 1]
        assert twice or not sent_twice, f"in the queue twice: {sent_twice[:20]}"
        repeated = sum(count - 1 for count in self.received.values())
        return (
            f"{len(self.confirmed)} confirmed and received, {len(self.unknown)} unknown "
            f"({sum(number in self.received for number in self.unknown)} of them received), "
            f"{len(self.not_sent)} not sent, {repeated} redelivered"
        )
