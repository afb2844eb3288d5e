"""What is counted during a benchmark: messages, latencies, and what went wrong."""

from __future__ import annotations

import threading

from stomp_core.session import OutcomeUnknown, Rejected

from ._latencies import Latencies

__all__ = ["ERRORS", "LATENCIES", "Deliveries", "Tally"]

#: The latencies, by the names that they have in JSON, and what the report calls them.
LATENCIES = {
    "send_to_receipt": "send->RECEIPT",
    "send_to_message": "send->MESSAGE",
    "message_to_ack": "MESSAGE->ACK",
    "request_to_reply": "request->reply",
}
#: What can go wrong, and what it means.
ERRORS = {
    "rejected": "the broker answered with ERROR",
    "unknown": "the connection was lost, or no answer came in time",
    "not_sent": "it never left this process",
    "lost": "it was confirmed, and never delivered",
    "duplicate": "it was delivered more than once",
    "out_of_order": "it was delivered after a later one of the same producer",
    "reconnects": "a lost connection was replaced",
}


class Tally:
    """Counts of one connection, so that connections in different threads share none. They are added up at the end.

    Attributes:
        sent: messages that were put on their way; this and the next three without those of the warm-up.
        confirmed: RECEIPTs.
        received: messages that came, or requests.
        acknowledged: messages that were acknowledged.
        foreign: of the received ones, those that this benchmark did not send.
        errors: by their names in :data:`ERRORS`.
        latencies: by their names in :data:`LATENCIES`.
        last: when the last of this happened, in nanoseconds.
    """

    def __init__(self) -> None:
        self.sent = 0
        self.confirmed = 0
        self.received = 0
        self.acknowledged = 0
        self.foreign = 0
        self.errors = dict.fromkeys(ERRORS, 0)
        self.latencies = {name: Latencies() for name in LATENCIES}
        self.last = 0

    def merge(self, other: Tally) -> None:
        """Add the counts of another connection."""
        self.sent += other.sent
        self.confirmed += other.confirmed
        self.received += other.received
        self.acknowledged += other.acknowledged
        self.foreign += other.foreign
        for name, count in other.errors.items():
            self.errors[name] += count
        for name, latencies in other.latencies.items():
            self.latencies[name].merge(latencies)
        self.last = max(self.last, other.last)

    def add_failure(self, failure: Exception) -> None:
        """Count a message that was not confirmed, or a request without a reply."""
        if isinstance(failure, Rejected):
            self.errors["rejected"] += 1
        elif isinstance(failure, OutcomeUnknown):
            self.errors["unknown"] += 1
        else:
            self.errors["not_sent"] += 1


_CONFIRMED = 1
_DELIVERED = 2


class Deliveries:
    """Which messages were confirmed and which were delivered, over all connections. It takes a byte for each message.

    Args:
        producers: how many there are.

    Attributes:
        missing: how many were confirmed and not delivered so far.
        duplicates: how many deliveries there were beyond the first one of a message.
    """

    def __init__(self, producers: int) -> None:
        self._states = [bytearray() for _ in range(producers)]
        self._lock = threading.Lock()
        self.missing = 0
        self.duplicates = 0

    def confirm(self, producer: int, number: int) -> None:
        """Note that the broker has confirmed a message."""
        with self._lock:
            if self._mark(producer, number, _CONFIRMED) == 0:
                self.missing += 1

    def deliver(self, producer: int, number: int) -> bool:
        """Note that a message was delivered, and return whether that was its first time."""
        with self._lock:
            before = self._mark(producer, number, _DELIVERED)
            if before & _DELIVERED:
                self.duplicates += 1
                return False
            if before & _CONFIRMED:
                self.missing -= 1
            return True

    def _mark(self, producer: int, number: int, state: int) -> int:
        """Add a state to a message, and return those that it had."""
        states = self._states[producer]
        if number >= len(states):
            states.extend(bytes(number + 1 - len(states)))
        before = states[number]
        states[number] = before | state
        return before
