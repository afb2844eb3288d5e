"""Config: the options of a session, checked once, before anything is dialled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from math import inf
from typing import Any

from .._arguments import (
    check_instance,
    check_number,
    check_seconds,
    check_text,
    check_whole,
    is_number,
    shown,
)
from .._callbacks import check_accepts_none, deferred_kind
from .._hints import explained
from .._records import field, record, replace
from ..errors import ErrorCode, LocalProtocolError
from ..protocol import ClientConnection, Connect, Event, check_versions
from ..wire import ALL_VERSIONS, Headers, HeaderSource, Leniency, Limits
from ._broker_profiles import BrokerProfile
from ._byte_layer import AnsweredFactory, ByteLayerFactory, load_websocket
from ._listener import Listener, check_listener
from ._masking import secrets_in
from ._reconnect import Reconnect
from ._urls import Credentials, Endpoint, EndpointSource, parse_endpoints

__all__ = ["Config"]

_HOUR = 3600.0  # an interval above that was meant in milliseconds
_MAY_BE_FUNCTIONS = ("login", "passcode", "headers")
_WEBSOCKET_HEADERS = "WebSocket.headers"


@explained
@record
class Config:
    """The options of ``connect()`` and of :class:`~stomp_core.Session`.

    If ``login``, ``passcode`` or ``headers`` is a function, it is called before every attempt to connect, in that
    order; see ``stomp_core.session.Questions``. If it raises, the attempt fails. All times are in seconds.

    Attributes:
        endpoints: where the broker listens: ``"stomp://host:61613"``; ``stomp+ssl://`` is TLS, ``ws://`` and
            ``wss://`` are WebSocket, ``stomp+unix:///path`` is a Unix socket. A list of URLs, or one string with
            commas, is a failover list in order of preference. See :meth:`.Endpoint.parse`.
        login: the user name, or a function without arguments, ``async`` or not, that returns it. Default: that of the
            URL.
        passcode: the password, or a function that returns it, for tokens that expire. Default: that of the URL,
            unless ``login`` is given. It is never shown in a log, an error or a repr.
        websocket: how to speak WebSocket with ``ws://`` and ``wss://`` URLs: a :class:`stomp_websocket.WebSocket`
            with HTTP headers such as ``Authorization``, an ``Origin``, or compression. Default: none of these.
        host: the virtual host, sent in CONNECT's ``host`` header (STOMP 1.2, "CONNECT or STOMP Frame"). Default: the
            path of the URL, otherwise ``"/"``.
        client_id: CONNECT's ``client-id`` header, by which ActiveMQ and Artemis identify durable subscribers.
            Default: not sent.
        heart_beat: the intervals to offer, ``(send, receive)``, in seconds, each up to an hour; 0 is never (STOMP
            1.2, "Heart-beating").
        versions: the versions of STOMP to offer (STOMP 1.2, "Protocol Negotiation"). Default: 1.0, 1.1 and 1.2.
        headers: further headers of CONNECT, a mapping or pairs, or a function that returns them.
        reconnect: when to connect again, and when to give up. Default: ``Reconnect()``, which tries each URL once at
            first, and replaces a lost connection for as long as it takes. :meth:`.Reconnect.never` replaces none.
        connect_timeout: seconds for one attempt to dial, with TLS and with the functions for ``login``, ``passcode``
            and ``headers``.
        handshake_timeout: seconds between the open connection and the broker's CONNECTED.
        receipt_timeout: seconds that an operation waits for the broker, unless its own ``timeout`` is given.
        close_timeout: seconds that closing gracefully may take.
        buffer_size: stop reading when received messages that nobody has taken fill this many bytes, so that TCP slows
            the broker down. Default: 16 MiB.
        broker_profile: the broker's own headers and habits, such as ``RABBITMQ``. Default: recognised by the
            ``server`` header of CONNECTED.
        limits: size limits for received frames (STOMP 1.2, "Size Limits"). Default: ``Limits()``.
        leniency: which violations by the broker are tolerated. Default: :meth:`.Leniency.brokers`, what RabbitMQ and
            ActiveMQ need.
        escape_connect: escape the headers of CONNECT. The specification forbids it, but RabbitMQ and ActiveMQ need it
            for a ``\\`` in a passcode.
        heart_beat_tolerance: how many of the broker's intervals may pass without a byte before the connection counts
            as lost; more than 1. ActiveMQ needs more than 2.
        heart_beat_pace: after which share of the client's interval without a byte sent a heart-beat leaves, from 0.1
            to 1. ActiveMQ closes connections whose heart-beats leave at 1.
        listener: an observer: an object whose class inherits from :class:`.Listener`. Default: none.
        connect_frame: a CONNECT frame to send as it is, in place of the one made of ``login``, ``passcode``,
            ``host``, ``client_id``, ``heart_beat``, ``headers`` and the URL. Default: none. With the leniency
            ``unchecked_conversation`` it may be any other frame, for RabbitMQ's implicit connect.

    Raises:
        TypeError: an option is of a wrong type.
        ValueError: an option is out of its range, or a URL is not valid.
        LocalProtocolError: CONNECT cannot carry an option, or two of them contradict each other.
    """

    endpoints: EndpointSource = field(repr=False)  # a URL may contain the passcode
    login: str | Callable[[], str | Awaitable[str]] | None = None
    passcode: str | Callable[[], str | Awaitable[str]] | None = field(default=None, repr=False)
    websocket: ByteLayerFactory | None = field(default=None, kw_only=True, repr=False)
    host: str | None = field(default=None, kw_only=True)
    client_id: str | None = field(default=None, kw_only=True)
    heart_beat: tuple[float, float] = field(default=(10.0, 10.0), kw_only=True)
    versions: Iterable[str] = field(default=ALL_VERSIONS, kw_only=True)
    headers: HeaderSource | Callable[[], HeaderSource | Awaitable[HeaderSource]] = field(
        default=(), kw_only=True
    )
    reconnect: Reconnect | None = field(default=None, kw_only=True)
    connect_timeout: float = field(default=10.0, kw_only=True)
    handshake_timeout: float = field(default=10.0, kw_only=True)
    receipt_timeout: float = field(default=30.0, kw_only=True)
    close_timeout: float = field(default=10.0, kw_only=True)
    buffer_size: int = field(default=16 * 1024 * 1024, kw_only=True)
    broker_profile: BrokerProfile | None = field(default=None, kw_only=True)
    limits: Limits | None = field(default=None, kw_only=True)
    leniency: Leniency | None = field(default=None, kw_only=True)
    escape_connect: bool = field(default=False, kw_only=True)
    heart_beat_tolerance: float = field(default=2.5, kw_only=True)
    heart_beat_pace: float = field(default=0.8, kw_only=True)
    listener: Listener | None = field(default=None, kw_only=True)
    connect_frame: Event | None = field(default=None, kw_only=True)
    #: The endpoints, parsed.
    parsed_endpoints: tuple[Endpoint, ...] = field(init=False)
    #: The policy in force.
    reconnect_policy: Reconnect = field(init=False, repr=False)
    #: The options that are functions, in the order in which they are asked.
    functions: Mapping[str, Callable[[], Any]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # The URL first: connect("localhost", 61613) is better refused for it than for a login that is a number.
        endpoints = parse_endpoints(self.endpoints)
        self._check_types()
        # The dataclass is frozen, and these are computed: iterables are read once, here.
        computed: dict[str, Any] = {
            "websocket": _websocket_for(endpoints, self.websocket),
            "parsed_endpoints": endpoints,
            "reconnect_policy": Reconnect() if self.reconnect is None else self.reconnect,
            "versions": check_versions(self.versions),
        }
        if not callable(self.headers):
            computed["headers"] = Headers(self.headers)
        for name, value in computed.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "functions", self._find_functions())
        if self.functions:
            # Answers are checked when they come. Everything else is checked now, as if all were answered well.
            samples = {"login": "login", "passcode": "passcode", "headers": (), _WEBSOCKET_HEADERS: ()}
            self.with_answers({name: samples[name] for name in self.functions})
            return
        in_headers = self._own_headers.get("client-id")
        if in_headers is not None and self.client_id is not None and in_headers != self.client_id:
            raise LocalProtocolError(
                f"header 'client-id' is given twice, as {self.client_id!r} and {in_headers!r}",
                code=ErrorCode.HEADER_CLASH,
            )
        # Serialized once now, so that a wrong option is an error of this call and not of a later handshake.
        for endpoint in self.parsed_endpoints:
            self.new_connection().send(self.make_connect(endpoint))

    def __repr__(self) -> str:
        from dataclasses import fields

        shown = []
        for entry in fields(self):
            if entry.repr:
                # The repr of a functools.partial shows its arguments, a token perhaps.
                value = "<function>" if entry.name in self.functions else repr(getattr(self, entry.name))
                shown.append(f"{entry.name}={value}")
        return f"Config({', '.join(shown)})"

    def _check_types(self) -> None:
        """Raise for options that are of a wrong type or out of their range, where the parts do not check them."""
        for name in ("login", "passcode", "host", "client_id"):
            value = getattr(self, name)
            if name not in _MAY_BE_FUNCTIONS or not callable(value):
                check_text(name, value, secret=name == "passcode")
        if self.passcode is not None and self.login is None:
            raise ValueError(
                "passcode was given without login: give both, or both in the URL; login='' is an empty one"
            )
        numbers = {
            name: check_seconds(name, getattr(self, name), longest=_HOUR)
            for name in ("connect_timeout", "handshake_timeout", "close_timeout")
        }
        numbers["receipt_timeout"] = check_seconds("receipt_timeout", self.receipt_timeout)
        numbers["heart_beat_tolerance"] = check_number(
            "heart_beat_tolerance", self.heart_beat_tolerance, "intervals"
        )
        for name, number in numbers.items():  # as floats: a Decimal cannot be added to one
            object.__setattr__(self, name, number)
        check_whole("buffer_size", self.buffer_size, "bytes")
        if not isinstance(self.escape_connect, bool):
            raise TypeError(f"escape_connect must be True or False, got {shown(self.escape_connect)}")
        check_instance("reconnect", self.reconnect, Reconnect, _instead_of_reconnect(self.reconnect))
        if self.reconnect is not None:
            check_seconds("Reconnect.first_delay", self.reconnect.first_delay, longest=_HOUR, endless=False)
        check_instance(
            "broker_profile", self.broker_profile, BrokerProfile, "RABBITMQ, ACTIVEMQ, ARTEMIS or GENERIC"
        )
        check_instance(
            "listener",
            self.listener,
            Listener,
            "an object whose class inherits from Listener; messages are for subscription.run(handler)",
        )
        if self.listener is not None:
            check_listener(self.listener)
        check_instance("connect_frame", self.connect_frame, Event, "Connect(host=..., login=...)")

    def _find_functions(self) -> dict[str, Callable[[], Any]]:
        """Return the options that are functions, and check that they can be called."""
        options = {name: getattr(self, name) for name in _MAY_BE_FUNCTIONS}
        options[_WEBSOCKET_HEADERS] = getattr(self.websocket, "headers", None)
        functions = {name: value for name, value in options.items() if callable(value)}
        for name, function in functions.items():
            check_accepts_none(function, name)
            if deferred_kind(function) not in ("", "async"):
                raise TypeError(f"{name} must be a function that returns its answer, got one with a yield")
        if self.connect_frame is not None:  # then nobody needs the answers for CONNECT
            functions = {name: function for name, function in functions.items() if name == _WEBSOCKET_HEADERS}
        return functions

    def functions_for(self, endpoint: Endpoint) -> dict[str, Callable[[], Any]]:
        """Return the options that are functions, as far as they are needed to connect to an endpoint.

        Args:
            endpoint: the endpoint.
        """
        return {
            name: function
            for name, function in self.functions.items()
            if name != _WEBSOCKET_HEADERS or endpoint.transport == "websocket"
        }

    def refuse_async_functions(self) -> None:
        """Refuse options that are ``async`` functions, in an adapter that cannot await them.

        Raises:
            TypeError: an option is one.
        """
        for name, function in self.functions.items():
            if deferred_kind(function):
                # Without its name: the repr of an object that can be called may show a secret.
                raise TypeError(
                    f"{name} must be a plain function here, got an async function, which nobody would await: use "
                    "stomp_asyncio or stomp_trio, or one that returns the answer itself"
                )

    def with_answers(self, answers: Mapping[str, Any]) -> Config:
        """Return a copy in which the options that are functions have values, for one attempt to connect.

        Args:
            answers: the value of each option, by its name.

        Raises:
            TypeError: an answer is of a wrong type.
            ValueError: the handshake of a WebSocket cannot carry the answer.
            LocalProtocolError: CONNECT cannot carry the answers.
        """
        changes = {"endpoints": self.parsed_endpoints, **answers}
        headers = changes.pop(_WEBSOCKET_HEADERS, None)
        if headers is not None and self.websocket is not None:
            changes["websocket"] = factory = AnsweredFactory(self.websocket, headers)
            endpoint = next(entry for entry in self.parsed_endpoints if entry.transport == "websocket")
            factory.new_layer(endpoint, self.versions)  # raises what is wrong with them
        return replace(self, **changes)

    @property
    def _own_headers(self) -> Headers:
        return Headers() if callable(self.headers) else Headers(self.headers)

    @property
    def effective_client_id(self) -> str | None:
        """The ``client-id`` header of CONNECT, wherever it comes from; ``None`` if it has none."""
        if self.connect_frame is not None:
            return self.connect_frame.headers.get("client-id")
        return self.client_id if self.client_id is not None else self._own_headers.get("client-id")

    def new_connection(self) -> ClientConnection:
        """Return a new protocol state machine for one socket."""
        return ClientConnection(
            self.versions,
            limits=self.limits,
            leniency=self.leniency,
            escape_connect=self.escape_connect,
            heart_beat_tolerance=self.heart_beat_tolerance,
            heart_beat_pace=self.heart_beat_pace,
        )

    def layer_factory_for(self, endpoint: Endpoint | None) -> ByteLayerFactory | None:
        """Return what makes the byte layer of connections to an endpoint; ``None`` if there is none.

        Args:
            endpoint: the endpoint.
        """
        return self.websocket if endpoint is not None and endpoint.transport == "websocket" else None

    def make_connect(self, endpoint: Endpoint) -> Event:
        """Return the CONNECT frame for an endpoint, or the frame that is to be sent in its place.

        Args:
            endpoint: the endpoint.
        """
        if self.connect_frame is not None:
            return self.connect_frame
        credentials = self._credentials_for(endpoint)
        headers = self._own_headers
        pairs = headers.items()
        if self.client_id is not None and "client-id" not in headers:
            pairs.append(("client-id", self.client_id))
        host = self.host if self.host is not None else endpoint.virtual_host
        return Connect(
            # "/" is the default virtual host of RabbitMQ, which refuses unknown ones; ActiveMQ ignores the header.
            host="/" if host is None else host,
            login=credentials.login,
            passcode=credentials.passcode,
            heart_beat=_to_milliseconds(self.heart_beat),
            headers=pairs,
        )

    def secrets_for(self, endpoint: Endpoint) -> tuple[str, ...]:
        """Return the passcode and the tokens that are sent to an endpoint, which no text may contain.

        Args:
            endpoint: the endpoint.
        """
        headers = self.make_connect(endpoint).headers
        # A passcode that equals the login (guest, guest) is no secret, and the login is worth reading.
        return tuple(secret for secret in secrets_in(headers) if secret != headers.get("login"))

    def has_login(self, endpoint: Endpoint) -> bool:
        """Return whether a login that is not empty is sent to an endpoint.

        Args:
            endpoint: the endpoint.
        """
        return bool(self.make_connect(endpoint).headers.get("login"))

    def _credentials_for(self, endpoint: Endpoint) -> Credentials:
        if self.login is None and self.passcode is None:
            return endpoint.credentials or Credentials()
        # What a function would answer is unknown here.
        return Credentials(
            None if callable(self.login) else self.login, None if callable(self.passcode) else self.passcode
        )


def _websocket_for(
    endpoints: tuple[Endpoint, ...], factory: ByteLayerFactory | None
) -> ByteLayerFactory | None:
    """Check the option ``websocket``, and return the default one if it is needed.

    Raises:
        TypeError: it makes no layers.
        ValueError: it is for none of the endpoints, or it is needed and websockets is not installed.
    """
    wanted = any(endpoint.transport == "websocket" for endpoint in endpoints)
    if factory is None:
        return load_websocket() if wanted else None
    if isinstance(factory, type) or not callable(getattr(factory, "new_layer", None)):
        raise TypeError(
            f"websocket must be a stomp_websocket.WebSocket, got {shown(factory)}: write WebSocket(headers=...); the "
            "scheme ws:// or wss:// alone is enough for the defaults"
        )
    if not wanted:
        raise ValueError(
            "websocket=... was given, but no URL has the scheme ws:// or wss://, as in ws://localhost:15674/ws"
        )
    return factory


def _to_milliseconds(heart_beat: tuple[float, float]) -> tuple[int, int]:
    """Convert seconds of the API to milliseconds of the header.

    Raises:
        TypeError: not two numbers.
        ValueError: they are no seconds, each 0 or from a millisecond to an hour.
    """
    pair: object = heart_beat
    refusal = f"heart_beat must be two numbers of seconds, (send, receive), got {shown(pair)}"
    if pair is None or pair is False or pair == 0:
        raise TypeError(f"{refusal}: (0, 0) switches heart-beats off")
    if isinstance(pair, (str, bytes)) or not isinstance(pair, Iterable):
        raise TypeError(f"{refusal}: write (10, 10)")
    numbers = tuple(pair)
    if len(numbers) != 2:
        raise ValueError(refusal)
    if not all(map(is_number, numbers)):
        raise TypeError(f"{refusal}: write (10, 10)")
    sending, receiving = (float(number) for number in numbers)
    for seconds in (sending, receiving):
        if seconds != 0 and not 0.001 <= seconds < inf:
            raise ValueError(f"heart_beat is in seconds, each 0 or at least 0.001, got {shown(pair)}")
    if max(sending, receiving) > _HOUR:
        # Every other client takes milliseconds. In seconds these would be hours without a sign of life.
        raise ValueError(
            f"heart_beat is in seconds: ({sending / 1000:g}, {receiving / 1000:g}), not milliseconds "
            f"({sending:g}, {receiving:g}); at most an hour, 3600, is allowed"
        )
    return round(sending * 1000), round(receiving * 1000)


def _instead_of_reconnect(value: object) -> str:
    """Return what to pass in place of something that is no policy."""
    if value is False:
        return "Reconnect.never() does not replace a lost connection"
    if value is True:
        return "leave it out: to reconnect is the default"
    if isinstance(value, int):
        return f"Reconnect(rounds={value}) gives up after so many rounds"
    return "Reconnect(rounds=..., max_delay=...)"
