"""How every test feeds the parser: whole, byte by byte, cut anywhere, and with a second frame following.

A frame that arrives whole is read by the parser's fast path, one that arrives byte by byte by its slow path. The two
must agree, so every test runs on both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from stomp_core import (
    NEED_DATA,
    ConnectionClosed,
    Frame,
    FrameParser,
    HeartBeat,
    Leniency,
    Limits,
    LocalProtocolError,
    RemoteProtocolError,
)

#: name, value in order, repeats included
Pairs = Sequence[tuple[str, str]]
#: command, headers and body of a frame that was read
Read = tuple[str, list[tuple[str, str]], bytes]

VERSIONS = ("1.0", "1.1", "1.2")
#: a frame that follows the bytes of a test; it is the same in every version
BEHIND = b"RECEIPT\nreceipt-id:behind\n\n\0"
READ_BEHIND: Read = ("RECEIPT", [("receipt-id", "behind")], b"")


def frame(command: str, headers: Pairs = (), body: bytes = b"") -> Read:
    """Make what a test expects to read."""
    return command, list(headers), body


@dataclass
class Outcome:
    """Everything that a parser returned or raised for some bytes."""

    frames: list[Frame] = field(default_factory=list)
    #: frames and heart-beats in order; adjacent heart-beats are added up, since their number depends on the chunks
    events: list[Read | HeartBeat] = field(default_factory=list)
    closed: ConnectionClosed | None = None
    error: RemoteProtocolError | None = None

    @property
    def comparable(self) -> object:
        """What must not depend on the chunks: also the received bytes of frames and the messages of errors."""
        error = None if self.error is None else (self.error.code, self.error.offset, str(self.error))
        closed = None if self.closed is None else (self.closed, self.closed.reason)
        return self.events, [(one.raw, _to_bytes(one)) for one in self.frames], closed, error


def _to_bytes(frame: Frame) -> list[bytes | str]:
    written: list[bytes | str] = []
    for version in VERSIONS:
        try:
            written.append(frame.to_bytes(version))
        except LocalProtocolError as refused:
            written.append(str(refused))
    return written


def feed(
    chunks: Iterable[bytes],
    version: str | None = "1.2",
    *,
    leniency: Leniency | None = None,
    limits: Limits | None = None,
    queued: bool = False,
) -> Outcome:
    """Feed the chunks to a parser; read after each one or, if ``queued``, only after the last one."""
    parser = FrameParser(version, leniency=leniency, limits=limits)
    outcome = Outcome()
    try:
        for chunk in chunks:
            parser.receive_data(chunk)
            if not queued:
                _drain(parser, outcome)
        _drain(parser, outcome)
    except RemoteProtocolError as error:
        outcome.error = error
    return outcome


def _drain(parser: FrameParser, outcome: Outcome) -> None:
    while (item := parser.next_frame()) is not NEED_DATA:
        assert outcome.closed is None, "something was returned after the end of the stream"
        if isinstance(item, Frame):
            outcome.frames.append(item)
            outcome.events.append((item.command, item.headers.items(), item.body))
        elif isinstance(item, HeartBeat):
            assert item.count > 0
            last = outcome.events[-1] if outcome.events else None
            if isinstance(last, HeartBeat):
                outcome.events[-1] = HeartBeat(last.count + item.count)
            else:
                outcome.events.append(item)
        else:
            assert isinstance(item, ConnectionClosed)
            outcome.closed = item


def chunkings(data: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Whole, byte by byte, and cut in two at every place."""
    one_by_one = [data[at : at + 1] for at in range(len(data))]
    yield "whole", [data] if data else []
    yield "byte by byte", one_by_one
    yield "queued", one_by_one
    for at in range(1, len(data)):
        yield f"cut at {at}", [data[:at], data[at:]]


def read(
    data: bytes,
    version: str | None = "1.2",
    *,
    leniency: Leniency | None = None,
    limits: Limits | None = None,
    eof: bool = False,
) -> Outcome:
    """Read these bytes in every chunking, and check that the outcome is the same."""
    end = [b""] if eof else []
    first = None
    for how, chunks in chunkings(data):
        outcome = feed([*chunks, *end], version, leniency=leniency, limits=limits, queued=how == "queued")
        if first is None:
            first = outcome
        assert outcome.comparable == first.comparable, f"the outcome depends on the chunks: {how}"
    assert first is not None
    return first


def assert_reads(
    data: bytes,
    *expected: Read | HeartBeat,
    version: str | None = "1.2",
    leniency: Leniency | None = None,
    limits: Limits | None = None,
) -> Outcome:
    """Check that these bytes are read as exactly this, in every chunking, and also if another frame follows."""
    outcome = read(data, version, leniency=leniency, limits=limits)
    assert outcome.error is None, outcome.error
    assert outcome.events == list(expected)
    # Limits may be too tight for any frame but another one of the same kind.
    second, read_second = (BEHIND, [READ_BEHIND]) if limits is None else (data, list(expected))
    behind = read(data + second, version, leniency=leniency, limits=limits)
    assert behind.error is None, behind.error
    assert behind.events == [*expected, *read_second], "the end of the frame moved"
    closed = read(data, version, leniency=leniency, limits=limits, eof=True).closed
    assert closed is not None
    assert closed.clean
    return outcome


def assert_refused(
    data: bytes,
    code: str,
    offset: int,
    *expected: Read | HeartBeat,
    version: str | None = "1.2",
    leniency: Leniency | None = None,
    limits: Limits | None = None,
) -> RemoteProtocolError:
    """Check that these bytes are read as ``expected``, then refused; and that the bytes before ``offset`` are not."""
    outcome = read(data, version, leniency=leniency, limits=limits)
    assert outcome.error is not None, f"accepted: {outcome.events}"
    assert (outcome.error.code, outcome.error.offset) == (code, offset), str(outcome.error)
    assert outcome.events == list(expected)
    assert f"byte {offset} of the stream" in str(outcome.error)
    behind = read(data + BEHIND, version, leniency=leniency, limits=limits)
    assert behind.comparable == outcome.comparable
    # What follows from the head alone is found with its last byte, but the offset is that of the body's first byte.
    accepted = offset - 1 if code in FOUND_WITH_THE_HEAD and data[:offset].endswith(b"\n") else offset
    assert read(data[:accepted], version, leniency=leniency, limits=limits).error is None
    return outcome.error


def assert_waits(data: bytes, *expected: Read | HeartBeat, version: str | None = "1.2") -> None:
    """Check that these bytes are read as ``expected``, and that the rest of them is an unfinished frame."""
    outcome = read(data, version)
    assert outcome.error is None, outcome.error
    assert outcome.events == list(expected)
    closed = read(data, version, eof=True).closed
    assert closed is not None
    assert closed.cut
    assert not closed.clean


#: errors that the head alone can cause
FOUND_WITH_THE_HEAD = ("bad-content-length", "body-too-large", "body-not-allowed")

every_version = pytest.mark.parametrize("version", VERSIONS)
