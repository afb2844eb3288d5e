"""The subscription of the latest MESSAGE, recognised by its header line: most messages belong to the same one.

To compare one line costs less than to look up the header, cut out its value, and find the subscription of this name.
"""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["LatestSubscription"]

T = TypeVar("T")
_HEADER = "\nsubscription:"


class LatestSubscription(Generic[T]):
    """What is remembered of the subscription of the latest MESSAGE.

    Attributes:
        line: the header line, with the line feeds around it; one that no text has if nothing is remembered.
        value: what its owner keeps of a subscription; ``None`` if nothing is remembered.
    """

    __slots__ = ("line", "value")

    def __init__(self) -> None:
        self.line = "\0"
        self.value: T | None = None

    def find(self, text: str | None) -> T | None:
        """Return what is remembered, if a MESSAGE belongs to the same subscription; otherwise ``None``.

        Args:
            text: the text of the headers of the MESSAGE.
        """
        if text is None:
            return None
        at, line = text.find(_HEADER), self.line
        return self.value if text[at : at + len(line)] == line else None

    def remember(self, name: str, value: T, text: str | None) -> None:
        """Remember the subscription of a MESSAGE.

        Args:
            name: the id of the subscription.
            value: what :meth:`find` returns for the next message of it.
            text: the text of the headers of the MESSAGE. Nothing is remembered if the id is escaped in it.
        """
        line = f"{_HEADER}{name}\n"
        if text is not None and text.startswith(line, text.find(_HEADER)):
            self.line, self.value = line, value

    def forget(self) -> None:
        """Remember nothing: the subscription has ended."""
        self.line, self.value = "\0", None
