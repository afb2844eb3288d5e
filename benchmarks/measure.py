"""Measure rates in interleaved rounds.

The best round of each contestant counts. Other load on the machine slows some rounds down, but not all rounds of one
contestant. The processor time of this process is measured, since no contestant waits for anything.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from functools import partial

__all__ = ["best_rates", "best_times"]


def best_rates(
    contestants: Mapping[str, tuple[Callable[[], object], int]], *, rounds: int, slow: float = 0.05
) -> dict[str, float]:
    """Return the highest rate of each contestant, in items per second.

    Args:
        contestants: by name: a function, and how many items a call of it processes.
        rounds: in each round every contestant runs once.
        slow: a contestant whose call takes more seconds than this runs in the first five rounds only.
    """
    times = best_times(
        {name: partial(_same, call) for name, (call, _) in contestants.items()}, rounds=rounds, slow=slow
    )
    return {name: count / times[name] for name, (_, count) in contestants.items()}


def _same(call: Callable[[], object]) -> Callable[[], object]:
    return call


def best_times(
    contestants: Mapping[str, Callable[[], Callable[[], object]]], *, rounds: int, slow: float = 0.05
) -> dict[str, float]:
    """Return the shortest time of each contestant, in seconds.

    Args:
        contestants: by name: a function that prepares one round, and returns the function that is measured.
        rounds: in each round every contestant runs once.
        slow: a contestant whose call takes more seconds than this runs in the first five rounds only.
    """
    best = dict.fromkeys(contestants, float("inf"))
    was_enabled = gc.isenabled()
    # Objects that exist already are left out of the collections below: in a process of many tests these take long.
    gc.collect()
    gc.freeze()
    try:
        for number in range(rounds):
            for name, prepare in contestants.items():
                if number >= 5 and best[name] > slow:
                    continue
                call = prepare()
                gc.collect()
                # As timeit does: otherwise one contestant would pay for collecting the garbage of all.
                gc.disable()
                started = time.process_time()
                call()
                best[name] = min(best[name], time.process_time() - started)
                gc.enable()
    finally:
        gc.unfreeze()
        if not was_enabled:
            gc.disable()
    return best
