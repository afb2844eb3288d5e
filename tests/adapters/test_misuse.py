"""The errors of a connection that is used after its end, in a wrong place, or with a forgotten await."""

from __future__ import annotations

import asyncio
import gc
import signal
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import trio

import stomp_asyncio
import stomp_socket
import stomp_trio
from stomp_core.session import Reconnect, SessionClosed, TransactionLost
from stomp_testing import Broker

from .worlds import HANGS, Blocking, Trio, World

NEVER = Reconnect(first_delay=10 * HANGS, max_delay=10 * HANGS)

# ---------------------------------------------------------------------- a timeout of receive()


def test_a_timeout_names_the_subscription(world: World) -> None:
    with Broker() as broker:
        conn = world.connect(broker.url)
        messages = conn.subscribe("/queue/a", id="mine")
        with pytest.raises(TimeoutError) as caught:
            messages.receive(timeout=0.01)
        assert str(caught.value) == "no message from /queue/a (subscription 'mine') within 0.01 s"


@pytest.mark.parametrize("flavour", ["rabbitmq", "activemq"])
@pytest.mark.parametrize("by_header", [False, True])
def test_a_timeout_names_a_prefetch_that_is_used_up(world: World, flavour: str, by_header: bool) -> None:
    with Broker(flavour=flavour) as broker:
        conn = world.connect(broker.url)
        name = {"rabbitmq": "prefetch-count", "activemq": "activemq.prefetchSize"}[flavour]
        options: dict[str, Any] = {"headers": {name: "2"}} if by_header else {"prefetch": 2}
        messages = conn.subscribe("/queue/a", ack="client-individual", **options)
        for _ in range(3):
            broker.send("/queue/a", "x")
        taken = [messages.receive() for _ in range(2)]
        with pytest.raises(TimeoutError) as caught:
            messages.receive(timeout=0.05)
        assert str(caught.value).endswith(
            "within 0.05 s: 2 of prefetch=2 messages are unacknowledged: the broker sends no more before message.ack()"
        )
        taken[0].ack()
        messages.receive().ack()
        with pytest.raises(TimeoutError) as caught:
            messages.receive(timeout=0.05)
        assert str(caught.value).endswith("within 0.05 s")


def test_a_timeout_without_a_connection_names_that(world: World) -> None:
    with Broker() as broker:
        conn = world.connect(broker.url, reconnect=NEVER)
        messages = conn.subscribe("/queue/a")
        broker.kill()
        broker.wait_until(lambda _: conn.connected is None, timeout=HANGS)
        with pytest.raises(TimeoutError, match="there is no connection at the moment"):
            messages.receive(timeout=0.01)


class Alarm(TimeoutError):
    """What an alarm's handler raises."""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no setitimer() on this platform")
def test_the_timeout_error_of_a_signal_handler_comes_out_as_it_is() -> None:
    def strike(number: int, frame: object) -> None:
        raise Alarm("of a handler")

    before = signal.signal(signal.SIGALRM, strike)
    try:
        with Broker() as broker, stomp_socket.connect(broker.url) as conn:
            messages = conn.subscribe("/queue/a")

            def receive_until_the_alarm() -> None:
                signal.setitimer(signal.ITIMER_REAL, 0.1)
                messages.receive(timeout=HANGS)

            with pytest.raises(Alarm, match="of a handler"):
                receive_until_the_alarm()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# ---------------------------------------------------------------------- after the end

USES: dict[str, Callable[[Any, Any, Any, Any], object]] = {
    "send": lambda conn, messages, message, pipeline: conn.send("/queue/a", "x"),
    "send with a receipt": lambda conn, messages, message, pipeline: conn.send("/queue/a", "x", receipt=True),
    "subscribe": lambda conn, messages, message, pipeline: conn.subscribe("/queue/b"),
    "begin": lambda conn, messages, message, pipeline: conn.begin(),
    "transaction": lambda conn, messages, message, pipeline: conn.transaction().__enter__(),
    "request": lambda conn, messages, message, pipeline: conn.request("/queue/b", "x"),
    "pipeline": lambda conn, messages, message, pipeline: pipeline.send("/queue/a", "x"),
    "receive": lambda conn, messages, message, pipeline: messages.receive(),
    "ack": lambda conn, messages, message, pipeline: message.ack(),
    "nack": lambda conn, messages, message, pipeline: message.nack(),
}


