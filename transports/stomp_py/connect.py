"""Connections: the methods of a protocol, each connection with a transport of its own.

No ``__all__``: programs get from here what :mod:`stomp_py.protocol` and :mod:`stomp_py.transport` have, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Self

from . import log
from ._hosts import HostAndPort
from ._tls import SSLParams
from .protocol import *  # noqa: F403 -- programs get them from here too
from .protocol import Headers, Protocol10, Protocol11, Protocol12
from .transport import *  # noqa: F403
from .transport import Transport
from .utils import get_uuid


class BaseConnection:
    """What connections of all versions have in common. A context manager, which disconnects at its end."""

    transport: Transport

    def set_listener(self, name: str, listener: Any) -> None:
        """Register a listener.

        Args:
            name: a listener of the same name is replaced. Listeners are called in the order of their names.
            listener: often a :class:`~stomp_py.listener.ConnectionListener`, but any object with some of its methods.
        """
        self.transport.set_listener(name, listener)

    def remove_listener(self, name: str) -> None:
        """Remove a listener.

        Raises:
            KeyError: there is none of this name.
        """
        self.transport.remove_listener(name)

    def get_listener(self, name: str) -> Any:
        """Return a listener by its name; ``None`` if there is none."""
        return self.transport.get_listener(name)

    def override_threading(self, create_thread_fc: Callable[[Callable[[], None]], Any]) -> None:
        """Run the receiver, which calls the listeners, in a thread of the program.

        Args:
            create_thread_fc: starts a thread that calls its argument, and returns at once.
        """
        self.transport.override_threading(create_thread_fc)

    def set_ssl(self, *args: Any, **kwargs: Any) -> None:
        """Use TLS; see :meth:`stomp_py.transport.Transport.set_ssl` for the arguments."""
        self.transport.set_ssl(*args, **kwargs)

    def get_ssl(self, host_and_port: HostAndPort | None = None) -> SSLParams | None:
        """Return the arguments of :meth:`set_ssl` for a host; ``None`` if there are none.

        Args:
            host_and_port: the host; by default that of the present or latest connection.
        """
        return self.transport.get_ssl(host_and_port)

    def is_connected(self) -> bool:
        """Return whether CONNECTED was received, and the connection has not ended."""
        return self.transport.is_connected()

    def start(self) -> None:
        """Do nothing. Programs for stomp.py before version 5 call it before :meth:`connect`, which is enough here."""

    def stop(self) -> None:
        """Disconnect. Programs for stomp.py before version 5 call it at the end."""
        self.disconnect()

    def connect(self, *args: Any, wait: bool = False, **kwargs: Any) -> None:
        """Dial, and send CONNECT.

        Args:
            args, kwargs: as for ``connect()`` of the protocol, see :class:`~stomp_py.protocol.Protocol11`.
            wait: wait until the broker has answered.

        Raises:
            ConnectFailedException: no host answered; with ``wait`` also if the broker refuses CONNECT or does not
                answer it in time.
        """
        if (
            len(args) > 2
        ):  # wait is the third positional argument of the protocol, which must not wait by itself
            wait, args = args[2], (*args[:2], False, *args[3:])
        if self.transport.running:
            log.warning("connect() was called on a connection that is connected already")
        else:
            self.transport.start()
        super().connect(*args, **kwargs)  # type: ignore[misc]
        if wait:
            self.transport.wait_for_connection()

    def disconnect(
        self, receipt: str | None = None, headers: Headers | None = None, **keyword_headers: Any
    ) -> None:
        """Send DISCONNECT, and wait until the broker has confirmed it, for 10 seconds at most.

        Args:
            receipt: the id of the receipt; by default a generated one. With an id it also waits until the listeners
                were called for the end, for 30 seconds at most.
            headers, keyword_headers: further headers of the frame.
        """
        super().disconnect(receipt, headers, **keyword_headers)  # type: ignore[misc]
        if receipt is not None:
            self.transport.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.disconnect(get_uuid())


class StompConnection10(BaseConnection, Protocol10):
    """A connection with STOMP 1.0.

    See :class:`~stomp_py.transport.Transport` and :class:`~stomp_py.protocol.Protocol10` for the arguments.
    """

    def __init__(
        self,
        host_and_ports: Iterable[HostAndPort] | None = None,
        prefer_localhost: bool = True,
        try_loopback_connect: bool = True,
        reconnect_sleep_initial: float = 0.1,
        reconnect_sleep_increase: float = 0.5,
        reconnect_sleep_jitter: float = 0.1,
        reconnect_sleep_max: float = 60.0,
        reconnect_attempts_max: int = 3,
        timeout: float | None = None,
        keepalive: Any = None,
        auto_decode: bool = True,
        encoding: str = "utf-8",
        auto_content_length: bool = True,
        bind_host_port: HostAndPort | None = None,
    ) -> None:
        transport = Transport(
            host_and_ports,
            prefer_localhost,
            try_loopback_connect,
            reconnect_sleep_initial,
            reconnect_sleep_increase,
            reconnect_sleep_jitter,
            reconnect_sleep_max,
            reconnect_attempts_max,
            timeout,
            keepalive,
            None,
            auto_decode,
            encoding,
            bind_host_port=bind_host_port,
        )
        Protocol10.__init__(self, transport, auto_content_length)


class StompConnection11(BaseConnection, Protocol11):
    """A connection with STOMP 1.1.

    See :class:`~stomp_py.transport.Transport` and :class:`~stomp_py.protocol.Protocol11` for the arguments.
    """

    def __init__(
        self,
        host_and_ports: Iterable[HostAndPort] | None = None,
        prefer_localhost: bool = True,
        try_loopback_connect: bool = True,
        reconnect_sleep_initial: float = 0.1,
        reconnect_sleep_increase: float = 0.5,
        reconnect_sleep_jitter: float = 0.1,
        reconnect_sleep_max: float = 60.0,
        reconnect_attempts_max: int = 3,
        timeout: float | None = None,
        heartbeats: tuple[int, int] = (0, 0),
        keepalive: Any = None,
        vhost: str | None = None,
        auto_decode: bool = True,
        encoding: str = "utf-8",
        auto_content_length: bool = True,
        heart_beat_receive_scale: float = 1.5,
        bind_host_port: HostAndPort | None = None,
    ) -> None:
        transport = Transport(
            host_and_ports,
            prefer_localhost,
            try_loopback_connect,
            reconnect_sleep_initial,
            reconnect_sleep_increase,
            reconnect_sleep_jitter,
            reconnect_sleep_max,
            reconnect_attempts_max,
            timeout,
            keepalive,
            vhost,
            auto_decode,
            encoding,
            bind_host_port=bind_host_port,
        )
        Protocol11.__init__(self, transport, heartbeats, auto_content_length, heart_beat_receive_scale)


class StompConnection12(StompConnection11, Protocol12):
    """A connection with STOMP 1.2; arguments as for 1.1."""
