"""Latencies and their percentiles, as HdrHistogram counts them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["PERCENTILES", "Latencies"]

PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99)
_LONGEST = 3600 * 1_000_000  # microseconds; what takes longer counts as this
_DIGITS = 3  # significant digits of a percentile
_MILLISECOND = 1000  # microseconds


class Latencies:
    """Many durations, counted by microseconds.

    Attributes:
        counts: how many there were of each duration, in microseconds.
    """

    def __init__(self) -> None:
        # To add to a dictionary takes a tenth of what record_value() of the histogram takes, at each message.
        self.counts: dict[int, int] = {}

    def record(self, nanoseconds: int) -> None:
        """Add a duration. A negative one counts as 0."""
        microseconds = nanoseconds // 1000 if nanoseconds > 0 else 0
        counts = self.counts
        counts[microseconds] = counts.get(microseconds, 0) + 1

    def merge(self, other: Latencies) -> None:
        """Add all durations of another one."""
        for microseconds, count in other.counts.items():
            self.counts[microseconds] = self.counts.get(microseconds, 0) + count

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.counts.values())

    def summary(self) -> dict[str, float]:
        """Return count, min, mean, the percentiles and max, in milliseconds. Without any duration only the count."""
        if not self.counts:
            return {"count": 0}
        histogram = self._histogram()
        summary: dict[str, float] = {
            "count": self.count,
            "min": min(self.counts) / _MILLISECOND,
            "mean": sum(value * count for value, count in self.counts.items()) / self.count / _MILLISECOND,
        }
        for percentile in PERCENTILES:
            # Of equivalent values it is the highest one, which may be more than any that was recorded.
            value = min(histogram.get_value_at_percentile(percentile), max(self.counts))
            summary[f"p{percentile:g}"] = value / _MILLISECOND
        summary["max"] = max(self.counts) / _MILLISECOND
        return summary

    def bars(self) -> list[tuple[float, float, int]]:
        """Return how many there are between two durations, in milliseconds, at steps of 1, 2, 5, 10, ..."""
        if not self.counts:
            return []
        bars: list[tuple[float, float, int]] = []
        ordered = sorted(self.counts.items())
        low = 0
        for high in _steps():
            count = sum(amount for value, amount in ordered if low <= value < high)
            if count or bars:
                bars.append((low / _MILLISECOND, high / _MILLISECOND, count))
            if high > ordered[-1][0]:
                return bars
            low = high
        raise AssertionError("the steps have no end")

    def percentile_text(self) -> Iterator[str]:
        """Return the lines of a percentile distribution in milliseconds, as HdrHistogram's plotters read it."""
        yield f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}"
        yield ""
        if not self.counts:
            return
        histogram = self._histogram()
        for step in histogram.get_percentile_iterator(5):
            share = step.percentile_level_iterated_to / 100
            line = f"{step.value_iterated_to / _MILLISECOND:12.3f} {share:2.12f} {step.total_count_to_this_value:10d}"
            yield line if share >= 1 else f"{line} {1 / (1 - share):14.2f}"
        mean, deviation = histogram.get_mean_value() / _MILLISECOND, histogram.get_stddev() / _MILLISECOND
        yield f"#[Mean    = {mean:12.3f}, StdDeviation   = {deviation:12.3f}]"
        yield f"#[Max     = {max(self.counts) / _MILLISECOND:12.3f}, Total count    = {self.count:12d}]"
        yield f"#[Buckets = {histogram.bucket_count:12d}, SubBuckets     = {histogram.sub_bucket_count:12d}]"

    def _histogram(self) -> Any:
        from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped, unused-ignore]

        histogram = HdrHistogram(1, _LONGEST, _DIGITS)
        for value, count in self.counts.items():
            histogram.record_value(min(value, _LONGEST), count)
        return histogram


def _steps() -> Iterator[int]:
    power = 10
    while True:
        for factor in (1, 2, 5):
            yield factor * power
        power *= 10
