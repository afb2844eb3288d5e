"""What client and server connections share: state, reading, the error state, heart-beats.

The model. A connection is one socket's life, without the socket. Bytes that came in go to ``receive_data``; what
they mean comes out of ``next_event``; what you want to say goes to ``send``, which returns the bytes to write. The
clock is whatever ``now`` you pass: ``next_deadline`` says when ``handle_timeout`` must be called at the latest, and
calling it early or late does no harm. Where ``now`` is left out, the latest one that was passed counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

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
from ..wire._serializer import serialize
from ..wire._spec import REQUIRED_HEADERS
from ._events import Event, Tolerated, event_from_frame
from ._heartbeat import HeartBeatClock, HeartBeatRange, parse_heart_beat
from ._states import State, Table
from ._tracker import Ledger, RuleBroken

__all__ = ["Connection", "checked_versions"]

# To look up a member in its class takes longer than most of what is asked before a frame is read.
_CLOSED, _FAILED, _CONNECTING = State.CLOSED, State.FAILED, State.CONNECTING


def checked_versions(versions: Iterable[str]) -> tuple[Version, ...]:
    """Versions in ascending order.

    Raises:
        ValueError: one does not exist, or there is none.
    """
    known = []
    for version in versions:
        try:
            known.append(Version(version))
        except ValueError:
            raise ValueError(f"{version!r} is not a version of STOMP that exists") from None
    if not known:
        raise ValueError("at least one version of STOMP must be offered")
    return tuple(sorted(set(known)))


class Connection:
    """The common half of :class:`ClientConnection` and :class:`ServerConnection`; not for direct use."""

    _sends: ClassVar[Table]
    _receives: ClassVar[Table]
    _role: ClassVar[str]

    def __init__(
        self,
        versions: Iterable[str],
        limits: Limits | None,
        leniency: Leniency,
        heart_beat_tolerance: float,
        heart_beat_pace: float,
    ) -> None:
        if not heart_beat_tolerance > 1:
            raise ValueError("heart_beat_tolerance must be more than 1 interval")
        if not 0 < heart_beat_pace <= 1:
            raise ValueError("heart_beat_pace must be more than 0 and at most 1 interval")
        self._versions = checked_versions(versions)
        self._leniency = leniency
        self._parser = FrameParser(None, limits=limits, leniency=leniency)
        self._state = State.NEW
        self._version: Version | None = None
        self._ledger = Ledger()
        self._clock = HeartBeatClock(heart_beat_tolerance, heart_beat_pace)
        self._now = 0.0
        self._error: RemoteProtocolError | None = None
        self._ending: ConnectionClosed | None = None  # decided without the peer
        self._queue: list[Event | Tolerated] = []
        self._required: dict[str, tuple[str, ...]] = {}

    # ------------------------------------------------------------------ what can be seen

    @property
    def state(self) -> State:
        """Where the conversation stands."""
        return self._state

    @property
    def version(self) -> Version | None:
        """What was negotiated; ``None`` before."""
        return self._version

    @property
    def heart_beat(self) -> tuple[float, float]:
        """The negotiated intervals ``(sending, receiving)`` in seconds; 0.0 is never."""
        return self._clock.sending, self._clock.receiving

    # ------------------------------------------------------------------ reading

    @property
    def between_frames(self) -> bool:
        """Whether all that was received has been told, and ended with a whole frame or between two of them."""
        return not self._queue and self._parser.between_frames

    def receive_data(self, data: bytes | bytearray | memoryview, now: float | None = None) -> None:
        """Take bytes from the peer; ``b""`` means that it has closed.

        Args:
            data: as they came from the socket.
            now: seconds of any monotonic clock.

        Raises:
            ConnectionGoneError: bytes after the end, or after the peer was declared dead.
        """
        if data and (self._state is _CLOSED or self._ending is not None):
            raise ConnectionGoneError("bytes were received after the connection had ended")
        self._parser.receive_data(data)
        self._tick(now)
        if data:
            self._clock.last_read = self._now

    def next_event(
        self,
    ) -> Event | HeartBeat | ConnectionClosed | Tolerated | Literal[NeedData.NEED_DATA]:
        """The next thing that the peer has said, or :data:`NEED_DATA`. The end is told once.

        Raises:
            RemoteProtocolError: what came next breaks STOMP. What came before it has been returned. It is raised
                again by every call until the peer closes.
        """
        if self._queue:
            return self._queue.pop(0)
        state = self._state
        if state is _CLOSED or (state is _CONNECTING and not self._reading()):
            return NEED_DATA
        if self._error is not None:
            if not self._parser.eof_received and self._ending is None:
                raise self._error.with_traceback(None)
            self._state = State.CLOSED
            return self._ending or ConnectionClosed(
                clean=False, reason=f"closed after an error: {self._error}"
            )
        if state is _FAILED:
            return self._last_words()
        try:
            item = self._parser.next_frame()
        except RemoteProtocolError as error:
            receipt = self._parser.partial_header("receipt")
            raise self._broken(error, receipt) from None
        if type(item) is Frame:
            return self._judge(item)
        if item is NEED_DATA:
            if self._ending is None:
                return NEED_DATA
            self._state = State.CLOSED
            return self._ending
        if type(item) is ConnectionClosed:
            clean = self._state is State.DISCONNECTING and not item.cut
            ended = ConnectionClosed(clean=clean, cut=item.cut, reason=self._end_reason(item, clean))
            self._state = State.CLOSED
            return ended
        return item

    def _end_reason(self, closed: ConnectionClosed, clean: bool) -> str:
        if clean:
            return "closed after DISCONNECT"
        if closed.cut:
            return closed.reason
        return f"the peer closed the connection in state {self._state.value!r}, without ERROR or DISCONNECT"

    def _last_words(self) -> Event | ConnectionClosed | Literal[NeedData.NEED_DATA]:
        """After ERROR nothing is trusted: further ERRORs are read for their text, all else is dropped."""
        while True:
            try:
                item = self._parser.next_frame()
            except RemoteProtocolError:
                self._stop_listening()
                continue
            if type(item) is Frame:
                if item.command in self._receives[State.FAILED]:
                    return event_from_frame(item)
            elif type(item) is ConnectionClosed:
                self._state = State.CLOSED
                return ConnectionClosed(clean=False, cut=item.cut, reason="closed after ERROR")
            elif item is NEED_DATA:
                if self._ending is not None:
                    self._state = State.CLOSED
                    return self._ending
                return NEED_DATA

    def _reading(self) -> bool:
        """Whether bytes may be read now at all."""
        return True

    def _judge(self, frame: Frame) -> Event | Tolerated:
        command = frame.command
        state = self._receives[self._state].get(command)
        if state is None:
            raise self._broken_rule(
                ErrorCode.UNEXPECTED_FRAME,
                f"{command} may not be received by a {self._role} in state {self._state.value!r}",
                frame,
            )
        for name in self._required.get(command, ()):
            if name not in frame.headers:
                raise self._broken_rule(
                    ErrorCode.MISSING_HEADER, f"{command} without its {name!r} header", frame
                )
        event = event_from_frame(frame)
        try:
            self._received(event)
        except RuleBroken as broken:
            raise self._broken_rule(broken.code, str(broken), frame) from None
        self._state = state
        if self._queue:
            # Something has to be said first.
            self._queue.append(event)
            return self._queue.pop(0)
        return event

    def _received(self, event: Event) -> None:
        """Keep the books for a frame that came in. Raises RuleBroken."""
        raise NotImplementedError

    def _broken_rule(self, code: ErrorCode, message: str, frame: Frame) -> RemoteProtocolError:
        return self._broken(RemoteProtocolError(message, code=code), frame.headers.get("receipt"))

    def _broken(self, error: RemoteProtocolError, receipt: str | None) -> RemoteProtocolError:
        """Enter the error state."""
        self._error = error
        self._state = State.FAILED
        self._stop_listening()
        return error

    def _stop_listening(self) -> None:
        """Nothing that still comes can be trusted: it is thrown away, so that it costs no memory."""
        self._parser.discard_input()

    def _heart_beat_of(self, event: Event, value: str | None) -> HeartBeatRange:
        heart_beat = parse_heart_beat(value)
        if heart_beat is None:
            what = f"the heart-beat header {value!r} of {event.command} is not two numbers"
            if not self._leniency.bad_heart_beat:
                raise RuleBroken(ErrorCode.BAD_HEART_BEAT, what)
            self._queue.append(Tolerated(ErrorCode.BAD_HEART_BEAT, what + "; taken as 0,0"))
            return (0, 0)
        return heart_beat

    def _refuse_body(self, event: Event) -> None:
        """Keep the rule that this frame of the handshake has no body, which the parser could not yet know."""
        if event.frame.body:
            if not self._leniency.unexpected_body:
                raise RuleBroken(ErrorCode.BODY_NOT_ALLOWED, f"{event.frame.command} has a body")
            event.frame = Frame(event.frame.command, event.headers)

    def _agree(self, version: Version) -> None:
        """From here on the conversation is in this version."""
        self._version = version
        self._parser.version = version
        self._ledger.version = version
        self._required = REQUIRED_HEADERS[version]
        if self._leniency.missing_message_headers:
            self._required = {**self._required, "MESSAGE": ()}

    # ------------------------------------------------------------------ writing

    def _permitted(self, command: str) -> State:
        """The state that saying this leads to."""
        state = self._sends[self._state].get(command)
        if state is not None and self._ending is None:
            return state
        if self._state in (_FAILED, _CLOSED):
            raise ConnectionGoneError(f"{command} cannot be sent: the connection is {self._state.value}")
        if self._ending is not None:
            raise ConnectionGoneError(f"{command} cannot be sent: {self._ending.reason}")
        raise LocalProtocolError(
            f"{command} may not be sent by a {self._role} in state {self._state.value!r}",
            code=ErrorCode.UNEXPECTED_FRAME,
        )

    def _to_bytes(self, event: Event, version: str, *, escape_connect: bool = False) -> bytes:
        frame = event.frame
        wire = serialize(
            frame.command,
            frame.headers,
            frame.body,
            version,
            content_length=event.content_length_wanted,
            escape_connect=escape_connect,
        )
        # A proxy passes on the very bytes that it read, once it is sure that they may be written.
        return frame.to_bytes(version) if frame.version == version else wire

    # ------------------------------------------------------------------ time

    def _tick(self, now: float | None) -> None:
        if now is not None:
            self._now = now

    def next_deadline(self) -> float | None:
        """When :meth:`handle_timeout` must be called at the latest, on the clock of ``now``; ``None`` is never."""
        beat, death = self._due()
        return beat if death is None or (beat is not None and beat <= death) else death

    def _due(self) -> tuple[float | None, float | None]:
        """When a heart-beat must be written, and when the peer counts as dead."""
        if self._ending is None:
            if self._state is State.CONNECTED:
                return self._clock.beat_due, self._clock.death_due
            if self._state is State.DISCONNECTING and self._sends[self._state]:
                # A server may be busy for long with what was said before DISCONNECT. Its client says nothing more.
                return self._clock.beat_due, None
        return None, None

    def handle_timeout(self, now: float | None = None) -> bytes:
        """Do what is due: returns a heart-beat to write, or declares the peer dead, or neither.

        A dead peer is a :class:`ConnectionClosed` with code ``"heart-beat"`` from :meth:`next_event`. Whoever may be
        late reads first: what lies in the socket is a sign of life.
        """
        self._tick(now)
        beat, death = self._due()
        if death is not None and self._now >= death:
            silent = self._now - self._clock.last_read
            self._ending = ConnectionClosed(
                clean=False,
                code="heart-beat",
                reason=f"nothing came from the peer for {silent:.1f} s, though it promised a sign of life every "
                f"{self._clock.receiving:g} s",
            )
            return b""
        if beat is not None and self._now >= beat:
            self._clock.last_write = self._now
            return b"\n"
        return b""

    def set_read_timeout(self, seconds: float) -> None:
        """Take the peer for dead after so many seconds without a byte, whatever the tolerance is, if it promised any.

        Raises:
            ValueError: it is not more than 0.
        """
        if not seconds > 0:
            raise ValueError(f"a silence to endure takes more than 0 seconds, not {seconds!r}")
        self._clock.endure(seconds)

    def alive(self, now: float) -> None:
        """Temporary."""
        self._tick(now)
        self._clock.last_read = self._now

    def pause_reading(self, now: float | None = None) -> None:
        """Say that nobody reads for now: then silence proves nothing, and the peer's deadline rests."""
        self._tick(now)
        self._clock.rest(True, self._now)

    def resume_reading(self, now: float | None = None) -> None:
        """Say that reading goes on: the peer's deadline starts anew."""
        self._tick(now)
        self._clock.rest(False, self._now)
