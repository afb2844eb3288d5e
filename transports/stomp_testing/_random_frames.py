"""Frames from choices: everything that a version can carry, and often what parsers get wrong.

Written over :class:`Choices`, because most of the time of a property test is spent in drawing: a frame has some thirty
decisions, and all of them come from one piece of random bytes.
"""

from __future__ import annotations

from functools import cache

from stomp_core import Frame

from ._conversations import Choices

__all__ = [
    "CLIENT_COMMANDS",
    "SERVER_COMMANDS",
    "commands_of",
    "make_body",
    "make_frame",
    "make_header_name",
    "make_header_value",
    "make_headers",
]

CLIENT_COMMANDS = frozenset(
    [
        "CONNECT",
        "STOMP",
        "SEND",
        "SUBSCRIBE",
        "UNSUBSCRIBE",
        "ACK",
        "NACK",
        "BEGIN",
        "COMMIT",
        "ABORT",
        "DISCONNECT",
    ]
)
SERVER_COMMANDS = frozenset(["CONNECTED", "MESSAGE", "RECEIPT", "ERROR"])
# Never escaped, whatever the version: they are sent before it is known.
_HANDSHAKE_COMMANDS = frozenset(["CONNECT", "STOMP", "CONNECTED"])
# STOMP 1.2, "Body". STOMP 1.0 does not forbid other bodies, but no reader has to expect them.
_BODY_COMMANDS = frozenset(["SEND", "MESSAGE", "ERROR"])

# Written down once more, and not taken from the library: a mistake in its table is then found.
_REQUIRED_1_0 = {
    "SEND": ["destination"],
    "SUBSCRIBE": ["destination"],
    "ACK": ["message-id"],
    "BEGIN": ["transaction"],
    "COMMIT": ["transaction"],
    "ABORT": ["transaction"],
    "MESSAGE": ["destination", "message-id"],
    "RECEIPT": ["receipt-id"],
}
_REQUIRED_1_1 = {
    **_REQUIRED_1_0,
    "CONNECT": ["accept-version", "host"],
    "STOMP": ["accept-version", "host"],
    "CONNECTED": ["version"],
    "SUBSCRIBE": ["destination", "id"],
    "UNSUBSCRIBE": ["id"],
    "ACK": ["message-id", "subscription"],
    "NACK": ["message-id", "subscription"],
    "MESSAGE": ["destination", "message-id", "subscription"],
}
_REQUIRED_1_2 = {**_REQUIRED_1_1, "ACK": ["id"], "NACK": ["id"]}
_REQUIRED_HEADERS = {"1.0": _REQUIRED_1_0, "1.1": _REQUIRED_1_1, "1.2": _REQUIRED_1_2}

# Headers that STOMP gives a meaning: with a random value the frame would be another one, or illegal.
_STANDARD_HEADERS = frozenset(
    [
        "accept-version",
        "ack",
        "content-length",
        "content-type",
        "destination",
        "heart-beat",
        "host",
        "id",
        "login",
        "message",
        "message-id",
        "passcode",
        "receipt",
        "receipt-id",
        "server",
        "session",
        "subscription",
        "transaction",
        "version",
    ]
)
# Characters of escapes, characters that end lines elsewhere, characters that other parsers trim.
_TRICKY = "\\:\n\r \tnrc\u00e9\u2028\x0b\x85\N{RABBIT}"
_PLAIN = "a0b-./A~"
_REPEATED_NAMES = ("again", "x-again")
_BODIES = (b"\0", b"\n", b"\r\n", b"\0\n", b"\n\n", b"SEND\ndestination:/queue/x\n\n\0")
_OFFERS = {"1.0": "1.0", "1.1": "1.0,1.1", "1.2": "1.0,1.1,1.2"}


def commands_of(version: str, commands: frozenset[str] | None = None) -> tuple[str, ...]:
    """Return these commands, or all, without those that the version does not have.

    Raises:
        ValueError: there is no such version, or none of these commands in it.
    """
    if version not in _REQUIRED_HEADERS:
        raise ValueError(f"version must be '1.0', '1.1' or '1.2', got {version!r}")
    known = CLIENT_COMMANDS | SERVER_COMMANDS if commands is None else commands
    fitting = sorted(known - ({"NACK", "STOMP"} if version == "1.0" else set()))
    if not fitting:
        raise ValueError(f"commands must have at least one command of STOMP {version}, got {commands}")
    return tuple(fitting)


# ---------------------------------------------------------------------- text


