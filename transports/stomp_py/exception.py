"""What goes wrong, by the names that programs catch."""

from __future__ import annotations

__all__ = [
    "ConnectFailedException",
    "ConnectionClosedException",
    "InterruptedException",
    "NotConnectedException",
    "ProtocolException",
    "StompException",
]


class StompException(Exception):
    """The base of all exceptions. The exception of the layers below is its ``__cause__``."""


class ConnectFailedException(StompException):
    """There is no connection: no host could be reached, or the broker did not let us in."""


class NotConnectedException(StompException):
    """A frame was to be sent while there was no connection."""


class ProtocolException(StompException):
    """A frame was to be sent that STOMP does not allow here. Nothing was sent. (stomp.py has no such check.)"""


class ConnectionClosedException(StompException):
    """Never raised: here the end of a connection is ``on_disconnected``. For ``except`` clauses that name it."""


class InterruptedException(StompException):
    """Never raised. For ``except`` clauses that name it."""
