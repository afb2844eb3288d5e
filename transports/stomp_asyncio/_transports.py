"""Transports that others have made: which methods they have, and how they are closed.

Only ``write`` and ``close``, or ``abort``, are needed. asyncio's base classes have all of the others, which then raise
NotImplementedError: such a method is one that the transport does not have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

__all__ = ["check_transport", "close_transport", "method_of", "name_of"]


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
        TypeError: it is not a transport, or not one with our protocol.
    """
    if isinstance(transport, tuple):
        raise TypeError(
            "dial() must return a transport or a connected socket, got a tuple: of what loop.create_connection() "
            "returns, return the first"
        )
    if asyncio.iscoroutine(transport):
        transport.close()
        raise TypeError(
            "dial() must return a transport or a connected socket, got a coroutine: await it in dial()"
        )
    if method_of(transport, "write") is None or not (
        method_of(transport, "close") or method_of(transport, "abort")
    ):
        raise TypeError(
            "dial() must return a transport, with write() and close(), or a connected socket, "
            f"got {name_of(transport)}"
        )
    if not has_protocol:
        raise TypeError(
            "dial() must return a transport that it has made with protocol(), its second argument: "
            f"{name_of(transport)} was made without, so what it receives would not arrive"
        )


def name_of(value: object) -> str:
    """Return what kind of object something is, for an error text. Its repr could contain anything."""
    return "None" if value is None else f"an object of class {type(value).__qualname__}"
