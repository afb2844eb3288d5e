"""asyncio: what connections read into one buffer stays apart, in one loop and in the loops of several threads."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import stomp_asyncio
import stomp_testing
from tests.waiting import HANGS

MESSAGES = 150
SIZE = 50_000  # several messages for each read, and several reads for some messages


async def receive_what_was_sent(url: str, letter: str) -> set[bytes]:
    """Send messages of one letter from one connection, and return what another one receives."""
    queue, body = f"/queue/{letter}", letter.encode() * SIZE
    async with stomp_asyncio.connect(url) as sender, stomp_asyncio.connect(url) as receiver:
        async with receiver.subscribe(queue) as messages:
            async with sender.pipeline() as pipeline:
                for _ in range(MESSAGES):
                    await pipeline.send(queue, body)
            return {(await messages.receive(timeout=HANGS)).body for _ in range(MESSAGES)}


def test_connections_of_one_loop_read_their_own_bytes() -> None:
    async def main() -> list[set[bytes]]:
        with stomp_testing.Broker() as broker:
            return await asyncio.gather(*(receive_what_was_sent(broker.url, letter) for letter in "abc"))

    assert asyncio.run(main()) == [{letter * SIZE} for letter in (b"a", b"b", b"c")]


def test_loops_of_several_threads_read_their_own_bytes() -> None:
    together = threading.Barrier(2)

    def run(letter: str) -> set[bytes]:
        together.wait(HANGS)
        return asyncio.run(receive_what_was_sent(broker.url, letter))

    with stomp_testing.Broker() as broker, ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, "ab")) == [{b"a" * SIZE}, {b"b" * SIZE}]
