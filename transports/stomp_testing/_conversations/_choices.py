"""Where the decisions of a generator come from: a seed, or a property test that shrinks what it has drawn."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

__all__ = ["Choices", "RandomChoices"]

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
