"""What brokers call the things that STOMP leaves to them: one table, chosen by CONNECTED's ``server`` header."""

from __future__ import annotations

from .._records import record
from ..errors import ErrorCode, LocalProtocolError

__all__ = ["ACTIVEMQ", "ARTEMIS", "BROKER_PROFILES", "GENERIC", "RABBITMQ", "BrokerProfile", "profile_for"]

Pairs = tuple[tuple[str, str], ...]


@record
class BrokerProfile:
    """The headers and conventions of one broker.

    In header values, ``{name}`` stands for the name of a durable subscription.

    Attributes:
        name: the broker's name, for error texts.
        server: what its ``server`` header begins with, in lower case.
        prefetch: the SUBSCRIBE headers that limit how many messages are in flight without an acknowledgement.
        prefetch_bytes: where these headers count bytes instead of messages: how many to allow for each message behind
            the first one, less than the smallest MESSAGE has, so that never more than ``prefetch=`` are in flight. 0:
            they count messages.
        durable: the SUBSCRIBE headers of a durable topic subscription, whose name is also its ``id``; ``None`` if the
            broker has none.
        durable_needs_client_id: whether a durable subscription is also identified by the connection's ``client-id``.
        delete_durable: the UNSUBSCRIBE headers that delete a durable subscription; ``None`` if the broker needs more
            than one UNSUBSCRIBE for that.
        nack_redelivers: whether a NACKed message is delivered again. Where it is not, or that is unknown, the handlers
            of ``subscription.run`` retry a message before its NACK.
        ack_covers_connection: whether an ACK or NACK with ``ack="client"`` covers the earlier messages of all
            subscriptions of the connection. STOMP says: of its own subscription.
        atomic_transactions: whether COMMIT does all of a transaction or nothing. RabbitMQ performs its frames one by
            one: a SEND that fails does not undo the ACK before it, and the RECEIPT of COMMIT does not wait for it.
        acks_in_transactions: whether an ACK or NACK can be a part of a transaction, as STOMP says.
        discard: the NACK headers after which the broker does not deliver the message again.
        subscribes_to_replies: whether a client must SUBSCRIBE to its own temporary queue; RabbitMQ does it for the
            client, at the first ``reply-to``.
        temporary_queue: the prefix of temporary queues.
        browse: the SUBSCRIBE headers that show the messages of a queue without consuming them; ``None`` if the broker
            cannot do that.
        browse_end: the header, with its value, of the MESSAGE that says that there are no more to browse.
        time_to_live: the SEND header after whose milliseconds a message expires; ``None`` if there is none.
        expires: the SEND header with the date at which it expires, in milliseconds since 1970; ``None`` if there is
            none.
        heart_beat_late: after how many of its intervals without a byte its heart-beat is reported as late.
    """

    name: str
    server: str
    prefetch: tuple[str, ...] = ()
    prefetch_bytes: int = 0
    durable: Pairs | None = None
    durable_needs_client_id: bool = False
    delete_durable: Pairs | None = ()
    nack_redelivers: bool = False
    ack_covers_connection: bool = False
    atomic_transactions: bool = False
    acks_in_transactions: bool = True
    discard: Pairs = ()
    subscribes_to_replies: bool = True
    temporary_queue: str = "/temp-queue/"
    browse: Pairs | None = None
    browse_end: tuple[str, str] = ("", "")
    time_to_live: str | None = None
    expires: str | None = "expires"
    heart_beat_late: float = 1.5

    def prefetch_headers(self, count: int) -> list[tuple[str, str]]:
        """Return the SUBSCRIBE headers that let at most ``count`` messages be in flight.

        Raises:
            LocalProtocolError: the broker has no header for that, or it is not known.
        """
        if not self.prefetch:
            raise LocalProtocolError(
                f"no header for prefetch={count} is known of the broker {self.name!r}: pass it in "
                "headers=..., or name it in broker_profile=BrokerProfile(prefetch=(...))",
                code=ErrorCode.HEADER_NOT_ALLOWED,
            )
        value = (count - 1) * self.prefetch_bytes if self.prefetch_bytes else count
        return [(name, str(value)) for name in self.prefetch]

    def check_ack_in_transaction(self, command: str) -> None:
        """Check that an ACK or NACK can be a part of a transaction.

        Args:
            command: ``"ACK"`` or ``"NACK"``.

        Raises:
            LocalProtocolError: at this broker it cannot.
        """
        if not self.acks_in_transactions:
            raise LocalProtocolError(
                f"{self.name} does not make {command} a part of a transaction: leave transaction=... out, and "
                "acknowledge the message after COMMIT",
                code=ErrorCode.HEADER_NOT_ALLOWED,
            )

    def durable_headers(self, name: str, client_id: str | None) -> list[tuple[str, str]]:
        """Return the SUBSCRIBE headers of a durable subscription.

        Args:
            name: the name of the subscription.
            client_id: the ``client-id`` header of the connection; ``None`` if it has none.

        Raises:
            LocalProtocolError: the broker has no durable subscriptions that are known here, or needs a client id.
        """
        if self.durable is None:
            raise LocalProtocolError(
                "the headers of durable subscriptions of this broker are not known: pass them in headers=..., or set "
                "broker_profile=...",
                code=ErrorCode.HEADER_NOT_ALLOWED,
            )
        if self.durable_needs_client_id and client_id is None:
            raise LocalProtocolError(
                f"{self.name} identifies durable subscribers by the client_id=... of the connection, which has none",
                code=ErrorCode.MISSING_HEADER,
            )
        return [(key, value.format(name=name)) for key, value in self.durable]

    def delete_durable_headers(self, name: str) -> list[tuple[str, str]]:
        """Return the UNSUBSCRIBE headers that delete a durable subscription.

        Args:
            name: the name of the subscription.

        Raises:
            LocalProtocolError: an UNSUBSCRIBE cannot do that at this broker.
        """
        if self.delete_durable is None:
            raise LocalProtocolError(
                f"{self.name} cannot delete a durable subscription by UNSUBSCRIBE: use its own tools",
                code=ErrorCode.HEADER_NOT_ALLOWED,
            )
        return [(key, value.format(name=name)) for key, value in self.delete_durable]

    def browse_headers(self) -> list[tuple[str, str]]:
        """Return the SUBSCRIBE headers that show the messages of a queue without consuming them.

        Raises:
            LocalProtocolError: the broker cannot do that, or it is not known how.
        """
        if self.browse is None:
            raise LocalProtocolError(
                f"{self.name or 'this broker'} has no header to browse a queue with, or it is not known here",
                code=ErrorCode.HEADER_NOT_ALLOWED,
            )
        return list(self.browse)

    def expiry_headers(self, seconds: float, date: float) -> list[tuple[str, str]]:
        """Return the SEND headers of a message that expires.

        Args:
            seconds: after how many seconds from now.
            date: the time now, in seconds since 1970.
        """
        headers = []
        if self.time_to_live is not None:
            headers.append((self.time_to_live, str(round(seconds * 1000))))
        if self.expires is not None:
            headers.append((self.expires, str(round((date + seconds) * 1000))))
        return headers


