"""The wheel contains every package, and every package is typed."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from .source import ROOT

packages = sorted(path.parent.name for path in (ROOT / "transports").glob("*/__init__.py"))


@pytest.fixture(scope="module")
def build() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    targets: dict[str, Any] = project["tool"]["hatch"]["build"]["targets"]
    return targets


def test_wheel_contains_every_package(build: dict[str, Any]) -> None:
    expected = ["stomp_core", *(f"transports/{name}" for name in packages)]
    assert sorted(build["wheel"]["packages"]) == sorted(expected)


@pytest.mark.parametrize("folder", ["stomp_core", *(f"transports/{name}" for name in packages)])
def test_package_is_typed(folder: str) -> None:
    assert (ROOT / folder / "py.typed").is_file()


def test_every_module_of_the_three_layers_is_compiled_or_has_a_reason(build: dict[str, Any]) -> None:
    hook = build["wheel"]["hooks"]["custom"]
    modules = [
        f"{layer}/{path.stem}"
        for layer in ("wire", "protocol", "session")
        for path in (ROOT / "stomp_core" / layer).glob("*.py")
        if path.stem != "__init__"
    ]
    assert sorted([*hook["compiled"], *hook["interpreted"]]) == sorted(modules)
    assert all(hook["interpreted"].values())


def test_what_the_sdist_includes_exists(build: dict[str, Any]) -> None:
    missing = [name for name in build["sdist"]["include"] if not (ROOT / name.lstrip("/")).exists()]
    assert missing == []
