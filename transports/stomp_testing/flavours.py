"""What RabbitMQ and ActiveMQ do differently, as data: one row of a table each.

STOMP leaves to brokers what a NACK does, how temporary queues and durable subscriptions are asked for, and when a
SEND inside a transaction is confirmed. A client library has to live with both answers, so the embedded broker can
give both. What the specification fixes is not here.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ACTIVEMQ", "FLAVOURS", "RABBITMQ", "Flavour", "flavour_named"]


@dataclass(frozen=True, slots=True)
class Flavour:
    """One broker's habits.

    Attributes:
        name: ``"rabbitmq"`` or ``"activemq"``.
        server: the ``server`` header by which clients recognise it.
        nack_requeues: a NACKed message is delivered again at once; otherwise it goes to a dead letter queue.
        transaction_receipts_wait: a SEND in a transaction is confirmed after COMMIT, and never after ABORT.
        receipt_first: a SEND's RECEIPT precedes the MESSAGE that it makes for a subscription of the same client.
        message_id_is_ack: MESSAGE's ``ack`` and ``message-id`` are the same, and new for each delivery.
        content_length_as_sent: a MESSAGE has ``content-length`` only if its SEND had one.
        reply_queues: ``reply-to:/temp-queue/x`` on SEND makes the queue and its subscription; otherwise the client
            subscribes to ``/temp-queue/x`` itself.
        temporary_prefix: what other clients see in place of ``/temp-queue/x``.
        one_word, many_words: wildcards of topic subscriptions.
        heart_beat_pace: a beat is due after this share of the interval.
        heart_beat_tolerance: a client is dead after this many silent intervals.
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
    temporary_prefix: str
    one_word: str
    many_words: str
    heart_beat_pace: float
    heart_beat_tolerance: float
    refusal: str


RABBITMQ = Flavour(
    name="rabbitmq",
    server="RabbitMQ/stomp_testing",
    nack_requeues=True,
    transaction_receipts_wait=True,
    receipt_first=False,
    message_id_is_ack=True,
    content_length_as_sent=False,
    reply_queues=True,
    temporary_prefix="/reply-queue/",
    one_word="*",
    many_words="#",
    heart_beat_pace=0.5,
    heart_beat_tolerance=3.0,
    refusal="Bad CONNECT",
)

ACTIVEMQ = Flavour(
    name="activemq",
    server="ActiveMQ/stomp_testing",
    nack_requeues=False,
    transaction_receipts_wait=False,
    receipt_first=True,
    message_id_is_ack=False,
    content_length_as_sent=True,
    reply_queues=False,
    temporary_prefix="/remote-temp-queue/",
    one_word="*",
    many_words=">",
    heart_beat_pace=1.0,
    heart_beat_tolerance=4.0,
    refusal="User name or password is invalid.",
)

FLAVOURS = {flavour.name: flavour for flavour in (RABBITMQ, ACTIVEMQ)}


def flavour_named(flavour: str | Flavour) -> Flavour:
    """The flavour of this name.

    Raises:
        ValueError: there is none.
    """
    if isinstance(flavour, Flavour):
        return flavour
    try:
        return FLAVOURS[flavour]
    except KeyError:
        raise ValueError(f"flavour is one of {', '.join(map(repr, FLAVOURS))}, not {flavour!r}") from None
