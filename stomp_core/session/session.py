"""Session: a client's life over many sockets. What an adapter lifts into its world, and what it drives.

A transport is a loop around it. This is all that there is to know, in the order in which it happens::

    session = Session("stomp://guest:guest@localhost:61613")
    while (attempt := session.next_attempt(now())) is not None:
        if attempt.at > now():
            ...                                    # wait until session.next_deadline(), or until woken
            session.handle_timeout(now())
            continue
        try:
            socket = ...                           # dial attempt.endpoint within attempt.timeout seconds, or
                                                   # give up as soon as session.closed
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
threads has a lock. The deadlines of operations are kept by ``handle_timeout`` alone, so an adapter that can do two
things at once calls it while it dials, too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from ..errors import ErrorCode, LocalProtocolError
from ..protocol import (
    Abort,
    Ack,
    AckMode,
    Begin,
    Body,
    Commit,
    Connect,
    Disconnect,
    Event,
    Message,
    Nack,
    Send,
    Unsubscribe,
)
from ..protocol import event_from_frame
from ..wire import ALL_VERSIONS, Frame, Headers, HeaderSource, Leniency, Limits
from .delivery import Delivery
from .dialect import Dialect
from .dialogue import ROOM, Dialogue, TapEvent
from .endpoint import Credentials, EndpointSource, parse_endpoints
from .errors import ConnectionLost, NotSent, StaleMessageError
from .link import SessionState
from .listener import Listener
from .operation import (
    Aborting,
    Acknowledging,
    Beginning,
    Committing,
    Operation,
    Requesting,
    Sending,
    SubscriptionWait,
    Unsubscribing,
)
from .pending import Pending
from .reconnect import Reconnect, Rng
from .settings import Settings
from .subscription import Subscription, SubscriptionState
from .transaction import Transaction, TransactionLike, TransactionState

__all__ = ["Session", "TapEvent"]

_ACK_MODES = ("auto", "client", "client-individual")
_NO_HEADERS = Headers()


class Session(Dialogue):
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
        connect: the CONNECT frame to say, as it is, in place of one that is made of ``credentials`` and those of the
            URL, ``host``, ``client_id``, ``heart_beat`` and ``headers``.
        rng: for the jitter of back-off: a :class:`random.Random`. Without it every pause is as long as it may be.

    Attributes:
        state: see :class:`SessionState`.
        opened: done with the first CONNECTED, or failed with why there will be none.
        error: why a closed session has ended; ``None`` if it was asked to.
        connection_number: 1 for the first connection; 0 before it.
        dropped: how many messages came for no subscription, or for one that had ended.
        tap: every event that came in, if asked for. A heart-beat is there once for each piece of data that held
            nothing else; ends of lines that came with a frame may be its decoration.

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
        connect: Connect | None = None,
        rng: Rng | None = None,
    ) -> None:
        super().__init__(
            Settings(
                endpoints=parse_endpoints(endpoints),
                credentials=credentials,
                host=host,
                client_id=client_id,
                heart_beat=heart_beat,
                versions=tuple(versions),
                headers=Headers(headers),
                reconnect=Reconnect() if reconnect is None else reconnect,
                connect_timeout=connect_timeout,
                handshake_timeout=handshake_timeout,
                receipt_timeout=receipt_timeout,
                close_timeout=close_timeout,
                buffer_size=buffer_size,
                dialect=dialect,
                limits=limits,
                leniency=leniency,
                escape_connect=escape_connect,
                heart_beat_tolerance=heart_beat_tolerance,
                connect=connect,
            ),
            listener=listener,
            wake=wake,
            delivery=delivery,
            tap=tap,
            rng=rng,
        )

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
        part_of = self._part_of(transaction)
        if part_of is not None and receipt:
            raise LocalProtocolError(
                "a SEND in a transaction cannot wait for its receipt, which RabbitMQ gives only after COMMIT: "
                "commit with a receipt instead",
                code=ErrorCode.HEADER_NOT_ALLOWED,
            )
        receipt_id = self._receipts.id_for(receipt)
        event = Send(
            destination,
            body,
            content_type=content_type,
            transaction=None if part_of is None else part_of.id,
            receipt=receipt_id,
            headers=self._observed(destination, _own(headers)),
            content_length=content_length,
        )
        what = "SEND to " + destination
        pending: Pending[None] = Pending(what) if receipt_id is not None else self._room_for(event, what)
        sending = Sending(event, pending, receipt_id, self._seconds(timeout), part_of)
        self._say_or_defer(sending)
        self._claim(receipt)
        if not pending.done:
            pending.on_abandon = lambda: self._withdraw(sending)
        return pending

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
        name = id if id is not None else durable if durable is not None else self._subscriptions.free_id()
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
            _own(headers),
            receipt,
        )
        pending: Pending[Subscription] = Pending(f"SUBSCRIBE to {destination}")
        pending.on_abandon = lambda: self._give_back(subscription)
        seconds = self._seconds(timeout)
        subscription.confirming = pending
        if self._ready:
            self._say_subscribe(subscription)
        else:
            self._check_writable(self._subscribe_event(subscription, None))
            if self.state is SessionState.CONNECTED:
                self._subscriptions.say_later(subscription)
        self._subscriptions.add(subscription)
        if not pending.done:
            self._watch(SubscriptionWait(pending, seconds, subscription))
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

        Fails with:
            Rejected, ReceiptTimeout: the broker said ERROR, or nothing in time. The subscription has ended even so.
            NotSent, OutcomeUnknown: it was to be deleted, and there was no connection, or the connection was lost.

        Raises:
            LocalProtocolError: it is to be deleted, and this broker cannot be asked for that (ActiveMQ Classic).
        """
        pending: Pending[None] = Pending(f"UNSUBSCRIBE from {subscription.destination}")
        if subscription.state is not SubscriptionState.ACTIVE:
            pending.succeed(None)
            return pending
        deletes = delete and subscription.durable is not None
        if not subscription.said:
            self._subscriptions.remove(subscription)
            subscription._end(SubscriptionState.GONE)
            if deletes:
                pending.fail(NotSent(f"{subscription.durable!r} was not deleted: there is no connection"))
            else:
                pending.succeed(None)
            return pending
        forget = self.dialect.forget if deletes else ()
        if forget is None:
            raise LocalProtocolError(
                f"{self.dialect.name} does not delete a durable subscription by an UNSUBSCRIBE: use its own tools",
                code=ErrorCode.HEADER_NOT_ALLOWED,
            )
        receipt_id = self._receipts.id_for(receipt)
        headers = [(key, value.format(name=subscription.durable)) for key, value in forget]
        event = Unsubscribe(subscription.id, receipt=receipt_id, headers=headers)
        self._say(Unsubscribing(event, pending, receipt_id, self._seconds(timeout), subscription, deletes))
        if receipt_id is not None:
            subscription._end(SubscriptionState.DRAINING)
        else:
            self._subscriptions.remove(subscription)
            subscription._end(SubscriptionState.GONE)
        return pending

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
            timeout: seconds to wait for a connection; otherwise the session's ``receipt_timeout``.

        Fails with:
            NotSent: there was no connection in time.

        Raises:
            LocalProtocolError: the id is in use.
            SessionClosed, ConnectionLost: the session has ended.
        """
        self._check_usable()
        name = id if id is not None else self._transactions.free_id()
        pending: Pending[Transaction] = Pending(f"BEGIN of {name}")
        beginning = Beginning(Begin(name, headers=_own(headers)), pending, self._seconds(timeout))
        self._say_or_defer(beginning)
        pending.on_abandon = lambda: self._give_back_transaction(beginning)
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
        part_of = self._transactions.find(transaction)
        receipt_id = self._receipts.id_for(receipt)
        pending: Pending[None] = Pending(f"COMMIT of {part_of.id}")
        event = Commit(part_of.id, receipt=receipt_id)
        committing = Committing(event, pending, receipt_id, self._seconds(timeout), part_of)
        self._say(committing)
        self._transactions.ended(part_of)
        if not pending.done:
            part_of.state = TransactionState.COMMITTING
        return pending

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
        name = transaction if isinstance(transaction, str) else transaction.id
        pending: Pending[None] = Pending(f"ABORT of {name}")
        if self._transactions.take_lost(transaction):
            pending.succeed(None)
            return pending
        part_of = self._transactions.find(transaction)
        receipt_id = self._receipts.id_for(receipt)
        event = Abort(part_of.id, receipt=receipt_id)
        aborting = Aborting(event, pending, receipt_id, self._seconds(timeout), part_of)
        if self._disconnecting:
            aborting.confirmed()  # DISCONNECT, the last frame, aborts what is open
        else:
            self._say(aborting)
        self._transactions.ended(part_of)
        if not pending.done:
            part_of.state = TransactionState.ABORTING
        return pending

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
            NotSent: it never left.
        """
        self._check_usable()
        own = self._observed(destination, _own(headers))
        event = Send(destination, body, content_type=content_type, headers=own)
        for name in ("reply-to", "correlation-id"):
            if name in event.headers:
                raise LocalProtocolError(f"request() itself says {name!r}", code=ErrorCode.HEADER_CLASH)
        pending: Pending[Delivery] = Pending(f"request to {destination}")
        request = Requesting(event, pending, self._seconds(timeout), self._requests.new_id())
        self._say_or_defer(request)
        pending.on_abandon = lambda: self._withdraw(request)
        return pending

    def send_frame(self, what: Event | Frame) -> Pending[None]:
        """Say any client frame as it is, for those who keep their own books.

        The rules of the conversation hold, but nothing is remembered beyond this connection: a SUBSCRIBE said this way
        does not come back, and its messages and receipts go to the :attr:`tap` only. It is done when there is room to
        write it.

        Raises:
            LocalProtocolError: STOMP does not allow it here, or it is DISCONNECT, which is :meth:`close`'s to say.
                Nothing has changed.
            SessionClosed, ConnectionLost: there is no connection.
        """
        if type(what) is Send and what.frame.headers is self._repeatable and self._put_again(what):
            return ROOM
        self._check_usable()
        if self.state is not SessionState.CONNECTED:
            raise ConnectionLost("there is no connection at the moment")
        event = what if isinstance(what, Event) else event_from_frame(what)
        command = event.frame.command
        if command == "DISCONNECT":
            raise LocalProtocolError("close() says DISCONNECT", code=ErrorCode.UNEXPECTED_FRAME)
        receipt = event.frame.headers.find("\nreceipt:")
        if receipt is not None:
            self._receipts.check_foreign(receipt)
        pending = self._room_for(event, command + " frame")
        if pending.done and self._listener is None and not self._disconnecting:
            self._put(event, None)  # nobody waits for it, nor hears of its fate
            self._receipts.said_silently()
            if command == "SEND" and receipt is None and "transaction" not in event.frame.headers:
                self._repeatable = event.frame.headers
        else:
            self._say(Operation(event, pending, None, self._settings.receipt_timeout))
        if receipt is not None:
            self._receipts.claim_foreign(receipt)
        return pending

    def send_heart_beat(self) -> Pending[None]:
        """Write an end of line now (STOMP 1.2, "Heart-beating"). Those that are due are written without this.

        Raises:
            SessionClosed, ConnectionLost: there is no connection.
        """
        self._check_usable()
        if self.state is not SessionState.CONNECTED:
            raise ConnectionLost("there is no connection at the moment")
        self._put_heart_beat(b"\n")
        self._wake()
        return Pending.completed("heart-beat", None)

    def close(
        self, *, receipt: str | None = None, headers: HeaderSource = (), timeout: float | None = None
    ) -> Pending[bool]:
        """End the session gracefully (STOMP 1.2, "DISCONNECT").

        Subscriptions end at once. Receipts that are awaited get half of the time to come; then DISCONNECT asks for one
        of its own, and the socket is closed when that is here. Nothing dials again.

        Args:
            receipt: the id of DISCONNECT's receipt; otherwise a generated one.
            headers: further headers of DISCONNECT.
            timeout: seconds for all of it; otherwise the session's ``close_timeout``.

        Returns:
            Whether the broker confirmed that it has processed everything. It never fails.

        Raises:
            LocalProtocolError: headers that STOMP cannot carry, or a receipt id in use. Nothing has changed.
        """
        if self._closing is not None:
            return self._closing
        seconds = self._settings.close_timeout if timeout is None else _checked(timeout)
        receipt_id = self._receipts.id_for(True if receipt is None else receipt)
        self._farewell = Disconnect(receipt=receipt_id, headers=_own(headers))
        self._check_writable(self._farewell)
        if receipt is not None:
            self._receipts.claim(receipt)
        self._closing = Pending("close")
        if self.closed:
            self._closing.succeed(False)
        elif self.state is SessionState.CONNECTED:
            self.state = SessionState.CLOSING
            for subscription in self._subscriptions:
                subscription._end(SubscriptionState.GONE)
            self._say_backlog()
            # Two waits: for the receipts that are under way, and for that of DISCONNECT.
            self._disconnect_within = seconds / 2 if len(self._receipts) else seconds
            self._close_in = seconds - self._disconnect_within
            self._disconnect_if_quiet()
            self._wake()
        else:
            self._finish(None)
        return self._closing

    # ------------------------------------------------------------------ what they share

    def _acknowledge(
        self,
        command: str,
        delivery: Delivery,
        transaction: TransactionLike | str | None,
        receipt: bool | str,
        headers: HeaderSource,
        timeout: float | None,
    ) -> Pending[None]:
        if self.closed:
            self._check_usable()
        if delivery.connection_number != self.connection_number or self._connected is None:
            raise StaleMessageError(
                f"message {delivery.message_id!r} came on a connection that is gone; the broker delivers it again"
            )
        part_of = self._part_of(transaction)
        name = None if part_of is None else part_of.id
        receipt_id = self._receipts.id_for(receipt)
        event: Ack | Nack
        if command == "ACK":
            event = delivery.event.acknowledge(transaction=name, receipt=receipt_id, headers=_own(headers))
        else:
            event = delivery.event.reject(transaction=name, receipt=receipt_id, headers=_own(headers))
        pending: Pending[None] = Pending(f"{command} of {delivery.message_id}")
        self._say(Acknowledging(event, pending, receipt_id, self._seconds(timeout), part_of))
        self._claim(receipt)
        return pending

    def _observed(self, destination: str, own: Headers) -> Headers:
        """A message's headers, with what the observer adds to them."""
        if self._listener is None:
            return own
        try:
            added = [pair for pair in self._listener.headers_for(destination) if pair[0] not in own]
            return Headers([*own.items(), *added]) if added else own
        except Exception as error:
            sys.excepthook(type(error), error, error.__traceback__)
            return own

    def _part_of(self, transaction: TransactionLike | str | None) -> Transaction | None:
        return None if transaction is None else self._transactions.find(transaction)

    def _claim(self, receipt: bool | str) -> None:
        if isinstance(receipt, str):
            self._receipts.claim(receipt)

    def _give_back(self, subscription: Subscription) -> None:
        """Whoever subscribed does not want it any more, and has no handle on it to say so."""
        self.unsubscribe(subscription, receipt=False)

    def _give_back_transaction(self, beginning: Beginning) -> None:
        transaction = beginning.transaction
        if transaction is None:
            self._withdraw(beginning)
        elif transaction.state is TransactionState.OPEN:
            self.abort(transaction)

    def _new_transaction(self, id: str) -> Transaction:
        return Transaction(self, id, self.connection_number)

    def _seconds(self, timeout: float | None) -> float:
        return self._settings.receipt_timeout if timeout is None else _checked(timeout)


def _checked(timeout: float) -> float:
    if not timeout >= 0:
        raise ValueError(f"timeout is a number of seconds of at least 0, not {timeout!r}")
    return timeout


def _own(headers: HeaderSource) -> Headers:
    """A caller's own headers; what has an argument of its own is said there, since the session must know of it."""
    if not isinstance(headers, Headers):
        if not headers:
            return _NO_HEADERS
        headers = Headers(headers)
    for name in ("receipt", "transaction"):
        if name in headers:
            raise LocalProtocolError(
                f"{name!r} is an argument of the call, and not one of its headers",
                code=ErrorCode.HEADER_NOT_ALLOWED,
            )
    return headers
