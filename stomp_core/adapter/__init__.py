"""For authors of adapters: the driver of a session, and the Connection API over any event loop or thread.

:class:`Driver` is all that a loop needs to drive a :class:`~stomp_core.Session`; :mod:`stomp_core.adapter._driver`
states the contract. On top of an engine, :class:`BlockingConnection` is the API for callers that
block, and :class:`AsyncConnection` the one for tasks of an event loop.

The engine of a loop of yours is derived from :class:`AsyncLoopEngine`, :class:`BlockingLoopEngine` (for green threads)
or :class:`CallbackEngine` (for sessions without a Connection), which need a few methods of the loop;
:class:`LoopEngine` below them is for engines that carry out the driver's commands by themselves.
"""

from .._hints import explained, unknown_name
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
