"""The headers of SENDs like earlier ones: merged, checked and escaped once.

Most programs send message after message that differ in the body only, or whose headers have a few values. So the merged
headers of a SEND are remembered with what they were made of: the destination, the content-type, and the caller's own
headers. A :class:`~stomp_core.Headers` is immutable and keeps its serialized head, so the next SEND like it costs a
look-up and a comparison.

What is remembered must be what would be made anew. Therefore only exact ``str`` in an exact ``dict`` counts: a subclass
may compare equal to another text. Of each destination the latest few headers are remembered, once they have come a
second time; none that are long, or that hold a secret (a token that a gateway wants to see, for instance).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._arguments import are_exactly_str
from ..errors import LocalProtocolError
from ..wire import Headers, HeaderSource, Version
from ..wire._serializer import serialize

__all__ = ["known_headers"]

_DESTINATIONS = 256  # then all are forgotten
_OF_EACH = 4
_SEEN = 16
_LONGEST = 1000  # characters of all headers
_NONE: dict[str, str] = {}


class _Alike:
    """What is remembered of one destination, content-type and kind of body."""

    __slots__ = ("known", "seen")

    def __init__(self) -> None:
        self.known: tuple[tuple[tuple[tuple[str, str], ...], Headers], ...] = ()
        self.seen: set[int] = set()  # hashes of headers that came once


_known: dict[tuple[str, str | None, bool], _Alike] = {}


def known_headers(
    destination: Any,
    content_type: Any,
    is_text: bool,
    headers: HeaderSource,
    merge: Callable[[str, str | None, bool, HeaderSource], Headers],
) -> Headers:
    """Return the headers of a SEND without transaction and receipt.

    Args:
        destination: its destination; what is no ``str`` is left to ``merge`` to refuse.
        content_type: its content-type, if it is stated; likewise.
        is_text: whether its body is text, which implies a content-type where none is stated.
        headers: the caller's own.
        merge: makes them anew of the same arguments. What it raises is raised.
    """
    if not headers:
        own = _NONE
    elif type(headers) is dict:
        own = headers
    else:
        return merge(destination, content_type, is_text, headers)
    if type(destination) is not str or not (content_type is None or type(content_type) is str):
        return merge(destination, content_type, is_text, headers)
    alike = _known.get((destination, content_type, is_text))
    if alike is None:
        if len(_known) >= _DESTINATIONS:
            _known.clear()
        alike = _known[destination, content_type, is_text] = _Alike()
    items = tuple(own.items())  # and not the dict: headers are written in the caller's order
    for known, merged in alike.known:
        if known == items:
            return merged if are_exactly_str(items) else merge(destination, content_type, is_text, headers)
    merged = merge(destination, content_type, is_text, headers)
    try:
        number = hash(items)
    except Exception:  # of a subclass of str that cannot be hashed
        return merged
    if number not in alike.seen:
        if len(alike.seen) >= _SEEN:
            alike.seen.clear()
        alike.seen.add(number)
    elif merged.size <= _LONGEST and not merged.has_secrets(own) and are_exactly_str(items):
        alike.known = ((items, merged), *alike.known[: _OF_EACH - 1])
        _make_head(merged)
    return merged


def _make_head(headers: Headers) -> None:
    """Let headers keep their serialized head, in the version that brokers speak.

    A program whose every SEND asks for a receipt never sends these headers alone, but always with the line of the
    receipt behind them, whose bytes are then put behind this head (:meth:`Headers.with_line`).
    """
    try:
        serialize("SEND", headers, b"", Version.V1_2)
    except LocalProtocolError:
        pass  # the connection refuses it
