"""What can be wrong with a program under test, and how bad it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["HARMFUL", "SEVERITIES", "Severity", "Symptom"]


class Severity(StrEnum):
    """How bad a finding is."""

    CRASH = "crash"
    """It has ended, refuses connections, or has dropped a well-behaved connection."""
    HANG = "hang"
    """It does not answer any more, or serves nobody else meanwhile."""
    LEAK = "leak"
    """A client receives a message of another one."""
    MEMORY = "memory"
    """It keeps memory for each bad conversation."""
    WRONG_ANSWER = "wrong-answer"
    """It does something that a sentence of the specification forbids."""
    LENIENT = "lenient"
    """It accepts what the specification forbids its peer to send. Most implementations do so somewhere."""


#: All severities, the worst one first.
SEVERITIES = tuple(Severity)
#: Behind these the program, or its connections, may no longer be what they were.
HARMFUL = (Severity.CRASH, Severity.HANG, Severity.LEAK)


@dataclass(frozen=True, slots=True)
class Symptom:
    """What a conversation has shown.

    Attributes:
        severity: how bad it is.
        name: what happened, in stable words: findings with the same rule and name are the same one.
        text: what was expected and what came, in a sentence.
        expected: the step of a conformance case that fails; ``None`` if no step of one can tell.
        section: of the specification, if it is not that of the broken rule.
        ends_program: whether the program has ended.
    """

    severity: Severity
    name: str
    text: str
    expected: tuple[dict[str, Any], ...] = ()
    section: str | None = None
    ends_program: bool = False
