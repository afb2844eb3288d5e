"""What can become of a session, its connections and its operations, as exceptions.

The question that a caller asks of a failed operation is: did the broker do it?

* :class:`Rejected`: no, and it said why.
* :class:`NotSent`: no, it never heard of it.
* :class:`OutcomeUnknown`: nobody can tell; the connection died, or the answer did not come in time.

Connections that break are also built-in :class:`ConnectionError`, waits that end are also :class:`TimeoutError`, so
that ``except OSError`` catches what a user of sockets expects it to catch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConnectionGoneError, ErrorCode, LocalProtocolError, StompError

if TYPE_CHECKING:
    from ..protocol import Error
    from .endpoint import Endpoint

__all__ = [
    "AuthenticationFailed",
    "ConnectFailed",
    "ConnectionLost",
    "NotSent",
    "NotSentInTime",
    "OutcomeUnknown",
    "ReceiptTimeout",
    "Rejected",
    "SessionClosed",
    "SessionError",
    "StaleMessageError",
    "TransactionInDoubt",
    "TransactionLost",
    "Unconfirmed",
]


class SessionError(StompError):
    """The root of what a session reports of the world: brokers and connections, not misuse."""

    code = "session-error"


class ConnectFailed(SessionError, ConnectionError):
    """No endpoint could be connected to.

    Attributes:
        failures: what happened at each endpoint, in order: pairs of the endpoint and a sentence that says the cause
            and what to check.
        error: the ERROR frame with which the last endpoint refused, if it was one that refused.
    """

    code = "connect-failed"

    def __init__(
        self, message: str, failures: tuple[tuple[Endpoint, str], ...] = (), error: Error | None = None
    ) -> None:
        super().__init__(message)
        self.failures = failures
        self.error = error


class AuthenticationFailed(ConnectFailed):
    """The broker does not let this user in. It is not asked again: accounts get locked that way."""

    code = "authentication-failed"


class ConnectionLost(SessionError, ConnectionError):
    """The connection broke and is not coming back.

    Attributes:
        error: the ERROR frame with which the broker ended it, if it did.
    """

    code = "connection-lost"

    def __init__(self, message: str, error: Error | None = None) -> None:
        super().__init__(message)
        self.error = error


class SessionClosed(ConnectionGoneError):
    """The session was closed, by you, so it takes no more operations."""

    code = "session-closed"


class Rejected(SessionError):
    """The broker answered with ERROR: it did not do it.

    Attributes:
        error: that ERROR frame.
    """

    code = "rejected"

    def __init__(self, message: str, error: Error) -> None:
        super().__init__(message)
        self.error = error


class NotSent(SessionError):
    """It never left this process, so the broker did not do it. It is safe to do it again."""

    code = "not-sent"


class NotSentInTime(NotSent, TimeoutError):
    """There was no connection, or no room on it, before the deadline."""

    code = "not-sent-in-time"


class OutcomeUnknown(SessionError):
    """It was on its way when the connection died: the broker may have done it or not.

    Attributes:
        error: an ERROR frame that came meanwhile and named no receipt, which may or may not be the answer.
    """

    code = "outcome-unknown"

    def __init__(self, message: str, error: Error | None = None) -> None:
        super().__init__(message)
        self.error = error


class ReceiptTimeout(OutcomeUnknown, TimeoutError):
    """The broker did not confirm in time. It may still do what it was asked."""

    code = "receipt-timeout"


class TransactionLost(SessionError):
    """The connection was lost while the transaction was open, and the broker has dropped all of it. Begin anew."""

    code = "transaction-lost"


class TransactionInDoubt(OutcomeUnknown):
    """The connection was lost while COMMIT was on its way: all of the transaction has happened, or nothing."""

    code = "transaction-in-doubt"


class Unconfirmed(SessionError):
    """Some messages of a pipeline were not confirmed by the broker.

    Attributes:
        failures: pairs of a message's number in its pipeline, from 0, and why it was not confirmed: a
            :class:`Rejected`, :class:`NotSent` or :class:`OutcomeUnknown` (which may yet have arrived), in order.
        sent: how many messages the pipeline had taken. Of those all others are confirmed, or still under way if this
            was raised in the middle; what came after them was not sent.
    """

    code = "unconfirmed"

    def __init__(self, failures: tuple[tuple[int, Exception], ...], sent: int) -> None:
        number, error = failures[0]
        super().__init__(
            f"{len(failures)} of {sent} messages were not confirmed; the first is number {number}: {error}"
        )
        self.failures = failures
        self.sent = sent


class StaleMessageError(LocalProtocolError):
    """The message came on a connection that is gone, so it cannot be acknowledged: the broker delivers it again."""

    code = ErrorCode.STALE_MESSAGE.value
