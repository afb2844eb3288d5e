"""The report of a benchmark: text to look at, a table for spreadsheets, files for plotters, and a comparison."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ._latencies import Latencies
from ._tally import ERRORS, LATENCIES, Tally

__all__ = ["comparison", "report", "write_csv", "write_percentiles"]

_COLUMNS = ("p50", "p90", "p99", "p99.9", "p99.99", "max")
_BAR = 40  # characters of the longest bar


def report(results: dict[str, Any], total: Tally) -> Iterator[str]:
    """Return the lines of the report.

    Args:
        results: as :func:`~stomp_cli._benchmark._results.results_of` returns them.
        total: the counts of the run.
    """
    settings, counts, rates = results["settings"], results["counts"], results["per_second"]
    broker = results["broker"]
    yield f"{broker['url']}: {broker['server']}, STOMP {broker['version']}"
    yield _describe(settings)
    yield f"measured for {results['seconds']:.2f} s"
    yield ""
    for name in ("sent", "confirmed", "received", "acknowledged"):
        if counts[name]:
            megabytes = rates[name] * settings["size"] / 1e6
            word = "replies" if settings["requests"] and name == "confirmed" else name
            line = f"{word:<14}{counts[name]:>12,}{rates[name]:>12,.0f}/s"
            yield f"{line}{megabytes:>10,.2f} MB/s" if name in ("sent", "received") else line
    if counts["foreign"]:
        yield f"{counts['foreign']:,} of the received messages were not sent by this run"
    if counts["drained"]:
        yield f"{counts['drained']:,} messages were left in {settings['destination']}, and were taken away"
    yield ""
    yield from _latency_table(results["latency_ms"])
    yield from _histogram(total)
    yield "errors: " + _errors(results["errors"])
    cpu = results["cpu_us_per_message"]
    yield (
        f"CPU of this client: {cpu['client']:.0f} us for a message; {cpu['harness']:.0f} us of it are the benchmark's "
        "own (measured without a broker)"
    )
    if results["ended_by"] is not None:
        yield f"ended early: {results['ended_by']}"


def comparison(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """Return the lines that compare two results."""
    differing = [
        f"{name} {_shown(old['settings'].get(name))} -> {_shown(value)}"
        for name, value in new["settings"].items()
        if name != "destination" and old["settings"].get(name) != value
    ]
    if differing:
        yield "these settings differ: " + ", ".join(differing)
    if old["broker"] != new["broker"]:
        yield f"another broker: {old['broker']['server']} -> {new['broker']['server']}"
    yield f"{'compared':<24}{'old':>12}{'new':>12}{'change':>10}"
    for name, rate in new["per_second"].items():
        if rate and old["per_second"].get(name):
            yield _change(f"{name} per second", old["per_second"][name], rate, ",.0f")
    for name, summary in new["latency_ms"].items():
        before = old["latency_ms"].get(name, {})
        for column in _COLUMNS:
            if column in summary and column in before:
                yield _change(f"{LATENCIES[name]} {column} ms", before[column], summary[column], ",.3f")
    yield _change(
        "CPU us per message", old["cpu_us_per_message"]["client"], new["cpu_us_per_message"]["client"], ",.1f"
    )
    for name in ERRORS:
        if old["errors"].get(name) or new["errors"][name]:
            yield _change(name.replace("_", " "), old["errors"].get(name, 0), new["errors"][name], ",.0f")


def write_csv(file: Path, results: dict[str, Any]) -> None:
    """Write a row for each latency, with the rates, the percentiles in milliseconds, and the errors."""
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        rates = [f"{name}_per_second" for name in results["per_second"]]
        columns = ("count", "min", "mean", *_COLUMNS)
        writer.writerow(["latency", *columns, *rates, *ERRORS])
        shared = [*results["per_second"].values(), *(results["errors"][name] for name in ERRORS)]
        for name, summary in results["latency_ms"].items():
            writer.writerow([name, *(summary[column] for column in columns), *shared])


def write_percentiles(file: Path, total: Tally) -> list[Path]:
    """Write the distribution of each latency to a file, as HdrHistogram's plotters read it, and return the files.

    Args:
        file: the name of each latency is put before its suffix.
        total: the counts of the run.
    """
    written = []
    for name, latencies in total.latencies.items():
        if latencies.counts:
            path = file.with_name(f"{file.stem}-{name.replace('_', '-')}{file.suffix or '.hgrm'}")
            path.write_text("\n".join(latencies.percentile_text()) + "\n", "utf-8")
            written.append(path)
    return written


def _describe(settings: dict[str, Any]) -> str:
    receivers = "responder" if settings["requests"] else "consumer"
    senders = "requester" if settings["requests"] else "producer"
    loop = "as fast as the broker confirms"
    if settings["rate"] is not None:
        loop = f"{settings['rate']:g} messages per second"
    return (
        f"{_number(settings['producers'], senders)}, {_number(settings['consumers'], receivers)}, "
        f"bodies of {settings['size']} bytes, window {settings['window']}, {loop}, adapter {settings['adapter']}"
    )


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _latency_table(latencies: dict[str, dict[str, float]]) -> Iterator[str]:
    if not latencies:
        return
    yield f"{'latency in ms':<16}" + "".join(f"{column:>11}" for column in ("count", *_COLUMNS))
    for name, summary in latencies.items():
        cells = "".join(f"{summary[column]:>11,.3f}" for column in _COLUMNS)
        yield f"{LATENCIES[name]:<16}{summary['count']:>11,.0f}{cells}"
    yield ""


def _histogram(total: Tally) -> Iterator[str]:
    """Return the bars of the latency that says most: of the whole way, if it was measured."""
    for name in ("request_to_reply", "send_to_message", "send_to_receipt"):
        latencies: Latencies = total.latencies[name]
        bars = latencies.bars()
        if bars:
            longest = max(count for _, _, count in bars)
            yield f"{LATENCIES[name]} in ms"
            for low, high, count in bars:
                bar = "#" * -(-count * _BAR // longest)
                yield f"{low:>10g} - {high:<8g} {bar:<{_BAR}} {100 * count / latencies.count:6.2f} %"
            yield ""
            return


def _errors(errors: dict[str, int]) -> str:
    found = [f"{count:,} {name.replace('_', ' ')}" for name, count in errors.items() if count]
    return ", ".join(found) if found else "none"


def _change(name: str, old: float, new: float, form: str) -> str:
    change = f"{100 * (new - old) / old:+.1f} %" if old else ""
    return f"{name:<24}{format(old, form):>12}{format(new, form):>12}{change:>10}"


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
