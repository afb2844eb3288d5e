"""The fast ways and the slow ways of the parser and the serializer accept the same, give the same, refuse the same.

A parser that receives everything byte by byte reads nearly everything on its slow path. That is the reference here: in
any other cutting the same frames must come, and an error must be raised with the chunk that holds the byte which raises
it there. A parser that held back an error until more data arrives would pass a comparison of errors alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stomp_core import (
    NEED_DATA,
    Frame,
    FrameParser,
    HeartBeat,
    Leniency,
    Limits,
    LocalProtocolError,
    RemoteProtocolError,
)
from stomp_core.wire._headers import Headers
from stomp_core.wire._serializer import serialize

from .reading import VERSIONS, feed, frame, read
from .streams import leniencies, limits, streams

#: a chunk of what TLS and networks give
SEGMENT = 1460


def cut(data: bytes, size: int) -> list[bytes]:
    """Cut the data into pieces of one size."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def received_until_error(
    chunks: list[bytes], version: str | None, leniency: Leniency | None = None, limits: Limits | None = None
) -> int | None:
    """Return how many bytes a parser had received when it raised its error, or ``None`` if it raised none."""
    parser = FrameParser(version, leniency=leniency, limits=limits)
    received = 0
    try:
        for chunk in chunks:
            parser.receive_data(chunk)
            received += len(chunk)
            while parser.next_frame() is not NEED_DATA:
                pass
    except RemoteProtocolError:
        return received
    return None


def assert_agree(
    data: bytes,
    cuttings: list[list[bytes]],
    version: str | None,
    leniency: Leniency | None = None,
    limits: Limits | None = None,
) -> None:
    """Check that every cutting of these bytes is read as they are byte by byte, and refused with the same byte."""
    slow = feed([*cut(data, 1), b""], version, leniency=leniency, limits=limits)
    byte = received_until_error(cut(data, 1), version, leniency, limits)
    for chunks in cuttings:
        fast = feed([*chunks, b""], version, leniency=leniency, limits=limits)
        assert fast.comparable == slow.comparable
        received = received_until_error(chunks, version, leniency, limits)
        if byte is None:
            assert received is None
            continue
        # The chunk that holds the byte, not a later one.
        end = 0
        for chunk in chunks:
            end += len(chunk)
            if end >= byte:
                break
        assert received == end


def message(number: int, headers: str = "", body: bytes = b"a\0b") -> bytes:
    """Return a MESSAGE as brokers send it."""
    head = f"MESSAGE\nsubscription:1\nmessage-id:ID\\c{number}\ndestination:/queue/a\n{headers}"
    return f"{head}content-length:{len(body)}\n\n".encode() + body + b"\0\n"


#: frames that are common on a connection, regular and irregular ones
REGULAR = [
    message(1),
    message(2, "priority:4\npersistent:true\ncolon:a:b\n", b""),
    message(3, "name:\u00e9\u20ac\n"),
    message(4, "a\\cb:\\\\c\\n\n", b"x" * 300),
    message(5, "cr:\\r\n"),
    message(6).replace(b"\n", b"\r\n"),
    b"RECEIPT\nreceipt-id:r-1\n\n\0\n",
    b"ERROR\nmessage:bad\n\nno length\0",
    b"CONNECTED\r\nversion:1.2\r\nserver:a\\b\r\n\r\n\0\n",
    b"SEND\ndestination: /queue/a \n\nbody\0\n\n",
    b"\n",
]
mutations = st.lists(
    st.tuples(
        st.integers(0, 2000),
        st.sampled_from(["replace", "insert", "delete"]),
        st.sampled_from(
            [b"\0", b"\r", b"\n", b":", b"\\", b" ", b"\xff", b"\xc3", b"x", b"\n\n", b"\\t", b"9"]
        ),
    ),
    max_size=3,
)


def mutated(data: bytes, changes: list[tuple[int, str, bytes]]) -> bytes:
    """Change single bytes of the data."""
    for at, how, piece in changes:
        at %= len(data) + 1
        if how == "delete":
            data = data[:at] + data[at + 1 :]
        else:
            data = data[:at] + piece + data[at + (how == "replace") :]
    return data


@st.composite
def cuttings(draw: st.DrawFn, data: bytes) -> list[list[bytes]]:
    """Return the usual cuttings and one by chance."""
    places = sorted(draw(st.sets(st.integers(0, len(data)), max_size=6)))
    by_chance = [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]
    return [
        cut(data, len(data) or 1),
        cut(data, 7),
        cut(data, SEGMENT),
        [chunk for chunk in by_chance if chunk],
    ]


