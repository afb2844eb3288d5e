"""ReadingRules: what a version of STOMP and a leniency together mean for the bytes of a frame."""

from __future__ import annotations

from ..errors import ErrorCode, RemoteProtocolError
from ._options import Leniency, Limits
from ._spec import BODY_COMMANDS, HANDSHAKE_COMMANDS, Version, check_version, decode_table

__all__ = ["ReadingRules", "violation"]


class ReadingRules:
    """How frames are read: worked out once per version, not once per frame.

    The specification and the leniency are kept apart ("defined" escapes against "decoded" ones), because a frame that
    was read with the help of a leniency must not be passed on as it came: its receiver may be strict.

    Args:
        version: ``None`` before a version is known.
        limits: as given to the parser.
        leniency: as given to the parser.

    Raises:
        ValueError: there is no such version.

    Attributes:
        version: the version.
        version_text: the version as frames have it; ``""`` for ``None``.
        limits: the limits.
        max_unterminated: the limit for a body without content-length.
        leniency: the leniency.
        crlf_defined: the specification allows CRLF as the end of a line. It does in 1.2, and before a version is known,
            since a client of 1.2 may use it in CONNECT.
        crlf: CRLF is accepted as the end of a line.
        defined_escapes: the escapes of the specification; ``None`` where it has none.
        decoded_escapes: the escapes that are decoded; ``None`` where none are.
        trims: spaces around names and values are removed (STOMP 1.0).
        any_body: every frame may have a body. 1.0 does not forbid it, and before a version is known the connection
            checks it.
    """

    __slots__ = (
        "any_body",
        "crlf",
        "crlf_defined",
        "decoded_escapes",
        "defined_escapes",
        "leniency",
        "limits",
        "max_unterminated",
        "trims",
        "version",
        "version_text",
    )

    def __init__(self, version: str | None, limits: Limits, leniency: Leniency) -> None:
        self.version = None if version is None else check_version(version)
        self.version_text = "" if version is None else str(version)
        self.limits = limits
        self.max_unterminated = limits.body_without_length
        self.leniency = leniency
        self.crlf_defined = self.version in (None, Version.V1_2)
        self.crlf = self.crlf_defined or leniency.crlf
        self.defined_escapes = decode_table(self.version)
        self.decoded_escapes = decode_table(self.version, cr_in_1_1=leniency.cr_escape_in_1_1)
        if self.decoded_escapes is None and leniency.escapes_in_1_0:
            self.decoded_escapes = decode_table(Version.V1_1, cr_in_1_1=leniency.cr_escape_in_1_1)
        self.trims = self.version is Version.V1_0
        self.any_body = self.version in (None, Version.V1_0)

    def accepts_crlf(self, command: str) -> bool:
        """Return whether a CR before the LF belongs to the end of the line, in a frame of this command.

        In CONNECT, STOMP and CONNECTED it always does: their sender may not know the version yet.
        """
        return self.crlf or command in HANDSHAKE_COMMANDS

    def tolerates_crlf(self, command: str) -> bool:
        """Return whether CRLF is accepted in a frame of this command although the specification forbids it."""
        return not self.crlf_defined and command not in HANDSHAKE_COMMANDS

    def may_have_body(self, command: str) -> bool:
        """Return whether a frame of this command may have a body (STOMP 1.2, "Body")."""
        return self.any_body or command in BODY_COMMANDS


def violation(code: ErrorCode, what: str, offset: int) -> RemoteProtocolError:
    """Make the error for a byte of the stream that breaks a rule.

    Args:
        code: the rule.
        what: what was received.
        offset: how many bytes of the stream came before that byte.
    """
    return RemoteProtocolError(f"{what} (at byte {offset} of the stream)", code=code, offset=offset)
