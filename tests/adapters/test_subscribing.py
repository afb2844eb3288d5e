"""Subscribing: messages are returned once, come back when they must, and never fill the memory."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import pytest

from stomp_core import LocalProtocolError
from stomp_core.session import Reconnect, Rejected, SessionClosed, StaleMessageError, WorkPolicy
from stomp_testing import Broker, Expect, ScriptedServer
from tests.heart_beats import PATIENT, HeartBeats

from .worlds import HANGS, World, over_every_transport, over_websocket_too, until

CONNECTED = b"CONNECTED\nversion:1.2\nserver:RabbitMQ/3\n\n\0"
SOON = Reconnect(first_delay=0.01, max_delay=0.05)


def fill(broker: Broker, *bodies: str) -> None:
    for body in bodies:
        broker.send("/queue/a", body)


@over_every_transport
def test_messages_come_in_order(world: World) -> None:
    with world.broker() as broker:
        fill(broker, "one", "two", "three")
        messages = world.connect(broker.url).subscribe("/queue/a")
        assert [messages.receive().text for _ in range(3)] == ["one", "two", "three"]


@over_every_transport
def test_in_auto_mode_nothing_is_acknowledged(world: World) -> None:
    with world.broker() as broker:
        fill(broker, "one")
        message = world.connect(broker.url).subscribe("/queue/a").receive()
        with pytest.raises(LocalProtocolError):
            message.ack()


@over_every_transport
def test_in_client_individual_mode_each_message_has_its_ack(world: World) -> None:
    with world.broker() as broker:
        fill(broker, "one", "two", "three")
        conn = world.connect(broker.url)
        messages = conn.subscribe("/queue/a", ack="client-individual")
        one, two, three = (messages.receive() for _ in range(3))
        two.ack(receipt=True)
        assert broker.unacknowledged("/queue/a") == [b"one", b"three"]
        conn.ack(one.inner, receipt=True)
        assert broker.unacknowledged("/queue/a") == [b"three"]
        with pytest.raises(LocalProtocolError):
            one.ack()
        three.ack(receipt=True)
        assert broker.unacknowledged("/queue/a") == []


@over_every_transport
def test_in_client_mode_an_ack_covers_earlier_messages(world: World) -> None:
    with world.broker() as broker:
        fill(broker, "one", "two", "three")
        messages = world.connect(broker.url).subscribe("/queue/a", ack="client")
        _, two, _ = (messages.receive() for _ in range(3))
        two.ack(receipt=True)
        assert broker.unacknowledged("/queue/a") == [b"three"]


@over_every_transport
def test_a_nacked_message_comes_again(world: World) -> None:
    with world.broker() as broker:
        fill(broker, "one")
        messages = world.connect(broker.url).subscribe("/queue/a", ack="client-individual")
        message = messages.receive()
        assert not message.redelivered
        message.nack()
        again = messages.receive()
        assert (again.text, again.redelivered) == ("one", True)


@over_every_transport
def test_prefetch_limits_what_is_in_flight(world: World) -> None:
    with world.broker() as broker:
        fill(broker, "one", "two", "three")
        messages = world.connect(broker.url).subscribe("/queue/a", ack="client-individual", prefetch=2)
        one, _ = messages.receive(), messages.receive()
        assert messages.nothing_for()
        one.ack()
        assert messages.receive().text == "three"


@over_every_transport
def test_receiving_may_have_a_timeout(world: World) -> None:
    with world.broker() as broker:
        messages = world.connect(broker.url).subscribe("/queue/a")
        for timeout in (0.05, 0.0):
            with pytest.raises(TimeoutError, match=rf"/queue/a.*{timeout:g} s"):
                messages.receive(timeout=timeout)
        fill(broker, "one")
        assert messages.receive().text == "one"


@over_websocket_too
def test_after_a_reconnect_old_messages_are_stale(world: World) -> None:
    with world.broker() as broker, world.proxy(broker) as proxy:
        fill(broker, "one", "two")
        conn = world.connect(proxy.url, reconnect=SOON)
        messages = conn.subscribe("/queue/a", ack="client-individual")
        one = messages.receive()
        proxy.reset_all()
        # Until the cut is noticed, what was read before it is returned; its ACK would be stale.
        broker.wait_until(lambda _: conn.session.connection_number == 2, timeout=HANGS)
        again = messages.receive()
        assert (again.text, again.redelivered) == ("one", True)
        with pytest.raises(StaleMessageError):
            one.ack()
        again.ack(receipt=True)
        assert messages.receive().text == "two"


@over_websocket_too
@pytest.mark.parametrize("times", [5])
def test_a_subscription_survives_any_number_of_reconnects(world: World, times: int) -> None:
    with world.broker() as broker, world.proxy(broker) as proxy:
        conn = world.connect(proxy.url, reconnect=SOON)
        messages = conn.subscribe("/queue/a", ack="client-individual")
        for number in range(times):
            (proxy.cut_all if number % 2 else proxy.reset_all)()
            fill(broker, f"after cut {number}")
            message = messages.receive()
            assert message.text == f"after cut {number}"
            while True:
                try:
                    message.ack(receipt=True)
                    break
                except (StaleMessageError, ConnectionError):
                    message = messages.receive()


def test_a_rejected_subscription_raises_the_reason(world: World) -> None:
    script: list[Any] = [
        Expect(b"\0"),
        CONNECTED,
        Expect(b"\0"),
        b"ERROR\nmessage:no access to /queue/secret\n\n\0",
    ]
    with ScriptedServer(script) as server:
        conn = world.connect(server.url, reconnect=Reconnect.never())
        with pytest.raises(Rejected, match="no access"):
            conn.subscribe("/queue/secret")


@over_every_transport
def test_an_id_in_use_or_an_unknown_mode_is_refused(world: World) -> None:
    with world.broker() as broker:
        conn = world.connect(broker.url)
        conn.subscribe("/queue/a", id="mine")
        for options in ({"id": "mine"}, {"ack": "never"}, {"prefetch": 0}):
            with pytest.raises(LocalProtocolError):
                conn.subscribe("/queue/a", **options)


@over_every_transport
def test_after_unsubscribing_unacknowledged_messages_come_again(world: World) -> None:
    """ActiveMQ does this; RabbitMQ keeps them until the connection ends."""
    with world.broker(flavour="activemq") as broker:
        fill(broker, "one", "two")
        conn = world.connect(broker.url)
        messages = conn.subscribe("/queue/a", ack="client-individual")
        messages.receive().ack()
        messages.unsubscribe()
        assert broker.messages("/queue/a") == [b"two"]
        with pytest.raises(SessionClosed):
            messages.receive()
        assert conn.subscribe("/queue/a").receive().text == "two"


@over_every_transport
def test_closing_ends_a_wait_for_a_message(world: World) -> None:
    with world.broker() as broker:
        conn = world.connect(broker.url)
        messages = conn.subscribe("/queue/a")
        ended: list[BaseException] = []

        def wait() -> None:
            try:
                messages.receive(timeout=HANGS)
            except BaseException as error:
                ended.append(error)

        waiter = threading.Thread(target=wait)
        waiter.start()
        conn.close()
        waiter.join(HANGS)
        assert [type(error) for error in ended] == [SessionClosed]


@over_every_transport
def test_a_wait_for_a_message_ends_with_the_reason_of_the_loss(world: World) -> None:
    with world.broker() as broker:
        messages = world.connect(broker.url, reconnect=Reconnect.never()).subscribe("/queue/a")
        broker.drop_connections()
        with pytest.raises(ConnectionError, match="was lost"):
            messages.receive()


@over_every_transport
def test_a_slow_consumer_stops_reading_and_loses_nothing(world: World) -> None:
    """What is read stays within bounds, and heart-beats keep the connection, which tolerates 0.25 s of silence, alive.

    Where this process is held up, that silence ends a connection before or after reading is stopped, but not meanwhile.
    So messages are acknowledged, and one may come twice.
    """
    size, count, buffer = 50_000, 400, 1_000_000
    beats = HeartBeats()
    with world.broker(flavour=PATIENT, recorder=beats.recorder, heart_beat=(1, 1)) as broker:
        conn = world.connect(broker.url, buffer_size=buffer, heart_beat=(0.1, 0.1), reconnect=SOON)
        messages = conn.subscribe("/queue/a", ack="client-individual")
        for number in range(count):
            broker.send("/queue/a", b"%0*d" % (size, number))
        until(lambda: conn.session.want_read is False)
        connections, waiting = conn.session.connection_number, messages.waiting
        assert waiting * size < 2 * buffer
        at_broker = beats.at_broker + 6
        until(lambda: beats.at_broker >= at_broker)
        assert conn.session.connection_number == connections
        assert messages.waiting == waiting
        assert broker.messages("/queue/a"), "the broker should have been stopped by TCP"
        received: list[int] = []
        while len(set(received)) < count:
            message = messages.receive()
            assert len(message.body) == size
            received.append(int(message.body[-10:]))
            with suppress(StaleMessageError):
                message.ack()
        assert conn.session.connection_number > connections or received == list(range(count))


@over_every_transport
def test_a_receipt_arrives_while_the_buffer_is_full(world: World) -> None:
    with world.broker() as broker:
        conn = world.connect(broker.url, buffer_size=200_000)
        messages = conn.subscribe("/queue/a")
        for _ in range(10):
            broker.send("/queue/a", b"x" * 50_000)
        broker.wait_until(lambda _: conn.session.want_read is False, timeout=HANGS)
        conn.send("/queue/b", "now", receipt=True, timeout=HANGS)
        assert [len(messages.receive().body) for _ in range(10)] == [50_000] * 10


# ---------------------------------------------------------------------- run


def run(world: World, messages: Any, handler: Any, **options: Any) -> threading.Thread:
    thread = threading.Thread(target=lambda: messages.run(handler, **options))
    thread.start()
    return thread


@over_every_transport
def test_workers_acknowledge_each_message(world: World) -> None:
    with world.broker() as broker:
        fill(broker, *(f"job {number}" for number in range(12)))
        jobs = world.connect(broker.url).subscribe("/queue/a", ack="client-individual", prefetch=12)
        done: list[str] = []

        def handle(message: Any) -> None:
            done.append(message.text)
            if len(done) == 12:
                jobs.inner.stop()

        run(world, jobs, world.sleeping_handler(handle, 0.05), concurrency=4).join(HANGS)
        assert sorted(done) == sorted(f"job {number}" for number in range(12))
        broker.wait_until(lambda _: not broker.unacknowledged("/queue/a"), timeout=HANGS)


@over_every_transport
def test_the_message_of_a_failed_handler_comes_again(world: World) -> None:
    reported: list[str] = []

    class Observer(world.module.Listener):  # type: ignore[misc,name-defined]
        def handler_error(self, delivery: Any, error: Exception) -> None:
            reported.append(f"{delivery.message_id}: {error}")

    with world.broker() as broker:
        fill(broker, "bad", "good")
        conn = world.connect(broker.url, listener=Observer())
        jobs = conn.subscribe("/queue/a", ack="client-individual")
        done: list[str] = []

        def handle(message: Any) -> None:
            if message.text == "bad" and not message.redelivered:
                raise ValueError("not today")
            done.append(message.text)
            if len(done) == 2:
                jobs.inner.stop()

        policy = WorkPolicy(first_delay=0.05, max_delay=0.05)
        run(world, jobs, world.sleeping_handler(handle, 0), policy=policy).join(HANGS)
        assert done == ["good", "bad"]
        assert len(reported) == 1
        assert reported[0].endswith(": not today")
        conn.send("/queue/b", "alive", receipt=True)


@over_every_transport
def test_a_message_is_moved_after_the_last_retry(world: World) -> None:
    with world.broker() as broker:
        fill(broker, "poison", "last")
        jobs = world.connect(broker.url).subscribe("/queue/a", ack="client-individual")
        tries: list[str] = []

        def handle(message: Any) -> None:
            tries.append(message.text)
            if tries.count("poison") == 3:
                jobs.inner.stop()
            if message.text == "poison":
                raise ValueError("poison")

        policy = WorkPolicy(
            first_delay=0.01, max_delay=0.01, max_failures=3, given_up="move", dead_letters="/queue/dead"
        )
        run(world, jobs, world.sleeping_handler(handle, 0), policy=policy).join(HANGS)
        assert tries.count("poison") == 3
        broker.wait_until(lambda _: broker.messages("/queue/dead") == [b"poison"], timeout=HANGS)
        broker.wait_until(lambda _: not broker.unacknowledged("/queue/a"), timeout=HANGS)


@over_every_transport
def test_the_policy_stop_raises_what_the_handler_raised(world: World) -> None:
    with world.broker() as broker:
        fill(broker, "bad")
        jobs = world.connect(broker.url).subscribe("/queue/a", ack="client-individual")

        def handle(message: Any) -> None:
            raise ValueError("enough")

        with pytest.raises(ValueError, match="enough"):
            jobs.run(world.sleeping_handler(handle, 0), concurrency=3, policy=WorkPolicy(on_error="stop"))


@over_every_transport
def test_run_ends_with_the_connection(world: World) -> None:
    with world.broker() as broker:
        conn = world.connect(broker.url)
        jobs = conn.subscribe("/queue/a", ack="client-individual")
        pool = run(world, jobs, world.sleeping_handler(lambda message: None, 0), concurrency=3)
        conn.close()
        pool.join(HANGS)
        assert not pool.is_alive()
