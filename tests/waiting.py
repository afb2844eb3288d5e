"""Waiting in tests: for what must come, with a deadline that a busy machine does not reach; and for what must not."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["HANGS", "never", "until"]

#: Seconds after which something that must come never will. A test that passes does not wait for it, so it is generous:
#: the machine may be busy, and hold up this process for seconds.
HANGS = 60.0


def until(condition: Callable[[], object], hangs: float = HANGS) -> None:
    """Wait until a condition holds which nobody announces.

    Args:
        condition: returns something true when the wait is over.
        hangs: seconds after which the test fails.
    """
    give_up = time.monotonic() + hangs
    while not condition():
        assert time.monotonic() < give_up, f"it did not happen within {hangs:g} s"
        time.sleep(0.005)


def never(condition: Callable[[], object], seconds: float) -> bool:
    """Return whether a condition stays false for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return False
        time.sleep(0.01)
    return True
