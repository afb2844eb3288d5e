"""examples/embedding/mitm_proxy.py between our own clients and the embedded broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

import stomp_asyncio
from examples.embedding.mitm_proxy import serve
from stomp_core.session import AuthenticationFailed, ConnectFailed, ConnectionLost, NotSentInTime, Reconnect
from stomp_testing import Broker, FaultProxy
from tests.heart_beats import BeatingBroker
from tests.waiting import HANGS


@asynccontextmanager
async def proxy_to(port: int, login: str = "guest:guest") -> AsyncIterator[str]:
    """Serve it on a port."""
    async with await asyncio.start_server(partial(serve, "127.0.0.1", port), "127.0.0.1", 0) as server:
        yield f"stomp://{login}@127.0.0.1:{server.sockets[0].getsockname()[1]}"


def connect(url: str, **options: Any) -> Any:
    return stomp_asyncio.connect(url, **{"reconnect": Reconnect.never(), "receipt_timeout": HANGS, **options})


@pytest.mark.parametrize("versions", [("1.0",), ("1.1",), ("1.2",), ("1.0", "1.1", "1.2")])
def test_a_header_is_added_on_both_ways_and_nothing_else_is_changed(versions: tuple[str, ...]) -> None:
    async def main() -> None:
        with Broker() as broker:
            async with proxy_to(broker.port) as url, connect(url, versions=versions) as connection:
                subscription = await connection.subscribe("/queue/a", ack="client")
                for body in (b"text", b"\0\1\2", b""):
                    await connection.send("/queue/a", body, headers={"x": "y: z"}, receipt=True)
                    message = await subscription.receive(timeout=HANGS)
                    assert message.body == body
                    assert message.headers["x"] == "y: z"
                    seen = [value for name, value in message.headers.items() if name == "seen-by"]
                    assert seen == ["proxy", "proxy"]
                    await message.ack(receipt=True)
                assert broker.unacknowledged("/queue/a") == []
                async with connection.transaction() as transaction:
                    await transaction.send("/queue/b", "1")
                assert broker.messages("/queue/b") == [b"1"]
                assert await connection.close()

    asyncio.run(main())


def test_heart_beats_pass_and_silence_is_noticed() -> None:
    async def main() -> None:
        with BeatingBroker() as broker, FaultProxy(broker.url) as cable:
            options = broker.beats.client_options()
            async with proxy_to(cable.port) as url, connect(url, **options) as connection:
                idle = await connection.subscribe("/queue/idle")
                await asyncio.to_thread(broker.beats.wait)
                assert connection.connected
                cable.stall()
                connection.session.set_read_timeout(0.3)
                with pytest.raises(ConnectionLost):
                    await idle.receive(timeout=HANGS)

    asyncio.run(main())


def test_a_refused_login_is_passed_on() -> None:
    async def main() -> None:
        with Broker() as broker:
            async with proxy_to(broker.port, "guest:4321") as url:
                with pytest.raises(AuthenticationFailed):
                    await connect(url)

    asyncio.run(main())


def test_a_broker_that_does_not_listen_is_an_error_of_the_proxy() -> None:
    async def main() -> None:
        with Broker() as broker:
            port = broker.port
        async with proxy_to(port) as url:
            with pytest.raises(ConnectFailed, match="proxy: "):
                await connect(url)

    asyncio.run(main())


@pytest.mark.parametrize(
    "conversation",
    [
        b"SEND\ndestination:/queue/a\n\n\0",
        b"CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0ACK\nid:unknown\n\n\0",
    ],
)
def test_a_wrong_conversation_is_answered_with_error_and_the_end(conversation: bytes) -> None:
    async def main() -> None:
        with Broker() as broker:
            async with proxy_to(broker.port) as url:
                reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
                writer.write(conversation)
                assert b"ERROR\n" in await asyncio.wait_for(reader.read(), HANGS)
                writer.close()

    asyncio.run(main())


def test_a_broker_that_does_not_read_holds_back_the_client() -> None:
    async def main() -> None:
        with Broker() as broker, FaultProxy(broker.url) as cable:
            async with proxy_to(cable.port) as url, connect(url, heart_beat=(0, 0)) as connection:
                cable.stall()
                sent = 0
                try:
                    while sent < 40:
                        await connection.send("/topic/t", bytes(1_000_000), timeout=0.3)
                        sent += 1
                except NotSentInTime:
                    pass
                assert sent < 40
                cable.resume()
                await connection.send("/topic/t", "it goes on", receipt=True)

    asyncio.run(main())
