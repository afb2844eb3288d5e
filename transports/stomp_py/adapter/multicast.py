"""STOMP over multicast, without a broker, which this package does not have."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["MulticastConnection", "MulticastTransport"]


class MulticastConnection:
    """Not there: it cannot be made."""

    def __new__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            "stomp_py has no multicast connections: STOMP is between a client and a broker. "
            "Connect to a broker with stomp_py.Connection, or stay with stomp.py for multicast"
        )


MulticastTransport = MulticastConnection
