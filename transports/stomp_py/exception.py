"""The exceptions of stomp.py. Their names are not ours to choose.

The exception of the core, which has a ``code`` and often more to say, is the ``__cause__``.
"""

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
    """The base of all of them."""


class ConnectFailedException(StompException):
    """Connecting failed: no host answered, or the broker refused or did not answer CONNECT."""


class NotConnectedException(StompException):
    """A frame was not sent, because there is no connection."""


class ProtocolException(StompException):
    """A frame was not sent, because it would be taken for something else: a line feed in a header could add headers.

    stomp.py 9.0 sends it.
    """


class ConnectionClosedException(StompException):
    """Never raised; the end of a connection is ``on_disconnected``. It exists for ``except`` clauses that name it."""


class InterruptedException(StompException):
    """Never raised. It exists for ``except`` clauses that name it."""
