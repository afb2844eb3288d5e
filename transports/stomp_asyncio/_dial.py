"""Dialling: connect a transport to an endpoint. Cancelled at any await, it leaves no socket behind."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from stomp_core.adapter import TransportOptions
from stomp_core.session import Endpoint

__all__ = ["DialFunction", "dial"]

#: What ``connect(dial=...)`` takes.
DialFunction = Callable[
    [Endpoint, Callable[[], asyncio.Protocol]], Awaitable[asyncio.BaseTransport | socket.socket]
]
Address = tuple[int, int, int, str, Any]
_STAGGER = 0.25  # seconds after which the next address is tried as well (RFC 8305, section 5)


async def dial(
    endpoint: Endpoint, options: TransportOptions, protocol: Callable[[], asyncio.Protocol]
) -> socket.socket:
    """Connect, with TLS if the endpoint is ``secure``. The caller cancels it when it takes too long.

    Args:
        endpoint: where to.
        options: how to connect.
        protocol: makes the protocol of the transport.

    Returns:
        The socket, which belongs to the transport.

    Raises:
        OSError: the reason, as the operating system, the resolver or OpenSSL words it.
    """
    loop = asyncio.get_running_loop()
    if endpoint.transport == "unix":
        if not hasattr(socket, "AF_UNIX"):
            raise OSError(errno.EAFNOSUPPORT, "this platform has no Unix sockets")
        sock = await _connect((socket.AF_UNIX, socket.SOCK_STREAM, 0, "", endpoint.path))
        await loop.create_unix_connection(protocol, sock=sock)
        return sock
    try:
        addresses = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, f"not a host name ({error})") from error
    sock = await _connect(addresses[0]) if len(addresses) == 1 else await _race(addresses)
    if endpoint.secure:
        await loop.create_connection(
            protocol, sock=sock, ssl=options.tls_context(), server_hostname=options.server_name(endpoint)
        )
    else:
        await loop.create_connection(protocol, sock=sock)
    return sock


async def _race(addresses: Sequence[Address]) -> socket.socket:
    """Connect to the first address that answers (RFC 8305, "Happy Eyeballs").

    The loop's own are of no use: uvloop has none, and asyncio's hide which error it was.
    """
    loop = asyncio.get_running_loop()
    waiting = _alternating(addresses)
    running: set[asyncio.Task[socket.socket]] = set()
    failures: list[BaseException] = []
    try:
        while waiting or running:
            if waiting:
                running.add(loop.create_task(_connect(waiting.pop(0))))
            ended, _ = await asyncio.wait(
                running, timeout=_STAGGER if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for attempt in ended:
                running.remove(attempt)
                error = attempt.exception()
                if error is None:
                    return attempt.result()
                failures.append(error)
        raise failures[0]
    finally:
        # Those that still try, or have connected in the same moment. Each closes its own socket.
        for attempt in running:
            attempt.add_done_callback(_discard)
            attempt.cancel()


def _alternating(addresses: Sequence[Address]) -> list[Address]:
    """Return the addresses in the resolver's order, but let the first one of another family be second (RFC 8305)."""
    other = next((entry for entry in addresses if entry[0] != addresses[0][0]), None)
    if other is None:
        return list(addresses)
    return [addresses[0], other, *(entry for entry in addresses[1:] if entry is not other)]


def _discard(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


async def _connect(entry: Address) -> socket.socket:
    family, kind, protocol, _, address = entry
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, address)
        except OSError as error:
            if error.errno is None:
                raise
            # asyncio's text is "Connect call failed" where the system has a reason.
            raise OSError(error.errno, os.strerror(error.errno)) from None
        if family != getattr(socket, "AF_UNIX", None):
            if sock.getsockname() == sock.getpeername():
                # Linux connects a socket to itself when its own port is the one that nobody listens on.
                raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    except BaseException:
        sock.close()
        raise
    return sock
