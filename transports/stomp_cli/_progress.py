"""A line on stderr that shows how far long work is. Only at a terminal, and only after a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import click

__all__ = ["progress"]

T = TypeVar("T")
_EVERY = 0.2  # seconds between two changes of the line
_AFTER = 1.0  # seconds of work before the line is shown


@contextmanager
def progress(
    what: str, total: int | None = None, *, quiet: bool = False
) -> Iterator[Callable[[Iterable[T]], Iterator[T]]]:
    """Return a function that passes things on and counts them in a line.

    Args:
        what: what was done with each of them, such as ``"sent"``.
        total: how many there will be, if that is known.
        quiet: show nothing.
    """
    line = _Line(what, total) if sys.stderr.isatty() and not quiet else None

    def counted(things: Iterable[T]) -> Iterator[T]:
        for thing in things:
            yield thing
            if line is not None:
                line.add()

    try:
        yield counted
    finally:
        if line is not None:
            line.end()


class _Line:
    def __init__(self, what: str, total: int | None) -> None:
        self._what = what
        self._total = total
        self._count = 0
        self._start = time.monotonic()
        self._next = self._start + _AFTER
        self._shown = False

    def add(self) -> None:
        self._count += 1
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _EVERY
        self._shown = True
        rate = self._count / (now - self._start)
        text = f"{self._what} {self._count:,}"
        if self._total:
            text += f" of {self._total:,} ({100 * self._count // self._total} %)"
        click.echo(f"\r{text}, {rate:,.0f}/s\033[K", err=True, nl=False)

    def end(self) -> None:
        if self._shown:
            click.echo("\r\033[K", err=True, nl=False)
