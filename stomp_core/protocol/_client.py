"""ClientConnection: the client's side of one socket."""

from __future__ import annotations

from collections.abc import Iterable
from typing import overload

from ..errors import ErrorCode, LocalProtocolError
from ..wire import ALL_VERSIONS, Frame, HeaderSource, Leniency, Limits, Version
from ..wire._serializer import serialize
from ._connection import Connection
from ._events import (
    Abort,
    Ack,
    AckMode,
    Begin,
    Body,
    Commit,
    Connect,
    Connected,
    Disconnect,
    Event,
    Message,
    Nack,
    Receipt,
    Send,
    Subscribe,
    Tolerated,
    Unsubscribe,
    event_from_frame,
)
from ._heartbeat import negotiate, parse_heart_beat
from ._states import CLIENT_RECEIVES, CLIENT_SENDS, State
from ._tracker import RuleBroken

__all__ = ["ClientConnection"]

_CONNECTED = State.CONNECTED


class ClientConnection(Connection):
    """A client's side of one connection (STOMP 1.0, 1.1, 1.2).

    Args:
        versions: what to offer.
        limits: what to refuse because of its size.
        leniency: what to forgive; by default what RabbitMQ and ActiveMQ need.
        escape_connect: escape CONNECT, against the specification, because the server unescapes it; RabbitMQ and
            ActiveMQ do. It matters for a ``\\`` in a passcode, and nowhere else.
        heart_beat_tolerance: the server is dead after this many of its intervals without a byte. Above 2, since
            ActiveMQ's first beat comes only then.
        heart_beat_pace: a beat is due after this share of our interval without a byte written.

    Raises:
        ValueError: an argument out of its range.

    >>> conn = ClientConnection()
    >>> wire = conn.send(Connect(host="/", heart_beat=(10_000, 10_000)), now=0.0)
    >>> conn.receive_data(b"CONNECTED\\nversion:1.2\\nheart-beat:0,10000\\n\\n\\0", now=0.1)
    >>> conn.next_event().version, conn.state.value, conn.heart_beat
    ('1.2', 'connected', (10.0, 0.0))
    """

    _sends = CLIENT_SENDS
    _receives = CLIENT_RECEIVES
    _role = "client"

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
        leniency = Leniency.brokers() if leniency is None else leniency
        super().__init__(versions, limits, leniency, heart_beat_tolerance, heart_beat_pace)
        self._escape_connect = escape_connect
        self._offered: tuple[str, ...] = ()
        self._wanted_heart_beat = (0, 0)

    # ------------------------------------------------------------------ writing

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
        """Say something: any client event or frame, or, given a destination, a SEND.

        Args:
            what: an event, a frame, or the destination of a message; the other arguments are those of
                :class:`Send` and go with a destination only (``TypeError``).
            now: seconds of any monotonic clock.

        Returns:
            The bytes to write, all of them, in this order.

        Raises:
            LocalProtocolError: STOMP does not allow it here. Nothing has changed.
            ConnectionGoneError: the connection has ended.
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
        else:
            if body or content_type or transaction or receipt or headers or not content_length:
                raise TypeError("send() takes a body, headers and so on with a destination only")
            if isinstance(what, Frame):
                what = event_from_frame(what)
            elif not isinstance(what, Event):
                raise TypeError(f"send() takes an event, a frame or a destination, not {type(what).__name__}")
        return self._say(what, now)

    def _say(self, event: Event, now: float | None) -> bytes:
        """:meth:`send` of an event, for those who have one."""
        state = self._permitted(event.frame.command)
        if isinstance(event, Connect):
            wire = self._say_connect(event)
        else:
            assert self._version is not None
            wire = self._to_bytes(event, self._version)
            try:
                self._ledger.check(event)
            except RuleBroken as broken:
                raise LocalProtocolError(str(broken), code=broken.code) from None
            self._ledger.enter(event)
        self._state = state
        self._tick(now)
        self._clock.last_write = self._now
        return wire

    def _say_again(self, send: Send, now: float) -> bytes:
        """:meth:`_say` with headers that were said before, in no transaction: the books need neither look nor entry."""
        if self._state is not _CONNECTED or self._ending is not None:
            self._permitted("SEND")
        version = self._version
        assert version is not None
        frame = send.frame
        wire = serialize(
            "SEND",
            frame.headers,
            frame.body,
            version,
            content_length=send._content_length,
        )
        self._now = self._clock.last_write = now
        return wire

    def _say_connect(self, connect: Connect) -> bytes:
        listed = connect.headers.get("accept-version")
        offered: tuple[str, ...] = self._versions if listed is None else connect.accept_version
        offer = ("accept-version", ",".join(offered))
        if listed != offer[1] and not (listed is None and offered == (Version.V1_0,)):
            # Left out, or written with spaces.
            others = connect.headers.without("accept-version").items()
            connect = Connect.from_frame(Frame(connect.frame.command, [offer, *others], connect.frame.body))
        for version in offered:
            if version not in self._versions:
                raise LocalProtocolError(
                    f"accept-version offers {version!r}, which this connection does not speak",
                    code=ErrorCode.BAD_HEADER_VALUE,
                )
        if not offered:
            raise LocalProtocolError("accept-version offers nothing", code=ErrorCode.BAD_HEADER_VALUE)
        if "receipt" in connect.headers:
            raise LocalProtocolError("CONNECT may not ask for a receipt", code=ErrorCode.HEADER_NOT_ALLOWED)
        value = connect.headers.get("heart-beat")
        heart_beat = parse_heart_beat(value)
        if heart_beat is None:
            raise LocalProtocolError(
                f"the heart-beat header {value!r} is not two numbers of milliseconds",
                code=ErrorCode.BAD_HEART_BEAT,
            )
        wire = self._to_bytes(connect, max(offered), escape_connect=self._escape_connect)
        self._offered = offered
        self._wanted_heart_beat = heart_beat
        return wire

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
        """Say CONNECT; heart-beats in milliseconds. See :class:`Connect` and :meth:`send`."""
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
        """Say SUBSCRIBE; see :class:`Subscribe` and :meth:`send`."""
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
        """Say UNSUBSCRIBE; see :class:`Unsubscribe` and :meth:`send`."""
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
        """Say ACK for a message.

        Args:
            message: the message, or its id: in 1.2 its ``ack`` header, before its ``message-id``.
            subscription: 1.1 with an id: its ``subscription``.
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
        """Say NACK for a message; arguments as for :meth:`ack`. Not in 1.0."""
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
        """Say BEGIN; see :class:`Begin` and :meth:`send`."""
        return self.send(Begin(transaction, receipt=receipt, headers=headers), now=now)

    def commit(
        self,
        transaction: str,
        *,
        receipt: str | None = None,
        headers: HeaderSource = (),
        now: float | None = None,
    ) -> bytes:
        """Say COMMIT; see :class:`Commit` and :meth:`send`."""
        return self.send(Commit(transaction, receipt=receipt, headers=headers), now=now)

    def abort(
        self,
        transaction: str,
        *,
        receipt: str | None = None,
        headers: HeaderSource = (),
        now: float | None = None,
    ) -> bytes:
        """Say ABORT; see :class:`Abort` and :meth:`send`."""
        return self.send(Abort(transaction, receipt=receipt, headers=headers), now=now)

    def disconnect(
        self, *, receipt: str | None = None, headers: HeaderSource = (), now: float | None = None
    ) -> bytes:
        """Say DISCONNECT; see :class:`Disconnect` and :meth:`send`."""
        return self.send(Disconnect(receipt=receipt, headers=headers), now=now)

    # ------------------------------------------------------------------ reading

    def _judge(self, frame: Frame) -> Event | Tolerated:
        # Nearly everything that a client reads is a MESSAGE or a RECEIPT with all that it needs: no table is consulted
        # for those.
        text = frame.headers.text
        if self._state is not _CONNECTED or text is None:
            return super()._judge(frame)
        if (
            frame.command == "MESSAGE"
            and "\nsubscription:" in text
            and "\nmessage-id:" in text
            and "\ndestination:" in text
        ):
            message = Message.__new__(Message)
            message.frame = frame
            if self._ledger.acknowledging:
                try:
                    self._ledger.delivered(message)
                except RuleBroken as broken:
                    raise self._broken_rule(broken.code, str(broken), frame) from None
            return message
        if frame.command == "RECEIPT" and "\nreceipt-id:" in text:
            receipt = Receipt.__new__(Receipt)
            receipt.frame = frame
            return receipt
        return super()._judge(frame)

    def _received(self, event: Event) -> None:
        if isinstance(event, Connected):
            self._hear_connected(event)
        elif isinstance(event, Message):
            self._ledger.delivered(event)

    def _hear_connected(self, connected: Connected) -> None:
        version = connected.version
        if version not in self._offered:
            missing = "" if "version" in connected.headers else " (it names no version, which means 1.0)"
            raise RuleBroken(
                ErrorCode.VERSION_NOT_OFFERED,
                f"the server chose STOMP {version!r}{missing}, but {', '.join(self._offered)} was offered",
            )
        if version != Version.V1_0:
            self._refuse_body(connected)
        theirs = self._heart_beat_of(connected, connected.headers.get("heart-beat"))
        self._clock.sending, self._clock.receiving = negotiate(self._wanted_heart_beat, theirs)
        self._agree(Version(version))
