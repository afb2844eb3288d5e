"""WebSocketPlay: a session, the server's end of its WebSocket, and a broker behind that, with one clock."""

from __future__ import annotations

from typing import Any

from stomp_core import NEED_DATA, ConnectionClosed, Event, Tolerated
from stomp_core.session import Attempt
from stomp_websocket import WebSocket, WebSocketRequest, WebSocketServer
from tests.session.play import Play

__all__ = ["URL", "WebSocketPlay", "answer_to"]

URL = "ws://broker/ws"
#: The answer to the key of the example in RFC 6455, section 1.3.
_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


def answer_to(request: bytes, *lines: str) -> bytes:
    """Return the answer that accepts a request, with further header lines."""
    from websockets.utils import accept_key

    key = next(line for line in request.decode().split("\r\n") if line.startswith("Sec-WebSocket-Key: "))
    accept = accept_key(key.partition(": ")[2])
    further = "".join(f"{line}\r\n" for line in lines)
    return _SWITCHING + f"Sec-WebSocket-Accept: {accept}\r\n{further}\r\n".encode()


class WebSocketPlay(Play):
    """Play, with a WebSocket between the session and the broker.

    Args:
        endpoints: of the session.
        server_options: of the server's end.
        check: of the server's end.
        options: of :class:`Play`.
    """

    def __init__(
        self,
        endpoints: Any = URL,
        *,
        server_options: WebSocket | None = None,
        check: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(endpoints, **options)
        self._server_options = server_options
        self._check = check
        self.web = WebSocketServer()

    @property
    def http_request(self) -> WebSocketRequest:
        """The HTTP request of the present connection."""
        assert self.web.request is not None
        return self.web.request

    def dial(self) -> Attempt:
        attempt = super().dial()
        self.web = WebSocketServer(self._server_options, check=self._check)
        return attempt

    def exchange(self) -> bytes:
        """Write everything that the session has to send, and let the server's end answer; return STOMP's bytes."""
        stomp = b""
        while data := self.session.data_to_send():
            stomp += self.web.receive_data(data)
            if control := self.web.control():
                self.session.receive_data(control, self.now)
        return stomp

    def sent(self) -> list[Any]:
        assert self.broker is not None
        data = self.exchange()
        self.written += data
        if data:
            self.broker.receive_data(data, self.now)
        events: list[Any] = []
        while (event := self.broker.next_event()) is not NEED_DATA:
            assert not isinstance(event, ConnectionClosed | Tolerated)
            events.append(event)
        return events

    def receive(self, *events: Event) -> None:
        assert self.broker is not None
        for event in events:
            self.receive_stomp(self.broker.send(event, now=self.now))

    def receive_stomp(self, data: bytes) -> None:
        """Let the broker send these bytes in one message."""
        self.session.receive_data(self.web.encode(data), self.now)
