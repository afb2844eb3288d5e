"""The ends of blocks: what is sent then, and which exception comes out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio

import stomp_asyncio
import stomp_socket
import stomp_trio
from stomp_core import Frame
from stomp_core.session import NotSent, ReceiptTimeout, Reconnect
from stomp_testing import Broker, Expect, Recorder, ScriptedServer

from .worlds import HANGS, WORLDS, Blocking, World, until

SOON = Reconnect(first_delay=0.01, max_delay=0.05)


def leave(world: World, subject: Any, error: BaseException | None = None) -> None:
    """End the block of something, with an exception or without one."""
    end = subject.inner.__exit__ if isinstance(world, Blocking) else subject.inner.__aexit__
    assert not world.call(end, None if error is None else type(error), error, None), (
        "it swallows the exception"
    )


# ---------------------------------------------------------------------- subscriptions


def test_the_block_of_a_subscription_ends_with_unsubscribe(world: World) -> None:
    recorder = Recorder()
    with Broker(recorder=recorder) as broker:
        conn = world.connect(broker.url)
        expected: list[str] = []
        for error in (None, ValueError("of the block")):
            subscription = conn.subscribe("/queue/a")
            expected.append(subscription.id)
            leave(world, subscription, error)
        assert [frame.headers["id"] for frame in recorder.frames("UNSUBSCRIBE", "to-server")] == expected


def test_without_receipt_the_end_of_the_block_asks_for_none(world: World) -> None:
    """Spring's simple broker sends none, neither for SUBSCRIBE nor for UNSUBSCRIBE."""
    recorder = Recorder()
    with Broker(recorder=recorder) as broker:
        broker.hold_receipts = True
        conn = world.connect(broker.url, receipt_timeout=0.05, close_timeout=0.05)
        leave(world, conn.subscribe("/queue/a", receipt=False))
        conn.subscribe("/queue/a", receipt=False).unsubscribe()
        with pytest.raises(ReceiptTimeout, match="UNSUBSCRIBE"):
            conn.subscribe("/queue/a", receipt=False).unsubscribe(receipt=True)
        ends = recorder.frames("UNSUBSCRIBE", "to-server")
        assert ["receipt" in frame.headers for frame in ends] == [False, False, True]


def test_a_failing_unsubscribe_does_not_replace_the_exception_of_the_block(world: World) -> None:
    with Broker() as broker:
        conn = world.connect(broker.url, receipt_timeout=0.05)
        first, second = (conn.subscribe("/queue/a", timeout=HANGS) for _ in range(2))
        broker.hold_receipts = True
        leave(world, first, ValueError("of the block"))
        with pytest.raises(ReceiptTimeout, match="UNSUBSCRIBE"):
            leave(world, second)


def test_async_with_subscribe_passes_the_exception_of_its_block_on() -> None:
    async def block(connection: Any) -> None:
        async with connection as conn, conn.subscribe("/queue/a", timeout=HANGS):
            broker.hold_receipts = True
            raise ValueError("of the block")

    async def in_asyncio() -> None:
        with pytest.raises(ValueError, match="of the block"):
            await block(stomp_asyncio.connect(broker.url, receipt_timeout=0.05, close_timeout=0.1))

    async def in_trio() -> None:
        with pytest.raises(ValueError, match="of the block"):
            await block(stomp_trio.connect(broker.url, receipt_timeout=0.05, close_timeout=0.1))

    runs: list[Callable[[], None]] = [lambda: asyncio.run(in_asyncio()), lambda: trio.run(in_trio)]
    for run in runs:
        with Broker() as broker:
            run()


# ---------------------------------------------------------------------- transactions


def test_the_options_of_a_transaction_block_are_those_of_begin(world: World) -> None:
    recorder = Recorder()
    with Broker(recorder=recorder) as broker:
        conn = world.connect(broker.url, reconnect=Reconnect(first_delay=10 * HANGS, max_delay=10 * HANGS))
        scope = conn.inner.transaction("tx-7", headers={"reason": "test"}, timeout=HANGS)
        begun = world.call(scope.__enter__ if isinstance(world, Blocking) else scope.__aenter__)
        world.call(begun.commit)
        # It was committed within the block, so nothing is left to do.
        assert not world.call(
            scope.__exit__ if isinstance(world, Blocking) else scope.__aexit__, None, None, None
        )
        (begin,) = recorder.frames("BEGIN", "to-server")
        assert begin.headers["transaction"] == "tx-7"
        assert begin.headers["reason"] == "test"
        assert len(recorder.frames("COMMIT", "to-server")) == 1
        broker.kill()
        until(lambda: conn.connected is None)
        scope = conn.inner.transaction(timeout=0.05)
        with pytest.raises(NotSent):
            world.call(scope.__enter__ if isinstance(world, Blocking) else scope.__aenter__)


