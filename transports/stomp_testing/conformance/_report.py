"""What results look like: a table for people, JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from ._player import Outcome, Result

__all__ = ["LEVELS", "as_json", "as_table", "counts_by_level", "violations"]

#: The levels of cases, the strictest obligation first.
LEVELS = ("MUST", "WILL", "SHOULD", "MAY", "STRICT")
#: A case of these levels that fails is a violation of the specification.
_OBLIGATIONS = ("MUST", "WILL")


def violations(results: Iterable[Result]) -> list[Result]:
    """Return the results that show a violation: failed cases of a sentence that leaves no choice."""
    return [one for one in results if one.outcome is Outcome.FAILED and one.case.level in _OBLIGATIONS]


def counts_by_level(results: Iterable[Result]) -> dict[str, Counter[Outcome]]:
    """Return how many cases of each level have each outcome."""
    counts: dict[str, Counter[Outcome]] = {level: Counter() for level in LEVELS}
    for one in results:
        counts[one.case.level][one.outcome] += 1
    return counts


def as_table(results: Sequence[Result]) -> str:
    """Return a line for each case, with the reason below it if it has not passed, and the counts."""
    lines = []
    for one in results:
        lines.append(f"{one.outcome:<14}  {one.case.level:<6}  {one.case.id}")
        if one.reason:
            lines.append(f"{'':16}{one.reason}")
    lines += ["", f"{'':8}{'passed':>8}{'failed':>8}{'not applicable':>16}"]
    for level, counts in counts_by_level(results).items():
        passed, failed = counts[Outcome.PASSED], counts[Outcome.FAILED]
        lines.append(f"{level:<8}{passed:>8}{failed:>8}{counts[Outcome.NOT_APPLICABLE]:>16}")
    return "\n".join(lines)


def as_json(results: Iterable[Result]) -> str:
    """Return a JSON array with an object for each case."""
    return json.dumps(
        [
            {
                "case": one.case.id,
                "level": one.case.level,
                "outcome": str(one.outcome),
                "reason": one.reason,
            }
            for one in results
        ],
        indent=1,
    )
