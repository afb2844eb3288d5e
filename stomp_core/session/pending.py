"""Pending: the outcome of an operation, before and after it is known. Like a future, without a clock or a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Pending"]

T = TypeVar("T")


class Pending(Generic[T]):
    """What becomes of an operation. Every one ends, whatever happens to the connection; see :meth:`result`.

    Attributes:
        what: the operation, for error messages, as in ``"SEND to /queue/a"``.
        on_abandon: for the session: what :meth:`abandon` calls. Forgotten once there is nothing to give back.
    """

    __slots__ = ("_callbacks", "_done", "_error", "_value", "on_abandon", "what")

    _value: T

    def __init__(self, what: str) -> None:
        self.what = what
        self.on_abandon: Callable[[], object] | None = None
        self._done = False
        self._error: Exception | None = None
        self._callbacks: list[Callable[[], object]] | None = None

    @classmethod
    def completed(cls, what: str, value: T) -> Pending[T]:
        """One that has succeeded already."""
        self = cls(what)
        self._value = value
        self._done = True
        return self

    @property
    def done(self) -> bool:
        """Whether the outcome is known."""
        return self._done

    def result(self) -> T:
        """The value of an operation that has succeeded.

        Raises:
            StompError: the reason of one that has failed.
            RuntimeError: it is not done yet.
        """
        if not self._done:
            raise RuntimeError(f"{self.what} is not done yet")
        if self._error is not None:
            raise self._error.with_traceback(None)
        return self._value

    def exception(self) -> Exception | None:
        """Why it failed; ``None`` if it succeeded or is not done."""
        return self._error

    def add_done_callback(self, callback: Callable[[], object]) -> None:
        """Call this, once, when the outcome is known; at once if it is.

        It is called from within the session's own calls, so it must not call the session: it wakes somebody.
        """
        if self._done:
            callback()
        elif self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)

    def remove_done_callback(self, callback: Callable[[], object]) -> None:
        """Do not call it any more. Unknown ones are ignored."""
        if self._callbacks is not None and callback in self._callbacks:
            self._callbacks.remove(callback)

    def abandon(self) -> None:
        """Say that nobody will ask for the result.

        An adapter calls it when the caller who waited was cancelled. A SEND that has not left this process does not
        leave any more. What has left stays said, but what the operation would have handed over (a subscription, a
        transaction) is given back to the broker.
        """
        hook, self.on_abandon = self.on_abandon, None
        if hook is not None:
            hook()

    def succeed(self, value: T) -> None:
        """Settle it. For the session; the first outcome stands."""
        if not self._done:
            self._value = value
            if value is None:
                self.on_abandon = None
            self._settle()

    def fail(self, error: Exception) -> None:
        """Settle it as failed. For the session; the first outcome stands."""
        if not self._done:
            self._error = error
            self.on_abandon = None
            self._settle()

    def _settle(self) -> None:
        self._done = True
        callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            callback()

    def __repr__(self) -> str:
        state = (
            "pending"
            if not self._done
            else "succeeded"
            if self._error is None
            else f"failed: {self._error!r}"
        )
        return f"<Pending {self.what}: {state}>"
