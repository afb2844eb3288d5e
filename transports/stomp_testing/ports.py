"""Listening sockets, and connections that end the hard way."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
from pathlib import Path

__all__ = ["listening_socket", "reset", "unix_listening_socket"]

_BACKLOG = 1024


def listening_socket(host: str, port: int | None) -> socket.socket:
    """A listening TCP socket.

    Args:
        host: an address of this machine.
        port: ``None`` picks a free one below those that the system hands out by itself: a client that dials a
            port of that range over and over while nobody listens there may get the same number for its own end,
            and then is connected to itself.

    Raises:
        OSError: the port is taken, or not allowed, or the address is none of this machine.
    """
    if port is not None:
        return _bound(host, port)
    # Not the generator of the tests, which may be seeded: two runs side by side would pick the same ports.
    candidates = random.SystemRandom().sample(range(10_000, _first_handed_out()), k=200)
    for candidate in candidates[:-1]:
        try:
            return _bound(host, candidate)
        except OSError:
            continue
    return _bound(host, 0)


def _first_handed_out() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first = 0
    return first if first > 11_000 else 32_768


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            # After a restart the old connections linger in TIME_WAIT; they must not keep the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from None
    listener.setblocking(False)
    return listener


def unix_listening_socket(path: str) -> socket.socket:
    """A listening Unix socket; what a process that has died left at the path is replaced.

    Raises:
        OSError: somebody listens there, or the path cannot be used.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if os.path.exists(path):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                try:
                    probe.connect(path)
                except ConnectionRefusedError:
                    os.unlink(path)
        listener.bind(path)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {path}: {error.strerror}") from None
    listener.setblocking(False)
    return listener


def reset(transport: asyncio.BaseTransport) -> None:
    """End a connection with a RST: what is under way is lost, and the peer gets ECONNRESET."""
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family != getattr(socket, "AF_UNIX", None):
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            # It has ended by itself.
            pass
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
