"""The target of the parser: any bytes, in any version, under any leniency and limits, cut anywhere.

An input is six bytes of settings and then the stream (see :func:`decoder`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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

__all__ = ["LIMITS", "SIZES", "SWITCHES", "VERSIONS", "decoder"]

VERSIONS = (None, "1.0", "1.1", "1.2")
#: The leniencies in the order of their bits.
#: The switches that have a bit in the input. Those of the conversation alone mean nothing to the parser.
SWITCHES = tuple(
    field.name
    for field in fields(Leniency)
    if field.name not in ("nack_in_1_0", "missing_ack", "late_message_errors", "unchecked_conversation")
)
LIMITS = (
    Limits(),
    Limits(max_command=8, max_header_line=24, max_headers=3, max_head=64, max_body=16),
    Limits(max_head=40, max_body=64, max_unterminated=4),
    Limits(max_header_line=10, max_head=30),
    Limits(max_command=4, max_headers=0, max_body=0),
    # With these, short heads take the fast path.
    Limits(max_header_line=40, max_headers=3, max_head=100, max_body=40),
)

#: Of chunks. A body keeps pieces of 512 bytes and more in another way than smaller ones.
SIZES = (*range(1, 129), *range(144, 2177, 16))
_LIMIT_ERRORS = (
    "command-too-long",
    "header-line-too-long",
    "too-many-headers",
    "head-too-large",
    "body-too-large",
)

Result = Frame | HeartBeat | ConnectionClosed | tuple[str, int | None]


def decoder(data: bytes) -> None:
    """Check that the parser gives the same results in every chunking, keeps its limits, and can give the bytes back.

    Byte 0 picks version (bits 0-1) and whether the stream ends (bit 2); 1 and 2 are a mask of leniencies; 3 picks
    the limits; 4 and 5 pick the sizes that chunks take in turn.
    """
    choices = Choices(data)
    first = choices.byte()
    version, ends = VERSIONS[first & 3], bool(first & 4)
    mask = choices.byte() | choices.byte() << 8
    leniency = Leniency(**{name: bool(mask >> bit & 1) for bit, name in enumerate(SWITCHES)})
    limits = choices.pick(LIMITS)
    sizes = (choices.pick(SIZES), choices.pick(SIZES))
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
    if whole and isinstance(whole[-1], tuple):
        _exceeded_by_this_byte(whole[-1], stream, read)
    unfinished = _raw_is_what_was_received(whole, stream, exact=not leniency.unexpected_body)
    if not any(isinstance(item, tuple) for item in whole):
        assert len(unfinished) <= limits.max_head + limits.max_body, (
            f"{len(unfinished)} bytes are kept in {limits}"
        )
    for frame in whole:
        if isinstance(frame, Frame):
            _written_again(frame)
            _gives_its_bytes(frame)
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


def _exceeded_by_this_byte(
    error: tuple[str, int | None], stream: bytes, read: Callable[[Iterable[bytes]], list[Result]]
) -> None:
    """Check that a limit is exceeded by the byte that the error names, and not by the bytes before it."""
    code, offset = error
    if code not in _LIMIT_ERRORS or offset is None or b"\ncontent-length:" in stream:
        return  # what is announced is known before it comes
    before = read([stream[:offset]] if offset else [])
    assert error not in before, f"{code} at byte {offset}, but already without that byte"
    with_it = read([stream[: offset + 1]])
    assert with_it[-1] == error, f"{code} at byte {offset}, but not with that byte: {with_it[-1]!r}"


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


def _gives_its_bytes(frame: Frame) -> None:
    """Check that a frame which a strict parser accepts as well is written as it was received."""
    raw, version = frame.raw, frame.version
    if raw is None or not version or frame.command in ("CONNECT", "STOMP"):
        return
    strict = FrameParser(version)
    strict.receive_data(raw)
    try:
        same = strict.next_frame() == frame
    except RemoteProtocolError:
        return
    if same:
        wire = frame.to_bytes(version)
        assert wire == raw, f"{raw!r} was received, and {wire!r} is written"


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
