"""The results of clients in contests, their tables, and the goals of the project for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from .contests import CONTESTS, Contest
from .jobs import Measurement
from .latency import PERCENTILES, percentiles
from .report import Requirement, Table

__all__ = ["Result", "failures", "goals", "table"]

#: Whose CPU time the tables divide by.
REFERENCE = "stomp.py"


@dataclass
class Result:
    """What one client did in one contest with one broker.

    Attributes:
        broker: its name in `BROKERS`.
        contest: what was done.
        client: who did it.
        count: messages a round.
        rounds: the measurements of the rounds.
        failure: why there are no more rounds, or an empty string.
    """

    broker: str
    contest: Contest
    client: str
    count: int
    rounds: list[Measurement] = field(default_factory=list)
    failure: str = ""

    @property
    def rates(self) -> list[float]:
        """Messages a second of each round."""
        return [self.count / one.seconds for one in self.rounds]

    @property
    def cpu(self) -> list[float]:
        """Microseconds of processor time a message, of each round."""
        return [one.cpu / self.count * 1e6 for one in self.rounds]

    @cached_property
    def latency(self) -> dict[float, float]:
        """Percentiles of the latencies of all rounds, in microseconds."""
        return percentiles(latency for one in self.rounds for latency in one.latencies)


def table(contest: Contest, results: Sequence[Result]) -> Table:
    """Return the table of one contest with one broker, the client with the least CPU time first."""
    rows = sorted((one for one in results if one.contest == contest and one.rounds), key=_best_cpu)
    reference = next((_best_cpu(one) for one in rows if one.client == REFERENCE), None)
    columns = ["", "messages/s", "slowest round", "CPU us", "costliest round", f"CPU / {REFERENCE}"]
    if contest.one_by_one:
        columns += [f"p{percentile:g} us" for percentile in PERCENTILES]
    return Table(columns, [_row(one, reference) for one in rows])


def _row(result: Result, reference: float | None) -> list[str]:
    rate, cpu = max(result.rates), min(result.cpu)
    return [
        result.client,
        f"{rate:,.0f}",
        f"{min(result.rates) / rate - 1:+.0%}",
        f"{cpu:.1f}",
        f"{max(result.cpu) / cpu - 1:+.0%}",
        f"{cpu / reference:.2f}" if reference else "",
        *(f"{value:,.0f}" for value in (result.latency.values() if result.contest.one_by_one else ())),
    ]


def _best_cpu(result: Result) -> float:
    return min(result.cpu)


def failures(results: Sequence[Result]) -> list[str]:
    """Return a line for each client that failed in a contest."""
    return [
        f"{one.client} failed with {one.broker} in “{one.contest.title}”: {one.failure}"
        for one in results
        if one.failure
    ]


# ---------------------------------------------------------------------- goals


class _CpuGoal(NamedTuple):
    """The most CPU time a message that a client may take with a broker, as a multiple of another client's."""

    contest: str
    client: str
    other: str
    limit: float


_RATIO_BROKER = "rabbitmq"
_CPU_GOALS = (
    _CpuGoal("receive", "stomp_socket", REFERENCE, 0.5),
    _CpuGoal("ack", "stomp_socket", REFERENCE, 0.6),
    _CpuGoal("send", "stomp_socket", REFERENCE, 0.9),
    _CpuGoal("confirm", "stomp_socket", REFERENCE, 1.05),
    _CpuGoal("pipeline", "stomp_socket", REFERENCE, 0.75),
    *(
        _CpuGoal(contest.name, adapter, "stomp_socket", 1.2)
        for adapter in ("stomp_asyncio", "stomp_trio")
        for contest in CONTESTS
        if contest.name != "crowd"
    ),
)
_LEAST_CONFIRM_RATE = 0.95
_LEAST_RATE_OF_THREADS = 8000


def goals(results: Sequence[Result]) -> list[Requirement]:
    """Return what the project requires of whole clients, as far as it was measured."""
    return list(_goals({(one.broker, one.contest.name, one.client): one for one in results if one.rounds}))


def _goals(found: dict[tuple[str, str, str], Result]) -> Iterator[Requirement]:
    titles = {contest.name: contest.title for contest in CONTESTS}
    for contest, client, other, limit in _CPU_GOALS:
        ours, theirs = (found.get((_RATIO_BROKER, contest, name)) for name in (client, other))
        if ours and theirs:
            what = f"{titles[contest]}: CPU of {client} / {other}, {_RATIO_BROKER}"
            yield Requirement(what, limit, min(ours.cpu) / min(theirs.cpu), at_most=True)
    ours, theirs = (found.get((_RATIO_BROKER, "confirm", name)) for name in ("stomp_socket", REFERENCE))
    if ours and theirs:
        what = f"{titles['confirm']}: rate of stomp_socket / {REFERENCE}, {_RATIO_BROKER}"
        yield Requirement(what, _LEAST_CONFIRM_RATE, max(ours.rates) / max(theirs.rates))
    if threads := found.get(("embedded", "crowd", "stomp_socket")):
        what = f"{titles['crowd']}: messages a second of stomp_socket, embedded"
        yield Requirement(what, _LEAST_RATE_OF_THREADS, max(threads.rates))
