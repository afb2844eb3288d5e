"""Where the decisions of a generator come from: a seed, or a property test that shrinks what it has drawn."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

__all__ = ["BytesChoices", "Choices", "RandomChoices"]

T = TypeVar("T")


class Choices(Protocol):
    """A source of decisions.

    The first option of everything is the simplest one: a property test shrinks towards it.
    """

    def integer(self, least: int, most: int) -> int:
        """Return a whole number from ``least`` to ``most``, both included."""
        ...

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options, of which there must be one."""
        ...

    def chance(self, percent: int) -> bool:
        """Return True in about so many of a hundred cases; False is the simplest."""
        ...

    def repeat(self, action: Callable[[Choices], None], most: int) -> None:
        """Call ``action`` again and again, ``most`` times at most; never is the simplest."""
        ...


class RandomChoices:
    """Decisions of a random generator, which are the same for the same seed on every machine.

    Args:
        seed: any whole number.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def integer(self, least: int, most: int) -> int:
        """See :class:`Choices`."""
        return self._random.randint(least, most)

    def pick(self, options: Sequence[T]) -> T:
        """See :class:`Choices`."""
        return options[self._random.randrange(len(options))]

    def chance(self, percent: int) -> bool:
        """See :class:`Choices`."""
        return self._random.randrange(100) < percent

    def repeat(self, action: Callable[[Choices], None], most: int) -> None:
        """See :class:`Choices`."""
        for _ in range(self._random.randint(0, most)):
            action(self)


class BytesChoices:
    """Decisions read from bytes: one byte each, or a few where there are more than 256 options.

    Behind the end each decision is the simplest one. A single draw of bytes costs a property test far less than a draw
    for each decision, and shorter and smaller bytes are simpler decisions.

    Args:
        data: the bytes.
    """

    __slots__ = ("_data", "_pos")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._pos = 0

    def integer(self, least: int, most: int) -> int:
        """See :class:`Choices`."""
        options = most - least + 1
        size = 1 if options <= 256 else (options - 1).bit_length() // 8 + 1
        start = self._pos
        self._pos = start + size
        return least + int.from_bytes(self._data[start : start + size], "big") % options

    def pick(self, options: Sequence[T]) -> T:
        """See :class:`Choices`."""
        return options[self.integer(0, len(options) - 1)]

    def chance(self, percent: int) -> bool:
        """See :class:`Choices`."""
        return self.integer(0, 255) * 100 >= 256 * (100 - percent)

    def repeat(self, action: Callable[[Choices], None], most: int) -> None:
        """See :class:`Choices`."""
        for _ in range(self.integer(0, most)):
            action(self)
