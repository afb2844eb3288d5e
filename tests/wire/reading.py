"""How every test of the parser feeds it: whole, byte by byte, cut anywhere, and with a second frame behind.

Whole, a frame is read by one expression; byte by byte, line by line. The two must agree, so the tests never say
which of them they mean.
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
#: a frame, as far as the wire tells
Read = tuple[str, list[tuple[str, str]], bytes]

VERSIONS = ("1.0", "1.1", "1.2")
#: what may be behind the bytes of a test; every version reads it alike
BEHIND = b"RECEIPT\nreceipt-id:behind\n\n\0"
READ_BEHIND: Read = ("RECEIPT", [("receipt-id", "behind")], b"")


def frame(command: str, headers: Pairs = (), body: bytes = b"") -> Read:
    """What a test expects to read."""
    return command, list(headers), body


@dataclass
class Outcome:
    """All that a parser said about some bytes."""

    frames: list[Frame] = field(default_factory=list)
    #: frames and heart-beats in order; neighbouring heart-beats are one, since their number depends on the chunks
    said: list[Read | HeartBeat] = field(default_factory=list)
    closed: ConnectionClosed | None = None
    error: RemoteProtocolError | None = None

    @property
    def comparable(self) -> object:
        """What no chunking may change, the very bytes of frames and the sentences of errors included."""
        error = None if self.error is None else (self.error.code, self.error.offset, str(self.error))
        closed = None if self.closed is None else (self.closed, self.closed.reason)
        return self.said, [(one.raw, _to_bytes(one)) for one in self.frames], closed, error


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
    """Feed the chunks; ask after each one, or, ``queued``, after the last one only."""
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
        assert outcome.closed is None, "something was said after the end of the stream"
        if isinstance(item, Frame):
            outcome.frames.append(item)
            outcome.said.append((item.command, item.headers.items(), item.body))
        elif isinstance(item, HeartBeat):
            assert item.count > 0
            last = outcome.said[-1] if outcome.said else None
            if isinstance(last, HeartBeat):
                outcome.said[-1] = HeartBeat(last.count + item.count)
            else:
                outcome.said.append(item)
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
    """What these bytes mean, in whatever pieces they come."""
    end = [b""] if eof else []
    first = None
    for how, chunks in chunkings(data):
        outcome = feed([*chunks, *end], version, leniency=leniency, limits=limits, queued=how == "queued")
        if first is None:
            first = outcome
        assert outcome.comparable == first.comparable, f"it depends on the chunks: {how}"
    assert first is not None
    return first


def assert_reads(
    data: bytes,
    *expected: Read | HeartBeat,
    version: str | None = "1.2",
    leniency: Leniency | None = None,
    limits: Limits | None = None,
) -> Outcome:
    """These bytes mean exactly this, whatever their pieces and whatever comes behind them."""
    outcome = read(data, version, leniency=leniency, limits=limits)
    assert outcome.error is None, outcome.error
    assert outcome.said == list(expected)
    # Under limits that may be tight, only another of the same kind is sure to be within them.
    second, read_second = (BEHIND, [READ_BEHIND]) if limits is None else (data, list(expected))
    behind = read(data + second, version, leniency=leniency, limits=limits)
    assert behind.error is None, behind.error
    assert behind.said == [*expected, *read_second], "the end of the frame moved"
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
    """These bytes mean ``expected``, then this error; nothing before ``offset`` gave reason to complain."""
    outcome = read(data, version, leniency=leniency, limits=limits)
    assert outcome.error is not None, f"accepted: {outcome.said}"
    assert (outcome.error.code, outcome.error.offset) == (code, offset), str(outcome.error)
    assert outcome.said == list(expected)
    assert f"byte {offset} of the stream" in str(outcome.error)
    behind = read(data + BEHIND, version, leniency=leniency, limits=limits)
    assert behind.comparable == outcome.comparable
    # What a head announces is judged with its last byte, and the first one of the body is blamed.
    innocent = offset - 1 if code in JUDGED_WITH_THE_HEAD and data[:offset].endswith(b"\n") else offset
    assert read(data[:innocent], version, leniency=leniency, limits=limits).error is None
    return outcome.error


def assert_waits(data: bytes, *expected: Read | HeartBeat, version: str | None = "1.2") -> None:
    """These bytes mean ``expected``, and are not yet all of something else."""
    outcome = read(data, version)
    assert outcome.error is None, outcome.error
    assert outcome.said == list(expected)
    closed = read(data, version, eof=True).closed
    assert closed is not None
    assert closed.cut
    assert not closed.clean


#: errors that the head alone can bring about
JUDGED_WITH_THE_HEAD = ("bad-content-length", "body-too-large", "body-not-allowed")

every_version = pytest.mark.parametrize("version", VERSIONS)
