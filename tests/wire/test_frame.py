"""Frame: a command, headers and a body; its received bytes; equality."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from stomp_core import ErrorCode, Frame, Headers, Leniency, LocalProtocolError, Version
from stomp_core.wire import HeaderTypeError

from .reading import VERSIONS, assert_reads, feed, frame, read


def parsed(data: bytes, version: str | None = "1.2", leniency: Leniency | None = None) -> Frame:
    (one,) = feed([data], version, leniency=leniency).frames
    return one


class TestAFrame:
    def test_has_a_command_headers_and_a_body(self) -> None:
        one = Frame("SEND", {"destination": "/queue/a"}, b"hello")
        assert (one.command, one.headers, one.body) == (
            "SEND",
            Headers({"destination": "/queue/a"}),
            b"hello",
        )

    def test_needs_neither_headers_nor_body(self) -> None:
        one = Frame("BEGIN")
        assert one.headers.items() == []
        assert one.body == b""

    def test_shares_headers_that_cannot_change(self) -> None:
        headers = Headers({"a": "b"})
        assert Frame("SEND", headers).headers is headers

    @pytest.mark.parametrize(
        "body", [b"abc", bytearray(b"abc"), memoryview(b"abc")], ids=lambda b: type(b).__name__
    )
    def test_takes_all_kinds_of_bytes_for_a_body(self, body: bytes) -> None:
        one = Frame("SEND", (), body)
        assert type(one.body) is bytes
        assert one.body == b"abc"

    @pytest.mark.parametrize("body", ["text", None, 7, [1]], ids=repr)
    def test_takes_no_other_body(self, body: object) -> None:
        with pytest.raises(HeaderTypeError, match=f"must be bytes, not {type(body).__name__}") as info:
            Frame("SEND", (), body)  # type: ignore[arg-type]
        assert info.value.code == "not-text"

    @pytest.mark.parametrize("attribute", ["command", "headers", "body", "version", "raw", "other"])
    def test_is_an_immutable_value(self, attribute: str) -> None:
        for one in (Frame("SEND"), parsed(b"SEND\n\n\0"), Frame("SEND").replace(body=b"x")):
            with pytest.raises(AttributeError):
                setattr(one, attribute, "x")
            with pytest.raises(AttributeError):
                delattr(one, attribute)

    @pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
    def test_can_be_copied_and_pickled(self, clone: Callable[[Frame], Frame]) -> None:
        for one in (Frame("SEND", {"a": "b"}, b"x"), parsed(b"SEND\r\na:b\\c\n\nx\0")):
            again = clone(one)
            assert (again, again.raw, again.version) == (one, one.raw, one.version)

    def test_has_a_size_of_about_its_bytes(self) -> None:
        data = b"SEND\ndestination:/queue/a\n\nhello\0"
        for one in (
            parsed(data),
            read(data).frames[-1],
            Frame("SEND", {"destination": "/queue/a"}, b"hello"),
        ):
            assert abs(one.size - len(data)) <= 3

    def test_has_a_repr_without_passcode_and_of_limited_length(self) -> None:
        shown = repr(Frame("CONNECT", {"passcode": "secret"}, b"x" * 61))
        assert shown == f"Frame('CONNECT', Headers([('passcode', '***')]), {b'x' * 57 + b'...'!r})"
        assert repr(Frame("SEND", (), b"x" * 60)) == f"Frame('SEND', Headers([]), {b'x' * 60!r})"


class TestAReplacedFrame:
    def test_has_what_was_replaced_and_keeps_the_rest(self) -> None:
        one = Frame("SEND", {"a": "b"}, b"x")
        assert one.replace() == one
        assert one.replace(command="MESSAGE") == Frame("MESSAGE", {"a": "b"}, b"x")
        assert one.replace(headers=[("c", "d"), ("c", "e")]) == Frame("SEND", [("c", "d"), ("c", "e")], b"x")
        assert one.replace(body=bytearray(b"yz")) == Frame("SEND", {"a": "b"}, b"yz")
        with pytest.raises(HeaderTypeError):
            one.replace(body="text")  # type: ignore[arg-type]

    def test_was_not_parsed(self) -> None:
        one = parsed(b"SEND\r\ndestination:a\r\n\r\nx\0").replace(headers={"destination": "b"})
        assert (one.version, one.raw) == (None, None)
        assert one.to_bytes("1.2") == b"SEND\ndestination:b\n\nx\0"

    def test_has_the_right_content_length_where_it_was(self) -> None:
        one = parsed(b"SEND\ncontent-length:1\ndestination:a\n\nx\0")
        longer = one.replace(body=b"hello")
        assert longer.to_bytes("1.2") == b"SEND\ncontent-length:5\ndestination:a\n\nhello\0"
        moved = one.replace(headers={"destination": "b"}, body=b"")
        assert moved.to_bytes("1.2") == b"SEND\ndestination:b\ncontent-length:0\n\n\0"
        twice = one.replace(headers=[("content-length", "7"), ("destination", "b"), ("content-length", "8")])
        assert twice.to_bytes("1.2") == b"SEND\ncontent-length:1\ndestination:b\n\nx\0"

    def test_has_no_content_length_if_the_received_frame_had_none(self) -> None:
        one = parsed(b"SEND\ndestination:a\n\nx\0").replace(
            headers={"content-length": "1", "destination": "b"}
        )
        for again in (one, one.replace(command="SEND")):
            assert again.omits_content_length
            assert again.to_bytes("1.2") == b"SEND\ndestination:b\n\nx\0"
        with pytest.raises(LocalProtocolError, match="contains NUL"):
            one.replace(body=b"a\0b").to_bytes("1.2")

    def test_of_one_made_here_gets_a_content_length_like_that(self) -> None:
        one = Frame("SEND", {"destination": "a"}).replace(body=b"x")
        assert not one.omits_content_length
        assert one.to_bytes("1.2") == b"SEND\ndestination:a\ncontent-length:1\n\nx\0"


class TestTwoFrames:
    def test_are_equal_when_command_headers_and_body_are(self) -> None:
        one = Frame("SEND", {"a": "b"}, b"x")
        assert one == Frame("SEND", {"a": "b"}, b"x")
        assert hash(one) == hash(Frame("SEND", {"a": "b"}, b"x"))
        assert one != Frame("MESSAGE", {"a": "b"}, b"x")
        assert one != Frame("SEND", {"a": "c"}, b"x")
        assert one != Frame("SEND", {"a": "b"}, b"y")
        assert one != Frame("SEND", [("a", "b"), ("a", "b")], b"x")
        assert one != "SEND"
        assert one.__eq__("SEND") is NotImplemented

    def test_are_equal_whether_or_not_they_have_content_length(self) -> None:
        one = Frame("SEND", [("content-length", "1"), ("a", "b")], b"x")
        other = Frame("SEND", {"a": "b"}, b"x")
        assert one == other
        assert other == one
        assert hash(one) == hash(other)
        assert Frame("SEND", {"content-length": "1"}, b"x") != Frame("SEND", {"a": "b"}, b"x")

    def test_are_equal_whether_parsed_or_made(self) -> None:
        one = parsed(b"SEND\r\na\\cb:c\r\ncontent-length:1\r\n\r\nx\0")
        assert one == Frame("SEND", {"a:b": "c"}, b"x")
        assert hash(one) == hash(Frame("SEND", {"a:b": "c"}, b"x"))


EXACT = [
    b"SEND\n\n\0",
    b"SEND\na:b\n\nbody without length\0",
    b"SEND\ncontent-length:3\n\na\0b\0",
    b"SEND\ncontent-length:003\ncontent-length:9\nz:1\n\na\0b\0",
    b"SEND\ncontent-length:0\n\n\0",
    b"MESSAGE\na: padded \n b :\na:again\n\n\0",
    b"MESSAGE\n\xc3\xa9:\xf0\x9f\x90\xa2\n\n\xff\xfe\0",
    b"RECEIPT\n\n\0",
]
EXACT_IN_1_2 = [
    b"SEND\r\n\r\n\0",
    b"SEND\na:b\r\nc:d\n\r\nx\0",
    b"SEND\r\ncontent-length:3\n\r\na\0b\0",
    b"SEND\na\\cb:\\r\\n\\\\\n\n\0",
    b"SEND\r\na\\cb:\\r\\n\\\\\r\n\r\n\0",
    b"CONNECT\r\nhost:a\\b:c\r\n\r\n\0",
]


class TestAParsedFrame:
    @pytest.mark.parametrize("version", VERSIONS)
    @pytest.mark.parametrize("data", EXACT, ids=repr)
    def test_is_written_as_it_came_in(self, data: bytes, version: str) -> None:
        outcome = read(data, version)
        assert [one.to_bytes(version) for one in outcome.frames] == [data]
        assert [one.raw for one in outcome.frames] == [data]

    @pytest.mark.parametrize("data", EXACT_IN_1_2, ids=repr)
    def test_is_written_with_its_crlfs_and_escapes(self, data: bytes) -> None:
        outcome = read(data)
        assert [one.to_bytes("1.2") for one in outcome.frames] == [data]
        assert [one.raw for one in outcome.frames] == [data]
        assert parsed(data).to_bytes(Version.V1_2) == data

    @pytest.mark.parametrize("data", [*EXACT, *EXACT_IN_1_2], ids=repr)
    def test_keeps_its_bytes_when_read_before_a_version_is_known(self, data: bytes) -> None:
        assert [one.raw for one in read(data, None).frames] == [data]

    def test_is_written_anew_in_another_version(self) -> None:
        one = parsed(b"SEND\r\ndestination:\\r\\c\n\nx\0")
        assert one.to_bytes("1.2") == b"SEND\r\ndestination:\\r\\c\n\nx\0"
        with pytest.raises(LocalProtocolError) as info:
            one.to_bytes("1.1")
        assert info.value.code == "cannot-encode"
        one = parsed(b"SEND\r\ndestination:\\c\n\nx\0")
        assert one.to_bytes("1.1") == b"SEND\ndestination:\\c\n\nx\0", (
            "ActiveMQ reads a meaning in the length"
        )
        assert one.to_bytes("1.0") == b"SEND\ndestination::\n\nx\0"

    def test_of_the_handshake_is_written_by_the_rules_of_the_version(self) -> None:
        one = parsed(b"CONNECTED\r\nversion:1.1\r\nsession:a\\cb\r\n\r\n\0", None)
        for version in VERSIONS:
            assert one.to_bytes(version) == b"CONNECTED\nversion:1.1\nsession:a\\cb\n\n\0"

    def test_is_written_anew_without_content_length_on_request(self) -> None:
        one = parsed(b"SEND\r\ndestination:a\r\n\r\nx\0")
        assert one.to_bytes("1.2", content_length=False) == b"SEND\ndestination:a\n\nx\0"

    def test_that_lacks_a_required_header_is_still_written_as_it_came_in(self) -> None:
        assert parsed(b"SEND\n\n\0").to_bytes("1.2") == b"SEND\n\n\0"
        with pytest.raises(LocalProtocolError) as info:
            parsed(b"SEND\n\n\0").to_bytes("1.1")
        assert info.value.code == "missing-header"

    def test_of_no_such_version_is_a_value_error(self) -> None:
        with pytest.raises(ValueError, match="not a version of STOMP"):
            parsed(b"SEND\n\n\0").to_bytes("1.3")
        with pytest.raises(ValueError, match="not a version of STOMP"):
            parsed(b"CONNECT\n\n\0", None).to_bytes("")

    def test_that_was_not_parsed_has_no_received_bytes(self) -> None:
        assert Frame("SEND", {"destination": "a"}).raw is None


TOLERATED = [
    # (version, leniency, the bytes that came in, what is written in their place; None if nothing may be)
    ("1.1", Leniency(crlf=True), b"SEND\r\ndestination:a\r\n\r\n\0", b"SEND\ndestination:a\n\n\0"),
    ("1.1", Leniency(crlf=True), b"SEND\r\ndestination:a\n\n\0", b"SEND\ndestination:a\n\n\0"),
    ("1.0", Leniency(crlf=True), b"SEND\ndestination:a\r\n\n\0", b"SEND\ndestination:a\n\n\0"),
    ("1.0", Leniency(crlf=True), b"SEND\ndestination:a\n\r\n\0", b"SEND\ndestination:a\n\n\0"),
    ("1.2", Leniency(bare_cr=True), b"SEND\ndestination:a\rb\n\n\0", b"SEND\ndestination:a\\rb\n\n\0"),
    ("1.2", Leniency(bad_header_lines=True), b"SEND\ndestination:a\n:x\n\n\0", b"SEND\ndestination:a\n\n\0"),
    ("1.2", Leniency(bad_header_lines=True), b"SEND\nx\ndestination:a\n\n\0", b"SEND\ndestination:a\n\n\0"),
    ("1.2", Leniency(unknown_escapes=True), b"SEND\ndestination:\\t\n\n\0", b"SEND\ndestination:\\\\t\n\n\0"),
    ("1.1", Leniency(cr_escape_in_1_1=True), b"SEND\ndestination:a\\rb\n\n\0", None),
    ("1.1", Leniency(cr_escape_in_1_1=True), b"SEND\ndestination:a\n\\r:b\n\n\0", None),
    ("1.0", Leniency(escapes_in_1_0=True), b"SEND\ndestination:a\\cb\n\n\0", b"SEND\ndestination:a:b\n\n\0"),
    ("1.0", Leniency(escapes_in_1_0=True), b"SEND\ndestination:a\\nb\n\n\0", None),
    (
        "1.2",
        Leniency(escapes_in_connect=True),
        b"CONNECT\naccept-version:1.2\nhost:/\npasscode:a\\\\b\n\n\0",
        b"CONNECT\naccept-version:1.2\nhost:/\npasscode:a\\b\n\n\0",
    ),
    ("1.2", Leniency(not_utf8=True), b"SEND\ndestination:\xff\n\n\0", None),
    (
        "1.2",
        Leniency(padded_content_length=True),
        b"SEND\ndestination:a\ncontent-length: 1 \n\nx\0",
        None,
    ),
]


class TestAFrameReadWithTheHelpOfALeniency:
    @pytest.mark.parametrize(("version", "leniency", "data", "written"), TOLERATED, ids=repr)
    def test_is_written_strictly_or_not_at_all(
        self, version: str, leniency: Leniency, data: bytes, written: bytes | None
    ) -> None:
        for one in (parsed(data, version, leniency), *read(data, version, leniency=leniency).frames):
            assert one.raw == data, "the received bytes are available"
            if written is None:
                with pytest.raises(LocalProtocolError):
                    one.to_bytes(version)
            else:
                assert one.to_bytes(version) == written

    @pytest.mark.parametrize(
        ("version", "leniency", "data"),
        [
            ("1.1", Leniency.permissive(), b"SEND\na\\cb:c\n\n\0"),
            ("1.1", Leniency.brokers(), b"SEND\na\\cb:\\\\r\n\n\0"),
            ("1.2", Leniency.permissive(), b"SEND\r\na\\cb:\\r\r\n\r\n\0"),
            ("1.0", Leniency(escapes_in_1_0=True), b"SEND\na:C:\\temp\n\n\0"),
            ("1.0", Leniency(escapes_in_1_0=True), b"SEND\na\\x:plain\n\n\0"),
            ("1.2", Leniency(escapes_in_connect=True), b"CONNECT\nhost:C:\\temp\n\n\0"),
            ("1.2", Leniency(escapes_in_connect=True), b"CONNECTED\nsession:a\\cb\n\n\0"),
            ("1.2", Leniency(padded_content_length=True), b"SEND\ncontent-length:1\n\nx\0"),
            ("1.0", Leniency(padded_content_length=True), b"SEND\ncontent-length: 1\n\nx\0"),
            ("1.2", Leniency(unexpected_body=True), b"RECEIPT\ncontent-length:0\n\n\0"),
        ],
        ids=repr,
    )
    def test_is_written_as_it_came_in_if_no_help_was_needed(
        self, version: str, leniency: Leniency, data: bytes
    ) -> None:
        for one in read(data, version, leniency=leniency).frames:
            assert one.to_bytes(version) == data

    def test_does_not_affect_the_next_one(self) -> None:
        leniency = Leniency(crlf=True)
        exact = b"SEND\na:b\\\\\n\nx\0"
        outcome = feed([b"SEND\r\n\r\n\0", exact[:3], exact[3:], exact], "1.1", leniency=leniency)
        assert [one.to_bytes("1.1") for one in outcome.frames[1:]] == [exact, exact]

    @pytest.mark.parametrize(
        "data", [b"RECEIPT\na:b\n\nbody\0", b"RECEIPT\na:b\ncontent-length:4\n\nbody\0"], ids=repr
    )
    def test_has_no_received_bytes_if_its_body_was_dropped(self, data: bytes) -> None:
        outcome = assert_reads(data, frame("RECEIPT", [("a", "b")]), leniency=Leniency(unexpected_body=True))
        one = outcome.frames[0]
        assert one.raw is None
        with pytest.raises(LocalProtocolError) as info:
            one.to_bytes("1.2")
        assert info.value.code == ErrorCode.MISSING_HEADER
