"""aiostomp, an asyncio client. It has no receipts, so of its sends nothing can be measured that ends."""

from __future__ import annotations

import asyncio
from typing import Any

from ..address import Address
from ..jobs import Job
from ..readers import peer

__all__ = ["CONTESTS"]

aiostomp = peer("aiostomp")


async def _receive(job: Job, mode: str) -> None:
    host, port, login, passcode = Address.of(job.url)
    missing, done = job.count, asyncio.Event()

    async def handle(frame: Any, message: Any) -> bool:
        nonlocal missing
        missing -= 1
        if not missing:
            done.set()
        return True  # Unless the mode is "auto", it sends an ACK then.

    conn = aiostomp.AioStomp(host, port, heartbeat=False)
    await conn.connect(login, passcode)
    with job.measured():
        conn.subscribe(job.queue, handler=handle, ack=mode)
        await done.wait()
    conn.close()


def receive(job: Job) -> None:
    asyncio.run(_receive(job, "auto"))


def ack(job: Job) -> None:
    asyncio.run(_receive(job, "client-individual"))


CONTESTS = {"receive": receive, "ack": ack}
