"""Echo client on stomp_socket: what `python -m stomp_testing conformance --listen` tests a client library with.

    cd tests/conformance/clients
    python -m stomp_testing conformance --listen :0 --exec "python stomp_socket_client.py"

STOMP_URL is where to connect, STOMP_VERSION the only version to offer. Write the same with another library, in any
language, to test that one; README.md of stomp_testing.conformance describes what it has to do.
"""

from __future__ import annotations

import os
import sys

import stomp_socket
from stomp_core import AckMode, Reconnect


def main(url: str, version: str) -> None:
    ack: AckMode = "client" if version == "1.0" else "client-individual"
    once = Reconnect(rounds=0)
    with stomp_socket.connect(url, versions=[version], heart_beat=(1.0, 1.0), reconnect=once) as conn:
        for message in conn.subscribe("/queue/conformance", ack=ack):
            if message.body == b"bye":
                message.ack()
                conn.close()
                return
            headers = {"echo": message.headers["echo"]} if "echo" in message.headers else {}
            body = message.headers.get("reveal")
            conn.send("/queue/echo", message.body if body is None else body, headers=headers)
            message.ack()


if __name__ == "__main__":
    try:
        main(os.environ["STOMP_URL"], os.environ["STOMP_VERSION"])
    except (stomp_socket.StompError, KeyError) as error:
        sys.exit(f"stomp_socket_client: {error}")
