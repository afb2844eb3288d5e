"""Arguments of a command of the shell: options, words, and the rest of the line as it is.

A word may be quoted. The body of a message is the rest of the line as it was typed, so that JSON needs no quotes; if
the rest is one quoted word, its quotes are removed.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any, NamedTuple

import click

__all__ = ["Arguments", "Option", "to_number"]

_WORD = re.compile(r"""\s*((?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+)(?=\s|$)""", re.DOTALL)


class Option(NamedTuple):
    """An option of a command.

    Attributes:
        name: how the command asks for it.
        spellings: how it is typed.
        flag: whether it has no value.
    """

    name: str
    spellings: tuple[str, ...]
    flag: bool = False


class Arguments:
    """What was typed after the name of a command. It is read from left to right; options may stand before any word.

    Args:
        text: what was typed.
        usage: of the command, for errors.
        options: that the command has.
    """

    def __init__(self, text: str, usage: str = "", options: tuple[Option, ...] = ()) -> None:
        self._text = text
        self._usage = usage
        self._options = {spelling: option for option in options for spelling in option.spellings}
        self._values: dict[str, list[str]] = {}

    def word(self) -> str:
        """Return the next word.

        Raises:
            UsageError: there is none, or an option that the command does not have.
        """
        word = self.optional_word()
        if word is None:
            raise self._expecting()
        return word

    def optional_word(self) -> str | None:
        """Return the next word; ``None`` at the end.

        Raises:
            UsageError: an option that the command does not have.
        """
        self._take_options()
        if re.match(r"\s*-[-A-Za-z]", self._text):
            unknown, _ = self._next_word()
            raise click.UsageError(f"no such option: {unknown}; expecting: {self._usage}")
        return self._take_word()

    def words(self) -> list[str]:
        """Return all words to the end. Options are words, too."""
        found = []
        while (word := self._take_word()) is not None:
            found.append(word)
        return found

    def rest(self) -> str:
        """Return the rest of the line.

        Raises:
            UsageError: there is nothing, or an option that the command does not have.
        """
        explicit = self._take_options()
        if not explicit and re.match(r"\s*--[A-Za-z]", self._text):
            unknown, _ = self._next_word()
            raise click.UsageError(
                f"no such option: {unknown}; write -- before a body that begins like this; expecting: {self._usage}"
            )
        if not self._text.strip():
            raise self._expecting()
        return self.optional_rest()

    def optional_rest(self) -> str:
        """Return the rest of the line, which may be empty."""
        text, self._text = self._text.strip(), ""
        if text[:1] in ('"', "'") and (match := _WORD.fullmatch(text)) is not None:
            return shlex.split(match[1])[0]
        return text

    def json_object(self) -> dict[str, Any]:
        """Return the JSON object that follows; an empty one if none does.

        Raises:
            UsageError: it is not JSON.
        """
        text = self._text.lstrip()
        if not text.startswith("{"):
            return {}
        try:
            value, end = json.JSONDecoder().raw_decode(text)
        except json.JSONDecodeError as error:
            raise click.UsageError(
                f"the headers are not JSON: {error.msg} at character {error.pos + 1}"
            ) from None
        self._text = text[end:]
        assert isinstance(value, dict)
        return value

    def end(self) -> None:
        """Check that nothing follows but options.

        Raises:
            UsageError: something does.
        """
        self._take_options()
        if self._text.strip():
            raise click.UsageError(f"unexpected: {self._text.strip()}; expecting: {self._usage}")

    def all_values(self, option: str) -> list[str]:
        """Return the values of an option that may be repeated, of those that were read so far."""
        return self._values.get(option, [])

    def value(self, option: str) -> str | None:
        """Return the value of an option; ``None`` if it was not given."""
        return self._values.get(option, [None])[-1]

    def number(self, option: str) -> float | None:
        """Return the value of an option as a number; ``None`` if it was not given.

        Raises:
            UsageError: it is none.
        """
        text = self.value(option)
        return None if text is None else to_number(text, f"--{option}")

    def has(self, option: str) -> bool:
        """Return whether an option was given."""
        return option in self._values

    def _take_options(self) -> bool:
        """Take the options that come next; return whether ``--`` ended them."""
        while self._text.lstrip().startswith("-"):
            word, rest = self._next_word()
            if word == "--":
                self._text = rest
                return True
            name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
            option = self._options.get(name)
            if option is None:
                return False
            self._text = rest
            if not option.flag and not equals:
                following = self._take_word()
                if following is None:
                    raise click.UsageError(f"option {name} needs a value; expecting: {self._usage}")
                value = following
            self._values.setdefault(option.name, []).append(value)
        return False

    def _take_word(self) -> str | None:
        if not self._text.strip():
            return None
        word, self._text = self._next_word()
        return word

    def _next_word(self) -> tuple[str, str]:
        """Return the next word, without quotes, and what follows it."""
        match = _WORD.match(self._text)
        if match is None:
            raise click.UsageError(f"a quote is not closed: {self._text.strip()}")
        return "".join(shlex.split(match[1])), self._text[match.end() :]

    def _expecting(self) -> click.UsageError:
        return click.UsageError(f"expecting: {self._usage}")


def to_number(text: str, what: str) -> float:
    """Return a number of at least 0.

    Raises:
        UsageError: it is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise click.UsageError(f"{what} must be a number of at least 0, got {text!r}")
    return number
