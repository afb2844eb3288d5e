"""Choices: decisions read from a fuzzer's bytes, so that every input is a valid program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Choices"]

T = TypeVar("T")


class Choices:
    """Reads an input from the front. After its end every choice is the first option.

    Args:
        data: the input.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._pos = 0

    @property
    def left(self) -> int:
        """The number of bytes not read yet."""
        return len(self._data) - self._pos

    def byte(self) -> int:
        """Read one byte; 0 after the end."""
        if self._pos >= len(self._data):
            return 0
        self._pos += 1
        return self._data[self._pos - 1]

    def pick(self, options: Sequence[T]) -> T:
        """Read one byte and return one of up to 256 options."""
        return options[self.byte() % len(options)]

    def piece(self) -> bytes:
        """Read a byte with a length, and then as many bytes, or as many as are left."""
        size = self.byte()
        self._pos, start = min(self._pos + size, len(self._data)), self._pos
        return self._data[start : self._pos]

    def text(self) -> str:
        """Read a piece as text. Bytes that are not UTF-8 become lone surrogates, which no header can carry."""
        return self.piece().decode(errors="surrogateescape")

    def rest(self) -> bytes:
        """Read everything that is left."""
        start, self._pos = self._pos, len(self._data)
        return self._data[start:]
