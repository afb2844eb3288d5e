"""Peer: one client's connection as the broker sees it, without its socket.

Bytes come in by :meth:`Peer.receive_data`, and what is to be written is buffered until the server takes it with
:meth:`Peer.take_output`. A ServerConnection reads frames and keeps the time, Requests carry out what the client asks
for, and the peer connects the two: handshake, heart-beats, refusals, receipts that are held back, and back pressure.

A real broker goes on after most ERRORs, which the specification forbids. ERRORs are therefore written past the
ServerConnection, whose state does not change then; a client that was refused in the handshake gets a new one.

Back pressure: a client that does not read its messages gets no more of them. Output is buffered up to ``high_water``;
from there on the peer is ``congested``, which keeps its subscriptions out of their queues until the transport has
room again. Receipts and errors are written nevertheless; the server stops reading a client that lets them pile up.

No I/O, and time is an argument.
"""

from __future__ import annotations

from dataclasses import replace

from stomp_core import (
    NEED_DATA,
    Connect,
    Connected,
    ConnectionClosed,
    Disconnect,
    ErrorCode,
    Event,
    Frame,
    HeartBeat,
    LocalProtocolError,
    Receipt,
    RemoteProtocolError,
    ServerConnection,
    State,
    Subscribe,
    Tolerated,
)

from ._exchange import Exchange
from ._messages import MessageWriter
from ._queues import QueuedMessage, Subscription
from ._refusals import Problem, Refusal, RequestRefused
from ._requests import Requests
from ._settings import Flavour, Settings

__all__ = ["Peer"]

_JAVA_EXCEPTION = "org.apache.activemq.transport.stomp.ProtocolException"
_JAVA_STACK = (
    "\tat org.apache.activemq.transport.stomp.ProtocolConverter.onStompCommand(ProtocolConverter.java:254)\n"
    "\tat org.apache.activemq.transport.stomp.StompTransportFilter.onCommand(StompTransportFilter.java:85)\n"
    "\tat org.apache.activemq.transport.tcp.TcpTransport.run(TcpTransport.java:215)\n"
    "\tat java.base/java.lang.Thread.run(Thread.java:840)\n"
)


