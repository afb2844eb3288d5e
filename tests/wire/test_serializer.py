"""Frames to bytes: what the version cannot carry is refused, and everything else is read as what it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stomp_core import Frame, FrameParser, Headers, Leniency, LocalProtocolError
from stomp_core.wire._serializer import serialize
from tests.compiled import python_only

from .reading import VERSIONS, every_version, feed

#: by command: headers of a valid frame in every version; test_grammar.py tests what each command requires
REQUIRED = {
    "SEND": [("destination", "/queue/a")],
    "MESSAGE": [("destination", "/queue/a"), ("message-id", "7"), ("subscription", "0")],
    "ERROR": [],
    "RECEIPT": [("receipt-id", "7")],
    "SUBSCRIBE": [("destination", "/queue/a"), ("id", "0")],
    "UNSUBSCRIBE": [("id", "0")],
    "ACK": [("message-id", "7"), ("subscription", "0"), ("id", "7")],
    "BEGIN": [("transaction", "tx")],
    "COMMIT": [("transaction", "tx")],
    "ABORT": [("transaction", "tx")],
    "DISCONNECT": [],
    "CONNECT": [("accept-version", "1.2"), ("host", "/")],
    "STOMP": [("accept-version", "1.2"), ("host", "/")],
    "CONNECTED": [("version", "1.2")],
}
HANDSHAKE = ("CONNECT", "STOMP", "CONNECTED")
WITH_BODY = ("SEND", "MESSAGE", "ERROR")
#: STOMP 1.0 has no command STOMP; see test_grammar.py
COMMANDS_BY_VERSION = [
    (command, version)
    for command in REQUIRED
    for version in VERSIONS
    if (command, version) != ("STOMP", "1.0")
]
HANDSHAKE_BY_VERSION = [pair for pair in COMMANDS_BY_VERSION if pair[0] in HANDSHAKE]
ESCAPED = [(command, version) for version in ("1.1", "1.2") for command in ("SEND", "RECEIPT", "ERROR")]
NEVER_ESCAPED = [
    *(("1.0", command) for command in ("SEND", "RECEIPT", "ERROR")),
    *((version, command) for command, version in HANDSHAKE_BY_VERSION),
]


def refusal(
    command: str, pairs: list[tuple[str, str]], body: bytes = b"", version: str = "1.2"
) -> LocalProtocolError:
    with pytest.raises(LocalProtocolError) as info:
        Frame(command, [*REQUIRED.get(command, []), *pairs], body).to_bytes(version)
    return info.value


def line(command: str, name: str, value: str, version: str) -> bytes:
    """How one header is written."""
    required = REQUIRED[command]
    wire = Frame(command, [*required, (name, value)]).to_bytes(version)
    before = Frame(command, required).to_bytes(version)
    assert wire.startswith(before[:-2])
    assert wire.endswith(b"\n\n\0")
    return wire[len(before) - 2 : -2]


class TestAFrame:
    def test_is_command_headers_blank_line_body_and_nul(self) -> None:
        wire = Frame("SEND", [("destination", "/queue/a"), ("foo", "bar")], b"hello").to_bytes("1.2")
        assert wire == b"SEND\ndestination:/queue/a\nfoo:bar\ncontent-length:5\n\nhello\0"

    @pytest.mark.parametrize(("command", "version"), COMMANDS_BY_VERSION)
    def test_of_every_command_is_written_with_lf_and_without_padding(
        self, command: str, version: str
    ) -> None:
        text = "".join(f"{name}:{value}\n" for name, value in REQUIRED[command])
        assert Frame(command, REQUIRED[command]).to_bytes(version) == f"{command}\n{text}\n\0".encode()

    def test_is_written_alike_from_its_parts(self) -> None:
        pairs = [("destination", "/queue/a")]
        assert serialize("SEND", Headers(pairs), b"hello", "1.2") == Frame("SEND", pairs, b"hello").to_bytes(
            "1.2"
        )

    def test_keeps_repeated_headers_in_order(self) -> None:
        wire = Frame("SEND", [("a", "1"), ("destination", "x"), ("a", "2")]).to_bytes("1.2")
        assert wire == b"SEND\na:1\ndestination:x\na:2\n\n\0"

    def test_may_have_empty_values(self) -> None:
        assert Frame("SEND", {"destination": "", "a": ""}).to_bytes("1.2") == b"SEND\ndestination:\na:\n\n\0"

    @pytest.mark.parametrize(
        "command", ["", "HELLO", "send", "SEND ", "SEND\n", "SEND\0", "SEND\nfoo:bar"], ids=repr
    )
    def test_has_a_command_that_exists(self, command: str) -> None:
        error = refusal(command, [])
        assert error.code == "unknown-command"
        assert f"{command!r} is not a STOMP command" in str(error)

    @pytest.mark.parametrize(
        "version",
        [
            *("", "1", "1.3", "2.0"),
            pytest.param(None, marks=python_only("a TypeError, which mypyc raises")),
            pytest.param(1.2, marks=python_only("a TypeError, which mypyc raises")),
        ],
        ids=repr,
    )
    def test_has_a_version_that_exists(self, version: str) -> None:
        with pytest.raises(
            ValueError, match=r"is not a version of STOMP that exists; use '1.0', '1.1' or '1.2'"
        ):
            Frame("SEND", {"destination": "x"}).to_bytes(version)

    def test_is_utf_8(self) -> None:
        wire = Frame("SEND", {"destination": "é☃", "🐢": "\u2028\x85\x0b"}).to_bytes("1.2")
        assert wire == "SEND\ndestination:é☃\n🐢:\u2028\x85\x0b\n\n\0".encode()

    @every_version
    @pytest.mark.parametrize("text", ["\ud800", "a\udcffb", "\udc80\ud800"])
    def test_is_refused_if_utf_8_cannot_encode_it(self, text: str, version: str) -> None:
        for pair in ((text, "x"), ("x", text)):
            error = refusal("SEND", [pair], version=version)
            assert error.code == "cannot-encode"
            assert "SEND cannot be written" in str(error)


class TestContentLength:
    @every_version
    @pytest.mark.parametrize("command", WITH_BODY)
    @pytest.mark.parametrize("body", [b"x", b"\0", "é☃".encode(), bytes(range(256)), b"x" * 1000], ids=len)
    def test_is_written_last_for_every_body_in_octets(self, body: bytes, command: str, version: str) -> None:
        wire = Frame(command, REQUIRED[command], body).to_bytes(version)
        head = Frame(command, REQUIRED[command]).to_bytes(version)[:-2]
        assert wire == head + b"content-length:%d\n\n" % len(body) + body + b"\0"

    def test_is_not_written_for_an_empty_body(self) -> None:
        assert b"content-length" not in Frame("SEND", REQUIRED["SEND"]).to_bytes("1.2")

    def test_stated_right_stays_where_it_is(self) -> None:
        pairs = [("a", "b"), ("content-length", "5"), ("destination", "x"), ("c:", "d")]
        for headers in (Headers(pairs), Headers(pairs[:-1])):
            for _ in range(2):
                wire = Frame("SEND", headers, b"hello").to_bytes("1.2")
                assert wire.startswith(b"SEND\na:b\ncontent-length:5\ndestination:x\n")
                assert wire.count(b"content-length") == 1

    def test_stated_twice_is_written_once(self) -> None:
        pairs = [("content-length", "5"), ("destination", "x"), ("content-length", "5"), ("a", "b")]
        wire = Frame("SEND", pairs, b"hello").to_bytes("1.2")
        assert wire == b"SEND\ncontent-length:5\ndestination:x\na:b\n\nhello\0"

    def test_stated_as_0_for_no_body_is_kept(self) -> None:
        wire = Frame("RECEIPT", [("content-length", "0"), ("receipt-id", "7")]).to_bytes("1.2")
        assert wire == b"RECEIPT\ncontent-length:0\nreceipt-id:7\n\n\0"

    @pytest.mark.parametrize("wrong", ["4", "6", "0", "05", "5 ", "+5", "", "٥", "x"])
    @pytest.mark.parametrize("content_length", [True, False])
    def test_stated_wrong_is_refused(self, wrong: str, content_length: bool) -> None:
        for pairs in ([("content-length", wrong)], [("content-length", "5"), ("content-length", wrong)]):
            with pytest.raises(LocalProtocolError) as info:
                Frame("SEND", [*REQUIRED["SEND"], *pairs], b"hello").to_bytes(
                    "1.2", content_length=content_length
                )
            assert info.value.code == "header-clash"

    def test_stated_for_an_empty_body_is_refused(self) -> None:
        error = refusal("SEND", [("content-length", "1")])
        assert error.code == "header-clash"
        assert "content-length header is '1', but the body of SEND has 0 bytes" in str(error)

    def test_may_be_switched_off(self) -> None:
        one = Frame("SEND", REQUIRED["SEND"], b"hello")
        assert one.to_bytes("1.2", content_length=False) == b"SEND\ndestination:/queue/a\n\nhello\0"

    def test_switched_off_refuses_a_body_with_nul(self) -> None:
        for body in (b"\0", b"a\0", b"\0b"):
            with pytest.raises(LocalProtocolError, match="contains NUL") as info:
                Frame("SEND", REQUIRED["SEND"], body).to_bytes("1.2", content_length=False)
            assert info.value.code == "cannot-encode"

    def test_switched_off_and_stated_is_a_contradiction(self) -> None:
        for body, length in ((b"hello", "5"), (b"", "0")):
            with pytest.raises(LocalProtocolError, match="content_length=False") as info:
                Frame("SEND", [*REQUIRED["SEND"], ("content-length", length)], body).to_bytes(
                    "1.2", content_length=False
                )
            assert info.value.code == "header-clash"


class TestABody:
    @pytest.mark.parametrize(
        ("command", "version"), [pair for pair in COMMANDS_BY_VERSION if pair[0] not in WITH_BODY]
    )
    def test_is_refused_on_frames_that_have_none(self, command: str, version: str) -> None:
        error = refusal(command, [], b"x", version)
        assert error.code == "body-not-allowed"
        assert f"{command} may not have a body" in str(error)


class TestAHeader:
    @pytest.mark.parametrize(("command", "version"), ESCAPED)
    @pytest.mark.parametrize(
        ("name", "value", "written"),
        [
            ("foo", "a:b", rb"foo:a\cb"),
            ("a:b", "x", rb"a\cb:x"),
            ("foo", "a\nb", rb"foo:a\nb"),
            ("a\nb", "x", rb"a\nb:x"),
            ("foo", "a\\b", rb"foo:a\\b"),
            ("a\\b", "x", rb"a\\b:x"),
            ("foo", r"\n\c", rb"foo:\\n\\c"),
            ("foo", "\\:\n", rb"foo:\\\c\n"),
            (":", ":", rb"\c:\c"),
            ("foo", "\n:", rb"foo:\n\c"),
            ("foo", " bar ", rb"foo: bar "),
            (" foo ", "", rb" foo :"),
        ],
    )
    def test_is_escaped_in_1_1_and_1_2(
        self, name: str, value: str, written: bytes, command: str, version: str
    ) -> None:
        assert line(command, name, value, version) == written + b"\n"

    @pytest.mark.parametrize("command", ["SEND", "RECEIPT", "ERROR"])
    def test_with_a_cr_is_escaped_in_1_2(self, command: str) -> None:
        assert line(command, "a\r", "\r\n", "1.2") == b"a\\r:\\r\\n\n"

    @pytest.mark.parametrize(("version", "command"), [("1.1", "SEND"), ("1.1", "ERROR"), *NEVER_ESCAPED])
    @pytest.mark.parametrize("pair", [("a\rb", "x"), ("a", "x\r"), ("a", "\rx"), ("a", "\r")], ids=repr)
    def test_with_a_cr_is_refused_where_it_cannot_be_escaped(
        self, pair: tuple[str, str], version: str, command: str
    ) -> None:
        error = refusal(command, [pair], version=version)
        assert error.code == "cannot-encode"
        assert "contains a carriage return" in str(error)
        assert _why(version, command) in str(error)

    @pytest.mark.parametrize(("version", "command"), NEVER_ESCAPED)
    @pytest.mark.parametrize(
        "pair", [("a\nb", "x"), ("a", "x\n"), ("a", "\nx"), ("a", "\n"), ("a", "b\n\nevil\0")], ids=repr
    )
    def test_with_an_lf_is_refused_where_there_are_no_escapes(
        self, pair: tuple[str, str], version: str, command: str
    ) -> None:
        error = refusal(command, [pair], version=version)
        assert error.code == "cannot-encode"
        if "\0" not in pair[1]:
            assert "contains a line feed" in str(error)
            assert _why(version, command) in str(error)

    @pytest.mark.parametrize(("version", "command"), NEVER_ESCAPED)
    @pytest.mark.parametrize("name", ["a:b", ":", "a:", ":a"])
    def test_with_a_colon_in_its_name_is_refused_without_escapes(
        self, name: str, version: str, command: str
    ) -> None:
        error = refusal(command, [(name, "x")], version=version)
        assert error.code == "cannot-encode"
        assert f"header {name!r} of {command} has ':' in its name" in str(error)
        assert _why(version, command) in str(error)

    @pytest.mark.parametrize(("version", "command"), NEVER_ESCAPED)
    @pytest.mark.parametrize("value", [":", "a:b:c", "tcp://host:1", "\\", r"\n", r"C:\new", "::"])
    def test_is_written_as_it_is_where_nothing_is_escaped(
        self, value: str, version: str, command: str
    ) -> None:
        assert line(command, "foo", value, version) == f"foo:{value}\n".encode()

    @pytest.mark.parametrize(("command", "version"), COMMANDS_BY_VERSION)
    @pytest.mark.parametrize("pair", [("a\0", "x"), ("a", "\0"), ("a", "b\0c"), ("a", ":\n\0")], ids=repr)
    def test_with_a_nul_is_refused_everywhere(
        self, pair: tuple[str, str], command: str, version: str
    ) -> None:
        error = refusal(command, [pair], version=version)
        assert error.code == "cannot-encode"
        assert "contains NUL" in str(error)
        assert "escape" not in str(error), "NUL has no escape in any version"

    @pytest.mark.parametrize(("command", "version"), COMMANDS_BY_VERSION)
    def test_without_a_name_is_refused_everywhere(self, command: str, version: str) -> None:
        error = refusal(command, [("", "x")], version=version)
        assert error.code == "empty-header-name"
        with pytest.raises(LocalProtocolError):
            Frame(command, [("", ""), *REQUIRED[command]]).to_bytes(version)

    @pytest.mark.parametrize("command", ["SEND", "RECEIPT", "ERROR"])
    @pytest.mark.parametrize(
        "pair", [(" a", "x"), ("a ", "x"), ("a", " x"), ("a", "x "), ("a", " "), (" ", "x")], ids=repr
    )
    def test_that_1_0_would_trim_is_refused(self, pair: tuple[str, str], command: str) -> None:
        error = refusal(command, [pair], version="1.0")
        assert error.code == "cannot-encode"
        assert "begins or ends with a space" in str(error)
        for version in ("1.1", "1.2"):
            assert line(command, *pair, version) == f"{pair[0]}:{pair[1]}\n".encode()

    @pytest.mark.parametrize(("command", "version"), HANDSHAKE_BY_VERSION)
    def test_of_the_handshake_keeps_its_spaces(self, command: str, version: str) -> None:
        assert line(command, " a ", " x ", version) == b" a : x \n"

    def test_keeps_spaces_within_and_tabs_around_in_1_0(self) -> None:
        assert line("SEND", "a b", "x  y", "1.0") == b"a b:x  y\n"
        assert line("SEND", "\ta", "x\t", "1.0") == b"\ta:x\t\n"

    def test_that_is_refused_is_named_without_its_value(self) -> None:
        error = refusal("CONNECT", [("passcode", "secret\n")])
        assert "'passcode'" in str(error)
        assert "secret" not in str(error)

    @pytest.mark.parametrize(
        ("command", "version"), [pair for pair in HANDSHAKE_BY_VERSION if pair[0] != "CONNECTED"]
    )
    def test_of_connect_is_escaped_on_request(self, command: str, version: str) -> None:
        """RabbitMQ and ActiveMQ unescape it."""
        pairs = [*REQUIRED[command], ("passcode", "a\\b:c\r\nd"), ("x:y", "z")]
        wire = serialize(command, Headers(pairs), b"", version, escape_connect=True)
        assert wire.endswith(b"\npasscode:a\\\\b\\cc\\r\\nd\nx\\cy:z\n\n\0")
        parser = FrameParser(None, leniency=Leniency(escapes_in_connect=True))
        parser.receive_data(wire)
        frame = parser.next_frame()
        assert isinstance(frame, Frame)
        assert frame.headers.items() == pairs
        with pytest.raises(LocalProtocolError):
            serialize(command, Headers([*pairs, ("a", "\0")]), b"", version, escape_connect=True)

    def test_of_connected_is_not_escaped_on_request(self) -> None:
        pairs = [*REQUIRED["CONNECTED"], ("session", "a:\\b")]
        assert serialize("CONNECTED", Headers(pairs), b"", "1.2", escape_connect=True).endswith(
            b"\nsession:a:\\b\n\n\0"
        )
        with pytest.raises(LocalProtocolError):
            serialize("CONNECTED", Headers([*pairs, ("a", "\n")]), b"", "1.2", escape_connect=True)

    def test_of_another_frame_is_not_changed_by_that_request(self) -> None:
        pairs = [("destination", "a\\\n:b")]
        wire = serialize("SEND", Headers(pairs), b"", "1.1", escape_connect=True)
        assert wire == b"SEND\ndestination:a\\\\\\n\\cb\n\n\0"
        with pytest.raises(LocalProtocolError):
            serialize("SEND", Headers([("destination", "\r")]), b"", "1.1", escape_connect=True)


def _why(version: str, command: str) -> str:
    if command in HANDSHAKE:
        return f"and {command} is never escaped"
    return f"which STOMP {version} cannot escape"


# ---------------------------------------------------------------------- injection


def _split_at_nul(wire: bytes) -> list[bytes]:
    """A reader that ignores content-length."""
    *frames, rest = wire.split(b"\0")
    assert rest == b""
    return [frame.partition(b"\n\n")[0] for frame in frames]


def _strip_cr_before_lf(wire: bytes) -> list[bytes]:
    """A reader that takes CRLF for a line end in every version."""
    head, blank, _ = wire.replace(b"\r\n", b"\n").partition(b"\n\n")
    assert blank
    return [head]


def _split_at_every_lf(wire: bytes) -> list[bytes]:
    """A reader that takes any line with nothing but space and control characters on it for the blank one."""
    lines = wire.split(b"\n")
    blank = next(at for at, line in enumerate(lines) if not line.strip())
    return [b"\n".join(lines[:blank])]


SLOPPY = (_split_at_nul, _strip_cr_before_lf, _split_at_every_lf)

EVIL = [
    "x\nevil:1", "x\r\nevil:1", "x\revil:1", "x\n\nevil\0SEND\nevil:1\n\n\0", "x\r\n\r\nbody\0", "x\0", "\0SEND\n\n",
    "x\n", "\nevil:1", "x\r", "\r\nevil:1", "\n\n", "\r\n\r\n", "\n:evil", ":evil\n", "x\\nevil:1", "x\\\nevil:1",
    "x\\", "\\\\\n", "x\u2028evil:1", "x\x85evil:1", "x\x0bevil:1", "x\x0cevil:1", "x\x1eevil:1", "", " ", "x ", " x",
    "\t", "evil:1", "x: evil", ":", "\ud800\nevil:1", "content-length:0\nevil", "\ufeff", "x\n\r\nevil",
]  # fmt: skip


def _check(command: str, pairs: list[tuple[str, str]], body: bytes, version: str) -> None:
    """Check that a frame is refused, or that our parser and three sloppy readers read what was written."""
    try:
        wire = Frame(command, pairs, body).to_bytes(version)
    except LocalProtocolError:
        return
    for reading in (version, None) if command in HANDSHAKE else (version,):
        outcome = feed([wire], reading)
        assert outcome.error is None, outcome.error
        assert outcome.frames == [Frame(command, pairs, body)]
        assert feed([wire[at : at + 1] for at in range(len(wire))], reading).frames == outcome.frames
    count = len(pairs) + bool(body and not any(name == "content-length" for name, _ in pairs))
    for reader in SLOPPY:
        if reader is _split_at_nul and b"\0" in body:
            continue
        heads = reader(wire)
        assert len(heads) == 1, reader
        first, *lines = heads[0].split(b"\n")
        assert first == command.encode()
        assert len(lines) == count, reader
        names = [line.partition(b":")[0] for line in lines]
        assert b"evil" not in names, reader


@every_version
@pytest.mark.parametrize("evil", EVIL, ids=ascii)
def test_nothing_can_be_injected_past_three_sloppy_readers(evil: str, version: str) -> None:
    for command, required in REQUIRED.items():
        body = b"hello" if command in WITH_BODY else b""
        for pair in ((evil, "x"), ("x", evil), (evil, evil)):
            for pairs in ([*required, pair], [pair, *required]):
                _check(command, pairs, body, version)
        for name, _ in required:
            _check(command, [(name, evil), *(pair for pair in required if pair[0] != name)], body, version)


TEXTS = st.one_of(
    st.text(alphabet=":\\\n\r\0 aé\u2028", max_size=6), st.text(max_size=6), st.sampled_from(EVIL)
)


@given(
    st.sampled_from(sorted(REQUIRED)),
    st.lists(st.tuples(TEXTS, TEXTS), max_size=4),
    st.binary(max_size=10),
    st.sampled_from(VERSIONS),
)
def test_whatever_is_written_is_read_as_what_it_is(
    command: str, pairs: list[tuple[str, str]], body: bytes, version: str
) -> None:
    _check(command, [*REQUIRED[command], *pairs], body if command in WITH_BODY else b"", version)


@given(
    st.sampled_from(sorted(set(REQUIRED) - set(HANDSHAKE))),
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
            st.text(st.characters(codec="utf-8", exclude_characters="\0")),
        )
    ),
    st.binary(),
)
def test_1_2_can_write_all_text_without_nul(command: str, pairs: list[tuple[str, str]], body: bytes) -> None:
    written = [(name, value) for name, value in [*REQUIRED[command], *pairs] if name != "content-length"]
    frame = Frame(command, written, body if command in WITH_BODY else b"")
    (read,) = feed([frame.to_bytes("1.2")]).frames
    assert read == frame
    assert read.headers.without("content-length") == Headers(written)


def written(
    command: str,
    headers: Headers,
    body: bytes,
    version: str,
    content_length: bool,
    escape_connect: bool,
) -> object:
    """Return the bytes, or the code and message of the error."""
    try:
        return serialize(
            command,
            headers,
            body,
            version,
            content_length=content_length,
            escape_connect=escape_connect,
        )
    except LocalProtocolError as error:
        return error.code, str(error)


@given(
    st.lists(st.tuples(st.sampled_from(["destination", "id", "a", "content-length"]), TEXTS), max_size=4),
    st.lists(
        st.tuples(
            st.sampled_from(sorted(REQUIRED)),
            st.binary(max_size=3),
            st.sampled_from(VERSIONS),
            st.booleans(),
            st.booleans(),
        ),
        max_size=8,
    ),
)
def test_headers_written_before_are_written_like_new_ones(
    pairs: list[tuple[str, str]], uses: list[tuple[str, bytes, str, bool, bool]]
) -> None:
    for source in (pairs, dict(pairs)):
        headers = Headers(source)
        for command, *use in [*uses, *uses]:
            again, anew = (written(command, each, *use) for each in (headers, Headers(source)))  # type: ignore[arg-type]
            assert again == anew


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["destination", "a:b", "z"]),
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3),
        ),
        max_size=4,
    ),
    st.integers(0, 5),
    st.binary(min_size=1, max_size=3),
)
def test_content_length_is_written_where_it_is_stated(
    pairs: list[tuple[str, str]], place: int, body: bytes
) -> None:
    pairs = [("destination", "/q"), *pairs]
    pairs.insert(place, ("content-length", str(len(body))))
    headers = Headers(pairs)
    for _ in range(2):
        parser = FrameParser("1.2")
        parser.receive_data(serialize("SEND", headers, body, "1.2"))
        frame = parser.next_frame()
        assert isinstance(frame, Frame)
        assert frame.headers.items() == pairs
        assert frame.body == body
        with pytest.raises(LocalProtocolError):
            serialize("SEND", headers, body + b"x", "1.2")
