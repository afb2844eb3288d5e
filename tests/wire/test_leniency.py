"""Leniency: every switch tolerates one thing, only that, and never moves the end of a frame."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace

import pytest

from stomp_core import Frame, HeartBeat, Leniency

from .reading import VERSIONS, Read, assert_reads, assert_refused, frame, read

NAMES = tuple(field.name for field in fields(Leniency))
#: switches that concern the connections, not the parser
OF_THE_CONVERSATION = (
    "missing_host",
    "receipt_on_connect",
    "missing_message_headers",
    "missing_ack",
    "bad_heart_beat",
    "late_message_errors",
    "unchecked_conversation",
)

SEND = frame("SEND")
TOLERATED: list[tuple[str, str | None, bytes, tuple[str, int], list[Read | HeartBeat]]] = [
    # (switch, version, bytes, code and offset of the strict reader, what the lenient one reads)
    ("crlf", "1.0", b"SEND\r\na:b\r\n\r\nx\0", ("unknown-command", 0), [frame("SEND", [("a", "b")], b"x")]),
    ("crlf", "1.1", b"SEND\r\na:b\r\n\r\nx\0", ("unknown-command", 0), [frame("SEND", [("a", "b")], b"x")]),
    ("crlf", "1.1", b"SEND\n\r\n\0", ("header-without-colon", 5), [SEND]),
    ("crlf", "1.1", b"SEND\na:b\rc\r\r\n\r\n\0", ("header-without-colon", 13), [frame("SEND", [("a", "b\rc\r")])]),
    ("crlf", "1.1", b"\r\nSEND\n\n\0\r\n", ("bare-cr", 0), [HeartBeat(1), SEND]),
    (
        "crlf", "1.0", b"SEND\ncontent-length:0\r\n\n\0", ("bad-content-length", 24),
        [frame("SEND", [("content-length", "0")])],
    ),
    ("bare_cr", "1.2", b"SEND\na\rb:c\rd\r\r\n\n\0", ("bare-cr", 6), [frame("SEND", [("a\rb", "c\rd\r")])]),
    ("cr_between_frames", None, b"\r\r\nSEND\n\n\0\r\r", ("bare-cr", 0), [HeartBeat(1), SEND]),
    ("cr_between_frames", "1.2", b"\n\rSEND\n\n\0\r\r", ("bare-cr", 1), [HeartBeat(1), SEND]),
    ("cr_between_frames", "1.1", b"SEND\n\n\0\r\n\r\n\r", ("bare-cr", 7), [SEND, HeartBeat(1)]),
    ("cr_between_frames", "1.0", b"\rSEND\n\n\0", ("bare-cr", 0), [SEND]),
    ("nul_between_frames", None, b"\0SEND\n\n\0\0\n\0", ("nul-between-frames", 0), [SEND]),
    (
        "nul_between_frames", "1.2", b"\n\0\nSEND\n\n\0\n\0\n", ("nul-between-frames", 1),
        [HeartBeat(2), SEND, HeartBeat(1)],
    ),
    ("nack_in_1_0", "1.0", b"NACK\na:b\n\n\0", ("unknown-command", 0), [frame("NACK", [("a", "b")])]),
    ("bad_header_lines", "1.2", b"SEND\nfoo\na:b\n\n\0", ("header-without-colon", 5), [frame("SEND", [("a", "b")])]),
    ("bad_header_lines", "1.1", b"SEND\na:b\n:foo\n\n\0", ("empty-header-name", 9), [frame("SEND", [("a", "b")])]),
    ("bad_header_lines", "1.0", b"SEND\n \n : \n\n\0", ("header-without-colon", 5), [SEND]),
    ("bad_header_lines", None, b"CONNECT\nfoo\n\n\0", ("header-without-colon", 8), [frame("CONNECT")]),
    ("bad_header_lines", "1.1", b"SEND\n\r\n\n\0", ("header-without-colon", 5), [SEND]),
    (
        "unknown_escapes", "1.2", b"SEND\na\\t:\\q\\c\\\n\n\0", ("undefined-escape", 6), [frame("SEND",
        [("a\\t", "\\q:\\")])],
    ),
    ("unknown_escapes", "1.1", b"SEND\na:\\r\\\\r\n\n\0", ("undefined-escape", 7), [frame("SEND", [("a", "\\r\\r")])]),
    (
        "cr_escape_in_1_1", "1.1", b"SEND\na\\r:\\r\\n\n\n\0", ("undefined-escape", 6), [frame("SEND",
        [("a\r", "\r\n")])],
    ),
    ("not_utf8", "1.2", b"SEND\na\xff:b\xc3\n\n\0", ("not-utf-8", 6), [frame("SEND", [("a\udcff", "b\udcc3")])]),
    ("not_utf8", None, b"CONNECT\na:\xe9\xc3\xa9\n\n\0", ("not-utf-8", 10), [frame("CONNECT", [("a", "\udce9é")])]),
    ("not_utf8", "1.1", b"SEND\na\\c:\xff\\n\n\n\0", ("not-utf-8", 9), [frame("SEND", [("a:", "\udcff\n")])]),
    (
        "padded_content_length", "1.2", b"SEND\ncontent-length:  3 \n\na\0b\0", ("bad-content-length", 26),
        [frame("SEND", [("content-length", "  3 ")], b"a\0b")],
    ),
    ("unexpected_body", "1.2", b"RECEIPT\na:b\n\nbody\0", ("body-not-allowed", 13), [frame("RECEIPT", [("a", "b")])]),
    (
        "unexpected_body", "1.1", b"SUBSCRIBE\ncontent-length:3\n\na\0b\0", ("body-not-allowed", 28),
        [frame("SUBSCRIBE")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("switch", "version", "data", "refusal", "expected"), TOLERATED, ids=repr)
def test_each_switch_tolerates_one_thing_and_no_other_switch_does(
    switch: str, version: str | None, data: bytes, refusal: tuple[str, int], expected: list[Read | HeartBeat]
) -> None:
    code, offset = refusal
    strict = read(data, version).error
    assert strict is not None
    assert strict.code == code
    assert strict.offset == offset
    assert_reads(data, *expected, version=version, leniency=Leniency(**{switch: True}))
    # RabbitMQ's \r in 1.1 is also an unknown escape, and the CR of CRLF is a CR alone in 1.1.
    also = {"unknown_escapes": ["cr_escape_in_1_1"], "cr_escape_in_1_1": ["unknown_escapes"],
            "crlf": ["cr_between_frames", "bad_header_lines"], "cr_between_frames": ["crlf"],
            "bad_header_lines": ["crlf"]}.get(switch, [])  # fmt: skip
    others = Leniency(**{name: name != switch and name not in also for name in NAMES})
    assert read(data, version, leniency=others).error is not None


@pytest.mark.parametrize(("switch", "version", "data", "refusal", "expected"), TOLERATED, ids=repr)
def test_permissive_tolerates_it_too(
    switch: str, version: str | None, data: bytes, refusal: tuple[str, int], expected: list[Read | HeartBeat]
) -> None:
    if switch not in ("unknown_escapes", "cr_between_frames", "bad_header_lines") or version == "1.2":
        assert_reads(data, *expected, version=version, leniency=Leniency.permissive())
    assert read(data, version, leniency=Leniency.permissive()).error is None


# ---------------------------------------------------------------------- escapes in 1.0 and in the handshake


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (r"a\cb", "a:b"),
        (r"a\nb\\c", "a\nb\\c"),
        (r"C:\temp", r"C:\temp"),
        (r"\c\t", r"\c\t"),
        ("a\\", "a\\"),
        (r"\r", r"\r"),
    ],
)
def test_escapes_in_1_0_are_decoded_if_all_of_them_are_defined(raw: str, text: str) -> None:
    data = f"MESSAGE\nx:{raw}\n\n\0".encode()
    assert_reads(data, frame("MESSAGE", [("x", raw)]), version="1.0")
    assert_reads(data, frame("MESSAGE", [("x", text)]), version="1.0", leniency=Leniency(escapes_in_1_0=True))


def test_escapes_in_1_0_are_those_of_rabbitmq_with_its_cr() -> None:
    both = Leniency(escapes_in_1_0=True, cr_escape_in_1_1=True)
    assert_reads(b"MESSAGE\nx\\c: \\r \n\n\0", frame("MESSAGE", [("x:", "\r")]), version="1.0", leniency=both)


def test_escapes_in_1_0_does_not_change_the_handshake() -> None:
    for command in ("CONNECT", "STOMP", "CONNECTED"):
        data = f"{command}\nx:\\c\n\n\0".encode()
        assert_reads(
            data, frame(command, [("x", r"\c")]), version="1.0", leniency=Leniency(escapes_in_1_0=True)
        )


@pytest.mark.parametrize("switch", ["escapes_in_1_0", "cr_escape_in_1_1"])
def test_a_switch_for_one_version_changes_no_other(switch: str) -> None:
    only = Leniency(**{switch: True})
    versions = {"escapes_in_1_0": ["1.1", "1.2"], "cr_escape_in_1_1": ["1.0", "1.2"]}[switch]
    for version in versions:
        for data in (b"SEND\na:\\t\n\n\0", b"SEND\na:\\c\\r\n\n\0", b"SEND\na:\\\\\n\n\0"):
            assert read(data, version, leniency=only).comparable == read(data, version).comparable


@pytest.mark.parametrize("version", [None, *VERSIONS])
@pytest.mark.parametrize("command", ["CONNECT", "STOMP"])
@pytest.mark.parametrize(
    ("raw", "text"), [(r"a\cb", "a:b"), (r"\r\n\\", "\r\n\\"), (r"a\tb\c", r"a\tb\c"), ("a:b\\", "a:b\\")]
)
def test_escapes_in_connect_are_decoded_as_both_brokers_do(
    raw: str, text: str, command: str, version: str | None
) -> None:
    data = f"{command}\nx\\c:1\npasscode:{raw}\n\n\0".encode()
    leniency = Leniency(escapes_in_connect=True)
    assert_reads(data, frame(command, [("x:", "1"), ("passcode", text)]), version=version, leniency=leniency)
    assert_reads(data, frame(command, [("x\\c", "1"), ("passcode", raw)]), version=version)


@pytest.mark.parametrize("version", [None, *VERSIONS])
def test_escapes_in_connect_does_not_change_connected(version: str | None) -> None:
    data = b"CONNECTED\nsession:a\\cb\n\n\0"
    expected = frame("CONNECTED", [("session", r"a\cb")])
    assert_reads(data, expected, version=version, leniency=Leniency(escapes_in_connect=True))


# ---------------------------------------------------------------------- what no switch tolerates

NEVER = [
    (b"x", "unexpected-byte", 0),
    (b"HELLO\n", "unknown-command", 0),
    (b"SEND \n", "unknown-command", 0),
    (b"SEND\na:\0\n", "nul-in-head", 7),
    (b"S\0\n", "nul-in-head", 1),
    (b"SEND\ncontent-length:1\n\nab\0", "frame-not-terminated", 24),
    (b"SEND\ncontent-length:-1\n\n\0", "bad-content-length", 24),
    (b"SEND\ncontent-length:1 0\n\n\0", "bad-content-length", 25),
    (b"SEND\ncontent-length: \n\n\0", "bad-content-length", 23),
    (b"SEND\ncontent-length:\t1\n\n\0", "bad-content-length", 24),
    (b"RECEIPT\ncontent-length:1\n\nab\0", "frame-not-terminated", 27),
    (b"RECEIPT\ncontent-length:99999999999\n\n", "body-too-large", 36),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("data", "code", "offset"), NEVER, ids=repr)
def test_some_things_are_never_tolerated(data: bytes, code: str, offset: int, version: str) -> None:
    everything = Leniency(**dict.fromkeys(NAMES, True))
    assert_refused(data, code, offset, version=version, leniency=everything)


def test_no_switch_moves_the_end_of_a_frame() -> None:
    everything = Leniency(**dict.fromkeys(NAMES, True))
    for data in (
        b"SEND\ncontent-length: 5 \n\nab\0\0\0\0",
        b"SEND\n\nab\0",
        b"ACK\n\nab\0",
        b"ACK\ncontent-length:2\n\n\0b\0",
    ):
        outcome = read(data + b"MESSAGE\n\nx\0", leniency=everything)
        assert [one.command for one in outcome.frames][-1] == "MESSAGE"
        assert len(outcome.frames) == 2


# ---------------------------------------------------------------------- the object


def test_nothing_is_tolerated_by_default() -> None:
    assert all(getattr(Leniency(), name) is False for name in NAMES)


def test_brokers_is_what_rabbitmq_and_activemq_need() -> None:
    assert Leniency.brokers() == Leniency(cr_escape_in_1_1=True, missing_ack=True, late_message_errors=True)


def test_permissive_is_all_but_three_switches() -> None:
    """Two take plain backslashes for escapes, and one concerns what this side sends."""
    everything = Leniency(**dict.fromkeys(NAMES, True))
    assert Leniency.permissive() == replace(
        everything, escapes_in_1_0=False, escapes_in_connect=False, unchecked_conversation=False
    )


def test_the_names_of_the_switches_are_stable() -> None:
    assert NAMES == (
        "crlf", "bare_cr", "cr_between_frames", "nul_between_frames", "bad_header_lines", "unknown_escapes",
        "cr_escape_in_1_1", "escapes_in_1_0", "escapes_in_connect", "not_utf8", "padded_content_length",
        "unexpected_body", "missing_host", "receipt_on_connect", "missing_message_headers", "missing_ack",
        "bad_heart_beat", "late_message_errors", "nack_in_1_0", "unchecked_conversation",
    )  # fmt: skip
    assert Leniency.__doc__ is not None
    assert [name for name in NAMES if f"{name}: " not in Leniency.__doc__] == []


@pytest.mark.parametrize("switch", OF_THE_CONVERSATION)
def test_switches_of_the_conversation_mean_nothing_to_the_parser(switch: str) -> None:
    data = b"CONNECT\nheart-beat:x\nreceipt:1\n\n\0SEND\na:\\t\n\n\0"
    assert read(data, leniency=Leniency(**{switch: True})).comparable == read(data).comparable


def test_it_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Leniency().crlf = True  # type: ignore[misc]


def test_bytes_that_are_not_utf_8_survive() -> None:
    (one,) = read(b"SEND\ndestination:\xff\xfe\xc3\xa9\n\n\0", leniency=Leniency(not_utf8=True)).frames
    assert isinstance(one, Frame)
    assert one.headers["destination"].encode(errors="surrogateescape") == b"\xff\xfe\xc3\xa9"


def test_the_end_of_the_stream_after_a_tolerated_cr_is_clean() -> None:
    closed = read(b"SEND\n\n\0\n\r", leniency=Leniency(cr_between_frames=True), eof=True).closed
    assert closed is not None
    assert closed.clean
