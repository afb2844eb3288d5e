"""Delivery: a MESSAGE together with the subscription and the connection that it came on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Never, Protocol

from .._hints import unknown_attribute
from ..protocol import AckMode, Message
from ..wire import Headers
from ._subscriptions import SubscriptionState

__all__ = ["Delivery", "SubscriptionLike"]


class SubscriptionLike(Protocol):
    """What a :class:`.Delivery` knows of its subscription. :class:`~stomp_core.Subscription` is one."""

    @property
    def id(self) -> str:
        """The ``id`` header of the subscription."""
        ...

    @property
    def destination(self) -> str:
        """The destination that it is subscribed to."""
        ...

    @property
    def ack(self) -> AckMode:
        """The ack mode (STOMP 1.2, "SUBSCRIBE ack Header")."""
        ...

    @property
    def state(self) -> SubscriptionState:
        """The state of the subscription."""
        ...


class Delivery:
    """One MESSAGE that was delivered (STOMP 1.2, "MESSAGE").

    Args:
        event: the MESSAGE.
        subscription: the subscription that it came on; ``None`` for the reply to a request.
        connection_number: the number of the connection that it came on, counted from 1.

    Attributes:
        body: the body, as ``bytes``. :attr:`text` is the same as ``str``.
        headers: all headers of the message.
        event: the frame as a typed event of the protocol layer.
        subscription: the subscription that it came on; ``None`` for the reply to a request.
        connection_number: the number of the connection that it came on, counted from 1. It can be acknowledged only as
            long as that connection is up.
    """

    # Body and headers are slots: with __getattr__, CPython calls properties more slowly.
    __slots__ = ("body", "connection_number", "event", "headers", "subscription")

    def __init__(self, event: Message, subscription: SubscriptionLike | None, connection_number: int) -> None:
        frame = event.frame
        self.body: bytes = frame.body
        self.headers: Headers = frame.headers
        self.event: Message = event
        self.subscription: SubscriptionLike | None = subscription
        self.connection_number: int = connection_number

    @property
    def text(self) -> str:
        """The body as text, in the charset that ``content-type`` names, else UTF-8.

        Raises:
            UnicodeDecodeError: the body is not text in that charset.
            LookupError: Python does not know the charset.
        """
        return self.event.text

    @property
    def destination(self) -> str:
        """The ``destination`` header: where the message was sent to."""
        return self.event.destination

    @property
    def message_id(self) -> str:
        """The ``message-id`` header: the unique id of the message."""
        return self.event.message_id

    @property
    def content_type(self) -> str | None:
        """The ``content-type`` header: the MIME type of the body; ``None`` if it is not stated."""
        return self.event.content_type

    @property
    def redelivered(self) -> bool:
        """Whether the broker marks it as delivered before (``redelivered:true``; RabbitMQ and ActiveMQ set it)."""
        return self.event.headers.get("redelivered") == "true"

    if not TYPE_CHECKING:  # type checkers know the attributes, and report others

        def __getattr__(self, name: str) -> Never:
            unknown_attribute(self, name)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.message_id!r} from {self.destination!r}, {len(self.body)} bytes>"
        )
