"""WebSocket: the options of a WebSocket, checked once, before anything is dialled."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stomp_core.session import Endpoint

from ._client import WebSocketClient

__all__ = ["SUBPROTOCOLS", "WebSocket"]

HeaderPairs = Mapping[str, str] | Iterable[tuple[str, str]]

#: The subprotocol of each version of STOMP.
SUBPROTOCOLS = {"1.0": "v10.stomp", "1.1": "v11.stomp", "1.2": "v12.stomp"}

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_ORIGIN = re.compile(r"null|[a-z][a-z0-9+.-]*://[!-~]+")
#: The headers of the handshake itself.
_OWN_HEADERS = frozenset(
    {
        "connection", "upgrade", "sec-websocket-accept", "sec-websocket-extensions", "sec-websocket-key",
        "sec-websocket-version", "content-length", "transfer-encoding",
    }
)  # fmt: skip
_DEFAULT_MAX_SIZE = 128 * 1024 * 1024 + 1024 * 1024  # a body as large as Limits allows, and its head


@dataclass(frozen=True, kw_only=True)
class WebSocket:
    """How to speak WebSocket: ``connect("wss://...", websocket=WebSocket(...))``. Without it the defaults apply.

    Attributes:
        headers: further headers of the HTTP request, such as ``Authorization`` and ``Cookie``: a mapping, or pairs. Or
            a function without arguments that returns them, ``async`` or not as the adapter is, which is called before
            every attempt to connect, in the same way as ``passcode``. No repr, log, pickle or error shows them.
        origin: the ``Origin`` header, as a browser sends it. Default: none.
        subprotocols: the names to offer in ``Sec-WebSocket-Protocol``. ``None``: ``v12.stomp``, ``v11.stomp`` and
            ``v10.stomp``, as far as the session speaks these versions. ``()``: none.
        compression: offer permessage-deflate (RFC 7692). It costs CPU, and a server may decline.
        max_size: how many bytes one received WebSocket frame may have at most, also when decompressed. It must be
            larger than the largest STOMP frame, because brokers send each as one WebSocket frame. Default: 129 MiB.
        text: ``None``: send frames that are UTF-8 as text messages, others as binary messages. ``True`` or ``False``:
            send all of them as text, or as binary. RabbitMQ closes the connection for a text message that is not UTF-8.
        message_size: send a STOMP frame that is longer than this many bytes as several messages, for servers that limit
            the size of a message, such as Spring's. ``None``: never. ActiveMQ needs one frame in one message.
        promise_heart_beats: ``False``: send heart-beats, but offer none in CONNECT, which RabbitMQ needs (see
            docs/how-to/websocket.md). ``None``: do that if the server calls itself ``Cowboy``, which is RabbitMQ's.

    Raises:
        TypeError: an option is of a wrong type.
        ValueError: an option is out of its range, or a header cannot be sent.
    """

    headers: HeaderPairs | Callable[[], HeaderPairs | Awaitable[HeaderPairs]] = field(default=(), repr=False)
    origin: str | None = None
    subprotocols: Iterable[str] | None = None
    compression: bool = False
    max_size: int = _DEFAULT_MAX_SIZE
    text: bool | None = None
    message_size: int | None = None
    promise_heart_beats: bool | None = None

    def __post_init__(self) -> None:
        if not callable(self.headers):
            object.__setattr__(self, "headers", _checked_headers(self.headers, self.origin))
        _check_origin(self.origin)
        if self.subprotocols is not None:
            object.__setattr__(self, "subprotocols", _checked_subprotocols(self.subprotocols))
        _check_flag("compression", self.compression)
        for name in ("text", "promise_heart_beats"):
            if (value := getattr(self, name)) is not None:
                _check_flag(name, value)
        _check_size("max_size", self.max_size)
        if self.message_size is not None:
            _check_size("message_size", self.message_size)

    def new_layer(
        self, endpoint: Endpoint, versions: Iterable[str], headers: HeaderPairs | None = None
    ) -> WebSocketClient:
        """Return a new layer, for one connection.

        Args:
            endpoint: the endpoint of the connection.
            versions: the versions of STOMP that the session offers.
            headers: the answer of :attr:`headers`, if that is a function and was called already.

        Raises:
            TypeError, ValueError: the headers that were answered cannot be sent.
        """
        own: Any = headers
        if own is None:
            own = self.headers() if callable(self.headers) else self.headers
        subprotocols = self.subprotocols
        if subprotocols is None:
            subprotocols = [SUBPROTOCOLS[version] for version in sorted(versions, reverse=True)]
        return WebSocketClient(
            endpoint,
            headers=_checked_headers(own, self.origin),
            origin=self.origin,
            subprotocols=tuple(subprotocols),
            compression=self.compression,
            max_size=self.max_size,
            text=self.text,
            message_size=self.message_size,
            promise_heart_beats=self.promise_heart_beats,
        )

    # A frozen object is its own copy; only pickling writes the headers down.
    def __copy__(self) -> WebSocket:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> WebSocket:
        return self

    def __getstate__(self) -> dict[str, Any]:
        if self.headers:
            raise TypeError(
                "a WebSocket with headers cannot be pickled, since they may contain a token: make it where it is used"
            )
        return dict(self.__dict__)


def _checked_headers(headers: object, origin: str | None) -> tuple[tuple[str, str], ...]:
    """Return headers as pairs. No text of an error contains a value.

    Raises:
        TypeError: they are no mapping and no pairs of text.
        ValueError: HTTP cannot carry one, or the handshake writes it itself.
    """
    refusal = (
        "headers of a WebSocket must be a mapping or pairs of str, as in {'Authorization': 'Bearer ...'}"
    )
    if isinstance(headers, Mapping):
        headers = headers.items()
    if isinstance(headers, (str, bytes)) or not isinstance(headers, Iterable):
        raise TypeError(f"{refusal}, got a value of type {type(headers).__name__}")
    pairs: list[tuple[str, str]] = []
    for pair in headers:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"{refusal}, got an item of type {type(pair).__name__} among them")
        name, value = pair
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"{refusal}, got {type(name).__name__} and {type(value).__name__} in a pair")
        if not _TOKEN.fullmatch(name):
            # A name that is no name may be a token in the wrong place.
            raise ValueError(
                "a header of a WebSocket has a name that HTTP does not allow: only letters, digits and -"
            )
        if not _VALUE.fullmatch(value):
            raise ValueError(
                f"header {name!r} of a WebSocket has a value that HTTP does not allow, such as a line end"
            )
        lower = name.lower()
        if lower in _OWN_HEADERS:
            raise ValueError(f"header {name!r} is written by the handshake itself: leave it out")
        if lower == "sec-websocket-protocol":
            raise ValueError(f"header {name!r} is written by the handshake itself: pass subprotocols=...")
        if lower == "origin" and origin is not None:
            raise ValueError("Origin is given twice, in origin= and in headers")
        pairs.append((name, value))
    return tuple(pairs)


def _checked_subprotocols(names: object) -> tuple[str, ...]:
    if isinstance(names, (str, bytes)) or not isinstance(names, Iterable):
        raise TypeError(f"subprotocols must be a list of str, such as ['v12.stomp'], got {names!r}")
    found = tuple(names)
    for name in found:
        if not isinstance(name, str):
            raise TypeError(f"subprotocols must be a list of str, got {name!r} in it")
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"a subprotocol must be one word, such as 'v12.stomp', got {name!r}")
    return found


def _check_origin(origin: object) -> None:
    refusal = f"origin must be a scheme and a host, as in 'https://example.com', got {origin!r}"
    if origin is not None and not isinstance(origin, str):
        raise TypeError(refusal)
    if origin is not None and not _ORIGIN.fullmatch(origin):
        raise ValueError(refusal)


def _check_flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}")


def _check_size(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number of bytes, got {value!r}")
    if value < 1024:
        raise ValueError(f"{name} must be at least 1024 bytes, got {value}")
