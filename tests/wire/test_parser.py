"""FrameParser without leniency: the rules of the specifications for frames (STOMP 1.2, "STOMP Frames")."""

from __future__ import annotations

import contextlib
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stomp_core import (
    NEED_DATA,
    ConnectionClosed,
    ConnectionGoneError,
    Frame,
    FrameParser,
    HeartBeat,
    Leniency,
    Limits,
    LocalProtocolError,
    RemoteProtocolError,
    Version,
)

from .reading import (
    BEHIND,
    READ_BEHIND,
    VERSIONS,
    assert_reads,
    assert_refused,
    assert_waits,
    every_version,
    feed,
    frame,
    read,
)
from .streams import leniencies, limits, streams

HANDSHAKE = ("CONNECT", "STOMP", "CONNECTED")
WITH_BODY = ("SEND", "MESSAGE", "ERROR")
WITHOUT_BODY = (
    "CONNECT", "STOMP", "CONNECTED", "SUBSCRIBE", "UNSUBSCRIBE", "ACK", "NACK",
    "BEGIN", "COMMIT", "ABORT", "DISCONNECT", "RECEIPT",
)  # fmt: skip
COMMANDS = (*WITH_BODY, *WITHOUT_BODY)
ONE_BEAT = HeartBeat(1)

every_mode = pytest.mark.parametrize("version", [None, *VERSIONS])


# ---------------------------------------------------------------------- the frame


class TestAFrame:
    def test_starts_with_a_command_ended_by_an_eol(self) -> None:
        assert_reads(b"RECEIPT\n\n\0", frame("RECEIPT"))

    @every_mode
    @pytest.mark.parametrize("command", COMMANDS)
    def test_has_one_of_fifteen_commands(self, command: str, version: str | None) -> None:
        data = f"{command}\nfoo:bar\n\n\0".encode()
        if command == "NACK" and version == "1.0":
            # STOMP 1.0 does not know it.
            assert_refused(data, "unknown-command", 0, version=version)
        else:
            assert_reads(data, frame(command, [("foo", "bar")]), version=version)

    @every_mode
    @pytest.mark.parametrize(
        "line",
        [
            b"HELLO",
            b"SENDX",
            b"SEN",
            b"SEND ",
            b"SEND:",
            b"Send",
            b"SEND\t",
            b"ACKNACK",
            b"S\xc3\x8bND",
            b"S\xffND",
            b"A",
        ],
    )
    def test_with_another_command_is_refused_when_its_line_ends(
        self, line: bytes, version: str | None
    ) -> None:
        assert_refused(line + b"\n\n\0", "unknown-command", 0, version=version)
        assert_waits(line, version=version)

    def test_with_an_unknown_command_is_refused_at_its_first_byte(self) -> None:
        assert_refused(b"SEND\n\n\0\n\nHELLO\n", "unknown-command", 9, frame("SEND"), ONE_BEAT)

    def test_with_an_unknown_command_is_refused_with_its_first_bytes(self) -> None:
        assert "b'HELLO'" in str(read(b"HELLO\r\n").error)
        assert repr(b"X" * 40) in str(read(b"X" * 40 + b"\n").error)
        assert repr(b"X" * 37 + b"...") in str(read(b"X" * 41 + b"\n").error)

    @every_mode
    @pytest.mark.parametrize("byte", [1, 9, 11, 12, 14, 32, 58, 64, 91, 92, 97, 127, 128, 255])
    def test_cannot_start_with_anything_but_a_capital_letter(self, byte: int, version: str | None) -> None:
        assert_refused(bytes([byte]), "unexpected-byte", 0, version=version)
        assert_refused(b"ERROR\n\n\0" + bytes([byte]), "unexpected-byte", 8, frame("ERROR"), version=version)

    @pytest.mark.parametrize("byte", [b"A", b"Z"])
    def test_may_start_with_any_capital_letter(self, byte: bytes) -> None:
        assert_waits(byte)

    def test_that_is_a_tls_record_is_refused_with_a_hint_at_tls(self) -> None:
        assert "TLS" in str(read(b"\x16\x03\x01\x02\x00").error)
        assert "TLS" not in str(read(b"\n\x16\x03\x01\x02\x00").error)

    @every_version
    def test_has_header_lines_and_a_body_behind_a_blank_line(self, version: str) -> None:
        assert_reads(
            b"SEND\ndestination:/queue/a\nreceipt:message-12345\n\nhello queue a\0",
            frame("SEND", [("destination", "/queue/a"), ("receipt", "message-12345")], b"hello queue a"),
            version=version,
        )

    def test_is_followed_by_the_next_one_with_or_without_eols_between(self) -> None:
        assert_reads(b"BEGIN\n\n\0COMMIT\n\n\0\nABORT\n\n\0", frame("BEGIN"), frame("COMMIT"), frame("ABORT"))

    @pytest.mark.parametrize(
        ("data", "inside"),
        [
            (b"SE", "a command line"),
            (b"SEND", "a command line"),
            (b"SEND\n", "SEND"),
            (b"SEND\na:b", "SEND"),
            (b"SEND\na:b\n", "SEND"),
            (b"SEND\na:b\n\n", "SEND"),
            (b"SEND\na:b\n\nhello", "SEND"),
            (b"SEND\ncontent-length:5\n\n", "SEND"),
            (b"SEND\ncontent-length:5\n\nhell", "SEND"),
            (b"SEND\ncontent-length:5\n\nhello", "SEND"),
        ],
        ids=repr,
    )
    def test_that_the_end_of_the_stream_cuts_is_not_returned(self, data: bytes, inside: str) -> None:
        closed = read(data, eof=True)
        assert closed.events == []
        assert closed.closed == ConnectionClosed(clean=False, cut=True)
        assert closed.closed is not None
        assert f"inside a frame ({inside})" in closed.closed.reason
        behind = read(b"RECEIPT\n\n\0" + data, eof=True)
        assert behind.events == [frame("RECEIPT")]
        assert behind.closed == closed.closed


# ---------------------------------------------------------------------- line ends


