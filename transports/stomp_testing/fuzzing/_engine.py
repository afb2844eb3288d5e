"""Engine: plays scripts side by side, confirms what they show, and makes findings of it."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from ._findings import Finding, RunReport
from ._gate import Gate
from ._minimise import minimise
from ._open_at_end import OpenConversation, chosen, explanation
from ._played import NotServed, Pace, Played, Player
from ._script import LEGAL, Script
from ._symptoms import HARMFUL, Severity, Symptom

__all__ = ["Engine", "Makes", "RunLimits"]

#: Symptoms that have the same cause whatever rule is broken.
_OF_NO_RULE = ("open-after-error", "bystander-closed", "bystander-stalled", "message-of-another-client")
_CONFIRMATIONS = 2
#: How much of the time of a run is for the minimising at its end, and of how much where there is no limit.
_SHARE_AT_THE_END = 0.25
_SECONDS_AT_THE_END = 60.0
#: Seconds for starting a program again that do not count as time of minimising.
_SECONDS_OF_STARTS = 60.0
#: So many conversations in a row that are not played are all that there are.
_MOST_SKIPPED = 500


class Makes(Protocol):
    """Makes the script of each number."""

    def make(self, number: int) -> Script:
        """Return the script of a number, counted from 0."""
        ...


@dataclass(frozen=True, slots=True)
class RunLimits:
    """How much to do.

    Attributes:
        seconds: how many seconds the run may take; ``None`` is no limit.
        count: how many conversations to play; ``None`` is no limit.
        jobs: how many conversations to play at the same time.
        findings: stop when there are so many findings; ``None`` is no limit.
        minimise_seconds: how many seconds to spend on making the script of a finding shorter.
    """

    seconds: float | None = 60.0
    count: int | None = None
    jobs: int = 8
    findings: int | None = None
    minimise_seconds: float = 8.0


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
        limits: RunLimits,
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
        self._open_at_end: list[OpenConversation] = []
        self._fatal: set[str] = set()  # rules that end the program
        self._skipped = 0
        self._dead = False
        self._start = time.monotonic()

    def run(self) -> None:
        """Play until a limit is reached, or the program is dead and does not come back.

        Raises:
            OSError: the program cannot be reached from the start.
            NotServed: it serves nobody from the start.
        """
        self._start = time.monotonic()
        players = self._new_players()
        try:
            with ThreadPoolExecutor(len(players), "fuzzing") as pool:
                for job in [pool.submit(self._work, player) for player in players]:
                    job.result()
        finally:
            for player in players:
                player.close()
        for conversation in chosen(self._open_at_end):
            self._add_last(conversation)
        self._report.sort()
        self._minimise_rest()
        self._report.seconds = time.monotonic() - self._start
        self._add_notes()

    def _add_last(self, conversation: OpenConversation) -> None:
        symptom = conversation.played.symptom
        if symptom is not None and not self._is_known(conversation.script, symptom):
            finding = self._add(conversation.number, conversation.script, conversation.played)
            finding.text += f"; {explanation(conversation, self._open_at_end)}"

    def _add_notes(self) -> None:
        notes = self._report.notes
        if self._fatal:
            notes.append(
                f"not played any more once it had ended the program: {', '.join(sorted(self._fatal))}"
            )
        # Those that were open beside a conversation that has stopped the program have shown the same.
        found = {one.symptom for one in self._report.findings if one.severity in HARMFUL}
        for (rule, name), times in sorted(self._unconfirmed.items()):
            if (rule, name) not in self._found and name not in found:
                notes.append(f"{rule}: {name} was seen {times} times and not when played again alone")

    def _new_players(self) -> list[Player]:
        """Return a player for each job, or one if they disturb each other before anything was broken."""
        players = [self._new_player()]
        try:
            while len(players) < self._limits.jobs:
                players.append(self._new_player())
            return players
        except NotServed:
            for player in players:
                player.close()
            self._report.notes.append("clients that break no rule disturb each other: the run has one job")
            return [self._new_player()]

    # ------------------------------------------------------------------ jobs

    def _work(self, player: Player) -> None:
        try:
            while (number := self._next_number()) is not None:
                script = self._scripts.make(number)
                if self._skips(script):
                    continue
                try:
                    with self._gate.shared():
                        if self._dead:
                            return
                        played = player.play(script, known=self._known_for(script))
                    self._on_played(number, script, played, player)
                except (OSError, NotServed) as error:
                    self._end_early(error)
                self._progress(self._report)
        except BaseException:
            self._dead = True  # the other jobs end, too
            raise

    def _end_early(self, error: Exception) -> None:
        with self._lock:
            if not self._dead:
                self._dead = True
                who = (
                    "broker does not serve"
                    if self._report.role == "server"
                    else "client does not come back to"
                )
                self._report.ended_early = f"the {who} a well-behaved peer any more: {error}"

    def _skips(self, script: Script) -> bool:
        """Whether a script is not played: it is known that it ends the program, which takes long to start again."""
        with self._lock:
            skips = script.rule.name in self._fatal and script.rule != LEGAL
            self._skipped = self._skipped + 1 if skips else 0
            return skips

    def _next_number(self) -> int | None:
        with self._lock:
            limits = self._limits
            late = limits.seconds is not None and time.monotonic() - self._start >= self._seconds_to_play()
            enough = limits.findings is not None and len(self._report.findings) >= limits.findings
            if self._skipped > _MOST_SKIPPED:
                return None
            if self._dead or late or enough or (limits.count is not None and self._number >= limits.count):
                return None
            self._number += 1
            return self._number - 1

    def _seconds_to_play(self) -> float:
        """Return when to stop playing, so that there is time for what has to be minimised."""
        seconds = self._limits.seconds or 0.0
        waiting = sum(not one.minimised for one in self._report.findings)
        return seconds - min(_SHARE_AT_THE_END * seconds, waiting * self._limits.minimise_seconds / 4)

    def _known_for(self, script: Script) -> set[str]:
        return self._known[script.rule.name] | self._known["*"]

    def _on_played(self, number: int, script: Script, played: Played, player: Player) -> None:
        symptom = played.symptom
        script = played.script or script
        with self._lock:
            outcome = "as specified" if played.decided else "not decided"
            self._report.count(script, outcome if symptom is None else symptom.name)
            if symptom is None or self._is_known(script, symptom):
                return
        with self._gate.alone():
            if self._dead:
                if symptom.severity in HARMFUL:
                    self._open_at_end.append(OpenConversation(number, script, played))
                return
            if self._is_known(script, symptom):
                return
            try:
                self._confirm(number, script, played)
            except (OSError, NotServed) as error:
                self._end_early(error)
                self._open_at_end.append(OpenConversation(number, script, played))
            finally:
                if symptom.severity in HARMFUL and not self._dead:
                    player.recover()

    def _is_known(self, script: Script, symptom: Symptom) -> bool:
        finding = self._found.get(_key(script, symptom))
        if finding is None:
            return self._unconfirmed.get((script.rule.name, symptom.name), 0) >= 3
        finding.seen += 1
        return True

    # ------------------------------------------------------------------ findings

    def _confirm(self, number: int, script: Script, first: Played) -> None:
        """Play it again alone, and make it as short as possible: at once, or at the end if it is only lenient."""
        symptom = first.symptom
        assert symptom is not None
        if not self._recover(symptom):
            self._open_at_end.append(OpenConversation(number, script, first))
            return
        again = first
        for _ in range(_CONFIRMATIONS):
            again = self._play_alone(script, self._known["*"] - {symptom.name})
            if again.symptom is not None:
                break
        if again.symptom is None:
            self._unconfirmed[script.rule.name, symptom.name] += 1
            return
        script = again.script or script
        if self._is_known(script, again.symptom):
            return  # alone it shows something else, which was found before
        finding = self._add(number, script, again)
        if finding.severity is not Severity.LENIENT:
            self._minimise(finding)

    def _minimise_rest(self) -> None:
        """Make those findings short that have waited for the end of the run."""
        waiting = [one for one in self._report.findings if not one.minimised]
        end = time.monotonic() + _SHARE_AT_THE_END * (self._limits.seconds or _SECONDS_AT_THE_END)
        for finding in waiting:
            if self._dead or time.monotonic() > end:
                return
            self._minimise(finding)

    def _minimise(self, finding: Finding) -> None:
        symptom = Symptom(finding.severity, finding.symptom, finding.text)
        others = finding.severity in (Severity.CRASH, Severity.LEAK) or symptom.name.startswith("bystander")
        pace = Pace.QUICK_BESIDE_OTHERS if others else Pace.QUICK
        known = self._known["*"] - {symptom.name}
        tries = _Tries(self._new_player(), self._new_player)
        last: Played | None = None

        def shows(script: Script) -> bool:
            nonlocal last
            same = False
            if self._dead:
                return same
            try:
                played = tries.player.play(script, pace=pace, known=known)
                shown = played.symptom
                same = shown is not None and (shown.name, shown.severity) == (symptom.name, symptom.severity)
                if script.rule != LEGAL and (played.script is not None or not played.decided):
                    same = False  # it breaks no rule, or another one, which is not what was found
                last = played if same else last
                if shown is not None and shown.severity in HARMFUL:
                    tries.renew()
            except (OSError, NotServed) as error:
                self._end_early(error)
            return same

        try:
            seconds = self._limits.minimise_seconds
            shortest = minimise(finding.script, shows, seconds=seconds, clock=tries.clock)
        finally:
            tries.player.close()
        if not self._dead:
            last = self._play_alone(shortest, known)
        if last is not None and last.symptom is not None and last.symptom.name == symptom.name:
            finding.script, finding.text = shortest, last.symptom.text
            finding.steps, finding.sent, finding.minimised = last.steps, last.sent, not self._dead

    def _play_alone(self, script: Script, known: Collection[str]) -> Played:
        """Play it with a player of its own: a faulty program may have spoilt the other ones."""
        player = self._new_player()
        try:
            played = player.play(script, pace=Pace.CAREFUL, known=known)
        finally:
            player.close()
        if played.symptom is not None:
            self._recover(played.symptom)
        return played

    def _recover(self, symptom: Symptom) -> bool:
        """After a crash or a hang, wait for the program; return whether it serves again."""
        if symptom.severity in (Severity.CRASH, Severity.HANG) and not self._dead:
            try:
                self._new_player().close()
            except (OSError, NotServed) as error:
                self._end_early(error)
        return not self._dead

    def _add(self, number: int, script: Script, played: Played) -> Finding:
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
            minimised=False,
        )
        key = _key(script, symptom)
        with self._lock:
            self._found[key] = finding
            self._known[key[0]].add(symptom.name)
            self._report.findings.append(finding)
            if symptom.ends_program:
                self._fatal.add(script.rule.name)
        return finding


def _key(script: Script, symptom: Symptom) -> tuple[str, str]:
    of_no_rule = symptom.name in _OF_NO_RULE or symptom.name.startswith("illegal-frame")
    return ("*" if of_no_rule else script.rule.name), symptom.name


class _Tries:
    """Who plays candidates for the shortest script, and the time that this takes.

    Args:
        player: plays them.
        new_player: makes another one.
    """

    def __init__(self, player: Player, new_player: Callable[[], Player]) -> None:
        self.player = player
        self._new_player = new_player
        self._seconds_of_starts = 0.0

    def clock(self) -> float:
        """Return the seconds that have passed, but for those in which the program was started again."""
        return time.monotonic() - min(self._seconds_of_starts, _SECONDS_OF_STARTS)

    def renew(self) -> None:
        """Wait until the program serves again.

        Raises:
            OSError: it cannot be reached.
            NotServed: it does not serve.
        """
        start = time.monotonic()
        self.player.close()
        self.player = self._new_player()
        self._seconds_of_starts += time.monotonic() - start
