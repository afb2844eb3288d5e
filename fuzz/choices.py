"""Choices: decisions read from the front of a fuzzer's bytes, so that every input is a program and none is invalid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Choices"]

T = TypeVar("T")


class Choices:
    """Reads an input from front to back. Where it has ended, every choice is the first one.

    Args:
        data: the input.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._pos = 0

    @property
    def left(self) -> int:
        """How many bytes are not used yet."""
        return len(self._data) - self._pos

    def byte(self) -> int:
        """The next byte; 0 behind the end."""
        if self._pos >= len(self._data):
            return 0
        self._pos += 1
        return self._data[self._pos - 1]

    def pick(self, options: Sequence[T]) -> T:
        """One of up to 256 options, by one byte."""
        return options[self.byte() % len(options)]

    def piece(self) -> bytes:
        """Up to 255 bytes, behind one that says how many."""
        size = self.byte()
        self._pos, start = min(self._pos + size, len(self._data)), self._pos
        return self._data[start : self._pos]

    def text(self) -> str:
        """A piece as text; bytes that are not UTF-8 become lone surrogates, which no header can carry."""
        return self.piece().decode(errors="surrogateescape")

    def rest(self) -> bytes:
        """All that is left."""
        start, self._pos = self._pos, len(self._data)
        return self._data[start:]
