"""Turn a SEND into MESSAGEs: which headers a broker passes on, and which it adds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count

from stomp_core import Frame, LocalProtocolError, Message, ServerConnection

from ._queues import QueuedMessage, Subscription
from ._settings import Flavour

__all__ = ["MessageWriter", "forwarded_headers"]

# Headers of a SEND that are for the broker, and headers that only the broker may set: a sender could forge them.
_NOT_FORWARDED = frozenset(
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
_LEAKING = frozenset(("receipt", "transaction"))
#: The headers that RabbitMQ 3.10 keeps as properties of a message. They come behind all others, in this order.
_PROPERTIES = (
    "app-id", "user-id", "type", "timestamp", "amqp-message-id", "expiration", "reply-to", "correlation-id",
    "priority", "persistent", "content-encoding", "content-type",
)  # fmt: skip


class _MessageWithoutLength(Message):
    """A MESSAGE that is written without ``content-length``."""

    __slots__ = ()

    @property
    def content_length_wanted(self) -> bool:
        return False


def forwarded_headers(
    headers: Mapping[str, str], body_size: int, flavour: Flavour, clock: Callable[[], float]
) -> list[tuple[str, str]]:
    """Return the headers of a SEND that its MESSAGEs will have.

    ``content-length`` is among them only in flavours that write it only where the sender did.

    Args:
        headers: of the SEND, the last one first.
        body_size: bytes.
        flavour: the broker to behave like.
        clock: seconds since 1970.
    """
    hidden = _NOT_FORWARDED - _LEAKING if flavour.request_headers_leak else _NOT_FORWARDED
    pairs = [pair for pair in headers.items() if pair[0] not in hidden]
    if "persistent" in headers and headers["persistent"] != "true":
        pairs.remove(("persistent", headers["persistent"]))
    if not flavour.content_length_as_sent:
        own = dict(pairs)
        properties = [(name, own.pop(name)) for name in _PROPERTIES if name in own]
        return [*own.items(), *properties]
    # ActiveMQ 5.17 tells the priority and the times of each message.
    if "content-length" in headers:
        pairs.append(("content-length", str(body_size)))
    for name, value in (("expires", "0"), ("priority", "4")):
        if name not in headers:
            pairs.append((name, value))
    if "timestamp" not in headers:
        pairs.append(("timestamp", str(int(clock() * 1000))))
    return pairs


class MessageWriter:
    """Writes the MESSAGEs of one connection.

    Args:
        connection: checks and writes them.
        flavour: the broker to behave like.
        session: the name of the connection, for message ids.
    """

    def __init__(self, connection: ServerConnection, flavour: Flavour, session: str) -> None:
        self._connection = connection
        self._flavour = flavour
        self._session = session
        self._numbers = count(1)

    def write(
        self, subscription: Subscription, message: QueuedMessage, destination: str, now: float
    ) -> tuple[bytes, str]:
        """Write a MESSAGE.

        Args:
            subscription: the one that it is delivered to.
            message: what was sent.
            destination: the value of the ``destination`` header.
            now: seconds.

        Returns:
            The bytes, and the id that an ACK will name.
        """
        version = self._connection.version
        number = next(self._numbers)
        flavour = self._flavour
        if flavour.message_id_is_ack:
            # RabbitMQ 3.10: T_<subscription>@@<session>@@<delivery tag>.
            message_id = ack_id = f"{subscription.tag}@@{self._session}@@{number}"
        else:
            # ActiveMQ 5.17: the message-id stays the same when a message is delivered again.
            message_id = f"ID:stomp_testing:{message.order}"
            ack_id = f"ID:{self._session}:{number}" if version == "1.2" else message_id
        headers = [] if subscription.id is None else [("subscription", subscription.id)]
        headers.append(("destination", destination))
        headers.append(("message-id", message_id))
        if flavour.message_id_is_ack:
            headers.append(("redelivered", "true" if message.deliveries else "false"))
        elif message.deliveries:
            headers.append(("redelivered", "true"))
        if version == "1.2" and subscription.ack != "auto":
            headers.append(("ack", ack_id))
        if subscription.id is None and version != "1.0":
            return _without_subscription(headers, message), ack_id
        return self._serialize(headers, message.headers, message.body, now), ack_id

    def _serialize(
        self,
        own: Sequence[tuple[str, str]],
        forwarded: Sequence[tuple[str, str]],
        body: bytes,
        now: float,
    ) -> bytes:
        kind = Message
        if self._flavour.content_length_as_sent:
            sized = any(name == "content-length" for name, _ in forwarded)
            forwarded = [pair for pair in forwarded if pair[0] != "content-length"]
            # A body with a NUL in it cannot be written without its length.
            if not sized and b"\0" not in body:
                kind = _MessageWithoutLength
        try:
            return self._connection.send(kind.from_frame(Frame("MESSAGE", [*own, *forwarded], body)), now=now)
        except LocalProtocolError:
            # The sender's version can carry headers that this client's cannot: those are left out.
            portable = _portable_headers(own, forwarded)
            return self._connection.send(kind.from_frame(Frame("MESSAGE", portable, body)), now=now)


def _without_subscription(own: Sequence[tuple[str, str]], message: QueuedMessage) -> bytes:
    """Write a MESSAGE of a subscription without id, as RabbitMQ 3.10 does, although 1.1 and 1.2 forbid it.

    No connection would send it, so none knows the message, and an ACK of it is refused.
    """
    return Frame("MESSAGE", _portable_headers(own, message.headers), message.body).to_bytes("1.0")


def _portable_headers(
    own: Sequence[tuple[str, str]], forwarded: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Return the headers as every version of STOMP can carry them, without those of the sender that it cannot."""
    plain = [(name, _plain(value)) for name, value in own]
    return [*plain, *(pair for pair in forwarded if _is_portable(*pair))]


def _is_portable(name: str, value: str) -> bool:
    """Return whether every version of STOMP can carry this header."""
    return (
        bool(name)
        and ":" not in name
        and not any("\ud800" <= char <= "\udfff" for char in name + value)
        and not any(char in "\r\n\0" for char in name + value)
        and (name.strip(" "), value.strip(" ")) == (name, value)
    )


def _plain(value: str) -> str:
    """Return a value as every version of STOMP can carry it."""
    return " ".join(value.encode(errors="replace").decode().split())
