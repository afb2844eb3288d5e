"""Cut connections and kill the broker at random times, in a thread of its own."""

from __future__ import annotations

import random
import threading
import time
from types import TracebackType
from typing import Self

from stomp_testing import FaultProxy

from .embedded_broker import SoakBroker

__all__ = ["FaultInjector"]


class FaultInjector:
    """A proxy in front of a broker, and a thread that cuts its connections and kills the broker.

    Args:
        broker: a real broker, or the embedded one.
        url: of the broker, behind the proxy.
        cut_every: mean number of seconds between two cuts.
        kill_every: mean number of seconds between two kills of the broker.
        seed: of the random choices.

    Attributes:
        cuts: how many times all connections were cut.
        kills: how many times the broker was killed and started again.
    """

    def __init__(
        self, broker: SoakBroker, url: str, *, cut_every: float, kill_every: float, seed: int
    ) -> None:
        self._broker = broker
        self._cut_every = cut_every
        self._kill_every = kill_every
        self._random = random.Random(seed)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fault injector")
        self._proxy = FaultProxy(url)
        self._error: BaseException | None = None
        self.cuts = 0
        self.kills = 0

    @property
    def url(self) -> str:
        """Where the client connects: the proxy."""
        return self._proxy.url

    def __enter__(self) -> Self:
        self._proxy.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._proxy.stop()

    def stop(self) -> None:
        """Inject no more faults. The broker is running when this returns; the proxy still forwards.

        Raises:
            BaseException: the thread has failed with it.
        """
        self._stopping.set()
        self._thread.join()
        self._broker.ensure_running()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            kill_at = time.monotonic() + self._random.expovariate(1 / self._kill_every)
            while not self._stopping.wait(self._random.expovariate(1 / self._cut_every)):
                if time.monotonic() >= kill_at:
                    self._broker.write_queues()
                    self._broker.kill()
                    self.kills += 1
                    self._broker.restart()
                    kill_at = time.monotonic() + self._random.expovariate(1 / self._kill_every)
                elif self._random.random() < 0.5:
                    self._proxy.cut_all()
                    self.cuts += 1
                else:
                    self._proxy.reset_all()
                    self.cuts += 1
        except BaseException as error:
            self._error = error
