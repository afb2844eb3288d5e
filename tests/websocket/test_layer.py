"""Both ends of a WebSocket against each other: what goes in on one side comes out on the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from stomp_core.session import ByteLayer, ByteLayerFactory, Endpoint
from stomp_websocket import WebSocket, WebSocketClient, WebSocketServer

from .play import answer_to

ENDPOINT = Endpoint.parse("ws://broker/ws")
VERSIONS = ("1.0", "1.1", "1.2")
STOMP = [
    b"\n",
    b"SEND\ndestination:/q\n\nhello\0",
    "SEND\ndestination:/q\n\ngrün €\0".encode(),
    b"SEND\ndestination:/q\n\n" + bytes(range(256)) + b"\0",
    b"SEND\n\n" + b"x" * 70_000 + b"\0",
]


def frames_in(data: bytes, *, masked: bool) -> list[Frame]:
    """Return the WebSocket frames in some bytes."""
    reader = StreamReader()
    reader.feed_data(data)

    def parse() -> Iterator[None]:
        while reader.buffer:
            frames.append((yield from Frame.parse(reader.read_exact, mask=masked)))

    frames: list[Frame] = []
    for _ in parse():
        raise AssertionError("a frame is incomplete")
    return frames


def pair(
    client: WebSocket | None = None, server: WebSocket | None = None
) -> tuple[WebSocketClient, WebSocketServer]:
    """Return both ends of an opened WebSocket."""
    ours = (client or WebSocket()).new_layer(ENDPOINT, VERSIONS)
    theirs = WebSocketServer(server)
    assert theirs.receive_data(ours.opening()) == b""
    assert ours.receive_data(theirs.control()) == b""
    assert (ours.opened, theirs.opened, ours.over, theirs.over) == (True, True, None, None)
    return ours, theirs


def test_both_ends_are_byte_layers() -> None:
    factory: ByteLayerFactory = WebSocket()
    layers: list[ByteLayer] = [factory.new_layer(ENDPOINT, VERSIONS), WebSocketServer()]
    assert [(layer.opened, layer.over, layer.login_refused) for layer in layers] == [(False, None, False)] * 2
    assert layers[1].opening() == b""


@pytest.mark.parametrize("compressions", list(product([False, True], repeat=2)))
@pytest.mark.parametrize("text", [None, True, False])
def test_what_is_encoded_comes_out_at_the_other_end(
    compressions: tuple[bool, bool], text: bool | None
) -> None:
    ours, theirs = pair(*(WebSocket(compression=compression, text=text) for compression in compressions))
    for wire in STOMP * 2:
        assert theirs.receive_data(ours.encode(wire)) == wire
        assert ours.receive_data(theirs.encode(wire)) == wire
    assert (ours.control(), theirs.control()) == (b"", b"")


@given(st.lists(st.sampled_from([1, 2, 3, 7, 60, 100, 500, 5000, 100_000]), min_size=1), st.booleans())
def test_any_chunking_gives_the_same(sizes: list[int], compression: bool) -> None:
    """The HTTP answer and what follows it in the same chunk included."""
    options = WebSocket(compression=compression)
    ours, theirs = options.new_layer(ENDPOINT, VERSIONS), WebSocketServer(options)
    theirs.receive_data(ours.opening())
    data = theirs.control() + b"".join(map(theirs.encode, STOMP)) + theirs.close(1012, "soon back")
    received, position = b"", 0
    for size in [*sizes, len(data)]:
        received += ours.receive_data(data[position : position + size])
        position += size
    assert received == b"".join(STOMP)
    assert ours.over == 'the peer closed the WebSocket with code 1012 (service restart), because "soon back"'


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_of_any_kind_are_received(kind: Any) -> None:
    ours, theirs = pair()
    assert ours.receive_data(kind(theirs.encode(b"\n"))) == b"\n"
    assert ours.receive_data(kind(b"")) == b""


# -------------------------------------------------------------------------------- one frame, one message


@pytest.mark.parametrize("wire", STOMP)
def test_a_stomp_frame_is_one_message_that_is_text_if_it_is_utf8(wire: bytes) -> None:
    ours, _ = pair()
    (frame,) = frames_in(ours.encode(wire), masked=True)
    assert (frame.fin, frame.data) == (True, wire)
    assert frame.opcode is (Opcode.BINARY if b"\xff" in wire else Opcode.TEXT)


def test_everything_may_be_sent_as_text_or_as_binary() -> None:
    for text, opcode in ((True, Opcode.TEXT), (False, Opcode.BINARY)):
        ours, _ = pair(WebSocket(text=text))
        for wire in STOMP:
            (frame,) = frames_in(ours.encode(wire), masked=True)
            assert frame.opcode is opcode


def test_a_server_does_not_mask() -> None:
    _, theirs = pair()
    assert theirs.encode(b"\n") == b"\x81\x01\n"


def test_every_frame_of_a_client_has_a_mask_of_its_own() -> None:
    ours, _ = pair()
    assert len({ours.encode(b"SEND\n\n\0")[2:6] for _ in range(50)}) == 50


def test_a_large_frame_is_split_into_messages_if_asked() -> None:
    ours, theirs = pair(WebSocket(message_size=1024))
    texts = ["x" * 5000, "€" * 2000, "xx" + "€" * 2000, "x" + "ü" * 3000]
    for body in (*(text.encode() for text in texts), b"\xff" * 5000, b"\x80" * 5000):
        wire = b"SEND\n\n" + body + b"\0"
        encoded = ours.encode(wire)
        frames = frames_in(encoded, masked=True)
        assert len(frames) > 4
        assert all(frame.fin and len(frame.data) <= 1024 for frame in frames)
        assert b"".join(frame.data for frame in frames) == wire
        for frame in frames:
            if frame.opcode is Opcode.TEXT:
                bytes(frame.data).decode()
        assert theirs.receive_data(encoded) == wire
    (frame,) = frames_in(ours.encode(b"x" * 1024), masked=True)
    assert frame.opcode is Opcode.TEXT
    assert [len(frame.data) for frame in frames_in(ours.encode(b"x" * 1025), masked=True)] == [1024, 1]


@pytest.mark.parametrize(
    "body", [b"\x80" * 5000, b"x" * 1016 + b"\x80" * 5000, b"\xe2\x82\xac" * 2000 + b"\xff"]
)
def test_what_is_no_utf_8_is_split_too_where_everything_is_sent_as_text(body: bytes) -> None:
    """There may be no end of a character to split at. Splitting once never ended."""
    ours, _ = pair(WebSocket(message_size=1024, text=True))
    wire = b"SEND\n\n" + body + b"\0"
    frames = frames_in(ours.encode(wire), masked=True)
    assert all(frame.opcode is Opcode.TEXT and 1020 < len(frame.data) <= 1024 for frame in frames[:-1])
    assert b"".join(frame.data for frame in frames) == wire


def test_compressed_frames_do_not_depend_on_each_other() -> None:
    """What is encoded may never be written: a frame that is withdrawn must not be missed by the next one."""
    both = WebSocket(compression=True)
    ours, theirs = pair(both, both)
    wires = [b"SEND\n\n" + bytes([65 + number]) * 300 + b"\0" for number in range(6)]
    encoded = [ours.encode(wire) for wire in wires]
    assert len(encoded[0]) < 100
    assert [theirs.receive_data(encoded[number]) for number in (4, 1, 5)] == [wires[4], wires[1], wires[5]]
    encoded = [theirs.encode(wire) for wire in wires]
    assert [ours.receive_data(encoded[number]) for number in (3, 0)] == [wires[3], wires[0]]


def test_a_server_that_keeps_its_window_is_understood() -> None:
    """Only our own side must not: a broker's messages may be compressed with what came before."""
    from websockets.extensions.permessage_deflate import PerMessageDeflate

    ours = WebSocket(compression=True).new_layer(ENDPOINT, VERSIONS)
    answer = answer_to(
        ours.opening(), "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover"
    )
    ours.receive_data(answer)
    extension = PerMessageDeflate(
        remote_no_context_takeover=True,
        local_no_context_takeover=False,
        remote_max_window_bits=15,
        local_max_window_bits=15,
    )
    sizes = []
    for _ in range(3):
        wire = Frame(Opcode.TEXT, bytes(range(32, 127)) * 3).serialize(mask=False, extensions=[extension])
        sizes.append(len(wire))
        assert ours.receive_data(wire) == bytes(range(32, 127)) * 3
    assert sizes[1] < sizes[0] / 3


