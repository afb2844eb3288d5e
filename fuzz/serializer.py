"""The target of the serializer: what a caller passes is read back as exactly that, also by sloppy readers, or refused.

An input is two bytes of settings and then a command, headers and a body (see :func:`serializer`).
"""

from __future__ import annotations

from collections.abc import Callable

from stomp_core import NEED_DATA, Frame, FrameParser, Leniency, LocalProtocolError, Send

from .choices import Choices

__all__ = ["COMMANDS", "serializer"]

COMMANDS = (
    "SEND", "MESSAGE", "ERROR", "CONNECT", "STOMP", "CONNECTED", "SUBSCRIBE", "UNSUBSCRIBE", "ACK", "NACK", "BEGIN",
    "COMMIT", "ABORT", "DISCONNECT", "RECEIPT", "send", "SEND\nx:y", "MESSAGE\0", "",
)  # fmt: skip
HANDSHAKE = ("CONNECT", "STOMP", "CONNECTED")
VERSIONS = ("1.0", "1.1", "1.2")
ESCAPES = {
    "1.0": {},
    "1.1": {"n": "\n", "c": ":", "\\": "\\"},
    "1.2": {"n": "\n", "c": ":", "\\": "\\", "r": "\r"},
}
Pairs = list[tuple[str, str]]
#: What each command must carry so that only the caller's own headers decide.
REQUIRED: Pairs = [
    ("destination", "/q"), ("message-id", "1"), ("subscription", "1"), ("id", "1"), ("receipt-id", "1"),
    ("transaction", "t"), ("accept-version", "1.2"), ("host", "/"), ("version", "1.2"),
]  # fmt: skip


def serializer(data: bytes) -> None:
    """Check that our parser and three sloppy readers read back what is written, and nothing is refused needlessly.

    Byte 0 picks the version (modulo 3), whether to do without ``content-length`` (bit 4), whether without the headers
    that commands require (bit 5) and whether to make it as a :class:`Send` event (bit 6); 1 picks the command. Then
    one byte picks how many headers follow, each a name and a value behind their lengths; the rest is the body.
    """
    choices = Choices(data)
    first = choices.byte()
    version = VERSIONS[first % 3]
    wants_length = not first & 16
    command = choices.pick(COMMANDS)
    pairs = [] if first & 32 else list(REQUIRED)
    pairs += [(choices.text(), choices.text()) for _ in range(choices.byte() % 8)]
    body = choices.rest()
    try:
        if first & 64:
            event = Send("/q", body, headers=pairs, content_length=wants_length)
            frame, command = event.frame, "SEND"
            assert frame.headers.get("destination") == "/q", "a header overrode the destination"
        else:
            frame = Frame(command, pairs, body)
        wire = frame.to_bytes(version, content_length=wants_length)
    except LocalProtocolError:
        if command in COMMANDS[:3] and version == "1.2":
            assert not _harmless(pairs, body, wants_length, event=bool(first & 64)), (
                f"refused {pairs!r}, {body!r}"
            )
        return
    assert isinstance(wire, bytes)
    _check_memory(frame, version, wants_length)
    written = frame.headers.items()
    lengths = [at for at, (name, _) in enumerate(written) if name == "content-length"]
    if lengths:
        # Once, in the first place where the caller has it.
        written = [pair for at, pair in enumerate(written) if at not in lengths[1:]]
    elif body and wants_length:
        written = [*written, ("content-length", str(len(body)))]
    _check_parser(wire, command, written, body, version)
    _check_sloppy(wire, command, written, body, version)


def _check_memory(frame: Frame, version: str, wants_length: bool) -> None:
    """Check that headers which were written before are written again as new ones are, with any body."""
    for body in (b"", frame.body, frame.body + b"\0", b"x"):
        for other in (version, *VERSIONS):
            for length in (wants_length, not wants_length):
                again = _written(Frame(frame.command, frame.headers, body), other, length)
                expected = _written(Frame(frame.command, frame.headers.items(), body), other, length)
                assert again == expected, f"{again!r} the second time, {expected!r} the first time"


def _written(frame: Frame, version: str, wants_length: bool) -> bytes | None:
    try:
        return frame.to_bytes(version, content_length=wants_length)
    except LocalProtocolError:
        return None


