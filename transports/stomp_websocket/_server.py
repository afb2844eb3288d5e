"""WebSocketServer: the server's end of a WebSocket, for brokers and proxies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from websockets.exceptions import InvalidMessage
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from . import _texts
from ._layer import QUIET, Layer
from ._options import SUBPROTOCOLS, WebSocket

__all__ = ["WebSocketRequest", "WebSocketServer"]

_NOT_HTTP = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 36\r\n\r\n"
    b"This port speaks WebSocket (ws://).\n"
)


@dataclass(frozen=True, slots=True)
class WebSocketRequest:
    """The HTTP request of a client.

    Attributes:
        path: the path with the query, as the client has sent it.
        headers: the headers. Their names are found in any case.
    """

    path: str
    headers: Mapping[str, str] = field(repr=False)


class WebSocketServer(Layer):
    """The server's end of a WebSocket. It is a :class:`stomp_core.ByteLayer` too.

    Args:
        options: the options. Only ``compression``, ``max_size``, ``text``, ``message_size`` and ``subprotocols`` (those
            to accept, in order of preference) mean something here.
        versions: the versions of STOMP whose subprotocols are accepted. A client that offers none of them is accepted
            without one, as RabbitMQ does.
        check: called with the request. It returns the HTTP status and the text of a refusal, or ``None`` to accept it.
            Default: every request is accepted.
        default_subprotocol: the answer to a client that offers no known subprotocol, such as ``stomp`` of ActiveMQ.
            Default: none.
        read_message: called with each whole message and whether it is text. It returns the bytes of STOMP in it, or the
            code and the reason with which to close the WebSocket. It is for brokers that are strict about messages.
            Default: the payload of each WebSocket frame is passed on as soon as it is complete.

    Attributes:
        request: the request of the client; ``None`` before it was received.
    """

    def __init__(
        self,
        options: WebSocket | None = None,
        *,
        versions: Iterable[str] = ("1.0", "1.1", "1.2"),
        check: Callable[[WebSocketRequest], tuple[int, str] | None] | None = None,
        default_subprotocol: str | None = None,
        read_message: Callable[[bytes, bool], bytes | tuple[int, str]] | None = None,
    ) -> None:
        options = WebSocket() if options is None else options
        known = options.subprotocols
        if known is None:
            known = [SUBPROTOCOLS[version] for version in sorted(versions, reverse=True)]
        names = [Subprotocol(name) for name in known]
        default = None if default_subprotocol is None else Subprotocol(default_subprotocol)

        def select(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
            return next((name for name in names if name in offered), default)

        self._check = check
        self._read_message = read_message
        self._message = bytearray()  # the fragments of an incomplete message, for read_message
        self._message_is_text = False
        self._max_message = options.max_size
        self.request: WebSocketRequest | None = None
        self._not_http = b""  # the answer to what is no HTTP request
        compression = [ServerPerMessageDeflateFactory(server_no_context_takeover=True)]
        protocol = ServerProtocol(
            extensions=compression if options.compression else None,
            subprotocols=names,
            select_subprotocol=select,
            max_size=(None, options.max_size),
            logger=cast("Any", QUIET),
        )
        super().__init__(protocol, text=options.text, message_size=options.message_size)

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that was agreed on; ``None`` if the client offered none that is known."""
        subprotocol: str | None = self._protocol.subprotocol
        return subprotocol

    def opening(self) -> bytes:
        """Return ``b""``: the client begins."""
        return b""

    def control(self) -> bytes:
        """Return the bytes to write before STOMP frames that have not begun to leave: the HTTP answer, Pong, Close."""
        answer, self._not_http = self._not_http, b""
        return answer + super().control() if answer else super().control()

    def explain_silence(self, seconds: float) -> str:
        """Return a sentence that says why there was no WebSocket in time.

        Args:
            seconds: how many seconds that was.
        """
        return f"no complete WebSocket request came within {seconds:g} s"

    def _receive_payload(self, frame: Frame) -> bytes | bytearray:
        if self._read_message is None:
            return super()._receive_payload(frame)
        if self.over is not None:
            return b""  # after a message that was refused
        if frame.opcode is not Opcode.CONT:
            self._message_is_text = frame.opcode is Opcode.TEXT
        self._message += frame.data
        if len(self._message) > self._max_message:
            return self._fail(CloseCode.MESSAGE_TOO_BIG, f"more than {self._max_message} bytes in a message")
        if not frame.fin:
            return b""
        message = bytes(self._message)
        self._message.clear()
        found = self._read_message(message, self._message_is_text)
        return self._fail(*found) if isinstance(found, tuple) else found

    def _fail(self, code: int, reason: str) -> bytes:
        self._protocol.fail(code, reason)
        self.over: str | None = f"a message was refused with code {code}: {reason}"
        return b""

    def _receive_http(self, event: Request | Response) -> None:
        assert isinstance(event, Request)
        self.request = WebSocketRequest(event.path, event.headers)
        refusal = self._check(self.request) if self._check is not None else None
        protocol = self._protocol
        response: Response = protocol.reject(*refusal) if refusal is not None else protocol.accept(event)
        protocol.send_response(response)
        if response.status_code == 101:
            self.opened = True
        else:
            self.over = f"the request for {event.path!r} was refused with HTTP {response.status_code}"

    def _refused(self, error: Exception) -> None:
        self.over = f"the client does not speak WebSocket: {_texts.described(error)}"
        if isinstance(error, InvalidMessage) and not self._protocol.reader.eof:
            self._not_http = _NOT_HTTP
