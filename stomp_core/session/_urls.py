"""URLs of brokers: endpoints and credentials. No text made from them contains a passcode."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from .._records import field, record, replace
from ._url_mistakes import host_and_port, not_a_url, suggestion, unreadable
from ._url_schemes import EXAMPLE, KINDS, SCHEME, Kind

if TYPE_CHECKING:
    from urllib.parse import SplitResult

__all__ = ["Credentials", "Endpoint", "EndpointSource", "parse_endpoints"]


_NAMES = {"\n": "a line feed", "\r": "a carriage return", "\t": "a tab", "\0": "NUL", "\x1b": "ESC"}
_REQUEST_TARGET = re.compile(r"(?:[/?][!-~]*)?")
_BETWEEN_URLS = re.compile(r"\s*,\s*(?=[A-Za-z][A-Za-z0-9+.-]*://)")


@record
class Credentials:
    """A login and its passcode. The repr does not show the passcode.

    Attributes:
        login: the user name; ``None`` if there is none.
        passcode: the password; ``None`` if there is none.
    """

    login: str | None = None
    passcode: str | None = field(default=None, repr=False)


@record
class Endpoint:
    """Where a broker listens.

    ``str(endpoint)`` is its URL without credentials, and without the query, which may contain some.

    Any scheme is allowed, as in ``Endpoint("serial", path="/dev/ttyS0")``, for a dialler or an adapter that knows it.

    Attributes:
        scheme: ``"stomp"``, ``"stomp+ssl"``, ``"stomp+unix"``, ``"ws"`` or ``"wss"``; or one of an adapter's own, in
            lower case.
        host: the name or address; ``""`` for a Unix socket.
        port: the TCP port; 0 for a Unix socket.
        path: the path of the Unix socket, or of the WebSocket's URL with its query; otherwise ``""``.
        virtual_host: the STOMP ``host`` header that the path of the URL names; ``None`` if there is no path.
        credentials: the login and the passcode of the URL; ``str()`` and ``repr()`` do not show them.

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
        if not SCHEME.fullmatch(self.scheme) or self.scheme != self.scheme.lower():
            raise ValueError(
                "the scheme of an Endpoint must be letters, digits, '+', '-' and '.', in lower case, as in "
                f"Endpoint('stomp', 'localhost', 61613), got {self.scheme!r}"
            )
        if self.transport == "unix" and not self.path:
            raise ValueError(f"an Endpoint of scheme {self.scheme!r} needs a path")
        if self.transport in ("tcp", "websocket") and not self.host:
            raise ValueError(f"an Endpoint of scheme {self.scheme!r} needs a host")
        if self.transport == "websocket" and not _REQUEST_TARGET.fullmatch(self.path):
            # It goes into the first line of an HTTP request as it is, and may contain a token.
            raise ValueError(
                f"the path and the query of a {self.scheme}:// URL must begin with '/' and be ASCII without spaces: "
                "percent-encode other characters, as in %20"
            )

    @classmethod
    def parse(cls, url: str, *, any_scheme: bool = False) -> Endpoint:
        """Parse a URL.

        ``stomp://login:passcode@host:61613/virtual-host``, and ``stomp+ssl://`` for TLS (port 61614); the virtual host
        is percent-encoded, as in AMQP's URLs. ``stomp+unix:///path/to/socket`` for a Unix socket.
        ``ws://host:15674/ws`` and ``wss://`` for WebSocket.

        Args:
            url: the URL.
            any_scheme: also accept schemes that are not known here, such as ``serial:///dev/ttyS0``, which a dialler of
                the caller knows.

        Returns:
            The endpoint.

        Raises:
            TypeError: ``url`` is not a ``str``.
            ValueError: the URL is not valid. The text says why, without repeating any credentials.

        >>> endpoint = Endpoint.parse("stomp+ssl://guest:secret@localhost/sales")
        >>> endpoint.host, endpoint.port, endpoint.secure, endpoint.virtual_host, str(endpoint)
        ('localhost', 61614, True, 'sales', 'stomp+ssl://localhost:61614')
        """
        if not isinstance(url, str):
            raise not_a_url(url)
        from urllib.parse import unquote, urlsplit

        _refuse_control_characters(url)
        scheme, colon, _ = url.partition("://")
        kind = KINDS.get(scheme.lower())
        if not colon or (kind is None and not (any_scheme and SCHEME.fullmatch(scheme))):
            raise ValueError(suggestion(url))
        scheme = scheme.lower()
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError(unreadable(scheme, url)) from None
        credentials = None
        if parts.username or parts.password is not None:
            passcode = None if parts.password is None else unquote(parts.password)
            credentials = Credentials(unquote(parts.username or ""), passcode)
        if kind is None:
            query = f"?{parts.query}" if parts.query else ""
            return cls(scheme, parts.hostname or "", port or 0, parts.path + query, credentials=credentials)
        _refuse_extras(scheme, kind, parts)
        if kind.transport == "unix":
            path = unquote(parts.path)
            if parts.hostname or not path.startswith("/"):
                raise ValueError("a stomp+unix:// URL has the form stomp+unix:///absolute/path/of/the/socket")
            return cls(scheme, path=path, credentials=credentials)
        if not parts.hostname:
            raise ValueError(f"a {scheme}:// URL needs a host, as in {scheme}://localhost:{kind.port}")
        if any(character.isspace() for character in parts.hostname):
            raise ValueError(f"the host of a {scheme}:// URL contains a space")
        if ";" in parts.hostname:
            raise ValueError(
                f"the host of a {scheme}:// URL contains a ';': separate URLs by a comma, or pass a list of them"
            )
        if port == 0:
            raise ValueError(f"port 0 cannot be connected to; the usual port of {scheme}:// is {kind.port}")
        if "@" in parts.path and "@" not in parts.netloc and kind.transport == "tcp":
            # "stomp://user:1/2@host" reads as the host "user": better to ask than to connect to it.
            raise ValueError(
                f"a {scheme}:// URL has an '@' behind a '/': percent-encode '/' as %2F in a passcode, '@' as %40 in a "
                "virtual host"
            )
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
        kind = KINDS.get(self.scheme)
        return self.scheme if kind is None else kind.transport

    @property
    def secure(self) -> bool:
        """Whether the scheme means TLS."""
        kind = KINDS.get(self.scheme)
        return kind is not None and kind.secure

    def __str__(self) -> str:
        if self.transport == "unix":
            return f"{self.scheme}://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port or self.scheme in KINDS else ""
        path, question_mark, _ = self.path.partition("?")
        return f"{self.scheme}://{host}{port}{path}{question_mark and '?...'}"

    def __repr__(self) -> str:
        virtual_host = "" if self.virtual_host is None else f", virtual host {self.virtual_host!r}"
        return f"<Endpoint {self}{virtual_host}>"


