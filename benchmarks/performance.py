"""Measure everything that docs/performance.md shows, and write its tables and charts: `make bench-report`.

    python benchmarks/performance.py             about seven minutes
    python benchmarks/performance.py --quick     few messages, only to check that it runs: give it another --docs
    python benchmarks/performance.py --docs DIR  the folder of performance.md, by default docs

Only what stands between the markers of the page is written; the rest of it is prose that people keep. Clients, brokers
and tools that are not installed are named in the page.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

if not __package__:
    # For a script, the first entry of the path is its own folder; the package is in the folder above.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import connections, imports, instructions
from benchmarks.brokers import Comparison
from benchmarks.contests import CONTESTS, QUICK
from benchmarks.environment import load
from benchmarks.page import replace_measured
from benchmarks.page_parts import Measured, charts, parts, requirements
from benchmarks.report import show_requirements
from benchmarks.servers import BROKERS, embedded
from benchmarks.workloads import workloads

__all__ = ["main"]

DOCS = Path(__file__).resolve().parent.parent / "docs"
ROUNDS = 5


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure, and write docs/performance.md.")
    parser.add_argument("--quick", action="store_true", help="few messages, only to check that it runs")
    parser.add_argument("--docs", type=Path, default=DOCS, help="the folder of performance.md")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="interleaved rounds of each client")
    parser.add_argument("brokers", nargs="*", metavar="BROKER", help=", ".join(BROKERS))
    chosen = parser.parse_args(arguments)
    if chosen.quick and chosen.docs == DOCS:
        parser.error("results of --quick mean nothing: name another folder with --docs")
    page = chosen.docs / "performance.md"
    before = page.read_text()
    measured = _measure(chosen.quick, 1 if chosen.quick else chosen.rounds, chosen.brokers or BROKERS)
    # Charts of brokers that are not there now would show what the page does not.
    for old in chosen.docs.glob("performance-*.svg"):
        old.unlink()
    drawn = charts(measured)
    for name, chart in drawn.items():
        (chosen.docs / name).write_text(chart)
    page.write_text(replace_measured(before, parts(measured)))
    _show(show_requirements(requirements(measured)))
    _show(f"written: {', '.join([page.name, *drawn])}")
    return 0


def _measure(quick: bool, rounds: int, brokers: Sequence[str]) -> Measured:
    load_before = load()
    _show("importing")
    imported = imports.measure(imports.QUICK if quick else imports.ROUNDS)
    _show("counting instructions")
    counts, not_counted = _counts(quick)
    _show("opening connections")
    with embedded() as url:
        idle = {
            name: connections.measure(name, url, 10 if quick else count)
            for name, count in connections.CONNECTIONS.items()
        }
    contests = [replace(contest, count=QUICK) if quick else contest for contest in CONTESTS]
    comparison = Comparison(contests, rounds, _show)
    comparison.run(brokers)
    return Measured(
        rounds=rounds,
        load=f"{load_before} before, {load()} after",
        imports=imported,
        counts=counts,
        not_counted=not_counted,
        connections=idle,
        results=comparison.results,
        servers=comparison.servers,
        missing=comparison.missing,
    )


def _counts(quick: bool) -> tuple[dict[str, float], str]:
    """Return the counts, and why there are none."""
    try:
        return instructions.count(list(workloads()), instructions.QUICK if quick else instructions.MANY), ""
    except RuntimeError as error:
        return {}, f"Not counted: {error}."


def _show(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
