"""Headers: ordered, repeatable, immutable; looked up by the first of a name (STOMP 1.2, "Repeated Header Entries").

Headers have up to three representations, each made when it is first needed:

* ``text``, all lines in one string. The parser cuts it out of the received bytes, and the serializer writes it. Most
  headers never need another one: a program that reads two headers of a MESSAGE has them found by ``str.find``, which is
  cheaper than splitting all lines.
* ``pairs``, a tuple of names and values, unescaped. It is made for everything that needs all lines, and is the first
  representation of headers that hold characters which the text could not represent.
* an index from names to values. After a few look-ups in the text it costs less than further searches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar, overload

from .._arguments import are_exactly_str, shown
from .._mypyc import mypyc_attr
from ..errors import ErrorCode, LocalProtocolError
from ._spec import unescape

__all__ = ["HeaderSource", "HeaderTypeError", "Headers"]

T = TypeVar("T")
_new = object.__new__
_SEARCHES_BEFORE_INDEX = 5
_MASK = "***"
#: Headers whose values are secrets, in lower case; gateways take tokens in CONNECT's "Authorization".
_SECRET = frozenset({"passcode", "password", "authorization"})


@mypyc_attr(native_class=False)
class HeaderTypeError(LocalProtocolError, TypeError):
    """A header name or value is not a ``str``, or a body is not bytes. The library converts nothing by itself."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Headers:
    """The headers of a frame, in order. Of repeated ones the first counts (STOMP 1.2, "Repeated Header Entries").

    The repr masks passcodes and tokens.

    Args:
        items: a mapping, or pairs of name and value; both must be ``str``.

    Raises:
        HeaderTypeError: a name or a value is something else (``None``, ``bytes``, ``True``, a number).

    Attributes:
        text: all header lines as one text, ``"\\nname:value\\nname:value\\n"``, or ``None`` if there are only pairs.
            The text of received headers is as it was on the wire, with its escapes. For code that checks several
            headers at once, as in ``"\\nreceipt:" in text``; not to be assigned to.
        plain: True if ``text`` needs neither escaping nor a check before it is written, in any version; the spaces that
            1.0 trims are the one exception. Received headers are not plain: their text may hold escapes.
        cached_head: used by the serializer only, see there.

    >>> headers = Headers([("foo", "World"), ("foo", "Hello")])
    >>> headers["foo"], headers.get_all("foo"), headers.get("bar")
    ('World', ['World', 'Hello'], None)
    """

    __slots__ = ("_escaped", "_index", "_pairs", "_searches", "cached_head", "plain", "text")

    text: str | None
    plain: bool
    cached_head: tuple[str, str, bytes] | None
    _pairs: tuple[tuple[str, str], ...] | None
    _index: dict[str, str] | None
    _escaped: bool  # names and values in `text` are escaped
    _searches: int

    def __init__(self, items: HeaderSource = ()) -> None:
        self._escaped = False
        self._index = None
        self._searches = 0
        self.cached_head = None
        if type(items) is dict:
            # The usual case: one `join` in C checks that everything is text, and makes the text.
            try:
                text = _join(items.items())
            except TypeError:
                pass  # something is not a str; the slower check below finds out what
            else:
                if _is_plain(text, len(items)):
                    self.text = text
                    self._pairs = None
                    self.plain = True
                    return
                pairs = tuple(items.items())
                if are_exactly_str(pairs):
                    self.text = None
                    self._pairs = pairs
                    self.plain = False
                    return
        elif isinstance(items, Headers):
            self.text = items.text
            self.plain = items.plain
            self._pairs = items._pairs
            self._escaped = items._escaped
            return
        pairs = tuple([_check_pair(pair) for pair in _check_source(items)])
        text = _join(pairs)
        self._pairs = pairs
        self.plain = _is_plain(text, len(pairs))
        self.text = text if self.plain else None

    @staticmethod  # and no class method, which costs more: this is done for each frame
    def from_text(text: str, escaped: bool, plain: bool = False) -> Headers:
        """Return headers made of lines that are known to be valid.

        Args:
            text: see :attr:`text`.
            escaped: whether the text holds escapes, every one of them defined in STOMP 1.2.
            plain: see :attr:`plain`.
        """
        self = _new(Headers)
        self.text = text
        self.plain = plain
        self.cached_head = None
        self._escaped = escaped
        self._pairs = None
        self._index = None
        self._searches = 0
        return self

    @staticmethod
    def from_pairs(pairs: Iterable[tuple[str, str]]) -> Headers:
        """Return headers made of pairs that are known to be valid.

        Args:
            pairs: tuples of two ``str``.
        """
        self = _new(Headers)
        self.text = None
        self.plain = False
        self.cached_head = None
        self._escaped = False
        self._pairs = tuple(pairs)
        self._index = None
        self._searches = 0
        return self

    def prepend(self, pairs: Sequence[tuple[str, str]]) -> Headers | None:
        """Put other headers before these, cheaply.

        Args:
            pairs: the headers to put first; anything in them may turn out not to be a ``str``.

        Returns:
            New headers; ``None`` if these headers or the others are not plain, if something is not a ``str``, or if a
            name occurs in both. Then the caller has to look at them one by one.
        """
        if not self.plain:
            return None
        try:
            text = _join(pairs)
        except TypeError:
            return None
        if not _is_plain(text, len(pairs)):
            return None
        own = self.text
        assert own is not None
        if own != "\n":
            for name, _ in pairs:
                if f"\n{name}:" in own:
                    return None
            text += own[1:]
        return Headers.from_text(text, escaped=False, plain=True)

    @staticmethod
    def merge(stated: Sequence[tuple[str, str]], own: Mapping[str, str]) -> Headers | None:
        """Put some headers before those of a mapping, in one go. It gives what :meth:`prepend` gives.

        Args:
            stated: the headers to put first, one at least; anything in them may turn out not to be a ``str``.
            own: the others, likewise.

        Returns:
            New headers, or ``None`` as for :meth:`prepend`.
        """
        try:
            first = "\n".join(map(":".join, stated))
            if own:
                text = f"\n{first}\n" + "\n".join(map(":".join, own.items())) + "\n"
            else:
                text = f"\n{first}\n"
        except TypeError:
            return None
        if not _is_plain(text, len(stated) + len(own)):
            return None
        if own:
            rest = text[len(first) + 1 :]
            for name, _ in stated:
                if f"\n{name}:" in rest:
                    return None
        return Headers.from_text(text, escaped=False, plain=True)

    def with_line(self, name: str, value: str) -> Headers | None:
        """Put one more header behind these, cheaply: everything known of these, such as their bytes, stays known.

        Args:
            name: the name of the header, which needs no escape.
            value: its value.

        Returns:
            New headers, or ``None`` if these are not plain or have the name already, or the value may have to be
            escaped or refused.
        """
        if not (self.plain and value.isprintable()) or ":" in value or "\\" in value or " " in value:
            return None
        assert self.text is not None
        if f"\n{name}:" in self.text:
            return None
        line = f"{name}:{value}\n"
        headers = Headers.from_text(self.text + line, escaped=False, plain=True)
        if self.cached_head is not None:
            command, version, head = self.cached_head
            headers.cached_head = command, version, head + line.encode()
        return headers

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """All names and values, unescaped, in order, repeats included."""
        if self._pairs is None:
            assert self.text is not None
            lines = self.text[1:-1].split("\n") if len(self.text) > 1 else []
            split = [line.partition(":") for line in lines]
            pairs = [(name, value) for name, _, value in split]
            if self._escaped:
                # Most headers hold no escape, also where one does: every MESSAGE of ActiveMQ has one in its message-id.
                for at, line in enumerate(lines):
                    if "\\" in line:
                        name, value = pairs[at]
                        pairs[at] = unescape(name), unescape(value)
            self._pairs = tuple(pairs)
        return self._pairs

    @property
    def size(self) -> int:
        """About how many characters the header lines take, without splitting them."""
        if self.text is not None:
            return len(self.text)
        return sum([len(name) + len(value) + 2 for name, value in self.pairs])

    def find(self, line_start: str) -> str | None:
        """Look up a header by the start of its line. Events read their fields with this.

        Args:
            line_start: ``"\\nname:"``, of a name that needs no escape.

        Returns:
            The first value of the name, unescaped, or ``None``.
        """
        index = self._index
        if index is None:
            text = self.text
            if text is not None and self._searches < _SEARCHES_BEFORE_INDEX:
                self._searches += 1
                _, found, rest = text.partition(line_start)  # cheaper than find(), index() and a slice
                if not found:
                    return None
                value = rest.partition("\n")[0]
                return unescape(value) if self._escaped and "\\" in value else value
            index = self._indexed()
        return index.get(line_start[1:-1])

    def _indexed(self) -> dict[str, str]:
        if self._index is None:
            # Filled from the back, so that the first of a name wins.
            self._index = dict(reversed(self.pairs))
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
        """Return the first value of a header.

        Args:
            name: the name, which is case-sensitive.
            default: what to return if there is no such header.
        """
        # A name with one of these characters is written differently in the text, or could match across two lines.
        if self._index is None and (":" in name or "\\" in name or "\n" in name or "\r" in name):
            value = self._indexed().get(name)
        else:
            value = self.find(f"\n{name}:")
        return default if value is None else value

    def get_all(self, name: str) -> list[str]:
        """Return every value of a header, in order. The first one counts (STOMP 1.2, "Repeated Header Entries").

        Args:
            name: the name, which is case-sensitive.
        """
        return [value for key, value in self.pairs if key == name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, in order, repeats included."""
        return iter([name for name, _ in self.pairs])

    def __len__(self) -> int:
        """Return the number of header lines, repeats included."""
        return len(self.pairs)

    def keys(self) -> list[str]:
        """Return the names, in order, repeats included.

        With ``[]`` this makes ``dict(headers)`` work: it has the first value of each name.
        """
        return [name for name, _ in self.pairs]

    def values(self) -> list[str]:
        """Return the values, in order, repeats included."""
        return [value for _, value in self.pairs]

    def items(self) -> list[tuple[str, str]]:
        """Return all pairs, in order, repeats included."""
        return list(self.pairs)

    def to_dict(self) -> dict[str, str]:
        """Return a new dict with the first value of each name."""
        values = dict(self.pairs)
        if len(values) < len(self.pairs):
            # A name is repeated, and has its last value now.
            values.update(self._indexed())
        return values

    def secret_values(self) -> list[str]:
        """Return the values that no repr shows: passcodes and tokens."""
        return [value for name, value in self.pairs if name.lower() in _SECRET]

    @staticmethod
    def has_secrets(names: Iterable[str]) -> bool:
        """Return whether one of these is the name of a header whose value is a secret.

        Args:
            names: names of headers, in any case.
        """
        return not _SECRET.isdisjoint(map(str.lower, names))

    def without(self, *names: str) -> Headers:
        """Return a copy without some headers.

        Args:
            names: the names of these headers.
        """
        return Headers.from_pairs([pair for pair in self.pairs if pair[0] not in names])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Headers):
            return self.pairs == other.pairs
        if isinstance(other, Mapping):
            return len(self) == len(other) and self.to_dict() == dict(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.pairs)

    def __repr__(self) -> str:
        shown = [(name, _MASK if name.lower() in _SECRET else value) for name, value in self.pairs]
        return f"Headers({shown!r})"


def _join(pairs: Iterable[tuple[str, str]]) -> str:
    """Return ``"\\nname:value\\nname:value\\n"``, or ``"\\n"`` for no pairs.

    Raises:
        TypeError: something is not a ``str``.
    """
    lines = "\n".join(map(":".join, pairs))
    return f"\n{lines}\n" if lines else "\n"


def _is_plain(text: str, count: int) -> bool:
    """Return whether nothing in ``count`` joined headers must be escaped or refused, in any version.

    Each header brings one colon and one line feed: any more are inside a name or value. Spaces, which 1.0 trims, are
    not looked at.
    """
    return (
        text.count(":") == count
        and text.count("\n") == count + 1
        and "\\" not in text
        and "\r" not in text
        and "\0" not in text
        and "\n:" not in text
    )


def _check_source(items: object) -> Iterable[object]:
    if isinstance(items, Mapping):
        return items.items()
    if isinstance(items, (str, bytes)) or not isinstance(items, Iterable):
        instead = ": leave it out" if items is None else ', as in {"name": "value"}'
        raise HeaderTypeError(
            f"headers must be a mapping or pairs of str, not {type(items).__name__}{instead}",
            code=ErrorCode.NOT_TEXT,
        )
    return items


def _check_pair(pair: object) -> tuple[str, str]:
    if type(pair) is tuple:
        try:
            name, value = pair
        except ValueError:
            raise _no_pair(pair) from None
        if type(name) is str and type(value) is str:
            return name, value
    # A str of two characters would unpack like a pair.
    if isinstance(pair, (str, bytes)) or not isinstance(pair, Iterable):
        raise _no_pair(pair)
    parts = tuple(pair)
    if len(parts) != 2:
        raise _no_pair(pair)
    name, value = parts
    if not isinstance(name, str):
        instead = ": decode it" if isinstance(name, bytes) else ""
        raise HeaderTypeError(f"header name {name!r} is not a str{instead}", code=ErrorCode.NOT_TEXT)
    if not isinstance(value, str):
        raise HeaderTypeError(_not_text(name, value), code=ErrorCode.NOT_TEXT)
    # A subclass of str may format itself as something else than its text: members of `class Queue(str, Enum)` do.
    return str.__str__(name), str.__str__(value)


def _no_pair(pair: object) -> HeaderTypeError:
    text = repr(pair).lower()
    quoted = "" if any(name in text for name in _SECRET) else f" {shown(pair)}"
    return HeaderTypeError(
        f'header{quoted} is not a pair of str: write headers as {{"name": "value"}} or [("name", "value")]',
        code=ErrorCode.NOT_TEXT,
    )


def _not_text(name: str, value: object) -> str:
    secret = name.lower() in _SECRET
    if value is None:
        instead = "leave the header out"
    elif isinstance(value, bool):
        instead = f"write {str(value).lower()!r}"
    elif isinstance(value, (int, float)):
        instead = "write it in quotes" if secret else f"write {str(value)!r}"
    elif isinstance(value, (bytes, bytearray)):
        instead = "decode it"
    elif isinstance(value, (Mapping, list, tuple, set)):
        instead = "use json.dumps(...)"
    else:
        instead = "use str(...)"
    text = repr(value)
    quoted = "" if secret else f" {text if len(text) <= 60 else text[:60] + '...'}"
    return f"the value{quoted} of header {name!r} is a {type(value).__name__}, not a str: {instead}"


_new = Headers.__new__  # makes headers whose attributes are set next
HeaderSource = Headers | Mapping[str, str] | Iterable[tuple[str, str]]
