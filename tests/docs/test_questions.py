"""Questions that users asked in public trackers: a page answers each, and the search of the site finds it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from ..waiting import HANGS
from .pages import ROOT

pytest.importorskip("myst_parser", reason="the dependency group `docs` is not installed")
QUESTIONS: list[dict[str, str]] = json.loads((ROOT / "tests" / "docs" / "questions.json").read_text())
#: A reader looks at so many results.
FIRST_RESULTS = 8
#: Pages without answers. To build the others takes two seconds.
LEFT_OUT = "README.md,reference/api/*,performance.md,conformance.md,contributing.md,changelog.md"


def headings(page: str) -> list[str]:
    """Return the headings of a page. A line in a block of code is none."""
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


def test_there_are_enough_questions_and_each_is_another_thread() -> None:
    assert len(QUESTIONS) >= 60
    assert len({entry["thread"] for entry in QUESTIONS}) == len(QUESTIONS)
    assert all(entry["thread"].startswith("https://") for entry in QUESTIONS)


@pytest.mark.parametrize(
    "entry", QUESTIONS, ids=lambda entry: entry["thread"].removeprefix("https://github.com/")
)
def test_a_page_has_the_answer(entry: dict[str, str]) -> None:
    assert entry["heading"] in headings(entry["page"])


def terms(words: str) -> list[str]:
    """Return what the search of Sphinx looks for: the stems of words, without numbers and frequent words."""
    from sphinx.search.en import SearchEnglish

    language = SearchEnglish({})
    found = [word for word in re.findall(r"\w+", words.lower()) if len(word) > 2 and not word.isdigit()]
    return [language.stem(word) for word in found if word not in language.stopwords]


@dataclass
class Search:
    """The search of the site, as its JavaScript does it: the pages that have all words, the best first."""

    index: dict[str, Any]

    def __call__(self, words: str) -> list[str]:
        scores: dict[int, int] | None = None
        for term in terms(words):
            found = dict.fromkeys(self._pages("terms", term), 5) | dict.fromkeys(
                self._pages("titleterms", term), 15
            )
            if scores is None:
                scores = found
            else:
                scores = {page: max(score, found[page]) for page, score in scores.items() if page in found}
        ranked = sorted((scores or {}).items(), key=lambda item: -item[1])
        return [f"docs/{self.index['docnames'][page]}.md" for page, _ in ranked]

    def _pages(self, table: str, term: str) -> list[int]:
        pages = self.index[table].get(term, [])
        return [pages] if isinstance(pages, int) else pages


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Search:
    folder = tmp_path_factory.mktemp("site")
    settings = {
        "extensions": "myst_parser,sphinx_design,sphinx.ext.autodoc",
        "exclude_patterns": LEFT_OUT,
        "html_theme": "basic",
        "nitpicky": "0",
    }
    options = [f"-D{name}={value}" for name, value in settings.items()]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-Q", "-b", "html", *options, str(ROOT / "docs"), str(folder)],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    script = (folder / "searchindex.js").read_text()
    return Search(json.loads(script.removeprefix("Search.setIndex(").removesuffix(")")))


@pytest.mark.parametrize("entry", QUESTIONS, ids=lambda entry: entry["search"])
def test_the_search_finds_the_page(entry: dict[str, str], search: Search) -> None:
    assert entry["page"] in search(entry["search"])[:FIRST_RESULTS]


@pytest.mark.parametrize("entry", QUESTIONS, ids=lambda entry: entry["search"])
def test_the_words_are_those_of_the_question(entry: dict[str, str]) -> None:
    assert set(terms(entry["search"])) <= set(terms(entry["question"]))
    assert terms(entry["search"])


def test_the_search_finds_nothing_for_words_that_no_page_has(search: Search) -> None:
    assert search("xylophone") == []
