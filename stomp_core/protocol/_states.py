"""The state machines of a connection: which frames may be sent and received in which state.

A client and a server each have a state machine, and both use the same names for the same moments. A connection without
failures goes through them in this order::

    NEW --CONNECT--> CONNECTING --CONNECTED--> CONNECTED --DISCONNECT--> DISCONNECTING --end of the stream--> CLOSED

Each side changes its state when it sends or receives the frame, so the two sides are in different states while a frame
is in flight. That is why a client still has to accept MESSAGE and RECEIPT in DISCONNECTING: the server may have sent
them before it received DISCONNECT.

The rules are data, one pair of tables for each role. ``CLIENT_SENDS[state]`` maps the commands that a client may send
in a state to the state that follows; ``CLIENT_RECEIVES[state]`` does the same for the commands that it may receive. A
command without an entry is not allowed in that state: sending it is a mistake of the caller
(:class:`~stomp_core.LocalProtocolError`), receiving it is a violation by the peer
(:class:`~stomp_core.RemoteProtocolError`).

Three changes of state are not caused by an allowed frame, and therefore are not in the tables:

* The end of the stream leads from every state to CLOSED.
* A peer that missed its heart-beat deadline in CONNECTED is reported as closed, which leads to CLOSED.
* A violation by the peer leads to FAILED in a client, which can do nothing but close, and to REFUSING in a server,
  which still has to send an ERROR ("ERROR": the server MAY send ERROR frames if something goes wrong, and MUST then
  close the connection). Sending it leads to FAILED.

The diagrams in docs/reference/states.md are drawn from these tables by tools/draw-states.
"""

from __future__ import annotations

from enum import StrEnum

from .._records import record

__all__ = [
    "CLIENT",
    "CLIENT_RECEIVES",
    "CLIENT_SENDS",
    "SERVER",
    "SERVER_RECEIVES",
    "SERVER_SENDS",
    "Role",
    "State",
    "Table",
]


class State(StrEnum):
    """The state of a connection. Client and server have the same ones.

    Attributes:
        NEW: no frame was sent or received.
        CONNECTING: CONNECT was sent, its answer was not.
        CONNECTED: CONNECTED was sent. All other frames are allowed now.
        DISCONNECTING: DISCONNECT was sent, the client's last frame.
        REFUSING: server only: the client violated the protocol, and ERROR has to be sent.
        FAILED: ERROR was sent, or the server violated the protocol. The connection can only be closed.
        CLOSED: the connection was closed.
    """

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTING = "disconnecting"
    REFUSING = "refusing"
    FAILED = "failed"
    CLOSED = "closed"


Table = dict[State, dict[str, State]]

_NEW, _CONNECTING, _CONNECTED = State.NEW, State.CONNECTING, State.CONNECTED
_DISCONNECTING, _REFUSING, _FAILED, _CLOSED = State.DISCONNECTING, State.REFUSING, State.FAILED, State.CLOSED

# The client frames of the connected state, which DISCONNECT ends.
_CLIENT_FRAMES = dict.fromkeys(
    ("SEND", "SUBSCRIBE", "UNSUBSCRIBE", "ACK", "NACK", "BEGIN", "COMMIT", "ABORT"), _CONNECTED
)

CLIENT_SENDS: Table = {
    _NEW: {"CONNECT": _CONNECTING, "STOMP": _CONNECTING},
    _CONNECTING: {},
    _CONNECTED: {**_CLIENT_FRAMES, "DISCONNECT": _DISCONNECTING},
    # "DISCONNECT": clients MUST NOT send any more frames after the DISCONNECT frame is sent.
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
    # Brokers send more than one ERROR before they close; the further ones are reported for their text.
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
    # Nothing: the bytes behind CONNECT are not read until it is answered, see _connection.py.
    _CONNECTING: {},
    _CONNECTED: {**_CLIENT_FRAMES, "DISCONNECT": _DISCONNECTING},
    _DISCONNECTING: {},
    _REFUSING: {},
    _FAILED: {},
    _CLOSED: {},
}


@record
class Role:
    """One side of a connection.

    Attributes:
        name: ``"client"`` or ``"server"``, for error texts.
        sends: what it may send.
        receives: what it may receive.
    """

    name: str
    sends: Table
    receives: Table


CLIENT = Role("client", CLIENT_SENDS, CLIENT_RECEIVES)
SERVER = Role("server", SERVER_SENDS, SERVER_RECEIVES)
