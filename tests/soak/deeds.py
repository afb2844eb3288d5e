"""What the senders and the receiver of a soak do, in either async world."""

from __future__ import annotations

from typing import Any

from stomp_core.session import NotSent, OutcomeUnknown, StaleMessageError

from .ledger import Ledger

__all__ = ["receive", "send"]


async def send(conn: Any, queue: str, ledger: Ledger) -> None:
    """Send until there is nothing left, and note what became of each message."""
    while (number := ledger.next()) is not None:
        try:
            await conn.send(queue, str(number), headers={"persistent": "true"}, receipt=True)
        except OutcomeUnknown:
            ledger.unknown.add(number)
        except NotSent:
            ledger.not_sent.add(number)
        else:
            ledger.confirmed.add(number)


async def receive(conn: Any, queue: str, ledger: Ledger) -> None:
    """Take and acknowledge until cancelled."""
    async with conn.subscribe(queue, ack="client-individual", prefetch=200, timeout=120) as messages:
        async for message in messages:
            ledger.got(int(message.text))
            try:
                await message.ack()
            except StaleMessageError:
                pass  # it comes again
