"""ConnectionRunner: one connection, from CONNECT to the last call of a listener.

*Threads.* Three kinds of threads meet here:

* The engine of stomp_socket has a thread that reads, writes what is left, and keeps heart-beats and deadlines.
* The *receiver* takes what was received from the session's tap and calls the listeners, one event after the other. It
  is the thread that stomp.py calls its receiver loop, and that ``override_threading()`` lets a program create. So a
  listener may take its time and may call the connection while heart-beats go on; in stomp.py 9.0 it stops them. What
  the receiver has not taken yet is bounded: the session stops reading, and TCP slows the broker down.
* Callers send by themselves. They wait for the end of ``connect(wait=True)`` and ``disconnect()``, and then, for a
  limited time, until the listeners were called, because programs expect that ``on_connected`` comes before
  ``connect()`` returns. A listener that calls ``connect()`` or ``disconnect()`` is in the receiver, so it does not wait
  for itself.

*Before CONNECTED.* stomp.py 9.0 sends whatever it is given at once, also before the broker has answered CONNECT; some
brokers refuse that. Here such frames wait, and are sent right after CONNECTED, before ``on_connected`` is called. The
session refuses them until then, so the list of them is here. It is read and replaced inside ``engine.run()`` only,
where nobody else uses the session: no frame is left behind, and none overtakes another.

*What STOMP forbids* is sent, with a warning in the log, as stomp.py sends it. Refused is only what cannot be written
without being taken for something else, such as a line feed in a header of 1.0.

*Receipts.* A program of stomp.py makes its receipt ids, and its listeners get the RECEIPTs. So frames are sent with
:meth:`Session.send_frame`, which does not track them, and no receipt has a timeout. Only DISCONNECT is the session's
own: :meth:`Session.close` waits for its RECEIPT, for ``close_timeout`` at most.

*Heart-beats.* The CONNECT frame of the program asks for them, in milliseconds. The session negotiates, sends and checks
them. ``heart_beat_receive_scale`` becomes its ``heart_beat_tolerance``; see the constructor.

*The end.* The session never reconnects. Its end closes the tap; the receiver calls the listeners for what is left, then
waits until the socket is closed, and calls them for the end.
"""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from stomp_core import LocalProtocolError, StompError
from stomp_core.protocol import Connect, Connected, Event, Tolerated
from stomp_core.session import (
    Config,
    Endpoint,
    Listener,
    MessageQueue,
    Pending,
    Reconnect,
    Session,
    SessionState,
    TapEvent,
)
from stomp_core.wire import HeaderSource, Leniency
from stomp_socket import Engine

from . import log
from ._error_texts import in_terms_of_stomp_py
from .exception import ConnectFailedException, NotConnectedException, ProtocolException, StompException

__all__ = ["ConnectionRunner"]

#: stomp.py tolerates whatever a broker sends, undoes escapes in 1.0 as well, and sends whatever a program wants:
#: brokers differ in what they accept, and answer ERROR to the rest.
_LENIENCY = replace(Leniency.permissive(), escapes_in_1_0=True, unchecked_conversation=True)
#: What the receiver takes at a time. What it has taken is not counted by the session any more, so it is limited.
_BATCH_EVENTS = 100
_BATCH_BYTES = 1024 * 1024
#: Seconds that a caller waits for listeners. A listener may be waiting for this very caller.
_LISTENER_TIMEOUT = 1.0
_END_TIMEOUT = 10.0  # seconds that a caller waits for the end of a connection whose socket it has closed


