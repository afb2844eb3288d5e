"""Peer: one client's connection as the broker sees it, without its socket.

Bytes come in by :meth:`Peer.receive_data`, and what is to be written is buffered until the server takes it with
:meth:`Peer.take_output`. A ServerConnection keeps the rules of STOMP, Requests carry out what the client asks for, and
the peer connects the two: handshake, heart-beats, receipts that are held back, and back pressure.

Back pressure: a client that does not read its messages gets no more of them. Output is buffered up to ``high_water``;
from there on the peer is ``congested``, which keeps its subscriptions out of their queues until the transport has
room again. Receipts and errors are written nevertheless; the server stops reading a client that lets them pile up.

No I/O, and time is an argument.
"""

from __future__ import annotations

from stomp_core import (
    NEED_DATA,
    Connect,
    Connected,
    ConnectionClosed,
    Disconnect,
    Error,
    Event,
    HeartBeat,
    Receipt,
    RemoteProtocolError,
    ServerConnection,
    State,
    StompError,
    Tolerated,
)

from ._exchange import Exchange
from ._messages import MessageWriter
from ._queues import QueuedMessage, Subscription
from ._requests import Requests
from ._settings import Settings

__all__ = ["Peer"]


class Peer:
    """One client's connection.

    Args:
        exchange: the destinations, shared with other clients.
        settings: the broker's.
        session: the name of the connection.
        with_output: the peers that have something to write, or have ended; this one appends itself.
        now: seconds of any monotonic clock.

    Attributes:
        session: the ``session`` header of CONNECTED.
        login: the client's login; ``None`` before CONNECTED, and for an anonymous client.
        congested: the client does not read; it gets no message until that changes.
        closing: nothing more is read; the connection ends once the output is written.
    """

    def __init__(
        self, exchange: Exchange, settings: Settings, session: str, with_output: list[Peer], now: float
    ) -> None:
        flavour = settings.flavour
        self._exchange = exchange
        self._settings = settings
        self._with_output = with_output
        self._now = now
        self._connection = ServerConnection(
            settings.versions,
            limits=settings.limits,
            leniency=settings.leniency,
            unsolicited_messages=flavour.reply_queues,
            heart_beat_pace=flavour.heart_beat_pace,
            heart_beat_tolerance=flavour.heart_beat_tolerance,
        )
        self._requests = Requests(exchange, flavour, session, self)
        self._messages = MessageWriter(self._connection, flavour, session)
        self._held_receipts: list[str] = []
        self._connect_deadline = now + settings.connect_timeout  # for CONNECT to come, then for its answer
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

    def take_output(self) -> bytes:
        """Return the bytes to write now, and forget them."""
        data = b"".join(self._output)
        self._output.clear()
        self._output_size = 0
        self._listed = False
        return data

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
        self._write(data)
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
        if heart_beat:
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
            self._send_error(Error(message, body=body), close=close)

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
        next_event, handle = self._connection.next_event, self._requests.handle
        while not self.closing:
            try:
                event = next_event()
            except RemoteProtocolError as error:
                hint = error.frame_hint
                assert hint is not None
                self._write(self._connection.send(hint, now=self._now))
                self.end()
                return
            if event is NEED_DATA:
                return
            replies = handle(event, self._now)
            if replies is None:
                self._on_other_event(event)
                continue
            for reply in replies:
                if isinstance(reply, Receipt):
                    self._send_receipt(reply)
                else:
                    self._send_error(reply, close=True)

    def _on_other_event(self, event: Event | HeartBeat | ConnectionClosed | Tolerated) -> None:
        """Process the beginning and the end of a connection. Heart-beats and tolerated violations need no reply."""
        if isinstance(event, Connect):
            self._on_connect(event)
        elif isinstance(event, Disconnect):
            if event.receipt is not None:
                self._send_receipt(Receipt(event.receipt))
            self.end()
        elif isinstance(event, ConnectionClosed):
            self.end()

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
        settings = self._settings
        refusal = settings.flavour.refusal
        users = settings.users
        if users is not None and (
            connect.login not in users or users[connect.login or ""] != connect.passcode
        ):
            detail = f"Access refused for user '{connect.login or ''}'\n"
            self._send_error(Error(refusal, body=detail), close=True)
            return
        if settings.vhosts is not None and connect.host not in settings.vhosts:
            detail = f"Virtual host '{connect.host or ''}' access denied\n"
            self._send_error(Error(refusal, body=detail), close=True)
            return
        self.login = connect.login
        heart_beat = settings.heart_beat
        if heart_beat is None:
            # RabbitMQ 3.10 and ActiveMQ 5.17 agree to what the client asks for.
            can_send, would_like = connect.heart_beat
            heart_beat = (would_like, can_send)
        connected = Connected(session=self.session, server=settings.server, heart_beat=heart_beat)
        self._write(self._connection.send(connected, now=self._now))
        self._requests.begin(self.version or "1.0", connect.headers.get("client-id"))

    # ------------------------------------------------------------------ output

    def _send_receipt(self, receipt: Receipt) -> None:
        if self._settings.faults.hold_receipts:
            self._held_receipts.append(receipt.receipt_id)
        else:
            self._write(self._connection.send(receipt, now=self._now))

    def _send_error(self, error: Error, *, close: bool) -> None:
        try:
            self._write(self._connection.send(error, now=self._now))
        except StompError:
            # Before CONNECT, and after another ERROR, none can be sent.
            pass
        if close:
            self.end()

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
