"""A frame in unusual bytes that the receiver has to accept, and what it answers."""

from __future__ import annotations

from collections.abc import Callable

from stomp_core import Frame

from ._actions import message, name
from ._builder import Builder
from ._choices import Choices
from ._frames import some_subscription, spare_destination

__all__ = ["Edit", "add_accepted", "add_accepted_pieces"]

#: From the legal bytes of a frame to unusual ones.
Edit = Callable[[bytes], bytes]


def add_accepted(builder: Builder, choices: Choices, edit: Edit) -> None:
    """Add a frame of the peer that has a body, in other bytes."""
    add_accepted_pieces(builder, choices, lambda data: [(edit(data), 0.0)])


def add_accepted_pieces(
    builder: Builder, choices: Choices, cut: Callable[[bytes], list[tuple[bytes, float]]]
) -> None:
    """Add a frame of the peer that has a body, in pieces.

    Args:
        builder: the conversation.
        choices: decides.
        cut: returns the pieces of the legal bytes, each with the seconds of silence before it.
    """
    receipt = name(builder, choices)
    if builder.peer == "client":
        # Nobody receives this message: it would have the further headers of the unusual frame.
        destination = spare_destination(builder)
        builder.retire(destination)
        sent = message(builder, choices, destination)
        frame = Frame("SEND", [("destination", destination), ("receipt", receipt), *sent.headers], sent.body)
    else:
        subscription = some_subscription(builder, choices)
        sent = message(builder, choices, subscription.destination)
        number = builder.new_message()
        frame = Frame("MESSAGE", builder.message_headers(subscription, sent, number), sent.body)
        if subscription.ack != "auto":
            subscription.unacknowledged.append(number)
    for data, wait in cut(frame.to_bytes(builder.version)):
        builder.violate(frame, data=data, wait=wait)
    if builder.peer == "client":
        builder.add("server", Frame("RECEIPT", [("receipt-id", receipt)]))
