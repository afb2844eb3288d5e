"""For authors of adapters: the driver of a session, and the Connection API over any event loop or thread.

:class:`Driver` is all that a loop needs to drive a :class:`~stomp_core.Session`; :mod:`stomp_core.adapter._driver`
states the contract. On top of an engine, :class:`BlockingConnection` is the API for callers that
block, and :class:`AsyncConnection` the one for tasks of an event loop.

The engine of a loop of yours is derived from :class:`AsyncLoopEngine`, :class:`BlockingLoopEngine` (for green threads)
or :class:`CallbackEngine` (for sessions without a Connection), which need a few methods of the loop;
:class:`LoopEngine` below them is for engines that carry out the driver's commands by themselves.
"""

from typing import TYPE_CHECKING

from .._hints import explained, unknown_name

if TYPE_CHECKING:
    from ._async import (
        AsyncConnection,
        AsyncEngine,
        AsyncMessage,
        AsyncPipeline,
        AsyncSubscription,
        AsyncTransaction,
    )
    from ._async_loop_engine import AsyncEvent, AsyncLoopEngine
    from ._blocking import (
        BlockingConnection,
        BlockingEngine,
        BlockingMessage,
        BlockingPipeline,
        BlockingSubscription,
        BlockingTransaction,
        WaitTimeout,
        run_in_threads,
    )
    from ._blocking_loop_engine import BlockingEvent, BlockingLoopEngine
    from ._callback_engine import CallbackEngine, Transport
    from ._connect_context import ConnectContext, awaitable_context
    from ._dial_errors import DialFailed, no_stream
    from ._driver import Abort, Command, Dial, Driver, End, Line, Read, Timer, Write
    from ._http_connect import HttpConnect, HttpConnectError
    from ._loop_engine import LoopEngine
    from ._proxies import ProxyServer
    from ._transport_options import TransportOptions
    from ._wrapping import MessageSource, export, refuse_use

__all__ = [
    "Abort",
    "AsyncConnection",
    "AsyncEngine",
    "AsyncEvent",
    "AsyncLoopEngine",
    "AsyncMessage",
    "AsyncPipeline",
    "AsyncSubscription",
    "AsyncTransaction",
    "BlockingConnection",
    "BlockingEngine",
    "BlockingEvent",
    "BlockingLoopEngine",
    "BlockingMessage",
    "BlockingPipeline",
    "BlockingSubscription",
    "BlockingTransaction",
    "CallbackEngine",
    "Command",
    "ConnectContext",
    "Dial",
    "DialFailed",
    "Driver",
    "End",
    "HttpConnect",
    "HttpConnectError",
    "Line",
    "LoopEngine",
    "MessageSource",
    "ProxyServer",
    "Read",
    "Timer",
    "Transport",
    "TransportOptions",
    "WaitTimeout",
    "Write",
    "awaitable_context",
    "explained",
    "export",
    "no_stream",
    "refuse_use",
    "run_in_threads",
    "unknown_name",
]

#: Which module has which names. It is imported when the first of them is used: no adapter needs all of them.
_MODULES = {
    "_async": "AsyncConnection AsyncEngine AsyncMessage AsyncPipeline AsyncSubscription AsyncTransaction",
    "_async_loop_engine": "AsyncEvent AsyncLoopEngine",
    "_blocking": (
        "BlockingConnection BlockingEngine BlockingMessage BlockingPipeline BlockingSubscription "
        "BlockingTransaction WaitTimeout run_in_threads"
    ),
    "_blocking_loop_engine": "BlockingEvent BlockingLoopEngine",
    "_callback_engine": "CallbackEngine Transport",
    "_connect_context": "ConnectContext awaitable_context",
    "_dial_errors": "DialFailed no_stream",
    "_driver": "Abort Command Dial Driver End Line Read Timer Write",
    "_http_connect": "HttpConnect HttpConnectError",
    "_loop_engine": "LoopEngine",
    "_proxies": "ProxyServer",
    "_transport_options": "TransportOptions",
    "_wrapping": "MessageSource export refuse_use",
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names.split()}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:  # type checkers know the names, and report others

    def __getattr__(name: str) -> object:
        module = _MODULE_OF.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
        from importlib import import_module

        value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
        return value
