"""The exit statuses of the command, and which error has which."""

from __future__ import annotations

from enum import IntEnum

from stomp_core.session import (
    AuthenticationFailed,
    ConnectFailed,
    ConnectionLost,
    NotSent,
    OutcomeUnknown,
    Rejected,
    SessionClosed,
    TransactionLost,
    Unconfirmed,
)

__all__ = ["ExitStatus", "status_of"]


class ExitStatus(IntEnum):
    """What the command returns to the shell."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    CONNECT = 3
    LOGIN = 4
    REJECTED = 5
    UNKNOWN = 6
    TIMEOUT = 124
    INTERRUPTED = 130
    TERMINATED = 143


def status_of(error: BaseException) -> ExitStatus:
    """Return the exit status for an error that ended a command."""
    match error:
        case Unconfirmed():
            statuses = {status_of(failure) for _, failure in error.failures}
            return next(
                (status for status in (ExitStatus.REJECTED, ExitStatus.UNKNOWN) if status in statuses),
                min(statuses),
            )
        case AuthenticationFailed():
            return ExitStatus.LOGIN
        case Rejected():
            return ExitStatus.REJECTED
        case OutcomeUnknown():
            return ExitStatus.UNKNOWN
        case ConnectFailed() | ConnectionLost() | NotSent() | SessionClosed() | TransactionLost():
            return ExitStatus.CONNECT
        case TimeoutError():
            return ExitStatus.TIMEOUT
        case KeyboardInterrupt():
            return ExitStatus.INTERRUPTED
        case _:
            return ExitStatus.FAILURE
