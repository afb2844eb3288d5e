"""Trouble, made in a thread of its own while a soak runs: cuts at random, and a broker that is killed and restarted."""

from __future__ import annotations

import random
import threading
import time
from types import TracebackType
from typing import Self

from stomp_testing import FaultProxy
from tests.brokers import Broker

__all__ = ["Trouble"]


class Trouble:
    """A proxy before a broker, and somebody who does not like either.

    Args:
        broker: a real one.
        cut_every: seconds between two cuts, in the mean.
        kill_every: seconds between two kills of the broker, in the mean.
        seed: of the random choices.
    """

    def __init__(self, broker: Broker, *, cut_every: float, kill_every: float, seed: int) -> None:
        self._broker = broker
        self._cut_every = cut_every
        self._kill_every = kill_every
        self._random = random.Random(seed)
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._make, name="trouble")
        self.proxy = FaultProxy(broker.url)
        self.cuts = 0
        self.kills = 0
        self.error: BaseException | None = None

    @property
    def url(self) -> str:
        """What the client is told."""
        return self.proxy.url

    def __enter__(self) -> Self:
        self.proxy.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.proxy.stop()

    def stop(self) -> None:
        """No more of it; the broker is up when this returns."""
        self._enough.set()
        self._thread.join()
        self._broker.ensure_running()
        if self.error is not None:
            raise self.error

    def _make(self) -> None:
        try:
            kill_at = time.monotonic() + self._random.expovariate(1 / self._kill_every)
            while not self._enough.wait(self._random.expovariate(1 / self._cut_every)):
                if time.monotonic() >= kill_at:
                    self._broker.write_queues()
                    self._broker.kill()
                    self.kills += 1
                    self._broker.restart()
                    kill_at = time.monotonic() + self._random.expovariate(1 / self._kill_every)
                elif self._random.random() < 0.5:
                    self.proxy.cut_all()
                    self.cuts += 1
                else:
                    self.proxy.reset_all()
                    self.cuts += 1
        except BaseException as error:
            self.error = error
