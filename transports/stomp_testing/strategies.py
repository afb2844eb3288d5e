"""Hypothesis strategies: everything that STOMP allows, by version, and every way of cutting bytes into pieces.

A frame from these strategies can be written in its version and parsed back unchanged:
``parser.receive_data(frame.to_bytes(version))`` gives an equal frame.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import TypeVar

try:
    from hypothesis import strategies as st
except ModuleNotFoundError as _error:
    if _error.name != "hypothesis":
        raise
    raise ModuleNotFoundError(
        "stomp_testing.strategies needs hypothesis: pip install stomp-core[testing]", name="hypothesis"
    ) from None

from stomp_core import Frame

from ._conversations import (
    MUTATIONS,
    Choices,
    Conversation,
    Demand,
    Exchange,
    Kind,
    Mutation,
    Role,
    Setting,
    Step,
    make_conversation,
    mutations_of,
)

__all__ = [
    "MUTATIONS",
    "Conversation",
    "Demand",
    "Exchange",
    "Kind",
    "Mutation",
    "Role",
    "Setting",
    "Step",
    "bodies",
    "chunkings",
    "client_frames",
    "conversations",
    "frames",
    "header_names",
    "header_values",
    "headers",
    "mutations",
    "server_frames",
    "versions",
]

T = TypeVar("T")

_CLIENT_COMMANDS = frozenset(
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
_SERVER_COMMANDS = frozenset(["CONNECTED", "MESSAGE", "RECEIPT", "ERROR"])
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


def versions() -> st.SearchStrategy[str]:
    """Generate ``"1.0"``, ``"1.1"`` or ``"1.2"``."""
    return st.sampled_from(["1.0", "1.1", "1.2"])


def _text(
    version: str, handshake: bool, forbidden: str, min_size: int, max_size: int
) -> st.SearchStrategy[str]:
    # What cannot be written depends on the escapes that a version has: none in 1.0 and in the handshake, none for a
    # carriage return in 1.1, all in 1.2.
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
        # STOMP 1.0 does not say whether spaces around a value belong to it; parsers of 1.0 trim them.
        texts = texts.map(lambda text: text.strip(" ")).filter(lambda text: len(text) >= min_size)
    return texts


def header_names(version: str, *, handshake: bool = False, max_size: int = 20) -> st.SearchStrategy[str]:
    """Generate header names that a version can carry, without those that STOMP gives a meaning.

    Args:
        version: the version of STOMP.
        handshake: for CONNECT, STOMP and CONNECTED, which are never escaped.
        max_size: the number of characters, at most.
    """
    forbidden = ":" if version == "1.0" or handshake else ""
    return _text(version, handshake, forbidden, 1, max_size).filter(
        lambda name: name not in _STANDARD_HEADERS
    )


def header_values(version: str, *, handshake: bool = False, max_size: int = 40) -> st.SearchStrategy[str]:
    """Generate header values that a version can carry; arguments as for :func:`header_names`."""
    return _text(version, handshake, "", 0, max_size)


def headers(
    version: str, *, handshake: bool = False, max_size: int = 5
) -> st.SearchStrategy[list[tuple[str, str]]]:
    """Generate headers that STOMP gives no meaning, with repeated names among them.

    Args:
        version: the version of STOMP.
        handshake: for CONNECT, STOMP and CONNECTED, which are never escaped.
        max_size: the number of headers, at most.
    """
    names = header_names(version, handshake=handshake)
    values = header_values(version, handshake=handshake)
    return st.lists(
        st.tuples(st.one_of(st.sampled_from(["again", "x-again"]), names), values), max_size=max_size
    )


def bodies(max_size: int = 200) -> st.SearchStrategy[bytes]:
    """Generate bodies: any bytes, often with NULs, line ends and whole frames in them.

    Args:
        max_size: the number of bytes, at most.
    """
    piece = st.one_of(
        st.binary(max_size=16),
        st.sampled_from([b"\0", b"\n", b"\r\n", b"\0\n", b"\n\n", b"SEND\ndestination:/queue/x\n\n\0"]),
    )
    return st.lists(piece, max_size=max(max_size // 16, 1)).map(lambda pieces: b"".join(pieces)[:max_size])


@st.composite
def frames(draw: st.DrawFn, version: str, commands: frozenset[str] | None = None) -> Frame:
    """Generate frames that may be written in a version, with all required headers and some others.

    Args:
        version: the version of STOMP.
        commands: the commands to choose from; ``None`` is all that the version has.
    """
    known = _CLIENT_COMMANDS | _SERVER_COMMANDS if commands is None else commands
    command = draw(st.sampled_from(sorted(known - ({"NACK", "STOMP"} if version == "1.0" else set()))))
    handshake = command in _HANDSHAKE_COMMANDS
    names = list(_REQUIRED_HEADERS[version].get(command, ()))
    if command == "UNSUBSCRIBE" and version == "1.0":
        names.append(draw(st.sampled_from(["id", "destination"])))
    if command in _CLIENT_COMMANDS and not handshake and draw(st.booleans()):
        names.append("receipt")
    pairs = [(name, draw(_standard_value(name, version, handshake))) for name in names]
    if command == "SUBSCRIBE" and draw(st.booleans()):
        pairs.append(("ack", draw(st.sampled_from(["auto", "client", "client-individual"]))))
    if handshake and draw(st.booleans()):
        pairs.append(("heart-beat", draw(_heart_beats())))
    pairs += draw(headers(version, handshake=handshake))
    body = draw(bodies()) if command in _BODY_COMMANDS else b""
    return Frame(command, draw(st.permutations(pairs)), body)


def client_frames(version: str) -> st.SearchStrategy[Frame]:
    """Generate frames that clients send; see :func:`frames`."""
    return frames(version, _CLIENT_COMMANDS)


def server_frames(version: str) -> st.SearchStrategy[Frame]:
    """Generate frames that servers send; see :func:`frames`."""
    return frames(version, _SERVER_COMMANDS)


def _heart_beats() -> st.SearchStrategy[str]:
    number = st.integers(0, 100_000)
    return st.builds("{},{}".format, number, number)


def _standard_value(name: str, version: str, handshake: bool) -> st.SearchStrategy[str]:
    if name == "version":
        return st.just(version)
    if name == "accept-version":
        known = ("1.0", "1.1", "1.2")
        return st.just(",".join(known[: known.index(version) + 1]))
    return header_values(version, handshake=handshake)


@st.composite
def chunkings(draw: st.DrawFn, data: bytes | st.SearchStrategy[bytes]) -> list[bytes]:
    """Generate ways of cutting bytes into pieces that are not empty; whole and byte by byte are among them.

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


