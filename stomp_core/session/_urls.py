"""URLs of brokers: endpoints and credentials. No text made from them contains a passcode."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

__all__ = ["Credentials", "Endpoint", "EndpointSource", "check_endpoints", "parse_endpoints"]


class _Kind(NamedTuple):
    """The transport that a URL scheme means."""

    transport: str  # "tcp", "unix" or "websocket"
    secure: bool
    port: int | None


_KINDS = {
    "stomp": _Kind("tcp", False, 61613),
    "stomp+ssl": _Kind("tcp", True, 61614),
    "stomp+unix": _Kind("unix", False, None),
    "ws": _Kind("websocket", False, 80),
    "wss": _Kind("websocket", True, 443),
}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_NAMES = {"\n": "a line feed", "\r": "a carriage return", "\t": "a tab", "\0": "NUL", "\x1b": "ESC"}
_BETWEEN_URLS = re.compile(r"\s*,\s*(?=[A-Za-z][A-Za-z0-9+.-]*://)")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A login and its passcode. The repr does not show the passcode."""

    login: str | None = None
    passcode: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class Endpoint:
    """Where a broker listens.

    ``str(endpoint)`` is its URL without credentials, and without the query, which may contain some.

    An adapter of your own may have endpoints with a scheme of its own, as in ``Endpoint("serial", path="/dev/ttyS0")``.
    The adapters of this library refuse them.

    Attributes:
        scheme: ``"stomp"``, ``"stomp+ssl"``, ``"stomp+unix"``, ``"ws"`` or ``"wss"``; or one of an adapter's own, in
            lower case.
        host: name or address; ``""`` for a Unix socket.
        port: TCP port; 0 for a Unix socket.
        path: of the Unix socket, or of the WebSocket's URL with its query; otherwise ``""``.
        virtual_host: the STOMP ``host`` header that the path of the URL names; ``None`` if there is no path.
        credentials: from the URL; not shown in ``str()`` and ``repr()``.

    Raises:
        TypeError: the scheme, the host or the path is not a ``str``.
        ValueError: the scheme cannot be one, or what its transport needs is missing.
    """

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""
    virtual_host: str | None = None
    credentials: Credentials | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name in ("scheme", "host", "path"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise TypeError(f"the {name} of an Endpoint must be a str, got {type(value).__name__}")
        if not _SCHEME.fullmatch(self.scheme) or self.scheme != self.scheme.lower():
            raise ValueError(
                "the scheme of an Endpoint must be letters, digits, '+', '-' and '.', in lower case, as in "
                f"Endpoint('stomp', 'localhost', 61613), got {self.scheme!r}"
            )
        if self.transport == "unix" and not self.path:
            raise ValueError(f"an Endpoint of scheme {self.scheme!r} needs a path")
        if self.transport in ("tcp", "websocket") and not self.host:
            raise ValueError(f"an Endpoint of scheme {self.scheme!r} needs a host")

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Parse a URL.

        ``stomp://login:passcode@host:61613/virtual-host`` and ``stomp+ssl://`` alike (port 61614), the virtual host
        percent-encoded as in AMQP's URLs; ``stomp+unix:///path/to/socket``; ``ws://host:15674/ws`` and ``wss://``.

        Raises:
            ValueError: the URL is not valid; the text says why, without repeating any credentials.
        """
        _refuse_control_characters(url)
        scheme, colon, _ = url.partition("://")
        kind = _KINDS.get(scheme.lower())
        if not colon or kind is None:
            # Without a valid scheme the text may begin with credentials: do not quote it.
            named = colon and _SCHEME.fullmatch(scheme)
            shown = f"{scheme!r} is not a STOMP URL scheme" if named else "the URL has no scheme"
            raise ValueError(f"{shown}; use one of {', '.join(f'{name}://' for name in _KINDS)}")
        scheme = scheme.lower()
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError(
                f"the port or host of a {scheme}:// URL cannot be parsed; is a character of the passcode "
                "(such as '/', '#', '?' or '@') not percent-encoded?"
            ) from None
        _refuse_extras(scheme, kind, parts)
        credentials = None
        if parts.username or parts.password is not None:
            passcode = None if parts.password is None else unquote(parts.password)
            credentials = Credentials(unquote(parts.username or ""), passcode)
        if kind.transport == "unix":
            path = unquote(parts.path)
            if parts.hostname or not path.startswith("/"):
                raise ValueError("a stomp+unix:// URL has the form stomp+unix:///absolute/path/of/the/socket")
            return cls(scheme, path=path, credentials=credentials)
        if not parts.hostname:
            raise ValueError(f"a {scheme}:// URL needs a host, as in {scheme}://localhost:{kind.port}")
        if port == 0:
            raise ValueError("port 0 cannot be connected to")
        path = ""
        virtual_host = None
        if kind.transport == "websocket":
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        elif parts.path not in ("", "/"):
            virtual_host = unquote(parts.path[1:])
        return cls(scheme, parts.hostname, port or kind.port or 0, path, virtual_host, credentials)

    def without_secrets(self) -> Endpoint:
        """Return this endpoint without credentials and query, for what is stored or shown."""
        return replace(self, credentials=None, path=self.path.partition("?")[0])

    @property
    def transport(self) -> str:
        """``"tcp"``, ``"unix"`` or ``"websocket"``; the scheme itself if it is one of an adapter's own."""
        kind = _KINDS.get(self.scheme)
        return self.scheme if kind is None else kind.transport

    @property
    def secure(self) -> bool:
        """Whether the scheme means TLS."""
        kind = _KINDS.get(self.scheme)
        return kind is not None and kind.secure

    def __str__(self) -> str:
        if self.transport == "unix":
            return f"{self.scheme}://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port or self.scheme in _KINDS else ""
        path, question_mark, _ = self.path.partition("?")
        return f"{self.scheme}://{host}{port}{path}{question_mark and '?...'}"

    def __repr__(self) -> str:
        virtual_host = "" if self.virtual_host is None else f", virtual host {self.virtual_host!r}"
        return f"<Endpoint {self}{virtual_host}>"


EndpointSource = str | Endpoint | Iterable[str | Endpoint]


def parse_endpoints(source: EndpointSource) -> tuple[Endpoint, ...]:
    """Return the endpoints in order of preference.

    Args:
        source: a URL, several URLs separated by commas, an :class:`Endpoint`, or any sequence of these.

    Raises:
        ValueError: a URL is not valid, or there is none.
    """
    if isinstance(source, Endpoint):
        return (source,)
    if isinstance(source, str):
        return tuple(Endpoint.parse(url) for url in _BETWEEN_URLS.split(source.strip(" ")))
    endpoints = tuple(endpoint for entry in source for endpoint in parse_endpoints(entry))
    if not endpoints:
        raise ValueError("at least one URL is needed")
    return endpoints


def check_endpoints(source: EndpointSource, transports: tuple[str, ...], *, ssl_context_given: bool) -> None:
    """Check, before anything is dialled, that an adapter can connect to these endpoints as the caller means it.

    Args:
        source: the endpoints.
        transports: the transports of the adapter, as :attr:`Endpoint.transport` names them.
        ssl_context_given: whether the caller passed an SSL context, and so expects TLS everywhere.

    Raises:
        ValueError: an endpoint has another transport, or is plaintext although TLS is expected.
    """
    for endpoint in parse_endpoints(source):
        if endpoint.transport not in transports:
            raise ValueError(f"{endpoint}: {endpoint.scheme}:// is not available here")
        if ssl_context_given and not endpoint.secure and endpoint.transport != "unix":
            raise ValueError(
                f"{endpoint}: an ssl_context was given, but this URL means plaintext; use "
                f"{'wss' if endpoint.transport == 'websocket' else 'stomp+ssl'}:// for TLS"
            )


def _refuse_control_characters(url: str) -> None:
    # urlsplit() drops some of them without a word.
    for position, char in enumerate(url):
        if not char.isprintable():
            raise ValueError(
                f"the URL contains {_NAMES.get(char, 'a control character')} ({char!a}, character {position + 1} of "
                f"{len(url)}): remove it, or write it percent-encoded if it belongs to the passcode or the path"
            )


def _refuse_extras(scheme: str, kind: _Kind, parts: SplitResult) -> None:
    if parts.fragment:
        raise ValueError(f"a {scheme}:// URL has no #fragment; percent-encode '#' as %23")
    if parts.query and kind.transport != "websocket":
        raise ValueError(
            f"a {scheme}:// URL has no ?query; settings are arguments of connect(), and a '?' is written %3F"
        )
