"""Why a connection could not be made, and what to check: one sentence for each cause.

The causes are the same in all adapters, so the sentences are written here. Exceptions are recognised by the names of
their classes, because the core imports neither ``socket`` nor ``ssl``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..errors import RemoteProtocolError
from ..protocol import Error
from ._other_protocols import protocol_of_answer, protocol_of_port, usual_port
from ._urls import Endpoint

__all__ = [
    "dial_failure",
    "handshake_eof",
    "handshake_refusal",
    "handshake_silence",
    "handshake_violation",
    "is_login_refusal",
    "layer_failure",
    "question_silence",
]

# The expressions are compiled when there is an error to explain: that takes longer than to import many a module.

# What passes: the broker still has a connection of this client, or has no room for one more, or is not ready. The texts
# are those of ActiveMQ, Artemis and RabbitMQ.
_CLIENT_ID = (
    r"(?i)already (?:connected|in use|(?:been )?set|exists|logged in|has a connection)|"
    r"client.?id\b.*\b(?:in use|used|taken|set already)"
)
_NOT_NOW = (
    r"(?i)not (?:yet )?(?:been )?(?:started|ready|available|active|running)|(?<!\w)(?:starting|stopping|stopped)\b|"
    r"shut(?:ting)?.?down|unavailable|too many (?:open )?(?:client )?connections|(?:maximum|max|limit).*connections|"
    r"connection.?(?:limit|max)|memory|\bbusy\b|overload|try again|maintenance|"
    r"not (?:the |a )?(?:master|primary|leader)|\b(?:slave|standby|backup)\b"
)
# Credentials that a broker has refused must not be tried again and again: accounts get locked that way.
_CREDENTIALS = (
    r"(?i)passw|passcode|credential|authenticat|unauthori[sz]ed|user name|refused for user|validate user|"
    r"\blog.?ins?\b.*fail|fail.*\blog.?ins?\b"
)
# Words that are in refusals of credentials, but in others too.
_LOGIN = r"(?i)denied|authoriz|security|\blogin\b|not allowed|bad connect|forbidden"

_WEBSOCKET_CHECK = "check that the path of the URL is that of STOMP (RabbitMQ: /ws)"
#: What OpenSSL says when the peer's answer is no TLS.
_NOT_TLS = (
    r"(?i)wrong.version.number|record.layer.failure|packet.length.too.long|http.request|unknown.protocol|"
    r"unexpected.message|bad.record.type"
)


def dial_failure(
    endpoint: Endpoint, reason: BaseException | str | None, timeout: float, mask: Callable[[str], str] = str
) -> str:
    """Return a sentence that says why an endpoint could not be dialled, TLS included, and what to check.

    Args:
        endpoint: the endpoint.
        reason: the exception, or a sentence; ``None`` if it is not known.
        timeout: seconds that dialling was allowed to take.
        mask: masks the passcode in texts of others, such as an exception of the program's dialler.
    """
    if not isinstance(reason, BaseException):
        return f"{endpoint}: {mask(reason) if reason else 'it could not be dialled'}"
    names = {entry.__name__ for entry in type(reason).__mro__}
    cause = _sentence(reason)
    websocket = endpoint.transport == "websocket"
    plain = "ws://" if websocket else "stomp://"
    if "gaierror" in names:
        return f"{endpoint}: the host name {endpoint.host!r} cannot be resolved ({cause}): check spelling and DNS"
    if "SSLCertVerificationError" in names:
        return f"{endpoint}: the server's certificate {_certificate_fault(cause)}"
    if "SSLError" in names and re.search(_NOT_TLS, cause):
        return (
            f"{endpoint}: TLS failed ({cause}): check the port, since nothing there speaks TLS (use {plain} for a "
            f"plain one){_port_hint(endpoint)}"
        )
    if "SSLError" in names:
        return (
            f"{endpoint}: TLS failed ({cause}): check that this port speaks TLS at all (use {plain} for a plain one), "
            f"and whether the server asks for a client certificate{_port_hint(endpoint)}"
        )
    if "ConnectionRefusedError" in names:
        listener = "WebSocket" if websocket else "STOMP"
        return (
            f"{endpoint}: connection refused: nothing listens there; check the port, and that the broker runs with its "
            f"{listener} listener on{_port_hint(endpoint) if websocket else ''}"
        )
    if "TimeoutError" in names:
        what = "no connection" + (", or no end of the TLS handshake," if endpoint.secure else "")
        check = " (a plain port does not answer TLS)" if endpoint.secure else ""
        return (
            f"{endpoint}: {what} within {timeout:g} s: check host, port and firewalls{check}"
            f"{_port_hint(endpoint)}"
        )
    if "FileNotFoundError" in names:
        return f"{endpoint}: there is no such socket: check the path, and that the broker runs"
    if "ConnectionResetError" in names or "EOFError" in names or "BrokenPipeError" in names:
        check = (
            "check that this port speaks TLS"
            if endpoint.secure
            else f"check that it is the broker's {'WebSocket' if websocket else 'STOMP'} port"
        )
        return (
            f"{endpoint}: the peer closed the connection while connecting ({mask(cause)}): {check}"
            f"{_port_hint(endpoint)}"
        )
    return f"{endpoint}: {mask(cause)}"


def _certificate_fault(cause: str) -> str:
    if "mismatch" in cause or "not valid for" in cause:  # of the host's name, or of its address
        return (
            f"is for another name ({cause}): check that the URL has the name that the certificate is for, or state "
            "that name: server_hostname=..."
        )
    if "expired" in cause or "not yet valid" in cause:
        return (
            f"is out of its time ({cause}): check the clock of this machine; if it is right, the certificate must be "
            "renewed"
        )
    return (
        f"is not trusted ({cause}): check who has signed it, and pass that authority: ca_file='ca.pem', or an "
        "ssl_context that trusts it"
    )


def question_silence(endpoint: Endpoint, function: str, timeout: float) -> str:
    """Explain that a function of the program did not answer in time.

    Args:
        endpoint: what was to be dialled.
        function: which one, as in ``"passcode()"``.
        timeout: seconds that it, the others and dialling were allowed to take.
    """
    return (
        f"{endpoint}: {function} did not return within {timeout:g} s: check what it waits for (this connection itself "
        "cannot be used meanwhile), or raise connect_timeout"
    )


def _port_hint(endpoint: Endpoint) -> str:
    return protocol_of_port(endpoint.port, websocket=endpoint.transport == "websocket")


def _sentence(reason: BaseException) -> str:
    text = str(getattr(reason, "verify_message", "") or getattr(reason, "strerror", "") or reason)
    return text or type(reason).__name__


def layer_failure(endpoint: Endpoint, reason: str, answer: bytes = b"", via: str = "") -> str:
    """Explain that the byte layer (WebSocket) was not opened.

    Args:
        endpoint: what is connected.
        reason: what the layer says, and what to check.
        answer: the first bytes that the peer sent.
        via: what it was connected through; ``""`` if nothing but the network.
    """
    found = protocol_of_answer(answer, websocket=True, secure=endpoint.secure)
    if found is not None:
        protocol, remedy = found
        return f"{endpoint}: this port speaks {protocol}, not WebSocket: {remedy}{_through(via)}"
    if answer.startswith(b"HTTP/"):  # not the wrong port
        return f"{endpoint}: {reason}{_through(via)}"
    tls = "" if answer or endpoint.secure else "; if it is one with TLS, use wss://"
    return f"{endpoint}: {reason}{tls}{_port_hint(endpoint)}{_through(via)}"


def handshake_silence(endpoint: Endpoint, timeout: float, answer: bytes = b"", via: str = "") -> str:
    """Explain that CONNECTED did not come in time.

    Args:
        endpoint: what is connected.
        timeout: seconds that it was waited for.
        answer: the first bytes that the peer sent.
        via: what it was connected through; ``""`` if nothing but the network.
    """
    if (recognised := _recognised(endpoint, answer, via)) is not None:
        return recognised
    if endpoint.transport == "websocket":
        return (
            f"{endpoint}: the WebSocket is open, but no CONNECTED came within {timeout:g} s: {_WEBSOCKET_CHECK}, and "
            f"that the broker is not overloaded{_through(via)}"
        )
    return (
        f"{endpoint}: connected, but no CONNECTED came within {timeout:g} s: check that this is the broker's STOMP "
        f"port{_usual_port(endpoint)}{_other_scheme(endpoint)}, and that the broker is not overloaded{_through(via)}"
    )


def handshake_eof(endpoint: Endpoint, reason: str, answer: bytes = b"", via: str = "") -> str:
    """Explain that the peer closed the connection before CONNECTED.

    Args:
        endpoint: what was connected.
        reason: how the connection ended.
        answer: the first bytes that the peer sent.
        via: see above.
    """
    if (recognised := _recognised(endpoint, answer, via)) is not None:
        return recognised
    if endpoint.transport == "websocket":
        return (
            f"{endpoint}: the peer closed the connection before CONNECTED ({reason}): {_WEBSOCKET_CHECK}; with a "
            f"'\\' in the passcode, try escape_connect=True{_through(via)}"
        )
    port = f"{_usual_port(endpoint)}{_other_scheme(endpoint)}"
    return (
        f"{endpoint}: the peer closed the connection before CONNECTED ({reason}): check that this is the broker's "
        f"STOMP port{port}; with a client certificate, that the server accepts it; with a '\\' in the passcode, try "
        f"escape_connect=True{_through(via)}"
    )


def _through(via: str) -> str:
    return f"; and, since it goes through {via}, that this reaches the broker" if via else ""


def _usual_port(endpoint: Endpoint) -> str:
    return usual_port(endpoint.port) if endpoint.transport == "tcp" else ""


def _other_scheme(endpoint: Endpoint) -> str:
    if endpoint.transport != "tcp":
        return ""
    return " and not a TLS one (use stomp+ssl:// for that)" if not endpoint.secure else ""


def handshake_violation(
    endpoint: Endpoint,
    error: RemoteProtocolError,
    answer: bytes = b"",
    mask: Callable[[str], str] = str,
    via: str = "",
) -> str:
    """Explain that the answer to CONNECT is not STOMP.

    Args:
        endpoint: what is connected.
        error: which rule the answer breaks.
        answer: its first bytes, by which other protocols are recognised.
        mask: masks the passcode in what the sentence of the error quotes.
        via: what it was connected through; ``""`` if nothing but the network.
    """
    if (recognised := _recognised(endpoint, answer, via)) is not None:
        return recognised
    check = f"check that this is the broker's STOMP port{_usual_port(endpoint)}"
    if endpoint.transport == "websocket":
        check = _WEBSOCKET_CHECK
    return f"{endpoint}: the answer is not STOMP: {mask(str(error))}: {check}{_through(via)}"


def _recognised(endpoint: Endpoint, answer: bytes, via: str) -> str | None:
    found = protocol_of_answer(answer, secure=endpoint.secure)
    if found is None:
        return None
    protocol, remedy = found
    return f"{endpoint}: this port speaks {protocol}, not STOMP: {remedy}{_through(via)}"


def is_login_refusal(error: Error) -> bool:
    """Return whether this ERROR, the answer to CONNECT, refuses the credentials.

    Brokers have no common code for it, so the text decides: the ``message`` header and the first line of the body, not
    the stack trace that may follow, in which any class may be named. Every other refusal may be temporary.
    """
    text = error.description
    if re.search(_CLIENT_ID, text):
        return False  # whatever the client id is called
    return re.search(_CREDENTIALS, text) is not None or (
        re.search(_LOGIN, text) is not None and re.search(_NOT_NOW, text) is None
    )


def handshake_refusal(
    endpoint: Endpoint, error: Error, shown: Error | None = None, *, has_login: bool = True
) -> str:
    """Explain why the broker refused CONNECT.

    Args:
        endpoint: what was dialled.
        error: the ERROR, which says why.
        shown: the ERROR to quote, if it is another one: with the passcode masked.
        has_login: whether CONNECT had a login.
    """
    if re.search(_CLIENT_ID, error.description):
        check = (
            "the broker still has a connection with this client_id: that of another program, or an earlier one that "
            "was lost without its noticing; Reconnect(first_rounds=...) retries the first connection, too"
        )
    elif is_login_refusal(error) and not has_login:
        check = (
            "no login was given: pass login=... and passcode=..., or write stomp://login:passcode@host; check also the "
            "virtual host (host=...), which must exist in RabbitMQ"
        )
    elif is_login_refusal(error):
        check = "check login and passcode, and the virtual host (host=...), which must exist in RabbitMQ"
    elif "version" in error.headers:
        check = f"it supports STOMP {error.headers['version']}: check versions=..."
    else:
        check = "see the broker's log"
    return f"{endpoint}: the broker refused: {(shown or error).description}: {check}"
