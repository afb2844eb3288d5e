"""Requests and their replies, over one temporary queue a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..protocol import Error, Message, Send
from ..wire import Frame
from .delivery import Delivery
from .dialect import GENERIC, Dialect
from .errors import OutcomeUnknown, ReceiptTimeout
from .pending import Pending

__all__ = ["ReplyQueue", "Request", "Requests"]


class ReplyQueue:
    """Where replies come in.

    Attributes:
        destination: what ``reply-to`` says.
        subscription: the ``subscription`` header of the replies.
        unknown: the broker has not heard of it yet.
    """

    __slots__ = ("destination", "subscription", "unknown")

    def __init__(self, dialect: Dialect) -> None:
        self.destination = f"{dialect.temporary_queue}replies"
        # Where the client does not subscribe, RabbitMQ names the subscription after the queue.
        self.subscription = "replies" if dialect.subscribes_to_replies else self.destination
        self.unknown = True


class Request:
    """One message that wants a reply."""

    __slots__ = ("correlation_id", "event", "pending", "timeout", "withdrawn")

    def __init__(self, event: Send, pending: Pending[Delivery], timeout: float, correlation_id: str) -> None:
        self.event = event
        self.pending = pending
        self.timeout = timeout
        self.correlation_id = correlation_id
        self.withdrawn = False

    def event_for(self, queue: ReplyQueue) -> Send:
        """The SEND that says where to reply."""
        frame = self.event.frame
        pairs = [
            *frame.headers.items(),
            ("reply-to", queue.destination),
            ("correlation-id", self.correlation_id),
        ]
        return Send.from_frame(Frame("SEND", pairs, frame.body))

    def late(self) -> None:
        """The deadline has passed."""
        self.withdrawn = True
        self.pending.fail(ReceiptTimeout(f"no reply to the {self.pending.what} within {self.timeout:g} s"))


class Requests:
    """The requests of one session that wait for their replies."""

    def __init__(self) -> None:
        self._queue = ReplyQueue(GENERIC)
        self._connection_number = 0
        self._waiting: dict[str, Request] = {}

    def queue_on(self, connection_number: int, dialect: Dialect) -> ReplyQueue:
        """The reply queue of this connection; a new one for a new connection."""
        if connection_number != self._connection_number:
            self._connection_number = connection_number
            self._queue = ReplyQueue(dialect)
        return self._queue

    def sent(self, request: Request) -> None:
        """A request is on its way."""
        self._waiting = {key: entry for key, entry in self._waiting.items() if not entry.pending.done}
        self._waiting[request.correlation_id] = request

    def heard(
        self, message: Message, delivery: Callable[[Message, Any, int], Delivery], connection_number: int
    ) -> bool:
        """Take a MESSAGE, if it came in on the reply queue."""
        if connection_number != self._connection_number or message.subscription != self._queue.subscription:
            return False
        name = message.headers.get("correlation-id")
        if name is None and len(self._waiting) == 1:
            # Not every service copies the header; with one request alone nothing else can be meant.
            name = next(iter(self._waiting))
        request = self._waiting.pop(name or "", None)
        if request is None or request.pending.done:
            return False
        request.pending.succeed(delivery(message, None, connection_number))
        return True

    def lost(self, reason: str, error: Error | None) -> None:
        """The reply queue went with its connection."""
        waiting, self._waiting = self._waiting, {}
        for request in waiting.values():
            request.pending.fail(
                OutcomeUnknown(f"no reply to the {request.pending.what} will come: {reason}", error)
            )
