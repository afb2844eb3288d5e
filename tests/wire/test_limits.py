"""Limits: each trips on the very byte that exceeds it, while data is coming in (STOMP 1.2, "Size Limits")."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from stomp_core import HeartBeat, Leniency, Limits, RemoteProtocolError

from .reading import VERSIONS, Read, assert_reads, assert_refused, feed, frame, read

every_mode = pytest.mark.parametrize("version", [None, *VERSIONS])


def _frames(data: bytes) -> int:
    """Count the frames in many bytes, whole and in pieces, under the default limits."""
    numbers = {len(feed(chunks).frames) for chunks in (_whole(data), _in_pieces(data))}
    assert len(numbers) == 1
    return numbers.pop()


def _error(data: bytes) -> RemoteProtocolError:
    whole, pieces = feed(_whole(data)).error, feed(_in_pieces(data)).error
    assert whole is not None
    assert pieces is not None
    assert (whole.code, whole.offset) == (pieces.code, pieces.offset)
    return whole


def _whole(data: bytes) -> list[bytes]:
    return [data]


def _in_pieces(data: bytes) -> list[bytes]:
    return [data[at : at + 777] for at in range(0, len(data), 777)]


def _pairs(line: bytes, count: int) -> list[tuple[str, str]]:
    name, _, value = line.decode().rstrip("\n").partition(":")
    return [(name, value)] * count


class TestTheCommandLine:
    @every_mode
    @pytest.mark.parametrize("command", ["SEND", "UNSUBSCRIBE", "CONNECTED"])
    def test_may_be_as_long_as_its_limit(self, command: str, version: str | None) -> None:
        limits = Limits(max_command=len(command))
        assert_reads(
            f"{command}\na:b\n\n\0".encode(), frame(command, [("a", "b")]), version=version, limits=limits
        )

    @every_mode
    @pytest.mark.parametrize(
        "data", [b"SEND\n\n\0", b"SENDX", b"SENDER\n", b"SEND\r\n", b"SENDSENDSENDSEND"], ids=repr
    )
    def test_trips_on_its_first_byte_beyond(self, data: bytes, version: str | None) -> None:
        error = assert_refused(data, "command-too-long", 3, version=version, limits=Limits(max_command=3))
        assert "a command line of more than 3 bytes" in str(error)

    def test_counts_its_cr(self) -> None:
        assert_refused(b"SEND\r\n\n\0", "command-too-long", 4, limits=Limits(max_command=4))
        assert_reads(b"SEND\r\n\n\0", frame("SEND"), limits=Limits(max_command=5))

    @every_mode
    def test_that_never_ends_trips_by_default_at_64_bytes(self, version: str | None) -> None:
        assert read(b"A" * 64, version).error is None
        assert_refused(b"A" * 65, "command-too-long", 64, version=version)
        assert_refused(b"A" * 64 + b"\n", "unknown-command", 0, version=version)

    def test_with_a_nul_trips_on_what_comes_first(self) -> None:
        limits = Limits(max_command=3)
        assert_refused(b"AA\0AA", "nul-in-head", 2, limits=limits)
        assert_refused(b"AAA\0A", "nul-in-head", 3, limits=limits)
        assert_refused(b"AAAA\0", "command-too-long", 3, limits=limits)


class TestAHeaderLine:
    @every_mode
    def test_may_be_as_long_as_its_limit(self, version: str | None) -> None:
        limits = Limits(max_header_line=7)
        pairs = [("abc", "def"), ("a", "bcdef"), ("abcdef", "")]
        text = "".join(f"{name}:{value}\n" for name, value in pairs)
        assert_reads(
            f"SEND\n{text}\nbody\0".encode(), frame("SEND", pairs, b"body"), version=version, limits=limits
        )

    @every_mode
    @pytest.mark.parametrize(
        "line", [b"abc:defg\n", b"abc:defghi", b"abcdefgh", b"a::::::::::\n\n\0"], ids=repr
    )
    def test_trips_on_its_first_byte_beyond(self, line: bytes, version: str | None) -> None:
        error = assert_refused(
            b"SEND\na:b\n" + line,
            "header-line-too-long",
            16,
            version=version,
            limits=Limits(max_header_line=7),
        )
        assert "header line 2 of SEND is longer than 7 bytes" in str(error)

    def test_counts_bytes_on_the_wire(self) -> None:
        limits = Limits(max_header_line=4)
        assert_reads(b"SEND\na:b\r\n\n\0", frame("SEND", [("a", "b")]), limits=limits)
        assert_refused(b"SEND\na:bc\r\n\n\0", "header-line-too-long", 9, limits=limits)
        assert_refused(b"SEND\na:b\\n\n\n\0", "header-line-too-long", 9, limits=limits)
        assert_refused(b"SEND\na:\xc3\xa9\xc3\xa9\n\n\0", "header-line-too-long", 9, limits=limits)

    def test_with_a_nul_trips_on_what_comes_first(self) -> None:
        limits = Limits(max_header_line=4)
        assert_refused(b"SEND\na:b\0\0", "nul-in-head", 8, limits=limits)
        assert_refused(b"SEND\na:bc\0", "nul-in-head", 9, limits=limits)
        assert_refused(b"SEND\na:bcd\0", "header-line-too-long", 9, limits=limits)

    def test_has_a_limit_that_does_not_apply_to_bodies(self) -> None:
        assert_reads(
            b"SEND\na:b\n\nlonger body\0",
            frame("SEND", [("a", "b")], b"longer body"),
            limits=Limits(max_header_line=3),
        )

    def test_of_64_kib_is_the_default(self) -> None:
        head = b"SEND\na:" + b"x" * (64 * 1024 - 2)
        error = _error(head + b"x")
        assert (error.code, error.offset) == ("header-line-too-long", 5 + 64 * 1024)
        assert _frames(head + b"\n\n\0") == 1


class TestTheNumberOfHeaders:
    @every_mode
    @pytest.mark.parametrize("eol", ["\n", "\r\n"], ids=repr)
    def test_may_be_as_high_as_its_limit(self, eol: str, version: str | None) -> None:
        if eol == "\r\n" and version in ("1.0", "1.1"):
            eol = "\n"
        for count in (0, 1, 3):
            pairs = [("a", str(number)) for number in range(count)]
            text = "".join(f"{name}:{value}{eol}" for name, value in pairs)
            data = f"ERROR{eol}{text}{eol}\0".encode()
            assert_reads(data, frame("ERROR", pairs), version=version, limits=Limits(max_headers=count))

    @every_mode
    @pytest.mark.parametrize("line", [b"c:d\n", b"c", b":", b"\xff", b"c:\0", b"nocolon\n"], ids=repr)
    def test_trips_on_the_first_byte_of_one_line_more(self, line: bytes, version: str | None) -> None:
        error = assert_refused(
            b"SEND\na:b\na:b\n" + line, "too-many-headers", 13, version=version, limits=Limits(max_headers=2)
        )
        assert "SEND has more than 2 header lines" in str(error)

    def test_does_not_trip_on_a_cr_that_may_begin_the_blank_line(self) -> None:
        limits = Limits(max_headers=1)
        assert read(b"SEND\na:b\n\r", limits=limits).error is None
        assert_refused(b"SEND\na:b\n\rc", "too-many-headers", 10, limits=limits)
        assert_refused(b"SEND\na:b\n\r\r\n", "too-many-headers", 10, limits=limits)
        assert_refused(b"SEND\na:b\n\r", "too-many-headers", 9, limits=limits, version="1.1")
        assert read(b"CONNECT\na:b\n\r", "1.1", limits=limits).error is None

    def test_does_not_trip_before_a_nul_that_no_line_may_hold(self) -> None:
        limits = Limits(max_headers=1)
        assert_refused(b"SEND\na:b\n\0", "nul-in-head", 9, limits=limits)
        assert_refused(b"SEND\na:b\n\r\0", "nul-in-head", 10, limits=limits)
        assert_refused(b"SEND\na:b\nc\0", "too-many-headers", 9, limits=limits)

    def test_trips_before_or_after_other_limits_by_the_earliest_byte(self) -> None:
        tight = Limits(max_headers=1, max_header_line=3)
        assert_refused(b"SEND\na:b\ncccc", "too-many-headers", 9, limits=tight)
        assert_refused(b"SEND\na:bb\ncccc", "header-line-too-long", 8, limits=tight)
        assert_refused(b"SEND\nc", "too-many-headers", 5, limits=Limits(max_headers=0, max_header_line=0))
        assert_refused(
            b"SEND\n\rc", "header-line-too-long", 5, limits=Limits(max_headers=0, max_header_line=0)
        )
        assert_refused(b"SEND\n\rc", "head-too-large", 5, limits=Limits(max_headers=0, max_head=5))
        assert_refused(b"SEND\n\rc", "too-many-headers", 6, limits=Limits(max_headers=0, max_head=6))

    def test_counts_lines_that_are_skipped_and_repeats(self) -> None:
        for lines in (b"x\nx\nx\n", b"a:b\na:b\na:b\n"):
            at = 5 + lines.rindex(lines[: len(lines) // 3])
            assert_refused(
                b"SEND\n" + lines, "too-many-headers", at, limits=Limits(max_headers=2),
                leniency=Leniency(bad_header_lines=True),
            )  # fmt: skip

    def test_of_a_thousand_is_the_default(self) -> None:
        assert _frames(b"SEND\n" + b"a:b\n" * 1000 + b"\n\0") == 1
        assert _error(b"SEND\n" + b"a:b\n" * 1001 + b"\n\0").offset == 5 + 4000
        assert _frames(b"SEND\n" + b"a:\n" * 1000 + b"\n\0") == 1
        assert _error(b"SEND\n" + b"a:\n" * 1001 + b"\n\0").code == "too-many-headers"

    @pytest.mark.parametrize("count", range(6))
    def test_is_counted_alike_for_short_lines_and_long_ones(self, count: int) -> None:
        for line in (b"a:\n", b"a:b\n", b"aaaaaa:bbbbbbb\n"):
            data = b"SEND\n" + line * count + b"\n\0"
            assert_reads(data, frame("SEND", _pairs(line, count)), limits=Limits(max_headers=count))
            if count:
                at = 5 + len(line) * (count - 1)
                assert_refused(data, "too-many-headers", at, limits=Limits(max_headers=count - 1))


class TestTheHead:
    @every_mode
    @pytest.mark.parametrize("data", [b"SEND\na:b\n\n", b"ERROR\n\n", b"MESSAGE\naaa:\nbbb:\n\n"], ids=repr)
    def test_may_be_as_large_as_its_limit_blank_line_and_all(self, data: bytes, version: str | None) -> None:
        outcome = read(data + b"body\0", version, limits=Limits(max_head=len(data)))
        assert outcome.error is None
        assert [one.body for one in outcome.frames] == [b"body"]

    @every_mode
    @pytest.mark.parametrize(
        ("data", "most"),
        [
            (b"SEND\na:b\n\n\0", 9),
            (b"SEND\na:b\n\n\0", 8),
            (b"SEND\na:b\n\n\0", 7),
            (b"SEND\na:b\n\n\0", 5),
            (b"SEND\n\n\0", 5),
            (b"SEND\n\n\0", 4),
            (b"SEND\n\n\0", 3),
            (b"SEND\n\n\0", 0),
            (b"SEND\na:bcdefgh", 10),
            (b"SEND\n\n\0", 1),
        ],
        ids=repr,
    )
    def test_trips_on_its_first_byte_beyond(self, data: bytes, most: int, version: str | None) -> None:
        error = assert_refused(data, "head-too-large", most, version=version, limits=Limits(max_head=most))
        assert f"is larger than {most} bytes" in str(error)
        assert ("the head of SEND" if most >= 5 else "the head of a frame") in str(error)

    def test_counts_every_cr(self) -> None:
        data = b"SEND\r\na:b\r\n\r\n"
        assert_reads(data + b"\0", frame("SEND", [("a", "b")]), limits=Limits(max_head=len(data)))
        assert_refused(data + b"\0", "head-too-large", len(data) - 1, limits=Limits(max_head=len(data) - 1))

    def test_counts_from_the_start_of_its_frame(self) -> None:
        data = b"SEND\na:b\n\n"
        limits = Limits(max_head=len(data))
        once = frame("SEND", [("a", "b")], b"x" * 20)
        assert_reads((data + b"x" * 20 + b"\0") * 3, once, once, once, limits=limits)
        expected: list[Read | HeartBeat] = [
            HeartBeat(1),
            frame("SEND", [("a", "b")]),
            frame("SEND", [("a", "b")]),
        ]
        stream = b"\n" + (data + b"\0") * 2
        at = len(stream) + len(data)
        assert_refused(stream + b"SEND\na:bc\n\n\0", "head-too-large", at, *expected, limits=limits)

    def test_with_a_nul_or_a_long_line_trips_on_what_comes_first(self) -> None:
        assert_refused(b"SEND\na:\0", "nul-in-head", 7, limits=Limits(max_head=7))
        assert_refused(b"SEND\na:b\0", "head-too-large", 7, limits=Limits(max_head=7))
        assert_refused(
            b"SEND\na:bcd", "header-line-too-long", 8, limits=Limits(max_head=8, max_header_line=3)
        )
        assert_refused(b"SEND\na:b\n", "head-too-large", 8, limits=Limits(max_head=8, max_header_line=3))
        assert_refused(b"SEND\na:bcd", "head-too-large", 8, limits=Limits(max_head=8, max_header_line=4))
        assert_refused(
            b"SEND\na:bcd", "header-line-too-long", 8, limits=Limits(max_head=9, max_header_line=3)
        )
        assert_refused(b"SENDX", "command-too-long", 4, limits=Limits(max_head=4, max_command=4))
        assert_refused(b"SEND\n", "head-too-large", 4, limits=Limits(max_head=4, max_command=4))

    def test_of_256_kib_is_the_default(self) -> None:
        line = b"a:" + b"x" * 65_000 + b"\n"
        head = b"SEND\n" + line * 4
        rest = 256 * 1024 - len(head) - 1
        assert _frames(head + b"b:" + b"x" * (rest - 3) + b"\n\n\0") == 1
        error = _error(head + b"b:" + b"x" * (rest - 2) + b"\n\n\0")
        assert (error.code, error.offset) == ("head-too-large", 256 * 1024)


class TestABodyWithContentLength:
    @every_mode
    def test_may_be_as_large_as_its_limit(self, version: str | None) -> None:
        data = b"SEND\ncontent-length:5\n\na\0b\0c\0"
        expected = frame("SEND", [("content-length", "5")], b"a\0b\0c")
        for most in (5, 6):
            assert_reads(data, expected, version=version, limits=Limits(max_body=most))
            assert_reads(data, expected, version=version, limits=Limits(max_body=most, max_unterminated=0))

    @every_mode
    @pytest.mark.parametrize("most", [4, 0])
    @pytest.mark.parametrize("behind", [b"", b"a\0b\0c\0"], ids=repr)
    def test_is_refused_before_it_arrives_if_too_large(
        self, behind: bytes, most: int, version: str | None
    ) -> None:
        head = b"SEND\ncontent-length:5\n\n"
        error = assert_refused(
            head + behind, "body-too-large", len(head), version=version, limits=Limits(max_body=most)
        )
        assert f"SEND announces a body of 5 bytes; the limit is {most}" in str(error)

    def test_of_128_mib_is_the_default(self) -> None:
        assert read(b"SEND\ncontent-length:134217728\n\n").error is None
        head = b"SEND\ncontent-length:134217729\n\n"
        assert_refused(head, "body-too-large", len(head))
        assert read(b"SEND\ncontent-length:9999999999999999999\n\n").error is not None

    def test_of_a_frame_that_may_have_none_is_checked_for_its_size_first(self) -> None:
        head = b"RECEIPT\ncontent-length:1\n\n"
        assert_refused(head, "body-not-allowed", len(head))
        assert_refused(head, "body-too-large", len(head), limits=Limits(max_body=0))


class TestABodyWithoutContentLength:
    @every_mode
    @pytest.mark.parametrize(
        "limits",
        [
            Limits(max_body=5),
            Limits(max_body=6, max_unterminated=5),
            Limits(max_body=5, max_unterminated=6),
            Limits(max_body=5, max_unterminated=None),
        ],
        ids=["body", "unterminated", "the lower one", "none"],
    )
    def test_trips_on_its_first_byte_beyond_the_limit(self, limits: Limits, version: str | None) -> None:
        assert_reads(b"SEND\n\nhello\0", frame("SEND", [], b"hello"), version=version, limits=limits)
        for data in (b"SEND\n\nhello!", b"SEND\n\nhello!\0", b"SEND\n\nhello!!!!!!!"):
            error = assert_refused(data, "body-too-large", 11, version=version, limits=limits)
            assert "the body of SEND has no content-length and no NUL within 5 bytes" in str(error)

    def test_may_have_no_bytes_if_the_limit_is_0(self) -> None:
        limits = Limits(max_unterminated=0)
        assert_reads(b"SEND\n\n\0", frame("SEND"), limits=limits)
        assert_refused(b"SEND\n\nx\0", "body-too-large", 6, limits=limits)

    def test_is_measured_anew_for_each_frame(self) -> None:
        expected = frame("SEND", [], b"hello")
        assert_reads(b"SEND\n\nhello\0" * 3, expected, expected, expected, limits=Limits(max_body=5))

    def test_of_128_mib_is_the_default(self) -> None:
        assert Limits().body_without_length == 128 * 1024 * 1024


class TestLimits:
    def test_are_on_by_default(self) -> None:
        assert Limits() == Limits(
            max_command=64,
            max_header_line=65_536,
            max_headers=1_000,
            max_head=262_144,
            max_body=134_217_728,
            max_unterminated=None,
        )

    @pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
    @pytest.mark.parametrize("value", [-1, 1.5, "7", True, None])
    def test_are_numbers_of_at_least_0(self, name: str, value: object) -> None:
        if name == "max_unterminated" and value is None:
            assert Limits(max_unterminated=None).max_unterminated is None
            return
        kind = ValueError if value == -1 else TypeError
        with pytest.raises(
            kind, match=rf"Limits\.{name} must be a (whole )?number of (bytes|headers).*, got"
        ):
            Limits(**{name: value})  # type: ignore[arg-type]

    @pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
    def test_may_be_0(self, name: str) -> None:
        assert getattr(Limits(**{name: 0}), name) == 0

    def test_for_a_body_without_length_is_the_lower_of_two(self) -> None:
        assert Limits(max_body=5).body_without_length == 5
        assert Limits(max_body=5, max_unterminated=4).body_without_length == 4
        assert Limits(max_body=5, max_unterminated=6).body_without_length == 5
        assert Limits(max_body=5, max_unterminated=0).body_without_length == 0

    def test_cannot_be_changed(self) -> None:
        with pytest.raises(FrozenInstanceError):
            Limits().max_body = 7  # type: ignore[misc]
