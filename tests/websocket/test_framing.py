"""The fast way through frames gives what websockets gives."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import WebSocketURI

from stomp_core.session import Endpoint
from stomp_websocket import WebSocket, WebSocketClient, WebSocketServer

from .play import answer_to


def client() -> WebSocketClient:
    layer = WebSocket().new_layer(Endpoint.parse("ws://broker/ws"), ["1.2"])
    layer.receive_data(answer_to(layer.opening()))
    return layer


def server() -> WebSocketServer:
    layer = WebSocketServer()
    layer.receive_data(WebSocket().new_layer(Endpoint.parse("ws://broker/ws"), ["1.2"]).opening())
    layer.control()
    return layer


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
@pytest.mark.parametrize("kind", [b"a", b"\xff"])
def test_frames_are_written_as_websockets_writes_them(size: int, kind: bytes) -> None:
    payload = kind * size
    plain = Frame(Opcode.BINARY if b"\xff" in payload else Opcode.TEXT, payload).serialize(mask=False)
    assert server().encode(payload) == plain
    masked = client().encode(payload)
    assert (masked[0], masked[1], len(masked)) == (plain[0], plain[1] | 0x80, len(plain) + 4)
    assert server().receive_data(masked) == payload


#: Frames of any kind, the wrong ones included: the opcode, the size, whether it is the last of its message.
_FRAMES = st.lists(
    st.tuples(
        st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CONT, Opcode.PING]),
        st.sampled_from([0, 1, 3, 125, 126, 500, 70_000]),
        st.booleans(),
    ),
    max_size=6,
)


def _serialized(opcode: Any, payload: bytes, *, fin: bool, mask: bool) -> bytes:
    """Return a frame, which may be one that Frame refuses: a control frame that is long or a fragment."""
    wire = bytearray(Frame(Opcode.BINARY, payload).serialize(mask=mask))
    wire[0] = (0x80 if fin else 0) | opcode
    return bytes(wire)


def _expected(frames: list[tuple[Any, int, bool]]) -> tuple[bytes, bool]:
    """Return what RFC 6455, sections 5.4 and 5.5, makes of frames, and whether one of them is a violation."""
    received, fragmented = b"", False
    for number, (opcode, size, fin) in enumerate(frames):
        if opcode is Opcode.PING:
            if size > 125 or not fin:
                return received, True
            continue
        if (opcode is Opcode.CONT) is not fragmented:
            return received, True
        fragmented = not fin
        received += bytes([65 + number]) * size
    return received, False


@given(_FRAMES, st.booleans(), st.sampled_from([1, 2, 7, 1000, 1_000_000]))
def test_any_row_of_frames_is_read_as_the_rfc_wants(
    frames: list[tuple[Any, int, bool]], from_client: bool, chunk: int
) -> None:
    wire = b"".join(
        _serialized(opcode, bytes([65 + number]) * size, fin=fin, mask=from_client)
        for number, (opcode, size, fin) in enumerate(frames)
    )
    layer = server() if from_client else client()
    received = b""
    for position in range(0, min(len(wire), 2000), chunk):
        received += layer.receive_data(wire[position : min(position + chunk, 2000)])
    received += layer.receive_data(wire[2000:])
    assert (received, layer.over is not None) == _expected(frames)


@given(
    _FRAMES,
    st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=3),
    st.sampled_from([1, 5, 900]),
)
def test_broken_bytes_are_read_as_websockets_reads_them(
    frames: list[tuple[Any, int, bool]], changes: list[tuple[int, int]], chunk: int
) -> None:
    """With any bytes changed, the payloads before a violation are the same, and nothing else is refused."""
    wire = bytearray(
        b"".join(
            _serialized(opcode, bytes([65 + number]) * min(size, 200), fin=fin, mask=False)
            for number, (opcode, size, fin) in enumerate(frames)
        )
    )
    for position, value in changes:
        if position < len(wire):
            wire[position] = value
    uri = WebSocketURI(False, "broker", 80, "/ws", "")
    reference = ClientProtocol(uri, state=State.OPEN, max_size=(None, 10_000))
    reference.receive_data(bytes(wire))
    expected = b"".join(
        event.data
        for event in reference.events_received()
        if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
    )
    layer = WebSocket(max_size=10_000).new_layer(Endpoint.parse("ws://broker/ws"), ["1.2"])
    layer.receive_data(answer_to(layer.opening()))
    received = b""
    for position in range(0, len(wire), chunk):
        received += layer.receive_data(bytes(wire[position : position + chunk]))
    assert received == expected
    if layer.over is not None:
        assert reference.parser_exc is not None or reference.close_rcvd is not None


@given(st.integers(0, 2**32), st.booleans())
def test_garbage_raises_nothing(seed: int, from_client: bool) -> None:
    rng = random.Random(seed)
    layer = server() if from_client else client()
    for _ in range(5):
        layer.receive_data(rng.randbytes(rng.choice([1, 5, 50, 500])))
        layer.control()
    layer.receive_eof()
    assert layer.over is not None