@given(
    st.lists(st.sampled_from(REGULAR), max_size=6).map(b"".join),
    mutations,
    st.sampled_from([None, *VERSIONS]),
    leniencies,
    st.data(),
)
def test_common_frames_with_some_bytes_changed(
    data: bytes,
    changes: list[tuple[int, str, bytes]],
    version: str | None,
    leniency: Leniency,
    draw: st.DataObject,
) -> None:
    data = mutated(data, changes)
    assert_agree(data, draw.draw(cuttings(data)), version, leniency)


@given(streams, st.sampled_from([None, *VERSIONS]), leniencies, st.data())
def test_bytes_that_look_like_stomp(
    data: bytes, version: str | None, leniency: Leniency, draw: st.DataObject
) -> None:
    assert_agree(data, draw.draw(cuttings(data)), version, leniency)


@given(
    st.lists(st.integers(0, 12), max_size=12),
    st.integers(0, 11),
    st.integers(0, 14),
    st.integers(3, 70),
    st.data(),
)
@example([3, 3, 3], 3, 14, 70, None)
@example([3, 3, 3], 2, 14, 70, None)
@example([12, 3], 9, 14, 70, None)
@example([12, 3], 9, 13, 70, None)
def test_heads_near_their_limits(
    lines: list[int], max_headers: int, max_line: int, max_head: int, draw: st.DataObject | None
) -> None:
    """A limit is exceeded by the byte that exceeds it, however long the head is and wherever it is cut."""
    head = b"".join(
        b"%b:%b\n" % (b"n" * min(length, 2), b"v" * max(0, length - 2)) for length in lines if length
    )
    data = (b"SEND\n" + head + b"\nbody\0\n") * 2
    limits = Limits(max_headers=max_headers, max_header_line=max_line, max_head=max_head)
    by_chance = [] if draw is None else draw.draw(cuttings(data))
    in_two = [[data[:at], data[at:]] for at in range(1, len(data), 5)]
    assert_agree(data, [cut(data, len(data)), cut(data, 7), *in_two, *by_chance], "1.2", limits=limits)


@pytest.mark.parametrize("version", [None, *VERSIONS])
@pytest.mark.parametrize("piece", [b"\0", b"\r", b"\n", b":", b"\\", b" ", b"\xff"], ids=repr)
def test_every_byte_of_a_head_changed_and_cut_off_behind_it(piece: bytes, version: str | None) -> None:
    """The state of a parser that waits for the rest of a head is that of the slow path: it waits for nothing wrong."""
    data = b"MESSAGE\na:\\c\nb\\n:c d\n\xc3\xa9:1\n\nbody\0\n"
    for at in range(len(data)):
        changed = data[:at] + piece + data[at + 1 :]
        assert_agree(changed, [[changed[:end], changed[end:]] for end in (at + 1, at + 2, at + 4)], version)


@pytest.mark.parametrize(
    ("count", "size"), [(1000, 3), (1001, 3), (300, 40), (4, 60_000), (3, 2**16), (3, 2**16 + 1), (5, 60_000)]
)
def test_long_heads_under_the_default_limits(count: int, size: int) -> None:
    """Heads of hundreds of headers, and of long ones, at the limits and beyond."""
    data = b"SEND\n" + b"".join(b"a:%b\n" % (b"v" * (size - 2)) for _ in range(count)) + b"\n\0"
    slow = feed(cut(data, 7))
    for chunks in (cut(data, len(data)), cut(data, SEGMENT), cut(data, 65536)):
        assert feed(chunks).comparable == slow.comparable
    accepted = count <= 1000 and size <= 2**16 and len(data) - 1 <= 2**18
    assert (slow.error is None) == accepted


@pytest.mark.parametrize("count", [300, 1000])
def test_a_head_of_many_headers_takes_the_fast_path(count: int) -> None:
    # Only there the header lines stay one text. Ten times as many headers cost no more each.
    (frame,) = feed([b"MESSAGE\n" + b"header:value\n" * count + b"\n\0"]).frames
    assert frame.headers.text is not None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("at", [1, 7, 8, 20, 45, 70])
def test_a_head_cut_once_takes_the_fast_path(at: int, version: str) -> None:
    data = message(1)
    (frame,) = feed([data[:at], data[at:]], version).frames
    assert frame.headers.text is not None


def test_a_head_cut_twice_is_read_on_the_slow_path() -> None:
    """Otherwise a head in tiny pieces would be scanned from its start for each of them: that takes quadratic time."""
    data = message(1)
    (frame,) = feed([data[:20], data[20:40], data[40:]]).frames
    assert frame.headers.text is None


