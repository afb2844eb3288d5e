"""Delivery: a MESSAGE together with the subscription and the connection that it came on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol import Message
from ..wire import Headers

if TYPE_CHECKING:
    from .subscription import Subscription

__all__ = ["Delivery"]


class Delivery:
    """One MESSAGE that was delivered (STOMP 1.2, "MESSAGE").

    Attributes:
        event: the frame as the core's typed event.
        subscription: what it came on; ``None`` for the reply to a request.
        connection_number: the connection that it came on, counted from 1. It can be acknowledged there only.
    """

    __slots__ = ("connection_number", "event", "subscription")

    def __init__(self, event: Message, subscription: Subscription | None, connection_number: int) -> None:
        self.event = event
        self.subscription = subscription
        self.connection_number = connection_number

    @property
    def body(self) -> bytes:
        """The octets of the body."""
        return self.event.body

    @property
    def text(self) -> str:
        """The body as text, in the charset that ``content-type`` names, else UTF-8.

        Raises:
            UnicodeDecodeError: it is not text in that charset.
            LookupError: Python does not know the charset.
        """
        return self.event.text

    @property
    def headers(self) -> Headers:
        """All headers."""
        return self.event.headers

    @property
    def destination(self) -> str:
        """Where it was sent to."""
        return self.event.destination

    @property
    def message_id(self) -> str:
        """Its unique id."""
        return self.event.message_id

    @property
    def content_type(self) -> str | None:
        """The MIME type of the body."""
        return self.event.content_type

    @property
    def redelivered(self) -> bool:
        """Whether the broker says that it was delivered before (``redelivered:true``; both brokers say so)."""
        return self.event.headers.get("redelivered") == "true"

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.message_id!r} from {self.destination!r}, {len(self.body)} bytes>"
        )
