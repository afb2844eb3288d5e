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
from stomp_core.session import ConnectFailed, ConnectionLost, Endpoint, Reconnect
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


# -------------------------------------------------------------------------------- the ends themselves

ENDPOINT = Endpoint("memory", "", 0)


def test_a_stream_of_trio_ends_like_one_of_a_network() -> None:
    async def main() -> None:
        with trio.fail_after(HANGS):
            stream = await broker.dial(ENDPOINT)
            await stream.send_all(b"CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0")
            assert await stream.receive_some(1) == b"C"
            assert await stream.receive_some(8) == b"ONNECTED"
            while not (await stream.receive_some(100)).endswith(b"\0\n"):
                pass
            broker.drop_connections()
            assert [await stream.receive_some(10) for _ in range(2)] == [b"", b""]
            await stream.aclose()
            with pytest.raises(trio.ClosedResourceError):
                await stream.receive_some(10)
            stream = await broker.dial(ENDPOINT)
            broker.wait_until(lambda broker: broker.connections)
            broker.drop_connections(reset=True)
            with pytest.raises(trio.BrokenResourceError):
                await stream.receive_some(10)
            await stream.aclose()

    with Broker() as broker:
        trio.run(main)


class Ending(asyncio.Protocol):
    """Notes how its connection ends."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.at_eof = False

    def eof_received(self) -> bool:
        self.at_eof = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


@pytest.mark.parametrize(("reset", "error"), [(False, type(None)), (True, ConnectionResetError)])
def test_a_transport_of_asyncio_ends_like_one_of_a_network(reset: bool, error: type) -> None:
    async def main() -> None:
        async with asyncio.timeout(HANGS):
            made: list[Ending] = []

            def make() -> Ending:
                made.append(Ending())
                return made[0]

            transport = await broker.dial(ENDPOINT, make)
            await asyncio.to_thread(broker.wait_until, lambda broker: broker.connections)
            await asyncio.to_thread(broker.drop_connections, reset=reset)
            assert type(await made[0].lost) is error
            assert made[0].at_eof is not reset
            assert transport.is_closing()
            transport.write(b"too late")  # as a transport of asyncio, it does nothing

    with Broker() as broker:
        asyncio.run(main())


class HalfOpen(Ending):
    """Goes on after the end of what it receives."""

    def eof_received(self) -> bool:
        super().eof_received()
        return True


def test_who_writes_to_a_peer_that_has_closed_loses_the_connection() -> None:
    async def main() -> None:
        async with asyncio.timeout(HANGS):
            made: list[HalfOpen] = []

            def make() -> HalfOpen:
                made.append(HalfOpen())
                return made[0]

            transport = await broker.dial(ENDPOINT, make)
            await asyncio.to_thread(broker.wait_until, lambda broker: broker.connections)
            await asyncio.to_thread(broker.drop_connections)
            while not made[0].lost.done():
                transport.write(b"x")
                await asyncio.sleep(0.001)
            assert made[0].at_eof
            assert type(await made[0].lost) is BrokenPipeError

    with Broker() as broker:
        asyncio.run(main())


def test_the_broker_sees_that_a_client_has_aborted() -> None:
    """What the client has not acknowledged is delivered again."""

    async def main() -> None:
        async with asyncio.timeout(HANGS):
            transport = await broker.dial(ENDPOINT, Ending)
            await asyncio.to_thread(broker.wait_until, lambda broker: broker.connections)
            transport.abort()
            await asyncio.to_thread(broker.wait_until, lambda broker: not broker.connections)

    with Broker() as broker:
        asyncio.run(main())
