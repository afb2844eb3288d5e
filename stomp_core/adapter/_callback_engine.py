"""CallbackEngine: drives a session in an event loop that can do two things: call a function later, and dial.

What every engine does with its timer and with the driver's commands is here; what callers do while they wait is in
:mod:`._async_loop_engine` and :mod:`._blocking_loop_engine`. ``docs/embedding.md`` shows an engine from its first line.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Protocol, cast

from .._logging import log_exception
from ..session import Endpoint, Session
from ._driver import Abort, Command, Dial, Line, Read, Timer, Write
from ._loop_engine import LoopEngine

__all__ = ["CallbackEngine", "Transport"]


class Transport(Protocol):
    """One attempt to connect and the connection that it becomes, as an engine sees it.

    No method may block. The transport reports to the engine what happens: ``engine.report(line.made)``,
    ``engine.report(line.received, data)``, ``engine.report(line.written)``, ``engine.report(line.eof)`` and
    ``engine.report(line.lost, error)``; each may be called from within these methods. An exception that
    :meth:`write` or :meth:`set_reading` raises is reported as ``line.lost``, and :meth:`abort` is called.
    """

    def write(self, data: bytes | memoryview) -> object:
        """Write all of the data, and report ``line.written`` when it has left. Nothing else is to be written before.

        Args:
            data: the bytes.

        Returns:
            Anything; it is ignored.
        """

    def set_reading(self, on: bool) -> object:
        """Start or stop reading. A new transport reads. One more chunk after a stop is allowed.

        Read a few chunks at most in one turn of the loop: timers have to ring while data keeps coming.

        Args:
            on: whether to read.

        Returns:
            Anything; it is ignored.
        """

    def abort(self) -> object:
        """Close at once, whatever is unsent, or stop dialling. Nothing needs to be reported.

        It is not called after ``line.lost`` was reported: then the transport closes by itself.

        Returns:
            Anything; it is ignored.
        """


class CallbackEngine(LoopEngine):
    """Drives one session in the thread of an event loop, by callbacks. Derive from it for the session's own interface.

    An operation is ``pending = engine.run(lambda now: session.send(now, ...))``; ``pending.add_done_callback`` tells
    when its outcome is known. For connections that wait for outcomes there are :class:`AsyncLoopEngine` and
    :class:`BlockingLoopEngine`. :meth:`LoopEngine.poll` starts it.

    Args:
        session: the session.
        clock: a function that returns ``now``, in seconds; a monotonic clock, such as ``time.monotonic``.
    """

    def __init__(self, session: Session, clock: Callable[[], float]) -> None:
        super().__init__(session, clock)
        self._cancel_timer: Callable[[], object] | None = None

    # ------------------------------------------------------------------ what an adapter adds

    @abstractmethod
    def call_later(self, seconds: float, callback: Callable[[], object]) -> Callable[[], object]:
        """Call a function once, from the loop, after some time.

        Args:
            seconds: after how many seconds; 0 is soon, but never at once.
            callback: a function without arguments.

        Returns:
            A function that cancels it. It is not called after the callback was.
        """

    @abstractmethod
    def dial(self, line: Line, endpoint: Endpoint) -> Transport:
        """Start to connect, with TLS if ``endpoint.secure``, and return at once.

        Args:
            line: what to report to: ``line.made`` when it is connected, or ``line.lost``.
            endpoint: the endpoint to connect to.

        Returns:
            The transport. It needs no timeout, since :meth:`Transport.abort` is called if it takes too long.

        Raises:
            Exception: the reason why dialling failed, as for ``line.lost``.
        """

    # ------------------------------------------------------------------ for LoopEngine

    def poll_soon(self) -> None:
        """Poll in the next turn of the loop."""
        self.call_later(0.0, self.poll_if_due)

    def carry_out(self, command: Command) -> None:
        """Carry out a command of the driver.

        Args:
            command: the command.
        """
        if isinstance(command, Write):
            try:
                _transport_of(command.line).write(command.data)
            except Exception as error:
                self._fail(command.line, error)
        elif isinstance(command, Timer):
            self._set_timer()
        elif isinstance(command, Read):
            try:
                _transport_of(command.line).set_reading(command.on)
            except Exception as error:
                self._fail(command.line, error)
        elif isinstance(command, Dial):
            try:
                command.line.tag = self.dial(command.line, command.endpoint)
            except Exception as error:
                self.report(command.line.lost, error)
        elif isinstance(command, Abort):
            self._abort(command.line)
        else:
            self._set_timer()
            self.on_end()

    def on_end(self) -> None:
        """Do what is to be done when the session has ended: nothing is dialled or written any more."""

    def _fail(self, line: Line, error: Exception) -> None:
        self.report(line.lost, error)
        self._abort(line)

    def _abort(self, line: Line) -> None:
        try:
            _transport_of(line).abort()
        except Exception as error:
            log_exception("abort() of a transport raised", error)

    def _set_timer(self) -> None:
        if self._cancel_timer is not None:
            self._cancel_timer()
            self._cancel_timer = None
        if self.timer_at < inf:
            self._cancel_timer = self.call_later(max(0.0, self.timer_at - self._clock()), self._ring)

    def _ring(self) -> None:
        self._cancel_timer = None
        now = self._clock()
        if now < self.timer_at:
            self._set_timer()  # it has rung too early: many loops round to milliseconds, and some coalesce timers
        else:
            # If the loop stood still, heart-beats of the broker are in the socket. A loop looks at its sockets between
            # two turns at the latest, so the second turn from here knows whether the broker was silent.
            self.call_later(0.0, partial(self.call_later, 0.0, partial(self.timer_rang, now)))


def _transport_of(line: Line) -> Transport:
    return cast(Transport, line.tag)
