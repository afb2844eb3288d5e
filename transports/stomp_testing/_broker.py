"""Broker: the embedded broker that tests, demos and developers start.

What it models: queues with competing consumers, topics with wildcards and durable subscriptions, temporary queues,
acknowledgement in all modes, redelivery and dead letters, expiry, transactions, prefetch, heart-beats, virtual hosts,
users and TLS, as RabbitMQ 3.10 or ActiveMQ Classic 5.17 do them, and what these refuse, with the same words. What it
does not: selectors, types of exchanges, persistence on disk.

This class is the part that other threads see. Below it are a Server (sockets and timers), a Peer for each connection
(bytes, handshake, heart-beats), the Requests of each client, and one Exchange (destinations and queues). The exchange
belongs to the broker and not to the server, so that queues survive a restart.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import quote

from stomp_core import Headers, HeaderSource, Leniency, Limits

from ._certificates import ServerCertificate
from ._destinations import Destinations
from ._exchange import Exchange
from ._memory import MemoryDial
from ._messages import forwarded_headers
from ._network import LoopThread, listening_socket, unix_listening_socket, wait_until
from ._peer import Peer
from ._recorder import Recorder
from ._refusals import RequestRefused
from ._server import Server
from ._settings import BrokerFaults, Flavour, Settings, flavour_named

if TYPE_CHECKING:
    from stomp_websocket import WebSocket, WebSocketRequest

    from ._websocket import WebSocketListener

__all__ = ["Broker", "ClientInfo"]

T = TypeVar("T")
_GUEST = {"guest": "guest"}


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """One connected client.

    Attributes:
        session: the ``session`` header of its CONNECTED.
        login: the login; ``None`` before CONNECTED, and for an anonymous client.
        version: the negotiated version; ``None`` before CONNECTED.
        destinations: the destinations of its subscriptions.
    """

    session: str
    login: str | None
    version: str | None
    destinations: tuple[str, ...]


class Broker:
    """A STOMP broker inside the process, **for tests, demos and development**.

    It keeps messages in memory, does what RabbitMQ or ActiveMQ do, and refuses what they refuse. It does not replace
    either: production brokers are RabbitMQ, ActiveMQ and Artemis. One thread serves all connections. Every method may
    be called from any thread.

    >>> with Broker() as broker:
    ...     broker.url  # doctest: +ELLIPSIS
    'stomp://guest:guest@127.0.0.1:...'

    ``/topic/...`` goes to every subscription; every other destination is a queue whose subscriptions take messages in
    turn. Selectors are not supported. ``repr()`` does not show credentials; the URLs contain them.

    Args:
        host: the address to listen on.
        port: the TCP port; ``None`` takes a free one, which is kept through restarts.
        tls: ``True`` opens a TLS port beside the plain one, with a certificate for localhost created on the spot
            (needs trustme); an ``SSLContext`` opens one with that context.
        tls_port: the TLS port; ``None`` takes a free one.
        unix_path: a path to listen on with a Unix socket too.
        websocket: ``True`` opens a port for STOMP over WebSocket too, and with ``tls`` one more with TLS (needs
            websockets); a :class:`stomp_websocket.WebSocket` opens it with these options. Its ``text`` is ``None`` for
            what the flavour's broker sends: text, whatever the body is; ``False`` is RabbitMQ's
            ``web_stomp.ws_frame = binary``.
        websocket_path: the path of its URL; any other one is answered with 404.
        websocket_check: called with each :class:`stomp_websocket.WebSocketRequest`, in the broker's thread; returns
            status and text to refuse it, as in ``(401, "no token")``, or ``None``.
        ws_port: the WebSocket port; ``None`` takes a free one.
        wss_port: the WebSocket port with TLS; ``None`` takes a free one.
        users: passcodes by login; ``None`` lets everyone connect.
        vhosts: the virtual hosts that exist; ``None`` is the flavour's choice: RabbitMQ has ``"/"`` alone, ActiveMQ
            ignores CONNECT's ``host``.
        exchanges: the exchanges of ``/exchange/...`` that exist besides RabbitMQ's own (rabbitmq flavour).
        flavour: ``"rabbitmq"``, ``"activemq"`` or a :class:`~stomp_testing.Flavour`: the broker to behave like.
        server: the ``server`` header of CONNECTED; ``None`` is the flavour's, ``""`` leaves it out.
        versions: the versions of STOMP to accept.
        heart_beat: CONNECTED's ``heart-beat`` in milliseconds, ``(can send, would like to receive)``; ``None`` is the
            flavour's answer: ActiveMQ agrees to what the client asks for, RabbitMQ does in whole seconds.
        limits: size limits for received frames.
        leniency: which violations of the grammar are tolerated; ``None`` for those that the flavour's broker
            tolerates, ``Leniency()`` for none.
        connect_timeout: seconds that a client may take to send CONNECT; ``None`` for 10 s (rabbitmq) or 30 s
            (activemq).
        redelivery_delay: seconds until a NACKed message is delivered again (rabbitmq flavour).
        high_water: bytes of unread output from which on a client gets no more messages.
        memory: bytes that may wait in all queues; above it, clients that send are not read.
        silent: leave CONNECT unanswered; see the attribute.
        connect_delay: seconds until CONNECT is answered; see the attribute.
        hold_receipts: hold RECEIPTs back; see the attribute.
        recorder: receives all bytes, those inside TLS decrypted. The n-th connection has number n.

    Raises:
        ImportError: ``websocket`` needs websockets, which is not installed.
        TypeError: ``websocket`` is neither a bool nor a WebSocket.
        ValueError: the flavour does not exist, or ``websocket_path`` is not a path.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        tls: bool | ssl.SSLContext = False,
        tls_port: int | None = None,
        unix_path: str | Path | None = None,
        websocket: bool | WebSocket = False,
        websocket_path: str = "/ws",
        websocket_check: Callable[[WebSocketRequest], tuple[int, str] | None] | None = None,
        ws_port: int | None = None,
        wss_port: int | None = None,
        users: Mapping[str, str] | None = _GUEST,
        vhosts: Collection[str] | None = None,
        exchanges: Collection[str] = (),
        flavour: str | Flavour = "rabbitmq",
        server: str | None = None,
        versions: Sequence[str] = ("1.0", "1.1", "1.2"),
        heart_beat: tuple[int, int] | None = None,
        limits: Limits | None = None,
        leniency: Leniency | None = None,
        connect_timeout: float | None = None,
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
        self._ws_port = ws_port
        self._wss_port = wss_port
        self._users = users
        self._faults = BrokerFaults(silent, connect_delay, hold_receipts)
        chosen = flavour_named(flavour)
        self._websocket = _websocket_listener(chosen, versions, websocket, websocket_path, websocket_check)
        self._settings = Settings(
            flavour=chosen,
            server=chosen.server if server is None else server or None,
            users=users,
            vhosts=vhosts,
            exchanges=exchanges,
            versions=tuple(versions),
            heart_beat=heart_beat,
            limits=Limits() if limits is None else limits,
            leniency=leniency,
            connect_timeout=connect_timeout,
            high_water=high_water,
            faults=self._faults,
        )
        self._memory = memory
        self._numbers = count(1)
        self._recorder = recorder
        self._exchange = Exchange(chosen, redelivery_delay, self._settings.clock)
        self._destinations = Destinations(chosen, exchanges)
        self._certificate: ServerCertificate | None = None
        self._thread: LoopThread | None = None
        self._server: Server | None = None
        self._refusing = False
        self._lock = threading.RLock()

    # ------------------------------------------------------------------ addresses

    @property
    def host(self) -> str:
        """The address that it listens on."""
        return self._host

    @property
    def port(self) -> int:
        """The plain TCP port.

        Raises:
            RuntimeError: the broker was never started, so that it has no port yet.
        """
        return _available(self._port, "port")

    @property
    def tls_port(self) -> int:
        """The TLS port.

        Raises:
            RuntimeError: the broker was never started, or not with ``tls``.
        """
        return _available(self._tls_port, "tls_port")

    @property
    def url(self) -> str:
        """The URL of the plain port with credentials of the first user: ``"stomp://guest:guest@127.0.0.1:61613"``."""
        return f"stomp://{self._credentials}{self._address}:{self.port}"

    @property
    def tls_url(self) -> str:
        """The URL of the TLS port, such as ``"stomp+ssl://guest:guest@127.0.0.1:61614"``. Trust :attr:`ca_file`."""
        return f"stomp+ssl://{self._credentials}{self._address}:{self.tls_port}"

    @property
    def unix_url(self) -> str:
        """The URL of the Unix socket, such as ``"stomp+unix://guest:guest@/run/stomp.sock"``."""
        return f"stomp+unix://{self._credentials}{_available(self._unix_path, 'unix_path')}"

    @property
    def ws_port(self) -> int:
        """The WebSocket port.

        Raises:
            RuntimeError: the broker was never started, or not with ``websocket``.
        """
        return _available(self._ws_port, "ws_port")

    @property
    def wss_port(self) -> int:
        """The WebSocket port with TLS.

        Raises:
            RuntimeError: the broker was never started, or not with ``websocket`` and ``tls``.
        """
        return _available(self._wss_port, "wss_port")

    @property
    def ws_url(self) -> str:
        """The URL of the WebSocket port, such as ``"ws://guest:guest@127.0.0.1:15674/ws"``."""
        return f"ws://{self._credentials}{self._address}:{self.ws_port}{self._websocket_path}"

    @property
    def wss_url(self) -> str:
        """The URL of the WebSocket port with TLS, ``"wss://guest:guest@127.0.0.1:1/ws"``. Trust :attr:`ca_file`."""
        return f"wss://{self._credentials}{self._address}:{self.wss_port}{self._websocket_path}"

    @property
    def _websocket_path(self) -> str:
        return _available(self._websocket, "websocket").path

    @property
    def dial(self) -> MemoryDial:
        """Connects without a network, in all adapters: ``connect("memory://guest:guest@", dial=broker.dial)``.

        In stomp_asyncio and stomp_trio there is no socket at all; stomp_socket, which waits for descriptors, gets one
        end of a socket pair. It raises ConnectionRefusedError while the broker does not run or refuses connections.
        """
        return MemoryDial(self._loop_of_a_new_connection, self._new_client)

    def _loop_of_a_new_connection(self) -> asyncio.AbstractEventLoop:
        return self._server_to_dial().loop

    def _new_client(self) -> asyncio.Protocol:
        return self._server_to_dial().new_client()

    def _server_to_dial(self) -> Server:
        server = self._server
        if server is None or self._refusing:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"{self!r} accepts no connections")
        return server

    @property
    def ca_file(self) -> Path:
        """The PEM file of the authority that signed the certificate of ``tls=True``.

        Raises:
            RuntimeError: the broker was never started, or not with ``tls=True``.
        """
        return _available(self._certificate, "certificate").ca_file

    @property
    def _address(self) -> str:
        return f"[{self._host}]" if ":" in self._host else self._host

    @property
    def _credentials(self) -> str:
        for login, passcode in (self._users or {}).items():
            return f"{quote(login, safe='')}:{quote(passcode, safe='')}@"
        return ""

    # ------------------------------------------------------------------ start and stop

    def start(self) -> None:
        """Start listening, and return when clients can connect. Queues keep what they held before.

        Raises:
            OSError: an address is taken or not allowed; the text names the address.
            RuntimeError: the broker is already running.
            ValueError: there is no such port.
        """
        with self._lock:
            if self._thread is not None:
                raise RuntimeError("the broker is already running")
            self._thread = thread = LoopThread("stomp_testing broker")
            try:
                self._server = thread.call(self._create_server)
                self._refusing = False
                self._listen()
            except BaseException:
                self._end(hard=True)
                raise

    def stop(self) -> None:
        """Close all connections and listeners, and end the thread. It may be called twice."""
        self._end(hard=False)

    def kill(self) -> None:
        """Stop as in a crash: all connections are reset, and no client gets an ERROR. :meth:`start` starts it again."""
        self._end(hard=True)

    def restart(self) -> None:
        """Stop, if it is running, and start on the same ports. Queues and durable subscriptions are kept.

        Raises:
            OSError: another program has taken a port meanwhile.
        """
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

    def _create_server(self) -> Server:
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
        if self._websocket is not None:
            plain = listening_socket(self._host, self._ws_port)
            self._ws_port = plain.getsockname()[1]
            thread.run(server.listen(plain, None, self._websocket))
        if self._websocket is not None and context is not None:
            secure = listening_socket(self._host, self._wss_port)
            self._wss_port = secure.getsockname()[1]
            thread.run(server.listen(secure, context, self._websocket))

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
            raise RuntimeError("the broker is not running: call start() first")
        return thread, server

    # ------------------------------------------------------------------ messages and clients

    def send(self, destination: str, body: bytes | str = b"", headers: HeaderSource = ()) -> None:
        """Publish a message, as a client's SEND would.

        Args:
            destination: a queue or topic, such as ``"/queue/orders"``.
            body: ``bytes``, or ``str``, which is encoded as UTF-8.
            headers: further headers.
        """
        data = body.encode() if isinstance(body, str) else body
        settings = self._settings
        given = dict(reversed(Headers(headers).items()))
        forwarded = forwarded_headers(given, len(data), settings.flavour, settings.clock)
        name = self._name(destination)

        def publish() -> None:
            self._exchange.publish(name, forwarded, data)
            if self._server is not None:
                self._server.flush()

        self._call(publish)

    def messages(self, destination: str) -> list[bytes]:
        """Return the bodies of the messages that wait in a queue, in order, without those that were delivered.

        Args:
            destination: the queue, such as ``"/queue/orders"``.
        """
        return self._call(
            lambda: [
                message.body
                for queue in self._exchange.queues_of(self._name(destination))
                for message in queue.waiting
            ]
        )

    def unacknowledged(self, destination: str) -> list[bytes]:
        """Return the bodies of the messages that were delivered from a queue and not acknowledged.

        Args:
            destination: the queue, such as ``"/queue/orders"``.
        """
        return self._call(
            lambda: [
                message.body
                for queue in self._exchange.queues_of(self._name(destination))
                for subscription in queue.subscriptions
                for message in subscription.unacknowledged.values()
            ]
        )

    @property
    def connections(self) -> list[ClientInfo]:
        """The connected clients, in the order in which they connected."""
        server = self._server
        if server is None:
            return []
        return self._call(lambda: [_client_info(peer) for peer in server.peers if not peer.closing])

    def wait_until(self, condition: Callable[[Broker], object], timeout: float = 30.0) -> None:
        """Wait for a condition that clients bring about: ``broker.wait_until(lambda b: b.connections)``.

        Args:
            condition: a function that is called with this broker; a true result ends the wait.
            timeout: seconds to wait at most.

        Raises:
            TimeoutError: the condition did not become true in time.
        """
        wait_until(
            lambda: condition(self),
            timeout,
            lambda: f"the condition did not become true within {timeout:g} s",
        )

    def _name(self, destination: str) -> str:
        """Return the name under which the exchange keeps a destination."""
        try:
            return self._destinations.resolve(destination)
        except RequestRefused:
            # A test may look at a destination that its client cannot use.
            return destination

    def _call(self, function: Callable[[], T]) -> T:
        """Call a function in the broker's thread; in this one if the broker is not running."""
        thread = self._thread
        return function() if thread is None else thread.call(function)

    # ------------------------------------------------------------------ faults

    @property
    def refuse_connections(self) -> bool:
        """Whether the ports are closed. Connected clients stay connected. It may be set.

        Raises:
            RuntimeError: it is set while the broker is not running.
        """
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
            reset: end them with a RST instead of a FIN.

        Raises:
            RuntimeError: the broker is not running.
        """
        thread, server = self._running()
        thread.run(server.drop(hard=reset))

    def send_error_to_all(self, message: str, body: str = "", *, close: bool = True) -> None:
        """Send an ERROR to every client.

        Args:
            message: the ``message`` header, a short description.
            body: a long description.
            close: close the connections after it, as the specification demands; real brokers do not always.

        Raises:
            RuntimeError: the broker is not running.
        """
        thread, server = self._running()
        thread.call(lambda: server.send_error_to_all(message, body, close=close))

    def stall(self) -> None:
        """Stop reading, writing and answering; keep every connection open, and accept new ones.

        Raises:
            RuntimeError: the broker is not running.
        """
        thread, server = self._running()
        thread.call(server.stall)

    def resume(self) -> None:
        """Go on after :meth:`stall`.

        Raises:
            RuntimeError: the broker is not running.
        """
        thread, server = self._running()
        thread.call(server.resume)

    @property
    def silent(self) -> bool:
        """Whether CONNECT is left unanswered. It may be set. When it becomes false, waiting clients are answered."""
        return self._faults.silent

    @silent.setter
    def silent(self, silent: bool) -> None:
        def switch() -> None:
            self._faults.silent = silent
            if self._server is not None and not silent:
                self._server.answer_connects()

        self._call(switch)

    @property
    def connect_delay(self) -> float:
        """Seconds until CONNECT is answered. It may be set, for CONNECTs that come later."""
        return self._faults.connect_delay

    @connect_delay.setter
    def connect_delay(self, seconds: float) -> None:
        self._faults.connect_delay = seconds

    @property
    def hold_receipts(self) -> bool:
        """Whether RECEIPTs are held back. It may be set. When it becomes false, those held back are sent."""
        return self._faults.hold_receipts

    @hold_receipts.setter
    def hold_receipts(self, hold: bool) -> None:
        def switch() -> None:
            self._faults.hold_receipts = hold
            if self._server is not None and not hold:
                self._server.release_receipts()

        self._call(switch)


def _websocket_listener(
    flavour: Flavour,
    versions: Sequence[str],
    websocket: object,
    path: str,
    check: Callable[[WebSocketRequest], tuple[int, str] | None] | None,
) -> WebSocketListener | None:
    if websocket is False:
        return None
    # Imported when it is needed: it needs websockets.
    from stomp_websocket import WebSocket

    from ._websocket import WebSocketListener

    options = WebSocket() if websocket is True else websocket
    if not isinstance(options, WebSocket):
        raise TypeError(f"websocket must be True, False or a WebSocket, got {websocket!r}")
    if not path.startswith("/") or not path.isascii() or not path.isprintable() or set(path) & set(" ?#"):
        raise ValueError(f"websocket_path must be a path such as '/ws', without a query, got {path!r}")
    return WebSocketListener(flavour, tuple(versions), path, options, check)


def _available(value: T | None, name: str) -> T:
    if value is None:
        raise RuntimeError(f"no {name}: the broker was never started, or was created without it")
    return value


def _client_info(peer: Peer) -> ClientInfo:
    return ClientInfo(
        session=peer.session,
        login=peer.login,
        version=peer.version if peer.connected else None,
        destinations=peer.destinations,
    )
