"""What a client and a server may do at a point of a conversation: the choice, and the values in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from stomp_core import Frame

from ._builder import Builder, OpenTransaction, Queued, Subscribed
from ._choices import Choices
from ._model import Role
from ._texts import body, text

__all__ = [
    "act",
    "begin",
    "connect",
    "connect_frame",
    "connected_frame",
    "deliver",
    "disconnect",
    "message",
    "name",
    "refuse",
    "subscribe",
]

_ACK_MODES = ("auto", "client", "client-individual")
_OFFERS = {"1.0": ("1.0",), "1.1": ("1.1", "1.0,1.1"), "1.2": ("1.2", "1.0,1.1,1.2", "1.1,1.2")}


# ---------------------------------------------------------------------- the handshake


def connect_frame(builder: Builder, choices: Choices) -> Frame:
    """Return a CONNECT that the version is negotiated with."""
    setting, version = builder.setting, builder.version
    pairs = []
    if version != "1.0" or choices.chance(20):
        pairs.append(("accept-version", choices.pick(_OFFERS[version])))
    if version != "1.0" or choices.chance(20):
        pairs.append(("host", setting.host))
    if setting.login is not None:
        pairs.append(("login", setting.login))
    if setting.passcode is not None:
        pairs.append(("passcode", setting.passcode))
    if choices.chance(20):
        pairs.append(("heart-beat", choices.pick(("0,0", "60000,60000"))))
    command = "STOMP" if version == "1.2" and choices.chance(10) else "CONNECT"
    return Frame(command, pairs)


def connected_frame(builder: Builder, choices: Choices, connect: Frame) -> Frame:
    """Return the CONNECTED that answers a CONNECT."""
    pairs = []
    if "accept-version" in connect.headers:
        pairs.append(("version", builder.version))
    if choices.chance(20):
        pairs.append(("heart-beat", choices.pick(("0,0", "60000,60000"))))
    if choices.chance(20):
        pairs.append(("session", text(choices, builder.version, builder.setting, handshake=True)))
    elif builder.version == "1.0" and not choices.chance(10):
        pairs.append(("session", "1"))  # 1.0 shows it, and some clients refuse a frame without any header
    return Frame("CONNECTED", pairs)


def connect(builder: Builder, choices: Choices) -> None:
    """Add the handshake, and the subscription of a client that is not scripted."""
    request = connect_frame(builder, choices)
    builder.connect(request, connected_frame(builder, choices, request))
    if not builder.setting.scripted_client:
        builder.subscribe("{subscription}", "{destination}", "client-individual")


# ---------------------------------------------------------------------- values


def _value(builder: Builder, choices: Choices) -> str:
    return text(choices, builder.version, builder.setting)


def name(builder: Builder, choices: Choices) -> str:
    """Return a new id for a subscription, a transaction or a receipt."""
    # A name is unique because of its number, which stands first; a value of 1.0 must not end in a space.
    return builder.new_name(_value(builder, choices) if choices.chance(30) else "")


def _receipt(builder: Builder, choices: Choices) -> str | None:
    return name(builder, choices) if choices.chance(25) else None


def message(builder: Builder, choices: Choices, destination: str) -> Queued:
    """Return a message with a few headers of the user."""
    headers = [("x", _value(builder, choices))] if choices.chance(30) else []
    if headers and choices.chance(20):
        headers.append(("x", _value(builder, choices)))  # only the first one counts
    return Queued(destination, headers, body(choices, builder.setting))


def _transaction(builder: Builder, choices: Choices) -> OpenTransaction | None:
    if not builder.transactions or not choices.chance(50):
        return None
    return choices.pick(builder.transactions)


# ---------------------------------------------------------------------- actions of the client


def subscribe(builder: Builder, choices: Choices, *, ack: str | None = None) -> Subscribed:
    """Subscribe to a destination that nobody has subscribed to."""
    modes: tuple[str, ...] = _ACK_MODES
    if builder.version == "1.0":
        modes = ("auto", "client")  # "client-individual" came with 1.1
    if builder.setting.ack_covers_connection and any(
        entry.ack == "client" for entry in builder.subscriptions
    ):
        modes = tuple(mode for mode in modes if mode != "client")
    mode = choices.pick(modes) if ack is None else ack
    anonymous = builder.version == "1.0" and choices.chance(50)
    subscription = None if anonymous else name(builder, choices)
    destination = choices.pick(builder.unused_destinations)
    state_ack = mode != "auto" or choices.chance(50)
    return builder.subscribe(
        subscription, destination, mode, state_ack=state_ack, receipt=_receipt(builder, choices)
    )


def _publish(builder: Builder, choices: Choices) -> None:
    subscribed = [entry.destination for entry in builder.subscriptions]
    destination = choices.pick((*subscribed, *builder.unused_destinations))
    transaction = _transaction(builder, choices)
    builder.publish(
        message(builder, choices, destination), transaction=transaction, receipt=_receipt(builder, choices)
    )


def _acknowledge(builder: Builder, choices: Choices) -> None:
    subscription, number = choices.pick(builder.acknowledgeable)
    negative = builder.version != "1.0" and builder.setting.nacks and choices.chance(25)
    builder.acknowledge(
        "NACK" if negative else "ACK",
        subscription,
        number,
        transaction=_transaction(builder, choices),
        receipt=_receipt(builder, choices),
    )


def begin(builder: Builder, choices: Choices) -> OpenTransaction:
    """Begin a transaction."""
    return builder.begin(name(builder, choices), receipt=_receipt(builder, choices))


def _begin(builder: Builder, choices: Choices) -> None:
    begin(builder, choices)


def _subscribe(builder: Builder, choices: Choices) -> None:
    subscribe(builder, choices)


def _commit(builder: Builder, choices: Choices) -> None:
    builder.commit(choices.pick(builder.transactions), receipt=_receipt(builder, choices))


def _abort(builder: Builder, choices: Choices) -> None:
    builder.abort(choices.pick(builder.transactions), receipt=_receipt(builder, choices))


def _unsubscribe(builder: Builder, choices: Choices) -> None:
    builder.unsubscribe(choices.pick(builder.subscriptions), receipt=_receipt(builder, choices))


def disconnect(builder: Builder, choices: Choices) -> None:
    """End the conversation as a client should."""
    builder.disconnect(receipt=name(builder, choices) if choices.chance(80) else None)


# ---------------------------------------------------------------------- actions of the server, and of both


def deliver(builder: Builder, choices: Choices) -> None:
    """Send a MESSAGE that another client has sent."""
    subscription = choices.pick(builder.subscriptions)
    builder.deliver(subscription, message(builder, choices, subscription.destination))


def refuse(builder: Builder, choices: Choices) -> None:
    """End the conversation with an ERROR that the client has not caused."""
    builder.refuse(text(choices, builder.version, builder.setting))


def _client_beat(builder: Builder, choices: Choices) -> None:
    _beat(builder, choices, by_client=True)


def _server_beat(builder: Builder, choices: Choices) -> None:
    _beat(builder, choices, by_client=False)


def _beat(builder: Builder, choices: Choices, *, by_client: bool) -> None:
    ends = ("\n", "\n\n", "\r\n") if builder.version == "1.2" else ("\n", "\n\n")
    builder.add_bytes("client" if by_client else "server", choices.pick(ends).encode())


Action = Callable[[Builder, Choices], None]


class _Possible(NamedTuple):
    """An action, who does it, and whether it is possible."""

    action: Action
    of: Role
    is_possible: Callable[[Builder], bool]


def _always(builder: Builder) -> bool:
    return True


def _can_subscribe(builder: Builder) -> bool:
    return len(builder.unused_destinations) > 1  # one is left for a mutation that needs another subscription


def _has_destination(builder: Builder) -> bool:
    return bool(builder.subscriptions or builder.unused_destinations)


def _has_subscription(builder: Builder) -> bool:
    return bool(builder.subscriptions)


def _has_unacknowledged(builder: Builder) -> bool:
    return bool(builder.acknowledgeable)


def _has_transaction(builder: Builder) -> bool:
    return bool(builder.transactions)


_SUBSCRIBE = _Possible(_subscribe, "client", _can_subscribe)
_PUBLISH = _Possible(_publish, "client", _has_destination)
_ACKNOWLEDGE = _Possible(_acknowledge, "client", _has_unacknowledged)
#: The simplest first. What is frequent in programs stands here more than once.
_ACTIONS = (
    _SUBSCRIBE,
    _PUBLISH,
    _ACKNOWLEDGE,
    _Possible(deliver, "server", _has_subscription),
    _Possible(_begin, "client", _always),
    _Possible(_commit, "client", _has_transaction),
    _Possible(_abort, "client", _has_transaction),
    _Possible(_unsubscribe, "client", _has_subscription),
    _Possible(_client_beat, "client", _always),
    _Possible(_server_beat, "server", _always),
    _SUBSCRIBE,
    _PUBLISH,
    _PUBLISH,
    _ACKNOWLEDGE,
    _ACKNOWLEDGE,
)


def act(builder: Builder, choices: Choices) -> None:
    """Add something legal; nothing if it is not possible.

    The choice is among all actions, whether they are possible or not. Then a decision means the same thing after
    earlier ones were left out, and a property test can shrink.
    """
    action, side, is_possible = choices.pick(_ACTIONS)
    scripted = builder.setting.scripted_client if side == "client" else builder.role == "client"
    if scripted and not builder.ended and is_possible(builder):
        action(builder, choices)
