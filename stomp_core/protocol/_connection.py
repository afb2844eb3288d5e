"""Connection: one side of one connection, from received bytes to events and from events to bytes to write.

The model. A connection belongs to one socket, which it never sees. Received bytes are given to ``receive_data``, and
``next_event`` returns what they mean. ``send`` takes an event, checks it, and returns the bytes to write. Time is an
argument: ``now`` is a number of seconds of any monotonic clock, ``next_deadline`` returns when ``handle_timeout`` has
to be called at the latest, and to call it early or late does no harm. As long as no heart-beats were negotiated,
``now`` may be left out: nothing is ever due. Once they were, a call without ``now`` is refused, since the connection
would never send a heart-beat, and never notice that the peer is dead. ``heart_beats=False`` is for programs without a
clock.

The roles differ in their tables (_states.py), their handshake (_handshake.py), and in who answers a violation. All of
that is in this class, so that each way through it can be read from top to bottom. :class:`ClientConnection` and
:class:`ServerConnection` add arguments, and methods for single frames; they override nothing.

**Received data** takes this way, and each step can end it with an error:

1. ``receive_data`` gives the bytes to the parser (stomp_core.wire).
2. ``next_event`` asks the parser for the next frame, and handles everything that is not a frame.
3. ``_process_frame`` checks the frame: the table of the state, the required headers, and the rules that concern more
   than one frame (_tracker.py, _handshake.py). Then it returns the event.

**Bytes behind CONNECT.** A client may send frames directly behind CONNECT, without waiting for CONNECTED. How they have
to be read depends on the version (escapes, line ends, bodies), and the server is free to refuse the connection. So a
server reads nothing more until it has sent CONNECTED: ``next_event`` returns ``NEED_DATA``, although there is data. The
same holds for a client behind CONNECTED, but there the version is known at once: it is set while CONNECTED is
processed, before the parser is asked for the next frame.

**A violation by the peer** is raised by ``next_event`` after all events before it were returned. From then on nothing
that the peer sends has a meaning: its input is discarded, so that it takes no memory, and the same error is raised
again until the connection is closed. A client is FAILED then. A server is REFUSING: it has to send the ERROR in
``error.frame_hint`` and to close.

**After an ERROR** that was received, the same holds, except that input is still read: brokers send more than one ERROR
at times, and the text of the second one may be the useful one. Further ERRORs are returned as events, other frames and
heart-beats are dropped, and a violation is not raised any more, but stops reading.

**The end** is a :class:`ConnectionClosed`, which ``next_event`` returns once. It is *clean* after DISCONNECT only, and
if DISCONNECT asked for a receipt, after its RECEIPT only: without it nobody knows whether the server has processed the
frames before ("Connection Lingering", "DISCONNECT"). A
peer that misses its deadline is reported in the same way: ``handle_timeout`` notes the end, and ``next_event`` returns
it after the events that were received before.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Literal

from .._arguments import check_number
from .._mypyc import mypyc_attr
from ..errors import ConnectionGoneError, ErrorCode, LocalProtocolError, RemoteProtocolError
from ..wire import (
    NEED_DATA,
    ConnectionClosed,
    Frame,
    FrameParser,
    HeartBeat,
    Leniency,
    Limits,
    NeedData,
    Version,
)
from ..wire._serializer import serialize, serialize_unchecked
from ..wire._spec import HANDSHAKE_COMMANDS, REQUIRED_HEADERS
from ._error_answer import error_answer
from ._events import (
    Ack,
    Connect,
    Connected,
    Disconnect,
    Event,
    Message,
    Nack,
    Receipt,
    Tolerated,
    event_from_frame,
)
from ._handshake import (
    Offer,
    any_offer,
    check_connect,
    check_connected,
    check_versions,
    prepare_connect,
    prepare_connected,
)
from ._heartbeat import HeartBeatClock, HeartBeatRange, check_now, check_pace, negotiate
from ._states import CLIENT, Role, State
from ._tracker import ConnectionTracker, Coverage, RuleViolation, TrackedSubscription

__all__ = ["Connection"]

#: The body of RabbitMQ's ERROR for a message whose subscription has ended: the tag is made of the subscription's id.
_LATE_MESSAGE = re.compile(rb"There is no current subscription with tag 'T_(.*)'\.")
# An attribute of an enum class takes longer to look up than most checks that are made for each event.
_CONNECTING, _CONNECTED, _FAILED, _CLOSED = State.CONNECTING, State.CONNECTED, State.FAILED, State.CLOSED
_V1_2 = Version.V1_2
#: Broken rules that are kept for a caller who does not ask for them.
_MAX_BROKEN_RULES = 100
#: What a client whose conversation is unchecked may receive in any state, and the state that follows if it changes.
_OUT_OF_TURN = {"CONNECTED": None, "MESSAGE": None, "RECEIPT": None, "ERROR": State.FAILED}
_new = object.__new__  # makes an event whose frame is set next; Message.from_frame() would be one call more


@mypyc_attr(allow_interpreted_subclasses=True)
class Connection:
    """The common base of :class:`ClientConnection` and :class:`ServerConnection`."""

    def __init__(
        self,
        role: Role,
        versions: Iterable[str],
        limits: Limits | None,
        leniency: Leniency,
        *,
        heart_beat_tolerance: float,
        heart_beat_pace: float,
        heart_beats: bool,
        escape_connect: bool = False,
        unsolicited_messages: bool = False,
        check_requests: bool = True,
    ) -> None:
        tolerance = check_number("heart_beat_tolerance", heart_beat_tolerance, "intervals")
        if not tolerance > 1:
            raise ValueError(f"heart_beat_tolerance must be more than 1 interval, got {tolerance!r}")
        pace = check_pace(heart_beat_pace)
        self._role = role
        self._is_client = role is CLIENT
        self._versions = check_versions(versions)
        self._leniency = leniency
        self._escape_connect = escape_connect
        self._unsolicited_messages = unsolicited_messages
        self._check_requests = check_requests
        self._parser = FrameParser(None, limits=limits, leniency=leniency)
        self._state = State.NEW
        self._tracker = ConnectionTracker()
        self._tracker.tolerates_missing_ack = self._is_client and leniency.missing_ack
        self._clock = HeartBeatClock(tolerance, pace)
        self._heart_beats = heart_beats
        self._intervals = (0.0, 0.0)
        self._now: float | None = None  # the latest that was given to any call
        self._queue: list[Event | Tolerated] = []  # events that next_event returns before it reads on
        self._broken_rules: deque[Tolerated] = deque(maxlen=_MAX_BROKEN_RULES)
        self._latest_applied: Event | None = None  # the latest sent event that has changed what is tracked

        # What the handshake settles.
        self._offer: Offer | None = None
        self._version: Version | None = None
        self._required: Mapping[str, tuple[str, ...]] = {}  # the required headers of each received command

        self._awaited: str | None = None  # the receipt of DISCONNECT, until it was received or sent

        # Why nothing more is read: the violation, or the end that handle_timeout has noted.
        self._error: RemoteProtocolError | None = None
        self._error_received = False  # an ERROR that has not ended the conversation
        self._end: ConnectionClosed | None = None

    # ------------------------------------------------------------------ what can be asked

    @property
    def state(self) -> State:
        """The state of the connection."""
        return self._state

    @property
    def version(self) -> Version | None:
        """The version that was negotiated (STOMP 1.2, "Protocol Negotiation"); ``None`` before."""
        return self._version

    @property
    def heart_beat(self) -> tuple[float, float]:
        """The negotiated heart-beat intervals ``(sending, receiving)`` in seconds; 0.0 is never."""
        return self._intervals

    def __repr__(self) -> str:
        version = "" if self._version is None else f", STOMP {self._version.value}"
        return f"<{type(self).__name__}, {self._state.value}{version}>"

    @property
    def between_frames(self) -> bool:
        """True if no partial frame is buffered and every event was returned."""
        return not self._queue and self._parser.between_frames

    @property
    def subscriptions(self) -> tuple[TrackedSubscription, ...]:
        """The subscriptions of the client on this connection."""
        return self._tracker.subscriptions

    @property
    def transactions(self) -> Mapping[str, tuple[str, ...]]:
        """The ids of the open transactions, each with the ids of the messages that were acknowledged in it so far."""
        return self._tracker.transactions

    def unacknowledged(self, id: str | None = None, *, destination: str | None = None) -> tuple[str, ...]:
        """Return the messages of a subscription that were delivered and not acknowledged, in the order of delivery.

        Args:
            id: the id of the subscription.
            destination: 1.0 only: the destination of a subscription without id.

        Returns:
            The ids that an ACK has to name, ``ack`` headers in 1.2 and ``message-id`` headers before.

        Raises:
            LocalProtocolError: there is no such subscription.
        """
        try:
            return self._tracker.find_subscription(id, destination).unacknowledged
        except RuleViolation as violation:
            raise LocalProtocolError(str(violation), code=violation.code) from None

    def covered_by(self, ack: Ack | Nack) -> Coverage:
        """Return the messages that an ACK or NACK acknowledges.

        In mode ``client`` that is more than the one that it names. A server asks after it received the frame and before
        it asks for the next event; a client asks before or directly after it sends it. What it covers of other
        subscriptions (:attr:`ClientConnection.ack_covers_connection`) is not among them.

        Args:
            ack: the ACK or NACK.

        Returns:
            The subscription, and ids as in :meth:`unacknowledged`.

        Raises:
            LocalProtocolError: the frame is not allowed here, or is not the latest one.
        """
        try:
            return self._tracker.covered_by(ack)
        except RuleViolation as violation:
            raise LocalProtocolError(str(violation), code=violation.code) from None

    def has_applied(self, event: Event) -> bool:
        """Return whether the latest ``send`` may have changed what is tracked, although it raised.

        A refused event changes nothing. But an exception of a signal handler, of any class, may interrupt ``send`` when
        the event is already tracked as sent. Then only a new connection agrees with the peer again.

        Args:
            event: a client event other than CONNECT, the very object that was to be sent.
        """
        return self._latest_applied is event

    def take_broken_rules(self) -> tuple[Tolerated, ...]:
        """Return, once, which rules this side has broken with the frames that it sent, at most the latest 100.

        There are none without the leniency ``unchecked_conversation``.
        """
        if not self._broken_rules:
            return ()
        broken = tuple(self._broken_rules)
        self._broken_rules.clear()
        return broken

    # ------------------------------------------------------------------ receiving

    def receive_data(self, data: bytes | bytearray | memoryview, now: float | None = None) -> None:
        """Take bytes that were received; ``b""`` means that the peer has closed the connection.

        Args:
            data: the bytes, in pieces of any size.
            now: seconds of any monotonic clock. It may be left out as long as no heart-beats were negotiated.

        Raises:
            ConnectionGoneError: bytes came after the end, or after the peer was declared dead.
            TypeError: ``data`` is not bytes, or ``now`` is not a number, or was left out although heart-beats were
                negotiated.
            ValueError: ``now`` is not finite.
        """
        if now is None:
            if data and self._clock.has_deadlines:
                self._check_clockless("receive_data")
        elif type(now) is not float or now - now != 0.0:  # a finite float needs no call
            check_now(now)
        if data and (self._state is _CLOSED or self._end is not None):
            raise ConnectionGoneError("bytes were received after the connection had ended")
        self._parser.receive_data(data)
        if now is not None:
            if self._now is None:
                self._clock.start(now)
            self._now = now
        if data and self._now is not None:
            self._clock.last_read = self._now

    def alive(self, now: float | None = None) -> None:
        """Note that bytes arrived which cannot be given to :meth:`receive_data` yet. They are a sign of life.

        A transport with frames of its own, such as TLS or WebSocket, receives a large one in pieces, and for longer
        than the peer's heart-beat interval at times.

        Args:
            now: seconds of any monotonic clock.

        Raises:
            TypeError, ValueError: as for :meth:`receive_data`.
        """
        self._set_now(now, "alive")
        if self._now is not None:
            self._clock.last_read = self._now

    def next_event(
        self,
    ) -> Event | HeartBeat | ConnectionClosed | Tolerated | Literal[NeedData.NEED_DATA]:
        """Return the next event in the received bytes.

        Returns:
            The event; :data:`.NEED_DATA` if more bytes are needed first, or if a server has to answer CONNECT first.
            The end is returned once.

        Raises:
            RemoteProtocolError: the peer violated the protocol. Everything before was returned. It is raised again
                until the peer closes the connection.
        """
        if self._queue:
            return self._queue.pop(0)
        state = self._state
        if state is _CLOSED or (state is _CONNECTING and self._must_answer_first()):
            return NEED_DATA
        if self._error is not None:
            return self._end_after_violation(self._error)
        if state is _FAILED:
            return self._event_after_error()
        try:
            item = self._parser.next_frame()
        except RemoteProtocolError as error:
            raise self._fail(error, self._parser.partial_header("receipt")) from None
        if type(item) is Frame:
            if state is _CONNECTED and self._is_client and (text := item.headers.text) is not None:
                # The straight path. Nearly everything that a client receives is a MESSAGE or a RECEIPT with all
                # required headers, which does not change the state. It is recognized with a few searches, without any
                # table. The text has a line for each header, so "\nname:" is found only where a header of exactly this
                # name starts.
                command = item.command
                if command == "MESSAGE":
                    at = text.find("\nsubscription:")
                    if at >= 0 and "\nmessage-id:" in text and "\ndestination:" in text:
                        message = _new(Message)
                        message.frame = item
                        tracker = self._tracker
                        if tracker.acknowledging and not tracker.add_alike(item.headers, text, at):
                            self._track_received(message)
                        return message
                elif command == "RECEIPT" and "\nreceipt-id:" in text:
                    receipt = _new(Receipt)
                    receipt.frame = item
                    return receipt
            return self._process_frame(item, state)
        if item is NEED_DATA:
            return NEED_DATA if self._end is None else self._close(self._end)
        if type(item) is ConnectionClosed:
            return self._close(self._describe_end(item))
        return item

    def _must_answer_first(self) -> bool:
        """Whether a server has to answer CONNECT before more can be read.

        A client that has closed the connection is not waited for, unless it has sent frames behind CONNECT: then a
        program may still want to accept it, and to process them.
        """
        if self._is_client:
            return False
        return not self._parser.eof_received or bool(self._parser.unread().strip(b"\r\n"))

    def _process_frame(self, frame: Frame, state: State) -> Event | Tolerated:
        """Check a frame that was received in this state, and return the event that it means."""
        command = frame.command
        next_state = self._role.receives[state].get(command)
        if next_state is None:
            if self._leniency.unchecked_conversation and self._is_client and command in _OUT_OF_TURN:
                return self._receive_out_of_turn(frame)
            if not self._check_requests:
                return event_from_frame(frame)
            raise self._violation(
                ErrorCode.UNEXPECTED_FRAME,
                f"{command} may not be received by a {self._role.name} in state {state.value!r}",
                frame,
            )
        if command == "ERROR" and self._leniency.late_message_errors and self._is_client:
            late = self._late_message(frame, state)
            if late is not None:
                return late
        for name in self._required.get(command, ()) if self._check_requests else ():
            if name not in frame.headers:
                raise self._violation(
                    ErrorCode.MISSING_HEADER, f"{command} without its {name!r} header", frame
                )
        event = event_from_frame(frame)
        try:
            tolerated = self._apply_received(event)
        except RuleViolation as violation:
            raise self._violation(violation.code, str(violation), frame) from None
        self._state = next_state
        if command == "ERROR" and state is not _CONNECTING and self._leniency.unchecked_conversation:
            # Many brokers close after ERROR, as they have to. If this one does not, the conversation goes on.
            self._state = state
            self._error_received = True
        if tolerated is None:
            return event
        self._queue.append(event)
        return tolerated

    def _track_received(self, message: Message) -> None:
        try:
            self._tracker.add_message(message)
        except RuleViolation as violation:
            raise self._violation(violation.code, str(violation), message.frame) from None

    def _late_message(self, frame: Frame, state: State) -> Tolerated | None:
        """Return what to report of an ERROR about a message for a subscription that the client has ended.

        RabbitMQ 3.10 has up to 200 messages on their way to a subscription. If UNSUBSCRIBE overtakes them, it sends an
        ERROR for each, and neither closes the connection nor refuses anything.
        """
        if state is _CONNECTING or self._leniency.unchecked_conversation:
            return None  # before CONNECTED there is no subscription; and an unchecked conversation goes on anyway
        named = _LATE_MESSAGE.fullmatch(frame.body.strip())
        if named is None:
            return None
        name = named[1].decode("utf-8", "replace")
        if any(subscription.id == name for subscription in self._tracker.subscriptions):
            return None
        return Tolerated(
            ErrorCode.UNKNOWN_SUBSCRIPTION,
            f"the broker sent ERROR, since a message was on its way to subscription {name!r} when that was ended",
        )

    def _receive_out_of_turn(self, frame: Frame) -> Event:
        """Return the event of a frame that answers one which this client should not have sent."""
        event = event_from_frame(frame)
        if isinstance(event, Message):
            self._track_unchecked(event)
        self._state = _OUT_OF_TURN[frame.command] or self._state
        return event

    def _apply_received(self, event: Event) -> Tolerated | None:
        """Check a received event against what came before it, and remember it. Raises RuleViolation."""
        if self._is_client:
            if isinstance(event, Message):
                self._tracker.add_message(event)
            elif isinstance(event, Connected):
                assert self._offer is not None
                version, heart_beat, tolerated = check_connected(event, self._offer, self._leniency)
                self._set_intervals(self._offer.heart_beat, heart_beat)
                self._set_version(version)
                return tolerated
            elif isinstance(event, Receipt):
                self._confirm_disconnect(event)
            return None
        command = event.command
        if isinstance(event, Connect):
            version, self._offer, tolerated = check_connect(event, self._versions, self._leniency)
            self._set_version(version)
            return tolerated
        if not self._check_requests:
            return None
        # The table of required headers cannot express that 1.0 demands one of two.
        if command == "UNSUBSCRIBE" and "id" not in event.headers and "destination" not in event.headers:
            raise RuleViolation(
                ErrorCode.MISSING_HEADER, "UNSUBSCRIBE without an 'id' or 'destination' header"
            )
        self._tracker.check(event)
        if command != "SEND":  # changes nothing
            self._tracker.apply(event)
        if isinstance(event, Disconnect):
            self._awaited = event.receipt
        return None

    def _confirm_disconnect(self, receipt: Receipt) -> None:
        """Note that a RECEIPT was received or sent: it may be the one that DISCONNECT asks for."""
        if receipt.receipt_id == self._awaited:
            self._awaited = None

    def _set_version(self, version: Version) -> None:
        """Read and write everything from here on in this version."""
        self._version = version
        self._parser.version = version
        self._tracker.version = version
        self._required = REQUIRED_HEADERS[version]
        if self._leniency.missing_message_headers:
            self._required = {**self._required, "MESSAGE": ()}

    def _set_intervals(self, mine: HeartBeatRange, theirs: HeartBeatRange) -> None:
        self._intervals = negotiate(mine, theirs)
        if self._heart_beats:
            self._clock.set_intervals(*self._intervals)

    # ------------------------------------------------------------------ violations and the end

    def _violation(self, code: ErrorCode, message: str, frame: Frame) -> RemoteProtocolError:
        """Fail because of a frame that is well-formed, but not allowed."""
        return self._fail(RemoteProtocolError(message, code=code), frame.headers.get("receipt"))

    def _fail(self, error: RemoteProtocolError, receipt: str | None) -> RemoteProtocolError:
        """Enter the state that follows a violation by the peer, and return the error to raise."""
        self._error = error
        self._parser.discard_input()
        if self._is_client:
            self._state = State.FAILED
        else:
            self._state = State.REFUSING
            error.frame_hint = error_answer(error, receipt, self._version, self._versions)
        return error

    def _end_after_violation(self, error: RemoteProtocolError) -> ConnectionClosed:
        if not self._parser.eof_received and self._end is None:
            raise error.with_traceback(None)
        return self._close(
            self._end or ConnectionClosed(clean=False, reason=f"closed after an error: {error}")
        )

    def _event_after_error(self) -> Event | ConnectionClosed | Literal[NeedData.NEED_DATA]:
        """Return the next ERROR behind an ERROR, or the end; see the top of this module."""
        while True:
            try:
                item = self._parser.next_frame()
            except RemoteProtocolError:
                self._parser.discard_input()
                continue
            if type(item) is Frame:
                if item.command in self._role.receives[_FAILED]:
                    return event_from_frame(item)
            elif type(item) is ConnectionClosed:
                return self._close(ConnectionClosed(clean=False, cut=item.cut, reason="closed after ERROR"))
            elif item is NEED_DATA:
                return NEED_DATA if self._end is None else self._close(self._end)

    def _describe_end(self, closed: ConnectionClosed) -> ConnectionClosed:
        """Return the end of the stream as the end of a connection, which is clean after DISCONNECT only."""
        if closed.cut:
            reason = closed.reason
        elif self._error_received:
            reason = "closed after ERROR"
        elif self._state is State.DISCONNECTING:
            if self._awaited is None:
                return ConnectionClosed(clean=True, reason="closed after DISCONNECT")
            reason = (
                f"the peer closed the connection after DISCONNECT, but before its RECEIPT {self._awaited!r}"
            )
        else:
            reason = (
                f"the peer closed the connection in state {self._state.value!r}, without ERROR or DISCONNECT"
            )
        return ConnectionClosed(clean=False, cut=closed.cut, reason=reason)

    def _close(self, end: ConnectionClosed) -> ConnectionClosed:
        self._state = State.CLOSED
        return end

    # ------------------------------------------------------------------ sending

    def _send_event(self, event: Event, now: float | None) -> bytes:
        """Check an event and return its bytes. Everything is checked before anything changes."""
        command = event.frame.command
        next_state = self._role.sends[self._state].get(command)
        if now is None:
            if next_state is not None and self._clock.has_deadlines:
                self._check_clockless("send")
        elif type(now) is not float or now - now != 0.0:  # a finite float needs no call
            check_now(now)
        try:
            if next_state is None or self._end is not None:
                raise self._cannot_send(command)
            if command in HANDSHAKE_COMMANDS:
                wire = self._send_handshake(event, now)
            else:
                wire = self._serialize(event, self._version or _V1_2)
                try:
                    self._apply_sent(event)
                except RuleViolation as violation:
                    raise LocalProtocolError(str(violation), code=violation.code) from None
        except LocalProtocolError as refusal:
            if not self._leniency.unchecked_conversation:
                raise
            wire = self._send_regardless(event, refusal, now)
        if next_state is not None:
            self._state = next_state
        if now is None:
            now = self._now
        elif self._now is None:
            self._clock.start(now)
        if now is not None:
            self._now = self._clock.last_write = now
        return wire

    def _send_regardless(self, event: Event, refusal: LocalProtocolError, now: float | None) -> bytes:
        """Return the bytes of an event that was refused, if they are safe. See :class:`Leniency`."""
        frame = event.frame
        wire = serialize_unchecked(
            frame.command,
            frame.headers,
            frame.body,
            self._version or self._expected_version,
            content_length=event.content_length_wanted,
            escape_connect=self._escape_connect,
        )
        if isinstance(event, Connect):
            if self._is_client and self._state is State.NEW:
                self._offer = any_offer(event)
        elif isinstance(event, Connected):
            if not self._is_client and self._state is _CONNECTING:
                assert self._offer is not None
                self._start_heart_beats(event.heart_beat, self._offer.heart_beat, now)
        elif self._is_client:
            self._latest_applied = event
            self._tracker.apply_regardless(event)
        elif isinstance(event, Message):
            self._track_unchecked(event)
        self._broken_rules.append(Tolerated(refusal.code, str(refusal)))
        return wire

    def _track_unchecked(self, message: Message) -> None:
        """Track a MESSAGE of an unchecked conversation as far as that is possible."""
        try:
            self._tracker.add_message(message)
        except RuleViolation:
            pass  # it has no ack header, so the client cannot acknowledge it

    @property
    def _expected_version(self) -> Version:
        """The highest version that may still be negotiated."""
        offered = self._versions if self._offer is None else self._offer.versions
        return max((version for version in self._versions if version in offered), default=self._versions[-1])

    def _event_of(self, frame: Frame) -> Event:
        return event_from_frame(frame, any_command=self._leniency.unchecked_conversation)

    def _cannot_send(self, command: str) -> Exception:
        """Return the reason why a command cannot be sent in this state."""
        if self._state is _CLOSED or (self._state is _FAILED and not self._leniency.unchecked_conversation):
            return ConnectionGoneError(f"{command} cannot be sent: the connection is {self._state.value}")
        if self._end is not None:
            return ConnectionGoneError(f"{command} cannot be sent: {self._end.reason}")
        return LocalProtocolError(
            f"{command} may not be sent by a {self._role.name} in state {self._state.value!r}",
            code=ErrorCode.UNEXPECTED_FRAME,
        )

    def _send_handshake(self, event: Event, now: float | None) -> bytes:
        if isinstance(event, Connect):
            connect, offer = prepare_connect(event, self._versions)
            if self._leniency.unchecked_conversation and "accept-version" in event.headers:
                connect = event  # with the header as it is, in its place
            # No version is known, so the frame is written with the required headers of the highest one.
            wire = self._serialize(connect, max(offer.versions), escape_connect=self._escape_connect)
            self._offer = offer
            return wire
        assert isinstance(event, Connected)
        assert self._offer is not None
        assert self._version is not None
        connected, heart_beat = prepare_connected(event, self._offer)
        wire = self._serialize(connected, self._version)
        self._start_heart_beats(heart_beat, self._offer.heart_beat, now)
        return wire

    def _start_heart_beats(self, mine: HeartBeatRange, theirs: HeartBeatRange, now: float | None) -> None:
        """Start the heart-beats of a server, which sends CONNECTED."""
        self._set_intervals(mine, theirs)
        # However long it took to answer: the client had to send nothing until CONNECTED.
        last = self._now if now is None else now
        if last is not None:
            self._clock.last_read = last

    def _apply_sent(self, event: Event) -> None:
        """Check an event that is to be sent against what came before it, and remember it. Raises RuleViolation."""
        if self._is_client:
            self._tracker.check(event)
            if event.command != "SEND":  # changes nothing
                self._latest_applied = event
                self._tracker.apply(event)
                if isinstance(event, Disconnect):
                    self._awaited = event.receipt
        elif isinstance(event, Receipt):
            self._confirm_disconnect(event)
        elif isinstance(event, Message) and self._check_requests:
            if not self._unsolicited_messages and not self._tracker.has_subscription_for(event):
                raise RuleViolation(
                    ErrorCode.UNKNOWN_SUBSCRIPTION,
                    f"MESSAGE for subscription {event.subscription!r}, which the client does not have",
                )
            self._tracker.add_message(event)

    def _serialize(self, event: Event, version: str, *, escape_connect: bool = False) -> bytes:
        frame = event.frame
        wire = serialize(
            frame.command,
            frame.headers,
            frame.body,
            version,
            content_length=event.content_length_wanted,
            escape_connect=escape_connect,
        )
        # A proxy passes on the received bytes of a frame, with their escapes and line ends. But the parser tolerates
        # what may not be written, such as missing headers, so the serializer has to accept the frame first.
        return wire if frame.version is None or frame.version != version else frame.to_bytes(version)

    # ------------------------------------------------------------------ time

    def _set_now(self, now: float | None, call: str) -> None:
        """Note the time of a call."""
        if now is None:
            if self._clock.has_deadlines:
                self._check_clockless(call)
            return
        if type(now) is not float or now - now != 0.0:
            check_now(now)
        if self._now is None:
            # The first time that is known at all: what was received and written before has no other.
            self._clock.start(now)
        self._now = now

    def _check_clockless(self, call: str) -> None:
        """Refuse a call without ``now`` on a connection with heart-beats that has not ended.

        Raises:
            TypeError: there are deadlines.
        """
        if self._end is None and self._state in (_CONNECTED, State.DISCONNECTING):
            sending, receiving = self._intervals
            raise TypeError(
                f"{call}() needs now=..., such as time.monotonic(): heart-beats were negotiated, every {sending:g} s "
                f"from this side and every {receiving:g} s from the peer, where 0 is never. A program without a clock "
                "makes the connection with heart_beats=False"
            )

    def next_deadline(self) -> float | None:
        """Return when to call :meth:`handle_timeout`, in seconds on the clock of ``now``; ``None`` is never."""
        if self._end is None and self._state is _CONNECTED:
            return self._clock.next_deadline()  # the same, for nearly every call
        send, receive = self._deadlines()
        return send if receive is None or (send is not None and send <= receive) else receive

    def _deadlines(self) -> tuple[float | None, float | None]:
        """Return when a heart-beat has to be written, and when the peer counts as dead."""
        if self._end is None:
            if self._state is _CONNECTED:
                return self._clock.send_deadline, self._clock.receive_deadline
            if self._state is State.DISCONNECTING and not self._is_client:
                # The client sends nothing any more, and waits: the server may take long for the frames before
                # DISCONNECT, so it goes on with its heart-beats.
                return self._clock.send_deadline, None
        return None, None

    def handle_timeout(self, now: float | None = None) -> bytes:
        """Do what is due: write a heart-beat, or declare the peer dead.

        A dead peer is reported by :meth:`next_event` as a :class:`ConnectionClosed` with code ``"heart-beat"``. If the
        call may be late, read from the socket first: bytes that are already there are a sign of life.

        Args:
            now: seconds of any monotonic clock. It may be left out as long as no heart-beats were negotiated.

        Returns:
            The bytes to write; ``b""`` if there are none.

        Raises:
            TypeError, ValueError: as for :meth:`receive_data`.
        """
        self._set_now(now, "handle_timeout")
        if self._now is None:
            return b""
        send, receive = self._deadlines()
        if receive is not None and self._now >= receive:
            silence = self._now - self._clock.last_read
            self._end = ConnectionClosed(
                clean=False,
                code="heart-beat",
                reason=f"nothing was received from the peer for {silence:.1f} s, but it promised a heart-beat every "
                f"{self._clock.receive_interval:g} s",
            )
            return b""
        if send is not None and self._now >= send:
            self._clock.last_write = self._now
            return b"\n"
        return b""

    def set_read_timeout(self, seconds: float) -> None:
        """Treat the peer as dead if nothing is received for a time, whatever ``heart_beat_tolerance`` is.

        It has an effect only on a connection whose peer has promised heart-beats, which is known once the connection
        is CONNECTED.

        Args:
            seconds: how many seconds; infinity is for ever.

        Raises:
            ValueError: ``seconds`` is not positive.
        """
        if not seconds > 0:
            raise ValueError(f"seconds must be positive, got {seconds!r}")
        self._clock.set_read_timeout(seconds)

    def set_send_interval(self, seconds: float) -> None:
        """Send heart-beats at least this often, even if none were promised to the peer: line ends are always allowed.

        Call it when the connection is CONNECTED.

        Args:
            seconds: this side's interval in seconds. A heart-beat is due after ``heart_beat_pace`` of it.

        Raises:
            ValueError: ``seconds`` is not positive.
        """
        if not seconds > 0:
            raise ValueError(f"seconds must be positive, got {seconds!r}")
        self._intervals = (seconds, self._intervals[1])
        if self._heart_beats:
            self._clock.set_intervals(*self._intervals)

    def pause_reading(self, now: float | None = None) -> None:
        """Note that the socket is not read for the time being, which suspends the deadline of the peer.

        Args:
            now: seconds of any monotonic clock.

        Raises:
            TypeError, ValueError: as for :meth:`receive_data`.
        """
        self._set_now(now, "pause_reading")
        self._clock.pause_reading(self._now or 0.0)

    def resume_reading(self, now: float | None = None) -> None:
        """Note that the socket is read again, which starts the deadline of the peer anew.

        Args:
            now: seconds of any monotonic clock.

        Raises:
            TypeError, ValueError: as for :meth:`receive_data`.
        """
        self._set_now(now, "resume_reading")
        self._clock.resume_reading(self._now or 0.0)
