"""Compare whole clients with brokers: each adapter, stomp.py, stompman, stompest and aiostomp, in one run.

    python benchmarks/brokers.py                       the embedded broker, and the real ones that are installed
    python benchmarks/brokers.py --only ack confirm    some of the contests
    python benchmarks/brokers.py embedded rabbitmq     some of the brokers
    python benchmarks/brokers.py --quick               only check that it runs
    python benchmarks/brokers.py --check               exit status 1 if a goal is missed, or could not be measured

`contests.py` lists what is measured, `clients` has the code of each client. Every client has a process of its own.
The rounds of the clients are interleaved: other load on the machine slows some rounds down, but not all rounds of one
client. The best round counts, for rate and CPU time; the tables also show how far away the worst one was.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

if not __package__:
    # For a script, the first entry of the path is its own folder; the package is in the folder above.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks.client_process import ClientFailed, ClientProcess
from benchmarks.client_results import Result, failures, goals, table
from benchmarks.clients import CLIENTS
from benchmarks.contests import BODY, CONTESTS, QUICK, Contest
from benchmarks.environment import describe, load
from benchmarks.report import show_requirements
from benchmarks.servers import BROKERS, drain, fill, running, server_of

__all__ = ["Comparison", "main"]

ROUNDS = 3


class Comparison:
    """Runs contests, and collects what comes of them.

    Attributes:
        results: of all contests so far.
        servers: name and version of each broker that was there.
        missing: a line for each client and broker that is not installed.
    """

    def __init__(self, contests: Sequence[Contest], rounds: int, show: Callable[[str], object]) -> None:
        self.results: list[Result] = []
        self.servers: dict[str, str] = {}
        self.missing: list[str] = []
        self._contests = contests
        self._rounds = rounds
        self._show = show

    def run(self, brokers: Sequence[str]) -> None:
        """Run all contests with each broker."""
        with ExitStack() as stack:
            clients = dict(self._started(stack))
            for name in brokers:
                try:
                    with running(name) as url:
                        self.servers[name] = server_of(url)
                        self._show(f"\n{self.servers[name]} ({name})")
                        self._run_with(name, url, clients)
                except LookupError as error:
                    self.missing.append(f"{name} is not installed: {error}")
                    self._show(f"\n{self.missing[-1]}")

    def _started(self, stack: ExitStack) -> Iterator[tuple[str, ClientProcess]]:
        for client in CLIENTS:
            try:
                yield client.name, stack.enter_context(ClientProcess(client))
            except ClientFailed as error:
                self.missing.append(f"{client.name} is not compared: {error}")
                self._show(self.missing[-1])

    def _run_with(self, broker: str, url: str, clients: Mapping[str, ClientProcess]) -> None:
        for contest in self._contests:
            results = [
                Result(broker, contest, name, contest.count)
                for name, process in clients.items()
                if contest.name in process.contests
            ]
            for _ in range(self._rounds):
                for result in results:
                    if not result.failure:
                        _run_round(result, url, clients[result.client])
            self.results += results
            self._show(f"\n  {contest.title}: {contest.count} messages of {len(BODY)} bytes")
            self._show(table(contest, results).as_text("    "))
            for failure in failures(results):
                self._show(f"    {failure}")


def _run_round(result: Result, url: str, process: ClientProcess) -> None:
    queue = f"/queue/bench-{uuid.uuid4().hex}"
    if result.contest.receives:
        fill(url, queue, result.count, BODY)
    try:
        result.rounds.append(process.run(result.contest.name, url, queue, result.count, BODY))
    except ClientFailed as error:
        result.failure = str(error)
        return
    if not result.contest.receives:
        drain(url, queue, result.count)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compare whole clients with brokers.")
    parser.add_argument("--quick", action="store_true", help="only check that it runs")
    parser.add_argument("--check", action="store_true", help="exit status 1 if a goal is missed")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="interleaved rounds; the best one counts")
    parser.add_argument("--only", nargs="+", choices=[contest.name for contest in CONTESTS])
    parser.add_argument("brokers", nargs="*", metavar="BROKER", help=", ".join(BROKERS))
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.brokers) - set(BROKERS):
        parser.error(f"brokers are {', '.join(BROKERS)}, got {', '.join(sorted(unknown))}")
    contests = [contest for contest in CONTESTS if not chosen.only or contest.name in chosen.only]
    if chosen.quick:
        contests = [replace(contest, count=QUICK) for contest in contests]

    def show(text: str) -> None:
        print(text, flush=True)

    for what, value in describe().items():
        show(f"{what}: {value}")
    show(f"Load before: {load()}")
    comparison = Comparison(contests, 1 if chosen.quick else chosen.rounds, show)
    comparison.run(chosen.brokers or BROKERS)
    required = goals(comparison.results)
    show(f"\nLoad after: {load()}\n\nGoals{' (with --quick they mean nothing)' if chosen.quick else ''}")
    show(show_requirements(required) or "  none of them was measured")
    return int(chosen.check and (not required or not all(one.met for one in required)))


if __name__ == "__main__":
    sys.exit(main())
