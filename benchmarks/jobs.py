"""One run of a contest by a client: its input, and what is measured of it."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

__all__ = ["AT_ONCE", "Job", "Measurement"]

#: Receipts that are pending at a time in a pipeline, and threads or tasks that send at the same time.
AT_ONCE = 50


class Measurement(NamedTuple):
    """What one run took.

    Attributes:
        seconds: by the clock.
        cpu: seconds of processor time, of all threads of the client's process.
        latencies: nanoseconds for each message, where they go one after the other.
    """

    seconds: float
    cpu: float
    latencies: array[int]


class Job:
    """What a client has to do, with the meters that it uses meanwhile.

    Attributes:
        url: of the broker.
        queue: a queue that only this run uses.
        count: how many messages to receive or send.
        body: of each message to send.
    """

    def __init__(self, url: str, queue: str, count: int, body: bytes) -> None:
        self.url = url
        self.queue = queue
        self.count = count
        self.body = body
        self._seconds = self._cpu = 0.0
        self._latencies = array("q")

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure what happens inside the `with` block. Connecting and closing stay outside."""
        cpu, began = time.process_time(), time.perf_counter()
        yield
        self._seconds = time.perf_counter() - began
        self._cpu = time.process_time() - cpu

    def one_by_one(self) -> Iterator[int]:
        """Count the messages, and measure how long the body of the loop takes for each."""
        clock, note = time.perf_counter_ns, self._latencies.append
        for number in range(self.count):
            began = clock()
            yield number
            note(clock() - began)

    @property
    def share(self) -> int:
        """How many messages each of `AT_ONCE` threads or tasks sends."""
        return self.count // AT_ONCE

    @property
    def measurement(self) -> Measurement:
        """What was measured."""
        return Measurement(self._seconds, self._cpu, self._latencies)
