"""What is different in the compiled build, for the tests that run on it (CONTRIBUTING.md, "The compiled build")."""

from __future__ import annotations

import re

import pytest

from stomp_core.wire import _parser

__all__ = ["COMPILED", "python_only", "type_error"]

#: Whether the modules under test are compiled.
COMPILED = not str(_parser.__file__).endswith(".py")


def python_only(reason: str) -> pytest.MarkDecorator:
    """Mark a test, or one of its parameters, that the compiled build cannot run.

    Args:
        reason: why it means nothing there.
    """
    return pytest.mark.skipif(COMPILED, reason=f"compiled: {reason}")


def type_error(text: str) -> str:
    """Return a pattern for the text of a TypeError.

    Compiled functions check the types of their arguments before our code does, and have a text of their own.

    Args:
        text: ours.
    """
    ours = re.escape(text)
    return rf"{ours}|[\w ]+ object expected; got |must be real number, not " if COMPILED else ours
