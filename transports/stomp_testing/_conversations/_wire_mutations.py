"""Frames whose bytes are not those of STOMP, and unusual bytes that are."""

from __future__ import annotations

from stomp_core import ErrorCode

from ._accepted import add_accepted
from ._builder import Builder
from ._choices import Choices
from ._conversation import Mutation
from ._frames import legal_frame
from ._model import ALL, BOTH, ESCAPING, Demand, Kind, Role
from ._rules import Apply, insert_line, with_command, with_line

__all__ = ["WIRE_MUTATIONS"]

_BODILESS = ("SUBSCRIBE", "BEGIN", "UNSUBSCRIBE", "ACK", "COMMIT", "ABORT")


def _bytes(*options: bytes) -> Apply:
    """Return a mutation that sends one of these between two frames."""

    def apply(builder: Builder, choices: Choices) -> None:
        builder.violate_bytes(choices.pick(options))

    return apply


def _body_where_none_may_be(builder: Builder, choices: Choices) -> None:
    command = choices.pick(_BODILESS) if builder.peer == "client" else "RECEIPT"
    frame = legal_frame(builder, choices, command)
    data = frame.to_bytes(builder.version)[:-1]
    if choices.chance(50):
        data = insert_line(data, b"content-length:4")
    builder.violate(frame, data=data + b"body\0")


# ---------------------------------------------------------------------- unusual, and legal


def _accepted_line(*lines: bytes) -> Apply:
    def apply(builder: Builder, choices: Choices) -> None:
        line = choices.pick(lines)
        add_accepted(builder, choices, lambda data: insert_line(data, line))

    return apply


def _repeated_header(builder: Builder, choices: Choices) -> None:
    def repeat(data: bytes) -> bytes:
        head, blank, rest = data.partition(b"\n\n")
        return head + b"\ndestination:/queue/other" + blank + rest

    add_accepted(builder, choices, repeat)


def _crlf(builder: Builder, choices: Choices) -> None:
    """End all lines of the head, or some of them, in CRLF."""
    which = choices.pick((0, 1, 2))

    def end_lines(data: bytes) -> bytes:
        head, _, rest = data.partition(b"\n\n")
        lines = [
            line + (b"\r\n" if which == 0 or index % 2 == which - 1 else b"\n")
            for index, line in enumerate([*head.split(b"\n"), b""])
        ]
        return b"".join(lines) + rest

    add_accepted(builder, choices, end_lines)


def _end_of_lines(builder: Builder, choices: Choices) -> None:
    count = choices.pick((1, 2, 10, 1_000))
    add_accepted(builder, choices, lambda data: b"\n" * count + data + b"\n" * count)


_SHOULD, _MUST, _ACCEPT = Demand.SHOULD_REFUSE, Demand.MUST_REFUSE, Demand.MUST_ACCEPT


def _wire(
    name: str,
    section: str,
    demand: Demand,
    code: ErrorCode | None,
    apply: Apply,
    versions: tuple[str, ...] = ALL,
    roles: tuple[Role, ...] = BOTH,
) -> Mutation:
    return Mutation(name, Kind.WIRE, roles, versions, section, demand, code, apply)


WIRE_MUTATIONS = (
    _wire("undefined-escape", "Value Encoding", _MUST, ErrorCode.UNDEFINED_ESCAPE,
          with_line(b"x:\\t", b"x:\\0", b"x:a\\Nb", b"x:\\ ", b"\\x:a", b"x:\\\\\\t"), ESCAPING),
    _wire("lone-backslash", "Value Encoding", _MUST, ErrorCode.UNDEFINED_ESCAPE,
          with_line(b"x:\\", b"x:a\\\\\\", b"x\\:a"), ESCAPING),
    _wire("escaped-carriage-return", "Value Encoding", _MUST, ErrorCode.UNDEFINED_ESCAPE,
          with_line(b"x:\\r", b"x:a\\r\\nb"), ("1.1",)),
    _wire("nul-in-header", "Augmented BNF", _SHOULD, ErrorCode.NUL_IN_HEAD, with_line(b"x:a\0b", b"x\0:a", b"\0")),
    _wire("nul-in-command", "Augmented BNF", _SHOULD, ErrorCode.NUL_IN_HEAD, with_command(b"%b\0", b"SE\0ND")),
    _wire("not-utf-8", "Value Encoding", _SHOULD, ErrorCode.NOT_UTF8,
          with_line(b"x:\xff", b"x:\xc3", b"\x80:a", b"x:\xed\xa0\x80", b"x:\xc0\xaf", b"x:\xf5\x80\x80\x80"),
          ESCAPING),
    _wire("header-without-colon", "Augmented BNF", _SHOULD, ErrorCode.HEADER_WITHOUT_COLON,
          with_line(b"x", b"no-colon", b" ", b"\\c")),
    _wire("empty-header-name", "Augmented BNF", _SHOULD, ErrorCode.EMPTY_HEADER_NAME, with_line(b":x", b":", b"::")),
    _wire("carriage-return-in-header", "Augmented BNF", _SHOULD, ErrorCode.BARE_CR,
          with_line(b"x:a\rb", b"x\ry:a", b"x:a\r\r"), ("1.2",)),
    _wire("carriage-return-behind-command", "Augmented BNF", Demand.MAY_REFUSE, ErrorCode.UNKNOWN_COMMAND,
          with_command(b"%b\r"), ("1.0", "1.1")),
    _wire("unknown-command", "Augmented BNF", _SHOULD, ErrorCode.UNKNOWN_COMMAND,
          with_command(b"HELLO", b"SENDX", b"SEN", b"%b ", b"%b\t", b"%b:")),
    _wire("lower-case-command", "Augmented BNF", _SHOULD, ErrorCode.UNEXPECTED_BYTE,
          with_command(b"send", b"message", b"connect")),
    _wire("octets-between-frames", "Augmented BNF", _SHOULD, ErrorCode.UNEXPECTED_BYTE,
          with_command(b" %b", b"\t%b", b"\xef\xbb\xbf%b")),
    _wire("nul-between-frames", "Augmented BNF", _SHOULD, ErrorCode.NUL_BETWEEN_FRAMES,
          _bytes(b"\0", b"\n\0", b"\0\n")),
    _wire("body-where-none-may-be", "Body", _SHOULD, ErrorCode.BODY_NOT_ALLOWED, _body_where_none_may_be, ESCAPING),
    _wire("line-ends-with-carriage-return", "Augmented BNF", _ACCEPT, None, _crlf, ("1.2",)),
    _wire("end-of-lines-between-frames", "Heart-beating", _ACCEPT, None, _end_of_lines),
    _wire("repeated-header", "Repeated Header Entries", _ACCEPT, None, _repeated_header, ESCAPING),
    _wire("header-with-spaces", "Value Encoding", _ACCEPT, None, _accepted_line(b" x : y ", b"x: ", b" :"), ESCAPING),
    _wire("header-without-value", "Augmented BNF", _ACCEPT, None, _accepted_line(b"x:")),
    _wire("header-with-colons", "Augmented BNF", Demand.MAY_REFUSE, None, with_line(b"x:a:b", b"x::", b"x:http://y")),
    _wire("header-with-escapes", "Value Encoding", _ACCEPT, None,
          _accepted_line(b"\\c\\n\\\\:\\\\n", b"x:\\\\\\\\", b"\\n:\\n\\c"), ESCAPING),
    _wire("header-with-controls", "Augmented BNF", _ACCEPT, None,
          _accepted_line(b"x:\x01\x1b[2J\x7f", b"\x0b:\x0c", b"x:\xe2\x80\xa8"), ESCAPING),
)  # fmt: skip
