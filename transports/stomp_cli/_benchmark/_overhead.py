"""Measures what the harness itself costs: the same workload without a broker, without a socket, without frames."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Self

from stomp_core import Message, Receipt, Send
from stomp_core.session import Listener

from ._adapters import BlockingAdapter, Job
from ._observer import HEADER
from ._plan import Plan
from ._workload import Workload

__all__ = ["measure_overhead"]

_MESSAGES = 2000
_RUN = "overhead"
_LATER = (
    3600 * 1_000_000_000
)  # nanoseconds; the prepared messages were sent after the warm-up, whenever that is


def measure_overhead(plan: Plan) -> float:
    """Return how many microseconds of CPU the harness takes for a message: schedule, header, times and counts.

    Args:
        plan: what is to be measured; a connection of each kind is enough.
    """
    # Nobody waits for anything here, so a window of requests would only be many threads.
    small = replace(
        plan,
        producers=min(plan.producers, 1),
        consumers=min(plan.consumers, 1),
        window=1 if plan.requests else plan.window,
        own_destination=False,
        messages=_MESSAGES,
        duration=None,
        warmup=0.0,
        rate=None,
    )
    workload = Workload(small, _OneAfterTheOther(), _RUN)
    broker = _Nothing(small)
    workload.run(broker.connect)
    return workload.cpu_time / 1000 / _MESSAGES


class _OneAfterTheOther(BlockingAdapter):
    """Runs the producer to its end before the consumer, so that no change of threads is measured."""

    async def run_all(self, jobs: Sequence[Job]) -> None:
        for job in reversed(jobs):
            await job()


class _Delivery:
    def __init__(self, event: Message) -> None:
        self.event = event
        self.headers = event.headers
        self.body = b""

    def ack(self) -> None:
        pass


class _Nothing:
    """In place of connection, pipeline and subscription. All frames exist before anything is measured."""

    connected = None
    version = "none"
    waiting = 0
    closed = False

    def __init__(self, plan: Plan) -> None:
        at = time.perf_counter_ns() + _LATER
        self._frames = deque[tuple[Send, Receipt, Message]]()
        self._delivered = deque[_Delivery]()
        self._listeners: list[Listener] = []
        run = _RUN if plan.producers else "another"  # of which a consumer only counts the messages
        for number in range(_MESSAGES):
            headers = {HEADER: f"{run} 0 {number} {at}"}
            message = Message("/queue/none", message_id=str(number), headers=headers)
            if plan.producers:
                send = Send("/queue/none", headers=headers, receipt=str(number))
                self._frames.append((send, Receipt(str(number)), message))
            else:
                self._delivered.append(_Delivery(message))

    @asynccontextmanager
    async def connect(self, listener: Listener) -> AsyncIterator[Self]:
        self._listeners.append(listener)
        yield self

    def pipeline(self, window: int) -> Self:
        return self

    def send(self, destination: str, body: bytes, *, headers: dict[str, str]) -> None:
        if not self._frames:
            return  # the reply to a request
        send, receipt, message = self._frames.popleft()
        self._listeners[0].frame_sent(send)
        self._listeners[0].frame_received(receipt)
        self._delivered.append(_Delivery(message))

    def drain(self) -> None:
        pass

    def request(self, destination: str, body: bytes, **options: Any) -> None:
        self._delivered.append(_Delivery(self._frames.popleft()[2]))

    def subscribe(self, destination: str, **options: Any) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def receive(self, timeout: float) -> _Delivery:
        if not self._delivered:
            raise TimeoutError
        delivery = self._delivered.popleft()
        self._listeners[-1].frame_received(delivery.event)
        return delivery
