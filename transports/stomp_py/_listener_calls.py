"""Hooks: how a listener's method wants to be called, which its signature tells.

Up to stomp.py 6.0 hooks took ``(headers, body)``, since then they take ``(frame)``. Programs have both, methods of
classes as well as functions assigned to an instance.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any
from weakref import ReferenceType, ref

from .utils import Frame

__all__ = ["call"]

Hook = Callable[..., Any]
# Not a WeakKeyDictionary, which takes twice as long to look something up.
_methods: dict[ReferenceType[Hook], int] = {}
_functions: dict[ReferenceType[Hook], int] = {}


def call(hook: Hook, frame: Frame | None) -> Any:
    """Call a hook that is told of a frame, in the way of its time."""
    count = _arguments(hook)
    if count == 1:
        return hook(frame)
    if count == 0:
        return hook()
    return hook(None, None) if frame is None else hook(frame.headers, frame.body)


def _arguments(hook: Hook) -> int:
    function = getattr(hook, "__func__", None)
    known, key = (_functions, hook) if function is None else (_methods, function)
    try:
        count = known.get(ref(key))
    except TypeError:  # nothing that can be remembered
        return _count(hook)
    if count is None:
        count = known[ref(key, known.__delitem__)] = _count(hook)
    return count


def _count(hook: Hook) -> int:
    """How many arguments it is called with."""
    try:
        parameters = inspect.signature(hook).parameters.values()
    except (TypeError, ValueError):
        return 1
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    any_number = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if sum(p.default is p.empty for p in positional) >= 2:
        return 2
    if not positional:
        return 1 if any_number else 0
    # The second one may be left out: what the first one is called decides.
    takes_two = len(positional) >= 2 or any_number
    return 2 if takes_two and "header" in positional[0].name.lower() else 1
