"""examples/embedding/broker.py with our own clients, and with conversations that are wrong."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

import stomp_asyncio
from examples.embedding.broker import Broker
from stomp_core.session import AuthenticationFailed, NotSentInTime, Reconnect, Rejected
from stomp_testing import FaultProxy
from tests.certificates import Certificates
from tests.heart_beats import HeartBeats
from tests.waiting import HANGS

VERSIONS = [("1.0",), ("1.1",), ("1.2",)]


@asynccontextmanager
async def served(broker: Broker | None = None, **options: Any) -> AsyncIterator[int]:
    """Serve it on a port."""
    server = await asyncio.start_server((broker or Broker()).serve, "127.0.0.1", 0, **options)
    async with server:
        yield server.sockets[0].getsockname()[1]


def with_broker(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test with the URL of a broker of its own."""

    def run(**arguments: Any) -> None:
        async def main() -> None:
            async with served() as port:
                await test(f"stomp://127.0.0.1:{port}", **arguments)

        asyncio.run(main())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def connect(url: str, **options: Any) -> Any:
    return stomp_asyncio.connect(url, **{"reconnect": Reconnect.never(), "receipt_timeout": HANGS, **options})


async def texts(subscription: Any, number: int) -> list[str]:
    return [(await subscription.receive(timeout=HANGS)).text for _ in range(number)]


# ---------------------------------------------------------------------- messages


@pytest.mark.parametrize("versions", VERSIONS)
@pytest.mark.parametrize("ack", ["auto", "client", "client-individual"])
def test_a_queue_in_every_version_and_mode(versions: tuple[str, ...], ack: str) -> None:
    if versions == ("1.0",) and ack == "client-individual":
        ack = "client"  # 1.0 has no other

    @with_broker
    async def check(url: str) -> None:
        async with connect(url, versions=versions) as connection:
            assert connection.version == versions[0]
            for text in ("1", "2", "3"):
                await connection.send("/queue/a", text, headers={"x": "y: z"}, receipt=True)
            async with connection.subscribe("/queue/a", ack=ack) as subscription:
                messages = [await subscription.receive(timeout=HANGS) for _ in range(3)]
                assert [message.text for message in messages] == ["1", "2", "3"]
                assert messages[0].headers["x"] == "y: z"
                if ack == "client":
                    await messages[1].ack(receipt=True)  # the first one with it
                elif ack == "client-individual":
                    await messages[1].ack(receipt=True)
            again = await connection.subscribe("/queue/a")
            left = {"auto": [], "client": ["3"], "client-individual": ["1", "3"]}[ack]
            await connection.send("/queue/a", "last", receipt=True)
            assert await texts(again, len(left) + 1) == [*left, "last"]

    check()


def test_a_topic_goes_to_all_and_a_queue_to_one_in_turn() -> None:
    @with_broker
    async def check(url: str) -> None:
        async with connect(url) as one, connect(url) as two:
            topics = [await each.subscribe("/topic/t") for each in (one, two)]
            queues = [await each.subscribe("/queue/q") for each in (one, two)]
            await one.send("/topic/t", "to all", receipt=True)
            for number in range(4):
                await one.send("/queue/q", str(number), receipt=True)
            assert [await texts(each, 1) for each in topics] == [["to all"], ["to all"]]
            assert sorted([await texts(each, 2) for each in queues]) == [["0", "2"], ["1", "3"]]

    check()


def test_a_nack_and_a_lost_connection_put_messages_back_in_order() -> None:
    @with_broker
    async def check(url: str) -> None:
        async with connect(url) as one:
            for number in range(3):
                await one.send("/queue/q", str(number), receipt=True)
            two = await connect(url)
            taken = await two.subscribe("/queue/q", ack="client-individual")
            first = await taken.receive(timeout=HANGS)
            await first.nack(receipt=True)
            assert await texts(taken, 3) == ["1", "2", "0"]
            await two.close()
            assert await texts(await one.subscribe("/queue/q"), 3) == ["1", "2", "0"]

    check()


def test_a_transaction_happens_at_its_commit_or_not_at_all() -> None:
    @with_broker
    async def check(url: str) -> None:
        async with connect(url) as connection:
            await connection.send("/queue/in", "job", receipt=True)
            jobs = await connection.subscribe("/queue/in", ack="client-individual")
            results = await connection.subscribe("/queue/out")
            job = await jobs.receive(timeout=HANGS)
            aborted = await connection.begin()
            await aborted.send("/queue/out", "aborted")
            await aborted.ack(job)
            await aborted.abort()
            async with connection.transaction() as transaction:
                await transaction.send("/queue/out", "committed")
                await transaction.ack(job)
                with pytest.raises(TimeoutError):
                    await results.receive(timeout=0.1)
            assert (await results.receive(timeout=HANGS)).text == "committed"

    check()


# ---------------------------------------------------------------------- refusals


