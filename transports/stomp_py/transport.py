"""Transport: the listeners, the broker's hosts, and the connection to one of them.

No ``__all__``: programs get from here what :mod:`stomp_py.listener` and :mod:`stomp_py.utils` have, too.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from math import ceil
from typing import Any

from stomp_core.protocol import Connect, Connected, Error, Message, Receipt
from stomp_core.session import Endpoint, Pending, Reconnect, TapEvent
from stomp_core.wire import ConnectionClosed, HeartBeat

from . import _listener_calls, log
from ._connection_runner import ConnectionRunner
from ._dial import dial_any
from ._frames import to_event, to_frame
from ._tls import CertValidator, SSLParams, make_context
from .constants import CMD_CONNECT, CMD_DISCONNECT, CMD_STOMP, HDR_RECEIPT
from .exception import ConnectFailedException, NotConnectedException
from .listener import *  # noqa: F403 -- programs get them from here too
from .listener import HeartbeatListener, Publisher
from .utils import *  # noqa: F403
from .utils import (
    HEARTBEAT_FRAME,
    Frame,
    clean_headers,
    default_create_thread,
    is_eol_default,
    is_localhost,
    parse_frame,
)

HostAndPort = tuple[str, int]
Socket = socket.socket
DEFAULT_SSL_VERSION = getattr(ssl, "PROTOCOL_TLS_CLIENT", None)
LINUX_KEEPALIVE_AVAIL = all(hasattr(socket, name) for name in ("SOL_TCP", "SO_KEEPALIVE", "TCP_KEEPIDLE"))
MAC_KEEPALIVE_AVAIL = hasattr(socket, "IPPROTO_TCP")

_TIMEOUT = 10.0  # seconds to dial, and again to be answered CONNECTED, where none are given
_STOP_TIMEOUT = 30.0  # seconds that stop() waits for listeners
_ON_CONNECT = HeartbeatListener.on_send  # which does nothing with other frames
_WITHOUT_FRAME = frozenset({"disconnecting", "disconnected", "heartbeat", "heartbeat_timeout"})


class BaseTransport(Publisher):
    """Keeps listeners and notifies them.

    Args:
        auto_decode: give listeners bodies as ``str``, where they are UTF-8.
        encoding, is_eol_fc: without effect, as in stomp.py: STOMP's text is UTF-8, and ends of lines are the parser's.
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
        self._auto_decode = auto_decode
        self._receipts: dict[str, Any] = {}

    def override_threading(self, create_thread_fc: Callable[[Callable[[], None]], Any]) -> None:
        """Run the receiver with this: a function that starts what it is given and returns at once."""
        self.create_thread_fc = create_thread_fc

    def set_receipt(self, receipt_id: str, value: Any) -> None:
        """Note something about a receipt that is to come, until it does."""
        if value:
            self._receipts[receipt_id] = value
        else:
            self._receipts.pop(receipt_id, None)

    def set_listener(self, name: str, listener: Any) -> None:
        assert listener is not None, "a listener is needed; remove_listener() removes one"
        self.listeners[name] = listener

    def remove_listener(self, name: str) -> None:
        del self.listeners[name]

    def get_listener(self, name: str) -> Any:
        return self.listeners.get(name)

    def attempt_connection(self) -> None:
        """Connect, in a transport that has a network."""

    def disconnect_socket(self) -> None:
        """Disconnect, in a transport that has a network."""

    def send(self, encoded_frame: bytes) -> None:
        """Send bytes, in a transport that has a network."""

    def receive(self) -> bytes | None:
        """Do nothing: what is received goes to the listeners."""
        return None

    def cleanup(self) -> None:
        """Do nothing: a socket is closed when its connection has ended."""

    def process_frame(self, f: Frame, frame_str: bytes | None) -> None:
        """Notify the listeners of a received frame."""
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
        """Call a hook of all listeners, in the order of their names. What one raises goes to the log."""
        for name, hook in self._hooks(f"on_{frame_type}"):
            try:
                if frame_type in _WITHOUT_FRAME:
                    hook()
                elif frame_type == "connecting":
                    hook(self.current_host_and_port)
                else:
                    result = _listener_calls.call(hook, frame)
                    if (
                        frame_type == "before_message"
                        and frame
                        and isinstance(result, tuple)
                        and len(result) == 2
                    ):
                        frame.headers, frame.body = result
            except Exception:
                log.error("on_%s of listener %r failed", frame_type, name, exc_info=True)

    def _hooks(self, method: str) -> list[tuple[str, Callable[..., Any]]]:
        found = []
        for name in sorted(self.listeners):
            hook = getattr(self.listeners.get(name), method, None)
            if hook is not None:
                found.append((name, hook))
        return found


