"""As test_stomp_socket, in trio's world."""

from __future__ import annotations

import pytest
import trio

import stomp_trio
from tests.brokers import Broker

from .ledger import Ledger
from .trouble import Trouble
from .watch import MESSAGES, RECONNECT, SENDERS, Watch


@pytest.mark.soak
def test_nothing_confirmed_is_lost_and_nothing_hangs(real_broker: Broker) -> None:
    ledger = Ledger(MESSAGES)
    with Trouble(real_broker, cut_every=0.5, kill_every=15.0, seed=3) as trouble:
        watch = Watch(real_broker.name, ledger, trouble)
        trio.run(work, trouble.url, real_broker.new_queue("soak"), ledger, watch)
    print(watch.report())


async def work(url: str, queue: str, ledger: Ledger, watch: Watch) -> None:
    async with (
        stomp_trio.connect(url, heart_beat=(5, 5), receipt_timeout=60, reconnect=RECONNECT) as conn,
        trio.open_nursery() as nursery,
    ):

        async def send() -> None:
            while (number := ledger.next()) is not None:
                try:
                    await conn.send(queue, str(number), headers={"persistent": "true"}, receipt=True)
                except stomp_trio.OutcomeUnknown:
                    ledger.unknown.add(number)
                except stomp_trio.NotSent:
                    ledger.not_sent.add(number)
                else:
                    ledger.confirmed.add(number)

        async def receive() -> None:
            async with conn.subscribe(queue, ack="client-individual", prefetch=200, timeout=120) as messages:
                async for message in messages:
                    ledger.got(int(message.text))
                    try:
                        await message.ack()
                    except stomp_trio.StaleMessageError:
                        pass  # it comes again

        nursery.start_soon(receive)
        for _ in range(SENDERS):
            nursery.start_soon(send)
        while watch.goes_on():
            if ledger.all_sent:
                await trio.to_thread.run_sync(watch.calm_down)
            await trio.sleep(0.1)
        nursery.cancel_scope.cancel()
