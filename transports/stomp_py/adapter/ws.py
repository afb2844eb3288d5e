"""STOMP over WebSocket, with the names of ``stomp.adapter.ws``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .._hosts import HostAndPort
from .._web_socket import WebSocketOptions
from ..connect import StompConnection12
from ..protocol import Protocol12
from ..transport import Transport
from ..utils import is_eol_default

__all__ = ["WSStompConnection", "WSTransport"]


class WSTransport(Transport):
    """The transport of a connection over WebSocket, with TLS for the hosts of ``set_ssl()``.

    Args:
        ws_path: the path of the URL, such as ``"/ws"`` for RabbitMQ, with its query.
        header: further headers of the HTTP request: a mapping, or lines such as ``"Cookie: a=b"``.
        binary_mode: send binary messages only. Otherwise what is UTF-8 is sent as text, as brokers expect.

    All others are those of :class:`~stomp_py.transport.Transport`.

    Raises:
        ImportError: the package websockets is not installed.
        TypeError, ValueError: a header cannot be sent; and as for :class:`~stomp_py.transport.Transport`.
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
        recv_bytes: int = 1024,
        is_eol_fc: Callable[[bytes], bool] = is_eol_default,
        bind_host_port: HostAndPort | None = None,
        ws_path: str | None = None,
        header: Any = None,
        binary_mode: bool = False,
    ) -> None:
        super().__init__(
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
            recv_bytes,
            is_eol_fc,
            bind_host_port,
            web_socket=WebSocketOptions(ws_path, header, binary_mode),
        )
        self.ws_path = ws_path
        self.header = header


class WSStompConnection(StompConnection12):
    """A connection with STOMP 1.2 over WebSocket. It is made without connecting: call :meth:`connect`.

    It is a context manager, which disconnects at the end of the block. For TLS (``wss://``) call :meth:`set_ssl`.

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
        ws: without effect.
        ws_path: the path of the URL, such as ``"/ws"`` for RabbitMQ, with its query.
        header: further headers of the HTTP request: a mapping, or lines such as ``"Cookie: a=b"``.
        binary_mode: send binary messages only. Default: a frame that is UTF-8 is sent as text, as brokers expect.

    Raises:
        ImportError: the package websockets is not installed.
        TypeError: ``timeout`` is not a number, ``heartbeats`` is not a pair, or a header cannot be sent.
        ValueError: ``timeout`` is negative, or a header cannot be sent.
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
        ws: Any = None,
        ws_path: str | None = None,
        header: Any = None,
        binary_mode: bool = False,
    ) -> None:
        transport = WSTransport(
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
            ws_path=ws_path,
            header=header,
            binary_mode=binary_mode,
        )
        Protocol12.__init__(self, transport, heartbeats, auto_content_length, heart_beat_receive_scale)
