"""Dialling: try one host after the other until one answers, in the caller's own thread.

stomp.py's ``connect()`` returns with a connected socket or raises. And what is dialled must be known before CONNECT is
made: ``on_connecting`` gets the host, and STOMP 1.2 sends it in the ``host`` header. So a host is dialled here, before
there is a session, and the engine of the session gets the socket.
"""

from __future__ import annotations

import socket
import ssl
import threading
from dataclasses import dataclass
from math import ceil, inf
from random import Random
from time import monotonic
from typing import Any, cast

from stomp_core.adapter import TransportOptions
from stomp_core.session import Endpoint, Reconnect, Schedule, dial_failure
from stomp_socket import dial

from . import log
from ._error_texts import in_terms_of_stomp_py
from ._hosts import HostAndPort
from ._tls import TLSSettings
from .exception import ConnectFailedException

__all__ = ["Dialler", "Retries"]

#: The options of ``keepalive=("linux", idle, interval, count)`` and ``("mac", interval)``.
_KEEPALIVE_OPTIONS = {"linux": ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT"), "mac": ("TCP_KEEPALIVE",)}


@dataclass(frozen=True)
class Retries:
    """The arguments ``reconnect_...`` of a connection. :class:`~stomp_py.transport.Transport` explains them."""

    sleep_initial: float
    sleep_increase: float
    sleep_jitter: float
    sleep_max: float
    attempts_max: int

    def policy(self, hosts: int) -> Reconnect:
        """Return the same for the core, which counts rounds: one attempt for each host.

        stomp.py adds the jitter to a pause: the pause is between ``sleep`` and ``sleep * (1 + jitter)``. The core takes
        it off: between ``bound * (1 - jitter)`` and ``bound``.

        Args:
            hosts: how many hosts there are.

        Raises:
            ValueError: an argument is out of its range.
        """
        for name in ("sleep_initial", "sleep_increase", "sleep_jitter", "sleep_max"):
            value = getattr(self, name)
            if not 0 <= value < inf:
                raise ValueError(f"reconnect_{name} must be a number of at least 0, got {value!r}")
        longest = self.sleep_max * (1.0 + self.sleep_jitter)
        return Reconnect(
            first_delay=min(self.sleep_initial * (1.0 + self.sleep_jitter), longest),
            max_delay=longest,
            first_rounds=None if self.attempts_max < 0 else max(1, ceil(self.attempts_max / hosts)),
            growth=min(1.0 + self.sleep_increase, 1000.0),
            jitter=self.sleep_jitter / (1.0 + self.sleep_jitter),
        )


class Dialler:
    """Makes the socket of a connection.

    Args:
        tls: the hosts, and which of them speak TLS.
        retries: how many attempts, with which pauses.
        timeout: seconds that one attempt may take.
        keepalive: as for :class:`~stomp_py.transport.Transport`.
        bind_host_port: the address and port to connect from.
    """

    def __init__(
        self,
        tls: TLSSettings,
        retries: Retries,
        timeout: float,
        keepalive: Any,
        bind_host_port: HostAndPort | None,
    ) -> None:
        self._tls = tls
        self._retries = retries
        self._timeout = timeout
        self._keepalive = keepalive
        self._bind_host_port = bind_host_port
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Make no further attempt: a :meth:`dial` of another thread raises soon."""
        self._cancelled.set()

    def dial(self) -> tuple[Endpoint, socket.socket]:
        """Return the endpoint that answered, and a connected socket that does not block.

        Raises:
            ConnectFailedException: no host answered (it says why, and what to check, for each host of the last round),
                a file of ``set_ssl`` cannot be read, or :meth:`cancel` was called.
            ValueError: an argument ``reconnect_...`` is out of its range.
        """
        self._cancelled.clear()
        try:
            contexts = self._tls.make_contexts()
        except OSError as error:
            raise ConnectFailedException(f"set_ssl: {error}") from error
        schedule = Schedule(tuple(contexts), self._retries.policy(len(contexts)), Random(), self._timeout)
        failures: dict[Endpoint, str] = {}
        while (attempt := schedule.next(monotonic())) is not None:
            endpoint = attempt.endpoint
            if self._cancelled.wait(max(0.0, attempt.at - monotonic())):
                raise ConnectFailedException("dialling was cancelled")
            try:
                return endpoint, self._dial_one(endpoint, contexts[endpoint])
            except OSError as error:
                failures[endpoint] = in_terms_of_stomp_py(dial_failure(endpoint, error, self._timeout))
                log.warning("%s", failures[endpoint], exc_info=log.verbose)
                schedule.failed()
        raise ConnectFailedException(f"could not connect: {'; '.join(failures.values())}")

    def _dial_one(self, endpoint: Endpoint, context: ssl.SSLContext | None) -> socket.socket:
        options = TransportOptions(endpoint, ssl_context=context, proxy=None)
        sock = cast(socket.socket, dial(endpoint, self._timeout, options, self._set_options))
        try:
            if isinstance(sock, ssl.SSLSocket):
                self._tls.validate(endpoint, sock)
        except BaseException:
            sock.close()
            raise
        return sock

    def _set_options(self, sock: socket.socket) -> None:
        """Bind a socket that is not connected yet, and set TCP's own keep-alive."""
        if self._bind_host_port:
            sock.bind(self._bind_host_port)
        if not isinstance(self._keepalive, tuple):
            return  # dial() turns on keep-alive with the times of the operating system
        kind, *seconds = self._keepalive
        for name, value in zip(_KEEPALIVE_OPTIONS.get(kind, ()), seconds, strict=False):
            if value is not None and hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
