"""A user's program, which is type-checked and never run.

CI checks it against the built wheel, with mypy --strict and with pyright.
"""

from __future__ import annotations

import stomp_asyncio
from stomp_core import ClientConnection, Connected, Frame, FrameParser, Message, ServerConnection, Session
from stomp_socket import Connection, Reconnect, Rejected, Subscription, connect


def wire(data: bytes) -> list[str]:
    """Parse bytes and return the commands of the frames in it."""
    parser = FrameParser("1.2")
    parser.receive_data(data)
    commands: list[str] = []
    while isinstance(frame := parser.next_frame(), Frame):
        commands.append(frame.command)
    return commands


def protocol() -> str | None:
    """Connect a client and a server without a socket."""
    client, server = ClientConnection(), ServerConnection()
    server.receive_data(client.connect("/", now=0.0), now=0.0)
    server.next_event()
    client.receive_data(server.send(Connected(server="mine"), now=0.0), now=0.0)
    event = client.next_event()
    return event.server if isinstance(event, Connected) else None


def session() -> int:
    """Use a session as an adapter does."""
    pending = Session("stomp://localhost").send(0.0, "/queue/a", "hello", receipt=True, timeout=5)
    return 1 if pending.done else 0


def consume(orders: Subscription) -> int:
    """Receive and acknowledge messages."""
    total = 0
    for message in orders:
        total += len(message.body)
        message.ack(receipt=True)
    return total


def main(url: str) -> bool:
    """Connect, send and receive, and close."""
    conn: Connection = connect(url, "guest", "guest", heart_beat=(10, 10), reconnect=Reconnect(max_delay=5))
    try:
        conn.send("/queue/a", "<a/>", content_type="application/xml", headers={"a": "b"}, receipt=True)
        with conn.transaction() as tx:
            tx.send("/queue/a", b"bytes")
        with conn.subscribe("/queue/a", ack="client-individual", prefetch=10) as orders:
            consume(orders)
            message: str = orders.receive(timeout=1.0).text
        return bool(message)
    except Rejected as error:
        print(error.error.description, error.code)
        return False
    finally:
        conn.close()


def get_token() -> str:
    """Return the passcode for one attempt to connect."""
    return "token"


async def fetch_token() -> str:
    """Return the same, for asyncio and trio."""
    return "token"


async def fetch_headers() -> dict[str, str]:
    """Return headers for one attempt to connect."""
    return {"Authorization": "Bearer token"}


def credentials(url: str) -> None:
    """Pass functions in place of credentials; where nobody can await them, async ones are an error of types."""
    connect(url, lambda: "app", get_token, headers=lambda: {"tenant": "a"}).close()
    connect(url, "app", fetch_token).close()  # type: ignore[arg-type]
    connect(url, "app", "token", headers=fetch_headers).close()  # type: ignore[arg-type]


async def async_credentials(url: str) -> None:
    """Pass functions of both kinds."""
    async with stomp_asyncio.connect(url, fetch_token, get_token, headers=fetch_headers) as conn:
        await conn.send("/queue/a", "hello")
    async with stomp_asyncio.connect(url, lambda: "app", fetch_token, headers=lambda: [("a", "b")]):
        pass


def redelivered(event: Message) -> str:
    """Read a header of an event."""
    return event.headers.get("redelivered", "false")
