"""Sender: sends operations on the present connection, keeps the others until there is one, and settles all of them.

An operation is sent at once if there is a connection; otherwise it waits in the backlog. A new connection first gets
the SUBSCRIBEs of all subscriptions, then the backlog. When a connection is lost, each operation has one of three
outcomes: if it had left, its outcome is unknown; if it had not left and is portable, it goes first on the next
connection; otherwise it was not sent.

Closing. The receipts that are in flight are awaited first, then DISCONNECT is sent and its RECEIPT awaited; each of the
two waits has its share of the time.
"""

from __future__ import annotations

from functools import partial

from ..errors import ErrorCode, LocalProtocolError, StompError
from ..protocol import ClientConnection, Disconnect, Error, Event, Message, Receipt, Subscribe
from ._config import Config
from ._connector import Connector, SessionState
from ._errors import NotSent, Rejected, SessionClosed
from ._in_flight import Deadlines, Receipts, Replies, ReplyQueue
from ._notifier import Notifier
from ._operations import (
    BeginOperation,
    CommitOperation,
    DisconnectOperation,
    Operation,
    RequestOperation,
    SendOperation,
    SubscribeOperation,
    Timed,
    UnmadeSend,
    UnsubscribeOperation,
)
from ._pending import Pending, call_all
from ._send_queue import Backlog, SendQueue
from ._subscriptions import Progress, SubscriptionRecord, Subscriptions, SubscriptionState
from ._transactions import Transactions

__all__ = ["QUEUED", "Sender"]

#: An already completed Pending, for frames that ask for no receipt and are queued with room to spare: nearly all.
QUEUED: Pending[None] = Pending.completed("room in the send queue", None)
# CPython 3.11 looks up an attribute of an enum class in Python, which takes longer than all else that is done with it.
_CONNECTED, _CLOSING = SessionState.CONNECTED, SessionState.CLOSING
# Once the broker has confirmed DISCONNECT, nothing is at stake any more: the peer's answer to a Close frame gets this
# share of the time for closing, and no more than these seconds.
_FAREWELL_SHARE = 0.1
_FAREWELL_SECONDS = 1.0
#: Bytes in the send queue above which an operation without a receipt waits too: the back pressure of senders.
_HIGH_WATER = 1024 * 1024


