"""Why a connection could not be made, and what to check: one sentence for what an adapter or the broker reported.

Here, and not in the adapters, since all of them meet the same causes. They are told apart by name: the core
imports neither ``socket`` nor ``ssl``.
"""

from __future__ import annotations

import re

from ..errors import ErrorCode, RemoteProtocolError
from ..protocol import Error
from .endpoint import Endpoint

__all__ = [
    "dial_failure",
    "handshake_eof",
    "handshake_refusal",
    "handshake_silence",
    "handshake_violation",
    "is_login_refusal",
]

_LOGIN = re.compile(
    r"denied|refused for user|passw|passcode|credential|authenticat|authoriz|security|\blogin\b|user name|"
    r"not allowed|bad connect|unauthori[sz]ed|forbidden",
    re.IGNORECASE,
)


def dial_failure(endpoint: Endpoint, reason: BaseException | str | None, timeout: float) -> str:
    """An address that cannot be reached, or TLS that cannot be agreed on."""
    if not isinstance(reason, BaseException):
        return f"{endpoint}: {reason or 'it could not be dialled'}"
    names = {entry.__name__ for entry in type(reason).__mro__}
    said = _sentence(reason)
    if "gaierror" in names:
        return (
            f"{endpoint}: the host name {endpoint.host!r} cannot be resolved ({said}): check spelling and DNS"
        )
    if "SSLCertVerificationError" in names:
        return (
            f"{endpoint}: the server's certificate is not trusted ({said}): check that the URL has the name that the "
            "certificate is for, and pass an ssl_context that trusts its authority"
        )
    if "SSLError" in names:
        return (
            f"{endpoint}: TLS failed ({said}): check that this port speaks TLS at all (a plain one wants stomp:// or "
            "ws://), and whether the server asks for a client certificate"
        )
    if "ConnectionRefusedError" in names:
        return (
            f"{endpoint}: connection refused: nothing listens there; check the port, and that the broker runs with its "
            "STOMP listener on"
        )
    if "TimeoutError" in names:
        what = "no connection" + (", or no end of the TLS handshake," if endpoint.secure else "")
        check = " (a plain port does not answer TLS)" if endpoint.secure else ""
        return f"{endpoint}: {what} within {timeout:g} s: check host, port and firewalls{check}"
    if "FileNotFoundError" in names:
        return f"{endpoint}: there is no such socket: check the path, and that the broker runs"
    if "ConnectionResetError" in names or "EOFError" in names or "BrokenPipeError" in names:
        check = (
            "check that this port speaks TLS"
            if endpoint.secure
            else "check that it is the broker's STOMP port"
        )
        return f"{endpoint}: the peer hung up while connecting ({said}): {check}"
    return f"{endpoint}: {said}"


def _sentence(reason: BaseException) -> str:
    text = str(getattr(reason, "verify_message", "") or getattr(reason, "strerror", "") or reason)
    return text or type(reason).__name__


def handshake_silence(endpoint: Endpoint, timeout: float) -> str:
    """Connected, but nothing came."""
    return (
        f"{endpoint}: connected, but no CONNECTED came within {timeout:g} s: check that this is the broker's STOMP "
        f"port{_other_scheme(endpoint)}, and that the broker is not overloaded"
    )


def handshake_eof(endpoint: Endpoint, reason: str) -> str:
    """Connected, and hung up on."""
    return (
        f"{endpoint}: the peer hung up before CONNECTED ({reason}): check that this is the broker's STOMP "
        f"port{_other_scheme(endpoint)}; with a client certificate, that the server accepts it; with a '\\' in the "
        "passcode, try escape_connect=True"
    )


def _other_scheme(endpoint: Endpoint) -> str:
    if endpoint.transport != "tcp":
        return ""
    return " and not a TLS one (that wants stomp+ssl://)" if not endpoint.secure else ""


def handshake_violation(endpoint: Endpoint, error: RemoteProtocolError) -> str:
    """What came is not STOMP."""
    text = str(error)
    check = "check that this is the broker's STOMP port"
    if error.code == ErrorCode.UNEXPECTED_BYTE and "b'\\x15'" in text:
        check = "it answers in TLS: use stomp+ssl://"
    elif error.code == ErrorCode.UNKNOWN_COMMAND and "HTTP/" in text:
        check = "it answers in HTTP: check the port, or use ws:// for STOMP over WebSocket"
    return f"{endpoint}: what came is not STOMP: {text}: {check}"


def is_login_refusal(error: Error) -> bool:
    """Whether this ERROR, in answer to CONNECT, says that the user may not come in. Brokers agree on no code."""
    return _LOGIN.search(error.description) is not None


def handshake_refusal(endpoint: Endpoint, error: Error) -> str:
    """The broker says no."""
    if is_login_refusal(error):
        check = "check login and passcode, and the virtual host (host=...), which RabbitMQ wants to be one of its own"
    elif "version" in error.headers:
        check = f"it speaks STOMP {error.headers['version']}: check versions=..."
    else:
        check = "see the broker's log"
    return f"{endpoint}: the broker refused: {error.description}: {check}"