# -------------------------------------------------------------------------------- what a peer may send


def wire(opcode: Any, data: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=False)


def test_fragments_are_passed_on_as_they_come() -> None:
    ours, _ = pair()
    assert ours.receive_data(wire(Opcode.TEXT, b"SEND", fin=False)) == b"SEND"
    assert ours.receive_data(wire(Opcode.PING, b"still there?")) == b""
    assert ours.receive_data(wire(Opcode.CONT, b"\n\nhal", fin=False)) == b"\n\nhal"
    assert ours.receive_data(wire(Opcode.CONT, b"f\0")) == b"f\0"
    assert ours.receive_data(wire(Opcode.BINARY, b"\n")) == b"\n"
    (pong,) = frames_in(ours.control(), masked=True)
    assert (pong.opcode, pong.data) == (Opcode.PONG, b"still there?")


def test_several_messages_in_a_chunk_come_out_together() -> None:
    ours, _ = pair()
    chunk = (
        wire(Opcode.TEXT, b"a\0b")
        + wire(Opcode.BINARY, b"\0\n")
        + wire(Opcode.TEXT, b"")
        + wire(Opcode.TEXT, b"c")
    )
    assert ours.receive_data(chunk) == b"a\0b\0\nc"


def test_text_that_is_not_utf8_is_tolerated() -> None:
    """RabbitMQ sends every body as text. To close with 1007, as RFC 6455 wants, would lose the connection."""
    ours, _ = pair()
    assert ours.receive_data(wire(Opcode.TEXT, bytes(range(256)))) == bytes(range(256))
    assert ours.over is None


