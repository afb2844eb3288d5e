"""Fuzz a client that connects to this program, as a hostile broker."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ._client_play import ClientTarget, Habits, play_to_client
from ._engine import Engine, RunLimits
from ._findings import RunReport
from ._make_script import ScriptMaker
from ._played import Pace, Played
from ._program import Program
from ._program_end import EndKind
from ._script import Script
from ._wire import Closed, Illegal, Wire

__all__ = ["ClientAddress", "ClientPlayer", "ClientTargets", "fuzz_client", "learn_habits"]

_VERSIONS = ("1.2", "1.1", "1.0")
_ORDINARY = "an ordinary message"
#: 1.0 names no encoding, so that some clients raise an exception at what is not ASCII.
_REVEALED = {
    "1.0": "revealed: in ASCII",
    "1.1": "revealed: \N{RABBIT}",
    "1.2": "revealed: \N{RABBIT}",
}


@dataclass(frozen=True, slots=True)
class ClientAddress:
    """Where a client connects, and how it is started.

    Attributes:
        host: the address to listen on.
        port: the port; 0 takes a free one for each job.
        command: starts the client; ``None`` if it connects again and again by itself.
        timeout: seconds that it has for each answer, and to end.
        start_timeout: seconds that it has to connect.
    """

    host: str = "127.0.0.1"
    port: int = 0
    command: str | None = None
    timeout: float = 5.0
    start_timeout: float = 30.0

    def listen(self) -> ClientTarget:
        """Listen for it.

        Returns:
            The port that it connects to.

        Raises:
            OSError: the address is taken or not allowed.
        """
        listener = socket.create_server((self.host, self.port))
        return ClientTarget(listener, self.command, self.timeout, self.start_timeout)


def fuzz_client(
    address: ClientAddress,
    *,
    seed: int = 0,
    limits: RunLimits | None = None,
    versions: Sequence[str] = _VERSIONS,
    only: Sequence[str] = (),
    progress: Callable[[RunReport], None] = lambda report: None,
    listening: Callable[[str], None] = lambda url: None,
) -> RunReport:
    """Fuzz a client: be a broker that breaks one rule in each conversation, or none, and compare what the client does.

    Args:
        address: where the client connects, and how it is started.
        seed: the seed. The same one plays the same conversations in the same order.
        limits: how long to play, and how much at a time; by default ``RunLimits()``. There is one job, unless a command
            starts the client and the port is 0.
        versions: the versions of STOMP to play. Those that the client does not offer are left out.
        only: the names of the rules to break; by default all.
        progress: called after each conversation, from any thread.
        listening: called with the URL where the client has to connect.

    Returns:
        What was found.

    Raises:
        OSError: the address is taken, the program cannot be started, or it does not connect.
        ValueError: no rule has one of these names, or the client offers none of the versions.
    """
    limits = limits or RunLimits()
    if address.command is None or address.port:
        limits = replace(limits, jobs=1)
    targets = ClientTargets(address)
    try:
        with targets.target() as first:
            listening(first.url)
        offered = tuple(version for version in versions if targets.learn(version))
        if not offered:
            raise ValueError(f"the client offers none of the versions {', '.join(versions)}")
        report = RunReport(
            f"a client on {address.host}", address.command or "connects by itself", "client", offered, seed
        )
        report.notes.append(_describe(targets.habits))
        scripts = _Revealing(ScriptMaker(seed, offered, "client", only=only), targets.habits)
        Engine(scripts, targets.player, limits, report, progress).run()
    finally:
        targets.close()
    return report


def _describe(habits: Habits) -> str:
    does = [
        text
        for does, text in (
            (habits.acknowledges, "acknowledges messages"),
            (habits.echoes, "sends messages back"),
            (habits.reveals, "sends the header 'reveal' back"),
            (habits.raises, "ends with an unhandled exception whenever the connection is closed"),
        )
        if does
    ]
    return f"the client {', '.join(does) or 'neither acknowledges messages nor sends them back'}"


class _Revealing:
    """Gives messages a header that the client sends back."""

    def __init__(self, scripts: ScriptMaker, habits: Habits) -> None:
        self._scripts = scripts
        self._habits = habits

    def make(self, number: int) -> Script:
        script = self._scripts.make(number)
        if not self._habits.reveals:
            return script
        sends = tuple(
            replace(send, data=send.data.replace(b"\nx:", b"\nreveal:"))
            if send.data.startswith(b"MESSAGE\n")
            else send
            for send in script.sends
        )
        return script.with_sends(sends)


class ClientTargets:
    """Ports to listen on, each for one conversation at a time.

    Args:
        address: where the client connects.

    Attributes:
        habits: what the client does with ordinary messages.
    """

    def __init__(self, address: ClientAddress) -> None:
        self._address = address
        self._free: list[ClientTarget] = []
        self._all: list[ClientTarget] = []
        self._lock = threading.Lock()
        self.habits = Habits()

    @contextmanager
    def target(self) -> Iterator[ClientTarget]:
        """Listen for one conversation.

        Raises:
            OSError: the address is taken or not allowed.
        """
        with self._lock:
            if not self._free:
                self._free.append(self._address.listen())
                self._all.append(self._free[-1])
            taken = self._free.pop()
        try:
            yield replace(taken, habits=self.habits)
        finally:
            with self._lock:
                self._free.append(taken)

    def learn(self, version: str) -> bool:
        """Find out what the client does with ordinary messages; return whether it offers a version."""
        with self.target() as target:
            habits = learn_habits(target, version)
        if habits is not None and self.habits == Habits():
            self.habits = habits
        return habits is not None

    def player(self) -> ClientPlayer:
        """Return what plays scripts to the client."""
        return ClientPlayer(self)

    def close(self) -> None:
        """Stop listening."""
        for target in self._all:
            target.listener.close()


class ClientPlayer:
    """Plays scripts to a client.

    Args:
        targets: where it connects.
    """

    def __init__(self, targets: ClientTargets) -> None:
        self._targets = targets

    def play(self, script: Script, *, known: Collection[str] = (), pace: Pace = Pace.USUAL) -> Played:
        """See :class:`Player`."""
        with self._targets.target() as target:
            return play_to_client(
                script, target, known=known, quickly=pace in (Pace.QUICK, Pace.QUICK_BESIDE_OTHERS)
            )

    def recover(self) -> None:
        """See :class:`Player`."""

    def close(self) -> None:
        """See :class:`Player`."""


# ---------------------------------------------------------------------- what a client does usually


def learn_habits(target: ClientTarget, version: str) -> Habits | None:
    """Send a client two ordinary messages; return what it does with them, or ``None`` if it does not offer a version.

    Raises:
        OSError: the program cannot be started.
        TimeoutError: it does not connect.
    """
    program = target.start(version)
    wire = None
    try:
        target.listener.settimeout(target.start_timeout)
        connection, _ = target.listener.accept()
        wire = Wire(connection)
        habits = _learn(wire, program, version, target.timeout)
        if habits is None or program is None:
            return habits
        wire.close()
        kind = program.end(target.timeout).kind
        mistakes = kind is EndKind.MISTAKE
        return replace(habits, raises=mistakes or kind is EndKind.RAISED, mistakes=mistakes)
    except (Closed, Illegal):
        return Habits()
    finally:
        if wire is not None:
            wire.close()
        if program is not None:
            program.kill()


def _learn(wire: Wire, program: Program | None, version: str, timeout: float) -> Habits | None:
    try:
        connect = wire.frame(timeout)
        if version not in connect.headers.get("accept-version", "1.0").split(","):
            return None
        wire.write(
            b"CONNECTED\nsession:1\n\n\0"
            if version == "1.0"
            else f"CONNECTED\nversion:{version}\n\n\0".encode(),
            timeout,
        )
        wire.set_version(version)
        subscribe = wire.frame(timeout)
    except TimeoutError:
        return Habits()
    if subscribe.command != "SUBSCRIBE":
        return Habits()
    _confirm(wire, subscribe.headers.get("receipt"), timeout)
    seen: list[tuple[str, bytes]] = []
    revealed = _REVEALED[version]
    on_wire = revealed if version == "1.0" else revealed.replace(":", "\\c")
    for number in (1, 2):
        lines = [
            f"destination:{subscribe.headers.get('destination', '')}",
            f"message-id:{number}",
            f"reveal:{'' if number == 1 else on_wire}",
            *([f"subscription:{subscribe.headers['id']}"] if "id" in subscribe.headers else []),
            *([f"ack:{number}"] if version == "1.2" else []),
        ]
        if number == 1:
            del lines[2]
        head = "\n".join(lines)
        wire.write(f"MESSAGE\n{head}\n\n{_ORDINARY}\0".encode(), timeout)
        seen += _frames_for(wire, timeout if number == 1 else 1.0)
    return Habits(
        acknowledges=any(command == "ACK" for command, _ in seen),
        echoes=("SEND", _ORDINARY.encode()) in seen,
        reveals=("SEND", revealed.encode()) in seen,
        memory=0 if program is None else program.peak_memory(),
    )


def _frames_for(wire: Wire, seconds: float) -> list[tuple[str, bytes]]:
    """Return what a client sends, until it sends nothing for a moment."""
    seen: list[tuple[str, bytes]] = []
    end = time.monotonic() + seconds
    while True:
        try:
            frame = wire.frame(max(0.0, end - time.monotonic()))
        except (TimeoutError, Closed):
            return seen
        _confirm(wire, frame.headers.get("receipt"), seconds)
        seen.append((frame.command, frame.body))
        end = min(end, time.monotonic() + 0.5)


def _confirm(wire: Wire, receipt: str | None, timeout: float) -> None:
    if receipt is not None:
        wire.write(f"RECEIPT\nreceipt-id:{receipt}\n\n\0".encode(), timeout)
