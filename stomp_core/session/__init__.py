"""The session: a client's life over many sockets, still pure.

Endpoints and failover, handshake, receipts, subscriptions that come back, transactions, bounded reading, graceful
close. :mod:`stomp_core.session.session` shows how to drive it.
"""

from .delivery import Delivery
from .dialect import ACTIVEMQ, ARTEMIS, DIALECTS, GENERIC, RABBITMQ, Dialect
from .endpoint import Credentials, Endpoint, EndpointSource, check_endpoints, parse_endpoints
from .errors import (
    AuthenticationFailed,
    ConnectFailed,
    ConnectionLost,
    NotSent,
    NotSentInTime,
    OutcomeUnknown,
    ReceiptTimeout,
    Rejected,
    SessionClosed,
    SessionError,
    StaleMessageError,
    TransactionInDoubt,
    TransactionLost,
    Unconfirmed,
)
from .inbox import Inbox
from .link import SessionState
from .listener import Listener, Listeners
from .options import SessionOptions
from .pending import Pending
from .pipeline import Pipeline
from .reconnect import Attempt, Reconnect, Rng
from .session import Session, TapEvent
from .subscription import Subscription, SubscriptionState
from .transaction import Transaction, TransactionLike, TransactionState
from .views import ConnectionView, PipelineView, SubscriptionView, TransactionView, View
from .work import Work, WorkPolicy

__all__ = [
    "ACTIVEMQ",
    "ARTEMIS",
    "DIALECTS",
    "GENERIC",
    "RABBITMQ",
    "Attempt",
    "AuthenticationFailed",
    "ConnectFailed",
    "ConnectionLost",
    "ConnectionView",
    "Credentials",
    "Delivery",
    "Dialect",
    "Endpoint",
    "EndpointSource",
    "Inbox",
    "Listener",
    "Listeners",
    "NotSent",
    "NotSentInTime",
    "OutcomeUnknown",
    "Pending",
    "Pipeline",
    "PipelineView",
    "ReceiptTimeout",
    "Reconnect",
    "Rejected",
    "Rng",
    "Session",
    "SessionClosed",
    "SessionError",
    "SessionOptions",
    "SessionState",
    "StaleMessageError",
    "Subscription",
    "SubscriptionState",
    "SubscriptionView",
    "TapEvent",
    "Transaction",
    "TransactionInDoubt",
    "TransactionLike",
    "TransactionLost",
    "TransactionState",
    "TransactionView",
    "Unconfirmed",
    "View",
    "Work",
    "WorkPolicy",
    "check_endpoints",
    "parse_endpoints",
]
