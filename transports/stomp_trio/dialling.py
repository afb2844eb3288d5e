"""Dialling: from an endpoint to a connected, non-blocking socket. Cancelled at any await, it leaves none behind.

Sockets are the standard library's: trio waits for them, and whoever has something to say writes without waiting.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl

import trio

from stomp_core.session import Endpoint

__all__ = ["dial"]


async def dial(endpoint: Endpoint, context: ssl.SSLContext | None) -> socket.socket:
    """Connect, and agree on TLS where the endpoint wants it. The caller's scope is its deadline.

    Args:
        endpoint: where to.
        context: for TLS.

    Raises:
        OSError: the reason, as the operating system, the resolver or OpenSSL put it.
    """
    if endpoint.transport == "unix":
        return _own(await trio.open_unix_socket(endpoint.path))
    try:
        sock = _own(await trio.open_tcp_stream(endpoint.host, endpoint.port))
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, f"not a host name ({error})") from error
    except OSError as error:
        # trio says that all addresses failed, and why only in what it was raised from.
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
            assert context is not None
            return await _agree_on_tls(sock, context, endpoint)
    except BaseException:
        sock.close()
        raise
    return sock


def _own(stream: trio.SocketStream) -> socket.socket:
    sock = socket.socket(fileno=stream.socket.detach())
    sock.setblocking(False)
    return sock


async def _agree_on_tls(sock: socket.socket, context: ssl.SSLContext, endpoint: Endpoint) -> socket.socket:
    tls = context.wrap_socket(sock, server_hostname=endpoint.host, do_handshake_on_connect=False)
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
