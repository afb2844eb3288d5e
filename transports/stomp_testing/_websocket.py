"""The WebSocket of an embedded broker: RabbitMQ's Web-STOMP, or ActiveMQ's connector, as strict as these are.

What a flavour's broker does differently over WebSocket than over TCP is here and in the ``websocket_*`` fields of the
flavour. The values of RabbitMQ were measured with 3.10.8; those of ActiveMQ are read in its source
(``AbstractStompSocket``, ``StompWireFormat``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from stomp_core import Frame, FrameParser, HeartBeat, Leniency, RemoteProtocolError
from stomp_websocket import WebSocket, WebSocketRequest, WebSocketServer

from ._settings import Flavour

__all__ = ["WebSocketListener"]

_INVALID_PAYLOAD = 1007
_PROTOCOL_ERROR = 1002


@dataclasses.dataclass(frozen=True)
class WebSocketListener:
    """Makes the layer of each connection to a WebSocket port.

    Attributes:
        flavour: the broker to behave like.
        versions: of STOMP, whose subprotocols are accepted.
        path: the only path that is a WebSocket; the query of a request does not count.
        options: of the layer. ``text=None`` is the flavour's choice.
        check: refuses requests, or ``None``.
    """

    flavour: Flavour
    versions: Sequence[str]
    path: str
    options: WebSocket
    check: Callable[[WebSocketRequest], tuple[int, str] | None] | None = None

    def new_layer(self) -> WebSocketServer:
        """Return the server's end of one connection."""
        text_only = self.flavour.websocket_text_only
        # RabbitMQ sends text whatever the body is, unless web_stomp.ws_frame is binary.
        text = True if text_only or self.options.text is None else self.options.text
        options = dataclasses.replace(self.options, text=text)
        if text_only:
            return _ActiveMQServer(
                options,
                versions=self.versions,
                check=self._refusal,
                default_subprotocol="stomp",
                read_message=_first_frame,
            )
        return WebSocketServer(options, versions=self.versions, check=self._refusal, read_message=_valid_text)

    def _refusal(self, request: WebSocketRequest) -> tuple[int, str] | None:
        if request.path.partition("?")[0] != self.path:
            return 404, f"no WebSocket here: the path is {self.path}\n"
        return None if self.check is None else self.check(request)


class _ActiveMQServer(WebSocketServer):
    """Send everything as text: what is not UTF-8 is replaced, and ``content-length`` stays as it was."""

    def encode(self, wire: bytes) -> bytes:
        return super().encode(wire.decode("utf-8", "replace").encode())


def _valid_text(message: bytes, is_text: bool) -> bytes | tuple[int, str]:
    """Read a message as RabbitMQ does: text or binary, and any number of frames or parts of them."""
    if is_text and not _is_utf8(message):
        return _INVALID_PAYLOAD, "invalid UTF-8 in a text message"
    return message


def _first_frame(message: bytes, is_text: bool) -> bytes | tuple[int, str]:
    """Read a message as ActiveMQ does: binary ones are ignored, and so is all that follows the first frame."""
    if not is_text:
        return b""
    if not _is_utf8(message):
        return _INVALID_PAYLOAD, "invalid UTF-8 in a text message"
    if message == b"\n":
        return message
    parser = FrameParser(None, leniency=Leniency.permissive())
    parser.receive_data(message)
    try:
        item = parser.next_frame()
        while isinstance(item, HeartBeat):
            item = parser.next_frame()
    except RemoteProtocolError:
        return message  # the peer refuses it
    if not isinstance(item, Frame) or item.raw is None:
        return _PROTOCOL_ERROR, "a message must contain a whole STOMP frame"
    return item.raw


def _is_utf8(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True
