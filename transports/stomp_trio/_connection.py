"""connect() and Connection: the asynchronous API of :mod:`stomp_core.adapter`, on the engine of this package."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from random import SystemRandom
from types import TracebackType
from typing import TYPE_CHECKING, Never

import trio

from stomp_core import HeaderSource, Leniency, Limits
from stomp_core.adapter import AsyncConnection, AsyncMessage, TransportOptions, explained, export, refuse_use
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
from ._groups import is_cancelled, raise_unwrapped

__all__ = ["Connection", "ConnectionNursery", "connect"]

# One for all connections: the state of each Random takes 2.5 KiB. Unlike the functions of the module it is not the
# same in every process of a program that calls random.seed().
_JITTER = SystemRandom()


@export("stomp_trio")
class Connection(AsyncConnection):
    __doc__ = AsyncConnection.__doc__


@export("stomp_trio")
class ConnectionNursery:
    """The result of ``connect()``: a connection and the nursery of its tasks, for one ``async with``.

    Args:
        session: the session of the connection.
        options: how to connect to an endpoint.
    """

    def __init__(self, session: Session, options: TransportOptions) -> None:
        self._engine = Engine(session, options)
        self._connection = Connection(self._engine)
        self._nursery: AbstractAsyncContextManager[trio.Nursery]
        self._crash: Exception | None = None  # of the engine, which is a mistake in this library

    if not TYPE_CHECKING:  # type checkers report these by themselves

        def __getattr__(self, name: str) -> Never:
            if name.startswith("__"):
                raise AttributeError(name)
            raise AttributeError(
                f"connect(...) has no connection yet, so no {name!r}: write 'async with connect(...) as connection'"
            )

        __enter__ = __exit__ = refuse_use(
            "a trio connection is asynchronous: write 'async with connect(...) as connection'"
        )
        __await__ = refuse_use(
            "a trio connection has tasks, which need a block to live in: write 'async with connect(...) as connection' "
            "in place of await"
        )

    async def _drive(self) -> None:
        try:
            await self._engine.live()
        except Exception as error:
            self._crash = error
            raise

    async def __aenter__(self) -> Connection:
        self._nursery = trio.open_nursery()  # not before: connect() may be called where trio does not run
        nursery = await self._nursery.__aenter__()
        nursery.start_soon(self._drive)
        try:
            await self._engine.wait(self._engine.session.opened)
        except BaseException as error:
            await self._leave(error)
            raise
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.note_end_of_block()
        try:
            await self._connection.close()
        except BaseException as raised:
            if error is None or not isinstance(raised, trio.Cancelled):
                await self._leave(raised)
                raise
        await self._leave(error)

    async def _leave(self, error: BaseException | None) -> None:
        """Wait until the tasks have ended. What the block raised belongs to the caller, who raises it as it is.

        The nursery gets to see it only if it may be what the nursery itself has cancelled the block with.
        """
        self._engine.abort()
        seen = error if error is not None and is_cancelled(error) else None
        raised: BaseException | None = None
        try:
            if seen is None:
                await self._nursery.__aexit__(None, None, None)
            else:
                await self._nursery.__aexit__(type(seen), seen, seen.__traceback__)
        except BaseException as group:
            raised = group
        if self._crash is not None:
            raise_unwrapped(self._crash)
        elif raised is not None and error is None:
            raise_unwrapped(raised)


@export("stomp_trio")
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
) -> ConnectionNursery:
    """Connect to a broker: ``async with connect(...) as connection``.

    The block begins when the broker has answered CONNECTED; at its end the
    connection is closed gracefully. What the block raises comes out as it is,
    in no exception group. A connection that is lost is replaced in the
    background, together with its subscriptions; see ``reconnect``. All times
    are in seconds.

    If ``login``, ``passcode`` or ``headers`` is a function, it is called
    before every attempt to connect, in that order; it may be ``async``. If it
    raises, the attempt fails. If the broker refuses the credentials, the
    functions are asked once more at once.

    >>> import trio
    >>> from stomp_testing import Broker
    >>> async def main(url):
    ...     async with connect(url) as connection:
    ...         await connection.send("/queue/a", "hello", receipt=True)
    ...         async with connection.subscribe("/queue/a") as messages:
    ...             print((await messages.receive(timeout=10)).text)
    >>> with Broker() as broker:
    ...     trio.run(main, broker.url)
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
        dial: an ``async`` function ``dial(endpoint)`` that opens the byte
            stream in place of this library and returns a
            :class:`trio.abc.Stream` or a connected socket. Any URL scheme is
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
        An async context manager that opens the connection for one block.

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
    return ConnectionNursery(session, options)
