"""Heart-beats in tests: they are counted, and nobody counts as dead because this machine is busy.

To let a connection idle for a time span does not show that heart-beats keep it alive: where the process is held up for
longer than silence is tolerated, the connection is lost, and rightly so. So these tests tolerate silence for very many
intervals (:data:`PATIENT` and :data:`PATIENCE`), and wait until a number of heart-beats has arrived at either end. That
silence ends a connection is tested where losing it early does no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from stomp_core import HeartBeat
from stomp_core.session import Listener
from stomp_testing import RABBITMQ, Broker, Flavour, Record, Recorder

from .waiting import until

__all__ = ["PATIENCE", "PATIENT", "BeatingBroker", "HeartBeats"]

#: Intervals without a byte that a client tolerates: for ``heart_beat_tolerance``.
PATIENCE = 1000.0
#: A broker like RabbitMQ that tolerates as many.
PATIENT: Flavour = replace(RABBITMQ, heart_beat_tolerance=PATIENCE)


class HeartBeats(Listener):
    """Counts the heart-beats that arrive: at a client, whose listener it is, and at its broker.

    Attributes:
        recorder: for the broker.
        at_client: how many have arrived at the client.
        at_broker: how many have arrived at the broker.
    """

    def __init__(self) -> None:
        self.recorder = Recorder(self._on_record, keep=False)
        self.at_client = 0
        self.at_broker = 0

    def heart_beat_received(self, heart_beat: HeartBeat) -> None:
        self.at_client += 1

    def _on_record(self, record: Record) -> None:
        if record.direction == "to-server" and isinstance(record.what, HeartBeat):
            self.at_broker += 1

    def more(self, count: int = 3) -> Callable[[], bool]:
        """Return a condition that holds when so many more have arrived at either end."""
        at_client, at_broker = self.at_client + count, self.at_broker + count
        return lambda: self.at_client >= at_client and self.at_broker >= at_broker

    def wait(self, count: int = 3) -> None:
        """Wait until so many more have arrived at either end."""
        until(self.more(count))

    def client_options(self) -> dict[str, Any]:
        """Return options of ``connect()``: ten heart-beats a second in both directions, which are counted."""
        return {"heart_beat": (0.1, 0.1), "heart_beat_tolerance": PATIENCE, "listener": self}


class BeatingBroker(Broker):
    """An embedded broker for connections that idle: as many heart-beats as a client wants, which are counted.

    Attributes:
        beats: what counts them, if a client connects with its :meth:`HeartBeats.client_options`.
    """

    def __init__(self, **options: Any) -> None:
        self.beats = HeartBeats()
        super().__init__(flavour=PATIENT, recorder=self.beats.recorder, heart_beat=(1, 1), **options)
