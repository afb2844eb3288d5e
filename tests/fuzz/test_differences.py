"""Every difference between what we accept and what others accept is explained, and no explanation is out of date."""

from __future__ import annotations

from importlib import import_module

import pytest

from fuzz import NEEDS
from fuzz.page import PAGE, page
from fuzz.peers import CONDITIONS, DIFFERENCES, LINES, differences, kind_of, peers, text_of

EXAMPLES = [
    pytest.param(entry["name"], peer, kind, text_of(example), id=f"{entry['name']}-{peer}-{kind}")
    for entry in DIFFERENCES
    for peer, found in entry["peers"].items()
    for kind, example in found["examples"].items()
]


@pytest.fixture(autouse=True)
def _peers_installed() -> None:
    for module in NEEDS["peers"]:
        pytest.importorskip(module)


@pytest.mark.parametrize(("name", "peer", "kind", "stream"), EXAMPLES)
def test_an_example_shows_its_difference(name: str, peer: str, kind: str, stream: bytes) -> None:
    found = {(found.peer, kind_of(found.theirs)): found.name for found in differences(stream)}
    assert found[peer, kind] == name


def test_what_no_entry_explains_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = b"SEND\ndestination:/q\nx:a\\tb\n\n\0"
    peers(stream)
    others = [entry for entry in DIFFERENCES if entry["name"] != "undefined-escape"]
    # `fuzz.peers` is the target, a function; its module is meant here.
    monkeypatch.setattr(import_module("fuzz.peers"), "DIFFERENCES", others)
    with pytest.raises(AssertionError, match=r"not explained in fuzz/differences\.json"):
        peers(stream)


def test_every_condition_belongs_to_an_entry() -> None:
    assert set(CONDITIONS) | set(LINES) <= {entry["name"] for entry in DIFFERENCES}


def test_every_entry_has_a_text_and_an_example() -> None:
    silent = [
        (entry["name"], peer)
        for entry in DIFFERENCES
        for peer, found in entry["peers"].items()
        if not (found["does"] and found["examples"])
    ]
    assert not silent
    assert all(entry["peers"] for entry in DIFFERENCES)


@pytest.mark.skipif(not PAGE.exists(), reason="the docs are not here: this is the built wheel that is tested")
def test_the_page_is_made_of_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m fuzz.page`"
