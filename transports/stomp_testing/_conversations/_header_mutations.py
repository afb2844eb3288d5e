"""Frames without a header that they must have, and headers with values that they must not have."""

from __future__ import annotations

from stomp_core import ErrorCode, Frame

from ._builder import Builder
from ._choices import Choices
from ._conversation import Mutation
from ._frames import legal_frame, some_subscription, spare_destination
from ._model import ALL, ESCAPING, Demand, Kind, Role
from ._rules import Apply, insert_line, without_header

__all__ = ["HEADER_MUTATIONS"]

#: Command, header, the versions that demand it.
_OF_CLIENTS = (
    ("SEND", "destination", ALL),
    ("SUBSCRIBE", "destination", ALL),
    ("SUBSCRIBE", "id", ESCAPING),
    ("UNSUBSCRIBE", "id", ESCAPING),
    ("ACK", "id", ("1.2",)),
    ("ACK", "message-id", ("1.0", "1.1")),
    ("ACK", "subscription", ("1.1",)),
    ("NACK", "id", ("1.2",)),
    ("NACK", "message-id", ("1.1",)),
    ("NACK", "subscription", ("1.1",)),
    ("BEGIN", "transaction", ALL),
    ("COMMIT", "transaction", ALL),
    ("ABORT", "transaction", ALL),
)
_OF_SERVERS = (
    ("MESSAGE", "destination", ALL),
    ("MESSAGE", "message-id", ALL),
    ("MESSAGE", "subscription", ESCAPING),
    ("RECEIPT", "receipt-id", ALL),
)


def _missing(command: str, header: str, versions: tuple[str, ...], roles: tuple[Role, ...]) -> Mutation:
    def apply(builder: Builder, choices: Choices) -> None:
        frame = legal_frame(builder, choices, command)
        builder.violate(frame, data=without_header(frame.to_bytes(builder.version), header))

    return Mutation(
        f"{command.lower()}-without-{header}", Kind.WIRE, roles, versions, command,
        Demand.SHOULD_REFUSE, ErrorCode.MISSING_HEADER, apply,
    )  # fmt: skip


def _unsubscribe_without_both(builder: Builder, choices: Choices) -> None:
    some_subscription(builder, choices)
    builder.violate_bytes(b"UNSUBSCRIBE\n\n\0")


def _message_without_ack(builder: Builder, choices: Choices) -> None:
    subscription = some_subscription(builder, choices, ack="client-individual")
    headers = [
        ("destination", subscription.destination),
        ("message-id", "1"),
        ("subscription", subscription.id or ""),
    ]
    builder.violate(Frame("MESSAGE", headers, b"x"))


def _bad_ack_mode(builder: Builder, choices: Choices) -> None:
    frame = legal_frame(builder, choices, "SUBSCRIBE")
    mode = choices.pick((b"none", b"", b"AUTO", b"client_individual", b"client-each"))
    builder.violate(frame, data=insert_line(frame.to_bytes(builder.version), b"ack:" + mode))


def _empty(header: str) -> Apply:
    """Return a mutation that sends SEND with an empty value."""

    def apply(builder: Builder, choices: Choices) -> None:
        headers = {"destination": spare_destination(builder), header: ""}
        builder.violate(Frame("SEND", headers, b"x"))

    return apply


HEADER_MUTATIONS = (
    *(_missing(command, header, versions, ("server",)) for command, header, versions in _OF_CLIENTS),
    *(_missing(command, header, versions, ("client",)) for command, header, versions in _OF_SERVERS),
    Mutation(
        "unsubscribe-without-id-and-destination", Kind.WIRE, ("server",), ("1.0",), "UNSUBSCRIBE",
        Demand.SHOULD_REFUSE, ErrorCode.MISSING_HEADER, _unsubscribe_without_both,
    ),
    Mutation(
        "message-without-ack", Kind.WIRE, ("client",), ("1.2",), "MESSAGE",
        Demand.SHOULD_REFUSE, ErrorCode.MISSING_HEADER, _message_without_ack,
    ),
    Mutation(
        "unknown-ack-mode", Kind.WIRE, ("server",), ALL, "SUBSCRIBE ack Header",
        Demand.SHOULD_REFUSE, ErrorCode.BAD_ACK_MODE, _bad_ack_mode,
    ),
    Mutation(
        "empty-destination", Kind.WIRE, ("server",), ALL, "SEND", Demand.MAY_REFUSE, None, _empty("destination"),
    ),
    Mutation(
        "empty-receipt", Kind.WIRE, ("server",), ALL, "Header receipt", Demand.MAY_REFUSE, None, _empty("receipt"),
    ),
)  # fmt: skip
