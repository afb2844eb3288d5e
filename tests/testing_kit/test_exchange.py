"""Exchange: which destination leads where."""

from __future__ import annotations

import pytest

from stomp_testing.exchange import Exchange
from stomp_testing.flavours import ACTIVEMQ, RABBITMQ, Flavour
from stomp_testing.queues import Subscription

from .test_queues import Bucket


def listen(exchange: Exchange, destination: str, durable: tuple[str, ...] | None = None) -> Bucket:
    bucket = Bucket()
    exchange.subscribe(destination, Subscription(bucket, "1"), durable)
    return bucket


def test_a_topic_goes_to_everybody_who_listens_and_to_nobody_later() -> None:
    exchange = Exchange(RABBITMQ)
    exchange.publish("/topic/a", (), b"early")
    one, two = listen(exchange, "/topic/a"), listen(exchange, "/topic/a")
    exchange.publish("/topic/a", (), b"x")
    assert (len(one.got), len(two.got)) == (1, 1)
    assert exchange.backlog.size == 0


@pytest.mark.parametrize("destination", ["/queue/a", "/amq/queue/a", "a", "/exchange/x/y", ""])
def test_every_other_destination_is_a_queue(destination: str) -> None:
    exchange = Exchange(RABBITMQ)
    exchange.publish(destination, (), b"x")
    one, two = listen(exchange, destination), listen(exchange, destination)
    exchange.publish(destination, (), b"y")
    assert len(one.got) + len(two.got) == 2


@pytest.mark.parametrize(
    ("flavour", "pattern", "topic", "matches"),
    [
        (RABBITMQ, "/topic/a.*", "/topic/a.b", True),
        (RABBITMQ, "/topic/a.*", "/topic/a.b.c", False),
        (RABBITMQ, "/topic/*.b", "/topic/a.b", True),
        (RABBITMQ, "/topic/a.#", "/topic/a.b.c", True),
        (RABBITMQ, "/topic/a.#", "/topic/a", True),
        (RABBITMQ, "/topic/a.#", "/topic/ab", False),
        (RABBITMQ, "/topic/#", "/topic/a.b", True),
        (RABBITMQ, "/topic/a.>", "/topic/a.b", False),
        (ACTIVEMQ, "/topic/a.>", "/topic/a.b.c", True),
        (ACTIVEMQ, "/topic/a.#", "/topic/a.b", False),
        (ACTIVEMQ, "/topic/a*", "/topic/ab", False),
    ],
)
def test_wildcards_are_those_of_the_flavour(
    flavour: Flavour, pattern: str, topic: str, matches: bool
) -> None:
    exchange = Exchange(flavour)
    bucket = listen(exchange, pattern)
    exchange.publish(topic, (), b"x")
    assert bool(bucket.got) is matches


def test_a_listener_that_has_left_gets_nothing_and_nothing_is_kept() -> None:
    exchange = Exchange(RABBITMQ)
    for destination in ("/topic/a", "/topic/*"):
        subscription = Subscription(Bucket(), "1", "client")
        exchange.subscribe(destination, subscription)
        exchange.publish("/topic/a", (), b"x")
        exchange.unsubscribe(subscription)
        exchange.publish("/topic/a", (), b"x")
        assert exchange.queues_of(destination) == []
    assert exchange.backlog.size == 0


def test_a_durable_subscription_keeps_what_comes_until_it_is_forgotten() -> None:
    exchange = Exchange(RABBITMQ)
    subscription = Subscription(Bucket(), "1")
    exchange.subscribe("/topic/a", subscription, ("me",))
    assert exchange.in_use(("me",))
    exchange.unsubscribe(subscription)
    assert not exchange.in_use(("me",))
    exchange.publish("/topic/a", (), b"x")
    assert len(listen(exchange, "/topic/a", ("me",)).got) == 1
    exchange.forget_durable(("me",))
    assert exchange.queues_of("/topic/a") == []


def test_a_durable_name_with_another_topic_begins_anew() -> None:
    exchange = Exchange(RABBITMQ)
    subscription = Subscription(Bucket(), "1")
    exchange.subscribe("/topic/a", subscription, ("me",))
    exchange.unsubscribe(subscription)
    exchange.publish("/topic/a", (), b"x")
    bucket = listen(exchange, "/topic/b", ("me",))
    exchange.publish("/topic/a", (), b"x")
    exchange.publish("/topic/b", (), b"x")
    assert len(bucket.got) == 1
    assert exchange.queues_of("/topic/a") == []


def test_a_deleted_queue_takes_what_was_to_be_redelivered_with_it() -> None:
    exchange = Exchange(RABBITMQ, redelivery_delay=1.0)
    subscription = Subscription(Bucket(), "1", "client-individual")
    exchange.subscribe("/queue/a", subscription)
    exchange.publish("/queue/a", (), b"x")
    exchange.refuse(subscription, list(subscription.unacknowledged.values()), 0.0, requeue=True)
    assert exchange.next_deadline() == 1.0
    exchange.delete("/queue/a")
    assert exchange.next_deadline() is None
    exchange.handle_timeout(2.0)
    assert exchange.backlog.size == 0
