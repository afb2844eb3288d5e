"""Watch the memory of the program under test: what grows with each conversation that breaks a rule."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from pathlib import Path

from ._findings import Finding, RunReport
from ._played import Pace, Played, Player
from ._script import HEART_BEATS, LEGAL, Script
from ._symptoms import Severity

__all__ = ["MemoryWatch", "WatchedPlayer", "listening_process", "resident_bytes"]

_PAGE = 4096
_MIB = 1024 * 1024
#: A script that may be the cause is played so often, in each of the rounds.
_REPEAT = 100
_ROUNDS = 3
_MOST_ROUNDS = 8
#: Memory that has grown by so much in all is enough to be sure.
_SURE = 48 * _MIB
#: Seconds for a garbage collector behind the last round.
_PAUSE = 1.0
#: In each round memory has to grow by so much, and by so many times what legal conversations need.
_GROWTH = 3 * _MIB
_FACTOR = 3
#: How many rules are looked at, at most.
_CANDIDATES = 4
#: Seconds for all of that: what has not grown enough by then is no finding.
_SECONDS = 60.0
#: The first conversations fill caches and pools.
_WARM_UP = 50


def resident_bytes(pid: int) -> int:
    """Return the memory of a process that is in RAM, in bytes.

    Raises:
        OSError: there is no such process, or the system has neither /proc nor psutil.
    """
    statistics = Path(f"/proc/{pid}/statm")
    if statistics.exists():
        return int(statistics.read_text().split()[1]) * _PAGE
    try:
        import psutil  # type: ignore[import-untyped, unused-ignore]
    except ModuleNotFoundError:
        raise OSError(f"process {pid} cannot be seen: it has ended, or psutil is missing") from None
    try:
        resident: int = psutil.Process(pid).memory_info().rss
    except psutil.Error as error:
        raise OSError(str(error)) from None
    return resident


def listening_process(port: int) -> int | None:
    """Return the id of the process of this machine that listens on a TCP port; ``None`` if that cannot be seen.

    It needs ``/proc``.

    Args:
        port: the port.
    """
    inodes = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(link.readlink()) in inodes for link in (folder / "fd").iterdir()):
                return int(folder.name)
        except OSError:
            continue
    return None


class MemoryWatch:
    """Sums up by how much memory grows with the conversations of each rule.

    Args:
        pid: returns the process of the program under test, which is another one once it was started again; ``None`` if
            it cannot be seen.

    Raises:
        OSError: it cannot be seen.
    """

    def __init__(self, pid: Callable[[], int | None]) -> None:
        self._pid_of = pid
        self._pid = pid()
        self._lock = threading.Lock()
        self._growth: defaultdict[str, int] = defaultdict(int)
        self._scripts: dict[str, Script] = {}
        self._played = 0
        self._last = self._resident()
        self._warm = self._last

    def _resident(self) -> int:
        if self._pid is None:
            raise OSError("the process of the program is not known")
        return resident_bytes(self._pid)

    def note(self, script: Script) -> None:
        """Note what memory is like behind a conversation."""
        with self._lock:
            started_again = self._pid != (pid := self._pid_of())
            self._pid = pid
            try:
                now = self._resident()
            except OSError:
                return  # it has crashed, which others report
            if started_again:
                self._last = self._warm = now
                self._played = 0
            self._played += 1
            if self._played <= _WARM_UP:
                self._warm = now
            else:
                self._growth[script.rule.name] += now - self._last
            self._scripts[script.rule.name] = script
            self._last = now

    def check(self, report: RunReport, repeat: Callable[[Script, int, float], None]) -> None:
        """Play the scripts behind which memory has grown again and again; add a finding if it goes on growing.

        Args:
            report: gets the finding.
            repeat: plays a script so many times, and leaves nothing behind that a broker has to keep; raises
                TimeoutError if it is not done at a time of :func:`time.monotonic`.
        """
        total = self._last - self._warm
        report.notes.append(
            f"its memory has grown by {total / _MIB:.1f} MiB to {self._last / _MIB:.0f} MiB in {self._played} "
            "conversations"
        )
        candidates = sorted(self._growth, key=lambda rule: self._growth[rule], reverse=True)[:_CANDIDATES]
        candidates = [
            rule
            for rule in candidates
            if self._growth[rule] > 0 and rule != LEGAL.name and not self._takes_long(rule)
        ]
        if total < _GROWTH or not candidates:
            return
        end = time.monotonic() + _SECONDS
        legal = self._scripts.get(LEGAL.name)
        usual = 0 if legal is None else max(self._rounds(legal, repeat, end))
        for rule in candidates:
            growth = self._rounds(self._scripts[rule], repeat, end)
            if min(growth) >= max(_GROWTH, _FACTOR * usual):
                report.findings.append(self._finding(rule, growth))
                report.sort()
                return  # what else has grown may have grown by the same leak

    def _rounds(self, script: Script, repeat: Callable[[Script, int, float], None], end: float) -> list[int]:
        """Return by how much memory grows in each round; fewer if it does not grow in one."""
        growth: list[int] = []
        try:
            start = self._resident()
            while len(growth) < _MOST_ROUNDS and (len(growth) < _ROUNDS or sum(growth) < _SURE):
                before = self._resident()
                repeat(script, _REPEAT, end)
                growth.append(self._resident() - before)
                if growth[-1] < max(_GROWTH, growth[0] // 2):
                    return [*growth, 0]  # pools and heaps fill up in the end; a leak goes on
            time.sleep(_PAUSE)
            if self._resident() - start < sum(growth) // 2:
                return [*growth, 0]
        except (OSError, ValueError):
            return [*growth, 0]
        return growth

    def _takes_long(self, rule: str) -> bool:
        """Whether nothing is sent for some time, which cannot be played hundreds of times."""
        return any(send.wait for send in self._scripts[rule].sends) or rule == HEART_BEATS.name

    def _finding(self, rule: str, growth: list[int]) -> Finding:
        script = self._scripts[rule]
        each = sum(growth) / len(growth) / _REPEAT
        text = (
            f"its memory grows by about {each / 1024:.0f} KiB with each of these conversations, and by "
            f"{sum(growth) / _MIB:.0f} MiB with {len(growth) * _REPEAT} of them"
        )
        steps = [
            {"receive": send.data.decode("latin-1")} if send.data else {"close": True}
            for send in script.sends
        ]
        return Finding(
            Severity.MEMORY, rule, "memory-grows", script.rule.section, text, script, list(steps),
            repeat=len(growth) * _REPEAT, minimised=False,
        )  # fmt: skip


class WatchedPlayer:
    """A player behind whose conversations memory is noted.

    Args:
        player: plays.
        watch: notes.
    """

    def __init__(self, player: Player, watch: MemoryWatch) -> None:
        self._player = player
        self._watch = watch

    def play(self, script: Script, *, known: Collection[str] = (), pace: Pace = Pace.USUAL) -> Played:
        """See :class:`Player`."""
        played = self._player.play(script, known=known, pace=pace)
        if pace is Pace.USUAL:
            self._watch.note(script)
        return played

    def recover(self) -> None:
        """See :class:`Player`."""
        self._player.recover()

    def close(self) -> None:
        """See :class:`Player`."""
        self._player.close()
