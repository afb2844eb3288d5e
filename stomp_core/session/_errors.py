"""What can become of a session, its connections and its operations, as exceptions.

The question that a caller asks of a failed operation is: did the broker do it?

* :class:`Rejected`: no, and the broker sent an ERROR that says why.
* :class:`NotSent`: no, the frame never left this process.
* :class:`OutcomeUnknown`: nobody can tell; the connection was lost, or the answer did not come in time.

Connections that fail are also built-in :class:`ConnectionError`, and waits that end are also :class:`TimeoutError`, so
that ``except OSError`` catches what a user of sockets expects it to catch. These exceptions carry ERROR frames and
endpoints, so they live above :mod:`stomp_core.errors`, which has the rule for their names.
"""

from __future__ import annotations

from ..errors import ConnectionGoneError, ErrorCode, LocalProtocolError, StompError
from ..protocol import Error
from ._urls import Endpoint

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
    """The base of the errors that a session reports about brokers and connections.

    A call that is refused raises a :class:`.LocalProtocolError`, a ``TypeError`` or a ``ValueError`` instead.
    """

    code = "session-error"


class ConnectFailed(SessionError, ConnectionError):
    """No endpoint could be connected to. It is also a ``ConnectionError``, and so an ``OSError``.

    Attributes:
        failures: what happened at each endpoint, in order: pairs of the endpoint, without its credentials, and a
            sentence that says the cause and what to check.
        error: the ERROR frame with which the last endpoint refused; ``None`` if it sent none.
    """

    code = "connect-failed"

    def __init__(
        self, message: str, failures: tuple[tuple[Endpoint, str], ...] = (), error: Error | None = None
    ) -> None:
        super().__init__(message)
        self.failures: tuple[tuple[Endpoint, str], ...] = tuple(
            (endpoint.without_secrets(), sentence) for endpoint, sentence in failures
        )
        self.error = error


class AuthenticationFailed(ConnectFailed):
    """The broker refused the credentials. They are not tried again, since that locks accounts.

    Where ``login``, ``passcode`` or ``headers`` are functions, a second answer of them was refused as well.
    """

    code = "authentication-failed"


class ConnectionLost(SessionError, ConnectionError):
    """The connection was lost and is not replaced. It is also a ``ConnectionError``, and so an ``OSError``.

    Attributes:
        error: the ERROR frame with which the broker ended it; ``None`` if it sent none.
    """

    code = "connection-lost"

    def __init__(self, message: str, error: Error | None = None) -> None:
        super().__init__(message)
        self.error = error


class SessionClosed(ConnectionGoneError):
    """The caller has closed the session, so it accepts no more operations."""

    code = "session-closed"


class Rejected(SessionError):
    """The broker answered the operation with ERROR, so it was not done (STOMP 1.2, "ERROR").

    Attributes:
        error: the ERROR frame. ``error.description`` says why.
    """

    code = "rejected"

    def __init__(self, message: str, error: Error) -> None:
        super().__init__(message)
        self.error = error


class NotSent(SessionError):
    """The frame never left this process, so the broker did not act on it. It is safe to send it again."""

    code = "not-sent"


class NotSentInTime(NotSent, TimeoutError):
    """The frame never left this process: there was no connection, or no room in its send queue, before the timeout.

    It is also a ``TimeoutError``.
    """

    code = "not-sent-in-time"


class OutcomeUnknown(SessionError):
    """The connection was lost while the operation was in flight: the broker may have done it or not.

    Attributes:
        error: an ERROR frame without ``receipt-id`` that came meanwhile, which may be the answer; otherwise ``None``.
    """

    code = "outcome-unknown"

    def __init__(self, message: str, error: Error | None = None) -> None:
        super().__init__(message)
        self.error = error


class ReceiptTimeout(OutcomeUnknown, TimeoutError):
    """The broker did not confirm in time. It may still do what it was asked. It is also a ``TimeoutError``."""

    code = "receipt-timeout"


class TransactionLost(SessionError):
    """The connection was lost while the transaction was open, so the broker dropped all of it. Begin a new one."""

    code = "transaction-lost"


class TransactionInDoubt(OutcomeUnknown):
    """The connection was lost while COMMIT was in flight: either all of the transaction was committed, or nothing."""

    code = "transaction-in-doubt"


class Unconfirmed(SessionError):
    """Some messages of a pipeline were not confirmed by the broker.

    Attributes:
        failures: pairs of a message's number in its pipeline, from 0, and why it was not confirmed, in order: a
            :class:`Rejected`, :class:`NotSent` or :class:`OutcomeUnknown`. With the last one the message may have
            arrived.
        sent: how many messages the pipeline had accepted. All others of these are confirmed, or still in flight if this
            was raised before the end. Later messages were not sent.
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
    """The message came on an earlier connection, so it cannot be acknowledged; the broker delivers it again."""

    code = ErrorCode.STALE_MESSAGE.value
