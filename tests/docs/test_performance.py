"""docs/performance.md: its charts and files exist."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGE = (DOCS / "performance.md").read_text()


def test_every_chart_exists_and_is_shown() -> None:
    shown = set(re.findall(r"\]\(([^)]+\.svg)\)", PAGE))
    assert shown == {path.name for path in DOCS.glob("performance-*.svg")}
    assert len(shown) >= 3
    for name in shown:
        ET.parse(DOCS / name)


def test_every_file_that_the_page_names_exists() -> None:
    files = re.findall(r"\]\((\.\./[^)#]+|[a-z.-]+\.md)\)", PAGE)
    assert "../benchmarks/README.md" in files
    assert [file for file in files if not (DOCS / file).exists()] == []


def test_every_command_of_the_page_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        one or other for one, other in re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)", PAGE, re.MULTILINE)
    }
    assert "bench-report" in named
    assert named <= targets
    scripts = re.findall(r"python (benchmarks/\w+\.py)", PAGE)
    assert scripts
    assert [script for script in scripts if not (ROOT / script).exists()] == []
