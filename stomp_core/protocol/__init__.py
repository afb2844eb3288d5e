"""The protocol layer: one connection, on either side. Frames become typed events, the rules of STOMP are checked,
heart-beats have deadlines. There is no I/O and no clock; the model is explained at the top of ``_connection.py``.
"""

from ._client import ClientConnection
from ._deliveries import Effect
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
    check_destination,
    encode_body,
    event_from_frame,
    send_parts,
)
from ._handshake import check_versions
from ._heartbeat import negotiate
from ._latest_subscription import LatestSubscription
from ._server import ServerConnection
from ._states import CLIENT_RECEIVES, CLIENT_SENDS, SERVER_RECEIVES, SERVER_SENDS, State
from ._tracker import Coverage, TrackedSubscription

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
    "Coverage",
    "Disconnect",
    "Effect",
    "Error",
    "Event",
    "LatestSubscription",
    "Message",
    "Nack",
    "Receipt",
    "Send",
    "ServerConnection",
    "State",
    "Subscribe",
    "Tolerated",
    "TrackedSubscription",
    "Unsubscribe",
    "check_destination",
    "check_versions",
    "encode_body",
    "event_from_frame",
    "negotiate",
    "send_parts",
]
