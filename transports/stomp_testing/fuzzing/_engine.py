"""Engine: plays scripts side by side, confirms what they show, and makes findings of it."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from ._findings import Finding, RunReport
from ._gate import Gate
from ._minimise import minimise
from ._played import Pace, Played, Player
from ._script import Script
from ._symptoms import Severity, Symptom

__all__ = ["Engine", "Limits", "Makes"]

#: Symptoms that have the same cause whatever rule is broken.
_OF_NO_RULE = ("open-after-error", "bystander-closed", "bystander-stalled", "message-of-another-client")
_CONFIRMATIONS = 2


class Makes(Protocol):
    """Makes the script of each number."""

    def make(self, number: int) -> Script:
        """Return the script of a number, counted from 0."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How much to do.

    Attributes:
        seconds: of the run; ``None`` for no limit.
        count: of conversations; ``None`` for no limit.
        jobs: conversations at the same time.
        minimise_seconds: for each finding.
    """

    seconds: float | None = 60.0
    count: int | None = None
    jobs: int = 4
    minimise_seconds: float = 15.0


class Engine:
    """Plays scripts.

    Args:
        scripts: makes them.
        new_player: makes who plays them, one for each job.
        limits: how much to do.
        report: is filled.
        progress: called now and then, from any thread.
    """

    def __init__(
        self,
        scripts: Makes,
        new_player: Callable[[], Player],
        limits: Limits,
        report: RunReport,
        progress: Callable[[RunReport], None],
    ) -> None:
        self._scripts = scripts
        self._new_player = new_player
        self._limits = limits
        self._report = report
        self._progress = progress
        self._gate = Gate()
        self._lock = threading.Lock()
        self._number = 0
        self._found: dict[tuple[str, str], Finding] = {}
        self._known: defaultdict[str, set[str]] = defaultdict(set)
        self._unconfirmed: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._dead = False
        self._start = time.monotonic()

    def run(self) -> None:
        """Play until a limit is reached, or the program is dead and does not come back.

        Raises:
            OSError: the program cannot be reached from the start.
        """
        self._start = time.monotonic()
        players = [self._new_player() for _ in range(self._limits.jobs)]
        try:
            with ThreadPoolExecutor(len(players), "fuzzing") as pool:
                for job in [pool.submit(self._work, player) for player in players]:
                    job.result()
        finally:
            self._report.seconds = time.monotonic() - self._start
            for player in players:
                player.close()
        self._report.sort()
        for (rule, name), times in sorted(self._unconfirmed.items()):
            if (rule, name) not in self._found:
                self._report.notes.append(
                    f"{rule}: {name} was seen {times} times and not when played again alone"
                )

    # ------------------------------------------------------------------ jobs

    def _work(self, player: Player) -> None:
        try:
            while (number := self._next_number()) is not None:
                script = self._scripts.make(number)
                with self._gate.shared():
                    if self._dead:
                        return
                    played = player.play(script, known=self._known_for(script))
                self._on_played(number, script, played, player)
                self._progress(self._report)
        except BaseException:
            self._dead = True  # the other jobs end, too
            raise

    def _next_number(self) -> int | None:
        with self._lock:
            limits = self._limits
            late = limits.seconds is not None and time.monotonic() - self._start >= limits.seconds
            if self._dead or late or (limits.count is not None and self._number >= limits.count):
                return None
            self._number += 1
            return self._number - 1

    def _known_for(self, script: Script) -> set[str]:
        return self._known[script.rule.name] | self._known["*"]

    def _on_played(self, number: int, script: Script, played: Played, player: Player) -> None:
        symptom = played.symptom
        with self._lock:
            outcome = "as specified" if played.judged else "not judged"
            self._report.count(script, outcome if symptom is None else symptom.name)
            if symptom is None or self._is_known(script, symptom):
                return
        with self._gate.alone():
            if self._is_known(script, symptom) or self._dead:
                return
            try:
                self._confirm(number, script, played)
            finally:
                if symptom.severity in (Severity.CRASH, Severity.HANG):
                    player.recover()

    def _is_known(self, script: Script, symptom: Symptom) -> bool:
        finding = self._found.get(_key(script, symptom))
        if finding is None:
            return self._unconfirmed.get((script.rule.name, symptom.name), 0) >= 3
        finding.seen += 1
        return True

    # ------------------------------------------------------------------ findings

    def _confirm(self, number: int, script: Script, first: Played) -> None:
        """Play it again alone, and make it as short as possible."""
        symptom = first.symptom
        assert symptom is not None
        if not self._recover(symptom):
            self._add(number, script, first, minimised=False)
            return
        again = None
        for _ in range(_CONFIRMATIONS):
            again = self._play_alone(script)
            if again.symptom is not None:
                break
        if again is None or again.symptom is None:
            self._unconfirmed[script.rule.name, symptom.name] += 1
            return
        symptom = again.symptom  # alone it may show something else, which is what can be shown again
        if self._is_known(script, symptom):
            return
        if self._dead:
            self._add(number, script, again, minimised=False)
            return
        shortest = minimise(
            script, lambda one: self._shows(one, symptom), seconds=self._seconds_to_minimise()
        )
        last = self._play_alone(shortest)
        if last.symptom is None or last.symptom.name != symptom.name:
            self._add(number, script, again, minimised=False)
        else:
            self._add(number, shortest, last, minimised=True)

    def _seconds_to_minimise(self) -> float:
        limits = self._limits
        left = float("inf") if limits.seconds is None else self._start + limits.seconds - time.monotonic()
        return min(limits.minimise_seconds, max(left, limits.minimise_seconds / 3))

    def _shows(self, script: Script, symptom: Symptom) -> bool:
        if self._dead:
            return False
        played = self._play_alone(script, pace=Pace.QUICK)
        shown = played.symptom
        return shown is not None and (shown.name, shown.severity) == (symptom.name, symptom.severity)

    def _play_alone(self, script: Script, pace: Pace = Pace.CAREFUL) -> Played:
        """Play it with a player of its own: a faulty program may have spoilt the other ones."""
        player = self._new_player()
        try:
            played = player.play(script, pace=pace)
        finally:
            player.close()
        if played.symptom is not None:
            self._recover(played.symptom)
        return played

    def _recover(self, symptom: Symptom) -> bool:
        """After a crash, wait for the program; return whether it serves again."""
        if symptom.severity is not Severity.CRASH or self._dead:
            return not self._dead
        player = None
        try:
            player = self._new_player()
        except (OSError, ValueError):
            self._dead = True
            self._report.notes.append("the program has ended, and does not serve again: the run ends here")
        finally:
            if player is not None:
                player.close()
        return not self._dead

    def _add(self, number: int, script: Script, played: Played, *, minimised: bool) -> None:
        symptom = played.symptom
        assert symptom is not None
        finding = Finding(
            symptom.severity,
            script.rule.name,
            symptom.name,
            symptom.section or script.rule.section,
            symptom.text,
            script,
            played.steps,
            self._report.role,
            played.sent,
            number,
            minimised=minimised,
        )
        key = _key(script, symptom)
        with self._lock:
            self._found[key] = finding
            self._known[key[0]].add(symptom.name)
            self._report.findings.append(finding)


def _key(script: Script, symptom: Symptom) -> tuple[str, str]:
    return ("*" if symptom.name in _OF_NO_RULE else script.rule.name), symptom.name
