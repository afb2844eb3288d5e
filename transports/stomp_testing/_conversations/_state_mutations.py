"""Frames that are legal by themselves, and not after what was sent before."""

from __future__ import annotations

from stomp_core import ErrorCode, Frame

from ._actions import connect_frame, message, name
from ._builder import Builder
from ._choices import Choices
from ._conversation import Mutation
from ._frames import legal_frame, some_subscription, some_transaction, some_unacknowledged, spare_destination
from ._model import ALL, ESCAPING, Demand, Kind, Role
from ._rules import Apply

__all__ = ["STATE_MUTATIONS"]

_NOBODY = "no-such-thing"


# ---------------------------------------------------------------------- out of order


def _before_connect(builder: Builder, choices: Choices) -> None:
    destination = ("destination", spare_destination(builder))
    builder.violate(
        choices.pick(
            (
                Frame("SEND", [destination], b"x"),
                Frame("SUBSCRIBE", [destination, ("id", "1")]),
                Frame("BEGIN", [("transaction", "1")]),
                Frame("DISCONNECT"),
            )
        )
    )


def _second_connect(builder: Builder, choices: Choices) -> None:
    builder.violate(connect_frame(builder, choices))


def _frame_of_a_server(builder: Builder, choices: Choices) -> None:
    command = choices.pick(("RECEIPT", "MESSAGE", "ERROR", "CONNECTED"))
    frame = (
        Frame("CONNECTED", [("version", builder.version)])
        if command == "CONNECTED"
        else legal_frame(builder, choices, command)
    )
    builder.violate(frame)


def _after_disconnect(builder: Builder, choices: Choices) -> None:
    frame = (
        Frame("DISCONNECT")
        if choices.chance(30)
        else legal_frame(builder, choices, choices.pick(("SEND", "BEGIN", "SUBSCRIBE", "ACK")))
    )
    builder.request("DISCONNECT", [], receipt=name(builder, choices))
    builder.violate(frame)
    builder.ended = True


def _before_connected(builder: Builder, choices: Choices) -> None:
    builder.add("client", connect_frame(builder, choices))
    message_headers = {"destination": spare_destination(builder), "message-id": "1", "subscription": "1"}
    builder.violate(
        choices.pick((Frame("RECEIPT", {"receipt-id": "1"}), Frame("MESSAGE", message_headers, b"x")))
    )


def _server_begins(builder: Builder, choices: Choices) -> None:
    builder.violate(Frame("CONNECTED", [("version", builder.version)]))


def _second_connected(builder: Builder, choices: Choices) -> None:
    builder.violate(Frame("CONNECTED", [("version", builder.version)]))


def _frame_of_a_client(builder: Builder, choices: Choices) -> None:
    destination = ("destination", spare_destination(builder))
    builder.violate(
        choices.pick(
            (
                Frame("DISCONNECT"),
                Frame("SEND", [destination], b"x"),
                Frame("BEGIN", [("transaction", "1")]),
                connect_frame(builder, choices),
            )
        )
    )


def _after_error(builder: Builder, choices: Choices) -> None:
    frame = legal_frame(builder, choices, choices.pick(("MESSAGE", "RECEIPT")))
    builder.violate(Frame("ERROR", {"message": "no"}))
    builder.violate(frame)
    builder.ended = True


# ---------------------------------------------------------------------- subscriptions


def _same_subscription_twice(builder: Builder, choices: Choices) -> None:
    subscription = some_subscription(builder, choices)
    if subscription.id is None:
        builder.violate(Frame("SUBSCRIBE", {"destination": subscription.destination}))
    else:
        destination = choices.pick((spare_destination(builder), subscription.destination))
        builder.violate(Frame("SUBSCRIBE", {"destination": destination, "id": subscription.id}))


def _unknown_subscription(builder: Builder, choices: Choices) -> None:
    ended = [entry.id for entry in builder.ended_subscriptions if entry.id is not None]
    builder.violate(Frame("UNSUBSCRIBE", {"id": choices.pick((_NOBODY, *ended))}))


def _unsubscribe_twice(builder: Builder, choices: Choices) -> None:
    subscription = some_subscription(builder, choices)
    builder.unsubscribe(subscription)
    header = ("destination", subscription.destination) if subscription.id is None else ("id", subscription.id)
    builder.violate(Frame("UNSUBSCRIBE", [header]))


def _message_for_nobody(builder: Builder, choices: Choices) -> None:
    headers = {"destination": spare_destination(builder), "message-id": "1", "subscription": _NOBODY}
    builder.violate(Frame("MESSAGE", headers, b"x"))


# ---------------------------------------------------------------------- acknowledgements


def _ack_frame(builder: Builder, choices: Choices, headers: list[tuple[str, str]]) -> Frame:
    commands = ("ACK",) if builder.version == "1.0" else ("ACK", "NACK")
    return Frame(choices.pick(commands), headers)


