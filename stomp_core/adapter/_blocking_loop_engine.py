"""BlockingLoopEngine: how callers wait, for a blocking Connection on an event loop of green threads, such as gevent."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from ..session import Config, EndpointSource, Pending, Rng, Session
from ._blocking import BlockingConnection, BlockingMessage, WaitTimeout
from ._callback_engine import CallbackEngine
from ._wrapping import MessageSource

__all__ = ["BlockingEvent", "BlockingLoopEngine"]

T = TypeVar("T")


class BlockingEvent(Protocol):
    """An event that a green thread can wait for, such as ``gevent.event.Event``."""

    def set(self) -> object:
        """Wake the green thread that waits. It may be called again. Its result is ignored."""

    def wait(self, timeout: float | None = None) -> object:
        """Wait until it is set, and let the loop run meanwhile. Its result is ignored.

        Args:
            timeout: how many seconds to wait at most; ``None`` waits for as long as it takes.
        """


class BlockingLoopEngine(CallbackEngine):
    """A :class:`BlockingEngine` of four methods (``call_later``, ``dial``, ``new_event``, ``run_workers``) and a clock.

    All of its callers are green threads of one loop, in one thread of the operating system. ``engine.open()`` returns
    the connection.

    Args:
        config: the options of the session. A URL, or several, stands for a :class:`.Config` with these endpoints.
        clock: a function that returns ``now``, in seconds; a monotonic clock, such as ``time.monotonic``.
        rng: for the jitter of pauses before reconnects: a :class:`random.Random`. Without it, clients that lose the
            same broker come back all at once.

    Raises:
        TypeError, ValueError, LocalProtocolError: see :class:`.Config`.
    """

    def __init__(
        self, config: Config | EndpointSource, clock: Callable[[], float], *, rng: Rng | None = None
    ) -> None:
        super().__init__(Session(config, make_delivery=BlockingMessage, rng=rng), clock)
        self._joining: list[BlockingEvent] = []

    # ------------------------------------------------------------------ what an adapter adds

    @abstractmethod
    def new_event(self) -> BlockingEvent:
        """Return a new event."""

    @abstractmethod
    def run_workers(
        self, worker: Callable[[], None], count: int, name: str, stop: Callable[[], object]
    ) -> None:
        """Run ``worker()`` in several green threads, and return when all of them have ended.

        Args:
            worker: a function without arguments. If it raises in one thread, the others end as soon as their handlers
                have.
            count: how many green threads.
            name: the beginning of their names, if they have any.
            stop: call it if this is interrupted by an exception while it waits; then wait until the workers have ended.

        Raises:
            BaseException: what a worker has raised, or what has interrupted this.
        """

    # ------------------------------------------------------------------ for BlockingConnection

    def open(self) -> BlockingConnection:
        """Drive the session, wait until the broker has accepted CONNECT, and return the connection.

        Raises:
            AuthenticationFailed: the broker refused the login or the passcode.
            ConnectFailed: no endpoint could be connected to.
        """
        self.start()
        try:
            self.wait(self.session.opened)
        except BaseException:
            self.abort()
            raise
        return BlockingConnection(self)

    def start(self) -> None:
        """Begin to drive the session."""
        self.poll()

    def call(self, operation: Callable[..., Pending[T]], subject: object, /, *args: Any, **kwargs: Any) -> T:
        """Call ``operation(subject, now, *args, **kwargs)``, write what it has sent, and wait for its outcome.

        Args:
            operation: a method of the session or of one of its handles.
            subject: what it is a method of.
            args: its arguments after ``now``.
            kwargs: its keyword arguments.

        Returns:
            The outcome.

        Raises:
            Exception: what the operation raised, or its outcome.
        """
        return self.wait(self.run(lambda now: operation(subject, now, *args, **kwargs)))

    def call_delayed(
        self, operation: Callable[..., Pending[T]], subject: object, /, *args: Any, **kwargs: Any
    ) -> T:
        """Do the same as :meth:`call`: here, what was sent is always written at once.

        Args:
            operation: a method of the session or of one of its handles.
            subject: what it is a method of.
            args: its arguments after ``now``.
            kwargs: its keyword arguments.

        Returns:
            The outcome.

        Raises:
            Exception: what the operation raised, or its outcome.
        """
        return self.call(operation, subject, *args, **kwargs)

    def wait(self, pending: Pending[T], timeout: float | None = None) -> T:
        """Wait for an outcome, and return it or raise it. If an exception interrupts that, cancel the Pending.

        Args:
            pending: the outcome to wait for.
            timeout: seconds to wait; ``None`` waits for as long as it takes.

        Raises:
            WaitTimeout: it is not known in time. The Pending is cancelled.
            Exception: the outcome.
        """
        done = pending.done
        if done:
            return pending.result()
        event = self.new_event()
        pending.add_done_callback(event.set)
        try:
            event.wait(timeout)
            if not pending.done:
                raise WaitTimeout(f"{pending.what} took more than {timeout:g} s")
        except BaseException:
            pending.remove_done_callback(event.set)
            self.run(pending.cancel)
            raise
        return pending.result()

    def take(self, source: MessageSource, timeout: float | None = None) -> BlockingMessage | None:
        """Wait for the next message, and return it; ``None`` when its source has ended.

        Args:
            source: where to take the message from.
            timeout: seconds to wait; ``None`` waits for as long as it takes.

        Raises:
            WaitTimeout: there is none in time.
            StompError: why the source has ended, if the caller did not end it.
        """
        deadline = None if timeout is None else self._clock() + timeout
        while True:
            # Nothing is waited for between here and the caller, so an exception cannot lose a message.
            message = source.take()
            if message is not None:
                assert isinstance(message, BlockingMessage)
                return message
            if source.ended:
                return None
            remaining = None if deadline is None else max(0.0, deadline - self._clock())
            self.wait(source.ready(), remaining)

    def join(self) -> None:
        """Wait until the session has ended. Override it to wait for green threads of your own as well."""
        while not self.ended:
            event = self.new_event()
            self._joining.append(event)
            event.wait()

    def on_end(self) -> None:
        """Wake the green threads that wait for the end."""
        for event in self._joining:
            event.set()
