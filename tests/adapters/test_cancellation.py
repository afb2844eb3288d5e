"""Cancellation at every await of a story, in asyncio and in trio: nothing leaks, nothing hangs, no message is lost."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import ssl
import threading
import time
import types
import warnings
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

import pytest
import trio

import stomp_asyncio
import stomp_trio
from stomp_core.session import Reconnect
from stomp_testing import Broker, Pause, Recorder, ScriptedServer
from tests.certificates import Certificates

from .worlds import HANGS, until

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
        self.broker.wait_until(lambda broker: not broker.connections, timeout=HANGS)
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
        done, _ = await asyncio.wait([task], timeout=HANGS)
        assert done, f"it hangs when it is cancelled at await {at}"
        if not task.cancelled():
            task.result()

    if outer:
        async with stomp_asyncio.connect(story.broker.url) as conn:
            await run(story.on(conn))
            # Still usable.
            await conn.send("/queue/b", "alive", receipt=True, timeout=HANGS)
    else:
        await run(story.with_a_connection_of_its_own(stomp_asyncio))
    assert asyncio.all_tasks() == before, "a task has outlived its connection"
    return reached[0]


async def run_in_trio(story: Story, at: int, *, outer: bool) -> int:
    reached = [0]

    async def run(story: Coroutine[Any, Any, None]) -> None:
        with trio.fail_after(HANGS), trio.CancelScope() as scope:
            await interrupted(story, at, scope.cancel, reached)

    if outer:
        async with stomp_trio.connect(story.broker.url) as conn:
            await run(story.on(conn))
            await conn.send("/queue/b", "alive", receipt=True, timeout=HANGS)
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
            task = asyncio.ensure_future(stomp_asyncio.connect(broker.url, handshake_timeout=HANGS))
            await asyncio.to_thread(broker.wait_until, lambda b: b.connections, HANGS)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(broker.wait_until, lambda b: not b.connections, HANGS)

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


async def cancelled_in_asyncio(operation: Any) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await operation


async def cancelled_in_trio(operation: Any) -> None:
    with trio.move_on_after(0.01) as scope:
        await operation
    assert scope.cancelled_caught


@pytest.mark.parametrize(
    ("run", "module", "cancelled"),
    [
        pytest.param(asyncio_run, stomp_asyncio, cancelled_in_asyncio, id="asyncio"),
        pytest.param(trio_run, stomp_trio, cancelled_in_trio, id="trio"),
    ],
)
def test_a_send_that_was_cancelled_does_not_leave_later(run: Any, module: Any, cancelled: Any) -> None:
    """It waits for a connection; when there is one, nobody wants it any more."""
    soon = module.Reconnect(first_delay=0.01, max_delay=0.05)
    lost = threading.Event()

    class Observer(module.Listener):  # type: ignore[misc]
        def connection_lost(self, endpoint: Any, reason: str) -> None:
            lost.set()

    async def main() -> None:
        async with module.connect(broker.url, reconnect=soon, listener=Observer()) as conn:
            broker.kill()
            while not lost.is_set():
                await (asyncio.sleep if module is stomp_asyncio else trio.sleep)(0.001)
            await cancelled(conn.send("/queue/a", "x", receipt=True, timeout=HANGS))
            broker.start()
            await conn.send("/queue/b", "y", receipt=True, timeout=HANGS)

    with Broker() as broker:
        run(main)
        assert broker.messages("/queue/b") == [b"y"]
        assert broker.messages("/queue/a") == []


@pytest.mark.parametrize("block", ["transaction", "subscribe"])
def test_the_end_of_a_cancelled_trio_block_is_sent(block: str) -> None:
    """Its task cannot await anything any more."""
    recorder = Recorder()

    async def main() -> None:
        async with stomp_trio.connect(broker.url) as conn:
            with trio.CancelScope() as scope:
                async with conn.transaction() if block == "transaction" else conn.subscribe("/queue/a"):
                    scope.cancel()
                    await trio.lowlevel.checkpoint()
            await conn.send("/queue/b", "alive", receipt=True)

    with Broker(recorder=recorder) as broker:
        trio.run(main)
    command = "ABORT" if block == "transaction" else "UNSUBSCRIBE"
    assert [frame.command for frame in recorder.frames(direction="to-server")][2:4] == [command, "SEND"]


def test_operations_of_a_cancelled_trio_scope_do_nothing() -> None:
    """Each is a checkpoint, also where it need not wait."""

    async def main() -> None:
        with Broker() as broker:
            broker.send("/queue/a", "a message")
            async with (
                stomp_trio.connect(broker.url) as conn,
                conn.subscribe("/queue/a", ack="client-individual") as messages,
            ):
                message = await messages.receive(timeout=HANGS)
                broker.send("/queue/a", "another one")
                while not messages.waiting:  # noqa: ASYNC110 -- nobody announces it
                    await trio.sleep(0.001)
                for operation in (lambda: conn.send("/queue/b", "x"), message.ack, messages.receive):
                    await conn.send(
                        "/queue/c", "x", receipt=True
                    )  # after that, the next one yields to nobody
                    with trio.CancelScope() as scope:
                        scope.cancel()
                        await operation()
                    assert scope.cancelled_caught
                assert messages.waiting == 1
                await conn.send("/queue/c", "last", receipt=True)
                assert broker.messages("/queue/b") == []
                assert len(broker.unacknowledged("/queue/a")) == 2

    trio.run(main)


def test_a_task_that_takes_what_is_there_lets_others_run() -> None:
    """Nothing of it has to wait, and all of it takes many times as long as one turn may take, on any machine."""
    count = 100

    async def take_all(conn: Any, turns: list[None]) -> None:
        messages = await conn.subscribe("/queue/a")
        while messages.waiting < count:
            await conn.send("/queue/b", "x", receipt=True)
        turns.clear()
        for _ in range(count):
            await messages.receive(timeout=HANGS)
            handled = time.perf_counter() + 0.002
            while time.perf_counter() < handled:
                pass
        assert len(turns) > 1

    async def in_asyncio(url: str) -> None:
        turns: list[None] = []

        async def take_turns() -> None:
            while True:
                turns.append(None)
                await asyncio.sleep(0)

        async with stomp_asyncio.connect(url) as conn:
            other = asyncio.ensure_future(take_turns())
            await take_all(conn, turns)
            other.cancel()

    async def in_trio(url: str) -> None:
        turns: list[None] = []

        async def take_turns() -> None:
            while True:
                turns.append(None)
                await trio.lowlevel.checkpoint()

        async with stomp_trio.connect(url) as conn, trio.open_nursery() as nursery:
            nursery.start_soon(take_turns)
            await take_all(conn, turns)
            nursery.cancel_scope.cancel()

    runs: list[Callable[[str], None]] = [
        lambda url: asyncio.run(in_asyncio(url)),
        lambda url: trio.run(in_trio, url),
    ]
    for run in runs:
        with Broker() as broker:
            for _ in range(count):
                broker.send("/queue/a", "x")
            run(broker.url)


def test_trio_raises_the_exception_and_no_group(closed_port: int) -> None:
    async def main() -> None:
        with pytest.raises(OSError, match="connection refused"):
            async with stomp_trio.connect(f"stomp://127.0.0.1:{closed_port}"):
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
                text: str = (await messages.receive(timeout=HANGS)).text
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
            async with stomp_asyncio.connect(broker.url) as conn:
                got: list[str] = []
                async with conn.subscribe("/queue/a", ack="client-individual") as messages:

                    async def receive() -> None:
                        message = await messages.receive(timeout=HANGS)
                        await message.ack(receipt=True)
                        got.append(message.text)

                    async with asyncio.TaskGroup() as group:
                        for number in range(5):
                            group.create_task(conn.send("/queue/a", str(number), receipt=True))
                            group.create_task(receive())
                return sorted(got)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(main()) == ["0", "1", "2", "3", "4"]


def test_300_connections_with_3000_subscriptions() -> None:
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
                    if len(ready) == 300:
                        everybody_listens.set()
                    await everything_sent.wait()
                    for topic in topics:
                        await topic.receive(timeout=HANGS)
                        got += 1
                    await conn.close()

                ready: list[int] = []
                everybody_listens, everything_sent = asyncio.Event(), asyncio.Event()
                async with asyncio.TaskGroup() as group:
                    for number in range(300):
                        group.create_task(client(number))
                    await everybody_listens.wait()
                    for number in range(10):
                        for topic in range(10):
                            await sender.send(f"/topic/{number}-{topic}", "to thirty", receipt=True)
                    everything_sent.set()
                return got

    assert asyncio.run(main()) == 3_000


def new_uvloop() -> asyncio.AbstractEventLoop:
    uvloop = pytest.importorskip("uvloop", reason='pip install "stomp-core[uvloop]"')
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


LOOPS = [
    pytest.param(asyncio.new_event_loop, id="asyncio"),
    pytest.param(new_uvloop, id="uvloop"),
]


@pytest.mark.parametrize("new_loop", LOOPS)
def test_connect_and_subscribe_are_coroutines_for_asyncio(new_loop: Any) -> None:
    """Tasks can be made of them, and one that is cancelled before it begins leaves no warning."""

    async def main() -> None:
        for timeout in (0, -1):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(stomp_asyncio.connect(broker.url), timeout)
        cancelled = asyncio.create_task(stomp_asyncio.connect(broker.url))
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        connecting = asyncio.create_task(stomp_asyncio.connect(broker.url))
        await asyncio.sleep(0)
        assert "connect" in repr(connecting)
        assert connecting.get_stack()
        async with await connecting as conn:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(conn.subscribe("/queue/a"), 0)
            one, two = await asyncio.gather(conn.subscribe("/queue/a"), conn.subscribe("/queue/b"))
            assert (one.destination, two.destination) == ("/queue/a", "/queue/b")
        gc.collect()

    with Broker() as broker, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(main())
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


#: None of these timeouts is to end what is to be cancelled, nor the number of attempts.
PATIENT: dict[str, Any] = {
    "connect_timeout": HANGS,
    "handshake_timeout": HANGS,
    "reconnect": Reconnect(first_delay=HANGS, max_delay=HANGS, jitter=0, first_rounds=None),
}
STATES = ["resolving", "dialling", "TLS", "handshaking", "back-off"]
Connecting = Callable[[], Any]


async def cancel_after(seconds: float, connect: Connecting) -> None:
    task = asyncio.ensure_future(connect())
    await asyncio.sleep(seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, HANGS)


async def time_out(seconds: float, connect: Connecting) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await connect()


async def wait_for_a_while(seconds: float, connect: Connecting) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(connect(), max(seconds, 0.001))  # 0 cancels it before it has begun


async def leave_task_group(seconds: float, connect: Connecting) -> None:
    async def fail() -> None:
        await asyncio.sleep(seconds)
        raise KeyError("of another task")

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            group.create_task(enter(connect))

    with pytest.raises(ExceptionGroup) as caught:
        await both()
    assert [type(error) for error in caught.value.exceptions] == [KeyError]


async def enter(connect: Connecting) -> None:
    async with connect():
        raise AssertionError("it cannot connect")


@contextlib.contextmanager
def never_connecting(state: str) -> Generator[tuple[str, dict[str, Any]]]:
    """A URL, and options for it, with which connecting comes to this state and no further.

    At the end every socket that was opened meanwhile is closed.
    """
    with (
        ScriptedServer([Pause(2 * HANGS)]) as server,
        socket.create_server(("127.0.0.1", 0), backlog=0) as full,
        contextlib.ExitStack() as stack,
    ):
        url, options = server.url, PATIENT
        if state == "TLS":
            # The context is made here, because that takes long.
            options = {**PATIENT, "ssl_context": ssl.create_default_context()}
            url = server.url.replace("stomp://", "stomp+ssl://")
        elif state == "dialling":
            # Its queue is full, so that nothing answers.
            address = full.getsockname()
            for _ in range(4):
                client = stack.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(address)
            url = f"stomp://127.0.0.1:{address[1]}"
        elif state == "back-off":
            url = "stomp://127.0.0.1:1"
        before = sockets()
        yield url, options
        if state in ("TLS", "handshaking"):
            server.wait_until_closed(timeout=HANGS)
        gc.collect()
        until(lambda: sockets() <= before)


def sockets() -> set[str]:
    """The sockets of this process; none where the platform does not tell. libuv keeps pipes of its own for good."""
    found = set()
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/self/fd/{name}")
                if target.startswith("socket:"):
                    found.add(target)
    return found


@pytest.mark.parametrize("loop_factory", LOOPS)
@pytest.mark.parametrize("end", [cancel_after, time_out, wait_for_a_while, leave_task_group])
@pytest.mark.parametrize("state", STATES)
def test_connect_may_be_cancelled_in_every_state(
    loop_factory: Callable[[], asyncio.AbstractEventLoop], end: Any, state: str
) -> None:
    """Exceptions that nobody retrieves fail every test; see tests/conftest.py."""

    async def main(url: str, options: dict[str, Any]) -> None:
        await end(0.0 if state == "resolving" else 0.2, lambda: stomp_asyncio.connect(url, **options))
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with never_connecting(state) as (url, options):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(asyncio.wait_for(main(url, options), HANGS))


@pytest.mark.parametrize("loop_factory", LOOPS)
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_connect_may_be_cancelled_in_every_turn_of_the_loop(
    loop_factory: Callable[[], asyncio.AbstractEventLoop], secure: bool, tls_certs: Certificates
) -> None:
    """Cancelled in the turn in which a transport is made, uvloop calls connection_made() but not connection_lost()."""
    context: ssl.SSLContext | None = None
    server_context: ssl.SSLContext | bool = False
    if secure:
        context = ssl.create_default_context(cafile=str(tls_certs.ca))
        server_context = tls_certs.server.server_context()

    async def main(url: str) -> int:
        connected = 0
        for turns in range(MOST_AWAITS):
            task = asyncio.ensure_future(enter_and_leave(url, context))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=HANGS)
            assert done, f"it hangs when it is cancelled in turn {turns}"
            assert asyncio.all_tasks() == {asyncio.current_task()}
            connected += not task.cancelled()
            if connected == 3:
                return turns
        return MOST_AWAITS

    with Broker(tls=server_context) as broker:
        before = sockets()
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            assert runner.run(main(broker.tls_url if secure else broker.url)) > 10
        broker.wait_until(lambda b: not b.connections, timeout=HANGS)
        gc.collect()
        until(lambda: sockets() <= before)


async def enter_and_leave(url: str, context: ssl.SSLContext | None) -> None:
    async with stomp_asyncio.connect(url, ssl_context=context):
        pass


@pytest.mark.parametrize("loop_factory", LOOPS)
@pytest.mark.parametrize("state", STATES)
def test_a_loop_that_ends_while_connecting_leaves_nothing_behind(
    loop_factory: Callable[[], asyncio.AbstractEventLoop], state: str
) -> None:
    """As with Ctrl-C: the runner cancels all tasks, the engine's own among them, and closes the loop."""

    async def main(url: str, options: dict[str, Any]) -> None:
        connecting = asyncio.ensure_future(stomp_asyncio.connect(url, **options))
        await asyncio.sleep(0.0 if state == "resolving" else 0.2)
        assert not connecting.done()

    with never_connecting(state) as (url, options):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(main(url, options))