def _ack_unknown_message(builder: Builder, choices: Choices) -> None:
    headers = [("id", _NOBODY)]
    if builder.version != "1.2":
        headers = [("message-id", _NOBODY)]
        if builder.version == "1.1":
            headers.append(("subscription", some_subscription(builder, choices).id or ""))
    builder.violate(_ack_frame(builder, choices, headers))


def _ack_twice(builder: Builder, choices: Choices) -> None:
    subscription, number = some_unacknowledged(builder, choices)
    frame = _ack_frame(builder, choices, builder.acknowledgement(subscription, number))
    builder.acknowledge("ACK", subscription, number)
    builder.violate(frame)


def _ack_of_what_is_covered(builder: Builder, choices: Choices) -> None:
    subscription, first = some_unacknowledged(builder, choices, ack="client", count=2)
    builder.acknowledge("ACK", subscription, choices.pick(subscription.unacknowledged[1:]))
    builder.violate(_ack_frame(builder, choices, builder.acknowledgement(subscription, first)))


def _ack_in_transaction_twice(builder: Builder, choices: Choices) -> None:
    transaction = some_transaction(builder, choices)
    subscription, number = some_unacknowledged(builder, choices)
    builder.acknowledge("ACK", subscription, number, transaction=transaction)
    builder.violate(_ack_frame(builder, choices, builder.acknowledgement(subscription, number)))


def _ack_in_auto_mode(builder: Builder, choices: Choices) -> None:
    subscription = some_subscription(builder, choices, ack="auto")
    builder.publish(message(builder, choices, subscription.destination))
    delivered = builder.steps[-1].frame
    assert delivered is not None
    headers = [("message-id", delivered.headers["message-id"])]
    if builder.version == "1.1":
        headers.append(("subscription", subscription.id or ""))
    elif builder.version == "1.2":
        headers = [("id", delivered.headers["message-id"])]  # there is no ack header
    builder.violate(_ack_frame(builder, choices, headers))


def _ack_after_unsubscribe(builder: Builder, choices: Choices) -> None:
    subscription, number = some_unacknowledged(builder, choices)
    builder.unsubscribe(subscription)
    builder.violate(_ack_frame(builder, choices, builder.acknowledgement(subscription, number)))


def _ack_for_unknown_subscription(builder: Builder, choices: Choices) -> None:
    _, number = some_unacknowledged(builder, choices)
    headers = [("message-id", f"{{message-{number}}}"), ("subscription", _NOBODY)]
    builder.violate(_ack_frame(builder, choices, headers))


def _nack_in_1_0(builder: Builder, choices: Choices) -> None:
    _, number = some_unacknowledged(builder, choices)
    builder.violate_bytes(b"NACK\nmessage-id:{message-%d}\n\n\0" % number)


# ---------------------------------------------------------------------- transactions


def _unknown_transaction(command: str) -> Apply:
    def apply(builder: Builder, choices: Choices) -> None:
        if command == "ACK":
            headers = builder.acknowledgement(*some_unacknowledged(builder, choices))
        else:
            headers = [("destination", spare_destination(builder))] if command == "SEND" else []
        transaction = choices.pick((_NOBODY, *builder.ended_transactions))
        builder.violate(Frame(command, [*headers, ("transaction", transaction)]))

    return apply


def _begin_twice(builder: Builder, choices: Choices) -> None:
    builder.violate(Frame("BEGIN", {"transaction": some_transaction(builder, choices).name}))


def _end_transaction_twice(builder: Builder, choices: Choices) -> None:
    transaction = some_transaction(builder, choices)
    if choices.chance(50):
        builder.commit(transaction)
    else:
        builder.abort(transaction)
    builder.violate(Frame(choices.pick(("COMMIT", "ABORT")), {"transaction": transaction.name}))


# ---------------------------------------------------------------------- legal, and easily refused


def _ack_after_abort(builder: Builder, choices: Choices) -> None:
    transaction = builder.begin(name(builder, choices))
    subscription, number = some_unacknowledged(builder, choices)
    builder.acknowledge("ACK", subscription, number, transaction=transaction)
    builder.abort(transaction)
    builder.mark_violation()
    builder.acknowledge("ACK", subscription, number, receipt=name(builder, choices))


def _transaction_id_again(builder: Builder, choices: Choices) -> None:
    transaction = some_transaction(builder, choices)
    if choices.chance(50):
        builder.commit(transaction)
    else:
        builder.abort(transaction)
    builder.mark_violation()
    builder.begin(transaction.name, receipt=name(builder, choices))
    builder.ended_transactions.remove(transaction.name)


def _subscription_id_again(builder: Builder, choices: Choices) -> None:
    subscription = some_subscription(builder, choices)
    builder.unsubscribe(subscription)
    builder.mark_violation()
    builder.subscribe(subscription.id, spare_destination(builder), "auto", receipt=name(builder, choices))


