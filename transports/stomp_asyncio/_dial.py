"""Dialling: connect a protocol to an endpoint. Cancelled at any await, it leaves nothing open.

There is one way for all: a :data:`DialFunction`, that of the program or one of :mod:`._direct`, gives the raw byte
stream, and TLS is added here.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from stomp_core.adapter import TransportOptions, no_stream
from stomp_core.session import Endpoint

from ._direct import dial_function
from ._tls import TlsTransport
from ._transports import EXPECTED, check_transport, close_transport

__all__ = ["Connectable", "DialFunction", "dial"]

#: What ``connect(dial=...)`` takes.
DialFunction = Callable[
    [Endpoint, Callable[[], asyncio.Protocol]],
    Awaitable[asyncio.BaseTransport | socket.socket] | asyncio.BaseTransport | socket.socket,
]


class Connectable(Protocol):
    """A protocol that keeps what it is told, until its transport is accepted."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """The transport that has called ``connection_made()``."""

    def stream_made(self) -> None:
        """Note that there is a byte stream: if it takes too long from here on, TLS does."""

    def accept(self, transport: asyncio.Transport | None) -> None:
        """Pass on what was kept, and from now on everything.

        Args:
            transport: the one that counts; ``None`` if it is still to be made.
        """


async def dial(
    endpoint: Endpoint, options: TransportOptions, timeout: float, connection: Connectable
) -> socket.socket | None:
    """Connect, with TLS if the endpoint is ``secure``. The caller cancels it when it takes too long.

    Args:
        endpoint: where to.
        options: how to connect.
        timeout: seconds after which the caller cancels it, for error texts.
        connection: the protocol to connect; an ``asyncio.Protocol``.

    Returns:
        The socket, which belongs to the transport, if there is one below it.

    Raises:
        OSError: the reason.
    """
    protocol = _MakeProtocol(endpoint, options, cast(asyncio.Protocol, connection))
    given: Any = None
    failure: Exception | None = None
    try:
        function = options.dial or dial_function(options.proxy_server(endpoint), options.local_address)
        answer = function(endpoint, protocol)
        given = await answer if inspect.isawaitable(answer) else answer
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            protocol.close()
            raise
        failure = RuntimeError("it awaited something that was cancelled")
    except Exception as error:
        failure = error
    if failure is not None:
        protocol.close()
        raise options.explain(endpoint, failure, timeout)
    connection.stream_made()
    try:
        if isinstance(given, socket.socket):
            _check_socket(given)
            connection.accept(None)
            await _connect_socket(given, endpoint, options, cast(asyncio.Protocol, connection))
            return given
        check_transport(given, has_protocol=protocol.made is not None)
        protocol.check_is_connected_to(given)
        if isinstance(protocol.made, TlsTransport):
            await protocol.made.handshake(given)
            given = protocol.made
        connection.accept(given)
    except BaseException:
        _close(given)
        raise
    return None


async def _connect_socket(
    sock: socket.socket, endpoint: Endpoint, options: TransportOptions, protocol: asyncio.Protocol
) -> None:
    context, name = None, None
    if endpoint.secure:
        context, name = options.tls_context(), options.server_name(endpoint)
    await asyncio.get_running_loop().create_connection(
        lambda: protocol, sock=sock, ssl=context, server_hostname=name
    )


def _check_socket(sock: socket.socket) -> None:
    if isinstance(sock, ssl.SSLSocket):
        fault = (
            "with TLS, which is ours (stomp+ssl://): if there is another TLS below it, return a transport of "
            "loop.create_connection(protocol, ..., ssl=...)"
        )
        raise no_stream(sock, EXPECTED, fault)
    if sock.type != socket.SOCK_STREAM:
        raise no_stream(sock, EXPECTED, "which is no stream")
    if sock.fileno() < 0:
        raise no_stream(sock, EXPECTED, "which is closed")
    try:
        sock.getpeername()
    except OSError as error:
        # uvloop would never close it.
        raise no_stream(sock, EXPECTED, "which is not connected, or no more") from error
    sock.setblocking(False)


def _close(given: object) -> None:
    if isinstance(given, socket.socket):
        given.close()
    elif isinstance(given, tuple):  # of create_connection()
        for part in given:
            close_transport(part)
    else:
        close_transport(given)


class _MakeProtocol:
    """Makes the protocol of a dialler's transport; the same one at each call.

    Attributes:
        made: the protocol; ``None`` if none was asked for.
    """

    def __init__(self, endpoint: Endpoint, options: TransportOptions, protocol: asyncio.Protocol) -> None:
        self._endpoint = endpoint
        self._options = options
        self._protocol = protocol
        self.made: asyncio.Protocol | None = None

    def __call__(self) -> asyncio.Protocol:
        if self.made is None:
            self.made = self._protocol
            if self._endpoint.secure:
                context, name = self._options.tls_context(), self._options.server_name(self._endpoint)
                self.made = TlsTransport(context, name, self._protocol)
        return self.made

    def close(self) -> None:
        """Close the transport, if a dialler made one and failed then. Without TLS the caller does that."""
        if isinstance(self.made, TlsTransport):
            self.made.abort()

    def check_is_connected_to(self, transport: object) -> None:
        """Check that no other transport has called ``connection_made()``.

        Raises:
            DialFailed: one has.
        """
        connected_to = getattr(self.made, "transport", None)
        if connected_to is not None and connected_to is not transport:
            close_transport(connected_to)
            raise no_stream(
                transport, EXPECTED, f"and not the transport that called connection_made(): {connected_to!r}"
            )
