"""Listener: what an observer of a session can be told.

Observers change nothing, but for one thing that tracing needs: they may add headers to what is sent.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..protocol import Connected, Error, Event, Message, Tolerated
    from ..wire import HeartBeat
    from .delivery import Delivery
    from .endpoint import Endpoint
    from .reconnect import Attempt

__all__ = ["Handling", "Listener", "Listeners"]


class Listener:
    """Override what you want to hear. Every method is called in the middle of the session's work.

    So it must return soon and must not call the session or the connection (an adapter may hold its lock). What it
    raises goes to :func:`sys.excepthook` and disturbs nobody.
    """

    def dialling(self, attempt: Attempt) -> None:
        """An endpoint is about to be dialled, at ``attempt.at``; ``attempt.number`` above 1 means again."""

    def attempt_failed(self, endpoint: Endpoint, reason: str) -> None:
        """An endpoint did not let us in; ``reason`` says why and what to check."""

    def connection_made(self, endpoint: Endpoint, connected: Connected) -> None:
        """The broker has answered CONNECTED."""

    def connection_lost(self, endpoint: Endpoint, reason: str) -> None:
        """A connection that was made is no more, and nobody asked for that."""

    def closed(self, error: Exception | None) -> None:
        """The session has ended: as asked (``None``), or for good reason."""

    def frame_sent(self, event: Event) -> None:
        """A frame was queued for the writer. ``repr(event)`` masks the passcode."""

    def frame_received(self, event: Event) -> None:
        """A frame came in, before it is acted upon."""

    def heart_beat_sent(self) -> None:
        """A heart-beat was queued for the writer."""

    def heart_beat_received(self, heart_beat: HeartBeat) -> None:
        """One or several came in."""

    def heart_beat_late(self, silence: float) -> None:
        """Nothing came for ``silence`` seconds, longer than the broker promised; told once a silence."""

    def error_received(self, error: Error) -> None:
        """The broker said ERROR; the connection ends with it."""

    def tolerated(self, tolerated: Tolerated) -> None:
        """The broker broke a rule that our leniency forgives."""

    def frame_dropped(self, event: Event, reason: str) -> None:
        """A frame was accepted without a receipt, and then never left this process."""

    def message_dropped(self, message: Message, reason: str) -> None:
        """A message came that nobody will take, such as one for a subscription that has ended."""

    def handler_error(self, delivery: Delivery, error: Exception) -> None:
        """A handler of ``subscription.run`` raised this for that message."""

    def message_given_up(self, delivery: Delivery, failures: int) -> None:
        """A message has failed in a handler of ``subscription.run`` so often that the policy gives it up."""

    def headers_for(self, destination: str) -> Iterable[tuple[str, str]]:
        """Headers to add to a message that is about to be sent there; those that it has already win."""
        return ()

    def handling(self, delivery: Delivery) -> AbstractContextManager[object]:
        """What a handler of ``subscription.run`` is called within, in the thread or task that calls it."""
        return nullcontext()

    def _hears(self, what: str) -> bool:
        """Whether this one overrides that method."""
        return getattr(type(self), what) is not getattr(Listener, what)


class Handling(AbstractContextManager[None]):
    """A listener's :meth:`~Listener.handling`. What it raises by itself disturbs the handler as little as elsewhere.

    Args:
        listener: whose.
        delivery: what the handler works on.
    """

    __slots__ = ("_delivery", "_entered", "_listener")

    def __init__(self, listener: Listener, delivery: Delivery) -> None:
        self._listener = listener
        self._delivery = delivery
        self._entered: AbstractContextManager[object] | None = None

    def __enter__(self) -> None:
        try:
            entered = self._listener.handling(self._delivery)
            entered.__enter__()
            self._entered = entered
        except Exception as error:
            sys.excepthook(type(error), error, error.__traceback__)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._entered is None:
            return
        try:
            self._entered.__exit__(kind, error, trace)
        except Exception as own:
            if own is not error:
                sys.excepthook(type(own), own, own.__traceback__)


class Listeners(Listener):
    """Several observers as one. What one of them raises goes to :func:`sys.excepthook`; the others still hear.

    Args:
        listeners: in the order in which they are told.
    """

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def _tell(self, what: str, *arguments: object) -> None:
        for listener in self._listeners:
            try:
                getattr(listener, what)(*arguments)
            except Exception as error:
                sys.excepthook(type(error), error, error.__traceback__)

    def dialling(self, attempt: Attempt) -> None:
        self._tell("dialling", attempt)

    def attempt_failed(self, endpoint: Endpoint, reason: str) -> None:
        self._tell("attempt_failed", endpoint, reason)

    def connection_made(self, endpoint: Endpoint, connected: Connected) -> None:
        self._tell("connection_made", endpoint, connected)

    def connection_lost(self, endpoint: Endpoint, reason: str) -> None:
        self._tell("connection_lost", endpoint, reason)

    def closed(self, error: Exception | None) -> None:
        self._tell("closed", error)

    def frame_sent(self, event: Event) -> None:
        self._tell("frame_sent", event)

    def frame_received(self, event: Event) -> None:
        self._tell("frame_received", event)

    def heart_beat_sent(self) -> None:
        self._tell("heart_beat_sent")

    def heart_beat_received(self, heart_beat: HeartBeat) -> None:
        self._tell("heart_beat_received", heart_beat)

    def heart_beat_late(self, silence: float) -> None:
        self._tell("heart_beat_late", silence)

    def error_received(self, error: Error) -> None:
        self._tell("error_received", error)

    def tolerated(self, tolerated: Tolerated) -> None:
        self._tell("tolerated", tolerated)

    def frame_dropped(self, event: Event, reason: str) -> None:
        self._tell("frame_dropped", event, reason)

    def message_dropped(self, message: Message, reason: str) -> None:
        self._tell("message_dropped", message, reason)

    def handler_error(self, delivery: Delivery, error: Exception) -> None:
        self._tell("handler_error", delivery, error)

    def message_given_up(self, delivery: Delivery, failures: int) -> None:
        self._tell("message_given_up", delivery, failures)

    def headers_for(self, destination: str) -> Iterable[tuple[str, str]]:
        pairs: list[tuple[str, str]] = []
        for listener in self._listeners:
            try:
                pairs += listener.headers_for(destination)
            except Exception as error:
                sys.excepthook(type(error), error, error.__traceback__)
        return pairs

    def handling(self, delivery: Delivery) -> AbstractContextManager[object]:
        return self._all_handling(delivery)

    @contextmanager
    def _all_handling(self, delivery: Delivery) -> Iterator[None]:
        with ExitStack() as stack:
            for listener in self._listeners:
                stack.enter_context(Handling(listener, delivery))
            yield

    def _hears(self, what: str) -> bool:
        return any(listener._hears(what) for listener in self._listeners)
