"""ConnectionRunner: one connection, from CONNECT to the last call of a listener.

The engine of stomp_socket drives the connection in a thread of its own. Another thread, the *receiver*, takes what was
received from the session's tap and calls the listeners. So a listener may take its time, and may call the connection,
while heart-beats go on. What the receiver has not taken yet is bounded by the session, which stops reading.

Before CONNECTED. stomp.py (9.0) sends whatever it is given, at once. Here frames that are sent before CONNECTED wait,
and leave right after it, before any listener is called.
"""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from stomp_core import ErrorCode, LocalProtocolError, StompError
from stomp_core.protocol import Connect, Connected, Event
from stomp_core.session import Config, Endpoint, MessageQueue, Pending, Reconnect, Session, TapEvent
from stomp_core.wire import Leniency
from stomp_socket import Engine

from . import log
from .exception import ConnectFailedException, NotConnectedException, ProtocolException

__all__ = ["ConnectionRunner"]

# stomp.py tolerates whatever a broker sends.
_LENIENCY = replace(Leniency.permissive(), escapes_in_1_0=True)
# Errors of a frame that asks for what is already so: an ACK for nothing, an UNSUBSCRIBE from nothing.
_HARMLESS = frozenset({ErrorCode.NOT_ACKNOWLEDGEABLE, ErrorCode.UNKNOWN_SUBSCRIPTION})
_MAX_EVENTS = 100  # taken at a time
_MAX_BYTES = 1024 * 1024
_LISTENER_TIMEOUT = 1.0  # seconds that a caller waits for listeners, which may be waiting for the caller


class _Batches:
    """The events of a session's tap, many at a time; see :class:`stomp_core.adapter.MessageSource`."""

    def __init__(self, session: Session, tap: MessageQueue[TapEvent]) -> None:
        self._session = session
        self._tap = tap

    @property
    def ended(self) -> bool:
        return self._session.closed and not len(self._tap)

    def take(self) -> Any:
        batch: list[TapEvent] = []
        size = 0
        while len(batch) < _MAX_EVENTS and size < _MAX_BYTES:
            event = self._session.take_from(self._tap)
            if event is None:
                break
            batch.append(event)
            size += len(event.frame.body) if isinstance(event, Event) else 0
        return batch or None

    def ready(self) -> Pending[None]:
        return self._tap.ready()

    def first(self) -> Any:
        return None  # signal handlers run in the main thread, so nothing interrupts the receiver

    def put_back(self, entry: Any) -> None:
        """Do nothing; see above."""


