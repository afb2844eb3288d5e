"""Format results as tables, and compare ratios with their required values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Requirement", "Row", "show_requirements", "show_rows"]


@dataclass(frozen=True)
class Row:
    """The result of one contestant in one contest.

    Attributes:
        contest: the operation and the sample.
        contestant: its name.
        rate: frames per second.
        ratios: of the rate to the rates of the reference contestants, by their names.
    """

    contest: str
    contestant: str
    rate: float
    ratios: dict[str, float]


@dataclass(frozen=True)
class Requirement:
    """A ratio that must not be less than a given value.

    Attributes:
        what: the two things that are compared.
        required: the smallest value that is accepted.
        measured: the value in this run.
    """

    what: str
    required: float
    measured: float

    @property
    def met(self) -> bool:
        """Whether the measured value is accepted."""
        return self.measured >= self.required


def show_rows(rows: Sequence[Row]) -> str:
    """Return a table for each contest, the fastest contestant first."""
    lines = []
    for contest in dict.fromkeys(row.contest for row in rows):
        of_this = sorted((row for row in rows if row.contest == contest), key=lambda row: -row.rate)
        references = list(dict.fromkeys(name for row in of_this for name in row.ratios))
        width = max(len(row.contestant) for row in of_this)
        lines += [
            "",
            contest,
            f"  {'':{width}}  {'frames/s':>10}" + "".join(f"  {'x ' + name:>14}" for name in references),
        ]
        for row in of_this:
            columns = "".join(
                f"  {row.ratios[name]:14.2f}" if name in row.ratios else " " * 16 for name in references
            )
            lines.append(f"  {row.contestant:{width}}  {row.rate:10,.0f}{columns}")
    return "\n".join(lines)


def show_requirements(requirements: Sequence[Requirement]) -> str:
    """Return one line for each requirement."""
    lines = []
    for one in requirements:
        result = "met   " if one.met else "MISSED"
        lines.append(f"  {result}  {one.what}: {one.measured:.2f}, required {one.required:g}")
    return "\n".join(lines)
