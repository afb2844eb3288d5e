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
    BytesChoices,
    Choices,
    Conversation,
    Demand,
    Exchange,
    Kind,
    Mutation,
    Role,
    Setting,
    Step,
    Turn,
    make_conversation,
    mutations_of,
)
from ._random_frames import (
    CLIENT_COMMANDS,
    SERVER_COMMANDS,
    commands_of,
    make_body,
    make_frame,
    make_header_name,
    make_header_value,
    make_headers,
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
    "Turn",
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


def versions() -> st.SearchStrategy[str]:
    """Return a strategy for versions: ``"1.0"``, ``"1.1"`` or ``"1.2"``."""
    return st.sampled_from(["1.0", "1.1", "1.2"])


def _from_bytes(size: int, make: Callable[[Choices], T]) -> st.SearchStrategy[T]:
    """Return a strategy for what is made of about so many random bytes: one draw, whatever it consists of."""
    return _random_bytes(size).map(lambda data: make(BytesChoices(data)))


@cache
def _random_bytes(size: int) -> st.SearchStrategy[bytes]:
    # Without a least size hypothesis draws about five bytes, whatever the largest size is. With one it cannot delete
    # any when it shrinks. So it shrinks to the first strategy.
    short = st.binary(max_size=2 * size)
    long = [st.binary(min_size=size - 8 * number, max_size=2 * size) for number in range(3)]
    return st.one_of(short, *long)


def header_names(version: str, *, handshake: bool = False, max_size: int = 20) -> st.SearchStrategy[str]:
    """Generate header names that a version can carry, without those that STOMP gives a meaning.

    Args:
        version: ``"1.0"``, ``"1.1"`` or ``"1.2"``.
        handshake: whether they are for CONNECT, STOMP and CONNECTED, which are never escaped.
        max_size: how many characters they have at most.

    Returns:
        A strategy.
    """
    return _from_bytes(24, lambda choices: make_header_name(choices, version, handshake, max_size))


def header_values(version: str, *, handshake: bool = False, max_size: int = 40) -> st.SearchStrategy[str]:
    """Generate header values that a version can carry.

    Args:
        version: ``"1.0"``, ``"1.1"`` or ``"1.2"``.
        handshake: whether they are for CONNECT, STOMP and CONNECTED, which are never escaped.
        max_size: how many characters they have at most.

    Returns:
        A strategy.
    """
    return _from_bytes(24, lambda choices: make_header_value(choices, version, handshake, max_size))


def headers(
    version: str, *, handshake: bool = False, max_size: int = 5
) -> st.SearchStrategy[list[tuple[str, str]]]:
    """Generate headers that STOMP gives no meaning, with repeated names among them.

    Args:
        version: ``"1.0"``, ``"1.1"`` or ``"1.2"``.
        handshake: whether they are for CONNECT, STOMP and CONNECTED, which are never escaped.
        max_size: how many headers there are at most.

    Returns:
        A strategy.
    """
    return _from_bytes(8 * max_size + 24, lambda choices: make_headers(choices, version, handshake, max_size))


def bodies(max_size: int = 200) -> st.SearchStrategy[bytes]:
    """Generate bodies: any bytes, often with NULs, line ends and whole frames in them.

    Args:
        max_size: how many bytes they have at most.

    Returns:
        A strategy.
    """
    return _from_bytes(48, lambda choices: make_body(choices, max_size))


def frames(version: str, commands: frozenset[str] | None = None) -> st.SearchStrategy[Frame]:
    """Generate frames that may be written in a version, with all required headers and some others.

    Args:
        version: ``"1.0"``, ``"1.1"`` or ``"1.2"``.
        commands: the commands to choose from; ``None`` is all that the version has.

    Returns:
        A strategy.

    Raises:
        ValueError: there is no such version, or none of the commands in it.
    """
    known = commands_of(version, commands)
    return _from_bytes(80, lambda choices: make_frame(choices, version, known))


def client_frames(version: str) -> st.SearchStrategy[Frame]:
    """Generate frames that clients send; see :func:`frames`.

    Args:
        version: ``"1.0"``, ``"1.1"`` or ``"1.2"``.

    Returns:
        A strategy.
    """
    return frames(version, CLIENT_COMMANDS)


def server_frames(version: str) -> st.SearchStrategy[Frame]:
    """Generate frames that servers send; see :func:`frames`.

    Args:
        version: ``"1.0"``, ``"1.1"`` or ``"1.2"``.

    Returns:
        A strategy.
    """
    return frames(version, SERVER_COMMANDS)


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
        for _ in range(most):
            if not self._draw(_one_more(action)):
                break


@st.composite
def _one_more(draw: st.DrawFn, action: Callable[[Choices], None]) -> bool:
    """Do something once more, or return False: one draw, so that hypothesis can delete an action as a whole."""
    choices = _DrawnChoices(draw)
    if not choices.chance(90):
        return False
    action(choices)
    return True


@cache
def _integers(least: int, most: int) -> st.SearchStrategy[int]:
    return st.integers(least, most)


@st.composite
def conversations(
    draw: st.DrawFn, version: str, role: Role, *, setting: Setting | None = None, length: int = 16
) -> Conversation:
    """Generate legal conversations, whose frames refer to each other.

    Subscriptions receive what was sent before; ACK and NACK name messages that were received; transactions are begun,
    used, committed or aborted; requests have receipts; both sides send heart-beats.

    Args:
        version: ``"1.0"``, ``"1.1"`` or ``"1.2"``.
        role: the side that is tested: ``"client"`` or ``"server"``. The other one is played.
        setting: what the implementation under test needs; ``None`` is ``Setting()``.
        length: how many actions there are at most. Some are left out, some have several steps.
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
    length: int = 16,
) -> Conversation:
    """Generate conversations that break one named rule, which is their ``broken``.

    They end with the violation, unless ``broken.demand`` is that it is accepted.

    Args:
        version: ``"1.0"``, ``"1.1"`` or ``"1.2"``.
        role: the side that is tested: ``"client"`` or ``"server"``. The other one breaks the rule.
        names: the names of the rules to choose from, see ``MUTATIONS``; ``None`` is all that there are.
        setting: what the implementation under test needs; ``None`` is ``Setting()``.
        length: how many actions precede the violation at most.

    Raises:
        ValueError: there is no such rule for this version and role.
    """
    rules = [entry for entry in mutations_of(version, role) if names is None or entry.name in names]
    if not rules:
        raise ValueError(f"names has no rule that the peer of a {role} can break in STOMP {version}: {names}")
    choices = _DrawnChoices(draw)
    rule = choices.pick(rules)
    return make_conversation(choices, version, role, mutation=rule, setting=setting, length=length)
