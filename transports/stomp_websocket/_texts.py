"""Sentences: why a WebSocket was refused or has ended, and what to check.

What a peer has sent is quoted briefly, in one printable line, and without the values of our own headers: a server that
repeats a token in its refusal must not bring it into a log.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.exceptions import InvalidMessage, InvalidStatus, PayloadTooBig, SecurityError
from websockets.frames import CLOSE_CODE_EXPLANATIONS, Close, CloseCode
from websockets.http11 import Response

__all__ = [
    "CUT_OFF",
    "ENDED_WITHOUT_CLOSE",
    "broken",
    "closed",
    "described",
    "of_large_answer",
    "refused",
    "status_of",
]

ENDED_WITHOUT_CLOSE = "the WebSocket ended without a Close frame (1006, abnormal closure)"
CUT_OFF = (
    "the peer closed the connection before its answer to the WebSocket request was complete: check that this is a "
    "WebSocket port"
)
_LONGEST_QUOTE = 100  # characters
_LONGEST_BODY = 10_000  # bytes of an answer that are looked at

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9]) ([^\r\n]{0,200})\r\n")

#: What to check after an HTTP status.
_CHECKS = {
    400: "check the URL, and WebSocket(subprotocols=...)",
    401: "pass WebSocket(headers=...) with Authorization, or check what it contains",
    403: "check Authorization in WebSocket(headers=...), and origin=...: some servers admit only known origins",
    404: "check the path of the URL (RabbitMQ: /ws; Spring: that of its endpoint, or that and /websocket)",
    405: "this path is not one of a WebSocket: check the path of the URL",
    407: "a proxy between here and the server wants credentials",
    426: "this path is not one of a WebSocket, or the server wants another version of it",
    429: "there are too many connections: try again later",
    502: "a proxy in front of it does not reach the server: check that the server runs",
    503: "the server, or a proxy in front of it, is not ready: try again later",
    504: "a proxy in front of it gets no answer from the server",
}


def closed(close: Close) -> str:
    """Explain a Close frame of the peer: its code, what the code means, and the reason that the peer gives."""
    if close.code == CloseCode.NO_STATUS_RCVD:
        return "the peer closed the WebSocket without a code"
    meaning = CLOSE_CODE_EXPLANATIONS.get(close.code)
    if meaning is None:
        meaning = "private use" if close.code >= 4000 else "registered" if close.code >= 3000 else "unknown"
    reason = f", because {_quote(close.reason)}" if close.reason.strip() else ""
    return f"the peer closed the WebSocket with code {close.code} ({meaning.lower()}){reason}"


def broken(error: Exception, code: int | None) -> str:
    """Explain that the peer broke the rules of WebSocket, or a limit of ours.

    Args:
        error: what the parser says.
        code: the code of the Close frame that was sent for it, if one was.
    """
    sent = f" (closed with code {code})" if code is not None else ""
    if isinstance(error, PayloadTooBig):
        return f"a WebSocket frame is too large: {described(error)}{sent}: a larger one needs WebSocket(max_size=...)"
    return f"the peer broke the WebSocket protocol: {described(error)}{sent}"


def status_of(error: Exception) -> int | None:
    """Return the HTTP status with which a server refused the handshake; ``None`` if it was something else."""
    return error.response.status_code if isinstance(error, InvalidStatus) else None


def of_large_answer(error: Exception, answer: bytes) -> Exception:
    """Return the refusal that a server has sent with a body above the limit of websockets, 1 MiB.

    websockets then reports the body, and not the status, which says more.

    Args:
        error: what the handshake ended with.
        answer: the beginning of the answer.

    Returns:
        A refusal with this status, and with nothing else of the answer; ``error`` itself if it is something else.
    """
    line = _STATUS_LINE.match(answer)
    if line is None or line[1] == b"101" or not isinstance(_first_cause(error), SecurityError):
        return error
    return InvalidStatus(Response(int(line[1]), line[2].decode("latin-1"), Headers()))


def refused(error: Exception, secrets: Collection[str] = ()) -> str:
    """Explain why the handshake failed.

    Args:
        error: what the handshake ended with.
        secrets: what is masked where the server repeats it.
    """
    if str(_first_cause(error)).startswith("stream ends"):
        return CUT_OFF
    if not isinstance(error, InvalidStatus):
        reason = described(error, secrets)
        return f"the WebSocket request got no valid answer: {reason}: check that this is a WebSocket port"
    response = error.response
    status = _line(
        f"{response.status_code} {response.reason_phrase or _phrase(response.status_code)}", secrets
    )
    # A page of HTML is not quoted.
    body = bytes(response.body[:_LONGEST_BODY]).decode("utf-8", "replace").lstrip("\ufeff").lstrip()
    words = f" ({_quote(body, secrets)})" if body and not body.startswith("<") else ""
    return f"the server answered HTTP {status}{words} instead of opening a WebSocket: {_check(response, secrets)}"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _check(response: Response, secrets: Collection[str]) -> str:
    status = response.status_code
    locations = response.headers.get_all("Location")
    if 300 <= status < 400 and locations:
        # The query may be a secret.
        location = _line(locations[0].partition("?")[0], secrets)
        return f"it redirects to {location}: use that, as a ws:// or wss:// URL"
    if 200 <= status < 300:
        return "this path is a page and not a WebSocket: check the path of the URL (RabbitMQ: /ws)"
    return _CHECKS.get(status, "check the URL")


def described(error: BaseException, secrets: Collection[str] = ()) -> str:
    """Return the text of an exception; of an HTTP message that is none that of the first cause, which is precise."""
    error = _first_cause(error)
    return _line(str(error), secrets) or type(error).__name__


def _first_cause(error: BaseException) -> BaseException:
    while isinstance(error, (InvalidMessage, EOFError)) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _quote(text: str, secrets: Collection[str] = ()) -> str:
    """Quote the first line of a text from elsewhere. The session masks the passcode in what is quoted."""
    line = _line(text, secrets).replace('"', "'")
    return f'"{line}"'


def _line(text: str, secrets: Collection[str] = ()) -> str:
    """Return the first line of a text from elsewhere that is not blank: short, printable, without secrets."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    for secret in sorted(secrets, key=len, reverse=True):
        line = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", line)  # as a whole word
    if len(line) > _LONGEST_QUOTE:
        line = f"{line[:_LONGEST_QUOTE]}..."
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "replace").decode("ascii")
        for char in line
    )
