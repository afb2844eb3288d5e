"""Decide when a soak test is finished, and fail it when it makes no progress."""

from __future__ import annotations

import os
import time

from stomp_core.session import Reconnect

from .fault_injector import FaultInjector
from .outcomes import Outcomes

__all__ = ["MESSAGES", "RECONNECT", "SENDERS", "Monitor"]

MESSAGES = int(os.environ.get("SOAK_MESSAGES", "100000"))
SENDERS = 24
RECONNECT = Reconnect(first_delay=0.05, max_delay=1.0, first_rounds=100)
#: Seconds. Longer than a restart of the broker and all timeouts of the client together.
_PROGRESS_TIMEOUT = 120.0


class Monitor:
    """Watch the progress of one run. It is finished when all outcomes are known and all confirmed messages received.

    Args:
        name: of the broker, for the report.
        outcomes: of the messages of this run.
        faults: what cuts connections during this run.
    """

    def __init__(self, name: str, outcomes: Outcomes, faults: FaultInjector) -> None:
        self._name = name
        self._outcomes = outcomes
        self._faults = faults
        self._started = self._last_progress = time.monotonic()
        self._last_counts: tuple[int, ...] = ()
        self._seconds = 0.0

    def unfinished(self) -> bool:
        """Whether the run must go on. Call it about every 0.1 seconds.

        Raises:
            AssertionError: nothing was sent or received for too long.
        """
        outcomes = self._outcomes
        counts = (
            len(outcomes.confirmed), len(outcomes.unknown), len(outcomes.not_sent), len(outcomes.received),
        )  # fmt: skip
        now = time.monotonic()
        if counts != self._last_counts:
            self._last_counts, self._last_progress = counts, now
        assert now - self._last_progress < _PROGRESS_TIMEOUT, (
            f"no progress for {_PROGRESS_TIMEOUT} s: {counts}"
        )
        self._seconds = now - self._started
        return not outcomes.all_sent or bool(outcomes.missing)

    def stop_faults(self) -> None:
        """Inject no more faults, so that the remaining messages arrive."""
        self._faults.stop()

    def report(self) -> str:
        """Check the outcomes and return a summary."""
        faults = self._faults
        # A real broker that was killed, and ActiveMQ in any case, may deliver again without a mark.
        twice = self._name != "embedded" and (self._name != "rabbitmq" or faults.kills > 0)
        return (
            f"\n{self._name}: {self._outcomes.check(twice=twice)}; {faults.cuts} cuts, {faults.kills} kills, "
            f"{self._seconds:.0f} s, {self._outcomes.total / self._seconds:.0f} messages/s"
        )
