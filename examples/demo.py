"""Demo: the main features of a STOMP client, step by step. `make demo` runs it.

It starts an embedded broker; with STOMP_URL=stomp://login:passcode@host:61613 it uses yours instead.
"""

from __future__ import annotations

import os
import sys
import uuid
from contextlib import ExitStack

import stomp_socket
from stomp_core.protocol import Connected
from stomp_core.session import Endpoint
from stomp_testing import Broker, FaultProxy


class PrintingListener(stomp_socket.Listener):
    """Print when the connection is made and lost."""

    def connection_made(self, endpoint: Endpoint, connected: Connected) -> None:
        version, server = connected.version, connected.server or "a broker that sends no name"
        show(f"connected to {server} in STOMP {version}, heart-beats agreed: {connected.heart_beat} ms")

    def connection_lost(self, endpoint: Endpoint, reason: str) -> None:
        show(f"! {reason}")


def step(text: str) -> None:
    print(f"\n== {text}", flush=True)


def show(text: str) -> None:
    print(f"   {text}", flush=True)


def main() -> None:
    with ExitStack() as stack:
        url = os.environ.get("STOMP_URL", "")
        if url:
            step("Using the broker that STOMP_URL names")
            # Connect once without the proxy: an error then names the URL that was given.
            stomp_socket.connect(url).close()
        else:
            step(
                "Starting an embedded broker (for tests and demos; in production: RabbitMQ, ActiveMQ, Artemis)"
            )
            url = stack.enter_context(Broker()).url
        endpoint = Endpoint.parse(url)
        show(str(endpoint))
        proxy = None
        if endpoint.scheme == "stomp":
            # Between the client and the broker, so that the connection can be cut below.
            proxy = stack.enter_context(FaultProxy(url))
            url = proxy.url
        queue = f"/queue/stomp-demo-{uuid.uuid4().hex[:8]}"

        step("connect(): returns when the broker has answered, or raises within a deadline")
        conn = stack.enter_context(stomp_socket.connect(url, listener=PrintingListener(), receipt_timeout=10))

        step(f"subscribe to {queue}; each message is acknowledged by itself, ten may be in flight")
        orders = conn.subscribe(queue, ack="client-individual", prefetch=10)
        show(f"the broker has confirmed {orders}")

        step(
            "send(receipt=True): returns when the broker has the message, raises if it has not or may not have it"
        )
        conn.send(queue, "one pizza", headers={"table": "7"}, receipt=True)
        show("confirmed")

        step("receive and acknowledge")
        message = orders.receive(timeout=10)
        show(f"got {message.text!r} for table {message.headers['table']}, {message.content_type}")
        message.ack(receipt=True)
        show("acknowledged, and the broker has confirmed that too")

        step("a transaction: two messages, or none")
        with conn.transaction() as tx:
            tx.send(queue, "a starter")
            tx.send(queue, "a main course")
            show("two sent; nobody receives them yet")
        show("COMMIT is confirmed; now they are delivered:")
        for _ in range(2):
            message = orders.receive(timeout=10)
            show(f"got {message.text!r}")
            message.ack()

        step("a transaction that is aborted because of an exception in the middle of it")
        try:
            with conn.transaction() as tx:
                tx.send(queue, "a dessert that nobody receives")
                raise RuntimeError("the kitchen is on fire")
        except RuntimeError as error:
            show(f"{error}: ABORT was sent")
        try:
            orders.receive(timeout=0.5)
        except TimeoutError:
            show("nothing arrived, as expected")

        if proxy is not None:
            step("the connection is cut while a message waits for its ACK")
            conn.send(queue, "an espresso", receipt=True)
            message = orders.receive(timeout=10)
            show(f"got {message.text!r}, and now the connection is cut")
            proxy.reset_all()
            again = orders.receive(timeout=30)
            show(
                f"reconnected, subscribed again, and got {again.text!r} again (redelivered: {again.redelivered})"
            )
            try:
                message.ack()
            except stomp_socket.StaleMessageError as error:
                show(f"the old one can no longer be acknowledged: {error}")
            again.ack(receipt=True)
            show("the new one can")

        step("close(): DISCONNECT, its receipt, and only then the socket")
        orders.unsubscribe()
        confirmed = conn.close()
        show(f"the broker has confirmed that it has processed everything: {confirmed}")
    print("\nREADME.md describes the rest.")


if __name__ == "__main__":
    try:
        main()
    except (stomp_socket.ConnectFailed, ValueError) as error:
        sys.exit(f"demo: {error}")
