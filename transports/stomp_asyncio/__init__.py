"""STOMP in asyncio: ``connect()`` and :class:`Connection`, with the names and the semantics of ``stomp_socket``.

    async with stomp_asyncio.connect("stomp://guest:guest@localhost:61613") as conn:
        await conn.send("/queue/orders", "hello", receipt=True)
        async with conn.subscribe("/queue/orders", ack="client-individual", prefetch=100) as orders:
            async for message in orders:
                print(message.text)
                await message.ack()

One task a connection dials and keeps the heart-beats; it does not outlive the connection. Cancellation, at any await,
loses no message and leaves the connection as usable as it was. The rules of STOMP, reconnecting and deadlines are those
of :class:`stomp_core.Session`.
"""

from stomp_core.session import (
    AuthenticationFailed,
    ConnectFailed,
    ConnectionLost,
    Listener,
    NotSent,
    OutcomeUnknown,
    ReceiptTimeout,
    Reconnect,
    Rejected,
    SessionClosed,
    StaleMessageError,
    TransactionInDoubt,
    TransactionLost,
    Unconfirmed,
    WorkPolicy,
)

from .connection import Connection, Message, Opening, Pipeline, Subscription, Transaction, connect

__all__ = [
    "AuthenticationFailed",
    "ConnectFailed",
    "Connection",
    "ConnectionLost",
    "Listener",
    "Message",
    "NotSent",
    "Opening",
    "OutcomeUnknown",
    "Pipeline",
    "ReceiptTimeout",
    "Reconnect",
    "Rejected",
    "SessionClosed",
    "StaleMessageError",
    "Subscription",
    "Transaction",
    "TransactionInDoubt",
    "TransactionLost",
    "Unconfirmed",
    "WorkPolicy",
    "connect",
]
