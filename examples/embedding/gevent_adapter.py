"""The whole Connection API for gevent, without monkey patching: a greenlet that dials and reads, and one that writes.

with connect("stomp://guest:guest@localhost:61613") as connection:
    connection.send("/queue/a", "hello", receipt=True)
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from random import Random
from typing import Any

import gevent
import gevent.event
import gevent.socket

from stomp_core.adapter import BlockingConnection, BlockingLoopEngine, Line
from stomp_core.session import Config, Endpoint, EndpointSource

READ_SIZE = 64 * 1024


class Socket:
    """One attempt to connect, and the connection that it becomes. It is a stomp_core.adapter.Transport."""

    def __init__(self, engine: Engine, line: Line, endpoint: Endpoint) -> None:
        self.engine, self.line, self.endpoint = engine, line, endpoint
        self.sock: socket.socket | None = None
        self.unsent: bytes | memoryview = b""
        self.may_read, self.may_write = gevent.event.Event(), gevent.event.Event()
        self.may_read.set()
        self.greenlets = [gevent.spawn(self.live)]

    def live(self) -> None:
        """Dial, then read until the connection is lost or aborted."""
        report, line = self.engine.report, self.line
        try:
            self.connect()
            report(line.made)
            self.greenlets.append(gevent.spawn(self.keep_writing))
            while not line.over:
                self.may_read.wait()
                if data := self.retry(lambda sock: sock.recv(READ_SIZE)):
                    report(line.received, data)
                else:
                    report(line.eof)
        except Exception as error:
            report(line.lost, error)
        finally:
            if self.sock is not None:
                self.sock.close()

    def connect(self) -> None:
        endpoint = self.endpoint
        if endpoint.transport == "unix":
            connected = gevent.socket.socket(socket.AF_UNIX)
            connected.connect(endpoint.path)
        else:
            connected = gevent.socket.create_connection((endpoint.host, endpoint.port))
        self.sock = socket.socket(fileno=connected.detach())  # of the standard library, which `ssl` needs
        self.sock.setblocking(False)
        if endpoint.secure:
            context = self.engine.ssl_context or ssl.create_default_context()
            tls = context.wrap_socket(self.sock, server_hostname=endpoint.host, do_handshake_on_connect=False)
            self.sock = tls
            self.retry(lambda sock: tls.do_handshake())

    def retry(self, function: Callable[[socket.socket], Any]) -> Any:
        """Call a function of the socket until it need not wait."""
        while True:
            assert self.sock is not None
            try:
                return function(self.sock)
            except (BlockingIOError, ssl.SSLWantReadError):
                gevent.socket.wait_read(self.sock.fileno())
            except ssl.SSLWantWriteError:
                gevent.socket.wait_write(self.sock.fileno())

    def keep_writing(self) -> None:
        try:
            while True:
                self.may_write.wait()
                self.may_write.clear()
                unsent = memoryview(self.unsent)
                while unsent:
                    unsent = unsent[self.send(unsent) :]
                self.engine.report(self.line.written)
        except OSError as error:
            gevent.sleep(
                0.1
            )  # the peer has closed: the other greenlet reads what it sent last, an ERROR perhaps
            self.engine.report(self.line.lost, error)
            self.abort()

    def send(self, data: memoryview) -> int:
        assert self.sock is not None
        try:
            return self.sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            gevent.socket.wait_write(self.sock.fileno())
        except ssl.SSLWantReadError:
            gevent.socket.wait_read(self.sock.fileno())
        return 0

    def write(self, data: bytes | memoryview) -> None:
        self.unsent = data
        self.may_write.set()

    def set_reading(self, on: bool) -> None:
        if on:
            self.may_read.set()
        else:
            self.may_read.clear()

    def abort(self) -> None:
        for greenlet in self.greenlets:
            greenlet.kill(block=False)


class Engine(BlockingLoopEngine):
    """Drives a session in the greenlets of one thread."""

    def __init__(self, config: Config, ssl_context: ssl.SSLContext | None) -> None:
        super().__init__(config, time.monotonic, rng=Random())
        self.ssl_context = ssl_context

    def dial(self, line: Line, endpoint: Endpoint) -> Socket:
        return Socket(self, line, endpoint)

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


def connect(
    endpoints: EndpointSource, *, ssl_context: ssl.SSLContext | None = None, **options: Any
) -> BlockingConnection:
    """Connect to a broker. The options are those of stomp_core.session.Config."""
    return Engine(Config(endpoints, **options), ssl_context).open()
