"""The whole Connection API for anyio, on asyncio and on trio: an engine of two tasks for each connection.

async with connect("stomp://guest:guest@localhost:61613") as connection:
    await connection.send("/queue/a", "hello", receipt=True)
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import anyio
from anyio.abc import ByteStream, TaskGroup

from stomp_core.adapter import AsyncConnection, AsyncLoopEngine, Line
from stomp_core.session import Config, Endpoint, EndpointSource


def reason(error: BaseException) -> BaseException:
    """Return the exception of the operating system or of TLS below one of anyio: it decides what an error text says."""
    return error.__cause__ if isinstance(error.__cause__, OSError) else error


class Stream:
    """One attempt to connect, and the connection that it becomes. It is a stomp_core.adapter.Transport."""

    def __init__(self, engine: Engine, line: Line, endpoint: Endpoint) -> None:
        self.engine, self.line, self.endpoint = engine, line, endpoint
        self.scope = anyio.CancelScope()
        self.unsent: bytes | memoryview = b""
        self.may_write, self.may_read = anyio.Event(), anyio.Event()
        self.reading = True

    async def live(self) -> None:
        """Dial, then read until the connection is lost or aborted."""
        report, line = self.engine.report, self.line
        with self.scope:
            try:
                stream = await self.connect()
            except Exception as error:
                return report(line.lost, reason(error))
            try:
                async with anyio.create_task_group() as group:
                    report(line.made)
                    group.start_soon(self.keep_writing, stream)
                    while not line.over:
                        if self.reading:
                            report(line.received, await stream.receive())
                        else:
                            self.may_read = anyio.Event()
                            await self.may_read.wait()
                    group.cancel_scope.cancel()
            except* anyio.EndOfStream:
                report(line.eof)
            except* (OSError, anyio.BrokenResourceError) as several:
                report(line.lost, reason(several.exceptions[0]))
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.aclose_forcefully(
                        stream
                    )  # not aclose(): it waits for a peer that does not read

    async def connect(self) -> ByteStream:
        if self.endpoint.transport == "unix":
            return await anyio.connect_unix(self.endpoint.path)
        context = self.engine.ssl_context or ssl.create_default_context()
        if not self.endpoint.secure:
            return await anyio.connect_tcp(self.endpoint.host, self.endpoint.port)
        return await anyio.connect_tcp(
            self.endpoint.host, self.endpoint.port, ssl_context=context, tls_standard_compatible=False
        )

    async def keep_writing(self, stream: ByteStream) -> None:
        while True:
            await self.may_write.wait()
            self.may_write = anyio.Event()
            await stream.send(bytes(self.unsent))
            self.engine.report(self.line.written)

    def write(self, data: bytes | memoryview) -> None:
        self.unsent = data
        self.may_write.set()

    def set_reading(self, on: bool) -> None:
        self.reading = on
        self.may_read.set()

    def abort(self) -> None:
        self.scope.cancel()


class Engine(AsyncLoopEngine):
    """Drives a session in a task group."""

    def __init__(self, config: Config, ssl_context: ssl.SSLContext | None, group: TaskGroup) -> None:
        super().__init__(config, time.monotonic, rng=Random())
        self.ssl_context, self.group = ssl_context, group

    def dial(self, line: Line, endpoint: Endpoint) -> Stream:
        stream = Stream(self, line, endpoint)
        self.group.start_soon(stream.live)
        return stream

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
async def connect(
    endpoints: EndpointSource, *, ssl_context: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[AsyncConnection]:
    """Connect to a broker. The options are those of stomp_core.session.Config."""
    config = Config(endpoints, **options)
    raised: Exception | None = None
    async with anyio.create_task_group() as group:
        engine = Engine(config, ssl_context, group)
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
