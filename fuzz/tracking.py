"""Acknowledgements and transactions of both sides, compared with a model that is as simple as the specification.

An input is two bytes of settings and then operations (see :func:`tracking`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from stomp_core import (
    NEED_DATA,
    Abort,
    Ack,
    Begin,
    ClientConnection,
    Commit,
    Connect,
    Connected,
    Event,
    LocalProtocolError,
    Message,
    Nack,
    ServerConnection,
    Subscribe,
    Unsubscribe,
)

from .choices import Choices

__all__ = ["STEPS", "tracking"]

STEPS = (
    "deliver",
    "ack",
    "nack",
    "subscribe",
    "unsubscribe",
    "begin",
    "commit",
    "abort",
    "ack again",
    "deliver many",
)
_VERSIONS = ("1.2", "1.1", "1.0")
_MODES = ("client", "client-individual", "auto")
_SUBSCRIPTIONS, _TRANSACTIONS, _IDS = ("a", "b", "c"), ("t", "u"), ("m1", "m2", "m3", "m4", "m5", "m:6")
_Numbered = dict[str, int]  # ids of messages, each with the number of its delivery


def tracking(data: bytes) -> None:
    """Check what each frame does to the messages and transactions that are open, on the client and on the server.

    Byte 0 picks the version, 1 whether an ACK covers the whole connection, as RabbitMQ's does. Then one byte picks
    each of :data:`STEPS`, and further ones its arguments.
    """
    choices = Choices(data)
    play = _Play(choices.pick(_VERSIONS), covers_connection=bool(choices.byte() & 1))
    while choices.left:
        play.step(choices.pick(STEPS), choices)
        play.compare()


@dataclass(eq=False)
class _Subscription:
    id: str
    ack: str
    waiting: _Numbered = field(default_factory=dict)

    def in_order(self) -> tuple[str, ...]:
        return tuple(sorted(self.waiting, key=lambda message_id: self.waiting[message_id]))


class _Model:
    """What the frames so far mean."""

    def __init__(self, *, covers_connection: bool) -> None:
        self.subscriptions: dict[str, _Subscription] = {}
        self.transactions: dict[str, dict[_Subscription, _Numbered]] = {}
        self.holders: dict[
            str, list[_Subscription]
        ] = {}  # who waits for the ACK of an message_id, in the order of delivery
        self.covers_connection = covers_connection
        self.number = 0

    def deliver(self, name: str, message_id: str) -> None:
        subscription = self.subscriptions[name]
        if subscription.ack == "auto" or message_id in subscription.waiting:
            return
        self.number += 1
        subscription.waiting[message_id] = self.number
        self._hold(subscription, message_id)

    def _hold(self, subscription: _Subscription, message_id: str) -> None:
        holders = self.holders.setdefault(message_id, [])
        if subscription not in holders:
            holders.append(subscription)

    def find(self, name: str | None, message_id: str) -> _Subscription | None:
        """Return the subscription to which an ACK belongs; ``None`` if it is not allowed."""
        if name is None:
            return next(iter(self.holders.get(message_id, [])), None)
        subscription = self.subscriptions.get(name)
        return subscription if subscription is not None and message_id in subscription.waiting else None

    def covered(self, subscription: _Subscription, message_id: str) -> dict[_Subscription, _Numbered]:
        number = subscription.waiting[message_id]
        if subscription.ack != "client":
            return {subscription: {message_id: number}}
        others = [entry for entry in self.subscriptions.values() if entry is not subscription]
        covering = [*others, subscription] if self.covers_connection else [subscription]
        return {
            entry: {other: before for other, before in entry.waiting.items() if before <= number}
            for entry in covering
        }

    def acknowledge(self, subscription: _Subscription, message_id: str, transaction: str | None) -> None:
        for entry, ids in self.covered(subscription, message_id).items():
            for other in ids:
                del entry.waiting[other]
                self.holders[other].remove(entry)
            if transaction is not None and ids:
                self.transactions[transaction].setdefault(entry, {}).update(ids)

    def unsubscribe(self, name: str) -> None:
        subscription = self.subscriptions.pop(name)
        for message_id in subscription.waiting:
            self.holders[message_id].remove(subscription)
        for by_subscription in self.transactions.values():
            by_subscription.pop(subscription, None)

    def abort(self, name: str) -> None:
        for subscription, ids in self.transactions.pop(name).items():
            # One that was delivered again meanwhile waits already, and takes the earlier of its two places.
            for message_id, number in ids.items():
                subscription.waiting[message_id] = min(number, subscription.waiting.get(message_id, number))
            for message_id in sorted(ids, key=lambda message_id: ids[message_id], reverse=True):
                self._hold(subscription, message_id)


class _Play:
    """A client, a server and the model."""

    def __init__(self, version: str, *, covers_connection: bool) -> None:
        self.version = version
        self.client, self.server = (
            ClientConnection((version,)),
            ServerConnection((version,), unsolicited_messages=covers_connection),
        )
        self.server.receive_data(self.client.send(Connect(host="/")))
        self.server.next_event()
        self.client.receive_data(self.server.send(Connected()))
        self.client.next_event()
        self.client.ack_covers_connection = covers_connection
        self.model = _Model(covers_connection=covers_connection)
        self.messages: list[Message] = []

    def step(self, step: str, choices: Choices) -> None:
        model = self.model
        if step == "deliver":
            self.deliver(choices.pick(_SUBSCRIPTIONS), choices.pick(_IDS))
        elif step == "deliver many":
            # One after the other to the same subscription, which is what the straight path is for.
            name = choices.pick(_SUBSCRIPTIONS)
            for message_id in _IDS:
                self.deliver(name, message_id)
        elif step in ("ack", "nack", "ack again") and self.messages:
            message = self.messages[choices.byte() % len(self.messages)]
            transaction = choices.pick((None, None, None, *_TRANSACTIONS))
            self.acknowledge(
                message, transaction, is_ack=step != "nack", directly=step == "ack" and not transaction
            )
        elif step == "subscribe":
            name, ack = choices.pick(_SUBSCRIPTIONS), choices.pick(_MODES)
            if self.send(Subscribe("/q", id=name, ack=ack), allowed=name not in model.subscriptions):  # type: ignore[arg-type]
                model.subscriptions[name] = _Subscription(name, ack)
        elif step == "unsubscribe":
            name = choices.pick(_SUBSCRIPTIONS)
            if self.send(Unsubscribe(name), allowed=name in model.subscriptions):
                model.unsubscribe(name)
        elif step in ("begin", "commit", "abort"):
            name = choices.pick(_TRANSACTIONS)
            is_open = name in model.transactions
            if step == "begin" and self.send(Begin(name), allowed=not is_open):
                model.transactions[name] = {}
            elif step == "commit" and self.send(Commit(name), allowed=is_open):
                del model.transactions[name]
            elif step == "abort" and self.send(Abort(name), allowed=is_open):
                model.abort(name)

    def deliver(self, name: str, message_id: str) -> None:
        if self.model.covers_connection and name not in self.model.subscriptions:
            return  # the server is not told of subscriptions then, see pass_on()
        message = Message("/q", message_id=message_id, subscription=name, ack=message_id)
        try:
            wire = self.server.send(message)
        except LocalProtocolError:
            assert name not in self.model.subscriptions, f"{message!r} was refused"
            return
        assert name in self.model.subscriptions, f"{message!r} was sent"
        self.client.receive_data(wire)
        received = self.client.next_event()
        assert isinstance(received, Message)
        self.messages.append(received)
        self.model.deliver(name, message_id)

    def acknowledge(self, message: Message, transaction: str | None, *, is_ack: bool, directly: bool) -> None:
        model, message_id = self.model, message.message_id
        subscription = model.find(message.subscription if self.version == "1.1" else None, message_id)
        allowed = subscription is not None and (transaction is None or transaction in model.transactions)
        try:
            event = (message.acknowledge if is_ack else message.reject)(transaction=transaction)
        except LocalProtocolError:
            return  # 1.0 has no NACK
        if self.version == "1.0" and not is_ack:
            allowed = False
        # To ask leaves the straight path, so not before an ACK that is to take it.
        if allowed and subscription is not None and not model.covers_connection and not directly:
            expected = model.covered(subscription, message_id)[subscription]
            self.check_coverage(self.client, event, expected)
        wire = self.client.ack_received(message, 0.0) if directly else None
        if wire is not None:
            assert allowed, f"{event!r} was sent"
            self.pass_on(wire)
        elif not self.send(event, allowed=allowed):
            return
        assert subscription is not None
        model.acknowledge(subscription, message_id, transaction)

    def check_coverage(self, conn: ClientConnection, event: Ack | Nack, expected: _Numbered) -> None:
        covered = conn.covered_by(event).ids
        assert set(covered) == set(expected), f"{event!r} covers {covered!r} instead of {expected!r}"

    def send(self, event: Event, *, allowed: bool) -> bool:
        try:
            wire = self.client.send(event)
        except LocalProtocolError:
            assert not allowed, f"{event!r} was refused"
            return False
        assert allowed, f"{event!r} was sent"
        self.pass_on(wire)
        return True

    def pass_on(self, wire: bytes) -> None:
        if self.model.covers_connection:
            return  # the server goes by the specification, and would refuse the next ACKs for other reasons
        self.server.receive_data(wire)
        assert isinstance(self.server.next_event(), Event)
        assert self.server.next_event() is NEED_DATA

    def compare(self) -> None:
        """Compare both sides with the model."""
        model = self.model
        expected = [(entry.id, entry.ack, entry.in_order()) for entry in model.subscriptions.values()]
        transactions = {
            name: tuple(
                message_id
                for ids in found.values()
                for message_id in sorted(ids, key=lambda message_id: ids[message_id])
            )
            for name, found in model.transactions.items()
        }
        for conn in (self.client,) if model.covers_connection else (self.client, self.server):
            tracked = [(entry.id, entry.ack, entry.unacknowledged) for entry in conn.subscriptions]
            assert tracked == expected, f"{type(conn).__name__} tracks {tracked!r} instead of {expected!r}"
            opened = dict(conn.transactions.items())
            assert opened == transactions, f"{type(conn).__name__} has {opened!r} instead of {transactions!r}"
