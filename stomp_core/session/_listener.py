"""Listener: what an observer of a session is told, and how it is called.

An observer changes nothing, with one exception that tracing needs: it may add headers to what is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from types import TracebackType

from .._callbacks import check_not_async, check_result, deferred_kind
from .._logging import log_exception
from ..protocol import Connected, Error, Event, Message, Receipt, Tolerated
from ..wire import Headers, HeartBeat
from ._delivery import Delivery
from ._reconnect import Attempt
from ._urls import Endpoint

#: The method whose result is iterated over, so that it may be a generator function.
_MAY_YIELD = "headers_for"

__all__ = ["HandlingContext", "Listener", "Listeners", "call_listener", "check_listener"]


class Listener:
    """An observer of a connection: the base class. Override the methods that you need, and pass ``listener=...``.

    They are called in the middle of the session's work, so they must return soon and must not wait for the connection:
    the blocking adapter calls them in the thread that reads. An exception that a method raises is logged by the logger
    ``stomp_core`` and has no other effect.

    >>> class Log(Listener):
    ...     def closed(self, error):
    ...         print("the connection was closed" if error is None else error)
    >>> from stomp_testing import Broker
    >>> import stomp_socket
    >>> with Broker() as broker, stomp_socket.connect(broker.url, listener=Log()) as conn:
    ...     conn.send("/queue/a", "hello")
    the connection was closed
    """

    def dialling(self, attempt: Attempt) -> None:
        """Called when an endpoint is going to be dialled, before the pause that precedes it.

        Args:
            attempt: what is dialled, and when. If its ``number`` is more than 1, the earlier attempts failed.
        """

    def attempt_failed(self, endpoint: Endpoint, reason: str) -> None:
        """Called when an attempt to connect failed.

        Args:
            endpoint: the endpoint.
            reason: a sentence that says why, and what to check.
        """

    def connection_made(self, endpoint: Endpoint, connected: Connected) -> None:
        """Called when the broker has answered CONNECTED.

        Args:
            endpoint: the endpoint.
            connected: the CONNECTED frame.
        """

    def connection_lost(self, endpoint: Endpoint, reason: str) -> None:
        """Called when an established connection was lost. :meth:`closed` follows if it is not replaced.

        Args:
            endpoint: the endpoint.
            reason: a sentence that says why.
        """

    def closed(self, error: Exception | None) -> None:
        """Called when the session has ended.

        Args:
            error: why; ``None`` if the caller closed it.
        """

    def frame_sent(self, event: Event) -> None:
        """Called when a frame was put in the send queue.

        Args:
            event: the frame. Its repr masks the passcode.
        """

    def frame_received(self, event: Event) -> None:
        """Called when a frame was received, before it is processed.

        Args:
            event: the frame.
        """

    def heart_beat_sent(self) -> None:
        """Called when a heart-beat was put in the send queue."""

    def heart_beat_received(self, heart_beat: HeartBeat) -> None:
        """Called when one or several heart-beats were received.

        Args:
            heart_beat: how many line ends came.
        """

    def heart_beat_late(self, silence: float) -> None:
        """Called once when nothing was received for longer than the agreed interval.

        Args:
            silence: for how many seconds.
        """

    def error_received(self, error: Error) -> None:
        """Called when the broker sent ERROR. It ends the connection, unless the conversation is unchecked.

        Args:
            error: the ERROR frame. ``error.description`` says why.
        """

    def tolerated(self, tolerated: Tolerated) -> None:
        """Called when the broker broke a rule, and the leniency tolerates it.

        Args:
            tolerated: which rule, and how.
        """

    def frame_dropped(self, event: Event, reason: str) -> None:
        """Called when a frame that was accepted without a receipt will never leave this process.

        Args:
            event: the frame.
            reason: a sentence that says why.
        """

    def unexpected_receipt(self, receipt: Receipt, reason: str) -> None:
        """Called when a RECEIPT came that confirms nothing: unknown, too late, or for a frame that was not sent yet.

        Args:
            receipt: the RECEIPT frame.
            reason: a sentence that says why it confirms nothing.
        """

    def message_dropped(self, message: Message, reason: str) -> None:
        """Called when a message was dropped, such as a late reply, or one for a subscription that has ended.

        Args:
            message: the MESSAGE frame.
            reason: a sentence that says why, what becomes of the message, and what to do.
        """

    def handler_error(self, delivery: Delivery, error: Exception) -> None:
        """Called when a handler of ``subscription.run`` raised an exception for a message.

        Args:
            delivery: the message.
            error: the exception.
        """

    def message_given_up(self, delivery: Delivery, failures: int) -> None:
        """Called when a message has failed in its handler so often that the policy does not retry it any more.

        Args:
            delivery: the message.
            failures: how often it has failed.
        """

    def headers_for(self, destination: str) -> Iterable[tuple[str, str]]:
        """Return headers to add to a message that is about to be sent.

        Args:
            destination: where it is sent to.

        Returns:
            Pairs of name and value. A header that the message has already is not added.
        """
        return ()

    def handling(self, delivery: Delivery) -> AbstractContextManager[object]:
        """Return the context for one call of a handler of ``subscription.run``, in its own thread or task.

        Args:
            delivery: the message that the handler gets.
        """
        return nullcontext()

    def handles(self, method: str) -> bool:
        """Return whether this listener overrides a method.

        Args:
            method: the name of the method.
        """
        return getattr(type(self), method) is not getattr(Listener, method)


def check_listener(listener: Listener) -> None:
    """Refuse a listener with a method whose body would never run.

    Raises:
        TypeError: it is an ``async`` function or a generator function.
    """
    for name in vars(Listener):
        if not name.startswith("_"):
            method = getattr(listener, name, None)
            kind = deferred_kind(method)
            if kind and not (name == _MAY_YIELD and kind == "generator"):
                check_not_async(
                    method, "the listener's method", "make it a plain def, which may hand work over to a task"
                )


class HandlingContext(AbstractContextManager[None]):
    """The context of a listener's :meth:`~Listener.handling`, whose own exceptions are logged.

    Args:
        listener: whose method is called.
        delivery: the message that the handler gets.
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
            log_exception("a listener raised in handling()", error)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._entered is None:
            return
        try:
            self._entered.__exit__(kind, error, trace)
        except Exception as own:
            if own is not error:
                log_exception("a listener raised in handling()", own)


