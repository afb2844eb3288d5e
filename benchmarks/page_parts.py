"""The measured parts of docs/performance.md, and its charts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from . import client_results, connections, goals, imports
from .charts import Bar, bars
from .client_results import Result
from .clients import CLIENTS
from .environment import describe
from .report import Requirement, Table
from .servers import BROKERS

__all__ = ["Measured", "charts", "parts", "requirements"]

_PEERS = ("stomp.py", "stompman", "stompest", "aiostomp")
#: Workloads that other clients do too: ours, and the name of theirs.
_COMPARED = {
    "parse, 64 KiB": "{}, parse, 64 KiB",
    "parse, 1460 B": "{}, parse, 1460 B",
    "Frame(...).to_bytes": "{}, write",
    "ClientConnection.send, same headers": "{}, send, same headers",
    "ClientConnection.send, one header varies": "{}, send, one header varies",
    "ClientConnection.send, escapes": "{}, send, escapes",
}


@dataclass(frozen=True)
class Measured:
    """All results of one run.

    Attributes:
        rounds: how often each client took part in each contest.
        load: of the machine.
        imports: the cost of each import.
        counts: instructions a message of each workload; empty if they were not counted.
        not_counted: why they were not counted.
        connections: the cost of idle connections of each client.
        results: of clients in contests with brokers.
        servers: name and version of each broker.
        missing: a line for each client and broker that is not installed.
    """

    rounds: int
    load: str
    imports: Mapping[str, imports.Cost | str]
    counts: Mapping[str, float]
    not_counted: str
    connections: Mapping[str, connections.Cost | str]
    results: Sequence[Result]
    servers: Mapping[str, str]
    missing: Sequence[str]


def requirements(measured: Measured) -> list[Requirement]:
    """Return all goals of the project that were measured."""
    return [
        *client_results.goals(measured.results),
        *goals.as_requirements(measured.counts),
        *imports.goals(measured.imports),
        *connections.goals(measured.connections),
    ]


def parts(measured: Measured) -> dict[str, str]:
    """Return the measured parts of the page, by the names in its markers."""
    counted = "\n\n".join(table.as_markdown() for table in _count_tables(measured.counts))
    return {
        "environment": "\n\n".join(_environment(measured)),
        "goals": _goals(requirements(measured)).as_markdown(),
        "counts": measured.not_counted or f"{_image('counts', 'Instructions a message')}\n\n{counted}",
        "imports": imports.table(measured.imports).as_markdown(),
        "connections": connections.table(measured.connections).as_markdown(),
        **{broker: "\n\n".join(_with_broker(broker, measured)) for broker in BROKERS},
    }


def _environment(measured: Measured) -> Iterator[str]:
    facts = {
        "Date": dt.datetime.now(dt.UTC).date().isoformat(),
        **describe(),
        "Brokers": ", ".join(f"{server} ({name})" for name, server in measured.servers.items()),
        "Rounds": str(measured.rounds),
        "Load of the machine": measured.load,
    }
    yield Table(["", "measured with"], [[what, value] for what, value in facts.items()]).as_markdown(":--")
    yield from measured.missing
    yield from client_results.failures(measured.results)


def _goals(required: Iterable[Requirement]) -> Table:
    return Table(
        ["goal", "required", "measured", ""],
        [[one.what, one.limit, one.value, "met" if one.met else "**missed**"] for one in required],
    )


def _with_broker(broker: str, measured: Measured) -> Iterator[str]:
    results = [one for one in measured.results if one.broker == broker]
    if not results:
        yield "Not measured."
        return
    yield _image(broker, f"CPU time a message of each client with {measured.servers[broker]}")
    yield _image(f"{broker}-latency", f"Latency of confirmed sends with {measured.servers[broker]}")
    for contest in dict.fromkeys(one.contest for one in results):
        yield f"**{contest.title}**, {contest.count:,} messages a round"
        yield client_results.table(contest, results).as_markdown()


def _image(name: str, alternative: str) -> str:
    return f"![{alternative}](performance-{name}.svg)"


def _count_tables(counts: Mapping[str, float]) -> Iterator[Table]:
    """Yield a table of the workloads that are compared, and one of the rest of ours."""
    yield Table(
        ["instructions a message", "this library", *_PEERS],
        [
            [ours, f"{counts[ours]:,.0f}", *(_cell(counts.get(theirs.format(peer))) for peer in _PEERS)]
            for ours, theirs in _COMPARED.items()
            if ours in counts
        ],
    )
    others = tuple(f"{name}, " for name in (*_PEERS, "json.loads"))
    rest = [name for name in counts if name not in _COMPARED and not name.startswith(others)]
    yield Table(["", "instructions a message"], [[name, f"{counts[name]:,.0f}"] for name in rest])


def _cell(count: float | None) -> str:
    return "" if count is None else f"{count:,.0f}"


# ---------------------------------------------------------------------- charts


def charts(measured: Measured) -> dict[str, str]:
    """Return the charts of the page by file name."""
    found = {"performance-counts.svg": _count_chart(measured.counts)} if measured.counts else {}
    for broker, server in measured.servers.items():
        results = [one for one in measured.results if one.broker == broker and one.rounds]
        found[f"performance-{broker}.svg"] = _cpu_chart(server, results)
        found[f"performance-{broker}-latency.svg"] = _latency_chart(server, results)
    return found


def _cpu_chart(server: str, results: Sequence[Result]) -> str:
    panels = {
        contest.title: _sorted(_bar(one, min(one.cpu)) for one in results if one.contest == contest)
        for contest in dict.fromkeys(one.contest for one in results)
    }
    return bars(f"{server}: microseconds of the client's CPU time a message (less is better)", panels)


def _latency_chart(server: str, results: Sequence[Result]) -> str:
    panels: dict[str, list[Bar]] = {}
    for one in results:
        for percentile, value in one.latency.items() if one.contest.one_by_one else ():
            panels.setdefault(f"{percentile:g} % of the sends took at most", []).append(_bar(one, value))
    return bars(
        f"{server}: microseconds of a confirmed send, one after the other (less is better)",
        {title: _sorted(shown) for title, shown in panels.items()},
    )


def _count_chart(counts: Mapping[str, float]) -> str:
    panels = {}
    for ours, theirs in _COMPARED.items():
        peers = [Bar(peer, counts[theirs.format(peer)]) for peer in _PEERS if theirs.format(peer) in counts]
        if ours in counts and peers:
            panels[ours] = _sorted([Bar("this library", counts[ours], "ours"), *peers])
    return bars("Instructions a message (less is better)", panels)


def _bar(result: Result, value: float) -> Bar:
    return Bar(result.client, value, next(one.kind for one in CLIENTS if one.name == result.client))


def _sorted(shown: Iterable[Bar]) -> list[Bar]:
    return sorted(shown, key=lambda bar: bar.value)
