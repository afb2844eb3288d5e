"""A broker: queues and topics, the three ack modes, NACK, transactions, back pressure, refusals, heart-beats. Usage:
python examples/embedding/broker.py 61613

It keeps messages in memory. The ServerConnection knows the rules of STOMP and refuses what breaks them. It keeps track
of what each client has subscribed to, of the messages that are not acknowledged, and of open transactions.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict, deque
from collections.abc import Iterable
from contextlib import suppress
from time import monotonic

import stomp_core as stomp

HIGH_WATER = 64 * 1024  # bytes that a client has not read, from which on it gets no more


class Broker:
    """The queues, and the clients that are connected. Without ``users``, passcodes by login, everybody may connect."""

    def __init__(self, users: dict[str, str] | None = None) -> None:
        self.users = users
        self.queues: defaultdict[str, deque[stomp.Send]] = defaultdict(deque)
        self.clients: list[Client] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Client(self, reader, writer).serve()

    def subscribers(self, destination: str) -> list[tuple[Client, stomp.TrackedSubscription]]:
        able = [client for client in self.clients if client.conn.state is stomp.State.CONNECTED]
        return [(c, each) for c in able for each in c.conn.subscriptions if each.destination == destination]

    def put_back(self, sends: Iterable[stomp.Send]) -> None:
        """Put messages to the front of their queues; those of topics are gone."""
        queued = [send for send in sends if send.destination.startswith("/queue/")]
        for send in reversed(queued):
            self.queues[send.destination].appendleft(send)
        for destination in {send.destination for send in queued}:
            self.distribute(destination)

    def distribute(self, destination: str) -> None:
        """Hand out what is in a queue to its subscribers in turn, but not to those that do not read."""
        queue = self.queues[destination]
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
        self.full: asyncio.Task[None] | None = None  # it does not read; this waits until it does
        self.waits_for: set[asyncio.Task[None]] = set()  # for those that do not read what this one sends

    async def serve(self) -> None:
        self.broker.clients.append(self)
        clock = asyncio.create_task(self.keep_time())
        try:
            while data := await self.reader.read(65536):
                self.conn.receive_data(data, now=monotonic())
                while isinstance(event := self.conn.next_event(), stomp.Event | stomp.HeartBeat):
                    if isinstance(event, stomp.Event):
                        self.carry_out(event)
                while self.waits_for:  # back pressure: read nothing more meanwhile
                    self.conn.pause_reading(monotonic())
                    await self.waits_for.pop()
                    self.conn.resume_reading(monotonic())
        except stomp.RemoteProtocolError as violation:
            if violation.frame_hint is not None:
                self.send(violation.frame_hint)
        except (OSError, stomp.ConnectionGoneError):
            pass
        finally:
            clock.cancel()
            self.broker.clients.remove(self)
            self.broker.put_back(self.conn.take_unacknowledged())
            self.writer.close()

    async def keep_time(self) -> None:
        while not isinstance(self.conn.next_event(), stomp.ConnectionClosed):
            deadline = self.conn.next_deadline()
            await asyncio.sleep(0.1 if deadline is None else max(0.0, deadline - monotonic()))
            self.writer.write(self.conn.handle_timeout(now=monotonic()))
        self.writer.transport.abort()  # it was silent for too long

    def carry_out(self, event: stomp.Event) -> None:
        if isinstance(event, stomp.Connect):
            users = self.broker.users
            if users is not None and (event.login not in users or users[event.login] != event.passcode):
                raise self.conn.refusal(event, "wrong login or passcode")
            mine = event.heart_beat[1], event.heart_beat[0]
            self.send(stomp.Connected(server="example/1", heart_beat=mine))
        elif isinstance(event, stomp.Subscribe):
            if not event.destination.startswith(("/queue/", "/topic/")):
                raise self.conn.refusal(event, "destinations begin with /queue/ or /topic/")
            self.broker.distribute(event.destination)
        for cause, sends in self.conn.effects(event):
            if isinstance(cause, stomp.Send):
                self.publish(cause)
            elif not isinstance(cause, stomp.Ack):
                self.broker.put_back(sends)
        if (receipt := event.headers.get("receipt")) is not None:
            self.send(stomp.Receipt(receipt))
        if isinstance(event, stomp.Disconnect):
            self.writer.close()

    def publish(self, send: stomp.Send) -> None:
        if send.destination.startswith("/queue/"):
            self.broker.queues[send.destination].append(send)
            self.broker.distribute(send.destination)
        else:
            for client, subscription in self.broker.subscribers(send.destination):
                client.deliver(subscription, send)
                self.waits_for |= {client.full} if client.full else set()

    def deliver(self, subscription: stomp.TrackedSubscription, send: stomp.Send) -> None:
        self.writer.write(self.conn.deliver(send, subscription, now=monotonic()))
        if self.full is None and self.writer.transport.get_write_buffer_size() > HIGH_WATER:
            self.full = asyncio.create_task(self.has_read())

    async def has_read(self) -> None:
        """Wait until it has read, then hand out what waits for it."""
        with suppress(OSError):  # it is lost
            await self.writer.drain()
            self.full = None
            for destination in list(self.broker.queues):
                self.broker.distribute(destination)

    def send(self, what: stomp.Event | stomp.AnswerFrame) -> None:
        self.writer.write(self.conn.send(what, now=monotonic()))


async def main(port: str) -> None:
    async with await asyncio.start_server(Broker().serve, port=int(port)) as server:
        await server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    asyncio.run(main(sys.argv[1]))
