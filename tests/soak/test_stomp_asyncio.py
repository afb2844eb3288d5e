"""As test_stomp_socket, in asyncio's world."""

from __future__ import annotations

import asyncio

import pytest

import stomp_asyncio
from tests.brokers import Broker

from .deeds import receive, send
from .ledger import Ledger
from .trouble import Trouble
from .watch import MESSAGES, RECONNECT, SENDERS, Watch


@pytest.mark.soak
def test_nothing_confirmed_is_lost_and_nothing_hangs(real_broker: Broker) -> None:
    ledger = Ledger(MESSAGES)
    with Trouble(real_broker, cut_every=0.5, kill_every=15.0, seed=2) as trouble:
        watch = Watch(real_broker.name, ledger, trouble)
        asyncio.run(work(trouble.url, real_broker.new_queue("soak"), ledger, watch))
    print(watch.report())


async def work(url: str, queue: str, ledger: Ledger, watch: Watch) -> None:
    async with (
        stomp_asyncio.connect(url, heart_beat=(5, 5), receipt_timeout=60, reconnect=RECONNECT) as conn,
        asyncio.TaskGroup() as group,
    ):
        receiver = group.create_task(receive(conn, queue, ledger))
        for _ in range(SENDERS):
            group.create_task(send(conn, queue, ledger))
        while watch.goes_on():
            if ledger.all_sent:
                await asyncio.to_thread(watch.calm_down)
            await asyncio.sleep(0.1)
        receiver.cancel()
