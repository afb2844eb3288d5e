"""Frame: a command, headers and a body, without any rule of the conversation."""

from __future__ import annotations

from ..errors import ErrorCode
from ._headers import Headers, HeaderSource, HeaderTypeError
from ._serializer import serialize

__all__ = ["Frame"]


class Frame:
    """One STOMP frame: an immutable value.

    Args:
        command: ``"SEND"``, ``"MESSAGE"``, ... Commands are case-sensitive.
        headers: a mapping or pairs of ``str``; order and repeats are kept.
        body: the octets of the body.

    Two frames are equal when command, body and headers are, ``content-length`` aside: it says where the frame
    ends on the wire, not what the frame is, and whoever serializes a frame adds it.
    """

    __slots__ = ("_body", "_command", "_head", "_headers", "_strict", "_version")

    _command: str
    _headers: Headers
    _body: bytes
    _head: bytes | None  # the bytes of the head as they came in, where the headers' text cannot tell
    _version: str | None  # what it was read as; None for a frame made here
    _strict: bool  # read without the help of any leniency

    def __init__(
        self, command: str, headers: HeaderSource = (), body: bytes | bytearray | memoryview = b""
    ) -> None:
        self._command = command
        self._headers = headers if isinstance(headers, Headers) else Headers(headers)
        self._body = body if type(body) is bytes else _octets(body)
        self._head = None
        self._version = None
        self._strict = False

    @classmethod
    def _parsed(
        cls, command: str, headers: Headers, body: bytes, version: str, head: bytes | None, strict: bool
    ) -> Frame:
        self = cls.__new__(cls)
        self._command = command
        self._headers = headers
        self._body = body
        self._head = head
        self._version = version
        self._strict = strict
        return self

    @property
    def command(self) -> str:
        """The command, as in ``"MESSAGE"``."""
        return self._command

    @property
    def headers(self) -> Headers:
        """The headers, unescaped."""
        return self._headers

    @property
    def body(self) -> bytes:
        """The octets of the body; ``b""`` if there is none."""
        return self._body

    @property
    def version(self) -> str | None:
        """The version of STOMP that a parser read this frame in; ``None`` for a frame that was not parsed."""
        return self._version

    @property
    def size(self) -> int:
        """About how many bytes the frame takes: command, header lines and body."""
        text = self._headers._text
        head = len(text) if text is not None else sum(len(n) + len(v) for n, v in self._headers._all())
        return len(self._command) + head + len(self._body)

    @property
    def raw(self) -> bytes | None:
        """The very bytes that a parser read this frame from, with its CRLFs, raw escapes and padding.

        ``None`` for a frame that was not parsed, or whose body the parser dropped.
        """
        if self._version is None:
            return None
        head = self._head
        if head is None:
            text = self._headers._text
            assert text is not None
            head = f"{self._command}{text}\n".encode()
        return b"%b%b\0" % (head, self._body)

    def to_bytes(self, version: str, *, content_length: bool = True) -> bytes:
        """Serialize this frame.

        A frame that was read in the same version, without help from any leniency, gives the bytes that came in.

        Args:
            version: ``"1.0"``, ``"1.1"`` or ``"1.2"``: what escapes and headers the peer expects.
            content_length: write ``content-length`` for a non-empty body (STOMP 1.2, "Header content-length").
                Without it a body that contains NUL is refused.

        Raises:
            LocalProtocolError: this version cannot carry the frame: an unknown command, a required header that is
                missing, a character that cannot be escaped, a body where none may be, a ``content-length`` that lies.
            ValueError: there is no such version.
        """
        # What was read before a version was known has "" for its version, which nobody may ask for.
        if version and self._version == version and self._strict and content_length:
            raw = self.raw
            assert raw is not None
            return raw
        return serialize(self._command, self._headers, self._body, version, content_length=content_length)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        if self._command != other._command or self._body != other._body:
            return False
        mine, theirs = self._headers, other._headers
        return mine == theirs or mine.without("content-length") == theirs.without("content-length")

    def __hash__(self) -> int:
        return hash((self._command, self._body, self._headers.without("content-length")))

    def __repr__(self) -> str:
        body = self._body if len(self._body) <= 60 else self._body[:57] + b"..."
        return f"Frame({self._command!r}, {self._headers!r}, {body!r})"


def _octets(body: object) -> bytes:
    if not isinstance(body, (bytes, bytearray, memoryview)):
        raise HeaderTypeError(
            f"the body of a frame is bytes, not {type(body).__name__}: encode text first",
            code=ErrorCode.NOT_TEXT,
        )
    return bytes(body)
