"""Dialling: connect a byte stream to an endpoint. Cancelled at any await, it leaves nothing open.

There is one way for all: a :data:`DialFunction`, that of the program or one of :mod:`._direct`, gives the raw byte
stream, and TLS is added here. Sockets are unwrapped to those of the standard library: trio only waits for them, so that
a task that sends something can write it without an await. Other streams remain what they are.
"""

from __future__ import annotations

import inspect
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import trio

from stomp_core.adapter import TransportOptions, no_stream
from stomp_core.session import Endpoint

from ._direct import dial_function

__all__ = ["DialFunction", "close", "dial"]

#: What ``connect(dial=...)`` takes.
DialFunction = Callable[
    [Endpoint],
    Awaitable[trio.abc.Stream | trio.socket.SocketType | socket.socket]
    | trio.abc.Stream
    | trio.socket.SocketType
    | socket.socket,
]

_EXPECTED = "a trio.abc.Stream (send_all, receive_some, aclose), or a connected socket"


async def dial(
    endpoint: Endpoint, options: TransportOptions, timeout: float, stream_made: Callable[[], object]
) -> socket.socket | trio.abc.Stream:
    """Connect, with TLS if the endpoint is ``secure``. The caller cancels it when it takes too long.

    Args:
        endpoint: where to.
        options: how to connect.
        timeout: seconds after which the caller cancels it, for error texts.
        stream_made: called when there is a byte stream: if it takes too long from there on, TLS does.

    Returns:
        A non-blocking socket, if there is one; otherwise a stream.

    Raises:
        OSError: the reason.
    """
    given: Any = None
    failure: Exception | None = None
    try:
        function = options.dial or dial_function(options.proxy_server(endpoint), options.local_address)
        returned: Any = function(endpoint)
        given = await returned if inspect.isawaitable(returned) else returned
    except Exception as error:
        failure = error
    if failure is not None:
        raise options.explain(endpoint, failure, timeout)
    stream_made()
    try:
        stream = _unwrapped(given)
    except BaseException:
        await close(given)
        raise
    if not endpoint.secure:
        return stream
    try:
        if isinstance(stream, socket.socket):
            return await _wrap_socket(stream, options.tls_context(), options.server_name(endpoint))
        tls = trio.SSLStream(
            stream,
            options.tls_context(),
            server_hostname=options.server_name(endpoint),
            https_compatible=True,
        )
        await tls.do_handshake()
        return tls
    except BaseException as error:
        await close(stream)
        if isinstance(error, trio.BrokenResourceError) and isinstance(error.__cause__, OSError):
            raise error.__cause__ from None  # what TLS has to say is in there
        raise


async def close(given: Any) -> None:
    """Close what a dialler returned at once, as far as it can be closed."""
    if isinstance(given, socket.socket | trio.socket.SocketType):
        given.close()
    elif callable(getattr(given, "aclose", None)):
        # As trio.aclose_forcefully() does it, and also where this task itself is cancelled.
        with trio.CancelScope(shield=True) as scope, suppress(Exception):
            scope.cancel()
            await given.aclose()


def _unwrapped(given: Any) -> socket.socket | trio.abc.Stream:
    """Check what a dialler returned, and take sockets out of trio's hands.

    Raises:
        DialFailed: it is not a byte stream.
    """
    if isinstance(given, trio.SocketStream):
        given = given.socket
    if isinstance(given, socket.socket | trio.socket.SocketType):
        if given.fileno() < 0:
            raise no_stream(given, _EXPECTED, "which is closed")
        if given.type != socket.SOCK_STREAM:
            raise no_stream(given, _EXPECTED, "which is no stream")
        try:
            given.getpeername()
        except OSError as error:
            raise no_stream(given, _EXPECTED, "which is not connected, or no more") from error
        sock = given if isinstance(given, socket.socket) else socket.socket(fileno=given.detach())
        sock.setblocking(False)
        return sock
    if inspect.iscoroutine(given):
        given.close()
        raise no_stream(given, _EXPECTED, "which dial() must await")
    if not all(callable(getattr(given, name, None)) for name in ("send_all", "receive_some", "aclose")):
        raise no_stream(given, _EXPECTED)
    stream: trio.abc.Stream = given
    return stream


async def _wrap_socket(sock: socket.socket, context: ssl.SSLContext, host: str) -> socket.socket:
    if isinstance(sock, ssl.SSLSocket):
        fault = "with TLS, which is ours (stomp+ssl://): if there is another TLS below it, return a trio.SSLStream"
        raise no_stream(sock, _EXPECTED, fault)
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