class Sender:
    """Sends operations and settles them.

    Args:
        config: the options of the session.
        connector: has the present connection.
        subscriptions: the records that each new connection subscribes again.
        transactions: the open transactions, which are lost with their connection.
        notifier: notifies the listener.

    Attributes:
        send_queue: bytes for the present connection.
        receipts: the operations that wait for a RECEIPT.
        replies: the requests that wait for a reply.
        changing: whether an operation is half-way; see :attr:`Session.changing`.
        disconnecting: whether DISCONNECT was sent, so that nothing may follow it.
        close_deadline: when the present wait of closing ends.
    """

    def __init__(
        self,
        config: Config,
        connector: Connector,
        subscriptions: Subscriptions,
        transactions: Transactions,
        notifier: Notifier,
    ) -> None:
        self._config = config
        self._connector = connector
        self._subscriptions = subscriptions
        self._transactions = transactions
        self._notifier = notifier
        self._backlog = Backlog()
        self._deadlines = Deadlines()
        self.send_queue = SendQueue()
        self.receipts = Receipts()
        self.replies = Replies()
        self.changing = False
        self.disconnecting = False
        self.close_deadline: float | None = None
        self._disconnect = Disconnect()  # what closing sends
        self._disconnect_timeout = 0.0  # seconds for its RECEIPT

    # ------------------------------------------------------------------ sending

    @property
    def ready(self) -> bool:
        """Whether frames may be sent now: not while a SUBSCRIBE is probed alone."""
        return self._connector.state is _CONNECTED and self._subscriptions.probing is None

    @property
    def has_straight_path(self) -> bool:
        """Whether a SEND may take the straight path of :meth:`send_message`, if there is room for it."""
        return (
            self._connector.state is _CONNECTED
            and not self._notifier.wants_frames
            and self._subscriptions.probing is None
        )

    @property
    def is_full(self) -> bool:
        """Whether the send queue is above its high-water mark."""
        return self.send_queue.size > _HIGH_WATER

    def pending_for(self, event: Event, what: str) -> Pending[None]:
        """Return the Pending of a frame that asks for no receipt: completed, if there is room for it."""
        if self.ready and self.send_queue.size + len(event.frame.body) < _HIGH_WATER:
            return QUEUED
        return Pending(what)

    def send_or_queue(self, now: float, operation: Operation) -> None:
        """Send an operation now, or when there is a connection. Raises before anything has changed."""
        if self.ready:
            self._send_by_kind(now, operation)
            return
        assert operation.event is not None
        self.check_writable(operation.event)
        self._backlog.add(operation)
        self.watch(now, operation)

    def _send_by_kind(self, now: float, operation: Operation) -> None:
        if isinstance(operation, BeginOperation):
            self._send_begin(now, operation)
        elif isinstance(operation, RequestOperation):
            self._send_request(now, operation)
        else:
            self.send(now, operation)

    def send(self, now: float, operation: Operation, event: Event | None = None) -> None:
        """Send the frame of an operation, or ``event`` in its place, on the present connection.

        Raises before anything has changed.
        """
        if self.disconnecting:
            raise SessionClosed("this connection is being closed: call connect() for a new one")
        event = operation.event if event is None else event
        assert event is not None
        self._transmit(now, event, operation)
        self.receipts.add(operation)
        if self._notifier.wants_frames:
            self._notifier.notify_frame("frame_sent", event)
        pending = operation.pending
        if not pending.done:
            if self.send_queue.size <= _HIGH_WATER:
                operation.queued()
            if not pending.done:
                self.watch(now, operation)

    def send_message(self, now: float, message: UnmadeSend, operation: SendOperation | None = None) -> bool:
        """Send a SEND on the straight path of most messages.

        It does what :meth:`send_or_queue` does, for a SEND in no transaction, if :attr:`has_straight_path` is true and
        there is room in the send queue.

        Args:
            now: seconds.
            message: the SEND.
            operation: what waits for its receipt; ``None`` if it asks for none, and nobody waits for it.

        Returns:
            False, and nothing has changed, if there is no room.
        """
        queue, receipts, body = self.send_queue, self.receipts, message.body
        conn = self._connector.conn
        if conn is None or queue.size + len(body) >= _HIGH_WATER:
            return False
        self.changing = True
        wire = None
        if message.content_length:
            wire = conn.send_directly(message.headers, body, now, message.receipt)
        if wire is None:
            try:
                wire = conn.send(message.make(), now=now)
            except StompError:
                self.changing = False
                raise
        if operation is None:
            queue.put(wire, message)
            receipts.sent += 1
            receipts.without_receipt = receipts.sent
        else:
            queue.put(wire, operation)
            receipts.add(operation)
            self._deadlines.add(now, operation)
        return True

    def send_ack(self, now: float, message: Message) -> bool:
        """Send the ACK of a message on the straight path of most of them.

        It does what :meth:`send` does for an ACK without receipt, transaction and headers, if there is room in the send
        queue, and nobody who is told of frames.

        Args:
            now: seconds.
            message: one that came on the present connection.

        Returns:
            False, and nothing has changed, if one of these conditions does not hold, or the connection has to decide.
        """
        connector, queue = self._connector, self.send_queue
        conn = connector.conn
        if (
            conn is None
            or connector.state is not _CONNECTED
            or self._notifier.wants_frames
            or queue.size >= _HIGH_WATER
        ):
            return False
        self.changing = True
        wire = conn.ack_received(message, now)
        if wire is None:
            self.changing = False
            return False
        # The headers and not the message: its body may be large, and the peer may not read for a long time.
        queue.put(wire, message.frame.headers)
        receipts = self.receipts
        receipts.sent += 1
        receipts.without_receipt = receipts.sent
        return True

    def send_untracked(self, now: float, event: Event) -> None:
        """Send a frame whose outcome nobody waits for. Raises before anything has changed."""
        self._transmit(now, event, None)
        self.receipts.add_without_receipt()
        if self._notifier.wants_frames:
            self._notifier.notify_frame("frame_sent", event)

    def send_connect(self, now: float, connect: Event) -> None:
        """Send CONNECT. It is not one of the frames that a later ERROR may answer: CONNECTED answers it."""
        self._transmit(now, connect, None)
        if self._notifier.wants_frames:
            self._notifier.notify_frame("frame_sent", connect)

    def _transmit(self, now: float, event: Event, operation: Operation | None) -> None:
        """Put a frame in the send queue. What STOMP forbids is refused, and nothing has changed.

        Here an operation begins to change the session; the session resets :attr:`changing` when all is changed.
        """
        conn = self._connector.conn
        assert conn is not None
        self.changing = True
        try:
            wire = conn.send(event, now=now)
        except StompError:
            # It stays true if a signal handler has raised a StompError of its own.
            self.changing = conn.has_applied(event)
            raise
        self.send_queue.put(wire, operation)

    def watch(self, now: float, timed: Timed) -> None:
        """Watch the deadline of something. Of an operation that is sent again, the first deadline stands."""
        if timed.pending.deadline is None:
            self._deadlines.add(now, timed)

    def _send_begin(self, now: float, operation: BeginOperation) -> None:
        # From here on it is not portable: if an exception of a signal handler interrupts this, nobody has its handle.
        record = operation.transaction = operation.record
        self.send(now, operation)
        record.connection_number = self._connector.connection_number
        self._transactions.begin(record)
        operation.pending.succeed(operation.handle)

    def _send_request(self, now: float, operation: RequestOperation) -> None:
        queue = self.replies.queue
        if queue is None:
            profile = self._connector.broker_profile
            queue = ReplyQueue(profile, self._subscriptions.free_id())
            if profile.subscribes_to_replies:
                event = Subscribe(queue.destination, id=queue.subscription)
                self.send(now, Operation(event, Pending("SUBSCRIBE to replies"), None, operation.timeout))
            self.replies.queue = queue
        self.send(now, operation, operation.event_for(queue.destination))
        self.replies.add(operation)

    # ------------------------------------------------------------------ SUBSCRIBE

    def subscribe_or_queue(self, now: float, record: SubscriptionRecord) -> None:
        """Send the SUBSCRIBE of a new record now, or when there is a connection. Raises before anything has changed."""
        if self.ready:
            self._send_subscribe(now, record)
            return
        self.check_writable(self._subscribe_event(record, None))
        if self._connector.state is _CONNECTED:
            self._subscriptions.send_later(record)

    def _send_subscribe(self, now: float, record: SubscriptionRecord) -> None:
        probing = self._subscriptions.probing is record
        receipt = self.receipts.new_id() if record.wants_receipt or probing else None
        event = self._subscribe_event(record, receipt)
        self.send(now, SubscribeOperation(event, receipt, self._config.receipt_timeout, record))
        if record.progress is Progress.NOT_SENT:
            record.progress = Progress.SENT
        if record.ack != "auto" and self._connector.broker_profile.ack_covers_connection:
            self._warn_of_covering_ack(record)

    def _warn_of_covering_ack(self, record: SubscriptionRecord) -> None:
        """Warn of a second subscription whose messages an ACK of the other one acknowledges."""
        for other in self._subscriptions:
            if other is record or other.ack == "auto" or other.progress is Progress.NOT_SENT:
                continue
            if "client" in (record.ack, other.ack):
                covering, covered = (record, other) if record.ack == "client" else (other, record)
                name = self._connector.broker_profile.name
                self._notifier.covering_ack(name, covering.destination, covered.destination)
                return

    def _subscribe_event(self, record: SubscriptionRecord, receipt: str | None) -> Subscribe:
        """Make the SUBSCRIBE of a record, with the headers of the present broker."""
        profile = self._connector.broker_profile
        pairs: list[tuple[str, str]] = []
        if record.prefetch is not None:
            pairs += profile.prefetch_headers(record.prefetch)
        if record.durable is not None and self._connector.connected is not None:
            pairs += profile.durable_headers(record.durable, self._connector.client_id)
        for name, value in pairs:
            given = record.headers.get(name)
            if given is not None and given != value:
                raise LocalProtocolError(
                    f"header {name!r} is given twice, as {value!r} by the call and as {given!r} in its headers",
                    code=ErrorCode.HEADER_CLASH,
                )
        own = [pair for pair in pairs if pair[0] not in record.headers]
        return Subscribe(
            record.destination,
            id=record.id,
            ack=record.ack,
            receipt=receipt,
            headers=[*record.headers.items(), *own],
        )

    def check_writable(self, event: Event) -> None:
        """Refuse now what the connection, or without one every possible one, could not carry later."""
        version = self._connector.version or max(self._config.versions)
        event.frame.to_bytes(version, content_length=event.content_length_wanted)

    # ------------------------------------------------------------------ a new connection

    def connection_established(self, now: float) -> None:
        """Send what waited for a connection."""
        self._subscriptions.connection_made()
        self._catch_up(now)

    def _catch_up(self, now: float) -> None:
        """Send SUBSCRIBEs and the backlog; while a SUBSCRIBE is probed, nothing but that."""
        while (record := self._subscriptions.next_to_send()) is not None:
            try:
                self._send_subscribe(now, record)
            except LocalProtocolError as error:
                # The version or the broker differs from the last one, and cannot carry this SUBSCRIBE.
                self._subscriptions.answered(record)
                self._subscriptions.remove(record)
                record.end(SubscriptionState.GONE, error)
        if self.ready:
            self._send_backlog(now)

    def _send_backlog(self, now: float) -> None:
        for operation in self._backlog.take():
            try:
                self._send_by_kind(now, operation)
            except LocalProtocolError as error:
                operation.withdraw()
                operation.pending.fail(error)
                self.receipts.forget(operation)

    # ------------------------------------------------------------------ answers

    def receive_receipt(self, receipt: Receipt, now: float) -> bool:
        """Settle the operation that a RECEIPT confirms; return whether it confirms DISCONNECT."""
        receipt_id = receipt.frame.headers.find("\nreceipt-id:") or ""
        operation = self.receipts.receive(receipt_id)
        if operation is None:
            reason = self.receipts.unexpected(receipt_id)
            if reason is not None:
                self._notifier.notify("unexpected_receipt", receipt, reason)
            return False
        return self._confirm(operation, now)

    def receive_receipts(self, conn: ClientConnection, now: float) -> bool:
        """Receive the RECEIPTs that come next on the connection, on the straight path of most of them.

        For each it does what :meth:`receive_receipt` does, if the RECEIPT confirms an operation, and nobody is told of
        frames. It ends before the first other frame.

        Returns:
            Whether one confirms DISCONNECT: then it was the last one.
        """
        receipts, connector = self.receipts, self._connector
        # A done callback may end the session, or its connection.
        while len(receipts) and connector.conn is conn:
            operation = conn.take_receipt(receipts.receive)
            if operation is None:
                return False
            if self._confirm(operation, now):
                return True
        return False

    def _confirm(self, operation: Operation, now: float) -> bool:
        """Settle an operation whose RECEIPT was received; return whether it is DISCONNECT."""
        if type(operation) is SendOperation:
            operation.pending.succeed(None)  # as its confirmed() does
            if self._connector.state is _CLOSING:
                self._disconnect_if_idle(now)
            return False
        operation.confirmed()
        if isinstance(operation, UnsubscribeOperation):
            self._subscriptions.remove(operation.subscription)
        elif isinstance(operation, SubscribeOperation):
            self._subscriptions.answered(operation.subscription)
            self._catch_up(now)
        elif isinstance(operation, DisconnectOperation):
            return True
        self._disconnect_if_idle(now)
        return False

    def receive_reply(self, message: Message) -> RequestOperation | None:
        """Return the request that a message answers."""
        return self.replies.receive(message)

    def receive_error(self, error: Error) -> bool:
        """Fail what an ERROR answers; return whether that is known."""
        operation = self.receipts.answered_by(error)
        if operation is not None:
            operation.rejected(error)
            return True
        record = self._subscriptions.get(error.headers.get("subscription"))
        if record is not None:
            sentence = f"the broker ended the subscription to {record.destination}: {error.description}"
            record.end(SubscriptionState.GONE, Rejected(sentence, error))
            return True
        if error.receipt_id is not None:
            return True
        self._subscriptions.mark_unanswered()
        return False

    # ------------------------------------------------------------------ time, and callers who no longer wait

    def next_deadline(self) -> float | None:
        """Return when :meth:`handle_timeout` is due."""
        earliest = self._deadlines.next()
        closing = self.close_deadline
        return closing if closing is not None and (earliest is None or closing < earliest) else earliest

    def handle_timeout(self, now: float) -> bool:
        """Time out what is due; return whether the time for closing is over."""
        for timed in self._deadlines.due(now):
            if isinstance(timed, Operation):
                self._forget(timed)
            timed.timed_out(now)
            if isinstance(timed, SubscribeOperation):
                self._subscriptions.answered(timed.subscription)
                self._catch_up(now)
            self._disconnect_if_idle(now)
        if self.close_deadline is None or now < self.close_deadline:
            return False
        if self.disconnecting or self._connector.connected is None:
            return True
        self._send_disconnect(now)
        return False

    def withdraw(self, operation: Operation, now: float) -> None:
        """The caller no longer waits: if the frame has not left, it never does."""
        if not operation.left and operation.portable:
            self._forget(operation)
            operation.pending.fail(NotSent(f"{operation.pending.what} was withdrawn before it was sent"))
            self._disconnect_if_idle(now)

    def _forget(self, operation: Operation) -> None:
        """Stop waiting for the outcome of an operation, and withdraw it if that is possible.

        Before its Pending is settled: nobody may be told that a frame was not sent while it can still leave.
        """
        if not operation.left and operation.portable:
            operation.withdraw()
        self.receipts.forget(operation)
        if isinstance(operation, RequestOperation):
            self.replies.forget(operation)
        if operation.withdrawn:
            waiting = self.send_queue if operation.number else self._backlog
            waiting.note_withdrawn()

    # ------------------------------------------------------------------ closing

    def prepare_closing(self, disconnect: Disconnect, now: float, seconds: float) -> None:
        """Note the DISCONNECT that closing will send, and let the wait for it be due at once.

        From here on the session can only end: should an exception interrupt the rest of ``close()``, the next
        ``handle_timeout`` sends DISCONNECT.
        """
        self._disconnect = disconnect
        self._disconnect_timeout = seconds
        self.close_deadline = now

    def start_closing(self, now: float, seconds: float) -> None:
        """Send the backlog, and DISCONNECT as soon as no receipt is in flight.

        Args:
            now: seconds.
            seconds: for all of it.
        """
        self._send_backlog(now)
        # Two waits: for the receipts that are in flight, and for that of DISCONNECT.
        self._disconnect_timeout = seconds / 2 if len(self.receipts) else seconds
        self.close_deadline = now + seconds - self._disconnect_timeout
        self._disconnect_if_idle(now)

    def _disconnect_if_idle(self, now: float) -> None:
        if self._connector.state is _CLOSING and not self.disconnecting and not len(self.receipts):
            self._send_disconnect(now)

    def _send_disconnect(self, now: float) -> None:
        disconnect, seconds = self._disconnect, self._disconnect_timeout
        self.send(now, DisconnectOperation(disconnect, Pending("DISCONNECT"), disconnect.receipt, seconds))
        self.disconnecting = True
        self.close_deadline = now + seconds

    def await_end(self, now: float) -> None:
        """Give the peer a moment to close the connection: the broker has confirmed DISCONNECT."""
        self.close_deadline = now + min(self._disconnect_timeout * _FAREWELL_SHARE, _FAREWELL_SECONDS)

    # ------------------------------------------------------------------ the end of a connection and of the session

    def connection_lost(self, reason: str, error: Error | None, unsent: list[Operation]) -> None:
        """End what cannot outlive an established connection, and keep what can for the next one.

        Args:
            reason: why it ended.
            error: an ERROR that may answer anything in flight.
            unsent: the operations whose frames had not left.
        """
        # One that has left is among the unsent ones if an exception interrupted the driver just then.
        portable = [operation for operation in unsent if operation.portable and not operation.left]
        for operation in portable:
            operation.number = 0
        self._backlog.add_first(portable)
        dropped = [operation for operation in unsent if operation.left or not operation.portable]
        waiting = [*self.receipts.connection_lost(), *self.replies.connection_lost()]
        self.receipts.keep_only(self._backlog)
        self._transactions.connection_lost()
        self._subscriptions.connection_lost()
        # Everything is up to date now: a callback of an outcome may start the next operation.
        ended = [*dropped, *(operation for operation in waiting if operation.left or not operation.portable)]
        # COMMIT first: it decides the state of its transaction, and with it the outcome of what is part of it.
        ended.sort(key=lambda operation: not isinstance(operation, CommitOperation))
        call_all(
            [
                *(partial(self._notify_if_dropped, operation, reason) for operation in dropped),
                *(partial(operation.lost, reason, error) for operation in ended),
            ]
        )

    def settle_everything(self, error: Exception | None) -> None:
        """Settle every operation that is not settled: the session has ended.

        Args:
            error: why, if the caller did not close it.
        """
        self.close_deadline = None
        reason = str(error) if error is not None else "the session was closed"
        backlog = dict.fromkeys(self._backlog.take())
        # What is in flight or in the send queue was settled with its connection, unless an exception of a signal
        # handler interrupted that. Whatever is not done has a deadline, so it is found there.
        rest = [timed for timed in self._deadlines.remaining() if isinstance(timed, Operation)]
        call_all(
            [
                *(partial(self._notify_if_dropped, operation, reason) for operation in backlog),
                *(partial(self._fail_unsent, operation, reason) for operation in backlog),
                *(partial(operation.lost, reason, None) for operation in rest if operation not in backlog),
            ]
        )

    def _fail_unsent(self, operation: Operation, reason: str) -> None:
        operation.pending.fail(NotSent(f"{operation.pending.what} was not sent: {reason}"))

    def stop_watching(self) -> None:
        """Forget all deadlines: the session has ended, and everything is settled."""
        self._deadlines.clear()

    def _notify_if_dropped(self, operation: Operation, reason: str) -> None:
        """Tell the listener of a frame whose caller was told that it is queued, and that will never leave."""
        if operation.pending.done and operation.event is not None:
            self._notifier.notify("frame_dropped", operation.event, reason)
