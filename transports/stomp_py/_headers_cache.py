"""HeadersCache: headers of messages as the core wants them, sorted, and made once for messages that are alike.

stomp.py writes headers in the order of their names, ``content-length`` among them, and so do we: test doubles of
brokers compare bytes. To sort, convert and join the headers takes longer than all the rest of sending a message, and
most programs send one message after the other with the same headers. So those of the latest message are kept.

Messages that are alike differ in one header, ``content-length``. It is cut out of the text of the headers, and put back
with the length of the next body:

    "\\ncontent-length:" "5" "\\ndestination:/queue/a\\n"
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from stomp_core.wire import Headers

from .constants import HDR_CONTENT_LENGTH

__all__ = ["HeadersCache", "make_headers"]

_LENGTH_LINE = f"\n{HDR_CONTENT_LENGTH}:"


class _Latest:
    """The headers of the latest message. It is replaced as a whole, because several threads may send."""

    __slots__ = ("after", "before", "given", "headers", "length")

    def __init__(self, given: dict[str, Any], length: int | None, headers: Headers) -> None:
        self.given = given  # as the program gave them, without content-length
        self.length = length
        self.headers = headers
        # The text around the value of content-length, if there is one, and if the text needs no escapes.
        self.before = self.after = ""
        text = headers.text
        if length is not None and headers.plain and text is not None:
            start, line, rest = text.partition(_LENGTH_LINE)
            self.before = start + line
            self.after = rest[len(str(length)) :]


class HeadersCache:
    """Makes the headers of messages, those of alike messages from the latest ones."""

    def __init__(self) -> None:
        self._latest = _Latest({}, None, Headers())

    def headers_for(self, given: dict[str, Any], length: int | None) -> Headers:
        """Return the headers of a message: the very object of the message before, if they are the same.

        Args:
            given: the headers of stomp.py's frame without ``content-length``. The caller does not change them any more.
            length: the value of ``content-length``; ``None`` is no such header.
        """
        latest = self._latest
        # Only text: 1, 1.0 and True are equal, and are written differently.
        only_text = {*map(type, given.values())} <= {str}
        if only_text and given == latest.given:
            if length == latest.length:
                return latest.headers
            if length is not None and latest.before:
                return Headers.from_text(f"{latest.before}{length}{latest.after}", escaped=False, plain=True)
        headers = make_headers(given if length is None else {**given, HDR_CONTENT_LENGTH: length})
        if only_text:
            self._latest = _Latest(given, length, headers)
        return headers


def make_headers(given: dict[str, Any]) -> Headers:
    """Convert the headers of stomp.py's frame.

    Names are sorted. Values that are not text are made text with ``str()``; ``None`` leaves a header out, and a tuple
    repeats it. What UTF-8 cannot encode becomes ``?``.
    """
    headers: dict[str, str] = {}
    repeats: list[tuple[str, str]] = []
    for name, value in sorted(given.items()):
        if (
            type(name) is not str or not name.isascii()
        ):  # nearly all are, and a call would cost more than the rest
            name = _encodable(name)
        if type(value) is str:
            headers[name] = value if value.isascii() else _encodable(value)
        elif isinstance(value, tuple):
            repeats += [(name, _encodable(one)) for one in value if one is not None]
        elif value is not None:
            text = str(value)
            headers[name] = text if text.isascii() else _encodable(text)
    return Headers(sorted([*headers.items(), *repeats], key=itemgetter(0)) if repeats else headers)


def _encodable(value: object) -> str:
    text = str(value)
    return text if text.isascii() else text.encode(errors="replace").decode()