@pytest.mark.parametrize("state", STATES)
def test_connect_may_be_cancelled_in_every_state_in_trio(state: str) -> None:
    async def main(url: str, options: dict[str, Any]) -> None:
        with trio.fail_after(HANGS):
            with trio.move_on_after(0.0 if state == "resolving" else 0.2) as scope:
                async with stomp_trio.connect(url, **options):
                    raise AssertionError("it cannot connect")
        assert scope.cancelled_caught

    with never_connecting(state) as (url, options):
        trio.run(main, url, options)


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_failed_connect_leaves_nothing_behind(
    loop_factory: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path, closed_port: int
) -> None:
    """Exceptions that nobody retrieves fail every test; see tests/conftest.py."""

    async def main(url: str) -> None:
        with pytest.raises(OSError, match="could not connect"):
            await stomp_asyncio.connect(url, connect_timeout=2, handshake_timeout=0.2)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with Broker() as broker, ScriptedServer([Pause(2 * HANGS)]) as silent:
        for url in (
            f"stomp://127.0.0.1:{closed_port}",
            "stomp://nowhere.invalid",
            f"stomp+unix://{tmp_path}/nobody",
            broker.url.replace("stomp://", "stomp+ssl://"),
            silent.url,
        ):
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                runner.run(main(url))
            gc.collect()
