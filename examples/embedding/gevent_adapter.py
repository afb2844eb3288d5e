"""The whole Connection API for gevent, without monkey patching.

with connect("stomp://guest:guest@localhost:61613") as connection:
    connection.send("/queue/a", "hello", receipt=True)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from typing import Any

import gevent
import gevent.event

from stomp_core.adapter import BlockingConnection, BlockingLoopEngine, Line, TransportOptions
from stomp_core.session import Config, Endpoint, EndpointSource
from stomp_socket import SocketTransport

READ, WRITE = 1, 2  # what libev and libuv call them


class Engine(BlockingLoopEngine):
    """Drives a session in the greenlets of one thread."""

    def __init__(self, config: Config, options: TransportOptions) -> None:
        super().__init__(config, time.monotonic, rng=Random())
        self.options = options
        self.watchers: dict[int, Any] = {}  # by descriptor

    def dial(self, line: Line, endpoint: Endpoint) -> SocketTransport:
        return SocketTransport(self, line, endpoint, self.options, self.watch)

    def watch(self, descriptor: int, read: bool, write: bool, callback: Callable[[], object]) -> None:
        if descriptor in self.watchers:
            self.watchers.pop(descriptor).close()
        if read or write:
            events = (READ if read else 0) | (WRITE if write else 0)
            watcher = self.watchers[descriptor] = gevent.get_hub().loop.io(descriptor, events)
            watcher.start(callback)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Callable[[], object]:
        greenlet = gevent.spawn_later(seconds, callback)
        return lambda: greenlet.kill(block=False)

    def new_event(self) -> Any:
        return gevent.event.Event()

    def run_workers(
        self, worker: Callable[[], None], count: int, name: str, stop: Callable[[], object]
    ) -> None:
        workers = [gevent.spawn(worker) for _ in range(count)]
        try:
            gevent.joinall(workers, raise_error=True)
        except BaseException:
            stop()
            raise
        finally:
            gevent.joinall(workers)


def connect(endpoints: EndpointSource, **options: Any) -> BlockingConnection:
    """Connect to a broker. The options are those of stomp_socket.connect()."""
    transport = TransportOptions.take_from(endpoints, options)
    return Engine(Config(transport.endpoints, **options), transport).open()
