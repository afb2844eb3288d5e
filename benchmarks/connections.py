"""Measure the memory of a connection: of each adapter and of stomp.py, in one run.

    python benchmarks/connections.py                     1,000 connections to the embedded broker, a subscription each
    python benchmarks/connections.py --connections 200 rabbitmq
    python benchmarks/connections.py --quick             only check that it runs

Every client opens its connections in a process of its own. The result is the growth of that process's resident memory,
and the time for opening, both divided by the number of connections.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import platform
import resource
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import stomp_asyncio
import stomp_socket
from benchmarks.address import Address
from benchmarks.readers import peer
from benchmarks.servers import embedded, real

__all__ = ["main"]

Cost = tuple[float, float]  # bytes and seconds per connection


def resident() -> int:
    """Return the resident memory of this process in bytes; its maximum so far where there is no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except FileNotFoundError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


class Meter:
    """Measures the time between its construction and :meth:`cost`, and the growth of memory."""

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._resident = resident()
        self._began = time.perf_counter()

    def cost(self) -> Cost:
        """Return bytes and seconds per connection."""
        seconds = time.perf_counter() - self._began
        return (resident() - self._resident) / self._connections, seconds / self._connections


def of_stomp_socket(url: str, count: int) -> Cost:
    with stomp_socket.connect(url):  # the first connection pays for imports and caches
        meter = Meter(count)
        with ExitStack() as stack:
            for number in range(count):
                stack.enter_context(stomp_socket.connect(url)).subscribe(f"/topic/held-{number}")
            return meter.cost()


async def _of_asyncio(url: str, count: int) -> Cost:
    async with stomp_asyncio.connect(url):
        meter = Meter(count)
        async with AsyncExitStack() as stack:
            for number in range(count):
                conn = await stack.enter_async_context(stomp_asyncio.connect(url))
                await conn.subscribe(f"/topic/held-{number}")
            return meter.cost()


def of_stomp_asyncio(url: str, count: int) -> Cost:
    return asyncio.run(_of_asyncio(url, count))


def of_stomp_trio(url: str, count: int) -> Cost:
    import trio

    import stomp_trio

    async def hold() -> Cost:
        async with stomp_trio.connect(url):
            meter = Meter(count)
            async with AsyncExitStack() as stack:
                for number in range(count):
                    conn = await stack.enter_async_context(stomp_trio.connect(url))
                    await conn.subscribe(f"/topic/held-{number}")
                return meter.cost()

    return trio.run(hold)


def of_stomp_py(url: str, count: int) -> Cost:
    stomp = peer("stomp")

    host, port, login, passcode = Address.of(url)

    def connected() -> Any:
        conn = stomp.Connection12([(host, port)], vhost="/", heartbeats=(10_000, 10_000))
        conn.connect(login, passcode, wait=True)
        return conn

    first = connected()
    meter = Meter(count)
    conns = [first]
    for number in range(count):
        conns.append(connected())
        conns[-1].subscribe(f"/topic/held-{number}", id="1")
    cost = meter.cost()
    for conn in conns:
        conn.disconnect()
    return cost


CLIENTS: dict[str, Callable[[str, int], Cost]] = {
    "stomp_socket": of_stomp_socket,
    "stomp_asyncio": of_stomp_asyncio,
    "stomp_trio": of_stomp_trio,
    "stomp.py": of_stomp_py,
}


def _child(name: str, url: str, count: int, pipe: Any) -> None:
    try:
        pipe.send(CLIENTS[name](url, count))
    except ImportError as missing:
        pipe.send(str(missing))


def measure(name: str, url: str, count: int) -> Cost | str:
    """Return the cost of a connection of this client, or an error message if it is not installed."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_child, args=(name, url, count, theirs))
    process.start()
    theirs.close()
    try:
        outcome: Cost | str = ours.recv()
    finally:
        process.join()
    return outcome


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure the memory of a connection.")
    parser.add_argument("--quick", action="store_true", help="only check that it runs")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("brokers", nargs="*", default=["embedded"])
    chosen = parser.parse_args(arguments)
    count = 10 if chosen.quick else chosen.connections
    print(f"{platform.python_implementation()} {platform.python_version()}, {count} connections")
    for broker in chosen.brokers:
        try:
            with embedded() if broker == "embedded" else real(broker) as url:
                print(f"\n{broker}\n    {'':14}  {'KiB each':>10}  {'ms each':>8}")
                for name in CLIENTS:
                    outcome = measure(name, url, count)
                    if isinstance(outcome, str):
                        print(f"    {name:14}  {outcome}")
                    else:
                        size, seconds = outcome
                        print(f"    {name:14}  {size / 1024:10.1f}  {seconds * 1000:8.2f}", flush=True)
        except LookupError as missing:
            print(f"\n{broker}: not installed: {missing}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
