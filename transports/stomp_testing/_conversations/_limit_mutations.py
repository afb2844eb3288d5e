"""Frames that are larger than a receiver has to bear, and time that passes without one."""

from __future__ import annotations

from collections.abc import Callable

from stomp_core import ErrorCode, Frame

from ._accepted import add_accepted_pieces
from ._actions import connect_frame
from ._builder import Builder
from ._choices import Choices
from ._conversation import Mutation
from ._frames import legal_frame
from ._model import ALL, BOTH, Demand, Kind
from ._rules import Apply

__all__ = ["LIMIT_MUTATIONS", "TIMING_MUTATIONS"]

_SILENCE = 5.0  # seconds
_PROMISED = 1000  # milliseconds


def _head(lines: Callable[[Choices], bytes], *, ends: bool = True) -> Apply:
    """Return a mutation that adds these lines to the head of a frame."""

    def apply(builder: Builder, choices: Choices) -> None:
        frame = legal_frame(builder, choices, "SEND" if builder.peer == "client" else "MESSAGE")
        head, _, rest = frame.to_bytes(builder.version).partition(b"\n\n")
        data = head + b"\n" + lines(choices)
        builder.violate(frame, data=data + b"\n" + rest if ends else data)

    return apply


def _many_headers(choices: Choices) -> bytes:
    return b"x:\n" * choices.pick((1_001, 5_000))


def _long_line(choices: Choices) -> bytes:
    return b"x:" + b"y" * choices.pick((65_536, 100_000)) + b"\n"


def _large_head(choices: Choices) -> bytes:
    return b"".join(b"x%d:%b\n" % (number, b"y" * 30_000) for number in range(choices.integer(9, 12)))


def _long_command(builder: Builder, choices: Choices) -> None:
    builder.violate_bytes(b"X" * choices.pick((65, 1_000, 100_000)))


def _body(*lengths: int) -> Apply:
    """Return a mutation that announces a body, and sends nothing of it."""

    def apply(builder: Builder, choices: Choices) -> None:
        command = "SEND" if builder.peer == "client" else "MESSAGE"
        frame = legal_frame(builder, choices, command).replace(body=b"")
        head = frame.to_bytes(builder.version).partition(b"\n\n")[0]
        builder.violate(frame, data=head + b"\ncontent-length:%d\n\n" % choices.pick(lengths))

    return apply


# ---------------------------------------------------------------------- time


def _with_heart_beats(builder: Builder, choices: Choices, promised: int) -> None:
    """Connect; the peer promises heart-beats that the tested side wants."""
    mine, wanted = f"{promised},0", f"0,{promised}"
    connect = connect_frame(builder, choices)
    pairs = [*connect.headers.without("heart-beat").items()]
    pairs.append(("heart-beat", mine if builder.peer == "client" else wanted))
    connected = [("heart-beat", wanted if builder.peer == "client" else mine)]
    if "accept-version" in connect.headers:
        connected.append(("version", builder.version))
    builder.connect(Frame(connect.command, pairs), Frame("CONNECTED", connected))
    if not builder.setting.scripted_client:
        builder.subscribe("{subscription}", "{destination}", "client-individual")


def _broken_promise(builder: Builder, choices: Choices) -> None:
    _with_heart_beats(builder, choices, _PROMISED)
    builder.violate_bytes(b"\n", wait=_SILENCE)


def _no_promise(builder: Builder, choices: Choices) -> None:
    _with_heart_beats(builder, choices, 0)
    add_accepted_pieces(builder, choices, lambda data: [(data, _SILENCE)])


def _slow_frame(builder: Builder, choices: Choices) -> None:
    share = choices.pick((2, 3, 10))

    def cut(data: bytes) -> list[tuple[bytes, float]]:
        size = len(data) // share + 1
        return [(data[at : at + size], 0.1) for at in range(0, len(data), size)]

    add_accepted_pieces(builder, choices, cut)


def _limit(name: str, code: ErrorCode, apply: Apply) -> Mutation:
    return Mutation(name, Kind.LIMITS, BOTH, ALL, "Size Limits", Demand.MAY_REFUSE, code, apply)


LIMIT_MUTATIONS = (
    _limit("too-many-headers", ErrorCode.TOO_MANY_HEADERS, _head(_many_headers)),
    _limit("header-line-too-long", ErrorCode.HEADER_LINE_TOO_LONG, _head(_long_line)),
    _limit("endless-header-line", ErrorCode.HEADER_LINE_TOO_LONG, _head(_long_line, ends=False)),
    _limit("head-too-large", ErrorCode.HEAD_TOO_LARGE, _head(_large_head)),
    _limit("command-too-long", ErrorCode.COMMAND_TOO_LONG, _long_command),
    _limit("body-too-large", ErrorCode.BODY_TOO_LARGE, _body(2**31 - 1, 2**31, 2**32, 2**63)),
    _limit("body-beyond-any-size", ErrorCode.BAD_CONTENT_LENGTH, _body(2**64, 10**30)),
)

TIMING_MUTATIONS = (
    Mutation(
        "heart-beats-missing", Kind.TIMING, BOTH, ("1.1", "1.2"), "Heart-beating",
        Demand.MAY_REFUSE, None, _broken_promise, at_start=True,
    ),
    Mutation(
        "silence-without-heart-beats", Kind.TIMING, BOTH, ("1.1", "1.2"), "Heart-beating",
        Demand.MUST_ACCEPT, None, _no_promise, at_start=True,
    ),
    Mutation(
        "slow-frame", Kind.TIMING, BOTH, ALL, "STOMP Frames", Demand.MUST_ACCEPT, None, _slow_frame,
    ),
)  # fmt: skip
