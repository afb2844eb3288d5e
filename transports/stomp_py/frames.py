"""From a listener's frame to the core's event, and back."""

from __future__ import annotations

from operator import itemgetter

from stomp_core import LocalProtocolError, protocol
from stomp_core.protocol import Event, Send
from stomp_core.protocol.events import event_from_frame
from stomp_core.wire import Frame as CoreFrame

from . import log
from .constants import HDR_CONTENT_LENGTH
from .exception import ProtocolException
from .utils import Frame, encode

__all__ = ["to_event", "to_frame"]


def to_event(frame: Frame) -> Event:
    """What a frame says, with its headers in sorted order, and those left out that are ``None``.

    Raises:
        ProtocolException: there is no such command.
        TypeError: the body is neither text nor bytes.
    """
    body = encode(frame.body) if frame.body else b""
    counted = HDR_CONTENT_LENGTH in frame.headers
    headers: dict[str, str] = {}
    repeats: list[tuple[str, str]] = []
    for name, value in sorted(frame.headers.items()):
        if type(value) is str:
            headers[name] = value
        elif isinstance(value, tuple):
            repeats += [(str(name), str(one)) for one in value if one is not None]
        elif value is not None:
            headers[str(name)] = str(value)
    if counted and body:
        # Listeners may have changed the body, and stomp.py counts characters: whoever writes it counts for himself.
        headers.pop(HDR_CONTENT_LENGTH, None)
    pairs = sorted([*headers.items(), *repeats], key=itemgetter(0)) if repeats else headers
    core = CoreFrame(frame.cmd or "", pairs, body)
    if frame.cmd == "SEND":
        return Send.from_frame(core, content_length=counted)
    try:
        return event_from_frame(core)
    except LocalProtocolError as error:
        raise ProtocolException(str(error)) from error


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
