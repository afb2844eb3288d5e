"""The errors of every layer, and the stable codes that programs may match.

There are three kinds, because a caller has three questions:

* :class:`LocalProtocolError`: *this side* tried to send something that STOMP does not allow here. Nothing was written
  and nothing has changed: correct the call and go on.
* :class:`RemoteProtocolError`: *the peer* sent something that STOMP does not allow. Nothing that follows on this
  connection can be trusted. A server answers with ``error.frame_hint`` and closes.
* :class:`ConnectionGoneError`: the connection is over, without a violation of the protocol.

An argument of a wrong type is a :class:`TypeError`, and a value out of its range a :class:`ValueError`, unless it
becomes a part of a frame: what a frame cannot carry is a LocalProtocolError, and if it is of a wrong type, one that is
a ``TypeError`` too. A call that is refused has changed nothing.

How exceptions are named, here and in the layers above: what breaks a rule, in a call or on the wire, ends in ``Error``
(``StaleMessageError``). What became of a connection or an operation, through no mistake in a call, is named by that
outcome, without a suffix (``ConnectionLost``, ``Rejected``, ``OutcomeUnknown``). ConnectionGoneError is of the first
kind: to use a connection that has ended is a mistake in the call.

The message of an error is for people and may change; its :attr:`~StompError.code` is for programs and does not.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Any, Protocol

from ._text import printable

__all__ = [
    "AnswerFrame",
    "ConnectionGoneError",
    "ErrorCode",
    "LocalProtocolError",
    "ProtocolError",
    "RemoteProtocolError",
    "StompError",
]


class ErrorCode(StrEnum):
    """Stable names of everything that can be wrong. They are ``str``, and may be compared with plain strings.

    >>> ErrorCode.MISSING_HEADER == "missing-header", ErrorCode.MISSING_HEADER.section
    (True, 'Frames and Headers')
    """

    # -- how bytes become frames
    UNEXPECTED_BYTE = "unexpected-byte"
    NUL_BETWEEN_FRAMES = "nul-between-frames"
    UNKNOWN_COMMAND = "unknown-command"
    HEADER_WITHOUT_COLON = "header-without-colon"
    EMPTY_HEADER_NAME = "empty-header-name"
    UNDEFINED_ESCAPE = "undefined-escape"
    BARE_CR = "bare-cr"
    NUL_IN_HEAD = "nul-in-head"
    NOT_UTF8 = "not-utf-8"
    BAD_CONTENT_LENGTH = "bad-content-length"
    FRAME_NOT_TERMINATED = "frame-not-terminated"
    BODY_NOT_ALLOWED = "body-not-allowed"
    COMMAND_TOO_LONG = "command-too-long"
    HEADER_LINE_TOO_LONG = "header-line-too-long"
    TOO_MANY_HEADERS = "too-many-headers"
    HEAD_TOO_LARGE = "head-too-large"
    BODY_TOO_LARGE = "body-too-large"
    # -- how frames become bytes
    CANNOT_ENCODE = "cannot-encode"
    NOT_TEXT = "not-text"
    HEADER_CLASH = "header-clash"
    # -- the conversation
    UNEXPECTED_FRAME = "unexpected-frame"
    MISSING_HEADER = "missing-header"
    BAD_HEADER_VALUE = "bad-header-value"
    BAD_HEART_BEAT = "bad-heart-beat"
    HEADER_NOT_ALLOWED = "header-not-allowed"
    VERSION_NOT_SHARED = "version-not-shared"
    VERSION_NOT_OFFERED = "version-not-offered"
    NOT_IN_VERSION = "not-in-version"
    BAD_ACK_MODE = "bad-ack-mode"
    DUPLICATE_SUBSCRIPTION = "duplicate-subscription"
    UNKNOWN_SUBSCRIPTION = "unknown-subscription"
    DUPLICATE_TRANSACTION = "duplicate-transaction"
    UNKNOWN_TRANSACTION = "unknown-transaction"
    NOT_ACKNOWLEDGEABLE = "not-acknowledgeable"
    ALREADY_ACKNOWLEDGED = "already-acknowledged"
    STALE_MESSAGE = "stale-message"
    REFUSED = "refused"
    # -- the connection is over
    CONNECTION_GONE = "connection-gone"

    @property
    def section(self) -> str | None:
        """The section of the STOMP 1.2 specification whose rule was broken, by its title.

        ``None`` for a mistake that is none of the protocol: in a call, or in the use of a connection that has ended.
        """
        return _sections().get(self)


@cache
def _sections() -> dict[ErrorCode, str]:
    code = ErrorCode
    by_section = {
        "STOMP Frames": (code.UNEXPECTED_BYTE, code.NUL_BETWEEN_FRAMES, code.UNKNOWN_COMMAND, code.NUL_IN_HEAD),
        "Augmented BNF": (code.HEADER_WITHOUT_COLON, code.EMPTY_HEADER_NAME, code.BARE_CR),
        "Value Encoding": (code.UNDEFINED_ESCAPE, code.NOT_UTF8, code.CANNOT_ENCODE),
        "Header content-length": (code.BAD_CONTENT_LENGTH, code.FRAME_NOT_TERMINATED),
        "Body": (code.BODY_NOT_ALLOWED,),
        "Size Limits": (
            code.COMMAND_TOO_LONG, code.HEADER_LINE_TOO_LONG, code.TOO_MANY_HEADERS, code.HEAD_TOO_LARGE,
            code.BODY_TOO_LARGE,
        ),
        "Connecting": (code.UNEXPECTED_FRAME,),
        "Frames and Headers": (code.MISSING_HEADER, code.BAD_HEADER_VALUE),
        "Header receipt": (code.HEADER_NOT_ALLOWED,),
        "Heart-beating": (code.BAD_HEART_BEAT,),
        "Protocol Negotiation": (code.VERSION_NOT_SHARED, code.VERSION_NOT_OFFERED),
        "Changes in the Protocol": (code.NOT_IN_VERSION,),
        "SUBSCRIBE id Header": (code.DUPLICATE_SUBSCRIPTION, code.UNKNOWN_SUBSCRIPTION),
        "SUBSCRIBE ack Header": (code.BAD_ACK_MODE,),
        "BEGIN": (code.DUPLICATE_TRANSACTION, code.UNKNOWN_TRANSACTION),
        "ACK": (code.NOT_ACKNOWLEDGEABLE, code.ALREADY_ACKNOWLEDGED),
        "ERROR": (code.REFUSED,),
    }  # fmt: skip
    return {code: section for section, codes in by_section.items() for code in codes}


class StompError(Exception):
    """The base class of all exceptions of this library.

    It can be pickled and copied, and contains no passcode: task queues store exceptions.

    Args:
        message: a sentence for people. It becomes one printable line: control characters in it are escaped.
        code: by default that of the class.

    Attributes:
        code: a stable name for programs. The codes of the wire and protocol layers are those of :class:`ErrorCode`.
    """

    code: str = "stomp-error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(printable(message))
        if code is not None:
            self.code = str(code)

    def __reduce__(self) -> tuple[object, ...]:
        # What exceptions do by default calls the constructor with the message alone.
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[StompError], args: tuple[object, ...], attributes: dict[str, Any]) -> StompError:
    """Make an exception that was pickled or copied."""
    error = kind.__new__(kind, *args)
    Exception.__init__(error, *args)
    error.__dict__.update(attributes)
    return error


class ProtocolError(StompError):
    """One side sent something that STOMP does not allow, or was about to send it."""


class LocalProtocolError(ProtocolError):
    """This side tried to send something that STOMP does not allow here. Nothing was written, nothing has changed."""


class AnswerFrame(Protocol):
    """The shape of :attr:`RemoteProtocolError.frame_hint`, which is a :class:`stomp_core.Frame`.

    It stands for that class here, because the module of frames needs this one: frames raise these errors.
    """

    @property
    def command(self) -> str:
        """The command, which is ``"ERROR"``."""
        ...

    @property
    def headers(self) -> _AnswerHeaders:
        """The headers, unescaped."""
        ...

    @property
    def body(self) -> bytes:
        """The description of the error, as UTF-8."""
        ...

    def to_bytes(self, version: str, *, content_length: bool = True) -> bytes:
        """Return the bytes of the frame; see :meth:`stomp_core.Frame.to_bytes`.

        Args:
            version: ``"1.0"``, ``"1.1"`` or ``"1.2"``.
            content_length: whether to write ``content-length``.
        """
        ...


class _AnswerHeaders(Protocol):
    """What can be done with the headers of an AnswerFrame."""

    def __getitem__(self, name: str, /) -> str: ...
    def __contains__(self, name: object, /) -> bool: ...
    def get(self, name: str, /) -> str | None: ...
    def items(self) -> list[tuple[str, str]]: ...


class RemoteProtocolError(ProtocolError):
    """The peer sent something that STOMP does not allow. The connection has failed.

    Args:
        message: a sentence for people.
        code: which rule was broken.
        offset: the byte at which it was broken, if it was one.

    Attributes:
        offset: the byte at which a rule was broken, counted from the first byte received (0); ``None`` if what is wrong
            is not a byte.
        frame_hint: the ERROR frame that a server should answer with before it closes; ``None`` in a client.
    """

    def __init__(self, message: str, *, code: str, offset: int | None = None) -> None:
        super().__init__(message, code=code)
        self.offset = offset
        self.frame_hint: AnswerFrame | None = None


class ConnectionGoneError(StompError):
    """The connection has ended: nothing can be sent or received on it. Open a new one."""

    code = ErrorCode.CONNECTION_GONE.value
