"""Transport: the listeners, the broker's hosts, and the connection to one of them.

The jobs are done elsewhere; here they are put together under the names of stomp.py's transport:

======================= =========================================================================
_hosts                  in which order hosts are tried
_tls                    which of them speak TLS, and how
_dial                   the connected socket
_connection_runner      one connection: threads, what is sent before CONNECTED, heart-beats, the end
_frames, _headers_cache conversion between stomp.py's frames and those of the core
_listener_calls         calls of the listeners
======================= =========================================================================

A transport outlives its connections: a program calls ``connect()`` again after a connection has ended. Each connection
has a :class:`ConnectionRunner` of its own, and the latest one is what the properties show.

Private attributes have two underscores, because programs make subclasses of these classes, with attributes of their
own; and some read ``_Transport__host_and_ports`` and ``_Transport__ssl_params``, which stomp.py has under these very
names.

No ``__all__``: programs get from here what :mod:`stomp_py.listener` and :mod:`stomp_py.utils` have, too.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Any

from stomp_core.protocol import Connected, Error, Message, Receipt
from stomp_core.session import TapEvent
from stomp_core.wire import ConnectionClosed, HeartBeat

from . import log
from ._connection_runner import ConnectionRunner
from ._dial import Dialled, Dialler, Retries
from ._frames import to_event, to_event_as_it_is, to_frame
from ._headers_cache import HeadersCache
from ._hosts import HostAndPort, sort_hosts
from ._listener_calls import ListenerCalls, methods_that_never_run
from ._tls import CertValidator, SSLParams, TLSSettings
from ._web_socket import WebSocketOptions
from .constants import CMD_CONNECT, CMD_DISCONNECT, CMD_STOMP, HDR_RECEIPT
from .exception import ConnectFailedException, NotConnectedException
from .listener import *  # noqa: F403 -- programs get them from here too
from .listener import Publisher
from .utils import *  # noqa: F403
from .utils import HEARTBEAT_FRAME, Frame, clean_headers, default_create_thread, is_eol_default, parse_frame

Socket = socket.socket
DEFAULT_SSL_VERSION = getattr(ssl, "PROTOCOL_TLS_CLIENT", None)
LINUX_KEEPALIVE_AVAIL = all(hasattr(socket, name) for name in ("SOL_TCP", "SO_KEEPALIVE", "TCP_KEEPIDLE"))
MAC_KEEPALIVE_AVAIL = hasattr(socket, "IPPROTO_TCP")

#: Seconds to dial, and again until CONNECTED, for connections without a timeout. stomp.py 9.0 waits for ever then.
_DEFAULT_TIMEOUT = 10.0
_STOP_TIMEOUT = 30.0  # seconds that stop() waits for listeners


class BaseTransport(Publisher):
    """Keeps the listeners and calls them. It has no network.

    Args:
        auto_decode: give listeners bodies as ``str``, if they are UTF-8.
        encoding, is_eol_fc: without effect: STOMP's text is UTF-8, and the core parses frames.
    """

    def __init__(
        self,
        auto_decode: bool = True,
        encoding: str = "utf-8",
        is_eol_fc: Callable[[bytes], bool] = is_eol_default,
    ) -> None:
        self.listeners: dict[str, Any] = {}
        self.current_host_and_port: HostAndPort | None = None
        self.create_thread_fc: Callable[[Callable[[], None]], Any] = default_create_thread
        self.receiver_thread: Any = None
        self._connected = False
        self._auto_decode = auto_decode
        self._calls = ListenerCalls(self.listeners)
        self.__receipts: dict[str, Any] = {}

    def override_threading(self, create_thread_fc: Callable[[Callable[[], None]], Any]) -> None:
        """Run the receiver, which calls the listeners, in a thread of the program.

        Args:
            create_thread_fc: starts a thread that calls its argument, and returns at once.
        """
        self.create_thread_fc = create_thread_fc

    @property
    def connected(self) -> bool:
        """What was assigned last; at first ``False``."""
        return self._connected

    @connected.setter
    def connected(self, connected: bool) -> None:
        self._connected = connected

    def is_connected(self) -> bool:
        """Return :attr:`connected`."""
        return self.connected

    def set_connected(self, connected: bool) -> None:
        """Let :meth:`is_connected` return this, until CONNECTED is received or the connection ends.

        Nothing is sent or closed. With a true value, threads that wait for CONNECTED go on.

        Args:
            connected: what to return.
        """
        self.connected = connected

    def set_receipt(self, receipt_id: str, value: Any) -> None:
        """Keep a value until a RECEIPT is received.

        Args:
            receipt_id: the id of the receipt.
            value: the value; a false one removes what was kept.
        """
        if value:
            self.__receipts[receipt_id] = value
        else:
            self.__receipts.pop(receipt_id, None)

    def set_listener(self, name: str, listener: Any) -> None:
        assert listener is not None, "'listener' is required; use remove_listener() to remove one"
        self.listeners[name] = listener
        for method in methods_that_never_run(listener):
            # As in stomp.py it is called all the same. This is why nothing happens then.
            log.error(
                "%s of listener %r is an async function or has a yield, so its body never runs: make it a plain def",
                method,
                name,
            )

    def remove_listener(self, name: str) -> None:
        del self.listeners[name]

    def get_listener(self, name: str) -> Any:
        return self.listeners.get(name)

    def attempt_connection(self) -> None:
        """Do nothing. :class:`Transport` connects."""

    def cancel_connecting(self) -> None:
        """Do nothing. :class:`Transport` connects."""

    def disconnect_socket(self) -> None:
        """Do nothing. :class:`Transport` disconnects."""

    def send(self, encoded_frame: bytes) -> None:
        """Do nothing. :class:`Transport` sends.

        Args:
            encoded_frame: without effect.
        """

    def receive(self) -> bytes | None:
        """Return ``None``: what is received goes to the listeners."""
        return None

    def cleanup(self) -> None:
        """Do nothing: a socket is closed when its connection has ended."""

    def process_frame(self, f: Frame, frame_str: bytes | None) -> None:
        """Call the listeners with a received frame.

        Args:
            f: the frame, or ``HEARTBEAT_FRAME``.
            frame_str: without effect. In stomp.py, the bytes of the frame.
        """
        kind = (f.cmd or "").lower()
        if kind not in ("connected", "message", "receipt", "error", "heartbeat"):
            log.warning("unknown response frame type: '%s'", kind)
            return
        if log.isEnabledFor(log.DEBUG):
            log.debug("received frame: %r, headers=%r, body=%r", f.cmd, clean_headers(f.headers), f.body)
        if kind == "message":
            self.notify("before_message", f)
        elif kind == "receipt":
            self.set_receipt(f.headers["receipt-id"], None)
        self.notify(kind, f)

    def notify(self, frame_type: str, frame: Frame | None = None) -> None:
        """Call a method of all listeners, in the order of their names. An exception that one raises is logged.

        Args:
            frame_type: the name of the method without ``on_``.
            frame: its argument, if it has one.
        """
        self._calls.notify(f"on_{frame_type}", frame, self.current_host_and_port)


class Transport(BaseTransport):
    """The connection to a broker, and to those that replace it when the program connects again.

    Args:
        host_and_ports: pairs of host and port, in order of preference; by default port 61613 of this machine.
        prefer_localhost: try the hosts that are this machine first.
        try_loopback_connect: try 127.0.0.1 before other names of this machine.
        reconnect_sleep_initial: seconds to pause before the second round of attempts to connect.
        reconnect_sleep_increase: the share by which each further pause is longer.
        reconnect_sleep_jitter: the share by which a pause, at random, is longer still, at most.
        reconnect_sleep_max: seconds that a pause does not exceed, without jitter.
        reconnect_attempts_max: the number of attempts; -1 is no limit.
        timeout: seconds for one attempt, and again for the broker to answer CONNECTED; by default 10 each.
        keepalive: TCP's own keep-alive, in seconds: ``("linux", idle, interval, count)`` or ``("mac", interval)``. By
            default that of the operating system is on.
        vhost: the ``host`` header of CONNECT.
        auto_decode, encoding, is_eol_fc: as for :class:`BaseTransport`.
        recv_bytes: without effect.
        bind_host_port: the pair of address and port to connect from.
        web_socket: for :class:`~stomp_py.adapter.ws.WSTransport`.

    Raises:
        TypeError: ``timeout`` is not a number.
        ValueError: ``timeout`` is negative, or NaN.
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
        vhost: str | None = None,
        auto_decode: bool = True,
        encoding: str = "utf-8",
        recv_bytes: int = 16384,
        is_eol_fc: Callable[[bytes], bool] = is_eol_default,
        bind_host_port: HostAndPort | None = None,
        *,
        web_socket: WebSocketOptions | None = None,
    ) -> None:
        self.__runner: ConnectionRunner | None = None  # of the present connection, or of the latest one
        super().__init__(auto_decode, encoding, is_eol_fc)
        _check_timeout(timeout)
        hosts = sort_hosts(host_and_ports, prefer_localhost, try_loopback_connect)
        self.__host_and_ports = hosts.sorted
        self.__tls = TLSSettings(hosts, None if web_socket is None else web_socket.path)
        self.__ssl_params = self.__tls.params
        self.__timeout = _DEFAULT_TIMEOUT if timeout is None else timeout
        retries = Retries(
            reconnect_sleep_initial,
            reconnect_sleep_increase,
            reconnect_sleep_jitter,
            reconnect_sleep_max,
            reconnect_attempts_max,
        )
        self.__dialler = Dialler(self.__tls, retries, self.__timeout, keepalive, bind_host_port, web_socket)
        self.__shown_as_connected: bool | None = None  # by set_connected()
        self.vhost = vhost
        self.heart_beat_receive_scale: float = 1.5
        self.__headers_cache = HeadersCache()
        self.__lock = threading.Lock()  # one thread connects at a time
        self.__dialled: Dialled | None = None  # a socket that CONNECT was not sent on yet
        self.__warned_of_bytes = False  # on this connection

    # ------------------------------------------------------------------ what can be seen

    @property
    def socket(self) -> Socket | None:
        """The socket; ``None`` while there is none."""
        return None if self.__runner is None else self.__runner.socket

    @property
    def running(self) -> bool:
        """Whether there is a connection, or one that waits for CONNECTED."""
        return self.__runner is not None and not self.__runner.closed

    @property
    def connected(self) -> bool:
        """Whether CONNECTED was received, and the connection has not ended; or what was assigned meanwhile."""
        if self.__runner is None or self.__runner.closed:
            return False
        return self.__runner.connected if self.__shown_as_connected is None else self.__shown_as_connected

    @connected.setter
    def connected(self, connected: bool) -> None:
        self.__shown_as_connected = connected
        if connected and self.__runner is not None:
            self.__runner.end_waits()

    @property
    def connection_error(self) -> bool:
        """Whether the latest connection has failed."""
        return self.__runner is not None and self.__runner.error is not None

    @property
    def io_thread(self) -> Any:
        """The receiver thread, under its name in stomp.py 9."""
        return self.receiver_thread

    # ------------------------------------------------------------------ TLS

    def set_ssl(
        self,
        for_hosts: Iterable[HostAndPort] = (),
        key_file: str | None = None,
        cert_file: str | None = None,
        ca_certs: str | None = None,
        cert_validator: CertValidator | None = None,
        ssl_version: int | None = DEFAULT_SSL_VERSION,
        password: str | None = None,
        verify: bool = True,
    ) -> None:
        """Use TLS with some hosts.

        Args:
            for_hosts: pairs of host and port, as they were given to the connection; by default all of them.
            key_file, cert_file, password: a client certificate, its key, and the password of the key.
            ca_certs: a file with the authorities to trust; by default those of the operating system.
            cert_validator: called with the server's certificate and the host; returns whether to accept it, and why
                not.
            ssl_version: allow one version only, as in ``ssl.PROTOCOL_TLSv1_2``.
            verify: whether the server must have a certificate that is trusted, and for its name.

        Raises:
            TypeError: an argument is something else, such as one host or an ``SSLContext``.
            ValueError: the connection has none of these hosts, so that all of it would be plaintext.
        """
        params = SSLParams(
            key_file=key_file,
            cert_file=cert_file,
            ca_certs=ca_certs,
            cert_validator=cert_validator,
            ssl_version=ssl_version,
            password=password,
            verify=verify,
        )
        self.__tls.set(for_hosts, params)

    def get_ssl(self, host_and_port: HostAndPort | None = None) -> SSLParams | None:
        """Return the arguments of :meth:`set_ssl` for a host; ``None`` if there are none.

        Args:
            host_and_port: the host; by default that of the present or latest connection.
        """
        host_and_port = host_and_port or self.current_host_and_port
        return None if host_and_port is None else self.__tls.get(host_and_port)

    # ------------------------------------------------------------------ connecting and ending

    def start(self) -> None:
        """Dial, and call ``on_connecting``. Then CONNECT has to be sent.

        Raises:
            ConnectFailedException: as for :meth:`attempt_connection`.
        """
        self.attempt_connection()
        self.notify("connecting")

    def attempt_connection(self) -> None:
        """Dial.

        Raises:
            ConnectFailedException: no host answered, or a file of :meth:`set_ssl` cannot be read.
        """
        with self.__lock:
            if self.__dialled is not None:
                self.__dialled.socket.close()
                self.__dialled = None
            self.__dialled = self.__dialler.dial()
            endpoint = self.__dialled.endpoint
            self.current_host_and_port: HostAndPort | None = (endpoint.host, endpoint.port)
        log.info("established connection to host %s, port %s", endpoint.host, endpoint.port)

    def stop(self) -> None:
        """Wait, up to 30 seconds, until a connection that was closed has ended and the listeners were called.

        Dialling is cancelled. An established connection stays: :meth:`disconnect_socket` ends it.
        """
        self.__dialler.cancel()
        if self.__runner is not None and (self.__runner.closing or self.__runner.closed):
            self.__runner.wait_ended(_STOP_TIMEOUT)

    def cancel_connecting(self) -> None:
        """End an attempt to connect, whether it dials or waits for CONNECTED. An established connection stays."""
        self.__dialler.cancel()
        if self.__runner is not None and not self.__runner.closed and not self.__runner.connected:
            self.__runner.close_socket()

    def disconnect_socket(self) -> None:
        """Close the socket, without DISCONNECT, and wait until the connection has ended."""
        self.__dialler.cancel()
        if self.__runner is not None and not self.__runner.closed:
            self.__runner.close_socket()

    def wait_for_connection(self, timeout: float | None = None) -> None:
        """Wait until the broker has answered CONNECTED.

        Args:
            timeout: seconds to wait; by default the ``timeout`` of the constructor.

        Raises:
            ConnectFailedException: it refused or did not answer in time, or there is no connection.
        """
        if self.__runner is None:
            raise ConnectFailedException("there is no connection")
        if self.__shown_as_connected and self.is_connected():
            return
        self.__runner.wait_connected(timeout)

    # ------------------------------------------------------------------ frames

    def transmit(self, frame: Frame) -> None:
        """Send a frame, after the listeners were called with it.

        Args:
            frame: the frame.

        Raises:
            NotConnectedException: there is no connection.
            ProtocolException: the frame cannot be sent without being taken for something else. Nothing was sent.
        """
        runner = self.__runner
        connecting = frame.cmd in (CMD_CONNECT, CMD_STOMP)
        first = self.__dialled is not None and bool(frame.cmd)
        if (runner is None or runner.closed) and not first:
            raise NotConnectedException("there is no connection")
        self._calls.before_sending(frame, connecting)
        if log.isEnabledFor(log.DEBUG):
            log.debug(
                "sending frame: %r, headers=%r, body=%r", frame.cmd, clean_headers(frame.headers), frame.body
            )
        if first:
            self.__send_first(frame)
            return
        assert runner is not None
        if not frame.cmd and not frame.headers and not frame.body:
            runner.send_heart_beat()
        elif frame.cmd == CMD_DISCONNECT and frame.headers.get(HDR_RECEIPT) is not None and not frame.body:
            runner.close(to_event(frame, self.__headers_cache).headers)
        else:
            runner.send(to_event(frame, self.__headers_cache))

    def send(self, encoded_frame: bytes) -> None:
        """Send a frame that is bytes already, or a line end. Listeners are not called.

        Args:
            encoded_frame: the bytes.

        Raises:
            NotConnectedException: there is no connection.
            ProtocolException: the frame cannot be sent without being taken for something else. Nothing was sent.
        """
        frame = parse_frame(encoded_frame.removesuffix(b"\0"))
        if self.__runner is None:
            raise NotConnectedException("there is no connection")
        if frame is not None:
            self.__runner.send(to_event_as_it_is(frame))
        else:
            self.__runner.send_heart_beat()

    def set_read_timeout(self, seconds: float) -> None:
        """Treat the present connection as lost if nothing is received for a time.

        Args:
            seconds: how many seconds; 0 is never.
        """
        if self.__runner is not None:
            self.__runner.set_read_timeout(seconds)

    def __send_first(self, frame: Frame) -> None:
        """Send CONNECT; or another frame, where ``start()`` was called without ``connect()``."""
        with self.__lock:
            dialled, self.__dialled = self.__dialled, None
            if dialled is None:
                raise NotConnectedException("there is no connection")
            try:
                runner = ConnectionRunner(
                    dialled.socket,
                    dialled.endpoint,
                    to_event(frame, self.__headers_cache),
                    web_socket=dialled.web_socket,
                    handshake_timeout=self.__timeout,
                    heart_beat_receive_scale=self.heart_beat_receive_scale,
                    on_event=self.__receive_event,
                    on_end=self.__notify_end,
                )
            except BaseException:
                dialled.socket.close()
                raise
            self.__runner = runner
            self.__shown_as_connected = None
            self.__warned_of_bytes = False
            self.receiver_thread: Any = runner.start(self.create_thread_fc)

    # ------------------------------------------------------------------ in the receiver thread

    def __receive_event(self, event: TapEvent) -> None:
        if isinstance(event, Message | Receipt | Connected | Error):
            frame, undecodable = to_frame(event, self._auto_decode)
            if undecodable and not self.__warned_of_bytes:
                self.__warned_of_bytes = True
                log.warning(
                    "the body of a %s frame is not UTF-8: listeners get such bodies as bytes (as always with "
                    "auto_decode=False). This warning comes once for each connection.",
                    frame.cmd,
                )
            if isinstance(event, Connected):
                self.__shown_as_connected = None
            self.process_frame(frame, None)
        elif isinstance(event, HeartBeat):
            self.process_frame(HEARTBEAT_FRAME, None)
        elif isinstance(event, ConnectionClosed):
            # RabbitMQ answers DISCONNECT over WebSocket with the end of the connection, and no RECEIPT.
            if event.clean or not self.connection_error:
                log.info("%s", event.reason)
            else:
                log.warning("the connection was lost: %s", event.reason)
            if event.code == "heart-beat":
                self.notify("heartbeat_timeout")

    def __notify_end(self) -> None:
        # In this order, as stomp.py documents it; 9.0 does it the other way round.
        self.notify("disconnected")
        self.notify("receiver_loop_completed")


def _check_timeout(timeout: object) -> None:
    if timeout is None:
        return
    if not isinstance(timeout, int | float) or isinstance(timeout, bool):
        raise TypeError(f"timeout must be a number of seconds, got {timeout!r}")
    if not timeout >= 0:
        raise ValueError(f"timeout must be at least 0 seconds, got {timeout!r}")
