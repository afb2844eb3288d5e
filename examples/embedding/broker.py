"""A broker: queues and topics, the three ack modes, NACK, transactions, back pressure, refusals, heart-beats. Usage:
python examples/embedding/broker.py 61613

It keeps messages in memory. The ServerConnection knows the rules of STOMP and refuses what breaks them, and it keeps
the books: which subscriptions there are, which messages are unacknowledged, and which ones an ACK covers.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from time import monotonic

import stomp_core as stomp
from stomp_core.errors import AnswerFrame
from stomp_core.protocol import (
    Abort,
    Ack,
    Commit,
    Connect,
    Connected,
    Disconnect,
    Error,
    Event,
    Nack,
    Receipt,
    Send,
    State,
    Subscribe,
    TrackedSubscription,
    Unsubscribe,
)

#: Headers of a SEND that its MESSAGEs do not have.
OWN = ("receipt", "transaction", "subscription", "message-id", "ack")
HIGH_WATER = 64 * 1024  # bytes that a client has not read, from which on it gets no more


class Refused(Exception):
    """A client is answered with ERROR, and its connection closed."""

    def __init__(self, text: str, receipt: str | None = None) -> None:
        self.error = Error(message=text, receipt_id=receipt)


class Broker:
    """The queues, and the clients that are connected. Without ``users``, passcodes by login, everybody may connect."""

    def __init__(self, users: dict[str, str] | None = None) -> None:
        self.users = users
        self.queues: dict[str, deque[Send]] = {}
        self.clients: list[Client] = []
        self.numbers = itertools.count(1)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Client(self, reader, writer).serve()

    def subscribers(self, destination: str) -> list[tuple[Client, TrackedSubscription]]:
        able = (client for client in self.clients if client.conn.state is State.CONNECTED)
        return [(c, each) for c in able for each in c.conn.subscriptions if each.destination == destination]

    def put(self, sends: list[Send], *, in_front: bool = False) -> None:
        """Put messages into their queues, and hand them out."""
        for send in sends[:: -1 if in_front else 1]:
            queue = self.queues.setdefault(send.destination, deque())
            queue.appendleft(send) if in_front else queue.append(send)
        for destination in {send.destination for send in sends}:
            self.distribute(destination)

    def distribute(self, destination: str) -> None:
        """Hand out what is in a queue to its subscribers in turn, but not to those that do not read."""
        queue = self.queues.get(destination)
        while queue and (able := [one for one in self.subscribers(destination) if not one[0].full]):
            client, subscription = able[0]
            client.deliver(subscription, queue.popleft())
            self.clients.remove(client)
            self.clients.append(client)  # the others come first next time


class Client:
    """A client that is connected. What it sends is carried out here."""

    def __init__(self, broker: Broker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.broker, self.reader, self.writer = broker, reader, writer
        self.conn = stomp.ServerConnection()
        self.full = False  # it does not read
        self.waits = False  # until others read
        self.delivered: dict[
            str, tuple[TrackedSubscription, Send]
        ] = {}  # by message-id, until it is acknowledged
        self.transactions: dict[str, list[Callable[[], object]]] = {}

    async def serve(self) -> None:
        self.broker.clients.append(self)
        clock = asyncio.create_task(self.keep_time())
        try:
            while data := await self.reader.read(65536):
                self.conn.receive_data(data, now=monotonic())
                while isinstance(event := self.conn.next_event(), Event | stomp.HeartBeat):
                    if isinstance(event, Event):
                        await self.carry_out(event)
        except Refused as refused:
            self.send(refused.error)
        except stomp.RemoteProtocolError as violation:
            if violation.frame_hint is not None:
                self.send(violation.frame_hint)
        except (OSError, stomp.ConnectionGoneError):
            pass
        finally:
            clock.cancel()
            self.broker.clients.remove(self)
            self.settle(self.delivered, requeue=True)
            self.writer.close()

    async def keep_time(self) -> None:
        while True:
            deadline = self.conn.next_deadline()
            await asyncio.sleep(0.1 if deadline is None else max(0.0, deadline - monotonic()))
            self.writer.write(self.conn.handle_timeout(now=monotonic()))
            if not self.waits and isinstance(self.conn.next_event(), stomp.ConnectionClosed):
                self.writer.transport.abort()  # it was silent for too long

    # ------------------------------------------------------------------ what the client sends

    async def carry_out(self, event: Event) -> None:
        transaction, receipt = event.headers.get("transaction"), event.headers.get("receipt")
        if isinstance(event, Connect):
            users = self.broker.users
            if users is not None and (event.login not in users or users[event.login] != event.passcode):
                raise Refused("wrong login or passcode")
            self.send(Connected(server="example/1", heart_beat=(event.heart_beat[1], event.heart_beat[0])))
        elif isinstance(event, Send | Ack | Nack):
            action: Callable[[], object]
            if isinstance(event, Send):
                action = partial(self.publish, event)
            else:
                action = partial(
                    self.settle, self.conn.covered_by(event).ids, requeue=isinstance(event, Nack)
                )
            self.transactions.setdefault(transaction, []).append(action) if transaction else action()
        elif isinstance(event, Commit | Abort):
            for action in self.transactions.pop(event.transaction, ()):
                if isinstance(event, Commit):
                    action()
        elif isinstance(event, Subscribe):
            if not event.destination.startswith(("/queue/", "/topic/")):
                raise Refused("destinations begin with /queue/ or /topic/", receipt)
            self.broker.distribute(event.destination)
        elif isinstance(event, Unsubscribe):
            left = self.conn.subscriptions
            self.settle(
                [one for one, (owner, _) in self.delivered.items() if owner not in left], requeue=True
            )
        if receipt is not None:
            self.send(Receipt(receipt))
        if isinstance(event, Disconnect):
            self.writer.close()
        elif isinstance(event, Send):
            await self.wait_for_readers(event.destination)

    def publish(self, send: Send) -> None:
        if send.destination.startswith("/queue/"):
            return self.broker.put([send])
        for client, subscription in self.broker.subscribers(send.destination):
            client.deliver(subscription, send)
        return None

    async def wait_for_readers(self, destination: str) -> None:
        """Read nothing more from this client while a subscriber of its topic does not read: that is back pressure."""
        for reader, _ in self.broker.subscribers(destination) if destination.startswith("/topic/") else ():
            if reader.full:
                self.waits = True
                self.conn.pause_reading(monotonic())
                await reader.wait_until_read()
                self.conn.resume_reading(monotonic())
                self.waits = False

    def settle(self, ids: Iterable[str], *, requeue: bool) -> None:
        """Forget messages that were delivered, or put them back to the front of their queues."""
        sends = [self.delivered.pop(one)[1] for one in list(ids)]
        if requeue:
            self.broker.put([send for send in sends if send.destination.startswith("/queue/")], in_front=True)

    # ------------------------------------------------------------------ what it is sent

    def deliver(self, subscription: TrackedSubscription, send: Send) -> None:
        number = str(next(self.broker.numbers))
        headers = [pair for pair in send.headers.items() if pair[0] not in OWN] + [("message-id", number)]
        headers += [("subscription", subscription.id)] if subscription.id is not None else []
        headers += [("ack", number)] if subscription.ack != "auto" else []
        self.send(send.frame.replace(command="MESSAGE", headers=headers))
        if subscription.ack != "auto":
            self.delivered[number] = subscription, send
        if not self.full and self.writer.transport.get_write_buffer_size() > HIGH_WATER:
            self.full = True
            self.reads_again = asyncio.create_task(self.wait_until_read())

    async def wait_until_read(self) -> None:
        try:
            await self.writer.drain()
        except OSError:
            return  # it is lost
        self.full = False
        for destination in self.broker.queues:
            self.broker.distribute(destination)

    def send(self, what: Event | stomp.Frame | AnswerFrame) -> None:
        self.writer.write(self.conn.send(what, now=monotonic()))


async def main(port: str) -> None:
    async with await asyncio.start_server(Broker().serve, port=int(port)) as server:
        await server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    asyncio.run(main(sys.argv[1]))
