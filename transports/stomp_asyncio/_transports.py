"""Transports that others have made: which methods they have, and how they are closed.

Only ``write`` and ``close``, or ``abort``, are needed. asyncio's base classes have all of the others, which then raise
NotImplementedError: such a method is one that the transport does not have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from stomp_core.adapter import no_stream

__all__ = ["EXPECTED", "check_transport", "close_transport", "method_of"]

#: What a dialler must return, for error texts.
EXPECTED = "a transport that it has made with protocol(), or a connected socket"


def method_of(transport: object, name: str) -> Callable[..., Any] | None:
    """Return a method of a transport; ``None`` if it has none, or only that of asyncio's base class."""
    method: Callable[..., Any] | None = getattr(transport, name, None)
    if not callable(method) or getattr(method, "__func__", None) is getattr(asyncio.Transport, name):
        return None
    return method


def close_transport(transport: object) -> None:
    """Close a transport at once, unsent bytes and all, as far as it can do that."""
    close = method_of(transport, "abort") or method_of(transport, "close")
    if close is None:
        return
    try:
        close()
    except Exception as error:
        asyncio.get_running_loop().call_exception_handler(
            {"message": f"closing {transport!r} failed", "exception": error, "transport": transport}
        )


def check_transport(transport: object, *, has_protocol: bool) -> None:
    """Check what a dialler returned.

    Args:
        transport: what it returned.
        has_protocol: whether it has called ``protocol()``.

    Raises:
        DialFailed: it is not a transport, or not one with our protocol.
    """
    if isinstance(transport, tuple):
        fault = (
            "of which it must return the first, if it is what loop.create_connection(protocol, ...) returned"
        )
        raise no_stream(transport, EXPECTED, fault)
    if asyncio.iscoroutine(transport):
        transport.close()
        raise no_stream(transport, EXPECTED, "which dial() must await")
    if method_of(transport, "write") is None or not (
        method_of(transport, "close") or method_of(transport, "abort")
    ):
        raise no_stream(transport, EXPECTED)
    if not has_protocol:
        fault = "which was made without protocol(), the second argument of dial()"
        raise no_stream(transport, EXPECTED, fault)
