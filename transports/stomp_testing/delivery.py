"""From SEND to MESSAGE: which headers a broker passes on, and what it says of its own."""

from __future__ import annotations

from collections.abc import Sequence

from stomp_core import Frame, LocalProtocolError, Message, Send, ServerConnection

from .flavours import Flavour

__all__ = ["passed_on", "write_message"]

# What a SEND says to the broker, and what a broker says of itself: a sender's word on it would be a lie.
_NOT_PASSED_ON = frozenset(
    (
        "destination",
        "receipt",
        "transaction",
        "content-length",
        "message-id",
        "subscription",
        "ack",
        "redelivered",
    )
)


class _Unsized(Message):
    """A MESSAGE without ``content-length``, as ActiveMQ sends what came without."""

    __slots__ = ()

    @property
    def content_length_wanted(self) -> bool:
        return False


def passed_on(send: Send, flavour: Flavour) -> list[tuple[str, str]]:
    """The headers of a SEND that its MESSAGEs will have.

    ``content-length`` is among them only where the flavour makes a difference of it: it then says that the sender
    gave one.
    """
    pairs = [pair for pair in send.headers.items() if pair[0] not in _NOT_PASSED_ON]
    if flavour.content_length_as_sent and "content-length" in send.headers:
        pairs.append(("content-length", str(len(send.body))))
    return pairs


def write_message(
    connection: ServerConnection,
    own: Sequence[tuple[str, str]],
    headers: Sequence[tuple[str, str]],
    body: bytes,
    flavour: Flavour,
    now: float,
) -> bytes:
    """The bytes of a MESSAGE.

    Args:
        own: what the broker says: subscription, message-id, destination and so on.
        headers: what :func:`passed_on` kept of the SEND.
    """
    kind = Message
    if flavour.content_length_as_sent:
        sized = any(name == "content-length" for name, _ in headers)
        headers = [pair for pair in headers if pair[0] != "content-length"]
        if not sized and b"\0" not in body:
            kind = _Unsized
    try:
        return connection.send(kind.from_frame(Frame("MESSAGE", [*own, *headers], body)), now=now)
    except LocalProtocolError:
        # The sender's version could say what this client's cannot: it gets what it can read.
        readable = [pair for pair in headers if _plain(*pair)]
        return connection.send(kind.from_frame(Frame("MESSAGE", [*own, *readable], body)), now=now)


def _plain(name: str, value: str) -> bool:
    """Whether every version can carry this header."""
    return (
        ":" not in name
        and not any(char in "\r\n\0" for char in name + value)
        and (name.strip(" "), value.strip(" ")) == (name, value)
    )
