"""Docstrings of public names say what users ask: each argument with its unit, and what is raised."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

import stomp_asyncio
import stomp_socket
import stomp_trio

from .public_api import Documented, documented

PUBLIC = documented()

#: Arguments that are a time. In this library that is seconds.
_TIMES = re.compile(r"now|seconds|(\w+_)?(timeout|interval|delay)")
#: Exceptions that are a part of Python's protocols, or of hooks that raise what others have raised.
_NEED_NO_WORD = {"AssertionError", "NotImplementedError", "StopAsyncIteration", "StopIteration"}
#: Words that begin a docstring that describes in place of naming the effect, or that talk of "this".
_NOT_IMPERATIVE = re.compile(r"(It|The|This|That|These|What|Returns|Makes|Gets|Sets|Sends|Calls|Raises)\b")

CONNECTS: list[Any] = [stomp_socket.connect, stomp_asyncio.connect, stomp_trio.connect]


def of(function: Callable[..., Any]) -> Documented:
    return next(entry for entry in PUBLIC if entry.source is function)


def test_public_names_are_found() -> None:
    names = {entry.name for entry in PUBLIC}
    assert {
        "stomp_core.Session.send",
        "stomp_core.FrameParser",
        "stomp_py.Connection12.ack",
        "stomp_core.adapter.BlockingConnection.subscribe",
        "stomp_testing.Broker.url",
        "stomp_trio.connect",
    } <= names


def test_every_public_name_has_a_docstring() -> None:
    assert [entry.name for entry in PUBLIC if not entry.text] == []


def test_first_line_is_a_sentence() -> None:
    assert [entry.name for entry in PUBLIC if not entry.first_line.endswith((".", ":"))] == []


def test_docstring_of_a_function_begins_with_its_effect() -> None:
    assert [
        f"{entry.name}: {entry.first_line}"
        for entry in PUBLIC
        if entry.kind == "function" and _NOT_IMPERATIVE.match(entry.first_line)
    ] == []


def test_every_argument_is_explained() -> None:
    assert [
        f"{entry.name}: {parameter.name}"
        for entry in PUBLIC
        if entry.own
        for parameter in entry.parameters
        if not entry.mentions(parameter.name)
    ] == []


def test_times_have_a_unit() -> None:
    assert [
        f"{entry.name}: {parameter.name}: {text}"
        for entry in PUBLIC
        for parameter in entry.parameters
        if _TIMES.fullmatch(parameter.name)
        and "second" not in (text := entry.entry(parameter.name) or "second")
    ] == []


def test_every_error_that_a_body_raises_is_named() -> None:
    assert [
        f"{entry.name}: {error}"
        for entry in PUBLIC
        if entry.own
        for error in sorted(entry.raised() - _NEED_NO_WORD)
        if error not in entry.text
    ] == []


@pytest.mark.parametrize("connect", CONNECTS, ids=lambda connect: connect.__module__)
def test_every_option_of_connect_has_an_entry(connect: Any) -> None:
    missing = [name for name in inspect.signature(connect).parameters if not of(connect).entry(name)]
    assert missing == []


@pytest.mark.parametrize("name", sorted(inspect.signature(stomp_socket.connect).parameters))
def test_option_is_explained_alike_everywhere(name: str) -> None:
    """In the three adapters and in Config, but for what differs: who may be asked, and what a dialler returns."""
    entries = {of(connect).entry(name) for connect in CONNECTS}
    config = next(entry for entry in PUBLIC if entry.name == "stomp_core.Config").entry(name)
    if name in ("login", "dial"):
        assert len(entries) > 1
    else:
        assert len(entries) == 1
        assert config is None or config.startswith(entries.pop() or "?")


@pytest.mark.parametrize("connect", CONNECTS, ids=lambda connect: connect.__module__)
def test_help_of_connect_fits_a_terminal(connect: Any) -> None:
    """Of 80 columns: help() indents by four."""
    assert [line for line in (inspect.getdoc(connect) or "").splitlines() if len(line) > 75] == []


def test_what_is_wrong_with_a_docstring_is_found() -> None:
    def wait(delay: float, count: int, name: str) -> None:
        """Wait for something.

        Args:
            delay: how long,
                or longer.
            name, other: of it.
        """
        if count:
            raise ValueError(name)

    parameters = tuple(inspect.signature(wait).parameters.values())
    entry = Documented("wait", "function", inspect.getdoc(wait) or "", True, "", parameters, wait)
    assert entry.entry("delay") == "how long, or longer."
    assert entry.mentions("name")
    assert not entry.mentions("count")
    assert entry.raised() == {"ValueError"}
    assert entry.first_line == "Wait for something."


def test_errors_of_inner_functions_do_not_count() -> None:
    def outer() -> None:
        def inner() -> None:
            raise KeyError

        inner()

    assert Documented("outer", "function", "", True, "", (), outer).raised() == set()
