"""ServerConnection.deliver(), effects(), take_unacknowledged() and refusal(): what a broker needs of one connection."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stomp_core import (
    Abort,
    Ack,
    Begin,
    ClientConnection,
    Commit,
    Connect,
    Connected,
    ConnectionGoneError,
    Error,
    ErrorCode,
    Event,
    LocalProtocolError,
    Message,
    Nack,
    Receipt,
    RemoteProtocolError,
    Send,
    ServerConnection,
    Subscribe,
    Unsubscribe,
)


class Pair:
    """A client and a server that are connected, and the ``effects`` of each frame of the client."""

    def __init__(self, version: str = "1.2") -> None:
        self.version = version
        self.client = ClientConnection([version])
        self.server = ServerConnection([version])
        self.effects: list[tuple[str, list[bytes]]] = []
        self.request(Connect(host="h"))
        self.answer(self.server.send(Connected()))

    def request(self, event: Event) -> Event:
        self.server.receive_data(self.client.send(event))
        received = self.server.next_event()
        assert isinstance(received, Event)
        for effect in self.server.effects(received):
            self.effects.append((type(effect.event).__name__, [send.body for send in effect.sends]))
        return received

    def answer(self, data: bytes) -> Event:
        self.client.receive_data(data)
        event = self.client.next_event()
        assert isinstance(event, Event)
        return event

    def subscribe(self, id: str, ack: str = "client-individual") -> None:
        self.request(Subscribe("/queue/a", id=id, ack=ack))  # type: ignore[arg-type]

    def deliver(self, id: str, body: bytes, headers: dict[str, str] | None = None) -> Message:
        [subscription] = [each for each in self.server.subscriptions if each.id == id]
        message = self.answer(
            self.server.deliver(Send("/queue/a", body, headers=headers or {}), subscription)
        )
        assert isinstance(message, Message)
        return message

    def taken(self) -> list[tuple[str, list[bytes]]]:
        effects, self.effects = self.effects, []
        return effects


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
@pytest.mark.parametrize("ack", ["auto", "client"])
def test_a_message_has_what_its_send_had(version: str, ack: str) -> None:
    pair = Pair(version)
    pair.subscribe("s", ack)
    hidden = {"receipt": "r", "transaction": "t", "subscription": "x", "message-id": "y", "ack": "z"}
    message = pair.deliver("s", b"body", {"priority": "4", **hidden})
    assert message.body == b"body"
    assert message.destination == "/queue/a"
    assert (message.subscription, message.message_id) == ("s", "1")
    assert message.ack == ("1" if ack == "client" else None)
    assert message.headers["priority"] == "4"
    assert message.headers["content-length"] == "4"
    assert not {"receipt", "transaction"} & set(message.headers)
    assert pair.deliver("s", b"").message_id == "2"


def test_a_send_without_content_length_is_passed_on_without() -> None:
    """ActiveMQ makes a text message of one without."""
    pair = Pair()
    pair.subscribe("s")
    sent = pair.request(Send("/queue/a", b"text", content_length=False))
    assert isinstance(sent, Send)
    data = pair.server.deliver(sent, pair.server.subscriptions[0])
    assert b"content-length" not in data
    assert data.endswith(b"\n\ntext\0")


def test_a_header_that_this_version_cannot_carry_changes_nothing() -> None:
    pair = Pair("1.0")
    pair.subscribe("s", "client")
    with pytest.raises(LocalProtocolError):
        pair.deliver("s", b"lost", {"two": "a\nb"})
    assert pair.server.take_unacknowledged() == ()
    assert pair.deliver("s", b"").message_id == "1"


def test_what_is_outside_of_a_transaction_takes_effect_at_once() -> None:
    pair = Pair()
    pair.subscribe("s")
    one, two = pair.deliver("s", b"1"), pair.deliver("s", b"2")
    pair.request(Send("/queue/b", b"new"))
    pair.request(Ack(id=one.ack))
    pair.request(Nack(id=two.ack))
    assert pair.taken() == [("Send", [b"new"]), ("Ack", [b"1"]), ("Nack", [b"2"])]


def test_an_ack_covers_what_was_delivered_before_it_and_not_before_its_commit() -> None:
    pair = Pair()
    pair.subscribe("s", "client")
    pair.deliver("s", b"1")
    two = pair.deliver("s", b"2")
    pair.request(Begin("t"))
    pair.request(Ack(id=two.ack, transaction="t"))
    pair.request(Send("/queue/b", b"new", transaction="t"))
    pair.deliver("s", b"3")
    assert pair.taken() == []
    pair.request(Commit("t"))
    assert pair.taken() == [("Ack", [b"1", b"2"]), ("Send", [b"new"])]
    assert [send.body for send in pair.server.take_unacknowledged()] == [b"3"]


def test_what_an_aborted_transaction_has_acknowledged_is_unacknowledged_again() -> None:
    pair = Pair()
    pair.subscribe("s")
    one = pair.deliver("s", b"1")
    pair.deliver("s", b"2")
    pair.request(Begin("t"))
    pair.request(Ack(id=one.ack, transaction="t"))
    pair.request(Abort("t"))
    assert pair.taken() == []
    pair.request(Unsubscribe(id="s"))
    assert pair.taken() == [("Unsubscribe", [b"1", b"2"])]


@pytest.mark.parametrize(("end", "effect"), [(Commit, ("Ack", [b"1"])), (Abort, ("Abort", [b"1"]))])
def test_a_subscription_that_ends_in_a_transaction(
    end: type[Commit] | type[Abort], effect: tuple[str, list[bytes]]
) -> None:
    """A message that the transaction has acknowledged comes back if the transaction is aborted, and only then."""
    pair = Pair()
    pair.subscribe("s")
    one = pair.deliver("s", b"1")
    pair.deliver("s", b"2")
    pair.request(Begin("t"))
    pair.request(Ack(id=one.ack, transaction="t"))
    pair.request(Unsubscribe(id="s"))
    pair.request(end("t"))
    assert pair.taken() == [("Unsubscribe", [b"2"]), effect]


def test_messages_acknowledged_in_an_open_transaction_come_back() -> None:
    pair = Pair()
    pair.subscribe("s")
    pair.subscribe("auto", "auto")
    one = pair.deliver("s", b"1")
    pair.deliver("auto", b"gone")
    pair.deliver("s", b"2")
    pair.request(Begin("t"))
    pair.request(Ack(id=one.ack, transaction="t"))
    assert [send.body for send in pair.server.take_unacknowledged()] == [b"1", b"2"]
    assert pair.server.take_unacknowledged() == ()


@given(st.data())
def test_every_delivery_is_acknowledged_or_comes_back_once(data: st.DataObject) -> None:
    """Whatever a client does, in any order: each delivery is done with, or is to be delivered again, exactly once."""
    mode = data.draw(st.sampled_from(["client", "client-individual"]))
    pair = Pair()
    messages: list[Message] = []
    transactions: list[str] = []
    for serial, step in enumerate(data.draw(st.lists(st.sampled_from("sdddankbcu"), max_size=40))):
        subscriptions = [each.id for each in pair.server.subscriptions]
        chosen = data.draw(st.sampled_from(subscriptions)) if subscriptions else None
        transaction = data.draw(st.sampled_from([None, *transactions]))
        if step == "s":
            pair.subscribe(f"s{serial}", mode)
        elif step == "d" and chosen is not None:
            messages.append(pair.deliver(chosen, str(serial).encode()))
        elif step in "ank" and messages:
            message = data.draw(st.sampled_from(messages))
            try:
                pair.request((Ack if step == "a" else Nack)(id=message.ack, transaction=transaction))
            except LocalProtocolError:
                pass  # it was acknowledged, or its subscription has ended
        elif step == "b":
            pair.request(Begin(f"t{serial}"))
            transactions.append(f"t{serial}")
        elif step in "ck" and transaction is not None:
            transactions.remove(transaction)
            pair.request((Commit if step == "c" else Abort)(transaction))
        elif step == "u" and chosen is not None:
            pair.request(Unsubscribe(id=chosen))
    outcomes = Counter(body for _, bodies in pair.taken() for body in bodies)
    outcomes.update(send.body for send in pair.server.take_unacknowledged())
    assert outcomes == Counter(message.body for message in messages)


def test_a_refusal_ends_the_conversation_with_an_error_frame() -> None:
    pair = Pair()
    event = pair.request(Subscribe("/topic/secret", id="s", receipt="r-1"))
    refusal = pair.server.refusal(event, "not for you")
    assert refusal.code == ErrorCode.REFUSED
    assert refusal.frame_hint is not None
    error = pair.answer(pair.server.send(refusal.frame_hint))
    assert isinstance(error, Error)
    assert error.headers["receipt-id"] == "r-1"
    assert error.message == "not for you"
    with pytest.raises(RemoteProtocolError, match="not for you"):
        pair.server.next_event()
    with pytest.raises(ConnectionGoneError):
        pair.server.send(Receipt("r-1"))