def _state(
    name: str,
    section: str,
    code: ErrorCode | None,
    apply: Apply,
    *,
    versions: tuple[str, ...] = ALL,
    roles: tuple[Role, ...] = ("server",),
    demand: Demand = Demand.SHOULD_REFUSE,
    at_start: bool = False,
) -> Mutation:
    return Mutation(name, Kind.STATE, roles, versions, section, demand, code, apply, at_start)


_CODE = ErrorCode
STATE_MUTATIONS = (
    _state("frame-before-connect", "Connecting", _CODE.UNEXPECTED_FRAME, _before_connect, at_start=True),
    _state("second-connect", "Connecting", _CODE.UNEXPECTED_FRAME, _second_connect),
    _state("server-frame-from-client", "Client Frames", _CODE.UNEXPECTED_FRAME, _frame_of_a_server),
    _state("frame-after-disconnect", "DISCONNECT", _CODE.UNEXPECTED_FRAME, _after_disconnect),
    _state("subscription-id-twice", "SUBSCRIBE id Header", _CODE.DUPLICATE_SUBSCRIPTION, _same_subscription_twice),
    _state("unsubscribe-unknown", "UNSUBSCRIBE", _CODE.UNKNOWN_SUBSCRIPTION, _unknown_subscription),
    _state("unsubscribe-twice", "UNSUBSCRIBE", _CODE.UNKNOWN_SUBSCRIPTION, _unsubscribe_twice),
    _state("ack-unknown-message", "ACK", _CODE.NOT_ACKNOWLEDGEABLE, _ack_unknown_message),
    _state("ack-twice", "ACK", _CODE.NOT_ACKNOWLEDGEABLE, _ack_twice),
    _state("ack-of-covered-message", "SUBSCRIBE ack Header", _CODE.NOT_ACKNOWLEDGEABLE, _ack_of_what_is_covered),
    _state("ack-twice-in-transaction", "ACK", _CODE.NOT_ACKNOWLEDGEABLE, _ack_in_transaction_twice),
    _state("ack-in-auto-mode", "SUBSCRIBE ack Header", _CODE.NOT_ACKNOWLEDGEABLE, _ack_in_auto_mode),
    _state("ack-after-unsubscribe", "UNSUBSCRIBE", _CODE.NOT_ACKNOWLEDGEABLE, _ack_after_unsubscribe,
           versions=("1.0", "1.2")),
    _state("ack-after-unsubscribe-with-subscription", "UNSUBSCRIBE", _CODE.UNKNOWN_SUBSCRIPTION,
           _ack_after_unsubscribe, versions=("1.1",)),
    _state("ack-for-unknown-subscription", "ACK", _CODE.UNKNOWN_SUBSCRIPTION, _ack_for_unknown_subscription,
           versions=("1.1",)),
    _state("nack-in-1.0", "ACK", _CODE.UNKNOWN_COMMAND, _nack_in_1_0, versions=("1.0",)),
    _state("send-in-unknown-transaction", "SEND", _CODE.UNKNOWN_TRANSACTION, _unknown_transaction("SEND")),
    _state("ack-in-unknown-transaction", "ACK", _CODE.UNKNOWN_TRANSACTION, _unknown_transaction("ACK")),
    _state("commit-unknown-transaction", "COMMIT", _CODE.UNKNOWN_TRANSACTION, _unknown_transaction("COMMIT")),
    _state("abort-unknown-transaction", "ABORT", _CODE.UNKNOWN_TRANSACTION, _unknown_transaction("ABORT")),
    _state("begin-twice", "BEGIN", _CODE.DUPLICATE_TRANSACTION, _begin_twice),
    _state("end-transaction-twice", "COMMIT", _CODE.UNKNOWN_TRANSACTION, _end_transaction_twice),
    _state("ack-after-abort", "ABORT", None, _ack_after_abort, demand=Demand.MUST_ACCEPT),
    _state("transaction-id-again", "BEGIN", None, _transaction_id_again, demand=Demand.MUST_ACCEPT),
    _state("subscription-id-again", "UNSUBSCRIBE", None, _subscription_id_again, demand=Demand.MUST_ACCEPT,
           versions=ESCAPING),
    _state("server-sends-first", "Connecting", _CODE.UNEXPECTED_FRAME, _server_begins, roles=("client",),
           at_start=True),
    _state("frame-before-connected", "Connecting", _CODE.UNEXPECTED_FRAME, _before_connected, roles=("client",),
           at_start=True),
    _state("second-connected", "Connecting", _CODE.UNEXPECTED_FRAME, _second_connected, roles=("client",)),
    _state("client-frame-from-server", "Server Frames", _CODE.UNEXPECTED_FRAME, _frame_of_a_client, roles=("client",)),
    _state("frame-after-error", "ERROR", None, _after_error, roles=("client",), demand=Demand.MAY_REFUSE),
    _state("message-for-unknown-subscription", "MESSAGE", None, _message_for_nobody, roles=("client",),
           demand=Demand.MAY_REFUSE, versions=ESCAPING),
)  # fmt: skip
