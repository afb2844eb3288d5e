"""STOMP over blocking sockets: ``connect()`` and a thread-safe :class:`Connection`.

    with stomp_socket.connect("stomp://guest:guest@localhost:61613") as conn:
        conn.send("/queue/orders", "hello", receipt=True)
        with conn.subscribe("/queue/orders", ack="client-individual", prefetch=100) as orders:
            for message in orders:
                print(message.text)
                message.ack()

One thread a connection reads, writes and keeps the heart-beats, so that those go on while your code is busy. The rules
of STOMP, reconnecting and deadlines are those of :class:`stomp_core.Session`.
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
    WorkPolicy,
)

from .connection import Connection, Message, Subscription, Transaction, connect

__all__ = [
    "AuthenticationFailed",
    "ConnectFailed",
    "Connection",
    "ConnectionLost",
    "Listener",
    "Message",
    "NotSent",
    "OutcomeUnknown",
    "ReceiptTimeout",
    "Reconnect",
    "Rejected",
    "SessionClosed",
    "StaleMessageError",
    "Subscription",
    "Transaction",
    "TransactionInDoubt",
    "TransactionLost",
    "WorkPolicy",
    "connect",
]
