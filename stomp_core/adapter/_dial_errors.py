"""Why a dialler of the program's own, or a proxy, led to no stream: one sentence for each cause, in all adapters.

What the operating system or OpenSSL report of our own dialling is explained by the session (``dial_failure``). Here is
what it knows nothing of. Exceptions are recognised by the names of their classes: python-socks need not be installed,
and its exceptions are not all of the class OSError.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator

from .._arguments import shown
from ..session import Endpoint
from ._http_connect import HttpConnectError
from ._proxies import ProxyServer

__all__ = ["DialFailed", "dial_error", "local_address_error", "no_stream", "proxy_error"]

_TIMEOUTS = {"TimeoutError", "TooSlowError", "ProxyTimeoutError"}
_ENDS = {
    "ConnectionResetError", "BrokenPipeError", "ConnectionAbortedError", "EOFError", "IncompleteReadError",
    "BrokenResourceError", "ClosedResourceError", "EndOfChannel",
}  # fmt: skip
_LOGIN = r"(?i)authentication|acceptable"
_LOCAL = r"(?i)local_address|address family"
_END = r"(?i)closed|incomplete|\bEOF\b"

#: What SOCKS 5 answers (RFC 1928, section 6) when the fault is behind the proxy.
_BEHIND = {
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "TTL expired",
}
#: What is the proxy's own fault, or its decision.
_OWN = {
    1: "general failure",
    2: "not allowed by its rules",
    7: "command not supported",
    8: "address type not supported",
}


class DialFailed(OSError):
    """An attempt to connect has failed for a reason that is explained already.

    Its text is a sentence that says what to check. Its ``__cause__`` is the exception that was raised.
    """


def dial_error(error: BaseException, timeout: float, *, too_late: bool = False) -> DialFailed:
    """Explain why the program's dialler did not return a stream.

    Args:
        error: what it raised.
        timeout: seconds that it was allowed to take.
        too_late: whether it was still running then, and ``error`` only says so.
    """
    if too_late:
        return DialFailed(
            f"dial() did not return within {timeout:g} s: check what it connects to, or connect_timeout"
        )
    inner = error
    while isinstance(inner, BaseExceptionGroup):  # of a dialler with tasks of its own
        inner = inner.exceptions[0]
    text = str(inner)
    if text.startswith(("dial() must ", "dial() returned ")):
        failure = DialFailed(f"{text}: check the dialler")  # an adapter has found it out
    else:
        what = type(inner).__name__ + (f": {text}" if text else "")
        failure = DialFailed(f"dial() raised {what}: check what it connects to")
    failure.__cause__ = error
    return failure


def no_stream(returned: object, expected: str, fault: str = "") -> DialFailed:
    """Explain that the program's dialler returned something that cannot be used.

    Args:
        returned: what it returned.
        expected: what it should return, as a phrase.
        fault: what is wrong with it, as a phrase; by default that it is something else.
    """
    what = "a coroutine" if hasattr(returned, "cr_frame") else shown(returned)
    text = f"dial() must return {expected}, got {what}{f', {fault}' if fault else ''}: check the dialler"
    failure = DialFailed(text)
    failure.__cause__ = TypeError(text)
    return failure


def local_address_error(address: str, error: BaseException) -> DialFailed | None:
    """Explain that it is not possible to connect from an address; ``None`` if that is not the fault.

    Args:
        address: the ``local_address``.
        error: what was raised while connecting.
    """
    for link in _chain(error):
        if getattr(link, "errno", None) in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) or re.search(
            _LOCAL, str(link)
        ):
            failure = DialFailed(
                f"local_address {address!r} cannot be used ({_text(link)}): check that it is an address of this "
                "machine, and of the same kind (IPv4 or IPv6) as the one to connect to"
            )
            failure.__cause__ = link
            return failure
    return None


def proxy_error(proxy: ProxyServer, endpoint: Endpoint, error: BaseException, timeout: float) -> DialFailed:
    """Explain why a proxy did not lead to an endpoint.

    Args:
        proxy: the proxy.
        endpoint: where it should have led.
        error: what was raised on the way, by python-socks, :class:`HttpConnect`, or a socket.
        timeout: seconds that all of it was allowed to take.
    """
    target = f"{endpoint.host}:{endpoint.port}"

    secrets = proxy.secrets()

    def mask(text: str) -> str:
        # A proxy may repeat the password. A short one would be told by the words that it is missing from.
        for secret in secrets:
            text = text.replace(secret, "***") if len(secret) > 3 else text
        return text

    sentence = _proxy_sentence(proxy, target, error, timeout, mask)
    failure = DialFailed(sentence)
    failure.__cause__ = error
    if any(secret in repr(entry) for entry in _chain(error) for secret in secrets):
        failure.__cause__ = None
        failure.__suppress_context__ = True
    return failure


def _proxy_sentence(
    proxy: ProxyServer, target: str, error: BaseException, timeout: float, mask: Callable[[str], str]
) -> str:
    chain = list(_chain(error))
    names = {entry.__name__ for one in chain for entry in type(one).__mro__}
    # python-socks raises ProxyConnectionError where the proxy itself cannot be reached. For HTTP the adapters connect
    # by themselves, and then whatever a resolver or a connect() says is about the proxy.
    reaching = "ProxyConnectionError" in names or (
        proxy.scheme == "http" and not isinstance(error, HttpConnectError)
    )
    cause, text = mask(_text(chain[-1])), mask(str(error))
    if names & _TIMEOUTS:
        return (
            f"no connection through the proxy {proxy} within {timeout:g} s: check that it runs and speaks "
            f"{_protocol(proxy)}, and that it can reach {target}"
        )
    if "gaierror" in names and reaching:
        return f"the host name {proxy.host!r} of the proxy {proxy} cannot be resolved ({cause}): check spelling and DNS"
    if "gaierror" in names or "UnicodeError" in names:
        remote = {"socks5": "socks5h", "socks4": "socks4a"}.get(proxy.scheme, proxy.scheme)
        return (
            f"the host name of {target} cannot be resolved before it is sent to the proxy {proxy} ({cause}): check "
            f"spelling and DNS, or let the proxy resolve it by {remote}://"
        )
    if "ConnectionRefusedError" in names and reaching:
        return f"the proxy {proxy} refused the connection: check its host and port, and that it runs"
    if isinstance(error, HttpConnectError):
        return _http_sentence(proxy, target, text, error.status)
    if names & _ENDS or ("ProxyError" in names and re.search(_END, cause)):
        login = "its user and password, " if proxy.user else "whether it wants a user and password, "
        return (
            f"the proxy {proxy} closed the connection in the middle of its handshake: check {login}that this port "
            f"speaks {_protocol(proxy)}, and the proxy's log"
        )
    if reaching:
        return f"the proxy {proxy} cannot be reached ({cause}): check its host and port, and the network"
    if "ProxyError" in names:
        return _socks_sentence(proxy, target, text, getattr(error, "error_code", None))
    return f"the proxy {proxy} failed ({cause}): check its URL and its log"


def _http_sentence(proxy: ProxyServer, target: str, text: str, status: int) -> str:
    if not status:
        return (
            f"the answer of the proxy {proxy} is not HTTP ({text}): check that this port is the one of an HTTP proxy "
            "(for a SOCKS proxy, use socks5://)"
        )
    if status == 407:
        return _login_sentence(proxy, text)
    if status in (502, 503, 504):
        return (
            f"the proxy {proxy} could not connect to {target} ({text}): check host and port of the broker, and that "
            "the proxy can reach it"
        )
    if status in (400, 404, 405, 501):
        return f"the proxy {proxy} does not open tunnels ({text}): check that this port is the one of an HTTP proxy"
    return f"the proxy {proxy} refused to connect to {target} ({text}): check its rules for hosts and ports"


def _socks_sentence(proxy: ProxyServer, target: str, text: str, code: object) -> str:
    if re.search(_LOGIN, text) and not isinstance(code, int):
        return _login_sentence(proxy, text)
    if proxy.scheme.startswith("socks4") and code in (92, 93):
        return f"the proxy {proxy} refused the user ({text}): check the user in its URL"
    if proxy.scheme.startswith("socks4") and code == 91:
        return (
            f"the proxy {proxy} could not connect to {target}, or refused to ({text}): check host and port of the "
            "broker, that the proxy can reach it, and the proxy's rules"
        )
    if isinstance(code, int) and code in _BEHIND:
        return (
            f"the proxy {proxy} could not connect to {target} ({_BEHIND[code]}): check host and port of the broker, "
            "and that the proxy can reach it"
        )
    if isinstance(code, int) and code in _OWN:
        return f"the proxy {proxy} refused to connect to {target} ({_OWN[code]}): check its rules and its log"
    http = ", or use http:// if it is an HTTP proxy" if "0X48" in text.upper() or ": 72" in text else ""
    return (
        f"the answer of the proxy {proxy} is not {_protocol(proxy)} ({text}): check that this port speaks "
        f"{_protocol(proxy)}{http}"
    )


def _login_sentence(proxy: ProxyServer, text: str) -> str:
    if proxy.user:
        return f"the proxy {proxy} refused its user and password ({text}): check them in its URL"
    return (
        f"the proxy {proxy} wants a user and a password ({text}): check its URL, which has none: write it as "
        f"'{proxy.scheme}://user:password@host:port'"
    )


def _protocol(proxy: ProxyServer) -> str:
    return "HTTP" if proxy.scheme == "http" else f"SOCKS {proxy.scheme[5]}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Iterate over an exception and its causes; of a group of causes, the first."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.exceptions[0] if isinstance(current, BaseExceptionGroup) else current.__cause__


def _text(error: BaseException) -> str:
    return str(getattr(error, "strerror", "") or error) or type(error).__name__