class TestALineEnd:
    @pytest.mark.parametrize("version", [None, "1.2"])
    @pytest.mark.parametrize("a", [b"\n", b"\r\n"], ids=repr)
    @pytest.mark.parametrize("b", [b"\n", b"\r\n"], ids=repr)
    @pytest.mark.parametrize("c", [b"\n", b"\r\n"], ids=repr)
    def test_of_1_2_is_lf_or_crlf_mixed_at_will(
        self, a: bytes, b: bytes, c: bytes, version: str | None
    ) -> None:
        data = b"MESSAGE" + a + b"foo:bar" + b + c + b"a\r\nb\0" + a
        outcome = assert_reads(data, frame("MESSAGE", [("foo", "bar")], b"a\r\nb"), version=version)
        assert outcome.frames[0].raw == data[: -len(a)]

    @pytest.mark.parametrize("version", ["1.0", "1.1"])
    def test_of_1_0_and_1_1_is_lf_alone(self, version: str) -> None:
        assert_refused(b"SEND\r\n\n\0", "unknown-command", 0, version=version)
        assert_refused(b"SEND\n\r\n\0", "header-without-colon", 5, version=version)
        assert_refused(b"SEND\na:b\r\n\r\n\0", "header-without-colon", 10, version=version)

    @pytest.mark.parametrize("version", ["1.0", "1.1"])
    def test_leaves_a_cr_of_1_0_and_1_1_to_the_value(self, version: str) -> None:
        data = b"SEND\nfoo:bar\r\nb\raz:q\rux\r\r\n\n\0"
        outcome = assert_reads(
            data, frame("SEND", [("foo", "bar\r"), ("b\raz", "q\rux\r\r")]), version=version
        )
        assert outcome.frames[0].to_bytes(version) == data

    def test_of_1_1_does_not_remove_the_cr_after_a_number(self) -> None:
        assert_refused(b"SEND\ncontent-length:0\r\n\n\0", "bad-content-length", 24, version="1.1")

    @pytest.mark.parametrize(
        ("data", "offset"),
        [
            (b"SEND\nfoo:b\rar\n\n\0", 10),
            (b"SEND\nf\roo:bar\n\n\0", 6),
            (b"SEND\nfoo:bar\r\r\n\n\0", 12),
            (b"SEND\n\r\r\n\n\0", 5),
            (b"SEND\nfoo:bar\n\rx:y\n\n\0", 13),
            (b"CONNECT\nfoo:b\rar\n\n\0", 13),
        ],
        ids=repr,
    )
    def test_is_the_only_use_of_a_cr_in_1_2(self, data: bytes, offset: int) -> None:
        assert_refused(data, "bare-cr", offset)

    @pytest.mark.parametrize("data", [b"SEND\r\r\n", b"SE\rND\n", b"\rSEND\r\r\n"[1:]], ids=repr)
    def test_does_not_hide_a_cr_inside_the_command(self, data: bytes) -> None:
        assert_refused(data, "unknown-command", 0)

    @pytest.mark.parametrize(
        "char", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\t"]
    )
    @every_mode
    def test_is_not_one_of_the_other_line_ends_of_unicode(self, char: str, version: str | None) -> None:
        text = f"SEND\nf{char}o:b{char}r{char}\n\n\0"
        assert_reads(text.encode(), frame("SEND", [(f"f{char}o", f"b{char}r{char}")]), version=version)


class TestEolsBetweenFrames:
    @every_mode
    @pytest.mark.parametrize("count", [1, 2, 7])
    def test_may_come_before_the_first_frame_and_are_heart_beats(
        self, count: int, version: str | None
    ) -> None:
        assert_reads(b"\n" * count, HeartBeat(count), version=version)
        assert_reads(b"\n" * count + b"ERROR\n\n\0", HeartBeat(count), frame("ERROR"), version=version)

    @pytest.mark.parametrize("version", [None, "1.2"])
    @pytest.mark.parametrize(
        ("eols", "count"), [(b"\r\n", 1), (b"\r\n\r\n", 2), (b"\n\r\n", 2), (b"\r\n\n\r\n\n", 4)], ids=repr
    )
    def test_may_be_crlf_in_1_2(self, eols: bytes, count: int, version: str | None) -> None:
        assert_reads(eols, HeartBeat(count), version=version)
        assert_reads(b"ERROR\n\n\0\n" + eols, frame("ERROR"), HeartBeat(count), version=version)

    @every_mode
    def test_do_not_count_the_one_that_ends_the_line_of_a_nul(self, version: str | None) -> None:
        assert_reads(b"ERROR\n\n\0\n", frame("ERROR"), version=version)
        assert_reads(b"ERROR\n\n\0\n\n\n", frame("ERROR"), HeartBeat(2), version=version)
        assert_reads(
            b"ERROR\ncontent-length:1\n\nx\0\n\n", frame("ERROR", [("content-length", "1")], b"x"), ONE_BEAT
        )

    def test_do_not_count_that_one_if_it_is_crlf(self) -> None:
        assert_reads(b"ERROR\r\n\r\n\0\r\n", frame("ERROR"))
        assert_reads(b"ERROR\n\n\0\r\n\n", frame("ERROR"), ONE_BEAT)

    def test_do_not_count_that_one_of_every_frame(self) -> None:
        assert_reads(
            b"BEGIN\n\n\0\nABORT\n\n\0\n\nACK\n\n\0", frame("BEGIN"), frame("ABORT"), ONE_BEAT, frame("ACK")
        )
        assert_reads(b"\nBEGIN\n\n\0ABORT\n\n\0\n", ONE_BEAT, frame("BEGIN"), frame("ABORT"))

    @pytest.mark.parametrize("version", ["1.0", "1.1"])
    @pytest.mark.parametrize("data", [b"\r\n", b"\r", b"\r\r"], ids=repr)
    def test_are_lf_alone_in_1_0_and_1_1(self, data: bytes, version: str) -> None:
        assert_refused(data, "bare-cr", 0, version=version)
        assert_refused(b"ERROR\n\n\0" + data, "bare-cr", 8, frame("ERROR"), version=version)
        assert_refused(b"ERROR\n\n\0\n\n" + data, "bare-cr", 10, frame("ERROR"), ONE_BEAT, version=version)

    @pytest.mark.parametrize("version", [None, "1.2"])
    @pytest.mark.parametrize(
        ("data", "offset", "count"),
        [
            (b"\r\r\n", 0, 0),
            (b"\rERROR\n\n\0", 0, 0),
            (b"\n\n\r\r\n", 2, 2),
            (b"\r\n\r\0", 2, 1),
            (b"\r\n\n\rx", 3, 2),
        ],
        ids=repr,
    )
    def test_have_no_cr_without_its_lf(
        self, data: bytes, offset: int, count: int, version: str | None
    ) -> None:
        beats = [HeartBeat(count)] if count else []
        assert_refused(data, "bare-cr", offset, *beats, version=version)
        assert_refused(b"ACK\n\n\0\n" + data, "bare-cr", 7 + offset, frame("ACK"), *beats, version=version)

    def test_may_be_cut_between_cr_and_lf_by_the_end_of_the_stream(self) -> None:
        for before, expected in ((b"", []), (b"\n", [ONE_BEAT]), (b"\r\n\n", [HeartBeat(2)])):
            outcome = read(before + b"\r", eof=True)
            assert outcome.events == expected
            assert outcome.closed == ConnectionClosed(clean=False, cut=True)
            assert outcome.closed is not None
            assert "end-of-line" in outcome.closed.reason

    @every_mode
    @pytest.mark.parametrize(("data", "offset"), [(b"\0", 0), (b"\n\0", 1), (b"\n\n\n\0\n", 3)], ids=repr)
    def test_are_not_nuls(self, data: bytes, offset: int, version: str | None) -> None:
        beats = [HeartBeat(offset)] if offset else []
        assert_refused(data, "nul-between-frames", offset, *beats, version=version)
        assert_refused(
            b"ERROR\n\n\0\n" + data, "nul-between-frames", 9 + offset, frame("ERROR"), *beats, version=version
        )

    @every_mode
    def test_are_not_the_second_nul_of_a_frame(self, version: str | None) -> None:
        assert_refused(b"ERROR\n\n\0\0", "nul-between-frames", 8, frame("ERROR"), version=version)