@cache
def _forbidden(version: str, handshake: bool, name: bool) -> frozenset[str]:
    """Return the characters that cannot be written in a header.

    That depends on the escapes that a version has: none in 1.0 and in the handshake, none for a carriage return in 1.1,
    all in 1.2.
    """
    escapes = version != "1.0" and not handshake
    line_ends = {"1.1": "\r", "1.2": ""}[version] if escapes else "\r\n"
    return frozenset("\0" + line_ends + (":" if name and not escapes else ""))


@cache
def _alphabet(version: str, handshake: bool, name: bool) -> str:
    forbidden = _forbidden(version, handshake, name)
    return _PLAIN + "".join(char for char in _TRICKY if char not in forbidden)


def _text(choices: Choices, version: str, handshake: bool, name: bool, most: int) -> str:
    least = 1 if name else 0
    # Most texts are short; every length is possible.
    length = choices.integer(0, 255)
    length = least + (length % 5 if length < 224 else length)
    alphabet, forbidden = _alphabet(version, handshake, name), _forbidden(version, handshake, name)
    chars = []
    for _ in range(min(length, most)):
        kind = choices.integer(0, 255)
        if kind < 192:
            char = alphabet[kind % len(alphabet)]
        else:
            char = chr(choices.integer(0, 0xFFFF if kind < 240 else 0x10FFFF))
            if char in forbidden or "\ud800" <= char <= "\udfff":
                char = "a"
        chars.append(char)
    text = "".join(chars)
    if version == "1.0" and not handshake:
        # STOMP 1.0 does not say whether spaces around a value belong to it; parsers of 1.0 trim them.
        text = text.strip(" ")
    return text if len(text) >= least else "a"


def make_header_name(choices: Choices, version: str, handshake: bool, most: int) -> str:
    """Return a header name without a meaning, of up to ``most`` characters."""
    name = _text(choices, version, handshake, True, most)
    return "a" if name in _STANDARD_HEADERS else name


def make_header_value(choices: Choices, version: str, handshake: bool, most: int) -> str:
    """Return a header value of up to ``most`` characters."""
    return _text(choices, version, handshake, False, most)


def make_headers(choices: Choices, version: str, handshake: bool, most: int) -> list[tuple[str, str]]:
    """Return up to ``most`` headers without a meaning; names repeat."""
    pairs = []
    for _ in range(choices.integer(0, most)):
        repeated = choices.integer(0, 5)
        name = (
            make_header_name(choices, version, handshake, 20)
            if repeated >= len(_REPEATED_NAMES)
            else _REPEATED_NAMES[repeated]
        )
        pairs.append((name, make_header_value(choices, version, handshake, 40)))
    return pairs


def make_body(choices: Choices, most: int) -> bytes:
    """Return a body of up to ``most`` bytes: any bytes, often NULs, line ends and whole frames."""
    pieces = []
    for _ in range(choices.integer(0, max(most // 16, 1)) if choices.chance(70) else 0):
        kind = choices.integer(0, 2 * len(_BODIES) - 1)
        if kind < len(_BODIES):
            pieces.append(_BODIES[kind])
        else:
            pieces.append(bytes([choices.integer(0, 255) for _ in range(choices.integer(0, 16))]))
    return b"".join(pieces)[:most]


# ---------------------------------------------------------------------- frames


def make_frame(choices: Choices, version: str, commands: tuple[str, ...]) -> Frame:
    """Return a frame that can be written in a version, with all required headers and some others.

    Args:
        choices: decides.
        version: of STOMP.
        commands: those to choose from, see :func:`commands_of`.
    """
    command = choices.pick(commands)
    handshake = command in _HANDSHAKE_COMMANDS
    names = list(_REQUIRED_HEADERS[version].get(command, ()))
    if command == "UNSUBSCRIBE" and version == "1.0":
        names.append(choices.pick(("id", "destination")))
    if command in CLIENT_COMMANDS and not handshake and choices.chance(50):
        names.append("receipt")
    pairs = [(name, _standard_value(choices, name, version, handshake)) for name in names]
    if command == "SUBSCRIBE" and choices.chance(50):
        pairs.append(("ack", choices.pick(("auto", "client", "client-individual"))))
    if handshake and choices.chance(50):
        pairs.append(("heart-beat", f"{choices.integer(0, 100_000)},{choices.integer(0, 100_000)}"))
    body = make_body(choices, 200) if command in _BODY_COMMANDS else b""
    pairs += make_headers(choices, version, handshake, 5)
    if choices.chance(50):
        for last in range(len(pairs) - 1, 0, -1):
            other = last - choices.integer(0, last)
            pairs[last], pairs[other] = pairs[other], pairs[last]
    return Frame(command, pairs, body)


def _standard_value(choices: Choices, name: str, version: str, handshake: bool) -> str:
    if name == "version":
        return version
    if name == "accept-version":
        return _OFFERS[version]
    return make_header_value(choices, version, handshake, 40)
