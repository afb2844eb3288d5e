"""Reference: a small strict broker in memory, which is sent the same as the broker under test.

What it answers is what has to come.

It stands on :class:`stomp_core.ServerConnection`, which knows the rules of STOMP, and has queues behind it. It has no
topics, and no messages but those of one conversation.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from typing import NamedTuple

from stomp_core import (
    NEED_DATA,
    Commit,
    Connect,
    Connected,
    ConnectionClosed,
    Disconnect,
    Event,
    Frame,
    FrameParser,
    LocalProtocolError,
    Receipt,
    RemoteProtocolError,
    Send,
    ServerConnection,
    Subscribe,
    TrackedSubscription,
)

__all__ = ["MARK", "Expected", "Reference"]

#: The header by which messages are told from each other.
MARK = "mark"


class Expected(NamedTuple):
    """A frame that the broker has to send.

    Attributes:
        on: the name of the connection.
        frame: as the reference sends it. The ids that a broker chooses are different in others.
        number: of a MESSAGE, counted on its connection; 0 for others.
        cause: the command of the client frame that it answers; of a MESSAGE, ``"SEND"``.
        acknowledged: whether its subscription has to acknowledge messages.
    """

    on: str
    frame: Frame
    number: int
    cause: str
    acknowledged: bool = False


class Reference:
    """A broker in memory.

    Attributes:
        refused: the code with which it has refused something; ``None`` as long as it has refused nothing.
        refused_text: why.
        maybe: marks of messages that a broker may deliver once more, or not: those of a NACK.
        known: what was sent, by mark.
        unmarked: destinations to which something without a mark was sent.
        asked: the receipts that were asked for, by connection.
        left_behind: destinations whose subscription in mode ``auto`` has lost its connection. Until a broker has
            noticed that, it may send messages there, and they are gone.
    """

    def __init__(self) -> None:
        self.refused: str | None = None
        self.refused_text = ""
        self.maybe: set[str | None] = set()
        self.known: dict[str, Send] = {}
        self.unmarked: set[str] = set()
        self.left_behind: set[str] = set()
        self.asked: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._queues: defaultdict[str, deque[Send]] = defaultdict(deque)
        self._lines: dict[str, _Line] = {}
        self._turns: list[_Line] = []
        self._expected: list[Expected] = []

    def receive(self, on: str, data: bytes) -> list[Expected]:
        """Receive bytes on a connection, which they open if they are the first.

        Args:
            on: the name of the connection.
            data: the bytes; ``b""`` closes the connection.

        Returns:
            What has to be sent in return, on any connection.
        """
        line = self._lines.get(on)
        if line is None:
            line = self._lines[on] = _Line(self, on)
            self._turns.append(line)
        line.receive(data)
        expected, self._expected = self._expected, []
        return expected

    def has_ended(self, on: str) -> bool:
        """Whether the broker closes this connection: it was asked to, or has refused something."""
        return on in self._lines and self._lines[on].ended

    def may_deliver(self, on: str, destination: str) -> bool:
        """Whether a connection has subscribed to a destination; a message may be on its way when it unsubscribes."""
        return on in self._lines and destination in self._lines[on].subscribed

    # ------------------------------------------------------------------ for its connections

    def expect(self, expected: Expected) -> None:
        """Note what has to be sent."""
        self._expected.append(expected)

    def refuse(self, error: RemoteProtocolError) -> None:
        """Note that something was refused."""
        if self.refused is None:
            self.refused, self.refused_text = error.code, str(error)

    def publish(self, send: Send) -> None:
        """Put a message in its queue."""
        if send.destination in self.left_behind:
            self.maybe.add(send.headers.get(MARK))
            return
        self._queues[send.destination].append(send)
        self.distribute(send.destination)

    def put_back(self, sends: Iterable[Send]) -> None:
        """Put messages to the front of their queues, and deliver them again."""
        sends = list(sends)
        for send in reversed(sends):
            self._queues[send.destination].appendleft(send)
        for destination in dict.fromkeys(send.destination for send in sends):
            self.distribute(destination)

    def distribute(self, destination: str) -> None:
        """Deliver what is in a queue to its subscribers in turn."""
        queue = self._queues[destination]
        while queue:
            for line in self._turns:
                subscription = line.subscription_to(destination)
                if subscription is not None:
                    line.deliver(queue.popleft(), subscription)
                    self._turns.remove(line)
                    self._turns.append(line)
                    break
            else:
                return


class _Line:
    """One connection."""

    def __init__(self, broker: Reference, name: str) -> None:
        self._broker = broker
        self._name = name
        self._server = ServerConnection(heart_beats=False)
        self._delivered = 0
        self._held: defaultdict[str, list[Expected]] = defaultdict(list)  # RECEIPTs, by transaction
        self.ended = False
        self.subscribed: set[str] = set()

    def receive(self, data: bytes) -> None:
        if self.ended:
            return
        self._server.receive_data(data)
        try:
            while (event := self._server.next_event()) is not NEED_DATA and not self.ended:
                if isinstance(event, ConnectionClosed):
                    automatic = {one.destination for one in self._server.subscriptions if one.ack == "auto"}
                    self._broker.left_behind |= automatic
                    self._end()
                elif isinstance(event, Event):
                    self._on_event(event)
        except RemoteProtocolError as error:
            self._broker.refuse(error)
            self._end()

    def subscription_to(self, destination: str) -> TrackedSubscription | None:
        if self.ended:
            return None
        return next((one for one in self._server.subscriptions if one.destination == destination), None)

    def deliver(self, send: Send, subscription: TrackedSubscription) -> None:
        try:
            data = self._server.deliver(send, subscription)
        except LocalProtocolError:
            # A header that the version of the receiver cannot carry: what a broker does then is not specified.
            self._broker.maybe.add(send.headers.get(MARK))
            return
        self._delivered += 1
        parser = FrameParser(self._server.version)
        parser.receive_data(data)
        frame = parser.next_frame()
        assert isinstance(frame, Frame)
        self._expect(frame, "SEND", self._delivered, subscription.ack != "auto")

    def _expect(self, frame: Frame, cause: str, number: int = 0, acknowledged: bool = False) -> None:
        self._broker.expect(Expected(self._name, frame, number, cause, acknowledged))

    def _end(self) -> None:
        if not self.ended:
            self.ended = True
            self._broker.put_back(self._server.take_unacknowledged())

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Connect):
            self._server.send(Connected())
            pairs = [("version", str(self._server.version))]
            self._expect(Frame("CONNECTED", pairs), event.command)
            return
        if isinstance(event, Send):
            if MARK in event.headers:
                self._broker.known[event.headers[MARK]] = event
            else:
                self._broker.unmarked.add(event.destination)
        effects = self._server.effects(event)
        receipt = event.headers.get("receipt")
        if receipt is not None:
            self._server.send(Receipt(receipt))
            self._confirm(event, receipt)
        if isinstance(event, Commit):
            for held in self._held.pop(event.transaction, []):
                self._broker.expect(held)
        if isinstance(event, Subscribe):
            self.subscribed.add(event.destination)
            self._broker.distribute(event.destination)
        for cause, sends in effects:
            if isinstance(cause, Send):
                self._broker.publish(cause)
            elif cause.command in ("NACK", "UNSUBSCRIBE"):
                # Delivered again at once (ActiveMQ), when the connection ends (RabbitMQ, behind UNSUBSCRIBE), or put
                # into a dead letter queue.
                self._broker.maybe.update(send.headers.get(MARK) for send in sends)
            elif cause.command != "ACK":
                self._broker.put_back(sends)
        if isinstance(event, Disconnect):
            self._end()

    def _confirm(self, event: Event, receipt: str) -> None:
        self._broker.asked[self._name][receipt] += 1
        frame = Frame("RECEIPT", [("receipt-id", receipt)])
        transaction = event.headers.get("transaction")
        if transaction is not None and event.command in ("SEND", "ACK", "NACK"):
            # "A RECEIPT frame is an acknowledgment that the corresponding client frame has been processed by the
            # server": that may be at once, or with the COMMIT, as RabbitMQ does. With an ABORT it need not come.
            self._held[transaction].append(Expected(self._name, frame, 0, event.command))
        else:
            self._expect(frame, event.command)
