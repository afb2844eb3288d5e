"""Broker: the embedded broker as tests, demos and developers use it."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import quote

from stomp_core import Headers, HeaderSource, Leniency, Limits

from .certificates import ServerCertificate
from .exchange import Exchange
from .flavours import Flavour, flavour_named
from .loop_thread import LoopThread
from .peer import Peer
from .ports import listening_socket, unix_listening_socket
from .recorder import Recorder
from .server import Server
from .settings import Misbehaviour, Settings

__all__ = ["Broker", "ClientInfo"]

T = TypeVar("T")
_GUEST = {"guest": "guest"}


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """One client that is connected.

    Attributes:
        session: the ``session`` header that it was given.
        login: who it is; ``None`` before CONNECTED, and for an anonymous one.
        version: what was negotiated; ``None`` before CONNECTED.
        destinations: what its subscriptions take from.
    """

    session: str
    login: str | None
    version: str | None
    destinations: tuple[str, ...]


class Broker:
    """A STOMP broker inside the process, **for tests, demos and development**.

    It keeps messages in memory and does what the specifications say, and where they leave it open what RabbitMQ or
    ActiveMQ do. It is no substitute for either: production brokers are RabbitMQ, ActiveMQ and Artemis. One thread
    runs it, whatever the number of connections. Every method may be called from any thread.

    >>> with Broker() as broker:
    ...     broker.url  # doctest: +ELLIPSIS
    'stomp://guest:guest@127.0.0.1:...'

    ``/topic/...`` goes to everybody who listens, every other destination is a queue whose messages subscriptions
    take in turn. Selectors and expiry are not supported.

    Args:
        host: the address to listen on.
        port: ``None`` takes a free one, which is kept through restarts.
        tls: ``True`` opens a TLS port beside the plain one, with a certificate for localhost made on the spot (needs
            trustme); an ``SSLContext`` opens one with yours.
        tls_port: as ``port``.
        unix_path: listen on a Unix socket too.
        users: passcodes by login; ``None`` lets anyone in.
        vhosts: which ``host`` headers are taken; ``None`` is any.
        flavour: ``"rabbitmq"`` or ``"activemq"``: whose habits, see :class:`~stomp_testing.Flavour`.
        server: the ``server`` header of CONNECTED; ``None`` is the flavour's, by which clients recognise the broker
            whose habits it has; ``""`` is no header.
        versions: what it speaks.
        heart_beat: ``(can send, would like to get)`` in milliseconds; ``None`` agrees to what a client asks for,
            ``(0, 0)`` to none.
        limits: what is refused because of its size.
        leniency: what is forgiven; nothing by default.
        connect_timeout: seconds that a connection may take to say CONNECT.
        redelivery_delay: seconds until a NACKed message comes again (rabbitmq flavour).
        high_water: bytes written to a client that it has not read, above which it gets no more messages.
        memory: bytes that may wait in all queues; above it clients that send are not read.
        silent, connect_delay, hold_receipts: as the attributes of these names.
        recorder: notes all that is said, on TLS connections too; the n-th connection is number n.

    Raises:
        ValueError: an argument out of its range.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        tls: bool | ssl.SSLContext = False,
        tls_port: int | None = None,
        unix_path: str | Path | None = None,
        users: Mapping[str, str] | None = _GUEST,
        vhosts: Collection[str] | None = None,
        flavour: str | Flavour = "rabbitmq",
        server: str | None = None,
        versions: Sequence[str] = ("1.0", "1.1", "1.2"),
        heart_beat: tuple[int, int] | None = None,
        limits: Limits | None = None,
        leniency: Leniency | None = None,
        connect_timeout: float = 10.0,
        redelivery_delay: float = 0.0,
        high_water: int = 256 * 1024,
        memory: int = 512 * 1024 * 1024,
        silent: bool = False,
        connect_delay: float = 0.0,
        hold_receipts: bool = False,
        recorder: Recorder | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._tls_port = tls_port
        self._unix_path = None if unix_path is None else str(unix_path)
        self._users = users
        self._misbehaviour = Misbehaviour(silent, connect_delay, hold_receipts)
        habits = flavour_named(flavour)
        self._settings = Settings(
            flavour=habits,
            server=habits.server if server is None else server or None,
            users=users,
            vhosts=vhosts,
            versions=tuple(versions),
            heart_beat=heart_beat,
            limits=Limits() if limits is None else limits,
            leniency=Leniency() if leniency is None else leniency,
            connect_timeout=connect_timeout,
            high_water=high_water,
            misbehaviour=self._misbehaviour,
        )
        self._memory = memory
        self._numbers = count(1)
        self._recorder = recorder
        self._exchange = Exchange(self._settings.flavour, redelivery_delay)
        self._certificate: ServerCertificate | None = None
        self._thread: LoopThread | None = None
        self._server: Server | None = None
        self._refusing = False
        self._lock = threading.RLock()

    # ------------------------------------------------------------------ where it is

    @property
    def host(self) -> str:
        """The address that it listens on."""
        return self._host

    @property
    def port(self) -> int:
        """The plain TCP port.

        Raises:
            RuntimeError: it was never started, so it has none yet.
        """
        return _known(self._port)

    @property
    def tls_port(self) -> int:
        """The TLS port."""
        return _known(self._tls_port)

    @property
    def url(self) -> str:
        """As in ``"stomp://guest:guest@127.0.0.1:61613"``; the first of the users."""
        return f"stomp://{self._credentials}{self._address}:{self.port}"

    @property
    def tls_url(self) -> str:
        """As in ``"stomp+ssl://guest:guest@127.0.0.1:61614"``; trust :attr:`ca_file`."""
        return f"stomp+ssl://{self._credentials}{self._address}:{self.tls_port}"

    @property
    def unix_url(self) -> str:
        """As in ``"stomp+unix://guest:guest@/run/stomp.sock"``."""
        return f"stomp+unix://{self._credentials}{_known(self._unix_path)}"

    @property
    def ca_file(self) -> Path:
        """The PEM file of the authority that signed the certificate made for ``tls=True``."""
        return _known(self._certificate).ca_file

    @property
    def _address(self) -> str:
        return f"[{self._host}]" if ":" in self._host else self._host

    @property
    def _credentials(self) -> str:
        for login, passcode in (self._users or {}).items():
            return f"{quote(login, safe='')}:{quote(passcode, safe='')}@"
        return ""

    # ------------------------------------------------------------------ its life

    def start(self) -> None:
        """Listen; returns when clients can connect. What waited in queues before still does.

        Raises:
            OSError: an address is taken or not allowed; its text names the address.
            RuntimeError: it runs already.
        """
        with self._lock:
            if self._thread is not None:
                raise RuntimeError("the broker runs already")
            self._thread = thread = LoopThread("stomp_testing broker")
            try:
                self._server = thread.call(self._make_server)
                self._refusing = False
                self._listen()
            except BaseException:
                self._end(hard=True)
                raise

    def stop(self) -> None:
        """Close every connection and listener, and end the thread. Safe to call twice."""
        self._end(hard=False)

    def kill(self) -> None:
        """Stop as a crash does: every connection is reset, nobody gets an ERROR. :meth:`start` brings it back."""
        self._end(hard=True)

    def restart(self) -> None:
        """Stop, if it runs, and start again on the same ports. Queues and durable subscriptions are kept."""
        self.stop()
        self.start()

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._thread is not None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        where = f"{self._address}:{self._port}" if self._port is not None else "never started"
        return f"<Broker {where}, {'running' if self.running else 'stopped'}>"

    def _make_server(self) -> Server:
        return Server(self._exchange, self._settings, self._memory, self._numbers, self._recorder)

    def _listen(self) -> None:
        thread, server = self._running()
        plain = listening_socket(self._host, self._port)
        self._port = plain.getsockname()[1]
        thread.run(server.listen(plain))
        context = self._tls_context()
        if context is not None:
            secure = listening_socket(self._host, self._tls_port)
            self._tls_port = secure.getsockname()[1]
            thread.run(server.listen(secure, context))
        if self._unix_path is not None:
            thread.run(server.listen(unix_listening_socket(self._unix_path)))

    def _tls_context(self) -> ssl.SSLContext | None:
        if isinstance(self._tls, ssl.SSLContext):
            return self._tls
        if not self._tls:
            return None
        if self._certificate is None:
            self._certificate = ServerCertificate(self._host)
        return self._certificate.server_context()

    def _end(self, *, hard: bool) -> None:
        with self._lock:
            thread, self._thread = self._thread, None
            server, self._server = self._server, None
            if thread is None:
                return
            try:
                if server is not None:
                    thread.run(server.close(hard=hard))
            finally:
                thread.close()
                if self._unix_path is not None:
                    Path(self._unix_path).unlink(missing_ok=True)

    def _running(self) -> tuple[LoopThread, Server]:
        thread, server = self._thread, self._server
        if thread is None or server is None:
            raise RuntimeError("the broker does not run")
        return thread, server

    # ------------------------------------------------------------------ what it holds

    def send(self, destination: str, body: bytes | str = b"", headers: HeaderSource = ()) -> None:
        """Put a message into a queue or topic, as a client would."""
        octets = body.encode() if isinstance(body, str) else body
        pairs = Headers(headers).items()

        def publish() -> None:
            self._exchange.publish(destination, pairs, octets)
            if self._server is not None:
                self._server.flush()

        self._in_loop(publish)

    def messages(self, destination: str) -> list[bytes]:
        """The bodies that wait in a queue, in order. Those handed to a subscription are not among them."""
        return self._in_loop(
            lambda: [item.body for queue in self._exchange.queues_of(destination) for item in queue.waiting]
        )

    def unacknowledged(self, destination: str) -> list[bytes]:
        """The bodies that subscriptions were handed from a queue and have not acknowledged."""
        return self._in_loop(
            lambda: [
                item.body
                for queue in self._exchange.queues_of(destination)
                for subscription in queue.subscriptions
                for item in subscription.unacknowledged.values()
            ]
        )

    @property
    def connections(self) -> list[ClientInfo]:
        """The clients that are connected, in the order in which they came."""
        server = self._server
        return (
            []
            if server is None
            else self._in_loop(lambda: [_info(peer) for peer in server.links if not peer.closing])
        )

    def wait_until(self, condition: Callable[[Broker], object], timeout: float = 5.0) -> None:
        """Wait for something that clients bring about, as in ``broker.wait_until(lambda b: b.connections)``.

        Raises:
            TimeoutError: it did not come true within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while not condition(self):
            if time.monotonic() > deadline:
                raise TimeoutError(f"what was waited for did not happen within {timeout:g} s")
            time.sleep(0.002)

    def _in_loop(self, function: Callable[[], T]) -> T:
        thread = self._thread
        return function() if thread is None else thread.call(function)

    # ------------------------------------------------------------------ faults

    @property
    def refuse_connections(self) -> bool:
        """Whether the ports are closed; those who are connected stay. May be set."""
        return self._refusing

    @refuse_connections.setter
    def refuse_connections(self, refuse: bool) -> None:
        with self._lock:
            thread, server = self._running()
            if refuse and not self._refusing:
                thread.run(server.stop_listening())
            elif not refuse and self._refusing:
                self._listen()
            self._refusing = refuse

    def drop_connections(self, *, reset: bool = False) -> None:
        """End every connection without an ERROR, and go on listening.

        Args:
            reset: with a RST instead of a FIN.
        """
        thread, server = self._running()
        thread.run(server.drop(hard=reset))

    def send_error_to_all(self, message: str, body: str = "", *, close: bool = True) -> None:
        """Send an ERROR to every client.

        Args:
            message: the short description.
            body: the long one.
            close: close the connections after it, as the specification demands; brokers do not always.
        """
        thread, server = self._running()
        thread.call(lambda: server.each(lambda peer: peer.say_error(message, body, close=close)))

    def stall(self) -> None:
        """Read, write and answer nothing, and keep every connection open, new ones too."""
        thread, server = self._running()
        thread.call(server.stall)

    def resume(self) -> None:
        """Go on where :meth:`stall` stopped."""
        thread, server = self._running()
        thread.call(server.resume)

    @property
    def silent(self) -> bool:
        """Whether CONNECT is left unanswered. May be set; switched off, those who wait are answered."""
        return self._misbehaviour.silent

    @silent.setter
    def silent(self, silent: bool) -> None:
        def switch() -> None:
            self._misbehaviour.silent = silent
            server = self._server
            if server is not None and not silent:
                server.each(lambda peer: peer.reconsider_connect(server.now()))

        self._in_loop(switch)

    @property
    def connect_delay(self) -> float:
        """Seconds until CONNECT is answered. May be set; counts for clients that come later."""
        return self._misbehaviour.connect_delay

    @connect_delay.setter
    def connect_delay(self, seconds: float) -> None:
        self._misbehaviour.connect_delay = seconds

    @property
    def hold_receipts(self) -> bool:
        """Whether RECEIPTs are held back. May be set; switched off, those held back are sent."""
        return self._misbehaviour.hold_receipts

    @hold_receipts.setter
    def hold_receipts(self, hold: bool) -> None:
        def switch() -> None:
            self._misbehaviour.hold_receipts = hold
            if self._server is not None and not hold:
                self._server.each(Peer.release_receipts)

        self._in_loop(switch)


def _known(value: T | None) -> T:
    if value is None:
        raise RuntimeError("there is none: the broker was not asked for it, or was never started")
    return value


def _info(peer: Peer) -> ClientInfo:
    return ClientInfo(
        session=peer.session,
        login=peer.login,
        version=peer.version if peer.connected else None,
        destinations=tuple(
            subscription.queue.name for subscription in peer.subscriptions if subscription.queue is not None
        ),
    )
