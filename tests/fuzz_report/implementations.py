"""The brokers and clients that tools/fuzz-report fuzzes, and the data of the last time.

``findings.json`` is written by the tool. ``reviewed.json`` is written by hand, by program and finding, after it was
played again and looked at. Only what stands there gets onto the page as worse than lenient:

- a sentence: what is wrong, and the section of the specification;
- ``{"same-as": name}``: it is the fault that another finding shows, and its own rule has no part in it;
- ``{"other-cause": sentence}``: a fault that no other finding shows, but its rule has no part in it;
- ``null``: nothing is wrong, so that it is left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stomp_testing.fuzzing import (
    BrokerTarget,
    ClientAddress,
    RunLimits,
    RunReport,
    fuzz_broker,
    fuzz_client,
    listening_process,
)
from tests.brokers import ActiveMQ, RabbitMQ
from tests.brokers.base import Broker, free_ports
from tests.conformance.implementations import PROGRAMS, Program
from tests.waiting import HANGS

__all__ = [
    "ACCEPTED",
    "BROKERS",
    "CLIENTS",
    "FINDINGS",
    "REVIEWED",
    "BrokerUnderTest",
    "ClientUnderTest",
    "as_data",
    "load_json",
]

_HERE = Path(__file__).parent
FINDINGS = _HERE / "findings.json"
REVIEWED = _HERE / "reviewed.json"
_VERSIONS = ("1.2", "1.1", "1.0")
#: To go on where a refusal was expected needs no second look.
ACCEPTED = ("accepted", "went-on", "open-after-error")
#: Seconds for each answer. Brokers answer within milliseconds on an idle machine.
_TIMEOUT = 2.0


# ---------------------------------------------------------------------- brokers


@contextmanager
def _real(kind: type[Broker]) -> Iterator[BrokerTarget]:
    with kind() as broker:
        yield BrokerTarget(
            broker.host, broker.tcp_port, broker.login, broker.passcode, timeout=_TIMEOUT, close_timeout=0.5
        )


@contextmanager
def _coilmq() -> Iterator[BrokerTarget]:
    """Start CoilMQ as its command does, on a free port."""
    (port,) = free_ports(1)
    command = [str(Path(sys.executable).with_name("coilmq")), "-b", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if b"listening on" in line:
                break
        else:
            raise RuntimeError("CoilMQ has not started")
        with _drained(process):
            yield BrokerTarget("127.0.0.1", port, timeout=_TIMEOUT, close_timeout=0.5)
    finally:
        process.kill()
        process.wait(HANGS)


@contextmanager
def _drained(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Read the log of a process to its end, so that it does not wait for a reader."""
    drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        drain.kill()
        drain.wait(HANGS)


@dataclass(frozen=True)
class BrokerUnderTest:
    """A broker.

    Attributes:
        start: starts it, and stops it in the end.
        install: how to install it.
    """

    start: Any
    install: str

    def fuzz(self, seed: int, seconds: float) -> RunReport:
        """Fuzz it."""
        with self.start() as target:
            return fuzz_broker(
                target,
                seed=seed,
                limits=RunLimits(seconds, jobs=6, minimise_seconds=3.0),
                versions=_VERSIONS,
                pid=listening_process(target.port),
            )

    @contextmanager
    def place(self) -> Iterator[list[str]]:
        """Start it; return the arguments of ``stomp_testing fuzz`` that reach it."""
        with self.start() as target:
            yield [f"stomp://{target.login}:{target.passcode}@{target.host}:{target.port}"]

    def version(self, report: RunReport) -> str:
        """Return its version, from the ``server`` header."""
        return report.server.partition("/")[2]


BROKERS = {
    "RabbitMQ": BrokerUnderTest(lambda: _real(RabbitMQ), RabbitMQ.install_hint),
    "ActiveMQ": BrokerUnderTest(lambda: _real(ActiveMQ), ActiveMQ.install_hint),
    "CoilMQ": BrokerUnderTest(_coilmq, "pip install coilmq"),
}


# ---------------------------------------------------------------------- clients


@dataclass(frozen=True)
class ClientUnderTest:
    """A client library in an echo program.

    Attributes:
        program: the echo program.
    """

    program: Program

    @property
    def _address(self) -> ClientAddress:
        return ClientAddress(command=self.program.command, timeout=_TIMEOUT)

    def fuzz(self, seed: int, seconds: float) -> RunReport:
        """Fuzz it."""
        return fuzz_client(
            self._address,
            seed=seed,
            limits=RunLimits(seconds, jobs=6, minimise_seconds=3.0),
            versions=self.program.stomp,
        )

    @contextmanager
    def place(self) -> Iterator[list[str]]:
        """Return the arguments of ``stomp_testing fuzz`` that start it."""
        yield ["--listen", "127.0.0.1:0", "--exec", self.program.command]

    def version(self, report: RunReport) -> str:
        """Return the version of the library."""
        return self.program.installed_version()


CLIENTS = {name: ClientUnderTest(program) for name, program in PROGRAMS.items()}


# ---------------------------------------------------------------------- data


def as_data(report: RunReport, version: str) -> dict[str, Any]:
    """Return what a run has found, as findings.json has it."""
    findings = json.dumps([finding.as_json() for finding in report.findings])
    return {
        "role": report.role,
        "version": version,
        "stomp": list(report.versions),
        "seed": report.seed,
        "conversations": report.conversations,
        "seconds": round(report.seconds),
        "rules": {
            rule: {"demand": report.demands[rule], "played": counts.total()}
            for rule, counts in sorted(report.counts.items())
        },
        "findings": json.loads(findings.replace(f"{_HERE.parents[1]}/", "")),
    }


def load_json(path: Path) -> dict[str, Any]:
    """Read findings.json or reviewed.json."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
