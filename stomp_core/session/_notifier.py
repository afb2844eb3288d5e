"""Notifier: tells the log and the listener what happens in a session."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import BuiltinMethodType

from .._logging import log_exception
from ..errors import StompError
from ..protocol import Error, Event, Send
from ..wire import Headers
from ._connection_log import ConnectionLog
from ._listener import Listener, call_listener
from ._reconnect import Attempt

__all__ = ["Notifier"]

#: What an operation states itself.
_NOT_OF_LISTENER = ("destination", "receipt", "transaction", "content-length", "reply-to", "correlation-id")


class Notifier:
    """Calls the methods of a session's log and listener.

    Args:
        listener: ``None`` if nobody observes.
        run: called with each notification, a function without arguments, to run it elsewhere; ``None``: at once.
        log: whether to write to the log.

    Attributes:
        listener: see above.
        wants_frames: whether frames and heart-beats are to be told: one test for each frame where they are not.
    """

    __slots__ = ("_log", "_run", "listener", "wants_frames")

    def __init__(
        self,
        listener: Listener | None,
        run: Callable[[Callable[[], None]], object] | None,
        *,
        log: bool = True,
    ) -> None:
        self.listener = listener
        self._run = run
        self._log = ConnectionLog() if log else None
        self.wants_frames = False
        self.update()

    def update(self) -> None:
        """Find out anew whether frames are logged: the program may have changed the level of the logger."""
        if self._log is not None:
            self._log.update()
        self.wants_frames = self.listener is not None or (self._log is not None and self._log.logs_frames)

    def notify(self, method: str, *arguments: object) -> None:
        """Call a method of the log, and of the listener if there is one."""
        if self._log is not None:
            self._call(self._log, method, *arguments)
        self.notify_listener(method, *arguments)

    def notify_frame(self, method: str, *arguments: object) -> None:
        """Do the same for a frame or heart-beat. Ask :attr:`wants_frames` first."""
        if self._log is not None and self._log.logs_frames:
            self._call(self._log, method, *arguments)
        self.notify_listener(method, *arguments)

    def notify_listener(self, method: str, *arguments: object) -> None:
        """Call a method of the listener, if there is one, and not of the log."""
        if self.listener is not None:
            self._call(self.listener, method, *arguments)

    def dialling(self, attempt: Attempt, now: float) -> None:
        """Tell that an attempt was given out, which may begin later."""
        if self._log is not None:
            self._call(self._log, "dialling_after", attempt, attempt.at - now)
        self.notify_listener("dialling", attempt)

    def error_while_closing(self, error: Error) -> None:
        """Log an ERROR after the caller has closed the session."""
        if self._log is not None:
            self._call(self._log, "error_while_closing", error)

    def covering_ack(self, broker: str, covering: str, covered: str) -> None:
        """Log that an ACK of one subscription acknowledges messages of another one."""
        if self._log is not None:
            self._call(self._log, "covering_ack", broker, covering, covered)

    def _call(self, listener: Listener, method: str, *arguments: object) -> None:
        run = self._run
        if run is None:
            call_listener(listener, method, *arguments)
        elif type(run) is BuiltinMethodType:
            # The append() of the blocking adapter's queue raises nothing by itself: what comes out of it was raised by
            # a signal handler, and belongs to the program.
            run(partial(call_listener, listener, method, *arguments))
        else:
            try:
                run(partial(call_listener, listener, method, *arguments))
            except Exception as error:
                log_exception("run_listener() raised", error)

    def add_headers(self, destination: str, own: Headers, check: Callable[[Event], object]) -> Headers:
        """Return a message's headers, with those that the listener adds to them.

        What the listener may not add, or STOMP cannot carry, is its mistake and not that of the caller who sends: it is
        logged, and the message is sent without.

        Args:
            destination: where to the message is sent.
            own: its headers.
            check: raises a StompError for a frame that STOMP cannot carry.
        """
        if self.listener is None:
            return own
        try:
            # As headers, so that what is none is the listener's mistake.
            pairs = Headers(self.listener.headers_for(destination)).items()
        except Exception as error:
            log_exception("a listener raised in headers_for()", error)
            return own
        added = [pair for pair in pairs if pair[0] not in own and pair[0] not in _NOT_OF_LISTENER]
        if not added:
            return own
        try:
            check(Send("", headers=added))
        except StompError as error:
            log_exception("a listener returned headers from headers_for() that cannot be sent", error)
            return own
        return Headers([*own.items(), *added])
