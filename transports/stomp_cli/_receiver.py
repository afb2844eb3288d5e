"""Receives the messages of several subscriptions, one after the other, until there were enough or none comes."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from stomp_core import StompError
from stomp_core.session import SessionClosed
from stomp_socket import Connection, Message, Subscription

__all__ = ["Enough", "Receiver"]


class Enough:
    """When to stop receiving.

    Args:
        count: after so many messages.
        timeout: after so many seconds in all.
        idle: after so many seconds without a message.
    """

    def __init__(
        self, count: int | None = None, timeout: float | None = None, idle: float | None = None
    ) -> None:
        self.count = count
        self.idle = idle
        self._deadline = None if timeout is None else time.monotonic() + timeout

    def patience(self, idle: float | None) -> float | None:
        """Return for how many seconds to wait for the next message; ``None`` is for as long as it takes.

        Args:
            idle: the longest time for this message.
        """
        times = [] if idle is None else [idle]
        if self._deadline is not None:
            times.append(max(0.0, self._deadline - time.monotonic()))
        return min(times, default=None)

    @property
    def expired(self) -> bool:
        """Whether the time is over."""
        return self._deadline is not None and time.monotonic() >= self._deadline


class Receiver:
    """Subscribes, and is iterated over. A context manager that unsubscribes.

    Args:
        connection: to subscribe by.
        destinations: to subscribe to.
        options: of each ``subscribe()``.
        enough: when the iteration ends.

    Attributes:
        count: messages received.
        timed_out: whether the iteration ended because the time was over, with fewer messages than asked for.
    """

    def __init__(
        self, connection: Connection, destinations: tuple[str, ...], options: dict[str, Any], enough: Enough
    ) -> None:
        self._connection = connection
        self._enough = enough
        self.count = 0
        self.timed_out = False
        self._stack = ExitStack()
        self.subscriptions: list[Subscription] = []
        with ExitStack() as stack:
            for destination in destinations:
                self.subscriptions.append(stack.enter_context(connection.subscribe(destination, **options)))
            self._stack = stack.pop_all()
        self._received: queue.Queue[Message | Exception] = queue.Queue(maxsize=1)
        self._closed = threading.Event()
        if len(self.subscriptions) > 1:
            for subscription in self.subscriptions:
                threading.Thread(target=self._pass_on, args=(subscription,), daemon=True).start()

    def __iter__(self) -> Iterator[Message]:
        """Receive messages.

        Raises:
            StompError: why the connection or a subscription ended.
        """
        enough = self._enough
        while enough.count is None or self.count < enough.count:
            message = self.receive(enough.idle)
            if message is None:
                self.timed_out = enough.expired
                return
            yield message

    def receive(self, idle: float | None) -> Message | None:
        """Return the next message; ``None`` if there was none for so long, or the time in all is over.

        The time while there is no connection does not count: a broker that is down tells nothing of its queues.

        Args:
            idle: seconds to wait; ``None`` is for as long as it takes.

        Raises:
            StompError: why the connection or a subscription ended.
        """
        session = self._connection.session
        while True:
            number = session.connection_number
            try:
                message = self._next(self._enough.patience(idle))
            except (TimeoutError, queue.Empty) as error:
                if isinstance(error, StompError):
                    raise  # no wait of ours
                connected_all_the_time = session.connected is not None and session.connection_number == number
                if not idle or connected_all_the_time or self._enough.expired:
                    return None
            else:
                self.count += 1
                return message

    def _next(self, timeout: float | None) -> Message:
        if len(self.subscriptions) == 1:
            return self.subscriptions[0].receive(timeout)
        received = self._received.get(timeout=timeout)
        if isinstance(received, Exception):
            raise received
        return received

    def _pass_on(self, subscription: Subscription) -> None:
        """Run in a thread of its own for each of several subscriptions; the messages wait for each other."""
        try:
            for message in subscription:
                self._received.put(message)
                if self._closed.is_set():
                    return
            ended: Exception = SessionClosed(f"the subscription to {subscription.destination} has ended")
        except StompError as error:
            ended = error
        if not self._closed.is_set():
            self._received.put(ended)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        # A thread that waits to pass a message on ends. What it has is not acknowledged, so the broker keeps it.
        while not self._received.empty():
            self._received.get_nowait()
        self._stack.__exit__(kind, error, trace)
