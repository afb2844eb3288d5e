"""What the shell counts between ``stats on`` and ``stats off``."""

from __future__ import annotations

import threading
import time
from collections import Counter

from stomp_core.protocol import Event
from stomp_core.session import Endpoint, Listener
from stomp_core.wire import HeartBeat

__all__ = ["Statistics"]


class Statistics(Listener):
    """Counts frames. It is called by the thread that reads, and printed by another one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counting = False
        self.start()
        self.stop()

    def start(self) -> None:
        """Count from now on, from 0."""
        with self._lock:
            self._counting = True
            self._start = time.monotonic()
            self._sent: Counter[str] = Counter()
            self._received: Counter[str] = Counter()
            self._others: Counter[str] = Counter()

    def stop(self) -> None:
        """Count no more, and forget what was counted."""
        with self._lock:
            self._counting = False

    @property
    def counting(self) -> bool:
        """Whether it counts."""
        return self._counting

    def __str__(self) -> str:
        with self._lock:
            lines = [f"for {time.monotonic() - self._start:.1f} s"]
            for title, counter in (
                ("sent", self._sent),
                ("received", self._received),
                ("also", self._others),
            ):
                if counter:
                    lines.append(
                        f"{title}: " + ", ".join(f"{count} {name}" for name, count in counter.most_common())
                    )
            return "\n".join(lines)

    def _count(self, counter: Counter[str], name: str) -> None:
        with self._lock:
            if self._counting:
                counter[name] += 1

    def frame_sent(self, event: Event) -> None:
        self._count(self._sent, event.frame.command)

    def frame_received(self, event: Event) -> None:
        self._count(self._received, event.frame.command)

    def heart_beat_sent(self) -> None:
        self._count(self._sent, "heart-beats")

    def heart_beat_received(self, heart_beat: HeartBeat) -> None:
        self._count(self._received, "heart-beats")

    def connection_lost(self, endpoint: Endpoint, reason: str) -> None:
        self._count(self._others, "connections lost")
