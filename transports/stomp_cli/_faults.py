"""The faults of ``trace --fail``: those of :class:`stomp_testing.FaultProxy`, by their names there."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from stomp_testing import Direction, FaultProxy, Faults

__all__ = ["FAULTS", "FaultChoice"]

#: Each fault, and what a number after it means.
FAULTS = {
    "delay": "each chunk of bytes is late by this many seconds (0.1)",
    "split": "bytes are written in pieces of this size (1)",
    "coalesce": "bytes are held back until there are so many (4096)",
    "coalesce_time": "but not for longer than this many seconds (0.05)",
    "drop": "bytes are discarded",
    "cut": "the first connection that has passed so many frames is closed (5)",
    "reset": "the same with a RST",
    "cut_after": "the first connection that has passed so many bytes is closed",
    "mean_bytes": "each connection ends at random, after so many bytes on average",
    "seed": "of these random ends (0)",
    "stall": "nothing passes, and connections stay open",
}
_DEFAULTS = {"delay": 0.1, "split": 1, "coalesce": 4096, "cut": 5, "reset": 5, "drop": 1, "stall": 1}
_OF_BYTES = {field.name for field in fields(Faults)}
_OF_PROXY = {"mean_bytes", "seed"}
_SECONDS = {"delay", "coalesce_time"}


class FaultChoice:
    """What a user has chosen.

    Args:
        text: faults, separated by commas: ``name``, ``name=number``, and in front of it ``to-server:`` or
            ``to-client:`` for one direction.

    Attributes:
        arguments: for the constructor of the proxy.

    Raises:
        ValueError: there is no such fault, or no such number.
    """

    def __init__(self, text: str) -> None:
        self.arguments: dict[str, Any] = {}
        self._chosen: list[tuple[str, float, Direction | None]] = []
        for part in text.split(","):
            name, number, direction = _parse(part.strip())
            if name in _OF_PROXY:
                self.arguments[name] = int(number)
            else:
                self._chosen.append((name, number, direction))

    def prepare(self, proxy: FaultProxy) -> None:
        """Set how bytes are passed on, at a proxy that does not run yet: so no byte passes in another way."""
        for name, number, direction in self._chosen:
            if name in _OF_BYTES:
                for faults in _of(proxy, direction):
                    setattr(faults, name, number if name in _SECONDS else int(number))

    def apply(self, proxy: FaultProxy) -> None:
        """Begin with the other faults, at a proxy that is running."""
        for name, number, direction in self._chosen:
            if name == "stall":
                proxy.stall()
            elif name == "cut_after":
                proxy.cut_after(int(number), direction)
            elif name not in _OF_BYTES:
                proxy.cut_after_frames(int(number), direction, reset=name == "reset")


def _parse(text: str) -> tuple[str, float, Direction | None]:
    where, colon, fault = text.rpartition(":")
    direction = Direction(where) if colon and where in tuple(Direction) else None
    if colon and direction is None:
        raise ValueError(f"a direction is to-server or to-client, got {where!r}")
    name, equals, value = fault.partition("=")
    if name not in FAULTS:
        raise ValueError(f"a fault is one of {', '.join(FAULTS)}, got {name!r}")
    if not equals:
        if name not in _DEFAULTS:
            raise ValueError(f"{name} needs a number: {name}=...")
        return name, _DEFAULTS[name], direction
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"{name} needs a number, got {value!r}") from None
    if number < 0:
        raise ValueError(f"{name} cannot be negative, got {value}")
    return name, number, direction


def _of(proxy: FaultProxy, direction: Direction | None) -> list[Faults]:
    both = {Direction.TO_SERVER: proxy.to_server, Direction.TO_CLIENT: proxy.to_client}
    return list(both.values()) if direction is None else [both[direction]]
