"""Sentences: why a WebSocket was refused or has ended, and what to check.

What a peer has sent is quoted briefly, in one printable line, and without the values of our own headers: a server that
repeats a token in its refusal must not bring it into a log.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from websockets.exceptions import InvalidMessage, InvalidStatus, PayloadTooBig
from websockets.frames import CLOSE_CODE_EXPLANATIONS, Close, CloseCode
from websockets.http11 import Response

__all__ = ["ENDED_WITHOUT_CLOSE", "broken", "closed", "described", "hide", "refused", "status_of"]

ENDED_WITHOUT_CLOSE = "the WebSocket ended without a Close frame (1006, abnormal closure)"
_LONGEST_QUOTE = 100  # characters

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


def refused(error: Exception) -> str:
    """Explain why the handshake failed.

    Args:
        error: what the handshake ended with.
    """
    if not isinstance(error, InvalidStatus):
        return f"the WebSocket request got no valid answer: {described(error)}: check that this is a WebSocket port"
    response = error.response
    return (
        f"the server answered HTTP {_status_line(response)}{_first_words(response)} instead of opening a WebSocket: "
        f"{_check(response)}"
    )


def hide(text: str, secrets: Iterable[str]) -> str:
    """Mask the secrets that a text repeats."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _status_line(response: Response) -> str:
    phrase = response.reason_phrase
    if not phrase:
        try:
            phrase = HTTPStatus(response.status_code).phrase
        except ValueError:
            phrase = ""
    return f"{response.status_code} {_line(phrase)}".rstrip()


def _first_words(response: Response) -> str:
    """Return the first line of a body that was written for people; a page of HTML is not quoted."""
    text = bytes(response.body[:1000]).decode("utf-8", "replace").lstrip("\ufeff").lstrip()
    return f" ({_quote(text)})" if text and not text.startswith("<") else ""


def _check(response: Response) -> str:
    status = response.status_code
    locations = response.headers.get_all("Location")
    if 300 <= status < 400 and locations:
        # The query may be a secret.
        location = _line(locations[0].partition("?")[0])
        return f"it redirects to {location}: use that, as a ws:// or wss:// URL"
    if 200 <= status < 300:
        return "this path is a page and not a WebSocket: check the path of the URL (RabbitMQ: /ws)"
    return _CHECKS.get(status, "check the URL")


def described(error: BaseException) -> str:
    """Return the text of an exception; of an HTTP message that is none that of the first cause, which is precise."""
    while isinstance(error, (InvalidMessage, EOFError)) and error.__cause__ is not None:
        error = error.__cause__
    return _line(str(error)) or type(error).__name__


def _quote(text: str) -> str:
    """Quote the first line of a text from elsewhere. The session masks the passcode in what is quoted."""
    line = _line(text).replace('"', "'")
    return f'"{line}"'


def _line(text: str) -> str:
    """Return the first line of a text from elsewhere that is not blank: short, and without control characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    line = lines[0] if len(lines[0]) <= _LONGEST_QUOTE else f"{lines[0][:_LONGEST_QUOTE]}..."
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "replace").decode("ascii")
        for char in line
    )
