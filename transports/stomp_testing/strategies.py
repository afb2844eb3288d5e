"""Hypothesis strategies: whatever STOMP allows, by version, and every way of cutting bytes into pieces.

What comes out can be written in its version and read back unchanged:
``parser.receive_data(frame.to_bytes(version))`` gives an equal frame.
"""

from __future__ import annotations

import itertools

from hypothesis import strategies as st

from stomp_core import Frame
from stomp_core.wire._spec import (
    BODY_COMMANDS,
    CLIENT_COMMANDS,
    HANDSHAKE_COMMANDS,
    REQUIRED_HEADERS,
    SERVER_COMMANDS,
)

__all__ = [
    "bodies",
    "chunkings",
    "client_frames",
    "frames",
    "header_names",
    "header_values",
    "headers",
    "server_frames",
    "versions",
]

#: Headers that mean something: a random value of theirs would make another frame of it.
_MEANINGFUL = frozenset(
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
# What escapes are made of, what ends lines elsewhere, what other readers trim.
_TRICKY = "\\:\n\r \tnrc\u00e9\u2028\x0b\x85\N{RABBIT}"


def versions() -> st.SearchStrategy[str]:
    """``"1.0"``, ``"1.1"`` or ``"1.2"``."""
    return st.sampled_from(["1.0", "1.1", "1.2"])


def _text(
    version: str, handshake: bool, forbidden: str, min_size: int, max_size: int
) -> st.SearchStrategy[str]:
    trims = version == "1.0" and not handshake
    if trims or handshake:
        forbidden += "\n\r"
    elif version == "1.1":
        forbidden += "\r"
    forbidden += "\0"
    tricky = "".join(char for char in _TRICKY if char not in forbidden)
    plain = st.characters(exclude_categories=["Cs"], exclude_characters=forbidden)
    texts = st.one_of(
        st.text(tricky, min_size=min_size, max_size=max_size),
        st.text(plain, min_size=min_size, max_size=max_size),
    )
    if trims:
        # A reader of 1.0 trims spaces, and no writer may count on them.
        texts = texts.map(lambda text: text.strip(" ")).filter(lambda text: len(text) >= min_size)
    return texts


def header_names(version: str, *, handshake: bool = False, max_size: int = 20) -> st.SearchStrategy[str]:
    """Header names that a version can carry, without those that STOMP gives a meaning.

    Args:
        version: of STOMP.
        handshake: for CONNECT, STOMP and CONNECTED, which are never escaped.
        max_size: how many characters, about.
    """
    forbidden = ":" if version == "1.0" or handshake else ""
    return _text(version, handshake, forbidden, 1, max_size).filter(lambda name: name not in _MEANINGFUL)


def header_values(version: str, *, handshake: bool = False, max_size: int = 40) -> st.SearchStrategy[str]:
    """Header values that a version can carry; arguments as for :func:`header_names`."""
    return _text(version, handshake, "", 0, max_size)


def headers(
    version: str, *, handshake: bool = False, max_size: int = 5
) -> st.SearchStrategy[list[tuple[str, str]]]:
    """Headers without a meaning, repeated names among them.

    Args:
        max_size: how many.
    """
    names = header_names(version, handshake=handshake)
    values = header_values(version, handshake=handshake)
    return st.lists(
        st.tuples(st.one_of(st.sampled_from(["again", "x-again"]), names), values), max_size=max_size
    )


def bodies(max_size: int = 200) -> st.SearchStrategy[bytes]:
    """Bodies: any bytes, often with what ends a frame or a line in them."""
    piece = st.one_of(
        st.binary(max_size=16),
        st.sampled_from([b"\0", b"\n", b"\r\n", b"\0\n", b"\n\n", b"SEND\ndestination:/queue/x\n\n\0"]),
    )
    return st.lists(piece, max_size=max(max_size // 16, 1)).map(lambda pieces: b"".join(pieces)[:max_size])


@st.composite
def frames(draw: st.DrawFn, version: str, commands: frozenset[str] | None = None) -> Frame:
    """Frames that may be written in a version: every required header, and some that nobody knows.

    Args:
        version: of STOMP.
        commands: which; all that the version has by default.
    """
    known = CLIENT_COMMANDS | SERVER_COMMANDS if commands is None else commands
    command = draw(st.sampled_from(sorted(known - ({"NACK"} if version == "1.0" else set()))))
    handshake = command in HANDSHAKE_COMMANDS
    names = list(REQUIRED_HEADERS[version].get(command, ()))
    if command == "UNSUBSCRIBE" and version == "1.0":
        names.append(draw(st.sampled_from(["id", "destination"])))
    if command in CLIENT_COMMANDS and not handshake and draw(st.booleans()):
        names.append("receipt")
    pairs = [(name, draw(_meaningful(name, version, handshake))) for name in names]
    if command == "SUBSCRIBE" and draw(st.booleans()):
        pairs.append(("ack", draw(st.sampled_from(["auto", "client", "client-individual"]))))
    if handshake and draw(st.booleans()):
        pairs.append(("heart-beat", draw(_heart_beats())))
    pairs += draw(headers(version, handshake=handshake))
    body = draw(bodies()) if command in BODY_COMMANDS else b""
    return Frame(command, draw(st.permutations(pairs)), body)


def client_frames(version: str) -> st.SearchStrategy[Frame]:
    """Frames that clients send; see :func:`frames`."""
    return frames(version, CLIENT_COMMANDS)


def server_frames(version: str) -> st.SearchStrategy[Frame]:
    """Frames that servers send; see :func:`frames`."""
    return frames(version, SERVER_COMMANDS)


def _heart_beats() -> st.SearchStrategy[str]:
    number = st.integers(0, 100_000)
    return st.builds("{},{}".format, number, number)


def _meaningful(name: str, version: str, handshake: bool) -> st.SearchStrategy[str]:
    if name == "version":
        return st.just(version)
    if name == "accept-version":
        all_of_them = ("1.0", "1.1", "1.2")
        return st.just(",".join(all_of_them[: all_of_them.index(version) + 1]))
    return header_values(version, handshake=handshake)


@st.composite
def chunkings(draw: st.DrawFn, data: bytes | st.SearchStrategy[bytes]) -> list[bytes]:
    """A way of cutting bytes into pieces, none of them empty; whole and byte by byte are among them.

    Args:
        data: the bytes, or a strategy for them.
    """
    whole = data if isinstance(data, bytes) else draw(data)
    if len(whole) < 2:
        return [whole] if whole else []
    cuts: set[int] = draw(
        st.one_of(
            st.just(set[int]()),
            st.just(set(range(1, len(whole)))),
            st.sets(st.integers(1, len(whole) - 1), max_size=20),
        )
    )
    edges = [0, *sorted(cuts), len(whole)]
    return [whole[start:stop] for start, stop in itertools.pairwise(edges)]
