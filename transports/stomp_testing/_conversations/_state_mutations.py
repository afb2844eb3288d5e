"""Frames that are legal by themselves, and not after what was sent before."""

from __future__ import annotations

from stomp_core import ErrorCode, Frame

from ._builder import Builder
from ._choices import Choices
from ._model import ALL, Demand, Kind, Mutation

__all__ = ["STATE_MUTATIONS"]


def _unknown_transaction(builder: Builder, choices: Choices) -> None:
    destination = choices.pick(builder.setting.destinations)
    name = choices.pick(("no-such-transaction", *builder.ended_transactions))
    builder.violate(Frame("SEND", [("destination", destination), ("transaction", name)], b"x"))


STATE_MUTATIONS = (
    Mutation(
        "send-in-unknown-transaction", Kind.STATE, ("server",), ALL, "SEND",
        Demand.SHOULD_REFUSE, ErrorCode.UNKNOWN_TRANSACTION, _unknown_transaction,
    ),
)  # fmt: skip
