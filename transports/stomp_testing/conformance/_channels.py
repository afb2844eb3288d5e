"""Connections to the implementation under test: a Channel for each, over sockets."""

from __future__ import annotations

import socket
import time
from typing import Protocol, Self

__all__ = ["Channel", "ListeningPort", "SocketServer"]

_CHUNK = 64 * 1024


class Channel(Protocol):
    """One connection to the implementation under test."""

    def write(self, data: bytes) -> None:
        """Send bytes to it. Bytes that it no longer takes are dropped.

        Args:
            data: the bytes.
        """
        ...

    def read(self, seconds: float) -> bytes:
        """Return bytes that it has sent; ``b""`` once it has closed the connection.

        Args:
            seconds: how many seconds to wait for the first byte.

        Raises:
            TimeoutError: it has sent nothing in time.
        """
        ...

    def wait(self, seconds: float) -> None:
        """Send nothing for a while, and keep what is received.

        Args:
            seconds: how many seconds.
        """
        ...

    def close(self) -> None:
        """Close the connection. It may be called twice."""
        ...


class _SocketLine:
    """A connection over a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._early = b""

    def write(self, data: bytes) -> None:
        try:
            self._socket.settimeout(None)
            self._socket.sendall(data)
        except OSError:
            # It has closed the connection, as it has to after an error: reading finds out.
            pass

    def read(self, seconds: float) -> bytes:
        early, self._early = self._early, b""
        if early:
            return early
        try:
            self._socket.settimeout(seconds)
            return self._socket.recv(_CHUNK)
        except TimeoutError:
            raise
        except OSError:
            return b""  # a reset ends a connection, too

    def wait(self, seconds: float) -> None:
        received, end = b"", time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                data = self.read(left)
            except TimeoutError:
                break
            received += data
            if not data:
                time.sleep(max(0.0, end - time.monotonic()))
        self._early = received

    def close(self) -> None:
        self._socket.close()


class SocketServer:
    """A broker that listens on a TCP port.

    Args:
        host: the name or address of the broker.
        port: the TCP port of the broker.
        timeout: seconds that it may take to accept a connection.
    """

    def __init__(self, host: str, port: int, timeout: float = 5.0) -> None:
        self._address = host, port
        self._timeout = timeout

    def open(self) -> Channel:
        """Connect to it.

        Returns:
            The connection.

        Raises:
            OSError: it does not accept connections.
        """
        return _SocketLine(socket.create_connection(self._address, self._timeout))


class ListeningPort:
    """A TCP port that the client under test connects to.

    Args:
        host: the address to listen on.
        port: the port; 0 takes a free one.
        timeout: seconds that the client may take to connect.

    Raises:
        OSError: the address is taken or not allowed.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, timeout: float = 30.0) -> None:
        self._listener = socket.create_server((host, port))
        self._timeout = timeout

    @property
    def port(self) -> int:
        """The port that it listens on."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The URL for the client, with credentials: ``"stomp://guest:guest@127.0.0.1:61613"``."""
        return f"stomp://guest:guest@{self._listener.getsockname()[0]}:{self.port}"

    def open(self) -> Channel:
        """Wait until the client connects.

        Returns:
            The connection.

        Raises:
            TimeoutError: it does not connect in time.
        """
        self._listener.settimeout(self._timeout)
        connection, _ = self._listener.accept()
        return _SocketLine(connection)

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