def test_a_wrong_passcode_is_refused() -> None:
    async def main() -> None:
        async with served(Broker(users={"me": "4321"})) as port:
            async with connect(f"stomp://me:4321@127.0.0.1:{port}"):
                pass
            for credentials in ("me:1234", "you:5678"):
                with pytest.raises(AuthenticationFailed, match="wrong login or passcode"):
                    await connect(f"stomp://{credentials}@127.0.0.1:{port}")

    asyncio.run(main())


def test_a_destination_of_another_kind_is_refused() -> None:
    @with_broker
    async def check(url: str) -> None:
        async with connect(url) as connection:
            with pytest.raises(Rejected, match="destinations begin with /queue/ or /topic/"):
                await connection.subscribe("/exchange/a")

    check()


CONNECT = b"CONNECT\naccept-version:1.2\nhost:h\n\n\0"


@pytest.mark.parametrize(
    ("conversation", "text"),
    [
        (b"GET / HTTP/1.1\r\n\r\n\0", b""),
        (b"SEND\ndestination:/queue/a\n\n\0", b"SEND"),
        (b"CONNECT\naccept-version:9.9\nhost:h\n\n\0", b"version"),
        (CONNECT + b"SEND\n\n\0", b"destination"),
        (CONNECT + b"ACK\nid:unknown\n\n\0", b"unknown"),
        (CONNECT + b"COMMIT\ntransaction:t\n\n\0", b"t"),
        (CONNECT + b"SUBSCRIBE\nid:1\ndestination:/queue/a\n\n\0" * 2, b"1"),
        (CONNECT + b"UNSUBSCRIBE\nid:1\n\n\0", b"1"),
        (CONNECT + b"SEND\ndestination:/queue/a\ncontent-length:x\n\n\0", b"content-length"),
        (CONNECT + CONNECT, b"CONNECT"),
    ],
)
def test_a_wrong_conversation_is_answered_with_error_and_the_end(conversation: bytes, text: bytes) -> None:
    async def main() -> bytes:
        async with served() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(conversation)
            received = await asyncio.wait_for(reader.read(), HANGS)
            writer.close()
            async with connect(f"stomp://127.0.0.1:{port}"):
                pass  # it serves others as before
            return received

    received = asyncio.run(main())
    error = received.partition(b"ERROR\n")[2]
    assert error
    assert text in error


# ---------------------------------------------------------------------- a network that is slow


def test_a_subscriber_that_does_not_read_holds_back_who_sends_to_its_topic() -> None:
    @with_broker
    async def check(url: str) -> None:
        with FaultProxy(url) as proxy:
            async with connect(proxy.url, heart_beat=(0, 0)) as slow, connect(url) as sender:
                subscription = await slow.subscribe("/topic/t")
                proxy.stall()
                sent = 0
                try:
                    while sent < 40:
                        await sender.send("/topic/t", bytes(1_000_000), timeout=0.3)
                        sent += 1
                except NotSentInTime:
                    pass
                assert sent < 40
                proxy.resume()
                for _ in range(sent):
                    await subscription.receive(timeout=HANGS)

    check()


def test_a_consumer_that_does_not_read_gets_no_more_and_others_do() -> None:
    @with_broker
    async def check(url: str) -> None:
        with FaultProxy(url) as proxy:
            slow = await connect(proxy.url, heart_beat=(0, 0))
            await slow.subscribe("/queue/q", ack="client-individual")
            proxy.stall()
            async with connect(url) as connection:
                other = await connection.subscribe("/queue/q")
                for _ in range(60):
                    await connection.send("/queue/q", bytes(500_000), receipt=True)
                while other.waiting <= 30:  # noqa: ASYNC110 -- they are on their way
                    await asyncio.sleep(0.01)
            proxy.reset_all()
            await slow.close()

    check()


def test_heart_beats_keep_a_client_and_silence_ends_it() -> None:
    """It tolerates half a second of silence: where this process is held up, the first client connects again."""

    async def main() -> None:
        broker, beats = Broker(), HeartBeats()
        async with served(broker) as port:
            with FaultProxy(f"stomp://127.0.0.1:{port}", recorder=beats.recorder) as proxy:
                soon = Reconnect(first_delay=0.01, max_delay=0.05)
                async with connect(proxy.url, reconnect=soon, **beats.client_options()):
                    await asyncio.to_thread(beats.wait)
                silent = await connect(proxy.url, heart_beat=(0.2, 0), close_timeout=0.1)
                proxy.stall()
                while broker.clients:  # noqa: ASYNC110 -- the example has no hook for tests
                    await asyncio.sleep(0.01)
                await silent.close()

    asyncio.run(main())


def test_tls(tmp_path: Any) -> None:
    certificates = Certificates.create(tmp_path)

    async def main() -> None:
        context = certificates.server.server_context()
        trust = ssl.create_default_context(cafile=str(certificates.ca))
        async with served(ssl=context) as port:
            async with connect(f"stomp+ssl://127.0.0.1:{port}", ssl_context=trust) as connection:
                subscription = await connection.subscribe("/queue/a")
                await connection.send("/queue/a", "secret", receipt=True)
                assert await texts(subscription, 1) == ["secret"]

    asyncio.run(main())
