"""Many sessions in one thread, with nothing but `selectors` of the standard library, and TLS without blocking.

Each of 200 clients sends a message to a queue of its own and receives it. Usage:
    python examples/embedding/selectors_loop.py stomp://guest:guest@localhost:61613 200
"""

from __future__ import annotations

import heapq
import itertools
import selectors
import socket
import ssl
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from random import Random
from time import monotonic
from typing import Any

from stomp_core import Session
from stomp_core.adapter import CallbackEngine, Line
from stomp_core.session import Config, Delivery, Endpoint, Pending, Subscription

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
READ_SIZE = 64 * 1024
WOULD_BLOCK = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Loop:
    """An event loop: sockets, timers, and threads for what cannot but block, which is to resolve names."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.timers: list[tuple[float, int, list[Callable[[], object]]]] = []
        self.numbers = itertools.count()
        self.threads = ThreadPoolExecutor(4)
        self.woken, self.waker = socket.socketpair()
        self.woken.setblocking(False)
        self.selector.register(self.woken, READ, lambda events: self.woken.recv(4096))

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Callable[[], object]:
        cell = [callback]  # empty when it is cancelled
        heapq.heappush(self.timers, (monotonic() + seconds, next(self.numbers), cell))
        return cell.clear

    def in_thread(self, function: Callable[[], Any], callback: Callable[[Future[Any]], object]) -> None:
        """Call a function in a thread, then ``callback(future)`` in this one."""

        def done(future: Future[Any]) -> None:
            self.call_later(0, partial(callback, future))
            self.waker.send(b"\0")

        self.threads.submit(function).add_done_callback(done)

    def run_until(self, condition: Callable[[], object]) -> None:
        while not condition():
            timeout = max(0.0, self.timers[0][0] - monotonic()) if self.timers else None
            for key, events in self.selector.select(timeout):
                key.data(events)
            now = monotonic()
            due = []
            while self.timers and self.timers[0][0] <= now:
                due.append(heapq.heappop(self.timers)[2])
            for cell in due:  # not those that are added meanwhile: sockets come first
                for callback in cell[:1]:
                    callback()

    def close(self) -> None:
        self.threads.shutdown()
        self.selector.close()
        self.woken.close()
        self.waker.close()


class Socket:
    """One attempt to connect, and the connection that it becomes. It is a stomp_core.adapter.Transport.

    Args:
        loop: the loop.
        report: ``report(line.made)``, ``report(line.received, data)``, ...: the engine's method.
        line: what is reported to.
        endpoint: where to.
        ssl_context: for TLS.
    """

    def __init__(
        self,
        loop: Loop,
        report: Callable[..., None],
        line: Line,
        endpoint: Endpoint,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        self.loop, self.report, self.line, self.endpoint = loop, report, line, endpoint
        self.ssl_context = ssl_context
        self.sock: socket.socket | None = None
        self.step = self.finish_connecting
        self.reading = True
        self.unsent = memoryview(b"")
        if endpoint.transport == "unix":
            self.connect(socket.AF_UNIX, endpoint.path)
        else:
            resolve = partial(socket.getaddrinfo, endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
            loop.in_thread(resolve, self.resolved)

    def resolved(self, found: Future[Any]) -> None:
        if self.line.over:
            return
        try:
            family, _, _, _, address = found.result()[0]
            self.connect(family, address)
        except OSError as error:
            self.report(self.line.lost, error)

    def connect(self, family: int, address: Any) -> None:
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.sock.connect_ex(address)
        self.loop.selector.register(self.sock, WRITE, self.ready)

    # ------------------------------------------------------------------ steps: what a ready socket does next

    def ready(self, events: int) -> None:
        try:
            self.step()
        except OSError as error:
            self.fail(error)

    def fail(self, error: OSError) -> None:
        """Report the loss, but before it what the peer sent last, an ERROR perhaps."""
        try:
            while (
                self.step == self.exchange and self.sock is not None and (data := self.sock.recv(READ_SIZE))
            ):
                self.report(self.line.received, data)
        except OSError:
            pass
        self.report(self.line.lost, error)
        self.abort()

    def finish_connecting(self) -> None:
        assert self.sock is not None
        if error := self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, "connecting failed")
        if not self.endpoint.secure:
            self.start()
            return
        self.loop.selector.unregister(self.sock)
        context = self.ssl_context or ssl.create_default_context()
        self.sock = context.wrap_socket(
            self.sock, server_hostname=self.endpoint.host, do_handshake_on_connect=False
        )
        self.loop.selector.register(self.sock, WRITE, self.ready)
        self.step = self.shake_hands

    def shake_hands(self) -> None:
        assert isinstance(self.sock, ssl.SSLSocket)
        try:
            self.sock.do_handshake()
        except ssl.SSLWantReadError:
            self.loop.selector.modify(self.sock, READ, self.ready)
        except ssl.SSLWantWriteError:
            self.loop.selector.modify(self.sock, WRITE, self.ready)
        else:
            self.start()

    def start(self) -> None:
        self.step = self.exchange
        self.watch()
        self.report(self.line.made)

    def exchange(self) -> None:
        self.send()
        for _ in range(8):  # and then it is the turn of other sockets
            if self.line.over or not self.reading:
                break
            try:
                assert self.sock is not None
                data = self.sock.recv(READ_SIZE)
            except WOULD_BLOCK:
                break
            if data:
                self.report(self.line.received, data)
            else:
                self.report(self.line.eof)
        else:
            self.loop.call_later(0, self.read_on)  # TLS may hold more, of which the selector knows nothing

    def read_on(self) -> None:
        if not self.line.over:
            self.ready(READ)

    def send(self) -> None:
        if not self.unsent:
            return
        try:
            assert self.sock is not None
            self.unsent = self.unsent[self.sock.send(self.unsent) :]
        except WOULD_BLOCK:
            pass
        self.watch()
        if not self.unsent:
            self.report(self.line.written)

    def watch(self) -> None:
        """Let the selector know what to wait for. Nothing at all would be refused: then it is unregistered."""
        events = (READ if self.reading else 0) | (WRITE if self.unsent else 0)
        selector, sock = self.loop.selector, self.sock
        assert sock is not None
        registered = sock in selector.get_map()
        if events and registered:
            selector.modify(sock, events, self.ready)
        elif events:
            selector.register(sock, events, self.ready)
        elif registered:
            selector.unregister(sock)

    # ------------------------------------------------------------------ what the engine calls

    def write(self, data: bytes | memoryview) -> None:
        self.unsent = memoryview(data)
        try:
            self.send()
        except OSError as error:
            self.fail(error)

    def set_reading(self, on: bool) -> None:
        self.reading = on
        self.watch()
        if on:
            self.loop.call_later(0, self.read_on)

    def abort(self) -> None:
        if self.sock is not None and self.sock.fileno() != -1:
            if self.sock in self.loop.selector.get_map():
                self.loop.selector.unregister(self.sock)
            self.sock.close()


class Client(CallbackEngine):
    """One of many sessions. Operations go through :meth:`run`: ``client.run(lambda now: session.send(now, ...))``."""

    def __init__(self, loop: Loop, config: Config, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(Session(config, rng=Random()), monotonic)
        self.loop, self.ssl_context = loop, ssl_context

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Callable[[], object]:
        return self.loop.call_later(seconds, callback)

    def dial(self, line: Line, endpoint: Endpoint) -> Socket:
        return Socket(self.loop, self.report, line, endpoint, self.ssl_context)


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
    clients = [Echo(loop, Config(url)) for _ in range(int(count))]
    for number, client in enumerate(clients):
        client.start(f"/queue/echo-{number}")
    loop.run_until(lambda: all(client.ended for client in clients))
    loop.close()
    for client in clients:
        client.confirmed.result()  # raises what has gone wrong
    print(f"{sum(len(client.received) for client in clients)} messages, {len(clients)} clients")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
