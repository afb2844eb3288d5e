"""connect() and Connection: the blocking API of :mod:`stomp_core.adapter`, on the engine of this package."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from stomp_core import HeaderSource, Leniency, Limits
from stomp_core.adapter import BlockingConnection, TransportOptions, explained, export
from stomp_core.protocol import Event
from stomp_core.session import (
    BrokerProfile,
    ByteLayerFactory,
    Config,
    EndpointSource,
    Listener,
    Reconnect,
)
from stomp_core.wire import ALL_VERSIONS

from ._dial import DialFunction
from ._engine import Engine

if TYPE_CHECKING:
    import ssl
else:

    class ssl:  # noqa: N801
        """Stands for the module in annotations. It is imported, in 10 ms, when typing.get_type_hints() asks for it."""

        def __getattr__(self, name: str) -> object:
            import ssl

            return getattr(ssl, name)

    ssl = ssl()

__all__ = ["Connection", "connect"]


@export("stomp_socket")
class Connection(BlockingConnection):
    __doc__ = BlockingConnection.__doc__
    _engine: Engine

    @explained
    def close(self, *, timeout: float | None = None) -> bool:
        if self._engine.foreign:
            self._engine.drop()
            return False
        return bool(super().close(timeout=timeout))  # None where a signal handler cannot wait for it

    close.__doc__ = BlockingConnection.close.__doc__


@export("stomp_socket")
@explained
def connect(
    endpoints: EndpointSource,
    login: str | Callable[[], str] | None = None,
    passcode: str | Callable[[], str] | None = None,
    *,
    ssl_context: ssl.SSLContext | None = None,
    ca_file: str | None = None,
    cert_file: str | None = None,
    key_file: str | None = None,
    server_hostname: str | None = None,
    dial: DialFunction | None = None,
    proxy: str | bool | None = True,
    local_address: str | None = None,
    websocket: ByteLayerFactory | None = None,
    host: str | None = None,
    client_id: str | None = None,
    heart_beat: tuple[float, float] = (10.0, 10.0),
    versions: Iterable[str] = ALL_VERSIONS,
    headers: HeaderSource | Callable[[], HeaderSource] = (),
    reconnect: Reconnect | None = None,
    connect_timeout: float = 10.0,
    handshake_timeout: float = 10.0,
    receipt_timeout: float = 30.0,
    close_timeout: float = 10.0,
    buffer_size: int = 16 * 1024 * 1024,
    broker_profile: BrokerProfile | None = None,
    limits: Limits | None = None,
    leniency: Leniency | None = None,
    escape_connect: bool = False,
    heart_beat_tolerance: float = 2.5,
    heart_beat_pace: float = 0.8,
    listener: Listener | None = None,
    connect_frame: Event | None = None,
) -> Connection:
    """Connect to a broker: ``with connect(...) as connection``. It returns when the broker has answered CONNECTED.

    Args:
        endpoints: where the broker is: a URL (``stomp://``, ``stomp+ssl://``, ``stomp+unix://``), or several in order
            of preference.
        login: the user, or a function without arguments that returns it; by default that of the URL.
        passcode: its password, or a function that returns it, for tokens that expire; by default that of the URL. Such
            functions are asked at each attempt to connect, before anything is dialled and in the order of login,
            passcode, headers, in a thread of their own. What they raise makes the attempt fail. If the broker refuses
            what they answered, they are asked once more at once.
        ssl_context: for ``stomp+ssl://``; by default one that verifies the server's certificate and name.
        ca_file: a PEM file with the authorities to trust, in place of those of the system.
        cert_file: a PEM file with our own certificate and its chain, for a server that asks for one.
        key_file: a PEM file with the key of that certificate, if it is not in ``cert_file``.
        server_hostname: the name that the server's certificate must have; by default the host of the URL.
        dial: ``dial(endpoint, timeout)`` connects in our place, and returns a connected socket or another
            :class:`Stream`; any URL scheme is allowed then. It runs in a thread of its own. TLS inside it, if the URL
            means TLS, is ours.
        proxy: the URL of a proxy, such as ``"socks5://localhost:1080"`` or ``"http://localhost:3128"``. By default that
            of the environment (``stomp_proxy``, ``all_proxy``, ``no_proxy``); ``None`` is none.
        local_address: the address of this machine to connect from.
        websocket: a :class:`stomp_websocket.WebSocket`, how to speak WebSocket with a ``ws://`` or ``wss://`` URL:
            headers such as ``Authorization``, ``Origin``, compression. By default without any.
        host: the ``host`` header of CONNECT, a virtual host; by default that of the URL, otherwise ``"/"``.
        client_id: the ``client-id`` header of CONNECT, by which ActiveMQ and Artemis identify durable subscribers.
        heart_beat: the intervals ``(send, receive)`` that we offer, in seconds, up to an hour; 0 is never.
        versions: the versions of STOMP to offer.
        headers: further headers of CONNECT, or a function that returns them.
        reconnect: when to connect again, and when to give up; by default :class:`.Reconnect` with its own defaults.
        connect_timeout: seconds that one attempt to dial may take, with what is asked before it.
        handshake_timeout: seconds between the connection and CONNECTED.
        receipt_timeout: seconds that an operation may take, unless the call has a ``timeout`` of its own.
        close_timeout: seconds that closing may take.
        buffer_size: stop reading when this many bytes of messages are buffered.
        broker_profile: the broker's headers, if its ``server`` header does not identify it.
        limits: size limits for received frames.
        leniency: which violations the parser tolerates; by default those of RabbitMQ and ActiveMQ.
        escape_connect: escape the headers of CONNECT, against the specification; needed for a ``\\`` in a passcode.
        heart_beat_tolerance: treat the connection as dead after this many of the broker's intervals without a byte.
        heart_beat_pace: send a heart-beat after this share of our interval without a byte sent, from 0.1 to 1. At 1
            some arrive late, and ActiveMQ closes the connection.
        listener: an observer of the connection.
        connect_frame: the CONNECT frame to send, as it is, instead of one that is made of the options above.

    Raises:
        AuthenticationFailed: the broker refused the login or the passcode.
        ConnectFailed: no endpoint could be connected to. It says why, and what to check, for each of them. It is also
            an :class:`OSError`.
        TypeError: an option is of a wrong type.
        ValueError: an option is out of its range, a URL is not valid, options contradict each other, or one for TLS is
            given with a URL that means plaintext.
        LocalProtocolError: CONNECT cannot carry an option.
    """
    options = TransportOptions(
        endpoints,
        dial=dial,
        proxy=proxy,
        ssl_context=ssl_context,
        ca_file=ca_file,
        cert_file=cert_file,
        key_file=key_file,
        server_hostname=server_hostname,
        local_address=local_address,
    )
    config = Config(
        options.endpoints,
        login,
        passcode,
        host=host,
        client_id=client_id,
        heart_beat=heart_beat,
        versions=versions,
        headers=headers,
        reconnect=reconnect,
        connect_timeout=connect_timeout,
        handshake_timeout=handshake_timeout,
        receipt_timeout=receipt_timeout,
        close_timeout=close_timeout,
        buffer_size=buffer_size,
        broker_profile=broker_profile,
        limits=limits,
        leniency=leniency,
        escape_connect=escape_connect,
        heart_beat_tolerance=heart_beat_tolerance,
        heart_beat_pace=heart_beat_pace,
        listener=listener,
        connect_frame=connect_frame,
        websocket=websocket,
    )
    config.refuse_async_functions()
    engine = Engine(config, options)
    try:
        engine.start()
        engine.wait(engine.session.opened)
    except BaseException:
        engine.run(engine.session.terminate)
        engine.join()
        raise
    return Connection(engine)
