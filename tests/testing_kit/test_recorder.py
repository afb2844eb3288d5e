"""Recorder: what both sides have sent, as frames."""

from __future__ import annotations

import pytest

from stomp_core import Frame, HeartBeat
from stomp_testing import Note, Record, Recorder

CONNECT = b"CONNECT\naccept-version:1.2\nlogin:me\npasscode:secret\n\n\0"
CONNECTED = b"CONNECTED\nversion:1.2\n\n\0\n"


def test_records_have_a_connection_and_a_direction() -> None:
    recorder = Recorder()
    recorder.note(1, "to-server", CONNECT, at=0.0)
    recorder.note(2, "to-server", CONNECT, at=0.5)
    recorder.note(1, "to-client", CONNECTED, at=1.0)
    assert [(record.connection, record.direction) for record in recorder.records] == [
        (1, "to-server"),
        (2, "to-server"),
        (1, "to-client"),
    ]
    assert [frame.command for frame in recorder.frames(direction="to-client")] == ["CONNECTED"]
    assert len(recorder.frames("CONNECT")) == 2


def test_a_frame_in_pieces_is_recorded_when_complete() -> None:
    recorder = Recorder()
    for byte in CONNECT:
        assert recorder.records == []
        recorder.note(1, "to-server", bytes([byte]))
    assert [frame.command for frame in recorder.frames()] == ["CONNECT"]


BEHIND = b"SEND\ndestination:/queue/a\nx:a\\cb\n\n\0"


@pytest.mark.parametrize(("version", "value"), [("1.2", "a:b"), ("1.0", r"a\cb")])
def test_frames_are_parsed_in_the_negotiated_version(version: str, value: str) -> None:
    recorder = Recorder()
    recorder.note(1, "to-server", CONNECT)
    recorder.note(1, "to-client", f"CONNECTED\nversion:{version}\n\n\0".encode())
    recorder.note(1, "to-server", BEHIND)
    recorder.note(1, "to-client", BEHIND.replace(b"SEND", b"MESSAGE"))
    assert [frame.headers["x"] for frame in recorder.frames()[2:]] == [value, value]


@pytest.mark.parametrize(
    ("offer", "value"),
    [(b"accept-version:1.0,1.2,1.1\n", "a:b"), (b"", r"a\cb"), (b"accept-version:9\n", None)],
)
def test_frames_directly_behind_connect_are_recorded_at_once(offer: bytes, value: str | None) -> None:
    """In the highest version that is offered. The server may never answer, or refuse the connection."""
    recorder = Recorder()
    recorder.note(1, "to-server", b"CONNECT\n" + offer + b"\n\0" + BEHIND, at=1.0)
    _, send = recorder.records
    assert isinstance(send.what, Frame)
    assert send.what.raw == BEHIND
    if value is not None:
        assert send.what.headers["x"] == value
    assert send.at == 1.0
    recorder.note(1, "to-client", b"ERROR\nmessage:no\n\n\0")
    assert [frame.command for frame in recorder.frames()] == ["CONNECT", "SEND", "ERROR"]


@pytest.mark.parametrize("cut", range(len(BEHIND)))
def test_a_frame_that_connected_overtakes_is_recorded_once(cut: int) -> None:
    """The version changes while a frame of the client is read; the next one is in the new version."""
    recorder = Recorder()
    recorder.note(1, "to-server", CONNECT + BEHIND[:cut])
    recorder.note(1, "to-client", b"CONNECTED\nversion:1.0\n\n\0")
    recorder.note(1, "to-server", BEHIND[cut:] + BEHIND)
    first, second = recorder.frames("SEND")
    assert (first.raw, second.raw) == (BEHIND, BEHIND)
    assert first.headers["x"] in ("a:b", r"a\cb")
    assert second.headers["x"] == r"a\cb"


def test_the_transcript_masks_passcodes() -> None:
    recorder = Recorder()
    recorder.note(1, "to-server", CONNECT, at=0.0)
    recorder.note(1, "to-client", CONNECTED, at=0.25)
    recorder.note(1, "to-client", b"\n\n", at=1.0)
    recorder.note(1, "to-server", b"SEND\ndestination:/queue/a\n\n" + b"x" * 300 + b"\0", at=2.0)
    assert recorder.transcript().split("\n") == [
        "    0.000 #1 -> CONNECT accept-version:1.2 login:me passcode:***",
        "    0.250 #1 <- CONNECTED version:1.2",
        "    1.000 #1 <- heart-beat x2",
        f"    2.000 #1 -> SEND destination:/queue/a {b'x' * 200!r} ... (300 bytes)",
    ]


