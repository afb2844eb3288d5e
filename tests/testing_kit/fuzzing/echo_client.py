"""The echo client that README.md of stomp_testing.conformance describes, on sockets, with one fault if one is named.

python echo_client.py [FAULT]
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from urllib.parse import urlsplit

from stomp_core import (
    NEED_DATA,
    AckMode,
    ClientConnection,
    Connected,
    ConnectionClosed,
    Error,
    Leniency,
    Message,
    ProtocolError,
    Receipt,
    Send,
)


def main(fault: str) -> None:
    version, address = os.environ["STOMP_VERSION"], urlsplit(os.environ["STOMP_URL"])
    leniency = Leniency.permissive() if fault == "lenient" else Leniency()
    client = ClientConnection([version], leniency=leniency, heart_beats=False)
    with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
        connection.sendall(client.connect("/", login="guest", passcode="guest"))
        while True:
            data = connection.recv(65536)
            if fault == "hangs" and b"\ncontent-length:" in data and b"\ncontent-length:1" not in data:
                time.sleep(600)
            if fault == "leaves" and b"\nheart-beat:" in data:
                return
            if fault == "dies" and b"\\" in data:
                os.kill(os.getpid(), signal.SIGABRT)
            client.receive_data(data)
            try:
                while (event := client.next_event()) is not NEED_DATA:
                    if isinstance(event, ConnectionClosed | Error):
                        return
                    answer(client, connection, event, fault)
            except ProtocolError:
                if fault == "unhandled":
                    raise
                if fault == "mistake":
                    int([])  # type: ignore[call-overload]
                return


def answer(client: ClientConnection, connection: socket.socket, event: object, fault: str) -> None:
    if isinstance(event, Connected):
        ack: AckMode = "client" if client.version == "1.0" else "client-individual"
        connection.sendall(client.subscribe("/queue/conformance", id="0", ack=ack))
    elif isinstance(event, Message):
        if fault == "refuses-nul" and b"\0" in event.body:
            raise ValueError("a body with NUL")
        if fault == "out-of-memory" and b"\0" in event.body:
            raise MemoryError
        body = event.headers["reveal"].encode() if "reveal" in event.headers else event.body
        if fault == "changes":
            body = body.split(b"\0")[0]
        connection.sendall(client.send(Send("/queue/echo", body)))
        acknowledged = client.ack(event)
        if fault == "wrong-ack":
            acknowledged = acknowledged.replace(b"id:", b"id:x", 1)
        connection.sendall(acknowledged)
    elif isinstance(event, Receipt):
        return


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
