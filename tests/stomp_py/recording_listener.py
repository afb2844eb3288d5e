"""A listener that records its calls, and lets a test wait for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import stomp_py as stomp
from stomp_py.utils import Frame
from tests.waiting import HANGS


class RecordingListener(stomp.ConnectionListener):
    """Records every call, in order.

    Attributes:
        received: the name of the method and its argument, for each call.
    """

    def __init__(self) -> None:
        self.received: list[tuple[str, Any]] = []
        self._changed = threading.Condition()

    def _note(self, hook: str, what: Any = None) -> None:
        with self._changed:
            self.received.append((hook, what))
            self._changed.notify_all()

    # ------------------------------------------------------------------ for tests

    def names(self, *besides: str) -> list[str]:
        """Return the names of the methods that were called, in order, without those given."""
        with self._changed:
            return [hook for hook, _ in self.received if hook not in besides]

    def of(self, hook: str) -> list[Any]:
        """Return the argument of each call of a method."""
        with self._changed:
            return [what for name, what in self.received if name == hook]

    def bodies(self) -> list[Any]:
        """Return the bodies of the received messages."""
        return [frame.body for frame in self.of("on_message")]

    def wait_until(self, holds: Callable[[RecordingListener], object], what: str) -> None:
        """Wait until a condition holds; fail with ``what`` if it does not in time."""
        deadline = time.monotonic() + HANGS
        with self._changed:
            while not holds(self):
                left = deadline - time.monotonic()
                assert left > 0, f"{what}; calls so far: {self.names()}"
                self._changed.wait(min(left, 0.1))

    def wait_for(self, hook: str, count: int = 1) -> Any:
        """Wait for so many calls of a method, and return the argument of the last of them."""
        self.wait_until(lambda recorder: len(recorder.of(hook)) >= count, f"{count} x {hook} did not come")
        return self.of(hook)[count - 1]

    # ------------------------------------------------------------------ hooks

    def on_connecting(self, host_and_port: tuple[str, int]) -> None:
        self._note("on_connecting", host_and_port)

    def on_connected(self, frame: Frame) -> None:
        self._note("on_connected", frame)

    def on_disconnecting(self) -> None:
        self._note("on_disconnecting")

    def on_disconnected(self) -> None:
        self._note("on_disconnected")

    def on_heartbeat(self) -> None:
        self._note("on_heartbeat")

    def on_heartbeat_timeout(self) -> None:
        self._note("on_heartbeat_timeout")

    def on_before_message(self, frame: Frame) -> None:
        self._note("on_before_message", frame)

    def on_message(self, frame: Frame) -> None:
        self._note("on_message", frame)

    def on_receipt(self, frame: Frame) -> None:
        self._note("on_receipt", frame)

    def on_error(self, frame: Frame) -> None:
        self._note("on_error", frame)

    def on_send(self, frame: Frame) -> None:
        self._note("on_send", frame)

    def on_receiver_loop_completed(self, frame: Frame | None) -> None:
        self._note("on_receiver_loop_completed", frame)
