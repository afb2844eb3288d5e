"""Listeners: what a program registers with ``set_listener`` to be called with frames.

No ``__all__``: programs that write ``from stomp.listener import *`` count on the modules below as well.
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
    """What listeners are registered with. This one forgets them."""

    def set_listener(self, name: str, listener: Any) -> None:
        """Register a listener; one of the same name is replaced."""

    def remove_listener(self, name: str) -> None:
        """Forget a listener."""

    def get_listener(self, name: str) -> Any:
        """The listener of this name; ``None`` if there is none."""
        return None


class ConnectionListener:
    """Override the methods that you need.

    Hooks run one at a time in the receiver thread and may call the connection; ``on_connecting``, ``on_disconnecting``
    and ``on_send`` run in the thread of the caller. Hooks that get a frame may take ``(headers, body)`` instead.
    """

    def on_connecting(self, host_and_port: tuple[str, int]) -> None:
        """There is a TCP connection to this host; CONNECT is still to be sent."""

    def on_connected(self, frame: Frame) -> None:
        """CONNECTED has come."""

    def on_disconnecting(self) -> None:
        """DISCONNECT is about to be sent."""

    def on_disconnected(self) -> None:
        """The connection has ended, as asked or not. It may be made anew from here."""

    def on_heartbeat(self) -> None:
        """One or several heart-beats have come."""

    def on_heartbeat_timeout(self) -> None:
        """The broker was silent for too long; ``on_disconnected`` follows."""

    def on_before_message(self, frame: Frame) -> None:
        """A MESSAGE has come: change the frame for the hooks after this one, if you want to.

        One that takes ``(headers, body)`` may return new ones.
        """

    def on_message(self, frame: Frame) -> None:
        """A MESSAGE has come."""

    def on_receipt(self, frame: Frame) -> None:
        """A RECEIPT has come."""

    def on_error(self, frame: Frame) -> None:
        """An ERROR has come; ``on_disconnected`` follows."""

    def on_send(self, frame: Frame) -> None:
        """A frame is about to be sent: change it, if you want to. What this raises reaches the sender."""

    def on_receiver_loop_completed(self, frame: Frame | None) -> None:
        """The receiver thread ends: nothing more comes of this connection."""


class HeartbeatListener(ConnectionListener):
    """Says in CONNECT which heart-beats we want, and notes what came of it. The connection itself keeps them.

    Attributes:
        heartbeats: milliseconds, ``(sending, receiving)``: what we want, and once connected what was agreed upon. Each
            connection asks for what was wanted at first.
        received_heartbeat: the :func:`time.monotonic` of the latest sign of life.
        send_sleep: seconds after which a heart-beat leaves if nothing else does; 0 is never.
        receive_sleep: seconds without a sign of life that the broker is granted; 0 is any number. What is set holds to
            the end of the connection, and to the letter: otherwise one interval more is granted.
        heartbeat_thread: ``None``, as there is no such thread.
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
        return self.__agreed

    @heartbeats.setter
    def heartbeats(self, wanted: tuple[int, int]) -> None:
        self.__wanted = self.__agreed = wanted
        self.__granted: float | None = None

    @property
    def send_sleep(self) -> float:
        return self.__agreed[0] / 1000

    @property
    def receive_sleep(self) -> float:
        return (
            self.__agreed[1] / 1000 * self.heart_beat_receive_scale
            if self.__granted is None
            else self.__granted
        )

    @receive_sleep.setter
    def receive_sleep(self, seconds: float) -> None:
        self.transport.set_read_timeout(seconds)
        self.__granted = seconds

    def on_send(self, frame: Frame) -> None:
        if frame.cmd in (CMD_CONNECT, CMD_STOMP) and self.__wanted != (0, 0):
            frame.headers[HDR_HEARTBEAT] = f"{self.__wanted[0]},{self.__wanted[1]}"

    def on_connected(self, frame: Frame) -> None:
        offered = frame.headers.get(HDR_HEARTBEAT, "0,0")
        try:
            self.__agreed = utils.calculate_heartbeats(offered.split(","), self.__wanted)
        except ValueError:
            self.__agreed = (0, 0)  # as the core takes it
        self.__granted = None
        self.__alive()

    def on_message(self, frame: Frame) -> None:
        self.__alive()

    def on_receipt(self, frame: Frame) -> None:
        self.__alive()

    def on_error(self, frame: Frame) -> None:
        self.__alive()

    def on_heartbeat(self) -> None:
        self.__alive()

    def __alive(self) -> None:
        self.received_heartbeat = monotonic()


class WaitingListener(ConnectionListener):
    """Waits for a receipt, and for the end of a connection.

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
        """Wait for the receipt, for as long as it takes."""
        with self.receipt_condition:
            self.receipt_condition.wait_for(lambda: self.received)
            self.received = False

    def wait_on_disconnected(self) -> None:
        """Wait for the end of the connection, for as long as it takes."""
        with self.disconnect_condition:
            self.disconnect_condition.wait_for(lambda: self.disconnected)


class StatsListener(ConnectionListener):
    """Counts. ``str()`` of it is a table.

    Attributes:
        errors, connections, disconnects, messages, messages_sent, heartbeat_timeouts, heartbeat_count: how many.
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
    """Prints everything but passcodes.

    Args:
        print_to_log: to the log instead.
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
    """Counts, waits, prints, and keeps the messages. For tests.

    Attributes:
        message_list: ``(headers, body)`` of each message.
        timestamp: of its creation; for names of queues.
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
        """Wait for a message that came since the last time, for as long as it takes."""
        with self.message_condition:
            self.message_condition.wait_for(lambda: self.message_received)
            self.message_received = False

    def get_latest_message(self) -> tuple[dict[str, Any], Any]:
        """``(headers, body)`` of the latest message."""
        return self.message_list[-1]

    def wait_for_heartbeat(self) -> None:
        """Wait for a heart-beat that came since the last time, for as long as it takes."""
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


#: What TestListener was called for a while.
CombinedListener = TestListener


def _headers(frame: Any) -> dict[str, Any]:
    """The headers of a frame, or headers: subclasses with hooks of either kind call those of their parents."""
    headers: dict[str, Any] = frame if isinstance(frame, dict) else frame.headers
    return headers


def _headers_and_body(frame: Any, body: Any) -> tuple[dict[str, Any], Any]:
    return (frame, body) if isinstance(frame, dict) else (frame.headers, frame.body)
