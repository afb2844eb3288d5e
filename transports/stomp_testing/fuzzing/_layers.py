"""What is between STOMP and the bytes of a socket: TLS, WebSocket, or one on the other."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from stomp_websocket import WebSocketClient

__all__ = ["Layer", "Stack", "TlsLayer", "WebSocketLayer"]

_CHUNK = 64 * 1024
#: Why a TLS connection that has only just been ended by the peer is no error of this side.
_ENDS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


class Layer(Protocol):
    """Turns bytes of STOMP into those of a socket, and back.

    Attributes:
        opened: whether its handshake is done.
        ended: whether nothing more will come.
    """

    @property
    def opened(self) -> bool: ...

    @property
    def ended(self) -> bool: ...

    def control(self) -> bytes:
        """Return what has to be written besides what is sent: of its handshake, and answers."""
        ...

    def encoded(self, data: bytes) -> bytes:
        """Return what is written for these bytes."""
        ...

    def decoded(self, data: bytes) -> bytes:
        """Return what was received; ``b""`` is the end of the connection.

        Raises:
            OSError: the handshake has failed.
        """
        ...

    def closing(self) -> bytes:
        """Return what is written before the connection is closed."""
        ...


class TlsLayer:
    """TLS. It is a :class:`Layer`.

    Args:
        context: what is trusted.
        name: of the server.
    """

    def __init__(self, context: ssl.SSLContext, name: str) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self.opened: bool = False
        self.ended: bool = False
        self._shake_hands()

    def control(self) -> bytes:
        """See :class:`Layer`."""
        return self._outgoing.read()

    def encoded(self, data: bytes) -> bytes:
        """See :class:`Layer`."""
        if data and not self.ended:
            self._tls.write(data)
        return self._outgoing.read()

    def decoded(self, data: bytes) -> bytes:
        """See :class:`Layer`."""
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        if not self.opened:
            self._shake_hands()
        pieces = []
        try:
            while self.opened and (piece := self._tls.read(_CHUNK)):
                pieces.append(piece)
            self.ended = self.opened  # close_notify: nothing more comes
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.ended = True
        return b"".join(pieces)

    def closing(self) -> bytes:
        """See :class:`Layer`."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # the peer has not answered yet, which nobody waits for
        return self._outgoing.read()

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLCertVerificationError as error:  # which is a ValueError, too
            raise ConnectionError(f"the certificate is not trusted: {error.verify_message}") from None
        except _ENDS:
            raise ConnectionError("the connection was closed during the handshake of TLS") from None
        self.opened = True


class WebSocketLayer:
    """WebSocket: what is sent at a time is one message. It is a :class:`Layer`.

    Args:
        client: the client's end of a WebSocket.
    """

    def __init__(self, client: WebSocketClient) -> None:
        self._client = client
        self._opening = client.opening()

    @property
    def opened(self) -> bool:
        """See :class:`Layer`."""
        return self._client.opened

    @property
    def ended(self) -> bool:
        """See :class:`Layer`."""
        return self._client.over is not None

    def control(self) -> bytes:
        """See :class:`Layer`."""
        opening, self._opening = self._opening, b""
        return opening + self._client.control()

    def encoded(self, data: bytes) -> bytes:
        """See :class:`Layer`."""
        return self._client.encode(data)

    def decoded(self, data: bytes) -> bytes:
        """See :class:`Layer`."""
        received = bytes(self._client.receive_data(data))
        if not data:
            self._client.receive_eof()
        if not self._client.opened and self._client.over is not None:
            raise ConnectionError(self._client.over)
        return received

    def closing(self) -> bytes:
        """See :class:`Layer`."""
        return self._client.close()


class Stack:
    """Layers on each other. It is a :class:`Layer`.

    Args:
        layers: the one next to the socket first.
    """

    def __init__(self, layers: Sequence[Layer] = ()) -> None:
        self._layers = list(layers)

    @property
    def opened(self) -> bool:
        """See :class:`Layer`."""
        return all(layer.opened for layer in self._layers)

    @property
    def ended(self) -> bool:
        """See :class:`Layer`."""
        return any(layer.ended for layer in self._layers)

    def control(self) -> bytes:
        """See :class:`Layer`."""
        data = b""
        for layer in reversed(self._layers):
            data = (layer.encoded(data) if data else b"") + layer.control()
        return data

    def encoded(self, data: bytes) -> bytes:
        """See :class:`Layer`."""
        for layer in reversed(self._layers):
            data = layer.encoded(data)
        return data

    def decoded(self, data: bytes) -> bytes:
        """See :class:`Layer`."""
        ends = not data
        for layer in self._layers:
            if data or ends:
                data = layer.decoded(data)
        return data

    def closing(self) -> bytes:
        """See :class:`Layer`."""
        data = b""
        for layer in reversed(self._layers):
            data = (layer.encoded(data) if data else b"") + layer.closing()
        return data
