"""A proxy that adds a header to every message on its way, in both directions. Usage:
python examples/embedding/mitm_proxy.py 61614 localhost 61613

It needs no clock: client and broker agree on heart-beats with each other, and the proxy passes them on.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial

import stomp_core as stomp

Received = stomp.Event | stomp.HeartBeat | stomp.Tolerated | stomp.ConnectionClosed


def changed(event: stomp.Event) -> stomp.Frame:
    """Return what is passed on in place of an event."""
    if not isinstance(event, stomp.Send | stomp.Message):
        return event.frame
    return event.frame.replace(headers=[*event.headers.items(), ("seen-by", "proxy")])


@dataclass
class Side:
    """One of the two connections of the proxy: with a client, or with the broker."""

    conn: stomp.ServerConnection | stomp.ClientConnection
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def receive(self) -> Received:
        while (event := self.conn.next_event()) is stomp.NEED_DATA:
            self.conn.receive_data(await self.reader.read(65536))
        return event

    def send(self, event: Received) -> None:
        if isinstance(event, stomp.Event):
            self.writer.write(self.conn.send(changed(event)))
        elif isinstance(event, stomp.HeartBeat):
            self.writer.write(b"\n")

    async def carry(self, target: Side) -> None:
        while not isinstance(event := await self.receive(), stomp.ConnectionClosed):
            target.send(event)
            await target.writer.drain()  # senders wait for those who read
        target.writer.close()  # which ends the other direction, too


async def serve(host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one client."""
    # Brokers may send messages that no subscription has asked for.
    client = Side(stomp.ServerConnection(unsolicited_messages=True, heart_beats=False), reader, writer)
    with closing(writer):
        try:
            connect = await client.receive()
            if isinstance(connect, stomp.Connect):
                streams = await asyncio.open_connection(host, port)
                with closing(streams[1]):
                    broker = Side(stomp.ClientConnection(connect.known_versions, heart_beats=False), *streams)
                    broker.send(connect)
                    client.send(await broker.receive())  # CONNECTED or ERROR: only then the client may go on
                    await asyncio.gather(client.carry(broker), broker.carry(client))
        except (stomp.StompError, OSError) as error:
            with suppress(stomp.StompError):  # if the client can still be told
                hint = getattr(error, "frame_hint", None)
                client.writer.write(client.conn.send(hint or stomp.Error(message=f"proxy: {error}")))


async def main(port: str, host: str, broker_port: str) -> None:
    async with await asyncio.start_server(partial(serve, host, int(broker_port)), port=int(port)) as server:
        await server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    asyncio.run(main(*sys.argv[1:]))
