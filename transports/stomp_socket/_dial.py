"""Dialling: from an endpoint to a connected, non-blocking socket, within a deadline, and cancelled when asked to."""

from __future__ import annotations

import errno
import os
import queue
import socket
import ssl
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol

from stomp_core.session import Endpoint

__all__ = ["Dial", "DialCancelled", "DialFunction", "Stream", "dial"]


class Stream(Protocol):
    """What a dialler returns: a connected byte stream that never blocks. A non-blocking socket is one."""

    def fileno(self) -> int:
        """Return the descriptor to wait for, for reading and for writing."""

    def recv(self, size: int, /) -> bytes:
        """Return what was received, at most so many bytes; ``b""`` at the end.

        Raises:
            BlockingIOError: there is nothing yet.
            OSError: the stream is broken.
        """

    def send(self, data: bytes | memoryview, /) -> int:
        """Write some of ``data``, and return how many bytes.

        Raises:
            BlockingIOError: there is no room now.
            OSError: the stream is broken.
        """

    def close(self) -> object:
        """Close it at once."""


#: What ``connect(dial=...)`` takes.
DialFunction = Callable[[Endpoint, float], Stream]

Address = tuple[int, int, int, str, Any]
Wait = Callable[[socket.socket | None, bool, bool, float], bool]
Dial = Callable[[Endpoint, float, "ssl.SSLContext | None", Wait], socket.socket]


class DialCancelled(Exception):
    """The session was closed while it was dialled."""


def dial(
    endpoint: Endpoint,
    timeout: float,
    context: ssl.SSLContext | None,
    wait: Wait,
    prepare: Callable[[socket.socket], object] | None = None,
) -> socket.socket:
    """Connect, with TLS if the endpoint is ``secure``.

    Args:
        endpoint: what to connect to.
        timeout: seconds for all of it.
        context: for TLS; by default one that verifies the server.
        wait: ``wait(socket, read, write, deadline)`` returns true when the socket is ready, false at the deadline, and
            raises :class:`DialCancelled`.
        prepare: called with each socket before it is connected, to bind it or to set options.

    Raises:
        OSError: the reason, from the operating system, the resolver or OpenSSL.
        DialCancelled: raised by ``wait``.
    """
    deadline = monotonic() + timeout
    if endpoint.transport == "unix":
        if not hasattr(socket, "AF_UNIX"):
            raise OSError(errno.EAFNOSUPPORT, "this platform has no Unix sockets")
        addresses: list[Address] = [(socket.AF_UNIX, socket.SOCK_STREAM, 0, "", endpoint.path)]
    else:
        addresses = _resolve(endpoint, deadline, wait)
    failures: list[OSError] = []
    for position, (family, kind, protocol, _, address) in enumerate(addresses):
        # An address that does not answer must leave time for the next ones.
        share = (deadline - monotonic()) / (len(addresses) - position)
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:
            failures.append(error)
            continue
        try:
            if prepare is not None:
                prepare(sock)
            _connect(sock, address, monotonic() + share, wait)
            if endpoint.secure:
                return _start_tls(sock, context, endpoint, deadline, wait)
            return sock
        except ssl.SSLError:
            sock.close()
            raise
        except OSError as error:
            sock.close()
            failures.append(error)
        except BaseException:
            sock.close()
            raise
    raise failures[0]


def _resolve(endpoint: Endpoint, deadline: float, wait: Wait) -> list[Address]:
    """Resolve the host name, in a thread of its own, because a resolver has no deadline."""
    found: queue.SimpleQueue[list[Address] | OSError] = queue.SimpleQueue()
    reader, writer = socket.socketpair()

    def look_up() -> None:
        try:
            found.put(list(socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)))
        except OSError as error:
            found.put(error)
        except UnicodeError as error:
            found.put(socket.gaierror(socket.EAI_NONAME, f"not a host name ({error})"))
        with writer:
            try:
                writer.send(b"\0")
            except OSError:
                pass  # the deadline has passed, and nobody waits

    threading.Thread(target=look_up, name=f"resolve {endpoint.host}", daemon=True).start()
    with reader:
        reader.setblocking(False)
        if not wait(reader, True, False, deadline):
            raise TimeoutError(errno.ETIMEDOUT, "the host name was not resolved in time")
    result = found.get()
    if isinstance(result, OSError):
        raise result
    return result


def _connect(sock: socket.socket, address: Any, deadline: float, wait: Wait) -> None:
    sock.setblocking(False)
    code = sock.connect_ex(address)
    if code in (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN, getattr(errno, "WSAEWOULDBLOCK", -1)):
        if not wait(sock, False, True, deadline):
            raise TimeoutError(errno.ETIMEDOUT, "connecting took too long")
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))
    if sock.family != getattr(socket, "AF_UNIX", None):
        if sock.getsockname() == sock.getpeername():
            # Linux connects a socket to itself if nobody listens on the port and it gets this very port as its own.
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def _start_tls(
    sock: socket.socket, context: ssl.SSLContext | None, endpoint: Endpoint, deadline: float, wait: Wait
) -> socket.socket:
    if context is None:
        context = ssl.create_default_context()
    tls = context.wrap_socket(sock, server_hostname=endpoint.host, do_handshake_on_connect=False)
    try:
        while True:
            try:
                tls.do_handshake()
                return tls
            except ssl.SSLWantReadError:
                ready = wait(tls, True, False, deadline)
            except ssl.SSLWantWriteError:
                ready = wait(tls, False, True, deadline)
            if not ready:
                raise TimeoutError(errno.ETIMEDOUT, "the TLS handshake took too long")
    except BaseException:
        tls.close()
        raise
