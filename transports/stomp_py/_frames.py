"""Conversion between the frames of stomp.py's API and the events of the core.

The headers of the message before are remembered, because most programs send the same ones again: the core recognises
the very Headers object of an earlier SEND, and checks and serializes it no more.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from stomp_core import LocalProtocolError, protocol
from stomp_core.protocol import Event, Send, event_from_frame
from stomp_core.wire import Frame as CoreFrame
from stomp_core.wire import Headers

from . import log
from .constants import HDR_CONTENT_LENGTH
from .exception import ProtocolException
from .utils import Frame, encode

__all__ = ["to_event", "to_frame"]

_latest: tuple[dict[str, str], Headers] = ({}, Headers())  # of the message before


def to_event(frame: Frame) -> Event:
    """Convert a frame to an event, with its headers in sorted order and without those that are ``None``.

    Raises:
        ProtocolException: there is no such command.
        TypeError: the body is neither text nor bytes.
    """
    body = frame.body
    if type(body) is not bytes:
        body = encode(body) if body else b""
    given = dict(frame.headers)
    has_length = HDR_CONTENT_LENGTH in given
    if has_length and body:
        # Listeners may have changed the body, and stomp.py counts characters.
        given[HDR_CONTENT_LENGTH] = str(len(body))
    if frame.cmd == "SEND":
        return Send.from_frame(CoreFrame("SEND", _to_headers_cached(given), body), content_length=has_length)
    try:
        return event_from_frame(CoreFrame(frame.cmd or "", _to_headers(given), body))
    except LocalProtocolError as error:
        raise ProtocolException(str(error)) from error


def _to_headers_cached(given: dict[str, Any]) -> Headers:
    """Return the headers of a message: those of the message before, if they are the same."""
    global _latest
    latest, headers = _latest
    only_text = {*map(type, given.values())} <= {
        str
    }  # other values that are equal may be written differently
    if not only_text or given != latest:
        headers = _to_headers(given)
        if only_text:
            _latest = given, headers
    return headers


def _to_headers(given: dict[str, Any]) -> Headers:
    headers: dict[str, str] = {}
    repeats: list[tuple[str, str]] = []
    for name, value in sorted(given.items()):
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
                "the body of a %s frame is not UTF-8: listeners get it as bytes (as always with auto_decode=False)",
                core.command,
            )
    return Frame(core.command, core.headers.to_dict(), body)
