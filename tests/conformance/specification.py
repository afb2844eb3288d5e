"""The texts of the specifications, by section, and the words in them that state a requirement."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

__all__ = ["KeyWord", "key_words_of", "sections_of"]

_FOLDER = Path(__file__).parent / "specifications"
_HEADING = re.compile(r"##+ (?P<markdown>.*)|<h\d[^>]*>(?P<html>.*)</h\d>")
_CODE = re.compile(r" {4,}(?!\* )|\t")
_LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")
#: The words of RFC 2119. 1.1 writes CAN once where 1.2 writes MAY.
_RFC_2119 = re.compile(r"\b(?:MUST|SHALL|SHOULD|MAY|REQUIRED|OPTIONAL|RECOMMENDED|CAN)\b")
#: 1.0 is older than that convention and has no word in capitals.
_PLAIN_WORDS = re.compile(r"\b(?:must|should|may|require[sd]?|recommended|optional|will|ignored)\b")
#: 1.1 and 1.2 explain the words there. The other sections are introductions.
_NOT_NORMATIVE = ("Conformance", "Abstract", "Overview", "License")


class KeyWord(NamedTuple):
    """One word that states a requirement.

    Attributes:
        section: the heading that it stands under.
        start: where it begins in the text of the section.
        context: the words around it.
    """

    section: str
    start: int
    context: str


def sections_of(version: str) -> dict[str, str]:
    """Return the text of each section by its heading, as one line, without examples, links and emphasis.

    What precedes the first heading below the title is the ``Introduction``.
    """
    sections: dict[str, list[str]] = {"Introduction": []}
    heading = "Introduction"
    for line in (_FOLDER / f"stomp-specification-{version}.md").read_text(encoding="utf-8").splitlines():
        match = _HEADING.fullmatch(line)
        if match is not None:
            heading = (match["markdown"] or match["html"]).strip()
            sections.setdefault(heading, [])
        elif heading == "Augmented BNF" or not _CODE.match(line):
            sections[heading].append(line)
    return {heading: _plain(lines) for heading, lines in sections.items()}


def _plain(lines: list[str]) -> str:
    return re.sub(r"\s+", " ", _LINK.sub(r"\1", " ".join(lines))).replace("\\!", "!").strip()


def key_words_of(version: str) -> list[KeyWord]:
    """Return every word in a specification that states a requirement."""
    words = _PLAIN_WORDS if version == "1.0" else _RFC_2119
    return [
        KeyWord(section, match.start(), text[max(0, match.start() - 60) : match.end() + 40])
        for section, text in sections_of(version).items()
        if section not in _NOT_NORMATIVE
        for match in words.finditer(text)
    ]
