"""What the package says of itself: versions, links, and the files that a project is expected to have."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import stomp_core

ROOT = Path(__file__).parents[2]
SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
README = ROOT / "README.md"
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize("folder", SETTINGS["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
def test_every_package_has_a_version(folder: str) -> None:
    """That of stomp_py is the version of stomp.py whose API it has."""
    package = Path(folder).name
    if package in ("stomp_trio", "stomp_websocket"):
        pytest.importorskip({"stomp_trio": "trio", "stomp_websocket": "websockets"}[package])
    version = import_module(package).__version__
    assert version == ("9.0.0" if package == "stomp_py" else stomp_core.__version__)


needs_sources = pytest.mark.skipif(
    not README.exists(), reason="the tests run beside the wheel, without the repository"
)


@needs_sources
def test_links_of_the_description_lead_to_the_repository() -> None:
    text = README.read_text()
    for one in SETTINGS["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(one["pattern"], one["replacement"], text)
    links = LINK.findall(text)
    source = SETTINGS["project"]["urls"]["Source"]
    assert len([link for link in links if link.startswith(f"{source}/blob/main/")]) >= 10
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


@needs_sources
@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"])
def test_links_of_a_page_lead_to_files(page: str) -> None:
    links = [link.partition("#")[0] for link in LINK.findall((ROOT / page).read_text())]
    assert [link for link in links if not re.match(r"\w+:", link) and not (ROOT / link).exists()] == []


@needs_sources
def test_the_source_distribution_has_what_contributors_need() -> None:
    included = SETTINGS["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    for name in (
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "CODE_OF_CONDUCT.md",
        "tests",
        "docs",
        "Makefile",
    ):
        assert f"/{name}" in included
    assert [name for name in included if not (ROOT / name.lstrip("/")).exists()] == []
