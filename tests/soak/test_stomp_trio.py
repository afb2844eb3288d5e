"""As test_stomp_socket, with the trio adapter."""

from __future__ import annotations

import pytest
import trio

import stomp_trio
from tests.brokers import Broker, RabbitMQ

from .async_clients import receive, send
from .embedded_broker import EmbeddedBroker, SoakBroker
from .fault_injector import FaultInjector
from .monitor import MESSAGES, RECONNECT, SENDERS, Monitor
from .outcomes import Outcomes


@pytest.mark.soak
def test_no_confirmed_message_is_lost_and_nothing_hangs(real_broker: Broker) -> None:
    run_all(real_broker, real_broker.url)


@pytest.mark.soak
def test_no_confirmed_message_is_lost_over_websocket(rabbitmq: RabbitMQ) -> None:
    run_all(rabbitmq, rabbitmq.ws_url)


@pytest.mark.soak
def test_no_confirmed_message_is_lost_over_websocket_of_the_embedded_broker() -> None:
    with EmbeddedBroker() as broker:
        run_all(broker, broker.ws_url)


def run_all(broker: SoakBroker, url: str) -> None:
    outcomes = Outcomes(MESSAGES)
    with FaultInjector(broker, url, cut_every=0.5, kill_every=15.0, seed=3) as faults:
        monitor = Monitor(broker.name, outcomes, faults)
        trio.run(run, faults.url, broker.new_queue("soak"), outcomes, monitor)
    print(monitor.report())


async def run(url: str, queue: str, outcomes: Outcomes, monitor: Monitor) -> None:
    async with (
        stomp_trio.connect(url, heart_beat=(5, 5), receipt_timeout=60, reconnect=RECONNECT) as conn,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(receive, conn, queue, outcomes)
        for _ in range(SENDERS):
            nursery.start_soon(send, conn, queue, outcomes)
        while monitor.unfinished():
            if outcomes.all_sent:
                await trio.to_thread.run_sync(monitor.stop_faults)
            await trio.sleep(0.1)
        nursery.cancel_scope.cancel()