def test_bytes_that_are_not_stomp_are_recorded_as_bytes() -> None:
    recorder = Recorder()
    recorder.note(1, "to-server", b"POST / HTTP/1.1\r\n")
    recorder.note(1, "to-server", b"Host: x\r\n")
    assert [type(record.what) for record in recorder.records] == [bytes, bytes]
    assert "not STOMP" in recorder.transcript()
    assert "Host: x" in recorder.transcript()


def test_an_unknown_direction_is_an_error() -> None:
    with pytest.raises(ValueError):
        Recorder().note(1, "sideways", b"x")


def test_records_can_be_cleared_or_not_kept() -> None:
    received: list[Record] = []
    recorder = Recorder(received.append, keep=False)
    recorder.note(1, "to-server", CONNECT)
    assert recorder.records == []
    assert isinstance(received[0].what, Frame)
    recorder = Recorder()
    recorder.note(1, "to-server", b"\n")
    assert recorder.records[0].what == HeartBeat(1)
    recorder.clear()
    assert recorder.records == []


# ---------------------------------------------------------------------- WebSocket


REQUEST = b"GET /ws?token=geheim HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nCookie: geheim\r\n\r\n"
ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


def message(payload: bytes, first: int = 0x81, *, masked: bool = False) -> bytes:
    """Return a WebSocket frame; a mask is 1, 2, 3, 4."""
    size = len(payload)
    bit = 0x80 if masked else 0
    head = bytes((first, bit | size)) if size < 126 else bytes((first, bit | 126)) + size.to_bytes(2, "big")
    if not masked:
        return head + payload
    return head + bytes((1, 2, 3, 4)) + bytes(byte ^ (index % 4 + 1) for index, byte in enumerate(payload))


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_frames_in_a_websocket_are_recorded_whatever_the_pieces(step: int) -> None:
    """Fragments with a Ping between them, several frames in a message, heart-beats, and a body of 300 bytes."""
    recorder = Recorder()
    body = bytes(range(250, 256)) * 50
    conversation = [
        ("to-server", REQUEST),
        ("to-client", ANSWER),
        ("to-server", message(CONNECT, masked=True)),
        ("to-client", message(b"CONNECTED\nversion:1.2\n\n\0\n") + message(b"\n")),
        ("to-server", message(b"SEND\ncontent-length:300\n\n" + body[:7], 0x02, masked=True)),
        ("to-server", message(b"?", 0x89, masked=True) + message(body[7:] + b"\0", 0x80, masked=True)),
        (
            "to-client",
            message(b"?", 0x8A) + message(b"RECEIPT\nreceipt-id:1\n\n\0\nRECEIPT\nreceipt-id:2\n\n\0"),
        ),
        ("to-client", message((1000).to_bytes(2, "big") + b"STOMP died", 0x88)),
        ("to-server", message(b"", 0x88, masked=True)),
    ]
    for direction, data in conversation:
        for start in range(0, len(data), step):
            recorder.note(1, direction, data[start : start + step], at=0.0)
    shown = [line[10:] for line in recorder.transcript().split("\n")]
    assert recorder.frames("SEND")[0].body == body
    assert [line for line in shown if "SEND" not in line] == [
        "#1 -> (HTTP GET /ws?*** Host:x Upgrade:websocket Cookie:***)",
        "#1 <- (HTTP 101 Switching Protocols Upgrade:websocket)",
        "#1 -> CONNECT accept-version:1.2 login:me passcode:***",
        "#1 <- CONNECTED version:1.2",
        "#1 <- heart-beat",
        "#1 -> (ping b'?')",
        "#1 <- (pong b'?')",
        "#1 <- RECEIPT receipt-id:1",
        "#1 <- RECEIPT receipt-id:2",
        "#1 <- (close 1000 STOMP died)",
        "#1 -> (close)",
    ]


def test_what_is_cleared_are_records_and_not_frames_in_part() -> None:
    recorder = Recorder()
    recorder.note(1, "to-server", CONNECT + b"SEND\ndest", at=0.0)
    recorder.note(1, "to-client", b"CONNECTED\nversion:1.2\n\n\0", at=0.0)
    recorder.clear()
    assert recorder.records == []
    recorder.note(1, "to-server", b"ination:a\\cb\n\n\0", at=0.0)
    assert [frame.headers["destination"] for frame in recorder.frames()] == ["a:b"]


def test_a_refused_websocket_and_a_broken_one_are_recorded() -> None:
    recorder = Recorder()
    recorder.note(1, "to-server", REQUEST)
    recorder.note(1, "to-client", b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")
    recorder.note(2, "to-server", REQUEST)
    recorder.note(2, "to-client", ANSWER + b"\x8f\0")
    recorder.note(2, "to-client", message(b"never"))
    found = [record.what for record in recorder.records]
    assert found[1:3] == [Note("HTTP 404 Not Found Content-Length:2"), b"no"]
    assert found[5:] == [Note("not WebSocket: a frame that begins with 0x8f")]
