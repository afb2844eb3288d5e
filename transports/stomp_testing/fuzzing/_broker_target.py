"""BrokerTarget: where a broker is, and how it is spoken to."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from stomp_core import Endpoint, Frame

from ._layers import Layer, TlsLayer, WebSocketLayer
from ._wire import Closed, Illegal, Stalled, Wire

__all__ = ["BrokerTarget"]


@dataclass(frozen=True, slots=True)
class BrokerTarget:
    """A broker under test.

    Attributes:
        host: the name or address of the broker.
        port: the TCP port of the broker.
        login: the login in CONNECT.
        passcode: the passcode in CONNECT.
        virtual_host: the virtual host in CONNECT.
        destination: what the names of queues begin with.
        timeout: seconds that it has for each answer.
        close_timeout: seconds that it has to close the connection behind ERROR.
        scheme: ``stomp``, ``stomp+ssl``, ``ws`` or ``wss``.
        path: of the WebSocket's URL, with its query.
        tls: what ``stomp+ssl`` and ``wss`` trust; ``None`` for the authorities that the system trusts.

    Raises:
        ValueError: it has another scheme.
        ModuleNotFoundError: ``ws`` and ``wss`` need ``stomp-core[websocket]``.
    """

    host: str
    port: int
    login: str = "guest"
    passcode: str = "guest"
    virtual_host: str = "/"
    destination: str = "/queue/fuzz-"
    timeout: float = 5.0
    close_timeout: float = 1.0
    scheme: str = "stomp"
    path: str = ""
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.scheme not in ("stomp", "stomp+ssl", "ws", "wss"):
            raise ValueError(
                f"the URL of the broker must be stomp://, stomp+ssl://, ws:// or wss://, got {self.scheme}://"
            )
        if self.scheme in ("ws", "wss"):
            import stomp_websocket  # noqa: F401  to see now whether it is there
        if self.scheme in ("stomp+ssl", "wss") and self.tls is None:
            object.__setattr__(self, "tls", ssl.create_default_context())

    @property
    def url(self) -> str:
        """The URL of the broker, without credentials and query."""
        return str(self._endpoint)

    @property
    def _endpoint(self) -> Endpoint:
        return Endpoint(self.scheme, self.host, self.port, self.path)

    def values(self) -> dict[str, str]:
        """Return values for ``${queue}`` and the like, with names of queues that nobody else has."""
        unique = f"{self.destination}{uuid.uuid4().hex}"
        return {
            "queue": f"{unique}a",
            "other-queue": f"{unique}b",
            "host": self.virtual_host,
            "login": self.login,
            "passcode": self.passcode,
        }

    def connect(self) -> Wire:
        """Connect to it.

        Returns:
            The connection.

        Raises:
            OSError: it does not accept connections, or the handshake of TLS or WebSocket has failed.
        """
        new_layers: list[Callable[[], Layer]] = []
        tls = self.tls
        if tls is not None and self.scheme in ("stomp+ssl", "wss"):
            new_layers.append(lambda: TlsLayer(tls, self.host))
        if self.scheme in ("ws", "wss"):
            new_layers.append(self._new_websocket)
        return Wire.connect(self.host, self.port, self.timeout, new_layers)

    def answer_to_connect(self, offer: str) -> Frame | None:
        """Send CONNECT on a connection of its own, and return the first frame of the answer; ``None`` if none comes.

        Args:
            offer: the versions of STOMP, separated by commas; ``""`` leaves the header out, which offers 1.0.

        Raises:
            OSError: it does not accept connections.
        """
        versions = f"accept-version:{offer}\n" if offer else ""
        credentials = f"login:{self.login}\npasscode:{self.passcode}\n"
        wire = self.connect()
        try:
            wire.write(
                f"CONNECT\n{versions}host:{self.virtual_host}\n{credentials}\n\0".encode(), self.timeout
            )
            return wire.frame(self.timeout)
        except (Closed, Illegal, Stalled, TimeoutError):
            return None
        finally:
            wire.close()

    def _new_websocket(self) -> WebSocketLayer:
        from stomp_websocket import WebSocket

        return WebSocketLayer(WebSocket().new_layer(self._endpoint, ("1.2", "1.1", "1.0")))
