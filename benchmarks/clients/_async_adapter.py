"""What is the same in asyncio and trio, since both adapters have the same API."""

from __future__ import annotations

from typing import Any

from ..jobs import AT_ONCE, Job

__all__ = ["ack", "confirm", "pipeline", "receive", "send"]


async def receive(adapter: Any, job: Job) -> None:
    async with adapter.connect(job.url) as conn:
        with job.measured():
            missing = job.count
            async for _ in await conn.subscribe(job.queue):
                missing -= 1
                if not missing:
                    break


async def ack(adapter: Any, job: Job) -> None:
    async with adapter.connect(job.url) as conn:
        with job.measured():
            missing = job.count
            async for message in await conn.subscribe(job.queue, ack="client-individual"):
                await message.ack()
                missing -= 1
                if not missing:
                    break


async def send(adapter: Any, job: Job) -> None:
    async with adapter.connect(job.url) as conn:
        with job.measured():
            for _ in range(job.count - 1):
                await conn.send(job.queue, job.body)
            await conn.send(job.queue, job.body, receipt=True)


async def confirm(adapter: Any, job: Job) -> None:
    async with adapter.connect(job.url) as conn:
        with job.measured():
            for _ in job.one_by_one():
                await conn.send(job.queue, job.body, receipt=True)


async def pipeline(adapter: Any, job: Job) -> None:
    async with adapter.connect(job.url) as conn:
        with job.measured():
            async with conn.pipeline(AT_ONCE) as messages:
                for _ in range(job.count):
                    await messages.send(job.queue, job.body)
