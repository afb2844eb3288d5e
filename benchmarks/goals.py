"""What the pure layers have to reach, as users meet it: `instructions.py` counts, `run.py` takes times.

No goal is measured on a frame that was serialized before, or on other things that are faster the second time and that
a program does not do twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .report import Requirement

__all__ = ["GOALS", "Goal", "as_requirements"]


class Goal(NamedTuple):
    """What a message of one workload may cost.

    Attributes:
        ours: the workload.
        other: the workload that it is compared with, or None: then the limits are instructions a message.
        goal: at most this many times the count of the other one.
        floor: what `--check` requires: a little more than was counted, also where the goal is met, so that what was
            gained is not lost.
    """

    ours: str
    other: str | None
    goal: float
    floor: float


#: Of CPython 3.11 as Debian 12 has it. Lower the floors as the code gets faster: they are 2 or 3 % above the counts.
GOALS = (
    Goal("parse, 64 KiB", "stomp.py, parse, 64 KiB", 1 / 8.5, 0.1165),
    Goal("parse, 1460 B", "stomp.py, parse, 1460 B", 1 / 5, 0.166),
    Goal("events, auto", "parse, 64 KiB", 1 / 0.75, 1.25),
    Goal("events, client", "parse, 64 KiB", 1 / 0.75, 1 / 0.75),
    Goal("events, client-individual", "parse, 64 KiB", 1 / 0.75, 1 / 0.75),
    Goal("session, take + ack, client", "parse, 64 KiB", 2.6, 2.55),
    Goal("session, take + ack, client-individual", "parse, 64 KiB", 2.6, 2.55),
    Goal("ClientConnection.send, same headers", "stomp.py, send, same headers", 1 / 3, 0.234),
    Goal("ClientConnection.send, one header varies", "stomp.py, send, one header varies", 1 / 1.3, 0.625),
    Goal("ClientConnection.send, escapes", "stomp.py, send, escapes", 1 / 2, 0.233),
    Goal("Session.send", "stomp.py, send, same headers", 1 / 1.9, 0.426),
    Goal("Session.send, receipt", None, 90_000, 67_000),
)


def as_requirements(costs: Mapping[str, float], *, counts: bool = True) -> list[Requirement]:
    """Return the goals whose workloads were measured.

    Args:
        costs: of a message, by the name of the workload.
        counts: whether costs are instructions: if they are seconds, goals in instructions are left out.
    """
    found = []
    for ours, other, goal, _ in GOALS:
        if ours not in costs:
            continue
        if other is None:
            if counts:
                found.append(Requirement(f"{ours}: instructions", goal, costs[ours], at_most=True))
        elif other in costs:
            ratio = costs[ours] / costs[other]
            found.append(Requirement(f"{ours} / {other}", goal, ratio, at_most=True))
    return found
