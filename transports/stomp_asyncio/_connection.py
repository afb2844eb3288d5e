"""connect() and Connection: the asynchronous API of :mod:`stomp_core.adapter`, on the engine of this package."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Iterable
from random import SystemRandom

from stomp_core import HeaderSource, Leniency, Limits
from stomp_core.adapter import (
    AsyncConnection,
    AsyncMessage,
    ConnectContext,
    TransportOptions,
    explained,
    export,
)
from stomp_core.protocol import Event
from stomp_core.session import (
    BrokerProfile,
    ByteLayerFactory,
    Config,
    EndpointSource,
    Listener,
    Reconnect,
    Session,
)
from stomp_core.wire import ALL_VERSIONS

from ._dial import DialFunction
from ._engine import Engine

__all__ = ["Connection", "connect"]

# One for all connections: the state of each Random takes 2.5 KiB. Unlike the functions of the module it is not the
# same in every process of a program that calls random.seed().
_JITTER = SystemRandom()


@export("stomp_asyncio")
class Connection(AsyncConnection):
    __doc__ = AsyncConnection.__doc__


@export("stomp_asyncio")
@explained
def connect(
    endpoints: EndpointSource,
    login: str | Callable[[], str | Awaitable[str]] | None = None,
    passcode: str | Callable[[], str | Awaitable[str]] | None = None,
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
    headers: HeaderSource | Callable[[], HeaderSource | Awaitable[HeaderSource]] = (),
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
) -> ConnectContext[Connection]:
    """Connect to a broker: ``async with connect(...) as connection``.

    The block begins when the broker has answered CONNECTED; at its end the
    connection is closed gracefully. ``connection = await connect(...)`` does
    the same without a block: then call ``close()`` yourself. A connection that
    is lost is replaced in the background, together with its subscriptions; see
    ``reconnect``. All times are in seconds.

    If ``login``, ``passcode`` or ``headers`` is a function, it is called
    before every attempt to connect, in that order; it may be ``async``. If it
    raises, the attempt fails. If the broker refuses the credentials, the
    functions are asked once more at once.

    >>> import asyncio
    >>> from stomp_testing import Broker
    >>> async def main(url):
    ...     async with connect(url) as connection:
    ...         await connection.send("/queue/a", "hello", receipt=True)
    ...         async with connection.subscribe("/queue/a") as messages:
    ...             print((await messages.receive(timeout=10)).text)
    >>> with Broker() as broker:
    ...     asyncio.run(main(broker.url))
    hello

    Args:
        endpoints: where the broker listens: ``"stomp://host:61613"``;
            ``stomp+ssl://`` is TLS, ``ws://`` and ``wss://`` are WebSocket,
            ``stomp+unix:///path`` is a Unix socket. A list of URLs, or one
            string with commas, is a failover list in order of preference. See
            :meth:`.Endpoint.parse`.
        login: the user name, or a function without arguments, ``async`` or
            not, that returns it. Default: that of the URL.
        passcode: the password, or a function that returns it, for tokens that
            expire. Default: that of the URL, unless ``login`` is given. It is
            never shown in a log, an error or a repr.
        ssl_context: the TLS settings for ``stomp+ssl://`` and ``wss://``.
            Default: a context that verifies the certificate and the name of
            the server.
        ca_file: a PEM file with the certificate authorities to trust. Default:
            those of the system.
        cert_file: a PEM file with the client's certificate and its chain, for
            a broker that asks for one.
        key_file: a PEM file with the private key of ``cert_file``, if that
            does not contain it. For an encrypted key, pass an ``ssl_context``.
        server_hostname: the name that the server's certificate must have.
            Default: the host of the URL.
        dial: an ``async`` function ``dial(endpoint, protocol)`` that opens the
            byte stream in place of this library. It returns a transport made
            with ``protocol()``, or a connected socket. Any URL scheme is
            allowed. If the URL means TLS, this library adds it.
        proxy: the URL of a proxy, such as ``"socks5://localhost:1080"`` or
            ``"http://localhost:3128"``. Default, ``True``: the one that the
            environment names (``stomp_proxy``, ``all_proxy``, ``no_proxy``),
            if any. ``None``: no proxy.
        local_address: the IP address of this machine to connect from. Default:
            the operating system chooses.
        websocket: how to speak WebSocket with ``ws://`` and ``wss://`` URLs: a
            :class:`stomp_websocket.WebSocket` with HTTP headers such as
            ``Authorization``, an ``Origin``, or compression. Default: none of
            these.
        host: the virtual host, sent in CONNECT's ``host`` header (STOMP 1.2,
            "CONNECT or STOMP Frame"). Default: the path of the URL, otherwise
            ``"/"``.
        client_id: CONNECT's ``client-id`` header, by which ActiveMQ and
            Artemis identify durable subscribers. Default: not sent.
        heart_beat: the intervals to offer, ``(send, receive)``, in seconds,
            each up to an hour; 0 is never (STOMP 1.2, "Heart-beating").
        versions: the versions of STOMP to offer (STOMP 1.2, "Protocol
            Negotiation"). Default: 1.0, 1.1 and 1.2.
        headers: further headers of CONNECT, a mapping or pairs, or a function
            that returns them.
        reconnect: when to connect again, and when to give up. Default:
            ``Reconnect()``, which tries each URL once at first, and replaces a
            lost connection for as long as it takes. :meth:`.Reconnect.never`
            replaces none.
        connect_timeout: seconds for one attempt to dial, with TLS and with the
            functions for ``login``, ``passcode`` and ``headers``.
        handshake_timeout: seconds between the open connection and the broker's
            CONNECTED.
        receipt_timeout: seconds that an operation waits for the broker, unless
            its own ``timeout`` is given.
        close_timeout: seconds that closing gracefully may take.
        buffer_size: stop reading when received messages that nobody has taken
            fill this many bytes, so that TCP slows the broker down. Default:
            16 MiB.
        broker_profile: the broker's own headers and habits, such as
            ``RABBITMQ``. Default: recognised by the ``server`` header of
            CONNECTED.
        limits: size limits for received frames (STOMP 1.2, "Size Limits").
            Default: ``Limits()``.
        leniency: which violations by the broker are tolerated. Default:
            :meth:`.Leniency.brokers`, what RabbitMQ and ActiveMQ need.
        escape_connect: escape the headers of CONNECT. The specification
            forbids it, but RabbitMQ and ActiveMQ need it for a ``\\`` in a
            passcode.
        heart_beat_tolerance: how many of the broker's intervals may pass
            without a byte before the connection counts as lost; more than 1.
            ActiveMQ needs more than 2.
        heart_beat_pace: after which share of the client's interval without a
            byte sent a heart-beat leaves, from 0.1 to 1. ActiveMQ closes
            connections whose heart-beats leave at 1.
        listener: an observer: an object whose class inherits from
            :class:`.Listener`. Default: none.
        connect_frame: a CONNECT frame to send as it is, in place of the one
            made of ``login``, ``passcode``, ``host``, ``client_id``,
            ``heart_beat``, ``headers`` and the URL. Default: none.

    Returns:
        The connection, once it is entered or awaited. It belongs to the
        running event loop.

    Raises:
        AuthenticationFailed: the broker refused the login or the passcode. It
            is a ConnectFailed.
        ConnectFailed: no endpoint could be connected to. The text says why for
            each of them, and what to check. It is also an :class:`OSError`.
        TypeError: an option is of a wrong type.
        ValueError: an option is out of its range, a URL is not valid, options
            contradict each other, or an option could have no effect.
        OSError: ``ca_file``, ``cert_file`` or ``key_file`` cannot be read.
        LocalProtocolError: CONNECT cannot carry an option, or ``client_id``
            contradicts ``headers``.

    The last four are raised by the call itself, before anything is awaited.
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
    session = Session(config, make_delivery=AsyncMessage, rng=_JITTER)
    return ConnectContext(_connect(session, options))


async def _connect(session: Session, options: TransportOptions) -> Connection:
    engine = Engine(session, options)
    engine.start()
    try:
        await engine.wait(session.opened)
    except BaseException:
        engine.abort()
        await engine.join()
        raise
    return Connection(engine)
