"""STOMP over multicast, without a broker: not in this package."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["MulticastConnection", "MulticastTransport"]


class MulticastConnection:
    """Raises ``NotImplementedError``."""

    def __new__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            "stomp_py has no multicast connections, since STOMP is between a client and a broker: "
            "connect to a broker with stomp_py.Connection, or stay with stomp.py for multicast"
        )


MulticastTransport = MulticastConnection
