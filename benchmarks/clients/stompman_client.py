"""stompman, an asyncio client. It has no pipeline; tasks that wait for one receipt each are its way to send fast."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ..address import Address
from ..jobs import AT_ONCE, Job
from ..readers import peer

__all__ = ["CONTESTS"]

stompman = peer("stompman")
_RECEIPT_TIMEOUT = 30.0


def _client(job: Job) -> Any:
    address = Address.of(job.url)

    class Connection(stompman.connection.Connection):  # type: ignore[misc, name-defined]
        """Connects to the host of the URL: stompman connects to the virtual host, which is `/` on RabbitMQ."""

        @classmethod
        async def connect(cls, *, host: str, **others: Any) -> Any:
            return await super().connect(host=address.host, **others)

    parameters = stompman.ConnectionParameters("/", address.port, address.login, address.passcode)
    return stompman.Client(
        [parameters],
        heartbeat=stompman.Heartbeat(10_000, 10_000),
        max_concurrent_handlers=None,
        connection_class=Connection,
    )


async def _receive(job: Job, mode: str) -> None:
    missing, done = job.count, asyncio.Event()

    async def handle(frame: Any) -> None:
        nonlocal missing
        missing -= 1
        if not missing:
            done.set()

    async with _client(job) as client:
        with job.measured():
            # Unless the mode is "auto", it sends an ACK when the handler has returned.
            subscription = await client.subscribe(
                job.queue, handle, ack=mode, on_suppressed_exception=lambda error, frame: None
            )
            await done.wait()
        await subscription.unsubscribe()


async def receive(job: Job) -> None:
    await _receive(job, "auto")


async def ack(job: Job) -> None:
    await _receive(job, "client-individual")


async def send(job: Job) -> None:
    async with _client(job) as client:
        with job.measured():
            for _ in range(job.count - 1):
                await client.send(job.body, job.queue)
            await client.send(job.body, job.queue, receipt_timeout=_RECEIPT_TIMEOUT)


async def confirm(job: Job) -> None:
    async with _client(job) as client:
        with job.measured():
            for _ in job.one_by_one():
                await client.send(job.body, job.queue, receipt_timeout=_RECEIPT_TIMEOUT)


async def crowd(job: Job) -> None:
    async with _client(job) as client:

        async def send_share() -> None:
            for _ in range(job.share):
                await client.send(job.body, job.queue, receipt_timeout=_RECEIPT_TIMEOUT)

        with job.measured():
            await asyncio.gather(*(send_share() for _ in range(AT_ONCE)))


def _run(contest: Callable[[Job], Awaitable[None]]) -> Callable[[Job], None]:
    async def run(job: Job) -> None:
        await contest(job)

    return lambda job: asyncio.run(run(job))


CONTESTS = {
    "receive": _run(receive),
    "ack": _run(ack),
    "send": _run(send),
    "confirm": _run(confirm),
    "crowd": _run(crowd),
}
