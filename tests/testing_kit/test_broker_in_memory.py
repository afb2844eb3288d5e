"""broker.dial: connections to the embedded broker without a network, in the three worlds."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import stomp_asyncio
import stomp_socket
from stomp_core import StompError
from stomp_core.session import ConnectFailed, ConnectionLost, Reconnect
from stomp_testing import Broker
from tests.waiting import HANGS

trio = pytest.importorskip("trio", reason='pip install "stomp-core[trio]"')
stomp_trio = pytest.importorskip("stomp_trio")

URL = "memory://guest:guest@"
SOON = Reconnect(first_delay=0.01, max_delay=0.05)
Main = Callable[[Any], Awaitable[None]]


def in_asyncio(main: Main) -> None:
    async def within() -> None:
        async with asyncio.timeout(HANGS):
            await main(stomp_asyncio)

    asyncio.run(within())


def in_uvloop(main: Main) -> None:
    uvloop = pytest.importorskip("uvloop", reason='pip install "stomp-core[uvloop]"')
    uvloop.run(main(stomp_asyncio))


def in_trio(main: Main) -> None:
    async def within() -> None:
        with trio.fail_after(HANGS):
            await main(stomp_trio)

    trio.run(within)


@pytest.fixture(params=[in_asyncio, in_uvloop, in_trio])
def run(request: pytest.FixtureRequest) -> Callable[[Main], None]:
    function: Callable[[Main], None] = request.param
    return function


async def send_until_confirmed(conn: Any, destination: str) -> None:
    while True:
        try:
            await conn.send(destination, "again", receipt=True)
        except StompError:
            continue
        return


def test_messages_go_both_ways(run: Callable[[Main], None]) -> None:
    async def main(module: Any) -> None:
        async with module.connect(URL, dial=broker.dial) as conn:
            await conn.send("/queue/a", b"x" * 3_000_000, receipt=True)
            async with conn.subscribe("/queue/a", ack="client-individual") as subscription:
                message = await subscription.receive(timeout=HANGS)
                assert message.body == b"x" * 3_000_000
                await message.ack(receipt=True)
            assert [client.login for client in broker.connections] == ["guest"]
        broker.wait_until(lambda b: not b.connections)

    with Broker() as broker:
        run(main)
        assert broker.messages("/queue/a") == []


@pytest.mark.parametrize("how", ["drop", "reset", "restart", "kill", "error"])
def test_a_connection_that_is_lost_is_made_again(run: Callable[[Main], None], how: str) -> None:
    def cut() -> None:
        if how == "restart":
            broker.restart()
        elif how == "kill":
            broker.kill()
            broker.start()
        elif how == "error":
            broker.send_error_to_all("maintenance")
        else:
            broker.drop_connections(reset=how == "reset")

    async def main(module: Any) -> None:
        async with module.connect(URL, dial=broker.dial, reconnect=SOON) as conn:
            await conn.send("/queue/a", "once", receipt=True)
            cut()
            await send_until_confirmed(conn, "/queue/a")

    with Broker() as broker:
        run(main)
        assert broker.messages("/queue/a")[0] == b"once"
        assert broker.messages("/queue/a")[-1] == b"again"


def test_a_broker_that_does_not_run_refuses(run: Callable[[Main], None]) -> None:
    async def main(module: Any) -> None:
        with pytest.raises(ConnectFailed, match="accepts no connections"):
            async with module.connect(URL, dial=broker.dial):
                pass

    broker = Broker()
    run(main)
    with broker:
        broker.refuse_connections = True
        run(main)
        broker.refuse_connections = False
    run(main)


def test_a_stalled_broker_lets_a_sender_wait(run: Callable[[Main], None]) -> None:
    """Nothing is read, so what is sent piles up on the sender's side, and never beyond a limit in the connection."""

    async def main(module: Any) -> None:
        async with module.connect(URL, dial=broker.dial, heart_beat=(0, 0), close_timeout=0.1) as conn:
            broker.stall()
            sent = []

            async def send_many() -> None:
                while True:
                    await conn.send("/queue/a", b"x" * 1_000_000, timeout=0.2)
                    sent.append(1)

            with pytest.raises(StompError):
                await send_many()
            assert len(sent) < 20
            broker.resume()
            await conn.send("/queue/a", "the last", receipt=True)

    with Broker() as broker:
        run(main)


def test_a_slow_consumer_lets_the_broker_wait(run: Callable[[Main], None]) -> None:
    async def main(module: Any) -> None:
        for _ in range(40):
            broker.send("/queue/a", b"x" * 200_000)
        async with module.connect(URL, dial=broker.dial, buffer_size=1_000_000) as conn:
            async with conn.subscribe("/queue/a", ack="auto") as subscription:
                await subscription.receive(timeout=HANGS)
                assert len(broker.messages("/queue/a")) > 20
                for _ in range(39):
                    await subscription.receive(timeout=HANGS)

    with Broker() as broker:
        run(main)


def test_the_blocking_adapter_gets_a_socket_pair() -> None:
    with Broker() as broker:
        with stomp_socket.connect(URL, dial=broker.dial, reconnect=SOON) as conn:
            conn.send("/queue/a", b"x" * 300_000, receipt=True)
            broker.restart()
            while True:
                try:
                    conn.send("/queue/a", "again", receipt=True)
                except StompError:
                    continue
                break
        assert broker.messages("/queue/a") == [b"x" * 300_000, b"again"]
    with pytest.raises(ConnectFailed, match="accepts no connections"):
        stomp_socket.connect(URL, dial=broker.dial)
    gc.collect()


def test_a_client_that_waits_while_the_broker_ends() -> None:
    with Broker() as broker:
        conn = stomp_socket.connect(URL, dial=broker.dial, reconnect=Reconnect(rounds=1, first_delay=0.01))
        subscription = conn.subscribe("/queue/a")
    with pytest.raises(ConnectionLost, match="accepts no connections"):
        subscription.receive(timeout=HANGS)
    conn.close()
