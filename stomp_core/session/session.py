"""Session: a client's life over many sockets. What an adapter lifts into its world, and what it drives.

A transport is a loop around it. This is all that there is to know, in the order in which it happens::

    session = Session("stomp://guest:guest@localhost:61613")
    while (attempt := session.next_attempt(now())) is not None:
        if attempt.at > now():
            ...                                    # wait until then (or until woken), and ask again
            continue
        try:
            socket = ...                           # dial attempt.endpoint within attempt.timeout seconds
        except OSError as error:
            session.connection_lost(error, now())
            continue
        session.connection_made(now())
        reason = None
        while not session.want_close:
            ...                                    # write all of session.data_to_send()
            ...                                    # wait: until readable (if session.want_read), until
                                                   # session.next_deadline(), or until woken
            session.receive_data(data, now())      # if there was something; b"" is the end
            session.handle_timeout(now())          # always
        ...                                        # close the socket
        session.connection_lost(reason, now())     # the exception, if reading or writing raised one

Operations (``send``, ``subscribe``, ...) may be called at any time between these calls; each returns a
:class:`Pending`, and calls ``wake`` if the loop has to look again. A session is not thread-safe: an adapter with
threads has a lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from ..errors import ErrorCode, LocalProtocolError
from ..protocol import (
    Abort,
    Ack,
    AckMode,
    Begin,
    Body,
    Commit,
    Disconnect,
    Error,
    Event,
    Message,
    Nack,
    Receipt,
    Send,
    Subscribe,
    Unsubscribe,
)
from ..protocol.events import event_from_frame
from ..wire import (
    ALL_VERSIONS,
    ConnectionClosed,
    Frame,
    Headers,
    HeaderSource,
    HeartBeat,
    Leniency,
    Limits,
    Version,
)
from .deadlines import Timed
from .delivery import Delivery
from .dialect import Dialect
from .endpoint import Credentials, EndpointSource
from .errors import (
    ConnectionLost,
    NotSent,
    Rejected,
    SessionClosed,
    StaleMessageError,
    TransactionLost,
)
from .inbox import Budget, Inbox
from .link import Link, SessionState
from .listener import Listener
from .operation import (
    Aborting,
    Acknowledging,
    Committing,
    Disconnecting,
    Operation,
    Sending,
    Subscribing,
    Unsubscribing,
    Waiting,
)
from .pending import Pending
from .reconnect import Reconnect, Rng
from .requests import Request, Requests
from .subscription import Subscription, SubscriptionState
from .transaction import Transaction, TransactionLike, TransactionState

__all__ = ["Session", "TapEvent"]

TapEvent = Event | HeartBeat | ConnectionClosed
_ACK_MODES = ("auto", "client", "client-individual")
_HIGH_WATER = 1024 * 1024  # bytes in the outbox above which a caller without a receipt waits too


class _Beginning:
    """A transaction that waits for a connection."""

    __slots__ = ("headers", "pending", "withdrawn")

    def __init__(self, pending: Pending[Transaction], headers: HeaderSource) -> None:
        self.pending = pending
        self.headers = headers
        self.withdrawn = False


class Session(Link):
    """A client of a STOMP broker, over as many connections as it takes. Pure: no I/O, no clock, no threads.

    Args:
        endpoints: where the broker is: a URL, or several in order of preference. See :meth:`Endpoint.parse`.
        credentials: login and passcode; otherwise those of the URL.
        host: the ``host`` header of CONNECT, a virtual host; otherwise what the URL says, otherwise ``"/"``.
        client_id: the ``client-id`` header of CONNECT, by which ActiveMQ and Artemis know durable subscribers.
        heart_beat: what we can send and would like to get, in seconds; 0 is not at all.
        versions: what to offer.
        headers: further headers of CONNECT.
        reconnect: when to dial again.
        connect_timeout: seconds that one attempt to dial may take.
        handshake_timeout: seconds between the connection and CONNECTED.
        receipt_timeout: seconds that an operation may take, unless it says otherwise.
        close_timeout: seconds that :meth:`close` may take.
        buffer_size: bytes of messages not taken yet from which on :attr:`want_read` is false.
        dialect: the broker's words, if it does not introduce itself as what it is.
        limits: what to refuse because of its size.
        leniency: what to forgive; by default what RabbitMQ and ActiveMQ need.
        escape_connect: escape CONNECT, against the specification; for a ``\\`` in a passcode.
        heart_beat_tolerance: the broker is dead after this many of its intervals without a byte.
        listener: an observer.
        wake: called when the adapter's loop has to look again: there are bytes to write, reading may go on, the
            connection is over, a deadline is new. Often in the middle of the adapter's own call.
        delivery: makes what subscriptions hand over, from the message, its subscription and its connection's number.
        tap: keep every event that comes in, in order, in :attr:`tap` as well. Whoever asks for it must take it.
        rng: for the jitter of back-off: a :class:`random.Random`. Without it every pause is as long as it may be.

    Attributes:
        state: see :class:`SessionState`.
        opened: done with the first CONNECTED, or failed with why there will be none.
        error: why a closed session has ended; ``None`` if it was asked to.
        connection_number: 1 for the first connection; 0 before it.
        dropped: how many messages came for no subscription, or for one that had ended.
        tap: every event that came in, if asked for.

    Raises:
        ValueError: an argument out of its range, or a URL that cannot be read.
        LocalProtocolError: headers that STOMP cannot carry.
    """

    def __init__(
        self,
        endpoints: EndpointSource,
        credentials: Credentials | None = None,
        *,
        host: str | None = None,
        client_id: str | None = None,
        heart_beat: tuple[float, float] = (10.0, 10.0),
        versions: Iterable[str] = ALL_VERSIONS,
        headers: HeaderSource = (),
        reconnect: Reconnect | None = None,
        connect_timeout: float = 10.0,
        handshake_timeout: float = 10.0,
        receipt_timeout: float = 30.0,
        close_timeout: float = 10.0,
        buffer_size: int = 16 * 1024 * 1024,
        dialect: Dialect | None = None,
        limits: Limits | None = None,
        leniency: Leniency | None = None,
        escape_connect: bool = False,
        heart_beat_tolerance: float = 2.5,
        listener: Listener | None = None,
        wake: Callable[[], object] | None = None,
        delivery: Callable[[Message, Subscription | None, int], Delivery] = Delivery,
        tap: bool = False,
        rng: Rng | None = None,
    ) -> None:
        super().__init__(
            endpoints,
            credentials,
            host=host,
            client_id=client_id,
            heart_beat=heart_beat,
            versions=versions,
            headers=headers,
            reconnect=reconnect,
            connect_timeout=connect_timeout,
            handshake_timeout=handshake_timeout,
            dialect=dialect,
            limits=limits,
            leniency=leniency,
            escape_connect=escape_connect,
            heart_beat_tolerance=heart_beat_tolerance,
            listener=listener,
            wake=wake,
            rng=rng,
        )
        self._receipt_timeout = receipt_timeout
        self._close_timeout = close_timeout
        self._delivery = delivery
        self._budget = Budget(buffer_size, self._wake)
        self.tap: Inbox[TapEvent] | None = Inbox(self._budget) if tap else None
        self.dropped = 0
        self._subscriptions: dict[str, Subscription] = {}
        self._transactions: dict[str, Transaction] = {}
        self._awaited: dict[str, Operation] = {}
        self._deferred: deque[Sending | _Beginning | Request] = deque()
        self._requests = Requests()
        self._to_subscribe: deque[Subscription] = deque()
        self._one_at_a_time = False
        self._counter = 0
        self._frames = 0  # said on this connection
        self._answered = 0  # the latest of them that has its receipt
        self._silent = 0  # the latest of them that asked for none
        self._disconnecting = False  # DISCONNECT is said: nothing more may be
        self._disconnect_within = 0.0  # seconds

    # ------------------------------------------------------------------ operations

    def send(
        self,
        destination: str,
        body: Body = b"",
        *,
        content_type: str | None = None,
        headers: HeaderSource = (),
        receipt: bool | str = False,
        transaction: TransactionLike | str | None = None,
        content_length: bool = True,
        timeout: float | None = None,
    ) -> Pending[None]:
        """Send a message (STOMP 1.2, "SEND").

        While there is no connection it waits for one. What was on its way when a connection was lost is never sent
        again.

        Args:
            destination: where to; its syntax is the broker's own.
            body: ``bytes`` go as they are; ``str`` goes as UTF-8, with ``content-type:text/plain;charset=utf-8`` unless
                you name another ``content_type``.
            content_type: the MIME type of the body.
            headers: any others, a mapping or pairs of ``str``. They may not contradict the call itself.
            receipt: ``True``: done when the broker has confirmed it. ``False``: done when there is room to write it.
                A ``str`` is the same as ``True``, with this id.
            transaction: part of an open transaction.
            content_length: whether to write ``content-length``; ActiveMQ makes a BytesMessage of what has it, a
                TextMessage of what has not.
            timeout: seconds; otherwise the session's ``receipt_timeout``.

        Fails with:
            Rejected, NotSent, OutcomeUnknown: see :mod:`stomp_core.session.errors`.

        Raises:
            LocalProtocolError: STOMP cannot carry it, or does not allow it here. Nothing has changed.
            TransactionLost: the transaction went with its connection.
            SessionClosed, ConnectionLost: the session has ended.
        """
        self._check_usable()
        part_of = self._open_transaction(transaction)
        if part_of is not None and receipt:
            raise LocalProtocolError(
                "a SEND in a transaction cannot wait for its receipt, which RabbitMQ gives only after COMMIT: "
                "commit with a receipt instead",
                code=ErrorCode.HEADER_NOT_ALLOWED,
            )
        receipt_id = self._receipt_id(receipt)
        event = Send(
            destination,
            body,
            content_type=content_type,
            transaction=None if part_of is None else part_of.id,
            receipt=receipt_id,
            headers=headers,
            content_length=content_length,
        )
        sending = Sending(
            event, Pending("SEND to " + destination), receipt_id, self._seconds(timeout), part_of
        )
        if self.state is SessionState.CONNECTED:
            self._say(sending)
        else:
            self._check_writable(event)
            self._deferred.append(sending)
            sending.watched = True
            self._watch(sending)
        return sending.pending

    def subscribe(
        self,
        destination: str,
        *,
        id: str | None = None,
        ack: AckMode = "auto",
        prefetch: int | None = None,
        durable: str | None = None,
        headers: HeaderSource = (),
        receipt: bool = True,
        timeout: float | None = None,
    ) -> Pending[Subscription]:
        """Listen to a destination (STOMP 1.2, "SUBSCRIBE"), on this connection and on those that replace it.

        Args:
            destination: what to listen to.
            id: the subscription's name on the wire; otherwise a number.
            ack: ``"auto"``: the broker considers a message done when it has sent it; ``"client"``: an ACK covers all
                messages of the subscription before it too; ``"client-individual"``: each message has its own.
            prefetch: how many messages may be under way or unacknowledged at a time; mapped to the broker's header.
            durable: the name of a durable topic subscription, mapped to the broker's headers; then also its ``id``.
            headers: any others, such as ``selector``.
            receipt: done when the broker has confirmed it. ``False``: done when it is said.
            timeout: seconds; otherwise the session's ``receipt_timeout``.

        Fails with:
            Rejected: the broker said ERROR.
            ReceiptTimeout: it did not confirm in time; the subscription is ended.

        Raises:
            LocalProtocolError: STOMP does not allow it: an ``id`` in use, an unknown ack mode, a header that clashes.
            SessionClosed, ConnectionLost: the session has ended.
        """
        self._check_usable()
        if ack not in _ACK_MODES:
            raise LocalProtocolError(
                f"the ack mode {ack!r} is not one of 'auto', 'client', 'client-individual'",
                code=ErrorCode.BAD_ACK_MODE,
            )
        if prefetch is not None and prefetch < 1:
            raise LocalProtocolError(
                f"prefetch is a number of messages of at least 1, not {prefetch!r}",
                code=ErrorCode.BAD_HEADER_VALUE,
            )
        name = id if id is not None else durable if durable is not None else self._free_subscription_id()
        if name in self._subscriptions:
            raise LocalProtocolError(
                f"subscription id {name!r} is already in use", code=ErrorCode.DUPLICATE_SUBSCRIPTION
            )
        subscription = Subscription(
            self,
            self._budget,
            self._delivery,
            name,
            destination,
            ack,
            prefetch,
            durable,
            Headers(headers),
            receipt,
        )
        pending: Pending[Subscription] = Pending(
            f"SUBSCRIBE to {destination}", lambda: self._give_back(subscription)
        )
        subscription.confirming = pending
        if self.state is SessionState.CONNECTED:
            self._say_subscribe(subscription)
        else:
            self._check_writable(self._subscribe_event(subscription, None))
        self._subscriptions[name] = subscription
        if not pending.done:
            self._watch(Waiting(pending, self._seconds(timeout)))
        return pending

    def unsubscribe(
        self,
        subscription: Subscription,
        *,
        receipt: bool = True,
        delete: bool = False,
        timeout: float | None = None,
    ) -> Pending[None]:
        """End a subscription (STOMP 1.2, "UNSUBSCRIBE"). Messages that come late are dropped, and counted.

        In auto mode, what is in its inbox can still be taken. In the other modes it is dropped: the broker gives it to
        somebody else.

        Args:
            subscription: which.
            receipt: done when the broker has confirmed that no more messages come. ``False``: done when it is said.
            delete: a durable subscription: delete it for good, instead of only leaving it.
            timeout: seconds; otherwise the session's ``receipt_timeout``.
        """
        what = f"UNSUBSCRIBE from {subscription.destination}"
        if subscription.state is not SubscriptionState.ACTIVE:
            return Pending.completed(what, None)
        if self.state is not SessionState.CONNECTED or subscription in self._to_subscribe:
            subscription._end(SubscriptionState.GONE)
            self._subscriptions.pop(subscription.id, None)
            if subscription in self._to_subscribe:
                self._to_subscribe.remove(subscription)
            return Pending.completed(what, None)
        receipt_id = self._receipt_id(receipt)
        headers = []
        if delete and subscription.durable is not None:
            headers = [(key, value.format(name=subscription.durable)) for key, value in self.dialect.forget]
        event = Unsubscribe(subscription.id, receipt=receipt_id, headers=headers)
        operation = Unsubscribing(event, Pending(what), receipt_id, self._seconds(timeout), subscription)
        self._say(operation)
        if receipt_id is not None:
            subscription._end(SubscriptionState.DRAINING)
        else:
            subscription._end(SubscriptionState.GONE)
            del self._subscriptions[subscription.id]
        return operation.pending

    def ack(
        self,
        delivery: Delivery,
        *,
        transaction: TransactionLike | str | None = None,
        receipt: bool | str = False,
        headers: HeaderSource = (),
        timeout: float | None = None,
    ) -> Pending[None]:
        """Say that a message is done with (STOMP 1.2, "ACK").

        Args:
            delivery: the message, as its subscription handed it over.
            transaction: part of an open transaction.
            receipt: done when the broker has confirmed it.
            headers: any others.
            timeout: seconds; otherwise the session's ``receipt_timeout``.

        Raises:
            StaleMessageError: it came on a connection that is gone; the broker delivers it again.
            LocalProtocolError: its subscription is in auto mode or has ended, or it is acknowledged already.
            TransactionLost: the transaction went with its connection.
            SessionClosed, ConnectionLost: the session has ended.
        """
        return self._acknowledge("ACK", delivery, transaction, receipt, headers, timeout)

    def nack(
        self,
        delivery: Delivery,
        *,
        transaction: TransactionLike | str | None = None,
        receipt: bool | str = False,
        headers: HeaderSource = (),
        timeout: float | None = None,
    ) -> Pending[None]:
        """Say that a message was not consumed (STOMP 1.2, "NACK"; not in 1.0). Arguments and errors as for :meth:`ack`.

        What the broker does then is its own affair: RabbitMQ delivers it again at once (``requeue:false`` drops or
        dead-letters it), ActiveMQ moves it to a dead-letter queue.
        """
        return self._acknowledge("NACK", delivery, transaction, receipt, headers, timeout)

    def begin(
        self, id: str | None = None, *, headers: HeaderSource = (), timeout: float | None = None
    ) -> Pending[Transaction]:
        """Begin a transaction (STOMP 1.2, "BEGIN"). While there is no connection it waits for one.

        Args:
            id: its name on the wire; otherwise a generated one.
            headers: any others.
            timeout: seconds; otherwise the session's ``receipt_timeout``.

        Raises:
            LocalProtocolError: the id is in use.
            SessionClosed, ConnectionLost: the session has ended.
        """
        self._check_usable()
        name = id if id is not None else f"tx-{self._next()}"
        if self.state is SessionState.CONNECTED:
            transaction = self._say_begin(name, headers)
            return Pending.completed(f"BEGIN of {name}", transaction)
        self._check_writable(Begin(name, headers=headers))
        pending: Pending[Transaction] = Pending(f"BEGIN of {name}")
        beginning = _Beginning(pending, [("transaction", name), *Headers(headers).items()])
        self._deferred.append(beginning)
        self._watch(Waiting(pending, self._seconds(timeout)))
        return pending

    def commit(
        self, transaction: TransactionLike | str, *, receipt: bool = True, timeout: float | None = None
    ) -> Pending[None]:
        """Make all that was said in a transaction happen (STOMP 1.2, "COMMIT").

        Args:
            transaction: an open one.
            receipt: done when the broker has confirmed it.
            timeout: seconds; otherwise the session's ``receipt_timeout``.

        Fails with:
            Rejected: nothing of it has happened.
            TransactionLost: the connection was lost before COMMIT left; nothing of it has happened.
            TransactionInDoubt: the connection was lost after it left; all of it has happened, or nothing.

        Raises:
            TransactionLost: the transaction went with its connection.
            LocalProtocolError: it has ended already.
        """
        part_of = self._open_transaction(transaction)
        assert part_of is not None
        receipt_id = self._receipt_id(receipt)
        operation = Committing(
            Commit(part_of.id, receipt=receipt_id),
            Pending(f"COMMIT of {part_of.id}"),
            receipt_id,
            self._seconds(timeout),
            part_of,
        )
        self._say(operation)
        if part_of.state is TransactionState.OPEN:
            part_of.state = TransactionState.COMMITTING
        del self._transactions[part_of.id]
        return operation.pending

    def abort(
        self, transaction: TransactionLike | str, *, receipt: bool = False, timeout: float | None = None
    ) -> Pending[None]:
        """Make nothing of what was said in a transaction happen (STOMP 1.2, "ABORT").

        One that was lost with its connection is aborted already: that is no error.

        Args:
            transaction: an open one, or one that was lost.
            receipt: done when the broker has confirmed it.
            timeout: seconds; otherwise the session's ``receipt_timeout``.

        Raises:
            LocalProtocolError: it has ended already.
        """
        if not isinstance(transaction, str) and transaction.state is TransactionState.LOST:
            return Pending.completed(f"ABORT of {transaction.id}", None)
        part_of = self._open_transaction(transaction)
        assert part_of is not None
        receipt_id = self._receipt_id(receipt)
        operation = Aborting(
            Abort(part_of.id, receipt=receipt_id),
            Pending(f"ABORT of {part_of.id}"),
            receipt_id,
            self._seconds(timeout),
            part_of,
        )
        self._say(operation)
        if part_of.state is TransactionState.OPEN:
            part_of.state = TransactionState.ABORTING
        del self._transactions[part_of.id]
        return operation.pending

    def request(
        self,
        destination: str,
        body: Body = b"",
        *,
        content_type: str | None = None,
        headers: HeaderSource = (),
        timeout: float | None = None,
    ) -> Pending[Delivery]:
        """Send a message and get the reply to it, over a temporary queue of this connection.

        Whoever answers sends to the destination in the ``reply-to`` header, with the same ``correlation-id``. The
        differing conventions of RabbitMQ and ActiveMQ are taken care of.

        Args:
            destination: where to.
            body, content_type, headers: as for :meth:`send`.
            timeout: seconds to wait for the reply; otherwise the session's ``receipt_timeout``.

        Fails with:
            ReceiptTimeout: no reply in time.
            OutcomeUnknown: the connection, and the reply's queue with it, was lost.
        """
        self._check_usable()
        event = Send(destination, body, content_type=content_type, headers=headers)
        for name in ("reply-to", "correlation-id"):
            if name in event.headers:
                raise LocalProtocolError(f"request() itself says {name!r}", code=ErrorCode.HEADER_CLASH)
        request = Request(
            event, Pending(f"request to {destination}"), self._seconds(timeout), f"c-{self._next()}"
        )
        if self.state is SessionState.CONNECTED:
            self._say_request(request)
        else:
            self._check_writable(event)
            self._deferred.append(request)
        self._watch(request)
        return request.pending

    def send_frame(self, what: Event | Frame) -> Pending[None]:
        """Say any client frame as it is, for those who keep their own books.

        The rules of the conversation hold, but nothing is remembered beyond this connection: a SUBSCRIBE said this way
        does not come back, and its messages go to the :attr:`tap` only.

        Raises:
            LocalProtocolError: STOMP does not allow it here. Nothing has changed.
            SessionClosed, ConnectionLost: there is no connection.
        """
        self._check_usable()
        if self.state is not SessionState.CONNECTED:
            raise ConnectionLost("there is no connection at the moment")
        event = what if isinstance(what, Event) else event_from_frame(what)
        operation = Operation(event, Pending(f"{event.frame.command} frame"), None, self._seconds(None))
        self._say(operation)
        return operation.pending

    def close(self, *, timeout: float | None = None) -> Pending[bool]:
        """End the session gracefully (STOMP 1.2, "DISCONNECT").

        Subscriptions end at once. Receipts that are awaited get half of the time to come; then DISCONNECT asks for one
        of its own, and the socket is closed when that is here. Nothing dials again.

        Args:
            timeout: seconds for all of it; otherwise the session's ``close_timeout``.

        Returns:
            Whether the broker confirmed that it has processed everything. It never fails.
        """
        if self._closing is not None:
            return self._closing
        self._closing = Pending("close")
        if self.state is SessionState.CLOSED:
            self._closing.succeed(False)
        elif self.state is SessionState.CONNECTED:
            seconds = self._close_timeout if timeout is None else timeout
            self.state = SessionState.CLOSING
            for subscription in self._subscriptions.values():
                subscription._end(SubscriptionState.GONE)
            self._subscriptions.clear()
            # Two waits: for the receipts that are under way, and for that of DISCONNECT.
            self._disconnect_within = seconds / 2 if self._awaited else seconds
            self._close_in = seconds - self._disconnect_within
            if not self._awaited:
                self._say_disconnect()
            self._wake()
        else:
            self._finish(None)
        return self._closing

    # ------------------------------------------------------------------ reading, for the adapter

    @property
    def want_read(self) -> bool:
        """Whether the socket should be read now.

        Not while what was not taken yet fills the buffer: a consumer is slow, and TCP tells the broker. But whoever
        waits for a receipt would wait in vain then, so reading goes on for their sake, up to four times the buffer.
        """
        budget = self._budget
        if not budget.full or self.state is not SessionState.CONNECTED:
            return True
        return bool(self._awaited) and not budget.overflowing

    # ------------------------------------------------------------------ saying

    def _say(self, operation: Operation) -> None:
        """Say an operation's frame on the present connection. Raises before anything has changed."""
        if self._conn is None or self._disconnecting:
            raise SessionClosed("the session was closed")
        self._put(operation.event, operation)
        self._frames += 1
        operation.number = self._frames
        if operation.receipt is not None:
            self._awaited[operation.receipt] = operation
        else:
            self._silent = self._frames
            if self._outbox.size <= _HIGH_WATER:
                operation.confirmed()
                return
        if not operation.watched:
            operation.watched = True
            self._watch(operation)

    def _watch(self, timed: Timed) -> None:
        self._deadlines.add(timed)
        self._wake()

    def _acknowledge(
        self,
        command: str,
        delivery: Delivery,
        transaction: TransactionLike | str | None,
        receipt: bool | str,
        headers: HeaderSource,
        timeout: float | None,
    ) -> Pending[None]:
        if self._conn is None and self.closed:
            self._check_usable()
        if delivery.connection_number != self.connection_number or self._connected is None:
            raise StaleMessageError(
                f"message {delivery.message_id!r} came on a connection that is gone; the broker delivers it again"
            )
        part_of = self._open_transaction(transaction)
        receipt_id = self._receipt_id(receipt)
        said = {
            "transaction": None if part_of is None else part_of.id,
            "receipt": receipt_id,
        }
        event: Ack | Nack
        if command == "ACK":
            event = delivery.event.acknowledge(**said, headers=headers)
        else:
            event = delivery.event.reject(**said, headers=headers)
        pending: Pending[None] = Pending(f"{command} of {delivery.message_id}")
        operation = Acknowledging(event, pending, receipt_id, self._seconds(timeout), part_of)
        self._say(operation)
        return pending

    def _say_begin(self, name: str, headers: HeaderSource) -> Transaction:
        self._say(
            Operation(Begin(name, headers=headers), Pending(f"BEGIN of {name}"), None, self._seconds(None))
        )
        transaction = self._transactions[name] = Transaction(self, name, self.connection_number)
        return transaction

    def _subscribe_event(self, subscription: Subscription, receipt: str | None) -> Subscribe:
        dialect = self.dialect
        headers = list(subscription.headers.items())
        if subscription.prefetch is not None:
            headers += [(name, str(subscription.prefetch)) for name in dialect.prefetch]
        if subscription.durable is not None and self._connected is not None:
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
            headers += [(name, value.format(name=subscription.durable)) for name, value in dialect.durable]
        return Subscribe(
            subscription.destination,
            id=subscription.id,
            ack=subscription.ack,
            receipt=receipt,
            headers=headers,
        )

    def _say_subscribe(self, subscription: Subscription) -> None:
        receipt = self._receipt_id(subscription.wants_receipt)
        event = self._subscribe_event(subscription, receipt)
        what = f"SUBSCRIBE to {subscription.destination}"
        self._say(Subscribing(event, Pending(what), receipt, self._seconds(None), subscription))

    def _subscribe_more(self) -> None:
        """Say SUBSCRIBE for what came over from the last connection: all at once, or each after the other's receipt."""
        while self._to_subscribe and self.state is SessionState.CONNECTED:
            subscription = self._to_subscribe.popleft()
            try:
                self._say_subscribe(subscription)
            except LocalProtocolError as error:
                # The version or the broker has changed, and this one has no words for it.
                subscription._end(SubscriptionState.GONE, error)
                del self._subscriptions[subscription.id]
                continue
            if self._one_at_a_time and subscription.wants_receipt:
                return
        if not self._to_subscribe:
            self._one_at_a_time = False

    def _say_request(self, request: Request) -> None:
        dialect = self.dialect
        queue = self._requests.queue_on(self.connection_number, dialect)
        if queue.unknown:
            if dialect.subscribes_to_replies:
                subscribe = Subscribe(queue.destination, id=queue.subscription)
                self._say(Operation(subscribe, Pending("SUBSCRIBE to replies"), None, self._seconds(None)))
            queue.unknown = False
        event = request.event_for(queue)
        self._say(Operation(event, Pending(request.pending.what), None, self._seconds(None)))
        self._requests.sent(request)

    def _say_disconnect(self) -> None:
        receipt = self._receipt_id(True)
        seconds = self._disconnect_within
        self._say(Disconnecting(Disconnect(receipt=receipt), Pending("DISCONNECT"), receipt, seconds))
        self._disconnecting = True
        self._close_deadline = None
        self._close_in = seconds

    def _close_is_due(self) -> None:
        if self._disconnecting:
            super()._close_is_due()
        else:
            self._say_disconnect()

    # ------------------------------------------------------------------ hearing

    def _became_connected(self) -> None:
        self._frames = self._answered = self._silent = 0
        self._to_subscribe = deque(self._subscriptions.values())
        self._subscribe_more()
        deferred, self._deferred = self._deferred, deque()
        for waiting in deferred:
            if waiting.withdrawn or (waiting.pending.done and not isinstance(waiting, Sending)):
                continue
            try:
                if isinstance(waiting, Sending):
                    self._say(waiting)
                elif isinstance(waiting, Request):
                    self._say_request(waiting)
                else:
                    headers = Headers(waiting.headers)
                    begun = self._say_begin(headers["transaction"], headers.without("transaction"))
                    waiting.pending._on_abandon = lambda begun=begun: self._give_back_transaction(begun)
                    waiting.pending.succeed(begun)
            except LocalProtocolError as error:
                waiting.pending.fail(error)

    def _hear(self, event: TapEvent) -> None:
        if self.tap is not None and not isinstance(event, ConnectionClosed):
            self.tap.put(event, len(event.frame.body) if isinstance(event, Event) else 0)

    def _hear_message(self, message: Message) -> None:
        subscription = self._subscriptions.get(message.subscription or "")
        if subscription is not None:
            if subscription._deliver(message, self.connection_number):
                return
        elif self._requests.heard(message, self._delivery, self.connection_number):
            return
        elif message.subscription is None:
            # 1.0 brokers name no subscription if SUBSCRIBE had no id; ours always has one.
            subscription = self._only_subscription_to(message.destination)
            if subscription is not None and subscription._deliver(message, self.connection_number):
                return
        if self.tap is None or subscription is not None:
            self.dropped += 1
            self._notify(
                "message_dropped",
                message,
                "its subscription has ended" if subscription else "nobody subscribed",
            )

    def _only_subscription_to(self, destination: str) -> Subscription | None:
        found = [entry for entry in self._subscriptions.values() if entry.destination == destination]
        return found[0] if len(found) == 1 else None

    def _hear_receipt(self, receipt: Receipt) -> None:
        operation = self._awaited.pop(receipt.receipt_id, None)
        if operation is None:
            return
        self._answered = max(self._answered, operation.number)
        operation.confirmed()
        if isinstance(operation, Unsubscribing):
            self._subscriptions.pop(operation.subscription.id, None)
        elif isinstance(operation, Subscribing):
            self._subscribe_more()
        elif isinstance(operation, Disconnecting):
            self._finish(None, confirmed=True)
            return
        if self.state is SessionState.CLOSING and not self._awaited:
            self._say_disconnect()

    def _hear_error(self, error: Error) -> None:
        operation = self._culprit(error)
        if operation is not None:
            operation.rejected(error)
            if isinstance(operation, Subscribing):
                self._subscriptions.pop(operation.subscription.id, None)
            return
        subscription = self._subscriptions.pop(error.headers.get("subscription", ""), None)
        if subscription is not None:
            subscription._end(
                SubscriptionState.GONE,
                Rejected(
                    f"the broker ended the subscription to {subscription.destination}: {error.description}",
                    error,
                ),
            )
        elif any(isinstance(awaited, Subscribing) for awaited in self._awaited.values()):
            # One of several is to blame, and nobody says which: ask for one after the other next time.
            self._one_at_a_time = True

    def _culprit(self, error: Error) -> Operation | None:
        """What this ERROR answers. Without a receipt-id (RabbitMQ) only if nothing else can be meant."""
        if error.receipt_id is not None:
            return self._awaited.pop(error.receipt_id, None)
        if "subscription" in error.headers or len(self._awaited) != 1 or self._silent > self._answered:
            return None
        return self._awaited.popitem()[1]

    # ------------------------------------------------------------------ the end

    def _expired(self, timed: Timed) -> None:
        timed.late()
        if isinstance(timed, Operation) and timed.receipt is not None:
            self._awaited.pop(timed.receipt, None)
            if self.state is SessionState.CLOSING and not self._awaited and not self._disconnecting:
                self._say_disconnect()

    def _forget_connection(self, reason: str, error: Error | None) -> None:
        for transaction in self._transactions.values():
            transaction.state = TransactionState.LOST
        self._transactions.clear()
        queued = self._outbox.drop()
        carried = [operation for operation in queued if isinstance(operation, Sending) and operation.portable]
        again = set(map(id, carried))
        awaited = list(self._awaited.values())
        self._awaited.clear()
        for operation in [*(entry for entry in queued if id(entry) not in again), *awaited]:
            if id(operation) not in again:
                operation.lost(reason, error)
        # What had not left goes first on the next connection, and in the same order.
        self._deferred.extendleft(reversed(carried))
        self._to_subscribe.clear()
        for subscription in list(self._subscriptions.values()):
            subscription._drop_unacknowledged()
            if subscription.state is not SubscriptionState.ACTIVE:
                del self._subscriptions[subscription.id]
        self._requests.lost(reason, error)
        if self.tap is not None:
            self.tap.put(ConnectionClosed(clean=self.closed and self.error is None, reason=reason), 0)

    def _forget_everything(self, error: Exception | None) -> None:
        reason = str(error) if error is not None else "the session was closed"
        deferred, self._deferred = self._deferred, deque()
        for waiting in deferred:
            if isinstance(waiting, Sending) and waiting.pending.done and not waiting.withdrawn:
                self._notify("frame_dropped", waiting.event, reason)
            waiting.pending.fail(NotSent(f"{waiting.pending.what} was not sent: {reason}"))
        for subscription in list(self._subscriptions.values()):
            subscription._end(SubscriptionState.GONE, error)
        self._subscriptions.clear()
        if self.tap is not None:
            self.tap.wake()

    def _give_back(self, subscription: Subscription) -> None:
        """Whoever subscribed does not want it any more, and has no handle on it to say so."""
        if not self.closed:
            self.unsubscribe(subscription, receipt=False)

    def _give_back_transaction(self, transaction: Transaction) -> None:
        if transaction.state is TransactionState.OPEN:
            self.abort(transaction)

    # ------------------------------------------------------------------ checks and names

    def _check_usable(self) -> None:
        if self.state is SessionState.CLOSED and self.error is not None:
            raise self.error.with_traceback(None)
        if self._closing is not None or self.state is SessionState.CLOSED:
            raise SessionClosed("the session was closed")

    def _check_writable(self, event: Event) -> None:
        """Refuse now what no connection could carry, although there is none."""
        version = max(self._versions, default=Version.V1_2)
        frame = event.frame
        frame.to_bytes(version, content_length=event.content_length_wanted)

    def _open_transaction(self, transaction: TransactionLike | str | None) -> Transaction | None:
        if transaction is None:
            return None
        if not isinstance(transaction, str):
            if transaction.state is TransactionState.LOST:
                raise TransactionLost(
                    f"transaction {transaction.id!r} was lost with its connection; nothing of it has happened"
                )
            if transaction.state is not TransactionState.OPEN:
                raise LocalProtocolError(
                    f"transaction {transaction.id!r} is {transaction.state.value}, not open",
                    code=ErrorCode.UNKNOWN_TRANSACTION,
                )
            transaction = transaction.id
        found = self._transactions.get(transaction)
        if found is None:
            raise LocalProtocolError(
                f"no transaction {transaction!r} is open", code=ErrorCode.UNKNOWN_TRANSACTION
            )
        return found

    def _receipt_id(self, receipt: bool | str) -> str | None:
        if isinstance(receipt, str):
            if receipt in self._awaited:
                raise LocalProtocolError(
                    f"receipt id {receipt!r} is already awaited", code=ErrorCode.HEADER_CLASH
                )
            return receipt
        return f"r-{self._next()}" if receipt else None

    def _next(self) -> int:
        self._counter += 1
        return self._counter

    def _free_subscription_id(self) -> str:
        while (name := f"s-{self._next()}") in self._subscriptions:
            pass
        return name

    def _seconds(self, timeout: float | None) -> float:
        return self._receipt_timeout if timeout is None else timeout
