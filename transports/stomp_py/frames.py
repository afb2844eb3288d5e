"""From a listener's frame to the core's event, and back."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from stomp_core import LocalProtocolError, protocol
from stomp_core.protocol import Event, Send
from stomp_core.protocol.events import event_from_frame
from stomp_core.wire import Frame as CoreFrame
from stomp_core.wire import Headers

from . import log
from .constants import HDR_CONTENT_LENGTH
from .exception import ProtocolException
from .utils import Frame, encode

__all__ = ["to_event", "to_frame"]

_TEXT_ONLY = {str}
_latest: tuple[dict[str, str], Headers] = ({}, Headers())


def to_event(frame: Frame) -> Event:
    """What a frame says, with its headers in sorted order, and those left out that are ``None``.

    Raises:
        ProtocolException: there is no such command.
        TypeError: the body is neither text nor bytes.
    """
    body = encode(frame.body) if frame.body else b""
    said = frame.headers
    counted = HDR_CONTENT_LENGTH in said
    if counted and body:
        # Listeners may have changed the body, and stomp.py counts characters: whoever writes it counts for himself.
        said = dict(said)
        del said[HDR_CONTENT_LENGTH]
    core = CoreFrame(frame.cmd or "", _to_headers(said), body)
    if frame.cmd == "SEND":
        return Send.from_frame(core, content_length=counted)
    try:
        return event_from_frame(core)
    except LocalProtocolError as error:
        raise ProtocolException(str(error)) from error


def _to_headers(said: dict[str, Any]) -> Headers:
    global _latest
    before, made = _latest
    # Programs say the same again and again. What equals a text need not be one: it may be written differently.
    if said == before and {*map(type, said.values())} == _TEXT_ONLY:
        return made
    text: dict[str, str] = {}
    repeats: list[tuple[str, str]] = []
    for name, value in sorted(said.items()):
        if type(value) is str:
            text[name] = value
        elif isinstance(value, tuple):
            repeats += [(str(name), str(one)) for one in value if one is not None]
        elif value is not None:
            text[str(name)] = str(value)
    if repeats:
        return Headers(sorted([*text.items(), *repeats], key=itemgetter(0)))
    made = Headers(text)
    _latest = text, made
    return made


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
