"""Listeners: objects that a program registers with ``set_listener``, to be called with what is received and sent.

:class:`HeartbeatListener` belongs to every connection of 1.1 and 1.2; the other classes are for programs to derive from
or to use. :mod:`stomp_py._listener_calls` calls them.

No ``__all__``: programs that write ``from stomp.listener import *`` rely on the modules below as well.
"""

from __future__ import annotations

import sys
import threading
import time
from time import monotonic
from typing import Any

from . import exception, log, utils  # noqa: F401 -- programs get them from here too
from .constants import *  # noqa: F403
from .constants import CMD_CONNECT, CMD_STOMP, HDR_HEARTBEAT
from .utils import Frame


class Publisher:
    """The methods by which listeners are registered. Here they do nothing; a transport overrides them."""

    def set_listener(self, name: str, listener: Any) -> None:
        """Register a listener; one of the same name is replaced.

        Args:
            name: the name of the listener.
            listener: the listener.
        """

    def remove_listener(self, name: str) -> None:
        """Remove a listener.

        Args:
            name: the name with which it was registered.
        """

    def get_listener(self, name: str) -> Any:
        """Return a listener; ``None`` if there is none of this name.

        Args:
            name: the name with which it was registered.
        """
        return None


class ConnectionListener:
    """The base class of listeners. Override the methods that you need.

    They are called one at a time by the receiver thread, and may call the connection. Three of them are called by the
    thread that calls the connection: ``on_connecting``, ``on_disconnecting`` and ``on_send``. An exception that a
    method raises is logged, except for ``on_send``. A method that takes a frame may take ``(headers, body)`` instead.
    """

    def on_connecting(self, host_and_port: tuple[str, int]) -> None:
        """Called when the connection to a host is open, before CONNECT is sent.

        Args:
            host_and_port: the host and its port.
        """

    def on_connected(self, frame: Frame) -> None:
        """Called when CONNECTED was received.

        Args:
            frame: the CONNECTED frame.
        """

    def on_disconnecting(self) -> None:
        """Called before DISCONNECT is sent."""

    def on_disconnected(self) -> None:
        """Called when the connection has ended, whether the program closed it or not. It may connect again."""

    def on_heartbeat(self) -> None:
        """Called when one or several heart-beats were received."""

    def on_heartbeat_timeout(self) -> None:
        """Called when nothing was received for longer than was negotiated; ``on_disconnected`` follows."""

    def on_before_message(self, frame: Frame) -> None:
        """Called when a MESSAGE was received, before ``on_message``. It may change the frame.

        It may also return new headers and a new body, as a tuple.

        Args:
            frame: the MESSAGE frame.
        """

    def on_message(self, frame: Frame) -> None:
        """Called when a MESSAGE was received.

        Args:
            frame: the MESSAGE frame, with ``frame.headers`` and ``frame.body``.
        """

    def on_receipt(self, frame: Frame) -> None:
        """Called when a RECEIPT was received.

        Args:
            frame: the RECEIPT frame; its ``receipt-id`` header names what it confirms.
        """

    def on_error(self, frame: Frame) -> None:
        """Called when an ERROR was received; ``on_disconnected`` follows.

        Args:
            frame: the ERROR frame; its ``message`` header and its body say why.
        """

    def on_send(self, frame: Frame) -> None:
        """Called before a frame is sent. It may change the frame.

        If it raises an exception, nothing is sent, and the caller of the connection gets the exception.

        Args:
            frame: the frame that is about to be sent.
        """

    def on_receiver_loop_completed(self, frame: Frame | None) -> None:
        """Called last, when the receiver thread ends.

        Args:
            frame: ``None``.
        """


