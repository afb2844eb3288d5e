"""Code and documentation use the terms of STOMP and of networking."""

from __future__ import annotations

import pytest

from .retired_words import files, retired_words_in, retired_words_of

FOLDERS = sorted({file.partition("/")[0] for file in files()})


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_retired_word_is_used(folder: str) -> None:
    found = [word for file in files() if file.partition("/")[0] == folder for word in retired_words_in(file)]
    assert not found, "\n".join(map(str, found))


SOURCE = '''
def _say_again(self): # a comment may say that, but not what was said
    """Tell the caller, or whoever
    heard it."""
    return Ledger().hearsay, "a file says", f"{x} endures"
'''


def test_retired_words_are_found_in_names_comments_and_strings() -> None:
    found = [(line, word) for line, word, _ in retired_words_of(SOURCE, python=True)]
    assert found == [
        (2, "say"),
        (2, "said"),
        (3, "whoever"),
        (4, "heard"),
        (5, "Ledger"),
        (5, "endures"),
    ]


def test_words_inside_other_words_do_not_count() -> None:
    """Names are split at underscores and capital letters first."""
    assert [
        word for _, word, _ in retired_words_of("tellTale = RetoldStory = essay = saidBefore", python=True)
    ] == [
        "tell",
        "said",
    ]


def test_other_files_are_checked_as_text() -> None:
    assert retired_words_of("Say what\nwas said.", python=False) == [(2, "said", "was said.")]
