"""Worlds: the three adapters behind one blocking face, so that every test of them is written once.

Each call of the blocking adapter has a thread of its own. The other two run in one thread, with an event loop that
lives as long as the test; each call is sent there. What is not done after :data:`HANGS` seconds hangs, and fails.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from types import ModuleType, TracebackType
from typing import Any, Self

import pytest
import trio

import stomp_asyncio
import stomp_socket
import stomp_trio
from stomp_testing import Broker, FaultProxy
from tests.waiting import HANGS, never, until

__all__ = [
    "CONNECTED",
    "HANGS",
    "WORLDS",
    "World",
    "in_a_thread",
    "never",
    "over_every_transport",
    "over_every_transport_of_a_loop",
    "over_websocket_too",
    "until",
]


#: What a broker of 1.2 without heart-beats answers to CONNECT.
CONNECTED = b"CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\0"


def in_a_thread(function: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Start it; what it returns or raises is in the list when the thread has ended."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(function())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, outcome


class World(ABC):
    """One adapter."""

    module: ModuleType

    @abstractmethod
    def call(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        """Call something of the adapter's, and wait for what it returns or raises."""

    @abstractmethod
    def open(self, opening: Callable[[], Any]) -> tuple[Any, Callable[[], None]]:
        """Enter what can be entered; returns it and how to leave it."""

    @abstractmethod
    def sleeping_handler(self, handler: Callable[[Any], object], seconds: float) -> Callable[[Any], Any]:
        """A handler for ``run``: busy for so long, then it does this."""

    @abstractmethod
    def waiting_handler(
        self, begin: Callable[[], Callable[[], object]], handler: Callable[[Any], object]
    ) -> Callable[[Any], Any]:
        """A handler for ``run``: busy until the condition holds that it asks for when it begins, then it does this."""

    @abstractmethod
    def question(self, answer: Callable[[], Any]) -> Callable[[], Any]:
        """A function that answers this, after a moment, in the manner of the world."""

    @abstractmethod
    def stuck_question(self, entered: threading.Event, released: threading.Event) -> Callable[[], Any]:
        """A function that does not return before it is released, or cancelled where that is possible."""

    def broker(self, **options: Any) -> Broker:
        """Return a broker, to which :meth:`connect` connects in the way of this world, whatever its URL says."""
        broker = Broker(websocket=self._way == "over websocket", **options)
        self._brokers.append(broker)
        return broker

    def proxy(self, broker: Broker, **options: Any) -> FaultProxy:
        """Return a proxy in front of a broker, of its WebSocket if that is the way of this world."""
        return FaultProxy(broker.ws_url if self._way == "over websocket" else broker.url, **options)

    def connect(self, url: Any, *arguments: Any, **options: Any) -> Connection:
        """``connect()``; the connection is closed with the test, if not before."""
        for broker in self._brokers:
            if self._way and url == broker.url:
                if self._way == "in memory":
                    options["dial"] = broker.dial
                else:
                    url = broker.ws_url
        inner, leave = self.open(lambda: self.module.connect(url, *arguments, **options))
        connection = Connection(self, inner, leave)
        self._connections.append(connection)
        return connection

    def __init__(self, way: str = "") -> None:
        self._way = way  # "", "in memory" or "over websocket"
        self._brokers: list[Broker] = []
        self._connections: list[Connection] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._connections:
            connection.leave()


class Connection:
    """A connection, in whatever world."""

    def __init__(self, world: World, inner: Any, leave: Callable[[], None]) -> None:
        self.world = world
        self.inner = inner
        self._leave: Callable[[], None] | None = leave

    def leave(self) -> None:
        """As at the end of its ``with``."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        if not callable(value) or isinstance(value, type):
            return value
        return lambda *arguments, **keywords: self.world.call(value, *arguments, **keywords)

    def subscribe(self, destination: str, **options: Any) -> Subscription:
        return Subscription(self.world, self.world.call(self.inner.subscribe, destination, **options))

    def begin(self, **options: Any) -> Bound:
        return Bound(self.world, self.world.call(self.inner.begin, **options))

    def request(self, destination: str, body: Any, **options: Any) -> Any:
        return self.world.call(self.inner.request, destination, body, **options)

    def transaction(self) -> Scope:
        return Scope(self.world, self.inner.transaction)

    def pipeline(self, *arguments: Any) -> Scope:
        return Scope(self.world, lambda: self.inner.pipeline(*arguments))


class Bound:
    """Anything else of a connection's."""

    def __init__(self, world: World, inner: Any) -> None:
        self.world = world
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        if not callable(value):
            return value
        return lambda *arguments, **keywords: self.world.call(value, *arguments, **keywords)


