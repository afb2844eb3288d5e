"""WebSocketClient: the client's end of a WebSocket."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.typing import Origin, Subprotocol
from websockets.uri import WebSocketURI

from stomp_core.session import Endpoint

from . import _texts
from ._layer import QUIET, Layer

__all__ = ["WebSocketClient"]


_LINE = 300  # bytes of the answer that are kept, for its first line


class _Protocol(ClientProtocol):
    """Accept the subprotocol ``stomp``, which ActiveMQ answers to who offers none that it knows."""

    def process_subprotocol(self, headers: Headers) -> Subprotocol | None:
        if headers.get_all("Sec-WebSocket-Protocol") == ["stomp"]:
            return Subprotocol("stomp")
        return super().process_subprotocol(headers)


class WebSocketClient(Layer):
    """The client's end of a WebSocket. It is a :class:`stomp_core.ByteLayer`.

    Args:
        endpoint: the endpoint of the server, with path and query. Its credentials are those of STOMP and are not sent
            in HTTP.
        headers: further headers of the request, which were checked.
        origin: the ``Origin`` header; ``None`` sends none.
        subprotocols: the subprotocols to offer, in order of preference.
        compression: offer permessage-deflate.
        max_size: how many bytes one received WebSocket frame may have at most, also when decompressed.
        text: see :class:`WebSocket`.
        message_size: see :class:`WebSocket`.
        promise_heart_beats: see :class:`WebSocket`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        headers: Iterable[tuple[str, str]] = (),
        origin: str | None = None,
        subprotocols: Sequence[str] = (),
        compression: bool = False,
        max_size: int,
        text: bool | None = None,
        message_size: int | None = None,
        promise_heart_beats: bool | None = None,
    ) -> None:
        path, _, query = endpoint.path.partition("?")
        host = endpoint.host if endpoint.host.isascii() else endpoint.host.encode("idna").decode("ascii")
        self._headers = tuple(headers)
        self._promise = promise_heart_beats
        self._answer = b""  # its beginning
        protocol = _Protocol(
            # Without the credentials: websockets would send them as "Authorization: Basic".
            WebSocketURI(endpoint.secure, host, endpoint.port, path, query),
            origin=cast("Origin | None", origin),
            # A frame that is withdrawn before it is written must not be in the compressor's window.
            extensions=[ClientPerMessageDeflateFactory(client_no_context_takeover=True)]
            if compression
            else None,
            # An empty list would be an empty header.
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            max_size=(None, max_size),
            logger=cast("Any", QUIET),
        )
        super().__init__(protocol, text=text, message_size=message_size)

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server has chosen; ``None`` if it named none, which is allowed."""
        subprotocol: str | None = self._protocol.subprotocol
        return subprotocol

    def opening(self) -> bytes:
        """Return the HTTP request, which is written first."""
        request: Request = self._protocol.connect()
        for name, value in self._headers:
            if name.lower() == "host":
                del request.headers["Host"]
            request.headers[name] = value
        self._protocol.send_request(request)
        return self.control()

    def explain_silence(self, seconds: float) -> str:
        """Return a sentence that says why there was no WebSocket in time.

        Args:
            seconds: how many seconds that was.
        """
        if self.opened:
            return f"the WebSocket is open, but nothing else came within {seconds:g} s"
        if not self._received_any:
            return (
                f"connected, but no answer to the WebSocket request came within {seconds:g} s: check that this is a "
                "WebSocket port (RabbitMQ: 15674)"
            )
        # What there is of an answer, a status line without the end of its body perhaps, says more than the silence.
        self.receive_eof()
        if self.over == _texts.CUT_OFF:  # which it is not: the connection is still open
            return (
                f"the answer to the WebSocket request was incomplete after {seconds:g} s: check that this is a "
                "WebSocket port"
            )
        return f"the answer to the WebSocket request was incomplete after {seconds:g} s: {self.over}"

    def receive_data(self, data: bytes | bytearray | memoryview) -> bytes | bytearray:
        """Process bytes from the socket. Look at ``over``, and write :meth:`control`, afterwards.

        Args:
            data: the bytes, in pieces of any size.

        Returns:
            The bytes of STOMP in them; ``b""`` as long as a WebSocket frame is incomplete.
        """
        if not self.opened and len(self._answer) < _LINE:
            self._answer += bytes(data[: _LINE - len(self._answer)])
        return super().receive_data(data)

    def _receive_http(self, event: Request | Response) -> None:
        if self._protocol.handshake_exc is None:
            self.opened = True
            # RabbitMQ's Web-STOMP (seen with 3.10; its source was the same in 2025) ends a connection to which a client
            # has promised heart-beats as soon as its flow control stops and goes on, which a few hundred unconfirmed
            # SENDs bring about: it resumes the monitor of heart-beats, which was not paused. Without a promise there
            # is no monitor, and what is sent all the same keeps its HTTP server from closing an idle connection. That
            # server is called Cowboy, which is known before CONNECT is sent.
            if self._promise is None:
                servers = event.headers.get_all("Server")
                self.promise_heart_beats: bool = not any(
                    name.lower().startswith("cowboy") for name in servers
                )
            else:
                self.promise_heart_beats = self._promise

    def _refused(self, error: Exception) -> None:
        error = _texts.of_large_answer(error, self._answer)
        self.login_refused: bool = _texts.status_of(error) in (401, 403)
        self.over: str | None = _texts.refused(error, self._secrets())

    def _secrets(self) -> set[str]:
        """Return the values of our headers, and their words: the token of ``Bearer token`` may be repeated alone."""
        found: set[str] = set()
        for name, value in self._headers:
            words = value.split()
            # "Bearer" is no secret, and worth reading.
            found.update([value], words[1:] if name.lower().endswith("authorization") else words)
        return found - {""}
