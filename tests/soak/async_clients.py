"""The sender and the receiver of a soak test, for the asyncio and the trio adapter."""

from __future__ import annotations

from typing import Any

from stomp_core.session import NotSent, OutcomeUnknown, StaleMessageError

from .outcomes import Outcomes

__all__ = ["receive", "send"]


async def send(conn: Any, queue: str, outcomes: Outcomes) -> None:
    """Send messages until none is left, and record the outcome of each."""
    while (number := outcomes.next_number()) is not None:
        try:
            await conn.send(queue, str(number), headers={"persistent": "true"}, receipt=True)
        except OutcomeUnknown:
            outcomes.unknown.add(number)
        except NotSent:
            outcomes.not_sent.add(number)
        else:
            outcomes.confirmed.add(number)


async def receive(conn: Any, queue: str, outcomes: Outcomes) -> None:
    """Receive and acknowledge messages until cancelled."""
    async with conn.subscribe(queue, ack="client-individual", prefetch=200, timeout=120) as messages:
        async for message in messages:
            outcomes.add_received(int(message.text), redelivered=message.redelivered)
            try:
                await message.ack()
            except StaleMessageError:
                pass  # the broker delivers it again
