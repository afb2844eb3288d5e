"""Our own diallers: TCP, Unix sockets, and proxies. They have the shape of those that a program passes as ``dial=``."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Awaitable, Callable

import trio

from stomp_core.adapter import HttpConnect, ProxyServer
from stomp_core.session import Endpoint

__all__ = ["dial_function"]

#: Seconds for python-socks, whose own timeout must not be the first: the driver cancels the attempt.
_NO_TIMEOUT = 1e6


def dial_function(
    proxy: ProxyServer | None, local_address: str | None
) -> Callable[[Endpoint], Awaitable[trio.SocketStream | trio.socket.SocketType]]:
    """Return the function that connects to endpoints.

    Args:
        proxy: what to connect through.
        local_address: the address of this machine to connect from.
    """

    async def dial(endpoint: Endpoint) -> trio.SocketStream | trio.socket.SocketType:
        if endpoint.transport == "unix":
            return await trio.open_unix_socket(endpoint.path)
        if proxy is None:
            return await _connect_tcp(endpoint.host, endpoint.port, local_address)
        if proxy.scheme == "http":
            return await _connect_through_http(proxy, endpoint, local_address)
        return await _connect_through_socks(proxy, endpoint, local_address)

    return dial


async def _connect_through_http(
    proxy: ProxyServer, endpoint: Endpoint, local_address: str | None
) -> trio.SocketStream:
    handshake = HttpConnect(proxy, endpoint)
    stream = await _connect_tcp(proxy.host, proxy.port, local_address)
    try:
        await stream.send_all(handshake.request)
        while not handshake.receive_data(await stream.receive_some(1)):
            pass
    except BaseException:
        stream.socket.close()
        raise
    return stream


async def _connect_through_socks(
    proxy: ProxyServer, endpoint: Endpoint, local_address: str | None
) -> trio.socket.SocketType:
    # Not at the top: only those who have a proxy have the library.
    from python_socks.async_.trio import Proxy

    sock = await Proxy(**proxy.library_arguments()).connect(
        endpoint.host,
        endpoint.port,
        timeout=_NO_TIMEOUT,
        local_addr=None if local_address is None else (local_address, 0),
    )
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return sock


async def _connect_tcp(host: str, port: int, local_address: str | None) -> trio.SocketStream:
    try:
        stream = await trio.open_tcp_stream(host, port, local_address=local_address)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, f"not a host name ({error})") from error
    except OSError as error:
        # trio's text is "all attempts to connect failed"; the reasons are in what it was raised from.
        raise _first_reason(error) from None
    try:
        if stream.socket.getsockname() == stream.socket.getpeername():
            # Linux connects a socket to itself when its own port is the one that nobody listens on.
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    except BaseException:
        stream.socket.close()
        raise
    return stream  # which has set TCP_NODELAY


def _first_reason(error: OSError) -> OSError:
    causes: list[BaseException | None] = [error.__cause__]
    while isinstance(causes[0], BaseExceptionGroup):
        causes = list(causes[0].exceptions)
    # An address of another family than local_address is the reason only if there is no other.
    reasons = [cause for cause in causes if isinstance(cause, OSError)]
    return next((cause for cause in reasons if cause.errno is not None), (reasons or [error])[0])
