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
    """Connect to a broker: ``async with connect(...) as connection``. It closes gracefully at the end of the block.

    The block begins when the broker has answered CONNECTED. What it raises comes out as it is, in no exception group.

    Args:
        endpoints: where the broker is: a URL (``stomp://``, ``stomp+ssl://``, ``stomp+unix://``), or several in order
            of preference.
        login: the user, or a function without arguments, ``async`` or not, that returns it; by default that of the URL.
        passcode: its password, or a function that returns it, for tokens that expire; by default that of the URL. Such
            functions are asked at each attempt to connect, before anything is dialled and in the order of login,
            passcode, headers. What they raise makes the attempt fail. If the broker refuses what they answered, they
            are asked once more at once.
        ssl_context: for ``stomp+ssl://``; by default one that verifies the server's certificate and name.
        ca_file: a PEM file with the authorities to trust, in place of those of the system.
        cert_file: a PEM file with our own certificate and its chain, for a server that asks for one.
        key_file: a PEM file with the key of that certificate, if it is not in ``cert_file``.
        server_hostname: the name that the server's certificate must have; by default the host of the URL.
        dial: ``await dial(endpoint)`` connects in our place, and returns a :class:`trio.abc.Stream` or a connected
            socket; any URL scheme is allowed then. TLS inside it, if the URL means TLS, is ours.
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
            given with a URL that means plaintext. Raised by the call itself.
        LocalProtocolError: CONNECT cannot carry an option. Raised by the call itself.
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
