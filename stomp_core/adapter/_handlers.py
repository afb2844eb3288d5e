"""Checks of the handlers of ``run()``, before a message is taken where that is possible."""

from __future__ import annotations

from collections.abc import Callable

from .._callbacks import (
    check_accepts_one,
    check_callable,
    check_not_async,
    deferred_kind,
    name_of,
    never_returns_awaitable,
)

__all__ = ["check_async_handler", "check_blocking_handler", "not_awaitable"]

_DEFINE_ASYNC = "define it with async def, or use stomp_socket, which calls plain functions"


def _check_handler(handler: Callable[..., object]) -> None:
    """Refuse what cannot be called with a message.

    Raises:
        TypeError: it is not a function of one argument.
    """
    check_callable(handler, "the handler", "the function itself, as in run(handle)")
    check_accepts_one(handler, "the handler", "message")


def check_blocking_handler(handler: Callable[..., object]) -> None:
    """Refuse a handler that a blocking ``run()`` cannot call.

    Raises:
        TypeError: it is not a plain function of one argument.
    """
    _check_handler(handler)
    check_not_async(
        handler,
        "the handler",
        "pass a plain function without yield; for async functions there are stomp_asyncio and stomp_trio",
    )


def check_async_handler(handler: Callable[..., object]) -> bool:
    """Refuse a handler that an asynchronous ``run()`` cannot call and await.

    Returns:
        Whether it is certain that it returns something to await. If not, see :func:`not_awaitable`.

    Raises:
        TypeError: it is not a function of one argument, or it is certain that it returns nothing to await.
    """
    _check_handler(handler)
    if deferred_kind(handler) == "async":
        return True
    check_not_async(handler, "the handler", "leave out the yield")
    if never_returns_awaitable(handler):
        raise TypeError(f"the handler {name_of(handler)} returns nothing to await: {_DEFINE_ASYNC}")
    return False


def not_awaitable(handler: Callable[..., object], result: object) -> TypeError:
    """Return the error for a handler that has returned something that cannot be awaited."""
    return TypeError(
        f"the handler {name_of(handler)} returned {result!r}, which cannot be awaited: {_DEFINE_ASYNC}"
    )
