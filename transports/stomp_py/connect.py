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
    """The base class of connections: listeners, TLS, connecting. A context manager that disconnects at its end."""

    transport: Transport

    def set_listener(self, name: str, listener: Any) -> None:
        """Register a listener.

        Args:
            name: any name. A listener of the same name is replaced. Listeners are called in the order of their names.
            listener: often a :class:`~stomp_py.listener.ConnectionListener`, but any object with some of its methods.

        Raises:
            AssertionError: ``listener`` is ``None``.
        """
        self.transport.set_listener(name, listener)

    def remove_listener(self, name: str) -> None:
        """Remove a listener.

        Args:
            name: the name with which it was registered.

        Raises:
            KeyError: there is none of this name.
        """
        self.transport.remove_listener(name)

    def get_listener(self, name: str) -> Any:
        """Return a listener; ``None`` if there is none of this name.

        Args:
            name: the name with which it was registered.
        """
        return self.transport.get_listener(name)

    def override_threading(self, create_thread_fc: Callable[[Callable[[], None]], Any]) -> None:
        """Run the receiver, which calls the listeners, in a thread of the program.

        Args:
            create_thread_fc: starts a thread that calls its argument, and returns at once.
        """
        self.transport.override_threading(create_thread_fc)

    def set_ssl(self, *args: Any, **kwargs: Any) -> None:
        """Use TLS with some hosts, or with all. Call it before :meth:`connect`.

        Args:
            args, kwargs: as for ``Transport.set_ssl()``: ``for_hosts``, pairs of host and port, by default all of them;
                ``key_file``, ``cert_file`` and ``password`` for a client certificate; ``ca_certs``, a file with the
                authorities to trust; ``cert_validator``; ``ssl_version``; and ``verify``, by default ``True``.

        Raises:
            TypeError: an argument is of a wrong type, such as one host or an ``SSLContext``.
            ValueError: the connection has none of these hosts, so that all of it would be plaintext.
        """
        self.transport.set_ssl(*args, **kwargs)

    def get_ssl(self, host_and_port: HostAndPort | None = None) -> SSLParams | None:
        """Return the arguments of :meth:`set_ssl` for a host; ``None`` if there are none.

        Args:
            host_and_port: the host and its port; by default those of the present or latest connection.
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
        """Connect to a host, and send CONNECT (STOMP 1.2, "Connecting").

        Args:
            args, kwargs: ``username`` and ``passcode``; then ``headers``, a dict of further headers; with 1.1 and 1.2
                ``with_connect_command``, to send CONNECT instead of STOMP. Other keyword arguments are headers, too.
            wait: wait until the broker has answered CONNECTED. Without it, the listeners are called when it has.

        Raises:
            ConnectFailedException: no host answered; with ``wait`` also if the broker refused, or did not answer in
                time.
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
        """Send DISCONNECT (STOMP 1.2, "DISCONNECT"), and wait up to 10 seconds until the broker has confirmed it.

        Without a connection, nothing happens.

        Args:
            receipt: the id of the receipt; by default a generated one. If it is given, this also waits, up to 30
                seconds, until the listeners were called for the end.
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
    """A connection with STOMP 1.0. It is made without connecting: call :meth:`connect`.

    It is a context manager, which disconnects at the end of the block.

    Args:
        host_and_ports: pairs of host and port, in order of preference. Default: port 61613 of this machine.
        prefer_localhost: try the hosts that are this machine first.
        try_loopback_connect: try 127.0.0.1 before other names of this machine.
        reconnect_sleep_initial: seconds to pause before the second round of attempts to connect.
        reconnect_sleep_increase: the share by which each further pause is longer.
        reconnect_sleep_jitter: the share by which a pause is longer still, at most; the length is random.
        reconnect_sleep_max: the longest pause in seconds, without jitter.
        reconnect_attempts_max: how many attempts one ``connect()`` makes; -1 is no limit.
        timeout: seconds for one attempt to connect, and again for the broker to answer CONNECTED. Default: 10 each.
        keepalive: TCP's own keep-alive, in seconds: ``("linux", idle, interval, count)`` or ``("mac", interval)``.
            Default: that of the operating system.
        auto_decode: give listeners bodies as ``str``, where they are UTF-8. ``False``: as ``bytes``.
        encoding: without effect: STOMP's text is UTF-8.
        auto_content_length: send a ``content-length`` header with a body. ActiveMQ makes a BytesMessage of a message
            that has it, and a TextMessage of one that has not.
        bind_host_port: the pair of address and port to connect from. Default: the operating system chooses.

    Raises:
        TypeError: ``timeout`` is not a number.
        ValueError: ``timeout`` is negative.
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
    """A connection with STOMP 1.1. It is made without connecting: call :meth:`connect`.

    It is a context manager, which disconnects at the end of the block.

    >>> from stomp_testing import Broker
    >>> with Broker() as broker:
    ...     connection = Connection11([("127.0.0.1", broker.port)])
    ...     connection.connect("guest", "guest", wait=True)
    ...     connection.is_connected()
    ...     connection.disconnect()
    True

    Args:
        host_and_ports: pairs of host and port, in order of preference. Default: port 61613 of this machine.
        prefer_localhost: try the hosts that are this machine first.
        try_loopback_connect: try 127.0.0.1 before other names of this machine.
        reconnect_sleep_initial: seconds to pause before the second round of attempts to connect.
        reconnect_sleep_increase: the share by which each further pause is longer.
        reconnect_sleep_jitter: the share by which a pause is longer still, at most; the length is random.
        reconnect_sleep_max: the longest pause in seconds, without jitter.
        reconnect_attempts_max: how many attempts one ``connect()`` makes; -1 is no limit.
        timeout: seconds for one attempt to connect, and again for the broker to answer CONNECTED. Default: 10 each.
        heartbeats: ``(send, receive)`` in **milliseconds**, what to ask the broker for; 0 is never (STOMP 1.2,
            "Heart-beating").
        keepalive: TCP's own keep-alive, in seconds: ``("linux", idle, interval, count)`` or ``("mac", interval)``.
            Default: that of the operating system.
        vhost: the virtual host, sent in CONNECT's ``host`` header. Default: ``"/"``.
        auto_decode: give listeners bodies as ``str``, where they are UTF-8. ``False``: as ``bytes``.
        encoding: without effect: STOMP's text is UTF-8.
        auto_content_length: send a ``content-length`` header with a body. ActiveMQ makes a BytesMessage of a message
            that has it, and a TextMessage of one that has not.
        heart_beat_receive_scale: treat the connection as lost if nothing is received for this many of the broker's
            intervals, and one more.
        bind_host_port: the pair of address and port to connect from. Default: the operating system chooses.

    Raises:
        TypeError: ``timeout`` is not a number, or ``heartbeats`` is not a pair.
        ValueError: ``timeout`` is negative.
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
    """A connection with STOMP 1.2. It is made without connecting: call :meth:`connect`.

    It is a context manager, which disconnects at the end of the block.

    >>> from stomp_testing import Broker
    >>> with Broker() as broker:
    ...     connection = Connection12([("127.0.0.1", broker.port)], vhost="/")
    ...     connection.connect("guest", "guest", wait=True)
    ...     connection.is_connected()
    ...     connection.disconnect()
    True

    Args:
        host_and_ports: pairs of host and port, in order of preference. Default: port 61613 of this machine.
        prefer_localhost: try the hosts that are this machine first.
        try_loopback_connect: try 127.0.0.1 before other names of this machine.
        reconnect_sleep_initial: seconds to pause before the second round of attempts to connect.
        reconnect_sleep_increase: the share by which each further pause is longer.
        reconnect_sleep_jitter: the share by which a pause is longer still, at most; the length is random.
        reconnect_sleep_max: the longest pause in seconds, without jitter.
        reconnect_attempts_max: how many attempts one ``connect()`` makes; -1 is no limit.
        timeout: seconds for one attempt to connect, and again for the broker to answer CONNECTED. Default: 10 each.
        heartbeats: ``(send, receive)`` in **milliseconds**, what to ask the broker for; 0 is never (STOMP 1.2,
            "Heart-beating").
        keepalive: TCP's own keep-alive, in seconds: ``("linux", idle, interval, count)`` or ``("mac", interval)``.
            Default: that of the operating system.
        vhost: the virtual host, sent in CONNECT's ``host`` header. Default: the host of the connection.
        auto_decode: give listeners bodies as ``str``, where they are UTF-8. ``False``: as ``bytes``.
        encoding: without effect: STOMP's text is UTF-8.
        auto_content_length: send a ``content-length`` header with a body. ActiveMQ makes a BytesMessage of a message
            that has it, and a TextMessage of one that has not.
        heart_beat_receive_scale: treat the connection as lost if nothing is received for this many of the broker's
            intervals, and one more.
        bind_host_port: the pair of address and port to connect from. Default: the operating system chooses.

    Raises:
        TypeError: ``timeout`` is not a number, or ``heartbeats`` is not a pair.
        ValueError: ``timeout`` is negative.
    """