# ---------------------------------------------------------------------- headers


class TestAHeaderLine:
    @every_mode
    @pytest.mark.parametrize("line", [b"foo", b"foo\\c", b"\\", b" "], ids=repr)
    def test_without_colon_is_refused(self, line: bytes, version: str | None) -> None:
        data = b"SEND\na:b\n" + line + b"\n\n\0"
        error = assert_refused(data, "header-without-colon", 9, version=version)
        assert "header line 2 of SEND" in str(error)

    @every_mode
    @pytest.mark.parametrize("line", [b":", b":foo", b"::", b": foo"], ids=repr)
    def test_with_an_empty_name_is_refused(self, line: bytes, version: str | None) -> None:
        assert_refused(b"SEND\n" + line + b"\n\n\0", "empty-header-name", 5, version=version)

    @every_mode
    @pytest.mark.parametrize("command", ["SEND", "CONNECT", "ERROR"])
    @pytest.mark.parametrize(
        ("line", "name", "value"),
        [
            ("foo:bar", "foo", "bar"),
            ("foo:", "foo", ""),
            ("foo:bar:baz", "foo", "bar:baz"),
            ("foo::bar", "foo", ":bar"),
            ("foo:bar:", "foo", "bar:"),
            ("foo:::", "foo", "::"),
            ("u:tcp://h:1/?a=b", "u", "tcp://h:1/?a=b"),
            ("é☃:🐢:", "é☃", "🐢:"),
            ("FOO:\x7f\x01\x1f", "FOO", "\x7f\x01\x1f"),
            ("f o:b r", "f o", "b r"),
        ],
    )
    def test_is_split_at_its_first_colon_alone(
        self, line: str, name: str, value: str, command: str, version: str | None
    ) -> None:
        assert_reads(f"{command}\n{line}\n\n\0".encode(), frame(command, [(name, value)]), version=version)

    @pytest.mark.parametrize("version", [None, "1.1", "1.2"])
    def test_keeps_every_space_in_1_1_and_1_2(self, version: str | None) -> None:
        assert_reads(
            b"SEND\n foo  :  bar \n : \n\n\0",
            frame("SEND", [(" foo  ", "  bar "), (" ", " ")]),
            version=version,
        )

    @pytest.mark.parametrize(
        ("line", "name", "value"),
        [
            (b"destination: /queue/a", "destination", "/queue/a"),
            (b"foo :bar", "foo", "bar"),
            (b" foo:bar", "foo", "bar"),
            (b"foo:bar ", "foo", "bar"),
            (b"  foo  :  bar  baz  ", "foo", "bar  baz"),
            (b"foo: ", "foo", ""),
            (b"foo:\tbar\t", "foo", "\tbar\t"),
            (b"foo:\xc2\xa0bar\xe3\x80\x80", "foo", "\xa0bar\u3000"),
            (b"foo:bar \r", "foo", "bar \r"),
            (b"foo:a : b", "foo", "a : b"),
        ],
        ids=repr,
    )
    def test_of_1_0_is_read_without_the_spaces_around_name_and_value(
        self, line: bytes, name: str, value: str
    ) -> None:
        data = b"SEND\n" + line + b"\n\n\0"
        outcome = assert_reads(data, frame("SEND", [(name, value)]), version="1.0")
        assert outcome.frames[0].to_bytes("1.0") == data

    def test_of_1_0_has_an_empty_name_if_it_is_all_spaces(self) -> None:
        assert_refused(b"SEND\n  :foo\n\n\0", "empty-header-name", 5, version="1.0")

    @every_mode
    @pytest.mark.parametrize("command", HANDSHAKE)
    def test_of_the_handshake_is_never_trimmed(self, command: str, version: str | None) -> None:
        data = f"{command}\n foo : bar \n\n\0".encode()
        assert_reads(data, frame(command, [(" foo ", " bar ")]), version=version)

    @every_mode
    def test_repeated_keeps_all_in_order_and_the_first_is_the_value(self, version: str | None) -> None:
        pairs = [("foo", "World"), ("bar", "x"), ("foo", "Hello"), ("Foo", "other")]
        text = "".join(f"{name}:{value}\n" for name, value in pairs)
        outcome = assert_reads(f"MESSAGE\n{text}\n\0".encode(), frame("MESSAGE", pairs), version=version)
        headers = outcome.frames[0].headers
        assert (headers["foo"], headers["Foo"], headers.get_all("foo")) == (
            "World",
            "other",
            ["World", "Hello"],
        )

    def test_repeated_is_found_after_unescaping(self) -> None:
        for data in (b"SEND\na\\cb:1\na\\cb:2\n\n\0", b"SEND\r\na\\cb:1\na\\cb:2\n\n\0"):
            outcome = assert_reads(data, frame("SEND", [("a:b", "1"), ("a:b", "2")]))
            assert outcome.frames[0].headers["a:b"] == "1"
            assert outcome.frames[0].headers.get_all("a:b") == ["1", "2"]

    @every_mode
    @pytest.mark.parametrize(
        ("line", "bad"),
        [
            (b"foo:\xff", 4),
            (b"f\xffo:bar", 1),
            (b"foo:\xc3", 4),
            (b"foo:\xc3\xa9\xc0\xaf", 6),
            (b"foo:\xed\xa0\x80", 4),
            (b"foo:\xf4\x90\x80\x80", 4),
            (b"\x80:", 0),
        ],
        ids=repr,
    )
    def test_that_is_not_utf_8_is_refused_at_its_first_bad_byte(
        self, line: bytes, bad: int, version: str | None
    ) -> None:
        assert_refused(b"SEND\na:b\n" + line + b"\n\n\0", "not-utf-8", 9 + bad, version=version)

    @every_mode
    @pytest.mark.parametrize(
        ("data", "offset", "where"),
        [
            (b"SEN\0D\n\n\0", 3, "the command line"),
            (b"SEND\0\n\n\0", 4, "the command line"),
            (b"SEND\n\0foo:bar\n\n\0", 5, "header line 1 of SEND"),
            (b"SEND\nfo\0o:bar\n\n\0", 7, "header line 1 of SEND"),
            (b"SEND\nfoo:b\0ar\n\n\0", 10, "header line 1 of SEND"),
            (b"SEND\nfoo:bar\0\n\n\0", 12, "header line 1 of SEND"),
            (b"SEND\nfoo:bar\na:\0\n\n\0", 15, "header line 2 of SEND"),
            (b"SEND\nfoo:bar\n\0\n\0", 13, "header line 2 of SEND"),
            (b"SEND\nfo\0\0o:bar\n\n\0", 7, "header line 1 of SEND"),
        ],
        ids=repr,
    )
    def test_holds_no_nul(self, data: bytes, offset: int, where: str, version: str | None) -> None:
        assert where in str(assert_refused(data, "nul-in-head", offset, version=version))


