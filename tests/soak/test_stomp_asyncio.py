"""As test_stomp_socket, with the asyncio adapter."""

from __future__ import annotations

import asyncio

import pytest

import stomp_asyncio
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
    with FaultInjector(broker, url, cut_every=0.5, kill_every=15.0, seed=2) as faults:
        monitor = Monitor(broker.name, outcomes, faults)
        asyncio.run(run(faults.url, broker.new_queue("soak"), outcomes, monitor))
    print(monitor.report())


async def run(url: str, queue: str, outcomes: Outcomes, monitor: Monitor) -> None:
    async with (
        stomp_asyncio.connect(url, heart_beat=(5, 5), receipt_timeout=60, reconnect=RECONNECT) as conn,
        asyncio.TaskGroup() as group,
    ):
        receiver = group.create_task(receive(conn, queue, outcomes))
        for _ in range(SENDERS):
            group.create_task(send(conn, queue, outcomes))
        while monitor.unfinished():
            if outcomes.all_sent:
                await asyncio.to_thread(monitor.stop_faults)
            await asyncio.sleep(0.1)
        receiver.cancel()