@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize("by_block", [False, True], ids=["close", "with"])
def test_a_use_after_the_end_names_how_it_ended(world: World, name: str, by_block: bool) -> None:
    with Broker() as broker:
        broker.send("/queue/a", "x")
        conn = world.connect(broker.url)
        messages = conn.subscribe("/queue/a", ack="client-individual")
        message = messages.receive()
        with conn.pipeline() as pipeline:
            pass
        if by_block:
            conn.leave()
        else:
            conn.close()
        with pytest.raises(SessionClosed) as caught:
            USES[name](conn, messages, message, pipeline)
        how = "its with block has ended" if by_block else "close() was called"
        assert str(caught.value).endswith(f"this connection is closed: {how}; call connect() for a new one")
        conn.close()
        conn.leave()
        messages.unsubscribe()


def test_what_closed_first_is_named(world: World) -> None:
    with Broker() as broker:
        conn = world.connect(broker.url)
        conn.close()
        conn.leave()
        with pytest.raises(SessionClosed, match=r"close\(\) was called"):
            conn.send("/queue/a", "x")


def test_a_transaction_that_is_committed_after_the_end_was_lost(world: World) -> None:
    with Broker() as broker:
        conn = world.connect(broker.url)
        transaction = conn.begin()
        transaction.send("/queue/a", "x")
        conn.leave()
        with pytest.raises(TransactionLost, match="this connection is closed: its with block has ended"):
            transaction.commit()
        with pytest.raises(SessionClosed, match="this connection is closed: its with block has ended"):
            transaction.send("/queue/a", "x")
        assert broker.messages("/queue/a") == []


def test_an_ended_subscription_names_how_it_ended(world: World) -> None:
    with Broker() as broker:
        messages = world.connect(broker.url).subscribe("/queue/a")
        messages.unsubscribe()
        with pytest.raises(
            SessionClosed, match=r"the subscription to /queue/a has ended: unsubscribe\(\) was called"
        ):
            messages.receive()


# ---------------------------------------------------------------------- in another event loop


async def use_in_asyncio(conn: Any, messages: Any, message: Any) -> list[str]:
    """Return what each call raises, as texts."""
    texts = []
    for call in (
        lambda: conn.send("/queue/a", "x", receipt=True),
        lambda: conn.subscribe("/queue/b"),
        lambda: conn.begin(),
        lambda: messages.receive(timeout=1),
        lambda: message.ack(),
        conn.close,
    ):
        try:
            await call()
        except Exception as error:
            texts.append(f"{type(error).__name__}: {error}")
    return texts


async def made_in_asyncio(url: str) -> tuple[Any, Any, Any]:
    conn = await stomp_asyncio.connect(url)
    messages = await conn.subscribe("/queue/a", ack="client-individual")
    return conn, messages, await messages.receive()


def test_a_connection_whose_event_loop_has_ended() -> None:
    with Broker() as broker:
        broker.send("/queue/a", "x")
        used = asyncio.run(made_in_asyncio(broker.url))
        texts = asyncio.run(use_in_asyncio(*used))
        closed = "this connection is closed: its event loop has ended; call connect() for a new one"
        assert [text.partition(": ")[0] for text in texts] == ["SessionClosed"] * 5
        assert all(text.endswith(closed) for text in texts), texts


def test_a_connection_whose_event_loop_was_only_stopped() -> None:
    with Broker() as broker:
        broker.send("/queue/a", "x")
        loop = asyncio.new_event_loop()
        try:
            used = loop.run_until_complete(made_in_asyncio(broker.url))
            text = "RuntimeError: this connection belongs to an event loop that has ended: connect again in this loop"
            assert asyncio.run(use_in_asyncio(*used)) == [text] * 6
            assert loop.run_until_complete(used[0].close()) is True
        finally:
            loop.close()


def test_a_connection_is_not_used_in_two_event_loops() -> None:
    with Broker() as broker:
        broker.send("/queue/a", "x")

        async def main() -> None:
            used = await made_in_asyncio(broker.url)
            texts = await asyncio.to_thread(lambda: asyncio.run(use_in_asyncio(*used)))
            text = "RuntimeError: this connection belongs to another event loop: use it there, or connect in this one"
            assert texts == [text] * 6
            assert await asyncio.to_thread(lambda: trio.run(use_in_asyncio, *used)) == [text] * 6
            await used[2].ack(receipt=True)
            assert await used[0].close() is True

        asyncio.run(main())


def test_a_trio_connection_after_its_block_and_in_another_run() -> None:
    with Broker() as broker:
        broker.send("/queue/a", "x")
        elsewhere: list[list[str]] = []

        async def main() -> tuple[Any, Any, Any]:
            async with stomp_trio.connect(broker.url) as conn:
                messages = await conn.subscribe("/queue/a", ack="client-individual")
                message = await messages.receive()
                for run in (trio.run, lambda function, *used: asyncio.run(function(*used))):
                    texts = await trio.to_thread.run_sync(run, use_in_asyncio, conn, messages, message)
                    elsewhere.append(texts)
                await message.ack(receipt=True)
            return conn, messages, message

        used = trio.run(main)
        text = "RuntimeError: this connection belongs to another trio.run(): use it there, or connect in this one"
        assert elsewhere == [[text] * 6] * 2
        closed = "this connection is closed: its with block has ended; call connect() for a new one"
        texts = trio.run(use_in_asyncio, *used)
        assert [text.partition(": ")[0] for text in texts] == ["SessionClosed"] * 5
        assert all(text.endswith(closed) for text in texts), texts


