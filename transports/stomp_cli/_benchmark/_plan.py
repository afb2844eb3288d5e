"""What a benchmark does, and when each of its messages is meant to be sent. Pure: time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["NANOSECONDS", "Plan", "Schedule"]

NANOSECONDS = 1_000_000_000  # in a second


@dataclass(frozen=True)
class Plan:
    """The options of a benchmark.

    Attributes:
        destination: where the messages are sent to.
        own_destination: whether nobody else uses it, so that it may be drained at the end.
        requests: whether the producers send requests, and the consumers reply.
        producers: how many connections send.
        consumers: how many connections receive.
        messages: how many messages are measured; ``None`` if ``duration`` says when to stop.
        duration: for how many seconds messages are measured; ``None`` if ``messages`` says when to stop.
        warmup: for how many seconds messages are sent before that.
        rate: how many messages all producers together send in a second; ``None`` is as many as the broker takes.
        size: of a body, in bytes.
        window: how many messages, or requests, of a producer may be in flight.
        prefetch: how many messages of a consumer may be unacknowledged.
        ack: the ack mode.
        headers: further headers of each message.
        patience: how many seconds to wait at the end for a message that is missing.
    """

    destination: str
    own_destination: bool = True
    requests: bool = False
    producers: int = 1
    consumers: int = 1
    messages: int | None = None
    duration: float | None = None
    warmup: float = 0.0
    rate: float | None = None
    size: int = 100
    window: int = 100
    prefetch: int = 100
    ack: str = "client-individual"
    headers: dict[str, str] = field(default_factory=dict)
    patience: float = 5.0

    @property
    def senders(self) -> int:
        """How many threads or tasks send: one for each producer; with requests, one for each that may be in flight."""
        return self.producers * self.window if self.requests else self.producers

    def schedule(self, sender: int, start: int) -> Schedule:
        """Return the schedule of one sender.

        Args:
            sender: its number, from 0.
            start: when the benchmark starts, in nanoseconds.
        """
        messages = None
        if self.messages is not None:
            messages = self.messages // self.senders + (sender < self.messages % self.senders)
        first = interval = None
        if self.rate is not None:
            # The senders take turns, so that the messages of all of them have equal distances.
            interval = NANOSECONDS * self.senders / self.rate
            first = NANOSECONDS * sender / self.rate
        measured_from = start + round(self.warmup * NANOSECONDS)
        end = None if self.duration is None else measured_from + round(self.duration * NANOSECONDS)
        return Schedule(start, measured_from, messages=messages, end=end, first=first, interval=interval)


class Schedule:
    """When the messages of one sender are meant to be sent. All times are in nanoseconds.

    With an interval it is an open loop: the times do not depend on how long anything takes. A message that is sent late
    because an earlier one was slow keeps its time, and its latency counts from then ("coordinated omission" is what
    happens otherwise: of a broker that stops for a second, one message is slow, and those that should have been sent
    meanwhile are missing in the percentiles).

    Args:
        start: of the benchmark.
        measured_from: when the warm-up is over.
        messages: how many of this sender are measured; ``None`` is no limit.
        end: when to stop; ``None`` is never.
        first: after the start, when the first message is sent.
        interval: between two messages; ``None`` is a closed loop, which sends when it is asked.
    """

    def __init__(
        self,
        start: int,
        measured_from: int,
        *,
        messages: int | None = None,
        end: int | None = None,
        first: float | None = None,
        interval: float | None = None,
    ) -> None:
        self.measured_from = measured_from
        self._start = start
        self._left = messages
        self._end = end
        self._first = first or 0.0
        self._interval = interval
        self._number = 0

    def next(self, now: int) -> int | None:
        """Return when the next message is meant to be sent; ``None`` if there is none.

        Args:
            now: the time; what is returned may be earlier or later.
        """
        at = now
        if self._interval is not None:
            at = self._start + int(self._first + self._number * self._interval)
        if at >= self.measured_from:
            if self._left == 0 or (self._end is not None and at >= self._end):
                return None
            if self._left is not None:
                self._left -= 1
        self._number += 1
        return at
