"""Frame: a command, headers and a body, without any rule of the conversation.

A Frame is immutable, and its attributes are plain slots, since every layer above reads them for every message. Slots
that refuse assignment would have to refuse the assignments of the constructor too, or be hidden behind properties,
which cost more than everything else that is done with a frame. Therefore frames are filled in as the class below, whose
slots can be assigned, and then become what is handed out: a subclass that adds no slots and refuses assignment.
"""

from __future__ import annotations

from typing import NoReturn, final

from ..errors import ErrorCode
from ._headers import Headers, HeaderSource, HeaderTypeError
from ._serializer import serialize

__all__ = ["Frame", "body_type_error"]


class _FrameBeingMade:
    """The slots of a frame, while they are filled in."""

    __slots__ = ("_head", "_strict", "body", "command", "headers", "omits_content_length", "version")

    command: str
    headers: Headers
    body: bytes
    version: str | None
    omits_content_length: bool
    _head: bytes | None  # the received bytes of the head, where they cannot be made from `headers.text`
    _strict: bool  # received without any leniency having been needed


@final
class Frame(_FrameBeingMade):
    """One STOMP frame, an immutable value. Its repr masks passcodes and tokens.

    Two frames are equal when command, body and headers are. ``content-length`` is not compared: it marks where
    the frame ends on the wire, and the serializer adds it.

    Args:
        command: ``"SEND"``, ``"MESSAGE"``, ... Commands are case-sensitive (STOMP 1.2, "STOMP Frames").
        headers: a mapping or pairs of ``str``. Order and repeats are kept.
        body: the bytes of the body. By default there is none.

    Raises:
        HeaderTypeError: the body is not bytes, or a header not a ``str``.

    Attributes:
        command: the command, as in ``"MESSAGE"``.
        headers: the headers, unescaped.
        body: the bytes of the body; ``b""`` if there is none.
        version: the version of STOMP that a parser read this frame in; ``""`` if that was not known yet, ``None`` for a
            frame that was not parsed.
        omits_content_length: True if this frame was received without ``content-length``, or was made by :meth:`replace`
            from one that was. Then it is written without, too, in any version.

    >>> Frame("SEND", {"destination": "/queue/a"}, b"hello").to_bytes("1.2")
    b'SEND\\ndestination:/queue/a\\ncontent-length:5\\n\\nhello\\x00'
    """

    __slots__ = ()

    def __new__(
        cls, command: str, headers: HeaderSource = (), body: bytes | bytearray | memoryview = b""
    ) -> Frame:
        self = _FrameBeingMade()
        self.command = command
        self.headers = headers if type(headers) is Headers else Headers(headers)
        self.body = body if type(body) is bytes else _to_bytes(body)
        self.version = None
        self.omits_content_length = False
        self._head = None
        self._strict = False
        self.__class__ = Frame
        return self  # type: ignore[return-value]

    @staticmethod
    def assemble(
        command: str,
        headers: Headers,
        body: bytes,
        version: str | None,
        head: bytes | None = None,
        strict: bool = False,
        omits_content_length: bool = False,
    ) -> Frame:
        """Return a frame made of everything that it consists of. For parsers.

        Args:
            command: the command.
            headers: the headers.
            body: exactly ``bytes``.
            version: the version that it was read in.
            head: the received bytes of command line, header lines and blank line; ``None`` if those are the command,
                ``headers.text`` and a line feed.
            strict: whether a parser without any leniency reads it in the same way.
            omits_content_length: see the attribute.
        """
        self = _FrameBeingMade()
        self.command = command
        self.headers = headers
        self.body = body
        self.version = version
        self.omits_content_length = omits_content_length
        self._head = head
        self._strict = strict
        self.__class__ = Frame
        return self  # type: ignore[return-value]

    @property
    def raw(self) -> bytes | None:
        """The received bytes of this frame, with its CRLFs, escapes and padding as they were.

        ``None`` for a frame that was not parsed, or whose body the parser dropped.
        """
        if self.version is None:
            return None
        head = self._head
        if head is None:
            head = f"{self.command}{self.headers.text}\n".encode()
        return b"%b%b\0" % (head, self.body)

    @property
    def size(self) -> int:
        """About how many bytes the frame takes: command, headers and body. It is cheap: the headers are not split."""
        text = self.headers.text
        return len(self.command) + (self.headers.size if text is None else len(text)) + len(self.body)

    def replace(
        self,
        *,
        command: str | None = None,
        headers: HeaderSource | None = None,
        body: bytes | bytearray | memoryview | None = None,
    ) -> Frame:
        """Return a copy in which something is different.

        The copy has a ``content-length`` if this frame has one, in the same place and with the right value; and none
        if this frame has none, whatever ``headers`` hold. Some brokers give the header a meaning: ActiveMQ makes a
        BytesMessage of a SEND with ``content-length``, a TextMessage of one without.

        Args:
            command: the command of the copy; by default that of this frame.
            headers: all headers of the copy; by default those of this frame.
            body: the body of the copy; by default that of this frame.

        Returns:
            The copy. Since it was not parsed, it has neither ``version`` nor ``raw``.

        Raises:
            HeaderTypeError: the body is not bytes, or a header not a ``str``.
        """
        new_headers = self.headers if headers is None else Headers(headers)
        new_body = self.body if body is None else _to_bytes(body)
        counted = "content-length" in self.headers
        if counted or "content-length" in new_headers:
            new_headers = _with_content_length(new_headers, len(new_body) if counted else None)
        return Frame.assemble(
            self.command if command is None else command,
            new_headers,
            new_body,
            version=None,
            omits_content_length=self.omits_content_length,
        )

    def to_bytes(self, version: str, *, content_length: bool = True) -> bytes:
        """Return the bytes of this frame.

        A frame that was read in the same version, without help from any leniency, gives the bytes that were received.

        Args:
            version: ``"1.0"``, ``"1.1"`` or ``"1.2"``, which decides on escapes and required headers.
            content_length: whether to write ``content-length`` for a body (STOMP 1.2, "Header content-length"). Without
                it a body that contains NUL is refused.

        Returns:
            The whole frame, with the NUL that ends it.

        Raises:
            LocalProtocolError: this version cannot carry the frame: an unknown command, a required header that is
                missing, a character that cannot be escaped, a body where none may be, a wrong ``content-length``.
            ValueError: there is no such version.
        """
        # Frames read before a version was known have "" for it, which is not a version to ask for.
        if self._strict and content_length and self.version == version and version:
            raw = self.raw
            assert raw is not None
            return raw
        return serialize(
            self.command,
            self.headers,
            self.body,
            version,
            content_length=content_length and not self.omits_content_length,
        )

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a Frame cannot be changed: make another one with replace({name}=...)")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Frame cannot be changed")

    def __reduce__(self) -> tuple[object, ...]:
        # What copy and pickle do by default assigns the slots.
        fields = (self.command, self.headers, self.body, self.version)
        return Frame.assemble, (*fields, self._head, self._strict, self.omits_content_length)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        if self.command != other.command or self.body != other.body:
            return False
        mine, theirs = self.headers, other.headers
        return mine == theirs or mine.without("content-length") == theirs.without("content-length")

    def __hash__(self) -> int:
        return hash((self.command, self.body, self.headers.without("content-length")))

    def __repr__(self) -> str:
        body = self.body if len(self.body) <= 60 else self.body[:57] + b"..."
        return f"Frame({self.command!r}, {self.headers!r}, {body!r})"


