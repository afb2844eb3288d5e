"""Fuzz a broker that is reached over TCP."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from stomp_core import Frame

from ._broker_play import play_to_broker
from ._broker_target import BrokerTarget
from ._bystander import Bystander
from ._engine import Engine, RunLimits
from ._findings import RunReport
from ._make_script import ScriptMaker
from ._memory_watch import MemoryWatch, WatchedPlayer
from ._played import NotServed, Pace, Played
from ._script import Script, connect_frame, fill_values
from ._symptoms import Severity
from ._wire import Closed, Illegal, Stalled, Wire

__all__ = ["BrokerPlayer", "fuzz_broker", "server_of"]

_VERSIONS = ("1.2", "1.1", "1.0")
#: Seconds that a broker has to come back after a crash: something else starts it again, or nobody does.
_RESTART = 3.0
#: Seconds for each answer while candidates for the shortest conversation are tried.
_QUICK = 0.4
#: Seconds in which a careful player lets the broker refuse something.
_PATIENCE = 0.3
#: Symptoms that were found before, if there are any.
_NOT_WAITED_FOR = ("ignored", "open-after-error", "message-lost")


def fuzz_broker(
    target: BrokerTarget,
    *,
    seed: int = 0,
    limits: RunLimits | None = None,
    versions: Sequence[str] = _VERSIONS,
    only: Sequence[str] = (),
    pid: int | None = None,
    progress: Callable[[RunReport], None] = lambda report: None,
) -> RunReport:
    """Fuzz a broker: play conversations that break one rule each, and legal ones, and compare what it does.

    Args:
        target: the broker.
        seed: the seed. The same one plays the same conversations in the same order.
        limits: how long to play, and how much at a time; by default ``RunLimits()``.
        versions: the versions of STOMP to play. Those that the broker does not speak are left out.
        only: the names of the rules to break; by default all.
        pid: the id of the broker's process, whose memory is watched; ``None`` watches none.
        progress: called after each conversation, from any thread.

    Returns:
        What was found.

    Raises:
        OSError: it does not accept connections.
        ValueError: it speaks none of the versions, or no rule has one of these names.
    """
    spoken, server = _spoken_versions(target, versions)
    if not spoken:
        raise ValueError(f"{target.url} speaks none of the versions {', '.join(versions)}")
    report = RunReport(target.url, server, "server", spoken, seed)
    scripts = ScriptMaker(seed, spoken, ack_covers_connection=server.startswith("RabbitMQ"), only=only)
    watch = None if pid is None else MemoryWatch(pid)

    beside = _serves_others(target, spoken[0], report)

    def new_player() -> BrokerPlayer:
        return BrokerPlayer(target, spoken[0] if beside else None)

    def new_watched_player() -> WatchedPlayer | BrokerPlayer:
        return new_player() if watch is None else WatchedPlayer(new_player(), watch)

    Engine(scripts, new_watched_player, limits or RunLimits(), report, progress).run()
    if watch is None:
        report.notes.append("its memory was not watched: give --pid")
    else:
        watch.check(report, lambda script, times: _repeat(target, script, times))
    return report


def _serves_others(target: BrokerTarget, version: str, report: RunReport) -> bool:
    """Return whether a well-behaved client is served; if not, what is wrong will be found in legal conversations."""
    try:
        BrokerPlayer(target, version).close()
    except NotServed as error:
        report.notes.append(f"{error}; the run goes on without one")
        return False
    return True


class BrokerPlayer:
    """Plays scripts to a broker, beside a well-behaved client.

    Args:
        target: the broker.
        version: that the well-behaved client speaks; ``None`` for no such client.
    """

    def __init__(self, target: BrokerTarget, version: str | None) -> None:
        self._target = target
        self._quick = replace(
            target, timeout=min(target.timeout, _QUICK), close_timeout=min(target.close_timeout, _QUICK / 4)
        )
        self._version = version
        self._bystander: Bystander | None = None
        self.recover()

    def play(self, script: Script, *, known: Collection[str] = (), pace: Pace = Pace.USUAL) -> Played:
        """See :class:`Player`."""
        if self._bystander is None and self._version is not None:
            self.recover()
        quick = pace in (Pace.QUICK, Pace.QUICK_BESIDE_OTHERS)
        played = play_to_broker(
            script,
            self._quick if quick else self._target,
            bystander=None if pace is Pace.QUICK else self._bystander,
            known=known,
            patience=_PATIENCE if pace is Pace.CAREFUL else 0.0,
        )
        if played.symptom is not None and played.symptom.severity in (
            Severity.CRASH,
            Severity.HANG,
            Severity.LEAK,
        ):
            self.close()
        return played

    def recover(self) -> None:
        """See :class:`Player`."""
        self.close()
        end = time.monotonic() + _RESTART
        while self._bystander is None:
            try:
                if self._version is None:
                    self._target.connect().close()
                    return
                self._bystander = Bystander(self._target, self._version)
            except (OSError, NotServed):
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def close(self) -> None:
        """See :class:`Player`."""
        if self._bystander is not None:
            self._bystander.close()
            self._bystander = None


def _repeat(target: BrokerTarget, script: Script, times: int) -> None:
    """Play a script again and again, with the same queues, and take away what it leaves there."""
    values = target.values()
    for _ in range(times):
        play_to_broker(script, target, known=_NOT_WAITED_FOR, values=values)
    _take_messages(target, script.version, [values["queue"], values["other-queue"]])


def _take_messages(target: BrokerTarget, version: str, queues: Sequence[str]) -> None:
    wire = target.connect()
    frames = [connect_frame(version)]
    for number, queue in enumerate(queues):
        pairs = [("destination", queue), ("id", str(number)), ("receipt", str(number))]
        frames.append(Frame("SUBSCRIBE", pairs).to_bytes(version))
    frames.append(b"DISCONNECT\nreceipt:end\n\n\0")
    try:
        for frame in frames:
            wire.write(fill_values(frame, target.values()), target.timeout)
        while wire.frame(target.timeout).headers.get("receipt-id") != "end":
            pass
    except (Closed, Illegal, Stalled, TimeoutError):
        pass  # it has broken rules; what it does was decided before
    finally:
        wire.close()


def server_of(target: BrokerTarget, version: str) -> str | None:
    """Return what a broker calls itself in CONNECTED, ``"unknown"`` if it does not; ``None`` without the version.

    Raises:
        OSError: it does not accept connections.
    """
    wire: Wire = target.connect()
    offer = "" if version == "1.0" else f"accept-version:{version}\n"
    credentials = f"login:{target.login}\npasscode:{target.passcode}\n"
    try:
        wire.write(f"CONNECT\n{offer}host:{target.virtual_host}\n{credentials}\n\0".encode(), target.timeout)
        frame = wire.frame(target.timeout)
    except (Closed, Illegal, TimeoutError):
        return None
    finally:
        wire.close()
    if frame.command != "CONNECTED" or frame.headers.get("version", "1.0") != version:
        return None
    return frame.headers.get("server", "unknown")


def _spoken_versions(target: BrokerTarget, versions: Sequence[str]) -> tuple[tuple[str, ...], str]:
    servers = {version: server_of(target, version) for version in versions}
    spoken = tuple(version for version, server in servers.items() if server is not None)
    names = [server for server in servers.values() if server not in (None, "unknown")]
    return spoken, str(names[0]) if names else "unknown"