# ---------------------------------------------------------------------- forgotten await


def test_a_forgotten_await_of_connect_is_named() -> None:
    async def main(module: Any) -> None:
        for name in ("subscribe", "disconnect", "session"):
            conn = module.connect("stomp://localhost:1")
            with pytest.raises(AttributeError, match=r"async with connect\(\.\.\.\)") as caught:
                getattr(conn, name)
            assert f"no {name!r}: write " in str(caught.value)
            assert not hasattr(conn, "__wrapped__")
        # A coroutine has a method send(), too.
        for arguments, keywords in (
            (("/queue/a",), {}),
            (("/queue/a", "x"), {}),
            ((), {"destination": "/queue/a"}),
        ):
            with pytest.raises(AttributeError, match=r"no 'send': write .*async with connect\(\.\.\.\)"):
                module.connect("stomp://localhost:1").send(*arguments, **keywords)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(main(stomp_asyncio))
        trio.run(main, stomp_trio)
        gc.collect()


def test_with_in_place_of_async_with_is_named() -> None:
    async def main(module: Any) -> None:
        with pytest.raises(TypeError, match=r"write 'async with connect\(\.\.\.\)"):
            with module.connect("stomp://localhost:1"):
                pass

    asyncio.run(main(stomp_asyncio))
    trio.run(main, stomp_trio)


def test_await_of_a_trio_connection_is_named() -> None:
    async def main() -> None:
        connecting: Any = stomp_trio.connect("stomp://localhost:1")
        with pytest.raises(TypeError, match=r"write 'async with connect\(\.\.\.\) as connection'"):
            await connecting

    trio.run(main)


def test_the_other_world_s_statements_are_named(world: World) -> None:
    with Broker() as broker:
        conn = world.connect(broker.url)
        inner, messages = conn.inner, conn.subscribe("/queue/a").inner

        async def asynchronously(use: str) -> None:
            if use == "await":
                await inner
            elif use == "async with":
                async with inner:
                    pass
            elif use == "async with messages":
                async with messages:
                    pass
            else:
                async for _ in messages:
                    pass

        if isinstance(world, Blocking):
            for use in ("await", "async with", "async for", "async with messages"):
                with pytest.raises(TypeError, match=r"blocks.*(without async|leave out await)"):
                    asyncio.run(asynchronously(use))
            return
        with pytest.raises(TypeError, match="write 'async for message in subscription'"):
            for _ in messages:
                pass
        with pytest.raises(TypeError, match="write 'async for message in subscription'"):
            next(messages)
        with pytest.raises(TypeError, match="write 'async with"):
            with messages:
                pass
        with pytest.raises(TypeError, match="write 'async with"):
            with inner:
                pass
        if isinstance(world, Trio):
            return

        async def without_await() -> None:
            with pytest.raises(TypeError, match=r"'async for' does not await subscribe\(\.\.\.\): write"):
                async for _ in inner.subscribe("/queue/b"):
                    pass
            with pytest.raises(TypeError, match=r"'with' does not await subscribe\(\.\.\.\): write"):
                with inner.subscribe("/queue/b"):
                    pass
            with pytest.raises(AttributeError, match=r"write 'await subscribe\(\.\.\.\)'"):
                inner.subscribe("/queue/b").receive()

        asyncio.run(without_await())


def test_python_names_a_call_that_was_never_awaited(world: World) -> None:
    if isinstance(world, Blocking):
        return
    with Broker() as broker:
        conn = world.connect(broker.url)
        messages = conn.subscribe("/queue/a").inner

        def forget() -> None:
            conn.inner.send("/queue/a", "x")
            conn.inner.close()
            messages.receive()
            conn.inner.subscribe("/queue/b")
            if not isinstance(world, Trio):
                world.module.connect(broker.url)

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            world.call(forget)
            gc.collect()
        named = [str(warning.message) for warning in caught]
        for call in (
            "AsyncConnection.send",
            "AsyncConnection.close",
            "AsyncSubscription.receive",
            "subscribe",
        ):
            assert any(f"coroutine '{call}' was never awaited" in text for text in named), named
        if not isinstance(world, Trio):
            assert any("coroutine 'connect' was never awaited" in text for text in named), named
