"""The kinds of errors, and the codes that programs match: they never change."""

from __future__ import annotations

import pytest

import stomp_core
from stomp_core import (
    ConnectionGoneError,
    ErrorCode,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
    StompError,
)

#: Codes may be added here. Existing ones keep their name and value.
STABLE = {
    "UNEXPECTED_BYTE": "unexpected-byte",
    "NUL_BETWEEN_FRAMES": "nul-between-frames",
    "UNKNOWN_COMMAND": "unknown-command",
    "HEADER_WITHOUT_COLON": "header-without-colon",
    "EMPTY_HEADER_NAME": "empty-header-name",
    "UNDEFINED_ESCAPE": "undefined-escape",
    "BARE_CR": "bare-cr",
    "NUL_IN_HEAD": "nul-in-head",
    "NOT_UTF8": "not-utf-8",
    "BAD_CONTENT_LENGTH": "bad-content-length",
    "FRAME_NOT_TERMINATED": "frame-not-terminated",
    "BODY_NOT_ALLOWED": "body-not-allowed",
    "COMMAND_TOO_LONG": "command-too-long",
    "HEADER_LINE_TOO_LONG": "header-line-too-long",
    "TOO_MANY_HEADERS": "too-many-headers",
    "HEAD_TOO_LARGE": "head-too-large",
    "BODY_TOO_LARGE": "body-too-large",
    "CANNOT_ENCODE": "cannot-encode",
    "NOT_TEXT": "not-text",
    "HEADER_CLASH": "header-clash",
    "UNEXPECTED_FRAME": "unexpected-frame",
    "MISSING_HEADER": "missing-header",
    "BAD_HEADER_VALUE": "bad-header-value",
    "BAD_HEART_BEAT": "bad-heart-beat",
    "HEADER_NOT_ALLOWED": "header-not-allowed",
    "VERSION_NOT_SHARED": "version-not-shared",
    "VERSION_NOT_OFFERED": "version-not-offered",
    "NOT_IN_VERSION": "not-in-version",
    "BAD_ACK_MODE": "bad-ack-mode",
    "DUPLICATE_SUBSCRIPTION": "duplicate-subscription",
    "UNKNOWN_SUBSCRIPTION": "unknown-subscription",
    "DUPLICATE_TRANSACTION": "duplicate-transaction",
    "UNKNOWN_TRANSACTION": "unknown-transaction",
    "NOT_ACKNOWLEDGEABLE": "not-acknowledgeable",
    "ALREADY_ACKNOWLEDGED": "already-acknowledged",
    "STALE_MESSAGE": "stale-message",
    "CONNECTION_GONE": "connection-gone",
}


def test_every_code_that_ever_existed_still_exists() -> None:
    now = {code.name: code.value for code in ErrorCode}
    assert {name: now.get(name) for name in STABLE} == STABLE


def test_codes_are_distinct() -> None:
    assert len(ErrorCode.__members__) == len({code.value for code in ErrorCode})


def test_a_code_is_a_str() -> None:
    for code in ErrorCode:
        assert code == str(code) == code.value


@pytest.mark.parametrize("error", [LocalProtocolError, RemoteProtocolError])
def test_breaking_stomp_is_a_protocol_error_on_both_sides(error: type[ProtocolError]) -> None:
    assert issubclass(error, ProtocolError)
    assert issubclass(error, StompError)


def test_a_connection_that_is_gone_is_no_protocol_error() -> None:
    assert issubclass(ConnectionGoneError, StompError)
    assert not issubclass(ConnectionGoneError, ProtocolError)
    assert ConnectionGoneError("gone").code == "connection-gone"


def test_local_and_remote_errors_are_distinct() -> None:
    assert not issubclass(LocalProtocolError, RemoteProtocolError)
    assert not issubclass(RemoteProtocolError, LocalProtocolError)


def test_an_error_has_a_message_and_a_code_of_type_str() -> None:
    error = LocalProtocolError("a message", code=ErrorCode.HEADER_CLASH)
    assert str(error) == "a message"
    assert error.code == "header-clash"
    assert type(error.code) is str
    assert StompError("a message").code == "stomp-error"


def test_a_remote_error_has_an_offset_and_by_default_no_frame_hint() -> None:
    error = RemoteProtocolError("a message", code=ErrorCode.BARE_CR, offset=7)
    assert (error.code, error.offset, error.frame_hint) == ("bare-cr", 7, None)
    assert RemoteProtocolError("a message", code="bare-cr").offset is None


def test_the_errors_are_public() -> None:
    for error in (
        StompError,
        ProtocolError,
        LocalProtocolError,
        RemoteProtocolError,
        ConnectionGoneError,
        ErrorCode,
    ):
        assert error.__name__ in stomp_core.__all__


#: Titles of STOMP 1.2.
SECTIONS = {
    "STOMP Frames", "Value Encoding", "Body", "Header content-length", "Header receipt", "Size Limits", "Connecting",
    "Protocol Negotiation", "Heart-beating", "SUBSCRIBE id Header", "SUBSCRIBE ack Header", "ACK", "BEGIN", "ERROR",
    "Frames and Headers", "Augmented BNF", "Changes in the Protocol",
}  # fmt: skip


def test_every_rule_of_the_protocol_names_its_section() -> None:
    without = {code for code in ErrorCode if code.section is None}
    assert without == {
        ErrorCode.NOT_TEXT,
        ErrorCode.HEADER_CLASH,
        ErrorCode.STALE_MESSAGE,
        ErrorCode.CONNECTION_GONE,
    }
    assert {code.section for code in set(ErrorCode) - without} == SECTIONS
    assert ErrorCode.UNDEFINED_ESCAPE.section == "Value Encoding"
