"""stomp_core: STOMP 1.0, 1.1 and 1.2 without I/O, clocks or threads. Bytes in, events out; commands in, bytes out.

Three layers, each usable without the next one:

* wire: :class:`FrameParser` and :meth:`Frame.to_bytes`;
* protocol: :class:`ClientConnection` and :class:`ServerConnection`, one socket's life;
* session: :class:`Session`, a client's life over many sockets, from which adapters are made.
"""

from .errors import (
    ConnectionGoneError,
    ErrorCode,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
    StompError,
)
from .protocol import (
    Abort,
    Ack,
    AckMode,
    Begin,
    Body,
    ClientConnection,
    Commit,
    Connect,
    Connected,
    Disconnect,
    Error,
    Event,
    Message,
    Nack,
    Receipt,
    Send,
    ServerConnection,
    State,
    Subscribe,
    Tolerated,
    Unsubscribe,
)
from .session import Session
from .wire import (
    NEED_DATA,
    ConnectionClosed,
    Frame,
    FrameParser,
    Headers,
    HeaderSource,
    HeartBeat,
    Leniency,
    Limits,
    NeedData,
    Version,
)

__version__ = "0.1.0"

__all__ = [
    "NEED_DATA",
    "Abort",
    "Ack",
    "AckMode",
    "Begin",
    "Body",
    "ClientConnection",
    "Commit",
    "Connect",
    "Connected",
    "ConnectionClosed",
    "ConnectionGoneError",
    "Disconnect",
    "Error",
    "ErrorCode",
    "Event",
    "Frame",
    "FrameParser",
    "HeaderSource",
    "Headers",
    "HeartBeat",
    "Leniency",
    "Limits",
    "LocalProtocolError",
    "Message",
    "Nack",
    "NeedData",
    "ProtocolError",
    "Receipt",
    "RemoteProtocolError",
    "Send",
    "ServerConnection",
    "Session",
    "State",
    "StompError",
    "Subscribe",
    "Tolerated",
    "Unsubscribe",
    "Version",
]
