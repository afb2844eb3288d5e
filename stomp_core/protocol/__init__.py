"""The protocol: one socket's life, either side. Frames become typed events, the rules of STOMP are kept, heart-beats
have deadlines. No I/O: see :class:`~stomp_core.protocol._connection.Connection` for the model.
"""

from ._client import ClientConnection
from ._events import (
    Abort,
    Ack,
    AckMode,
    Begin,
    Body,
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
    Subscribe,
    Tolerated,
    Unsubscribe,
    event_from_frame,
)
from ._server import ServerConnection
from ._states import CLIENT_RECEIVES, CLIENT_SENDS, SERVER_RECEIVES, SERVER_SENDS, State

__all__ = [
    "CLIENT_RECEIVES",
    "CLIENT_SENDS",
    "SERVER_RECEIVES",
    "SERVER_SENDS",
    "Abort",
    "Ack",
    "AckMode",
    "Begin",
    "Body",
    "ClientConnection",
    "Commit",
    "Connect",
    "Connected",
    "Disconnect",
    "Error",
    "Event",
    "Message",
    "Nack",
    "Receipt",
    "Send",
    "ServerConnection",
    "State",
    "Subscribe",
    "Tolerated",
    "Unsubscribe",
    "event_from_frame",
]
