"""README is short and true, there is an example of each layer, and generated documentation is up to date."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
EXAMPLE = re.compile(r"^#{2,3} ([^\n]+)\n(?:(?!^##).)*?^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def titles(text: str) -> str:
    """Return the headings of a page under which there is an example."""
    return " ".join(title for title, _ in EXAMPLE.findall(text))


def test_readme_and_the_page_of_layers_have_an_example_of_each() -> None:
    for name in ("Blocking", "asyncio"):
        assert name in titles(README)
    for layer in ("wire", "protocol", "session"):
        assert layer in titles((ROOT / "docs" / "how-to" / "layers.md").read_text())


def test_readme_is_short() -> None:
    """It makes its case in a minute. What takes longer belongs on the site."""
    assert len(README.splitlines()) <= 130


def test_speeds_in_readme_are_those_of_the_page() -> None:
    page = (ROOT / "docs" / "performance.md").read_text()
    rabbitmq = page.partition("<!-- measured: rabbitmq -->")[2].partition("<!-- end of rabbitmq -->")[0]
    columns = ("stomp_socket", "stomp_asyncio", "stomp.py", "stompman", "stompest")
    for title, row in (
        ("Receive and acknowledge each message", "receive and acknowledge"),
        ("Confirmed sends, one after the other", "confirmed sends one by one"),
        ("Confirmed sends, 50 pending", "the same, 50 pending"),
    ):
        table = rabbitmq.partition(f"**{title}**")[2].partition("**")[0]
        measured = dict(re.findall(r"^\| ([\w.]+) \| [^|]+\| [^|]+\| +([\d.]+) \|", table, re.MULTILINE))
        (shown,) = re.findall(rf"^\| {row}.*", README, re.MULTILINE)
        numbers = re.findall(r"\d+\.\d", shown)
        assert numbers == [measured[client] for client in columns if client in measured], row


def test_python_of_the_badge_is_the_oldest_supported_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11"
    assert "badge/python-3.11%2B-" in README
