"""The blocking Connection API on the loop of examples/embedding/selectors_loop.py, for tests."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from examples.embedding.selectors_loop import Loop
from stomp_core.adapter import BlockingLoopEngine, Line, TransportOptions
from stomp_core.session import Config, Endpoint
from stomp_socket import SocketTransport

__all__ = ["Engine", "Loop"]


class Event:
    """Lets the loop run while it is waited for."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def wait(self, timeout: float | None = None) -> None:
        expired: list[bool] = []
        if timeout is not None:
            self._loop.call_later(timeout, lambda: expired.append(True))
        self._loop.run_until(lambda: self._is_set or expired)


class Engine(BlockingLoopEngine):
    """The Connection API on the loop of the example."""

    def __init__(self, loop: Loop, config: Config, options: TransportOptions) -> None:
        super().__init__(config, monotonic)
        self._loop, self._options = loop, options

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Callable[[], object]:
        return self._loop.call_later(seconds, callback)

    def dial(self, line: Line, endpoint: Endpoint) -> SocketTransport:
        return SocketTransport(self, line, endpoint, self._options, self._loop.watch)

    def new_event(self) -> Event:
        return Event(self._loop)

    def run_workers(
        self, worker: Callable[[], None], count: int, name: str, stop: Callable[[], object]
    ) -> None:
        for _ in range(count):
            worker()
