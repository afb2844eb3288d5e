"""A second reader, to compare the parser with: slow, simple, reading a whole stream, written from the specifications.

Nothing of the library may be imported here.
"""

from __future__ import annotations

__all__ = ["MAX_BODY", "MAX_COMMAND", "Item", "Refused", "read"]

#: A frame as command, headers, body; or the number of end-of-lines between two frames.
Item = tuple[str, list[tuple[str, str]], bytes] | int

HANDSHAKE = ("CONNECT", "STOMP", "CONNECTED")
WITH_BODY = ("SEND", "MESSAGE", "ERROR")
KNOWN = (
    *HANDSHAKE, *WITH_BODY, "SUBSCRIBE", "UNSUBSCRIBE", "ACK", "NACK", "BEGIN", "COMMIT", "ABORT", "DISCONNECT",
    "RECEIPT",
)  # fmt: skip
MAX_COMMAND = 64
MAX_BODY = 128 * 1024 * 1024


class Refused(Exception):
    """The stream is not STOMP from here on."""


class _Incomplete(Exception):
    """The stream may go on well."""


def read(stream: bytes, version: str | None) -> tuple[list[Item], bool]:
    """What a strict reader makes of a stream: the items, and whether it refuses what comes next.

    Args:
        stream: all bytes from the first one.
        version: ``"1.0"``, ``"1.1"``, ``"1.2"``; ``None`` for the handshake, where it is not known.
    """
    items: list[Item] = []
    pos = 0
    try:
        while pos < len(stream):
            eols, pos = _end_of_lines(stream, pos, version)
            if items and not isinstance(items[-1], int) and eols:
                eols -= 1  # the line feed that ends the frame's own line
            if eols:
                items.append(eols)
            if pos == len(stream):
                break
            if stream[pos] == 13:
                if version in ("1.0", "1.1") or pos + 1 < len(stream):
                    raise Refused("CR")
                break
            frame, pos = _frame(stream, pos, version)
            items.append(frame)
    except Refused:
        return items, True
    except _Incomplete:
        pass
    return items, False


def _end_of_lines(stream: bytes, pos: int, version: str | None) -> tuple[int, int]:
    count = 0
    while True:
        if stream[pos : pos + 1] == b"\n":
            pos += 1
        elif version in (None, "1.2") and stream[pos : pos + 2] == b"\r\n":
            pos += 2
        else:
            return count, pos
        count += 1


def _line(stream: bytes, pos: int) -> tuple[bytes, int]:
    stop = stream.find(b"\n", pos)
    line = stream[pos:] if stop < 0 else stream[pos:stop]
    if b"\0" in line:
        raise Refused("NUL in a head")
    if stop < 0:
        raise _Incomplete
    return line, stop + 1


def _frame(stream: bytes, pos: int, version: str | None) -> tuple[Item, int]:
    if not 65 <= stream[pos] <= 90:
        raise Refused("no frame starts like this")
    if stream.find(b"\n", pos, pos + MAX_COMMAND + 1) < 0 and len(stream) - pos > MAX_COMMAND:
        raise Refused("a long command")
    line, pos = _line(stream, pos)
    bare = line[:-1] if line.endswith(b"\r") else line
    command = bare.decode("latin-1")
    handshake = command in HANDSHAKE
    crlf = version in (None, "1.2") or handshake
    if command not in KNOWN or (bare != line and not crlf) or (command == "NACK" and version == "1.0"):
        raise Refused("the command")
    headers = []
    while True:
        line, pos = _line(stream, pos)
        if crlf and line.endswith(b"\r"):
            line = line[:-1]
        if not line:
            break
        headers.append(_header(line, command, version))
    length = next((value for name, value in headers if name == "content-length"), None)
    may_have_body = version in (None, "1.0") or command in WITH_BODY
    if length is None:
        stop = stream.find(b"\0", pos)
        if not may_have_body and stop != pos and pos < len(stream):
            raise Refused("a body")
        if stop < 0:
            raise _Incomplete
    else:
        if not 0 < len(length) < 20 or any(char not in "0123456789" for char in length):
            raise Refused("content-length")
        stop = pos + int(length)
        if int(length) > MAX_BODY or (stop > pos and not may_have_body):
            raise Refused("a body")
        if stop >= len(stream):
            raise _Incomplete
        if stream[stop] != 0:
            raise Refused("no NUL")
    return (command, headers, stream[pos:stop]), stop + 1


def _header(line: bytes, command: str, version: str | None) -> tuple[str, str]:
    if b"\r" in line and version == "1.2":
        raise Refused("a CR that ends no line")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("not UTF-8") from None
    if ":" not in text:
        raise Refused("no colon")
    name, value = text.split(":", 1)
    if version == "1.0" and command not in HANDSHAKE:
        name, value = name.strip(" "), value.strip(" ")
    if not name:
        raise Refused("no name")
    if command in HANDSHAKE or version == "1.0":
        return name, value
    return _unescaped(name, version), _unescaped(value, version)


def _unescaped(text: str, version: str | None) -> str:
    meanings = {"n": "\n", "c": ":", "\\": "\\"}
    if version != "1.1":
        meanings["r"] = "\r"
    plain = ""
    rest = text
    while rest:
        char, rest = rest[0], rest[1:]
        if char == "\\":
            if rest[:1] not in meanings:
                if version is None:
                    return text  # the version is not known yet, so it may be a plain backslash
                raise Refused("an escape")
            char, rest = meanings[rest[0]], rest[1:]
        plain += char
    return plain
