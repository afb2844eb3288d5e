"""Takes the times of frames, as the listener of a connection."""

from __future__ import annotations

import time

from stomp_core import Message, Receipt, Send
from stomp_core.protocol import Connected, Event
from stomp_core.session import Endpoint, Listener

from ._tally import Deliveries, Tally

__all__ = ["HEADER", "Observer"]

#: The header of each message: the run, the producer, the number of the message, and when it was meant to be sent.
HEADER = "stomp-bench"


class Observer(Listener):
    """Takes the time when a frame has been parsed, before anybody is woken who waits for it.

    Args:
        run: the name of this benchmark; messages of others are only counted.
        deliveries: over all connections.
        receives: whether the messages that come are those that are counted, and not replies.
        acknowledges: whether :meth:`acknowledged` will be called for each of them.

    Attributes:
        tally: the counts of this connection.
        measured_from: when the warm-up is over, in nanoseconds.
    """

    def __init__(
        self, run: str, deliveries: Deliveries, *, receives: bool = False, acknowledges: bool = False
    ) -> None:
        self.tally = Tally()
        self.measured_from = 0
        self._run = run
        self._prefix = f"{run} "
        self._deliveries = deliveries
        self._receives = receives
        self._acknowledges = acknowledges
        self._in_flight: dict[str, tuple[int, int, int]] = {}  # producer, number and time, by the receipt id
        # By the id of the event, which lives as long as it is here.
        self._arrivals: dict[int, tuple[Message, int, bool]] = {}
        self._latest: dict[int, int] = {}  # number of the latest message, by the producer
        self._lost = False
        self._to_receipt = self.tally.latencies["send_to_receipt"]
        self._to_message = self.tally.latencies["send_to_message"]
        self._to_ack = self.tally.latencies["message_to_ack"]

    def token(self, producer: int, number: int, at: int) -> str:
        """Return the value of :data:`HEADER` for a message."""
        return f"{self._run} {producer} {number} {at}"

    def frame_sent(self, event: Event) -> None:
        if type(event) is not Send:
            return
        receipt, token = event.receipt, event.headers.get(HEADER)
        if receipt is None or token is None:
            return
        _, producer, number, at = token.split(" ")
        self._in_flight[receipt] = int(producer), int(number), int(at)
        if int(at) >= self.measured_from:
            self.tally.sent += 1

    def frame_received(self, event: Event) -> None:
        now = time.perf_counter_ns()
        if type(event) is Receipt:
            sent = self._in_flight.pop(event.receipt_id, None)
            if sent is None:
                return  # of a SUBSCRIBE, for example
            producer, number, at = sent
            self._deliveries.confirm(producer, number)
            if at >= self.measured_from:
                self.tally.confirmed += 1
                self.tally.last = now
                self._to_receipt.record(now - at)
        elif self._receives and type(event) is Message:
            self._arrived(event, now)

    def _arrived(self, event: Message, now: int) -> None:
        tally = self.tally
        token = event.headers.get(HEADER)
        own = token is not None and token.startswith(self._prefix)
        producer, number, at = map(int, token.split(" ")[1:]) if token is not None and own else (-1, 0, now)
        measured = at >= self.measured_from
        if measured:
            tally.received += 1
            tally.last = now
        if self._acknowledges:
            # Before deliver(), after which a consumer may believe that it has acknowledged everything.
            self._arrivals[id(event)] = event, now, measured
        if not own:
            tally.foreign += 1
            return
        if measured:
            self._to_message.record(now - at)
        if self._deliveries.deliver(producer, number):
            if number < self._latest.get(producer, -1):
                tally.errors["out_of_order"] += 1
            else:
                self._latest[producer] = number

    @property
    def unacknowledged(self) -> int:
        """How many messages have come on this connection and were not acknowledged yet."""
        return len(self._arrivals)

    def acknowledged(self, event: Message) -> None:
        """Take the time when the ACK of a message was sent."""
        arrival = self._arrivals.pop(id(event), None)
        if arrival is not None and arrival[2]:
            self.tally.acknowledged += 1
            self._to_ack.record(time.perf_counter_ns() - arrival[1])

    def connection_made(self, endpoint: Endpoint, connected: Connected) -> None:
        if self._lost:
            self._lost = False
            self.tally.errors["reconnects"] += 1

    def connection_lost(self, endpoint: Endpoint, reason: str) -> None:
        self._lost = True
        # Nothing that came on it can be acknowledged, and nothing that was sent will be confirmed.
        self._arrivals.clear()
        self._in_flight.clear()
