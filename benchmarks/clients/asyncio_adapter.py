"""`stomp_asyncio`, the adapter of this library for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import stomp_asyncio

from ..jobs import AT_ONCE, Job
from ._async_adapter import ack, confirm, pipeline, receive, send

__all__ = ["CONTESTS"]


async def crowd(adapter: Any, job: Job) -> None:
    async with adapter.connect(job.url) as conn:

        async def send_share() -> None:
            for _ in range(job.share):
                await conn.send(job.queue, job.body, receipt=True)

        with job.measured():
            await asyncio.gather(*(send_share() for _ in range(AT_ONCE)))


def _run(contest: Callable[[Any, Job], Awaitable[None]]) -> Callable[[Job], None]:
    async def run(job: Job) -> None:
        await contest(stomp_asyncio, job)

    return lambda job: asyncio.run(run(job))


CONTESTS = {
    "receive": _run(receive),
    "ack": _run(ack),
    "send": _run(send),
    "confirm": _run(confirm),
    "pipeline": _run(pipeline),
    "crowd": _run(crowd),
}
