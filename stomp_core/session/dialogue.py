"""Dialogue: what is said and heard on a client's connections, and what becomes of it when one of them ends.

An operation is said at once if there is a connection, else it waits in the backlog. On every new connection the
subscriptions are said first, then the backlog. When a connection is lost, each operation meets one of three fates: it
had left, so its outcome is unknown; it had not and means something on that connection only, so it was not sent; or it
had not and is portable, so it goes first on the next connection.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import ErrorCode, LocalProtocolError
from ..protocol import Begin, Disconnect, Error, Event, Message, Receipt, Send, Subscribe
from ..wire import ConnectionClosed, Headers, HeartBeat
from .deadlines import Timed
from .delivery import Delivery
from .errors import NotSent, Rejected, SessionClosed
from .inbox import Budget, Inbox, weight
from .link import Link, SessionState
from .listener import Listener
from .operation import (
    Beginning,
    Committing,
    Disconnecting,
    Operation,
    Requesting,
    Subscribing,
    Unsubscribing,
)
from .outbox import Backlog
from .pending import Pending
from .receipts import Receipts
from .reconnect import Rng
from .requests import ReplyQueue, Requests
from .settings import Settings
from .subscription import Subscription, SubscriptionState
from .subscriptions import Subscriptions
from .transaction import Transaction
from .transactions import Transactions

__all__ = ["ROOM", "Dialogue", "TapEvent"]

TapEvent = Event | HeartBeat | ConnectionClosed
ROOM: Pending[None] = Pending.completed("room", None)
_HIGH_WATER = 1024 * 1024  # bytes in the outbox above which a caller without a receipt waits too


class Dialogue(Link):
    """The half of :class:`Session` that keeps its books; see there for the arguments."""

    def __init__(
        self,
        settings: Settings,
        *,
        listener: Listener | None,
        wake: Callable[[], object] | None,
        delivery: Callable[[Message, Subscription | None, int], Delivery],
        tap: bool,
        rng: Rng | None,
    ) -> None:
        super().__init__(settings, listener=listener, wake=wake, rng=rng)
        self._delivery = delivery
        self._budget = Budget(settings.buffer_size, self._wake)
        self.tap: Inbox[TapEvent] | None = Inbox(self._budget) if tap else None
        self.dropped = 0
        self._backlog = Backlog()
        self._receipts = Receipts()
        self._subscriptions = Subscriptions()
        self._transactions = Transactions()
        self._requests = Requests()
        self._repeatable: Headers | None = None  # of a SEND that no book and no listener noted
        self._farewell = Disconnect()  # what close() will say
        self._disconnect_within = 0.0  # seconds
        self._disconnecting = False  # DISCONNECT is said: nothing more may be

    @property
    def want_read(self) -> bool:
        """Whether the socket should be read now. While it should not, the peer's silence proves nothing.

        Not while what was not taken yet fills the buffer: a consumer is slow, and TCP tells the broker. But whoever
        waits for a receipt or a reply would wait in vain then, and a broker that waits for us to read may take nothing
        that we write: so reading goes on for their sake, up to four times the buffer.
        """
        budget = self._budget
        if not budget.full or self.state is SessionState.HANDSHAKING:
            return True
        awaited = len(self._receipts) > 0 or len(self._requests) > 0 or self._outbox.size > _HIGH_WATER
        return awaited and not budget.overflowing

    @property
    def receipts_awaited(self) -> int:
        """How many operations wait for their RECEIPT on the present connection."""
        return len(self._receipts)

    # ------------------------------------------------------------------ saying

    @property
    def _ready(self) -> bool:
        """Whether anything may be said now."""
        return self.state is SessionState.CONNECTED and self._subscriptions.on_trial is None

    def _room_for(self, event: Event, what: str) -> Pending[None]:
        """Who only waits for room to write a frame waits for this. Most find room, and nothing is to be settled."""
        if self._ready and self._outbox.size + len(event.frame.body) < _HIGH_WATER:
            return ROOM
        return Pending(what)

    def _put_again(self, send: Send) -> bool:
        """Say a SEND with the very headers of one that was, as most programs do. False: it takes a closer look."""
        conn, outbox = self._conn, self._outbox
        if conn is None or not self._ready or outbox.size + len(send.frame.body) >= _HIGH_WATER:
            return False
        outbox.put(conn.send(send, now=self._now), None)
        self._receipts.said_silently()
        self._wake()
        return True

    def _say_or_defer(self, operation: Operation) -> None:
        """Say an operation now, or once there is a connection. Raises before anything has changed."""
        if self._ready:
            self._say_by_kind(operation)
            return
        assert operation.event is not None
        self._check_writable(operation.event)
        self._backlog.add(operation)
        self._watch(operation)

    def _say_by_kind(self, operation: Operation) -> None:
        if isinstance(operation, Beginning):
            self._say_begin(operation)
        elif isinstance(operation, Requesting):
            self._say_request(operation)
        else:
            self._say(operation)

    def _say(self, operation: Operation, event: Event | None = None) -> None:
        """Say an operation's frame, or another in its place, on the present connection.

        Raises before anything has changed.
        """
        if self._disconnecting:
            raise SessionClosed("the session was closed")
        event = operation.event if event is None else event
        assert event is not None
        self._put(event, operation)
        self._receipts.said(operation)
        pending = operation.pending
        if not pending.done:
            if self._outbox.size <= _HIGH_WATER:
                operation.accepted()
            if not pending.done:
                self._watch(operation)

    def _watch(self, timed: Timed) -> None:
        """Keep an eye on its deadline. Of one that is said again, the first one stands."""
        self._deadlines.add(timed)
        self._wake()

    def _new_transaction(self, id: str) -> Transaction:
        raise NotImplementedError

    def _say_begin(self, beginning: Beginning) -> None:
        event = beginning.event
        assert isinstance(event, Begin)
        self._say(beginning)
        transaction = beginning.transaction = self._new_transaction(event.transaction)
        self._transactions.begun(transaction)
        beginning.pending.succeed(transaction)

    def _say_subscribe(self, subscription: Subscription) -> None:
        on_trial = self._subscriptions.on_trial is subscription
        receipt = self._receipts.new_id() if subscription.wants_receipt or on_trial else None
        event = self._subscribe_event(subscription, receipt)
        self._say(Subscribing(event, receipt, self._settings.receipt_timeout, subscription))
        subscription.said = True

    def _subscribe_event(self, subscription: Subscription, receipt: str | None) -> Subscribe:
        dialect = self.dialect
        words: list[tuple[str, str]] = []
        if subscription.prefetch is not None:
            words += [(name, str(subscription.prefetch)) for name in dialect.prefetch]
        if subscription.durable is not None and self._connected is not None:
            words += self._durable_words(subscription.durable)
        for name, value in words:
            stated = subscription.headers.get(name)
            if stated is not None and stated != value:
                raise LocalProtocolError(
                    f"header {name!r} is given twice, as {value!r} and {stated!r}: by the call and in its headers",
                    code=ErrorCode.HEADER_CLASH,
                )
        own = [pair for pair in words if pair[0] not in subscription.headers]
        return Subscribe(
            subscription.destination,
            id=subscription.id,
            ack=subscription.ack,
            receipt=receipt,
            headers=[*subscription.headers.items(), *own],
        )

    def _durable_words(self, name: str) -> list[tuple[str, str]]:
        dialect = self.dialect
        if dialect.durable is None:
            raise LocalProtocolError(
                "durable subscriptions of this broker are not known here: say what it wants in headers=..., or "
                "name a dialect=...",
                code=ErrorCode.HEADER_NOT_ALLOWED,
            )
        if dialect.durable_needs_client_id and self.client_id is None:
            raise LocalProtocolError(
                f"{dialect.name} knows durable subscribers by the client_id=... of the connection, which has none",
                code=ErrorCode.MISSING_HEADER,
            )
        return [(key, value.format(name=name)) for key, value in dialect.durable]

    def _say_request(self, request: Requesting) -> None:
        queue = self._requests.queue
        if queue is None:
            queue = ReplyQueue(self.dialect, self._subscriptions.free_id())
            if self.dialect.subscribes_to_replies:
                event = Subscribe(queue.destination, id=queue.subscription)
                self._say(Operation(event, Pending("SUBSCRIBE to replies"), None, request.timeout))
            self._requests.queue = queue
        self._say(request, request.event_for(queue.destination))
        self._requests.said(request)

    def _say_disconnect(self) -> None:
        farewell, seconds = self._farewell, self._disconnect_within
        self._say(Disconnecting(farewell, Pending("DISCONNECT"), farewell.receipt, seconds))
        self._disconnecting = True
        self._close_in = seconds

    def _disconnect_if_quiet(self) -> None:
        """Closing waits for receipts, but not for ever."""
        if self.state is SessionState.CLOSING and not self._disconnecting and not len(self._receipts):
            self._say_disconnect()

    def _close_is_due(self) -> None:
        if self._disconnecting:
            self._finish(None)
        else:
            self._say_disconnect()

    # ------------------------------------------------------------------ catching up on a new connection

    def _became_connected(self) -> None:
        self._subscriptions.connection_made()
        self._catch_up()

    def _catch_up(self) -> None:
        """Say what waited for a connection; while a suspect is on trial, nothing more than that."""
        while (subscription := self._subscriptions.next_to_say()) is not None:
            try:
                self._say_subscribe(subscription)
            except LocalProtocolError as error:
                # The version or the broker has changed, and this one has no words for it.
                self._subscriptions.answered(subscription)
                self._subscriptions.remove(subscription)
                subscription._end(SubscriptionState.GONE, error)
        if self._ready:
            self._say_backlog()

    def _say_backlog(self) -> None:
        for operation in self._backlog.take():
            try:
                self._say_by_kind(operation)
            except LocalProtocolError as error:
                operation.withdraw()
                operation.pending.fail(error)
                self._receipts.given_up(operation)

    # ------------------------------------------------------------------ hearing

    def receive_data(self, data: bytes, now: float) -> None:
        conn = self._conn
        if (
            self.tap is not None
            and data
            and conn is not None
            and conn.between_frames
            and not data.strip(b"\r\n")
        ):
            self.tap.put(HeartBeat(data.count(b"\n")), weight(None))
        super().receive_data(data, now)

    def _hear(self, event: Event | HeartBeat) -> None:
        if self.tap is not None and not isinstance(event, HeartBeat):
            self.tap.put(event, weight(event.frame))

    def _hear_message(self, message: Message) -> None:
        name = message.subscription
        if name is not None:
            subscription = self._subscriptions.get(name)
        else:
            # 1.0 brokers name no subscription if SUBSCRIBE had no id; ours always has one.
            subscription = self._subscriptions.only_one_to(message.destination)
        if subscription is not None:
            if subscription._deliver(message, self.connection_number):
                return
        else:
            request = self._requests.heard(message)
            if request is not None:
                request.pending.succeed(self._delivery(message, None, self.connection_number))
                return
            if self.tap is not None:
                return
        self.dropped += 1
        why = "its subscription has ended" if subscription is not None else "nobody waits for it"
        self._notify("message_dropped", message, why)

    def _hear_receipt(self, receipt: Receipt) -> None:
        operation = self._receipts.heard(receipt.receipt_id)
        if operation is None:
            return
        operation.confirmed()
        if isinstance(operation, Unsubscribing):
            self._subscriptions.remove(operation.subscription)
        elif isinstance(operation, Subscribing):
            self._subscriptions.answered(operation.subscription)
            self._catch_up()
        elif isinstance(operation, Disconnecting):
            self._finish(None, confirmed=True)
        self._disconnect_if_quiet()

    def _hear_error(self, error: Error) -> bool:
        operation = self._receipts.culprit(error)
        if operation is not None:
            operation.rejected(error)
            return True
        subscription = self._subscriptions.get(error.headers.get("subscription"))
        if subscription is not None:
            subscription._end(
                SubscriptionState.GONE,
                Rejected(
                    f"the broker ended the subscription to {subscription.destination}: {error.description}",
                    error,
                ),
            )
            return True
        if error.receipt_id is not None:
            return True
        self._subscriptions.suspect()
        return False

    # ------------------------------------------------------------------ the end

    def _expired(self, timed: Timed) -> None:
        timed.late()
        if isinstance(timed, Operation):
            self._put_aside(timed)
            if isinstance(timed, Subscribing):
                self._subscriptions.answered(timed.subscription)
                self._catch_up()

    def _withdraw(self, operation: Operation) -> None:
        """Nobody waits for it any more: if it has not left, it never does."""
        if not operation.left and operation.portable:
            operation.withdraw()
            operation.pending.fail(NotSent(f"{operation.pending.what} was withdrawn before it was sent"))
            self._put_aside(operation)

    def _put_aside(self, operation: Operation) -> None:
        """Nobody waits for it any more."""
        self._receipts.given_up(operation)
        if isinstance(operation, Requesting):
            self._requests.given_up(operation)
        if operation.withdrawn:
            waiting = self._outbox if operation.number else self._backlog
            waiting.tidy()
        self._disconnect_if_quiet()

    def _forget_connection(self, end: ConnectionClosed, error: Error | None, unsent: list[Operation]) -> None:
        reason = end.reason
        self._transactions.connection_lost()
        carried = [operation for operation in unsent if operation.portable]
        for operation in carried:
            operation.number = 0
        ended = [operation for operation in unsent if not operation.portable]
        for operation in ended:
            self._tell_if_dropped(operation, reason)
        ended += [*self._receipts.connection_lost(), *self._requests.connection_lost()]
        # COMMIT first: the fate of a transaction is that of what it holds.
        ended.sort(key=lambda operation: not isinstance(operation, Committing))
        for operation in ended:
            if operation.left or not operation.portable:
                operation.lost(reason, error)
        # What had not left goes first on the next connection, and in the same order.
        self._backlog.add_first(carried)
        self._receipts.keep_only(self._backlog)
        self._subscriptions.connection_lost()
        if self.tap is not None:
            self.tap.put(end, weight(None))

    def _forget_everything(self, error: Exception | None) -> None:
        reason = str(error) if error is not None else "the session was closed"
        for operation in self._backlog.take():
            self._tell_if_dropped(operation, reason)
            operation.pending.fail(NotSent(f"{operation.pending.what} was not sent: {reason}"))
        for subscription in self._subscriptions:
            subscription._end(SubscriptionState.GONE, error)
        self._subscriptions.clear()
        if self.tap is not None:
            self.tap.close()

    def _tell_if_dropped(self, operation: Operation, reason: str) -> None:
        """Whoever called it was told that all is well, and does not look any more."""
        if operation.pending.done:
            assert operation.event is not None  # it has not left
            self._notify("frame_dropped", operation.event, reason)

    # ------------------------------------------------------------------ checks

    def _check_usable(self) -> None:
        if self.error is not None:
            raise self.error.with_traceback(None)
        if self._closing is not None:
            raise SessionClosed("the session was closed")

    def _check_writable(self, event: Event) -> None:
        """Refuse now what the connection, or without one every possible one, could not carry later."""
        version = self.version or max(self._settings.versions)
        event.frame.to_bytes(version, content_length=event.content_length_wanted)
