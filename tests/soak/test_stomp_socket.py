"""Many messages through a real broker while everything around them breaks: nothing confirmed is lost, nothing hangs."""

from __future__ import annotations

import threading
import time

import pytest

import stomp_socket
from tests.brokers import Broker

from .ledger import Ledger
from .trouble import Trouble
from .watch import MESSAGES, RECONNECT, SENDERS, Watch


@pytest.mark.soak
def test_nothing_confirmed_is_lost_and_nothing_hangs(real_broker: Broker) -> None:
    ledger = Ledger(MESSAGES)
    queue = real_broker.new_queue("soak")
    with Trouble(real_broker, cut_every=0.5, kill_every=15.0, seed=1) as trouble:
        watch = Watch(real_broker.name, ledger, trouble)
        conn = stomp_socket.connect(trouble.url, heart_beat=(5, 5), receipt_timeout=60, reconnect=RECONNECT)

        def send() -> None:
            while (number := ledger.next()) is not None:
                try:
                    conn.send(queue, str(number), headers={"persistent": "true"}, receipt=True)
                except stomp_socket.OutcomeUnknown:
                    ledger.unknown.add(number)
                except stomp_socket.NotSent:
                    ledger.not_sent.add(number)
                else:
                    ledger.confirmed.add(number)

        def receive() -> None:
            with conn.subscribe(queue, ack="client-individual", prefetch=200, timeout=120) as messages:
                for message in messages:
                    ledger.got(int(message.text))
                    try:
                        message.ack()
                    except stomp_socket.StaleMessageError:
                        pass  # it comes again

        receiver = threading.Thread(target=receive, name="receiver", daemon=True)
        senders = [threading.Thread(target=send, name=f"sender {n}", daemon=True) for n in range(SENDERS)]
        for thread in (receiver, *senders):
            thread.start()
        while watch.goes_on():
            if ledger.all_sent:
                watch.calm_down()
            time.sleep(0.1)
        conn.close()
        receiver.join(30)
        assert not receiver.is_alive()
        assert not any(thread.is_alive() for thread in senders)
    print(watch.report())
