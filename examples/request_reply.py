"""Request and reply: a service that squares numbers, and a client that sends it requests over a temporary queue.

python examples/request_reply.py stomp://guest:guest@localhost:61613 /queue/squares
"""

from __future__ import annotations

import sys

import trio

import stomp_trio


async def serve(
    url: str, destination: str, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    async with (
        stomp_trio.connect(url) as conn,
        conn.subscribe(destination, ack="client-individual") as requests,
    ):
        task_status.started()
        async for request in requests:
            answer = str(int(request.text) ** 2)
            # The request says where to send the reply, and how the client recognises it.
            headers = {"correlation-id": request.headers["correlation-id"]}
            await conn.send(request.headers["reply-to"], answer, headers=headers)
            await request.ack()


async def main(url: str, destination: str) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, url, destination)
        async with stomp_trio.connect(url) as conn:
            for number in (2, 3, 12):
                reply = await conn.request(destination, str(number), timeout=5)
                print(f"{number} squared is {reply.text}")
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    errors: list[Exception] = []
    try:
        trio.run(main, sys.argv[1], sys.argv[2])
    except* (stomp_trio.StompError, ValueError) as group:
        errors += group.exceptions
    if errors:
        while isinstance(errors[0], ExceptionGroup):
            errors = list(errors[0].exceptions)
        sys.exit(f"request_reply: {errors[0]}")
