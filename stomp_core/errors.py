"""The errors of every layer, and the stable codes that programs may match.

There are three kinds, because there are three questions that a caller asks:

* :class:`LocalProtocolError`: *you* tried to say something that STOMP does not allow here. Nothing was
  written and nothing has changed; mend the call and go on.
* :class:`RemoteProtocolError`: *they* said something that STOMP does not allow. Nothing that follows on
  this connection can be trusted. A server answers with ``error.frame_hint`` and closes.
* :class:`ConnectionGoneError`: the connection is over. Nobody broke the protocol.

The sentence of an error is for people and may change; its :attr:`~StompError.code` is for programs and does not.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .wire._frame import Frame

__all__ = [
    "ConnectionGoneError",
    "ErrorCode",
    "LocalProtocolError",
    "ProtocolError",
    "RemoteProtocolError",
    "StompError",
]


class ErrorCode(StrEnum):
    """Stable names of everything that can be wrong. Compare them as plain strings if you like."""

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
    # -- the connection is over
    CONNECTION_GONE = "connection-gone"


class StompError(Exception):
    """The root of everything that this library raises on purpose.

    Attributes:
        code: a stable, matchable name. The core's codes are those of :class:`ErrorCode`.
    """

    code: str = "stomp-error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = str(code)


class ProtocolError(StompError):
    """Somebody broke STOMP; see :class:`LocalProtocolError` and :class:`RemoteProtocolError` for who."""


class LocalProtocolError(ProtocolError):
    """You asked for something that STOMP does not allow here. Nothing was written, nothing has changed."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something that STOMP does not allow. The connection is in its error state.

    Attributes:
        offset: where in the stream of received bytes it went wrong (0 is the first byte), if a byte did.
        frame_hint: the ERROR frame that a server should answer with before it closes; ``None`` in a client.
    """

    def __init__(self, message: str, *, code: str, offset: int | None = None) -> None:
        super().__init__(message, code=code)
        self.offset = offset
        self.frame_hint: Frame | None = None


class ConnectionGoneError(StompError):
    """The connection has ended, so it can neither write nor read. Open a new one."""

    code = ErrorCode.CONNECTION_GONE.value
