"""Session: a client of a STOMP broker over many sockets. It sends operations and dispatches received frames.

A session owns its parts and is the only one that calls them; they return values and events and never call the session:

=================== ==============================================================================================
Connector           when to dial what, the handshake, what the end of a connection means
Sender              the send queue, operations that wait for a connection, receipts and replies in flight, timeouts
Subscriptions       records of subscriptions, their message queues, what a new connection subscribes again
Transactions        records of open transactions
Notifier            the log and the listener
=================== ==============================================================================================

The records belong to the session. What users hold are handles: :class:`Subscription`, :class:`Transaction`, and a
:class:`~stomp_core.session.Pending` for each operation.

Who drives it. A driver tells the session facts (``connection_made``, ``receive_data``, ``handle_timeout``,
``connection_lost``) and asks what to do (``next_attempt``, ``data_to_send``, ``want_read``, ``want_close``,
``next_deadline``). :class:`stomp_core.adapter.Driver` turns that into commands, which is what an adapter should use;
an engine that interleaves reading and writing in its own way may use the methods here. A session is not thread-safe: an
adapter with threads needs a lock.

Time. Every call that can start, meet or miss a deadline takes ``now``: seconds of any monotonic clock, the same one in
all calls. Operations take it as their first argument.

Check first, then change. An operation that raises has changed nothing. While one changes the session,
:attr:`Session.changing` is true: a driver that finds it true between two calls knows that an exception (of a signal
handler) has interrupted an operation half-way, and must replace the connection.

What becomes of an operation when its connection is lost. If it had left, its outcome is unknown. If it had not left and
means the same on every connection (a SEND outside of a transaction), it goes first on the next connection. Otherwise it
was not sent. Nothing is ever sent twice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from typing import TypeVar

from .._arguments import check_seconds
from .._callbacks import check_callable, check_not_async
from .._hints import explained
from .._logging import log_exception
from ..errors import ErrorCode, LocalProtocolError, RemoteProtocolError, StompError
from ..protocol import (
    Abort,
    Ack,
    AckMode,
    Begin,
    Body,
    ClientConnection,
    Commit,
    Connected,
    Disconnect,
    Error,
    Event,
    Message,
    Nack,
    Receipt,
    Send,
    Tolerated,
    Unsubscribe,
    check_destination,
    send_parts,
)
from ..wire import (
    NEED_DATA,
    ConnectionClosed,
    Frame,
    Headers,
    HeaderSource,
    HeartBeat,
    Version,
)
from ._broker_profiles import BrokerProfile
from ._byte_layer import ByteLayerFactory
from ._config import Config
from ._connector import AttemptFailed, Connector, ConnectorEvent, Established, GaveUp, Lost, SessionState
from ._delivery import Delivery, SubscriptionLike
from ._dropped_messages import why_dropped
from ._errors import (
    ConnectFailed,
    ConnectionLost,
    NotSent,
    SessionClosed,
    StaleMessageError,
    TransactionLost,
)
from ._handles import Subscription, Transaction
from ._layered import Layered
from ._listener import Listener
from ._message_queue import EVENT_OVERHEAD, BufferLimit, MessageQueue, QueueEntry
from ._notifier import Notifier
from ._operation_arguments import (
    check_ack_mode,
    check_delivery,
    check_id,
    check_now,
    check_prefetch,
    event_of,
    own_headers,
)
from ._operations import (
    AbortOperation,
    AckOperation,
    BeginOperation,
    CommitOperation,
    Operation,
    RequestOperation,
    SendOperation,
    SubscriptionWait,
    TimerCallback,
    UnmadeSend,
    UnsubscribeOperation,
)
from ._pending import Pending, call_all
from ._questions import QuestionFailed
from ._reconnect import Attempt, Rng
from ._sender import QUEUED, Sender
from ._subscriptions import Progress, SubscriptionRecord, Subscriptions, SubscriptionState
from ._transactions import (
    TransactionLike,
    TransactionRecord,
    Transactions,
    TransactionState,
    check_transaction,
)
from ._urls import Endpoint, EndpointSource

__all__ = ["Session", "TapEvent"]

T = TypeVar("T")

TapEvent = Event | HeartBeat | ConnectionClosed
# CPython 3.11 looks up an attribute of an enum class in Python, which takes longer than all else that is done with it.
_ACTIVE = SubscriptionState.ACTIVE
_PROTOCOL_ERROR = 1002  # RFC 6455, section 7.4.1


@explained
class Session:
    """A client of a STOMP broker, over as many connections as it takes. Pure: no I/O, no clock, no threads.

    Programs use the ``Connection`` of an adapter, which has the same operations. A session is for authors of adapters.
    Operations return a :class:`.Pending`, whose result is what "Returns" describes. Errors of a call that is refused
    are raised by the call; errors that come later are raised by ``pending.result()``. Both are listed under "Raises".

    Args:
        config: the options. A URL, or several, stands for a :class:`Config` with these endpoints.
        wake: a function without arguments that is called when an operation has left something for the driver to do:
            bytes to write, an end, a changed :attr:`want_read`, an earlier deadline. It may be set later. An exception
            that it raises is logged.
        run_listener: a function that is called with each notification of the listener, which is a function without
            arguments, to run it elsewhere. By default it is run at once, in the middle of the session's work. An
            exception that it raises is logged.
        make_delivery: makes what subscriptions return, from the message, its subscription and the number of its
            connection.
        tap: keep every received event, in order, in :attr:`tap` as well. The caller must take them from there.
        rng: for the jitter of back-off: a :class:`random.Random`. Without it, every pause is as long as it may be.
        log: log connections and frames with the loggers ``stomp_core.connection`` and ``stomp_core.frames``.

    Attributes:
        config: the options.
        wake: see above.
        opened: done with the first CONNECTED, or failed with the reason why there will be none.
        error: why the session has ended; ``None`` as long as it has not, and if the caller closed it.
        closed_because: how the caller closed the session, for error texts. An adapter may set it before it closes the
            session.
        dropped: how many messages came for no subscription, or for one that had ended.
        tap: the received events, if asked for; otherwise ``None``. A heart-beat is in it once for each chunk that
            contains nothing else, since line ends that come with a frame may belong to it.

    Raises:
        TypeError: an option is of a wrong type.
        ValueError: an option is out of its range, or a URL is not valid.
        LocalProtocolError: CONNECT cannot carry an option.
    """

    def __init__(
        self,
        config: Config | EndpointSource,
        *,
        wake: Callable[[], object] | None = None,
        run_listener: Callable[[Callable[[], None]], object] | None = None,
        make_delivery: Callable[[Message, SubscriptionLike | None, int], Delivery] = Delivery,
        tap: bool = False,
        rng: Rng | None = None,
        log: bool = True,
    ) -> None:
        self.config: Config = config if isinstance(config, Config) else Config(config)
        if wake is not None:
            check_callable(wake, "wake", "a function without arguments")
            check_not_async(wake, "wake", "pass a plain function, such as the set() of an event")
        self.wake = wake
        self.opened: Pending[Connected] = Pending("connect")
        self.error: Exception | None = None
        self.closed_because: str = "close() was called"
        self.dropped: int = 0
        leniency = self.config.leniency
        self._unchecked_conversation: bool = leniency is not None and leniency.unchecked_conversation
        self._make_delivery = make_delivery
        self._buffer = BufferLimit(self.config.buffer_size)
        self.tap: MessageQueue[TapEvent] | None = MessageQueue(self._buffer) if tap else None
        self._notifier = Notifier(self.config.listener, run_listener, log=log)
        self._connector = Connector(self.config, rng)
        self._subscriptions = Subscriptions()
        self._transactions = Transactions()
        self._sender = Sender(
            self.config, self._connector, self._subscriptions, self._transactions, self._notifier
        )
        self._closing: Pending[bool] | None = None  # of close()
        self._confirmed = False  # whether the broker has confirmed DISCONNECT

    # ------------------------------------------------------------------ what can be seen

    @property
    def state(self) -> SessionState:
        """The state of the session."""
        return self._connector.state

    @property
    def closed(self) -> bool:
        """Whether the session has ended for good. :attr:`error` says why; ``None`` if the caller closed it."""
        return self._connector.state is SessionState.CLOSED

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The endpoints to connect to, in order of preference."""
        return self.config.parsed_endpoints

    @property
    def endpoint(self) -> Endpoint | None:
        """The endpoint of the present connection, or of the latest attempt; ``None`` before the first one."""
        return self._connector.endpoint

    @property
    def client_id(self) -> str | None:
        """The ``client-id`` header of CONNECT; ``None`` if it has none."""
        return self._connector.client_id

    @property
    def connection_number(self) -> int:
        """The number of the latest established connection, counted from 1; 0 before the first one."""
        return self._connector.connection_number

    @property
    def connected(self) -> Connected | None:
        """The CONNECTED frame of the present connection; ``None`` while there is none."""
        return self._connector.connected

    @property
    def version(self) -> Version | None:
        """The version of STOMP on the present connection; ``None`` while there is none."""
        return self._connector.version

    @property
    def heart_beat(self) -> tuple[float, float]:
        """The negotiated heart-beat intervals ``(sending, receiving)`` in seconds; 0.0 is never."""
        conn = self._connector.conn
        return conn.heart_beat if conn is not None else (0.0, 0.0)

    @property
    def broker_profile(self) -> BrokerProfile:
        """The profile of the present broker, as configured or recognised by CONNECTED's ``server`` header."""
        return self._connector.broker_profile

    @property
    def listener(self) -> Listener | None:
        """The observer of the session; ``None`` if there is none."""
        return self._notifier.listener

    def __repr__(self) -> str:
        return f"<Session to {self.endpoint or self.endpoints[0]}, {self.state.value}>"

    def clear_interruption(self) -> bool:
        """Return whether an operation was interrupted half-way, and forget it.

        For a driver, between two calls: if it was, :attr:`changing` is still true, and the connection must be replaced.
        """
        interrupted, self._sender.changing = self._sender.changing, False
        return interrupted

    @property
    def changing(self) -> bool:
        """Whether an operation is half-way; see the text of this module."""
        return self._sender.changing

    # ------------------------------------------------------------------ for the driver: facts

    def next_attempt(self, now: float) -> Attempt | None:
        """Return what to dial and when; ``None`` if the session is closed.

        It may be asked again before ``attempt.at`` (after a wake-up, say) and then returns the same attempt, or
        ``None`` if the session was closed meanwhile. Its outcome is :meth:`connection_made` or
        :meth:`connection_lost`. If it has ``questions``, ask them before you dial; an exception that this raises is a
        reason for :meth:`connection_lost`. If you do not ask, :meth:`connection_made` does.

        Args:
            now: seconds of any monotonic clock.

        Raises:
            RuntimeError: there is still a socket: close it and call :meth:`connection_lost` first.
        """
        check_now(now)
        attempt, is_new = self._connector.next_attempt(now)
        if is_new and attempt is not None:
            self._notifier.dialling(attempt, now)
        return attempt

    def connection_made(self, now: float, via: str = "") -> None:
        """Note that the attempt led to a socket, with TLS if the endpoint is ``secure``.

        Args:
            now: seconds of any monotonic clock.
            via: what it was connected through, such as ``"the proxy socks5://host:1080"``, for error texts. By default
                nothing.

        Raises:
            RuntimeError: there was no attempt.
        """
        check_now(now)
        try:
            connect = self._connector.connection_made(now, via)
        except QuestionFailed as failure:
            self._apply(self._connector.question_failed(failure, now), now)
            self._sender.changing = False
            return
        if connect is not None:
            self._notifier.update()
            self._sender.send_queue.begin()
            if (factory := self._connector.layer_factory) is None:
                self._sender.send_connect(now, connect)
            else:
                self._open_layer(factory, connect, now)
            self._sender.changing = False

    def connection_lost(
        self, reason: BaseException | str | None, now: float, *, at_once: bool = False
    ) -> None:
        """Note that there is no socket any more: the attempt failed, or the connection is lost or was closed.

        Args:
            reason: the exception, or a sentence, that says why; ``None`` if it is not known. The error texts say what
                to check, by the class of the exception.
            now: seconds of any monotonic clock.
            at_once: connect again without a pause, because the driver has ended an established connection by itself.

        Raises:
            RuntimeError: there was no attempt.
        """
        check_now(now)
        if self._connector.want_close:
            self._sender.send_queue.drop()  # the end of a byte layer that was not written
        self._apply(self._connector.connection_lost(reason, now, at_once=at_once), now)
        self._process_events(now)
        self._sender.changing = False

    def receive_data(self, data: bytes | bytearray | memoryview, now: float) -> None:
        """Process bytes from the socket. Look at :attr:`want_close` afterwards.

        Args:
            data: the bytes, in pieces of any size; ``b""`` is the end of the stream.
            now: seconds of any monotonic clock.

        Raises:
            RuntimeError: there is no connection.
        """
        if type(now) is not float or now - now != 0.0:  # a finite float needs no call
            check_now(now)
        connector = self._connector
        conn = connector.conn
        if conn is None and (conn := self._conn_of_driver("receive_data")) is None:
            return
        layered = connector.layered
        if layered is None:
            self._receive_stomp(conn, data, now)
        else:
            for piece in layered.pieces(data):
                if self._connector.layered is layered and self._connector.conn is conn:
                    self._receive_through(layered, conn, piece, now)
        if self._buffer.full or connector.reading_paused:
            self._sync_reading(now)
        self._sender.changing = False

    def _receive_stomp(
        self, conn: ClientConnection, data: bytes | bytearray | memoryview, now: float
    ) -> None:
        if self.tap is not None and data and conn.between_frames and not bytes(data).strip(b"\r\n"):
            self.tap.put(HeartBeat(bytes(data).count(b"\n")), EVENT_OVERHEAD)
        self._connector.data_received(now, data)
        conn.receive_data(data, now)
        self._process_events(now)

    # ------------------------------------------------------------------ a byte layer between the socket and STOMP

    def _open_layer(self, factory: ByteLayerFactory, connect: Event, now: float) -> None:
        """Begin the connection with the handshake of its byte layer; CONNECT follows when that is opened."""
        connector = self._connector
        assert connector.endpoint is not None
        try:
            layer = factory.new_layer(connector.endpoint, self.config.versions)
            connector.layered = Layered(layer, self._sender.send_queue, connect)
        except Exception as error:
            self._apply(connector.layer_refused(error, now), now)
            return
        self._start_layer(connector.layered, now)

    def _start_layer(self, layered: Layered, now: float) -> None:
        if layered.start():
            self._connector.layer_opened()
            if self.config.connect_frame is None:  # which is sent as it is
                layered.withdraw_promise()
            self._sender.send_connect(now, layered.connect)

    def _receive_through(
        self,
        layered: Layered,
        conn: ClientConnection,
        data: bytes | bytearray | memoryview,
        now: float,
    ) -> None:
        connector = self._connector
        stomp = layered.receive(data)
        if data:
            # A part of a frame of the layer is a sign of life, too.
            connector.data_received(now, b"" if layered.started else data)
            conn.alive(now)
        self._start_layer(layered, now)
        if stomp:
            self._receive_stomp(conn, stomp, now)
        if connector.layered is layered:
            self._apply(connector.layer_over(now), now)
            if data:
                self._send_last(layered.answer)

    def _send_last(self, wire: bytes) -> None:
        """Let the driver write the end of a byte layer, before it closes the socket of a connection that is over."""
        if wire and self._connector.want_close:
            self._sender.send_queue.put_last(wire)

    def _disconnect_confirmed(self, now: float) -> None:
        """End the session, or, if there is a byte layer, close that before."""
        self._confirmed = True
        layered = self._connector.layered
        if layered is not None and layered.close():
            self._sender.await_end(now)
        else:
            self._finish(None)

    # ------------------------------------------------------------------ for the driver: facts, continued

    def alive(self, now: float) -> None:
        """Note that the peer is alive: bytes arrived that are not STOMP yet, such as a part of a WebSocket frame.

        Args:
            now: seconds of any monotonic clock.

        Raises:
            RuntimeError: there is no connection.
        """
        check_now(now)
        conn = self._conn_of_driver("alive")
        if conn is not None:
            self._connector.data_received(now)
            conn.alive(now)

    def _conn_of_driver(self, call: str) -> ClientConnection | None:
        """Return the present connection; ``None`` if it is over, but its socket is still open."""
        connector = self._connector
        if (
            connector.conn is None
            and not connector.socket_open
            and connector.state is not SessionState.CLOSED
        ):
            raise RuntimeError(f"{call}() was called without a connection: call connection_made() first")
        return connector.conn

    def handle_timeout(self, now: float) -> None:
        """Do what is due: heart-beats, timeouts of operations, of the handshake and of closing.

        It does no harm to call it early or late; see :meth:`next_deadline`.

        Args:
            now: seconds of any monotonic clock.
        """
        check_now(now)
        self._sync_reading(now)
        closing_is_over = self._sender.handle_timeout(now)
        self._apply(self._connector.handle_timeout(now), now)
        if closing_is_over:
            self._finish(None)
        self._keep_alive(now)
        self._sync_reading(now)
        self._sender.changing = False

    def _keep_alive(self, now: float) -> None:
        """Send a heart-beat that is due, and notice that the broker is late or silent."""
        conn = self._connector.conn
        if conn is None:
            return
        beat = conn.handle_timeout(now)
        # For a listener there is a deadline. For the log alone, when our own heart-beat is due is early enough.
        if (beat or self._notifier.listener is not None) and (
            silence := self._connector.lateness(now)
        ) is not None:
            self._notifier.notify("heart_beat_late", silence)
        if beat:
            self._notifier.update()
        # Bytes that wait to be written are as good a sign of life.
        if beat and not self._sender.send_queue.size:
            self._sender.send_queue.put(beat, None)
            if self._notifier.wants_frames:
                self._notifier.notify_frame("heart_beat_sent")
        self._process_events(now)

    def _sync_reading(self, now: float) -> None:
        """Tell the connection whether the driver reads: while it does not, the broker's silence proves nothing."""
        self._connector.set_reading(self.want_read, now)

    def terminate(self, now: float) -> None:
        """End the session at once, without DISCONNECT, and settle every Pending.

        Close the socket if it is open; see :attr:`want_close`. It may be called again: if an exception interrupted an
        earlier end, it settles the rest.

        Args:
            now: seconds of any monotonic clock.
        """
        check_now(now)
        self._finish(None)
        self._connector.end()
        self._settle_everything()
        self._changed()

    # ------------------------------------------------------------------ for the driver: questions

    def data_to_send(self, limit: int | None = None) -> bytes | memoryview:
        """Return bytes to write; ``b""`` if there are none. They count as sent: they must be written, in this order.

        Args:
            limit: how many bytes to return at most; ``None`` is all of them. Take only as many as the transport
                accepts: the rest holds senders back, and can still be withdrawn.
        """
        return self._sender.send_queue.take(limit)

    def write_with(self, send: Callable[[bytes | memoryview], int]) -> None:
        """Write everything that waits in the send queue by calling ``send`` until nothing is left or it raises.

        Use it in place of :meth:`data_to_send` in an engine that an exception of a signal handler may interrupt
        anywhere.

        Args:
            send: writes bytes and returns how many it took, like ``socket.send``.

        Raises:
            Exception: what ``send`` raised.
        """
        self._sender.send_queue.write_with(send)

    @property
    def size_to_send(self) -> int:
        """How many bytes :meth:`data_to_send` would return."""
        return self._sender.send_queue.size

    @property
    def buffered_size(self) -> int:
        """How many bytes of memory are taken, roughly, by received messages that nobody has taken yet."""
        return self._buffer.size

    @property
    def want_read(self) -> bool:
        """Whether the socket should be read now. While it should not, the peer's silence proves nothing.

        Reading stops when the messages that nobody has taken fill the buffer: the consumer is slow, and TCP slows the
        broker down. But a caller that waits for a receipt or a reply would then wait in vain, and a broker that waits
        until its messages are read may not read what this side writes. So while something is awaited, or the send queue
        is full, reading goes on up to four times the buffer.
        """
        buffer = self._buffer
        if not buffer.full or self._connector.state is SessionState.HANDSHAKING:
            return True
        sender = self._sender
        awaited = len(sender.receipts) > 0 or len(sender.replies) > 0 or sender.is_full
        return awaited and not buffer.exceeded

    def needs_turn(self, *, reading: bool, writing: bool) -> bool:
        """Return whether the driver has something to do that it is not doing yet.

        Args:
            reading: whether it reads from the socket.
            writing: whether it waits for room to write.
        """
        connector = self._connector
        return (
            (connector.conn is None and (connector.socket_open or connector.state is SessionState.CLOSED))
            or (self._sender.send_queue.size > 0 and not writing and connector.socket_open)
            or self.want_read is not reading
        )

    @property
    def want_close(self) -> bool:
        """Whether to close the socket now, and to call :meth:`connection_lost`.

        Bytes that are left to send then are the end of a WebSocket: write them first, but wait only a moment for that.
        """
        return self._connector.want_close

    def next_deadline(self) -> float | None:
        """Return when :meth:`handle_timeout` is due, in seconds on the clock of ``now``; ``None`` is never."""
        earliest = self._sender.next_deadline()
        other = self._connector.next_deadline(report_late=self._notifier.listener is not None)
        if other is not None and (earliest is None or other < earliest):
            earliest = other
        return None if earliest == inf else earliest

    @property
    def awaited_receipts(self) -> int:
        """How many RECEIPTs are awaited on the present connection."""
        return len(self._sender.receipts)

    def may_delay_writing(self, limit: int) -> bool:
        """Return whether what is in the send queue may wait for the next RECEIPT (Nagle's rule, without a clock).

        It may while a receipt is awaited of a frame that has left: the RECEIPT will come and wake the driver.

        Args:
            limit: from how many bytes in the send queue on they should leave in any case.
        """
        return self._sender.send_queue.size < limit and len(self._sender.receipts) > len(
            self._sender.send_queue
        )

    def set_read_timeout(self, seconds: float) -> None:
        """Treat the present connection as lost if nothing is received for a time, if heart-beats were negotiated.

        Args:
            seconds: how many seconds; infinity is for ever.

        Raises:
            ValueError: ``seconds`` is not positive.
        """
        conn = self._connector.conn
        if conn is not None:
            conn.set_read_timeout(seconds)
            self._changed()

    # ------------------------------------------------------------------ operations

    def send(
        self,
        now: float,
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

        While there is no connection, it waits for one. A message that was in flight when its connection was lost is
        never sent again.

        Args:
            now: seconds of any monotonic clock.
            destination: where to send it, such as ``"/queue/orders"``. The syntax is the broker's own.
            body: ``bytes`` are sent as they are. A ``str`` is sent as UTF-8, with
                ``content-type:text/plain;charset=utf-8`` unless ``content_type`` or ``headers`` name another.
            content_type: the MIME type of the body. By default it is not stated for ``bytes``.
            headers: further headers, a mapping or pairs of ``str``. They must not contradict the other arguments.
            receipt: ``True``: wait until the broker has confirmed the message. ``False``: wait only for room in the
                send queue. A ``str`` is the same as ``True``, with this receipt id.
            transaction: the open transaction that it belongs to, or its id. Then ``receipt`` must be false.
            content_length: whether to send the ``content-length`` header. ActiveMQ makes a BytesMessage of a message
                that has it, and a TextMessage of one that has not.
            timeout: seconds to wait; by default ``receipt_timeout``. ``math.inf`` is no limit.

        Raises:
            LocalProtocolError: STOMP cannot carry the message, or does not allow it here. Nothing has changed. For an
                argument of a wrong type it is also a ``TypeError``.
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
            Rejected: the broker answered with ERROR. It is raised with ``receipt`` only.
            NotSent: the message never left this process. If the timeout was the reason, it is a NotSentInTime.
            OutcomeUnknown: with ``receipt``, the connection was lost while the message was in flight. If it was not
                confirmed in time, or in a transaction not written in time, it is a ReceiptTimeout.
            TransactionLost: the transaction was lost with its connection.
            SessionClosed: the connection was closed.
            ConnectionLost, ConnectFailed: the connection has ended, and is not replaced.
        """
        sender = self._sender
        straight = self._closing is None and sender.has_straight_path  # so the session has not ended
        if not straight or type(now) is not float or now - now != 0.0:
            self._check_usable(now)
        if timeout is not None:
            timeout = check_seconds("timeout", timeout)
        receipt_id = sender.receipts.new_id() if receipt is True else None
        if (
            straight
            and transaction is None
            and (receipt_id is not None or not receipt)
            and not (
                headers and (type(headers) is not dict or "receipt" in headers or "transaction" in headers)
            )
        ):
            # The straight path. It does what the rest of this method does for a message in no transaction.
            merged, octets = send_parts(destination, body, content_type, headers)
            message = UnmadeSend(merged, octets, receipt_id, content_length)
            operation = None
            if receipt_id is not None:
                seconds = self.config.receipt_timeout if timeout is None else timeout
                operation = SendOperation(message, Pending("SEND to " + destination), receipt_id, seconds)
            if sender.send_message(now, message, operation):
                if self.wake is None:
                    sender.changing = False
                else:
                    self._changed()
                if operation is None:
                    return QUEUED
                operation.pending.on_cancel = partial(self._withdraw, operation)
                return operation.pending
        record = None if transaction is None else self._transactions.find(transaction)
        if record is not None and receipt:
            raise LocalProtocolError(
                "a SEND in a transaction cannot wait for its receipt, which RabbitMQ sends only after COMMIT: "
                "commit with a receipt instead",
                code=ErrorCode.HEADER_NOT_ALLOWED,
            )
        if receipt and receipt_id is None:
            receipt_id = self._sender.receipts.id_for(receipt)
        own = own_headers(headers)
        if self._notifier.listener is not None:
            check_destination(destination)
            own = self._notifier.add_headers(destination, own, self._sender.check_writable)
        event = Send(
            destination,
            body,
            content_type=content_type,
            transaction=None if record is None else record.id,
            receipt=receipt_id,
            headers=own,
            content_length=content_length,
        )
        seconds = self.config.receipt_timeout if timeout is None else timeout
        what = "SEND to " + destination
        pending: Pending[None] = (
            Pending(what) if receipt_id is not None else self._sender.pending_for(event, what)
        )
        operation = SendOperation(event, pending, receipt_id, seconds, record)
        if pending.done:
            self._sender.send(now, operation)  # there is a connection, and room in its send queue
        else:
            self._sender.send_or_queue(now, operation)
            if isinstance(receipt, str):
                self._sender.receipts.reserve(receipt)
            if not pending.done:
                pending.on_cancel = partial(self._withdraw, operation)
        self._changed()
        return pending

    def subscribe(
        self,
        now: float,
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
        """Subscribe to a destination (STOMP 1.2, "SUBSCRIBE"), on this connection and on those that replace it.

        Args:
            now: seconds of any monotonic clock.
            destination: what to subscribe to, such as ``"/queue/orders"``. The syntax is the broker's own.
            id: the ``id`` header of the subscription; by default a generated one.
            ack: when the broker considers a message consumed (STOMP 1.2, "SUBSCRIBE ack Header"). ``"auto"``: when it
                has sent it. ``"client"``: at an ACK, which also covers all earlier messages of the subscription (at
                RabbitMQ those of every subscription of the connection). ``"client-individual"``: at its own ACK.
            prefetch: how many messages may be unacknowledged at a time, sent in the broker's own header. By default the
                broker decides. It is refused with ``ack="auto"``, where it has no effect at any broker.
            durable: the name of a durable topic subscription, sent in the broker's own headers. It is also the ``id``,
                unless that is given. By default the subscription is not durable.
            headers: further headers, such as ``selector``.
            receipt: wait until the broker has confirmed the subscription. ``False``: wait only for room in the send
                queue; the same then holds for its end, unless ``unsubscribe(receipt=True)`` is called.
            timeout: seconds to wait; by default ``receipt_timeout``. ``math.inf`` is no limit.

        Returns:
            The subscription.

        Raises:
            LocalProtocolError: STOMP does not allow it: an ``id`` in use, an unknown ack mode, a header that clashes.
                Or the broker has no known header for ``prefetch`` or ``durable``. Nothing has changed. For an argument
                of a wrong type it is also a ``TypeError``.
            ValueError: ``prefetch`` was given with ``ack="auto"``.
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
            Rejected: the broker answered with ERROR.
            ReceiptTimeout: the broker did not confirm in time. The subscription has ended.
            NotSentInTime: there was no connection in time.
            SessionClosed: the connection was closed.
            ConnectionLost, ConnectFailed: the connection has ended, and is not replaced.
        """
        self._check_usable(now)
        check_destination(destination)
        check_ack_mode(ack)
        check_id("id", id)
        check_id("durable", durable)
        check_prefetch(prefetch, ack)
        name = id if id is not None else durable if durable is not None else self._subscriptions.free_id()
        if name in self._subscriptions:
            raise LocalProtocolError(
                f"subscription id {name!r} is already in use", code=ErrorCode.DUPLICATE_SUBSCRIPTION
            )
        record = SubscriptionRecord(
            self._buffer, name, destination, ack, prefetch, durable, own_headers(headers), receipt
        )
        subscription = record.handle = Subscription(self, record, self._make_delivery)
        pending: Pending[Subscription] = Pending(f"SUBSCRIBE to {destination}")
        pending.on_cancel = partial(self._end_unwanted, subscription)
        seconds = self._seconds(timeout)
        record.waiter = pending
        try:
            self._sender.subscribe_or_queue(now, record)
            self._subscriptions.add(record)
            if not pending.done:
                self._sender.watch(now, SubscriptionWait(pending, seconds, record))
            self._changed()
        except BaseException as error:
            if (
                isinstance(error, StompError)
                and not self._sender.changing
                and name not in self._subscriptions
            ):
                raise  # refused; nothing has changed
            # An exception of a signal handler. Nobody gets the handle, so nobody would take the messages: the
            # connection must be replaced, and the next one must not subscribe.
            self._sender.changing = True
            self._subscriptions.remove(record)
            record.end(SubscriptionState.GONE)
            raise
        return pending

    def unsubscribe(
        self,
        now: float,
        subscription: Subscription,
        *,
        receipt: bool | None = None,
        delete: bool = False,
        timeout: float | None = None,
    ) -> Pending[None]:
        """End a subscription (STOMP 1.2, "UNSUBSCRIBE"). Messages that come late are dropped, and counted.

        In ``auto`` mode the messages in its queue can still be taken. In the other modes they are dropped, and the
        broker delivers them to another consumer. To end a subscription that has ended does nothing.

        Args:
            now: seconds of any monotonic clock.
            subscription: the subscription to end.
            receipt: wait until the broker has confirmed that no more messages come. ``False``: wait only for room in
                the send queue. By default as it was given to ``subscribe()``.
            delete: delete a durable subscription at the broker. By default it goes on there, and collects messages.
            timeout: seconds to wait; by default ``receipt_timeout``. ``math.inf`` is no limit.

        Raises:
            LocalProtocolError: ``delete`` was asked for, and an UNSUBSCRIBE cannot do that at this broker (ActiveMQ
                Classic). Nothing has changed.
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
            Rejected, ReceiptTimeout: the broker answered with ERROR, or not in time. The subscription has ended anyway.
            NotSent, OutcomeUnknown: ``delete`` was asked for, and there was no connection, or the connection was lost.
        """
        check_now(now)
        record = subscription.record
        pending: Pending[None] = Pending(f"UNSUBSCRIBE from {record.destination}")
        if record.state is not SubscriptionState.ACTIVE:
            pending.succeed(None)
            return pending
        deletes = delete and record.durable is not None
        if record.progress is Progress.NOT_SENT:
            self._subscriptions.remove(record)
            record.end(SubscriptionState.GONE)
            if deletes:
                pending.fail(NotSent(f"{record.durable!r} was not deleted: there is no connection"))
            else:
                pending.succeed(None)
            self._changed()
            return pending
        headers = (
            self.broker_profile.delete_durable_headers(record.durable)
            if deletes and record.durable is not None
            else ()
        )
        # A broker that sends no receipt for SUBSCRIBE, as Spring's simple broker, sends none for UNSUBSCRIBE either.
        receipt_id = self._sender.receipts.id_for(record.wants_receipt if receipt is None else receipt)
        event = Unsubscribe(record.id, receipt=receipt_id, headers=headers)
        operation = UnsubscribeOperation(event, pending, receipt_id, self._seconds(timeout), record, deletes)
        self._sender.send(now, operation)
        if receipt_id is not None:
            record.end(SubscriptionState.DRAINING)
        else:
            self._subscriptions.remove(record)
            record.end(SubscriptionState.GONE)
        self._changed()
        return pending

    def ack(
        self,
        now: float,
        delivery: Delivery,
        *,
        transaction: TransactionLike | str | None = None,
        receipt: bool | str = False,
        headers: HeaderSource = (),
        timeout: float | None = None,
    ) -> Pending[None]:
        """Acknowledge a message (STOMP 1.2, "ACK"): the broker considers it consumed.

        With ``ack="client"`` that includes all earlier messages of the subscription.

        Args:
            now: seconds of any monotonic clock.
            delivery: the message, as its subscription returned it.
            transaction: the open transaction that the ACK belongs to, or its id.
            receipt: ``True``: wait until the broker has confirmed the ACK. ``False``: wait only for room in the send
                queue. A ``str`` is the same as ``True``, with this receipt id.
            headers: further headers.
            timeout: seconds to wait; by default ``receipt_timeout``. ``math.inf`` is no limit.

        Raises:
            StaleMessageError: the message came on an earlier connection. The broker delivers it again.
            LocalProtocolError: the subscription is in ``auto`` mode or has ended, or the message was acknowledged
                already. Nothing has changed.
            TypeError: this is not a message that a subscription returned.
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
            TransactionLost: the transaction was lost with its connection.
            Rejected: the broker answered with ERROR. It is raised with ``receipt`` only.
            NotSent: the ACK never left this process.
            OutcomeUnknown: with ``receipt``, the connection was lost while the ACK was in flight. If it was not
                confirmed or written in time, it is a ReceiptTimeout.
            SessionClosed: the connection was closed.
            ConnectionLost, ConnectFailed: the connection has ended, and is not replaced.
        """
        given: object = delivery
        if (
            isinstance(given, Delivery)
            and delivery.connection_number == self._connector.connection_number
            and not (transaction or receipt or headers)
            and timeout is None
            and self._closing is None
            and self._sender.send_ack(now, delivery.event)
        ):
            if self.wake is None:
                self._sender.changing = False
            else:
                self._changed()
            return QUEUED
        return self._acknowledge(now, "ACK", delivery, transaction, receipt, headers, timeout)

    def nack(
        self,
        now: float,
        delivery: Delivery,
        *,
        transaction: TransactionLike | str | None = None,
        receipt: bool | str = False,
        headers: HeaderSource = (),
        timeout: float | None = None,
    ) -> Pending[None]:
        """Tell the broker that a message was not consumed (STOMP 1.2, "NACK"; 1.0 has none).

        What the broker does with it differs. RabbitMQ delivers it again at once, or drops or dead-letters it with
        ``headers={"requeue": "false"}``. ActiveMQ moves it to a dead-letter queue. Artemis drops it.

        Args:
            now: seconds of any monotonic clock.
            delivery: the message, as its subscription returned it.
            transaction: the open transaction that the NACK belongs to, or its id.
            receipt: ``True``: wait until the broker has confirmed the NACK. ``False``: wait only for room in the send
                queue. A ``str`` is the same as ``True``, with this receipt id.
            headers: further headers.
            timeout: seconds to wait; by default ``receipt_timeout``. ``math.inf`` is no limit.

        Raises:
            StaleMessageError: the message came on an earlier connection. The broker delivers it again.
            LocalProtocolError: the subscription is in ``auto`` mode or has ended, the message was acknowledged already,
                or the connection speaks 1.0. Nothing has changed.
            TypeError: this is not a message that a subscription returned.
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
            TransactionLost: the transaction was lost with its connection.
            Rejected: the broker answered with ERROR. It is raised with ``receipt`` only.
            NotSent: the NACK never left this process.
            OutcomeUnknown: with ``receipt``, the connection was lost while the NACK was in flight. If it was not
                confirmed or written in time, it is a ReceiptTimeout.
            SessionClosed: the connection was closed.
            ConnectionLost, ConnectFailed: the connection has ended, and is not replaced.
        """
        return self._acknowledge(now, "NACK", delivery, transaction, receipt, headers, timeout)

    def begin(
        self, now: float, id: str | None = None, *, headers: HeaderSource = (), timeout: float | None = None
    ) -> Pending[Transaction]:
        """Begin a transaction (STOMP 1.2, "BEGIN"). While there is no connection, it waits for one.

        End it with ``commit()`` or ``abort()``. A transaction that is open when its connection is lost is lost, too.

        Args:
            now: seconds of any monotonic clock.
            id: the ``transaction`` header; by default a generated one.
            headers: further headers.
            timeout: seconds to wait for a connection; by default ``receipt_timeout``. ``math.inf`` is no limit.

        Returns:
            The transaction.

        Raises:
            LocalProtocolError: the id is in use, or STOMP cannot carry it. Nothing has changed.
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
            NotSent: BEGIN never left this process. If the timeout was the reason, it is a NotSentInTime.
            SessionClosed: the connection was closed.
            ConnectionLost, ConnectFailed: the connection has ended, and is not replaced.
        """
        self._check_usable(now)
        check_id("id", id)
        name = id if id is not None else self._transactions.free_id()
        pending: Pending[Transaction] = Pending(f"BEGIN of {name}")
        event = Begin(name, headers=own_headers(headers))
        record = TransactionRecord(name)
        operation = BeginOperation(event, pending, self._seconds(timeout), record, Transaction(self, record))
        self._sender.send_or_queue(now, operation)
        pending.on_cancel = partial(self._abort_unwanted, operation)
        self._changed()
        return pending

    def commit(
        self,
        now: float,
        transaction: TransactionLike | str,
        *,
        receipt: bool = True,
        timeout: float | None = None,
    ) -> Pending[None]:
        """Commit a transaction (STOMP 1.2, "COMMIT").

        Args:
            now: seconds of any monotonic clock.
            transaction: the open transaction, or its id.
            receipt: wait until the broker has confirmed the COMMIT. ``False``: wait only for room in the send queue.
            timeout: seconds to wait; by default ``receipt_timeout``. ``math.inf`` is no limit.

        Raises:
            TransactionLost: the connection was lost before COMMIT left. Nothing was committed.
            TransactionInDoubt: the connection was lost after COMMIT left, or the broker did not confirm in time. Either
                everything was or will be committed, or nothing.
            Rejected: the broker answered with ERROR. Nothing was committed.
            LocalProtocolError: the transaction has ended already, or there was never one of this id.
            TypeError: this is not a transaction.
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
        """
        check_now(now)
        try:
            record = self._transactions.find(transaction)
        except TransactionLost as error:
            if self.closed and self.error is None:
                raise TransactionLost(f"{error}: {self.closed_text}") from None
            raise
        receipt_id = self._sender.receipts.id_for(receipt)
        pending: Pending[None] = Pending(f"COMMIT of {record.id}")
        event = Commit(record.id, receipt=receipt_id)
        self._sender.send(now, CommitOperation(event, pending, receipt_id, self._seconds(timeout), record))
        self._transactions.end(record)
        if not pending.done:
            record.state = TransactionState.COMMITTING
        self._changed()
        return pending

    def abort(
        self,
        now: float,
        transaction: TransactionLike | str,
        *,
        receipt: bool = False,
        timeout: float | None = None,
    ) -> Pending[None]:
        """Abort a transaction (STOMP 1.2, "ABORT"): nothing that was sent in it happens.

        A transaction that was lost with its connection is aborted already; then this does nothing.

        Args:
            now: seconds of any monotonic clock.
            transaction: the open or lost transaction, or its id.
            receipt: wait until the broker has confirmed the ABORT. ``False``: wait only for room in the send queue.
            timeout: seconds to wait; by default ``receipt_timeout``. ``math.inf`` is no limit.

        Raises:
            LocalProtocolError: the transaction has ended already, or there was never one of this id.
            TypeError: this is not a transaction.
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
            Rejected, ReceiptTimeout: the broker answered with ERROR, or not in time.
        """
        check_now(now)
        check_transaction(transaction)
        name = transaction if isinstance(transaction, str) else transaction.id
        pending: Pending[None] = Pending(f"ABORT of {name}")
        if self._transactions.forget_lost(transaction):
            pending.succeed(None)
            return pending
        record = self._transactions.find(transaction)
        receipt_id = self._sender.receipts.id_for(receipt)
        event = Abort(record.id, receipt=receipt_id)
        operation = AbortOperation(event, pending, receipt_id, self._seconds(timeout), record)
        if self._sender.disconnecting:
            operation.confirmed()  # DISCONNECT, the last frame, aborts what is open
        else:
            self._sender.send(now, operation)
        self._transactions.end(record)
        if not pending.done:
            record.state = TransactionState.ABORTING
        self._changed()
        return pending

    def request(
        self,
        now: float,
        destination: str,
        body: Body = b"",
        *,
        content_type: str | None = None,
        headers: HeaderSource = (),
        timeout: float | None = None,
    ) -> Pending[Delivery]:
        """Send a message and wait for the reply to it, which comes over a temporary queue of this connection.

        The service that answers sends to the destination in the ``reply-to`` header, with the same ``correlation-id``.
        The different conventions of RabbitMQ and ActiveMQ are taken care of.

        Args:
            now: seconds of any monotonic clock.
            destination: where to send it, such as ``"/queue/orders"``. The syntax is the broker's own.
            body: ``bytes`` are sent as they are, a ``str`` as UTF-8.
            content_type: the MIME type of the body. By default it is not stated for ``bytes``.
            headers: further headers, without ``reply-to`` and ``correlation-id``.
            timeout: seconds to wait for the reply; by default ``receipt_timeout``. ``math.inf`` is no limit.

        Returns:
            The reply. It needs no acknowledgement.

        Raises:
            LocalProtocolError: STOMP cannot carry the message, or the headers contain ``reply-to`` or
                ``correlation-id``. Nothing has changed. For an argument of a wrong type it is also a ``TypeError``.
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
            ReceiptTimeout: no reply came in time.
            OutcomeUnknown: the connection was lost, and the reply queue with it. If the broker sent an ERROR, it is the
                ``error`` of the exception.
            NotSent: the request never left this process. If the timeout was the reason, it is a NotSentInTime.
            SessionClosed: the connection was closed.
            ConnectionLost, ConnectFailed: the connection has ended, and is not replaced.
        """
        self._check_usable(now)
        check_destination(destination)
        own = self._notifier.add_headers(destination, own_headers(headers), self._sender.check_writable)
        event = Send(destination, body, content_type=content_type, headers=own)
        for name in ("reply-to", "correlation-id"):
            if name in event.headers:
                raise LocalProtocolError(
                    f"request() sets the header {name!r} itself", code=ErrorCode.HEADER_CLASH
                )
        pending: Pending[Delivery] = Pending(f"request to {destination}")
        operation = RequestOperation(event, pending, self._seconds(timeout), self._sender.replies.new_id())
        self._sender.send_or_queue(now, operation)
        pending.on_cancel = partial(self._withdraw, operation)
        self._changed()
        return pending

    def send_frame(self, now: float, frame: Event | Frame) -> Pending[None]:
        """Send a raw frame. The session does not track it.

        The rules of the conversation hold, but nothing is remembered beyond this connection: a SUBSCRIBE sent this way
        is not repeated on the next one, and its messages and receipts go to :attr:`.Session.tap` only. It waits for
        room in the send queue.

        With the leniency ``unchecked_conversation`` it may be any frame, and may be sent before CONNECTED was received;
        see :meth:`.Session.take_broken_rules`.

        Args:
            now: seconds of any monotonic clock.
            frame: any client frame or event but DISCONNECT.

        Raises:
            LocalProtocolError: STOMP does not allow it here, or it is DISCONNECT, which :meth:`close` sends. Nothing
                has changed.
            TypeError: this is neither a frame nor an event.
            NotSent: the frame never left this process.
            SessionClosed: the connection was closed.
            ConnectionLost, ConnectFailed: there is no connection at the moment, or it is not replaced.
        """
        unchecked = self._unchecked_conversation
        connector = self._connector
        before_connected = (
            unchecked
            and connector.connected is None
            and connector.state is SessionState.HANDSHAKING
            and (connector.layered is None or connector.layered.started)
        )
        if not before_connected:
            self._check_connected(now)
        event = frame if isinstance(frame, Event) else event_of(frame, any_command=unchecked)
        command = event.frame.command
        if command == "DISCONNECT" and not unchecked:
            raise LocalProtocolError("close() sends DISCONNECT", code=ErrorCode.UNEXPECTED_FRAME)
        receipt = event.frame.headers.find("\nreceipt:")
        sender = self._sender
        if receipt is not None and not unchecked:
            sender.receipts.check_raw(receipt)
        pending = QUEUED if before_connected else sender.pending_for(event, command + " frame")
        if pending.done and (before_connected or self._notifier.listener is None):
            sender.send_untracked(now, event)
        else:
            sender.send(now, Operation(event, pending, None, self.config.receipt_timeout))
        if receipt is not None:
            sender.receipts.reserve_raw(receipt)
        self._changed()
        return pending

    def take_broken_rules(self) -> tuple[Tolerated, ...]:
        """Return, once, which rules of STOMP were broken by frames that were sent on the present connection.

        There are none without the leniency ``unchecked_conversation``. At most the latest 100 are kept.
        """
        conn = self._connector.conn
        return () if conn is None else conn.take_broken_rules()

    def send_heart_beat(self, now: float) -> Pending[None]:
        """Send a heart-beat now (STOMP 1.2, "Heart-beating"). Those that are due are sent without this.

        Args:
            now: seconds of any monotonic clock.

        Raises:
            SessionClosed: the session was closed.
            ConnectionLost, ConnectFailed: there is no connection at the moment, or it is not replaced.
        """
        self._check_connected(now)
        self._sender.send_queue.put(b"\n", None)
        if self._notifier.wants_frames:
            self._notifier.notify_frame("heart_beat_sent")
        self._changed()
        return Pending.completed("heart-beat", None)

    def close(
        self,
        now: float,
        *,
        receipt: str | None = None,
        headers: HeaderSource = (),
        timeout: float | None = None,
    ) -> Pending[bool]:
        """End the session gracefully (STOMP 1.2, "DISCONNECT").

        Subscriptions end at once. Receipts in flight are awaited for half of the time; then DISCONNECT asks for one of
        its own, and the socket is closed when that has come. Nothing is dialled again. The Pending never fails.

        Args:
            now: seconds of any monotonic clock.
            receipt: the id of DISCONNECT's receipt; by default a generated one.
            headers: further headers of DISCONNECT. With the leniency ``unchecked_conversation`` the receipt may be
                among them, and its id may be in use.
            timeout: seconds for all of it; by default ``close_timeout``.

        Returns:
            Whether the broker confirmed that it has processed everything.

        Raises:
            LocalProtocolError: STOMP cannot carry the headers, or the receipt id is in use. Nothing has changed.
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
        """
        check_now(now)
        if self._closing is not None:
            return self._closing
        if self.closed:
            self._closing = Pending.completed("close", False)
            return self._closing
        seconds = self.config.close_timeout if timeout is None else check_seconds("timeout", timeout)
        all_headers = Headers(headers)
        if self._unchecked_conversation and receipt is None and "receipt" in all_headers:
            receipt = all_headers["receipt"]
            disconnect = Disconnect(headers=all_headers)
        else:
            receipt_id = self._sender.receipts.id_for(True if receipt is None else receipt)
            disconnect = Disconnect(receipt=receipt_id, headers=own_headers(all_headers))
        self._sender.check_writable(disconnect)
        if receipt is not None:
            self._sender.receipts.reserve(receipt)
        if not self.closed:
            self._sender.prepare_closing(disconnect, now, seconds)
        closing: Pending[bool] = Pending("close")
        self._closing = closing
        if self.state is SessionState.CONNECTED:
            self._connector.start_closing()
            for record in self._subscriptions:
                record.end(SubscriptionState.GONE)
            self._sender.start_closing(now, seconds)
        else:
            self._finish(None)
        self._changed()
        return closing

    # ------------------------------------------------------------------ what operations share

    def _acknowledge(
        self,
        now: float,
        command: str,
        delivery: Delivery,
        transaction: TransactionLike | str | None,
        receipt: bool | str,
        headers: HeaderSource,
        timeout: float | None,
    ) -> Pending[None]:
        check_now(now)
        check_delivery(command.lower(), delivery)
        connector = self._connector
        if connector.state is SessionState.CLOSED:
            self._check_usable(now)
        if delivery.connection_number != connector.connection_number or connector.connected is None:
            raise StaleMessageError(
                f"message {delivery.message_id!r} came on an earlier connection; the broker delivers it again"
            )
        record = None if transaction is None else self._transactions.find(transaction)
        if record is not None:
            self.broker_profile.check_ack_in_transaction(command)
        name = None if record is None else record.id
        receipt_id = self._sender.receipts.id_for(receipt) if receipt else None
        own = own_headers(headers)
        event: Ack | Nack
        if command == "ACK":
            event = delivery.event.acknowledge(transaction=name, receipt=receipt_id, headers=own)
        else:
            event = delivery.event.reject(transaction=name, receipt=receipt_id, headers=own)
        pending: Pending[None] = Pending(f"{command} of {delivery.message_id}")
        operation = AckOperation(event, pending, receipt_id, self._seconds(timeout), record)
        self._sender.send(now, operation)
        if isinstance(receipt, str):
            self._sender.receipts.reserve(receipt)
        self._changed()
        return pending

    def _withdraw(self, operation: Operation, now: float) -> None:
        """The caller no longer waits."""
        self._sender.withdraw(operation, now)
        self._changed()

    def _end_unwanted(self, subscription: Subscription, now: float) -> None:
        """The caller no longer waits for a subscription, and so has no handle to end it with."""
        self.unsubscribe(now, subscription, receipt=False)

    def _abort_unwanted(self, operation: BeginOperation, now: float) -> None:
        """The caller no longer waits for a transaction, and so has no handle to end it with."""
        record = operation.transaction
        if record is None:
            self._withdraw(operation, now)
        elif record.state is TransactionState.OPEN:
            self.abort(now, record)

    def _check_usable(self, now: float) -> None:
        """Raise if ``now`` is no time, or if the session has ended."""
        if type(now) is not float or not -inf < now < inf:
            check_now(now)
        if self.error is not None:
            raise self.error.with_traceback(None)
        if self._closing is not None or self._connector.state is SessionState.CLOSED:
            raise SessionClosed(self.closed_text)

    def _check_connected(self, now: float) -> None:
        if self._connector.state is SessionState.CONNECTED and self._closing is None:
            check_now(now)
        else:
            self._check_usable(now)
            raise ConnectionLost("there is no connection at the moment")

    def _seconds(self, timeout: float | None) -> float:
        return self.config.receipt_timeout if timeout is None else check_seconds("timeout", timeout)

    def _changed(self) -> None:
        """End an operation: all is changed, and there may be something for the driver to do."""
        self._sender.changing = False
        wake = self.wake
        if wake is not None:
            try:
                wake()
            except Exception as error:
                log_exception("wake() raised", error)

    # ------------------------------------------------------------------ receiving

    def _process_events(self, now: float) -> None:
        """Take events from the connection and act on each, until it needs more data or is over."""
        connector = self._connector
        sender = self._sender
        shows = self._notifier.wants_frames or self.tap is not None
        conn = connector.conn
        if conn is not None and not shows and sender.receive_receipts(conn, now):
            self._disconnect_confirmed(now)
        while (conn := connector.conn) is not None:
            try:
                event = conn.next_event()
            except RemoteProtocolError as error:
                layered = connector.layered
                self._apply(connector.handle_violation(error, now), now)
                if layered is not None:
                    self._send_last(layered.layer.close(_PROTOCOL_ERROR))
                return
            if event is NEED_DATA:
                return
            if type(event) is Message:
                if shows:
                    self._show(event)
                record = self._subscriptions.latest.find(event.frame.headers.text)
                if record is None or record.state is not _ACTIVE:
                    self._on_message(event)
                else:
                    record.receive(event, connector.connection_number)
            elif type(event) is Receipt:
                if shows:
                    self._show(event)
                if sender.receive_receipt(event, now) or (
                    not shows and sender.receive_receipts(conn, now)  # many come together
                ):
                    self._disconnect_confirmed(now)
            elif type(event) is Error:
                self._on_error(event, now)
            elif type(event) is ConnectionClosed:
                self._on_closed(event, now)
                return
            else:
                self._show(event)
                if type(event) is Connected:
                    self._apply(connector.handle_connected(event, now), now)

    def _show(self, event: object) -> None:
        """Show a received event to the listener and the tap, before it is acted upon."""
        notifier = self._notifier
        if isinstance(event, Event):
            if notifier.wants_frames:
                notifier.notify_frame("frame_received", event)
            if self.tap is not None:
                self.tap.put(event, event.frame.size + EVENT_OVERHEAD)
        elif isinstance(event, HeartBeat):
            if notifier.wants_frames:
                notifier.notify_frame("heart_beat_received", event)
        elif isinstance(event, Tolerated):
            notifier.notify("tolerated", event)

    def _on_message(self, message: Message) -> None:
        name = message.subscription
        if name is not None:
            record = self._subscriptions.get(name)
            if record is not None:
                self._subscriptions.latest.remember(name, record, message.frame.headers.text)
        else:
            # A broker that speaks 1.0 names no subscription if SUBSCRIBE had no id; ours always has one.
            record = self._subscriptions.only_one_to(message.destination)
        number = self._connector.connection_number
        if record is not None:
            if record.receive(message, number):
                return
        else:
            request = self._sender.replies.receive(message)
            if request is not None:
                self._settle_request(request, message, number)
                return
            if self.tap is not None:
                return
        self.dropped += 1
        self._notifier.notify(
            "message_dropped",
            message,
            why_dropped(message, record, late_reply=self._sender.replies.expects(message)),
        )

    def _settle_request(self, request: RequestOperation, message: Message, number: int) -> None:
        try:
            delivery = self._make_delivery(message, None, number)
        except Exception as error:
            # Not into the caller, who has only received bytes; and the request must not wait for its reply for ever.
            log_exception("make_delivery() raised", error)
            request.pending.fail(error)
        else:
            request.pending.succeed(delivery)

    def _on_error(self, received: Error, now: float) -> None:
        error = self._connector.mask.error(received)  # what is shown and kept
        self._show(error)
        self._notifier.notify("error_received", error)
        connector = self._connector
        if connector.state is SessionState.HANDSHAKING:
            self._apply(connector.handle_refusal(received, error, now), now)
            return
        attributed = self._sender.receive_error(error)
        if self._unchecked_conversation and connector.state is SessionState.CONNECTED:
            return  # it goes on for as long as the broker lets it
        if connector.state is SessionState.CLOSING:
            self._notifier.error_while_closing(error)
        reason = f"the broker sent ERROR: {error.description}"
        self._apply(connector.broken(reason, now, error=error, attributed=attributed), now)

    def _on_closed(self, closed: ConnectionClosed, now: float) -> None:
        if closed.clean:
            self._finish(None, closed=closed)
        else:
            self._apply(self._connector.broken(closed.reason, now, closed=closed), now)

    # ------------------------------------------------------------------ what the connector reports, and the end

    def _apply(self, events: list[ConnectorEvent], now: float) -> None:
        """Act on what the connector reports: on all of it, even if an exception interrupts a part."""
        if events:
            call_all(partial(self._apply_one, event, now) for event in events)

    def _apply_one(self, event: ConnectorEvent, now: float) -> None:
        if isinstance(event, Established):
            self._notifier.notify("connection_made", event.endpoint, event.connected)
            self._sender.connection_established(now)
            self.opened.succeed(event.connected)
        elif isinstance(event, AttemptFailed):
            self._sender.send_queue.drop()
            self._notifier.notify("attempt_failed", event.endpoint, event.reason)
        elif isinstance(event, GaveUp):
            self._finish(event.error)
        elif self.state is SessionState.CLOSING:
            self._finish(None, lost=event)
        else:
            unsent = self._sender.send_queue.drop()
            try:
                self._notifier.notify("connection_lost", event.endpoint, event.reason)
            finally:
                self._forget_connection(event.closed, event.reason, event.error, unsent)

    def _forget_connection(
        self, closed: ConnectionClosed, reason: str, error: Error | None, unsent: list[Operation]
    ) -> None:
        """End what cannot outlive an established connection."""
        try:
            self._sender.connection_lost(reason, error, unsent)
        finally:
            if self.tap is not None:
                self.tap.put(closed, EVENT_OVERHEAD)

    def _finish(
        self,
        error: Exception | None,
        *,
        lost: Lost | None = None,
        closed: ConnectionClosed | None = None,
    ) -> None:
        """End the session.

        Args:
            error: why, if the caller did not close it.
            lost: how the connection ended, if not as it should.
            closed: how it ended, if the broker ended it as it should.
        """
        if self.closed:
            return
        was_connected = self.connected is not None
        self.error = error
        # Everything is settled whatever interrupts this (an exception of a signal handler, say): nobody may wait for
        # a session that says that it is closed.
        try:
            unsent = self._sender.send_queue.drop()
            self._connector.end()
            if was_connected:
                if lost is not None:
                    self._forget_connection(lost.closed, lost.reason, lost.error, unsent)
                else:
                    closed = closed or ConnectionClosed(clean=True, reason="the session was closed")
                    self._forget_connection(closed, "the session was closed", None, unsent)
        finally:
            try:
                self._settle_everything()
            finally:
                self._notifier.notify("closed", error)

    def _settle_everything(self) -> None:
        error = self.error
        steps: list[Callable[[], object]] = [partial(self._sender.settle_everything, error)]
        steps += [partial(record.end, SubscriptionState.GONE, error) for record in self._subscriptions]
        if self.tap is not None:
            steps.append(self.tap.close)
        never_opened = error or ConnectFailed("the session was closed before it was connected")
        steps.append(partial(self.opened.fail, never_opened))
        if self._closing is not None:
            steps.append(partial(self._closing.succeed, self._confirmed))
        call_all(steps)
        self._subscriptions.clear()
        self._sender.stop_watching()

    # ------------------------------------------------------------------ for code on top of the session

    def call_later(self, now: float, seconds: float, callback: Callable[[float], object]) -> None:
        """Call ``callback(now)`` from :meth:`handle_timeout` after some seconds, unless the session ends before.

        Args:
            now: seconds of any monotonic clock.
            seconds: how many seconds from now.
            callback: a function of ``now``. An exception that it raises is logged.

        Raises:
            TypeError: ``callback`` is not a function.
        """
        check_now(now)
        check_callable(callback, "what call_later() calls", "a function of now")
        self._sender.watch(now, TimerCallback(callback, seconds))
        self._changed()

    def notify_listener(self, method: str, *arguments: object) -> bool:
        """Call a method of the listener.

        Args:
            method: the name of a method of :class:`~stomp_core.Listener`.
            arguments: the arguments of the method.

        Returns:
            Whether the listener overrides this method; if it does not, it is not called.
        """
        listener = self._notifier.listener
        if listener is None or not listener.handles(method):
            return False
        self._notifier.notify_listener(method, *arguments)
        return True

    @property
    def is_closing(self) -> bool:
        """Whether the session has ended, or is being closed."""
        return self.state in (SessionState.CLOSING, SessionState.CLOSED)

    @property
    def closed_text(self) -> str:
        """The text of the error of an operation after the end of the session."""
        if self.error is not None:
            return f"this connection has ended: {self.error}"
        return f"this connection is closed: {self.closed_because}; call connect() for a new one"

    def count_unacknowledged(self, record: SubscriptionRecord) -> int:
        """Return how many messages of a subscription were delivered on this connection and not acknowledged.

        Args:
            record: the record of the subscription.
        """
        return self._connector.count_unacknowledged(record.id)

    def is_unacknowledged(self, delivery: Delivery) -> bool:
        """Return whether a message can still be acknowledged: its connection is up, and nobody has done it yet.

        Args:
            delivery: the message.
        """
        return self._connector.is_unacknowledged(delivery.event, delivery.connection_number)

    def put_back(self, record: SubscriptionRecord, entry: QueueEntry) -> None:
        """Put a message back that was taken from a subscription's queue; see :meth:`Subscription.put_back`.

        Args:
            record: the record of the subscription.
            entry: what the subscription's ``first()`` returned before the message was taken.
        """
        record.put_back(entry, self.connection_number if self.connected is not None else 0)

    def take_from(self, queue: MessageQueue[T]) -> T | None:
        """Take an item from a queue of this session, and wake the driver if reading may go on because of it.

        Args:
            queue: the queue.

        Returns:
            The item; ``None`` if the queue is empty.
        """
        was_full = self._buffer.full
        item = queue.take()
        if was_full and not self._buffer.full:
            self._changed()
        return item
