"""Conversion between the frames of stomp.py's API and the events of the core.

A frame of stomp.py is a command, a ``dict`` and a body that is text or bytes; listeners may change all of it before it
is sent. Therefore the frame is converted after the last listener has seen it, and ``content-length`` is computed then.
"""

from __future__ import annotations

from stomp_core.protocol import Connected, Error, Event, Message, Receipt, Send, event_from_frame
from stomp_core.wire import Frame as CoreFrame
from stomp_core.wire import Headers

from ._headers_cache import HeadersCache, make_headers
from .constants import CMD_SEND, HDR_CONTENT_LENGTH
from .utils import Frame, encode

__all__ = ["to_event", "to_event_as_it_is", "to_frame"]


def to_event(frame: Frame, cache: HeadersCache) -> Event:
    """Convert a frame that is about to be sent.

    Args:
        frame: stays as it is.
        cache: makes the headers of a SEND.

    Raises:
        TypeError: the body is neither text nor bytes.
    """
    body = frame.body
    if type(body) is not bytes:
        body = encode(body) if body else b""
    given = dict(frame.headers)
    has_length = HDR_CONTENT_LENGTH in given
    length: int | None = None
    if has_length and body:
        # stomp.py 9.0 states the number of characters first, and listeners may have changed the body since. A length
        # that is stated without a body stays as it is, for the core to check.
        del given[HDR_CONTENT_LENGTH]
        length = len(body)
    if frame.cmd == CMD_SEND:
        # Without a content-length in the headers the core must not add one: ActiveMQ makes a TextMessage of a SEND
        # without it. That is what auto_content_length=False is for.
        core = CoreFrame(CMD_SEND, cache.headers_for(given, length), body)
        return Send.from_frame(core, content_length=has_length)
    if length is not None:
        given[HDR_CONTENT_LENGTH] = length
    command = frame.cmd or ""
    core = CoreFrame.assemble(command, make_headers(given), body, None, omits_content_length=not has_length)
    return event_from_frame(core, any_command=True)


def to_event_as_it_is(frame: Frame) -> Event:
    """Convert a frame that a program gave as bytes, with the headers in their order."""
    headers = Headers(frame.headers)
    has_length = HDR_CONTENT_LENGTH in headers
    core = CoreFrame.assemble(frame.cmd or "", headers, frame.body, None, omits_content_length=not has_length)
    if frame.cmd == CMD_SEND:
        return Send.from_frame(core)
    return event_from_frame(core, any_command=True)


def to_frame(event: Message | Receipt | Connected | Error, decode: bool) -> tuple[Frame, bool]:
    """Convert a received event for the listeners.

    Args:
        event: stays as it is.
        decode: make the body text. A body that is not UTF-8 stays bytes; stomp.py 9.0 replaces what it cannot decode.

    Returns:
        The frame, and whether its body should be text and is not.
    """
    core = event.frame
    body: str | bytes = core.body
    undecodable = False
    if decode:
        try:
            body = core.body.decode()
        except UnicodeDecodeError:
            undecodable = True
    return Frame(core.command, core.headers.to_dict(), body), undecodable
