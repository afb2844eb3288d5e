"""Words that this project no longer uses, and a check that finds them.

They belonged to a private language in which frames were "said" and "heard". Readers know the terms of STOMP and of
networking, so those are used: send, receive, acknowledge, connection lost, timeout, deadline, buffer, pending.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from .source import ROOT

__all__ = ["IN_NAMES", "IN_TEXT", "RetiredWord", "files", "retired_words_in", "retired_words_of"]

#: Nowhere: neither in names nor in comments, strings and documentation. Pattern of a word -> what to write instead.
IN_TEXT: dict[str, str] = {
    r"said": "sent, received, stated, logged",
    r"unsaid": "not sent",
    r"heard|hears|overheard": "received, receives",
    r"forgiv\w*|forgave": "tolerate, accept",
    r"ledgers?": "tracker, record",
    r"dialogues?": "session",
    r"whoever|whomever": "the caller, a thread that",
    r"heed\w*": "observe, take into account",
    r"endur(e[ds]?|ing)": "wait, tolerate",
    r"abandon(?![_ ]on[_ ]cancel)\w*": "cancel, give up",  # but for the argument of anyio
    r"culprits?": "the SUBSCRIBE that was refused",
    r"last[ _-]words": "events after an error",
    r"book[ _-]?keeping|keeps? (the )?books|(its|their|own|same) books": "tracking, tracked state",
    r"advice": "connect errors",
    r"dialects?": "broker profile",
    r"deeds?": "operation",
    r"stirs?|stirred|stirring": "notify, wake",
    r"deaf": "discarding input",
    r"speakers?": "sender",
    r"riddles?|aphorisms?": "a plain sentence",
    r"on trial|suspects?": "probing",
    r"by halves": "partly",
    r"of (a transport|one's) own": "custom",
    r"handed over": "returned, delivered",
    r"bears? duplicates?": "tolerate duplicates",
    r"broke STOMP": "protocol error",
    r"no scheme of STOMP": "not a STOMP URL scheme",
    r"is no text": "is not text",
    r"told soon": "fails fast",
    r"in disguise": "another name of",
    r"the house": "architecture",
}

#: Not as a word of a name. In sentences they have ordinary uses.
IN_NAMES: dict[str, str] = {
    r"say|says|saying": "send",
    r"hear|hearing": "receive",
    r"books?": "tracker",
    r"judges?": "process",
    r"tells?|told": "report, notify, or pass `now`",
    r"let go|give back|gives back|put aside": "remove, release",
    r"attention|a moment|rope|bell|ink|ill": "what the name stands for",
    r"beat due|death due": "send_deadline, receive_deadline",
    r"content length at": "(gone: a stated content-length stays in its place)",
}

_SPLIT_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_IN_TEXT = re.compile(rf"\b({'|'.join(IN_TEXT)})\b", re.IGNORECASE)
_IN_NAMES = re.compile(rf"\b({'|'.join([*IN_TEXT, *IN_NAMES])})\b", re.IGNORECASE)
#: These two hold the list itself.
_EXCEPT = {"tests/architecture/retired_words.py", "tests/architecture/test_words.py"}


@dataclass(frozen=True)
class RetiredWord:
    """One retired word in a file."""

    file: str
    line: int
    word: str
    context: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.word!r} in {self.context!r}"


def files() -> list[str]:
    """Return the files that are checked, relative to the root of the project: all that people write and read."""
    folders = (
        "stomp_core",
        "transports",
        "tests",
        "fuzz",
        "benchmarks",
        "examples",
        "tools",
        "docs",
        ".github",
    )
    found = [path for folder in folders for path in (ROOT / folder).rglob("*") if _is_text(path.name, folder)]
    found += [
        path for path in ROOT.glob("*") if path.suffix == ".md" or path.name in ("Makefile", "pyproject.toml")
    ]
    found += [ROOT / ".ci" / "run"]
    names = sorted(path.relative_to(ROOT).as_posix() for path in found if path.is_file())
    return [name for name in names if name not in _EXCEPT and "__pycache__" not in name]


def _is_text(name: str, folder: str) -> bool:
    return name.endswith((".py", ".md", ".yml")) or folder == "tools"


def retired_words_in(file: str) -> list[RetiredWord]:
    """Return the retired words in a file and in its name."""
    text = (ROOT / file).read_text()
    if file == "CHANGELOG.md":
        # What was released has been described in the words of its time.
        text = text.partition("\n## ")[2].partition("\n## ")[0]
    found = [RetiredWord(file, 0, word, file) for word in _names_with_retired_words(file)]
    return found + [RetiredWord(file, *one) for one in retired_words_of(text, python=file.endswith(".py"))]


def retired_words_of(text: str, *, python: bool) -> list[tuple[int, str, str]]:
    """Return line, word and context of each retired word.

    Args:
        text: of a file.
        python: whether it is Python source, where names are checked more strictly than comments and strings.
    """
    if not python:
        return [
            (number, match[0], line.strip())
            for number, line in enumerate(text.splitlines(), 1)
            for match in _IN_TEXT.finditer(line)
        ]
    return list(_in_python(text))


def _in_python(text: str) -> Iterator[tuple[int, str, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        line = token.start[0]
        if token.type == tokenize.NAME:
            for word in _names_with_retired_words(token.string):
                yield line, word, token.string
        elif token.type in _TEXT_TOKENS:
            for match in _IN_TEXT.finditer(token.string):
                context = token.string[max(0, match.start() - 40) : match.end() + 40]
                yield line + token.string.count("\n", 0, match.start()), match[0], " ".join(context.split())


#: Python 3.12 splits f-strings into tokens of their own.
_TEXT_TOKENS = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def _names_with_retired_words(name: str) -> list[str]:
    words = _SPLIT_CAMEL_CASE.sub(" ", name).replace("_", " ").replace("/", " / ").replace(".", " . ")
    return [match[0] for match in _IN_NAMES.finditer(words)]
