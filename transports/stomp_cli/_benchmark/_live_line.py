"""A line on stderr, at a terminal, that shows how a benchmark is going."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from ._plan import NANOSECONDS
from ._workload import Workload

__all__ = ["live_line"]

_EVERY = 0.5  # seconds


@contextmanager
def live_line(workload: Workload) -> Iterator[None]:
    """Show the counts of a workload while the block runs, from a thread of its own."""
    if not sys.stderr.isatty():
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_show, args=(workload, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        click.echo("\r\033[K", err=True, nl=False)


def _show(workload: Workload, ended: threading.Event) -> None:
    before, looked = (0, 0, 0), time.monotonic()
    while not ended.wait(_EVERY):
        tallies = list(workload.tallies)
        counts = (
            sum(tally.sent for tally in tallies),
            sum(tally.confirmed for tally in tallies),
            sum(tally.received for tally in tallies),
        )
        errors = sum(sum(tally.errors.values()) for tally in tallies)
        now = time.monotonic()
        shown = [
            f"{name} {count:,} ({(count - old) / (now - looked):,.0f}/s)"
            for name, count, old in zip(("sent", "confirmed", "received"), counts, before, strict=True)
        ]
        before, looked = counts, now
        elapsed = (time.perf_counter_ns() - workload.measured_from) / NANOSECONDS
        when = (
            "connecting" if not workload.measured_from else f"{elapsed:.0f} s" if elapsed >= 0 else "warm-up"
        )
        click.echo(f"\r{when}: {', '.join(shown)}, {errors} errors\033[K", err=True, nl=False)
