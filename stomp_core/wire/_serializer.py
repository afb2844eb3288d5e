"""Frames to bytes. Strict in every version: what the version cannot carry is refused, and nothing is written.

The rule that everything here serves: no header name, header value or body that a caller passes may ever be read
by the peer, however sloppy, as anything but that name, that value or that body.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ErrorCode, LocalProtocolError
from ._headers import Headers
from ._spec import BODY_COMMANDS, COMMANDS, HANDSHAKE_COMMANDS, REQUIRED_HEADERS, Version, encode_table

__all__ = ["serialize"]

#: By version and command: what a head with every required header contains. A NUL, which no head contains, sends
#: those to the slower check that need more than that.
_SIGNS: dict[str, dict[str, tuple[str, ...]]] = {
    version: {
        command: tuple(f"\n{name}:" for name in table.get(command, ())) for command in COMMANDS.values()
    }
    for version, table in REQUIRED_HEADERS.items()
}
_SIGNS[Version.V1_0] |= {"UNSUBSCRIBE": ("\0",), "NACK": ("\0",)}


def serialize(
    command: str,
    headers: Headers,
    body: bytes,
    version: str,
    *,
    content_length: bool = True,
    content_length_at: int | None = None,
    escape_connect: bool = False,
) -> bytes:
    """The bytes of one frame; see :meth:`stomp_core.Frame.to_bytes` for the arguments and errors.

    Args:
        content_length_at: behind how many headers ``content-length`` is written, where they do not state it; by default
            behind all.

    Raises:
        ValueError: behind fewer than none.
    """
    # Programs say the same headers again and again.
    head = headers._head
    if head is not None and head[0] == command and head[1] == version and head[2] == content_length_at:
        if not body:
            return b"%b%b\n\0" % (head[3], head[4])
        if command in BODY_COMMANDS:
            if content_length:
                return b"%bcontent-length:%d\n%b\n%b\0" % (head[3], len(body), head[4], body)
            if b"\0" not in body:
                return b"%b%b\n%b\0" % (head[3], head[4], body)
    of_version = _SIGNS.get(version)
    if of_version is None:
        raise ValueError(f"{version!r} is not a version of STOMP that exists; use '1.0', '1.1' or '1.2'")
    signs = of_version.get(command)
    if signs is None:
        raise LocalProtocolError(f"{command!r} is not a STOMP command", code=ErrorCode.UNKNOWN_COMMAND)
    text = headers._text
    length = b"content-length:%d\n" % len(body) if body and content_length else b""
    # What most frames hold needs neither escaping nor refusing, as their headers know.
    plain = (
        headers._plain
        and text is not None
        and (not body or (command in BODY_COMMANDS and (content_length or b"\0" not in body)))
        and (version != "1.0" or " " not in text)
        and all(map(text.__contains__, signs))
    )
    again = plain
    if plain and text is not None and "\ncontent-length:" in text:
        # It may be stated, if it is right, and stands where it is written anyway: last.
        plain = (
            bool(length) and text.endswith(f"\n{length.decode()}") and text.count("\ncontent-length:") == 1
        )
        again = False
        length = b""
    if not plain:
        pairs: Sequence[tuple[str, str]] = headers._all()
        _check_required(command, pairs, version)
        written = _with_content_length(command, pairs, body, content_length)
        again = command not in HANDSHAKE_COMMANDS and all(name != "content-length" for name, _ in pairs)
        if again:
            written = pairs  # the length, if there is one, is said apart
        else:
            length = b""
        text = "\n".join(["", *_careful(command, written, version, escape_connect), ""])
    try:
        encoded = f"{command}{text}".encode()
    except UnicodeEncodeError as error:
        raise LocalProtocolError(
            f"{command} cannot be written: a header holds {error.object[error.start : error.end]!r}, "
            "which UTF-8 cannot encode",
            code=ErrorCode.CANNOT_ENCODE,
        ) from None
    before, behind = encoded, b""
    if again:
        if content_length_at is not None:
            if content_length_at < 0:
                raise ValueError(f"content-length cannot stand behind {content_length_at} headers")
            # The command's line, and those of so many headers; what is behind them ends with a line feed.
            lines = encoded.split(b"\n", content_length_at + 1)
            before, behind = b"\n".join([*lines[:-1], b""]), lines[-1]
        headers._head = command, version, content_length_at, before, behind
    return b"%b%b%b\n%b\0" % (before, length, behind, body)


def _check_required(command: str, pairs: Sequence[tuple[str, str]], version: str) -> None:
    names = {name for name, _ in pairs}
    for name in REQUIRED_HEADERS[version].get(command, ()):
        if name not in names:
            raise LocalProtocolError(
                f"{command} needs a {name!r} header in STOMP {version}", code=ErrorCode.MISSING_HEADER
            )
    if version == Version.V1_0:
        if command == "NACK":
            raise LocalProtocolError("NACK does not exist in STOMP 1.0", code=ErrorCode.NOT_IN_VERSION)
        if command == "UNSUBSCRIBE" and names.isdisjoint(("id", "destination")):
            raise LocalProtocolError(
                "UNSUBSCRIBE needs an 'id' or a 'destination' header in STOMP 1.0",
                code=ErrorCode.MISSING_HEADER,
            )


def _with_content_length(
    command: str,
    pairs: Sequence[tuple[str, str]],
    body: bytes,
    content_length: bool,
) -> Sequence[tuple[str, str]]:
    stated = [value for name, value in pairs if name == "content-length"]
    if not body and not stated:
        return pairs
    length = str(len(body))
    if any(value != length for value in stated):
        raise LocalProtocolError(
            f"the content-length header says {stated[0]!r}, but the body of {command} has {length} bytes",
            code=ErrorCode.HEADER_CLASH,
        )
    if body and command not in BODY_COMMANDS:
        raise LocalProtocolError(f"{command} may not have a body", code=ErrorCode.BODY_NOT_ALLOWED)
    if not content_length:
        if stated:
            raise LocalProtocolError(
                "content_length=False, yet the headers hold a content-length", code=ErrorCode.HEADER_CLASH
            )
        if b"\0" in body:
            raise LocalProtocolError(
                f"the body of {command} contains NUL, so it cannot go without content-length",
                code=ErrorCode.CANNOT_ENCODE,
            )
        return pairs
    if not body:
        first = [name for name, _ in pairs].index("content-length")
        return [pair for at, pair in enumerate(pairs) if at == first or pair[0] != "content-length"]
    return [*(pair for pair in pairs if pair[0] != "content-length"), ("content-length", length)]


def _careful(command: str, pairs: Sequence[tuple[str, str]], version: str, escape_connect: bool) -> list[str]:
    """The header lines, with what the version can escape escaped, and what it cannot refused."""
    handshake = command in HANDSHAKE_COMMANDS
    table = encode_table(Version(version))
    if handshake:
        table = encode_table(Version.V1_2) if escape_connect and command != "CONNECTED" else None
    trimmed = version == Version.V1_0 and not handshake
    lines = []
    for name, value in pairs:
        if not name:
            raise LocalProtocolError(
                f"{command} has a header without a name", code=ErrorCode.EMPTY_HEADER_NAME
            )
        if trimmed and (name.strip(" ") != name or value.strip(" ") != value):
            raise _refusal(command, name, "begins or ends with a space, which a reader of STOMP 1.0 trims")
        if table is not None:
            name = name.translate(table)
            value = value.translate(table)
        elif ":" in name:
            raise _refusal(command, name, "has ':' in its name", version)
        line = f"{name}:{value}"
        if "\0" in line:
            raise _refusal(command, name, "contains NUL")
        if "\n" in line:
            raise _refusal(command, name, "contains a line feed", version)
        if "\r" in line:
            raise _refusal(command, name, "contains a carriage return", version)
        lines.append(line)
    return lines


def _refusal(command: str, name: str, what: str, version: str | None = None) -> LocalProtocolError:
    why = ""
    if version is not None:
        unescaped = command in HANDSHAKE_COMMANDS
        why = f", and {command} is never escaped" if unescaped else f", which STOMP {version} cannot escape"
    # The name only: the value may be a passcode.
    return LocalProtocolError(f"header {name!r} of {command} {what}{why}", code=ErrorCode.CANNOT_ENCODE)
