"""Measure time and memory for large and hostile input.

Time must grow in proportion to the size of the input, memory in proportion to what is kept of it.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stomp_core import NEED_DATA, Frame, FrameParser, HeartBeat, RemoteProtocolError

__all__ = ["Cost", "costs", "show_costs"]

MIB = 1024 * 1024
PIECE = 1460
READ = 64 * 1024


@dataclass(frozen=True)
class Cost:
    """Time and memory for one input.

    Attributes:
        what: a description of the input.
        size: of the input, in bytes.
        seconds: for parsing it.
        peak: the highest memory use while parsing, in bytes, without the input itself.
        outcome: what the parser returned or raised.
        slower_than_half: time per byte relative to an input of half the size; about 1 means linear.
    """

    what: str
    size: int
    seconds: float
    peak: int
    outcome: str
    slower_than_half: float


def costs(*, body: int = 64 * MIB) -> list[Cost]:
    """Parse every input, in full size and in half size.

    Args:
        body: size of the large body in bytes; the sizes of the other inputs are in proportion.
    """
    return [
        _cost("a body with content-length", body, _with_length, PIECE),
        _cost("a body without content-length", body, _without_length, PIECE),
        _cost("a body in pieces of 100 bytes", body // 8, _with_length, 100),
        _cost("a header line that never ends", body // 64, _endless_line, PIECE),
        _cost("a head that never ends, in single bytes", body // 64, _endless_line, 1),
        _cost("a body that never ends", 3 * body, _endless_body, PIECE),
        _cost("a content-length of 3 GB", PIECE, _three_gigabytes, PIECE),
        _cost("a flood of end-of-lines", max(body // 64, 8 * READ), _eols, READ),
    ]


def show_costs(results: list[Cost]) -> str:
    """Return a table with one line for each input."""
    width = max(len(cost.what) for cost in results)
    lines = [
        f"  {'':{width}}  {'MiB':>6}  {'s':>7}  {'peak MiB':>8}  {'peak/size':>9}  {'x half':>6}  outcome"
    ]
    lines += [
        f"  {cost.what:{width}}  {cost.size / MIB:6.1f}  {cost.seconds:7.3f}  {cost.peak / MIB:8.1f}  "
        f"{cost.peak / cost.size:9.2f}  {cost.slower_than_half:6.2f}  {cost.outcome}"
        for cost in results
    ]
    return "\n".join(lines)


Source = Callable[[int, int], Iterator[bytes]]


def _cost(what: str, size: int, source: Source, piece: int) -> Cost:
    half = min(_read(source(size // 2, piece))[0] for _ in range(2))
    seconds, outcome = min(_read(source(size, piece)) for _ in range(2))
    tracemalloc.start()
    _read(source(size, piece))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return Cost(what, size, seconds, peak, outcome, seconds / half / 2)


def _read(pieces: Iterator[bytes]) -> tuple[float, str]:
    """Return the seconds that the parser took, without those for making the pieces, and what it returned."""
    parser = FrameParser("1.2")
    items: list[str] = []
    spent = 0.0
    for piece in pieces:
        started = time.process_time()
        try:
            parser.receive_data(piece)
            while (item := parser.next_frame()) is not NEED_DATA:
                items.append(f"body of {len(item.body)}" if isinstance(item, Frame) else _named(item))
        except RemoteProtocolError as error:
            items.append(f"refused: {error.code}")
            break
        finally:
            spent += time.process_time() - started
    heart_beats = items.count("heart-beat")
    others = [entry for entry in items if entry != "heart-beat"]
    if heart_beats:
        others.append(f"{heart_beats} heart-beat events")
    return spent, ", ".join(others) or "more data needed"


def _named(item: object) -> str:
    return "heart-beat" if isinstance(item, HeartBeat) else repr(item)


def _pieces(size: int, piece: int) -> Iterator[bytes]:
    block = bytes(65 + number % 26 for number in range(piece))
    for _ in range(size // piece):
        # A copy, because every read from a socket makes a new object.
        yield bytes(bytearray(block))
    if size % piece:
        yield block[: size % piece]


def _with_length(size: int, piece: int) -> Iterator[bytes]:
    yield b"MESSAGE\ncontent-length:%d\n\n" % size
    yield from _pieces(size, piece)
    yield b"\0\n"


def _without_length(size: int, piece: int) -> Iterator[bytes]:
    yield b"MESSAGE\ndestination:/queue/a\n\n"
    yield from _pieces(size, piece)
    yield b"\0\n"


def _endless_line(size: int, piece: int) -> Iterator[bytes]:
    yield b"MESSAGE\nx:"
    yield from _pieces(size, piece)


def _endless_body(size: int, piece: int) -> Iterator[bytes]:
    yield b"MESSAGE\nx:y\n\n"
    yield from _pieces(size, piece)


def _three_gigabytes(size: int, piece: int) -> Iterator[bytes]:
    yield b"MESSAGE\ncontent-length:3000000000\n\n"
    yield from _pieces(size, piece)


def _eols(size: int, piece: int) -> Iterator[bytes]:
    for _ in range(size // piece):
        yield b"\n" * piece
