"""Format results as tables, and compare ratios with their required values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Requirement", "Row", "Table", "show_requirements", "show_rows"]


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
    """A value that must not be less than a given one, or not more.

    Attributes:
        what: what is measured: mostly two things that are compared.
        required: the limit.
        measured: the value in this run.
        at_most: whether the limit is the largest value that is accepted; otherwise it is the smallest one.
    """

    what: str
    required: float
    measured: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Whether the measured value is accepted."""
        return self.measured <= self.required if self.at_most else self.measured >= self.required

    @property
    def limit(self) -> str:
        """The limit in words."""
        return f"at {'most' if self.at_most else 'least'} {_number(self.required)}"

    @property
    def value(self) -> str:
        """The measured value as text."""
        return _number(self.measured)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


@dataclass(frozen=True)
class Table:
    """Cells of text under names of columns. The first column is aligned left, all others right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def as_text(self, indent: str = "") -> str:
        """Return it with columns of spaces, for a terminal."""
        lines = [self.columns, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            indent
            + "  ".join(
                [
                    line[0].ljust(widths[0]),
                    *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
                ]
            )
            for line in lines
        )

    def as_markdown(self, rule: str = "--:") -> str:
        """Return it as Markdown.

        Args:
            rule: the alignment of all columns but the first.
        """
        rules = [":--"] + [rule] * (len(self.columns) - 1)
        return "\n".join(f"| {' | '.join(line)} |" for line in (self.columns, rules, *self.rows))


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
    return "\n".join(
        f"  {'met   ' if one.met else 'MISSED'}  {one.what}: {one.value}, required {one.limit}"
        for one in requirements
    )
