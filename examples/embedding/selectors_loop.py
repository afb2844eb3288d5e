"""Many sessions in one thread, with nothing but `selectors` of the standard library, and TLS inside.

Each of 200 clients sends a message to a queue of its own and receives it. Usage:
    python examples/embedding/selectors_loop.py stomp://guest:guest@localhost:61613 200
"""

from __future__ import annotations

import heapq
import itertools
import selectors
import sys
from collections.abc import Callable
from random import Random
from time import monotonic

from stomp_core import Session
from stomp_core.adapter import CallbackEngine, Line, TransportOptions
from stomp_core.session import Config, Delivery, Endpoint, Pending, Subscription
from stomp_socket import SocketTransport


class Loop:
    """An event loop: sockets and timers."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.timers: list[tuple[float, int, list[Callable[[], object]]]] = []
        self.numbers = itertools.count()

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Callable[[], object]:
        cell = [callback]  # empty when it is cancelled
        heapq.heappush(self.timers, (monotonic() + seconds, next(self.numbers), cell))
        return cell.clear

    def watch(self, descriptor: int, read: bool, write: bool, callback: Callable[[], object]) -> None:
        if descriptor in self.selector.get_map():
            self.selector.unregister(descriptor)
        if read or write:
            events = (selectors.EVENT_READ if read else 0) | (selectors.EVENT_WRITE if write else 0)
            self.selector.register(descriptor, events, callback)

    def run_until(self, condition: Callable[[], object]) -> None:
        while not condition():
            timeout = max(0.0, self.timers[0][0] - monotonic()) if self.timers else None
            for key, _ in self.selector.select(timeout):
                key.data()
            now = monotonic()
            due = []
            while self.timers and self.timers[0][0] <= now:
                due.append(heapq.heappop(self.timers)[2])
            for cell in due:  # not those that are added meanwhile: sockets come first
                for callback in cell[:1]:
                    callback()


class Client(CallbackEngine):
    """One of many sessions. Operations go through :meth:`run`: ``client.run(lambda now: session.send(now, ...))``."""

    def __init__(self, loop: Loop, config: Config, options: TransportOptions) -> None:
        super().__init__(Session(config, rng=Random()), monotonic)
        self.loop, self.options = loop, options

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Callable[[], object]:
        return self.loop.call_later(seconds, callback)

    def dial(self, line: Line, endpoint: Endpoint) -> SocketTransport:
        return SocketTransport(self, line, endpoint, self.options, self.loop.watch)


class Echo(Client):
    """Sends a message to a queue of its own, receives and acknowledges it, and closes."""

    def start(self, queue: str) -> None:
        self.confirmed = self.run(lambda now: self.session.send(now, queue, f"for {queue}", receipt=True))
        self.subscribed = self.run(lambda now: self.session.subscribe(now, queue, ack="client-individual"))
        self.subscribed.add_done_callback(self.receive)
        self.received: list[str] = []
        self.poll()

    def receive(self) -> None:
        if self.subscribed.exception() is not None:
            return
        subscription: Subscription = self.subscribed.result()
        message: Delivery | None = subscription.take()
        if message is None:
            subscription.ready().add_done_callback(self.receive)
            return
        self.received.append(message.text)
        acknowledged: Pending[None] = self.run(lambda now: self.session.ack(now, message, receipt=True))
        acknowledged.add_done_callback(lambda: self.run(self.session.close))


def main(url: str, count: str) -> None:
    loop = Loop()
    clients = [Echo(loop, Config(url), TransportOptions(url)) for _ in range(int(count))]
    for number, client in enumerate(clients):
        client.start(f"/queue/echo-{number}")
    loop.run_until(lambda: all(client.ended for client in clients))
    loop.selector.close()
    for client in clients:
        client.confirmed.result()  # raises what has gone wrong
    print(f"{sum(len(client.received) for client in clients)} messages, {len(clients)} clients")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
