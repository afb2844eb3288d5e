"""Best of interleaved rounds: whatever else the machine does hits everybody, and nobody in every round.

What is counted is the processor time of this process: nobody here waits for anything.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping

__all__ = ["best_rates"]


def best_rates(
    contestants: Mapping[str, tuple[Callable[[], object], int]], *, rounds: int, slow: float = 0.05
) -> dict[str, float]:
    """The highest rate of each contestant, in things per second.

    Args:
        contestants: by name: what to call, and how many things one call does.
        rounds: everybody runs once a round, one after the other.
        slow: who needs more seconds than this for a call runs in the first five rounds only.
    """
    best = dict.fromkeys(contestants, float("inf"))
    was_enabled = gc.isenabled()
    try:
        for number in range(rounds):
            for name, (call, _) in contestants.items():
                if number >= 5 and best[name] > slow:
                    continue
                gc.collect()
                # As timeit does: a collection in the middle would be charged to whoever runs then.
                gc.disable()
                started = time.process_time()
                call()
                best[name] = min(best[name], time.process_time() - started)
                gc.enable()
    finally:
        if not was_enabled:
            gc.disable()
    return {name: count / best[name] for name, (_, count) in contestants.items()}
