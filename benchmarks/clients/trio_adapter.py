"""`stomp_trio`, the adapter of this library for trio."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio

import stomp_trio

from ..jobs import AT_ONCE, Job
from ._async_adapter import ack, confirm, pipeline, receive, send

__all__ = ["CONTESTS"]


async def crowd(adapter: Any, job: Job) -> None:
    async with adapter.connect(job.url) as conn:

        async def send_share() -> None:
            for _ in range(job.share):
                await conn.send(job.queue, job.body, receipt=True)

        with job.measured():
            async with trio.open_nursery() as nursery:
                for _ in range(AT_ONCE):
                    nursery.start_soon(send_share)


def _run(contest: Callable[[Any, Job], Awaitable[None]]) -> Callable[[Job], None]:
    return lambda job: trio.run(contest, stomp_trio, job)


CONTESTS = {
    "receive": _run(receive),
    "ack": _run(ack),
    "send": _run(send),
    "confirm": _run(confirm),
    "pipeline": _run(pipeline),
    "crowd": _run(crowd),
}
