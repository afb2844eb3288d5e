"""A user's program, as a type checker sees it: CI checks it against the built wheel, with mypy --strict and pyright."""

from __future__ import annotations

from stomp_core import ClientConnection, Connected, Frame, FrameParser, Message, ServerConnection, Session
from stomp_socket import Connection, Reconnect, Rejected, Subscription, connect


def wire(data: bytes) -> list[str]:
    """The commands of the frames in some bytes."""
    parser = FrameParser("1.2")
    parser.receive_data(data)
    commands: list[str] = []
    while isinstance(frame := parser.next_frame(), Frame):
        commands.append(frame.command)
    return commands


def protocol() -> str | None:
    """Client and server, joined by hand."""
    client, server = ClientConnection(), ServerConnection()
    server.receive_data(client.connect("/", now=0.0), now=0.0)
    server.next_event()
    client.receive_data(server.send(Connected(server="mine"), now=0.0), now=0.0)
    event = client.next_event()
    return event.server if isinstance(event, Connected) else None


def session() -> int:
    """What an adapter's author writes."""
    pending = Session("stomp://localhost").send("/queue/a", "hello", receipt=True, timeout=5)
    return 1 if pending.done else 0


def work(orders: Subscription) -> int:
    """What most programs do."""
    total = 0
    for message in orders:
        total += len(message.body)
        message.ack(receipt=True)
    return total


def main(url: str) -> bool:
    """Connect, work, and close."""
    conn: Connection = connect(url, "guest", "guest", heart_beat=(10, 10), reconnect=Reconnect(max_delay=5))
    try:
        conn.send("/queue/a", "<a/>", content_type="application/xml", headers={"a": "b"}, receipt=True)
        with conn.transaction() as tx:
            tx.send("/queue/a", b"bytes")
        with conn.subscribe("/queue/a", ack="client-individual", prefetch=10) as orders:
            work(orders)
            message: str = orders.receive(timeout=1.0).text
        return bool(message)
    except Rejected as error:
        print(error.error.description, error.code)
        return False
    finally:
        conn.close()


def redelivered(event: Message) -> str:
    """Events are typed too."""
    return event.headers.get("redelivered", "false")