@pytest.mark.parametrize("most", [11, 20, 64])
@pytest.mark.parametrize("length", [11, 12, 20, 21, 64, 65, 70])
def test_a_command_line_that_goes_on_and_on(most: int, length: int) -> None:
    limits = Limits(max_command=most)
    data = b"X" * length
    at_limit = [chunk for chunk in (data[:most], data[most:]) if chunk]
    assert_agree(data, [[data], cut(data, 7), at_limit], "1.2", limits=limits)
    assert (received_until_error([data], "1.2", limits=limits) is None) == (length <= most)


# ---------------------------------------------------------------------- a head that waits for its rest


def waiting() -> FrameParser:
    """Return a parser that has received a frame and the beginning of a head."""
    parser = FrameParser("1.2")
    parser.receive_data(b"RECEIPT\nreceipt-id:1\n\n\0\nMESSAGE\na:b\nc")
    assert isinstance(parser.next_frame(), Frame)
    assert parser.next_frame() is NEED_DATA
    return parser


def test_a_head_that_waits_is_part_of_a_frame() -> None:
    parser = waiting()
    assert not parser.between_frames
    assert parser.unread() == b""
    parser.receive_data(b":d\n")
    assert parser.unread() == b":d\n"
    assert parser.next_frame() is NEED_DATA
    parser.receive_data(b"\n\0")
    frame = parser.next_frame()
    assert isinstance(frame, Frame)
    assert frame.headers.items() == [("a", "b"), ("c", "d")]
    assert parser.between_frames


def test_a_head_that_waits_is_forgotten_with_all_input() -> None:
    parser = waiting()
    parser.discard_input()
    assert parser.between_frames
    parser.receive_data(b":d\n\n\0")
    assert parser.next_frame() is NEED_DATA


def test_the_headers_of_a_head_that_waited_are_known_after_an_error() -> None:
    parser = waiting()
    parser.receive_data(b"\n")
    with pytest.raises(RemoteProtocolError) as caught:
        parser.next_frame()
    assert caught.value.code == "header-without-colon"
    assert parser.partial_header("a") == "b"


@pytest.mark.parametrize("end", range(1, 11))
def test_a_stream_that_ends_while_a_head_waits_was_cut(end: int) -> None:
    closed = read(b"SEND\na:b\n\n\0"[:end], eof=True).closed
    assert closed is not None
    assert closed.cut
    assert ("SEND" in closed.reason) == (end > len("SEND"))


# ---------------------------------------------------------------------- RECEIPTs whose id alone is read

IDS = [b"1", b"auto-1", b"a:b", b"~!", b" 1", b"1 ", b"a\\cb", b"a\\tb", b"\xc3\xa9", b"\r", b"", b"1\r"]
RECEIPTS = st.lists(
    st.one_of(
        st.sampled_from([b"RECEIPT\nreceipt-id:%b\n\n\0" % receipt for receipt in IDS]),
        st.sampled_from(
            [b"\n", b"\n\n", b"\r\n", b"RECEIPT\nreceipt-id:1\na:b\n\n\0", b"MESSAGE\na:b\n\nbody\0"]
        ),
        streams,
    ),
    max_size=6,
).map(b"".join)


def trace(
    chunks: list[bytes],
    version: str | None,
    leniency: Leniency | None,
    limits: Limits | None,
    wanted: Callable[[str], bool] | None,
) -> list[object]:
    """Return what a parser reads, and how it looks after each step.

    Args:
        chunks, version, leniency, limits: as for :func:`feed`.
        wanted: which ids take_receipt() accepts; ``None``: it is not called.
    """
    parser = FrameParser(version, leniency=leniency, limits=limits)
    steps: list[object] = []
    try:
        for chunk in chunks:
            parser.receive_data(chunk)
            while True:
                receipt = None
                if wanted is not None:
                    before = parser.between_frames, parser.unread()
                    receipt = parser.take_receipt(lambda name: name if wanted(name) else None)
                    if receipt is None:
                        assert (parser.between_frames, parser.unread()) == before
                item = parser.next_frame() if receipt is None else frame("RECEIPT", [("receipt-id", receipt)])
                if item is NEED_DATA:
                    break
                if isinstance(item, Frame):
                    item = item.command, item.headers.items(), item.body
                steps.append((item, parser.between_frames, parser.unread()))
    except RemoteProtocolError as error:
        steps.append((error.code, error.offset, str(error)))
    return steps


@given(
    data=RECEIPTS,
    size=st.integers(1, 60),
    version=st.one_of(st.none(), st.sampled_from(VERSIONS)),
    leniency=leniencies,
    limits=limits,
    wanted=st.sampled_from(["all", "none", "some"]),
)
@example(b"RECEIPT\nreceipt-id:1\n\n\0\nRECEIPT\nreceipt-id:2\n\n\0\n", 60, "1.2", None, None, "all")
@example(b"RECEIPT\nreceipt-id:1\n\n\0\n\n", 23, "1.2", None, None, "all")
def test_receipts_are_taken_as_they_are_read(
    data: bytes,
    size: int,
    version: str | None,
    leniency: Leniency | None,
    limits: Limits | None,
    wanted: str,
) -> None:
    """take_receipt() gives what next_frame() gives, changes what that changes, and nothing if it gives nothing."""
    accepts = {"all": lambda name: True, "none": lambda name: False, "some": lambda name: len(name) % 2 == 0}
    chunks = [*cut(data, size), b""]
    straight = trace(chunks, version, leniency, limits, accepts[wanted])
    assert straight == trace(chunks, version, leniency, limits, None)


