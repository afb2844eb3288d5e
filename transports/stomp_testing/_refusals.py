"""Refusals: what a broker answers to a request that it does not carry out, for each flavour.

A table for each broker maps a :class:`Problem` to a :class:`Refusal`. A problem without an entry is none for that
broker: it carries the request out. The texts and the ends of connections were measured with RabbitMQ 3.10.8 and
ActiveMQ Classic 5.17.2, and tests/testing_kit/test_like_real_brokers.py compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, NamedTuple

__all__ = ["ACTIVEMQ_REFUSALS", "RABBITMQ_REFUSALS", "Problem", "Refusal", "Refusals", "RequestRefused"]


class Problem(StrEnum):
    """Why a request may be refused."""

    # the handshake
    NOT_CONNECTED = "a frame before CONNECT"
    ALREADY_CONNECTED = "a second CONNECT"
    VERSION = "no common version"
    HOST = "an unknown virtual host"
    CREDENTIALS = "a wrong login or passcode"
    CLIENT_ID_IN_USE = "a client-id of another connection"
    COMMAND = "a command of servers"
    # destinations
    NO_DESTINATION = "no destination header"
    NULL_DESTINATION = "SUBSCRIBE without a destination"
    BLANK_DESTINATION = "an empty destination"
    BAD_DESTINATION = "a destination whose name is empty or has a slash"
    UNKNOWN_DESTINATION = "a destination of an unknown kind"
    UNKNOWN_EXCHANGE = "an exchange that does not exist"
    TEMPORARY_DESTINATION = "a temporary queue outside of reply-to"
    # SEND
    MESSAGE_ID = "a message-id"
    EXPIRY = "an expiry that is not a number"
    # SUBSCRIBE and UNSUBSCRIBE
    NO_ID = "no subscription id"
    ACK_MODE = "an unknown ack mode"
    PREFETCH = "a prefetch that is not a number"
    DUPLICATE_ID = "a subscription id in use"
    DURABLE_IN_USE = "a durable subscription in use"
    NO_SUBSCRIPTION = "neither id nor destination"
    UNKNOWN_SUBSCRIPTION = "an unknown subscription"
    # ACK and NACK
    NACK_IN_1_0 = "NACK in 1.0"
    NO_ACK_ID = "no id of a message"
    NO_ACK_SUBSCRIPTION = "no subscription in 1.1"
    BAD_ACK_ID = "an id that the broker never gave"
    ACK_WITHOUT_SUBSCRIPTION = "an id whose subscription has ended"
    STALE_ACK_ID = "a message that is not unacknowledged"
    # transactions
    NO_TRANSACTION = "no transaction header"
    TRANSACTION_OPEN = "BEGIN of an open transaction"
    UNKNOWN_TRANSACTION = "a transaction that is not open"


class Refusal(NamedTuple):
    """How a broker refuses a request. Names in braces stand for what the request says.

    Attributes:
        message: the ``message`` header of the ERROR; empty for no ERROR at all.
        body: the body of the ERROR; empty for the Java stack trace that ActiveMQ sends.
        closes: the connection ends after it.
        receipt: a RECEIPT that the frame asked for is sent all the same, before the ERROR, or after it if the frame is
            a SUBSCRIBE.
    """

    message: str = ""
    body: str = ""
    closes: bool = False
    receipt: Literal["", "before", "after"] = ""

    def about(self, **values: str) -> Refusal:
        """Return the refusal with values in place of the names."""
        return self._replace(message=self.message.format(**values), body=self.body.format(**values))


Refusals = Mapping[Problem, Refusal]


class RequestRefused(Exception):
    """A request that the broker refuses.

    Args:
        problem: why.
        values: what the request says, for the texts of the refusal.
    """

    def __init__(self, problem: Problem, **values: str) -> None:
        super().__init__(problem.value)
        self.problem = problem
        self.values = values


_SILENT = Refusal(closes=True)

RABBITMQ_REFUSALS: Refusals = {
    Problem.NOT_CONNECTED: Refusal("Illegal command", "You must log in using CONNECT first"),
    Problem.ALREADY_CONNECTED: _SILENT,
    Problem.VERSION: Refusal("Version mismatch", "Supported versions are {versions}\n"),
    Problem.HOST: Refusal("Bad CONNECT", "Virtual host '{host}' access denied"),
    Problem.CREDENTIALS: Refusal("Bad CONNECT", "Access refused for user '{login}'\n"),
    Problem.COMMAND: Refusal("Bad command", 'Could not interpret command "{command}"\n'),
    Problem.NO_DESTINATION: Refusal(
        "Missing destination", "\"{command}\" must include a 'destination' header\n"
    ),
    Problem.BLANK_DESTINATION: Refusal("Invalid destination", "Destination cannot be blank"),
    Problem.BAD_DESTINATION: Refusal("Invalid destination", "'{name}' is not a valid {kind} destination\n"),
    Problem.UNKNOWN_DESTINATION: Refusal(
        "Unknown destination",
        "'{destination}' is not a valid destination.\n"
        "Valid destination types are: /temp-queue, /exchange, /topic, /queue, /amq/queue, /reply-queue/.\n",
    ),
    Problem.UNKNOWN_EXCHANGE: Refusal(
        "not_found", "NOT_FOUND - no exchange '{exchange}' in vhost '/'", closes=True, receipt="after"
    ),
    Problem.TEMPORARY_DESTINATION: Refusal(
        "Invalid destination", "'{destination}' is not a valid destination for '{command}'\n"
    ),
    Problem.MESSAGE_ID: Refusal("Invalid header", "'message-id' is not allowed on 'SEND'.\n"),
    Problem.EXPIRY: Refusal(
        "precondition_failed", "PRECONDITION_FAILED - invalid expiration '{value}': no_integer", closes=True
    ),
    Problem.ACK_MODE: Refusal("Processing error", "Processing error"),
    Problem.PREFETCH: Refusal("Processing error", "Processing error"),
    Problem.DUPLICATE_ID: Refusal(
        "Duplicated subscription identifier",
        "A subscription identified by '{tag}' already exists.",
        closes=True,
        receipt="after",
    ),
    Problem.NO_SUBSCRIPTION: Refusal(
        "Missing destination or id", "UNSUBSCRIBE must include a 'destination' or 'id' header"
    ),
    Problem.UNKNOWN_SUBSCRIPTION: Refusal(
        "No subscription found",
        'UNSUBSCRIBE must refer to an existing subscription.\nSubscription to "{subscription}" not found.\n',
    ),
    Problem.NO_ACK_ID: Refusal("Missing header", '"{command}" must include the "{header}" header\n'),
    Problem.BAD_ACK_ID: Refusal("Invalid header", '"{command}" must include a valid "{header}" header\n'),
    Problem.ACK_WITHOUT_SUBSCRIPTION: Refusal(
        "Subscription not found", 'Message with id "{id}" has no subscription'
    ),
    Problem.STALE_ACK_ID: Refusal(
        "precondition_failed",
        "PRECONDITION_FAILED - unknown delivery tag {tag}",
        closes=True,
        receipt="before",
    ),
    Problem.NO_TRANSACTION: Refusal(
        "Missing transaction", "\"{command}\" must include a 'transaction' header\n"
    ),
    Problem.UNKNOWN_TRANSACTION: Refusal(
        "Bad transaction", 'Invalid transaction identifier: "{transaction}"\n'
    ),
}

ACTIVEMQ_REFUSALS: Refusals = {
    Problem.NOT_CONNECTED: Refusal("Not connected."),
    Problem.ALREADY_CONNECTED: Refusal("Already connected."),
    Problem.VERSION: Refusal("Invalid Protocol version, supported versions are: [{descending}]", closes=True),
    Problem.HOST: Refusal(
        "Virtual host '{host}' access denied", closes=True
    ),  # only where a test asks for it
    Problem.CREDENTIALS: Refusal(
        "User name [{login}] or password is invalid.",
        "User name [{login}] or password is invalid.",
        closes=True,
    ),
    Problem.CLIENT_ID_IN_USE: Refusal(
        "Broker: stomp_testing - Client: {client} already connected from tcp://127.0.0.1",
        # Clients that look for "Authentication" in this take a temporary refusal for a final one.
        "javax.jms.InvalidClientIDException: Broker: stomp_testing - Client: {client} already connected from "
        "tcp://127.0.0.1\n"
        "\tat org.apache.activemq.broker.region.RegionBroker.addConnection(RegionBroker.java:255)\n"
        "\tat org.apache.activemq.security.SimpleAuthenticationBroker.addConnection"
        "(SimpleAuthenticationBroker.java:75)\n"
        "\tat java.base/java.lang.Thread.run(Thread.java:840)\n",
        closes=True,
    ),
    Problem.COMMAND: Refusal("Unknown STOMP action: {command}", closes=True),
    Problem.NO_DESTINATION: Refusal("{command} received without a Destination specified!"),
    Problem.NULL_DESTINATION: Refusal("Invalid empty or 'null' Destination header"),
    Problem.BLANK_DESTINATION: _SILENT,
    Problem.BAD_DESTINATION: _SILENT,
    Problem.EXPIRY: _SILENT,
    Problem.NO_ID: Refusal("SUBSCRIBE received without a subscription id!"),
    Problem.DURABLE_IN_USE: Refusal("Durable consumer is in use for {durable}"),
    Problem.NO_SUBSCRIPTION: Refusal("UNSUBSCRIBE received without a subscription id!"),
    Problem.UNKNOWN_SUBSCRIPTION: Refusal("No subscription matched."),
    Problem.NACK_IN_1_0: Refusal("NACK received but connection is in v1.0 mode."),
    Problem.NO_ACK_ID: Refusal("{command} received without a ack id for acknowledge!"),
    Problem.NO_ACK_SUBSCRIPTION: Refusal("{command} received without a subscription id for acknowledge!"),
    Problem.STALE_ACK_ID: Refusal("Unexpected {command} received for message-id [{message_id}]"),
    Problem.NO_TRANSACTION: Refusal("Must specify the transaction you are beginning"),
    Problem.TRANSACTION_OPEN: Refusal("The transaction was already started: {transaction}"),
    Problem.UNKNOWN_TRANSACTION: Refusal("Invalid transaction id: {transaction}"),
}
