"""Percentiles of latencies, by a histogram that keeps three digits of every value."""

from __future__ import annotations

from collections.abc import Iterable

from .readers import peer

try:
    _HdrHistogram = peer("hdrh.histogram").HdrHistogram
except ImportError as error:
    # At once, and not after minutes of measuring.
    raise ImportError("percentiles need hdrhistogram: pip install --group bench") from error

__all__ = ["PERCENTILES", "percentiles"]

PERCENTILES = (50.0, 90.0, 99.0, 99.9)

_MINUTE_IN_NS = 60 * 10**9


def percentiles(nanoseconds: Iterable[int]) -> dict[float, float]:
    """Return `PERCENTILES` of latencies, in microseconds."""
    histogram = _HdrHistogram(1, _MINUTE_IN_NS, 3)
    for latency in nanoseconds:
        histogram.record_value(min(latency, _MINUTE_IN_NS))
    return {percentile: histogram.get_value_at_percentile(percentile) / 1000 for percentile in PERCENTILES}
