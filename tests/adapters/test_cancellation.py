"""Cancellation at every await of a story, in asyncio and in trio: nothing leaks, nothing hangs, no message is lost."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import time
import types
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

import pytest
import trio

import stomp_asyncio
import stomp_trio
from stomp_testing import Broker, Pause, ScriptedServer

MOST_AWAITS = 400
JOBS = ("one", "two", "three")


@types.coroutine
def interrupted(
    story: Coroutine[Any, Any, None], at: int, cancel: Callable[[], object], reached: list[int]
) -> Generator[Any, Any, None]:
    """Run a story, and cancel it as it is suspended for the ``at``-th time."""
    step: Callable[[Any], Any] = story.send
    value: Any = None
    while True:
        try:
            waits_for = step(value)
        except StopIteration:
            return
        reached[0] += 1
        if reached[0] == at:
            cancel()
        try:
            value = yield waits_for
            step = story.send
        except BaseException as error:
            value, step = error, story.throw


class Story:
    """What both worlds do; and what must be true afterwards."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.acknowledged: list[str] = []
        for job in JOBS:
            broker.send("/queue/jobs", job)

    async def with_a_connection_of_its_own(self, module: Any) -> None:
        async with module.connect(self.broker.url) as conn:
            await self.on(conn)

    async def on(self, conn: Any) -> None:
        await conn.send("/queue/a", "hello", receipt=True)
        await conn.send("/queue/a", "hello")
        async with conn.transaction() as tx:
            await tx.send("/queue/a", "in a transaction")
        async with conn.pipeline(2) as pipeline:
            for _ in range(3):
                await pipeline.send("/queue/a", "in a pipeline")
        async with conn.subscribe("/queue/jobs", ack="client-individual") as jobs:
            async for job in jobs:
                await job.ack(receipt=True)
                self.acknowledged.append(job.text)
                if len(self.acknowledged) == len(JOBS):
                    break

    def check(self) -> None:
        """Once every connection is closed: what is not acknowledged is there for somebody else."""
        self.broker.wait_until(lambda broker: not broker.connections, timeout=10)
        left = [body.decode() for body in self.broker.messages("/queue/jobs")]
        # An ACK whose receipt was not waited for may have arrived.
        lost = set(JOBS) - set(left) - set(self.acknowledged)
        assert len(lost) <= 1
        assert not set(left) & set(self.acknowledged)
        assert len(left) == len(set(left))


async def run_in_asyncio(story: Story, at: int, *, outer: bool) -> int:
    reached = [0]
    before = asyncio.all_tasks()

    async def work(story: Coroutine[Any, Any, None]) -> None:
        task = asyncio.current_task()
        assert task is not None
        await interrupted(story, at, task.cancel, reached)

    async def run(story: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work(story))
        done, _ = await asyncio.wait([task], timeout=20)
        assert done, f"it hangs when it is cancelled at await {at}"
        if not task.cancelled():
            task.result()

    if outer:
        async with stomp_asyncio.connect(story.broker.url) as conn:
            await run(story.on(conn))
            # Still usable.
            await conn.send("/queue/b", "alive", receipt=True, timeout=10)
    else:
        await run(story.with_a_connection_of_its_own(stomp_asyncio))
    assert asyncio.all_tasks() == before, "a task has outlived its connection"
    return reached[0]


async def run_in_trio(story: Story, at: int, *, outer: bool) -> int:
    reached = [0]

    async def run(story: Coroutine[Any, Any, None]) -> None:
        with trio.fail_after(20), trio.CancelScope() as scope:
            await interrupted(story, at, scope.cancel, reached)

    if outer:
        async with stomp_trio.connect(story.broker.url) as conn:
            await run(story.on(conn))
            await conn.send("/queue/b", "alive", receipt=True, timeout=10)
    else:
        await run(story.with_a_connection_of_its_own(stomp_trio))
    return reached[0]


