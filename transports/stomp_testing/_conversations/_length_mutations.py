"""What a frame states as its ``content-length``."""

from __future__ import annotations

from stomp_core import ErrorCode, Frame

from ._accepted import add_accepted
from ._builder import Builder
from ._choices import Choices
from ._conversation import Mutation
from ._frames import legal_frame
from ._model import ALL, BOTH, ESCAPING, Demand, Kind
from ._rules import Apply, insert_line, without_header

__all__ = ["LENGTH_MUTATIONS"]

_BODY = b"hello"


def _frame(builder: Builder, choices: Choices) -> tuple[Frame, bytes]:
    """Return a frame with the body, and its bytes without content-length."""
    command = "SEND" if builder.peer == "client" else "MESSAGE"
    frame = legal_frame(builder, choices, command).replace(body=_BODY)
    return frame, without_header(frame.to_bytes(builder.version), "content-length")


def _length(*values: bytes) -> Apply:
    def apply(builder: Builder, choices: Choices) -> None:
        frame, data = _frame(builder, choices)
        builder.violate(frame, data=insert_line(data, b"content-length:" + choices.pick(values)))

    return apply


def _too_large(builder: Builder, choices: Choices) -> None:
    """Count octets that belong to the next frame, and end within it."""
    frame, data = _frame(builder, choices)
    following = legal_frame(builder, choices, frame.command).to_bytes(builder.version)
    stated = len(_BODY) + choices.integer(2, 4)
    builder.violate(frame, data=insert_line(data, b"content-length:%d" % stated) + following)


def _repeated(builder: Builder, choices: Choices) -> None:
    """State the right length first: that is the one which counts."""
    second = choices.pick((b"0", b"9999999", b"x"))

    def repeat(data: bytes) -> bytes:
        length = len(data.partition(b"\n\n")[2]) - 1
        bare = without_header(data, "content-length")
        return insert_line(insert_line(bare, b"content-length:" + second), b"content-length:%d" % length)

    add_accepted(builder, choices, repeat)


LENGTH_MUTATIONS = (
    Mutation(
        "content-length-no-number", Kind.WIRE, BOTH, ALL, "Header content-length",
        Demand.SHOULD_REFUSE, ErrorCode.BAD_CONTENT_LENGTH,
        _length(b"x", b"-1", b"+5", b"0x5", b"5.0", b"", b"5,5", b"1e1", b"5_0", b"\xd9\xa5"),
    ),
    Mutation(
        "content-length-padded", Kind.WIRE, BOTH, ESCAPING, "Header content-length",
        Demand.MAY_REFUSE, ErrorCode.BAD_CONTENT_LENGTH, _length(b" 5", b"5 ", b"\t5"),
    ),
    Mutation(
        "content-length-too-small", Kind.WIRE, BOTH, ALL, "Header content-length",
        Demand.SHOULD_REFUSE, ErrorCode.FRAME_NOT_TERMINATED, _length(b"4", b"0", b"1"),
    ),
    Mutation(
        "content-length-too-large", Kind.WIRE, BOTH, ALL, "Header content-length",
        Demand.SHOULD_REFUSE, ErrorCode.FRAME_NOT_TERMINATED, _too_large,
    ),
    Mutation(
        "content-length-repeated", Kind.WIRE, BOTH, ESCAPING, "Repeated Header Entries",
        Demand.MUST_ACCEPT, None, _repeated,
    ),
)  # fmt: skip