class HeartbeatListener(ConnectionListener):
    """Adds the ``heart-beat`` header to CONNECT, and shows what was negotiated (STOMP 1.2, "Heart-beating").

    In stomp.py it also has a thread that sends and checks heart-beats. Here the session does that, from the same two
    headers; this listener only computes the same numbers for programs that read them.

    Each connection asks for the heart-beats that the constructor was given. stomp.py 9.0 asks for those that were
    negotiated the last time, so that they shrink until there are none.

    Args:
        transport: the transport of the connection.
        heartbeats: ``(send, receive)`` in milliseconds, what to ask the broker for; 0 is never.
        heart_beat_receive_scale: treat the connection as lost if nothing is received for this many of the broker's
            intervals, and one more.

    Attributes:
        received_heartbeat: the :func:`time.monotonic` of the latest frame or heart-beat; ``None`` before the first one.
        heartbeat_thread: ``None``, since there is no such thread.

    Raises:
        TypeError: ``heartbeats`` is not a pair.
    """

    heartbeat_thread = None

    def __init__(
        self, transport: Any, heartbeats: tuple[int, int], heart_beat_receive_scale: float = 1.5
    ) -> None:
        self.transport: Any = transport
        self.heartbeats = heartbeats
        self.heart_beat_receive_scale: float = heart_beat_receive_scale
        self.received_heartbeat: float | None = None

    @property
    def heartbeats(self) -> tuple[int, int]:
        """``(send, receive)`` in milliseconds: what this side asks for, and from CONNECTED on what was negotiated.

        An assigned value is what the next connection asks for.
        """
        return self.__negotiated

    @heartbeats.setter
    def heartbeats(self, wanted: Any) -> None:
        if not isinstance(wanted, tuple | list) or len(wanted) != 2:
            raise TypeError(
                f"heartbeats must be two numbers of milliseconds, (send, receive), got {wanted!r}"
            )
        pair: tuple[int, int] = (wanted[0], wanted[1])
        self.__wanted = self.__negotiated = pair
        self.__assigned_receive_sleep: float | None = None

    @property
    def send_sleep(self) -> float:
        """Seconds after which a heart-beat is sent if nothing else is; 0 is never."""
        return self.__negotiated[0] / 1000

    @property
    def receive_sleep(self) -> float:
        """Seconds after which the connection counts as lost if nothing is received; 0 is never.

        An assigned value holds exactly, until the connection ends; otherwise one interval more passes first.
        """
        return (
            self.__negotiated[1] / 1000 * self.heart_beat_receive_scale
            if self.__assigned_receive_sleep is None
            else self.__assigned_receive_sleep
        )

    @receive_sleep.setter
    def receive_sleep(self, seconds: float) -> None:
        if not seconds >= 0:
            raise ValueError(f"receive_sleep must be at least 0 seconds, got {seconds!r}")
        self.transport.set_read_timeout(seconds)
        self.__assigned_receive_sleep = seconds

    def on_send(self, frame: Frame) -> None:
        if frame.cmd in (CMD_CONNECT, CMD_STOMP) and self.__wanted != (0, 0):
            frame.headers[HDR_HEARTBEAT] = f"{self.__wanted[0]},{self.__wanted[1]}"

    def on_connected(self, frame: Frame) -> None:
        offered = frame.headers.get(HDR_HEARTBEAT, "0,0")
        try:
            self.__negotiated = utils.calculate_heartbeats(offered.split(","), self.__wanted)
        except ValueError:
            self.__negotiated = (0, 0)  # as the core reads a header that is not two numbers
        self.__assigned_receive_sleep = None
        self.__note_received()

    def on_message(self, frame: Frame) -> None:
        self.__note_received()

    def on_receipt(self, frame: Frame) -> None:
        self.__note_received()

    def on_error(self, frame: Frame) -> None:
        self.__note_received()

    def on_heartbeat(self) -> None:
        self.__note_received()

    def __note_received(self) -> None:
        self.received_heartbeat = monotonic()


