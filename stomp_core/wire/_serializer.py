"""Frames to bytes. Strict in every version: what the version cannot carry is refused, and nothing is written.

The rule for everything here: no peer, however sloppily it reads, may take a header name, a header value or a body that
a caller passes for anything else. Otherwise text that a program received from others could add headers or whole frames
(injection).

There are four ways to the same bytes, from fast to slow:

1. This :class:`Headers` object was written before, as the same command in the same version. Its head is still there
   (:attr:`Headers.cached_head`), and only the length and the body are new. Programs often send the same headers again.
2. The headers are plain (:attr:`Headers.plain`): none of their characters needs care in any version. Their text is
   written as it is, once it holds the headers that the command requires.
3. The version has escapes. The lines that need them are escaped, and the text is written like a plain one.
4. Everything else is checked and escaped header by header. Only this way finds out why a frame is refused. The others
   may write no frame that it refuses, and no other bytes.

A ``content-length`` that the headers state is written where they have it, and must be right. Otherwise it is written
last.

:func:`serialize_unchecked` is for what :func:`serialize` has refused, where the caller wants to break rules of the
conversation. It keeps the rule above, and no other.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ErrorCode, LocalProtocolError
from ._headers import Headers
from ._spec import (
    BODY_COMMANDS,
    COMMANDS,
    HANDSHAKE_COMMANDS,
    REQUIRED_HEADERS,
    Version,
    check_version,
    escape,
    is_trimmed,
)

__all__ = ["serialize", "serialize_unchecked"]

#: By version and command: what the text of headers contains if every required header is there. For the commands of 1.0
#: that a list of required headers does not describe it is NUL, which no plain text contains: the last way checks them.
_REQUIRED_LINES: dict[str, dict[str, tuple[str, ...]]] = {
    version: {
        command: tuple(f"\n{name}:" for name in table.get(command, ())) for command in COMMANDS.values()
    }
    for version, table in REQUIRED_HEADERS.items()
}
_REQUIRED_LINES[Version.V1_0] |= {"UNSUBSCRIBE": ("\0",), "NACK": ("\0",), "STOMP": ("\0",)}


def serialize(
    command: str,
    headers: Headers,
    body: bytes,
    version: str,
    *,
    content_length: bool = True,
    escape_connect: bool = False,
) -> bytes:
    """Serialize one frame.

    Args:
        command: the command.
        headers: the headers, unescaped.
        body: the body.
        version: whose escapes and required headers count.
        content_length: write ``content-length`` for a non-empty body.
        escape_connect: escape CONNECT and STOMP like other frames, although the specification forbids it.

    Returns:
        The whole frame, with the NUL that ends it.

    Raises:
        LocalProtocolError: as for :meth:`stomp_core.Frame.to_bytes`.
        ValueError: there is no such version.
    """
    cached = headers.cached_head
    if cached is not None and cached[0] == command and cached[1] == version:
        if not body:
            return b"%b\n\0" % cached[2]
        if command in BODY_COMMANDS:
            if content_length:
                return b"%bcontent-length:%d\n\n%b\0" % (cached[2], len(body), body)
            if b"\0" not in body:
                return b"%b\n%b\0" % (cached[2], body)
    required_lines = _REQUIRED_LINES.get(version)
    if required_lines is None:
        required_lines = _REQUIRED_LINES[check_version(version)]  # raises ValueError
    required = required_lines.get(command)
    if required is None:
        raise LocalProtocolError(f"{command!r} is not a STOMP command", code=ErrorCode.UNKNOWN_COMMAND)
    plain = headers.plain
    text = headers.text if plain else _escape_lines(headers, command, version)
    regular = (
        text is not None
        and (not body or (command in BODY_COMMANDS and (content_length or b"\0" not in body)))
        and (version != "1.0" or not is_trimmed(text))
        and _contains_all(text, required)
    )
    if regular and text is not None:
        states_length = "\ncontent-length:" in text
        if states_length:
            regular = (
                content_length
                and f"\ncontent-length:{len(body)}\n" in text
                and text.count("\ncontent-length:") == 1
            )
    else:
        states_length = any(name == "content-length" for name, _ in headers.pairs)
    if not regular:
        _check_required(command, headers.pairs, version)
        pairs = _check_content_length(command, headers.pairs, body, content_length)
        text = "\n".join(["", *_escape_headers(command, pairs, version, escape_connect), ""])
    try:
        head = f"{command}{text}".encode()
    except UnicodeEncodeError as error:
        raise _not_encodable(command, error) from None
    if states_length:
        return b"%b\n%b\0" % (head, body)
    # How CONNECT is written depends on more than command and version.
    if (plain and regular) or command not in HANDSHAKE_COMMANDS:
        headers.cached_head = command, version, head
    if body and content_length:
        return b"%bcontent-length:%d\n\n%b\0" % (head, len(body), body)
    return b"%b\n%b\0" % (head, body)


def serialize_unchecked(
    command: str,
    headers: Headers,
    body: bytes,
    version: str,
    *,
    content_length: bool = True,
    escape_connect: bool = False,
) -> bytes:
    """Serialize a frame that the version does not allow: any command, no required headers, any body.

    In 1.0, values may begin and end with spaces, which readers trim. Names may not: trimmed, one could become the name
    of another header, such as ``content-length``.

    Args:
        command: any text of one line.
        headers, body, content_length, escape_connect: as for :func:`serialize`.
        version: whose escapes count.

    Raises:
        LocalProtocolError: it could be read as another header or frame, or UTF-8 cannot encode it.
    """
    if not command or "\0" in command or "\n" in command or "\r" in command:
        raise LocalProtocolError(
            f"a command must be one line of text without NUL, got {command!r}", code=ErrorCode.CANNOT_ENCODE
        )
    pairs = _check_content_length(command, headers.pairs, body, content_length, checked=False)
    lines = _escape_headers(command, pairs, version, escape_connect, checked=False)
    if body and content_length and not any(name == "content-length" for name, _ in pairs):
        lines.append(f"content-length:{len(body)}")
    try:
        head = "\n".join([command, *lines, "\n"]).encode()
    except UnicodeEncodeError as error:
        raise _not_encodable(command, error) from None
    return b"%b%b\0" % (head, body)


def _not_encodable(command: str, error: UnicodeEncodeError) -> LocalProtocolError:
    return LocalProtocolError(
        f"{command} cannot be written: a header holds {error.object[error.start : error.end]!r}, "
        "which UTF-8 cannot encode",
        code=ErrorCode.CANNOT_ENCODE,
    )


def _escape_lines(headers: Headers, command: str, version: str) -> str | None:
    """Return the lines of headers that are not plain, escaped, as one text.

    Returns:
        ``None`` if something must be refused, or the rules are others than the escapes of 1.1 and 1.2.
    """
    if version == "1.0" or command in HANDSHAKE_COMMANDS:
        return None
    escapes = Version.V1_1 if version == "1.1" else Version.V1_2
    lines = [""]
    for name, value in headers.pairs:
        line = f"{name}:{value}"
        if "\\" in line or "\n" in line or "\r" in line or line.count(":") != 1:
            line = f"{escape(name, escapes)}:{escape(value, escapes)}"
        lines.append(line)
    lines.append("")
    text = "\n".join(lines)
    # No name is empty, and no character is left that the version cannot escape.
    return None if "\n:" in text or "\0" in text or "\r" in text else text


def _contains_all(text: str, parts: tuple[str, ...]) -> bool:
    for part in parts:  # noqa: SIM110 - `all` with a generator takes several times as long, for every frame
        if part not in text:
            return False
    return True


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
        if command == "STOMP":
            raise LocalProtocolError(
                "the command STOMP does not exist in STOMP 1.0: send CONNECT", code=ErrorCode.NOT_IN_VERSION
            )
        if command == "UNSUBSCRIBE" and names.isdisjoint(("id", "destination")):
            raise LocalProtocolError(
                "UNSUBSCRIBE needs an 'id' or a 'destination' header in STOMP 1.0",
                code=ErrorCode.MISSING_HEADER,
            )


def _check_content_length(
    command: str,
    pairs: Sequence[tuple[str, str]],
    body: bytes,
    content_length: bool,
    *,
    checked: bool = True,
) -> Sequence[tuple[str, str]]:
    """Check the body and its stated length.

    Returns:
        The pairs, with only the first content-length if they state it more than once.
    """
    stated = [at for at, (name, _) in enumerate(pairs) if name == "content-length"]
    for at in stated:
        if pairs[at][1] != str(len(body)):
            raise LocalProtocolError(
                f"the content-length header is {pairs[at][1]!r}, but the body of {command} has {len(body)} bytes",
                code=ErrorCode.HEADER_CLASH,
            )
    if body and checked and command not in BODY_COMMANDS:
        raise LocalProtocolError(f"{command} may not have a body", code=ErrorCode.BODY_NOT_ALLOWED)
    if not content_length:
        if stated:
            raise LocalProtocolError(
                "content_length=False, but the headers have a content-length", code=ErrorCode.HEADER_CLASH
            )
        if b"\0" in body:
            raise LocalProtocolError(
                f"the body of {command} contains NUL, so it needs a content-length",
                code=ErrorCode.CANNOT_ENCODE,
            )
    return [pair for at, pair in enumerate(pairs) if at not in stated[1:]]


def _escape_headers(
    command: str,
    pairs: Sequence[tuple[str, str]],
    version: str,
    escape_connect: bool,
    *,
    checked: bool = True,
) -> list[str]:
    """Return the header lines, escaped as the version allows; refuse what cannot be escaped."""
    escapes: Version | None = Version(version)
    handshake = command in HANDSHAKE_COMMANDS
    trimmed = version == Version.V1_0 and not handshake
    if handshake:
        # RabbitMQ and ActiveMQ unescape CONNECT in every version, as 1.2 does other frames. Neither escapes CONNECTED.
        escapes = Version.V1_2 if escape_connect and command != "CONNECTED" else None
    elif escapes is Version.V1_0:
        escapes = None
    lines = []
    for name, value in pairs:
        if not name and checked:
            raise LocalProtocolError(
                f"{command} has a header without a name", code=ErrorCode.EMPTY_HEADER_NAME
            )
        if trimmed and (name.strip(" ") != name or (checked and value.strip(" ") != value)):
            raise _refusal(command, name, "begins or ends with a space, which a reader of STOMP 1.0 trims")
        if escapes is not None:
            name = escape(name, escapes)
            value = escape(value, escapes)
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
