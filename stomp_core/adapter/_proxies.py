"""Proxies: which one leads to an endpoint, by its URL or by what the environment says.

The environment is read as by curl: ``<scheme>_proxy``, such as ``stomp_proxy``, for that scheme of URL; ``http_proxy``
for ``ws://`` and ``https_proxy`` for ``wss://``; then ``all_proxy``; and ``no_proxy`` has the hosts without one. All of
them may be in upper case. This machine itself is never reached through a proxy of the environment.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from .._records import field, record
from ..session import Endpoint

__all__ = ["ProxyServer", "check_proxy", "check_proxy_library", "proxy_of_environment"]

#: The schemes, and the port where the URL has none: as registered, and as browsers take it.
_SCHEMES = {"socks5": 1080, "socks5h": 1080, "socks4": 1080, "socks4a": 1080, "http": 80}
#: By scheme of the endpoint: the scheme in whose variable its proxy is looked for as well.
_AS_WEB = {"ws": ("http",), "wss": ("https",), "stomp": (), "stomp+ssl": ()}


@record
class ProxyServer:
    """A proxy, as its URL names it. ``str()`` and ``repr()`` do not show the credentials.

    Attributes:
        scheme: ``"socks5"`` and ``"socks4"`` resolve the broker's name here; ``"socks5h"`` and ``"socks4a"`` let the
            proxy resolve it, as ``"http"`` (CONNECT) does.
        host: the name or address of the proxy.
        port: the port of the proxy.
        user: the user name for its login; ``""`` if there is none.
        password: the password for its login; ``""`` if there is none.
    """

    scheme: str
    host: str
    port: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> ProxyServer:
        """Parse a URL that was checked before.

        Args:
            url: the URL.

        Returns:
            The proxy.
        """
        from urllib.parse import unquote, urlsplit

        parts = urlsplit(url)
        assert parts.hostname is not None
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(parts.scheme, parts.hostname, parts.port or _SCHEMES[parts.scheme], user, password)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def endpoint(self) -> Endpoint:
        """The proxy itself, to connect to as to a broker."""
        return Endpoint("stomp", self.host, self.port)

    def secrets(self) -> tuple[str, ...]:
        """Return the texts that must not be shown, longest first: the password, in each form in which it may appear."""
        if not self.password:
            return ()
        from urllib.parse import quote

        raw = f"{self.user}:{self.password}".encode()
        forms = {
            self.password,
            quote(self.password, safe=""),
            quote(self.password),
            b64encode(raw).decode("ascii"),
        }
        return tuple(sorted(forms, key=len, reverse=True))

    def library_arguments(self) -> dict[str, Any]:
        """Return the arguments of python-socks' ``Proxy``, of any world, for one that speaks SOCKS."""
        from python_socks import ProxyType

        return {
            "proxy_type": ProxyType.SOCKS5 if self.scheme.startswith("socks5") else ProxyType.SOCKS4,
            "host": self.host,
            "port": self.port,
            "username": self.user or None,
            "password": self.password or None,
            "rdns": self.scheme in ("socks5h", "socks4a"),
        }


def check_proxy(url: str, source: str = "proxy") -> None:
    """Check the URL of a proxy. What it contains is not quoted: it may be credentials.

    Raises:
        ValueError: it is not valid, or of a scheme that is not known.
    """
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(
            f"{source} is not a URL that can be read: write it as 'socks5://host:1080'"
        ) from None
    if parts.scheme == "https":
        raise ValueError(f"{source}: TLS to the proxy itself is not supported: use its http:// port")
    if parts.scheme not in _SCHEMES:
        raise ValueError(
            f"{source} must be a URL with one of the schemes {', '.join(name + '://' for name in _SCHEMES)}: write it "
            "as 'socks5://host:1080' or 'http://host:3128'"
        )
    if not host or port == 0:
        raise ValueError(f"{source} needs a host, as in '{parts.scheme}://host:1080'")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(
            f"{source} has something behind its port: percent-encode '/', '?' and '#' in a password"
        )
    _check_login(ProxyServer.parse(url), source)


def _check_login(proxy: ProxyServer, source: str) -> None:
    """Refuse what the protocol of the proxy cannot carry, without quoting it."""
    if proxy.password and not proxy.user:
        raise ValueError(
            f"{source} has a password without a user: write it as '{proxy.scheme}://user:password@host'"
        )
    if proxy.scheme == "http":
        if ":" in proxy.user:
            raise ValueError(f"{source}: the user of an HTTP proxy cannot have a ':' (RFC 7617, section 2)")
    elif not (proxy.user + proxy.password).isascii():
        raise ValueError(f"{source}: user and password of a SOCKS proxy must be ASCII")
    elif "\0" in proxy.user or max(len(proxy.user), len(proxy.password)) > 255:
        raise ValueError(
            f"{source}: user and password of a SOCKS proxy have at most 255 bytes, and no NUL (RFC 1929)"
        )


def check_proxy_library(url: str, *, from_environment: bool) -> None:
    """Check that the library for a proxy is installed. HTTP proxies need none.

    Raises:
        ValueError: it is not.
    """
    from importlib.util import find_spec
    from urllib.parse import urlsplit

    if urlsplit(url).scheme != "http" and find_spec("python_socks") is None:
        source = "the environment names a proxy (all_proxy)" if from_environment else "proxy= was given"
        instead = ", or pass proxy=None to connect without it" if from_environment else ""
        raise ValueError(f"{source}, which needs a library: pip install 'stomp-core[proxy]'{instead}")


def proxy_of_environment(endpoint: Endpoint) -> str | None:
    """Return the URL of the proxy that the environment names for an endpoint.

    Raises:
        ValueError: it is not valid.
    """
    if endpoint.scheme not in _AS_WEB or _is_loopback(endpoint.host):
        return None
    # Not at the top: it brings http.client, email and ssl.
    from urllib.request import getproxies_environment

    proxies = getproxies_environment()
    for name in (endpoint.scheme, endpoint.scheme.replace("+", "_"), *_AS_WEB[endpoint.scheme], "all"):
        url = proxies.get(name)
        if url:
            if _needs_none(endpoint, proxies.get("no", "")):
                return None
            if "://" not in url:
                url = f"http://{url}"  # as curl takes it
            check_proxy(url, f"the environment variable {name}_proxy")
            return url
    return None


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost") or host == "::1" or host.startswith("127.")


def _needs_none(endpoint: Endpoint, no_proxy: str) -> bool:
    """Return whether ``no_proxy`` names an endpoint: its host, a domain or a network that it is in; or ``*``.

    An entry may have a port, and means only that one then. Names are separated by commas or spaces, as curl takes them.
    """
    host = endpoint.host.lower().rstrip(".")
    for entry in no_proxy.lower().replace(",", " ").split():
        name, port = _split_port(entry)
        if port in (None, endpoint.port) and (name == "*" or _is_in(host, name)):
            return True
    return False


def _split_port(entry: str) -> tuple[str, int | None]:
    """Return the name of an entry of ``no_proxy``, and its port if it has one."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        port = rest.removeprefix(":")
    elif entry.count(":") == 1:
        name, _, port = entry.partition(":")
    else:  # none, or an IPv6 address without brackets
        return entry, None
    return name, int(port) if port.isascii() and port.isdigit() else None


def _is_in(host: str, name: str) -> bool:
    from ipaddress import ip_address, ip_network

    try:
        address = ip_address(host)
    except ValueError:
        name = name.removeprefix("*").strip(".")
        return bool(name) and f".{host}".endswith(f".{name}")
    try:
        return address in ip_network(name, strict=False)
    except ValueError:
        return False