class TestAnEscape:
    @pytest.mark.parametrize("version", ["1.1", "1.2"])
    @pytest.mark.parametrize("command", ["SEND", "MESSAGE", "ERROR", "RECEIPT", "ACK"])
    @pytest.mark.parametrize(
        ("raw", "text"),
        [
            (r"\n", "\n"),
            (r"\c", ":"),
            (r"\\", "\\"),
            (r"\\n", "\\n"),
            (r"\\\n", "\\\n"),
            (r"\\\\n", "\\\\n"),
            (r"\\c\c\\\\c", r"\c:\\c"),
            (r"a\nb\cc\\d", "a\nb:c\\d"),
            (r"\c\c", "::"),
            (r"\\r", "\\r"),
            (r"\\t", "\\t"),
        ],
    )
    def test_is_decoded_in_one_pass_in_names_and_values(
        self, raw: str, text: str, command: str, version: str
    ) -> None:
        data = f"{command}\n{raw}:{raw}\nplain:x\nx{raw}:y{raw}:z\n\n\0".encode()
        pairs = [(text, text), ("plain", "x"), (f"x{text}", f"y{text}:z")]
        outcome = assert_reads(data, frame(command, pairs), version=version)
        assert outcome.frames[0].to_bytes(version) == data
        assert outcome.frames[0].headers[text] == text

    def test_of_cr_exists_in_1_2(self) -> None:
        outcome = assert_reads(b"SEND\na\\rb:\\r\\n\n\n\0", frame("SEND", [("a\rb", "\r\n")]))
        assert outcome.frames[0].headers["a\rb"] == "\r\n"

    def test_of_cr_does_not_exist_in_1_1(self) -> None:
        assert_refused(b"SEND\na:b\\r\n\n\0", "undefined-escape", 8, version="1.1")

    @pytest.mark.parametrize("version", ["1.1", "1.2"])
    @pytest.mark.parametrize("command", ["SEND", "ERROR", "RECEIPT"])
    @pytest.mark.parametrize(
        ("line", "at", "shown"),
        [
            (r"foo:\t", 4, r"\\t"),
            (r"foo:bar\x", 7, r"\\x"),
            (r"f\too:bar", 1, r"\\t"),
            ("foo:bar\\", 7, r"'\\'"),
            ("foo\\:bar", 3, r"'\\'"),
            (r"foo:\\\q", 6, r"\\q"),
            (r"foo:\c\N", 6, r"\\N"),
            (r"foo:\C", 4, r"\\C"),
            (r"foo:\0", 4, r"\\0"),
            (r"foo:\:", 4, r"\\:"),
            (r"é\c:é\é", 7, r"\\é"),
            (r"foo:\ n", 4, r"\\ "),
        ],
    )
    def test_that_is_not_defined_is_fatal(
        self, line: str, at: int, shown: str, command: str, version: str
    ) -> None:
        error = assert_refused(
            f"{command}\na:b\n{line}\n\n\0".encode(),
            "undefined-escape",
            len(command) + 5 + at,
            version=version,
        )
        assert shown in str(error)
        assert f"header line 2 of {command}" in str(error)

    @pytest.mark.parametrize("raw", [r"\n", r"\c", r"\\", r"\r", r"\t", "\\"])
    def test_does_not_exist_in_1_0(self, raw: str) -> None:
        data = f"SEND\na{raw}:b{raw}\n\n\0".encode()
        outcome = assert_reads(data, frame("SEND", [(f"a{raw}", f"b{raw}")]), version="1.0")
        assert outcome.frames[0].headers[f"a{raw}"] == f"b{raw}"
        assert outcome.frames[0].to_bytes("1.0") == data

    @every_mode
    @pytest.mark.parametrize("command", HANDSHAKE)
    @pytest.mark.parametrize("raw", [r"\n", r"\c", r"\\", r"\r", r"\t", "\\"])
    def test_is_not_decoded_in_the_handshake(self, raw: str, command: str, version: str | None) -> None:
        data = f"{command}\npass{raw}:b{raw}\n\n\0".encode()
        outcome = assert_reads(data, frame(command, [(f"pass{raw}", f"b{raw}")]), version=version)
        assert outcome.frames[0].headers[f"pass{raw}"] == f"b{raw}"

    def test_does_not_reach_from_one_line_into_the_next(self) -> None:
        assert_refused(b"SEND\na:b\\\nn:c\n\n\0", "undefined-escape", 8)
        assert_refused(b"SEND\na:b\\\\\\\nc:\n\n\0", "undefined-escape", 10)


class TestAnErrorBeforeConnected:
    def test_is_unescaped(self) -> None:
        assert_reads(
            b"ERROR\nmessage:no\\csuch\\nvhost\\\\\\r\n\n\0",
            frame("ERROR", [("message", "no:such\nvhost\\\r")]),
            version=None,
        )

    @pytest.mark.parametrize("value", [r"C:\temp\new", "back\\", r"\t\c", r"a\\b\q"])
    def test_is_taken_literally_where_that_fails(self, value: str) -> None:
        outcome = assert_reads(
            f"ERROR\nmessage:{value}\nother:a\\cb\n\n\0".encode(),
            frame("ERROR", [("message", value), ("other", "a:b")]),
            version=None,
        )
        assert outcome.frames[0].headers["message"] == value

    def test_is_taken_literally_by_a_permissive_reader_too(self) -> None:
        assert_reads(
            b"ERROR\nmessage:\\t\\c\n\n\0",
            frame("ERROR", [("message", r"\t\c")]),
            version=None,
            leniency=Leniency.permissive(),
        )


# ---------------------------------------------------------------------- the body


