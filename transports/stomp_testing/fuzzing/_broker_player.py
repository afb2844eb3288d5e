"""BrokerPlayer: plays scripts to a broker, beside a well-behaved client, and brings back a broker that has died."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace

from ._broker_play import play_to_broker
from ._broker_program import BrokerProgram
from ._broker_target import BrokerTarget
from ._bystander import Bystander
from ._played import NotServed, Pace, Played
from ._script import Script
from ._symptoms import HARMFUL, Severity, Symptom

__all__ = ["BrokerPlayer"]

#: Seconds that a broker has to come back after a crash: something else starts it again, or nobody does.
_RESTART = 3.0
#: Seconds for each answer while candidates for the shortest conversation are tried.
_QUICK = 0.4
#: Seconds in which a careful player lets the broker refuse something.
_PATIENCE = 0.3
#: Seconds for each answer to a well-behaved client, before a broker that runs is started again.
_TO_SERVE = 2.0
#: Seconds that a broker whose connections have ended has to end, too.
_TO_END = 3.0


class BrokerPlayer:
    """Plays scripts to a broker, beside a well-behaved client.

    Args:
        target: the broker.
        version: that the well-behaved client speaks; ``None`` for no such client.
        program: what the broker is started with; ``None`` if something else starts it.
    """

    def __init__(
        self, target: BrokerTarget, version: str | None, program: BrokerProgram | None = None
    ) -> None:
        self._target = target
        self._quick = replace(
            target, timeout=min(target.timeout, _QUICK), close_timeout=min(target.close_timeout, _QUICK / 4)
        )
        self._version = version
        self._program = program
        self._bystander: Bystander | None = None
        self._start = 0  # that the bystander belongs to
        self.recover()

    def play(self, script: Script, *, known: Collection[str] = (), pace: Pace = Pace.USUAL) -> Played:
        """See :class:`Player`."""
        if self._start != self._starts or (self._bystander is None and self._version is not None):
            self.recover()
        start = self._start
        quick = pace in (Pace.QUICK, Pace.QUICK_BESIDE_OTHERS)
        played = play_to_broker(
            script,
            self._quick if quick else self._target,
            bystander=None if pace is Pace.QUICK else self._bystander,
            known=known,
            patience=_PATIENCE if pace is Pace.CAREFUL else 0.0,
            heart_beat_patience=0.4 if quick else 2.0 if pace is Pace.CAREFUL else 1.0,
        )
        if start != self._starts:
            self.close()
            return Played(decided=False)  # another job has started the broker again
        if self._program is not None:
            self._note_end(self._program, played)
        elif self._version is None and played.symptom is None:
            self._note_refusal(played)
        if played.symptom is not None and played.symptom.severity in HARMFUL:
            self.close()
        return played

    @property
    def _starts(self) -> int:
        return 0 if self._program is None else self._program.starts

    def _note_end(self, program: BrokerProgram, played: Played) -> None:
        """If the broker has ended, that is what the conversation has shown."""
        crashed = played.symptom is not None and played.symptom.severity is Severity.CRASH
        end = program.end(_TO_END if crashed else 0.0)
        if end is not None:
            text = end.text.replace("the program", "the broker", 1)
            played.symptom = Symptom(Severity.CRASH, end.name, text, ends_program=True)
        elif played.symptom is not None and played.symptom.name == "bystander-stalled":
            program.hangs = True

    def _note_refusal(self, played: Played) -> None:
        """Without a well-behaved client, see whether the broker still accepts connections."""
        try:
            self._target.connect().close()
        except OSError as error:
            text = f"behind the conversation it does not accept a connection: {error}"
            played.symptom = Symptom(Severity.CRASH, "no-connection", text)

    # ------------------------------------------------------------------ recovering

    def recover(self) -> None:
        """See :class:`Player`."""
        self.close()
        program = self._program
        if program is None:
            self._await_served()
            return
        with program.lock:  # one job starts it again, and the others wait for that
            if not program.hangs:
                self._start = program.starts
                try:
                    self._connect(min(self._target.timeout, _TO_SERVE))
                    return
                except (OSError, NotServed):
                    pass
            program.restart()
            self._start = program.starts
            self._await_served()

    def _await_served(self) -> None:
        end = time.monotonic() + _RESTART
        while True:
            try:
                self._connect(self._target.timeout)
                return
            except (OSError, NotServed):
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def _connect(self, timeout: float) -> None:
        if self._version is None:
            self._target.connect().close()
        else:
            self._bystander = Bystander(self._target, self._version, timeout)

    def close(self) -> None:
        """See :class:`Player`."""
        if self._bystander is not None:
            self._bystander.close()
            self._bystander = None
