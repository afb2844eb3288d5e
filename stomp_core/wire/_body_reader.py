"""BodyReader: collects the body of a frame whose head is complete, chunk by chunk.

A body is as long as its content-length says, or else goes up to the first NUL (STOMP 1.2, "Header content-length").
Chunks are kept as they are and joined once, when the NUL is there: to append each to what is there already would copy a
large body once per chunk.
"""

from __future__ import annotations

from ..errors import ErrorCode
from ._headers import Headers
from ._reading_rules import ReadingRules, violation

__all__ = ["LONGEST_NUMBER", "BodyReader"]

#: Digits of a content-length that are accepted: more than any size needs. ``int()`` of thousands of digits takes
#: quadratic time, and CPython refuses more than 4300 with a ValueError.
LONGEST_NUMBER = 19

_NUL = 0
_SMALL_PIECE = (
    512  # bytes; smaller pieces are gathered first, since a list entry costs as much memory as they do
)
_GATHERED = (
    64 * 1024
)  # bytes; to extend one ever-growing bytearray is many times slower than a list of pieces


class BodyReader:
    """Reads one body after the other.

    Attributes:
        allowed: whether the frame may have a body. If not, a body that was tolerated is to be dropped.
        counted: whether the frame has a content-length.
        strict: the content-length was read without a leniency having been needed.
    """

    __slots__ = (
        "_command",
        "_length",
        "_pieces",
        "_rules",
        "_size",
        "_small_pieces",
        "allowed",
        "counted",
        "strict",
    )

    def __init__(self, rules: ReadingRules) -> None:
        self.allowed = True
        self.counted = False
        self.strict = True
        self._rules = rules
        self._command = ""
        self._length = -1  # according to content-length; -1 without one
        self._pieces: list[bytes] = []
        self._small_pieces = bytearray()
        self._size = 0  # bytes in both

    def start(self, rules: ReadingRules, command: str, headers: Headers, offset: int) -> None:
        """Begin the body of a frame.

        Args:
            rules: how to read it.
            command: of the frame.
            headers: of the frame; its content-length is checked here, before any of the body has arrived.
            offset: of the first byte of the body in the stream.

        Raises:
            RemoteProtocolError: the content-length is not a number, too large, or of a frame that may have no body.
        """
        self.strict = True
        self.allowed = rules.may_have_body(command)
        self._rules = rules
        self._command = command
        self._length = -1
        stated = headers.find("\ncontent-length:")
        self.counted = stated is not None
        if stated is None:
            return
        digits = stated
        if rules.leniency.padded_content_length:
            digits = stated.strip(" ")
            self.strict = digits == stated
        # `isdigit` alone accepts the digits of other scripts, `int` also signs, spaces and underscores.
        if not (digits.isascii() and digits.isdigit()) or len(digits) > LONGEST_NUMBER:
            shown = stated if len(stated) <= 40 else stated[:37] + "..."
            raise violation(
                ErrorCode.BAD_CONTENT_LENGTH,
                f"the content-length {shown!r} of {command} is not a number",
                offset,
            )
        length = int(digits)
        limit = rules.limits.max_body
        if length > limit:
            raise violation(
                ErrorCode.BODY_TOO_LARGE,
                f"{command} announces a body of {length} bytes; the limit is {limit}",
                offset,
            )
        if length and not self.allowed:
            self._refuse(offset)
        self._length = length

    def clear(self) -> None:
        """Forget what was read of an unfinished body."""
        self._size = 0
        self._pieces = []
        self._small_pieces.clear()

    def read(self, data: bytes, pos: int, base: int) -> tuple[bytes, int] | None:
        """Read the body, or more of it.

        Args:
            data: a chunk of the stream.
            pos: where in it the body, or the rest of it, begins.
            base: the offset in the stream of ``data[0]``.

        Returns:
            The body, and where in ``data`` the NUL is that ends the frame; ``None`` if the body goes on in the next
            chunk. Then all of ``data`` was taken.

        Raises:
            RemoteProtocolError: the body is too large, not allowed, or not followed by NUL.
        """
        if self._length >= 0:
            stop = pos + self._length - self._size
            complete = stop < len(data)
            if complete and data[stop] != _NUL:
                # One of the two is wrong, so nothing after this can be trusted to be the beginning of a frame.
                raise violation(
                    ErrorCode.FRAME_NOT_TERMINATED,
                    f"no NUL after the {self._length} bytes that content-length of {self._command} announces",
                    base + stop,
                )
        else:
            stop = data.find(b"\0", pos)
            complete = stop >= 0
            size = self._size + (stop if complete else len(data)) - pos
            if size and not self.allowed:
                self._refuse(base + pos)
            limit = self._rules.max_unterminated
            if size > limit:
                raise violation(
                    ErrorCode.BODY_TOO_LARGE,
                    f"the body of {self._command} has no content-length and no NUL within {limit} bytes",
                    base + pos + limit - self._size,
                )
        if not complete:
            self._keep(data[pos:] if pos else data)
            return None
        body = data[pos:stop]
        if self._size:
            body = b"".join((*self._pieces, self._small_pieces, body))
            self.clear()
        return body, stop

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if len(piece) >= _SMALL_PIECE:
            if self._small_pieces:
                self._pieces.append(bytes(self._small_pieces))
                self._small_pieces.clear()
            self._pieces.append(piece)
        else:
            self._small_pieces += piece
            if len(self._small_pieces) >= _GATHERED:
                self._pieces.append(bytes(self._small_pieces))
                self._small_pieces.clear()

    def _refuse(self, offset: int) -> None:
        """Refuse a body on a frame that may have none, unless the leniency tolerates it."""
        if not self._rules.leniency.unexpected_body:
            raise violation(
                ErrorCode.BODY_NOT_ALLOWED,
                f"{self._command} has a body; in STOMP {self._rules.version} only SEND, MESSAGE and ERROR may",
                offset,
            )
