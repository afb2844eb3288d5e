"""Frames whose bytes are not those of STOMP, and unusual bytes that are."""

from __future__ import annotations

from stomp_core import ErrorCode, Frame

from ._actions import message, subscribe
from ._builder import Builder
from ._choices import Choices
from ._model import ALL, BOTH, ESCAPING, Demand, Kind, Mutation

__all__ = ["WIRE_MUTATIONS", "next_frame"]


def next_frame(builder: Builder, choices: Choices) -> Frame:
    """Return a frame with a body that the peer may send now; it is not added."""
    if builder.peer == "client":
        destination = choices.pick([*builder.unused_destinations, *builder.setting.destinations[:1]])
        sent = message(builder, choices, destination)
        return Frame("SEND", [("destination", destination), *sent.headers], sent.body)
    if not builder.subscriptions:
        subscribe(builder, choices)
    subscription = choices.pick(builder.subscriptions)
    sent = message(builder, choices, subscription.destination)
    return Frame("MESSAGE", builder.message_headers(subscription, sent, 0), sent.body)


def _with_line(builder: Builder, choices: Choices, line: bytes) -> None:
    """Send a frame with one more header line, at any place of its head."""
    frame = next_frame(builder, choices)
    head, blank, rest = frame.to_bytes(builder.version).partition(b"\n\n")
    lines = head.split(b"\n")
    lines.insert(choices.integer(1, len(lines)), line)
    builder.violate(frame, data=b"\n".join(lines) + blank + rest)


def _undefined_escape(builder: Builder, choices: Choices) -> None:
    escapes = [b"\\t", b"\\0", b"\\x", b"\\N", *([b"\\r"] if builder.version == "1.1" else [])]
    _with_line(builder, choices, b"x:" + choices.pick(escapes))


def _no_colon(builder: Builder, choices: Choices) -> None:
    _with_line(builder, choices, choices.pick([b"x", b"no-colon", b" ", b"\\c"]))


WIRE_MUTATIONS = (
    Mutation(
        "undefined-escape", Kind.WIRE, BOTH, ESCAPING, "Value Encoding",
        Demand.MUST_REFUSE, ErrorCode.UNDEFINED_ESCAPE, _undefined_escape,
    ),
    Mutation(
        "header-without-colon", Kind.WIRE, BOTH, ALL, "Augmented BNF",
        Demand.SHOULD_REFUSE, ErrorCode.HEADER_WITHOUT_COLON, _no_colon,
    ),
)  # fmt: skip
