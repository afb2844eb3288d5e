"""Flow: whether one frame follows the other so fast that the next one is worth waiting for. Time is an argument."""

from __future__ import annotations

__all__ = ["Flow"]

_SUCCESSION = 0.0001  # seconds at most between frames that leave together
_STEADY = 16  # frames in a row from which on they do
_PAUSE = 0.01  # seconds that end such a row
_PORTION = 8  # frames that leave together where receipts are awaited: the broker works on them meanwhile


class Flow:
    """Of the frames that callers say on a connection.

    Attributes:
        heard: set it when something came in: what is said next may be an answer, for which somebody waits.
    """

    __slots__ = ("_held_back", "_in_a_row", "_said_at", "heard")

    def __init__(self) -> None:
        self._said_at = 0.0
        self._in_a_row = 0
        self._held_back = 0
        self.heard = False

    def goes_on(self, now: float, observed: bool) -> bool:
        """Something is said: whether it may wait for what follows.

        Few frames by themselves may not, unless somebody will hear what became of them: a process may end without
        asking whether all has left.

        Args:
            now: seconds of any monotonic clock.
            observed: somebody waits for a receipt.
        """
        gap = now - self._said_at
        self._said_at = now
        self._in_a_row = self._in_a_row + 1 if gap < _PAUSE else 0
        answers, self.heard = self.heard, False
        steady = self._in_a_row >= _STEADY if not observed else self._held_back < _PORTION - 1
        if gap > _SUCCESSION or answers or not steady:
            self._held_back = 0
            return False
        self._held_back += 1
        return True
