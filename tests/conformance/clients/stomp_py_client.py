"""The echo client with stomp.py. See stomp_socket_client.py."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any
from urllib.parse import urlsplit

import stomp  # type: ignore[import-untyped]
from stomp.exception import StompException  # type: ignore[import-untyped]

url = urlsplit(os.environ["STOMP_URL"])
version = os.environ["STOMP_VERSION"]
connections = {"1.0": stomp.Connection10, "1.1": stomp.Connection11, "1.2": stomp.Connection12}
options: dict[str, Any] = {} if version == "1.0" else {"heartbeats": (1000, 1000)}
conn = connections[version](
    [(url.hostname, url.port)], auto_decode=False, reconnect_attempts_max=1, **options
)
ended = threading.Event()


class Echo(stomp.ConnectionListener):  # type: ignore[misc]
    leaving = False

    def on_message(self, frame: Any) -> None:
        if self.leaving:
            return
        if frame.body == b"bye":
            self.leaving = True
            self.acknowledge(frame.headers)
            threading.Thread(target=conn.disconnect).start()  # it waits for what this thread receives
            return
        headers = {"echo": frame.headers["echo"]} if "echo" in frame.headers else {}
        reveal = frame.headers.get("reveal")
        conn.send("/queue/echo", frame.body if reveal is None else reveal, headers=headers)
        self.acknowledge(frame.headers)

    def acknowledge(self, headers: dict[str, str]) -> None:
        if version == "1.2":
            conn.ack(headers["ack"])
        elif version == "1.1":
            conn.ack(headers["message-id"], headers["subscription"])
        else:
            conn.ack(headers["message-id"])

    def on_disconnected(self) -> None:
        ended.set()


conn.set_listener("echo", Echo())
try:
    conn.connect(url.username, url.password, wait=True)
    conn.subscribe("/queue/conformance", id="0", ack="client" if version == "1.0" else "client-individual")
except StompException as error:
    sys.exit(f"stomp_py_client: {error!r}")
ended.wait()