class Listeners(Listener):
    """Several listeners as one. An exception of one of them is logged; the others are still called.

    Args:
        listeners: in the order in which they are called.

    Raises:
        TypeError: a method of one of them is an ``async`` function or a generator function, whose body would never run.
    """

    def __init__(self, *listeners: Listener) -> None:
        for listener in listeners:
            check_listener(listener)
        self._listeners = listeners

    def _call_all(self, method: str, *arguments: object) -> None:
        for listener in self._listeners:
            call_listener(listener, method, *arguments)

    def dialling(self, attempt: Attempt) -> None:
        self._call_all("dialling", attempt)

    def attempt_failed(self, endpoint: Endpoint, reason: str) -> None:
        self._call_all("attempt_failed", endpoint, reason)

    def connection_made(self, endpoint: Endpoint, connected: Connected) -> None:
        self._call_all("connection_made", endpoint, connected)

    def connection_lost(self, endpoint: Endpoint, reason: str) -> None:
        self._call_all("connection_lost", endpoint, reason)

    def closed(self, error: Exception | None) -> None:
        self._call_all("closed", error)

    def frame_sent(self, event: Event) -> None:
        self._call_all("frame_sent", event)

    def frame_received(self, event: Event) -> None:
        self._call_all("frame_received", event)

    def heart_beat_sent(self) -> None:
        self._call_all("heart_beat_sent")

    def heart_beat_received(self, heart_beat: HeartBeat) -> None:
        self._call_all("heart_beat_received", heart_beat)

    def heart_beat_late(self, silence: float) -> None:
        self._call_all("heart_beat_late", silence)

    def error_received(self, error: Error) -> None:
        self._call_all("error_received", error)

    def tolerated(self, tolerated: Tolerated) -> None:
        self._call_all("tolerated", tolerated)

    def frame_dropped(self, event: Event, reason: str) -> None:
        self._call_all("frame_dropped", event, reason)

    def unexpected_receipt(self, receipt: Receipt, reason: str) -> None:
        self._call_all("unexpected_receipt", receipt, reason)

    def message_dropped(self, message: Message, reason: str) -> None:
        self._call_all("message_dropped", message, reason)

    def handler_error(self, delivery: Delivery, error: Exception) -> None:
        self._call_all("handler_error", delivery, error)

    def message_given_up(self, delivery: Delivery, failures: int) -> None:
        self._call_all("message_given_up", delivery, failures)

    def headers_for(self, destination: str) -> Iterable[tuple[str, str]]:
        pairs: list[tuple[str, str]] = []
        for listener in self._listeners:
            try:
                pairs += Headers(listener.headers_for(destination)).items()
            except Exception as error:
                log_exception("a listener raised in headers_for()", error)
        return pairs

    def handling(self, delivery: Delivery) -> AbstractContextManager[object]:
        return self._all_handling(delivery)

    @contextmanager
    def _all_handling(self, delivery: Delivery) -> Iterator[None]:
        with ExitStack() as stack:
            for listener in self._listeners:
                stack.enter_context(HandlingContext(listener, delivery))
            yield

    def handles(self, method: str) -> bool:
        return any(listener.handles(method) for listener in self._listeners)


def call_listener(listener: Listener, method: str, *arguments: object) -> None:
    """Call a method of a listener; log what it raises."""
    try:
        function = getattr(listener, method)
        result = function(*arguments)
        if result is not None:
            check_result(result, function, "the listener's method")
    except Exception as error:
        log_exception(f"a listener raised in {method}()", error)
