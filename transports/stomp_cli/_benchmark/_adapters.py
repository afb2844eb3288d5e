"""The three adapters behind one interface, so that the workload of a benchmark is written once, as coroutines.

For the blocking adapter such a coroutine runs in a thread, and never waits for anything: whatever it awaits has been
done by then, in a call that blocks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar

__all__ = ["ADAPTERS", "Adapter", "BlockingAdapter", "adapter_named"]

T = TypeVar("T")
Job = Callable[[], Coroutine[Any, Any, None]]

ADAPTERS = ("socket", "asyncio", "trio")


class Adapter(Protocol):
    """What a workload needs of an adapter."""

    def run(self, main: Job) -> None:
        """Run a coroutine function to its end."""

    def connect(self, endpoints: Any, **options: Any) -> AbstractAsyncContextManager[Any]:
        """Connect for the length of an ``async with`` block."""
        ...

    def entered(self, context: Any) -> AbstractAsyncContextManager[Any]:
        """Enter a context manager of the adapter, such as a subscription."""
        ...

    def result(self, operation: Any) -> Awaitable[Any]:
        """Return what to await for the result of an operation that was called."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    async def run_all(self, jobs: Sequence[Job]) -> None:
        """Run coroutine functions at the same time, and wait for all of them."""


class _Done(Generic[T]):
    """The result of a call that has returned, to await."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, None, T]:
        yield from ()  # waits for nothing
        return self._value


class BlockingAdapter:
    """``stomp_socket``: a thread for each job."""

    def run(self, main: Job) -> None:
        try:
            main().send(None)
        except StopIteration:
            return
        raise AssertionError("a coroutine has waited for something, in a world where calls block")

    @asynccontextmanager
    async def connect(self, endpoints: Any, **options: Any) -> AsyncIterator[Any]:
        import stomp_socket

        with stomp_socket.connect(endpoints, **options) as connection:
            yield connection

    @asynccontextmanager
    async def entered(self, context: Any) -> AsyncIterator[Any]:
        with context as entered:
            yield entered

    def result(self, operation: Any) -> Awaitable[Any]:
        return _Done(operation)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - there is no loop that it could block

    async def run_all(self, jobs: Sequence[Job]) -> None:
        errors: list[BaseException] = []

        def work(job: Job) -> None:
            try:
                self.run(job)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(job,), daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]


class _AsyncAdapter:
    def __init__(self, connect: Callable[..., Any]) -> None:
        self._connect = connect

    def connect(self, endpoints: Any, **options: Any) -> AbstractAsyncContextManager[Any]:
        context: AbstractAsyncContextManager[Any] = self._connect(endpoints, **options)
        return context

    def entered(self, context: Any) -> AbstractAsyncContextManager[Any]:
        entered: AbstractAsyncContextManager[Any] = context
        return entered

    def result(self, operation: Any) -> Awaitable[Any]:
        awaitable: Awaitable[Any] = operation
        return awaitable


class _AsyncioAdapter(_AsyncAdapter):
    def __init__(self) -> None:
        import stomp_asyncio

        super().__init__(stomp_asyncio.connect)

    def run(self, main: Job) -> None:
        import asyncio

        asyncio.run(main())

    async def sleep(self, seconds: float) -> None:
        import asyncio

        await asyncio.sleep(seconds)

    async def run_all(self, jobs: Sequence[Job]) -> None:
        import asyncio

        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job())


class _TrioAdapter(_AsyncAdapter):
    def __init__(self) -> None:
        import stomp_trio

        super().__init__(stomp_trio.connect)

    def run(self, main: Job) -> None:
        import trio

        trio.run(main)

    async def sleep(self, seconds: float) -> None:
        import trio

        await trio.sleep(seconds)

    async def run_all(self, jobs: Sequence[Job]) -> None:
        import trio

        async with trio.open_nursery() as nursery:
            for job in jobs:
                nursery.start_soon(job)


def adapter_named(name: str) -> Adapter:
    """Return one of :data:`ADAPTERS`.

    Raises:
        ModuleNotFoundError: it needs a package that is not installed; the text says which.
    """
    if name == "socket":
        return BlockingAdapter()
    return _AsyncioAdapter() if name == "asyncio" else _TrioAdapter()
