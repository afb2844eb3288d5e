"""HttpConnect: the handshake with an HTTP proxy that opens a tunnel (RFC 9110, section 9.3.6), without I/O.

python-socks reads an answer with one ``recv()``: an answer that comes in pieces is no answer to it, and what is left of
it would be taken for STOMP. So the few lines of it are here, for all adapters.
"""

from __future__ import annotations

from base64 import b64encode

from ..session import Endpoint
from ._proxies import ProxyServer

__all__ = ["HttpConnect", "HttpConnectError"]

_MAX_HEAD = 64 * 1024  # bytes


class HttpConnectError(Exception):
    """The proxy did not open the tunnel.

    Args:
        message: the answer of the proxy, for people.
        status: its status.

    Attributes:
        status: the HTTP status of the answer; 0 if that is not HTTP.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class HttpConnect:
    """One handshake: write :attr:`request`, then read single bytes and pass them on until the tunnel is open.

    Single bytes, because what follows the head belongs to the tunnel. It is some hundred bytes, once a connection.

    Args:
        proxy: the proxy, with its credentials.
        endpoint: the endpoint to connect to.

    Attributes:
        request: the bytes to write first.

    Raises:
        ValueError: the host cannot stand in the request.
    """

    def __init__(self, proxy: ProxyServer, endpoint: Endpoint) -> None:
        host = endpoint.host
        if ":" in host:
            host = f"[{host}]"
        elif not host.isascii():
            host = host.encode("idna").decode("ascii")
        if not host.isprintable() or " " in host:
            raise ValueError(f"not a host name: {endpoint.host!r}")
        lines = [f"CONNECT {host}:{endpoint.port} HTTP/1.1", f"Host: {host}:{endpoint.port}"]
        if proxy.user:
            login = b64encode(f"{proxy.user}:{proxy.password}".encode()).decode("ascii")
            lines.append(f"Proxy-Authorization: Basic {login}")
        self.request = "\r\n".join([*lines, "", ""]).encode("ascii")
        self._head = bytearray()

    def receive_data(self, data: bytes) -> bool:
        """Process one more byte of the answer.

        Args:
            data: the byte; ``b""`` is the end of the stream.

        Returns:
            Whether the tunnel is open. Everything that is read from now on belongs to it.

        Raises:
            EOFError: the proxy has closed the connection.
            HttpConnectError: the proxy refused, or does not speak HTTP.
        """
        head = self._head
        if not data:
            raise EOFError("the proxy has closed the connection")
        head += data
        if not head.startswith(b"HTTP/"[: len(head)]) or len(head) > _MAX_HEAD:
            raise HttpConnectError(_shown(head))
        if not head.endswith((b"\r\n\r\n", b"\n\n")):
            return False
        line, _, _ = bytes(head).partition(b"\n")
        _, status, reason = [*line.decode("latin-1").strip().split(None, 2), "", "", ""][:3]
        if not (status.isascii() and status.isdigit() and len(status) == 3):
            raise HttpConnectError(_shown(head))
        if status[0] == "1":  # an interim answer, such as 100 Continue
            head.clear()
            return False
        if status[0] != "2":
            raise HttpConnectError(f"{status} {reason[:100]}".strip(), int(status))
        return True


def _shown(head: bytearray) -> str:
    return repr(bytes(head[:20]))[1:]
