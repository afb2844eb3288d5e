"""EmbeddedBroker: stomp_testing.Broker with WebSocket, behind the face that a soak test wants of a broker."""

from __future__ import annotations

import uuid
from types import TracebackType
from typing import ClassVar, Self

from stomp_testing import Broker
from tests.brokers import Broker as RealBroker

__all__ = ["EmbeddedBroker", "SoakBroker"]


class EmbeddedBroker:
    """The embedded broker. Its queues outlive a kill."""

    name: ClassVar[str] = "embedded"

    def __init__(self) -> None:
        self._broker = Broker(websocket=True)

    def __enter__(self) -> Self:
        self._broker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._broker.stop()

    @property
    def ws_url(self) -> str:
        return self._broker.ws_url

    def new_queue(self, prefix: str = "test") -> str:
        return f"/queue/{prefix}-{uuid.uuid4().hex}"

    def write_queues(self) -> None:
        """They are in memory."""

    def kill(self) -> None:
        self._broker.kill()

    def restart(self) -> None:
        self._broker.restart()

    def ensure_running(self) -> None:
        if not self._broker.running:
            self._broker.start()


SoakBroker = RealBroker | EmbeddedBroker
