"""From a listener's frame to the core's event, and back."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from stomp_core import LocalProtocolError, protocol
from stomp_core.protocol import Event, Send
from stomp_core.protocol._events import event_from_frame
from stomp_core.wire import Frame as CoreFrame
from stomp_core.wire import Headers

from . import log
from .constants import HDR_CONTENT_LENGTH
from .exception import ProtocolException
from .utils import Frame, encode

__all__ = ["to_event", "to_frame"]

_latest: tuple[dict[str, str], Headers] = ({}, Headers())  # of the message before


def to_event(frame: Frame) -> Event:
    """What a frame says, with its headers in sorted order, and those left out that are ``None``.

    Raises:
        ProtocolException: there is no such command.
        TypeError: the body is neither text nor bytes.
    """
    body = frame.body
    if type(body) is not bytes:
        body = encode(body) if body else b""
    said = dict(frame.headers)
    counted = HDR_CONTENT_LENGTH in said
    if counted and body:
        # Listeners may have changed the body, and stomp.py counts characters.
        said[HDR_CONTENT_LENGTH] = str(len(body))
    if frame.cmd == "SEND":
        return Send.from_frame(CoreFrame("SEND", _again(said), body), content_length=counted)
    try:
        return event_from_frame(CoreFrame(frame.cmd or "", _to_headers(said), body))
    except LocalProtocolError as error:
        raise ProtocolException(str(error)) from error


def _again(said: dict[str, Any]) -> Headers:
    """The headers of a message. Most programs send those of the message before: then nothing is made anew."""
    global _latest
    latest, made = _latest
    texts = {*map(type, said.values())} <= {str}  # what equals a text may be written differently
    if not texts or said != latest:
        made = _to_headers(said)
        if texts:
            _latest = said, made
    return made


def _to_headers(said: dict[str, Any]) -> Headers:
    headers: dict[str, str] = {}
    repeats: list[tuple[str, str]] = []
    for name, value in sorted(said.items()):
        if type(value) is str:
            headers[name] = value
        elif isinstance(value, tuple):
            repeats += [(str(name), str(one)) for one in value if one is not None]
        elif value is not None:
            headers[str(name)] = str(value)
    return Headers(sorted([*headers.items(), *repeats], key=itemgetter(0)) if repeats else headers)


def to_frame(
    event: protocol.Message | protocol.Receipt | protocol.Connected | protocol.Error, decode: bool
) -> Frame:
    """What came in. A body that is no text stays bytes, and the log says so."""
    core = event.frame
    body: str | bytes = core.body
    if decode:
        try:
            body = core.body.decode()
        except UnicodeDecodeError:
            log.warning(
                "the body of a %s frame is not UTF-8: it is handed over as bytes (auto_decode=False does so always)",
                core.command,
            )
    return Frame(core.command, core.headers.to_dict(), body)
