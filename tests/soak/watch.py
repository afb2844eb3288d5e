"""Watches a soak: it ends when every message has its fate and all confirmed have arrived, and never stands still."""

from __future__ import annotations

import os
import time

from stomp_core.session import Reconnect

from .ledger import Ledger
from .trouble import Trouble

__all__ = ["MESSAGES", "RECONNECT", "SENDERS", "Watch"]

MESSAGES = int(os.environ.get("SOAK_MESSAGES", "100000"))
SENDERS = 24
RECONNECT = Reconnect(first_delay=0.05, max_delay=1.0, first_rounds=100)
#: Longer than a broker's restart and every deadline of the client together: whatever takes longer hangs.
_NOTHING_HAPPENS = 120.0


class Watch:
    """One run.

    Args:
        name: the broker's.
        ledger: its books.
        trouble: what is done to it.
    """

    def __init__(self, name: str, ledger: Ledger, trouble: Trouble) -> None:
        self._name = name
        self._ledger = ledger
        self._trouble = trouble
        self._began = self._changed = time.monotonic()
        self._before: object = None
        self._seconds = 0.0

    def goes_on(self) -> bool:
        """Whether there is anything left to do. Ask about every tenth of a second.

        Raises:
            AssertionError: nothing has happened for too long.
        """
        ledger = self._ledger
        state = (len(ledger.confirmed), len(ledger.unknown), len(ledger.not_sent), len(ledger.received))
        now = time.monotonic()
        if state != self._before:
            self._before, self._changed = state, now
        assert now - self._changed < _NOTHING_HAPPENS, f"it hangs: {state}"
        self._seconds = now - self._began
        return not ledger.all_sent or bool(ledger.missing)

    def calm_down(self) -> None:
        """Everything is sent: let the rest arrive in peace."""
        self._trouble.stop()

    def report(self) -> str:
        """What happened, once it adds up."""
        trouble = self._trouble
        return (
            f"\n{self._name}: {self._ledger.check()}; {trouble.cuts} cuts, {trouble.kills} kills, "
            f"{self._seconds:.0f} s, {self._ledger.total / self._seconds:.0f} messages/s"
        )
