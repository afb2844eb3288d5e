"""The whole Connection API for Qt (PySide6), without asyncio: coroutines that run in Qt's own event loop.

async def main() -> None:
    async with connect("stomp://guest:guest@localhost:61613") as connection:
        subscription = await connection.subscribe("/topic/prices")
        async for message in subscription:
            label.setText(message.text)

task = Task(main())  # from any slot; task.cancel() ends it
"""

from __future__ import annotations

import math
import socket
import ssl
import sys
import time
from collections.abc import Callable, Coroutine, Generator
from random import Random
from typing import Any

from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtNetwork import QAbstractSocket, QSslCertificate, QSslConfiguration, QSslSocket

from stomp_core.adapter import AsyncConnection, AsyncLoopEngine, ConnectContext, Line
from stomp_core.session import Config, Endpoint, EndpointSource

READ_SIZE = 64 * 1024
#: The exceptions by which an error text knows what to check.
EXCEPTIONS: dict[QAbstractSocket.SocketError, type[OSError]] = {
    QAbstractSocket.SocketError.ConnectionRefusedError: ConnectionRefusedError,
    QAbstractSocket.SocketError.HostNotFoundError: socket.gaierror,
    QAbstractSocket.SocketError.SslHandshakeFailedError: ssl.SSLError,
}


def call_later(seconds: float, callback: Callable[[], object]) -> Callable[[], object]:
    """Call a function from Qt's event loop. Return what cancels it."""
    timer = QTimer(QCoreApplication.instance(), singleShot=True, timerType=Qt.TimerType.PreciseTimer)
    timer.timeout.connect(callback)
    timer.timeout.connect(timer.deleteLater)
    timer.start(math.ceil(seconds * 1000))

    def cancel() -> None:
        timer.stop()
        timer.deleteLater()

    return cancel


class Link:
    """One attempt to connect, and the connection that it becomes. It is a stomp_core.adapter.Transport."""

    def __init__(self, engine: Engine, line: Line, endpoint: Endpoint) -> None:
        self.engine, self.line = engine, line
        self.reading = True
        self.writing = False
        # Qt owns it: it must not be deleted while it emits a signal.
        self.sock = sock = QSslSocket(QCoreApplication.instance())
        sock.setReadBufferSize(READ_SIZE)  # so that the peer has to wait while nobody reads
        sock.readyRead.connect(self.read)
        sock.bytesWritten.connect(self.note_written)
        sock.encryptedBytesWritten.connect(self.note_written)
        sock.errorOccurred.connect(self.fail)
        made = sock.encrypted if endpoint.secure else sock.connected
        made.connect(lambda: engine.report(line.made))
        if endpoint.secure:
            if engine.ca_certificates is not None:
                configuration = QSslConfiguration.defaultConfiguration()
                configuration.setCaCertificates(engine.ca_certificates)
                sock.setSslConfiguration(configuration)
            sock.connectToHostEncrypted(endpoint.host, endpoint.port)
        else:
            sock.connectToHost(endpoint.host, endpoint.port)

    def read(self) -> None:
        while self.reading and not self.line.over and (data := self.sock.read(READ_SIZE).data()):
            self.engine.report(self.line.received, data)

    def write(self, data: bytes | memoryview) -> None:
        self.writing = True
        self.sock.write(bytes(data))

    def note_written(self) -> None:
        if self.writing and not self.sock.bytesToWrite() and not self.sock.encryptedBytesToWrite():
            self.writing = False
            self.engine.report(self.line.written)

    def set_reading(self, on: bool) -> None:
        self.reading = on
        call_later(0, self.read)  # what has arrived meanwhile is not signalled again

    def fail(self, code: QAbstractSocket.SocketError) -> None:
        self.read()
        if code is QAbstractSocket.SocketError.RemoteHostClosedError:
            self.engine.report(self.line.eof)
        self.engine.report(self.line.lost, EXCEPTIONS.get(code, OSError)(self.sock.errorString()))
        self.abort()

    def abort(self) -> None:
        self.sock.abort()  # disconnectFromHost() would wait for a peer that does not read
        self.sock.deleteLater()


class Event:
    """Wakes a Task."""

    def __init__(self) -> None:
        self.is_set = False
        self.task: Task | None = None

    def set(self) -> None:
        if not self.is_set:
            self.is_set = True
            if self.task is not None:
                call_later(0, self.wake)  # not at once: the session is in the middle of something

    def wake(self) -> None:
        if self.task is not None:
            self.task.step()

    def __await__(self) -> Generator[Event, None, None]:
        yield self

    async def wait(self) -> None:
        if not self.is_set:
            await self


class Task:
    """Runs a coroutine in Qt's event loop. It may await a connection, an Event, and other Tasks."""

    def __init__(self, coroutine: Coroutine[Any, Any, object]) -> None:
        self.coroutine = coroutine
        self.finished = Event()
        self.error: BaseException | None = None
        self.waits_for: Event | None = None
        call_later(0, self.step)

    def step(self, error: BaseException | None = None) -> None:
        if self.waits_for is not None:
            self.waits_for.task = None
            self.waits_for = None
        try:
            event: Event = self.coroutine.send(None) if error is None else self.coroutine.throw(error)
        except StopIteration:
            self.finished.set()
        except BaseException as raised:
            self.error = raised
            if self.finished.task is None and not isinstance(raised, Cancelled):
                sys.excepthook(type(raised), raised, raised.__traceback__)  # nobody waits for it
            self.finished.set()
        else:
            self.waits_for, event.task = event, self

    def cancel(self) -> None:
        if not self.finished.is_set:
            self.step(Cancelled())

    async def wait(self) -> None:
        await self.finished.wait()
        if self.error is not None:
            raise self.error


class Cancelled(BaseException):
    """The task was cancelled."""


class Engine(AsyncLoopEngine):
    """Drives a session in the thread of the Qt application."""

    def __init__(self, config: Config, ca_certificates: list[QSslCertificate] | None) -> None:
        super().__init__(config, time.monotonic, rng=Random())
        self.ca_certificates = ca_certificates

    def dial(self, line: Line, endpoint: Endpoint) -> Link:
        return Link(self, line, endpoint)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Callable[[], object]:
        return call_later(seconds, callback)

    def new_event(self) -> Event:
        return Event()

    async def run_workers(self, worker: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
        tasks = [Task(worker()) for _ in range(count)]
        try:
            for task in tasks:
                await task.wait()
        finally:
            for task in tasks:
                task.cancel()


def connect(
    endpoints: EndpointSource, *, ca_certificates: list[QSslCertificate] | None = None, **options: Any
) -> ConnectContext[AsyncConnection]:
    """Connect to a broker. The options are those of stomp_core.session.Config."""
    return ConnectContext(Engine(Config(endpoints, **options), ca_certificates).open())
