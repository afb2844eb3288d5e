"""The echo client with stompman, which has STOMP 1.2 only. See stomp_socket_client.py."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlsplit

import stompman
from stompman.connection import Connection


class LenientConnection(Connection):
    """Adds ``heart-beat`` to a CONNECTED without it.

    The specification allows that; stompman 3.16 raises KeyError, and nothing else could be tested. It asks for a
    heart-beat each second: told that none is wanted (``0,0``) stompman 3.16 sends them without a pause.
    """

    async def read_frames(self) -> AsyncGenerator[Any, None]:
        async for frame in super().read_frames():
            if isinstance(frame, stompman.ConnectedFrame):
                frame.headers.setdefault("heart-beat", "0,1000")
            yield frame


async def main() -> None:
    url = urlsplit(os.environ["STOMP_URL"])
    server = stompman.ConnectionParameters(
        host=url.hostname or "", port=url.port or 0, login=url.username or "", passcode=url.password or ""
    )
    # Not to connect again: one attempt, without a pause, and no reconnecting of a read or a write.
    client = stompman.Client(
        [server],
        connect_retry_attempts=1,
        connect_retry_interval=0,
        write_retry_attempts=1,
        on_error_frame=None,
        disconnect_confirmation_timeout=1,
        connection_class=LenientConnection,
    )
    async with client:

        async def echo(message: stompman.AckableMessageFrame) -> None:
            if message.body == b"bye":
                await message.ack()
                await subscription.unsubscribe()
                return
            received: dict[str, str] = {**message.headers}  # type: ignore[dict-item]  # any name, not those of its type
            headers = {"echo": received["echo"]} if "echo" in received else {}
            reveal = received.get("reveal")
            body = message.body if reveal is None else reveal.encode()
            await client.send(body, "/queue/echo", headers=headers)
            await message.ack()

        subscription = await client.subscribe_with_manual_ack("/queue/conformance", echo)


try:
    asyncio.run(main())
except* stompman.Error as errors:
    print(f"stompman_client: {errors.exceptions[0]}", file=sys.stderr)
    sys.exit(1)
