"""The echo client with stompest. See stomp_socket_client.py."""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit

from stompest.config import StompConfig  # type: ignore[import-untyped]
from stompest.error import StompError  # type: ignore[import-untyped]
from stompest.sync import Stomp  # type: ignore[import-untyped]

url = urlsplit(os.environ["STOMP_URL"])
version = os.environ["STOMP_VERSION"]
failover = "startupMaxReconnectAttempts=0,maxReconnectAttempts=0"
config = StompConfig(
    f"failover:(tcp://{url.hostname}:{url.port})?{failover}", url.username, url.password, version=version
)
client = Stomp(config)


def main() -> None:
    client.connect(versions=[version], host="/", connectedTimeout=20)
    mode = "client" if version == "1.0" else "client-individual"
    client.subscribe("/queue/conformance", {"id": "0", "ack": mode})
    while True:
        frame = client.receiveFrame()
        assert frame is not None  # it waits for a frame
        if frame.command == "ERROR":
            sys.exit(f"stompest_client: {frame.info()}")
        if frame.command != "MESSAGE":
            continue
        if frame.body == b"bye":
            client.ack(frame)
            client.disconnect(receipt="bye")
            client.receiveFrame()  # RECEIPT
            client.close()
            return
        body = frame.body if "reveal" not in frame.headers else frame.headers["reveal"].encode()
        headers = {"content-length": len(body)}  # stompest leaves it to the program
        if "echo" in frame.headers:
            headers["echo"] = frame.headers["echo"]
        client.send("/queue/echo", body, headers)
        client.ack(frame)


try:
    main()
except StompError as error:
    sys.exit(f"stompest_client: {error}")
