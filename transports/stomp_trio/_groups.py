"""Exception groups of nurseries: one that contains a single exception is replaced by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

__all__ = ["is_cancelled", "raise_unwrapped", "unwrapped", "without_failures"]


def is_cancelled(error: BaseException) -> bool:
    """Return whether an exception is a cancellation, or a group that contains one."""
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(trio.Cancelled) is not None
    return isinstance(error, trio.Cancelled)


def raise_unwrapped(error: BaseException) -> None:
    """Raise what a nursery means: the exception, if it is the only one besides cancellations, otherwise the group."""
    while isinstance(error, BaseExceptionGroup):
        others = [entry for entry in error.exceptions if not isinstance(entry, trio.Cancelled)]
        if len(others) > 1:
            break
        error = others[0] if others else error.exceptions[0]
    context = error.__context__
    try:
        raise error
    finally:
        error.__context__ = context


@contextmanager
def without_failures() -> Iterator[None]:
    """Raise only the cancellations of a group that contains some: what fails after a cancellation does not matter."""
    try:
        yield
    except BaseExceptionGroup as group:
        cancelled, others = group.split(trio.Cancelled)
        if cancelled is None or not isinstance(others, ExceptionGroup | None):
            raise
        raise cancelled from None


@contextmanager
def unwrapped() -> Iterator[None]:
    """Unwrap what a nursery in this block raises."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise_unwrapped(group)
