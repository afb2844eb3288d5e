"""What became of a script, and who plays scripts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from ._script import Script
from ._symptoms import Symptom

__all__ = ["NotServed", "Pace", "Played", "Player"]


class NotServed(ValueError):
    """The program does not serve a well-behaved peer, even before anybody breaks a rule.

    Attributes:
        symptom: what it does.
    """

    def __init__(self, symptom: Symptom) -> None:
        super().__init__(f"a well-behaved client is not served: {symptom.text}")
        self.symptom = symptom


class Pace(Enum):
    """How long to wait for what a program does."""

    QUICK = "quick"
    """Wait shortly, and look at nobody else, to try many candidates."""
    QUICK_BESIDE_OTHERS = "quick, beside others"
    """Wait shortly, and see whether others are served, too."""
    USUAL = "usual"
    """Wait as long as the program may take."""
    CAREFUL = "careful"
    """Give it a moment to refuse something, too: some brokers do that behind the answer to a later frame."""


@dataclass(slots=True)
class Played:
    """What became of a script.

    Attributes:
        symptom: what was wrong; ``None`` if nothing.
        steps: what was sent and came back, as steps of a case.
        sent: the bytes that were sent, by connection.
        script: what shows the symptom, if it is not the whole script: it was seen before a rule was broken.
        decided: False if the bytes alone could not tell whether they should be refused, or break another rule.
    """

    symptom: Symptom | None = None
    steps: list[dict[str, Any]] = field(default_factory=list)
    sent: dict[str, bytes] = field(default_factory=dict)
    script: Script | None = None
    decided: bool = True


class Player(Protocol):
    """Plays scripts to the program under test, one after the other."""

    def play(self, script: Script, *, known: Collection[str] = (), pace: Pace = Pace.USUAL) -> Played:
        """Play a script.

        Args:
            script: what to send.
            known: names of symptoms that need no long wait.
            pace: how long to wait.
        """
        ...

    def recover(self) -> None:
        """Wait until the program serves again.

        Raises:
            OSError: it cannot be reached.
            NotServed: it does not serve.
        """
        ...

    def close(self) -> None:
        """Close its connections."""
        ...
