"""Checks of the arguments of a session's operations, before anything is changed.

Only what no other part checks: the layers below check what becomes of a header, and each part its own arguments.
"""

from __future__ import annotations

from math import inf

from .._arguments import check_text, shown
from ..errors import ErrorCode, LocalProtocolError
from ..protocol import Event, event_from_frame
from ..wire import Frame, Headers, HeaderSource, HeaderTypeError
from ._delivery import Delivery

__all__ = [
    "check_ack_mode",
    "check_delivery",
    "check_id",
    "check_now",
    "check_prefetch",
    "event_of",
    "own_headers",
]

_ACK_MODES = ("auto", "client", "client-individual")
_NO_HEADERS = Headers()


def check_now(now: float) -> None:
    """Check a time.

    Raises:
        ValueError: it is no finite number.
    """
    try:
        finite = -inf < now < inf
    except TypeError:
        finite = False
    if not finite:
        raise ValueError(f"now must be a finite number of seconds, got {now!r}")


def check_id(name: str, value: object) -> None:
    """Check an argument that names something on the wire, or is ``None``.

    Raises:
        HeaderTypeError: it is no ``str``.
    """
    try:
        check_text(name, value)
    except TypeError as error:
        raise HeaderTypeError(str(error), code=ErrorCode.NOT_TEXT) from None


def check_ack_mode(ack: object) -> None:
    """Check the ack mode of a subscription.

    Raises:
        LocalProtocolError: it is another word; a HeaderTypeError if it is no ``str``.
    """
    if ack in _ACK_MODES:
        return
    if isinstance(ack, bool):
        instead = "'auto' acknowledges at once, 'client-individual' awaits an ACK for each message"
    else:
        word = str(ack).lower().replace("_", "-")
        meant = (
            "client-individual"
            if "individual" in word or "manual" in word
            else "auto"
            if "auto" in word
            else ""
        )
        instead = f"write {meant!r}" if meant else "the default is 'auto'"
    kind = LocalProtocolError if isinstance(ack, str) else HeaderTypeError
    raise kind(
        f"the ack mode {ack!r} is not one of 'auto', 'client', 'client-individual': {instead}",
        code=ErrorCode.BAD_ACK_MODE,
    )


def check_prefetch(prefetch: object, ack: str) -> None:
    """Check how many messages a subscription may have in flight.

    Args:
        prefetch: the number; ``None`` if it was not given.
        ack: the ack mode of the subscription.

    Raises:
        LocalProtocolError: it is too small; a HeaderTypeError if it is no ``int``.
        ValueError: it has no effect in this ack mode.
    """
    if prefetch is None:
        return
    if isinstance(prefetch, bool) or not isinstance(prefetch, int):
        raise HeaderTypeError(
            f"prefetch must be a number of messages, got {shown(prefetch)}", code=ErrorCode.BAD_HEADER_VALUE
        )
    if prefetch < 1:
        raise LocalProtocolError(
            f"prefetch must be a number of messages of at least 1, got {prefetch!r}",
            code=ErrorCode.BAD_HEADER_VALUE,
        )
    if ack == "auto":
        raise ValueError(
            f"prefetch={prefetch} has no effect with ack='auto', where the broker awaits no ACK: pass "
            "ack='client-individual' and acknowledge each message, or leave prefetch out"
        )


def check_delivery(call: str, delivery: object) -> None:
    """Check a message that is to be acknowledged.

    Args:
        call: the name of the operation.
        delivery: what came.

    Raises:
        TypeError: it is no message of a subscription.
    """
    if not isinstance(delivery, Delivery):
        raise TypeError(
            f"{call}() needs the message that the subscription returned, got {shown(delivery)}: "
            f"keep that object, and call {call}(message) or message.{call}()"
        )


def event_of(frame: object, *, any_command: bool) -> Event:
    """Return the event of a raw frame.

    Args:
        frame: what came, which is no event.
        any_command: allow a command that STOMP does not have.

    Raises:
        TypeError: it is no frame either.
        LocalProtocolError: STOMP has no such command.
    """
    if not isinstance(frame, Frame):
        raise TypeError(
            f"send_frame() needs a Frame or an event, got {shown(frame)}: "
            'Frame("SEND", {"destination": "/queue/orders"}, b"hello")'
        )
    return event_from_frame(frame, any_command=any_command)


def own_headers(headers: HeaderSource) -> Headers:
    """Return a caller's own headers, without those that are arguments of the call: the session must know of them.

    Raises:
        LocalProtocolError: one of them is an argument of the call, or they are no headers.
    """
    if not isinstance(headers, Headers):
        if not headers:
            return _NO_HEADERS
        headers = Headers(headers)
    for name in ("receipt", "transaction"):
        if name in headers:
            raise LocalProtocolError(
                f"pass {name!r} as an argument of the call, not in headers; leave it out of the headers of a message "
                "that is passed on (RabbitMQ delivers it with the message)",
                code=ErrorCode.HEADER_NOT_ALLOWED,
            )
    return headers
