"""Our own dialling: a direct connection, or one through a proxy. Both are functions as ``connect(dial=...)`` takes.

They block, and are called in a thread of their own.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from time import monotonic
from typing import Any

from stomp_core.adapter import HttpConnect, ProxyServer, TransportOptions, local_address_error
from stomp_core.session import Endpoint

__all__ = ["DirectDial", "ProxyDial", "dial_function"]

Address = tuple[int, int, int, str, Any]


def dial_function(options: TransportOptions, endpoint: Endpoint) -> Callable[[Endpoint, float], Any]:
    """Return the function that connects to an endpoint."""
    if options.dial is not None:
        return options.dial
    direct = DirectDial(options.local_address)
    proxy = options.proxy_server(endpoint)
    return direct if proxy is None else ProxyDial(proxy, direct)


class DirectDial:
    """Connects to a TCP port or a Unix socket; one object for each attempt.

    Args:
        local_address: to connect from.
        prepare: called with each socket before it is connected, to bind it or to set options.
    """

    def __init__(
        self, local_address: str | None = None, prepare: Callable[[socket.socket], object] | None = None
    ) -> None:
        self.local_address = local_address
        self._prepare = prepare
        self._socket: socket.socket | None = None
        self._cancelled = False

    def __call__(self, endpoint: Endpoint, timeout: float) -> socket.socket:
        """Connect to the first address that answers.

        Raises:
            OSError: the reason of the first one that does not, from the operating system or the resolver.
        """
        deadline = monotonic() + timeout
        addresses = self._addresses(endpoint)
        failures: list[OSError] = []
        for position, address in enumerate(addresses):
            if self._cancelled:
                break
            # An address that does not answer must leave time for the next ones.
            share = (deadline - monotonic()) / (len(addresses) - position)
            try:
                return self._connect(address, max(share, 0.001))
            except OSError as error:
                failures.append(error)
        if not failures:
            raise TimeoutError(errno.ETIMEDOUT, "dialling was cancelled")
        raise failures[0]

    def cancel(self) -> None:
        """Give up soon, for nobody waits any more. Called by another thread."""
        self._cancelled = True
        sock = self._socket
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that connects
            except OSError:
                pass  # not connected yet, on some systems; or closed

    def _addresses(self, endpoint: Endpoint) -> list[Address]:
        if endpoint.transport == "unix":
            if not hasattr(socket, "AF_UNIX"):
                raise OSError(errno.EAFNOSUPPORT, "this platform has no Unix sockets")
            return [(socket.AF_UNIX, socket.SOCK_STREAM, 0, "", endpoint.path)]
        addresses = _resolve(endpoint.host, endpoint.port)
        if self.local_address is None:
            return addresses
        try:
            families = {entry[0] for entry in _resolve(self.local_address, 0)}
        except OSError as error:
            raise local_address_error(self.local_address, error) from error
        usable = [address for address in addresses if address[0] in families]
        if not usable:
            mismatch = OSError(errno.EAFNOSUPPORT, f"{endpoint.host} has no address of its kind")
            raise local_address_error(self.local_address, mismatch)
        return usable

    def _connect(self, address: Address, timeout: float) -> socket.socket:
        family, kind, protocol, _, target = address
        sock = socket.socket(family, kind, protocol)
        try:
            if self._prepare is not None:
                self._prepare(sock)
            if self.local_address is not None and family != getattr(socket, "AF_UNIX", None):
                try:
                    sock.bind((self.local_address, 0))
                except OSError as error:
                    raise local_address_error(self.local_address, error) from error
            sock.settimeout(timeout)
            self._socket = sock
            try:
                sock.connect(target)
            finally:
                self._socket = None
            if family != getattr(socket, "AF_UNIX", None):
                if sock.getsockname() == sock.getpeername():
                    # Linux connects a socket to itself if nobody listens on the port and it gets this very port as
                    # its own.
                    raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        except BaseException:
            sock.close()
            raise
        return sock


def _resolve(host: str, port: int) -> list[Address]:
    try:
        return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, f"not a host name ({error})") from error


class ProxyDial:
    """Connects through a proxy; one object for each attempt.

    Args:
        proxy: with its credentials.
        direct: connects to the proxy, if it is one of HTTP; has the address to connect from.
    """

    def __init__(self, proxy: ProxyServer, direct: DirectDial) -> None:
        self._proxy = proxy
        self._direct = direct
        self.cancel = direct.cancel

    def __call__(self, endpoint: Endpoint, timeout: float) -> socket.socket:
        """Connect.

        Raises:
            Exception: the reason, from the operating system, the resolver, :class:`HttpConnect` or python-socks.
        """
        if self._proxy.scheme == "http":
            return self._connect_by_http(endpoint, timeout)
        from python_socks.sync import Proxy

        local = self._direct.local_address
        arguments = {} if local is None else {"local_addr": (local, 0)}
        sock = Proxy(**self._proxy.library_arguments()).connect(
            endpoint.host, endpoint.port, timeout=timeout, **arguments
        )
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return sock

    def _connect_by_http(self, endpoint: Endpoint, timeout: float) -> socket.socket:
        handshake = HttpConnect(self._proxy, endpoint)
        deadline = monotonic() + timeout
        sock = self._direct(self._proxy.endpoint, timeout)
        try:
            sock.settimeout(max(deadline - monotonic(), 0.001))
            sock.sendall(handshake.request)
            while not handshake.receive_data(sock.recv(1)):
                sock.settimeout(max(deadline - monotonic(), 0.001))
        except BaseException:
            sock.close()
            raise
        return sock
