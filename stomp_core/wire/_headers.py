"""Headers: ordered, repeatable, immutable; looked up by the first of a name (STOMP 1.2, "Repeated Header Entries").

A parsed frame's headers stay one piece of text until somebody asks. One or two questions are answered by a
search in that text, which is cheaper than splitting it; after that a dict is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar, overload

from ..errors import ErrorCode, LocalProtocolError
from ._spec import unescape

__all__ = ["HeaderSource", "HeaderTypeError", "Headers"]

T = TypeVar("T")
_SEARCHES_BEFORE_INDEX = 5
_MASK = "***"


class HeaderTypeError(LocalProtocolError, TypeError):
    """A header name or value that is not a ``str``. Nothing is converted behind your back."""


class Headers:
    """The headers of a frame.

    Args:
        items: a mapping, or pairs of name and value; both must be ``str``.

    Raises:
        HeaderTypeError: a name or a value is something else (``None``, ``bytes``, ``True``, a number).

    >>> headers = Headers([("foo", "World"), ("foo", "Hello")])
    >>> headers["foo"], headers.get_all("foo"), headers.get("bar")
    ('World', ['World', 'Hello'], None)
    """

    __slots__ = ("_escaped", "_head", "_index", "_pairs", "_plain", "_searches", "_text")

    _pairs: tuple[tuple[str, str], ...] | None
    _index: dict[str, str] | None
    _text: str | None
    _escaped: bool
    _plain: bool  # a writer may take the text as it stands: see `_is_plain`
    _searches: int
    # Written before: as which command, in which version, with content-length at which place, and all of that head
    # before and behind that place; see `serialize`.
    _head: tuple[str, str, int | None, bytes, bytes] | None

    def __init__(self, items: HeaderSource = ()) -> None:
        self._escaped = False
        self._index = None
        self._searches = 0
        self._head = None
        if type(items) is dict:
            try:
                text = _joined(items.items())
            except TypeError:
                pass  # not all are text; which one is found below
            else:
                if _is_plain(text, len(items)):
                    self._text = text
                    self._pairs = None
                    self._plain = True
                    return
        elif isinstance(items, Headers):
            self._text = items._text
            self._pairs = items._pairs
            self._escaped = items._escaped
            self._plain = items._plain
            return
        pairs = tuple([_checked_pair(pair) for pair in _checked_source(items)])
        text = _joined(pairs)
        self._pairs = pairs
        self._plain = _is_plain(text, len(pairs))
        self._text = text if self._plain else None

    @classmethod
    def _from_text(cls, text: str, escaped: bool, plain: bool = False) -> Headers:
        """Headers of lines already found valid: ``text`` is ``"\\nname:value\\nname:value\\n"``."""
        self = cls.__new__(cls)
        self._text = text
        self._escaped = escaped
        self._plain = plain
        self._pairs = None
        self._index = None
        self._searches = 0
        self._head = None
        return self

    @classmethod
    def _from_pairs(cls, pairs: Iterable[tuple[str, str]]) -> Headers:
        """Headers of pairs already known to be text."""
        self = cls.__new__(cls)
        self._text = None
        self._escaped = False
        self._plain = False
        self._pairs = tuple(pairs)
        self._index = None
        self._searches = 0
        self._head = None
        return self

    @classmethod
    def _stated_before(cls, pairs: Sequence[tuple[str, str]], others: Headers) -> Headers | None:
        """Pairs, then others; ``None`` where that takes a closer look: not plain, or one name in both."""
        if not others._plain:
            return None
        try:
            text = _joined(pairs)
        except TypeError:
            return None
        if not _is_plain(text, len(pairs)):
            return None
        theirs = others._text
        assert theirs is not None
        if theirs != "\n":
            for name, _ in pairs:
                if f"\n{name}:" in theirs:
                    return None
            text += theirs[1:]
        return cls._from_text(text, False, True)

    def _all(self) -> tuple[tuple[str, str], ...]:
        if self._pairs is None:
            assert self._text is not None
            pairs = []
            for line in self._text[1:-1].split("\n") if len(self._text) > 1 else ():
                name, _, value = line.partition(":")
                if self._escaped:
                    name, value = unescape(name), unescape(value)
                pairs.append((name, value))
            self._pairs = tuple(pairs)
        return self._pairs

    def find(self, key: str) -> str | None:
        """Look up ``"\\nname:"``, where the name needs no escape. The hot path of events."""
        index = self._index
        if index is None:
            text = self._text
            if text is not None and self._searches < _SEARCHES_BEFORE_INDEX:
                self._searches += 1
                start = text.find(key)
                if start < 0:
                    return None
                start += len(key)
                value = text[start : text.index("\n", start)]
                return unescape(value) if self._escaped and "\\" in value else value
            index = self._indexed()
        return index.get(key[1:-1])

    def _indexed(self) -> dict[str, str]:
        if self._index is None:
            # Filled from the back, so that the first of a name wins.
            self._index = dict(reversed(self._all()))
        return self._index

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: T) -> str | T: ...
    def get(self, name: str, default: T | None = None) -> str | T | None:
        """The first value of ``name``, or ``default``. Names are case-sensitive."""
        if self._index is None and (":" in name or "\\" in name or "\n" in name or "\r" in name):
            value = self._indexed().get(name)
        else:
            value = self.find(f"\n{name}:")
        return default if value is None else value

    def get_all(self, name: str) -> list[str]:
        """Every value of ``name``, in order; the first one is the value, later ones are its history."""
        return [value for key, value in self._all() if key == name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        """The names, in order, each as often as it was sent."""
        return iter([name for name, _ in self._all()])

    def __len__(self) -> int:
        """The number of header lines, repeats included."""
        return len(self._all())

    def keys(self) -> list[str]:
        """The names, in order, repeats included. With ``[]`` this makes ``dict(headers)`` work: first one wins."""
        return [name for name, _ in self._all()]

    def values(self) -> list[str]:
        """The values, in order, repeats included."""
        return [value for _, value in self._all()]

    def items(self) -> list[tuple[str, str]]:
        """All pairs, in order, repeats included."""
        return list(self._all())

    def to_dict(self) -> dict[str, str]:
        """A new dict: the first value of each name."""
        return {name: self._indexed()[name] for name, _ in self._all()}

    def without(self, *names: str) -> Headers:
        """A copy that lacks these names."""
        return Headers._from_pairs(pair for pair in self._all() if pair[0] not in names)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Headers):
            return self._all() == other._all()
        if isinstance(other, Mapping):
            return len(self) == len(other) and self.to_dict() == dict(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        shown = [(name, _MASK if name == "passcode" else value) for name, value in self._all()]
        return f"Headers({shown!r})"


def _joined(pairs: Iterable[tuple[str, str]]) -> str:
    """``"\\nname:value\\nname:value\\n"``. TypeError: something is no text."""
    lines = "\n".join(map(":".join, pairs))
    return f"\n{lines}\n" if lines else "\n"


def _is_plain(text: str, count: int) -> bool:
    """Whether nothing in so many joined headers is to be escaped or refused, in whatever version (1.0 trims spaces)."""
    return (
        text.count(":") == count
        and text.count("\n") == count + 1
        and "\\" not in text
        and "\r" not in text
        and "\0" not in text
        and "\n:" not in text
    )


def _checked_source(items: object) -> Iterable[object]:
    if isinstance(items, Mapping):
        return items.items()
    if isinstance(items, (str, bytes)) or not isinstance(items, Iterable):
        raise HeaderTypeError(
            f"headers are a mapping or pairs of str, not {type(items).__name__}", code=ErrorCode.NOT_TEXT
        )
    return items


def _checked_pair(pair: object) -> tuple[str, str]:
    if type(pair) is tuple:
        name, value = pair
        if type(name) is str and type(value) is str:
            return name, value
    # Two characters could be taken apart like a pair.
    if isinstance(pair, (str, bytes)) or not isinstance(pair, Iterable):
        raise HeaderTypeError(f"header {pair!r} is not a pair of str", code=ErrorCode.NOT_TEXT)
    name, value = pair
    if not isinstance(name, str):
        raise HeaderTypeError(f"header name {name!r} is not a str", code=ErrorCode.NOT_TEXT)
    if not isinstance(value, str):
        shown = "" if name == "passcode" else f" {value!r}"
        raise HeaderTypeError(
            f"the value{shown} of header {name!r} is a {type(value).__name__}, not a str",
            code=ErrorCode.NOT_TEXT,
        )
    # A subclass may format itself as something else than its text, as members of `class Queue(str, Enum)` do.
    return str.__str__(name), str.__str__(value)


HeaderSource = Headers | Mapping[str, str] | Iterable[tuple[str, str]]
