"""Our own diallers: TCP, Unix sockets, and proxies. They have the shape of those that a program passes as ``dial=``."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from stomp_core.adapter import HttpConnect, ProxyServer
from stomp_core.session import Endpoint

__all__ = ["dial_function"]

Address = tuple[int, int, int, str, Any]
#: Seconds for python-socks, whose own timeout must not be the first: the driver cancels the attempt.
_NO_TIMEOUT = 1e6
_STAGGER = 0.25  # seconds after which the next address is tried as well (RFC 8305, section 5)


def dial_function(
    proxy: ProxyServer | None, local_address: str | None
) -> Callable[[Endpoint, Callable[[], asyncio.Protocol]], Awaitable[socket.socket]]:
    """Return the function that connects to endpoints.

    Args:
        proxy: what to connect through.
        local_address: the address of this machine to connect from.
    """

    async def dial(endpoint: Endpoint, protocol: Callable[[], asyncio.Protocol]) -> socket.socket:
        if endpoint.transport == "unix":
            if not hasattr(socket, "AF_UNIX"):
                raise OSError(errno.EAFNOSUPPORT, "this platform has no Unix sockets")
            return await _connect((socket.AF_UNIX, socket.SOCK_STREAM, 0, "", endpoint.path), None)
        if proxy is None:
            return await _connect_tcp(endpoint.host, endpoint.port, local_address)
        if proxy.scheme == "http":
            return await _connect_through_http(proxy, endpoint, local_address)
        return await _connect_through_socks(proxy, endpoint, local_address)

    return dial


async def _connect_through_http(
    proxy: ProxyServer, endpoint: Endpoint, local_address: str | None
) -> socket.socket:
    handshake = HttpConnect(proxy, endpoint)
    sock = await _connect_tcp(proxy.host, proxy.port, local_address)
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(sock, handshake.request)
        while not handshake.receive_data(await loop.sock_recv(sock, 1)):
            pass
    except BaseException:
        sock.close()
        raise
    return sock


async def _connect_through_socks(
    proxy: ProxyServer, endpoint: Endpoint, local_address: str | None
) -> socket.socket:
    # Not at the top: only those who have a proxy have the library.
    from python_socks.async_.asyncio import Proxy

    sock = await Proxy(**proxy.library_arguments()).connect(
        endpoint.host,
        endpoint.port,
        timeout=_NO_TIMEOUT,
        local_addr=None if local_address is None else (local_address, 0),
    )
    _set_options(sock)
    return sock


async def _connect_tcp(host: str, port: int, local_address: str | None) -> socket.socket:
    loop = asyncio.get_running_loop()
    try:
        addresses: Sequence[Address] = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, f"not a host name ({error})") from error
    if local_address is not None:
        addresses = _of_family(addresses, local_address)
    if len(addresses) == 1:
        return await _connect(addresses[0], local_address)
    return await _race(addresses, local_address)


def _of_family(addresses: Sequence[Address], local_address: str) -> list[Address]:
    """Return the addresses that can be connected to from a local one."""
    family, name = (socket.AF_INET6, "IPv6") if ":" in local_address else (socket.AF_INET, "IPv4")
    possible = [entry for entry in addresses if entry[0] == family]
    if not possible:
        raise OSError(
            errno.EADDRNOTAVAIL,
            f"local_address {local_address!r} is {name}, and the host has no {name} address",
        )
    return possible


async def _race(addresses: Sequence[Address], local_address: str | None) -> socket.socket:
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
                running.add(loop.create_task(_connect(waiting.pop(0), local_address)))
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


async def _connect(entry: Address, local_address: str | None) -> socket.socket:
    family, kind, protocol, _, address = entry
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        if local_address is not None:
            _bind(sock, local_address)
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
            _set_options(sock)
    except BaseException:
        sock.close()
        raise
    return sock


def _bind(sock: socket.socket, local_address: str) -> None:
    try:
        # Linux: take the port only when it is known what it connects to, so that ports can be shared.
        with suppress(OSError, AttributeError):
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((local_address, 0))
    except OSError as error:
        raise OSError(
            error.errno, f"local_address {local_address!r} cannot be connected from: {error.strerror}"
        ) from error


def _set_options(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