# ---------------------------------------------------------------------- connections


def block_in_socket(url: str, error: Exception | None) -> None:
    with stomp_socket.connect(url):
        if error is not None:
            raise error


def block_in_asyncio(url: str, error: Exception | None) -> None:
    async def main() -> None:
        async with stomp_asyncio.connect(url):
            if error is not None:
                raise error

    asyncio.run(main())


def block_in_trio(url: str, error: Exception | None) -> None:
    async def main() -> None:
        async with stomp_trio.connect(url):
            if error is not None:
                raise error

    trio.run(main)


@pytest.mark.parametrize("block", [block_in_socket, block_in_asyncio, block_in_trio], ids=list(WORLDS))
def test_the_block_of_a_connection_ends_with_disconnect(block: Any) -> None:
    recorder = Recorder()
    with Broker(recorder=recorder) as broker:
        block(broker.url, None)
        with pytest.raises(ValueError, match="of the block"):
            block(broker.url, ValueError("of the block"))
        assert len(recorder.frames("DISCONNECT", "to-server")) == 2


def test_nothing_of_a_connection_is_left_when_close_has_returned() -> None:
    def threads() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name == "stomp_socket"]

    async def in_asyncio() -> None:
        conn = await stomp_asyncio.connect(broker.url)
        await conn.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with Broker() as broker:
        until(lambda: not threads())
        conn = stomp_socket.connect(broker.url)
        assert threads()
        conn.close()
        assert not threads()
        asyncio.run(in_asyncio())


def test_disconnect_is_close_with_its_timeout(world: World) -> None:
    script: list[Any] = [Expect(b"\0"), b"CONNECTED\nversion:1.2\n\n\0", Expect(b"DISCONNECT")]
    with ScriptedServer(script) as server:  # which does not answer
        conn = world.connect(server.url, close_timeout=10 * HANGS)
        assert conn.disconnect(timeout=0.2) is False
        assert conn.closed
        assert conn.disconnect() is False
        assert conn.close() is False


# ---------------------------------------------------------------------- cancelled


def test_a_cancelled_subscribe_leaves_no_subscription() -> None:
    """Nobody has its handle: it would swallow messages that another consumer should get."""
    recorder = Recorder()

    async def check(conn: Any) -> None:
        broker.hold_receipts = False
        broker.send("/queue/a", "for the other one")
        async with conn.subscribe("/queue/a", ack="client-individual") as other:
            assert (await other.receive(timeout=HANGS)).text == "for the other one"
        unsubscribed = [frame.headers["id"] for frame in recorder.frames("UNSUBSCRIBE", "to-server")]
        assert unsubscribed[0] == recorder.frames("SUBSCRIBE", "to-server")[0].headers["id"]

    async def in_asyncio() -> None:
        async with stomp_asyncio.connect(broker.url) as conn:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await conn.subscribe("/queue/a", ack="client-individual")
            await check(conn)

    async def in_trio() -> None:
        async with stomp_trio.connect(broker.url) as conn:
            with trio.move_on_after(0.05) as scope:
                await conn.subscribe("/queue/a", ack="client-individual")
            assert scope.cancelled_caught
            await check(conn)

    runs: list[Callable[[], None]] = [lambda: asyncio.run(in_asyncio()), lambda: trio.run(in_trio)]
    for run in runs:
        recorder.clear()
        with Broker(recorder=recorder, hold_receipts=True) as broker:
            run()


def test_a_failing_abort_does_not_replace_the_exception_of_the_block(world: World) -> None:
    """The program has ended the transaction by a raw frame, so ABORT is refused."""
    with Broker() as broker:
        conn = world.connect(broker.url)
        scope = conn.inner.transaction("tx-7")
        blocking = isinstance(world, Blocking)
        world.call(scope.__enter__ if blocking else scope.__aenter__)
        conn.send_frame(Frame("ABORT", {"transaction": "tx-7"}))
        error = ValueError("of the block")
        end = scope.__exit__ if blocking else scope.__aexit__
        assert not world.call(end, ValueError, error, None), "it swallows the exception"
        conn.send("/queue/a", "alive", receipt=True)
