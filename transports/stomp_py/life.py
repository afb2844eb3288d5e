"""The life of one connection: the engine keeps it, a thread of its own tells the listeners what came in.

So a listener may take its time, or call the connection, and heart-beats go on. What it has not taken yet is bounded by
the session, which stops reading.
"""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Callable
from dataclasses import replace

from stomp_core import ErrorCode, LocalProtocolError, StompError
from stomp_core.protocol import Connect, Connected, Event
from stomp_core.session import Endpoint, Pending, Reconnect, Session, TapEvent
from stomp_core.wire import Leniency
from stomp_socket.engine import Engine

from . import log
from .exception import ConnectFailedException, NotConnectedException, ProtocolException

__all__ = ["Life"]

# stomp.py forgives whatever a broker says.
_LENIENCY = replace(Leniency.permissive(), escapes_in_1_0=True)
# What such a frame wants is so already.
_IDLE = frozenset({ErrorCode.NOT_ACKNOWLEDGEABLE, ErrorCode.UNKNOWN_SUBSCRIPTION})
_MOST_EVENTS = 100  # taken at a time
_MOST_BYTES = 1024 * 1024
_MOMENT = 1.0  # seconds that a caller waits for listeners, which may be waiting for the caller


class Life:
    """One connection, from CONNECT to the last call of a listener.

    Args:
        sock: connected, and not blocking.
        endpoint: where it leads.
        connect: the CONNECT frame.
        handshake_timeout: seconds that the broker has for its answer.
        heart_beat_tolerance: the broker is dead after so many of its intervals without a byte.
        tell: called with everything that comes in, in order, in the receiver thread.
        ended: called at the end, in the receiver thread.

    Raises:
        ProtocolException: STOMP cannot carry this CONNECT frame.
    """

    def __init__(
        self,
        sock: socket.socket,
        endpoint: Endpoint,
        connect: Connect,
        *,
        handshake_timeout: float,
        heart_beat_tolerance: float,
        tell: Callable[[TapEvent], None],
        ended: Callable[[], None],
    ) -> None:
        def make_session(wake: Callable[[], None]) -> Session:
            return Session(
                endpoint,
                connect=connect,
                reconnect=Reconnect.never(),
                handshake_timeout=handshake_timeout,
                receipt_timeout=math.inf,  # a broker that blocks its producers may do so for hours
                heart_beat_tolerance=heart_beat_tolerance,
                leniency=_LENIENCY,
                wake=wake,
                tap=True,
            )

        try:
            self._engine = Engine(make_session, None, dial=lambda *_: sock)
        except LocalProtocolError as error:
            raise ProtocolException(str(error)) from error
        self._session = self._engine.session
        self._tell = tell
        self._ended = ended
        self._early: list[Event] | None = []  # said before there was CONNECTED
        self._receiver: int | None = None
        self._greeted = threading.Event()
        self._over = threading.Event()

    def start(self, create_thread: Callable[[Callable[[], None]], object]) -> object:
        """Say CONNECT; returns what was created to run the receiver."""
        self._engine.start()
        return create_thread(self._receive)

    # ------------------------------------------------------------------ what can be seen

    @property
    def socket(self) -> socket.socket | None:
        """The socket, while there is one."""
        return self._engine.present_socket

    @property
    def connected(self) -> bool:
        """Whether CONNECTED has come, and the connection stands."""
        return self._session.connected is not None

    @property
    def over(self) -> bool:
        """Whether the connection has ended. Listeners may have more to hear of it."""
        return self._session.closed

    @property
    def error(self) -> Exception | None:
        """Why it has ended, if nobody asked for that."""
        return self._session.error

    # ------------------------------------------------------------------ for callers

    def say(self, event: Event) -> None:
        """Send a frame; before CONNECTED has come, as soon as it has.

        Raises:
            NotConnectedException: the connection has ended.
            ProtocolException: STOMP does not allow it here.
        """
        if self._early is not None and self._put_off(event):
            return
        try:
            pending = self._engine.perform(self._session.send_frame, event)
            if not pending.done:
                self._engine.wait(pending)
        except StompError as error:
            _refuse(event.frame.command, error)

    def _put_off(self, event: Event) -> bool:
        with self._engine.lock:
            early = self._early
            if early is None or self._session.closed:
                return False
            early.append(event)
            return True

    def beat(self) -> None:
        """Send an end of line; before CONNECTED has come there is nothing to keep alive.

        Raises:
            NotConnectedException: the connection has ended.
        """
        with self._engine.lock:
            if self._early is None or self._session.closed:
                try:
                    self._engine.perform(self._session.send_heart_beat)
                except StompError as error:
                    _refuse("a heart-beat", error)

    def set_read_timeout(self, seconds: float) -> None:
        """Take the broker for dead after so many seconds without a byte; 0 is never."""
        with self._engine.lock:
            self._session.set_read_timeout(seconds or math.inf)
            self._engine.attend()

    def close(self, receipt: str | None, headers: dict[str, str]) -> Pending[bool]:
        """Say DISCONNECT.

        Raises:
            ProtocolException: STOMP cannot carry these headers.
        """
        try:
            return self._engine.perform(lambda: self._session.close(receipt=receipt, headers=headers))
        except LocalProtocolError as error:
            raise ProtocolException(str(error)) from error

    def wait_connected(self, timeout: float | None) -> None:
        """Wait for CONNECTED, and for the listeners to hear of it.

        Raises:
            ConnectFailedException: it did not come.
        """
        try:
            self._engine.wait(self._session.opened, timeout)
        except (StompError, TimeoutError) as error:
            self.wait_over(_MOMENT)
            raise ConnectFailedException(str(error)) from error
        if not self._is_receiver:
            self._greeted.wait(_MOMENT)

    def wait_closed(self, closing: Pending[bool], patience: float = _MOMENT) -> None:
        """Wait until a connection that is being closed has ended, and for ``patience`` seconds for its listeners."""
        if not self._is_receiver:
            self._engine.wait(closing)
            self.wait_over(patience)

    def wait_over(self, timeout: float) -> None:
        """Wait until the listeners have heard the end."""
        if not self._is_receiver:
            self._over.wait(timeout)

    # ------------------------------------------------------------------ the receiver

    @property
    def _is_receiver(self) -> bool:
        return threading.get_ident() == self._receiver

    def _receive(self) -> None:
        self._receiver = threading.get_ident()
        try:
            while batch := self._take():
                for event in batch:
                    if isinstance(event, Connected):
                        self._say_early()
                        self._tell(event)
                        self._greeted.set()
                    else:
                        self._tell(event)
        finally:
            # Closed already, unless a listener has ended the thread with sys.exit().
            self._engine.perform(self._session.close)
            self._engine.join()  # who hears of the end finds the socket closed
            try:
                self._ended()
            finally:
                self._over.set()
                self._receiver = None

    def _take(self) -> list[TapEvent]:
        """What has come in, at least one thing; nothing once the connection has ended."""
        engine, tap = self._engine, self._session.tap
        assert tap is not None
        while True:
            with engine.lock:
                batch: list[TapEvent] = []
                size = 0
                while len(batch) < _MOST_EVENTS and size < _MOST_BYTES and (event := tap.take()) is not None:
                    batch.append(event)
                    size += len(event.frame.body) if isinstance(event, Event) else 0
                engine.attend()
                if batch or self._session.closed:
                    return batch
                arrival = tap.arrival()
            engine.wait(arrival)

    def _say_early(self) -> None:
        with self._engine.lock:
            early, self._early = self._early or [], None
            for event in early:
                try:
                    self._engine.perform(self._session.send_frame, event)
                except StompError as error:
                    tell = log.warning if _is_so_already(error) else log.error
                    tell("%s was not sent: %s", event.frame.command, error)


def _refuse(what: str, error: StompError) -> None:
    """Say in the words of stomp.py why something was not sent. What is so already is no mistake."""
    if _is_so_already(error):
        log.warning("%s was not sent: %s", what, error)
        return
    kind = ProtocolException if isinstance(error, LocalProtocolError) else NotConnectedException
    raise kind(str(error)) from error


def _is_so_already(error: StompError) -> bool:
    return isinstance(error, LocalProtocolError) and error.code in _IDLE
