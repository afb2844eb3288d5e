"""A proxy that adds a header to every message on its way, in both directions. Usage:
python examples/embedding/mitm_proxy.py 61614 localhost 61613

It needs no clock: client and broker agree on heart-beats with each other, and the proxy passes them on.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from functools import partial

import stomp_core as stomp

Received = stomp.Event | stomp.HeartBeat | stomp.Tolerated | stomp.ConnectionClosed


def changed(event: stomp.Event) -> stomp.Event:
    """Return what is passed on in place of an event."""
    if not isinstance(event, stomp.Send | stomp.Message):
        return event
    frame = event.frame
    return type(event).from_frame(frame.replace(headers=[*frame.headers.items(), ("seen-by", "proxy")]))


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

    def send(self, event: Received | stomp.Frame) -> None:
        if isinstance(event, stomp.HeartBeat):
            self.writer.write(b"\n")
        elif isinstance(event, stomp.Event | stomp.Frame):
            self.writer.write(self.conn.send(event))

    async def carry(self, target: Side) -> None:
        while not isinstance(event := await self.receive(), stomp.ConnectionClosed):
            target.send(changed(event) if isinstance(event, stomp.Event) else event)
            await target.writer.drain()  # senders wait for those who read


async def serve(host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one client."""
    # Brokers may send messages that no subscription has asked for.
    client = Side(stomp.ServerConnection(unsolicited_messages=True, heart_beats=False), reader, writer)
    writers, tasks = [writer], []
    try:
        connect = await client.receive()
        if isinstance(connect, stomp.Connect):
            streams = await asyncio.open_connection(host, port)
            writers.append(streams[1])
            broker = Side(stomp.ClientConnection(connect.known_versions, heart_beats=False), *streams)
            broker.send(connect)
            client.send(await broker.receive())  # CONNECTED or ERROR: only then the client may go on
            tasks = [asyncio.create_task(a.carry(b)) for a, b in ((client, broker), (broker, client))]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.gather(*done)
    except (stomp.StompError, OSError) as error:
        try:
            client.send(getattr(error, "frame_hint", None) or stomp.Error(message=f"proxy: {error}"))
        except stomp.StompError:
            pass  # the client cannot be told any more
    finally:
        for task in tasks:
            task.cancel()
        for one in writers:
            one.close()


async def main(port: str, host: str, broker_port: str) -> None:
    async with await asyncio.start_server(partial(serve, host, int(broker_port)), port=int(port)) as server:
        await server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    asyncio.run(main(*sys.argv[1:]))