def test_a_receipt_is_taken_without_a_frame() -> None:
    parser = FrameParser("1.2")
    parser.receive_data(b"RECEIPT\nreceipt-id:auto-1\n\n\0\nRECEIPT\nreceipt-id:auto-2\n\n\0\n\n")
    assert parser.take_receipt({"auto-1": 1}.get) == 1
    assert parser.take_receipt({"auto-1": 1}.get) is None
    assert parser.take_receipt({"auto-2": 2}.get) == 2
    assert parser.next_frame() == HeartBeat(1)


def calls(work: Callable[[], object]) -> int:
    """Count the calls of Python and C functions that the work makes."""
    count = 0

    def counting(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(counting)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(("line", "count"), [(b"a:b\n", 1000), (b"name:" + b"v" * 1000 + b"\n", 4)])
@pytest.mark.parametrize("size", [7, 64])
def test_the_work_for_a_head_in_tiny_pieces_is_linear(line: bytes, count: int, size: int) -> None:
    limits = Limits(max_headers=100_000)
    small, large = [
        calls(partial(feed, cut(b"SEND\n" + line * many + b"\n\0", size), limits=limits))
        for many in (count, 4 * count)
    ]
    assert large < 4.2 * small


# ---------------------------------------------------------------------- the serializer


def reference(command: str, pairs: list[tuple[str, str]], body: bytes, version: str) -> bytes | None:
    """Write a frame of a command that is escaped as the specifications say, one character after the other.

    Returns:
        ``None`` if the version cannot carry it.
    """
    escapes = {"\\": "\\\\", ":": "\\c", "\n": "\\n"} | ({"\r": "\\r"} if version == "1.2" else {})
    lines = [command]
    for name, value in pairs:
        if not name:
            return None
        if version == "1.0":
            if ":" in name or any(text.strip(" ") != text for text in (name, value)):
                return None
        else:
            name, value = ("".join(escapes.get(char, char) for char in text) for text in (name, value))
        if any(char in name + value for char in "\0\n\r"):
            return None
        lines.append(f"{name}:{value}")
    if body:
        lines.append(f"content-length:{len(body)}")
    return "\n".join([*lines, "", ""]).encode() + body + b"\0"


texts = st.text(st.sampled_from("ab :\\\n\r\0c\u00e9"), max_size=4)


@given(st.lists(st.tuples(texts, texts), max_size=5), st.sampled_from([b"", b"body", b"\0"]), st.booleans())
def test_all_ways_to_write_a_frame_give_the_same_bytes(
    pairs: list[tuple[str, str]], body: bytes, as_dict: bool
) -> None:
    if as_dict:
        pairs = list(dict(pairs).items())
    pairs = [("destination", "/queue/a"), *pairs]
    for version in VERSIONS:
        headers = Headers(dict(pairs) if as_dict else pairs)
        expected = reference("SEND", pairs, body, version)
        for _ in range(2):  # the second one may be made of the head that the first one left
            try:
                written = serialize("SEND", headers, body, version)
            except LocalProtocolError:
                assert expected is None
            else:
                assert written == expected


@given(
    st.lists(
        st.sampled_from(
            [
                ("content-length", "4"),
                ("content-length", "5"),
                ("x", "a:b"),
                ("y", "z"),
                ("content-length", "\\"),
            ]
        ),
        max_size=4,
    ),
    st.sampled_from(VERSIONS),
    st.booleans(),
)
def test_a_stated_content_length_beside_headers_to_escape(
    pairs: list[tuple[str, str]], version: str, content_length: bool
) -> None:
    headers = Headers([("destination", "/queue/a"), *pairs])
    stated = {value for name, value in pairs if name == "content-length"}
    try:
        written = serialize("SEND", headers, b"body", version, content_length=content_length)
    except LocalProtocolError:
        assert stated - {"4"} or (stated and not content_length)
        return
    assert stated <= {"4"}
    assert written.count(b"content-length:4\n") == bool(content_length)
    (frame,) = feed([written], version).frames
    assert frame.body == b"body"
    others = [pair for pair in pairs if pair[0] != "content-length"]
    assert frame.headers.without("content-length").items() == [("destination", "/queue/a"), *others]
