"""What became of a script, and who plays scripts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Protocol

from ._script import Script
from ._symptoms import Symptom

__all__ = ["Played", "Player"]


@dataclass(slots=True)
class Played:
    """What became of a script.

    Attributes:
        symptom: what was wrong; ``None`` if nothing.
        steps: what was sent and came back, as steps of a case.
        sent: the bytes that were sent, by connection.
        judged: False if the bytes alone could not tell whether they should be refused.
    """

    symptom: Symptom | None = None
    steps: list[dict[str, Any]] = field(default_factory=list)
    sent: dict[str, bytes] = field(default_factory=dict)
    judged: bool = True


class Player(Protocol):
    """Plays scripts to the program under test, one after the other."""

    def play(self, script: Script, *, known: Collection[str] = (), quickly: bool = False) -> Played:
        """Play a script.

        Args:
            script: what to send.
            known: names of symptoms that need no long wait.
            quickly: wait shorter for everything, to try many candidates.
        """
        ...

    def recover(self) -> bool:
        """Wait until the program serves again, or start it again; return whether it does."""
        ...

    def close(self) -> None:
        """Close its connections."""
        ...