class WaitingListener(ConnectionListener):
    """Lets a thread wait for a RECEIPT, or for the end of a connection.

    Args:
        receipt: the id of the receipt.
    """

    def __init__(self, receipt: str | None) -> None:
        self.receipt: str | None = receipt
        self.receipt_condition: threading.Condition = threading.Condition()
        self.disconnect_condition: threading.Condition = threading.Condition()
        self.received: bool = False
        self.disconnected: bool = False

    def on_receipt(self, frame: Any, body: Any = None) -> None:
        if _headers(frame).get("receipt-id") == self.receipt:
            with self.receipt_condition:
                self.received = True
                self.receipt_condition.notify_all()

    def on_disconnected(self) -> None:
        with self.disconnect_condition:
            self.disconnected = True
            self.disconnect_condition.notify_all()

    def wait_on_receipt(self) -> None:
        """Wait for the RECEIPT, without a timeout."""
        with self.receipt_condition:
            self.receipt_condition.wait_for(lambda: self.received)
            self.received = False

    def wait_on_disconnected(self) -> None:
        """Wait for the end of the connection, without a timeout."""
        with self.disconnect_condition:
            self.disconnect_condition.wait_for(lambda: self.disconnected)


class StatsListener(ConnectionListener):
    """Counts what was received and sent. ``str()`` returns a table.

    Attributes:
        errors, connections, disconnects, messages, messages_sent, heartbeat_timeouts, heartbeat_count: the counters.
            ``messages_sent`` counts all frames, as in stomp.py.
    """

    def __init__(self) -> None:
        self.errors: int = 0
        self.connections: int = 0
        self.disconnects: int = 0
        self.messages: int = 0
        self.messages_sent: int = 0
        self.heartbeat_timeouts: int = 0
        self.heartbeat_count: int = 0

    def on_connecting(self, host_and_port: tuple[str, int]) -> None:
        self.connections += 1

    def on_disconnected(self) -> None:
        self.disconnects += 1

    def on_error(self, frame: Any, body: Any = None) -> None:
        self.errors += 1

    def on_message(self, frame: Any, body: Any = None) -> None:
        self.messages += 1

    def on_send(self, frame: Any, body: Any = None) -> None:
        self.messages_sent += 1

    def on_heartbeat(self) -> None:
        self.heartbeat_count += 1

    def on_heartbeat_timeout(self) -> None:
        self.heartbeat_timeouts += 1

    def __str__(self) -> str:
        return (
            f"Connections: {self.connections}\nDisconnects: {self.disconnects}\nMessages sent: {self.messages_sent}\n"
            f"Messages received: {self.messages}\nHeartbeats received: {self.heartbeat_count}\nErrors: {self.errors}"
        )


class PrintingListener(ConnectionListener):
    """Prints all calls, without passcodes.

    Args:
        print_to_log: write to the logger ``stomp.py`` instead.
    """

    def __init__(self, print_to_log: bool = False) -> None:
        self.print_to_log: bool = print_to_log

    def __print(self, *what: object) -> None:
        text = " ".join(map(str, what))
        if self.print_to_log:
            log.info("%s", text)
        else:
            sys.stdout.write(f"{text}\n")

    def on_connecting(self, host_and_port: tuple[str, int]) -> None:
        self.__print("on_connecting", *host_and_port)

    def on_connected(self, frame: Any, body: Any = None) -> None:
        self.__print("on_connected", *_headers_and_body(frame, body))

    def on_disconnecting(self) -> None:
        self.__print("on_disconnecting")

    def on_disconnected(self) -> None:
        self.__print("on_disconnected")

    def on_heartbeat(self) -> None:
        self.__print("on_heartbeat")

    def on_heartbeat_timeout(self) -> None:
        self.__print("on_heartbeat_timeout")

    def on_before_message(self, frame: Any, body: Any = None) -> None:
        self.__print("on_before_message", *_headers_and_body(frame, body))

    def on_message(self, frame: Any, body: Any = None) -> None:
        self.__print("on_message", *_headers_and_body(frame, body))

    def on_receipt(self, frame: Any, body: Any = None) -> None:
        self.__print("on_receipt", *_headers_and_body(frame, body))

    def on_error(self, frame: Any, body: Any = None) -> None:
        self.__print("on_error", *_headers_and_body(frame, body))

    def on_send(self, frame: Any, body: Any = None) -> None:
        headers, body = _headers_and_body(frame, body)
        self.__print("on_send", getattr(frame, "cmd", ""), utils.clean_headers(headers), body)


