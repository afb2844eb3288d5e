"""ClientConnection: a client's side of one connection.

The flow of received data and the checks of frames are those of every connection, see _connection.py. Here are the
arguments of a client, its one way to send, and a method for each client frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar, overload

from .._mypyc import mypyc_attr
from ..errors import LocalProtocolError
from ..wire import ALL_VERSIONS, Frame, Headers, HeaderSource, Leniency, Limits, Version, escape
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
    Disconnect,
    Event,
    Message,
    Nack,
    Send,
    Subscribe,
    Unsubscribe,
    merge_send,
)
from ._known_headers import known_headers
from ._states import CLIENT, State

__all__ = ["ClientConnection"]

T = TypeVar("T")

# CPython 3.11 looks up an attribute of an enum class in Python, which takes longer than all else that is done with it.
_CONNECTED, _V1_2 = State.CONNECTED, Version.V1_2
_LENGTH_LINE = "\ncontent-length:"
#: What a client tolerates by default. It is immutable, so one is enough for all connections.
_BROKERS = Leniency.brokers()


@mypyc_attr(allow_interpreted_subclasses=True)
class ClientConnection(Connection):
    """A client's side of one connection (STOMP 1.0, 1.1, 1.2). Pure: it has no socket and no clock.

    Give it the bytes that a socket receives (:meth:`receive_data`), take events (:meth:`next_event`), and write the
    bytes that :meth:`send` returns.

    Args:
        versions: the versions to offer (STOMP 1.2, "Protocol Negotiation"). Default: 1.0, 1.1 and 1.2.
        limits: size limits for received frames. Default: ``Limits()``.
        leniency: which violations by the server are tolerated. Default: ``Leniency.brokers()``.
        escape_connect: escape the headers of CONNECT. The specification forbids it, but RabbitMQ and ActiveMQ need it
            for a ``\\`` in a passcode.
        heart_beat_tolerance: how many of the server's intervals may pass without a byte before it counts as dead; more
            than 1. ActiveMQ needs more than 2, since its first heart-beat comes after two intervals.
        heart_beat_pace: after which share of this side's interval without a byte written a heart-beat is due, from 0.1
            to 1. ActiveMQ closes connections whose heart-beats leave at 1.
        heart_beats: send and expect heart-beats; then every call needs ``now`` once they were negotiated. ``False`` is
            for programs without a clock, such as analysers of recorded traffic: nothing is ever due.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: an argument is out of its range.

    >>> conn = ClientConnection()
    >>> wire = conn.send(Connect(host="/", heart_beat=(10_000, 10_000)), now=0.0)
    >>> conn.receive_data(b"CONNECTED\\nversion:1.2\\nheart-beat:0,10000\\n\\n\\0", now=0.1)
    >>> conn.next_event().version, conn.state.value, conn.heart_beat
    ('1.2', 'connected', (10.0, 0.0))
    """

    @property
    def ack_covers_connection(self) -> bool:
        """Whether an ACK in mode ``client`` covers what any subscription of the connection received before it.

        STOMP says that it covers its own subscription. RabbitMQ covers all, and closes the connection at an ACK of what
        is covered already. Set it before the first ACK, so that :meth:`unacknowledged` agrees with such a server.
        """
        return self._tracker.ack_covers_connection

    @ack_covers_connection.setter
    def ack_covers_connection(self, covers: bool) -> None:
        self._tracker.ack_covers_connection = covers

    def __init__(
        self,
        versions: Iterable[str] = ALL_VERSIONS,
        *,
        limits: Limits | None = None,
        leniency: Leniency | None = None,
        escape_connect: bool = False,
        heart_beat_tolerance: float = 2.5,
        heart_beat_pace: float = 0.8,
        heart_beats: bool = True,
    ) -> None:
        super().__init__(
            CLIENT,
            versions,
            limits,
            _BROKERS if leniency is None else leniency,
            heart_beat_tolerance=heart_beat_tolerance,
            heart_beat_pace=heart_beat_pace,
            heart_beats=heart_beats,
            escape_connect=escape_connect,
        )
        # Of the latest SEND whose headers state the length of its body: the text before and after the length, and the
        # same as bytes.
        self._around_length: tuple[str, str, bytes, bytes] | None = None

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

        SENDs with the same headers cost the least, since their headers are checked and serialized once.

        Args:
            what: a client event, a client frame, or the destination of a message.
            body: the body of a message, as for :class:`Send`. This argument and the next five need a destination.
            content_type: the MIME type of the body.
            transaction: the id of the open transaction that the message belongs to.
            receipt: an id; the server answers with a RECEIPT of this id. By default none is asked for.
            headers: further headers. They must not contradict the other arguments.
            content_length: whether to write ``content-length``, as for :class:`Send`.
            now: seconds of any monotonic clock. It may be left out as long as no heart-beats were negotiated.

        Returns:
            The bytes to write. All of them have to be written, and in the order of the calls.

        Raises:
            LocalProtocolError: the protocol does not allow it here. Nothing has changed.
            ConnectionGoneError: the connection has ended.
            TypeError: ``what`` is something else, a message's argument was given without a destination, or ``now`` is
                not a number, or was left out although heart-beats were negotiated.
            ValueError: ``now`` is not finite.
        """
        if type(what) is Send:
            frame = what.frame
            if (
                frame.version is None  # a received frame is sent with the bytes that were received
                and what.content_length_wanted
                and not (body or content_type or transaction or receipt or headers)
                and content_length
                and (wire := self.send_directly(frame.headers, frame.body, now)) is not None
            ):
                return wire
        elif isinstance(what, str):
            if type(body) is bytes and transaction is None and receipt is None and content_length:
                known = known_headers(what, content_type, False, headers, merge_send)
                if (wire := self.send_directly(known, body, now)) is not None:
                    return wire
                return self._send_event(Send.from_frame(Frame("SEND", known, body)), now)
            message = Send(
                what,
                body,
                content_type=content_type,
                transaction=transaction,
                receipt=receipt,
                headers=headers,
                content_length=content_length,
            )
            return self._send_event(message, now)
        if body or content_type or transaction or receipt or headers or not content_length:
            raise TypeError(
                "send() takes body, headers and other parts of a message with a destination only: "
                "an event or a frame has its own"
            )
        if isinstance(what, Event):
            event = what
        elif isinstance(what, Frame):
            event = self._event_of(what)
        else:
            raise TypeError(f"send() takes an event, a frame or a destination, got {type(what).__name__}")
        return self._send_event(event, now)

    def send_directly(
        self, headers: Headers, body: bytes, now: float | None, receipt: str | None = None
    ) -> bytes | None:
        """Serialize a SEND outside of a transaction, on a straight path.

        The only rule that relates a SEND to other frames is that of transactions. So outside of a transaction nothing
        is left but to serialize it. Programs send one message after the other with the same headers, and :class:`Send`
        gives such messages the same Headers object, which keeps its serialized head: then the body and its length are
        put behind that. The bytes and what is tracked are those of ``_send_event``; a property test compares the
        two.

        Args:
            headers: the headers of the SEND.
            body: the body of the SEND.
            now: seconds of any monotonic clock; ``None`` if there are no deadlines.
            receipt: the value of a further header ``receipt`` behind these: ASCII letters, digits and hyphens.

        Returns:
            The bytes to write; ``None``, and nothing has changed, if something has to be checked.
        """
        version = self._version
        if self._state is not _CONNECTED or self._end is not None or version is None:
            return None
        if now is None:
            if self._clock.has_deadlines:
                return None
            now = self._now
        elif type(now) is not float or now - now != 0.0 or self._now is None:
            return None
        text, cached = headers.text, headers.cached_head
        if cached is not None and cached[1] is version and cached[0] == "SEND":
            head = cached[2]
            # Where there is text it is searched, and not by `in`, which first tries to make a number of bytes.
            if head.find(b"\ntransaction:") >= 0 if text is None else "\ntransaction:" in text:
                return None
            if receipt is not None:
                # The head is that of Headers.with_line(), if that makes one.
                if text is None or not headers.plain or "\nreceipt:" in text:
                    return None
                line = receipt.encode()
                if body:
                    wire = b"%breceipt:%b\ncontent-length:%d\n\n%b\0" % (head, line, len(body), body)
                else:
                    wire = b"%breceipt:%b\n\n\0" % (head, line)
            elif body:
                wire = b"%bcontent-length:%d\n\n%b\0" % (head, len(body), body)
            else:
                wire = head + b"\n\0"
        else:
            if text is None or receipt is not None or "\ntransaction:" in text:
                return None
            around = self._around_length
            if around is not None and text == f"{around[0]}{len(body)}{around[1]}":
                wire = b"%b%d%b%b\0" % (around[2], len(body), around[3], body)
            else:
                try:
                    wire = serialize("SEND", headers, body, version)
                except LocalProtocolError:
                    return None
                if _LENGTH_LINE in text:
                    self._note_stated_length(text, body, wire)
        if now is not None:
            self._now = self._clock.last_write = now
        return wire

    def take_receipt(self, accept: Callable[[str], T | None]) -> T | None:
        """Receive a RECEIPT on a straight path, in place of :meth:`next_event`.

        In a connection that goes on, a RECEIPT changes nothing but what the program awaits. What is read, and what is
        tracked, are those of :meth:`next_event`; a property test compares the two.

        Args:
            accept: called with the ``receipt-id`` if a RECEIPT comes next; returns ``None`` if it does not want it, and
                has changed nothing then.

        Returns:
            What ``accept`` has returned; ``None``, and nothing was read, if :meth:`next_event` has to decide.
        """
        if self._state is not _CONNECTED or self._queue:
            return None
        return self._parser.take_receipt(accept)

    def _note_stated_length(self, text: str, body: bytes, wire: bytes) -> None:
        """Remember headers that state the content-length themselves, as stomp_py makes them.

        The next ones are recognised by their text, since a body of another length needs another Headers object.

        Args:
            text: of the headers.
            body: of the SEND.
            wire: its bytes.
        """
        start, line, rest = text.partition(_LENGTH_LINE)
        before, after = start + line, rest[len(str(len(body))) :]
        head, tail = f"SEND{before}".encode(), f"{after}\n".encode()
        # Not if the headers had to be escaped, or state the length twice.
        if wire == b"%b%d%b%b\0" % (head, len(body), tail, body):
            self._around_length = before, after, head, tail

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
        """Return the bytes of CONNECT (STOMP 1.2, "CONNECT or STOMP Frame").

        Args:
            host: the virtual host; required from 1.1 on.
            login: the user name.
            passcode: the password.
            heart_beat: how often this side can send, and would like to receive something, in milliseconds; 0 is never.
            headers: further headers. They must not contradict the other arguments.
            now: seconds of any monotonic clock. It may be left out as long as no heart-beats were negotiated.

        Returns:
            The bytes to write.

        Raises:
            LocalProtocolError: the protocol does not allow it here. Nothing has changed.
            ConnectionGoneError: the connection has ended.
            TypeError, ValueError: ``now`` is not a finite number, or was left out although heart-beats were negotiated.
        """
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
        """Return the bytes of SUBSCRIBE (STOMP 1.2, "SUBSCRIBE").

        Args:
            destination: the destination to subscribe to.
            id: the id of the subscription on this connection; required from 1.1 on.
            ack: ``"auto"``, ``"client"`` (cumulative) or ``"client-individual"``. ``None`` leaves the header out, which
                means ``"auto"``.
            receipt: an id; the server answers with a RECEIPT of this id. By default none is asked for.
            headers: further headers. They must not contradict the other arguments.
            now: seconds of any monotonic clock. It may be left out as long as no heart-beats were negotiated.

        Returns:
            The bytes to write.

        Raises:
            LocalProtocolError: the protocol does not allow it here. Nothing has changed.
            ConnectionGoneError: the connection has ended.
            TypeError, ValueError: ``now`` is not a finite number, or was left out although heart-beats were negotiated.
        """
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
        """Return the bytes of UNSUBSCRIBE (STOMP 1.2, "UNSUBSCRIBE").

        Args:
            id: the id of the subscription; required from 1.1 on.
            destination: 1.0 only: the destination of a subscription without id.
            receipt: an id; the server answers with a RECEIPT of this id. By default none is asked for.
            headers: further headers. They must not contradict the other arguments.
            now: seconds of any monotonic clock. It may be left out as long as no heart-beats were negotiated.

        Returns:
            The bytes to write.

        Raises:
            LocalProtocolError: the protocol does not allow it here. Nothing has changed.
            ConnectionGoneError: the connection has ended.
            TypeError, ValueError: ``now`` is not a finite number, or was left out although heart-beats were negotiated.
        """
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
        """Return the bytes of the ACK of a message (STOMP 1.2, "ACK").

        Args:
            message: the message, or the id that the ACK has to name: in 1.2 its ``ack`` header, in earlier versions its
                ``message-id``.
            subscription: 1.1, if ``message`` is an id: the ``subscription`` header of the message.
            transaction: the id of the open transaction that the ACK belongs to.
            receipt: an id; the server answers with a RECEIPT of this id. By default none is asked for.
            headers: further headers. They must not contradict the other arguments.
            now: seconds of any monotonic clock. It may be left out as long as no heart-beats were negotiated.

        Returns:
            The bytes to write.

        Raises:
            LocalProtocolError: the message was acknowledged already, or needs no ACK. Nothing has changed.
            ConnectionGoneError: the connection has ended.
            TypeError, ValueError: ``now`` is not a finite number, or was left out although heart-beats were negotiated.
        """
        if isinstance(message, Message):
            event = message.acknowledge(transaction=transaction, receipt=receipt, headers=headers)
        elif self._version is _V1_2:
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

    def ack_received(self, message: Message, now: float) -> bytes | None:
        """Acknowledge a message as it was received, on a straight path: the ACK that nearly every program sends.

        In 1.2, without receipt, transaction and further headers, an ACK is the ``ack`` header of the MESSAGE, with its
        escapes as they were received. The bytes and what is tracked are those of :meth:`ack`; a property test compares
        the two.

        Args:
            message: a message that this connection has received.
            now: seconds of any monotonic clock, a finite ``float``.

        Returns:
            The bytes to write; ``None``, and nothing has changed, if :meth:`ack` has to decide.
        """
        frame = message.frame
        headers = frame.headers
        text = headers.text
        if (
            text is None
            or frame.version != "1.2"
            or self._version is not _V1_2
            or self._state is not _CONNECTED
            or self._end is not None
            or type(now) is not float
            or now - now != 0.0
        ):
            return None
        _, line_start, rest = text.partition("\nack:")
        if not line_start:
            return None
        written = ack_id = rest.partition("\n")[0]
        if "\\" in written:
            ack_id = headers.find("\nack:") or ""
            if escape(ack_id, _V1_2) != written:
                return None  # they are no escapes, or not the ones that are written here
        elif ":" in written or "\r" in written or "\0" in written:
            return None  # a leniency has tolerated it; it is escaped when it is written
        if not self._tracker.acknowledge_one(headers, ack_id):
            return None
        self._now = self._clock.last_write = now
        return f"ACK\nid:{written}\n\n\0".encode()

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
        """Return the bytes of the NACK of a message (STOMP 1.2, "NACK"; 1.0 has none).

        Args:
            message: the message, or the id that the NACK has to name: in 1.2 its ``ack`` header, in 1.1 its
                ``message-id``.
            subscription: 1.1, if ``message`` is an id: the ``subscription`` header of the message.
            transaction: the id of the open transaction that the NACK belongs to.
            receipt: an id; the server answers with a RECEIPT of this id. By default none is asked for.
            headers: further headers. They must not contradict the other arguments.
            now: seconds of any monotonic clock. It may be left out as long as no heart-beats were negotiated.

        Returns:
            The bytes to write.

        Raises:
            LocalProtocolError: the message was acknowledged already, or needs no ACK, or this is 1.0. Nothing has
                changed.
            ConnectionGoneError: the connection has ended.
            TypeError, ValueError: ``now`` is not a finite number, or was left out although heart-beats were negotiated.
        """
        if isinstance(message, Message):
            event = message.reject(transaction=transaction, receipt=receipt, headers=headers)
        elif self._version is _V1_2:
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
        """Return the bytes of BEGIN (STOMP 1.2, "BEGIN").

        Args:
            transaction: the id of the transaction.
            receipt: an id; the server answers with a RECEIPT of this id. By default none is asked for.
            headers: further headers. They must not contradict the other arguments.
            now: seconds of any monotonic clock. It may be left out as long as no heart-beats were negotiated.

        Returns:
            The bytes to write.

        Raises:
            LocalProtocolError: the protocol does not allow it here. Nothing has changed.
            ConnectionGoneError: the connection has ended.
            TypeError, ValueError: ``now`` is not a finite number, or was left out although heart-beats were negotiated.
        """
        return self.send(Begin(transaction, receipt=receipt, headers=headers), now=now)

    def commit(
        self,
        transaction: str,
        *,
        receipt: str | None = None,
        headers: HeaderSource = (),
        now: float | None = None,
    ) -> bytes:
        """Return the bytes of COMMIT (STOMP 1.2, "COMMIT").

        Args:
            transaction: the id of the transaction.
            receipt: an id; the server answers with a RECEIPT of this id. By default none is asked for.
            headers: further headers. They must not contradict the other arguments.
            now: seconds of any monotonic clock. It may be left out as long as no heart-beats were negotiated.

        Returns:
            The bytes to write.

        Raises:
            LocalProtocolError: the protocol does not allow it here. Nothing has changed.
            ConnectionGoneError: the connection has ended.
            TypeError, ValueError: ``now`` is not a finite number, or was left out although heart-beats were negotiated.
        """
        return self.send(Commit(transaction, receipt=receipt, headers=headers), now=now)

    def abort(
        self,
        transaction: str,
        *,
        receipt: str | None = None,
        headers: HeaderSource = (),
        now: float | None = None,
    ) -> bytes:
        """Return the bytes of ABORT (STOMP 1.2, "ABORT").

        Args:
            transaction: the id of the transaction.
            receipt: an id; the server answers with a RECEIPT of this id. By default none is asked for.
            headers: further headers. They must not contradict the other arguments.
            now: seconds of any monotonic clock. It may be left out as long as no heart-beats were negotiated.

        Returns:
            The bytes to write.

        Raises:
            LocalProtocolError: the protocol does not allow it here. Nothing has changed.
            ConnectionGoneError: the connection has ended.
            TypeError, ValueError: ``now`` is not a finite number, or was left out although heart-beats were negotiated.
        """
        return self.send(Abort(transaction, receipt=receipt, headers=headers), now=now)

    def disconnect(
        self, *, receipt: str | None = None, headers: HeaderSource = (), now: float | None = None
    ) -> bytes:
        """Return the bytes of DISCONNECT, the last frame of a client (STOMP 1.2, "DISCONNECT").

        Args:
            receipt: an id; its RECEIPT means that the server has processed everything that was sent before. By default
                none is asked for.
            headers: further headers. They must not contradict the other arguments.
            now: seconds of any monotonic clock. It may be left out as long as no heart-beats were negotiated.

        Returns:
            The bytes to write.

        Raises:
            LocalProtocolError: the protocol does not allow it here. Nothing has changed.
            ConnectionGoneError: the connection has ended.
            TypeError, ValueError: ``now`` is not a finite number, or was left out although heart-beats were negotiated.
        """
        return self.send(Disconnect(receipt=receipt, headers=headers), now=now)
