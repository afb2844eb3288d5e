"""Send many messages while connections are cut and the broker is killed: nothing confirmed is lost, nothing hangs."""

from __future__ import annotations

import threading
import time

import pytest

import stomp_socket
from tests.brokers import Broker, RabbitMQ

from .embedded_broker import EmbeddedBroker, SoakBroker
from .fault_injector import FaultInjector
from .monitor import MESSAGES, RECONNECT, SENDERS, Monitor
from .outcomes import Outcomes


@pytest.mark.soak
def test_no_confirmed_message_is_lost_and_nothing_hangs(real_broker: Broker) -> None:
    run(real_broker, real_broker.url)


@pytest.mark.soak
def test_no_confirmed_message_is_lost_over_websocket(rabbitmq: RabbitMQ) -> None:
    run(rabbitmq, rabbitmq.ws_url)


@pytest.mark.soak
def test_no_confirmed_message_is_lost_over_websocket_of_the_embedded_broker() -> None:
    with EmbeddedBroker() as broker:
        run(broker, broker.ws_url)


def run(broker: SoakBroker, url: str) -> None:
    outcomes = Outcomes(MESSAGES)
    queue = broker.new_queue("soak")
    with FaultInjector(broker, url, cut_every=0.5, kill_every=15.0, seed=1) as faults:
        monitor = Monitor(broker.name, outcomes, faults)
        conn = stomp_socket.connect(faults.url, heart_beat=(5, 5), receipt_timeout=60, reconnect=RECONNECT)

        def send() -> None:
            while (number := outcomes.next_number()) is not None:
                try:
                    conn.send(queue, str(number), headers={"persistent": "true"}, receipt=True)
                except stomp_socket.OutcomeUnknown:
                    outcomes.unknown.add(number)
                except stomp_socket.NotSent:
                    outcomes.not_sent.add(number)
                else:
                    outcomes.confirmed.add(number)

        def receive() -> None:
            with conn.subscribe(queue, ack="client-individual", prefetch=200, timeout=120) as messages:
                for message in messages:
                    outcomes.add_received(int(message.text), redelivered=message.redelivered)
                    try:
                        message.ack()
                    except stomp_socket.StaleMessageError:
                        pass  # the broker delivers it again

        receiver = threading.Thread(target=receive, name="receiver", daemon=True)
        senders = [threading.Thread(target=send, name=f"sender {n}", daemon=True) for n in range(SENDERS)]
        for thread in (receiver, *senders):
            thread.start()
        while monitor.unfinished():
            if outcomes.all_sent:
                monitor.stop_faults()
            time.sleep(0.1)
        conn.close()
        receiver.join(30)
        assert not receiver.is_alive()
        assert not any(thread.is_alive() for thread in senders)
    print(monitor.report())