class ConnectionRunner:
    """Runs one connection.

    Args:
        sock: connected, and not blocking.
        endpoint: what it is connected to.
        connect: the CONNECT frame; or another one if the broker logs in its clients by itself, as RabbitMQ can.
        handshake_timeout: seconds that the broker has to answer CONNECT.
        heart_beat_receive_scale: as for :class:`~stomp_py.protocol.Protocol11`.
        on_event: called with everything that is received, in order, in the receiver.
        on_end: called at the end, in the receiver.

    Raises:
        ProtocolException: STOMP cannot carry this CONNECT frame.
        ValueError: ``heart_beat_receive_scale`` is not positive.
    """

    def __init__(
        self,
        sock: socket.socket,
        endpoint: Endpoint,
        connect: Event,
        *,
        handshake_timeout: float,
        heart_beat_receive_scale: float,
        on_event: Callable[[TapEvent], None],
        on_end: Callable[[], None],
    ) -> None:
        scale: object = heart_beat_receive_scale  # of a program without types
        if not isinstance(scale, int | float) or not scale > 0:
            raise ValueError(f"heart_beat_receive_scale must be positive, got {heart_beat_receive_scale!r}")
        handshake = isinstance(connect, Connect)
        try:
            config = Config(
                endpoint,
                connect_frame=connect,
                reconnect=Reconnect.never(),
                # stomp.py accepts any number here; Config takes one above an hour for milliseconds.
                handshake_timeout=handshake_timeout if handshake and handshake_timeout <= 3600 else math.inf,
                receipt_timeout=math.inf,  # a broker that blocks its producers may do so for hours
                # stomp.py grants one interval more before the first heart-beat, which ActiveMQ needs: its first one
                # comes after two intervals.
                heart_beat_tolerance=heart_beat_receive_scale + 1.0,
                leniency=_LENIENCY,
                listener=_Warnings(),
            )
        except LocalProtocolError as error:
            raise _in_terms_of_stomp_py(error) from error
        # The facade has the logger of stomp.py, so its connections do not write to that of the core as well.
        self._engine = Engine(config, stream=sock, tap=True, log=False)
        self._session = self._engine.session
        self._on_event = on_event
        self._on_end = on_end
        # Frames that wait for CONNECTED; None after it, and if it will not be received.
        self._early: list[Event] | None = [] if handshake else None
        self._receiver: int | None = None  # the identifier of its thread
        self._socket_closed = False  # by the program
        self._wait_over = self._new_wait()
        self._connected_notified = threading.Event()
        self._end_notified = threading.Event()

    def start(self, create_thread: Callable[[Callable[[], None]], object]) -> object:
        """Send CONNECT, and start the receiver.

        Args:
            create_thread: starts a thread that calls its argument, and returns at once.

        Returns:
            What ``create_thread`` has returned.
        """
        self._engine.start()
        return create_thread(self._receive)

    # ------------------------------------------------------------------ what can be seen

    @property
    def socket(self) -> socket.socket | None:
        """The socket; ``None`` if there is none."""
        return cast("socket.socket | None", self._engine.socket)  # dialled by this package

    @property
    def connected(self) -> bool:
        """Whether CONNECTED was received, and the connection has not ended."""
        return self._session.connected is not None

    @property
    def closing(self) -> bool:
        """Whether the program has closed the connection, and it has not ended yet."""
        return self._session.state is SessionState.CLOSING

    @property
    def closed(self) -> bool:
        """Whether the connection has ended. Listeners may not have been called for all of it."""
        return self._session.closed

    @property
    def error(self) -> Exception | None:
        """Why it has ended; ``None`` if it has not, or if the program closed it."""
        return None if self._socket_closed else self._session.error

    # ------------------------------------------------------------------ for callers

    def send(self, event: Event) -> None:
        """Send a frame; before CONNECTED, as soon as that is received.

        It waits while the send queue is full, for as long as the broker does not read.

        Raises:
            NotConnectedException: the connection has ended.
            ProtocolException: it cannot be written without being taken for something else.
        """
        if self._early is not None and self._engine.run(lambda now: self._add_early(event)):
            return
        try:
            self._engine.call(Session.send_frame, self._session, event)
        except StompError as error:
            raise _in_terms_of_stomp_py(error) from error
        for broken in self._session.take_broken_rules():
            _warn_of(broken)

    def _warn_of_broken_rules(self) -> None:
        for broken in self._session.take_broken_rules():
            _warn_of(broken)

    def _add_early(self, event: Event) -> bool:
        """Let a frame wait for CONNECTED; return false if that was received meanwhile, or never will be."""
        if self._early is None or self._session.closed:
            return False
        self._early.append(event)
        return True

    def send_heart_beat(self) -> None:
        """Send a line end. Before CONNECTED there is nothing to keep alive, and nothing is sent.

        Raises:
            NotConnectedException: the connection has ended.
        """
        if self._early is None or self._session.closed:
            try:
                self._engine.call(Session.send_heart_beat, self._session)
            except StompError as error:
                raise _in_terms_of_stomp_py(error) from error

    def set_read_timeout(self, seconds: float) -> None:
        """Treat the connection as dead if nothing is received for ``seconds``; 0 is never."""
        self._engine.run(lambda now: self._session.set_read_timeout(seconds or math.inf))

    def close(self, headers: HeaderSource = ()) -> None:
        """Send DISCONNECT, and wait until the broker has confirmed it and the listeners were called.

        A listener does not wait. In a fork of the process only the descriptors are closed.

        Args:
            headers: its headers. Without a ``receipt`` there, one is generated.

        Raises:
            ProtocolException: STOMP cannot carry these headers.
        """
        if self._engine.foreign:
            self._engine.drop()
            return
        try:
            if self._is_receiver:
                self._engine.run(lambda now: self._session.close(now, headers=headers))
            else:
                confirmed = self._engine.call(Session.close, self._session, headers=headers)
                # None in a signal handler that interrupts a call of this connection: the engine closes it as soon as
                # that call goes on, so to wait here would be in vain.
                if confirmed is not None:
                    self._end_notified.wait(_LISTENER_TIMEOUT)
        except LocalProtocolError as error:
            raise _in_terms_of_stomp_py(error) from error
        finally:
            self._warn_of_broken_rules()

    def close_socket(self) -> None:
        """Close the socket without DISCONNECT, and wait until the connection has ended and the listeners were called.

        A listener does not wait. In a fork of the process only the descriptors are closed.
        """
        sock = self.socket
        if self._engine.foreign or not self.connected or sock is None:
            self.close()
            return
        self._socket_closed = True
        try:
            # Not the method of an SSLSocket, which the engine's thread may be reading.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended by itself
        self.wait_ended(_END_TIMEOUT)

    def wait_connected(self, timeout: float | None) -> None:
        """Wait for CONNECTED, and until the listeners were called with it.

        Args:
            timeout: seconds; ``None`` is the ``handshake_timeout``.

        Raises:
            ConnectFailedException: it was not received.
        """
        try:
            self._engine.wait(self._wait_over, timeout)
        except (StompError, TimeoutError) as error:
            self.wait_ended(_LISTENER_TIMEOUT)  # so that on_error was called when connect() raises
            raise ConnectFailedException(in_terms_of_stomp_py(str(error))) from error
        if self.connected and not self._is_receiver:
            self._connected_notified.wait(_LISTENER_TIMEOUT)

    def end_waits(self) -> None:
        """Let everybody who waits for CONNECTED go on, as if it had been received."""
        if not self._session.opened.done and not self._engine.foreign:
            self._engine.run(self._end_waits)

    def _end_waits(self, now: float) -> None:
        over, self._wait_over = self._wait_over, self._new_wait()
        over.succeed(None)

    def _new_wait(self) -> Pending[None]:
        """Return a Pending that ends with CONNECTED, or when there will be none."""
        wait: Pending[None] = Pending("connect")
        opened = self._session.opened

        def end() -> None:
            error = opened.exception()
            if error is None:
                wait.succeed(None)
            else:
                wait.fail(error)

        opened.add_done_callback(end)
        return wait

    def wait_ended(self, timeout: float) -> None:
        """Wait until the connection has ended and the listeners were called, ``timeout`` seconds at most.

        A listener does not wait.
        """
        if not self._is_receiver:
            self._end_notified.wait(timeout)

    # ------------------------------------------------------------------ the receiver

    @property
    def _is_receiver(self) -> bool:
        return threading.get_ident() == self._receiver

    def _receive(self) -> None:
        """Call the listeners until the connection has ended."""
        self._receiver = threading.get_ident()
        tap = self._session.tap
        assert tap is not None
        batches = _Batches(self._session, tap)
        try:
            while (batch := cast("list[TapEvent] | None", self._engine.take(batches))) is not None:
                for event in batch:
                    if isinstance(event, Connected):
                        self._engine.run(self._send_early)
                        self._on_event(event)
                        self._connected_notified.set()
                    else:
                        self._on_event(event)
        finally:
            # It is closed already, unless a listener has ended the thread with sys.exit().
            self._engine.run(self._session.close)
            self._engine.join()  # a listener that is called for the end finds the socket closed
            try:
                self._on_end()
            finally:
                self._end_notified.set()
                self._receiver = None  # another thread may get the same identifier

    def _send_early(self, now: float) -> None:
        """Send what waits for CONNECTED. Nobody waits for the outcome any more, so refusals go to the log."""
        early, self._early = self._early or [], None
        for event in early:
            try:
                self._session.send_frame(now, event)
            except StompError as error:
                log.error("%s was not sent: %s", event.frame.command, in_terms_of_stomp_py(str(error)))
        self._warn_of_broken_rules()


