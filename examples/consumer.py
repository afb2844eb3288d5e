"""Consumer: receive messages one by one, and acknowledge each after it is processed. It survives reconnects.

python examples/consumer.py stomp://guest:guest@localhost:61613 /queue/lines [HOW_MANY]
"""

from __future__ import annotations

import asyncio
import sys

import stomp_asyncio


async def main(url: str, destination: str, how_many: str = "0") -> None:
    async with (
        stomp_asyncio.connect(url) as conn,
        conn.subscribe(destination, ack="client-individual", prefetch=50) as messages,
    ):
        left = int(how_many)
        async for message in messages:
            print(f"{message.text}{' (again)' if message.redelivered else ''}", flush=True)
            try:
                await message.ack()
            except stomp_asyncio.StaleMessageError:
                continue  # the connection was lost meanwhile; the broker delivers the message again
            left -= 1
            if left == 0:
                break


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    try:
        asyncio.run(main(*sys.argv[1:]))
    except (stomp_asyncio.StompError, ValueError) as error:
        sys.exit(f"consumer: {error}")
