"""docs/embedding.md: its contract is the one of the driver's docstring, and its files exist."""

from __future__ import annotations

import re
from pathlib import Path

import stomp_core.adapter
from stomp_core.adapter import Driver

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "embedding.md").read_text()


def sentences(text: str) -> list[str]:
    """Return the entries of the numbered list in a text, each on one line and without markup."""
    entries = re.findall(r"^\d+\. (.*(?:\n {3,}.*)*)", text, re.MULTILINE)
    return [" ".join(entry.replace("`", "").split()) for entry in entries]


def test_the_page_and_the_docstring_state_the_same_contract() -> None:
    import sys

    docstring = sys.modules[Driver.__module__].__doc__
    assert docstring is not None
    contract = sentences(PAGE.split("### Five traps")[0])
    assert sentences(docstring) == contract
    assert 20 <= len(contract) <= 25


def test_every_file_that_the_page_names_exists() -> None:
    files = re.findall(r"\]\((\.\./[^)]+)\)", PAGE)
    assert len(files) >= 8
    assert [file for file in files if not (DOCS / file).exists()] == []


def test_every_name_of_the_page_is_exported() -> None:
    for name in (
        "AsyncLoopEngine",
        "BlockingLoopEngine",
        "CallbackEngine",
        "Transport",
        "Driver",
        "ConnectContext",
    ):
        assert name in PAGE
        assert name in stomp_core.adapter.__all__
