"""The whole Connection API for anyio, on asyncio and on trio: an engine of two tasks for each connection.

async with connect("stomp://guest:guest@localhost:61613") as connection:
    await connection.send("/queue/a", "hello", receipt=True)
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from random import Random
from typing import Any

import anyio
from anyio.abc import TaskGroup

from stomp_core.adapter import AsyncConnection, AsyncLoopEngine, Line, TransportOptions
from stomp_core.session import Config, Endpoint, EndpointSource
from stomp_socket import Stream, dial, is_not_now


class Socket:
    """One attempt to connect, and the connection that it becomes. It is a stomp_core.adapter.Transport."""

    def __init__(self, engine: Engine, line: Line, endpoint: Endpoint) -> None:
        self.engine, self.line, self.endpoint = engine, line, endpoint
        self.scope, self.aborted = anyio.CancelScope(), False
        self.unsent = memoryview(b"")
        self.may_write, self.may_read = anyio.Event(), anyio.Event()
        self.may_read.set()

    async def live(self) -> None:
        """Dial, then read until the connection is lost or aborted."""
        report, line = self.engine.report, self.line
        with self.scope:
            try:
                if line.questions is not None:
                    await line.questions.ask_async()
                stream = await anyio.to_thread.run_sync(self.dial, abandon_on_cancel=True)
            except Exception as error:
                return report(line.lost, error)
            try:
                async with anyio.create_task_group() as group:
                    report(line.made)
                    group.start_soon(self.keep_writing, stream)
                    while not line.over:
                        await self.may_read.wait()
                        data = await retry(partial(stream.recv, 65536), anyio.wait_readable, stream)
                        report(line.received, data) if data else report(line.eof)
                    group.cancel_scope.cancel()
            except* OSError as several:
                with suppress(OSError):  # what the peer has sent last, an ERROR perhaps
                    while data := stream.recv(65536):
                        report(line.received, data)
                report(line.lost, several.exceptions[0])
            finally:
                stream.close()

    def dial(self) -> Stream:
        stream = dial(self.endpoint, self.line.timeout, self.engine.options)
        if self.aborted:
            stream.close()  # nobody waits for it any more
        return stream

    async def keep_writing(self, stream: Stream) -> None:
        while True:
            await self.may_write.wait()
            self.may_write = anyio.Event()
            while self.unsent:
                sent = await retry(partial(stream.send, self.unsent), anyio.wait_writable, stream)
                self.unsent = self.unsent[sent:]
            self.engine.report(self.line.written)

    def write(self, data: bytes | memoryview) -> None:
        self.unsent = memoryview(data)
        self.may_write.set()

    def set_reading(self, on: bool) -> None:
        self.may_read.set()
        if not on:
            self.may_read = anyio.Event()

    def abort(self) -> None:
        self.aborted = True
        self.scope.cancel()


async def retry(function: Callable[[], Any], ready: Callable[[Any], Awaitable[None]], stream: Stream) -> Any:
    """Call a function of a stream that does not block, until it has done something."""
    while True:
        try:
            return function()
        except OSError as error:
            if not is_not_now(error):
                raise
            await ready(stream.fileno())


class Engine(AsyncLoopEngine):
    """Drives a session in a task group."""

    def __init__(self, config: Config, options: TransportOptions, group: TaskGroup) -> None:
        super().__init__(config, time.monotonic, rng=Random())
        self.options, self.group = options, group

    def dial(self, line: Line, endpoint: Endpoint) -> Socket:
        sock = Socket(self, line, endpoint)
        self.group.start_soon(sock.live)
        return sock

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Callable[[], object]:
        scope = anyio.CancelScope()

        async def wait() -> None:
            with scope:
                await anyio.sleep(seconds)
                callback()

        self.group.start_soon(wait)
        return scope.cancel

    def new_event(self) -> anyio.Event:
        return anyio.Event()

    async def checkpoint(self) -> None:
        await anyio.lowlevel.checkpoint()

    async def run_workers(self, worker: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
        async with anyio.create_task_group() as group:
            for _ in range(count):
                group.start_soon(worker)


@asynccontextmanager
async def connect(endpoints: EndpointSource, **options: Any) -> AsyncIterator[AsyncConnection]:
    """Connect to a broker. The options are those of stomp_trio.connect()."""
    transport = TransportOptions.take_from(endpoints, options)
    config = Config(transport.endpoints, **options)
    raised: Exception | None = None
    async with anyio.create_task_group() as group:
        engine = Engine(config, transport, group)
        try:
            async with await engine.open() as connection:
                yield connection
        except Exception as error:
            raised = error  # and not in a group of exceptions
        finally:
            engine.abort()
            group.cancel_scope.cancel()
    if raised is not None:
        raise raised
