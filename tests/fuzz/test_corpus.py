"""Every input of the fuzz corpus, replayed without a fuzzer."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz import CORPUS, NEEDS, TARGETS
from fuzz.seeds import seeds

_LARGEST = 1024  # bytes
_LARGE_FOR_A_REASON = {"decoder/content-length-of-5000-digits"}
INPUTS = [
    pytest.param(name, file, id=f"{name}/{file.name}")
    for name in TARGETS
    for file in sorted((CORPUS / name).iterdir())
]


@pytest.mark.parametrize(("name", "file"), INPUTS)
def test_no_input_of_the_corpus_breaks_a_promise(name: str, file: Path) -> None:
    for module in NEEDS.get(name, ()):
        pytest.importorskip(module)
    TARGETS[name](file.read_bytes())


def test_every_folder_of_the_corpus_belongs_to_a_target() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)


def test_the_seeds_in_the_corpus_are_those_that_are_written_down() -> None:
    stale = [f"{target}/{name}" for target, name, data in seeds() if _read(CORPUS / target / name) != data]
    assert not stale, "run `python -m fuzz.seeds`"


def test_seeds_are_small() -> None:
    """What is small is read by people, and is a good start for mutations."""
    large = {
        f"{name}/{file.name}"
        for name in TARGETS
        for file in (CORPUS / name).iterdir()
        if file.stat().st_size > _LARGEST
    }
    assert large <= _LARGE_FOR_A_REASON


def _read(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None
