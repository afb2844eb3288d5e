"""Mistakes in URLs: what is wrong with something that is no URL of a broker, and what was probably meant.

What is refused may contain credentials anywhere, so only what surely contains none is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ._url_schemes import ADVISED, EXAMPLE, KINDS, OTHER_PROTOCOLS, OTHER_SCHEMES, SCHEME

__all__ = ["host_and_port", "not_a_url", "suggestion", "unreadable"]

#: A host with or without a port and nothing else: it contains no credentials and may be shown.
_HOST = re.compile(r"(?P<host>[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?/?")


def host_and_port(value: object) -> str | None:
    """Return the URL that a pair of host and port means, and ``None`` for anything else."""
    if isinstance(value, (tuple, list)) and len(value) == 2 and isinstance(value[0], str):
        host, port = value
        if isinstance(port, bool) or not isinstance(port, (int, str)):
            return None
        if not str(port).isdigit() or _HOST.fullmatch(host) is None:
            return None
        return f"stomp://{host}:{port}"
    return None


def not_a_url(value: object) -> TypeError:
    """Return the error for something that is not text. It may contain credentials, so only what is safe is shown."""
    pair = host_and_port(value)
    if pair is not None:
        return TypeError(f"a URL must be a str, got a pair of host and port: write '{pair}'")
    instead = f"pass one such as '{EXAMPLE}'"
    if isinstance(value, (bytes, bytearray)):
        instead = "decode it, as in .decode()"
    elif hasattr(value, "geturl"):
        instead = "use its .geturl()"
    elif isinstance(value, Mapping):
        instead = f"write host and port as a URL, such as '{EXAMPLE}'"
    elif value is None:
        instead = (
            f"pass the broker's URL, such as '{EXAMPLE}'; is a setting or an environment variable missing?"
        )
    got = "None" if value is None else f"a value of type {type(value).__name__}"
    if isinstance(value, int) and not isinstance(value, bool):
        got = str(value)
    return TypeError(f"a URL must be a str, got {got}: {instead}")


def suggestion(url: str) -> str:
    """Return what is wrong with a text without one of our schemes, and what was probably meant.

    Without a valid scheme the text may contain credentials anywhere. It is quoted only where it is nothing but a host
    and a port.
    """
    text = url.strip()
    if not text:
        return f"the URL is empty: write one such as '{EXAMPLE}'"
    if text.lower().startswith("failover:"):
        return _instead_of_failover(text)
    scheme, colon, rest = text.partition("://")
    if not colon:
        if _HOST.fullmatch(text):
            return f"the URL has no scheme: write '{_written('stomp', text)}'"
        scheme, colon, rest = text.partition(":")
        if (
            colon
            and scheme.lower() in ("stomp", "stomp+ssl", *OTHER_SCHEMES)
            and _HOST.fullmatch(rest.lstrip("/"))
        ):
            name = OTHER_SCHEMES.get(scheme.lower(), scheme.lower())
            return f"the URL has no '://' behind its scheme: write '{_written(name, rest.lstrip('/'))}'"
        if text.startswith("/"):
            return "the URL has no scheme: a Unix socket is written stomp+unix:///path/of/the/socket"
        return f"the URL has no scheme; use one of {ADVISED}, such as '{EXAMPLE}'"
    if not SCHEME.fullmatch(scheme):
        return f"the URL has no scheme; use one of {ADVISED}, such as '{EXAMPLE}'"
    name = scheme.lower()
    refused = f"{scheme!r} is not a STOMP URL scheme"
    if name in OTHER_PROTOCOLS:
        return (
            f"{refused}: it is another protocol, on another port; use one of {ADVISED}, such as '{EXAMPLE}'"
        )
    ours = OTHER_SCHEMES.get(name)
    if ours is None:
        return f"{refused}; use one of {ADVISED}, such as '{EXAMPLE}'"
    if ours == "stomp+unix":
        return f"{refused}: write stomp+unix:///path/of/the/socket"
    if _HOST.fullmatch(rest):
        return f"{refused}: write '{_written(ours, rest)}'"
    return f"{refused}: write {ours}:// in its place"


def _written(scheme: str, host: str) -> str:
    """Return the URL of a host with or without a port."""
    found = _HOST.fullmatch(host)
    assert found is not None
    return f"{scheme}://{found['host']}:{found['port'] or KINDS[scheme].port}"


def _instead_of_failover(text: str) -> str:
    """Return what to write in place of ActiveMQ's ``failover:(tcp://a:61613,tcp://b:61613)?option=value``."""
    inside = text.partition(":")[2].lstrip("/").partition("?")[0].strip("()")
    urls = []
    for part in inside.split(","):
        scheme, colon, host = part.strip().partition("://")
        ours = OTHER_SCHEMES.get(
            scheme.lower(), scheme.lower() if scheme.lower() in ("stomp", "stomp+ssl") else None
        )
        if not colon or ours is None or ours == "stomp+unix" or not _HOST.fullmatch(host):
            urls = ["stomp://a:61613", "stomp://b:61613"]
            break
        urls.append(_written(ours, host))
    return (
        f"'failover:' is not a STOMP URL scheme: pass a list of URLs, as in {urls!r}; they are tried in this order, "
        "and reconnect=Reconnect(...) has the delays"
    )


def unreadable(scheme: str, url: str) -> str:
    """Return what is wrong with a URL whose host or port cannot be parsed, without quoting what may be a passcode."""
    rest = url.partition("://")[2]
    if "@" not in rest:
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
        host, colon, port = authority.rpartition(":")
        if colon and port.isdigit():
            if host.count(":") > 1 and "[" not in host:
                return f"the host of a {scheme}:// URL cannot be parsed: write an IPv6 address in brackets, [::1]"
            if ":" not in host or host.endswith("]"):
                return f"the port of a {scheme}:// URL must be between 1 and 65535, got {port}: it cannot be parsed"
        elif colon and "[" not in authority:
            return (
                f"the port of a {scheme}:// URL cannot be parsed: it must be a number, as in "
                f"{scheme}://localhost:{KINDS[scheme].port}"
            )
        return f"the host of a {scheme}:// URL cannot be parsed: it has the form {scheme}://localhost:{KINDS[scheme].port}"
    return (
        f"the port or host of a {scheme}:// URL cannot be parsed; is a character of the passcode "
        "(such as '/', '#', '?' or '@') not percent-encoded?"
    )
