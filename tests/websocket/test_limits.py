"""What a hostile peer can make us remember: memory is bounded by one WebSocket frame and one STOMP frame."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from websockets.frames import Frame, Opcode

from stomp_core import Limits
from stomp_core.session import Endpoint
from stomp_websocket import WebSocket, WebSocketClient

from .play import WebSocketPlay, answer_to

_MIB = 1024 * 1024


@contextmanager
def memory_below(size: int) -> Iterator[None]:
    """Fail if the block takes more memory than this at any time."""
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        yield
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < size, f"{peak} bytes"


def opened(options: WebSocket, *lines: str) -> WebSocketClient:
    layer = options.new_layer(Endpoint.parse("ws://broker/ws"), ["1.2"])
    layer.receive_data(answer_to(layer.opening(), *lines))
    assert layer.opened
    return layer


def test_a_frame_of_a_terabyte_is_refused_at_its_head() -> None:
    layer = opened(WebSocket())
    with memory_below(_MIB):
        assert layer.receive_data(b"\x82\x7f" + (1 << 40).to_bytes(8, "big") + b"x" * 1000) == b""
    assert layer.over is not None
    assert layer.over.startswith("a WebSocket frame is too large: ")
    assert layer.over.endswith("(closed with code 1009): a larger one needs WebSocket(max_size=...)")


def test_a_frame_may_be_as_large_as_the_limit() -> None:
    layer = opened(WebSocket(max_size=5000))
    assert layer.receive_data(Frame(Opcode.BINARY, b"x" * 5000).serialize(mask=False)) == b"x" * 5000
    assert layer.receive_data(Frame(Opcode.BINARY, b"x" * 5001).serialize(mask=False)) == b""
    assert layer.over is not None


@pytest.mark.parametrize("fragments", [1, 3])
def test_a_bomb_of_compressed_zeros_costs_what_the_limit_allows(fragments: int) -> None:
    layer = opened(
        WebSocket(compression=True, max_size=4 * _MIB),
        "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover",
    )
    compressor = zlib.compressobj(9, wbits=-15)
    bomb = compressor.compress(bytes(64 * _MIB)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert len(bomb) < _MIB
    cuts = [len(bomb) * number // fragments for number in range(fragments + 1)]
    wire = b"".join(
        Frame(
            Opcode.CONT if number else Opcode.BINARY,
            bomb[cuts[number] : cuts[number + 1]],
            number == fragments - 1,
            not number,
        ).serialize(mask=False, extensions=[])
        if number
        else _compressed(bomb[: cuts[1]], fin=fragments == 1)
        for number in range(fragments)
    )
    with memory_below(12 * _MIB):
        assert layer.receive_data(wire) == b""
    assert layer.over is not None
    assert layer.over.startswith("a WebSocket frame is too large: ")


def _compressed(data: bytes, *, fin: bool) -> bytes:
    """Return the first frame of a compressed message: RSV1 is set, which Frame refuses without the extension."""
    head = (0xC2 if fin else 0x42).to_bytes(1, "big")
    return head + b"\x7f" + len(data).to_bytes(8, "big") + data


def test_a_message_that_never_ends_costs_what_stomp_allows() -> None:
    """Continuation frames are not assembled: the limits of STOMP's parser hold."""
    play = WebSocketPlay(limits=Limits(max_body=_MIB))
    play.connected()
    head = b"MESSAGE\ndestination:/q\nmessage-id:1\nsubscription:1\n\n"
    play.session.receive_data(Frame(Opcode.TEXT, head, False).serialize(mask=False), play.now)
    fragment = Frame(Opcode.CONT, b"x" * 65_000, False).serialize(mask=False)
    with memory_below(4 * _MIB):
        for _ in range(200):
            play.session.receive_data(fragment, play.now)
    assert play.session.want_close
    assert play.session.connected is None


def test_empty_fragments_cost_nothing() -> None:
    layer = opened(WebSocket())
    layer.receive_data(Frame(Opcode.TEXT, b"", False).serialize(mask=False))
    chunk = Frame(Opcode.CONT, b"", False).serialize(mask=False) * 2000
    with memory_below(2 * _MIB):
        for _ in range(5):
            assert layer.receive_data(chunk) == b""
    assert layer.over is None


def test_a_flood_of_pings_costs_one_pong_while_nothing_is_written() -> None:
    play = WebSocketPlay()
    play.connected()
    play.send("/queue/a", "waits")
    waiting = play.session.size_to_send
    chunk = b"".join(Frame(Opcode.PING, b"%0125d" % number).serialize(mask=False) for number in range(100))
    with memory_below(2 * _MIB):
        for _ in range(20):
            play.session.receive_data(chunk, play.now)
            assert play.session.size_to_send <= waiting + 200
    data = bytes(play.session.data_to_send())
    assert data[0] == 0x8A, "the Pong is before the frame that had not begun to leave"
    assert play.web.receive_data(data).startswith(b"SEND\n")


def test_many_small_bombs_in_one_read_do_not_add_up() -> None:
    """Each is below ``max_size``, but a read of 256 KiB has more than 200 MiB of them."""
    play = WebSocketPlay(
        websocket=WebSocket(compression=True, max_size=_MIB),
        server_options=WebSocket(compression=True),
    )
    play.connected()
    compressor = zlib.compressobj(9, wbits=-15)
    bomb = compressor.compress(b"\n" * _MIB) + compressor.flush(zlib.Z_FULL_FLUSH)
    read = _compressed(bomb.removesuffix(b"\0\0\xff\xff"), fin=True) * 60
    with memory_below(20 * _MIB):
        play.session.receive_data(read, play.now)
    assert play.session.connected is not None
