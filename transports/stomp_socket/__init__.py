"""STOMP over blocking sockets: ``connect()`` and a thread-safe :class:`Connection`.

    with stomp_socket.connect("stomp://guest:guest@localhost:61613") as conn:
        conn.send("/queue/orders", "hello", receipt=True)
        with conn.subscribe("/queue/orders", ack="client-individual", prefetch=100) as orders:
            for message in orders:
                print(message.text)
                message.ack()

Each connection has one thread, which reads and keeps the heart-beats, so that all of it goes on while your code is
busy. The rules of STOMP, reconnecting and deadlines are those of :class:`stomp_core.Session`.
"""

from typing import TYPE_CHECKING

from stomp_core import (
    ConnectionGoneError,
    ErrorCode,
    Leniency,
    Limits,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
    StompError,
    Version,
)
from stomp_core import __version__ as __version__
from stomp_core.adapter import BlockingMessage as Message
from stomp_core.adapter import BlockingPipeline as Pipeline
from stomp_core.adapter import BlockingSubscription as Subscription
from stomp_core.adapter import BlockingTransaction as Transaction
from stomp_core.adapter import unknown_name as _unknown_name
from stomp_core.session import (
    ACTIVEMQ,
    ARTEMIS,
    GENERIC,
    RABBITMQ,
    AuthenticationFailed,
    BrokerProfile,
    ConnectFailed,
    ConnectionLost,
    Endpoint,
    Listener,
    Listeners,
    NotSent,
    NotSentInTime,
    OutcomeUnknown,
    ReceiptTimeout,
    Reconnect,
    Rejected,
    SessionClosed,
    SessionError,
    StaleMessageError,
    SubscriptionState,
    TransactionInDoubt,
    TransactionLost,
    TransactionState,
    Unconfirmed,
    WorkPolicy,
)

from ._connection import Connection, connect
from ._dial import DialFunction, dial
from ._engine import Engine
from ._stream import Stream, is_not_now
from ._transport import SocketTransport, Watch

__all__ = [
    "ACTIVEMQ",
    "ARTEMIS",
    "GENERIC",
    "RABBITMQ",
    "AuthenticationFailed",
    "BrokerProfile",
    "ConnectFailed",
    "Connection",
    "ConnectionGoneError",
    "ConnectionLost",
    "DialFunction",
    "Endpoint",
    "Engine",
    "ErrorCode",
    "Leniency",
    "Limits",
    "Listener",
    "Listeners",
    "LocalProtocolError",
    "Message",
    "NotSent",
    "NotSentInTime",
    "OutcomeUnknown",
    "Pipeline",
    "ProtocolError",
    "ReceiptTimeout",
    "Reconnect",
    "Rejected",
    "RemoteProtocolError",
    "SessionClosed",
    "SessionError",
    "SocketTransport",
    "StaleMessageError",
    "StompError",
    "Stream",
    "Subscription",
    "SubscriptionState",
    "Transaction",
    "TransactionInDoubt",
    "TransactionLost",
    "TransactionState",
    "Unconfirmed",
    "Version",
    "Watch",
    "WorkPolicy",
    "connect",
    "dial",
    "is_not_now",
]

if not TYPE_CHECKING:  # type checkers know the names, and report others

    def __getattr__(name: str) -> object:
        _unknown_name("stomp_socket", name)