class TestABody:
    @every_version
    @pytest.mark.parametrize("command", WITH_BODY)
    def test_goes_up_to_the_first_nul_without_content_length(self, command: str, version: str) -> None:
        body = b"\n\nhello\r\n\xff\\n:"
        assert_reads(command.encode() + b"\n\n" + body + b"\0", frame(command, [], body), version=version)

    @every_version
    @pytest.mark.parametrize("command", WITH_BODY)
    @pytest.mark.parametrize(
        "body", [b"\0", b"\0\0\0", b"a\0b", b"\0\n", b"SEND\n\n\0", bytes(range(256)), b"\n", b"\r"], ids=repr
    )
    def test_has_as_many_bytes_as_content_length_states(
        self, body: bytes, command: str, version: str
    ) -> None:
        data = b"%b\ncontent-length:%d\n\n%b\0" % (command.encode(), len(body), body)
        outcome = assert_reads(
            data, frame(command, [("content-length", str(len(body)))], body), version=version
        )
        assert outcome.frames[0].to_bytes(version) == data

    @every_mode
    @pytest.mark.parametrize("command", [command for command in COMMANDS if command != "NACK"])
    @pytest.mark.parametrize("zero", ["0", "00", "0000000000000000000"])
    def test_may_have_content_length_0_on_every_frame(
        self, zero: str, command: str, version: str | None
    ) -> None:
        data = f"{command}\ncontent-length:{zero}\n\n\0".encode()
        assert_reads(data, frame(command, [("content-length", zero)]), version=version)

    @every_version
    @pytest.mark.parametrize(
        "length",
        [
            "", "-1", "+1", "1_0", "1.0", "0x1", "1e1", "a", "1a", "1,0", "1\t", "\t1", "\x0b1", "١", "１", "²",
            "1 0", "1:", "00000000000000000001", "9" * 20, "9" * 5000,
        ],
    )  # fmt: skip
    def test_has_no_length_that_is_not_ascii_digits(self, length: str, version: str) -> None:
        head = f"SEND\ncontent-length:{length}\n\n".encode()
        error = read(head, version).error if len(head) > 1000 else None
        if error is None:
            error = assert_refused(head + b"x\0", "bad-content-length", len(head), version=version)
        assert error.code == "bad-content-length"
        shown = length if len(length) <= 40 else "9" * 37 + "..."
        assert f"{shown!r} of SEND" in str(error)

    @pytest.mark.parametrize("version", ["1.1", "1.2", None])
    @pytest.mark.parametrize("length", [" 1", "1 ", " ", "1\\n", "1\\c"])
    def test_has_no_length_with_spaces_or_escapes(self, length: str, version: str | None) -> None:
        head = f"SEND\ncontent-length:{length}\n\n".encode()
        assert_refused(head + b"x\0", "bad-content-length", len(head), version=version)

    def test_of_1_0_has_a_length_that_is_trimmed_like_any_header(self) -> None:
        data = b"SEND\n content-length : 3 \n\na\0b\0"
        outcome = assert_reads(data, frame("SEND", [("content-length", "3")], b"a\0b"), version="1.0")
        assert outcome.frames[0].to_bytes("1.0") == data

    @pytest.mark.parametrize("version", [None, "1.1", "1.2"])
    def test_is_not_measured_by_a_header_like_content_length(self, version: str | None) -> None:
        names = ["Content-Length", "content-length ", " content-length", "content-lengt", "xcontent-length"]
        pairs = [(name, "7") for name in names]
        text = "".join(f"{name}:7\n" for name in names)
        assert_reads(f"SEND\n{text}\nab\0".encode(), frame("SEND", pairs, b"ab"), version=version)

    @every_mode
    def test_is_measured_by_the_first_content_length(self, version: str | None) -> None:
        pairs = [
            ("a", "content-length:9"),
            ("content-length", "2"),
            ("content-length", "5"),
            ("content-length", "x"),
        ]
        text = "".join(f"{name}:{value}\n" for name, value in pairs)
        data = f"SEND\n{text}\nab\0".encode()
        outcome = assert_reads(data, frame("SEND", pairs, b"ab"), version=version)
        assert outcome.frames[0].raw == data

    @every_mode
    @pytest.mark.parametrize(
        ("length", "body", "at"),
        [(1, b"ab\0", 1), (0, b"a\0", 0), (2, b"ab\nx\0", 2), (2, b"ab\n\0", 2), (3, b"a\0bc\0", 3)],
        ids=repr,
    )
    def test_that_does_not_end_with_nul_is_refused(
        self, length: int, body: bytes, at: int, version: str | None
    ) -> None:
        head = f"SEND\ncontent-length:{length}\n\n".encode()
        error = assert_refused(head + body, "frame-not-terminated", len(head) + at, version=version)
        assert f"no NUL after the {length} bytes that content-length of SEND announces" in str(error)

    def test_shorter_than_its_content_length_includes_the_next_frame(self) -> None:
        head = b"SEND\ncontent-length:8\n\n"
        assert_refused(head + b"ab\0SEND\n\n\0", "frame-not-terminated", len(head) + 8)
        head = b"SEND\ncontent-length:9\n\n"
        assert_reads(head + b"ab\0SEND\n\n\0", frame("SEND", [("content-length", "9")], b"ab\0SEND\n\n"))

    @pytest.mark.parametrize("version", ["1.1", "1.2"])
    @pytest.mark.parametrize("command", WITHOUT_BODY)
    @pytest.mark.parametrize("eol", [b"\n", b"\r\n"], ids=repr)
    def test_is_refused_on_frames_that_must_not_have_one(
        self, eol: bytes, command: str, version: str
    ) -> None:
        if eol == b"\r\n" and version == "1.1":
            command, eol = "CONNECT", b"\r\n"
        head = command.encode() + eol + b"a:b" + eol
        assert_refused(head + eol + b"x\0", "body-not-allowed", len(head + eol), version=version)
        announced = head + b"content-length:1" + eol + eol
        error = assert_refused(announced + b"x\0", "body-not-allowed", len(announced), version=version)
        assert command in str(error)

    @pytest.mark.parametrize("version", ["1.1", "1.2"])
    def test_on_a_frame_without_body_is_refused_at_its_first_byte(self, version: str) -> None:
        assert read(b"RECEIPT\n\nx", version).error is not None
        assert read(b"RECEIPT\ncontent-length:1\n\n", version).error is not None
        assert_refused(b"RECEIPT\n\n\n\0", "body-not-allowed", 9, version=version)

    @pytest.mark.parametrize("version", [None, "1.0"])
    @pytest.mark.parametrize("command", [command for command in WITHOUT_BODY if command != "NACK"])
    def test_may_stand_on_any_frame_of_1_0_and_of_the_handshake(
        self, command: str, version: str | None
    ) -> None:
        assert_reads(f"{command}\n\nbody\0".encode(), frame(command, [], b"body"), version=version)
        data = f"{command}\ncontent-length:3\n\na\0b\0".encode()
        outcome = assert_reads(data, frame(command, [("content-length", "3")], b"a\0b"), version=version)
        assert outcome.frames[0].raw == data


# ---------------------------------------------------------------------- versions


