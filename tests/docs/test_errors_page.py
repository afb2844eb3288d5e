"""docs/reference/errors.md has a cause and a remedy for every code, and quotes messages that exist."""

from __future__ import annotations

import re

import pytest

import stomp_core
from stomp_core import ErrorCode, StompError

from .pages import ROOT

PAGE = ROOT / "docs" / "reference" / "errors.md"
#: Of the event ConnectionClosed, which is no exception.
OF_EVENTS = {"eof", "heart-beat"}
#: Raised by no code: what the others have in common.
BASES = {"session-error", "stomp-error"}


def rows(title: str) -> dict[str, list[str]]:
    """Return the rows of the table below a heading, by their first cell."""
    section = PAGE.read_text().split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    found = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {cells[0].strip("` "): cells[1:] for cells in found}


OUTCOMES = rows("What became of a connection or an operation")
RULES = rows("What this side must not send") | rows("What cannot be read")


def class_codes() -> set[str]:
    """Return the codes of all exception classes that are public."""
    classes = [getattr(stomp_core, name) for name in stomp_core.__all__]
    errors = [kind for kind in classes if isinstance(kind, type) and issubclass(kind, StompError)]
    return {str(kind.code) for kind in errors}


def test_every_code_is_on_the_page_and_no_other() -> None:
    assert set(OUTCOMES) | set(RULES) == {code.value for code in ErrorCode} | class_codes() | OF_EVENTS


@pytest.mark.parametrize("code", [*OUTCOMES, *RULES])
def test_a_code_has_a_cause_and_a_remedy(code: str) -> None:
    cause, remedy, *_ = (OUTCOMES | RULES)[code]
    assert len(cause) > 10
    assert len(remedy.rstrip(" |")) > 7 or code in BASES


@pytest.mark.parametrize("code", RULES)
def test_a_rule_names_its_section_of_the_specification(code: str) -> None:
    assert RULES[code][-1].strip(" |") == (ErrorCode(code).section or "")


def quoted_messages() -> list[str]:
    """Return the parts of messages that the page quotes, without what stands for a value."""
    tables = PAGE.read_text().split("\n## Messages while connecting\n", 1)[1].split("\n## What became", 1)[0]
    cells = [line.split(" | ")[0] for line in tables.splitlines() if line.startswith("| `")]
    quoted = [words for cell in cells for words in re.findall(r"`([^`]+)`", cell)]
    parts = [
        part
        for words in quoted
        for part in re.split(
            r"'\.\.\.'|\.\.\.|[\d, ()]*\d[\d, ()s]*|OpenWire|AMQP|HTTP|TLS,|(?<=certificate) |(?<=no connection) ",
            words,
        )
    ]
    return [part.strip(" ,:;'") for part in parts if len(part.strip(" ,:;'")) > 3]


@pytest.mark.parametrize("words", quoted_messages())
def test_a_message_that_the_page_quotes_exists(words: str) -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "stomp_core").rglob("*.py"))
    joined = re.sub(r'"\s+f?"', "", source)  # a sentence is written over several lines
    assert words in joined
