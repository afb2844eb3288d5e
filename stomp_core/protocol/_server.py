"""ServerConnection: a server's side of one connection.

The flow of received data and the checks of frames are those of every connection, see _connection.py. Here are the
arguments of a server, and its one way to send.
"""

from __future__ import annotations

from collections.abc import Iterable

from .._mypyc import mypyc_attr
from ..errors import AnswerFrame, ErrorCode, RemoteProtocolError
from ..wire import ALL_VERSIONS, Frame, Leniency, Limits
from ._connection import Connection
from ._deliveries import Deliveries, Effect
from ._events import Event, Message, Send
from ._states import SERVER
from ._tracker import TrackedSubscription

__all__ = ["ServerConnection"]

#: Headers of a SEND that its MESSAGEs do not have: those for the server, and those that only a server may state.
_NOT_PASSED_ON = frozenset(["receipt", "transaction", "subscription", "message-id", "ack", "content-length"])


@mypyc_attr(allow_interpreted_subclasses=True)
class ServerConnection(Connection):
    """A server's side of one connection: for brokers, proxies and test doubles.

    It is strict by default. When a client violates the protocol, :meth:`next_event` raises a
    :class:`~stomp_core.RemoteProtocolError`: send its ``frame_hint``, then close. Frames that a client sends behind
    CONNECT are returned once CONNECTED is sent, and are read in the version that was negotiated.

    Args:
        versions: the versions that the server speaks. Default: 1.0, 1.1 and 1.2.
        limits: size limits for received frames. Default: ``Limits()``.
        leniency: which violations by the client are tolerated. Default: none.
        unsolicited_messages: allow MESSAGEs whose subscription the client did not ask for, as RabbitMQ sends them
            in reply to ``reply-to:/temp-queue/...``.
        check_requests: check every frame behind CONNECT against the state, the required headers, and the
            subscriptions, transactions and messages of the client. ``False`` leaves that to the program, for servers
            with rules of their own, such as the double of a real broker: frames are returned whatever they refer to,
            nothing about them is remembered, and MESSAGEs are sent as they are given.
        heart_beat_tolerance: how many of the client's intervals may pass without a byte before it counts as dead; more
            than 1.
        heart_beat_pace: after which share of this side's interval without a byte written a heart-beat is due, from 0.1
            to 1.
        heart_beats: send and expect heart-beats; then every call needs ``now`` once they were negotiated. ``False`` is
            for programs without a clock, such as analysers of recorded traffic: nothing is ever due.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: an argument is out of its range.

    >>> conn = ServerConnection()
    >>> conn.receive_data(b"CONNECT\\naccept-version:1.1,1.2\\nhost:/\\n\\n\\0", now=0.0)
    >>> conn.next_event().host
    '/'
    >>> conn.send(Connected(server="mine"), now=0.0)
    b'CONNECTED\\nversion:1.2\\nserver:mine\\n\\n\\x00'
    """

    def __init__(
        self,
        versions: Iterable[str] = ALL_VERSIONS,
        *,
        limits: Limits | None = None,
        leniency: Leniency | None = None,
        unsolicited_messages: bool = False,
        check_requests: bool = True,
        heart_beat_tolerance: float = 2.5,
        heart_beat_pace: float = 0.8,
        heart_beats: bool = True,
    ) -> None:
        super().__init__(
            SERVER,
            versions,
            limits,
            Leniency() if leniency is None else leniency,
            heart_beat_tolerance=heart_beat_tolerance,
            heart_beat_pace=heart_beat_pace,
            heart_beats=heart_beats,
            unsolicited_messages=unsolicited_messages,
            check_requests=check_requests,
        )
        self._deliveries = Deliveries()

    def send(self, what: Event | Frame | AnswerFrame, *, now: float | None = None) -> bytes:
        """Check an event or a frame, and return its bytes.

        Args:
            what: a server event or a server frame, such as ``error.frame_hint``. A CONNECTED without ``version`` gets
                the negotiated one.
            now: seconds of any monotonic clock. It may be left out as long as no heart-beats were negotiated.

        Returns:
            The bytes to write. All of them have to be written, and in the order of the calls.

        Raises:
            LocalProtocolError: the protocol does not allow it here. Nothing has changed.
            ConnectionGoneError: the connection has ended.
            TypeError: ``what`` is something else, or ``now`` is not a number, or was left out although heart-beats were
                negotiated.
            ValueError: ``now`` is not finite.
        """
        if isinstance(what, Frame):
            what = self._event_of(what)
        elif not isinstance(what, Event):
            raise TypeError(f"send() takes an event or a frame, got {type(what).__name__}")
        return self._send_event(what, now)

    def deliver(
        self,
        send: Send,
        subscription: TrackedSubscription,
        message_id: str | None = None,
        *,
        now: float | None = None,
    ) -> bytes:
        """Return the bytes of the MESSAGE that passes a SEND on to a subscription (STOMP 1.2, "MESSAGE").

        It has the destination, the body and all headers of the SEND but those which only concern the server. It has a
        ``content-length`` if the SEND had one.

        Args:
            send: a SEND that this or another client has sent.
            subscription: one of :attr:`subscriptions`.
            message_id: the unique id of the message. It is also the id that an ACK has to name, if the subscription is
                not in mode ``auto``. By default the deliveries of this connection are numbered.
            now: seconds of any monotonic clock. It may be left out as long as no heart-beats were negotiated.

        Returns:
            The bytes to write.

        Raises:
            LocalProtocolError: the version of this client cannot carry one of the headers. Nothing has changed.
            ConnectionGoneError: the connection has ended.
            TypeError, ValueError: ``now`` is not a finite number, or was left out although heart-beats were negotiated.
        """
        if message_id is None:
            message_id = str(self._deliveries.count + 1)
        headers = [("message-id", message_id)]
        if subscription.id is not None:
            headers.append(("subscription", subscription.id))
        if subscription.ack != "auto":
            headers.append(("ack", message_id))
        headers += [pair for pair in send.headers.pairs if pair[0] not in _NOT_PASSED_ON]
        message = Message.from_frame(send.frame.replace(command="MESSAGE", headers=headers))
        data = self._send_event(message, now)
        self._deliveries.add(subscription, message_id, send)
        return data

    def effects(self, event: Event) -> list[Effect]:
        """Return what a broker has to do because of an event.

        A SEND, ACK or NACK takes effect at once; in a transaction with its COMMIT, in the order in which it was
        received, and not at all with its ABORT (STOMP 1.2, "BEGIN"). After UNSUBSCRIBE, messages come back that were
        delivered by :meth:`deliver` and not acknowledged.

        Args:
            event: what :meth:`next_event` has just returned. Ask once for each event, before the next one.

        Returns:
            What to do, in order. Deliver a SEND; forget the messages of an ACK; deliver those of all others to another
            subscription.

        Raises:
            LocalProtocolError: the event is an ACK or NACK that is not the latest one.
        """
        return self._deliveries.effects(event, self.covered_by, lambda: self.subscriptions)

    def take_unacknowledged(self) -> tuple[Send, ...]:
        """Return, once, the messages that :meth:`deliver` delivered and that were not acknowledged, in that order.

        Call it when the connection has ended, and deliver these messages to other clients.
        """
        return self._deliveries.take_all()

    def refusal(self, event: Event, reason: str) -> RemoteProtocolError:
        """Refuse a request that STOMP allows and the server does not, as if it broke a rule.

        That ends the conversation: send the ``frame_hint`` of the error, an ERROR with the ``receipt-id`` of the
        request, then close (STOMP 1.2, "ERROR").

        Args:
            event: the request of the client.
            reason: why it is refused; the client gets this text.

        Returns:
            The error, to raise it or to use its ``frame_hint``. Its code is ``"refused"``. :meth:`next_event` raises it
            from now on.
        """
        return self._fail(RemoteProtocolError(reason, code=ErrorCode.REFUSED), event.headers.get("receipt"))
