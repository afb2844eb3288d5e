"""As test_stomp_socket, in asyncio's world."""

from __future__ import annotations

import asyncio

import pytest

import stomp_asyncio
from tests.brokers import Broker

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

        async def send() -> None:
            while (number := ledger.next()) is not None:
                try:
                    await conn.send(queue, str(number), headers={"persistent": "true"}, receipt=True)
                except stomp_asyncio.OutcomeUnknown:
                    ledger.unknown.add(number)
                except stomp_asyncio.NotSent:
                    ledger.not_sent.add(number)
                else:
                    ledger.confirmed.add(number)

        async def receive() -> None:
            async with conn.subscribe(queue, ack="client-individual", prefetch=200, timeout=120) as messages:
                async for message in messages:
                    ledger.got(int(message.text))
                    try:
                        await message.ack()
                    except stomp_asyncio.StaleMessageError:
                        pass  # it comes again

        receiver = group.create_task(receive())
        for _ in range(SENDERS):
            group.create_task(send())
        while watch.goes_on():
            if ledger.all_sent:
                await asyncio.to_thread(watch.calm_down)
            await asyncio.sleep(0.1)
        receiver.cancel()