class Subscription(Bound):
    """A subscription; the messages that it hands over are bound to the world too."""

    def receive(self, timeout: float | None = HANGS) -> Bound:
        return Bound(self.world, self.world.call(self.inner.receive, timeout=timeout))

    def nothing_for(self, seconds: float = 0.2) -> bool:
        """Whether no message comes for so long."""
        try:
            self.receive(timeout=seconds)
        except TimeoutError:
            return True
        return False


class Scope:
    """A transaction or a pipeline as a context manager."""

    def __init__(self, world: World, make: Callable[[], Any]) -> None:
        self._world = world
        self._make = make

    def __enter__(self) -> Bound:
        if isinstance(self._world, Blocking):
            self._manager = self._make()
            return Bound(self._world, self._world.call(self._manager.__enter__))
        self._manager = self._make()
        return Bound(self._world, self._world.call(self._manager.__aenter__))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Any:
        if isinstance(self._world, Blocking):
            return self._world.call(self._manager.__exit__, kind, error, trace)
        return self._world.call(self._manager.__aexit__, kind, error, trace)


class Blocking(World):
    """stomp_socket."""

    module = stomp_socket

    def call(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        done: Future[Any] = Future()

        def call() -> None:
            try:
                done.set_result(function(*arguments, **keywords))
            except BaseException as error:
                done.set_exception(error)

        # A daemon: one that hangs has failed its test, and must not keep the run from ending.
        threading.Thread(target=call, name="caller", daemon=True).start()
        return done.result(HANGS)

    def open(self, opening: Callable[[], Any]) -> tuple[Any, Callable[[], None]]:
        opened = self.call(opening)
        return opened, lambda: self.call(opened.__exit__, None, None, None)

    def sleeping_handler(self, handler: Callable[[Any], object], seconds: float) -> Callable[[Any], Any]:
        busy = threading.Event()

        def handle(message: Any) -> None:
            busy.wait(seconds)
            handler(message)

        return handle

    def waiting_handler(
        self, begin: Callable[[], Callable[[], object]], handler: Callable[[Any], object]
    ) -> Callable[[Any], Any]:
        def handle(message: Any) -> None:
            until(begin())
            handler(message)

        return handle

    def question(self, answer: Callable[[], Any]) -> Callable[[], Any]:
        return answer

    def stuck_question(self, entered: threading.Event, released: threading.Event) -> Callable[[], Any]:
        def ask() -> str:
            entered.set()
            released.wait(HANGS)
            return "late"

        return ask


class Asyncio(World):
    """stomp_asyncio."""

    module = stomp_asyncio

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="asyncio")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
            self.tasks_left = [task.get_name() for task in asyncio.all_tasks(self._loop)]
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(HANGS)
            self._loop.close()
        assert not self.tasks_left, "a task has outlived its connection"

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(HANGS)

    def call(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        async def call() -> Any:
            result = function(*arguments, **keywords)
            return await result if isinstance(result, Awaitable) else result

        return self._run(call())

    def open(self, opening: Callable[[], Any]) -> tuple[Any, Callable[[], None]]:
        async def enter() -> tuple[Any, Any]:
            manager = opening()
            return manager, await manager.__aenter__()

        manager, opened = self._run(enter())
        return opened, lambda: self._run(manager.__aexit__(None, None, None))

    def sleeping_handler(self, handler: Callable[[Any], object], seconds: float) -> Callable[[Any], Any]:
        async def handle(message: Any) -> None:
            await asyncio.sleep(seconds)
            handler(message)

        return handle

    def waiting_handler(
        self, begin: Callable[[], Callable[[], object]], handler: Callable[[Any], object]
    ) -> Callable[[Any], Any]:
        async def handle(message: Any) -> None:
            condition = begin()
            while not condition():  # noqa: ASYNC110 -- nobody announces it
                await asyncio.sleep(0.005)
            handler(message)

        return handle

    def question(self, answer: Callable[[], Any]) -> Callable[[], Any]:
        async def ask() -> Any:
            await asyncio.sleep(0)
            return answer()

        return ask

    def stuck_question(self, entered: threading.Event, released: threading.Event) -> Callable[[], Any]:
        async def ask() -> str:
            entered.set()
            try:
                await asyncio.sleep(HANGS)
            finally:
                released.set()
            return "late"

        return ask


class Trio(World):
    """stomp_trio. Every call is a task of one nursery, so that a connection may be entered here and left there."""

    module = stomp_trio
    _end: trio.Event

    def __enter__(self) -> Self:
        ready: queue.Queue[tuple[trio.lowlevel.TrioToken, trio.Nursery]] = queue.Queue()

        async def live() -> None:
            async with trio.open_nursery() as nursery:
                self._end = trio.Event()
                ready.put((trio.lowlevel.current_trio_token(), nursery))
                await self._end.wait()

        self._thread = threading.Thread(target=trio.run, args=(live,), name="trio")
        self._thread.start()
        self._token, self._nursery = ready.get(timeout=HANGS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            self._token.run_sync_soon(self._end.set)
            self._thread.join(HANGS)
        assert not self._thread.is_alive(), "a task has outlived its connection"

    def _spawn(self, work: Callable[[Future[Any]], Awaitable[None]]) -> Any:
        done: Future[Any] = Future()

        async def task() -> None:
            try:
                await work(done)
            except BaseException as error:
                if not done.done():
                    done.set_exception(error)
                if not isinstance(error, Exception):
                    raise

        self._token.run_sync_soon(self._nursery.start_soon, task)
        return done.result(HANGS)

    def call(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        async def work(done: Future[Any]) -> None:
            result = function(*arguments, **keywords)
            done.set_result(await result if isinstance(result, Awaitable) else result)

        return self._spawn(work)

    def open(self, opening: Callable[[], Any]) -> tuple[Any, Callable[[], None]]:
        left: Future[None] = Future()
        leaving: list[trio.Event] = []

        async def work(done: Future[Any]) -> None:
            try:
                leave = trio.Event()
                leaving.append(leave)
                async with opening() as opened:
                    done.set_result(opened)
                    await leave.wait()
            except BaseException as error:
                if done.done():
                    left.set_exception(error)
                else:
                    raise
            else:
                left.set_result(None)

        opened = self._spawn(work)

        def leave() -> None:
            self._token.run_sync_soon(leaving[0].set)
            left.result(HANGS)

        return opened, leave

    def sleeping_handler(self, handler: Callable[[Any], object], seconds: float) -> Callable[[Any], Any]:
        async def handle(message: Any) -> None:
            await trio.sleep(seconds)
            handler(message)

        return handle

    def waiting_handler(
        self, begin: Callable[[], Callable[[], object]], handler: Callable[[Any], object]
    ) -> Callable[[Any], Any]:
        async def handle(message: Any) -> None:
            condition = begin()
            while not condition():  # noqa: ASYNC110 -- nobody announces it
                await trio.sleep(0.005)
            handler(message)

        return handle

    def question(self, answer: Callable[[], Any]) -> Callable[[], Any]:
        async def ask() -> Any:
            await trio.lowlevel.checkpoint()
            return answer()

        return ask

    def stuck_question(self, entered: threading.Event, released: threading.Event) -> Callable[[], Any]:
        async def ask() -> str:
            entered.set()
            try:
                await trio.sleep(HANGS)
            finally:
                released.set()
            return "late"

        return ask


WORLDS: dict[str, type[World]] = {"socket": Blocking, "asyncio": Asyncio, "trio": Trio}

_OVER_WEBSOCKET = [f"{name} over websocket" for name in WORLDS]
_IN_MEMORY = ["asyncio in memory", "trio in memory"]
#: For tests that use :meth:`World.broker`: they run over TCP, over WebSocket, and with connections in memory. (Those of
#: the blocking adapter would be socket pairs.)
over_every_transport = pytest.mark.parametrize(
    "world", [*WORLDS, *_OVER_WEBSOCKET, *_IN_MEMORY], indirect=True
)
#: The same without the blocking adapter, which is no matter of an event loop.
over_every_transport_of_a_loop = pytest.mark.parametrize(
    "world",
    [name for name in [*WORLDS, *_OVER_WEBSOCKET, *_IN_MEMORY] if not name.startswith("socket")],
    indirect=True,
)
#: For tests that use :meth:`World.proxy` too: they run over TCP and over WebSocket.
over_websocket_too = pytest.mark.parametrize("world", [*WORLDS, *_OVER_WEBSOCKET], indirect=True)
