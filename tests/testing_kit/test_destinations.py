"""Queues, topics and subscriptions of the embedded broker: which client gets which message, and in which order."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from .scene import Client, Scene, body, header


def subscribe(
    client: Client, destination: str = "/queue/a", ack: str = "auto", more: str = "", id: str = "1"
) -> list[str]:
    return client.send(f"SUBSCRIBE\nid:{id}\ndestination:{destination}\nack:{ack}\n{more}\n")


def send(client: Client, text: str, destination: str = "/queue/a") -> None:
    client.send(f"SEND\ndestination:{destination}\n\n{text}")


# -------------------------------------------------------------------------------- queues


def test_competing_consumers_take_turns() -> None:
    scene = Scene()
    sender, *consumers = [scene.client() for _ in range(4)]
    for consumer in consumers:
        subscribe(consumer)
    for number in range(1, 8):
        send(sender, str(number))
    assert [consumer.bodies() for consumer in consumers] == [["1", "4", "7"], ["2", "5"], ["3", "6"]]


def test_a_consumer_that_does_not_read_is_passed_over() -> None:
    """It takes its turn again when it reads."""
    scene = Scene(high_water=1000)
    sender, slow, fast = scene.client(), scene.client(), scene.client()
    subscribe(slow)
    subscribe(fast)
    send(sender, "x" * 1000)
    send(sender, "1")
    send(sender, "2")
    assert fast.bodies() == ["1", "2"]
    assert len(slow.bodies()) == 1
    send(sender, "3")
    send(sender, "4")
    slow_bodies, fast_bodies = slow.bodies(), fast.bodies()
    assert slow_bodies
    assert sorted(slow_bodies + fast_bodies) == ["3", "4"]


def test_a_requeued_message_goes_to_its_old_place() -> None:
    scene = Scene("activemq")
    sender, client = scene.client(), scene.client()
    subscribe(client, ack="client-individual", more="activemq.prefetchSize:3\n")
    for number in range(1, 6):
        send(sender, str(number))
    second = client.receive()[1]
    client.send("BEGIN\ntransaction:t\n\n", f"ACK\nid:{header(second, 'ack')}\ntransaction:t\n\n")
    client.send("UNSUBSCRIBE\nid:1\n\n")
    assert scene.waiting("/queue/a") == [b"1", b"3", b"4", b"5"]
    client.send("ABORT\ntransaction:t\n\n")
    assert scene.waiting("/queue/a") == [b"1", b"2", b"3", b"4", b"5"]


def test_abort_restores_messages_before_later_ones() -> None:
    """A cumulative ACK of the second message covers the first again, and not the third."""
    scene = Scene()
    sender, client = scene.client(), scene.client()
    subscribe(client, ack="client")
    for text in "abc":
        send(sender, text)
    ack = f"ACK\nid:{header(client.receive()[1], 'ack')}\n"
    client.send("BEGIN\ntransaction:t\n\n", f"{ack}transaction:t\n\n", "ABORT\ntransaction:t\n\n", f"{ack}\n")
    client.leave()
    assert scene.waiting("/queue/a") == [b"c"]


def test_the_backlog_counts_waiting_messages_only() -> None:
    scene = Scene()
    sender, client = scene.client(), scene.client()
    send(sender, "a")
    one = scene.exchange.backlog.size
    assert one > 0
    send(sender, "b")
    assert scene.exchange.backlog.size == 2 * one
    subscribe(client, ack="client", more="prefetch-count:1\n")
    assert scene.exchange.backlog.size == one
    client.leave()
    assert scene.exchange.backlog.size == 2 * one
    subscribe(scene.client())
    assert scene.exchange.backlog.size == 0


def calls_of_200_sends(consumers: int) -> int:
    """Count the function calls of sending to a queue whose consumers all have as much as their prefetch allows."""
    scene = Scene()
    sender = scene.client()
    for _ in range(consumers):
        subscribe(scene.client(), ack="client", more="prefetch-count:1\n")
        send(sender, "x")
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        for _ in range(200):
            send(sender, "x")
    finally:
        sys.setprofile(None)
    assert len(scene.waiting("/queue/a")) == 200
    return calls


def test_consumers_that_can_take_nothing_cost_nothing() -> None:
    """Each is checked once more at most, and not once for each message."""
    assert calls_of_200_sends(consumers=100) <= calls_of_200_sends(consumers=0) + 200


# -------------------------------------------------------------------------------- topics


def test_a_topic_goes_to_every_present_subscription() -> None:
    scene = Scene()
    sender, one, two = scene.client(), scene.client(), scene.client()
    send(sender, "early", "/topic/a")
    subscribe(one, "/topic/a")
    subscribe(two, "/topic/a")
    send(sender, "x", "/topic/a")
    assert (one.bodies(), two.bodies()) == (["x"], ["x"])
    assert scene.exchange.backlog.size == 0


@pytest.mark.parametrize(
    ("flavour", "asked", "name"),
    [
        ("rabbitmq", "a", "/queue/a"),
        ("rabbitmq", "/amq/queue/a", "/queue/a"),
        ("rabbitmq", "/exchange/amq.topic/a.b", "/topic/a.b"),
        ("activemq", "a", "/queue/a"),
        ("activemq", "/any/thing", "/queue//any/thing"),
    ],
)
def test_a_destination_has_one_name_in_messages(flavour: str, asked: str, name: str) -> None:
    scene = Scene(flavour)
    client = scene.client()
    subscribe(client, asked)
    frames = client.send(f"SEND\ndestination:{asked}\n\n1", f"SEND\ndestination:{name}\n\n2")
    assert [(header(frame, "destination"), body(frame)) for frame in frames] == [(name, "1"), (name, "2")]


@pytest.mark.parametrize("destination", ["/queue/a", "/amq/queue/a", "a", "/reply-queue/a"])
def test_every_other_destination_is_a_queue(destination: str) -> None:
    scene = Scene()
    sender, one, two = scene.client(), scene.client(), scene.client()
    send(sender, "x", destination)
    first = [body(frame) for frame in subscribe(one, destination)]
    subscribe(two, destination)
    send(sender, "y", destination)
    assert sorted(first + one.bodies() + two.bodies()) == ["x", "y"]


@pytest.mark.parametrize(
    ("flavour", "pattern", "topic", "matches"),
    [
        ("rabbitmq", "/topic/a.*", "/topic/a.b", True),
        ("rabbitmq", "/topic/a.*", "/topic/a.b.c", False),
        ("rabbitmq", "/topic/*.b", "/topic/a.b", True),
        ("rabbitmq", "/topic/a.#", "/topic/a.b.c", True),
        ("rabbitmq", "/topic/a.#", "/topic/a", True),
        ("rabbitmq", "/topic/a.#", "/topic/ab", False),
        ("rabbitmq", "/topic/#", "/topic/a.b", True),
        ("rabbitmq", "/topic/a.>", "/topic/a.b", False),
        ("activemq", "/topic/a.>", "/topic/a.b.c", True),
        ("activemq", "/topic/a.#", "/topic/a.b", False),
        ("activemq", "/topic/a*", "/topic/ab", False),
    ],
)
def test_wildcards_are_those_of_the_flavour(flavour: str, pattern: str, topic: str, matches: bool) -> None:
    scene = Scene(flavour)
    client = scene.client()
    subscribe(client, pattern)
    send(scene.client(), "x", topic)
    assert bool(client.bodies()) is matches


@pytest.mark.parametrize("destination", ["/topic/a", "/topic/*"])
def test_nothing_is_kept_for_an_ended_topic_subscription(destination: str) -> None:
    scene = Scene()
    sender, client = scene.client(), scene.client()
    subscribe(client, destination, ack="client")
    send(sender, "x", "/topic/a")
    client.send("UNSUBSCRIBE\nid:1\n\n")
    send(sender, "x", "/topic/a")
    assert client.bodies() == []
    assert scene.exchange.queues_of(destination) == []
    assert scene.exchange.backlog.size == 0


DURABLE = "durable:true\nauto-delete:false\n"


def test_a_durable_subscription_to_another_topic_is_a_new_one() -> None:
    scene = Scene()
    sender, client = scene.client(), scene.client()
    subscribe(client, "/topic/a", more=DURABLE)
    client.leave()
    send(sender, "x", "/topic/a")
    client = scene.client()
    assert subscribe(client, "/topic/b", more=DURABLE) == []
    send(sender, "y", "/topic/a")
    send(sender, "z", "/topic/b")
    assert client.bodies() == ["z"]
    assert scene.exchange.queues_of("/topic/a") == []


def test_a_deleted_subscription_redelivers_nothing() -> None:
    scene = Scene(redelivery_delay=1.0)
    client = scene.client()
    subscribe(client, "/topic/a", ack="client-individual", more=DURABLE)
    send(scene.client(), "x", "/topic/a")
    (message,) = client.receive()
    client.send(f"NACK\nid:{header(message, 'ack')}\n\n")
    assert scene.exchange.next_deadline() == scene.now + 1.0
    client.send(f"UNSUBSCRIBE\nid:1\n{DURABLE}\n")
    assert scene.exchange.next_deadline() is None
    scene.exchange.handle_timeout(scene.now + 2.0)
    assert scene.exchange.backlog.size == 0
