"""The data keep to their schema, quote the specifications, and leave out no requirement."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from stomp_core import ErrorCode
from stomp_testing.conformance import DATA, VERSIONS, load_requirements

from .specification import key_words_of, sections_of

REQUIREMENTS = load_requirements()
CASES = [case for requirement in REQUIREMENTS for case in requirement.cases]


def read(name: str) -> Any:
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def test_schema_is_valid() -> None:
    Draft202012Validator.check_schema(read("schema.json"))


@pytest.mark.parametrize("version", VERSIONS)
def test_data_keep_to_the_schema(version: str) -> None:
    errors = Draft202012Validator(read("schema.json")).iter_errors(read(f"stomp-{version}.json"))
    assert [f"{error.json_path}: {error.message[:200]}" for error in errors] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "n", "role": "parser", "steps": [{"sends": {"command": "SEND"}}]},
        {"name": "n", "role": "server", "steps": [{"receive": "a", "closes": True}]},
        {"name": "n", "role": "server", "steps": [{"receive": "\u20ac"}]},
        {"name": "n", "role": "server", "steps": []},
        {"name": "n", "role": "broker", "steps": [{"receive": "a"}]},
    ],
    ids=["step-of-another-role", "two-kinds", "no-octet", "no-step", "no-role"],
)
def test_schema_refuses_a_wrong_case(wrong: dict[str, Any]) -> None:
    requirement = {"id": "1.2/a/b", "section": "S", "level": "MUST", "quote": "a sentence", "cases": [wrong]}
    validator = Draft202012Validator(read("schema.json"))
    assert not validator.is_valid({"version": "1.2", "requirements": [requirement]})
    right = {"name": "n", "role": "server", "steps": [{"receive": "a"}]}
    assert validator.is_valid({"version": "1.2", "requirements": [{**requirement, "cases": [right]}]})


def test_ids_are_unique() -> None:
    ids = [requirement.id for requirement in REQUIREMENTS] + [case.id for case in CASES]
    assert sorted({one for one in ids if ids.count(one) > 1}) == []


def test_ids_begin_with_the_version() -> None:
    assert [one.id for one in REQUIREMENTS if one.id.partition("/")[0] != one.version] == []


def test_requirements_that_others_test_have_cases() -> None:
    with_cases = {requirement.id for requirement in REQUIREMENTS if requirement.cases}
    assert [one.id for one in REQUIREMENTS if not set(one.tested_by) <= with_cases] == []


def test_error_codes_exist() -> None:
    errors = {step.value for case in CASES for step in case.steps if step.kind == "error"}
    refusals = {step.refused for case in CASES for step in case.steps if step.refused is not None}
    assert errors | refusals <= {str(code) for code in ErrorCode}


#: The values that the player has before the first step.
FROM_THE_START = {"host", "login", "passcode", "queue", "other-queue"}
FROM_THE_HANDSHAKE = {"subscription", "subscription-line", "destination"}


def test_values_are_known_before_they_are_used() -> None:
    unknown = []
    for case in CASES:
        known = FROM_THE_START | (
            FROM_THE_HANDSHAKE if (case.role, case.start) == ("client", "connected") else set()
        )
        for step in case.steps:
            text = json.dumps(step.value)
            unknown += [(case.id, name) for name in re.findall(r"\$\{(.*?)\}", text) if name not in known]
            known |= set(re.findall(r'"as": "(.*?)"', text))
    assert unknown == []


def test_no_value_comes_from_an_optional_header() -> None:
    """It would be missing where the header is."""
    both = [case.id for case in CASES for step in case.steps if _has_optional_value(step.value)]
    assert both == []


def _has_optional_value(value: object) -> bool:
    if isinstance(value, dict):
        return {"as", "optional"} <= value.keys() or any(map(_has_optional_value, value.values()))
    return isinstance(value, list) and any(map(_has_optional_value, value))


# ---------------------------------------------------------------------- the texts


@pytest.mark.parametrize("version", VERSIONS)
def test_quotes_are_in_their_sections(version: str) -> None:
    sections = sections_of(version)
    wrong = [one.id for one in load_requirements([version]) if one.quote not in sections.get(one.section, "")]
    assert wrong == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_key_word_is_in_a_quote(version: str) -> None:
    sections = sections_of(version)
    quoted: dict[str, list[range]] = {}
    for requirement in load_requirements([version]):
        start = sections[requirement.section].find(requirement.quote)
        quoted.setdefault(requirement.section, []).append(range(start, start + len(requirement.quote)))
    missing = [
        f"{word.section}: ...{word.context}..."
        for word in key_words_of(version)
        if not any(word.start in span for span in quoted.get(word.section, ()))
    ]
    assert missing == []


@pytest.mark.parametrize("version", VERSIONS)
def test_order_is_that_of_the_specification(version: str) -> None:
    sections = sections_of(version)
    order = list(sections)
    places = [
        (order.index(one.section), sections[one.section].find(one.quote))
        for one in load_requirements([version])
    ]
    assert [after for before, after in pairwise(places) if after < before] == []


def test_key_words_are_found() -> None:
    assert [len(key_words_of(version)) for version in VERSIONS] == [47, 81, 124]