class ConnectionRunner:
    """Runs one connection.

    Args:
        sock: connected, and not blocking.
        endpoint: where it leads.
        connect: the CONNECT frame.
        handshake_timeout: seconds that the broker has for its answer.
        heart_beat_tolerance: treat the connection as dead after so many of the broker's intervals without a byte.
        on_event: called with everything that is received, in order, in the receiver thread.
        on_end: called at the end, in the receiver thread.

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
        on_event: Callable[[TapEvent], None],
        on_end: Callable[[], None],
    ) -> None:
        try:
            config = Config(
                endpoint,
                connect_frame=connect,
                reconnect=Reconnect.never(),
                handshake_timeout=handshake_timeout,
                receipt_timeout=math.inf,  # a broker that blocks its producers may do so for hours
                heart_beat_tolerance=heart_beat_tolerance,
                leniency=_LENIENCY,
            )
        except LocalProtocolError as error:
            raise ProtocolException(str(error)) from error
        self._engine = Engine(config, dial=lambda *_: sock, tap=True)
        self._session = self._engine.session
        self._on_event = on_event
        self._on_end = on_end
        self._early: list[Event] | None = []  # frames that wait for CONNECTED
        self._receiver: int | None = None
        self._listeners_know = threading.Event()  # of CONNECTED
        self._ended = threading.Event()

    def start(self, create_thread: Callable[[Callable[[], None]], object]) -> object:
        """Send CONNECT; return what was created to run the receiver."""
        self._engine.start()
        return create_thread(self._receive)

    # ------------------------------------------------------------------ what can be seen

    @property
    def socket(self) -> socket.socket | None:
        """The socket, while there is one."""
        return self._engine.socket

    @property
    def connected(self) -> bool:
        """Whether CONNECTED has come, and the connection stands."""
        return self._session.connected is not None

    @property
    def closed(self) -> bool:
        """Whether the connection has ended. Listeners may not have been called for all of it."""
        return self._session.closed

    @property
    def error(self) -> Exception | None:
        """Why it has ended, if the caller did not close it."""
        return self._session.error

    # ------------------------------------------------------------------ for callers

    def send(self, event: Event) -> None:
        """Send a frame; before CONNECTED has come, as soon as it has.

        Raises:
            NotConnectedException: the connection has ended.
            ProtocolException: STOMP does not allow it here.
        """
        if self._early is not None and self._engine.run(lambda now: self._put_off(event)):
            return
        try:
            self._engine.call(Session.send_frame, self._session, event)
        except StompError as error:
            _raise_for(event.frame.command, error)

    def _put_off(self, event: Event) -> bool:
        if self._early is None or self._session.closed:
            return False
        self._early.append(event)
        return True

    def send_heart_beat(self) -> None:
        """Send a line end; before CONNECTED has come there is nothing to keep alive.

        Raises:
            NotConnectedException: the connection has ended.
        """
        if self._early is None or self._session.closed:
            try:
                self._engine.call(Session.send_heart_beat, self._session)
            except StompError as error:
                _raise_for("a heart-beat", error)

    def set_read_timeout(self, seconds: float) -> None:
        """Treat the connection as dead after so many seconds without a byte; 0 is never."""
        self._engine.run(lambda now: self._session.set_read_timeout(seconds or math.inf))

    def close(self, receipt: str | None, headers: dict[str, str]) -> Pending[bool] | None:
        """Send DISCONNECT.

        Returns:
            For :meth:`wait_closed`. ``None`` in a signal handler that interrupts a call of this connection: DISCONNECT
            is sent as soon as that call goes on.

        Raises:
            ProtocolException: STOMP cannot carry these headers.
        """
        try:
            closing: Pending[bool] | None = self._engine.run(
                lambda now: self._session.close(now, receipt=receipt, headers=headers)
            )
            return closing
        except LocalProtocolError as error:
            raise ProtocolException(str(error)) from error

    def wait_connected(self, timeout: float | None) -> None:
        """Wait for CONNECTED, and until the listeners were called with it.

        Raises:
            ConnectFailedException: it did not come.
        """
        try:
            self._engine.wait(self._session.opened, timeout)
        except (StompError, TimeoutError) as error:
            self.wait_ended(_LISTENER_TIMEOUT)
            raise ConnectFailedException(str(error)) from error
        if not self._is_receiver:
            self._listeners_know.wait(_LISTENER_TIMEOUT)

    def wait_closed(self, closing: Pending[bool] | None, timeout: float = _LISTENER_TIMEOUT) -> None:
        """Wait until a connection that is being closed has ended, and ``timeout`` seconds for its listeners."""
        if closing is not None and not self._is_receiver:
            self._engine.wait(closing)
            self.wait_ended(timeout)

    def wait_ended(self, timeout: float) -> None:
        """Wait until the listeners were called for the end."""
        if not self._is_receiver:
            self._ended.wait(timeout)

    # ------------------------------------------------------------------ the receiver

    @property
    def _is_receiver(self) -> bool:
        return threading.get_ident() == self._receiver

    def _receive(self) -> None:
        self._receiver = threading.get_ident()
        tap = self._session.tap
        assert tap is not None
        batches = _Batches(self._session, tap)
        try:
            while batch := cast("list[TapEvent] | None", self._engine.take(batches)):
                for event in batch:
                    if isinstance(event, Connected):
                        self._engine.run(self._send_early)
                        self._on_event(event)
                        self._listeners_know.set()
                    else:
                        self._on_event(event)
        finally:
            # It is closed already, unless a listener has ended the thread with sys.exit().
            self._engine.run(self._session.close)
            self._engine.join()  # a listener that is called for the end finds the socket closed
            try:
                self._on_end()
            finally:
                self._ended.set()
                self._receiver = None

    def _send_early(self, now: float) -> None:
        early, self._early = self._early or [], None
        for event in early:
            try:
                self._session.send_frame(now, event)
            except StompError as error:
                report = log.warning if _is_harmless(error) else log.error
                report("%s was not sent: %s", event.frame.command, error)


def _raise_for(what: str, error: StompError) -> None:
    """Raise stomp.py's exception for a frame that was not sent; only warn if it asks for what is already so."""
    if _is_harmless(error):
        log.warning("%s was not sent: %s", what, error)
        return
    kind = ProtocolException if isinstance(error, LocalProtocolError) else NotConnectedException
    raise kind(str(error)) from error


def _is_harmless(error: StompError) -> bool:
    return isinstance(error, LocalProtocolError) and error.code in _HARMLESS
