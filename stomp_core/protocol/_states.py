"""The states of a connection, and who may say what in which: tables, one pair a role.

A row says which state a command leads to. A command that has no entry is not allowed there. The diagrams in the
documentation are drawn from these tables.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "CLIENT_RECEIVES",
    "CLIENT_SENDS",
    "SERVER_RECEIVES",
    "SERVER_SENDS",
    "State",
    "Table",
]


class State(StrEnum):
    """Where one socket's life stands. Client and server use the same names for the same moments."""

    NEW = "new"  # nothing said yet
    CONNECTING = "connecting"  # CONNECT is said, the answer is not
    CONNECTED = "connected"
    DISCONNECTING = "disconnecting"  # the client has said DISCONNECT, its last frame
    REFUSING = "refusing"  # a server has seen STOMP broken; it owes an ERROR
    FAILED = "failed"  # ERROR was said; the connection can only be closed
    CLOSED = "closed"


Table = dict[State, dict[str, State]]

_NEW, _CONNECTING, _CONNECTED = State.NEW, State.CONNECTING, State.CONNECTED
_DISCONNECTING, _REFUSING, _FAILED, _CLOSED = State.DISCONNECTING, State.REFUSING, State.FAILED, State.CLOSED

_CLIENT_TALK = dict.fromkeys(
    ("SEND", "SUBSCRIBE", "UNSUBSCRIBE", "ACK", "NACK", "BEGIN", "COMMIT", "ABORT"), _CONNECTED
)

CLIENT_SENDS: Table = {
    _NEW: {"CONNECT": _CONNECTING, "STOMP": _CONNECTING},
    _CONNECTING: {},
    _CONNECTED: {**_CLIENT_TALK, "DISCONNECT": _DISCONNECTING},
    _DISCONNECTING: {},
    _REFUSING: {},
    _FAILED: {},
    _CLOSED: {},
}

CLIENT_RECEIVES: Table = {
    _NEW: {},
    _CONNECTING: {"CONNECTED": _CONNECTED, "ERROR": _FAILED},
    _CONNECTED: {"MESSAGE": _CONNECTED, "RECEIPT": _CONNECTED, "ERROR": _FAILED},
    _DISCONNECTING: {"MESSAGE": _DISCONNECTING, "RECEIPT": _DISCONNECTING, "ERROR": _FAILED},
    _REFUSING: {},
    _FAILED: {"ERROR": _FAILED},
    _CLOSED: {},
}

SERVER_SENDS: Table = {
    _NEW: {"ERROR": _FAILED},
    _CONNECTING: {"CONNECTED": _CONNECTED, "ERROR": _FAILED},
    _CONNECTED: {"MESSAGE": _CONNECTED, "RECEIPT": _CONNECTED, "ERROR": _FAILED},
    _DISCONNECTING: {"MESSAGE": _DISCONNECTING, "RECEIPT": _DISCONNECTING, "ERROR": _FAILED},
    _REFUSING: {"ERROR": _FAILED},
    _FAILED: {},
    _CLOSED: {},
}

SERVER_RECEIVES: Table = {
    _NEW: {"CONNECT": _CONNECTING, "STOMP": _CONNECTING},
    _CONNECTING: {},  # frames behind CONNECT wait until it is answered
    _CONNECTED: {**_CLIENT_TALK, "DISCONNECT": _DISCONNECTING},
    _DISCONNECTING: {},
    _REFUSING: {},
    _FAILED: {},
    _CLOSED: {},
}
