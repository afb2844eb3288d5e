"""ByteLayer: a protocol between STOMP and the bytes of a socket, such as WebSocket, and who makes it.

A session writes :meth:`ByteLayer.opening` first, passes what it receives through :meth:`ByteLayer.receive_data`, and
sends CONNECT when the layer is :attr:`~ByteLayer.opened`. From then on every frame goes through
:meth:`ByteLayer.encode`. So every adapter and every event loop has the layer without code of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ._urls import Endpoint

__all__ = ["AnsweredFactory", "ByteLayer", "ByteLayerFactory", "load_websocket"]


class ByteLayer(Protocol):
    """A protocol between STOMP and a socket, for one connection. Pure: no I/O, no clock."""

    @property
    def opened(self) -> bool:
        """Whether its handshake is complete, so that STOMP may follow."""
        ...

    @property
    def over(self) -> str | None:
        """A sentence that says why nothing more will come; ``None`` as long as something may."""
        ...

    @property
    def login_refused(self) -> bool:
        """Whether the peer has refused the credentials."""
        ...

    @property
    def promise_heart_beats(self) -> bool:
        """Whether CONNECT may promise heart-beats to this peer, once it is opened. They are sent in any case."""
        ...

    @property
    def expands(self) -> bool:
        """Whether few received bytes may become many.

        Then it gets them in small pieces, so that a single read cannot fill the memory.
        """
        ...

    def opening(self) -> bytes:
        """Return the bytes to write first; ``b""`` if the peer begins."""
        ...

    def receive_data(self, data: bytes | bytearray | memoryview) -> bytes | bytearray:
        """Process bytes from the socket, and return the bytes of STOMP in them, often none.

        Args:
            data: the bytes, in pieces of any size.
        """
        ...

    def receive_eof(self) -> None:
        """Process the end of the stream; :attr:`over` says what it means."""
        ...

    def encode(self, wire: bytes) -> bytes:
        """Return one STOMP frame, or one heart-beat, as it is written.

        The result may be thrown away, so nothing that follows may depend on it.

        Args:
            wire: the bytes of the frame or heart-beat.
        """
        ...

    def control(self) -> bytes:
        """Return the bytes to write before STOMP frames that have not begun to leave; ``b""`` if there are none."""
        ...

    def close(self, code: int = 1000, reason: str = "") -> bytes:
        """Return the bytes that end the protocol; ``b""`` if there are none, or they were returned already.

        Args:
            code: a number that says why, in the terms of the protocol, such as 1000 of WebSocket.
            reason: a text that says why.
        """
        ...

    def explain_silence(self, seconds: float) -> str:
        """Return a sentence that says why it was not opened in time.

        Args:
            seconds: how many seconds that was.
        """
        ...


class ByteLayerFactory(Protocol):
    """Makes the layer of each connection: the option ``websocket`` of ``connect()``.

    If it has an attribute ``headers`` that is a function, that is asked at each attempt to connect to a WebSocket, in
    the same way as ``passcode``, and the answer is passed to :meth:`new_layer`.
    """

    def new_layer(
        self,
        endpoint: Endpoint,
        versions: Iterable[str],
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    ) -> ByteLayer:
        """Return a new layer, for one connection.

        Args:
            endpoint: the endpoint of the connection.
            versions: the versions of STOMP that the session offers.
            headers: HTTP headers in place of the factory's own, if that has a function that was asked already.
        """
        ...


class AnsweredFactory:
    """A factory whose headers are a function, with what that has answered for one attempt to connect.

    Args:
        factory: the factory of the program.
        headers: the answer.
    """

    def __init__(self, factory: ByteLayerFactory, headers: Iterable[tuple[str, str]]) -> None:
        self._factory = factory
        self._headers = headers

    def new_layer(
        self,
        endpoint: Endpoint,
        versions: Iterable[str],
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    ) -> ByteLayer:
        """Return a new layer, for one connection; see :meth:`ByteLayerFactory.new_layer`."""
        return self._factory.new_layer(endpoint, versions, self._headers if headers is None else headers)


def load_websocket() -> ByteLayerFactory:
    """Return WebSocket with its default options: look up the package ``stomp_websocket``, which is a plug-in.

    The core knows nothing of that package but this name, and only for a ``ws://`` URL.

    Raises:
        ValueError: what it needs is not installed.
    """
    from importlib import import_module

    try:
        module: Any = import_module("stomp_websocket")
    except ModuleNotFoundError as error:
        raise ValueError("ws:// and wss:// need websockets: pip install 'stomp-core[websocket]'") from error
    factory: ByteLayerFactory = module.WebSocket()
    return factory
