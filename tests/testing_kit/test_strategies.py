"""The hypothesis strategies: their frames are legal, and nothing legal is left out."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import find, given, seed, settings
from hypothesis import strategies as st

from stomp_core import Frame, FrameParser
from stomp_testing import strategies

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
HANDSHAKE_COMMANDS = ("CONNECT", "STOMP", "CONNECTED")
VERSIONS = pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])


def read(wire: list[bytes], version: str | None) -> object:
    parser = FrameParser(version)
    for piece in wire:
        parser.receive_data(piece)
    return parser.next_frame()


@VERSIONS
@given(data=st.data())
def test_frames_survive_serializing_and_parsing(version: str, data: st.DataObject) -> None:
    """In their version, and in any chunking."""
    frame = data.draw(strategies.frames(version))
    wire = data.draw(strategies.chunkings(frame.to_bytes(version)))
    assert read(wire, None if frame.command in HANDSHAKE_COMMANDS else version) == frame


@VERSIONS
@pytest.mark.parametrize(
    ("strategy", "commands"),
    [(strategies.client_frames, CLIENT_COMMANDS), (strategies.server_frames, SERVER_COMMANDS)],
    ids=["client", "server"],
)
def test_each_side_gets_all_of_its_commands_and_no_other(
    version: str, strategy: Callable[[str], st.SearchStrategy[Frame]], commands: frozenset[str]
) -> None:
    expected = commands - ({"NACK", "STOMP"} if version == "1.0" else set())
    seen: set[str] = set()

    @settings(max_examples=40, database=None)
    @given(strategy(version))
    def collect(frame: Frame) -> None:
        seen.add(frame.command)

    # Hypothesis varies what it has, so that a single run can miss a command.
    for number in range(10):
        seed(number)(collect)()
        if seen >= expected:
            break
    assert seen == expected


@pytest.mark.parametrize(
    ("version", "part", "found"),
    [("1.2", "\r", True), ("1.2", ":", True), ("1.1", "\n", True), ("1.2", "\\", True), ("1.0", "\\", True)],
)
def test_values_contain_characters_that_need_care(version: str, part: str, found: bool) -> None:
    assert part in find(strategies.header_values(version), lambda value: part in value)


@given(whole=st.binary(max_size=50), data=st.data())
def test_pieces_joined_are_the_whole_and_none_is_empty(whole: bytes, data: st.DataObject) -> None:
    pieces = data.draw(strategies.chunkings(whole))
    assert b"".join(pieces) == whole
    assert b"" not in pieces


def test_bytes_can_be_cut_one_by_one() -> None:
    assert find(strategies.chunkings(b"abcdef"), lambda pieces: len(pieces) == 6) == [
        bytes([byte]) for byte in b"abcdef"
    ]


@given(strategies.chunkings(strategies.bodies()), strategies.versions())
def test_chunkings_accept_a_strategy(pieces: list[bytes], version: str) -> None:
    assert b"" not in pieces
    assert version in ("1.0", "1.1", "1.2")


def test_minimal_frames_are_short() -> None:
    without_database = settings(database=None, max_examples=5000)
    strategy = strategies.frames("1.2")
    # How short the found frame becomes depends on chance, and rarely it stays longer.
    with_nul = find(strategy, lambda frame: b"\0" in frame.body, settings=without_database, random=Random(1))
    assert with_nul.body == b"\0"
    repeated = find(
        strategy,
        lambda frame: len(frame.headers.get_all("again")) > 1,
        settings=without_database,
        random=Random(1),
    )
    assert len(repeated.headers.pairs) <= 5
    assert all(len(value) <= 8 for _, value in repeated.headers.pairs)


@pytest.mark.parametrize("frames", [strategies.frames, strategies.client_frames])
def test_frames_of_an_unknown_version_are_refused(frames: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match=r"version must be '1\.0', '1\.1' or '1\.2', got '1\.3'"):
        frames("1.3")
