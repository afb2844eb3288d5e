"""Recorder: what both sides have sent, as frames."""

from __future__ import annotations

import pytest

from stomp_core import Frame, HeartBeat
from stomp_testing import Record, Recorder

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


@pytest.mark.parametrize(("version", "value"), [("1.2", "a:b"), ("1.0", r"a\cb")])
def test_frames_are_parsed_in_the_negotiated_version(version: str, value: str) -> None:
    recorder = Recorder()
    behind = b"SEND\ndestination:/queue/a\nx:a\\cb\n\n\0"
    recorder.note(1, "to-server", CONNECT + behind)
    assert recorder.frames("SEND") == []
    recorder.note(1, "to-client", f"CONNECTED\nversion:{version}\n\n\0".encode())
    assert recorder.frames("SEND")[0].headers["x"] == value


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