def asyncio_run(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    return asyncio.run(function(*arguments, **keywords))


def trio_run(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    async def main() -> Any:
        return await function(*arguments, **keywords)

    return trio.run(main)


@pytest.mark.parametrize("outer", [False, True], ids=["its own connection", "a connection that lives on"])
@pytest.mark.parametrize(
    ("run", "run_story"),
    [
        pytest.param(asyncio_run, run_in_asyncio, id="asyncio"),
        pytest.param(trio_run, run_in_trio, id="trio"),
    ],
)
def test_a_story_may_be_cancelled_at_every_await(run: Any, run_story: Any, outer: bool) -> None:
    for at in range(1, MOST_AWAITS):
        with Broker() as broker:
            story = Story(broker)
            reached = run(run_story, story, at, outer=outer)
            story.check()
        if reached < at:
            # It was run to its end without being cancelled.
            assert story.acknowledged == list(JOBS)
            assert at > 6, "the story is too short to prove anything"
            return
    pytest.fail("the story never ended")


def test_cancelled_while_dialling_the_socket_is_closed() -> None:
    async def main() -> None:
        with Broker(silent=True) as broker:
            task = asyncio.ensure_future(stomp_asyncio.connect(broker.url, handshake_timeout=30))
            await asyncio.to_thread(broker.wait_until, lambda b: b.connections, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(broker.wait_until, lambda b: not b.connections, 10)

    asyncio.run(main())


def test_asyncio_timeout_works_around_any_wait() -> None:
    async def main() -> None:
        with Broker(hold_receipts=True) as broker:
            async with stomp_asyncio.connect(broker.url) as conn:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await conn.send("/queue/a", "hello", receipt=True)
                broker.hold_receipts = False
                await conn.send("/queue/a", "again", receipt=True)

    asyncio.run(main())


def test_trio_scopes_work_around_any_wait() -> None:
    async def main() -> None:
        with Broker(hold_receipts=True) as broker:
            async with stomp_trio.connect(broker.url) as conn:
                with trio.move_on_after(0.05) as scope:
                    await conn.send("/queue/a", "hello", receipt=True)
                assert scope.cancelled_caught
                broker.hold_receipts = False
                await conn.send("/queue/a", "again", receipt=True)

    trio.run(main)


def test_trio_raises_the_exception_and_no_group() -> None:
    async def main() -> None:
        with pytest.raises(OSError, match="connection refused"):
            async with stomp_trio.connect("stomp://127.0.0.1:1"):
                pass
        with Broker() as broker, pytest.raises(KeyError, match="mine"):
            async with stomp_trio.connect(broker.url):
                raise KeyError("mine")

    trio.run(main)


def test_trio_may_be_a_guest() -> None:
    async def in_trio() -> str:
        with Broker() as broker:
            async with stomp_trio.connect(broker.url) as conn:
                messages = await conn.subscribe("/queue/a")
                await conn.send("/queue/a", "as a guest", receipt=True)
                text: str = (await messages.receive(timeout=10)).text
                return text

    async def host() -> str:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        trio.lowlevel.start_guest_run(
            in_trio,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=lambda outcome: done.set_result(outcome.unwrap()),
        )
        return str(await done)

    assert asyncio.run(host()) == "as a guest"


def test_it_runs_on_uvloop_and_in_task_groups() -> None:
    uvloop = pytest.importorskip("uvloop", reason='pip install "stomp-core[uvloop]"')

    async def main() -> list[str]:
        with Broker() as broker:
            async with stomp_asyncio.connect(broker.url, heart_beat=(1, 1)) as conn:
                got: list[str] = []
                async with conn.subscribe("/queue/a", ack="client-individual") as messages:

                    async def receive() -> None:
                        message = await messages.receive(timeout=10)
                        await message.ack(receipt=True)
                        got.append(message.text)

                    async with asyncio.TaskGroup() as group:
                        for number in range(5):
                            group.create_task(conn.send("/queue/a", str(number), receipt=True))
                            group.create_task(receive())
                return sorted(got)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(main()) == ["0", "1", "2", "3", "4"]


def test_1000_connections_with_10000_subscriptions() -> None:
    async def main() -> int:
        with Broker() as broker:
            async with stomp_asyncio.connect(broker.url) as sender:
                got = 0
                limit = asyncio.Semaphore(100)

                async def client(number: int) -> None:
                    nonlocal got
                    async with limit:
                        conn = await stomp_asyncio.connect(broker.url)
                    topics = [await conn.subscribe(f"/topic/{number % 10}-{topic}") for topic in range(10)]
                    ready.append(number)
                    if len(ready) == 1000:
                        everybody_listens.set()
                    await everything_sent.wait()
                    for topic in topics:
                        await topic.receive(timeout=60)
                        got += 1
                    await conn.close()

                ready: list[int] = []
                everybody_listens, everything_sent = asyncio.Event(), asyncio.Event()
                async with asyncio.TaskGroup() as group:
                    for number in range(1000):
                        group.create_task(client(number))
                    await everybody_listens.wait()
                    for number in range(10):
                        for topic in range(10):
                            await sender.send(f"/topic/{number}-{topic}", "to a hundred", receipt=True)
                    everything_sent.set()
                return got

    assert asyncio.run(main()) == 10_000


def new_uvloop() -> asyncio.AbstractEventLoop:
    uvloop = pytest.importorskip("uvloop", reason='pip install "stomp-core[uvloop]"')
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


LOOPS = [
    pytest.param(asyncio.new_event_loop, id="asyncio"),
    pytest.param(new_uvloop, id="uvloop"),
]


async def cancel_after(seconds: float, url: str, context: ssl.SSLContext | None) -> None:
    connecting = stomp_asyncio.connect(url, ssl_context=context, connect_timeout=30, handshake_timeout=30)
    task = asyncio.ensure_future(connecting)
    await asyncio.sleep(seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)


async def time_out(seconds: float, url: str, context: ssl.SSLContext | None) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await stomp_asyncio.connect(url, ssl_context=context, connect_timeout=30, handshake_timeout=30)


@pytest.mark.parametrize("loop_factory", LOOPS)
@pytest.mark.parametrize("end", [cancel_after, time_out], ids=["cancelled", "timed out"])
@pytest.mark.parametrize("state", ["resolving", "dialling", "TLS", "handshaking"])
def test_connect_may_be_cancelled_in_every_state(
    loop_factory: Callable[[], asyncio.AbstractEventLoop], end: Any, state: str
) -> None:
    with ScriptedServer([Pause(60)]) as server, socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        with contextlib.ExitStack() as stack:
            url, context = server.url, None
            if state == "TLS":
                context = ssl.create_default_context()  # made here, because that takes long
                url = server.url.replace("stomp://", "stomp+ssl://")
            elif state == "dialling":
                # Its queue is full, so that nothing answers.
                address = full.getsockname()
                for _ in range(4):
                    client = stack.enter_context(socket.socket())
                    client.setblocking(False)
                    client.connect_ex(address)
                url = f"stomp://127.0.0.1:{address[1]}"
            began = time.monotonic()
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                runner.run(end(0.0 if state == "resolving" else 0.2, url, context))
            assert time.monotonic() - began < 5
            if state in ("TLS", "handshaking"):
                server.wait_until_closed()


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_failed_connect_leaves_nothing_behind(
    loop_factory: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path
) -> None:
    """Exceptions that nobody retrieves fail every test; see tests/conftest.py."""

    async def main(url: str) -> None:
        with pytest.raises(OSError, match="could not connect"):
            await stomp_asyncio.connect(url, connect_timeout=2, handshake_timeout=0.2)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with Broker() as broker, ScriptedServer([Pause(60)]) as silent:
        for url in (
            "stomp://127.0.0.1:1",
            "stomp://nowhere.invalid",
            f"stomp+unix://{tmp_path}/nobody",
            broker.url.replace("stomp://", "stomp+ssl://"),
            silent.url,
        ):
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                runner.run(main(url))
            gc.collect()