class TestListener(StatsListener, WaitingListener, PrintingListener):
    """Counts, lets a thread wait, prints, and keeps the messages. For the tests of programs.

    Args:
        receipt: as for :class:`WaitingListener`.
        print_to_log: as for :class:`PrintingListener`.

    Attributes:
        message_list: ``(headers, body)`` of each message.
        timestamp: when it was created, as text for names of queues.
    """

    __test__ = False  # a test runner should not take it for a test

    def __init__(self, receipt: str | None = None, print_to_log: bool = False) -> None:
        StatsListener.__init__(self)
        WaitingListener.__init__(self, receipt)
        PrintingListener.__init__(self, print_to_log)
        self.message_list: list[tuple[dict[str, Any], Any]] = []
        self.message_condition: threading.Condition = threading.Condition()
        self.message_received: bool = False
        self.heartbeat_condition: threading.Condition = threading.Condition()
        self.heartbeat_received: bool = False
        self.timestamp: str = time.strftime("%Y%m%d%H%M%S")

    def wait_for_message(self) -> None:
        """Wait for a message that was received since the last call, without a timeout."""
        with self.message_condition:
            self.message_condition.wait_for(lambda: self.message_received)
            self.message_received = False

    def get_latest_message(self) -> tuple[dict[str, Any], Any]:
        """Return ``(headers, body)`` of the latest message.

        Raises:
            IndexError: there is none yet.
        """
        return self.message_list[-1]

    def wait_for_heartbeat(self) -> None:
        """Wait for a heart-beat that was received since the last call, without a timeout."""
        with self.heartbeat_condition:
            self.heartbeat_condition.wait_for(lambda: self.heartbeat_received)
            self.heartbeat_received = False

    def on_connecting(self, host_and_port: tuple[str, int]) -> None:
        StatsListener.on_connecting(self, host_and_port)
        PrintingListener.on_connecting(self, host_and_port)

    def on_disconnected(self) -> None:
        StatsListener.on_disconnected(self)
        PrintingListener.on_disconnected(self)
        WaitingListener.on_disconnected(self)

    def on_error(self, frame: Any, body: Any = None) -> None:
        StatsListener.on_error(self, frame, body)
        PrintingListener.on_error(self, frame, body)

    def on_message(self, frame: Any, body: Any = None) -> None:
        StatsListener.on_message(self, frame, body)
        PrintingListener.on_message(self, frame, body)
        with self.message_condition:
            self.message_list.append(_headers_and_body(frame, body))
            self.message_received = True
            self.message_condition.notify_all()

    def on_receipt(self, frame: Any, body: Any = None) -> None:
        PrintingListener.on_receipt(self, frame, body)
        WaitingListener.on_receipt(self, frame, body)

    def on_send(self, frame: Any, body: Any = None) -> None:
        StatsListener.on_send(self, frame, body)
        PrintingListener.on_send(self, frame, body)

    def on_heartbeat(self) -> None:
        StatsListener.on_heartbeat(self)
        PrintingListener.on_heartbeat(self)
        with self.heartbeat_condition:
            self.heartbeat_received = True
            self.heartbeat_condition.notify_all()

    def on_heartbeat_timeout(self) -> None:
        StatsListener.on_heartbeat_timeout(self)
        PrintingListener.on_heartbeat_timeout(self)


#: The name of TestListener in some versions of stomp.py.
CombinedListener = TestListener


def _headers(frame: Any) -> dict[str, Any]:
    """Return the headers, whether ``frame`` is a frame or the headers.

    A subclass whose method takes ``(headers, body)`` calls that of its base class with these.
    """
    headers: dict[str, Any] = frame if isinstance(frame, dict) else frame.headers
    return headers


def _headers_and_body(frame: Any, body: Any) -> tuple[dict[str, Any], Any]:
    return (frame, body) if isinstance(frame, dict) else (frame.headers, frame.body)