class TestTheVersion:
    @pytest.mark.parametrize("version", ["", "1", "1.3", "2.0", "1.2 ", "v1.2"])
    def test_must_be_one_that_exists(self, version: str) -> None:
        with pytest.raises(
            ValueError, match=r"not a version of STOMP that exists; use '1.0', '1.1' or '1.2'"
        ):
            FrameParser(version)
        parser = FrameParser("1.1")
        with pytest.raises(ValueError, match="not a version of STOMP"):
            parser.version = version
        assert parser.version == "1.1"

    def test_is_unknown_at_first(self) -> None:
        assert FrameParser().version is None
        assert FrameParser("1.1").version is Version.V1_1
        assert FrameParser(Version.V1_0).version is Version.V1_0

    @pytest.mark.parametrize(
        ("version", "expected"),
        [("1.0", ("a", r"b\c")), ("1.1", (" a ", " b: ")), ("1.2", (" a ", " b: "))],
    )
    @pytest.mark.parametrize("eol", [b"\n", b""], ids=repr)
    def test_set_between_frames_applies_to_bytes_received_before(
        self, version: str, expected: tuple[str, str], eol: bytes
    ) -> None:
        parser = FrameParser(None)
        parser.receive_data(b"CONNECTED\nversion:x\n\n\0" + eol + b"MESSAGE\n a : b\\c \n\n\0")
        connected = parser.next_frame()
        assert isinstance(connected, Frame)
        assert connected.command == "CONNECTED"
        parser.version = version
        message = parser.next_frame()
        assert isinstance(message, Frame)
        assert message.headers.items() == [expected]
        assert message.to_bytes(version) == b"MESSAGE\n a : b\\c \n\n\0"

    def test_set_applies_to_crlf_too(self) -> None:
        parser = FrameParser("1.2")
        parser.receive_data(b"MESSAGE\r\n\r\n\0")
        assert isinstance(parser.next_frame(), Frame)
        parser.version = "1.1"
        parser.receive_data(b"MESSAGE\r\n\r\n\0")
        with pytest.raises(RemoteProtocolError):
            parser.next_frame()

    def test_does_not_matter_for_crlf_in_handshake_frames(self) -> None:
        for version in (None, *VERSIONS):
            for command in HANDSHAKE:
                data = f"{command}\r\nhost:a\\b\r\r\n\n\0".encode()
                if version == "1.2":
                    assert_refused(data, "bare-cr", data.index(b"\r\r"), version=version)
                    data = data.replace(b"\r\r", b"\r")
                outcome = read(data, version)
                assert outcome.error is None
                assert outcome.frames[0].raw == data

    @every_version
    @pytest.mark.parametrize("command", HANDSHAKE)
    def test_does_not_matter_for_writing_a_handshake_frame_with_crlf(
        self, command: str, version: str
    ) -> None:
        data = f"{command}\r\nhost:/\r\n\r\n\0".encode()
        outcome = assert_reads(data, frame(command, [("host", "/")]), version=version)
        assert outcome.frames[0].to_bytes(version) == data


# ---------------------------------------------------------------------- the parser


