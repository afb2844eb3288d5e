"""Proxies: which one leads to an endpoint, by its URL or by what the environment says.

The environment is read as by curl: ``<scheme>_proxy``, such as ``stomp_proxy``, for that scheme of URL; ``http_proxy``
for ``ws://`` and ``https_proxy`` for ``wss://``; then ``all_proxy``; and ``no_proxy`` has the hosts without one. All of
them may be in upper case. This machine itself is never reached through a proxy of the environment.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ..session import Endpoint

__all__ = ["check_proxy", "check_proxy_library", "proxy_of_environment"]

_SCHEMES = ("socks5", "socks5h", "socks4", "socks4a", "http")
#: By scheme of the endpoint: the scheme in whose variable its proxy is looked for as well.
_AS_WEB = {"ws": ("http",), "wss": ("https",), "stomp": (), "stomp+ssl": ()}


def check_proxy(url: str, source: str = "proxy") -> None:
    """Check the URL of a proxy. What it contains is not quoted: it may be credentials.

    Raises:
        ValueError: it is not valid, or of a scheme that is not known.
    """
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


def check_proxy_library(*, from_environment: bool) -> None:
    """Check that the library for proxies is installed.

    Raises:
        ValueError: it is not.
    """
    from importlib.util import find_spec

    if find_spec("python_socks") is None:
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
            if _needs_none(endpoint.host, proxies.get("no", "")):
                return None
            if "://" not in url:
                url = f"http://{url}"  # as curl takes it
            check_proxy(url, f"the environment variable {name}_proxy")
            return url
    return None


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost") or host == "::1" or host.startswith("127.")


def _needs_none(host: str, no_proxy: str) -> bool:
    """Return whether a host, or a domain that it is in, is named by ``no_proxy``."""
    if no_proxy.strip() == "*":
        return True
    names = [name.strip().lstrip(".").lower() for name in no_proxy.split(",")]
    return any(name and f".{host.lower()}".endswith(f".{name}") for name in names)
