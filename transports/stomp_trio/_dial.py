"""Dialling: connect a non-blocking socket to an endpoint. Cancelled at any await, it leaves no socket behind.

The sockets are those of the standard library: trio only waits for them, so that a task that sends something can
write it without an await.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Awaitable, Callable

import trio

from stomp_core.adapter import TransportOptions
from stomp_core.session import Endpoint

__all__ = ["DialFunction", "dial"]

#: What ``connect(dial=...)`` takes.
DialFunction = Callable[[Endpoint], Awaitable[trio.abc.Stream | trio.socket.SocketType | socket.socket]]


async def dial(endpoint: Endpoint, options: TransportOptions) -> socket.socket:
    """Connect, with TLS if the endpoint is ``secure``. The caller cancels it when it takes too long.

    Args:
        endpoint: where to.
        options: how to connect.

    Raises:
        OSError: the reason, as the operating system, the resolver or OpenSSL words it.
    """
    if endpoint.transport == "unix":
        return _detached(await trio.open_unix_socket(endpoint.path))
    try:
        sock = _detached(await trio.open_tcp_stream(endpoint.host, endpoint.port))
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, f"not a host name ({error})") from error
    except OSError as error:
        # trio's text is "all attempts to connect failed"; the reasons are in what it was raised from.
        cause: BaseException | None = error.__cause__
        while isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        if isinstance(cause, OSError):
            raise cause from None
        raise
    try:
        if sock.getsockname() == sock.getpeername():
            # Linux connects a socket to itself when its own port is the one that nobody listens on.
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if endpoint.secure:
            return await _with_tls(sock, options.tls_context(), options.server_name(endpoint))
    except BaseException:
        sock.close()
        raise
    return sock


def _detached(stream: trio.SocketStream) -> socket.socket:
    """Take the socket out of trio's hands."""
    sock = socket.socket(fileno=stream.socket.detach())
    sock.setblocking(False)
    return sock


async def _with_tls(sock: socket.socket, context: ssl.SSLContext, host: str) -> socket.socket:
    tls = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    try:
        while True:
            try:
                tls.do_handshake()
                return tls
            except ssl.SSLWantReadError:
                await trio.lowlevel.wait_readable(tls)
            except ssl.SSLWantWriteError:
                await trio.lowlevel.wait_writable(tls)
    except BaseException:
        tls.close()
        raise
