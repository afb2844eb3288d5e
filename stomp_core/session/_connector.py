"""Connector: connects, performs the handshake, notices that a connection is lost, and connects again.

It decides when to dial which endpoint and what the end of an attempt or of a connection means. What is sent and
received in between is the session's business. Its methods return what happened as events (:class:`Established`,
:class:`AttemptFailed`, :class:`Lost`, :class:`GaveUp`); the session acts on them.

The states are those of the session, and :data:`TRANSITIONS` is the whole state machine:

=========== ==========================================================================================================
WAITING     There is no connection; ``next_attempt`` says what to dial and when.
HANDSHAKING CONNECT was sent. CONNECTED leads on; an ERROR, the end of the stream, a violation of the protocol, or the
            handshake timeout make the attempt fail.
CONNECTED   CONNECTED was received. An ERROR, the end of the stream, a violation, or silence lose the connection.
CLOSING     The caller has closed the session: receipts in flight are awaited, then DISCONNECT is sent and its RECEIPT
            awaited.
CLOSED      The session has ended for good.
=========== ==========================================================================================================

A connection is over when the connector says so. Its socket may still be open: ``want_close`` is true until the driver
has closed it and called ``connection_lost``. Only then is the next attempt given out.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, StrEnum

from .._records import record, replace
from ..errors import LocalProtocolError, RemoteProtocolError
from ..protocol import ClientConnection, Connected, Error, Event, Message
from ..wire import ConnectionClosed, Version
from ._broker_profiles import GENERIC, BrokerProfile, profile_for
from ._byte_layer import ByteLayerFactory
from ._config import Config
from ._connect_errors import (
    dial_failure,
    handshake_eof,
    handshake_refusal,
    handshake_silence,
    handshake_violation,
    is_login_refusal,
    layer_failure,
    question_silence,
)
from ._errors import AuthenticationFailed, ConnectFailed, ConnectionLost
from ._layered import Layered
from ._masking import Mask
from ._other_protocols import ANSWER_SIZE
from ._questions import QuestionFailed, Questions
from ._reconnect import Attempt, Rng, Schedule
from ._urls import Endpoint

__all__ = [
    "TRANSITIONS",
    "AttemptFailed",
    "Connector",
    "ConnectorEvent",
    "Established",
    "GaveUp",
    "Input",
    "Lost",
    "SessionState",
]

# A broker that is starting may accept connections before its users are known, so a refusal of credentials that were
# accepted before ends the session only when it is repeated.
_REFUSALS_AFTER_SUCCESS = 3


class SessionState(StrEnum):
    """The state of a session.

    Attributes:
        WAITING: there is no connection.
        HANDSHAKING: CONNECT was sent.
        CONNECTED: CONNECTED was received.
        CLOSING: the caller has closed the session, and the broker's last RECEIPTs are awaited.
        CLOSED: the session has ended.
    """

    WAITING = "waiting"
    HANDSHAKING = "handshaking"
    CONNECTED = "connected"
    CLOSING = "closing"
    CLOSED = "closed"


class Input(Enum):
    """An event that moves a session from one state to the next."""

    SOCKET_CONNECTED = "the socket is connected"
    CONNECTED_RECEIVED = "CONNECTED received"
    ATTEMPT_FAILED = "attempt failed"
    CONNECTION_LOST = "connection lost"
    CLOSE = "close() while connected"
    END = "the end: given up, closed, or DISCONNECT confirmed"


_S = SessionState
#: The state machine: for each state, which inputs it accepts and where they lead.
TRANSITIONS: dict[SessionState, dict[Input, SessionState]] = {
    _S.WAITING: {
        Input.SOCKET_CONNECTED: _S.HANDSHAKING,
        Input.ATTEMPT_FAILED: _S.WAITING,
        Input.END: _S.CLOSED,
    },
    _S.HANDSHAKING: {
        Input.CONNECTED_RECEIVED: _S.CONNECTED,
        Input.ATTEMPT_FAILED: _S.WAITING,
        Input.END: _S.CLOSED,
    },
    _S.CONNECTED: {
        Input.CONNECTION_LOST: _S.WAITING,
        Input.CLOSE: _S.CLOSING,
        Input.END: _S.CLOSED,
    },
    _S.CLOSING: {Input.END: _S.CLOSED},
    _S.CLOSED: {Input.END: _S.CLOSED},
}


@record
class Established:
    """CONNECTED was received.

    Attributes:
        endpoint: where the broker is.
        connected: the frame.
    """

    endpoint: Endpoint
    connected: Connected


@record
class AttemptFailed:
    """An attempt to connect failed.

    Attributes:
        endpoint: what was tried.
        reason: a sentence that says why, and what to check.
    """

    endpoint: Endpoint
    reason: str


@record
class Lost:
    """An established connection was lost.

    Attributes:
        endpoint: where the broker is.
        reason: a sentence that says why.
        closed: how it ended: the event of the protocol layer, if there was one.
        error: an ERROR of which it is unknown what it answers, so it may answer anything in flight.
    """

    endpoint: Endpoint
    reason: str
    closed: ConnectionClosed
    error: Error | None


@record
class GaveUp:
    """The session ends, because nothing will be dialled again.

    Attributes:
        error: why.
    """

    error: Exception


ConnectorEvent = Established | AttemptFailed | Lost | GaveUp


class Connector:
    """Connects, performs the handshake, reconnects.

    Args:
        config: the options of the session.
        rng: for the jitter of back-off.

    Attributes:
        state: see :class:`SessionState`.
        conn: the protocol state machine of the present connection; ``None`` while there is no connection.
        connected: the CONNECTED frame of the present connection.
        layered: the byte layer of the present connection; ``None`` if STOMP's bytes are those of the socket.
        connection_number: counts established connections, from 1.
        endpoint: of the present connection, or of the latest attempt.
        socket_open: whether the driver has a socket that it has not reported as lost.
    """

    def __init__(self, config: Config, rng: Rng | None) -> None:
        self._config = config
        self._answered = (
            config  # with the answers of the latest attempt for which all questions were answered
        )
        self._schedule = Schedule(
            config.parsed_endpoints, config.reconnect_policy, rng, config.connect_timeout
        )
        self.state = SessionState.WAITING
        self.conn: ClientConnection | None = None
        self.connected: Connected | None = None
        self.layered: Layered | None = None
        self.connection_number = 0
        self.endpoint: Endpoint | None = None
        self.socket_open = False
        self._attempt: Attempt | None = None  # given out; its outcome is not known
        self._dial_at: float | None = None
        self._handshake_deadline: float | None = None
        self._via = ""  # what the present connection goes through
        self._answer = b""  # the first bytes of the answer to CONNECT, until that is understood
        self._failures: deque[tuple[Endpoint, str]] = deque(maxlen=len(config.parsed_endpoints))
        self._login_refusals = 0
        self.reading_paused = False
        self._last_read = 0.0
        self._late_reported = False

    def _move(self, given: Input) -> None:
        self.state = TRANSITIONS[self.state][given]

    # ------------------------------------------------------------------ what can be seen

    @property
    def version(self) -> Version | None:
        """The version of STOMP on the present connection."""
        return self.conn.version if self.conn is not None else None

    @property
    def broker_profile(self) -> BrokerProfile:
        """The profile of the present broker, as configured or recognised by CONNECTED's ``server`` header."""
        if self._config.broker_profile is not None:
            return self._config.broker_profile
        return profile_for(self.connected.server) if self.connected is not None else GENERIC

    @property
    def want_close(self) -> bool:
        """Whether the driver has a socket of a connection that is over."""
        return self.socket_open and self.conn is None

    @property
    def mask(self) -> Mask:
        """Masks the passcode that was sent to the present endpoint, in what others say."""
        return Mask(*self._secrets())

    def _secrets(self) -> tuple[str, ...]:
        secrets = self._answered.secrets_for(self._here())
        questions = self._attempt.questions if self._attempt is not None else None
        return secrets if questions is None else secrets + questions.secrets

    @property
    def layer_factory(self) -> ByteLayerFactory | None:
        """Makes the byte layer of the connection; ``None`` if there is none."""
        return self._answered.layer_factory_for(self._here())

    @property
    def client_id(self) -> str | None:
        """The ``client-id`` header of the latest CONNECT."""
        return self._answered.effective_client_id

    def _here(self) -> Endpoint:
        assert self.endpoint is not None  # there was an attempt
        return self.endpoint

    # ------------------------------------------------------------------ dialling

    def next_attempt(self, now: float) -> tuple[Attempt | None, bool]:
        """Return what to dial and when, and whether this attempt was not given out before.

        Raises:
            RuntimeError: there is still a socket.
        """
        if self.socket_open:
            raise RuntimeError(
                "the socket of the last attempt is still open: close it and call connection_lost() first"
            )
        if self.state is SessionState.CLOSED:
            return None, False
        attempt = self._schedule.next(now)
        assert attempt is not None  # where it gives up, the session is closed
        is_new = attempt != self._attempt
        if is_new:
            self.endpoint = attempt.endpoint
            self._attempt = replace(attempt, questions=self._new_questions())
            self._dial_at = attempt.at if attempt.at > now else None
        return self._attempt, is_new

    def _new_questions(self) -> Questions[Config] | None:
        functions = self._config.functions_for(self._here())
        if not functions:
            return None
        return Questions(functions, self._config.with_answers, self._answered.secrets_for(self._here()))

    def connection_made(self, now: float, via: str = "") -> Event | None:
        """Note that the attempt led to a socket; return the CONNECT frame to send.

        Args:
            now: seconds.
            via: what it was connected through, such as "the proxy socks5://host:1080".

        ``None``: the session was closed while the driver dialled, so the socket is to be closed.

        Raises:
            RuntimeError: there was no attempt.
            QuestionFailed: there is no answer to what the program was asked. Report it to :meth:`question_failed`.
        """
        if self.state is SessionState.CLOSED:
            self.socket_open = True
            return None
        if self._attempt is None or self.socket_open:
            raise RuntimeError("connection_made() was called without an attempt: call next_attempt() first")
        self.socket_open = True
        self._dial_at = None
        if self._attempt.questions is not None:
            self._answered = self._attempt.questions.result()
        self._move(Input.SOCKET_CONNECTED)
        self._handshake_deadline = now + self._config.handshake_timeout
        self._answer = b""
        self._via = via
        self._last_read = now
        self._late_reported = False
        self.reading_paused = False
        self.conn = self._config.new_connection()
        return self._answered.make_connect(self._attempt.endpoint)

    def question_failed(self, failure: QuestionFailed, now: float) -> list[ConnectorEvent]:
        """Note that a function of the program has raised, or that its answer cannot be used.

        What it raises may pass, as when a server for tokens is down, and is retried as any failure. An answer that
        cannot be used ends the session at once if there was no connection yet: that is a mistake of the program, for
        which nobody should wait. Later, the functions have proved to work.
        """
        sentence = f"{self._here()}: {failure}"
        if failure.mistake and not self.connection_number:
            error = ConnectFailed(f"could not connect: {sentence}", ((self._here(), sentence),))
            error.__cause__ = failure.__cause__
            return [AttemptFailed(self._here(), sentence), GaveUp(error)]
        return self._attempt_failed(sentence, None, now, cause=failure.__cause__)

    def connection_lost(
        self, reason: BaseException | str | None, now: float, *, at_once: bool = False
    ) -> list[ConnectorEvent]:
        """Note that there is no socket any more: dialling failed, or the connection is gone.

        Where an established connection ended without a reason, the end of its stream is passed to :attr:`conn`, whose
        next events say what that means.

        Raises:
            RuntimeError: there was no attempt.
        """
        had_socket, self.socket_open = self.socket_open, False
        conn = self.conn
        if conn is None:
            if self._attempt is None:
                if not had_socket and self.state is not SessionState.CLOSED:
                    raise RuntimeError(
                        "connection_lost() was called without an attempt: call next_attempt() first"
                    )
                return []
            if isinstance(reason, QuestionFailed):
                return self.question_failed(reason, now)
            questions = self._attempt.questions
            if questions is not None and questions.current is not None and isinstance(reason, TimeoutError):
                sentence = question_silence(self._here(), questions.current, self._attempt.timeout)
                return self._attempt_failed(sentence, None, now)
            sentence = dial_failure(self._here(), reason, self._attempt.timeout, self.mask.text)
            return self._attempt_failed(sentence, None, now, cause=self._cause_to_show(reason))
        names = {entry.__name__ for entry in type(reason).__mro__}
        if self.state is SessionState.HANDSHAKING and "SSLError" in names:
            # In TLS 1.3 a client learns only at its first read that the server refuses its certificate.
            return self._attempt_failed(dial_failure(self._here(), reason, 0.0), None, now)
        if reason is None and self.layered is not None:
            self.layered.receive(b"")
            return self.layer_over(now)
        if reason is None:
            conn.receive_data(b"", now)
            return []
        return self.broken(_sentence(reason), now, at_once=at_once)

    # ------------------------------------------------------------------ the byte layer

    def layer_refused(self, error: Exception, now: float) -> list[ConnectorEvent]:
        """Note that there is no byte layer for this attempt: a header that was asked for, say, cannot be sent."""
        return self._attempt_failed(f"{self._here()}: {self.mask.text(_sentence(error))}", None, now)

    def layer_opened(self) -> None:
        """Note that STOMP begins: what the peer sends from now on answers CONNECT."""
        self._answer = b""

    def layer_over(self, now: float) -> list[ConnectorEvent]:
        """Process the end of the byte layer, if it has ended."""
        layer = self.layered.layer if self.layered is not None else None
        if layer is None or layer.over is None:
            return []
        if layer.opened or self.state is not SessionState.HANDSHAKING:
            return self.broken(self.mask.quotations(layer.over), now)
        sentence = layer_failure(self._here(), self.mask.quotations(layer.over), self._answer, self._via)
        if layer.login_refused:
            return self._login_refused(sentence, None, now)
        return self._attempt_failed(sentence, None, now)

    def _cause_to_show(self, reason: BaseException | str | None) -> BaseException | None:
        """Return the exception of a dialler, unless it repeats the passcode: tracebacks are not masked."""
        if type(reason).__name__ != "DialFailed":
            return None  # our own dialling: the sentence has all of it
        assert isinstance(reason, BaseException)
        cause = reason.__cause__
        return None if cause is None or self.mask.is_in(cause) else cause

    # ------------------------------------------------------------------ handshake

    def handle_connected(self, connected: Connected, now: float) -> list[ConnectorEvent]:
        """Process CONNECTED."""
        self._move(Input.CONNECTED_RECEIVED)
        self.connection_number += 1
        self.connected = connected
        if self.conn is not None:
            self.conn.ack_covers_connection = self.broker_profile.ack_covers_connection
            if self.layered is not None and self.layered.unpromised:
                self.conn.set_send_interval(self.layered.unpromised)
        self._handshake_deadline = None
        self._login_refusals = 0
        self._schedule.connected(now)
        return [Established(self._here(), connected)]

    def handle_refusal(self, received: Error, error: Error, now: float) -> list[ConnectorEvent]:
        """Process an ERROR that answers CONNECT.

        Args:
            received: the ERROR, by which it is decided what it means.
            error: the ERROR with the passcode masked, which goes into exceptions.
            now: seconds.
        """
        has_login = self._answered.has_login(self._here())
        sentence = handshake_refusal(self._here(), received, error, has_login=has_login)
        if is_login_refusal(received):
            return self._login_refused(sentence, error, now)
        return self._attempt_failed(sentence, error, now)

    def _login_refused(self, sentence: str, error: Error | None, now: float) -> list[ConnectorEvent]:
        """Process a refusal of the credentials.

        If the program was asked for them, it is asked once more, at once: a token may have expired, or a secret may
        have been replaced, since it answered.

        Args:
            sentence: why, and what to check.
            error: the ERROR that refuses them, if there is one, with the passcode masked.
            now: seconds.
        """
        self._login_refusals += 1
        asked = self._attempt is not None and self._attempt.questions is not None
        if asked and self._login_refusals == 1:
            return self._attempt_failed(sentence, error, now, repeat=True)
        allowed = _REFUSALS_AFTER_SUCCESS if self.connection_number else 1
        if self._login_refusals < allowed:
            return self._attempt_failed(sentence, error, now)
        refused = AuthenticationFailed(f"could not connect: {sentence}", ((self._here(), sentence),), error)
        return [AttemptFailed(self._here(), sentence), GaveUp(refused)]

    def _attempt_failed(
        self,
        sentence: str,
        error: Error | None,
        now: float,
        *,
        cause: BaseException | None = None,
        repeat: bool = False,
    ) -> list[ConnectorEvent]:
        """Note that the attempt has failed.

        Args:
            sentence: why, and what to check.
            error: the ERROR that refuses it, if there is one.
            now: seconds.
            cause: what the program has raised.
            repeat: try the same endpoint again at once.
        """
        endpoint = self._here()
        self._drop(Input.ATTEMPT_FAILED)
        self._failures.append((endpoint, sentence))
        if repeat:
            self._schedule.repeat(now)
        else:
            self._schedule.failed()
        events: list[ConnectorEvent] = [AttemptFailed(endpoint, sentence)]
        if self._schedule.next(now) is None:
            reasons = "; ".join(sentence for _, sentence in self._failures)
            gave_up: Exception
            if self.connection_number:
                gave_up = ConnectionLost(
                    f"the connection was lost and could not be restored: {reasons}", error
                )
            else:
                gave_up = ConnectFailed(f"could not connect: {reasons}", tuple(self._failures), error)
            gave_up.__cause__ = cause
            events.append(GaveUp(gave_up))
        return events

    # ------------------------------------------------------------------ the end of a connection

    def handle_violation(self, error: RemoteProtocolError, now: float) -> list[ConnectorEvent]:
        """Process received bytes that violate the protocol."""
        if self.state is SessionState.HANDSHAKING:
            sentence = handshake_violation(self._here(), error, self._answer, self.mask.quotations, self._via)
            return self._attempt_failed(sentence, None, now)
        return self.broken(f"protocol error: {self.mask.quotations(str(error))}", now)

    def broken(
        self,
        reason: str,
        now: float,
        *,
        error: Error | None = None,
        attributed: bool = False,
        closed: ConnectionClosed | None = None,
        at_once: bool = False,
    ) -> list[ConnectorEvent]:
        """End the connection, which the caller did not ask for.

        Args:
            reason: why.
            now: seconds.
            error: the ERROR that ended it.
            attributed: whether it is known what the ERROR answers, so that it answers nothing else.
            closed: how the protocol layer saw the end.
            at_once: whether to connect again without a pause.
        """
        endpoint = self._here()
        if self.state is SessionState.HANDSHAKING:
            return self._attempt_failed(handshake_eof(endpoint, reason, self._answer, self._via), None, now)
        reason = f"the connection to {endpoint} was lost: {reason}"
        if closed is None:
            closed = ConnectionClosed(clean=False, reason=reason)
        lost = Lost(endpoint, reason, closed, None if attributed else error)
        if self.state is SessionState.CLOSING:
            return [lost]  # the session ends with it
        self._drop(Input.CONNECTION_LOST)
        self._schedule.lost(now, at_once=at_once)
        if self._schedule.next(now) is None:
            return [lost, GaveUp(ConnectionLost(reason, error))]
        return [lost]

    def start_closing(self) -> None:
        """Enter the state CLOSING: the caller has closed the session while it was connected."""
        self._move(Input.CLOSE)

    def end(self) -> None:
        """Enter the state CLOSED: nothing is dialled any more, and a socket that is open is to be closed."""
        self._drop(Input.END)

    def _drop(self, given: Input) -> None:
        """Forget the connection, or the attempt that has ended."""
        self._move(given)
        self.conn = None
        self.layered = None
        self.connected = None
        self._handshake_deadline = None
        self._attempt = None
        self._dial_at = None

    # ------------------------------------------------------------------ time

    def data_received(self, now: float, data: bytes | bytearray | memoryview = b"") -> None:
        """Note that bytes were received.

        Args:
            now: seconds.
            data: the bytes, if they are STOMP's.
        """
        if self._handshake_deadline is not None and len(self._answer) < ANSWER_SIZE:
            self._answer += bytes(data[: ANSWER_SIZE - len(self._answer)])
        self._last_read = now
        self._late_reported = False

    def set_reading(self, reading: bool, now: float) -> None:
        """Note whether the driver reads. While it does not, the broker's silence proves nothing."""
        conn = self.conn
        if conn is None or reading is not self.reading_paused:
            return
        self.reading_paused = not reading
        if reading:
            conn.resume_reading(now)
            self._last_read = now
        else:
            conn.pause_reading(now)

    def next_deadline(self, *, report_late: bool) -> float | None:
        """Return when :meth:`handle_timeout` is due.

        Args:
            report_late: whether somebody wants to know that heart-beats are late.
        """
        conn = self.conn
        if conn is None:
            return self._dial_at  # which is None while there is a connection
        earliest = conn.next_deadline()
        if self._handshake_deadline is not None:
            earliest = _earlier(earliest, self._handshake_deadline)
        if report_late:
            earliest = _earlier(earliest, self._late_at())
        return earliest

    def handle_timeout(self, now: float) -> list[ConnectorEvent]:
        """Check the time of the next attempt and the handshake timeout."""
        if self._dial_at is not None and now >= self._dial_at:
            self._dial_at = None
        if self._handshake_deadline is not None and now >= self._handshake_deadline:
            timeout = self._config.handshake_timeout
            if self.layered is not None and not self.layered.started:
                reason = self.mask.quotations(self.layered.layer.explain_silence(timeout))
                # An HTTP status of which the rest did not come may still refuse the credentials.
                if self.layered.layer.login_refused:
                    return self._login_refused(
                        layer_failure(self._here(), reason, self._answer, self._via), None, now
                    )
                return self._attempt_failed(
                    layer_failure(self._here(), reason, self._answer, self._via), None, now
                )
            sentence = handshake_silence(self._here(), timeout, self._answer, self._via)
            return self._attempt_failed(sentence, None, now)
        return []

    def lateness(self, now: float) -> float | None:
        """Return for how many seconds nothing was received, once, if that is longer than agreed."""
        late_at = self._late_at()
        if late_at is None or now < late_at:
            return None
        self._late_reported = True
        return now - self._last_read

    def _late_at(self) -> float | None:
        conn = self.conn
        if conn is None or self._late_reported or self.reading_paused:
            return None
        receiving = conn.heart_beat[1] if self.state is SessionState.CONNECTED else 0.0
        return self._last_read + receiving * self.broker_profile.heart_beat_late if receiving else None

    # ------------------------------------------------------------------ what the present connection knows of messages

    def count_unacknowledged(self, subscription: str) -> int:
        """Return how many messages of a subscription were delivered on this connection and not acknowledged."""
        if self.conn is None or self.connected is None:
            return 0
        try:
            return len(self.conn.unacknowledged(subscription))
        except LocalProtocolError:
            return 0  # its SUBSCRIBE has not been sent

    def is_unacknowledged(self, message: Message, number: int) -> bool:
        """Return whether a message can still be acknowledged.

        Args:
            message: the message.
            number: of the connection on which it was received.
        """
        if self.conn is None or self.connected is None or number != self.connection_number:
            return False
        try:
            self.conn.covered_by(message.acknowledge())
        except LocalProtocolError:
            return False
        return True


def _sentence(reason: BaseException | str) -> str:
    return reason if isinstance(reason, str) else str(reason) or type(reason).__name__


def _earlier(one: float | None, other: float | None) -> float | None:
    """Return the earlier one of two times, of which each may be missing."""
    return other if one is None or (other is not None and other < one) else one