class _Batches:
    """The events of a session's tap, many at a time: the engine's lock is taken once for all of them.

    It is a :class:`stomp_core.adapter.MessageSource` of batches in place of messages.
    """

    def __init__(self, session: Session, tap: MessageQueue[TapEvent]) -> None:
        self._session = session
        self._tap = tap

    @property
    def ended(self) -> bool:
        """Whether nothing more will be received, and everything was taken."""
        return self._session.closed and not len(self._tap)

    def take(self) -> Any:
        """Return a list of events, but not too many; ``None`` if there is none."""
        batch: list[TapEvent] = []
        size = 0
        while len(batch) < _BATCH_EVENTS and size < _BATCH_BYTES:
            event = self._session.take_from(self._tap)
            if event is None:
                break
            batch.append(event)
            if isinstance(event, Event):
                size += len(event.frame.body)
        return batch or None

    def ready(self) -> Pending[None]:
        """Return a Pending that is done when there is something to take, or when the session has ended."""
        return self._tap.ready()

    def first(self) -> Any:
        """Return ``None``: signal handlers run in the main thread, so nothing interrupts the receiver."""

    def put_back(self, entry: Any) -> None:
        """Do nothing; see :meth:`first`."""


class _Warnings(Listener):
    """Logs what the broker does, and STOMP does not allow."""

    def tolerated(self, tolerated: Tolerated) -> None:
        log.warning("tolerated: %s", in_terms_of_stomp_py(tolerated.description))


def _warn_of(broken: Tolerated) -> None:
    log.warning("sent, although STOMP does not allow it: %s", in_terms_of_stomp_py(broken.description))


def _in_terms_of_stomp_py(error: StompError) -> StompException:
    """Return the exception of stomp.py's API for something that was not sent."""
    kind = ProtocolException if isinstance(error, LocalProtocolError) else NotConnectedException
    return kind(in_terms_of_stomp_py(str(error)))
