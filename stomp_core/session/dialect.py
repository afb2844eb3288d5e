"""What brokers call the things that STOMP leaves to them: one table, chosen by CONNECTED's ``server`` header."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ACTIVEMQ", "ARTEMIS", "DIALECTS", "GENERIC", "RABBITMQ", "Dialect", "dialect_of"]

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One broker's words.

    In values, ``{name}`` stands for the name of a durable subscription.

    Attributes:
        name: for people.
        server: what its ``server`` header begins with, in lower case.
        prefetch: the SUBSCRIBE headers that limit how many messages are under way without an acknowledgement.
        durable: the SUBSCRIBE headers of a durable topic subscription, whose name is also its ``id``; ``None`` if there
            is no such thing.
        durable_needs_client_id: whether it is found again by the connection's ``client-id`` too.
        forget: the UNSUBSCRIBE headers that delete a durable subscription for good; ``None`` if that takes more than
            one UNSUBSCRIBE.
        discard: the NACK headers after which it does not deliver the message again.
        subscribes_to_replies: whether a client must SUBSCRIBE to its own temporary queue; RabbitMQ does it for the
            client, at the first ``reply-to``.
        temporary_queue: the prefix of temporary queues.
    """

    name: str
    server: str
    prefetch: tuple[str, ...] = ()
    durable: Pairs | None = None
    durable_needs_client_id: bool = False
    forget: Pairs | None = ()
    discard: Pairs = ()
    subscribes_to_replies: bool = True
    temporary_queue: str = "/temp-queue/"


RABBITMQ = Dialect(
    "RabbitMQ",
    "rabbitmq",
    prefetch=("prefetch-count",),
    durable=(("durable", "true"), ("auto-delete", "false")),
    forget=(("durable", "true"), ("auto-delete", "false")),
    discard=(("requeue", "false"),),
    subscribes_to_replies=False,
)
ARTEMIS = Dialect(
    "ActiveMQ Artemis",
    "activemq-artemis",
    # Its own consumer-window-size counts bytes, which a number of messages cannot be turned into.
    prefetch=("activemq.prefetchSize",),
    durable=(("durable-subscription-name", "{name}"),),
    durable_needs_client_id=True,
    forget=(("durable-subscription-name", "{name}"),),
)
ACTIVEMQ = Dialect(
    "ActiveMQ Classic",
    "activemq",
    prefetch=("activemq.prefetchSize",),
    durable=(("activemq.subscriptionName", "{name}"),),
    durable_needs_client_id=True,
    # It takes an UNSUBSCRIBE more, of a subscription that has ended, which the rules of STOMP do not allow.
    forget=None,
)
#: For a broker that nobody knows: the specification, and headers that do no harm where they mean nothing.
GENERIC = Dialect("STOMP", "", prefetch=("prefetch-count", "activemq.prefetchSize"))

#: In this order: "ActiveMQ-Artemis/..." begins like ActiveMQ.
DIALECTS = (RABBITMQ, ARTEMIS, ACTIVEMQ)


def dialect_of(server: str | None) -> Dialect:
    """The dialect of a broker that introduces itself like this."""
    said = (server or "").lower()
    return next((dialect for dialect in DIALECTS if said.startswith(dialect.server)), GENERIC)
