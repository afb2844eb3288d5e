"""Link: a client's connections, one after the other. Which socket, not what is said on it.

The states, and what leads out of them:

========== ===============================================================================================
WAITING    there is no connection; ``next_attempt`` says what to dial and when. ``connection_made`` -> HANDSHAKING
HANDSHAKING CONNECT is said. CONNECTED -> CONNECTED; ERROR, the end, or silence -> WAITING, or CLOSED if given up
CONNECTED  ERROR, the end, silence, or broken STOMP -> WAITING, or CLOSED if lost connections are not replaced;
           ``close`` -> CLOSING
CLOSING    DISCONNECT is said, or about to be. Its RECEIPT, the end, or the deadline -> CLOSED
CLOSED     for good
========== ===============================================================================================

A connection is over when the link says so; the socket lives on until the adapter has seen ``want_close``, closed it and
said ``connection_lost``.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from math import inf

from ..errors import RemoteProtocolError
from ..protocol import ClientConnection, Connected, Error, Event, Message, Receipt, Tolerated
from ..wire import NEED_DATA, ConnectionClosed, HeartBeat, Version
from . import advice
from .deadlines import Deadlines, Timed
from .dialect import GENERIC, Dialect, dialect_of
from .endpoint import Endpoint
from .errors import AuthenticationFailed, ConnectFailed, ConnectionLost
from .listener import Listener
from .operation import Operation
from .outbox import Outbox
from .pending import Pending
from .reconnect import Attempt, Rng, Schedule
from .settings import Settings

__all__ = ["Link", "SessionState"]

# A broker that is just coming up may listen before its users are known.
_LOGIN_REFUSALS_AFTER_SUCCESS = 3
_LATE = 1.5  # of the server's intervals without a byte are worth telling an observer


class SessionState(StrEnum):
    """Where a session stands; the module's docstring has the table."""

    WAITING = "waiting"
    HANDSHAKING = "handshaking"
    CONNECTED = "connected"
    CLOSING = "closing"
    CLOSED = "closed"


