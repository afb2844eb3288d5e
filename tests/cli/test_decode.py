"""``stomp decode`` and ``encode``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .command import Stomp

CONNECT = b"CONNECT\naccept-version:1.2\nhost:/\npasscode:secret\n\n\0\n"
SEND = b"SEND\ndestination:/queue/a\ncontent-length:5\n\nhello\0"


def test_frames_are_printed_with_their_offsets(stomp: Stomp, tmp_path: Path) -> None:
    file = tmp_path / "bytes"
    file.write_bytes(CONNECT + SEND + b"\n\n" + SEND)
    result = stomp("decode", str(file))
    assert result.status == 0
    first, second, beats, third = result.messages
    assert first["headers"]["passcode"] == "***"
    assert second["offset"] == len(CONNECT)
    assert second["body"] == "hello"
    assert beats["heart_beats"] == 1  # the other line end belongs to the frame
    assert third["offset"] == len(CONNECT + SEND) + 2
    assert result.err == "stomp: 3 frames, 0 errors\n"


@pytest.mark.parametrize("style", ["--json", "--pretty"])
@pytest.mark.parametrize("name", ["passcode", "Passcode", "password", "authorization", "Authorization"])
def test_secrets_are_masked(stomp: Stomp, name: str, style: str) -> None:
    frame = f"SEND\ndestination:/queue/a\n{name}:s3cret\n\n\0".encode()
    out = stomp("decode", style, stdin=frame).out.decode()
    assert "s3cret" not in out
    assert name in out


def test_repeated_headers_are_pairs(stomp: Stomp) -> None:
    frame = b"SEND\ndestination:/queue/a\nx:1\nx:2\n\n\0"
    (shown,) = stomp("decode", stdin=frame).messages
    assert shown["headers"] == [["destination", "/queue/a"], ["x", "1"], ["x", "2"]]


@pytest.mark.parametrize(
    ("data", "offset", "code"),
    [
        (b"SEND\nno colon\n\n\0", 5, "header-without-colon"),
        (b"SEND\ndestination:a\\x\n\n\0", 18, "undefined-escape"),
        (b"SEND\ndestination:a\ncontent-length:9\n\nshort\0", 46, "frame-not-terminated"),
        (b"SEND\n\nx\0", 0, "missing-header"),
        (b"NONSENSE\n\n\0", 0, "unknown-command"),
        (b"\0", 0, "nul-between-frames"),
    ],
)
def test_reading_goes_on_behind_an_error(stomp: Stomp, data: bytes, offset: int, code: str) -> None:
    result = stomp("decode", stdin=SEND + data + SEND)
    assert result.status == 1
    errors = [line for line in result.messages if "error" in line]
    assert [(error["offset"] - len(SEND), error["error"]) for error in errors] == [(offset, code)]
    assert all(error["section"] and error["text"] for error in errors)
    assert result.messages[-1]["offset"] == len(SEND + data)


def test_an_unfinished_frame_is_an_error(stomp: Stomp) -> None:
    result = stomp("decode", stdin=SEND + b"SEND\ndest")
    assert result.messages[-1]["error"] == "frame-not-terminated"
    assert result.messages[-1]["offset"] == len(SEND) + 9
    assert f"begins at byte {len(SEND)}" in result.messages[-1]["text"]


def test_the_role_limits_the_frames(stomp: Stomp) -> None:
    assert stomp("decode", "--role", "client", stdin=SEND).status == 0
    result = stomp("decode", "--role", "server", stdin=SEND)
    assert result.messages[-1]["error"] == "unexpected-frame"


def test_the_version_decides_about_escapes(stomp: Stomp) -> None:
    frame = b"SEND\ndestination:a\\rb\n\n\0"
    assert stomp("decode", stdin=frame).messages[0]["headers"] == {"destination": "a\rb"}
    assert stomp("decode", "--version", "1.1", stdin=frame).status == 1
    connected = b"CONNECTED\nversion:1.1\n\n\0"
    assert stomp("decode", stdin=connected + frame).status == 1


def test_hexadecimal_input(stomp: Stomp) -> None:
    assert stomp("decode", "--hex", stdin=SEND.hex(" ").encode()).messages[0]["body"] == "hello"
    assert stomp("decode", "--hex", stdin=b"xyz").status == 2


def test_pretty_names_the_byte(stomp: Stomp) -> None:
    result = stomp("decode", "--pretty", stdin=b"SEND\nno colon\n\n\0")
    assert result.out.startswith(b"  ! byte 5: ")
    assert b'(STOMP 1.2, "Augmented BNF")' in result.out


def test_encode_makes_of_what_decode_prints_the_same_bytes(stomp: Stomp) -> None:
    data = (
        SEND
        + b"\n\n"
        + b"MESSAGE\ndestination:a\\cb\nmessage-id:1\nsubscription:2\ncontent-length:2\n\n\xff\0\0"
    )
    assert stomp("encode", stdin=stomp("decode", stdin=data).out).out == SEND + b"\n" + data[len(SEND) + 2 :]


def test_encode_of_repeated_headers_and_versions(stomp: Stomp) -> None:
    line = {"command": "SEND", "headers": [["destination", "a"], ["x", "1:2"], ["x", "3"]], "body": "é"}
    given = json.dumps(line).encode()
    assert stomp("encode", stdin=given).out == (
        "SEND\ndestination:a\nx:1\\c2\nx:3\ncontent-length:2\n\né\0".encode()
    )
    assert b"content-length" not in stomp("encode", "--no-content-length", stdin=given).out
    assert b"x:1:2" in stomp("encode", "--version", "1.0", stdin=given).out


@pytest.mark.parametrize(
    "line",
    [
        b'{"command":"SEND"}',
        b"{",
        b"[]",
        b'{"headers":{}}',
        b'{"command":"BEGIN","headers":{"transaction":1}}',
    ],
)
def test_encode_names_the_line_of_a_mistake(stomp: Stomp, line: bytes) -> None:
    good = b'{"command":"SEND","headers":{"destination":"a"}}\n'
    result = stomp("encode", stdin=good + b"\n" + line)
    assert result.status == 1
    assert result.err.startswith("stomp: line 3: ")
    assert result.out == b"SEND\ndestination:a\n\n\0"
