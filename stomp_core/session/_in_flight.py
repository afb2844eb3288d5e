"""What is awaited: receipts and replies on the present connection, and the deadlines of all operations.

Which operation an ERROR answers. With a ``receipt-id`` (ActiveMQ) the ERROR names it. RabbitMQ's ERROR never has one
(3.x, seen; STOMP 1.2, "ERROR": it is a SHOULD). Then the ERROR is attributed to an operation only if nothing else can
be meant: exactly one operation that has left waits for its receipt, and every frame without a receipt is older than
the latest frame that was confirmed. (A broker processes frames of one connection in order, so those cannot be the
cause any more.) Otherwise the ERROR stays unattributed, and what is in flight is ``OutcomeUnknown``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from itertools import islice

from .._arguments import shown
from ..errors import ErrorCode, LocalProtocolError
from ..protocol import Error, Message
from ..wire import HeaderTypeError
from ._broker_profiles import BrokerProfile
from ._operations import Operation, RequestOperation, Timed

__all__ = ["Deadlines", "Receipts", "Replies", "ReplyQueue"]

# The ids that are generated here. A caller cannot choose one of them.
_GENERATED = "auto-"
_MAX_DIGITS = 18
_COMPACT_FROM = 1024


class Receipts:
    """The operations that wait for their RECEIPT on the present connection, in the order in which they were sent.

    Attributes:
        sent: how many frames are in the send queue of this connection, or have left it.
        without_receipt: the number of the latest of them that asked for no receipt.
    """

    def __init__(self) -> None:
        self._awaited: dict[str, Operation] = {}
        # Ids that a caller chose. One whose operation timed out stays until the connection ends: the RECEIPT that may
        # still come must not confirm the next operation with this id.
        self._chosen: set[str] = set()
        # Ids on raw frames, which the session does not track: how many of their RECEIPTs have not come.
        self._raw: Counter[str] = Counter()
        self._counter = 0
        self.sent = 0  # frames on this connection
        self._confirmed = 0  # the number of the latest frame that was confirmed
        self.without_receipt = 0  # the number of the latest frame that asked for no receipt

    def __len__(self) -> int:
        return len(self._awaited)

    # ------------------------------------------------------------------ ids

    def id_for(self, receipt: bool | str) -> str | None:
        """Return the receipt id for an argument ``receipt``: ``True`` generates one, a ``str`` is the caller's.

        Raises:
            LocalProtocolError: the caller's id is in use.
        """
        if not isinstance(receipt, str):
            given: object = receipt
            if given is not None and not isinstance(given, bool):
                raise HeaderTypeError(
                    f"receipt must be True, False or an id of your own as a str, got {shown(receipt)}",
                    code=ErrorCode.NOT_TEXT,
                )
            return self.new_id() if receipt else None
        self.check_raw(receipt)
        if receipt in self._raw:
            raise self._in_use(receipt)
        return receipt

    def check_raw(self, receipt: str) -> None:
        """Refuse an id on a raw frame if an operation has it. Raw frames may share one among themselves.

        Raises:
            LocalProtocolError: the id is in use.
        """
        if receipt in self._chosen or self._was_generated(receipt):
            raise self._in_use(receipt)

    def _in_use(self, receipt: str) -> LocalProtocolError:
        return LocalProtocolError(f"receipt id {receipt!r} is in use", code=ErrorCode.HEADER_CLASH)

    def new_id(self) -> str:
        """Return an id that was never in use."""
        while True:
            self._counter += 1
            name = f"{_GENERATED}{self._counter}"
            if name not in self._chosen and name not in self._raw:
                return name

    def _was_generated(self, name: str) -> bool:
        number = name.removeprefix(_GENERATED)
        if number == name or not (number.isascii() and number.isdigit()) or len(number) > _MAX_DIGITS:
            return False
        return int(number) <= self._counter

    def reserve(self, name: str) -> None:
        """Note that an operation with this id, which the caller chose, was accepted."""
        self._chosen.add(name)

    def reserve_raw(self, name: str) -> None:
        """Note that a raw frame with this id was sent: its RECEIPT must not confirm anything else."""
        self._raw[name] += 1

    # ------------------------------------------------------------------ the life of an operation

    def add(self, operation: Operation) -> None:
        """Note that the frame of an operation is in the send queue of this connection."""
        self.sent += 1
        if operation.receipt is None:
            self.without_receipt = self.sent
        else:
            self._awaited[operation.receipt] = operation
        operation.number = self.sent

    def add_without_receipt(self) -> None:
        """Note that a frame that asks for no receipt is in the send queue of this connection."""
        self.sent += 1
        self.without_receipt = self.sent

    def receive(self, receipt_id: str) -> Operation | None:
        """Return the operation that this RECEIPT confirms; ``None`` if it confirms none: see :meth:`unexpected`."""
        operation = self._awaited.get(receipt_id)
        if operation is None or not operation.left or (self._raw and receipt_id in self._raw):
            return None  # it cannot answer a frame that the broker has not received
        del self._awaited[receipt_id]
        if self._chosen:
            self._chosen.discard(receipt_id)
        if operation.number > self._confirmed:
            self._confirmed = operation.number
        return operation

    def unexpected(self, receipt_id: str) -> str | None:
        """Note a RECEIPT that confirms no operation.

        Returns:
            Why it confirms none; ``None`` if a raw frame has asked for it.
        """
        if receipt_id in self._raw:
            # Operations and raw frames share an id only in an unchecked conversation, where DISCONNECT comes last.
            self._raw[receipt_id] -= 1
            if not self._raw[receipt_id]:
                del self._raw[receipt_id]
            return None
        if receipt_id in self._awaited:
            return "the frame that asks for it has not been sent yet"
        late = receipt_id in self._chosen or self._was_generated(receipt_id)
        self._chosen.discard(receipt_id)
        if late:
            return "nobody waits for it any more: it comes too late, or twice"
        return "no frame on this connection has asked for it"

    def forget(self, operation: Operation) -> None:
        """Stop waiting for the RECEIPT of an operation."""
        if operation.receipt is None:
            return
        self._awaited.pop(operation.receipt, None)
        if operation.withdrawn:
            self._chosen.discard(operation.receipt)

    def answered_by(self, error: Error) -> Operation | None:
        """Remove and return the operation that this ERROR answers; ``None`` if that is not known. See above."""
        operation = None
        if error.receipt_id is not None:
            operation = self._awaited.get(error.receipt_id)
        elif "subscription" not in error.headers and self.without_receipt <= self._confirmed:
            # Frames leave in order, so the operations that have left come first.
            left = [entry for entry in islice(self._awaited.values(), 2) if entry.left]
            if len(left) == 1:
                operation = left[0]
        if operation is None or not operation.left:
            return None
        assert operation.receipt is not None
        return self._awaited.pop(operation.receipt)

    def connection_lost(self) -> list[Operation]:
        """Forget what belonged to the connection; return the operations that waited for a RECEIPT."""
        awaited = list(self._awaited.values())
        self._awaited.clear()
        self._raw.clear()
        self.sent = self._confirmed = self.without_receipt = 0
        return awaited

    def keep_only(self, operations: Iterable[Operation]) -> None:
        """After a loss: keep the ids of these operations reserved, and no others; they will be sent again."""
        self._chosen.intersection_update(
            [operation.receipt for operation in operations if operation.receipt is not None]
        )


class ReplyQueue:
    """The temporary queue for the replies of one connection.

    Args:
        profile: of its broker.
        id: the id of a subscription of ours, where one is needed.

    Attributes:
        destination: the value of ``reply-to``.
        subscription: the ``subscription`` header of the replies.
    """

    __slots__ = ("destination", "subscription")

    def __init__(self, profile: BrokerProfile, id: str) -> None:
        self.destination = f"{profile.temporary_queue}replies"
        # Where the client does not subscribe, RabbitMQ names the subscription after the queue.
        self.subscription = id if profile.subscribes_to_replies else self.destination


class Replies:
    """The requests that wait for their replies on the present connection.

    Attributes:
        queue: where replies arrive; ``None`` before the first request.
    """

    def __init__(self) -> None:
        self.queue: ReplyQueue | None = None
        self._waiting: dict[str, RequestOperation] = {}
        self._unanswered = 0
        self._counter = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def new_id(self) -> str:
        """Return a new correlation id."""
        self._counter += 1
        return f"c-{self._counter}"

    def add(self, request: RequestOperation) -> None:
        """Note that a request is in the send queue of this connection."""
        self._waiting[request.correlation_id] = request
        self._unanswered += 1

    def forget(self, request: RequestOperation) -> None:
        """Stop waiting for the reply to a request; it may still come."""
        known = self._waiting.pop(request.correlation_id, None)
        if known is not None and request.withdrawn:
            self._unanswered -= 1

    def expects(self, message: Message) -> bool:
        """Return whether a message came over the queue for replies."""
        return self.queue is not None and message.subscription == self.queue.subscription

    def receive(self, message: Message) -> RequestOperation | None:
        """Return the request that this message answers; ``None`` if it is no reply, or nobody waits for it."""
        if not self.expects(message):
            return None
        name = message.headers.get("correlation-id")
        if name is None and self._unanswered == 1:
            # Not every service copies the header. With a single request nothing else can be meant.
            name = next(iter(self._waiting), None)
        self._unanswered = max(0, self._unanswered - 1)
        return self._waiting.pop(name, None) if name is not None else None

    def connection_lost(self) -> list[RequestOperation]:
        """Forget the reply queue, which is lost with its connection; return the requests that waited."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        self._unanswered = 0
        self.queue = None
        return waiting