class Peer:
    """One client's connection.

    Args:
        exchange: the destinations, shared with other clients.
        settings: the broker's.
        session: the name of the connection.
        with_output: the peers that have something to write, or have ended; this one appends itself.
        now: seconds of any monotonic clock.
        websocket: the connection is a WebSocket.

    Attributes:
        session: the ``session`` header of CONNECTED.
        login: the client's login; ``None`` before CONNECTED, and for an anonymous client.
        congested: the client does not read; it gets no message until that changes.
        closing: nothing more is read; the connection ends once the output is written.
    """

    def __init__(
        self,
        exchange: Exchange,
        settings: Settings,
        session: str,
        with_output: list[Peer],
        now: float,
        *,
        websocket: bool = False,
    ) -> None:
        flavour = settings.flavour
        self._exchange = exchange
        self._settings = settings
        self._with_output = with_output
        self._now = now
        self._websocket = websocket
        self._connection = self._new_connection()
        self._requests = Requests(exchange, settings, session, self)
        self._messages = MessageWriter(self._connection, flavour, session)
        self._held_receipts: list[str] = []
        timeout = settings.connect_timeout
        # For CONNECT to come, then for its answer.
        self._connect_deadline = now + (flavour.connect_timeout if timeout is None else timeout)
        self._skip_heart_beat = flavour.first_heart_beat_is_late
        self._unanswered_connect: Connect | None = None
        self._bytes_behind_connect = 0  # received while CONNECT is unanswered
        self._output: list[bytes] = []
        self._output_size = 0
        self._listed = False  # whether this peer is in with_output
        self._ended = False
        self.session = session
        self.login: str | None = None
        self.congested = False
        self.closing = False

    def _new_connection(self) -> ServerConnection:
        settings, flavour = self._settings, self._settings.flavour
        leniency = flavour.leniency if settings.leniency is None else settings.leniency
        if self._websocket:
            # @stomp/stompjs, the client of browsers, sends no host.
            leniency = replace(leniency, missing_host=True)
        return ServerConnection(
            settings.versions,
            limits=settings.limits,
            leniency=leniency,
            check_requests=False,
            heart_beat_pace=flavour.heart_beat_pace,
            heart_beat_tolerance=flavour.heart_beat_tolerance,
        )

    @property
    def version(self) -> str | None:
        """The negotiated version; ``None`` before."""
        return self._connection.version

    @property
    def connected(self) -> bool:
        """Whether CONNECTED was sent and the connection has not ended since."""
        return self._connection.state is State.CONNECTED and not self.closing

    @property
    def input_full(self) -> bool:
        """Whether so much input is buffered behind an unanswered CONNECT that reading must pause."""
        return self._unanswered_connect is not None and self._bytes_behind_connect > self._settings.high_water

    @property
    def destinations(self) -> tuple[str, ...]:
        """The destinations of the client's subscriptions."""
        queues = (subscription.queue for subscription in self._requests.subscriptions)
        return tuple(queue.name for queue in queues if queue is not None)

    # ------------------------------------------------------------------ bytes

    def receive_data(self, data: bytes, now: float) -> bool:
        """Process bytes from the client.

        Args:
            data: ``b""`` if the client has closed its side.
            now: seconds.

        Returns:
            Whether a SEND was among them.
        """
        if self.closing:
            return False
        sends = self._requests.sends
        self._now = now
        if self._unanswered_connect is not None:
            self._bytes_behind_connect += len(data)
        self._connection.receive_data(data, now)
        self._process_events()
        return self._requests.sends != sends

    def alive(self, now: float) -> None:
        """Note that bytes of the client arrived in which there was nothing of STOMP: a sign of life."""
        if not self.closing:
            self._connection.alive(now)

    def take_output(self) -> bytes:
        """Return the bytes to write now, and forget them."""
        return b"".join(self.take_frames())

    def take_frames(self) -> list[bytes]:
        """Return what is to be written now, frame by frame and heart-beat by heart-beat, and forget it."""
        frames, self._output = self._output, []
        self._output_size = 0
        self._listed = False
        return frames

    def output_written(self, *, transport_full: bool) -> None:
        """Go on delivering, or stop, depending on whether the transport has room after output was written."""
        if transport_full:
            self.congested = True
        elif self.congested and self._output_size < self._settings.high_water:
            self.congested = False
            for subscription in self._requests.subscriptions:
                self._exchange.resume(subscription)
                if self.congested:
                    return

    def deliver(self, subscription: Subscription, message: QueuedMessage) -> str:
        """Write a MESSAGE, and return the id that an ACK will name."""
        destination = message.destination
        destination = self._requests.local_names.get(destination, destination)
        data, ack_id = self._messages.write(subscription, message, destination, self._now)
        self._write_frame(data)
        return ack_id

    # ------------------------------------------------------------------ time

    def next_deadline(self) -> float | None:
        """Return when :meth:`handle_timeout` must be called at the latest, in seconds of ``now``; ``None`` is never."""
        if self.closing:
            return None
        if self.version is None or self._unanswered_connect is not None:
            return None if self._settings.faults.silent else self._connect_deadline
        return self._connection.next_deadline()

    def handle_timeout(self, now: float) -> None:
        """Do what is due: send a heart-beat, end a silent client, end a client without CONNECT, or answer CONNECT."""
        self._now = now
        if self.closing:
            return
        if self.version is None or self._unanswered_connect is not None:
            if now < self._connect_deadline or self._settings.faults.silent:
                return
            if self._unanswered_connect is None:
                self.end()
            else:
                self._answer_connect(self._unanswered_connect)
                self._process_events()
            return
        heart_beat = self._connection.handle_timeout(now)
        if heart_beat and self._skip_heart_beat:
            # ActiveMQ 5.17 sends its first heart-beat after two intervals.
            self._skip_heart_beat = False
        elif heart_beat:
            self._write(heart_beat)
        else:
            self._process_events()

    def pause_reading(self, now: float) -> None:
        """Suspend the check for heart-beats: nothing is read for now."""
        self._connection.pause_reading(now)

    def resume_reading(self, now: float) -> None:
        """Check for heart-beats again."""
        self._connection.resume_reading(now)

    # ------------------------------------------------------------------ what a test makes the broker do

    def send_error(self, message: str, body: str = "", *, close: bool = True) -> None:
        """Send an ERROR that no frame of the client has caused.

        Args:
            message: the ``message`` header.
            body: the details.
            close: end the connection after it.
        """
        if not self.closing:
            self._send_refusal(Refusal(message, body, closes=close), None)

    def release_receipts(self) -> None:
        """Send the receipts that were held back."""
        held, self._held_receipts = self._held_receipts, []
        for receipt in held:
            self._send_receipt(Receipt(receipt))

    def answer_late(self, now: float) -> None:
        """Answer a CONNECT that is unanswered only because the broker was silent."""
        self._now = now
        if self._unanswered_connect is not None and now >= self._connect_deadline:
            self._answer_connect(self._unanswered_connect)
            self._process_events()

    def end(self) -> None:
        """End the connection: abort its transactions, end its subscriptions, delete its temporary queues."""
        self.closing = True
        if not self._ended:
            self._ended = True
            # Before messages are requeued, lest they be delivered to this client again.
            self.congested = True
            self._requests.close()
        self._list()

    # ------------------------------------------------------------------ events

    def _process_events(self) -> None:
        handle = self._requests.handle
        while not self.closing:
            try:
                event = self._connection.next_event()
            except RemoteProtocolError as error:
                self._on_violation(error)
                return
            if event is NEED_DATA:
                return
            try:
                if self._connection.state is State.NEW and isinstance(event, Event):
                    raise RequestRefused(Problem.NOT_CONNECTED)
                receipts = handle(event, self._now)
                if receipts is None:
                    self._on_other_event(event)
                    continue
                for receipt in receipts:
                    self._send_receipt(receipt)
            except RequestRefused as refused:
                assert isinstance(event, Event)
                self._refuse(event, refused)

    def _on_violation(self, error: RemoteProtocolError) -> None:
        """Answer bytes that are no STOMP, or a CONNECT that the broker cannot accept."""
        hint = error.frame_hint
        assert hint is not None
        if error.code == ErrorCode.VERSION_NOT_SHARED:
            versions = self._settings.versions
            refusal = self._settings.flavour.refusals[Problem.VERSION].about(
                versions=",".join(versions), descending=", ".join(reversed(versions))
            )
            self._send_refusal(refusal, None)
            self._start_again()
            return
        # The real brokers answer most of these with a bare end of the connection. The reason helps more
        # those who test a client.
        refusal = Refusal(hint.headers["message"], str(error), closes=True)
        self._send_refusal(refusal, hint.headers.get("receipt-id"))

    def _start_again(self) -> None:
        """Let a client that was refused send another CONNECT, unless the connection ends."""
        if not self.closing:
            self._connection = self._new_connection()
            self._messages = MessageWriter(self._connection, self._settings.flavour, self.session)

    def _refuse(self, event: Event, refused: RequestRefused) -> None:
        refusal = self._settings.flavour.refusals.get(refused.problem, Refusal(refused.problem))
        if refusal.receipt == "after" and not isinstance(event, Subscribe):
            refusal = refusal._replace(receipt="")
        values = {"command": event.frame.command, **refused.values}
        self._send_refusal(refusal.about(**values), event.headers.get("receipt"))

    def _on_other_event(self, event: Event | HeartBeat | ConnectionClosed | Tolerated) -> None:
        """Process the beginning and the end of a connection. Heart-beats and tolerated violations need no reply."""
        if isinstance(event, Connect):
            if self._connection.state is State.CONNECTED:
                raise RequestRefused(Problem.ALREADY_CONNECTED)
            self._on_connect(event)
        elif isinstance(event, Disconnect):
            # RabbitMQ 3.10 ends a WebSocket instead.
            confirmed = not self._websocket or self._settings.flavour.websocket_disconnect_receipt
            if event.receipt is not None and confirmed:
                self._send_receipt(Receipt(event.receipt))
            self.end()
        elif isinstance(event, ConnectionClosed):
            self.end()
        elif isinstance(event, Event):
            raise RequestRefused(Problem.COMMAND)

    def _on_connect(self, connect: Connect) -> None:
        faults = self._settings.faults
        if faults.silent or faults.connect_delay:
            self._unanswered_connect = connect
            self._connect_deadline = self._now + faults.connect_delay
            self._list()
        else:
            self._answer_connect(connect)

    def _answer_connect(self, connect: Connect) -> None:
        self._unanswered_connect = None
        try:
            self._check_connect(connect)
        except RequestRefused as refused:
            self._refuse(connect, refused)
            self._start_again()
            return
        self.login = connect.login
        self._write_frame(self._connection.send(self._connected(connect), now=self._now))
        self._requests.begin(self.version or "1.0", self._client_id(connect))

    def _client_id(self, connect: Connect) -> str | None:
        return connect.headers.get("client-id") if self._settings.flavour.client_ids else None

    def _check_connect(self, connect: Connect) -> None:
        settings = self._settings
        vhosts = settings.flavour.vhosts if settings.vhosts is None else settings.vhosts
        host = connect.headers.get("host", "/")  # RabbitMQ 3.10: its default virtual host
        if vhosts is not None and host not in vhosts:
            raise RequestRefused(Problem.HOST, host=host)
        users = settings.users
        if users is not None and (
            connect.login not in users or users[connect.login or ""] != connect.passcode
        ):
            raise RequestRefused(Problem.CREDENTIALS, login=connect.login or "null")
        client_id = self._client_id(connect)
        if client_id in self._exchange.client_ids:
            raise RequestRefused(Problem.CLIENT_ID_IN_USE, client=client_id or "")

    def _connected(self, connect: Connect) -> Connected:
        """Return CONNECTED with the headers of the flavour, in its order."""
        settings, flavour = self._settings, self._settings.flavour
        can_send, would_like = connect.heart_beat
        answer = settings.heart_beat or (_rounded(would_like, flavour), _rounded(can_send, flavour))
        session = [("session", self._client_id(connect) or self.session)]
        receipt = connect.headers.get("receipt")
        if flavour.error_receipt_id and receipt is not None:
            # ActiveMQ 5.17 answers a receipt header of CONNECT in CONNECTED.
            session += [("response-id", receipt), ("receipt-id", receipt)]
        intervals = [("heart-beat", f"{answer[0]},{answer[1]}")]
        parts = [*session, *intervals] if flavour.message_id_is_ack else [*intervals, *session]
        server = [] if settings.server is None else [("server", settings.server)]
        return Connected.from_frame(Frame("CONNECTED", [*server, *parts, ("version", self.version or "1.0")]))

    # ------------------------------------------------------------------ output

    def _send_receipt(self, receipt: Receipt) -> None:
        if self._settings.faults.hold_receipts:
            self._held_receipts.append(receipt.receipt_id)
            return
        try:
            data = self._connection.send(receipt, now=self._now)
        except LocalProtocolError as error:
            # A lenient broker reads what cannot be written again.
            self._send_refusal(Refusal("receipt cannot be echoed", str(error), closes=True), None)
            return
        self._write_frame(data)

    def _send_refusal(self, refusal: Refusal, receipt: str | None) -> None:
        """Send an ERROR and what belongs to it.

        Args:
            refusal: with its final texts.
            receipt: the ``receipt`` header of the frame that is refused.
        """
        echoed = Receipt(receipt) if receipt is not None and refusal.receipt else None
        if echoed is not None and refusal.receipt == "before":
            self._send_receipt(echoed)
        if refusal.message:
            self._write_frame(self._error(refusal, receipt))
        if echoed is not None and refusal.receipt == "after":
            self._send_receipt(echoed)
        if refusal.closes:
            self.end()

    def _error(self, refusal: Refusal, receipt: str | None) -> bytes:
        flavour = self._settings.flavour
        message = " ".join(refusal.message.encode(errors="replace").decode().split())
        body = refusal.body
        kind = ("content-type", "text/plain")
        if flavour.error_versions:
            headers = [("message", message), kind, ("version", ",".join(self._settings.versions))]
        else:
            headers = [kind, ("message", message)]
            body = body or f"{_JAVA_EXCEPTION}: {message}\n{_JAVA_STACK}"
        data = body.encode(errors="replace").replace(b"\0", b"?")
        length = flavour.error_versions
        # Nothing is escaped before CONNECTED.
        version = (self.version if self._connection.state is State.CONNECTED else None) or "1.0"
        if receipt is not None and flavour.error_receipt_id:
            with_receipt = [kind, ("receipt-id", receipt), *headers[1:]]
            try:
                return Frame("ERROR", with_receipt, data).to_bytes(version, content_length=length)
            except LocalProtocolError:
                pass  # a lenient broker reads what cannot be written again
        return Frame("ERROR", headers, data).to_bytes(version, content_length=length)

    def _write_frame(self, data: bytes) -> None:
        # RabbitMQ 3.10, ActiveMQ 5.17 and Artemis end each frame with NUL LF. Some clients skip the byte behind NUL
        # without looking at it.
        self._write(data + b"\n")

    def _write(self, data: bytes) -> None:
        self._output.append(data)
        self._output_size += len(data)
        if self._output_size >= self._settings.high_water:
            self.congested = True
        self._list()

    def _list(self) -> None:
        if not self._listed:
            self._listed = True
            self._with_output.append(self)


def _rounded(interval: int, flavour: Flavour) -> int:
    """Return the interval to which a broker agrees, in milliseconds; 0 is none."""
    unit = flavour.heart_beat_unit
    return max(unit, interval // unit * unit) if interval else 0
