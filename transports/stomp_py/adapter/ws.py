"""STOMP over WebSocket: not in this package yet."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["WSStompConnection", "WSTransport"]


class WSStompConnection:
    """Raises ``NotImplementedError``."""

    def __new__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            "stomp_py has no WebSocket connections yet: connect to the broker's TCP port with stomp_py.Connection"
        )


WSTransport = WSStompConnection
