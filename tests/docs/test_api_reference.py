"""Every public name is on one page of docs/reference/api."""

from __future__ import annotations

import re
from collections import Counter
from importlib import import_module

import pytest

from .pages import ROOT

NAMED = Counter(
    name
    for page in (ROOT / "docs" / "reference" / "api").glob("*.md")
    for name in re.findall(r"^\.\. (?:auto\w+|py:data):: (\S+)", page.read_text(), re.MULTILINE)
)


def test_no_name_is_on_two_pages() -> None:
    assert [name for name, count in NAMED.items() if count > 1] == []


@pytest.mark.parametrize(
    "package",
    [
        "stomp_core",
        "stomp_core.adapter",
        "stomp_websocket",
        "stomp_observe",
        "stomp_testing",
        "stomp_testing.conformance",
        "stomp_testing.fuzzing",
        "stomp_testing.stateful",
        "stomp_testing.strategies",
    ],
)
def test_every_public_name_is_shown(package: str) -> None:
    own = set(import_module(package).__all__)
    if package != "stomp_core":
        own -= set(import_module("stomp_core").__all__) - {
            "Abort"
        }  # one is a frame, one a command of the driver
    assert {name for name in own if f"{package}.{name}" not in NAMED} == set()


@pytest.mark.parametrize("package", ["stomp_socket", "stomp_asyncio", "stomp_trio"])
def test_every_name_of_an_adapter_is_shown_there_or_at_the_core(package: str) -> None:
    """An adapter has its own names, and those of the core that its users need."""
    names = import_module(package).__all__
    missing = [
        name
        for name in names
        if not any(f"{place}.{name}" in NAMED for place in (package, "stomp_core", "stomp_core.adapter"))
    ]
    assert missing == []