def test_of_many_pings_in_a_chunk_only_the_last_is_answered() -> None:
    ours, theirs = pair()
    for layer, masked in ((ours, False), (theirs, True)):
        pings = b"".join(Frame(Opcode.PING, b"%d" % number).serialize(mask=masked) for number in range(1000))
        assert layer.receive_data(pings) == b""
        (pong,) = frames_in(layer.control(), masked=not masked)
        assert (pong.opcode, pong.data) == (Opcode.PONG, b"999")
        assert layer.control() == b""


def test_a_pong_that_nobody_asked_for_means_nothing() -> None:
    ours, _ = pair()
    assert ours.receive_data(wire(Opcode.PONG, b"x")) == b""
    assert (ours.over, ours.control()) == (None, b"")


# -------------------------------------------------------------------------------- the end


def test_a_close_is_answered_and_explained() -> None:
    for code, meaning in (
        (1000, "ok"),
        (1001, "going away"),
        (1008, "policy violation"),
        (1013, "try again later"),
        (3000, "registered"),
        (4001, "private use"),
    ):
        ours, theirs = pair()
        assert ours.receive_data(theirs.encode(b"\n") + theirs.close(code, "all\nover")) == b"\n"
        assert ours.over == f'the peer closed the WebSocket with code {code} ({meaning}), because "all"'
        (close,) = frames_in(answer := ours.control(), masked=True)
        assert close.opcode is Opcode.CLOSE
        theirs.receive_data(answer)
        assert theirs.over == f'the peer closed the WebSocket with code {code} ({meaning}), because "all"'


def test_a_close_without_a_code_is_no_violation() -> None:
    ours, _ = pair()
    ours.receive_data(wire(Opcode.CLOSE, b""))
    assert ours.over == "the peer closed the WebSocket without a code"


def test_after_our_close_nothing_is_encoded() -> None:
    ours, theirs = pair()
    (close,) = frames_in(ours.close(), masked=True)
    assert (close.opcode, close.data) == (Opcode.CLOSE, b"\x03\xe8")
    assert (ours.close(), ours.encode(b"\n")) == (b"", b"")
    # What the peer sent before it has read our Close still counts.
    assert ours.receive_data(theirs.encode(b"late")) == b"late"


def test_before_it_is_opened_there_is_nothing_to_close_or_encode() -> None:
    for layer in (WebSocket().new_layer(ENDPOINT, VERSIONS), WebSocketServer()):
        assert (layer.close(), layer.encode(b"\n"), layer.control()) == (b"", b"", b"")


