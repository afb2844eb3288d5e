"""Tables for people, and what was promised about ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Promise", "Row", "show_promises", "show_rows"]


@dataclass(frozen=True)
class Row:
    """One contestant's result in one contest.

    Attributes:
        contest: what was done to which sample.
        contestant: by whom.
        rate: frames per second.
        beside: ratios of the rate to those of the reference contestants, by their names.
    """

    contest: str
    contestant: str
    rate: float
    beside: dict[str, float]


@dataclass(frozen=True)
class Promise:
    """A ratio that was promised.

    Attributes:
        what: both sides of it.
        promised: the least that it has to be.
        measured: what it is.
    """

    what: str
    promised: float
    measured: float

    @property
    def kept(self) -> bool:
        """Whether it is kept."""
        return self.measured >= self.promised


def show_rows(rows: Sequence[Row]) -> str:
    """One table a contest, the fastest first."""
    lines = []
    for contest in dict.fromkeys(row.contest for row in rows):
        of_this = sorted((row for row in rows if row.contest == contest), key=lambda row: -row.rate)
        references = list(dict.fromkeys(name for row in of_this for name in row.beside))
        width = max(len(row.contestant) for row in of_this)
        lines += [
            "",
            contest,
            f"  {'':{width}}  {'frames/s':>10}" + "".join(f"  {'x ' + name:>14}" for name in references),
        ]
        for row in of_this:
            ratios = "".join(
                f"  {row.beside[name]:14.2f}" if name in row.beside else " " * 16 for name in references
            )
            lines.append(f"  {row.contestant:{width}}  {row.rate:10,.0f}{ratios}")
    return "\n".join(lines)


def show_promises(promises: Sequence[Promise]) -> str:
    """One line a promise."""
    lines = []
    for promise in promises:
        verdict = "kept  " if promise.kept else "MISSED"
        lines.append(f"  {verdict}  {promise.what}: {promise.measured:.2f}, promised {promise.promised:g}")
    return "\n".join(lines)
