"""run(): several workers at a time, and every way in which it ends but the orderly one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import trio

import stomp_asyncio
import stomp_socket
import stomp_trio
from stomp_core.session import Rejected, WorkPolicy
from stomp_testing import Broker

from .test_socket_signals import alarm, needs_timer
from .worlds import HANGS, WORLDS, World, over_every_transport, until


@over_every_transport
def test_workers_are_busy_at_the_same_time(world: World) -> None:
    begun: list[None] = []

    def begin() -> Callable[[], object]:
        begun.append(None)
        return lambda: len(begun) == 3

    with world.broker() as broker:
        for number in range(3):
            broker.send("/queue/a", str(number))
        jobs = world.connect(broker.url).subscribe("/queue/a", ack="client-individual", prefetch=3)
        handled: list[str] = []

        def handle(message: Any) -> None:
            handled.append(message.text)
            if len(handled) == 3:
                jobs.inner.stop()

        jobs.run(world.waiting_handler(begin, handle), concurrency=3)
        assert sorted(handled) == ["0", "1", "2"]


class Exiting:
    """A handler for two workers: one of them ends the program while the other one is busy, or waits for a message.

    Attributes:
        broker: has the messages.
        texts: of the messages.
        handled: of those that were begun to be handled.
    """

    def __init__(self, broker: Broker, kind: type[BaseException], *, other_is_busy: bool) -> None:
        self.broker = broker
        self.handled: list[str] = []
        self._kind = kind
        self._raises = threading.Event()
        self.texts = ["busy", "exit", "later", "last"] if other_is_busy else ["exit"]
        for text in self.texts:
            broker.send("/queue/a", text)

    def _ends_now(self) -> None:
        self._raises.set()
        raise self._kind("the program ends")

    def in_a_thread(self, message: Any) -> None:
        self.handled.append(message.text)
        if message.text == "exit":
            until(lambda: "busy" in self.handled or "busy" not in self.texts)
            self._ends_now()
        self._raises.wait(HANGS)

    async def in_asyncio(self, message: Any) -> None:
        self.handled.append(message.text)
        if message.text == "exit":
            self._ends_now()
        await asyncio.sleep(HANGS)

    async def in_trio(self, message: Any) -> None:
        self.handled.append(message.text)
        if message.text == "exit":
            self._ends_now()
        await trio.sleep(HANGS)


def run_in_socket(exiting: Exiting, returned: list[str]) -> None:
    with (
        stomp_socket.connect(exiting.broker.url) as conn,
        conn.subscribe("/queue/a", ack="client-individual", prefetch=2) as jobs,
    ):
        try:
            jobs.run(exiting.in_a_thread, concurrency=2)
        finally:
            returned.append(jobs.receive(timeout=HANGS).text)


def run_in_asyncio(exiting: Exiting, returned: list[str]) -> None:
    async def main() -> None:
        async with (
            stomp_asyncio.connect(exiting.broker.url) as conn,
            conn.subscribe("/queue/a", ack="client-individual", prefetch=2) as jobs,
        ):
            # The loop ends at once, and the main task gets its exception while asyncio.run() cancels what is left.
            with suppress(SystemExit, KeyboardInterrupt):
                await jobs.run(exiting.in_asyncio, concurrency=2)
                raise AssertionError("run() has returned")

    asyncio.run(main())


def run_in_trio(exiting: Exiting, returned: list[str]) -> None:
    async def main() -> None:
        async with (
            stomp_trio.connect(exiting.broker.url) as conn,
            conn.subscribe("/queue/a", ack="client-individual", prefetch=2) as jobs,
        ):
            try:
                await jobs.run(exiting.in_trio, concurrency=2)
            finally:
                returned.append((await jobs.receive(timeout=HANGS)).text)

    trio.run(main)


@pytest.mark.parametrize("other_is_busy", [False, True], ids=["idle", "busy"])
@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("run", [run_in_socket, run_in_asyncio, run_in_trio], ids=list(WORLDS))
def test_what_ends_the_program_ends_all_workers(
    run: Any, kind: type[BaseException], other_is_busy: bool
) -> None:
    """It is raised as it is, the other worker takes no more, and the message of the handler is not lost."""
    returned: list[str] = []
    with Broker() as broker:
        exiting = Exiting(broker, kind, other_is_busy=other_is_busy)
        with pytest.raises(kind, match="the program ends"):
            run(exiting, returned)
        assert sorted(exiting.handled) == exiting.texts[:2]
        broker.wait_until(lambda _: not broker.connections, timeout=HANGS)
        # In threads the busy one ends its work, and has its message acknowledged.
        assert set(exiting.texts) - {"busy"} <= {body.decode() for body in broker.messages("/queue/a")}
        # Where the loop has ended, nobody can receive any more.
        assert returned == [] if run is run_in_asyncio else returned[0] in exiting.handled


@needs_timer
def test_ctrl_c_in_the_caller_of_run_ends_the_workers() -> None:
    struck: list[bool] = []
    begun = threading.Event()

    def interrupt() -> None:
        if begun.is_set() and not struck:
            struck.append(True)
            raise KeyboardInterrupt

    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        broker.send("/queue/a", "first")
        jobs = conn.subscribe("/queue/a", ack="client-individual")
        with alarm(interrupt, 0.01), pytest.raises(KeyboardInterrupt):
            jobs.run(lambda message: begun.set(), concurrency=2)
        conn.send("/queue/b", "still here", receipt=True)
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("worker")]


def test_a_message_that_cannot_be_moved_ends_the_run(world: World) -> None:
    with Broker() as broker:
        for text in ("poison", "later"):
            broker.send("/queue/a", text)
        jobs = world.connect(broker.url).subscribe("/queue/a", ack="client-individual", prefetch=1)

        def handle(message: Any) -> None:
            raise ValueError("poison")

        policy = WorkPolicy(max_failures=1, given_up="move", dead_letters="/nowhere/dead")
        with pytest.raises(Rejected, match="nowhere"):
            jobs.run(world.sleeping_handler(handle, 0), policy=policy, concurrency=2)


def test_a_listener_may_stop_a_run(world: World) -> None:
    class Observer(world.module.Listener):  # type: ignore[misc,name-defined]
        def handler_error(self, delivery: Any, error: Exception) -> None:
            jobs.inner.stop()

    def handle(message: Any) -> None:
        raise ValueError("not today")

    with Broker() as broker:
        broker.send("/queue/a", "bad")
        jobs = world.connect(broker.url, listener=Observer()).subscribe("/queue/a", ack="client-individual")
        jobs.run(world.sleeping_handler(handle, 0), policy=WorkPolicy(on_error="leave"))


def test_the_handler_runs_in_the_context_of_the_listener(world: World) -> None:
    steps: list[str] = []

    class Observer(world.module.Listener):  # type: ignore[misc,name-defined]
        @contextmanager
        def handling(self, delivery: Any) -> Iterator[None]:
            steps.append("enter")
            yield
            steps.append("leave")

    def handle(message: Any) -> None:
        steps.append(message.text)
        jobs.inner.stop()

    with Broker() as broker:
        broker.send("/queue/a", "message")
        jobs = world.connect(broker.url, listener=Observer()).subscribe("/queue/a", ack="client-individual")
        jobs.run(world.sleeping_handler(handle, 0))
        assert steps == ["enter", "message", "leave"]
