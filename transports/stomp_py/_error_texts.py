"""Error texts of the core in terms of stomp.py's API.

The core explains why a connection could not be made, and names what to check by its own URLs and by the options of its
own ``connect()``, which users of this package do not know. What is to be checked stays the same, only the names change.
"""

from __future__ import annotations

import re

__all__ = ["in_terms_of_stomp_py"]

#: What the core writes -> what it is here.
_TERMS = {
    "check who has signed it, and pass that authority: ca_file='ca.pem', or an ssl_context that trusts it": (
        "check who has signed it, and pass that authority as ca_certs of set_ssl()"
    ),
    "check that the URL has the name that the certificate is for, or state that name: server_hostname=...": (
        "check that the host is the name that the certificate is for"
    ),
    "(use stomp:// for a plain one)": "(a plain one needs no set_ssl())",
    " and not a TLS one (use stomp+ssl:// for that)": " and not a TLS one (which needs set_ssl())",
    "check the scheme: use stomp+ssl:// for this port": "call set_ssl() for this port",
    ", and the URL of a WebSocket begins with ws://, as in ws://localhost:15674/ws": "",
    ", and the URL of a WebSocket begins with wss://, as in wss://localhost:15673/ws": "",
    ", whose URL begins with ws://": "",
    "; with a '\\' in the passcode, try escape_connect=True": "",
    "check login and passcode, and the virtual host (host=...)": (
        "check username and passcode, and the virtual host (vhost=...)"
    ),
    ": check versions=...": ": use the Connection class of a version that both have",
    "this client_id: that of": "this client-id: that of",
    "; Reconnect(first_rounds=...) retries the first connection, too": "; try again later",
    "the session was closed": "the connection was closed",
    "so it needs a content-length": (
        "so it needs a content-length header, which auto_content_length=False leaves out"
    ),
}
#: Names of the core that stand alone in any other text. No name may be here that is also a word.
_NAMES = [
    (re.compile(pattern), ours)
    for pattern, ours in (
        (r"[;,:]?[^;:,]*\bescape_connect=[^;,]*", ""),
        (r"\buse (?:stomp\+ssl|wss)://", "call set_ssl()"),
        (r"[;,]? or (?:use )?wss?://[^;,)]*", ""),
        (r"\bthe URL of a WebSocket begins with wss?://\S*, as in \S+", "WSConnection is for a WebSocket"),
        (r", whose URL begins with ws://", ": use WSConnection(..., ws_path='/ws')"),
        (r"\bpass an ssl_context\b", "call set_ssl()"),
        (r"\bssl_context\b", "set_ssl()"),
        (r"(?<!v)\bhost=", "vhost="),
        (r"\blogin=", "username="),
        (r"\blogin and passcode\b", "username and passcode"),
        (r"\bheart_beat_tolerance\b", "heart_beat_receive_scale"),
        (r"\bheart_beat\b", "heartbeats"),
        (r"\b(?:connect|handshake)_timeout\b", "timeout"),
        (r"\bversions=", "the Connection class, version="),
        (r"\bclient_id\b", "client-id"),
        (r"(?<!_)\bcontent_length=", "auto_content_length="),
    )
]


def in_terms_of_stomp_py(text: str) -> str:
    """Return a text of the core with the names of this package."""
    for core, ours in _TERMS.items():
        text = text.replace(core, ours)
    for pattern, ours in _NAMES:
        text = pattern.sub(ours, text)
    return text
