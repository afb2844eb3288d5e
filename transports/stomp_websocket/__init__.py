"""STOMP over WebSocket (RFC 6455), as a pure byte layer: no I/O, no clock, no threads.

    connection = stomp_socket.connect("wss://broker.example/ws", websocket=WebSocket(headers={"Authorization": token}))

``ws://`` and ``wss://`` work in every adapter, those of other event loops included, because the layer is between the
session and the socket. :class:`WebSocket` has the options; without it the defaults apply. :class:`WebSocketServer` is
the other end, for brokers and proxies.

It stands on the Sans-I/O part of ``websockets``; ``pip install "stomp-core[websocket]"`` installs that.
"""

try:
    import websockets as _websockets  # noqa: F401
except ModuleNotFoundError as _error:
    if _error.name != "websockets":
        raise
    raise ModuleNotFoundError(
        "stomp_websocket needs websockets: pip install 'stomp-core[websocket]'", name="websockets"
    ) from None

from stomp_core import __version__ as __version__

from ._client import WebSocketClient
from ._options import WebSocket
from ._server import WebSocketRequest, WebSocketServer

__all__ = ["WebSocket", "WebSocketClient", "WebSocketRequest", "WebSocketServer"]
