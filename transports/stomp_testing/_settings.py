"""Settings of an embedded broker: the flavour, who may connect, limits, and faults that a test switches on.

A flavour is one real broker's behaviour where STOMP leaves a choice: what a NACK does, how temporary queues and durable
subscriptions are requested, when a SEND inside a transaction is confirmed, how exactly heart-beats are sent. A client
library has to work with both answers, so the embedded broker can give both. What the specification fixes is the same
in every flavour and is not here. What a broker refuses, and with which words, is in ``_refusals``.

The values were measured with RabbitMQ 3.10.8 and ActiveMQ Classic 5.17.2.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from stomp_core import Leniency, Limits

from ._refusals import ACTIVEMQ_REFUSALS, RABBITMQ_REFUSALS, Refusals

__all__ = ["ACTIVEMQ", "FLAVOURS", "RABBITMQ", "BrokerFaults", "Flavour", "Settings", "flavour_named"]


@dataclass(frozen=True, slots=True)
class Flavour:
    """One real broker's behaviour where STOMP leaves a choice.

    Attributes:
        name: ``"rabbitmq"`` or ``"activemq"``.
        server: the ``server`` header of CONNECTED, by which clients recognise the broker.
        refusals: which requests are refused, and how.
        leniency: which violations of the grammar are tolerated.
        vhosts: the virtual hosts that exist; ``None`` if ``host`` is ignored.
        connect_timeout: seconds that a client may take to send CONNECT.
        client_ids: a ``client-id`` belongs to one connection at a time, and is the name of its session.
        ack_covers_connection: a cumulative ACK or NACK covers what any subscription of the connection was sent before;
            otherwise only its own.
        nack_requeues: a NACKed message is delivered again at once; otherwise it goes to a dead letter queue.
        nack_is_cumulative: in ``client`` mode a NACK covers the messages before it, too.
        unsubscribe_requeues: UNSUBSCRIBE requeues what was not acknowledged; otherwise the end of the connection does.
        transaction_receipts_wait: a SEND in a transaction is confirmed after COMMIT, and never after ABORT; otherwise
            at once.
        receipt_first: a SEND's RECEIPT precedes the MESSAGE to a subscription of the same client.
        message_id_is_ack: ``ack`` and ``message-id`` of a MESSAGE are equal, and new for each delivery.
        prefetch_header: the header of SUBSCRIBE that limits the unacknowledged messages.
        zero_prefetch_is_none: a limit of 0 lets no message through; otherwise it is no limit.
        strict_destinations: destinations are checked, and exchanges exist; otherwise any text names a queue.
        ttl_header: the header of SEND after which a message expires.
        ttl_is_a_date: ``ttl_header`` is a time in milliseconds since 1970; otherwise it is milliseconds from now.
        request_headers_leak: a MESSAGE has the ``receipt`` and ``transaction`` headers of its SEND.
        error_receipt_id: an ERROR has the ``receipt-id`` of the frame that caused it.
        error_versions: an ERROR lists the versions.
        content_length_as_sent: a MESSAGE has ``content-length`` only if its SEND had one.
        reply_queues: ``reply-to:/temp-queue/x`` on SEND creates the queue and its subscription; otherwise the client
            subscribes to ``/temp-queue/x`` itself.
        durable_by_id: a durable topic subscription is named by its ``id`` and requested with ``durable:true``;
            otherwise it is named by CONNECT's ``client-id`` and by ``activemq.subscriptionName``.
        temporary_prefix: what other clients see in place of ``/temp-queue/x``.
        one_word: the wildcard of topic subscriptions for one word.
        many_words: the wildcard of topic subscriptions for any number of words.
        heart_beat_unit: a number of milliseconds. The intervals in CONNECTED are multiples of it, rounded down, and at
            least one.
        first_heart_beat_is_late: the first heart-beat is left out.
        heart_beat_pace: a heart-beat is sent after this share of the interval.
        heart_beat_tolerance: the client counts as dead after this many intervals without a byte.
        websocket_disconnect_receipt: over WebSocket, DISCONNECT is confirmed with a RECEIPT, as it is over TCP.
        websocket_close_reason: the reason in the Close frame with which the broker ends a WebSocket; its code is 1000.
        websocket_text_only: over WebSocket, binary messages are ignored, of each message one frame is read, and every
            body is sent as text, with what is not UTF-8 replaced.
    """

    name: str
    server: str
    refusals: Refusals
    leniency: Leniency
    vhosts: tuple[str, ...] | None
    connect_timeout: float
    client_ids: bool
    ack_covers_connection: bool
    nack_requeues: bool
    nack_is_cumulative: bool
    unsubscribe_requeues: bool
    transaction_receipts_wait: bool
    receipt_first: bool
    message_id_is_ack: bool
    prefetch_header: str
    zero_prefetch_is_none: bool
    strict_destinations: bool
    ttl_header: str
    ttl_is_a_date: bool
    request_headers_leak: bool
    error_receipt_id: bool
    error_versions: bool
    content_length_as_sent: bool
    reply_queues: bool
    durable_by_id: bool
    temporary_prefix: str
    one_word: str
    many_words: str
    heart_beat_unit: int
    first_heart_beat_is_late: bool
    heart_beat_pace: float
    heart_beat_tolerance: float
    websocket_disconnect_receipt: bool
    websocket_close_reason: str
    websocket_text_only: bool


# RabbitMQ 3.10.8
RABBITMQ = Flavour(
    name="rabbitmq",
    server="RabbitMQ/stomp_testing",
    refusals=RABBITMQ_REFUSALS,
    leniency=Leniency(
        crlf=True,
        escapes_in_connect=True,
        missing_host=True,
        nack_in_1_0=True,
        receipt_on_connect=True,
        unexpected_body=True,
    ),
    vhosts=("/",),
    connect_timeout=10.0,
    client_ids=False,
    ack_covers_connection=True,
    nack_requeues=True,
    nack_is_cumulative=True,
    unsubscribe_requeues=False,
    transaction_receipts_wait=True,
    receipt_first=False,
    message_id_is_ack=True,
    prefetch_header="prefetch-count",
    zero_prefetch_is_none=False,
    strict_destinations=True,
    ttl_header="expiration",
    ttl_is_a_date=False,
    request_headers_leak=True,
    error_receipt_id=False,
    error_versions=True,
    content_length_as_sent=False,
    reply_queues=True,
    durable_by_id=True,
    temporary_prefix="/reply-queue/",
    one_word="*",
    many_words="#",
    heart_beat_unit=1000,
    first_heart_beat_is_late=False,
    heart_beat_pace=0.5,
    heart_beat_tolerance=3.0,
    websocket_disconnect_receipt=False,
    websocket_close_reason="STOMP died",
    websocket_text_only=False,
)

# ActiveMQ Classic 5.17.2
ACTIVEMQ = Flavour(
    name="activemq",
    server="ActiveMQ/stomp_testing",
    refusals=ACTIVEMQ_REFUSALS,
    leniency=Leniency(
        escapes_in_connect=True,
        missing_host=True,
        nack_in_1_0=True,
        receipt_on_connect=True,
        unexpected_body=True,
    ),
    vhosts=None,
    connect_timeout=30.0,
    client_ids=True,
    ack_covers_connection=False,
    nack_requeues=False,
    nack_is_cumulative=False,
    unsubscribe_requeues=True,
    transaction_receipts_wait=False,
    receipt_first=True,
    message_id_is_ack=False,
    prefetch_header="activemq.prefetchSize",
    zero_prefetch_is_none=True,
    strict_destinations=False,
    ttl_header="expires",
    ttl_is_a_date=True,
    request_headers_leak=False,
    error_receipt_id=True,
    error_versions=False,
    content_length_as_sent=True,
    reply_queues=False,
    durable_by_id=False,
    temporary_prefix="/remote-temp-queue/",
    one_word="*",
    many_words=">",
    heart_beat_unit=1,
    first_heart_beat_is_late=True,
    heart_beat_pace=1.0,
    heart_beat_tolerance=4.0,
    websocket_disconnect_receipt=True,
    websocket_close_reason="",
    websocket_text_only=True,
)

FLAVOURS = {flavour.name: flavour for flavour in (RABBITMQ, ACTIVEMQ)}


def flavour_named(flavour: str | Flavour) -> Flavour:
    """Return the flavour of a name; a Flavour is returned as it is.

    Raises:
        ValueError: there is no flavour of this name.
    """
    if isinstance(flavour, Flavour):
        return flavour
    try:
        return FLAVOURS[flavour]
    except KeyError:
        names = ", ".join(map(repr, FLAVOURS))
        raise ValueError(f"flavour must be one of {names}, got {flavour!r}") from None


@dataclass(slots=True)
class BrokerFaults:
    """Faults of a broker. They may be changed while it runs.

    Attributes:
        silent: CONNECT is read and never answered.
        connect_delay: seconds until CONNECT is answered.
        hold_receipts: no RECEIPT is sent; those held back are sent when this is false again.
    """

    silent: bool = False
    connect_delay: float = 0.0
    hold_receipts: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What all connections of a broker share. The fields are arguments of :class:`~stomp_testing.Broker`."""

    flavour: Flavour = RABBITMQ
    server: str | None = RABBITMQ.server
    users: Mapping[str, str] | None = None
    vhosts: Collection[str] | None = None
    exchanges: Collection[str] = ()
    versions: tuple[str, ...] = ("1.0", "1.1", "1.2")
    heart_beat: tuple[int, int] | None = None
    limits: Limits = field(default_factory=Limits)
    leniency: Leniency | None = None
    connect_timeout: float | None = None
    high_water: int = 256 * 1024
    faults: BrokerFaults = field(default_factory=BrokerFaults)
    clock: Callable[[], float] = time.time
