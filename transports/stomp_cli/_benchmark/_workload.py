"""The workload of a benchmark: producers, consumers, requesters and responders, the same for each adapter."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from typing import Any

from stomp_core import StompError
from stomp_core.session import Listener, Rejected, StaleMessageError, Unconfirmed

from .._scratch import scratch_headers
from ._adapters import Adapter, Job
from ._observer import HEADER, Observer
from ._plan import NANOSECONDS, Plan, Schedule
from ._tally import Deliveries, Tally

__all__ = ["Connect", "Workload"]

#: Takes a listener and returns the connection.
Connect = Callable[[Listener], AbstractAsyncContextManager[Any]]

_LOOK_EVERY = 0.2  # seconds between two looks whether to stop
_DRAIN_IDLE = 2.0  # seconds without a message after which a queue counts as empty


class Workload:
    """One run of a benchmark. Another thread may read the attributes while it runs.

    Args:
        plan: what to do.
        adapter: by which.
        run: a name that no other run has.

    Attributes:
        tallies: the counts of each connection, and of each task or thread that sends requests.
        deliveries: of all messages.
        stopped: set it to end the run early.
        error: why it ended early.
        measured_from: when the warm-up is over, in nanoseconds; 0 before the connections are made.
        cpu_time: of this process while messages were measured, in nanoseconds.
        server: what the broker calls itself.
        version: the version of STOMP.
        drained: messages that were left in the destination at the end, and were taken away.
    """

    def __init__(self, plan: Plan, adapter: Adapter, run: str) -> None:
        self.tallies: list[Tally] = []
        self.deliveries = Deliveries(plan.senders)
        self.stopped = False
        self.error: StompError | None = None
        self.measured_from = 0
        self.cpu_time = 0
        self.server = "unknown"
        self.version = "unknown"
        self.drained = 0
        self._plan = plan
        self._adapter = adapter
        self._run = run
        self._start = 0
        self._sending = plan.senders  # how many have not finished
        self._lock = threading.Lock()  # for the line above
        self._cpu_time_before: int | None = None
        self._body = b"x" * plan.size
        self._headers: dict[str, str] = {}  # of each SEND and SUBSCRIBE

    def run(self, connect: Connect) -> None:
        """Run it to its end.

        Raises:
            StompError: a connection could not be made, or a subscription was refused, before anything was measured.
        """
        self._adapter.run(partial(self._main, connect))

    def total(self) -> Tally:
        """Return the counts of all connections together."""
        total = Tally()
        for tally in list(self.tallies):
            total.merge(tally)
        total.errors["duplicate"] = self.deliveries.duplicates
        if self._plan.consumers and not self._plan.requests:
            total.errors["lost"] = self.deliveries.missing
        return total

    async def _main(self, connect: Connect) -> None:
        plan = self._plan
        async with AsyncExitStack() as stack:
            producers = [await self._connect(stack, connect, receives=False) for _ in range(plan.producers)]
            consumers = [await self._connect(stack, connect, receives=True) for _ in range(plan.consumers)]
            jobs: list[Job] = []
            for connection, observer in consumers:
                subscription = await stack.enter_async_context(self._subscribe(connection))
                jobs.append(partial(self._consume, connection, observer, subscription))
            self._start = time.perf_counter_ns()
            self.measured_from = self._start + round(plan.warmup * NANOSECONDS)
            for _, observer in [*producers, *consumers]:
                observer.measured_from = self.measured_from
            for number, (connection, observer) in enumerate(producers):
                if plan.requests:
                    senders = range(number * plan.window, (number + 1) * plan.window)
                    jobs += [partial(self._request, connection, observer, sender) for sender in senders]
                else:
                    jobs.append(partial(self._produce, connection, observer, number))
            await self._adapter.run_all(jobs)
            if self._cpu_time_before is not None:
                self.cpu_time = time.process_time_ns() - self._cpu_time_before
        if plan.own_destination and self._may_be_left():
            async with connect(Listener()) as connection:
                await self._drain(connection)

    async def _connect(
        self, stack: AsyncExitStack, connect: Connect, *, receives: bool
    ) -> tuple[Any, Observer]:
        observer = Observer(
            self._run, self.deliveries, receives=receives, acknowledges=receives and self._plan.ack != "auto"
        )
        connection = await stack.enter_async_context(connect(observer))
        self.tallies.append(observer.tally)
        if self._plan.own_destination:
            self._headers = scratch_headers(connection.session.broker_profile)
        self.version = str(connection.version)
        if connection.connected is not None and connection.connected.server:
            self.server = connection.connected.server
        return connection, observer

    def _subscribe(self, connection: Any) -> AbstractAsyncContextManager[Any]:
        plan = self._plan
        prefetch = None if plan.ack == "auto" else plan.prefetch
        return self._adapter.entered(
            connection.subscribe(plan.destination, ack=plan.ack, prefetch=prefetch, headers=self._headers)
        )

    # ------------------------------------------------------------------ those that send

    async def _produce(self, connection: Any, observer: Observer, sender: int) -> None:
        """Send messages, a window of them in flight."""
        plan, result = self._plan, self._adapter.result
        destination, body, own = plan.destination, self._body, self._headers | plan.headers
        schedule = plan.schedule(sender, self._start)
        pipeline = connection.pipeline(plan.window)
        number = 0
        try:
            while (at := await self._due(schedule)) is not None:
                headers = own | {HEADER: observer.token(sender, number, at)}
                try:
                    await result(pipeline.send(destination, body, headers=headers))
                except Unconfirmed:
                    # An earlier message has failed. This one was not sent.
                    pipeline = await self._settle(connection, pipeline, observer)
                    await result(pipeline.send(destination, body, headers=headers))
                number += 1
            await self._settle(connection, pipeline, observer)
        except StompError as error:
            self._end(error)
        finally:
            self._finish_sending()

    async def _settle(self, connection: Any, pipeline: Any, observer: Observer) -> Any:
        """Wait for the outcome of each message of a pipeline, count the failures, and return another pipeline."""
        try:
            await self._adapter.result(pipeline.drain())
        except Unconfirmed as error:
            for _, failure in error.failures:
                observer.tally.add_failure(failure)
        return connection.pipeline(self._plan.window)

    async def _request(self, connection: Any, observer: Observer, sender: int) -> None:
        """Send requests, each when the reply to the one before it has come."""
        plan, result = self._plan, self._adapter.result
        tally = Tally()  # several threads share the connection
        self.tallies.append(tally)
        latencies = tally.latencies["request_to_reply"]
        own = self._headers | plan.headers
        schedule = plan.schedule(sender, self._start)
        number = 0
        try:
            while (at := await self._due(schedule)) is not None:
                headers = own | {HEADER: observer.token(sender, number, at)}
                number += 1
                measured = at >= self.measured_from
                tally.sent += measured
                try:
                    await result(
                        connection.request(
                            plan.destination, self._body, headers=headers, timeout=plan.patience
                        )
                    )
                except StompError as error:
                    if connection.closed:
                        raise
                    tally.add_failure(error)
                    continue
                if measured:
                    tally.confirmed += 1
                    tally.last = time.perf_counter_ns()
                    latencies.record(tally.last - at)
        except StompError as error:
            self._end(error)
        finally:
            self._finish_sending()

    async def _due(self, schedule: Schedule) -> int | None:
        """Wait until the next message is meant to be sent, and return that time; ``None`` if there is none."""
        now = time.perf_counter_ns()
        at = None if self.stopped else schedule.next(now)
        if at is None:
            return None
        while at > now:
            await self._adapter.sleep(min((at - now) / NANOSECONDS, _LOOK_EVERY))
            if self.stopped:
                return None
            now = time.perf_counter_ns()
        if at >= self.measured_from:
            self._note_cpu_time()
        return at

    # ------------------------------------------------------------------ those that receive

    async def _consume(self, connection: Any, observer: Observer, subscription: Any) -> None:
        """Receive and acknowledge messages, or reply to requests, until all that were sent have come."""
        plan, result = self._plan, self._adapter.result
        acknowledges = plan.ack != "auto"
        try:
            while True:
                try:
                    message = await result(subscription.receive(_LOOK_EVERY))
                except TimeoutError as error:
                    if isinstance(error, StompError):
                        raise  # no wait of ours
                    if self._has_finished():
                        return
                    continue
                if not plan.producers and time.perf_counter_ns() >= self.measured_from:
                    self._note_cpu_time()
                if plan.requests:
                    await self._reply(connection, message)
                if acknowledges:
                    try:
                        await result(message.ack())
                    except StaleMessageError:
                        continue  # the broker delivers it again
                    observer.acknowledged(message.event)
                all_taken = subscription.waiting == 0 and observer.unacknowledged == 0
                if all_taken and (not plan.producers or not self._sending) and self._has_finished():
                    return
        except StompError as error:
            self._end(error)

    async def _reply(self, connection: Any, message: Any) -> None:
        to = message.headers.get("reply-to")
        if to is None:
            return
        headers = {}
        if (correlation := message.headers.get("correlation-id")) is not None:
            headers["correlation-id"] = correlation
        try:
            await self._adapter.result(connection.send(to, message.body, headers=headers))
        except Rejected:
            pass  # nobody waits for it any more; the request counts as unknown

    def _has_finished(self) -> bool:
        """Return whether a consumer need not wait any longer."""
        plan = self._plan
        now = time.perf_counter_ns()
        if self.error is not None:
            return True
        if not plan.producers:
            received = sum(one.received for one in self.tallies)
            enough = plan.messages is not None and received >= plan.messages
            over = plan.duration is not None and now >= self.measured_from + plan.duration * NANOSECONDS
            return self.stopped or enough or over
        if self._sending:
            return False
        if plan.requests or not self.deliveries.missing:
            return True
        latest = max(one.last for one in self.tallies)
        return now - latest >= plan.patience * NANOSECONDS

    def _may_be_left(self) -> bool:
        """Return whether messages may be in the destination."""
        if self.error is not None or not self._plan.producers:
            return False
        errors = self.total().errors
        doubtful = errors["unknown"] or errors["reconnects"] or errors["lost"]
        return not self._plan.consumers or bool(doubtful)

    async def _drain(self, connection: Any) -> None:
        result = self._adapter.result
        subscribing = connection.subscribe(
            self._plan.destination, ack="client-individual", prefetch=100, headers=self._headers
        )
        async with self._adapter.entered(subscribing) as subscription:
            while True:
                try:
                    message = await result(subscription.receive(_DRAIN_IDLE))
                except TimeoutError as error:
                    if isinstance(error, StompError):
                        raise
                    return
                await result(message.ack())
                self.drained += 1

    # ------------------------------------------------------------------ the end

    def _finish_sending(self) -> None:
        with self._lock:
            self._sending -= 1

    def _end(self, error: StompError) -> None:
        if self.error is None:
            self.error = error
        self.stopped = True

    def _note_cpu_time(self) -> None:
        if self._cpu_time_before is None:
            self._cpu_time_before = time.process_time_ns()
