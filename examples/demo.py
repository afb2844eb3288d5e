"""The main job of a STOMP client, step by step, and what happens meanwhile. `make demo` runs it.

It starts an embedded broker; with STOMP_URL=stomp://login:passcode@host:61613 it talks to yours instead.
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


class Narrator(stomp_socket.Listener):
    """Tells of what the connection does by itself."""

    def connection_made(self, endpoint: Endpoint, connected: Connected) -> None:
        version, server = connected.version, connected.server or "a broker without a name"
        say(f"connected to {server} in STOMP {version}, heart-beats agreed: {connected.heart_beat} ms")

    def connection_lost(self, endpoint: Endpoint, reason: str) -> None:
        say(f"! {reason}")


def step(text: str) -> None:
    print(f"\n== {text}", flush=True)


def say(text: str) -> None:
    print(f"   {text}", flush=True)


def main() -> None:
    with ExitStack() as stack:
        url = os.environ.get("STOMP_URL", "")
        if url:
            step("Using the broker that STOMP_URL names")
            # Once without the proxy, so that what is wrong with the URL is said of the URL.
            stomp_socket.connect(url).close()
        else:
            step(
                "Starting an embedded broker (for tests and demos; in production: RabbitMQ, ActiveMQ, Artemis)"
            )
            url = stack.enter_context(Broker()).url
        endpoint = Endpoint.parse(url)
        say(str(endpoint))
        proxy = None
        if endpoint.scheme == "stomp":
            # Between us and the broker, so that there is a cable to be cut further down.
            proxy = stack.enter_context(FaultProxy(url))
            url = proxy.url
        queue = f"/queue/stomp-demo-{uuid.uuid4().hex[:8]}"

        step("connect(): returns when the broker has answered, or says within a deadline why it has not")
        conn = stack.enter_context(stomp_socket.connect(url, listener=Narrator(), receipt_timeout=10))

        step(f"subscribe to {queue}; every message has an ACK of its own, ten may be under way")
        orders = conn.subscribe(queue, ack="client-individual", prefetch=10)
        say(f"the broker has confirmed {orders}")

        step(
            "send(receipt=True): returns when the broker has the message, raises if it has not or nobody knows"
        )
        conn.send(queue, "one pizza", headers={"table": "7"}, receipt=True)
        say("confirmed")

        step("receive and acknowledge")
        message = orders.receive(timeout=10)
        say(f"got {message.text!r} for table {message.headers['table']}, {message.content_type}")
        message.ack(receipt=True)
        say("acknowledged, and the broker has confirmed that too")

        step("a transaction: two messages, or none")
        with conn.transaction() as tx:
            tx.send(queue, "a starter")
            tx.send(queue, "a main course")
            say("two sent; nobody sees them yet")
        say("COMMIT is confirmed; now they arrive:")
        for _ in range(2):
            message = orders.receive(timeout=10)
            say(f"got {message.text!r}")
            message.ack()

        step("a transaction that is aborted, because something goes wrong in the middle of it")
        try:
            with conn.transaction() as tx:
                tx.send(queue, "a dessert that nobody shall see")
                raise RuntimeError("the kitchen is on fire")
        except RuntimeError as error:
            say(f"{error}: ABORT was sent")
        try:
            orders.receive(timeout=0.5)
        except TimeoutError:
            say("nothing arrived, as it should be")

        if proxy is not None:
            step("the connection is cut while a message waits for its ACK")
            conn.send(queue, "an espresso", receipt=True)
            message = orders.receive(timeout=10)
            say(f"got {message.text!r}, and now the cable is cut")
            proxy.reset_all()
            again = orders.receive(timeout=30)
            say(
                f"reconnected, subscribed again, and got {again.text!r} again (redelivered: {again.redelivered})"
            )
            try:
                message.ack()
            except stomp_socket.StaleMessageError as error:
                say(f"the old one cannot be acknowledged any more: {error}")
            again.ack(receipt=True)
            say("the new one can")

        step("close(): DISCONNECT, its receipt, and only then the socket")
        orders.unsubscribe()
        confirmed = conn.close()
        say(f"the broker has confirmed that it has processed everything: {confirmed}")
    print("\nThat was the main job. README.md has the rest.")


if __name__ == "__main__":
    try:
        main()
    except (stomp_socket.ConnectFailed, ValueError) as error:
        sys.exit(f"demo: {error}")
