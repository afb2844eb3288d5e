"""STOMP over WebSocket, which this package does not have yet."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["WSStompConnection", "WSTransport"]


class WSStompConnection:
    """Not there: it cannot be made."""

    def __new__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            "stomp_py has no WebSocket connections yet. Connect to the broker's TCP port with stomp_py.Connection"
        )


WSTransport = WSStompConnection
