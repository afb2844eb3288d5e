"""STOMP in asyncio: ``connect()`` and :class:`Connection`, with the names and the semantics of ``stomp_socket``.

    async with stomp_asyncio.connect("stomp://guest:guest@localhost:61613") as conn:
        await conn.send("/queue/orders", "hello", receipt=True)
        async with conn.subscribe("/queue/orders", ack="client-individual", prefetch=100) as orders:
            async for message in orders:
                print(message.text)
                await message.ack()

A task that is cancelled, at any await, loses no message and leaves the connection as usable as it was. The rules of
STOMP, reconnecting and deadlines are those of :class:`stomp_core.Session`.
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
from stomp_core.adapter import AsyncMessage as Message
from stomp_core.adapter import AsyncPipeline as Pipeline
from stomp_core.adapter import AsyncSubscription as Subscription
from stomp_core.adapter import AsyncTransaction as Transaction
from stomp_core.adapter import ConnectContext
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
from ._dial import DialFunction

__all__ = [
    "ACTIVEMQ",
    "ARTEMIS",
    "GENERIC",
    "RABBITMQ",
    "AuthenticationFailed",
    "BrokerProfile",
    "ConnectContext",
    "ConnectFailed",
    "Connection",
    "ConnectionGoneError",
    "ConnectionLost",
    "DialFunction",
    "Endpoint",
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
    "StaleMessageError",
    "StompError",
    "Subscription",
    "SubscriptionState",
    "Transaction",
    "TransactionInDoubt",
    "TransactionLost",
    "TransactionState",
    "Unconfirmed",
    "Version",
    "WorkPolicy",
    "connect",
]

if not TYPE_CHECKING:  # type checkers know the names, and report others

    def __getattr__(name: str) -> object:
        _unknown_name("stomp_asyncio", name)
