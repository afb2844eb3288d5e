"""Which frames of a trace are shown: ``--filter``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from stomp_core import CLIENT_RECEIVES, CLIENT_SENDS, Frame

__all__ = ["FrameFilter", "parse_filter"]

_DIRECTIONS = ("to-server", "to-client")
_COMMANDS = {
    command for table in (CLIENT_SENDS, CLIENT_RECEIVES) for state in table.values() for command in state
}

#: Returns whether a frame with this direction, which breaks a rule or not, is shown.
FrameFilter = Callable[[Frame, str, bool], bool]


def parse_filter(texts: Sequence[str]) -> FrameFilter | None:
    """Return the filter that all of these texts make; ``None`` if there are none.

    Args:
        texts: each has alternatives, separated by commas: commands, ``to-server``, ``to-client``, ``violations``,
            destinations (which begin with ``/``), and ``header=value``. Destinations and values are patterns of the
            shell. A frame is shown if it matches one alternative of each text.

    Raises:
        ValueError: an alternative is none of these.
    """
    if not texts:
        return None
    conditions = [[_parse_one(part.strip()) for part in text.split(",")] for text in texts]

    def matches(frame: Frame, direction: str, violates: bool) -> bool:
        return all(
            any(one(frame, direction, violates) for one in alternatives) for alternatives in conditions
        )

    return matches


def _parse_one(text: str) -> FrameFilter:
    name, equals, pattern = text.partition("=")
    if equals:
        return lambda frame, _, __: any(fnmatchcase(value, pattern) for value in frame.headers.get_all(name))
    if text.startswith("/"):
        return lambda frame, _, __: fnmatchcase(frame.headers.get("destination", ""), text)
    if text in _DIRECTIONS:
        return lambda _, direction, __: direction == text
    if text == "violations":
        return lambda _, __, violates: violates
    if text.upper() in _COMMANDS:
        return lambda frame, _, __: frame.command == text.upper()
    raise ValueError(
        f"a filter is a command, to-server, to-client, violations, a /destination or header=value, got {text!r}"
    )