class Link:
    """The half of :class:`Session` that an adapter drives; see there for the arguments."""

    def __init__(
        self,
        settings: Settings,
        *,
        listener: Listener | None,
        wake: Callable[[], object] | None,
        rng: Rng | None,
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._wake = wake if wake is not None else _nobody
        self._schedule = Schedule(settings.endpoints, settings.reconnect, rng, settings.connect_timeout)

        self.state = SessionState.WAITING
        self.connection_number = 0
        self.opened: Pending[Connected] = Pending("connect")
        self.error: Exception | None = None
        self._conn: ClientConnection | None = None
        self._connected: Connected | None = None
        self._endpoint: Endpoint | None = None
        self._attempt: Attempt | None = None  # announced; what became of it is not told
        self._socket_open = False
        self._now = 0.0
        self._outbox = Outbox()
        self._deadlines = Deadlines()
        self._dial_at: float | None = None
        self._handshake_deadline: float | None = None
        self._close_deadline: float | None = None
        self._close_in: float | None = None  # seconds, until the time is told
        self._closing: Pending[bool] | None = None
        self._failures: deque[tuple[Endpoint, str]] = deque(maxlen=len(settings.endpoints))
        self._login_refusals = 0
        self._paused = False
        self._last_read = 0.0
        self._told_late = False

    # ------------------------------------------------------------------ what can be seen

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where the broker is, in order of preference."""
        return self._settings.endpoints

    @property
    def client_id(self) -> str | None:
        """The ``client-id`` header of CONNECT."""
        return self._settings.known_client_id

    @property
    def endpoint(self) -> Endpoint | None:
        """Where the present connection, or the latest attempt, leads."""
        return self._endpoint

    @property
    def connected(self) -> Connected | None:
        """The CONNECTED frame of the present connection; ``None`` while there is none."""
        return self._connected

    @property
    def version(self) -> Version | None:
        """The version of the present connection."""
        return self._conn.version if self._conn is not None else None

    @property
    def heart_beat(self) -> tuple[float, float]:
        """The negotiated intervals ``(sending, receiving)`` in seconds; 0.0 is never."""
        return self._conn.heart_beat if self._conn is not None else (0.0, 0.0)

    @property
    def dialect(self) -> Dialect:
        """The words of the present broker: as given, or recognised from CONNECTED's ``server`` header."""
        if self._settings.dialect is not None:
            return self._settings.dialect
        return dialect_of(self._connected.server) if self._connected is not None else GENERIC

    @property
    def closed(self) -> bool:
        """Whether the session has ended for good; :attr:`error` says why, ``None`` if it was asked to."""
        return self.state is SessionState.CLOSED

    # ------------------------------------------------------------------ the adapter's calls

    def next_attempt(self, now: float) -> Attempt | None:
        """What to dial, and when. ``None``: nothing any more, the session is closed.

        It may be asked again before ``attempt.at`` (after a wake-up, say) and then answers the same, or ``None`` if the
        session was closed meanwhile. What became of it is told by :meth:`connection_made` or :meth:`connection_lost`.

        Raises:
            RuntimeError: there is still a socket: close it, and say :meth:`connection_lost`, first.
        """
        self.tick(now)
        if self._socket_open:
            raise RuntimeError("the socket of the last attempt is still open: say connection_lost() first")
        if self.state is SessionState.CLOSED:
            return None
        attempt = self._schedule.next(now)
        assert attempt is not None  # giving up closes the session
        if attempt != self._attempt:
            self._attempt = attempt
            self._endpoint = attempt.endpoint
            self._dial_at = attempt.at if attempt.at > now else None
            self._notify("dialling", attempt)
        return attempt

    def connection_made(self, now: float) -> None:
        """The attempt led to a connection: TCP, and TLS or WebSocket where the endpoint wants them.

        Raises:
            RuntimeError: there was no attempt.
        """
        self.tick(now)
        if self.state is SessionState.CLOSED:
            self._socket_open = True  # closed while it was dialled: want_close says so
            return
        if self._attempt is None or self._socket_open:
            raise RuntimeError("connection_made() without an attempt")
        self._socket_open = True
        self._dial_at = None
        self.state = SessionState.HANDSHAKING
        self._handshake_deadline = now + self._settings.handshake_timeout
        self._conn = self._settings.new_connection()
        self._put(self._settings.connect_frame(self._attempt.endpoint), None)

    def connection_lost(self, reason: BaseException | str | None, now: float) -> None:
        """There is no socket (any more): the attempt failed, the peer hung up, or ``want_close`` asked for it.

        Args:
            reason: the exception that says why, if there was one. Its class is looked at, to say what to check.
            now: seconds of any monotonic clock.
        """
        self.tick(now)
        self._socket_open = False
        if self._conn is not None:
            names = {entry.__name__ for entry in type(reason).__mro__}
            if self.state is SessionState.HANDSHAKING and "SSLError" in names:
                # TLS 1.3 tells a client at the first read that its certificate is refused.
                self._attempt_failed(advice.dial_failure(self._here(), reason, 0.0))
            elif reason is None:
                self._conn.receive_data(b"", now)
                self._pump()
            else:
                self._ended(_say(reason))
        elif self._attempt is not None:
            self._attempt_failed(advice.dial_failure(self._here(), reason, self._attempt.timeout))

    def receive_data(self, data: bytes, now: float) -> None:
        """Take what the socket gave; ``b""`` is its end. Look at ``want_close`` afterwards."""
        self.tick(now)
        conn = self._conn
        if conn is None:
            return  # the connection is over; what the peer still says is for nobody
        self._last_read = now
        self._told_late = False
        conn.receive_data(data, now)
        self._pump()
        self.tick(now)  # what was said meanwhile counts from here

    def data_to_send(self) -> bytes:
        """Bytes to write, in this order, all of them; ``b""`` if there are none.

        Who takes them is the one writer, and writes them whole: they count as on their way.
        """
        return self._outbox.take()

    @property
    def size_to_send(self) -> int:
        """How many bytes :meth:`data_to_send` has."""
        return self._outbox.size

    @property
    def want_read(self) -> bool:
        """Whether the socket should be read now. While it should not, the peer's silence proves nothing."""
        raise NotImplementedError

    @property
    def want_close(self) -> bool:
        """Whether the socket should be closed now. Then say :meth:`connection_lost`."""
        return self._socket_open and self._conn is None

    def next_deadline(self) -> float | None:
        """When :meth:`handle_timeout` must be called at the latest, on the clock of ``now``; ``None`` is never."""
        earliest = self._deadlines.next()
        conn = self._conn
        beat = late = None
        if conn is not None:
            beat = conn.next_deadline()
            if self._listener is not None and not self._told_late and not self._paused:
                late = self._late_at()
        # Asked for at every call of an operation: a loop costs a third of what min() does.
        for moment in (beat, late, self._dial_at, self._handshake_deadline, self._close_deadline):
            if moment is not None and (earliest is None or moment < earliest):
                earliest = moment
        return None if earliest == inf else earliest

    def handle_timeout(self, now: float) -> None:
        """Do what is due: heart-beats, receipts, handshake, close. Early or late, it does no harm."""
        self.tick(now)
        for timed in self._deadlines.due(now):
            self._expired(timed)
        if self._handshake_deadline is not None and now >= self._handshake_deadline:
            self._attempt_failed(advice.handshake_silence(self._here(), self._settings.handshake_timeout))
        if self._close_deadline is not None and now >= self._close_deadline:
            self._close_is_due()
        conn = self._conn
        if conn is not None:
            late_at = self._late_at()
            if late_at is not None and now >= late_at and not self._told_late and not self._paused:
                self._told_late = True
                self._notify("heart_beat_late", now - self._last_read)
            beat = conn.handle_timeout(now)
            # Bytes that wait to be written are as good a sign of life.
            if beat and not self._outbox.size:
                self._put_heart_beat(beat)
            self._pump()
        self.tick(now)  # what was said meanwhile counts from here

    def tick(self, now: float) -> None:
        """Tell the time. The deadline of an operation counts from the first time that is told after its call."""
        self._now = now
        if self._deadlines.fresh:
            self._deadlines.tell(now)
        if self._dial_at is not None and now >= self._dial_at:
            self._dial_at = None
        if self._close_in is not None:
            self._close_deadline = now + self._close_in
            self._close_in = None
        if self._conn is not None and self._paused is self.want_read:
            self._sync_reading(self._conn)

    def set_read_timeout(self, seconds: float) -> None:
        """Take the broker for dead after so many seconds without a byte, on the present connection, if it promised any.

        Raises:
            ValueError: it is not more than 0.
        """
        if self._conn is not None:
            self._conn.set_read_timeout(seconds)
            self._wake()

    # ------------------------------------------------------------------ what is said, which is another module's job

    def _became_connected(self) -> None:
        """CONNECTED is here: say what waited for it."""
        raise NotImplementedError

    def _hear(self, event: Event | HeartBeat) -> None:
        """Anything at all, before it is acted upon."""
        raise NotImplementedError

    def _hear_message(self, message: Message) -> None:
        raise NotImplementedError

    def _hear_receipt(self, receipt: Receipt) -> None:
        raise NotImplementedError

    def _hear_error(self, error: Error) -> bool:
        """An ERROR after CONNECTED, before the connection is dropped because of it. True: what it answers is known."""
        raise NotImplementedError

    def _forget_connection(self, end: ConnectionClosed, error: Error | None, unsent: list[Operation]) -> None:
        """A connection that was made is over: end what cannot outlive it."""
        raise NotImplementedError

    def _forget_everything(self, error: Exception | None) -> None:
        """The session is over: end what is left."""
        raise NotImplementedError

    def _expired(self, timed: Timed) -> None:
        """An operation's deadline has passed."""
        raise NotImplementedError

    def _close_is_due(self) -> None:
        """A deadline of closing has passed."""
        raise NotImplementedError

    # ------------------------------------------------------------------ saying

    def _put(self, event: Event, operation: Operation | None) -> None:
        """Say a frame on the present connection. What STOMP forbids is refused, and nothing has changed."""
        conn = self._conn
        assert conn is not None
        wire = conn.send(event, now=self._now)
        if self._listener is not None:
            self._notify("frame_sent", event)
        self._outbox.put(wire, operation)
        self._wake()

    def _put_heart_beat(self, beat: bytes) -> None:
        self._outbox.put(beat, None)
        self._notify("heart_beat_sent")

    # ------------------------------------------------------------------ hearing

    def _pump(self) -> None:
        while (conn := self._conn) is not None:
            try:
                event = conn.next_event()
            except RemoteProtocolError as error:
                if self.state is SessionState.HANDSHAKING:
                    self._attempt_failed(advice.handshake_violation(self._here(), error))
                else:
                    self._ended(f"the broker broke STOMP: {error}")
                return
            if event is NEED_DATA:
                return
            if isinstance(event, Tolerated):
                self._notify("tolerated", event)
                continue
            if isinstance(event, ConnectionClosed):
                self._hear_end(event)
                return
            if self._listener is not None and isinstance(event, Event):
                self._notify("frame_received", event)
            self._hear(event)
            if isinstance(event, Message):
                self._hear_message(event)
            elif isinstance(event, Receipt):
                self._hear_receipt(event)
            elif isinstance(event, HeartBeat):
                self._notify("heart_beat_received", event)
            elif isinstance(event, Connected):
                self._hear_connected(event)
            elif isinstance(event, Error):
                self._notify("error_received", event)
                if self.state is SessionState.HANDSHAKING:
                    self._hear_refusal(event)
                else:
                    known = self._hear_error(event)
                    self._ended(f"the broker said ERROR: {event.description}", event, known=known)

    def _hear_connected(self, connected: Connected) -> None:
        self.state = SessionState.CONNECTED
        self.connection_number += 1
        self._connected = connected
        self._handshake_deadline = None
        self._login_refusals = 0
        self._schedule.connected(self._now)
        self._notify("connection_made", self._here(), connected)
        self._became_connected()
        self.opened.succeed(connected)

    def _hear_refusal(self, error: Error) -> None:
        sentence = advice.handshake_refusal(self._here(), error)
        if advice.is_login_refusal(error):
            self._login_refusals += 1
            enough = _LOGIN_REFUSALS_AFTER_SUCCESS if self.connection_number else 1
            if self._login_refusals >= enough:
                sentence = self._settings.masked(self._here(), sentence)
                failures = ((self._here(), sentence),)
                self._notify("attempt_failed", self._here(), sentence)
                self._finish(AuthenticationFailed(f"could not connect: {sentence}", failures, error))
                return
        self._attempt_failed(sentence, error)

    def _hear_end(self, closed: ConnectionClosed) -> None:
        if closed.clean:
            self._finish(None)
        else:
            self._ended(closed.reason, code=closed.code)

    # ------------------------------------------------------------------ the end of an attempt, a connection, a session

    def _here(self) -> Endpoint:
        assert self._endpoint is not None  # there was an attempt
        return self._endpoint

    def _attempt_failed(self, sentence: str, error: Error | None = None) -> None:
        endpoint = self._here()
        sentence = self._settings.masked(endpoint, sentence)
        self._drop(SessionState.WAITING)
        self._failures.append((endpoint, sentence))
        self._notify("attempt_failed", endpoint, sentence)
        self._schedule.failed()
        if self._schedule.next(self._now) is None:
            told = "; ".join(sentence for _, sentence in self._failures)
            if self.connection_number:
                self._finish(ConnectionLost(f"the connection was lost and did not come back: {told}", error))
            else:
                self._finish(ConnectFailed(f"could not connect: {told}", tuple(self._failures), error))

    def _ended(
        self, reason: str, error: Error | None = None, *, known: bool = False, code: str = "eof"
    ) -> None:
        """The connection is over, unasked.

        Args:
            reason: why.
            error: the ERROR that ended it.
            known: it is known what that answers, so it answers nothing else.
            code: that of :class:`ConnectionClosed`.
        """
        endpoint = self._here()
        if self.state is SessionState.HANDSHAKING:
            self._attempt_failed(advice.handshake_eof(endpoint, reason))
            return
        reason = f"the connection to {endpoint} was lost: {reason}"
        end = ConnectionClosed(clean=False, code=code, reason=reason)
        answer = None if known else error
        if self.state is SessionState.CLOSING:
            self._finish(None, end=end, answer=answer)
            return
        unsent = self._drop(SessionState.WAITING)
        self._notify("connection_lost", endpoint, reason)
        self._schedule.lost(self._now)
        given_up = self._schedule.next(self._now) is None
        self._forget_connection(end, answer, unsent)
        if given_up:
            self._finish(ConnectionLost(reason, error))

    def _drop(self, state: SessionState) -> list[Operation]:
        """There is no connection any more; returns what had not left."""
        self.state = state
        self._conn = None
        self._connected = None
        self._handshake_deadline = None
        self._attempt = None
        self._dial_at = None
        self._wake()
        return self._outbox.drop()

    def _finish(
        self,
        error: Exception | None,
        *,
        confirmed: bool = False,
        end: ConnectionClosed | None = None,
        answer: Error | None = None,
    ) -> None:
        """The session is over.

        Args:
            error: why, if nobody asked for that.
            confirmed: the broker has confirmed DISCONNECT.
            end: how its connection ended, if not as it should.
            answer: an ERROR that may be the answer to what is under way.
        """
        if self.state is SessionState.CLOSED:
            return
        was_connected = self._connected is not None
        unsent = self._drop(SessionState.CLOSED)
        self.error = error
        self._close_deadline = self._close_in = None
        if was_connected:
            as_asked = ConnectionClosed(clean=True, reason="the session was closed")
            self._forget_connection(end or as_asked, answer, unsent)
        self._forget_everything(error)
        self.opened.fail(error or ConnectFailed("the session was closed before it was connected"))
        if self._closing is not None:
            self._closing.succeed(confirmed)
        self._notify("closed", error)

    # ------------------------------------------------------------------ heart-beats and observers

    def _sync_reading(self, conn: ClientConnection) -> None:
        """While nobody reads, the deadline of the peer rests."""
        self._paused = not self._paused
        if self._paused:
            conn.pause_reading(self._now)
        else:
            conn.resume_reading(self._now)
            self._last_read = self._now

    def _late_at(self) -> float | None:
        conn = self._conn
        receiving = conn.heart_beat[1] if conn is not None and self.state is SessionState.CONNECTED else 0.0
        return self._last_read + receiving * _LATE if receiving else None

    def _notify(self, what: str, *arguments: object) -> None:
        if self._listener is None:
            return
        try:
            getattr(self._listener, what)(*arguments)
        except Exception as error:
            sys.excepthook(type(error), error, error.__traceback__)


def _nobody() -> None:
    """Nobody has to be woken."""


def _say(reason: BaseException | str) -> str:
    return reason if isinstance(reason, str) else str(reason) or type(reason).__name__
