"""Handlers of ``run``: what is refused before the first message, and how often a message that fails is tried."""

from __future__ import annotations

import asyncio
import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock

import pytest
import trio

import stomp_asyncio
import stomp_trio
from stomp_core import StompError
from stomp_core.session import Reconnect, WorkPolicy
from stomp_testing import Broker, FaultProxy
from tests.brokers import ActiveMQ, RabbitMQ
from tests.brokers import Broker as RealBroker

from .worlds import HANGS, Blocking, World, in_a_thread

SOON = Reconnect(first_delay=0.01, max_delay=0.05)


async def async_function(message: Any) -> None:
    """Await nothing."""


def plain_function(message: Any) -> None:
    """Return nothing."""


def plain_with_a_value(message: Any) -> int:
    return 1


def returns_a_coroutine(message: Any) -> Any:
    return async_function(message)


def returns_one_perhaps(message: Any) -> Any:
    return None if message is None else async_function(message)


def generator(message: Any) -> Iterator[None]:
    yield


async def async_generator(message: Any) -> Any:
    yield


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add an argument, as a decorator that injects something does."""

    @functools.wraps(function)
    def wrapper(*arguments: Any, **keywords: Any) -> Any:
        return function(*arguments, "injected", **keywords)

    return wrapper


@wrapped
def injected(message: Any, added: str) -> str:
    return added


@wrapped
async def injected_async(message: Any, added: str) -> None:
    """Await nothing."""


class Plain:
    def __call__(self, message: Any) -> None:
        """Return nothing."""

    def method(self, message: Any) -> None:
        """Return nothing."""

    @staticmethod
    def static(message: Any) -> None:
        """Return nothing."""

    @classmethod
    def of_class(cls, message: Any, more: int = 0) -> None:
        """Return nothing."""


class Async:
    async def __call__(self, message: Any) -> None:
        """Await nothing."""

    async def method(self, message: Any) -> None:
        """Await nothing."""

    @staticmethod
    async def static(message: Any) -> None:
        """Await nothing."""


class TakesAMessage:
    def __init__(self, message: Any) -> None:
        """Do the work here."""


def two(message: Any, second: Any) -> None:
    """Return nothing."""


def keyword_only(message: Any, *, option: int) -> None:
    """Return nothing."""


def several(*messages: Any, option: int = 0) -> None:
    """Return nothing."""


PLAIN: dict[str, Any] = {
    "function": plain_function,
    "value": plain_with_a_value,
    "object": Plain(),
    "bound method": Plain().method,
    "static method": Plain.static,
    "staticmethod object": Plain.__dict__["static"],
    "class method": Plain.of_class,
    "class": TakesAMessage,
    "partial": functools.partial(two, "first"),
    "keyword given": functools.partial(keyword_only, option=1),
    "variable arguments": several,
    "injected": injected,
    "lambda": lambda message: None,
    "builtin": [].append,
    "without signature": type,
    "mock": Mock(),
    "magic mock": MagicMock(),
}
ASYNC: dict[str, Any] = {
    "function": async_function,
    "object": Async(),
    "bound method": Async().method,
    "static method": Async.static,
    "staticmethod object": Async.__dict__["static"],
    "partial": functools.partial(async_function),
    "partial of a method": functools.partial(Async().method),
    "mock": AsyncMock(),
}
RETURN_AWAITABLES: dict[str, Any] = {
    "plain function": returns_a_coroutine,
    "on a condition": returns_one_perhaps,
    "lambda": lambda message: async_function(message),
    "injected": injected_async,
    "mock": Mock(side_effect=async_function),
}
NEVER_RUN: dict[str, Any] = {"generator": generator, "async generator": async_generator}
WRONG: dict[str, tuple[Any, str]] = {
    "no callable": (None, "must be a function, got None"),
    "a result": ("done", "must be a function, got 'done'"),
    "too many": (two, r"two\(\) is called with one argument, the message, but it takes \(message"),
    "too few": (lambda: None, "is called with one argument"),
    "keyword-only": (keyword_only, "'option'"),
    "method of a class": (Plain.method, "'message'"),
    "class": (Plain, "is called with one argument"),
}


class Setting:
    """A subscription with one message, in one world."""

    def __init__(self, world: World, broker: Broker) -> None:
        self.world = world
        self.broker = broker
        self.reported: list[Exception] = []
        setting = self

        class Observer(world.module.Listener):  # type: ignore[misc,name-defined]
            def handler_error(self, delivery: Any, error: Exception) -> None:
                setting.reported.append(error)
                setting.messages.inner.stop()

        self.conn = world.connect(broker.url, listener=Observer())
        self.messages = self.conn.subscribe("/queue/a", ack="client-individual")

    def run(self, handler: Any, **options: Any) -> None:
        """Run a handler over one message and stop after it."""
        self.broker.send("/queue/a", "job")

        def call() -> Any:
            return self.messages.run(handler, **options)

        thread, outcome = in_a_thread(call)
        self.broker.wait_until(
            lambda _: not thread.is_alive() or bool(self.reported) or not self.left, timeout=HANGS
        )
        self.messages.stop()
        thread.join(HANGS)
        assert not thread.is_alive()
        if isinstance(outcome[0], Exception):
            raise outcome[0]

    @property
    def left(self) -> bool:
        """Whether the broker still has the message."""
        return bool(self.broker.messages("/queue/a") or self.broker.unacknowledged("/queue/a"))

    def refuses(self, handler: Any, text: str) -> None:
        """Check that a handler is refused before it gets a message."""
        with pytest.raises(TypeError, match=text):
            self.messages.run(handler)
        self.broker.send("/queue/a", "job")
        assert self.messages.receive().text == "job"


@pytest.fixture
def setting(world: World) -> Iterator[Setting]:
    with Broker() as broker:
        yield Setting(world, broker)


def is_blocking(setting: Setting) -> bool:
    return isinstance(setting.world, Blocking)


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_handler_handles_or_is_refused(setting: Setting, name: str) -> None:
    handler = PLAIN[name]
    if is_blocking(setting):
        setting.run(handler)
        assert not setting.left
        assert not setting.reported
        return
    # In an async world it is refused before the first message, or, where that is not certain, after it; its message
    # was handled then, and is acknowledged.
    with pytest.raises(TypeError, match=r"define it with async def|cannot be awaited"):
        setting.run(handler)
    certain = name not in {"value", "class", "injected", "builtin", "without signature", "mock", "magic mock"}
    assert setting.left is certain
    assert not setting.reported


@pytest.mark.parametrize("name", ASYNC)
def test_an_async_handler_handles_or_is_refused(setting: Setting, name: str) -> None:
    handler = ASYNC[name]
    if is_blocking(setting):
        setting.refuses(handler, "an async function, so its body would never run: .*stomp_asyncio")
    else:
        setting.run(handler)
        assert not setting.left
        assert not setting.reported


@pytest.mark.parametrize("name", RETURN_AWAITABLES)
def test_a_handler_that_returns_an_awaitable_has_failed_where_nobody_awaits_it(
    setting: Setting, name: str
) -> None:
    handler = RETURN_AWAITABLES[name]
    if is_blocking(setting):
        with warnings.catch_warnings(record=True) as caught:
            setting.run(handler, policy=WorkPolicy(first_delay=60, max_delay=60))
        assert setting.left
        (error,) = setting.reported
        assert "returned a coroutine, which nobody runs" in str(error)
        assert not caught
    else:
        setting.run(handler)
        assert not setting.left
        assert not setting.reported


@pytest.mark.parametrize("name", NEVER_RUN)
def test_a_handler_with_a_yield_is_refused(setting: Setting, name: str) -> None:
    setting.refuses(NEVER_RUN[name], f"is an? {name} function .it has a yield., so its body would never run")


def test_a_handler_that_returns_a_generator_has_failed(setting: Setting) -> None:
    if is_blocking(setting):
        setting.run(lambda message: generator(message), policy=WorkPolicy(first_delay=60, max_delay=60))
        assert setting.left
        assert "returned a generator" in str(setting.reported[0])
    else:
        with pytest.raises(TypeError, match="cannot be awaited"):
            setting.run(lambda message: generator(message))


@pytest.mark.parametrize("name", WRONG)
def test_a_handler_that_cannot_be_called_with_a_message_is_refused(setting: Setting, name: str) -> None:
    setting.refuses(*WRONG[name])


def test_a_coroutine_in_place_of_a_handler_is_refused(setting: Setting) -> None:
    with warnings.catch_warnings(record=True) as caught:
        setting.refuses(async_function("job"), "got a coroutine: pass the function itself")
    assert not caught


# ---------------------------------------------------------------------- how often a message is tried


class Tries:
    """Notes each call of a handler that always fails, and stops the handlers after the given-up message."""

    def __init__(
        self,
        world: World,
        url: str,
        queue: str,
        *,
        cut_after: int = 0,
        cut: Callable[[], object] = lambda: None,
        stops: bool = True,
    ) -> None:
        self.world = world
        self.texts: list[str] = []
        self._cut_after, self._cut = cut_after, cut
        self.given_up: list[int] = []
        tries = self

        class Observer(world.module.Listener):  # type: ignore[misc,name-defined]
            def handler_error(self, delivery: Any, error: Exception) -> None:
                """Do not log it."""

            def message_given_up(self, delivery: Any, failures: int) -> None:
                tries.given_up.append(failures)
                if stops:
                    tries.messages.inner.stop()

        self.conn = world.connect(url, listener=Observer(), reconnect=SOON)
        self.messages = self.conn.subscribe(queue, ack="client-individual", prefetch=1)

    def _fail(self, message: Any) -> None:
        self.texts.append(message.text)
        if len(self.texts) == self._cut_after:
            self._cut()
        raise ValueError("poison\nin two lines")

    def run(self, **policy: Any) -> None:
        self.messages.run(
            self.world.sleeping_handler(self._fail, 0),
            policy=WorkPolicy(first_delay=0.01, max_delay=0.02, max_failures=3, **policy),
        )


@pytest.mark.parametrize("flavour", ["rabbitmq", "activemq"])
@pytest.mark.parametrize("given_up", ["leave", "ack", "nack", "move"])
def test_a_message_is_tried_so_often_at_every_broker(world: World, flavour: str, given_up: str) -> None:
    with Broker(flavour=flavour) as broker:
        broker.send("/queue/a", "poison")
        tries = Tries(world, broker.url, "/queue/a")
        tries.run(given_up=given_up, dead_letters="/queue/dead" if given_up == "move" else None)
        assert (tries.texts, tries.given_up) == (["poison"] * 3, [3])
        tries.conn.close()
        left = broker.messages("/queue/a")
        assert left == ([b"poison"] if given_up == "leave" else [])
        assert broker.messages("/queue/dead") == ([b"poison"] if given_up == "move" else [])
        assert broker.messages("/queue/DLQ.a") == (
            [b"poison"] if given_up == "nack" and flavour == "activemq" else []
        )


@pytest.mark.parametrize("given_up", ["leave", "ack", "nack", "move"])
def test_a_message_is_tried_so_often_at_real_brokers(
    world: World, real_broker: RealBroker, given_up: str
) -> None:
    queue, dead = real_broker.new_queue(), real_broker.new_queue("dead")
    with_length = isinstance(real_broker, ActiveMQ)
    sender = world.connect(real_broker.url)
    sender.send(
        queue,
        "poison",
        headers={"persistent": "true", "colour": "red", "odd:name": "a:b\\c"},
        content_length=not with_length,
        receipt=True,
    )
    tries = Tries(world, real_broker.url, queue)
    tries.run(given_up=given_up, dead_letters=dead if given_up == "move" else None)
    assert (tries.texts, tries.given_up) == (["poison"] * 3, [3])
    tries.conn.close()

    def found(where: str) -> Any:
        """Take all messages of a queue: one more is sent, and comes after them."""
        sender.send(where, "the last", receipt=True)
        messages = sender.subscribe(where, ack="client-individual")
        taken: list[Any] = []
        while not taken or taken[-1].text != "the last":
            taken.append(messages.receive())
            taken[-1].ack(receipt=True)
        assert len(taken) <= 2
        return taken[0] if len(taken) == 2 else None

    left = found(queue)
    assert (left is not None) is (given_up == "leave")
    if isinstance(real_broker, ActiveMQ):
        assert (found(queue.replace("/queue/", "/queue/DLQ.")) is not None) is (given_up == "nack")
    moved = found(dead)
    assert (moved is not None) is (given_up == "move")
    if moved is not None:
        assert moved.text == "poison"
        headers = moved.headers
        assert [headers[name] for name in ("colour", "odd:name", "x-failures", "x-failed-destination")] == [
            "red", "a:b\\c", "3", queue,
        ]  # fmt: skip
        assert headers["x-error"] == "ValueError: poison in two lines"
        assert headers.get("persistent") in ("true", "1")
        assert ("content-length" in headers) is not with_length


@pytest.mark.parametrize("flavour", ["rabbitmq", "activemq"])
def test_close_ends_a_run_while_a_message_pauses(world: World, flavour: str) -> None:
    with Broker(flavour=flavour) as broker:
        broker.send("/queue/a", "poison")
        conn = world.connect(broker.url)
        messages = conn.subscribe("/queue/a", ack="client-individual")
        failed: list[str] = []

        def fail(message: Any) -> None:
            failed.append(message.text)
            raise ValueError("poison")

        thread, outcome = in_a_thread(
            lambda: messages.run(
                world.sleeping_handler(fail, 0), policy=WorkPolicy(first_delay=60, max_delay=60)
            )
        )
        broker.wait_until(lambda _: bool(failed), timeout=HANGS)
        assert conn.close() is True
        thread.join(HANGS)
        assert (outcome, failed) == ([None], ["poison"])
        assert broker.messages("/queue/a") == [b"poison"]


@pytest.mark.parametrize("flavour", ["rabbitmq", "activemq"])
def test_a_connection_lost_between_two_tries_changes_no_count(world: World, flavour: str) -> None:
    with Broker(flavour=flavour) as broker, FaultProxy(broker.url) as proxy:
        broker.send("/queue/a", "poison")
        tries = Tries(world, proxy.url, "/queue/a", cut_after=2, cut=proxy.cut_all)
        tries.run(given_up="move", dead_letters="/queue/dead")
        assert (tries.texts, tries.given_up) == (["poison"] * 3, [3])
        broker.wait_until(lambda _: broker.messages("/queue/dead") == [b"poison"], timeout=HANGS)
        tries.conn.close()
        assert broker.messages("/queue/a") == []


@pytest.mark.parametrize("pausing", [False, True], ids=["in the handler", "between two tries"])
@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_a_cancelled_run_gives_its_messages_back(kind: str, pausing: bool) -> None:
    module: Any = {"asyncio": stomp_asyncio, "trio": stomp_trio}[kind]

    async def main(url: str) -> list[str]:
        handled: list[str] = []
        started: Any = asyncio.Event() if kind == "asyncio" else trio.Event()
        never: Any = asyncio.Event() if kind == "asyncio" else trio.Event()

        async def handle(message: Any) -> None:
            handled.append(message.text)
            started.set()
            if pausing:
                raise ValueError("poison")
            await never.wait()

        async with module.connect(url) as conn:
            messages = await conn.subscribe("/queue/a", ack="client-individual")
            run = functools.partial(messages.run, handle, policy=WorkPolicy(first_delay=60, max_delay=60))
            if kind == "asyncio":
                task = asyncio.ensure_future(run())
                await started.wait()
                task.cancel()
                await asyncio.wait([task])
            else:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(run)
                    await started.wait()
                    nursery.cancel_scope.cancel()
            message = await messages.receive(timeout=HANGS)
            await message.ack(receipt=True)
            return [message.text, *handled]

    with Broker(flavour="activemq") as broker:
        broker.send("/queue/a", "job")
        got = asyncio.run(main(broker.url)) if kind == "asyncio" else trio.run(main, broker.url)
        assert got == ["job", "job"]
        assert broker.messages("/queue/a") == []


def test_a_dead_letter_destination_that_the_broker_refuses_ends_the_run(
    world: World, rabbitmq: RabbitMQ
) -> None:
    queue = rabbitmq.new_queue()
    sender = world.connect(rabbitmq.url)
    sender.send(queue, "poison", receipt=True)
    tries = Tries(world, rabbitmq.url, queue, stops=False)
    with pytest.raises(StompError, match="does-not-exist"):
        tries.run(given_up="move", dead_letters="/exchange/does-not-exist/x")
    # RabbitMQ's ERROR has no receipt-id, so it may be the answer to a NACK; the second one in a row decides.
    assert (tries.texts, tries.given_up) == (["poison"] * 4, [3, 4])
    tries.conn.close()
    assert sender.subscribe(queue).receive().text == "poison"
