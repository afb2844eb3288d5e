"""A wheel built with STOMP_COMPILE=1 has the extension modules that pyproject.toml lists, and no other wheel has any.

.ci/run runs this on installed wheels, of both kinds.
"""

from __future__ import annotations

import copy
import importlib
import os
import pickle
import tomllib
from pathlib import Path
from typing import Any

import pytest

from stomp_core import ClientConnection, FrameParser, Headers, Message
from tests.compiled import COMPILED

ROOT = Path(__file__).resolve().parents[2]
hook = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
    "hooks"
]["custom"]


def file_of(name: str) -> str:
    return str(importlib.import_module(f"stomp_core.{name.replace('/', '.')}").__file__)


def test_the_build_is_the_one_that_was_asked_for() -> None:
    assert (os.environ.get("STOMP_COMPILE") == "1") is COMPILED


@pytest.mark.parametrize("name", hook["compiled"])
def test_module_is_compiled_if_it_is_listed(name: str) -> None:
    assert file_of(name).endswith(".py") is not COMPILED


@pytest.mark.parametrize("name", hook["interpreted"])
def test_any_other_module_is_not(name: str) -> None:
    assert file_of(name).endswith(".py")


def test_frames_and_headers_can_be_copied_and_pickled() -> None:
    parser = FrameParser("1.2")
    parser.receive_data(b"MESSAGE\nmessage-id:1\\c2\ndestination:/q\nsubscription:s\n\nbody\0")
    frame: Any = parser.next_frame()
    for one in (frame, frame.headers, Message.from_frame(frame)):
        for again in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
            assert again == one
            assert repr(again) == repr(one)
    assert pickle.loads(pickle.dumps(frame)).raw == frame.raw


def test_classes_keep_their_names_and_may_be_inherited_from() -> None:
    class Own(Headers):
        def get(self, name: str, default: Any = None) -> Any:
            return "own"

    assert (Headers.__qualname__, Headers.__module__) == ("Headers", "stomp_core.wire._headers")
    assert isinstance(Own({"a": "b"})["a"], str)
    assert Own({"a": "b"})["a"] == "own"
    assert type("Client", (ClientConnection,), {})().state.value == "new"
    assert type("Parser", (FrameParser,), {})("1.2").version == "1.2"
