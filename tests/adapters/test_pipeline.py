"""Pipelines: many confirmed sends in flight from one task or thread."""

from __future__ import annotations

import pytest

from stomp_core.session import OutcomeUnknown, Reconnect, Unconfirmed
from stomp_testing import Broker, FaultProxy
from tests.brokers import Broker as RealBroker

from .worlds import HANGS, Connection, World, in_a_thread, never, over_websocket_too

SOON = Reconnect(first_delay=0.01, max_delay=0.05)


@over_websocket_too
def test_at_the_end_of_a_block_everything_is_confirmed_in_order(world: World) -> None:
    with world.broker() as broker:
        conn = world.connect(broker.url)
        with conn.pipeline(10) as pipeline:
            numbers = [pipeline.send("/queue/a", str(number)) for number in range(100)]
            assert pipeline.in_flight < 10
        assert (pipeline.in_flight, pipeline.confirmed) == (0, 100)
        assert numbers == list(range(100))
        assert broker.messages("/queue/a") == [b"%d" % number for number in range(100)]


def test_with_a_real_broker(world: World, real_broker: RealBroker) -> None:
    queue = real_broker.new_queue()
    conn = world.connect(real_broker.url)
    with conn.pipeline() as pipeline:
        for number in range(1000):
            pipeline.send(queue, str(number))
    assert pipeline.confirmed == 1000
    messages = conn.subscribe(queue)
    assert [messages.receive().text for _ in range(1000)] == [str(number) for number in range(1000)]


def test_a_sender_waits_for_room_in_the_window(world: World) -> None:
    with world.broker(hold_receipts=True) as broker:
        conn = world.connect(broker.url)
        with conn.pipeline(3) as pipeline:
            pipeline.send("/queue/a", "x")
            pipeline.send("/queue/a", "x")
            third, outcome = in_a_thread(lambda: pipeline.send("/queue/a", "x"))
            broker.wait_until(lambda broker: len(broker.messages("/queue/a")) == 3)
            assert never(lambda: not third.is_alive(), 0.2)
            broker.hold_receipts = False
            third.join(HANGS)
            assert outcome == [2]
        assert pipeline.confirmed == 3


def test_a_message_that_is_not_confirmed_in_time_ends_the_pipeline(world: World) -> None:
    def fill(conn: Connection) -> None:
        with conn.pipeline(3) as pipeline:
            pipeline.send("/queue/a", "x")
            pipeline.send("/queue/a", "x")
            # Its own timeout makes room, and then the pipeline has failed.
            pipeline.send("/queue/a", "x", timeout=0.2)
            with pytest.raises(Unconfirmed):
                pipeline.send("/queue/a", "never")
            conn.close(timeout=0.1)

    with world.broker(hold_receipts=True) as broker:
        conn = world.connect(broker.url)
        with pytest.raises(Unconfirmed, match="3 of 3 messages were not confirmed"):
            fill(conn)
        assert b"never" not in broker.messages("/queue/a")


@over_websocket_too
def test_unconfirmed_messages_are_named_by_number(world: World) -> None:
    def send(conn: Connection, broker: Broker, proxy: FaultProxy) -> None:
        with conn.pipeline(5) as pipeline:
            for _ in range(3):
                pipeline.send("/queue/a", "confirmed")
            pipeline.drain()
            broker.hold_receipts = True
            for _ in range(2):
                pipeline.send("/queue/a", "unknown")
            broker.wait_until(lambda broker: len(broker.messages("/queue/a")) == 5)
            proxy.reset_all()

    with world.broker() as broker, world.proxy(broker) as proxy:
        conn = world.connect(proxy.url, reconnect=SOON)
        with pytest.raises(Unconfirmed) as caught:
            send(conn, broker, proxy)
        assert [(number, type(why)) for number, why in caught.value.failures] == [
            (3, OutcomeUnknown),
            (4, OutcomeUnknown),
        ]
        broker.hold_receipts = False
        with conn.pipeline() as another:
            another.send("/queue/b", "fine")
        assert broker.messages("/queue/b") == [b"fine"]


@over_websocket_too
def test_a_block_that_raises_does_not_wait(world: World) -> None:
    def fail(conn: Connection) -> None:
        with conn.pipeline() as pipeline:
            pipeline.send("/queue/a", "x")
            raise ZeroDivisionError

    with world.broker(hold_receipts=True) as broker:
        conn = world.connect(broker.url)
        with pytest.raises(ZeroDivisionError):
            fail(conn)
        broker.wait_until(lambda broker: broker.messages("/queue/a"))
        conn.close(timeout=0.1)


def test_a_window_of_0_is_refused(world: World) -> None:
    with world.broker() as broker:
        conn = world.connect(broker.url)
        with pytest.raises(ValueError, match="at least 1, got 0"), conn.pipeline(0):
            pass
