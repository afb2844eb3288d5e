"""Fuzz a broker that is reached over TCP."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from stomp_core import Frame

from ._broker_play import play_to_broker
from ._broker_player import BrokerPlayer
from ._broker_program import BrokerProgram
from ._broker_target import BrokerTarget
from ._engine import Engine, RunLimits
from ._findings import RunReport
from ._make_script import ScriptMaker
from ._memory_watch import MemoryWatch, WatchedPlayer
from ._played import NotServed
from ._script import Script, connect_frame, fill_values
from ._wire import Closed, Illegal, Stalled

__all__ = ["fuzz_broker", "server_of"]

_VERSIONS = ("1.2", "1.1", "1.0")
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
    command: str | None = None,
    start_timeout: float = 120.0,
    progress: Callable[[RunReport], None] = lambda report: None,
) -> RunReport:
    """Fuzz a broker: play conversations that break one rule each, and legal ones, and compare what it does.

    Args:
        target: the broker.
        seed: the seed. The same one plays the same conversations in the same order.
        limits: how long to play, and how much at a time; by default ``RunLimits()``.
        versions: the versions of STOMP to play. Those that the broker does not speak are left out.
        only: the names of the rules to break; by default all.
        pid: the id of the broker's process, whose memory is watched; ``None`` watches none, or that of ``command``.
        command: starts the broker, and restarts it when it has ended or hangs; ``None`` if something else does.
        start_timeout: how many seconds the broker may take until it answers.
        progress: called after each conversation, from any thread.

    Returns:
        What was found.

    Raises:
        OSError: it does not accept connections, or cannot be started.
        ValueError: it speaks none of the versions, no rule has one of these names, or something listens already where
            the command is to start a broker.
    """
    limits = limits or RunLimits()
    if command is None:
        return _fuzz(target, None, seed, limits, versions, only, pid, progress)
    program = BrokerProgram(command, target, start_timeout)
    try:
        return _fuzz(target, program, seed, limits, versions, only, pid, progress)
    finally:
        program.close()


def _fuzz(
    target: BrokerTarget,
    program: BrokerProgram | None,
    seed: int,
    limits: RunLimits,
    versions: Sequence[str],
    only: Sequence[str],
    pid: int | None,
    progress: Callable[[RunReport], None],
) -> RunReport:
    spoken, server = _spoken_versions(target, versions)
    if not spoken:
        raise ValueError(f"{target.url} speaks none of the versions {', '.join(versions)}")
    report = RunReport(target.url, server, "server", spoken, seed)
    scripts = ScriptMaker(seed, spoken, ack_covers_connection=server.startswith("RabbitMQ"), only=only)
    watch = _memory_watch(program, pid)
    beside = _serves_others(target, spoken[0], program, report)

    def new_player() -> BrokerPlayer:
        return BrokerPlayer(target, spoken[0] if beside else None, program)

    def new_watched_player() -> WatchedPlayer | BrokerPlayer:
        return new_player() if watch is None else WatchedPlayer(new_player(), watch)

    Engine(scripts, new_watched_player, limits, report, progress).run()
    if watch is None:
        report.notes.append("its memory was not watched: give --pid")
    elif report.ended_early is None:
        watch.check(report, lambda script, times, end: _repeat(target, script, times, end))
    if program is not None and program.starts > 1:
        report.notes.append(f"the broker was started {program.starts} times")
    return report


def _memory_watch(program: BrokerProgram | None, pid: int | None) -> MemoryWatch | None:
    if program is not None and pid is None:
        return None if program.pid is None else MemoryWatch(lambda: program.pid)
    return None if pid is None else MemoryWatch(lambda: pid)


def _serves_others(
    target: BrokerTarget, version: str, program: BrokerProgram | None, report: RunReport
) -> bool:
    """Return whether a well-behaved client is served; if not, what is wrong will be found in legal conversations."""
    try:
        BrokerPlayer(target, version, program).close()
    except NotServed as error:
        report.notes.append(f"{error}; the run goes on without one")
        return False
    return True


def _repeat(target: BrokerTarget, script: Script, times: int, end: float) -> None:
    """Play a script again and again, with the same queues, and take away what it leaves there."""
    values = target.values()
    for _ in range(times):
        if time.monotonic() > end:
            raise TimeoutError
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
    frame = target.answer_to_connect("" if version == "1.0" else version)
    if frame is None or frame.command != "CONNECTED" or frame.headers.get("version", "1.0") != version:
        return None
    return frame.headers.get("server", "unknown")


def _spoken_versions(target: BrokerTarget, versions: Sequence[str]) -> tuple[tuple[str, ...], str]:
    servers = {version: server_of(target, version) for version in versions}
    spoken = tuple(version for version, server in servers.items() if server is not None)
    names = [server for server in servers.values() if server not in (None, "unknown")]
    return spoken, str(names[0]) if names else "unknown"