class Transport(BaseTransport):
    """The connection to a broker, and to those that replace it when the program connects again.

    Args:
        host_and_ports: pairs of host and port, in order of preference; by default port 61613 of this machine.
        prefer_localhost: try those of this machine first.
        try_loopback_connect: try 127.0.0.1 before other names of this machine.
        reconnect_sleep_initial: seconds to pause before the second round of attempts to connect.
        reconnect_sleep_increase: by which share each further pause is longer.
        reconnect_sleep_jitter: by which share at most, at random, a pause is longer still.
        reconnect_sleep_max: seconds that a pause, jitter aside, does not exceed.
        reconnect_attempts_max: how many attempts; -1 is no limit.
        timeout: seconds for one attempt, and again for the broker to answer CONNECTED; by default 10 each.
        keepalive: ``("linux", idle, interval, count)`` or ``("mac", interval)`` in seconds: TCP's own keep-alive.
            Without it that of the operating system is on.
        vhost: the ``host`` header of CONNECT.
        auto_decode, encoding, is_eol_fc: see :class:`BaseTransport`.
        recv_bytes: without effect.
        bind_host_port: the pair of address and port to connect from.
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
    ) -> None:
        super().__init__(auto_decode, encoding, is_eol_fc)
        wanted = (
            [("localhost", 61613)]
            if host_and_ports is None
            else [(host, port) for host, port in host_and_ports]
        )
        if prefer_localhost:
            wanted.sort(key=is_localhost)
        #: 127.0.0.1 in place of another name of this machine
        self.__loopbacks: dict[HostAndPort, HostAndPort] = {}
        if try_loopback_connect:
            for host, port in wanted:
                if is_localhost((host, port)) == 1 and not {("127.0.0.1", port), ("localhost", port)} & set(
                    wanted
                ):
                    self.__loopbacks.setdefault(("127.0.0.1", port), (host, port))
        self.__host_and_ports: list[HostAndPort] = [*self.__loopbacks, *wanted]
        self.__reconnect_sleep_initial = reconnect_sleep_initial
        self.__reconnect_sleep_increase = reconnect_sleep_increase
        self.__reconnect_sleep_jitter = reconnect_sleep_jitter
        self.__reconnect_sleep_max = reconnect_sleep_max
        self.__reconnect_attempts_max = reconnect_attempts_max
        self.__timeout = timeout
        self.__keepalive = keepalive
        self.__bind_host_port = bind_host_port
        self.__ssl_params: dict[HostAndPort, SSLParams] = {}
        self.vhost = vhost
        self.heart_beat_receive_scale: float = 1.5
        self.__lock = threading.Lock()  # one thread connects at a time
        self.__cancelled = threading.Event()
        self.__dialled: tuple[Endpoint, Socket] | None = None
        self.__runner: ConnectionRunner | None = None
        self.__closing: Pending[bool] | None = None

    # ------------------------------------------------------------------ what can be seen

    @property
    def socket(self) -> Socket | None:
        """The socket; ``None`` while there is none."""
        return None if self.__runner is None else self.__runner.socket

    @property
    def running(self) -> bool:
        """Whether there is a connection, or one being made."""
        return self.__runner is not None and not self.__runner.closed

    @property
    def connected(self) -> bool:
        """Whether the broker has answered CONNECTED, and the connection stands."""
        return self.__runner is not None and self.__runner.connected

    @property
    def connection_error(self) -> bool:
        """Whether the latest connection has failed."""
        return self.__runner is not None and self.__runner.error is not None

    @property
    def io_thread(self) -> Any:
        """What the receiver thread is called in stomp.py 9."""
        return self.receiver_thread

    def is_connected(self) -> bool:
        """The same as :attr:`connected`."""
        return self.connected

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
        """Speak TLS with these hosts.

        Args:
            for_hosts: pairs of host and port, as the connection was given them; by default all of them.
            key_file, cert_file, password: a client certificate, its key, and the password of that.
            ca_certs: a file with the authorities to trust; otherwise those of the operating system.
            cert_validator: called with the server's certificate and the host; returns whether it will do, and why not.
            ssl_version: ``ssl.PROTOCOL_TLSv1_2``, say, allows this version only.
            verify: whether the server must have a certificate that is trusted, and for its name.

        Raises:
            ValueError: the connection knows none of these hosts, so that all of it would be plaintext.
        """
        hosts = [(host, port) for host, port in for_hosts] or self.__host_and_ports
        if not set(hosts) & set(self.__host_and_ports):
            raise ValueError(
                f"set_ssl: none of {hosts} is a host of this connection, which are {self.__host_and_ports}; "
                "without a match it would speak plaintext"
            )
        for host_and_port in hosts:
            self.__ssl_params[host_and_port] = SSLParams(
                key_file=key_file,
                cert_file=cert_file,
                ca_certs=ca_certs,
                cert_validator=cert_validator,
                ssl_version=ssl_version,
                password=password,
                verify=verify,
            )

    def get_ssl(self, host_and_port: HostAndPort | None = None) -> SSLParams | None:
        """What :meth:`set_ssl` was told for a host, by default the one that we are, or were, connected to."""
        where = host_and_port or self.current_host_and_port
        return None if where is None else self.__ssl_params.get(where)

    # ------------------------------------------------------------------ connecting and ending

    def start(self) -> None:
        """Dial, and notify the listeners. CONNECT is to be sent next.

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
            self.__cancelled.clear()
            if self.__dialled is not None:
                self.__dialled[1].close()
                self.__dialled = None
            endpoint, sock = dial_any(
                self.__contexts(),
                self.__policy(),
                _TIMEOUT if self.__timeout is None else self.__timeout,
                self.__prepare,
                self.__check,
                self.__cancelled,
            )
            self.__dialled = endpoint, sock
            self.current_host_and_port: HostAndPort | None = (endpoint.host, endpoint.port)
        log.info("established connection to host %s, port %s", endpoint.host, endpoint.port)

    def stop(self) -> None:
        """Wait, up to 30 seconds, until the connection has ended and the listeners were notified.

        Dialling is cancelled. :meth:`disconnect_socket` ends an established connection.
        """
        self.__cancelled.set()
        if self.__runner is None:
            return
        if self.__closing is not None:
            self.__runner.wait_closed(self.__closing, _STOP_TIMEOUT)
        elif self.__runner.closed:
            self.__runner.wait_ended(_STOP_TIMEOUT)

    def disconnect_socket(self) -> None:
        """End the connection, with DISCONNECT, and wait until it has ended."""
        self.__cancelled.set()
        if self.__runner is not None and not self.__runner.closed:
            self.__close(self.__runner, None, {})

    def wait_for_connection(self, timeout: float | None = None) -> None:
        """Wait until the broker has answered CONNECTED.

        Args:
            timeout: seconds; by default what the constructor was given.

        Raises:
            ConnectFailedException: it has not, and will not.
        """
        if self.__runner is None:
            raise ConnectFailedException("there is no connection")
        self.__runner.wait_connected(timeout)

    # ------------------------------------------------------------------ frames

    def transmit(self, frame: Frame) -> None:
        """Send a frame, once the listeners have seen it.

        Raises:
            NotConnectedException: there is no connection.
            ProtocolException: STOMP does not allow it here. Nothing was sent.
        """
        runner = self.__runner
        connecting = frame.cmd in (CMD_CONNECT, CMD_STOMP)
        if (self.__dialled is None) if connecting else (runner is None or runner.closed):
            raise NotConnectedException("there is no connection")
        for _, hook in self._hooks("on_send"):
            if connecting or getattr(hook, "__func__", None) is not _ON_CONNECT:
                _listener_calls.call(hook, frame)
        if log.isEnabledFor(log.DEBUG):
            log.debug(
                "sending frame: %r, headers=%r, body=%r", frame.cmd, clean_headers(frame.headers), frame.body
            )
        if runner is None or connecting:
            self.__send_connect(frame)
        elif frame.cmd == CMD_DISCONNECT:
            headers = to_event(frame).headers
            self.__close(runner, headers.get(HDR_RECEIPT), dict(headers.without(HDR_RECEIPT)))
        else:
            runner.send(to_event(frame))

    def send(self, encoded_frame: bytes) -> None:
        """Send a frame that is bytes already, or an end of line. Listeners do not see it.

        Raises:
            NotConnectedException: there is no connection.
            ProtocolException: STOMP does not allow it here. Nothing was sent.
        """
        frame = parse_frame(encoded_frame.removesuffix(b"\0"))
        if self.__runner is None:
            raise NotConnectedException("there is no connection")
        if frame is not None:
            self.__runner.send(to_event(frame))
        else:
            self.__runner.send_heart_beat()

    def set_read_timeout(self, seconds: float) -> None:
        """Treat the present connection as dead after so many seconds without a byte; 0 is never."""
        if self.__runner is not None:
            self.__runner.set_read_timeout(seconds)

    def __send_connect(self, frame: Frame) -> None:
        with self.__lock:
            dialled, self.__dialled = self.__dialled, None
            if dialled is None:
                raise NotConnectedException("there is no connection")
            endpoint, sock = dialled
            try:
                connect = to_event(frame)
                assert isinstance(connect, Connect)
                runner = ConnectionRunner(
                    sock,
                    endpoint,
                    connect,
                    handshake_timeout=_TIMEOUT if self.__timeout is None else self.__timeout,
                    # stomp.py allows one more interval before the first heart-beat, which ActiveMQ needs.
                    heart_beat_tolerance=self.heart_beat_receive_scale + 1.0,
                    on_event=self.__receive_event,
                    on_end=self.__notify_end,
                )
            except BaseException:
                sock.close()
                raise
            self.__runner = runner
            self.__closing = None
            self.receiver_thread: Any = runner.start(self.create_thread_fc)

    def __close(self, runner: ConnectionRunner, receipt: str | None, headers: dict[str, str]) -> None:
        self.__closing = closing = runner.close(receipt, headers)
        runner.wait_closed(closing)

    # ------------------------------------------------------------------ in the receiver thread

    def __receive_event(self, event: TapEvent) -> None:
        if isinstance(event, Message | Receipt | Connected | Error):
            self.process_frame(to_frame(event, self._auto_decode), None)
        elif isinstance(event, HeartBeat):
            self.process_frame(HEARTBEAT_FRAME, None)
        elif isinstance(event, ConnectionClosed):
            log.info("%s", event.reason)
            if event.code == "heart-beat":
                self.notify("heartbeat_timeout")

    def __notify_end(self) -> None:
        self.notify("disconnected")
        self.notify("receiver_loop_completed")

    # ------------------------------------------------------------------ dialling

    def __contexts(self) -> dict[Endpoint, ssl.SSLContext | None]:
        contexts: dict[Endpoint, ssl.SSLContext | None] = {}
        for host, port in self.__host_and_ports:
            params = self.__ssl_params.get((host, port))
            if params is not None:
                try:
                    contexts[Endpoint("stomp+ssl", host, port)] = make_context(params)
                except OSError as error:
                    raise ConnectFailedException(f"set_ssl: {error}") from error
            elif self.__loopbacks.get((host, port)) not in self.__ssl_params:
                contexts[Endpoint("stomp", host, port)] = None
        return contexts

    def __policy(self) -> Reconnect:
        attempts, jitter = self.__reconnect_attempts_max, self.__reconnect_sleep_jitter
        longest = self.__reconnect_sleep_max * (1.0 + jitter)
        return Reconnect(
            first_delay=min(self.__reconnect_sleep_initial * (1.0 + jitter), longest),
            max_delay=longest,
            first_rounds=None if attempts < 0 else max(1, ceil(attempts / len(self.__host_and_ports))),
            growth=1.0 + self.__reconnect_sleep_increase,
            jitter=jitter / (1.0 + jitter),
        )

    def __prepare(self, sock: Socket) -> None:
        if self.__bind_host_port:
            sock.bind(self.__bind_host_port)
        kind, *seconds = self.__keepalive if isinstance(self.__keepalive, tuple) else ("auto",)
        names = {"linux": ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT"), "mac": ("TCP_KEEPALIVE",)}.get(
            kind, ()
        )
        for name, value in zip(names, seconds, strict=False):
            if value is not None and hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def __check(self, endpoint: Endpoint, sock: Socket) -> None:
        # As in stomp.py: the kernel gathers frames that are sent one after the other.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        params = self.__ssl_params.get((endpoint.host, endpoint.port))
        if params is not None and params["cert_validator"] is not None and isinstance(sock, ssl.SSLSocket):
            fits, reason = params["cert_validator"](sock.getpeercert(), endpoint.host)
            if not fits:
                raise ssl.SSLError(f"the certificate was refused by cert_validator: {reason}")