def _with_content_length(headers: Headers, length: int | None) -> Headers:
    """State the content-length where the headers have it, or last; remove it if ``length`` is ``None``."""
    if length is None:
        return headers.without("content-length")
    pairs: list[tuple[str, str]] = []
    stated = False
    for name, value in headers.pairs:
        if name != "content-length":
            pairs.append((name, value))
        elif not stated:
            stated = True
            pairs.append((name, str(length)))
    if not stated:
        pairs.append(("content-length", str(length)))
    return Headers(pairs)


def _to_bytes(body: object) -> bytes:
    if type(body) is bytes:
        return body
    if not isinstance(body, (bytes, bytearray, memoryview)):
        raise body_type_error(body, "the body of a frame", "bytes")
    return bytes(body)


def body_type_error(body: object, what: str, accepted: str) -> HeaderTypeError:
    """Return the error for a body of a wrong type: it says how to make it one of the right type.

    Args:
        body: the body that was passed.
        what: the argument that it was passed for, such as ``"body"``.
        accepted: the types that this argument accepts, such as ``"str or bytes"``.
    """
    names = {entry.__name__ for entry in type(body).__mro__}
    if isinstance(body, type):
        instead = "pass an instance of it, converted to bytes"
    elif isinstance(body, str):
        instead = "encode text first, as in .encode()"
    elif body is None:
        instead = 'pass b"" for an empty body'
    elif isinstance(body, (dict, list, tuple)):
        instead = "json.dumps(...)"
    elif isinstance(body, (bool, int, float, complex)):
        instead = f"str({body!r})"
    elif hasattr(body, "model_dump_json"):
        instead = ".model_dump_json()"
    elif hasattr(body, "__dataclass_fields__"):
        instead = "json.dumps(dataclasses.asdict(...))"
    elif callable(getattr(body, "read", None)):
        instead = "pass what its .read() returns"
    elif isinstance(getattr(body, "body", None), bytes):
        instead = "pass its .body"
    elif callable(getattr(body, "tobytes", None)):
        instead = "pass what its .tobytes() returns"
    elif "UUID" in names or "Decimal" in names or "Path" in names:
        instead = "str(...)"
    elif callable(getattr(body, "isoformat", None)):
        instead = "pass what its .isoformat() returns"
    else:
        instead = "convert it, with str(...) or json.dumps(...)"
    return HeaderTypeError(
        f"{what} must be {accepted}, not {type(body).__name__}: {instead}", code=ErrorCode.NOT_TEXT
    )
