"""Settings of an embedded broker: the flavour, who may connect, limits, and faults that a test switches on.

A flavour is one real broker's behaviour where STOMP leaves a choice: what a NACK does, how temporary queues and durable
subscriptions are requested, when a SEND inside a transaction is confirmed, how exactly heart-beats are sent. A client
library has to work with both answers, so the embedded broker can give both. What the specification fixes is the same
in every flavour and is not here.

The values were measured with RabbitMQ 3.10.8 and ActiveMQ Classic 5.17.2.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from stomp_core import Leniency, Limits

__all__ = ["ACTIVEMQ", "FLAVOURS", "RABBITMQ", "BrokerFaults", "Flavour", "Settings", "flavour_named"]


@dataclass(frozen=True, slots=True)
class Flavour:
    """One real broker's behaviour where STOMP leaves a choice.

    Attributes:
        name: ``"rabbitmq"`` or ``"activemq"``.
        server: the ``server`` header of CONNECTED, by which clients recognise the broker.
        nack_requeues: a NACKed message is delivered again at once; otherwise it goes to a dead letter queue.
        transaction_receipts_wait: a SEND in a transaction is confirmed after COMMIT, and never after ABORT; otherwise
            at once.
        receipt_first: a SEND's RECEIPT precedes the MESSAGE to a subscription of the same client.
        message_id_is_ack: ``ack`` and ``message-id`` of a MESSAGE are equal, and new for each delivery.
        content_length_as_sent: a MESSAGE has ``content-length`` only if its SEND had one.
        reply_queues: ``reply-to:/temp-queue/x`` on SEND creates the queue and its subscription; otherwise the client
            subscribes to ``/temp-queue/x`` itself.
        durable_by_id: a durable topic subscription is named by its ``id`` and requested with ``durable:true``;
            otherwise it is named by CONNECT's ``client-id`` and by ``activemq.subscriptionName``.
        temporary_prefix: what other clients see in place of ``/temp-queue/x``.
        one_word, many_words: the wildcards of topic subscriptions.
        heart_beat_pace: a heart-beat is sent after this share of the interval.
        heart_beat_tolerance: the client counts as dead after this many intervals without a byte.
        refusal: the ``message`` header of the ERROR for a wrong password.
    """

    name: str
    server: str
    nack_requeues: bool
    transaction_receipts_wait: bool
    receipt_first: bool
    message_id_is_ack: bool
    content_length_as_sent: bool
    reply_queues: bool
    durable_by_id: bool
    temporary_prefix: str
    one_word: str
    many_words: str
    heart_beat_pace: float
    heart_beat_tolerance: float
    refusal: str


# RabbitMQ 3.10.8
RABBITMQ = Flavour(
    name="rabbitmq",
    server="RabbitMQ/stomp_testing",
    nack_requeues=True,
    transaction_receipts_wait=True,
    receipt_first=False,
    message_id_is_ack=True,
    content_length_as_sent=False,
    reply_queues=True,
    durable_by_id=True,
    temporary_prefix="/reply-queue/",
    one_word="*",
    many_words="#",
    heart_beat_pace=0.5,
    heart_beat_tolerance=3.0,
    refusal="Bad CONNECT",
)

# ActiveMQ Classic 5.17.2
ACTIVEMQ = Flavour(
    name="activemq",
    server="ActiveMQ/stomp_testing",
    nack_requeues=False,
    transaction_receipts_wait=False,
    receipt_first=True,
    message_id_is_ack=False,
    content_length_as_sent=True,
    reply_queues=False,
    durable_by_id=False,
    temporary_prefix="/remote-temp-queue/",
    one_word="*",
    many_words=">",
    heart_beat_pace=1.0,
    heart_beat_tolerance=4.0,
    refusal="User name or password is invalid.",
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
    versions: tuple[str, ...] = ("1.0", "1.1", "1.2")
    heart_beat: tuple[int, int] | None = None
    limits: Limits = field(default_factory=Limits)
    leniency: Leniency = field(default_factory=Leniency)
    connect_timeout: float = 10.0
    high_water: int = 256 * 1024
    faults: BrokerFaults = field(default_factory=BrokerFaults)
