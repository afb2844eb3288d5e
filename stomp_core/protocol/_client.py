"""ClientConnection: a client's side of one connection.

The flow of received data and the checks of frames are those of every connection, see _connection.py. Here are the
arguments of a client, its one way to send, and a method for each client frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import overload

from ..wire import ALL_VERSIONS, Frame, HeaderSource, Leniency, Limits, Version
from ._connection import Connection
from ._events import (
    Abort,
    Ack,
    AckMode,
    Begin,
    Body,
    Commit,
    Connect,
    Disconnect,
    Event,
    Message,
    Nack,
    Send,
    Subscribe,
    Unsubscribe,
    event_from_frame,
)
from ._states import CLIENT

__all__ = ["ClientConnection"]


class ClientConnection(Connection):
    """A client's side of one connection (STOMP 1.0, 1.1, 1.2).

    Args:
        versions: the versions to offer.
        limits: size limits for received frames.
        leniency: which violations by the server are tolerated; by default those of RabbitMQ and ActiveMQ.
        escape_connect: escape CONNECT, against the specification, because the server unescapes it. RabbitMQ and
            ActiveMQ do. It makes a difference for a ``\\`` in a passcode.
        heart_beat_tolerance: how many intervals of the server may pass without a byte before it counts as dead. It has
            to be more than 2 with ActiveMQ, whose first heart-beat comes after two intervals.
        heart_beat_pace: after which share of this side's interval without a byte written a heart-beat is due.

    Raises:
        ValueError: an argument is out of its range.

    >>> conn = ClientConnection()
    >>> wire = conn.send(Connect(host="/", heart_beat=(10_000, 10_000)), now=0.0)
    >>> conn.receive_data(b"CONNECTED\\nversion:1.2\\nheart-beat:0,10000\\n\\n\\0", now=0.1)
    >>> conn.next_event().version, conn.state.value, conn.heart_beat
    ('1.2', 'connected', (10.0, 0.0))
    """

    def __init__(
        self,
        versions: Iterable[str] = ALL_VERSIONS,
        *,
        limits: Limits | None = None,
        leniency: Leniency | None = None,
        escape_connect: bool = False,
        heart_beat_tolerance: float = 2.5,
        heart_beat_pace: float = 1.0,
    ) -> None:
        super().__init__(
            CLIENT,
            versions,
            limits,
            Leniency.brokers() if leniency is None else leniency,
            heart_beat_tolerance=heart_beat_tolerance,
            heart_beat_pace=heart_beat_pace,
            escape_connect=escape_connect,
        )

    @overload
    def send(self, what: Event | Frame, *, now: float | None = None) -> bytes: ...
    @overload
    def send(
        self,
        what: str,
        body: Body = b"",
        *,
        content_type: str | None = None,
        transaction: str | None = None,
        receipt: str | None = None,
        headers: HeaderSource = (),
        content_length: bool = True,
        now: float | None = None,
    ) -> bytes: ...
    def send(
        self,
        what: Event | Frame | str,
        body: Body = b"",
        *,
        content_type: str | None = None,
        transaction: str | None = None,
        receipt: str | None = None,
        headers: HeaderSource = (),
        content_length: bool = True,
        now: float | None = None,
    ) -> bytes:
        """Check an event, a frame, or a message to a destination, and return its bytes.

        Messages that share one :class:`Headers` object (``Send.from_frame(Frame("SEND", headers, body))``) are sent
        with the least work: it is checked and serialized once.

        Args:
            what: a client event, a client frame, or the destination of a message.
            body, content_type, transaction, receipt, headers, content_length: as for :class:`Send`; with a destination
                only.
            now: seconds of any monotonic clock.

        Returns:
            The bytes to write. All of them have to be written, and in the order of the calls.

        Raises:
            LocalProtocolError: the protocol does not allow it here. Nothing has changed.
            ConnectionGoneError: the connection has ended.
            TypeError: ``what`` is something else, a message's argument was given without a destination, or ``now`` is
                not a number.
            ValueError: ``now`` is not finite.
        """
        if isinstance(what, str):
            what = Send(
                what,
                body,
                content_type=content_type,
                transaction=transaction,
                receipt=receipt,
                headers=headers,
                content_length=content_length,
            )
        elif body or content_type or transaction or receipt or headers or not content_length:
            raise TypeError(
                "send() takes body, headers and other parts of a message with a destination only: "
                "an event or a frame has its own"
            )
        elif not isinstance(what, Event):
            if not isinstance(what, Frame):
                raise TypeError(f"send() takes an event, a frame or a destination, got {type(what).__name__}")
            what = event_from_frame(what)
        return self._send_event(what, now)

    def connect(
        self,
        host: str | None = None,
        *,
        login: str | None = None,
        passcode: str | None = None,
        heart_beat: tuple[int, int] | None = None,
        headers: HeaderSource = (),
        now: float | None = None,
    ) -> bytes:
        """Send CONNECT; arguments as for :class:`Connect`, everything else as for :meth:`send`."""
        connect = Connect(host=host, login=login, passcode=passcode, heart_beat=heart_beat, headers=headers)
        return self.send(connect, now=now)

    def subscribe(
        self,
        destination: str,
        *,
        id: str | None = None,
        ack: AckMode | None = None,
        receipt: str | None = None,
        headers: HeaderSource = (),
        now: float | None = None,
    ) -> bytes:
        """Send SUBSCRIBE; arguments as for :class:`Subscribe`, everything else as for :meth:`send`."""
        return self.send(Subscribe(destination, id=id, ack=ack, receipt=receipt, headers=headers), now=now)

    def unsubscribe(
        self,
        id: str | None = None,
        *,
        destination: str | None = None,
        receipt: str | None = None,
        headers: HeaderSource = (),
        now: float | None = None,
    ) -> bytes:
        """Send UNSUBSCRIBE; arguments as for :class:`Unsubscribe`, everything else as for :meth:`send`."""
        return self.send(Unsubscribe(id, destination=destination, receipt=receipt, headers=headers), now=now)

    def ack(
        self,
        message: Message | str,
        *,
        subscription: str | None = None,
        transaction: str | None = None,
        receipt: str | None = None,
        headers: HeaderSource = (),
        now: float | None = None,
    ) -> bytes:
        """Acknowledge a message.

        Args:
            message: the message, or the id that the ACK has to name: in 1.2 its ``ack`` header, before its
                ``message-id``.
            subscription: 1.1, with an id: the ``subscription`` of the message.
            transaction, receipt, headers: as for :class:`Ack`.
            now: as for :meth:`send`.

        Returns:
            The bytes to write.

        Raises:
            LocalProtocolError: the message was acknowledged already, or needs no ACK. Nothing has changed.
            ConnectionGoneError: the connection has ended.
        """
        if isinstance(message, Message):
            event = message.acknowledge(transaction=transaction, receipt=receipt, headers=headers)
        elif self._version is Version.V1_2:
            event = Ack(message, transaction=transaction, receipt=receipt, headers=headers)
        else:
            event = Ack(
                message_id=message,
                subscription=subscription,
                transaction=transaction,
                receipt=receipt,
                headers=headers,
            )
        return self.send(event, now=now)

    def nack(
        self,
        message: Message | str,
        *,
        subscription: str | None = None,
        transaction: str | None = None,
        receipt: str | None = None,
        headers: HeaderSource = (),
        now: float | None = None,
    ) -> bytes:
        """Reject a message with NACK, which 1.0 does not have; everything else as for :meth:`ack`."""
        if isinstance(message, Message):
            event = message.reject(transaction=transaction, receipt=receipt, headers=headers)
        elif self._version is Version.V1_2:
            event = Nack(message, transaction=transaction, receipt=receipt, headers=headers)
        else:
            event = Nack(
                message_id=message,
                subscription=subscription,
                transaction=transaction,
                receipt=receipt,
                headers=headers,
            )
        return self.send(event, now=now)

    def begin(
        self,
        transaction: str,
        *,
        receipt: str | None = None,
        headers: HeaderSource = (),
        now: float | None = None,
    ) -> bytes:
        """Send BEGIN; arguments as for :class:`Begin`, everything else as for :meth:`send`."""
        return self.send(Begin(transaction, receipt=receipt, headers=headers), now=now)

    def commit(
        self,
        transaction: str,
        *,
        receipt: str | None = None,
        headers: HeaderSource = (),
        now: float | None = None,
    ) -> bytes:
        """Send COMMIT; arguments as for :class:`Commit`, everything else as for :meth:`send`."""
        return self.send(Commit(transaction, receipt=receipt, headers=headers), now=now)

    def abort(
        self,
        transaction: str,
        *,
        receipt: str | None = None,
        headers: HeaderSource = (),
        now: float | None = None,
    ) -> bytes:
        """Send ABORT; arguments as for :class:`Abort`, everything else as for :meth:`send`."""
        return self.send(Abort(transaction, receipt=receipt, headers=headers), now=now)

    def disconnect(
        self, *, receipt: str | None = None, headers: HeaderSource = (), now: float | None = None
    ) -> bytes:
        """Send DISCONNECT; arguments as for :class:`Disconnect`, everything else as for :meth:`send`."""
        return self.send(Disconnect(receipt=receipt, headers=headers), now=now)
