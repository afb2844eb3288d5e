"""Escaping of header names and values: STOMP 1.1 and 1.2, "Value Encoding"."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stomp_core import Version
from stomp_core.wire._spec import decode_table, escape, undefined_escape, unescape

V1_1, V1_2 = decode_table(Version.V1_1), decode_table(Version.V1_2)


def test_1_2_has_four_escapes() -> None:
    assert V1_2 == {r"\r": "\r", r"\n": "\n", r"\c": ":", r"\\": "\\"}


def test_1_1_has_the_same_but_for_cr() -> None:
    assert V1_1 == {r"\n": "\n", r"\c": ":", r"\\": "\\"}


def test_1_0_has_none() -> None:
    assert decode_table(Version.V1_0) is None


def test_before_a_version_is_known_the_escapes_are_those_of_1_2() -> None:
    assert decode_table(None) == V1_2


def test_a_lenient_reader_of_1_1_decodes_cr() -> None:
    assert decode_table(Version.V1_1, cr_in_1_1=True) == V1_2
    assert decode_table(Version.V1_2, cr_in_1_1=True) == V1_2
    assert decode_table(Version.V1_0, cr_in_1_1=True) is None


@pytest.mark.parametrize(
    ("version", "escaped"),
    [(Version.V1_1, "\\\\a\\nb\\cc\rd"), (Version.V1_2, "\\\\a\\nb\\cc\\rd")],
)
def test_what_is_escaped_is_what_the_version_decodes(version: Version, escaped: str) -> None:
    assert escape("\\a\nb:c\rd", version) == escaped


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        (r"\n\r\c\\", "\n\r:\\"),
        (r"\\n", r"\n"),
        (r"\\\n", "\\\n"),
        (r"\t\c", r"\t:"),
        ("\\", "\\"),
        ("a\\", "a\\"),
        ("\\\n", "\\\n"),
    ],
)
def test_unescaping_is_one_pass_from_left_to_right(raw: str, text: str) -> None:
    """Undefined escapes stay as they are."""
    assert unescape(raw) == text


def test_unescaping_decodes_the_escapes_of_its_table_only() -> None:
    assert V1_1 is not None
    assert unescape(r"\r\n", V1_1) == "\\r\n"


@pytest.mark.parametrize(
    ("raw", "escape", "start"),
    [
        (r"a\tb", r"\t", 1),
        (r"a\\\tb\x", r"\t", 3),
        (r"\r\R", r"\R", 2),
        ("a\\", "\\", 1),
        ("\\\n", "\\\n", 0),
        (r"\🐢", r"\🐢", 0),
    ],
)
def test_the_first_undefined_escape_is_found(raw: str, escape: str, start: int) -> None:
    assert V1_2 is not None
    match = undefined_escape(raw, V1_2)
    assert match is not None
    assert (match.group(), match.start()) == (escape, start)


def test_defined_escapes_are_not_undefined() -> None:
    assert V1_1 is not None
    assert V1_2 is not None
    assert undefined_escape(r"\r\n\c\\t", V1_2) is None
    assert undefined_escape(r"\n\c\\r", V1_1) is None
    assert undefined_escape(r"\n\r", V1_1) is not None


@given(st.text(alphabet="\\rnc:\r\na"), st.sampled_from([Version.V1_1, Version.V1_2]))
def test_unescaping_undoes_escaping(text: str, version: Version) -> None:
    decoder = decode_table(version)
    assert decoder is not None
    escaped = escape(text, version)
    assert undefined_escape(escaped, decoder) is None
    assert unescape(escaped, decoder) == text
    assert not set(escaped) & set(":\n")