class TestTheParser:
    def test_needs_data_until_something_is_received(self) -> None:
        parser = FrameParser("1.2")
        assert parser.next_frame() is NEED_DATA
        assert parser.next_frame() is NEED_DATA

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_takes_all_types_of_bytes(self, kind: type[bytes] | type[bytearray] | type[memoryview]) -> None:
        parser = FrameParser("1.2")
        parser.receive_data(kind(b"SEND\n\nhello\0"))
        got = parser.next_frame()
        assert isinstance(got, Frame)
        assert got.body == b"hello"
        parser.receive_data(kind(b""))
        assert isinstance(parser.next_frame(), ConnectionClosed)

    def test_keeps_its_own_copy_of_bytes_that_can_change(self) -> None:
        buffer = bytearray(b"SEND\n\nhello\0")
        parser = FrameParser("1.2")
        parser.receive_data(buffer)
        buffer[:] = b"x" * len(buffer)
        assert isinstance(parser.next_frame(), Frame)

    @pytest.mark.parametrize("data", ["SEND\n\n\0", None, 7, [1]])
    def test_takes_nothing_but_bytes(self, data: object) -> None:
        with pytest.raises(TypeError, match=f"takes bytes, not {type(data).__name__}"):
            FrameParser("1.2").receive_data(data)  # type: ignore[arg-type]

    def test_returns_the_end_once_after_everything_before_it(self) -> None:
        parser = FrameParser("1.2")
        parser.receive_data(b"SEND\n\n\0\n\n")
        parser.receive_data(b"")
        parser.receive_data(b"")
        assert isinstance(parser.next_frame(), Frame)
        assert parser.next_frame() == ONE_BEAT
        closed = parser.next_frame()
        assert closed == ConnectionClosed(clean=True)
        assert isinstance(closed, ConnectionClosed)
        assert closed.reason == "the stream ended between frames"
        assert parser.next_frame() is NEED_DATA

    @pytest.mark.parametrize("piece", [b"SEND", b"SEND\n\nx", b"\r"])
    def test_returns_a_cut_once(self, piece: bytes) -> None:
        parser = FrameParser("1.2")
        parser.receive_data(piece)
        assert parser.next_frame() is NEED_DATA
        parser.receive_data(b"")
        assert isinstance(parser.next_frame(), ConnectionClosed)
        assert parser.next_frame() is NEED_DATA

    def test_takes_no_bytes_after_the_end(self) -> None:
        parser = FrameParser("1.2")
        parser.receive_data(b"")
        with pytest.raises(ConnectionGoneError):
            parser.receive_data(b"x")

    def test_stays_in_its_error(self) -> None:
        parser = FrameParser("1.2")
        parser.receive_data(b"SEND\n\n\0HELLO\n" + BEHIND)
        assert isinstance(parser.next_frame(), Frame)
        with pytest.raises(RemoteProtocolError) as first:
            parser.next_frame()
        parser.receive_data(BEHIND)
        parser.receive_data(b"")
        with pytest.raises(RemoteProtocolError) as again:
            parser.next_frame()
        assert again.value is first.value
        assert first.value.code == "unknown-command"
        assert first.value.offset == 7

    @pytest.mark.parametrize(
        "junk", [b"\0", b"x", b"\n\r\r", b"S\0", b"SEND\n:\n", b"ACK\n\nx", b"SEND\ncontent-length:x\n\n"]
    )
    def test_stays_in_its_error_whatever_it_was(self, junk: bytes) -> None:
        parser = FrameParser("1.2")
        parser.receive_data(junk)
        errors = set()
        for _ in range(3):
            while True:
                try:
                    assert isinstance(parser.next_frame(), HeartBeat)
                except RemoteProtocolError as error:
                    errors.add(error)
                    break
            parser.receive_data(BEHIND)
        assert len(errors) == 1

    def test_stores_nothing_that_is_received_after_an_error(self) -> None:
        parser = FrameParser("1.2")
        parser.receive_data(b"x")
        with pytest.raises(RemoteProtocolError):
            parser.next_frame()

        def work() -> None:
            for _ in range(50):
                parser.receive_data(b"x" * 100_000)

        assert _memory(work) < 200_000

    def test_drops_what_was_buffered_before_an_error(self) -> None:
        parser = FrameParser("1.2")
        parser.receive_data(b"SEND\n\n\0x")
        assert isinstance(parser.next_frame(), Frame)

        def work() -> None:
            parser.receive_data(b"x" * 1_000_000)
            with pytest.raises(RemoteProtocolError):
                parser.next_frame()

        assert _memory(work, left_over=True) < 100_000

    @pytest.mark.parametrize(
        ("data", "receipt"),
        [
            (b"SEND\nreceipt:7\nreceipt:8\nnocolon\n", "7"),
            (b"SEND\nnocolon\nreceipt:7\n", None),
            (b"SEND\nreceipt:7\n\0", "7"),
            (b"RECEIPT\nreceipt:7\n\nbody\0", "7"),
            (b"SEND\nreceipt:7\ncontent-length:x\n\n", "7"),
            (b"SEND\nreceipt:7\ncontent-length:1\n\nxx", "7"),
            (b"SEND\nreceipt:7\n\n\0x", None),
            (b"SEND\nreceipt:7\ncontent-length:0\r\n\n\0\0", None),
            (b"SEND\nreceipt:7\n\n\0HELLO\n", None),
            (b"x", None),
            (b"\0", None),
            (b"HELLO\nreceipt:7\n", None),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("byte_by_byte", [False, True])
    def test_has_the_headers_read_before_the_error(
        self, data: bytes, receipt: str | None, byte_by_byte: bool
    ) -> None:
        """A server's ERROR names the frame that it answers (STOMP 1.2, "ERROR")."""
        parser = FrameParser("1.2")
        chunks = [data[at : at + 1] for at in range(len(data))] if byte_by_byte else [data]

        def work() -> None:
            for chunk in chunks:
                parser.receive_data(chunk)
                while parser.next_frame() is not NEED_DATA:
                    pass

        with pytest.raises(RemoteProtocolError):
            work()
        assert parser.partial_header("receipt") == receipt

    def test_discards_input_on_request_but_for_its_end(self) -> None:
        """A connection that has failed reads on like this."""
        for before in (b"SEND", b"SEND\n\n\0SE", b"SEND\ncontent-length:9\n\nx", b"x"):
            parser = FrameParser("1.2")
            parser.receive_data(before)
            with contextlib.suppress(RemoteProtocolError):
                parser.next_frame()
            parser.discard_input()
            assert (parser.unread(), parser.between_frames) == (b"", True)
            parser.receive_data(BEHIND)
            assert parser.next_frame() is NEED_DATA
            parser.receive_data(b"")
            parser.receive_data(b"x")
            assert parser.next_frame() == ConnectionClosed(clean=True)
            assert parser.next_frame() is NEED_DATA

    def test_shows_what_it_has_not_read(self) -> None:
        parser = FrameParser("1.2")
        assert (parser.unread(), parser.between_frames, parser.eof_received) == (b"", True, False)
        parser.receive_data(b"SEND\n\n\0\n\nSE")
        parser.receive_data(b"ND")
        assert isinstance(parser.next_frame(), Frame)
        assert (parser.unread(), parser.between_frames) == (b"\nSEND", False)
        parser.receive_data(b"")
        assert parser.eof_received
        assert parser.next_frame() == ONE_BEAT
        assert isinstance(parser.next_frame(), ConnectionClosed)
        assert (parser.unread(), parser.between_frames) == (b"", False)

    def test_counts_offsets_from_the_start_of_the_stream(self) -> None:
        chunks = [b"\n", b"SEND\n\nab", b"c\0\n", b"\r", b"\nSEND\n\n\0", b"SEND\na", b":b\n", b"c", b"d\n"]
        outcome = feed(chunks)
        assert outcome.error is not None
        assert outcome.error.offset == len(b"".join(chunks)) - len(b"cd\n")

    def test_shows_its_limits(self) -> None:
        limits = Limits(max_headers=3)
        assert FrameParser("1.2", limits=limits).limits is limits
        assert FrameParser("1.2").limits == Limits()


# ---------------------------------------------------------------------- any bytes, in any pieces


@given(streams, st.sampled_from([None, *VERSIONS]), leniencies, limits, st.data())
@example(b"SEND\r", "1.2", Leniency(), Limits(), None)
def test_any_bytes_give_the_same_events_or_error_in_any_chunking(
    data: bytes, version: str | None, leniency: Leniency, limits: Limits, draw: st.DataObject | None
) -> None:
    whole = feed([data, b""] if data else [b""], version, leniency=leniency, limits=limits)
    one_by_one = [data[at : at + 1] for at in range(len(data))]
    cuts = (
        [] if draw is None else sorted(draw.draw(st.sets(st.integers(1, max(1, len(data) - 1)), max_size=5)))
    )
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if data[a:b]]
    for chunks, queued in ((one_by_one, False), (one_by_one, True), (pieces, False)):
        outcome = feed([*chunks, b""], version, leniency=leniency, limits=limits, queued=queued)
        assert outcome.comparable == whole.comparable
    assert (whole.error is None) == (whole.closed is not None)


@given(streams, st.sampled_from(VERSIONS))
def test_serializing_what_was_read_gives_the_received_bytes(data: bytes, version: str) -> None:
    outcome = feed([data], version)
    at = 0
    for one in outcome.frames:
        raw = one.to_bytes(version)
        assert raw == one.raw
        found = data.find(raw, at)
        assert found >= 0
        assert not data[at:found].strip(b"\r\n"), "bytes between two frames that are not ends of lines"
        at = found + len(raw)
    if outcome.error is None:
        assert feed([data[at:]], version).frames == []


@given(streams, st.sampled_from(VERSIONS), leniencies)
def test_what_needed_a_leniency_is_written_strictly_or_not_at_all(
    data: bytes, version: str, leniency: Leniency
) -> None:
    for one in feed([data], version, leniency=leniency).frames:
        try:
            written = one.to_bytes(version)
        except LocalProtocolError:
            continue
        again = feed([written], version)
        assert again.error is None
        assert again.frames == [one]


@given(streams, st.sampled_from([None, *VERSIONS]), leniencies)
def test_a_leniency_never_refuses_what_is_valid(data: bytes, version: str | None, leniency: Leniency) -> None:
    strict = feed([data], version)
    lenient = feed([data], version, leniency=leniency)
    if strict.error is None:
        assert lenient.error is None
        assert [one.raw for one in lenient.frames] == [one.raw for one in strict.frames]


# ---------------------------------------------------------------------- costs


def _memory(work: Callable[[], None], *, left_over: bool = False) -> int:
    """The bytes of memory that the work took at its peak, or, ``left_over``, that it left behind."""
    tracemalloc.start()
    try:
        work()
        now, peak = tracemalloc.get_traced_memory()
        return now if left_over else peak
    finally:
        tracemalloc.stop()


def _seconds(chunks: Iterable[bytes], limits: Limits | None = None, *, queued: bool = False) -> float:
    started = time.process_time()
    feed(chunks, limits=limits, queued=queued)
    return time.process_time() - started


def _pieces(head: bytes, size: int, piece: int) -> Iterator[bytes]:
    yield head
    for at in range(0, size, piece):
        yield b"x" * min(piece, size - at)
    yield b"\0"


MIB = 2**20


COMMON: list[tuple[bytes, list[str | None]]] = [
    (b"RECEIPT\nreceipt-id:7\n\n\0", [None, "1.0", "1.1", "1.2"]),
    (b"MESSAGE\ndestination:/queue/a\nuser:a : b\ncontent-length:3\n\na\0b\0\n", [None, "1.1", "1.2"]),
    (b"MESSAGE\ndestination:/queue/a\n\xc3\xa9:\x01\x7f\n\nbody\0\n", [None, "1.0", "1.1", "1.2"]),
    (b"MESSAGE\na:\\n\\c\\\\\\\\n\n\nbody\0\n", ["1.0", "1.1", "1.2"]),
    (b"MESSAGE\na:\\r\\\\\n\n\0", ["1.0", "1.2"]),
    (b"CONNECT\npasscode:a\\b\nhost: / \n\n\0", [None, "1.0", "1.1", "1.2"]),
]


@pytest.mark.parametrize(("data", "version"), [(data, version) for data, them in COMMON for version in them])
def test_a_common_frame_that_arrives_whole_takes_the_fast_path(data: bytes, version: str | None) -> None:
    # Only there the header lines stay one text. That makes the difference in speed.
    (one,) = feed([data], version).frames
    assert one.headers.text is not None


@pytest.mark.parametrize("head", [b"SEND\ncontent-length:%d\n\n" % (64 * MIB), b"SEND\n\n"], ids=repr)
def test_a_body_of_64_mib_in_pieces_takes_under_3_times_its_size(head: bytes) -> None:
    parser = FrameParser("1.2")
    bodies = []

    def work() -> None:
        for chunk in _pieces(head, 64 * MIB, 1460):
            parser.receive_data(chunk)
            got = parser.next_frame()
            if isinstance(got, Frame):
                bodies.append(len(got.body))

    assert _memory(work) < 3 * 64 * MIB
    assert bodies == [64 * MIB]


@pytest.mark.parametrize("piece", [1, 64, 511, 512, 1460])
@pytest.mark.parametrize("queued", [False, True])
def test_the_time_for_a_body_in_pieces_is_linear(piece: int, queued: bool) -> None:
    # Copying all that came so far with each piece would take minutes here.
    size = 100_000 * piece if piece < 64 else 16 * MIB
    head = b"SEND\ncontent-length:%d\n\n" % size
    assert _seconds(_pieces(head, size, piece), queued=queued) < 20
    assert _seconds(_pieces(b"SEND\n\n", size, piece), queued=queued) < 20


def test_a_body_in_pieces_of_every_size_is_put_together_in_order() -> None:
    body = bytes(range(256)) * 1200
    sizes = [1, 511, 512, 513, 3, 70_000, 2, 65_535, 65_536, *[100] * 800]
    for head in (b"SEND\n\n", b"SEND\ncontent-length:%d\n\n" % len(body)):
        wanted = body if b"length" in head else body.replace(b"\0", b"\1")
        chunks, at = [head], 0
        for size in sizes:
            chunks.append(wanted[at : at + size])
            at += size
        chunks = [chunk for chunk in [*chunks, wanted[at:]] if chunk]
        again = [head, *chunks[:0:-1]]
        for pieces in (chunks, again):
            outcome = feed([*pieces, b"\0", *pieces, b"\0"])
            assert [one.body for one in outcome.frames] == [b"".join(pieces[1:])] * 2


def test_a_content_length_of_3_gb_allocates_nothing() -> None:
    parser = FrameParser("1.2", limits=Limits(max_body=4_000_000_000))

    def work() -> None:
        parser.receive_data(b"SEND\ncontent-length:3000000000\n\nx")
        assert parser.next_frame() is NEED_DATA

    assert _memory(work) < 100_000


def test_a_flood_of_eols_is_one_heart_beat_a_chunk() -> None:
    for eols, count in ((b"\n" * 1_000_000, 1_000_000), (b"\r\n" * 1_000_000, 1_000_000)):
        parser = FrameParser("1.2")
        parser.receive_data(eols)
        assert parser.next_frame() == HeartBeat(count)
        assert parser.next_frame() is NEED_DATA


def test_eols_that_came_in_a_million_pieces_are_one_heart_beat() -> None:
    parser = FrameParser("1.2")
    for _ in range(1_000_000):
        parser.receive_data(b"\n")
    assert parser.next_frame() == HeartBeat(1_000_000)


def test_frames_queued_in_tiny_pieces_are_read_in_linear_time() -> None:
    data = b"SEND\na:b\n\nhello\0" * 30_000
    assert _seconds([data[at : at + 2] for at in range(0, len(data), 2)], queued=True) < 20


def test_a_flood_of_header_lines_takes_no_memory() -> None:
    # The expression for heads stores every line that it passes: thirty times their size, were it not stopped.
    flood = b"SEND" + b"\na:" * 1_000_000
    parser = FrameParser("1.2")

    def work() -> None:
        parser.receive_data(flood)
        with pytest.raises(RemoteProtocolError, match="more than 1000 header lines"):
            parser.next_frame()

    # tracemalloc does not see what the expression takes; the peak of the process does.
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert _memory(work) < 1_000_000
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 20_000, "kilobytes"


@pytest.mark.parametrize("piece", [1, 1460])
def test_a_line_that_never_ends_is_cut_off_in_linear_time(piece: int) -> None:
    size = 200_000 if piece == 1 else 32 * MIB
    limits = Limits(max_header_line=size, max_head=2 * size)
    assert _seconds(_pieces(b"SEND\nfoo:", 2 * size, piece), limits) < 20


def test_a_head_of_very_many_lines_is_read_in_linear_time() -> None:
    limits = Limits(max_headers=200_000, max_head=MIB)
    assert _seconds([b"SEND\n", *[b"a:b\n"] * 100_000, b"\n\0"], limits) < 20
    assert _seconds([b"SEND\n" + b"a:b\n" * 100_000 + b"\n\0"], limits) < 20


def test_the_frame_that_tests_append_is_read_in_every_version() -> None:
    # assert_reads appends it to everything.
    for version in (None, *VERSIONS):
        assert read(BEHIND, version).events == [READ_BEHIND]
