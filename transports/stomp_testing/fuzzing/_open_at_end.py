"""Which conversations may be why a program has ended for good, so that nothing can be played again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ._played import Played
from ._script import LEGAL, Script

__all__ = ["OpenConversation", "chosen", "explanation"]


class OpenConversation(NamedTuple):
    """A conversation that was open when the program ended.

    Attributes:
        number: of the conversation, in the run.
        script: what was sent of it.
        played: what became of it.
    """

    number: int
    script: Script
    played: Played


def chosen(conversations: Sequence[OpenConversation]) -> list[OpenConversation]:
    """Return those that a report has to show: those that have broken a rule, or all if none has."""
    sent = [one for one in conversations if any(one.played.sent.values())] or list(conversations)
    broken = [one for one in sent if one.script.rule != LEGAL]
    return broken or sent


def explanation(conversation: OpenConversation, conversations: Sequence[OpenConversation]) -> str:
    """Return a sentence that says how sure it is that this conversation was the cause."""
    alone = "it did not come back, so that this was not played again"
    others = [one for one in conversations if one is not conversation]
    if not others:
        return alone
    rules = ", ".join(sorted({one.script.rule.name for one in others}))
    return f"{alone}; {len(others)} more conversations were open then ({rules})"
