"""Measure what idle connections cost: those of each adapter and of stomp.py, in one run.

    python benchmarks/connections.py                       connections to the embedded broker, a subscription each
    python benchmarks/connections.py --connections 200 rabbitmq
    python benchmarks/connections.py --where stomp_asyncio which modules allocated the memory of a connection
    python benchmarks/connections.py --quick               only check that it runs

Every client opens its connections in a process of its own. The results are the growth of that process's resident memory
and the time for opening, both divided by the number of connections, and how long the garbage collector then takes to
look at every object: this stops the program. The last column is the same after `gc.freeze()`.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import multiprocessing
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any, NamedTuple

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import stomp_asyncio
import stomp_socket
from benchmarks.address import Address
from benchmarks.environment import python
from benchmarks.readers import peer
from benchmarks.report import Requirement, Table, show_requirements
from benchmarks.servers import allow_many_files, running

__all__ = ["CONNECTIONS", "Cost", "goals", "main", "measure", "table"]

#: How many connections are opened. Those of adapters with threads are fewer, because a thread costs most of them.
CONNECTIONS = {"stomp_socket": 1000, "stomp_asyncio": 5000, "stomp_trio": 5000, "stomp.py": 1000}

_KIB_GOAL = 21.0


class Cost(NamedTuple):
    """What the connections of one client cost.

    Attributes:
        connections: how many there were.
        size: bytes of resident memory for each.
        seconds: for opening each.
        collection: seconds of a full garbage collection while they are open.
        frozen: the same after `gc.freeze()`.
    """

    connections: int
    size: float
    seconds: float
    collection: float
    frozen: float


def resident() -> int:
    """Return the resident memory of this process in bytes; its maximum so far where there is no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except FileNotFoundError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


class Meter:
    """Measures from its construction to the call of `cost()`."""

    def __init__(self, connections: int) -> None:
        self._connections = connections
        gc.collect()
        self._resident = resident()
        self._began = time.perf_counter()

    def cost(self) -> Cost:
        """Return what the connections that were opened meanwhile cost."""
        seconds = time.perf_counter() - self._began
        size = (resident() - self._resident) / self._connections
        collection = _collection()
        gc.freeze()
        frozen = _collection()
        gc.unfreeze()
        return Cost(self._connections, size, seconds / self._connections, collection, frozen)


def _collection() -> float:
    gc.collect()
    began = time.perf_counter()
    gc.collect()
    return time.perf_counter() - began


class Allocations:
    """Finds out, in the place of a `Meter`, which modules allocated the memory that is in use."""

    def __init__(self, connections: int) -> None:
        self._connections = connections
        gc.collect()
        tracemalloc.start()

    def cost(self) -> dict[str, float]:
        """Return bytes for each connection by module."""
        gc.collect()
        snapshot = tracemalloc.take_snapshot()
        tracemalloc.stop()
        return {
            "/".join(Path(one.traceback[0].filename).parts[-2:]): one.size / self._connections
            for one in snapshot.statistics("filename")
        }


MeterClass = type[Meter] | type[Allocations]


def of_stomp_socket(url: str, count: int, meter_class: MeterClass) -> Any:
    with stomp_socket.connect(url):  # the first connection pays for imports and caches
        meter = meter_class(count)
        with ExitStack() as stack:
            for number in range(count):
                stack.enter_context(stomp_socket.connect(url)).subscribe(f"/topic/held-{number}")
            return meter.cost()


async def _of_asyncio(url: str, count: int, meter_class: MeterClass) -> Any:
    async with stomp_asyncio.connect(url):
        meter = meter_class(count)
        async with AsyncExitStack() as stack:
            for number in range(count):
                conn = await stack.enter_async_context(stomp_asyncio.connect(url))
                await conn.subscribe(f"/topic/held-{number}")
            return meter.cost()


def of_stomp_asyncio(url: str, count: int, meter_class: MeterClass) -> Any:
    return asyncio.run(_of_asyncio(url, count, meter_class))


def of_stomp_trio(url: str, count: int, meter_class: MeterClass) -> Any:
    import trio

    import stomp_trio

    async def hold() -> Any:
        async with stomp_trio.connect(url):
            meter = meter_class(count)
            async with AsyncExitStack() as stack:
                for number in range(count):
                    conn = await stack.enter_async_context(stomp_trio.connect(url))
                    await conn.subscribe(f"/topic/held-{number}")
                return meter.cost()

    return trio.run(hold)


