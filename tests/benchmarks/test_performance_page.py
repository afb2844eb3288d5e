"""`make bench-report` writes the measured parts of docs/performance.md, and nothing else of it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import instructions, performance
from benchmarks.charts import Bar, bars
from benchmarks.page import replace_measured
from benchmarks.report import Table

DOCS = Path(__file__).parents[2] / "docs"
MEASURED = re.compile(r"(<!-- measured: (\S+) -->\n).*?(<!-- end of \2 -->\n)", re.DOTALL)


def prose(page: str) -> str:
    """Return a page without its measured parts."""
    return MEASURED.sub(r"\1\3", page)


def test_quick_run_writes_tables_and_charts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without valgrind and real brokers, which the page names as missing."""
    monkeypatch.setattr(instructions, "which", lambda command: None)
    shutil.copy(DOCS / "performance.md", tmp_path)
    (tmp_path / "performance-old.svg").write_text("of a broker that is not there any more")
    before = (tmp_path / "performance.md").read_text()
    assert performance.main(["--quick", "--docs", str(tmp_path), "embedded"]) == 0
    after = (tmp_path / "performance.md").read_text()
    assert prose(after) == prose(before)
    parts = {found[2]: found[0] for found in MEASURED.finditer(after)}
    assert "Not counted: valgrind is needed" in parts["counts"]
    assert "Not measured." in parts["rabbitmq"]
    for title in ("Receive", "Confirmed sends, one after the other"):
        assert f"**{title}**, 100 messages a round" in parts["embedded"]
    assert "| stomp_socket | " in parts["imports"]
    assert "| stomp_asyncio | 10 | " in parts["connections"]
    charts = {path.name for path in tmp_path.glob("*.svg")}
    assert charts == {"performance-embedded.svg", "performance-embedded-latency.svg"}
    assert set(re.findall(r"\(([^)]+\.svg)\)", after)) == charts


def test_quick_results_do_not_get_into_the_docs(capsys: pytest.CaptureFixture[str]) -> None:
    before = (DOCS / "performance.md").read_text()
    with pytest.raises(SystemExit):
        performance.main(["--quick"])
    assert "name another folder with --docs" in capsys.readouterr().err
    assert (DOCS / "performance.md").read_text() == before


PAGE = (
    "# Title\n<!-- measured: a -->\nold\n<!-- end of a -->\nprose\n<!-- measured: b -->\n<!-- end of b -->\n"
)


def test_only_measured_parts_are_replaced() -> None:
    once = replace_measured(PAGE, {"a": "new \\1", "b": "text\n"})
    assert once == (
        "# Title\n<!-- measured: a -->\n\nnew \\1\n\n<!-- end of a -->\n"
        "prose\n<!-- measured: b -->\n\ntext\n\n<!-- end of b -->\n"
    )
    assert replace_measured(once, {"a": "new \\1", "b": "text"}) == once


@pytest.mark.parametrize("parts", [{"a": ""}, {"a": "", "b": "", "c": ""}])
def test_page_with_other_parts_is_refused(parts: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="the page must have the parts"):
        replace_measured(PAGE, parts)


def test_part_that_comes_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="once each"):
        replace_measured(PAGE + PAGE, {"a": "", "b": ""})


def test_chart_is_well_formed_and_to_scale() -> None:
    svg = bars(
        "a < b", {"one & two": [Bar("x", 50.0, "ours"), Bar("y <z>", 200.0)], "three": [Bar("v", 1.0)]}
    )
    root = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    boxes = list(root.iter(f"{space}rect"))
    widths = [float(box.attrib["width"]) for box in boxes]
    assert [box.attrib["class"] for box in boxes] == ["ours", "other", "other"]
    assert widths[1] == pytest.approx(4 * widths[0], rel=0.01)
    assert widths[2] == widths[1]  # each panel has a scale of its own
    texts = [text.text for text in root.iter(f"{space}text")]
    assert {"a < b", "one & two", "y <z>", "50.0", "200"} <= set(texts)
    right_edge = max(float(box.attrib["x"]) + float(box.attrib["width"]) for box in boxes)
    assert right_edge < float(root.attrib["width"])


def test_chart_has_colours_for_light_and_dark_pages() -> None:
    assert "prefers-color-scheme: dark" in bars("", {})


def test_table_as_markdown_and_text() -> None:
    table = Table(["", "rate"], [["a client", "1,000"], ["b", "2"]])
    assert table.as_markdown() == "|  | rate |\n| :-- | --: |\n| a client | 1,000 |\n| b | 2 |"
    assert table.as_text("  ") == "             rate\n  a client  1,000\n  b             2"
