"""Pending: the outcome of an operation, before and after it is known. Like a future, without a clock or a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Generic, TypeVar

from .._callbacks import check_result
from .._logging import log_exception
from .._mypyc import mypyc_attr

__all__ = ["Pending", "call_all"]

T = TypeVar("T")


@mypyc_attr(allow_interpreted_subclasses=True)
class Pending(Generic[T]):
    """The outcome of one operation.

    Every Pending is settled in the end, whatever happens to the connection: it succeeds with a value or fails with an
    exception, once. See :meth:`result`.

    Args:
        what: the operation, for error messages.

    Attributes:
        done: whether the outcome is known. Only the session sets it.
        what: the operation, for error messages, as in ``"SEND to /queue/a"``.
        deadline: when it fails at the latest, in seconds on the clock of ``now``; ``None`` if there is no deadline.
        on_cancel: the function that :meth:`cancel` calls, for the session; ``None`` once there is nothing to undo.
    """

    __slots__ = ("_callbacks", "_error", "_value", "deadline", "done", "on_cancel", "what")

    _value: T

    def __init__(self, what: str) -> None:
        self.what: str = what
        self.deadline: float | None = None
        self.on_cancel: Callable[[float], object] | None = None
        self.done: bool = False
        self._error: Exception | None = None
        self._callbacks: list[Callable[[], object]] | None = None

    @classmethod
    def completed(cls, what: str, value: T) -> Pending[T]:
        """Return a Pending that has already succeeded.

        Args:
            what: the operation, for error messages.
            value: its result.
        """
        self = cls(what)
        self._value = value
        self.done = True
        return self

    def result(self) -> T:
        """Return the value of an operation that has succeeded.

        Raises:
            StompError: the operation failed; this is the reason.
            RuntimeError: the outcome is not known yet.
        """
        if not self.done:
            raise RuntimeError(f"{self.what} is not done yet")
        if self._error is not None:
            raise self._error.with_traceback(None)
        return self._value

    def exception(self) -> Exception | None:
        """Return the reason of a failure; ``None`` if the operation succeeded or its outcome is not known yet."""
        return self._error

    def add_done_callback(self, callback: Callable[[], object]) -> None:
        """Call a function once when the outcome is known; at once if it is known already.

        It is called in the middle of a call of the session. It may start operations. An exception that it raises is
        logged, and the other callbacks are still called. If it returns something to await, that is logged as a mistake.

        Args:
            callback: a function without arguments.

        Raises:
            TypeError: it is not callable.
        """
        if not callable(callback):
            raise TypeError(f"a done callback must be a function without arguments, got {callback!r}")
        if self.done:
            _run(callback)
        elif self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)

    def remove_done_callback(self, callback: Callable[[], object]) -> None:
        """Do not call a function any more that was passed to :meth:`add_done_callback`.

        Args:
            callback: the function. An unknown one is ignored.
        """
        if self._callbacks is not None and callback in self._callbacks:
            self._callbacks.remove(callback)

    def cancel(self, now: float) -> None:
        """Tell the session that the caller no longer waits.

        An adapter calls it when a waiting caller was cancelled. A SEND that has not left this process will not leave
        it. A frame that has left cannot be taken back, but the subscription or transaction that the operation would
        have returned is ended at the broker.

        Args:
            now: seconds of any monotonic clock.
        """
        hook, self.on_cancel = self.on_cancel, None
        if hook is not None:
            hook(now)

    def succeed(self, value: T) -> None:
        """Settle it with a value. For the session; the first outcome stands.

        Args:
            value: the result of the operation.
        """
        if not self.done:
            self._value = value
            if value is None:
                self.on_cancel = None
            self.done = True
            if self._callbacks is not None:
                self._call_back()

    def fail(self, error: Exception) -> None:
        """Settle it with the reason of a failure. For the session; the first outcome stands.

        Args:
            error: the reason.
        """
        if not self.done:
            self._error = error
            self.on_cancel = None
            self.done = True
            if self._callbacks is not None:
                self._call_back()

    def _call_back(self) -> None:
        callbacks, self._callbacks = self._callbacks, None
        if callbacks is not None and len(callbacks) == 1:
            _run(callbacks[0])  # as below: one waits for nearly every Pending
            return
        call_all(partial(_run, callback) for callback in callbacks or ())

    def __repr__(self) -> str:
        state = (
            "pending" if not self.done else "succeeded" if self._error is None else f"failed: {self._error!r}"
        )
        return f"<Pending {self.what}: {state}>"


def call_all(functions: Iterable[Callable[[], object]]) -> None:
    """Call all functions, even if one of them raises; then raise the first exception.

    What ends something must settle everybody who waits for it, also when an exception of a signal handler (such as
    ``KeyboardInterrupt``) is raised in the middle, in the callback of somebody else.
    """
    first: BaseException | None = None
    for function in functions:
        try:
            function()
        except BaseException as error:
            if first is None:
                first = error
    if first is not None:
        raise first


def _run(callback: Callable[[], object]) -> None:
    # What settles a Pending must not be stopped half-way by the mistake of somebody who waits for it.
    try:
        result = callback()
        if result is not None:
            check_result(result, callback, "the done callback")
    except Exception as error:
        log_exception("a done callback raised", error)
