"""The results of a benchmark as a dictionary: what ``--json`` prints and ``--compare`` reads."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ._plan import NANOSECONDS, Plan
from ._workload import Workload

__all__ = ["load_results", "results_of"]

_FORMAT = "stomp bench 1"


def results_of(plan: Plan, adapter: str, url: str, workload: Workload, overhead: float) -> dict[str, Any]:
    """Return the results of a run.

    Args:
        plan: what was done.
        adapter: by which adapter.
        url: of the broker, without credentials.
        workload: that has run.
        overhead: of the harness, in microseconds for a message.
    """
    total = workload.total()
    seconds = max(total.last - workload.measured_from, 0) / NANOSECONDS
    counts = {
        "sent": total.sent,
        "confirmed": total.confirmed,
        "received": total.received,
        "acknowledged": total.acknowledged,
    }
    passed = max(total.sent, total.received)
    return {
        "format": _FORMAT,
        "broker": {"url": url, "server": workload.server, "version": workload.version},
        "settings": asdict(plan) | {"adapter": adapter, "python": platform.python_version()},
        "seconds": seconds,
        "counts": counts | {"foreign": total.foreign, "drained": workload.drained},
        "per_second": {name: count / seconds if seconds else 0.0 for name, count in counts.items()},
        "latency_ms": {
            name: latencies.summary() for name, latencies in total.latencies.items() if latencies.counts
        },
        "errors": total.errors,
        "cpu_us_per_message": {
            "client": workload.cpu_time / 1000 / passed if passed else 0.0,
            "harness": overhead,
        },
        "ended_by": None if workload.error is None else str(workload.error),
    }


def load_results(file: Path) -> dict[str, Any]:
    """Read what an earlier run has printed with ``--json``.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not such a file.
    """
    try:
        results = json.loads(file.read_text("utf-8"))
    except ValueError:
        results = None
    if not isinstance(results, dict) or results.get("format") != _FORMAT:
        raise ValueError(f"{file} must be the output of `stomp bench --json`")
    return results
