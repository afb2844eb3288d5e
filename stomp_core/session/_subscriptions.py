"""Subscriptions: their records, the index of them, and what to subscribe again on a new connection.

A record outlives connections. Each new connection subscribes all records again, and each record keeps its own progress
on the present connection (:class:`Progress`).

Probing. RabbitMQ's ERROR frames have no receipt-id, so after an ERROR it is unknown whether one of the SUBSCRIBEs
without an answer caused it. To send all of them again would lose the next connection for the same reason, and so on for
ever. So after such an ERROR these subscriptions are *unanswered*: on the next connection each of them is subscribed
alone, with a receipt and with nothing else in flight, before everything else. If an ERROR comes then, its cause is
known; that subscription fails, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum, StrEnum
from typing import Any

from ..protocol import AckMode, LatestSubscription, Message
from ..wire import Headers
from ._errors import SessionClosed
from ._message_queue import EVENT_OVERHEAD, BufferLimit, MessageQueue, QueueEntry
from ._pending import Pending

__all__ = ["Progress", "SubscriptionRecord", "SubscriptionState", "Subscriptions"]


class SubscriptionState(StrEnum):
    """The state of a subscription, over all connections.

    Attributes:
        ACTIVE: messages come, and every new connection subscribes again.
        DRAINING: UNSUBSCRIBE was sent, its receipt has not come. Late messages are dropped, and counted.
        GONE: the subscription has ended.
    """

    ACTIVE = "active"
    DRAINING = "draining"
    GONE = "gone"


class Progress(Enum):
    """How far the SUBSCRIBE of a record has come on the present connection."""

    NOT_SENT = "not sent"
    SENT = "sent"
    CONFIRMED = "confirmed"  # its RECEIPT or a MESSAGE has come


# CPython 3.11 looks up an attribute of an enum class in Python, which takes longer than all else that is done with it.
_ACTIVE, _CONFIRMED = SubscriptionState.ACTIVE, Progress.CONFIRMED


class SubscriptionRecord:
    """What the session knows of one subscription.

    Attributes:
        id: its name on the wire, the same on every connection.
        destination, ack, prefetch, durable, headers: as given to ``Session.subscribe``.
        wants_receipt: whether SUBSCRIBE asks for a receipt, and UNSUBSCRIBE unless its caller says otherwise.
        handle: what ``Session.subscribe`` returns to the user.
        waiter: settled with the handle when the broker has confirmed; ``None`` once nobody waits.
        queue: received messages, each with the number of its connection.
        state: see :class:`SubscriptionState`.
        progress: see :class:`Progress`.
        ever_left: whether a SUBSCRIBE of it has left this process on any connection.
        error: why it ended, if the user did not end it.
        dropped: how many messages were dropped: late ones, those of a lost connection that the broker delivers again,
            and those left in the queue at the end.
        stop_callbacks: called by ``Subscription.stop``.
    """

    __slots__ = (
        "ack",
        "destination",
        "dropped",
        "durable",
        "error",
        "ever_left",
        "handle",
        "headers",
        "id",
        "prefetch",
        "progress",
        "queue",
        "state",
        "stop_callbacks",
        "waiter",
        "wants_receipt",
    )

    def __init__(
        self,
        limit: BufferLimit,
        id: str,
        destination: str,
        ack: AckMode,
        prefetch: int | None,
        durable: str | None,
        headers: Headers,
        wants_receipt: bool,
    ) -> None:
        self.id: str = id
        self.destination: str = destination
        self.ack: AckMode = ack
        self.prefetch: int | None = prefetch
        self.durable: str | None = durable
        self.headers: Headers = headers
        self.wants_receipt: bool = wants_receipt
        # Any, because the handle's class belongs to the session, which imports this module.
        self.handle: Any = None
        self.waiter: Pending[Any] | None = None
        self.queue: MessageQueue[tuple[Message, int]] = MessageQueue(limit)
        self.state: SubscriptionState = SubscriptionState.ACTIVE
        self.progress: Progress = Progress.NOT_SENT
        self.ever_left: bool = False
        self.error: Exception | None = None
        self.dropped: int = 0
        self.stop_callbacks: list[Callable[[], object]] = []

    @property
    def prefetch_sent(self) -> int | None:
        """The prefetch, also if it was given in a header of the broker's; ``None`` if there is none."""
        if self.prefetch is not None or self.ack == "auto":
            return self.prefetch
        for name in ("prefetch-count", "activemq.prefetchSize"):
            value = self.headers.get(name)
            if value is not None and value.isdecimal():
                return int(value)
        return None

    def receive(self, message: Message, connection_number: int) -> bool:
        """Queue a message. False: the subscription is not active any more, and the message was dropped."""
        if self.state is not _ACTIVE:
            self.dropped += 1
            return False
        self.progress = _CONFIRMED
        self.queue.put((message, connection_number), message.frame.size + EVENT_OVERHEAD)
        return True

    def put_back(self, entry: QueueEntry, connection_number: int) -> None:
        """Make a message the next one again that was taken from the queue.

        Args:
            entry: a message and the number of its connection, and its size.
            connection_number: of the present connection; 0 if there is none.
        """
        if self.ack != "auto" and (
            self.state is not SubscriptionState.ACTIVE or entry[0][1] != connection_number
        ):
            self.dropped += 1  # the broker delivers it again; see `_drop_unacknowledged`
        else:
            self.queue.put_back(entry)

    def confirm(self, *, by_broker: bool) -> None:
        """Settle the waiter: SUBSCRIBE was confirmed by the broker, or was sent without asking for a receipt."""
        self.progress = Progress.CONFIRMED if by_broker else Progress.SENT
        waiter, self.waiter = self.waiter, None
        if waiter is not None:
            waiter.succeed(self.handle)

    def connection_lost(self) -> None:
        """Forget what belonged to the connection."""
        self.progress = Progress.NOT_SENT
        self._drop_unacknowledged()
        if self.state is not SubscriptionState.ACTIVE:
            self.end(SubscriptionState.GONE)

    def _drop_unacknowledged(self) -> None:
        # The broker delivers again what was not acknowledged on a lost connection. It does not deliver again what needs
        # no acknowledgement, so those messages stay in the queue.
        if self.ack != "auto":
            self.dropped += len(self.queue.clear())

    def end(self, state: SubscriptionState, error: Exception | None = None) -> None:
        """End the subscription. A later end keeps the error of the first one.

        Args:
            state: DRAINING while the RECEIPT of UNSUBSCRIBE is awaited, otherwise GONE.
            error: why, if the user did not ask for it.
        """
        if self.state is not SubscriptionState.ACTIVE:
            self.state = SubscriptionState.GONE
            self.queue.close()  # an exception may have interrupted the first end before it woke the waiters
            return
        self.state = state
        self.error = error
        self._drop_unacknowledged()
        waiter, self.waiter = self.waiter, None
        try:
            self.queue.close()
        finally:
            if waiter is not None:
                waiter.fail(
                    error
                    or SessionClosed(f"the subscription to {self.destination} ended before it was confirmed")
                )


