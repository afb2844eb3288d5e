"""Questions that users asked in public trackers: a page answers each, and the search of the site finds it.

node runs the search with the scripts of the site. Without node these tests are skipped.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..waiting import HANGS
from .pages import ROOT

pytest.importorskip("myst_parser", reason="the dependency group `docs` is not installed")
QUESTIONS: list[dict[str, str]] = json.loads((ROOT / "tests" / "docs" / "questions.json").read_text())
#: A reader looks at so many results.
FIRST_RESULTS = 5
#: The pages that take long to build. STOMP_SITE=build/docs asks the whole site, which `make docs` has built.
LEFT_OUT = "README.md,reference/api/*"


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


class Search:
    """The search of a built site, by its own scripts, which node runs as a browser does."""

    def __init__(self, site: Path) -> None:
        self._site = site
        asked = [entry[words] for entry in QUESTIONS for words in ("search", "question")]
        self._answers = dict(zip(asked, self._ask(asked), strict=True))

    def __call__(self, words: str) -> list[str]:
        """Return the sources of the pages that are found, the best one first."""
        results = self._answers[words] if words in self._answers else self._ask([words])[0]
        return [f"docs/{page}.md" for page, _ in results]

    def title(self, words: str, page: str) -> str:
        """Return the title of the first result on a page: that of the section to which it links, if it does."""
        return next((title for found, title in self._answers[words] if f"docs/{found}.md" == page), "")

    def _ask(self, queries: list[str]) -> list[list[tuple[str, str]]]:
        done = subprocess.run(
            ["node", str(Path(__file__).with_name("search_site.js")), str(self._site)],
            input=json.dumps(queries),
            capture_output=True,
            text=True,
            timeout=HANGS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers: list[list[tuple[str, str]]] = json.loads(done.stdout)
        return answers


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Search:
    if shutil.which("node") is None:
        reason = "node runs the search of the site: apt-get install nodejs"
        (pytest.fail if os.environ.get("STOMP_BROKERS") == "required" else pytest.skip)(reason)
    if site := os.environ.get("STOMP_SITE"):
        return Search(ROOT / site)
    folder = tmp_path_factory.mktemp("site")
    settings = {
        "extensions": "myst_parser,sphinx_design,sphinx.ext.autodoc,sections",
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
    return Search(folder)


@pytest.mark.parametrize("entry", QUESTIONS, ids=lambda entry: entry["search"])
def test_the_search_finds_the_page(entry: dict[str, str], search: Search) -> None:
    assert entry["page"] in search(entry["search"])[:FIRST_RESULTS]


@pytest.mark.parametrize("entry", QUESTIONS, ids=lambda entry: entry["search"])
def test_the_search_finds_the_page_for_the_whole_question(entry: dict[str, str], search: Search) -> None:
    assert entry["page"] in search(entry["question"])[:FIRST_RESULTS]


@pytest.mark.parametrize("entry", QUESTIONS, ids=lambda entry: entry["search"])
def test_the_words_are_those_of_the_question(entry: dict[str, str]) -> None:
    assert set(terms(entry["search"])) <= set(terms(entry["question"]))
    assert terms(entry["search"])


def test_most_results_link_to_the_section_with_the_answer(search: Search) -> None:
    right = [
        entry
        for entry in QUESTIONS
        if search.title(entry["question"], entry["page"]).endswith(entry["heading"].replace("`", ""))
    ]
    assert len(right) >= 0.8 * len(QUESTIONS)


def test_the_search_finds_nothing_for_words_that_no_page_has(search: Search) -> None:
    assert search("xylophone") == []
