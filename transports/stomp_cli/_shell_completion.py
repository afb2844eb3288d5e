"""What the word that is being typed in the shell may become."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ._shell_commands import ACK_MODES, COMMANDS_BY_NAME, Command
from ._shell_session import ShellSession

__all__ = ["complete"]


def complete(line: str, session: ShellSession, others: Iterable[str] = ()) -> tuple[str, list[str]]:
    """Return the word that is being typed, and what it may become.

    Args:
        line: what was typed, up to the cursor.
        session: knows destinations, headers and messages.
        others: further names of commands.
    """
    typed = re.split(r"\s+", line.lstrip())
    word = typed[-1]
    if len(typed) == 1:
        return word, _beginning(word, [*COMMANDS_BY_NAME, *others])
    command = COMMANDS_BY_NAME.get(typed[0])
    if command is None:
        return word, _beginning(word, session.seen.destinations)
    return word, _beginning(word, _candidates(command, typed[1:], session))


def _beginning(word: str, candidates: Iterable[str]) -> list[str]:
    return [candidate for candidate in candidates if candidate.startswith(word)]


def _candidates(command: Command, typed: list[str], session: ShellSession) -> Iterable[str]:
    options = {spelling: option for option in command.options for spelling in option.spellings}
    *before, word = typed
    position = 0  # among the words that are no options
    expects_value = None
    for earlier in before:
        if expects_value is not None:
            expects_value = None
        elif earlier in options:
            expects_value = None if options[earlier].flag else options[earlier]
        else:
            position += 1
    if expects_value is not None:
        return [f"{name}:" for name in list(session.seen.headers)] if expects_value.name == "header" else []
    if word.startswith("-"):
        return options
    if position >= len(command.words):
        return []
    match command.words[position]:
        case "destination":
            return list(session.seen.destinations)
        case "subscription":
            return [name for one in session.subscriptions for name in (one.destination, one.id)]
        case "ack mode":
            return ACK_MODES
        case "message":
            return ["last", *session.unacknowledged]
        case "file":
            return _files(word)
        case "switch":
            return ["on", "off"]
        case _:
            return COMMANDS_BY_NAME


def _files(word: str) -> list[str]:
    folder, slash, _ = word.rpartition("/")
    try:
        found = sorted(Path(f"{folder}{slash}" or ".").iterdir())
    except OSError:
        return []
    return [f"{folder}{slash}{file.name}{'/' if file.is_dir() else ''}" for file in found]
