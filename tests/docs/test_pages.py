"""The code on every page runs and prints what the page shows; its commands and their options exist."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from pathlib import Path

import pytest

from stomp_cli import main

from .pages import ROOT, PageFailure, blocks, pages, run_page

#: Pages whose code needs servers of its own. Another test runs it.
ELSEWHERE = {
    "docs/how-to/credentials.md": "test_credentials.py",
    "docs/fuzzing.md": "test_fuzzing.py",
}
#: Programs that the commands of a page need.
NEEDS = {"docs/tutorials/tls.md": "openssl"}
SKIP = re.compile(r"<!-- *skip: *(\w+) *(.*?) *-->")
SHELL = ("sh", "bash", "console")


@pytest.mark.parametrize(
    "page", [page for page in pages() if page not in ELSEWHERE and blocks(page, "python", "console")]
)
def test_code_runs_and_prints_what_the_page_shows(page: str, tmp_path: Path) -> None:
    if page in NEEDS and shutil.which(NEEDS[page]) is None:
        pytest.skip(f"{NEEDS[page]} is not installed")
    run_page(page, tmp_path)


def test_every_page_that_is_run_elsewhere_names_its_test() -> None:
    for page, test in ELSEWHERE.items():
        assert page in pages()
        assert Path(page).name in (Path(__file__).parent / test).read_text()


def test_what_is_left_out_has_a_reason_and_is_little() -> None:
    run = left_out = 0
    for page in pages():
        found = SKIP.findall((ROOT / page).read_text())
        assert [action for action, _ in found if action != "next"] == [], page
        assert [reason for _, reason in found if not re.fullmatch(r'"[^"]{10,}"', reason)] == [], page
        left_out += len(found)
        run += len(blocks(page, "python", "console")) - len(found)
    assert left_out <= run / 2, f"{left_out} blocks are left out, {run} are run"


def commands(block: str) -> list[list[str]]:
    """Return the words of each simple command in a block of shell."""
    if re.search(r"^\$ ", block, re.MULTILINE):
        block = "\n".join(re.findall(r"^\$ ((?:.*\\\n)*.*)", block, re.MULTILINE))
    found: list[list[str]] = []
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        found.append([])
        for word in words:
            if re.fullmatch(r"[|&;<>()]+", word):
                found.append([])
            else:
                found[-1].append(word)
    return [words for words in found if words]


def test_every_command_and_its_options_exist(capsys: pytest.CaptureFixture[str]) -> None:
    """With --help a command does nothing, but an option that it does not know is an error all the same."""
    used = {
        (page, shlex.join(words)): words
        for page in pages()
        for block in blocks(page, *SHELL)
        for words in commands(block)
        if words[0] == "stomp" and len(words) > 1 and not words[1].startswith("-")
    }
    for (page, command), (_, name, *rest) in used.items():
        try:
            status: object = main([name, "--help", *rest])
        except SystemExit as end:  # of argparse, in `stomp broker`
            status = end.code
        assert status == 0, f"{page}: {command}: {capsys.readouterr().err}"


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in pages():
        for block in blocks(page, *SHELL):
            for words in commands(block):
                if words[0] == "make" and len(words) > 1:
                    assert words[1] in targets, page


def test_every_extra_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for page in pages():
        for names in re.findall(r"stomp-core\[([\w,-]+)\]", (ROOT / page).read_text()):
            assert set(names.split(",")) <= set(project["optional-dependencies"]), page


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("```python\nprint(1)\n```\n\n```output\n2\n```\n", "shows"),
        ("```python\nprint(1)\n```\n", "no output block"),
        ("```console\n$ echo 1\n2\n```\n", "shows"),
        ("```console\n$ false\n```\n", "ends with 1"),
        ("```python\nimport sys\nprint(1, file=sys.stderr)\n```\n", "stderr"),
    ],
    ids=[
        "wrong output",
        "output that is not shown",
        "wrong output of a command",
        "failing command",
        "stderr",
    ],
)
def test_a_page_that_is_wrong_fails(text: str, error: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(PageFailure, match=error):
        run_page(str(page), tmp_path)
