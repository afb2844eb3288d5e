"""Requests and their replies, over one temporary queue a connection."""

from __future__ import annotations

from ..protocol import Message
from .dialect import Dialect
from .operation import Requesting

__all__ = ["ReplyQueue", "Requests"]


class ReplyQueue:
    """Where the replies of one connection come in.

    Args:
        dialect: of its broker.
        id: the id of a subscription of ours, where one is needed.

    Attributes:
        destination: what ``reply-to`` says.
        subscription: the ``subscription`` header of the replies.
    """

    __slots__ = ("destination", "subscription")

    def __init__(self, dialect: Dialect, id: str) -> None:
        self.destination = f"{dialect.temporary_queue}replies"
        # Where the client does not subscribe, RabbitMQ names the subscription after the queue.
        self.subscription = id if dialect.subscribes_to_replies else self.destination


class Requests:
    """The requests that wait for their replies on the present connection.

    Attributes:
        queue: where replies come in; ``None`` before the first request.
    """

    def __init__(self) -> None:
        self.queue: ReplyQueue | None = None
        self._waiting: dict[str, Requesting] = {}
        self._unanswered = 0
        self._counter = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def new_id(self) -> str:
        """A correlation id."""
        self._counter += 1
        return f"c-{self._counter}"

    def said(self, request: Requesting) -> None:
        """A request is on its way, or soon will be."""
        self._waiting[request.correlation_id] = request
        self._unanswered += 1

    def given_up(self, request: Requesting) -> None:
        """Nobody waits for its reply any more, which may still come."""
        gone = self._waiting.pop(request.correlation_id, None)
        if gone is not None and request.withdrawn:
            self._unanswered -= 1

    def heard(self, message: Message) -> Requesting | None:
        """The request that this message answers; ``None`` if it is no reply, or nobody waits for it."""
        if self.queue is None or message.subscription != self.queue.subscription:
            return None
        name = message.headers.get("correlation-id")
        if name is None and self._unanswered == 1:
            # Not every service copies the header; with one request alone nothing else can be meant.
            name = next(iter(self._waiting), None)
        self._unanswered = max(0, self._unanswered - 1)
        return self._waiting.pop(name, None) if name is not None else None

    def connection_lost(self) -> list[Requesting]:
        """The queue went with its connection. Returns what waited."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        self._unanswered = 0
        self.queue = None
        return waiting
