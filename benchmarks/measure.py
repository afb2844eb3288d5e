"""Best of interleaved rounds: whatever else the machine does hits everybody, and nobody in every round."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping

__all__ = ["best_rates"]


def best_rates(
    contestants: Mapping[str, tuple[Callable[[], object], int]], *, rounds: int, slowest: float = 1.0
) -> dict[str, float]:
    """The highest rate of each contestant, in things per second.

    Args:
        contestants: by name: what to call, and how many things one call does.
        rounds: everybody runs once a round, one after the other.
        slowest: who needs more seconds than this for a call runs in the first three rounds only.
    """
    best = dict.fromkeys(contestants, float("inf"))
    was_enabled = gc.isenabled()
    try:
        for number in range(rounds):
            for name, (call, _) in contestants.items():
                if number >= 3 and best[name] > slowest:
                    continue
                gc.collect()
                # As timeit does: a collection in the middle would be charged to whoever runs then.
                gc.disable()
                started = time.perf_counter()
                call()
                best[name] = min(best[name], time.perf_counter() - started)
                gc.enable()
    finally:
        if not was_enabled:
            gc.disable()
    return {name: count / best[name] for name, (_, count) in contestants.items()}