RABBITMQ = BrokerProfile(
    "RabbitMQ",
    "rabbitmq",
    prefetch=("prefetch-count",),
    durable=(("durable", "true"), ("auto-delete", "false")),
    delete_durable=(("durable", "true"), ("auto-delete", "false")),
    nack_redelivers=True,
    ack_covers_connection=True,  # it has one channel for a connection, and acknowledges all on it up to a number
    discard=(("requeue", "false"),),
    subscribes_to_replies=False,
    time_to_live="expiration",
    expires=None,
)
ARTEMIS = BrokerProfile(
    "ActiveMQ Artemis",
    "activemq-artemis",
    atomic_transactions=True,
    # NACK is the same as ACK there: the message is gone.
    # Its manual says that an ACK in a transaction is ignored. In its source the transaction is ignored: ABORT does not
    # bring the message back.
    acks_in_transactions=False,
    # It counts bytes, in activemq.prefetchSize as well, and stops sending when they are reached: 0 lets one message
    # through at a time. A MESSAGE of Artemis has nine headers, which are more than 100 bytes.
    prefetch=("consumer-window-size",),
    prefetch_bytes=100,
    durable=(("durable-subscription-name", "{name}"),),
    durable_needs_client_id=True,
    delete_durable=(("durable-subscription-name", "{name}"),),
)
ACTIVEMQ = BrokerProfile(
    "ActiveMQ Classic",
    "activemq",
    atomic_transactions=True,
    prefetch=("activemq.prefetchSize",),
    durable=(("activemq.subscriptionName", "{name}"),),
    durable_needs_client_id=True,
    browse=(("browser", "true"),),
    browse_end=("browser", "end"),
    # It takes a second UNSUBSCRIBE, of a subscription that has already ended, which the rules of STOMP do not allow.
    delete_durable=None,
    # It looks once in an interval whether it has written since the last look, so two intervals are usual.
    heart_beat_late=2.25,
)
#: For an unknown broker: the specification, and headers that do no harm to a broker that does not know them.
GENERIC = BrokerProfile(
    "STOMP", "", prefetch=("prefetch-count", "activemq.prefetchSize"), time_to_live="expiration"
)

#: The order matters: the server header "ActiveMQ-Artemis/..." begins like that of ActiveMQ.
BROKER_PROFILES = (RABBITMQ, ARTEMIS, ACTIVEMQ)


def profile_for(server: str | None) -> BrokerProfile:
    """Return the profile of the broker whose ``server`` header this is; ``GENERIC`` for an unknown one."""
    name = (server or "").lower()
    return next((profile for profile in BROKER_PROFILES if name.startswith(profile.server)), GENERIC)