def test_an_end_without_close_is_1006() -> None:
    for layer in pair():
        layer.receive_eof()
        assert layer.over == "the WebSocket ended without a Close frame (1006, abnormal closure)"
        layer.receive_eof()
        assert layer.receive_data(b"late") == b""
        assert layer.encode(b"\n") == b""


@pytest.mark.parametrize(
    ("broken", "sentence", "code"),
    [
        (
            b"\x81\x81\x01\x02\x03\x04\x79",  # masked, as only a client does
            "the peer broke the WebSocket protocol: incorrect masking",
            1002,
        ),
        (b"\x83\x00", "the peer broke the WebSocket protocol: invalid opcode", 1002),
        (b"\xc1\x01x", "the peer broke the WebSocket protocol: reserved bits must be 0", 1002),
        (b"\x80\x00", "the peer broke the WebSocket protocol: unexpected continuation frame", 1002),
        (b"\x01\x00\x81\x00", "the peer broke the WebSocket protocol: expected a continuation frame", 1002),
        (b"\x09\x00", "the peer broke the WebSocket protocol: fragmented control frame", 1002),
        (b"\x88\x01\x03", "the peer broke the WebSocket protocol: close frame too short", 1002),
        (b"\x88\x02\x03\xed", "the peer broke the WebSocket protocol: invalid status code", 1002),
        (b"\x88\x03\x03\xe8\xff", "the peer broke the WebSocket protocol: 'utf-8' codec", 1007),
    ],
)
def test_a_violation_ends_it_and_is_answered_with_close(broken: bytes, sentence: str, code: int) -> None:
    ours, theirs = pair()
    assert ours.receive_data(theirs.encode(b"before") + broken + theirs.encode(b"behind")) == b"before"
    assert ours.over is not None
    assert ours.over.startswith(sentence)
    assert f"(closed with code {code})" in ours.over
    (close,) = frames_in(ours.control(), masked=True)
    assert bytes(close.data[:2]) == code.to_bytes(2, "big")
    assert ours.receive_data(theirs.encode(b"later")) == b""


def test_a_server_refuses_what_is_not_masked() -> None:
    _, theirs = pair()
    theirs.receive_data(wire(Opcode.TEXT, b"x"))
    assert theirs.over == "the peer broke the WebSocket protocol: incorrect masking (closed with code 1002)"


# -------------------------------------------------------------------------------- a server that reads whole messages


def message_server(refuse: bytes = b"bad") -> tuple[WebSocketServer, list[tuple[bytes, bool]]]:
    """Return an opened server that reads whole messages, and the list of these."""
    messages: list[tuple[bytes, bool]] = []

    def read(message: bytes, is_text: bool) -> bytes | tuple[int, str]:
        messages.append((message, is_text))
        return (1003, "not that") if message == refuse else message

    server = WebSocketServer(WebSocket(max_size=1024), read_message=read)
    server.receive_data(WebSocket().new_layer(ENDPOINT, VERSIONS).opening())
    server.control()
    return server, messages


def from_client(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


def test_a_server_may_read_whole_messages() -> None:
    server, messages = message_server()
    assert server.receive_data(from_client(Opcode.TEXT, b"one")) == b"one"
    assert server.receive_data(from_client(Opcode.BINARY, b"tw", fin=False)) == b""
    assert server.receive_data(from_client(Opcode.CONT, b"o")) == b"two"
    assert messages == [(b"one", True), (b"two", False)]


def test_the_limit_is_that_of_the_whole_message() -> None:
    server, messages = message_server()
    assert server.receive_data(from_client(Opcode.TEXT, b"x" * 1024)) == b"x" * 1024
    server.receive_data(
        from_client(Opcode.TEXT, b"x" * 1000, fin=False) + from_client(Opcode.CONT, b"x" * 25)
    )
    assert server.over == "a message was refused with code 1009: more than 1024 bytes in a message"
    assert len(messages) == 1


def test_a_message_that_is_refused_is_the_last() -> None:
    server, messages = message_server()
    wire = from_client(Opcode.TEXT, b"bad") + from_client(Opcode.TEXT, b"good")
    assert server.receive_data(wire) == b""
    assert server.over == "a message was refused with code 1003: not that"
    assert messages == [(b"bad", True)]
    (close,) = frames_in(server.control(), masked=False)
    assert (close.opcode, bytes(close.data)) == (Opcode.CLOSE, b"\x03\xebnot that")
