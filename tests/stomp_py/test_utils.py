"""The functions that programs import, and the frames that listeners get."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from stomp_py import exception, utils
from stomp_py.utils import Frame


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Frame("CMD", {"a": "1"}, "body"), b"CMD\na:1\n\nbody\0"),
        (Frame("CMD", {"b": "2", "a": 1, "none": None}), b"CMD\na:1\nb:2\n\n\0"),
        (Frame("CMD", {"twice": ("1", "2")}), b"CMD\ntwice:1\ntwice:2\n\n\0"),
        (Frame("CMD", {"content-length": 1}, "grün"), b"CMD\ncontent-length:5\n\ngr\xc3\xbcn\0"),
        (Frame("CMD", {}, b"\xff"), b"CMD\n\n\xff\0"),
        (Frame(None, {}, None), b"\n"),
    ],
    ids=["text", "sorted", "tuple", "counted", "bytes", "heart-beat"],
)
def test_a_frame_is_converted_to_lines(given: Frame, expected: bytes) -> None:
    assert utils.pack(utils.convert_frame(given)) == expected


@pytest.mark.parametrize(
    ("given", "command", "headers", "body"),
    [
        (b"CMD\na:1\nb:2\n\nbody", "CMD", {"a": "1", "b": "2"}, b"body"),
        (b"\n\nCMD\n\n", "CMD", {}, b""),
        (b"CMD\r\na:1\r\n\r\nbody", "CMD", {"a": "1"}, b"body"),
        (b"CMD\na:1\na:2\n\n", "CMD", {"a": "1"}, b""),
        (b"CMD\nno colon\na\\cb:c\\nd\n\n", "CMD", {"a:b": "c\nd"}, b""),
        (b"CMD\na:b:c\n\nx\n\ny", "CMD", {"a": "b:c"}, b"x\n\ny"),
    ],
    ids=["plain", "after ends of lines", "CRLF", "repeated", "escaped", "colons"],
)
def test_a_frame_is_parsed(given: bytes, command: str, headers: dict[str, str], body: bytes) -> None:
    frame = utils.parse_frame(given)
    assert frame is not None
    assert (frame.cmd, frame.headers, frame.body) == (command, headers, body)


@pytest.mark.parametrize("given", [b"", b"\n", b"\n\n\n"])
def test_line_ends_are_no_frame(given: bytes) -> None:
    assert utils.parse_frame(given) is None


def test_a_frame_keeps_a_copy_of_its_original_headers() -> None:
    frame = Frame("CMD", {"a": "1"}, "x")
    frame.headers["a"] = "2"
    assert frame.original_headers == {"a": "1"}
    assert str(frame) == "{cmd=CMD,headers=[{'a': '2'}],body=x}"


def test_no_two_frames_share_their_headers() -> None:
    first, second = Frame("CMD"), Frame("CMD")
    first.headers["a"] = "1"
    assert second.headers == {}


@pytest.mark.parametrize(
    "shown",
    [
        str(Frame("CONNECT", {"passcode": "secret", "login": "me"})),
        str(utils.clean_headers({"passcode": "secret"})),
        utils.clean_lines([b"CONNECT\n", b"passcode:secret\n"]),
        utils.clean_lines(["some line", "passcode: secret", "another"]),
    ],
    ids=["str(frame)", "clean_headers", "lines of bytes", "lines of text"],
)
def test_texts_for_logs_mask_the_passcode(shown: str) -> None:
    assert "secret" not in shown
    assert "********" in shown


def test_cleaning_headers_leaves_the_originals_alone() -> None:
    headers = {"passcode": "secret"}
    utils.clean_headers(headers)
    assert headers == {"passcode": "secret"}


@pytest.mark.parametrize(
    ("server", "client", "agreed"),
    [
        (("0", "0"), (0, 0), (0, 0)),
        (("0", "0"), (100, 100), (0, 0)),
        (("1000", "2000"), (0, 0), (0, 0)),
        (("1000", "2000"), (3000, 500), (3000, 1000)),
        (("1000", "2000"), (500, 3000), (2000, 3000)),
        (("1000", "0"), (500, 500), (0, 1000)),
        (("0", "1000"), (500, 500), (1000, 0)),
    ],
)
def test_heart_beats_are_negotiated(server: Any, client: tuple[int, int], agreed: tuple[int, int]) -> None:
    assert utils.calculate_heartbeats(server, client) == agreed


def test_merged_headers_are_a_new_dict_and_the_last_wins() -> None:
    first = {"a": "1", "b": "2"}
    assert utils.merge_headers([first, None, {"b": "3"}]) == {"a": "1", "b": "3"}
    assert first == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", 1), ("127.0.0.1", 1), (socket.gethostname(), 1), ("broker.example", 2)],
)
def test_this_machine_is_known(host: str, expected: int) -> None:
    assert utils.is_localhost((host, 61613)) == expected


def test_text_and_bytes_are_converted() -> None:
    assert utils.encode("grün") == "grün".encode()
    assert utils.encode(b"\xff") == b"\xff"
    assert utils.decode("grün".encode()) == "grün"
    assert utils.decode(None) is None
    assert utils.join([b"a", b"b"]) == "ab"
    assert utils.length(None) == 0
    assert utils.length("abc") == 3
    with pytest.raises(TypeError):
        utils.encode(7)  # type: ignore[arg-type]


def test_get_errno_returns_the_number_or_the_argument() -> None:
    assert utils.get_errno(OSError(13, "no")) == 13
    assert utils.get_errno(ValueError("a reason")) == "a reason"


def test_every_uuid_is_new() -> None:
    assert utils.get_uuid() != utils.get_uuid()


@pytest.mark.parametrize(
    "name",
    [
        "ConnectFailedException",
        "ConnectionClosedException",
        "InterruptedException",
        "NotConnectedException",
        "ProtocolException",
    ],
)
def test_every_exception_is_a_stomp_exception(name: str) -> None:
    assert issubclass(getattr(exception, name), exception.StompException)
