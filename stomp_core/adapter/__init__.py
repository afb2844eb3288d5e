"""For authors of adapters: the driver of a session, and the Connection API over any event loop or thread.

:class:`Driver` is all that a loop needs to drive a :class:`~stomp_core.Session`; :mod:`stomp_core.adapter._driver`
states the contract. On top of an engine, :class:`BlockingConnection` is the API for callers that
block, and :class:`AsyncConnection` the one for tasks of an event loop, whose engine can be a :class:`LoopEngine`.
"""

from .._hints import explained, unknown_name
from ._async import (
    AsyncConnection,
    AsyncEngine,
    AsyncMessage,
    AsyncPipeline,
    AsyncSubscription,
    AsyncTransaction,
    ConnectContext,
    awaitable_context,
)
from ._blocking import (
    BlockingConnection,
    BlockingEngine,
    BlockingMessage,
    BlockingPipeline,
    BlockingSubscription,
    BlockingTransaction,
    WaitTimeout,
)
from ._dial_errors import DialFailed, local_address_error, no_stream
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
    "AsyncMessage",
    "AsyncPipeline",
    "AsyncSubscription",
    "AsyncTransaction",
    "BlockingConnection",
    "BlockingEngine",
    "BlockingMessage",
    "BlockingPipeline",
    "BlockingSubscription",
    "BlockingTransaction",
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
    "TransportOptions",
    "WaitTimeout",
    "Write",
    "awaitable_context",
    "explained",
    "export",
    "local_address_error",
    "no_stream",
    "refuse_use",
    "unknown_name",
]