class Deadlines:
    """Deadlines of many operations, the next one first. What is done is removed when it comes to the top."""

    __slots__ = ("_compact_at", "_count", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timed]] = []
        self._count = 0
        self._compact_at = _COMPACT_FROM

    def add(self, now: float, timed: Timed) -> None:
        """Watch the deadline of something until it is done: ``timed.timeout`` seconds from ``now``."""
        self._count += 1  # of two with the same deadline the older one is due first
        deadline = now + timed.timeout
        timed.pending.deadline = deadline
        heappush(self._heap, (deadline, self._count, timed))
        if len(self._heap) > self._compact_at:
            # One with a late deadline must not keep all the done ones behind it alive.
            self._heap = [entry for entry in self._heap if not entry[2].pending.done]
            heapify(self._heap)
            self._compact_at = max(_COMPACT_FROM, 2 * len(self._heap))

    def next(self) -> float | None:
        """Return the earliest deadline of what is not done."""
        while self._heap and self._heap[0][2].pending.done:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Iterator[Timed]:
        """Yield what is not done and whose deadline has passed. Each one is removed when it is yielded.

        What is added meanwhile is not yielded, even if it is due at once: the next call has it.
        """
        last = self._count
        heap = self._heap
        while heap and heap[0][0] <= now and heap[0][1] <= last:
            timed = heappop(heap)[2]
            if not timed.pending.done:
                yield timed
            heap = self._heap  # add() may have replaced it

    def remaining(self) -> list[Timed]:
        """Return everything that is not done."""
        return [timed for _, _, timed in self._heap if not timed.pending.done]

    def clear(self) -> None:
        """Stop watching everything."""
        self._heap.clear()