# ---------------------------------------------------------------------- conversations


class _DrawnChoices:
    """Decisions that hypothesis draws, and shrinks."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def integer(self, least: int, most: int) -> int:
        return self._draw(_integers(least, most))

    def pick(self, options: Sequence[T]) -> T:
        return options[self._draw(_integers(0, len(options) - 1))] if len(options) > 1 else options[0]

    def chance(self, percent: int) -> bool:
        # The least number is the simplest one, and means False.
        return self._draw(_integers(0, 99)) >= 100 - percent

    def repeat(self, action: Callable[[Choices], None], most: int) -> None:
        for _ in range(self._draw(_integers(0, most))):
            action(self)


@cache
def _integers(least: int, most: int) -> st.SearchStrategy[int]:
    return st.integers(least, most)


@st.composite
def conversations(
    draw: st.DrawFn, version: str, role: Role, *, setting: Setting | None = None, length: int = 12
) -> Conversation:
    """Generate legal conversations, whose frames refer to each other.

    Subscriptions receive what was sent before; ACK and NACK name messages that were received; transactions are begun,
    used, committed or aborted; requests have receipts; both sides send heart-beats.

    Args:
        version: ``"1.0"``, ``"1.1"`` or ``"1.2"``.
        role: the side that is tested: ``"client"`` or ``"server"``. The other one is played.
        setting: what the implementation under test needs.
        length: the number of actions, at most; some have several steps.
    """
    return make_conversation(_DrawnChoices(draw), version, role, setting=setting, length=length)


@st.composite
def mutations(
    draw: st.DrawFn,
    version: str,
    role: Role,
    *,
    names: Collection[str] | None = None,
    setting: Setting | None = None,
    length: int = 12,
) -> Conversation:
    """Generate conversations that break one named rule, which is their ``broken``.

    They end with the violation, unless ``broken.demand`` is that it is accepted.

    Args:
        version: as for :func:`conversations`, as are the next ones.
        role: the side that is tested. The other one breaks the rule.
        names: the names of the rules to choose from, see :data:`MUTATIONS`; ``None`` is all that there are.
        setting: what the implementation under test needs.
        length: the number of actions before the violation, at most.

    Raises:
        ValueError: there is no such rule for this version and role.
    """
    rules = [entry for entry in mutations_of(version, role) if names is None or entry.name in names]
    if not rules:
        raise ValueError(f"names has no rule that the peer of a {role} can break in STOMP {version}: {names}")
    choices = _DrawnChoices(draw)
    rule = choices.pick(rules)
    return make_conversation(choices, version, role, mutation=rule, setting=setting, length=length)
