"""Schemes of URLs: those of STOMP, and those that others write in their place."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["ADVISED", "EXAMPLE", "KINDS", "OTHER_PROTOCOLS", "OTHER_SCHEMES", "SCHEME", "Kind"]


class Kind(NamedTuple):
    """The transport that a URL scheme means."""

    transport: str  # "tcp", "unix" or "websocket"
    secure: bool
    port: int | None


KINDS = {
    "stomp": Kind("tcp", False, 61613),
    "stomp+ssl": Kind("tcp", True, 61614),
    "stomp+unix": Kind("unix", False, None),
    "ws": Kind("websocket", False, 80),
    "wss": Kind("websocket", True, 443),
}
#: The schemes that every adapter can dial: no error advises another one.
ADVISED = "stomp://, stomp+ssl:// (TLS), stomp+unix://, ws:// and wss:// (WebSocket)"
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
EXAMPLE = "stomp://localhost:61613"
#: What other libraries call a scheme, and what it is here.
OTHER_SCHEMES = {
    **dict.fromkeys(("tcp", "stomp+tcp", "nio", "stomp+nio", "plain", "auto", "mq"), "stomp"),
    **dict.fromkeys(("ssl", "tls", "tcps", "stomps", "stompssl"), "stomp+ssl"),
    **dict.fromkeys(("stomp+tls", "stomp+nio+ssl", "nio+ssl", "tcp+ssl", "auto+ssl"), "stomp+ssl"),
    **dict.fromkeys(("stomp+ws", "ws+stomp", "websocket"), "ws"),
    **dict.fromkeys(("stomp+wss", "wss+stomp", "stomp+ws+ssl", "ws+ssl"), "wss"),
    **dict.fromkeys(("unix", "file", "ipc", "stomp-unix", "http+unix"), "stomp+unix"),
}
#: Protocols that are not STOMP, whose port is another one too.
OTHER_PROTOCOLS = frozenset(
    {"http", "https", "amqp", "amqps", "pyamqp", "mqtt", "mqtts", "kafka", "redis", "rediss", "nats"}
)
