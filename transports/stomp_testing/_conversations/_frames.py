"""Frames that are legal at a point of a conversation, with the steps that make them legal.

A mutation breaks such a frame. The frame itself is not added.
"""

from __future__ import annotations

from collections.abc import Callable

from stomp_core import Frame

from ._actions import begin, message, name, subscribe
from ._builder import Builder, OpenTransaction, Subscribed
from ._choices import Choices
from ._model import Role

__all__ = [
    "legal_frame",
    "next_frame",
    "some_subscription",
    "some_transaction",
    "some_unacknowledged",
    "spare_destination",
]

#: Frames that need no further steps in front of them, or few; the simplest first.
_NEXT: dict[Role, tuple[str, ...]] = {
    "client": ("SEND", "BEGIN", "SUBSCRIBE", "ACK"),
    "server": ("MESSAGE", "ERROR"),
}


def spare_destination(builder: Builder) -> str:
    """Return a destination that nobody has subscribed to, if there is one."""
    return [*builder.setting.destinations, *builder.unused_destinations][-1]


def some_subscription(builder: Builder, choices: Choices, *, ack: str | None = None) -> Subscribed:
    """Return a subscription with this ack mode, or any; subscribe if there is none."""
    fitting = [entry for entry in builder.subscriptions if ack in (None, entry.ack)]
    if fitting:
        return choices.pick(fitting)
    return subscribe(builder, choices, ack=ack)


def some_unacknowledged(
    builder: Builder, choices: Choices, *, ack: str | None = None, count: int = 1
) -> tuple[Subscribed, int]:
    """Return a message that can be acknowledged; deliver it if there is none.

    Args:
        builder: the conversation.
        choices: decides.
        ack: the ack mode of its subscription; ``None`` if it does not matter.
        count: how many messages the subscription has at least; the first one is returned if it is more than one.
    """
    waiting = [entry for entry in builder.acknowledgeable if ack in (None, entry[0].ack)]
    if waiting and count == 1:
        return choices.pick(waiting)
    modes = ("client",) if builder.version == "1.0" else ("client", "client-individual")
    subscription = some_subscription(builder, choices, ack=ack or choices.pick(modes))
    while len(subscription.unacknowledged) < count:
        builder.publish(message(builder, choices, subscription.destination))
    return subscription, subscription.unacknowledged[0]


def some_transaction(builder: Builder, choices: Choices) -> OpenTransaction:
    """Return an open transaction; begin one if there is none."""
    return choices.pick(builder.transactions) if builder.transactions else begin(builder, choices)


# ---------------------------------------------------------------------- one frame of each command


def _send(builder: Builder, choices: Choices) -> Frame:
    sent = message(builder, choices, spare_destination(builder))
    return Frame("SEND", [("destination", sent.destination), *sent.headers], sent.body)


def _subscribe(builder: Builder, choices: Choices) -> Frame:
    return Frame("SUBSCRIBE", [("destination", spare_destination(builder)), ("id", name(builder, choices))])


def _unsubscribe(builder: Builder, choices: Choices) -> Frame:
    subscription = some_subscription(builder, choices)
    if subscription.id is None:
        return Frame("UNSUBSCRIBE", [("destination", subscription.destination)])
    return Frame("UNSUBSCRIBE", [("id", subscription.id)])


def _ack(builder: Builder, choices: Choices) -> Frame:
    return Frame("ACK", builder.acknowledgement(*some_unacknowledged(builder, choices)))


def _nack(builder: Builder, choices: Choices) -> Frame:
    return Frame("NACK", builder.acknowledgement(*some_unacknowledged(builder, choices)))


def _begin(builder: Builder, choices: Choices) -> Frame:
    return Frame("BEGIN", [("transaction", name(builder, choices))])


def _commit(builder: Builder, choices: Choices) -> Frame:
    return Frame("COMMIT", [("transaction", some_transaction(builder, choices).name)])


def _abort(builder: Builder, choices: Choices) -> Frame:
    return Frame("ABORT", [("transaction", some_transaction(builder, choices).name)])


def _message(builder: Builder, choices: Choices) -> Frame:
    subscription = some_subscription(builder, choices)
    sent = message(builder, choices, subscription.destination)
    return Frame("MESSAGE", builder.message_headers(subscription, sent, builder.new_message()), sent.body)


def _receipt(builder: Builder, choices: Choices) -> Frame:
    return Frame("RECEIPT", [("receipt-id", name(builder, choices))])


def _error(builder: Builder, choices: Choices) -> Frame:
    return Frame("ERROR", [("message", "no")])


_MAKERS: dict[str, Callable[[Builder, Choices], Frame]] = {
    "SEND": _send,
    "SUBSCRIBE": _subscribe,
    "UNSUBSCRIBE": _unsubscribe,
    "ACK": _ack,
    "NACK": _nack,
    "BEGIN": _begin,
    "COMMIT": _commit,
    "ABORT": _abort,
    "MESSAGE": _message,
    "RECEIPT": _receipt,
    "ERROR": _error,
}


def legal_frame(builder: Builder, choices: Choices, command: str) -> Frame:
    """Return a legal frame with this command, and add the steps that it needs."""
    return _MAKERS[command](builder, choices)


def next_frame(builder: Builder, choices: Choices) -> Frame:
    """Return a frame that the peer may send now, and add the steps that it needs."""
    return legal_frame(builder, choices, choices.pick(_NEXT[builder.peer]))