EndpointSource = str | Endpoint | Iterable[str | Endpoint]


def parse_endpoints(source: EndpointSource, *, any_scheme: bool = False) -> tuple[Endpoint, ...]:
    """Return the endpoints in order of preference.

    Args:
        source: a URL, several URLs separated by commas, an :class:`Endpoint`, or any sequence of these.
        any_scheme: also accept schemes that are not known here, which a dialler of the caller knows.

    Raises:
        TypeError: ``source`` is neither a URL nor a sequence of URLs.
        ValueError: a URL is not valid, or there is none.
    """
    if isinstance(source, Endpoint):
        return (source,)
    if isinstance(source, str):
        text = source.strip(" ")
        if text.lower().startswith("failover:"):
            raise ValueError(suggestion(text))
        return tuple(Endpoint.parse(url, any_scheme=any_scheme) for url in _BETWEEN_URLS.split(text))
    given: object = source
    if isinstance(given, (bytes, Mapping)) or not isinstance(given, Iterable) or hasattr(given, "geturl"):
        raise not_a_url(given)
    entries = list(given)
    for entry in entries:
        if not isinstance(entry, (str, Endpoint)):
            raise not_a_url(entries if host_and_port(entries) else entry)
    endpoints = tuple(
        endpoint for entry in entries for endpoint in parse_endpoints(entry, any_scheme=any_scheme)
    )
    if not endpoints:
        raise ValueError(f"at least one URL is needed, such as '{EXAMPLE}', got none")
    return endpoints


def _refuse_control_characters(url: str) -> None:
    # urlsplit() drops some of them without a word.
    for position, char in enumerate(url):
        if not char.isprintable():
            raise ValueError(
                f"the URL contains {_NAMES.get(char, 'a control character')} ({char!a}, character {position + 1} of "
                f"{len(url)}): remove it, or write it percent-encoded if it belongs to the passcode or the path"
            )


def _refuse_extras(scheme: str, kind: Kind, parts: SplitResult) -> None:
    if parts.fragment:
        raise ValueError(f"a {scheme}:// URL has no #fragment; percent-encode '#' as %23")
    if parts.query and kind.transport != "websocket":
        raise ValueError(
            f"a {scheme}:// URL has no ?query; settings are arguments of connect(), and a '?' is written %3F"
        )
