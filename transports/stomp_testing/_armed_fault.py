"""ArmedFault: a fault that a proxy was given."""

from __future__ import annotations

from ._fault import Fault

__all__ = ["ArmedFault"]


class ArmedFault:
    """A fault that a FaultProxy was given, to see whether it has struck and to remove it.

    Attributes:
        fault: the fault.
        struck: how many times it has struck. A fault that lasts from the beginning, as ``delay`` without a place, does
            not count.
    """

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.struck = 0

    @property
    def is_used_up(self) -> bool:
        """Whether it strikes no more."""
        return self.fault.strikes_once and self.struck > 0

    def __repr__(self) -> str:
        return f"<ArmedFault {self.fault}, struck {self.struck}>"
