"""The session: a client's life over many sockets, still pure.

Endpoints and failover, handshake, receipts, subscriptions that are restored on every new connection, transactions,
bounded buffers, graceful close. :mod:`stomp_core.adapter` drives it.
"""

from ._broker_profiles import ACTIVEMQ, ARTEMIS, BROKER_PROFILES, GENERIC, RABBITMQ, BrokerProfile
from ._byte_layer import ByteLayer, ByteLayerFactory
from ._config import Config
from ._connect_errors import dial_failure
from ._connector import TRANSITIONS, Input, SessionState
from ._delivery import Delivery, SubscriptionLike
from ._errors import (
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
from ._forwarding import forwarded_headers
from ._handles import Subscription, Transaction
from ._listener import Listener, Listeners
from ._message_queue import MessageQueue
from ._pending import Pending
from ._pipeline import Pipeline
from ._questions import Questions
from ._reconnect import Attempt, Reconnect, Rng, Schedule
from ._session import Session, TapEvent
from ._subscriptions import SubscriptionState
from ._transactions import TransactionLike, TransactionState
from ._urls import Credentials, Endpoint, EndpointSource, parse_endpoints
from ._worker import HandlerRunner, WorkPolicy

__all__ = [
    "ACTIVEMQ",
    "ARTEMIS",
    "BROKER_PROFILES",
    "GENERIC",
    "RABBITMQ",
    "TRANSITIONS",
    "Attempt",
    "AuthenticationFailed",
    "BrokerProfile",
    "ByteLayer",
    "ByteLayerFactory",
    "Config",
    "ConnectFailed",
    "ConnectionLost",
    "Credentials",
    "Delivery",
    "Endpoint",
    "EndpointSource",
    "HandlerRunner",
    "Input",
    "Listener",
    "Listeners",
    "MessageQueue",
    "NotSent",
    "NotSentInTime",
    "OutcomeUnknown",
    "Pending",
    "Pipeline",
    "Questions",
    "ReceiptTimeout",
    "Reconnect",
    "Rejected",
    "Rng",
    "Schedule",
    "Session",
    "SessionClosed",
    "SessionError",
    "SessionState",
    "StaleMessageError",
    "Subscription",
    "SubscriptionLike",
    "SubscriptionState",
    "TapEvent",
    "Transaction",
    "TransactionInDoubt",
    "TransactionLike",
    "TransactionLost",
    "TransactionState",
    "Unconfirmed",
    "WorkPolicy",
    "dial_failure",
    "forwarded_headers",
    "parse_endpoints",
]
