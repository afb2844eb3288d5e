"""The target of the parser: any bytes, in any version, under any leniency and limits, cut anywhere.

An input is six bytes of settings and then the stream (see :func:`decoder`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields

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

from . import reference
from .choices import Choices

__all__ = ["LIMITS", "SWITCHES", "VERSIONS", "decoder"]

VERSIONS = (None, "1.0", "1.1", "1.2")
#: The leniencies in the order of their bits.
#: The switches that have a bit in the input. Those of the conversation alone mean nothing to the parser.
SWITCHES = tuple(
    field.name
    for field in fields(Leniency)
    if field.name not in ("nack_in_1_0", "late_message_errors", "unchecked_conversation")
)
LIMITS = (
    Limits(),
    Limits(max_command=8, max_header_line=24, max_headers=3, max_head=64, max_body=16),
    Limits(max_head=40, max_body=64, max_unterminated=4),
    Limits(max_header_line=10, max_head=30),
    Limits(max_command=4, max_headers=0, max_body=0),
)

Result = Frame | HeartBeat | ConnectionClosed | tuple[str, int | None]


def decoder(data: bytes) -> None:
    """Check that the parser gives the same results in every chunking, keeps its limits, and can give the bytes back.

    Byte 0 picks version (bits 0-1) and whether the stream ends (bit 2); 1 and 2 are a mask of leniencies; 3 picks
    the limits; 4 and 5 are the sizes that chunks take in turn, less one.
    """
    choices = Choices(data)
    first = choices.byte()
    version, ends = VERSIONS[first & 3], bool(first & 4)
    mask = choices.byte() | choices.byte() << 8
    leniency = Leniency(**{name: bool(mask >> bit & 1) for bit, name in enumerate(SWITCHES)})
    limits = choices.pick(LIMITS)
    sizes = (choices.byte() + 1, choices.byte() + 1)
    stream = choices.rest()

    def read(chunks: Iterable[bytes]) -> list[Result]:
        parser = FrameParser(version, limits=limits, leniency=leniency)
        return _read(parser, chunks, ends)

    whole = read([stream] if stream else [])
    for frame in whole:
        if isinstance(frame, Frame):
            _headers_agree(frame)
    in_chunks = read(_cut(stream, sizes))
    assert in_chunks == whole, f"in chunks of {sizes}: {in_chunks!r}, whole: {whole!r}"
    by_bytes = read(_cut(stream, (1, 1)))
    assert by_bytes == whole, f"byte by byte: {by_bytes!r}, whole: {whole!r}"

    _limits_kept(whole, limits)
    unfinished = _raw_is_what_was_received(whole, stream, exact=not leniency.unexpected_body)
    if not any(isinstance(item, tuple) for item in whole):
        assert len(unfinished) <= limits.max_head + limits.max_body, (
            f"{len(unfinished)} bytes are kept in {limits}"
        )
    for frame in whole:
        if isinstance(frame, Frame):
            _written_again(frame)
    if not mask and limits == Limits() and len(stream) < limits.max_header_line:
        _as_the_reference(whole, stream, version)


def _cut(stream: bytes, sizes: tuple[int, int]) -> Iterator[bytes]:
    pos, turn = 0, 0
    while pos < len(stream):
        yield stream[pos : pos + sizes[turn]]
        pos += sizes[turn]
        turn = 1 - turn


def _read(parser: FrameParser, chunks: Iterable[bytes], ends: bool) -> list[Result]:
    results: list[Result] = []
    for chunk in [*chunks, *([b""] if ends else [])]:
        parser.receive_data(chunk)
        try:
            while (item := parser.next_frame()) is not NEED_DATA:
                before = results[-1] if results else None
                if isinstance(item, HeartBeat) and isinstance(before, HeartBeat):
                    # One run in several chunks.
                    results[-1] = HeartBeat(before.count + item.count)
                else:
                    results.append(item)
        except RemoteProtocolError as error:
            _stays_in_error(parser, error)
            return [*results, (error.code, error.offset)]
    assert parser.next_frame() is NEED_DATA, "something is returned twice"
    return results


def _stays_in_error(parser: FrameParser, error: RemoteProtocolError) -> None:
    for _ in range(2):
        try:
            after: object = parser.next_frame()
        except RemoteProtocolError as again:
            after = again.code
        assert after == error.code, f"{after!r} after {error!r}"
        parser.receive_data(b"RECEIPT\nreceipt-id:1\n\n\0")


def _headers_agree(frame: Frame) -> None:
    """Check that headers give the same answers by search, by index and from the list of pairs."""
    headers = frame.headers
    pairs = headers.items()
    for name in dict.fromkeys(name for name, _ in pairs):
        values = [value for key, value in pairs if key == name]
        # After a few look-ups headers change from searching to an index.
        for _ in range(8):
            assert headers.get(name) == values[0], f"{name!r} in {headers!r}"
        assert headers.get_all(name) == values
    absent = max(headers, key=len, default="") + "x"
    assert absent not in headers
    assert headers.get(absent) is None


def _limits_kept(results: list[Result], limits: Limits) -> None:
    for item in results:
        if isinstance(item, Frame):
            assert len(item.body) <= limits.max_body
            assert len(item.headers) <= limits.max_headers
            if item.raw is not None:
                head = item.raw[: len(item.raw) - 1 - len(item.body)]
                assert len(head) <= limits.max_head
                lines = head.split(b"\n")
                assert len(lines[0]) <= limits.max_command
                assert all(len(line) <= limits.max_header_line for line in lines[1:])
            if "content-length" not in item.headers and limits.max_unterminated is not None:
                assert len(item.body) <= limits.max_unterminated


def _raw_is_what_was_received(results: list[Result], stream: bytes, *, exact: bool) -> bytes:
    """Check that the bytes of the frames, and what may be between frames, are the stream; return the unread rest."""
    pos = 0
    for item in results:
        if not isinstance(item, Frame):
            continue
        raw = item.raw
        if raw is None:
            assert not exact, f"{item!r} has no raw bytes"
            continue
        if exact:
            while stream[pos : pos + 1] in (b"\r", b"\n", b"\0"):
                pos += 1
            assert stream.startswith(raw, pos), f"{raw!r} was not at byte {pos}"
        else:
            pos = stream.find(raw, pos)
            assert pos >= 0, f"{raw!r} was not received"
        pos += len(raw)
    return stream[pos:].lstrip(b"\r\n\0") if exact else b""


def _written_again(frame: Frame) -> None:
    """Check that what was read can be written in every version that can carry it, and means the same there."""
    for version in ("1.0", "1.1", "1.2"):
        try:
            wire = frame.to_bytes(version)
        except LocalProtocolError:
            continue
        parser = FrameParser(version)
        parser.receive_data(wire)
        again = parser.next_frame()
        assert again == frame, f"{frame!r} was written as {wire!r}, which is {again!r}"
        assert parser.next_frame() is NEED_DATA


def _as_the_reference(results: list[Result], stream: bytes, version: str | None) -> None:
    expected, refused = reference.read(stream, version)
    items: list[reference.Item] = []
    for item in results:
        if isinstance(item, Frame):
            items.append((item.command, item.headers.items(), item.body))
        elif isinstance(item, HeartBeat):
            items.append(item.count)
    assert items == expected, f"{items!r} instead of {expected!r}"
    assert refused == any(isinstance(item, tuple) for item in results), (
        f"refused: {refused}, results: {results!r}"
    )
