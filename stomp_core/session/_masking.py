"""Masking: what a peer has sent, without the passcode.

Only what comes from elsewhere is masked, and only where it repeats the passcode as a whole word. To mask a short
passcode in our own sentences, or inside of words, would tell it by what is missing ("conn***ction r***fus***d").
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..protocol import Error
from ..wire import Headers

__all__ = ["Mask", "secrets_in"]

_MASK = "***"
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_OWN_WORDS = frozenset(
    {
        "version", "host", "destination", "subscription", "message-id", "receipt-id", "id", "ack", "transaction",
        "receipt", "heart-beat", "content-length", "new", "connecting", "connected", "disconnecting", "failed",
        "refusing", "closed",
    }
)  # fmt: skip
#: Headers by which an ERROR is matched with what it answers, and those that describe its own body.
_STRUCTURAL = frozenset({"receipt-id", "subscription", "content-length", "content-type", "version"})

#: Names of headers that tell nothing, even if a passcode is called like one of them.
_KNOWN_NAMES = _STRUCTURAL | {"message", "server", "session", "heart-beat"}


class Mask:
    """Masks passcodes.

    Args:
        passcodes: what to mask. ``None`` and ``""`` are none.
    """

    __slots__ = ("_pattern",)

    def __init__(self, *passcodes: str | None) -> None:
        self._pattern: re.Pattern[str] | None = None
        found: set[str] = set()
        for passcode in passcodes:
            if passcode:
                found |= _forms(passcode)
        if found:
            forms = sorted(found, key=len, reverse=True)
            self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, forms))})(?!\w)")

    def text(self, text: str) -> str:
        """Mask a text that comes from elsewhere."""
        return text if self._pattern is None else self._pattern.sub(_MASK, text)

    def quotations(self, sentence: str) -> str:
        """Mask what a sentence of ours quotes, but for names of headers and states, which are ours as well."""
        return _QUOTED.sub(
            lambda match: match.group() if match.group()[1:-1] in _OWN_WORDS else self.text(match.group()),
            sentence,
        )

    def is_in(self, error: BaseException) -> bool:
        """Return whether a traceback of an exception would show a passcode. Nobody masks tracebacks."""
        return self._pattern is not None and any(self._pattern.search(text) for text in _texts(error))

    def error(self, error: Error) -> Error:
        """Return an ERROR without the passcode; the same one if it does not repeat it."""
        if self._pattern is None:
            return error
        headers = [
            (
                name if name in _KNOWN_NAMES else self.text(name),
                value if name in _STRUCTURAL else self.text(value),
            )
            for name, value in error.headers.items()
        ]
        body = self.text(error.body.decode(errors="surrogateescape")).encode(errors="surrogateescape")
        if body == error.body and headers == error.headers.items():
            return error
        frame = error.frame.replace(headers=Headers(headers), body=body)
        masked = Error.from_frame(frame)
        assert isinstance(masked, Error)
        return masked


def secrets_in(headers: Headers) -> tuple[str, ...]:
    """Return the passcode and the tokens in headers. A token follows the name of its scheme, as in ``Bearer abc``."""
    found: list[str] = []
    for value in headers.secret_values():
        found.append(value)
        scheme, space, token = value.partition(" ")
        if space and scheme.isalnum():
            found.append(token)
    return tuple(found)


def _texts(error: BaseException) -> Iterator[str]:
    """Return everything that a traceback of an exception prints, but for lines of code."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        entry = waiting.pop()
        if entry is None or id(entry) in seen:
            continue
        seen.add(id(entry))
        yield str(entry)
        yield repr(entry)
        yield from getattr(entry, "__notes__", ())
        waiting += [entry.__cause__, entry.__context__]
        if isinstance(entry, BaseExceptionGroup):
            waiting += entry.exceptions


def _forms(passcode: str) -> set[str]:
    """Return how a peer may repeat a passcode: as it is, escaped as in a frame, as in a URL, or in a repr."""
    from urllib.parse import quote

    escaped = passcode.replace("\\", "\\\\").replace(":", "\\c").replace("\n", "\\n").replace("\r", "\\r")
    return {
        passcode,
        escaped,
        quote(passcode, safe="", errors="replace"),
        repr(passcode)[1:-1],
        repr(passcode.encode(errors="replace"))[2:-1],
    }
