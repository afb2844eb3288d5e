"""docs/reference/faults.md: its tables are those of the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from stomp_testing import FAULTS, FaultKind, parse_fault, parse_faults
from stomp_testing.__main__ import main

DOCS = Path(__file__).parents[2] / "docs" / "reference"
PAGE = (DOCS / "faults.md").read_text()
FAULT_ROWS = re.findall(r"^\| `([a-z-]+)` \| (.*?) ?\| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)
CONDITION_ROWS = re.findall(r"^\| `@.*? \| `(.*?)` \|", PAGE, re.MULTILINE)
COMMAND_ROWS = re.findall(r"^\| `(\{.*\})` \| (.*?) \|$", PAGE, re.MULTILINE)


def row(name: str, kind: FaultKind) -> tuple[str, str, str, str]:
    value = kind.value if kind.default is None else f"{kind.value} (`{kind.default}`)"
    return name, value, ", ".join(place or "always" for place in kind.places), kind.meaning


def test_the_table_has_every_fault() -> None:
    assert [row(name, kind) for name, kind in FAULTS.items()] == FAULT_ROWS


@pytest.mark.parametrize(("name", "kind"), FAULTS.items())
def test_a_fault_can_be_had_where_its_row_allows_it_and_nowhere_else(name: str, kind: FaultKind) -> None:
    value = {"size": "=10", "seconds": "=1s", "text": "=text", "": ""}[kind.value]
    for place, condition in [
        ("", ""), ("frame", "@send"), ("before", "@before=send"), ("byte", "@byte=1"), ("after", "@after=1s"),
    ]:  # fmt: skip
        text = f"{name}{value}{condition}"
        if place in kind.places:
            assert parse_fault(text).place == place
        else:
            with pytest.raises(ValueError, match=f"^write {name}"):
                parse_fault(text)


def test_a_value_can_be_left_out_if_its_row_has_a_default() -> None:
    for name, kind in FAULTS.items():
        condition = "" if "" in kind.places else "@send"
        if kind.needs_value:
            with pytest.raises(ValueError, match="needs a value"):
                parse_fault(f"{name}{condition}")
        else:
            assert parse_fault(f"{name}{condition}").value == kind.default


def test_every_condition_has_an_example_that_is_a_fault() -> None:
    assert len(CONDITION_ROWS) == 13
    for example in CONDITION_ROWS:
        fault = parse_fault(example)
        assert parse_fault(str(fault)) == fault


@pytest.mark.parametrize("page", ["faults.md", "command-line.md"])
def test_faults_in_commands_exist(page: str) -> None:
    found = re.findall(r"--fa(?:ult|il) (\S+)", (DOCS / page).read_text())
    assert found
    for text in found:
        parse_faults(text)


def test_the_table_has_every_command_of_control(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["proxy", "--help"])
    shown = dict(re.findall(r'^  \{"([a-z]+)": \.\.\.\} +(.*)$', capsys.readouterr().out, re.MULTILINE))
    assert {next(iter(json.loads(command))): text for command, text in COMMAND_ROWS} == shown
    assert len(shown) >= 10
