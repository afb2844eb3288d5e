"""Recorder: what was said, as frames."""

from __future__ import annotations

import pytest

from stomp_core import Frame, HeartBeat
from stomp_testing import Record, Recorder

CONNECT = b"CONNECT\naccept-version:1.2\nlogin:me\npasscode:secret\n\n\0"
CONNECTED = b"CONNECTED\nversion:1.2\n\n\0\n"


def test_frames_are_told_apart_by_connection_and_direction() -> None:
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


def test_a_frame_in_pieces_is_told_once_it_is_whole() -> None:
    recorder = Recorder()
    for byte in CONNECT:
        assert recorder.records == []
        recorder.note(1, "to-server", bytes([byte]))
    assert [frame.command for frame in recorder.frames()] == ["CONNECT"]


@pytest.mark.parametrize(("version", "value"), [("1.2", "a:b"), ("1.0", r"a\cb")])
def test_what_follows_the_handshake_is_read_in_the_version_that_was_agreed(version: str, value: str) -> None:
    recorder = Recorder()
    behind = b"SEND\ndestination:/queue/a\nx:a\\cb\n\n\0"
    recorder.note(1, "to-server", CONNECT + behind)
    assert recorder.frames("SEND") == []
    recorder.note(1, "to-client", f"CONNECTED\nversion:{version}\n\n\0".encode())
    assert recorder.frames("SEND")[0].headers["x"] == value


def test_the_transcript_masks_passcodes_and_nothing_else() -> None:
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


def test_bytes_that_are_no_stomp_are_kept_as_they_are() -> None:
    recorder = Recorder()
    recorder.note(1, "to-server", b"GET / HTTP/1.1\r\n")
    recorder.note(1, "to-server", b"Host: x\r\n")
    assert [type(record.what) for record in recorder.records] == [bytes, bytes]
    assert "not STOMP" in recorder.transcript()
    assert "Host: x" in recorder.transcript()


def test_a_direction_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError):
        Recorder().note(1, "sideways", b"x")


def test_records_may_be_forgotten_or_never_kept() -> None:
    told: list[Record] = []
    recorder = Recorder(told.append, keep=False)
    recorder.note(1, "to-server", CONNECT)
    assert recorder.records == []
    assert isinstance(told[0].what, Frame)
    recorder = Recorder()
    recorder.note(1, "to-server", b"\n")
    assert recorder.records[0].what == HeartBeat(1)
    recorder.clear()
    assert recorder.records == []