def _harmless(pairs: Pairs, body: bytes, wants_length: bool, *, event: bool) -> bool:
    """Whether STOMP 1.2 can carry these headers and this body in a SEND, MESSAGE or ERROR."""
    names = [name for name, _ in pairs]
    text = "".join(name + value for name, value in pairs)
    return (
        all(names)
        and "\0" not in text
        and not any(0xD800 <= ord(char) < 0xE000 for char in text)
        and "content-length" not in names
        and {"destination", "message-id", "subscription"} <= set(names)
        and not (event and any(name == "destination" and value != "/q" for name, value in pairs))
        and (wants_length or b"\0" not in body)
    )


def _check_parser(wire: bytes, command: str, pairs: Pairs, body: bytes, version: str) -> None:
    """Our parser, strict and lenient, whole and byte by byte, with another frame behind."""
    behind = b"\nRECEIPT\nreceipt-id:behind\n\n\0"
    for reader in (version, None) if command in HANDSHAKE else (version,):
        for leniency in (Leniency(), Leniency.brokers(), Leniency.permissive()):
            for size in (len(wire + behind), 1):
                parser = FrameParser(reader, leniency=leniency)
                for pos in range(0, len(wire + behind), size):
                    parser.receive_data((wire + behind)[pos : pos + size])
                frame = parser.next_frame()
                assert isinstance(frame, Frame), f"{wire!r} is {frame!r}"
                read = (frame.command, frame.headers.items(), frame.body)
                assert read == (command, pairs, body), f"{wire!r} is {read!r}"
                after = parser.next_frame()
                assert isinstance(after, Frame), f"behind {wire!r} is {after!r}"
                assert after.headers["receipt-id"] == "behind"
                assert parser.next_frame() is NEED_DATA


# ---------------------------------------------------------------------- sloppy readers


def _check_sloppy(wire: bytes, command: str, pairs: Pairs, body: bytes, version: str) -> None:
    escapes = {} if command in HANDSHAKE else ESCAPES[version]
    for reader in (_splits_at_nul, _strips_cr_before_lf, _splits_at_every_lf):
        got_command, lines, rest = reader(wire, len(body))
        got = [tuple(_undo(part, escapes) for part in line.split(":", 1)) for line in lines]
        assert got_command == command, f"{reader.__name__} reads {got_command!r} in {wire!r}"
        assert got == pairs, f"{reader.__name__} reads {got!r} in {wire!r}"
        assert rest == body + b"\0", f"{reader.__name__} reads the body {rest!r} in {wire!r}"
        if version == "1.0" and command not in HANDSHAKE:
            # A reader of 1.0 trims what it finds.
            trimmed = [(name.strip(" "), value.strip(" ")) for name, value in got]
            assert trimmed == pairs, f"{reader.__name__}, which trims, reads {trimmed!r} in {wire!r}"


Reader = Callable[[bytes, int], tuple[str, list[str], bytes]]


def _splits_at_nul(wire: bytes, body_size: int) -> tuple[str, list[str], bytes]:
    """Takes everything before the first NUL for the frame. The rest of a body that holds NULs is added again."""
    before, nul, behind = wire.partition(b"\0")
    head, blank, body = before.partition(b"\n\n")
    assert blank, f"NUL before the end of the head in {wire!r}"
    command, *lines = head.decode().split("\n")
    return command, lines, body + nul + behind


def _strips_cr_before_lf(wire: bytes, body_size: int) -> tuple[str, list[str], bytes]:
    """Takes CRLF for LF everywhere, and CR alone too."""
    end = len(wire) - body_size - 1
    head = wire[:end].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    before, _, behind = head.partition(b"\n\n")
    command, *lines = before.decode().split("\n")
    return command, lines, behind + wire[end:]


def _splits_at_every_lf(wire: bytes, body_size: int) -> tuple[str, list[str], bytes]:
    """Reads lines until one is blank."""
    lines = []
    rest = wire
    while True:
        line, end, rest = rest.partition(b"\n")
        assert end, f"no blank line in {wire!r}"
        if not line:
            break
        lines.append(line.decode())
    return lines[0], lines[1:], rest


def _undo(text: str, escapes: dict[str, str]) -> str:
    if not escapes:
        return text
    plain, rest = "", text
    while rest:
        char, rest = rest[0], rest[1:]
        if char == "\\":
            assert rest[:1] in escapes, f"the escape of {text!r} is not of this version"
            char, rest = escapes[rest[0]], rest[1:]
        plain += char
    return plain
