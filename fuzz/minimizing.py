"""Make an input that breaks a promise shorter, as long as it breaks the same promise at the same place."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable

__all__ = ["minimize"]

_Place = tuple[str, str, int | None]


def minimize(target: Callable[[bytes], None], data: bytes, seconds: float) -> bytes:
    """Return a part of the input with which the target fails in the same line, with an exception of the same class.

    Args:
        target: what fails.
        data: with which it fails; returned as it is if it does not fail.
        seconds: of processor time, after which what has been reached is returned.
    """
    place = _failure(target, data)
    if place is None:
        return data
    end = time.process_time() + seconds
    size = len(data) // 2
    while size:
        at = 0
        shorter = False
        while at < len(data):
            if time.process_time() > end:
                return data
            without = data[:at] + data[at + size :]
            if _failure(target, without) == place:
                data, shorter = without, True
            else:
                at += size
        # A piece may become superfluous when a later one is gone.
        size = size if shorter and size <= 2 else size // 2
    return data


def _failure(target: Callable[[bytes], None], data: bytes) -> _Place | None:
    try:
        target(data)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return type(error).__name__, last.filename, last.lineno
    return None
