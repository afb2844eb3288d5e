"""Driver: drives a session for an event loop. Facts go in, commands come out; no I/O, no clock, no threads.

The contract, for authors of adapters, as in docs/embedding.md, which has examples:

1. ``now`` is the time in seconds, from one monotonic clock.
2. ``for command in driver.poll(now)`` yields all that there is to do; carry out each command before you take the next
   one.
3. Poll at the start, after ``wake`` was called, and when the timer expires; you may poll more often, or stop in the
   middle of a poll.
4. The driver calls ``wake`` once when there is something to poll for, and again only after the next poll; never
   during a poll or a fact.
5. ``wake`` is called in the middle of operations, so it should only schedule a poll; what it raises is logged.
6. ``Dial(line, endpoint, timeout)``: connect, with TLS if ``endpoint.secure``, then call ``line.made(now)`` or
   ``line.lost(error, now)``.
7. You need no deadline of your own for dialling: if it takes too long, or is not wanted any more, the driver sends
   ``Abort``.
8. ``Write(line, data)``: write all of it, then call ``line.written(now)``; until then the driver sends no other
   ``Write`` for this line.
9. Call ``written`` when the bytes have left your process, not when they lie in a buffer that grows: this alone slows
   down the senders.
10. ``Read(line, on)``: start or stop reading; a new line starts reading, and you may pass on one more chunk after
    "stop".
11. ``Abort(line)``: close at once, without writing unsent bytes, or stop dialling; report nothing afterwards.
12. ``Timer(at)``: poll at this time at the latest; it replaces the earlier timer, and you may poll too early.
13. ``End(error)``: the session has ended, and no command follows.
14. Report facts to the line that came with ``Dial``; a fact that is repeated, out of order, or reported to a line
    that has ended changes nothing.
15. ``line.received(b"", now)`` means only that the peer is alive, for transports that assemble messages; the end of
    the stream is ``line.eof(now)``.
16. Poll after facts; if you do not, the driver calls ``wake``.
17. Resolving a name, dialling and writing must not keep you from polling when the timer expires.
18. If your loop was blocked until after the timer, read what the sockets have before you poll: it may contain the
    peer's heart-beats.
19. If writing fails, read what the peer has sent before you call ``line.lost``: it may contain an ERROR with the
    reason.
20. The class of the exception that you pass to ``line.lost`` decides what the error text tells the user to check; no
    ``Abort`` follows, so close the socket yourself.
21. You may call operations and facts anywhere in the loop's thread: between polls, inside a poll, in done callbacks
    and in listeners.
22. With several threads, hold one lock around polls (``list(driver.poll(now))``), facts and operations, but not
    around I/O.
23. A call with a wrong argument raises and has changed nothing; what done callbacks and listeners raise is logged,
    and affects nothing else.
24. If ``Dial`` has ``questions``, the program's functions for the login have to be called: call ``questions.ask()``,
    or await ``questions.ask_async()``, before you dial, and pass what it raises to ``line.lost``; if you do not,
    ``line.made`` calls them.
25. The bytes of a ``ws://`` or ``wss://`` endpoint are WebSocket frames already: dial it like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from typing import Any

from .._logging import log_exception
from .._records import field, record
from ..session import Endpoint, Questions, Session

__all__ = ["Abort", "Command", "Dial", "Driver", "End", "Line", "Read", "Timer", "Write"]


_END_TIMEOUT = 1.0  # seconds that the end of a byte layer may take before the connection is closed


class Line:
    """One attempt to connect, and the connection that it becomes. The adapter reports here what happens to it.

    Args:
        driver: the driver that it belongs to.
        questions: the functions to ask before dialling.
        timeout: seconds that the attempt may take.

    Attributes:
        tag: for the adapter: anything that belongs to this line, such as its transport.
        connected: whether :meth:`made` was called.
        writing: whether a :class:`Write` came and :meth:`written` was not called yet.
        reading: whether the last :class:`Read` was to start; ``True`` at first.
        questions: the functions for ``login``, ``passcode`` and ``headers``, to be asked before dialling; ``None`` if
            there is none.
        timeout: seconds that the attempt may take. Then :class:`Abort` comes.
        abort_at: when :class:`Abort` comes at the latest, in seconds of the same clock, if the end of a byte layer is
            written before it.
        too_late: the reason of the failure if the attempt takes too long. An adapter may set one that explains more.
    """

    __slots__ = (
        "_driver",
        "abort_at",
        "connected",
        "questions",
        "reading",
        "tag",
        "timeout",
        "too_late",
        "writing",
    )

    def __init__(self, driver: Driver, questions: Questions[Any] | None = None, timeout: float = inf) -> None:
        self._driver = driver
        self.timeout: float = timeout
        self.questions: Questions[Any] | None = questions
        self.connected: bool = False
        self.writing: bool = False  # a Write was given out and is not answered
        self.reading: bool = True  # what the adapter was told last
        self.abort_at: float = inf
        self.tag: Any = None
        self.too_late: BaseException = TimeoutError()

    @property
    def over(self) -> bool:
        """Whether its end was reported already, or :class:`Abort` came. Then no call changes anything."""
        return not self._driver.is_current(self)

    def made(self, now: float, via: str = "") -> None:
        """Report that the connection is made, with TLS if the endpoint is ``secure``.

        Args:
            now: seconds of any monotonic clock.
            via: what it goes through, such as ``"the proxy socks5://host:1080"``, for error texts. By default nothing.
        """
        if not self.over and not self.connected:
            self.connected = True
            self._driver.report(self._driver.session.connection_made, now, via)

    def received(self, data: bytes | bytearray | memoryview, now: float) -> None:
        """Report received bytes.

        Args:
            data: the bytes. ``b""`` only says that the peer is alive; for the end of the stream there is :meth:`eof`.
            now: seconds of any monotonic clock.
        """
        if not self.over and self.connected:
            session = self._driver.session
            if data:
                self._driver.report(session.receive_data, data, now)
            else:
                self._driver.report(session.alive, now)

    def written(self, now: float) -> None:
        """Report that the bytes of the last :class:`Write` have left the adapter's hands.

        Args:
            now: seconds of any monotonic clock.
        """
        if not self.over and self.writing:
            self.writing = False
            session = self._driver.session
            if session.size_to_send or session.want_close:
                self._driver.wake_if_needed()

    def eof(self, now: float) -> None:
        """Report that the peer has closed its side. :class:`Abort` follows.

        Args:
            now: seconds of any monotonic clock.
        """
        if not self.over and self.connected:
            self._driver.report(self._driver.session.receive_data, b"", now)

    def lost(self, reason: BaseException | str | None, now: float) -> None:
        """Report that dialling, reading or writing failed, or that the connection was closed.

        Args:
            reason: the exception, or a sentence, that says why; ``None`` if it is not known. The error texts say what
                to check, by the class of the exception.
            now: seconds of any monotonic clock.
        """
        if not self.over:
            self._driver.line_lost(reason, now)


@record
class Dial:
    """Connect to ``endpoint``, then call ``line.made`` or ``line.lost``.

    Attributes:
        line: the attempt.
        endpoint: the endpoint to connect to.
        timeout: seconds after which :class:`Abort` comes, for adapters that want to set it on a socket as well.
        questions: the questions of the line.
    """

    line: Line
    endpoint: Endpoint
    timeout: float
    questions: Questions[Any] | None = None


@record
class Write:
    """Write ``data``, then call ``line.written``.

    Attributes:
        line: the connection.
        data: the bytes.
    """

    line: Line
    data: bytes | memoryview = field(repr=False)


@record
class Read:
    """Start or stop reading.

    Attributes:
        line: the connection.
        on: whether to read.
    """

    line: Line
    on: bool


@record
class Abort:
    """Close the connection at once, whatever is unsent, or stop dialling. The line is over already.

    Attributes:
        line: the connection or attempt.
    """

    line: Line


@record
class Timer:
    """Poll at a time, at the latest.

    Attributes:
        at: the time, in seconds on the clock of ``now``.
    """

    at: float


@record
class End:
    """Nothing else comes: the session has ended.

    Attributes:
        error: why; ``None`` if the caller closed it.
    """

    error: Exception | None


Command = Dial | Write | Read | Abort | Timer | End


class Driver:
    """Drives one session. The contract is the text of its module, :mod:`stomp_core.adapter`.

    Each command is derived from the difference between what the session wants and what the adapter was told, so the
    generator of :meth:`poll` has no state of its own, and no order of calls can go wrong.

    Args:
        session: a session that nothing else drives. Its ``wake`` is replaced.
        wake: a function without arguments that is called when there is something to poll for. It may be set later.
        write_size: how many bytes a :class:`Write` has at most.

    Attributes:
        session: see above.
        wake: see above.
    """

    def __init__(
        self, session: Session, wake: Callable[[], object] | None = None, *, write_size: int = 64 * 1024
    ) -> None:
        self.session = session
        self.wake = wake
        self._write_size = write_size
        self._line: Line | None = None
        self._dial_deadline = inf
        self._timer = inf  # what the adapter was told last, unless it has rung
        self._ended = False  # End was given out
        self._woken = True  # a poll is due: at the start it is
        self._ask = True  # the session was not asked yet what to dial
        # While a poll or a fact goes on, nobody needs to be woken.
        self._poll: object = None  # the latest poll, while it goes on
        self._facts = 0  # how many facts are being told
        session.wake = self._session_changed

    def poll(self, now: float) -> Iterator[Command]:
        """Yield the commands that are to be carried out now.

        Args:
            now: seconds of any monotonic clock.

        Returns:
            A generator. Carry out each command before you take the next one.

        Raises:
            TypeError, ValueError: ``now`` is not a finite number.
        """
        # A poll that was stopped in the middle may still be in memory, so the latest one counts, and not their number.
        this_poll = self._poll = object()
        # If nobody was woken, this is the timer's poll. Some loops ring a moment too early (uvloop: up to a
        # millisecond): then nothing is due yet, and the timer must be set anew.
        try:
            timer_rang = not (self._woken and -inf < now < self._timer)
        except TypeError:
            timer_rang = True  # the session refuses this time
        self._woken = True
        complete = False
        try:
            if timer_rang:
                self._timer = inf
                self.session.handle_timeout(now)
            while (command := self._next_command(now)) is not None:
                yield command
            complete = True
        finally:
            if self._poll is this_poll:
                self._poll = None
                self._woken = False
                if not complete:
                    self.wake_if_needed()

    def _next_command(self, now: float) -> Command | None:
        session, line = self.session, self._line
        if line is None:
            attempt = session.next_attempt(now)
            self._ask = False
            if attempt is None:
                if self._ended:
                    return None
                self._ended = True
                return End(session.error)
            if attempt.at <= now:
                self._line = line = Line(self, attempt.questions, attempt.timeout)
                self._dial_deadline = now + attempt.timeout
                return Dial(line, attempt.endpoint, attempt.timeout, attempt.questions)
        elif not line.connected:
            if session.closed or now >= self._dial_deadline:
                self._line, self._ask = None, True
                session.connection_lost(None if session.closed else self._too_late(line), now)
                return Abort(line)
        elif session.want_close:
            if not self._is_ending(line, now):
                self._line, self._ask = None, True
                session.connection_lost(None, now)
                return Abort(line)
            if not line.writing:
                line.writing = True
                return Write(line, session.data_to_send())
        else:
            if not line.writing and session.size_to_send and (data := session.data_to_send(self._write_size)):
                line.writing = True
                return Write(line, data)
            if session.want_read is not line.reading:
                session.handle_timeout(now)  # silence is judged only while somebody reads
                line.reading = not line.reading
                return Read(line, line.reading)
        deadline = self._next_deadline()
        if deadline < self._timer:
            self._timer = deadline
            return Timer(deadline)
        return None

    def _is_ending(self, line: Line, now: float) -> bool:
        """Whether the end of a byte layer (a Close frame) is to be written, or being written, before the Abort."""
        if not (self.session.size_to_send or (line.writing and line.abort_at < inf)):
            return False
        if line.abort_at == inf:
            line.abort_at = now + _END_TIMEOUT
        return now < line.abort_at

    def _too_late(self, line: Line) -> BaseException:
        questions = line.questions
        if questions is not None and questions.current is not None:
            return TimeoutError()  # it is not the dialler that takes too long; the session knows what does
        return line.too_late

    def _next_deadline(self) -> float:
        line = self._line
        deadline = self.session.next_deadline()
        own = inf if line is None else line.abort_at if line.connected else self._dial_deadline
        return own if deadline is None else min(deadline, own)

    def _has_command(self) -> bool:
        """Whether a poll would yield something now, apart from what time brings."""
        session, line = self.session, self._line
        if line is None:
            if session.closed or self._ask:
                return not self._ended
        elif not line.connected:
            if session.closed:
                return True
        elif session.want_close:
            if not line.writing or line.abort_at == inf:
                return True
        elif session.want_read is not line.reading or (session.size_to_send and not line.writing):
            return True
        return self._next_deadline() < self._timer

    # ------------------------------------------------------------------ for Line

    def is_current(self, line: Line) -> bool:
        """Return whether this is the line of the present attempt or connection.

        Args:
            line: the line.
        """
        return self._line is line

    def report(self, fact: Callable[..., object], *arguments: object) -> None:
        """Call a method of the session that takes a fact.

        Args:
            fact: the method.
            arguments: its arguments.
        """
        self._facts += 1
        try:
            fact(*arguments)
        finally:
            self._facts -= 1
            self.wake_if_needed()

    def line_lost(self, reason: BaseException | str | None, now: float) -> None:
        """Forget the present line.

        Args:
            reason: why it is over.
            now: seconds of any monotonic clock.
        """
        self._line, self._ask = None, True
        self.report(self.session.connection_lost, reason, now)

    def wake_if_needed(self) -> None:
        """Call ``wake`` if a poll would yield something."""
        if not self._woken and not self._busy and self._has_command():
            self._call_wake()

    @property
    def _busy(self) -> bool:
        return self._poll is not None or self._facts > 0

    # ------------------------------------------------------------------ waking

    def _session_changed(self) -> None:
        """The session's own ``wake``: an operation has left something to do."""
        if not self._woken and not self._busy:
            self._call_wake()

    def _call_wake(self) -> None:
        self._woken = True
        if self.wake is None:
            return
        try:
            self.wake()
        except Exception as error:
            log_exception("wake() raised", error)
