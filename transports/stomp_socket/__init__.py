"""STOMP over blocking sockets: ``connect()`` and a thread-safe :class:`Connection`.

    with stomp_socket.connect("stomp://guest:guest@localhost:61613") as conn:
        conn.send("/queue/orders", "hello", receipt=True)
        with conn.subscribe("/queue/orders", ack="client-individual", prefetch=100) as orders:
            for message in orders:
                print(message.text)
                message.ack()

One thread a connection keeps the heart-beats, and reads and writes while no caller does, so that all of it goes on
while your code is busy. The rules of STOMP, reconnecting and deadlines are those of :class:`stomp_core.Session`.
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

from .connection import Connection, Message, Pipeline, Subscription, Transaction, connect

__all__ = [
    "AuthenticationFailed",
    "ConnectFailed",
    "Connection",
    "ConnectionLost",
    "Listener",
    "Message",
    "NotSent",
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
