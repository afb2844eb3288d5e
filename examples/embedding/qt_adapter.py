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
import sys
import time
from collections.abc import Callable, Coroutine, Generator
from random import Random
from typing import Any

from PySide6.QtCore import QCoreApplication, QSocketNotifier, Qt, QTimer

from stomp_core.adapter import AsyncConnection, AsyncLoopEngine, ConnectContext, Line, TransportOptions
from stomp_core.session import Config, Endpoint, EndpointSource
from stomp_socket import SocketTransport


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

    def __init__(self, config: Config, options: TransportOptions) -> None:
        super().__init__(config, time.monotonic, rng=Random())
        self.options = options
        self.notifiers: dict[int, list[QSocketNotifier]] = {}  # by descriptor

    def dial(self, line: Line, endpoint: Endpoint) -> SocketTransport:
        return SocketTransport(self, line, endpoint, self.options, self.watch)

    def watch(self, descriptor: int, read: bool, write: bool, callback: Callable[[], object]) -> None:
        if descriptor not in self.notifiers:
            kinds = QSocketNotifier.Type.Read, QSocketNotifier.Type.Write
            pair = [QSocketNotifier(descriptor, kind, QCoreApplication.instance()) for kind in kinds]
            self.notifiers[descriptor] = pair
            for notifier in pair:
                notifier.activated.connect(callback)
        for notifier, on in zip(self.notifiers[descriptor], (read, write), strict=True):
            notifier.setEnabled(on)
        if not read and not write:
            for notifier in self.notifiers.pop(descriptor):
                notifier.deleteLater()

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


def connect(endpoints: EndpointSource, **options: Any) -> ConnectContext[AsyncConnection]:
    """Connect to a broker. The options are those of stomp_asyncio.connect()."""
    transport = TransportOptions.take_from(endpoints, options)
    return ConnectContext(Engine(Config(transport.endpoints, **options), transport).open())
