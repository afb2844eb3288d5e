"""What every client does with every broker, and how many times."""

from __future__ import annotations

from dataclasses import dataclass

from .jobs import AT_ONCE

__all__ = ["BODY", "CONTESTS", "QUICK", "Contest"]

BODY = b"x" * 100
#: Messages of each contest in a run that only checks that everything works.
QUICK = 2 * AT_ONCE


@dataclass(frozen=True)
class Contest:
    """One kind of work.

    Attributes:
        name: the key of the function in a client's `CONTESTS`.
        title: for tables.
        count: messages a run.
        receives: whether the messages are in the queue before the client comes.
        one_by_one: whether the time of each message is measured.
    """

    name: str
    title: str
    count: int
    receives: bool = False
    one_by_one: bool = False


CONTESTS = (
    Contest("receive", "Receive", 10_000, receives=True),
    Contest("ack", "Receive and acknowledge each message", 5_000, receives=True),
    Contest("send", "Send without confirmation", 10_000),
    Contest("confirm", "Confirmed sends, one after the other", 2_000, one_by_one=True),
    Contest("pipeline", f"Confirmed sends, {AT_ONCE} pending", 5_000),
    Contest("crowd", f"Confirmed sends by {AT_ONCE} threads or tasks", 2_500),
)
