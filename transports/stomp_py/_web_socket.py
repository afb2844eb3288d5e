"""Opens the WebSocket of a connection while it is dialled: as in stomp.py, ``connect()`` raises if a server refuses it.

The session gets a byte layer whose handshake is over, and goes on with CONNECT.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterable, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

from stomp_core.session import ByteLayer, ByteLayerFactory, Endpoint
from stomp_socket import is_not_now

if TYPE_CHECKING:
    from stomp_websocket import WebSocket

__all__ = ["WebSocketOptions", "open_web_socket"]

_VERSIONS = ("1.0", "1.1", "1.2")
_READ_SIZE = 64 * 1024


class WebSocketOptions:
    """The arguments of ``WSConnection`` that are about WebSocket.

    Args:
        path: of the URL, with its query.
        header: further headers of the HTTP request: a mapping, or lines such as ``"Cookie: a=b"``.
        binary_mode: send binary messages only. Otherwise what is UTF-8 is sent as text.

    Raises:
        ImportError: the package websockets is not installed.
        TypeError, ValueError: a header cannot be sent.
    """

    def __init__(self, path: str | None, header: Any, binary_mode: bool) -> None:
        try:
            from stomp_websocket import WebSocket
        except ImportError as error:
            raise ImportError("WSConnection needs websockets: pip install 'stomp-core[websocket]'") from error
        self.path: str = path or "/"
        if not self.path.startswith("/"):
            self.path = f"/{self.path}"
        self.factory: WebSocket = WebSocket(headers=_pairs(header), text=False if binary_mode else None)


def _pairs(header: Any) -> list[tuple[str, str]]:
    """Return headers as pairs, given as websocket-client takes them.

    Raises:
        TypeError, ValueError: they are something else.
    """
    if header is None:
        return []
    if isinstance(header, Mapping):
        return [(name, value) for name, value in header.items() if value is not None]
    if isinstance(header, str) or not isinstance(header, Iterable):
        raise TypeError(
            "header must be a dict, or a list of lines such as ['Cookie: a=b'], got a value of type "
            f"{type(header).__name__}"
        )
    pairs: list[tuple[str, str]] = []
    for line in header:
        name, colon, value = line.partition(":") if isinstance(line, str) else ("", "", "")
        if not colon:
            raise ValueError("header must be a dict, or a list of lines such as ['Cookie: a=b']")
        pairs.append((name.strip(), value.strip()))
    return pairs


def open_web_socket(
    sock: socket.socket, endpoint: Endpoint, factory: ByteLayerFactory, timeout: float
) -> ByteLayerFactory:
    """Make the handshake on a connected socket that does not block; return what makes the layer of its session.

    Raises:
        OSError: the server does not speak WebSocket, has refused it, or did not answer within ``timeout`` seconds.
    """
    layer = factory.new_layer(endpoint, _VERSIONS)
    deadline = monotonic() + timeout
    unsent = layer.opening()
    early = b""
    while not layer.opened:
        if not _wait(sock, writing=bool(unsent), deadline=deadline):
            raise ConnectionError(layer.explain_silence(timeout))
        if unsent:
            try:
                unsent = unsent[sock.send(unsent) :]
            except OSError as error:
                if not is_not_now(error):
                    raise
        try:
            data = sock.recv(_READ_SIZE)
        except OSError as error:
            if not is_not_now(error):
                raise
            continue
        if data:
            early += layer.receive_data(data)
        else:
            layer.receive_eof()
        if layer.over is not None:
            raise ConnectionError(layer.over)
    return _OpenedLayer(layer, early)


def _wait(sock: socket.socket, *, writing: bool, deadline: float) -> bool:
    """Wait until a socket has something to read, or room to write; return false at the deadline."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0))
        return bool(selector.select(max(0.0, deadline - monotonic())))


class _OpenedLayer:
    """The byte layer of one connection, whose handshake is over; it makes itself, once."""

    def __init__(self, layer: ByteLayer, early: bytes) -> None:
        self._layer = layer
        self._early = early  # what the server sent right behind its answer
        self.encode = layer.encode
        self.control = layer.control
        self.close = layer.close
        self.receive_eof = layer.receive_eof
        self.explain_silence = layer.explain_silence

    def new_layer(self, endpoint: Endpoint, versions: Iterable[str], headers: object = None) -> _OpenedLayer:
        return self

    @property
    def opened(self) -> bool:
        return self._layer.opened

    @property
    def over(self) -> str | None:
        return self._layer.over

    @property
    def login_refused(self) -> bool:
        return self._layer.login_refused

    @property
    def promise_heart_beats(self) -> bool:
        return self._layer.promise_heart_beats

    @property
    def expands(self) -> bool:
        return self._layer.expands

    def opening(self) -> bytes:
        return self._layer.control()

    def receive_data(self, data: bytes | bytearray | memoryview) -> bytes | bytearray:
        early, self._early = self._early, b""
        return early + bytes(self._layer.receive_data(data)) if early else self._layer.receive_data(data)