class Subscriptions:
    """The subscriptions of one session, and which of them the present connection still has to send.

    Attributes:
        probing: the record whose SUBSCRIBE is in flight alone; nothing else is sent meanwhile.
        latest: that of the latest message.
    """

    def __init__(self) -> None:
        self._by_id: dict[str, SubscriptionRecord] = {}
        self._by_destination: dict[str, dict[str, SubscriptionRecord]] = {}
        # The next one comes last; an empty deque would take 760 bytes, for each connection.
        self._to_send: list[SubscriptionRecord] = []
        self._unanswered: set[SubscriptionRecord] = set()
        self._counter = 0
        self.probing: SubscriptionRecord | None = None
        self.latest: LatestSubscription[SubscriptionRecord] = LatestSubscription()

    def __iter__(self) -> Iterator[SubscriptionRecord]:
        return iter(list(self._by_id.values()))

    def __contains__(self, id: str) -> bool:
        return id in self._by_id

    def get(self, id: str | None) -> SubscriptionRecord | None:
        """Return the active or draining subscription with this id."""
        return self._by_id.get(id) if id is not None else None

    def only_one_to(self, destination: str) -> SubscriptionRecord | None:
        """Return the subscription to this destination, if there is exactly one."""
        found = self._by_destination.get(destination, {})
        return next(iter(found.values())) if len(found) == 1 else None

    def free_id(self) -> str:
        """Return an id that no subscription has."""
        while True:
            self._counter += 1
            name = f"s-{self._counter}"
            if name not in self._by_id:
                return name

    def add(self, record: SubscriptionRecord) -> None:
        """Add a subscription."""
        self._by_destination.setdefault(record.destination, {})[record.id] = record
        self._by_id[record.id] = record

    def remove(self, record: SubscriptionRecord) -> None:
        """Remove a subscription that has ended; its id may be used again."""
        if self._by_id.get(record.id) is not record:
            return  # the id is used again already
        self.latest.forget()
        self._unanswered.discard(record)
        same_destination = self._by_destination.get(record.destination, {})
        same_destination.pop(record.id, None)
        if not same_destination:
            self._by_destination.pop(record.destination, None)
        # Last: if an exception of a signal handler interrupts this, it can be done again.
        del self._by_id[record.id]

    def clear(self) -> None:
        """Remove all subscriptions."""
        self.latest.forget()
        self._by_id.clear()
        self._by_destination.clear()
        self._unanswered.clear()
        self._to_send.clear()

    # ------------------------------------------------------------------ what the present connection has to send

    def connection_made(self) -> None:
        """Schedule the SUBSCRIBE of every record, the unanswered ones first."""
        unanswered = [entry for entry in self._by_id.values() if entry in self._unanswered]
        others = [entry for entry in self._by_id.values() if entry not in self._unanswered]
        self._to_send = [*unanswered, *others][::-1]

    def send_later(self, record: SubscriptionRecord) -> None:
        """Schedule the SUBSCRIBE of a new record behind the probing that goes on."""
        self._to_send.insert(0, record)

    def next_to_send(self) -> SubscriptionRecord | None:
        """Return the record whose SUBSCRIBE is to be sent now. An unanswered one becomes :attr:`probing`."""
        while self._to_send and self.probing is None:
            record = self._to_send.pop()
            if record.state is SubscriptionState.ACTIVE:
                if record in self._unanswered:
                    self.probing = record
                return record
        return None

    def answered(self, record: SubscriptionRecord) -> None:
        """Note that the SUBSCRIBE of a record has its answer, or will never have one."""
        self._unanswered.discard(record)
        if self.probing is record:
            self.probing = None

    def mark_unanswered(self) -> None:
        """Note that an ERROR without receipt-id came: any SUBSCRIBE without an answer may have caused it."""
        self._unanswered.update(entry for entry in self._by_id.values() if entry.progress is Progress.SENT)

    def connection_lost(self) -> None:
        """Forget what belonged to the connection, and remove the subscriptions that were only draining."""
        self._to_send.clear()
        self.probing = None
        for record in self:
            record.connection_lost()
            if record.state is not SubscriptionState.ACTIVE:
                self.remove(record)