def of_stomp_py(url: str, count: int, meter_class: MeterClass) -> Any:
    stomp = peer("stomp")

    host, port, login, passcode = Address.of(url)

    def connected() -> Any:
        conn = stomp.Connection12([(host, port)], vhost="/", heartbeats=(10_000, 10_000))
        conn.connect(login, passcode, wait=True)
        return conn

    first = connected()
    meter = meter_class(count)
    conns = [first]
    for number in range(count):
        conns.append(connected())
        conns[-1].subscribe(f"/topic/held-{number}", id="1")
    cost = meter.cost()
    for conn in conns:
        conn.disconnect()
    return cost


CLIENTS: dict[str, Callable[[str, int, MeterClass], Any]] = {
    "stomp_socket": of_stomp_socket,
    "stomp_asyncio": of_stomp_asyncio,
    "stomp_trio": of_stomp_trio,
    "stomp.py": of_stomp_py,
}


def _child(name: str, url: str, count: int, meter_class: MeterClass, pipe: Any) -> None:
    allow_many_files()
    try:
        pipe.send(CLIENTS[name](url, count, meter_class))
    except ImportError as missing:
        pipe.send(f"not installed: {missing}")
    except Exception as error:
        pipe.send(f"failed: {type(error).__name__}: {error}")


def measure(name: str, url: str, count: int, meter_class: MeterClass = Meter) -> Any:
    """Return what the meter returns, or a text that states why there is nothing."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_child, args=(name, url, count, meter_class, theirs))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        return "failed: its process ended"
    finally:
        process.join()


def table(outcomes: Mapping[str, Cost | str]) -> Table:
    """Return a table with a row for each client."""
    return Table(
        ["", "connections", "KiB each", "ms to open", "ms of a collection", "after gc.freeze()"],
        [[name, *_cells(outcome)] for name, outcome in outcomes.items()],
    )


def _cells(outcome: Cost | str) -> Iterator[str]:
    if isinstance(outcome, str):
        yield from (outcome, "", "", "", "")
    else:
        yield f"{outcome.connections:,}"
        yield f"{outcome.size / 1024:.1f}"
        yield f"{outcome.seconds * 1000:.2f}"
        yield f"{outcome.collection * 1000:.1f}"
        yield f"{outcome.frozen * 1000:.1f}"


def goals(outcomes: Mapping[str, Cost | str]) -> list[Requirement]:
    """Return what the project requires, as far as it was measured."""
    cost = outcomes.get("stomp_asyncio")
    if not isinstance(cost, Cost):
        return []
    what = f"{cost.connections:,} idle connections: KiB each, stomp_asyncio"
    return [Requirement(what, _KIB_GOAL, cost.size / 1024, at_most=True)]


def _show_allocations(name: str, found: Mapping[str, float] | str) -> None:
    if isinstance(found, str):
        print(f"{name}: {found}")
        return
    print(f"{name}: {sum(found.values()) / 1024:.1f} KiB a connection, as Python allocates them")
    for module, size in sorted(found.items(), key=lambda entry: -entry[1])[:20]:
        print(f"  {size / 1024:6.2f} KiB  {module}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure what idle connections cost.")
    parser.add_argument("--quick", action="store_true", help="only check that it runs")
    parser.add_argument("--connections", type=int, help="instead of 1,000 or 5,000")
    parser.add_argument("--where", choices=sorted(CLIENTS), help="which modules allocated the memory")
    parser.add_argument("brokers", nargs="*", default=["embedded"])
    chosen = parser.parse_args(arguments)
    counts = (
        dict.fromkeys(CLIENTS, 10 if chosen.quick else chosen.connections)
        if (chosen.quick or chosen.connections)
        else CONNECTIONS
    )
    print(python())
    for broker in chosen.brokers:
        try:
            with running(broker) as url:
                if chosen.where:
                    count = min(counts[chosen.where], 500)  # tracemalloc is slow
                    _show_allocations(chosen.where, measure(chosen.where, url, count, Allocations))
                    continue
                outcomes = {name: measure(name, url, counts[name]) for name in CLIENTS}
                print(f"\n{broker}\n{table(outcomes).as_text('    ')}", flush=True)
                print(show_requirements(goals(outcomes)))
        except LookupError as missing:
            print(f"\n{broker}: not installed: {missing}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
