"""``python -m stomp_testing fuzz``: fuzz a broker or a client, and print what was found."""

from __future__ import annotations

import argparse
import random
import ssl
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from stomp_core import Credentials, Endpoint

from .._conversations import MUTATIONS
from ._broker_program import BrokerProgram
from ._broker_run import fuzz_broker
from ._broker_target import BrokerTarget
from ._case import printable
from ._client_run import ClientAddress, fuzz_client
from ._engine import RunLimits
from ._findings import Finding, RunReport, load_findings
from ._memory_watch import listening_process
from ._played import NotServed
from ._replaying import Replayed, replay_to_broker, replay_to_client
from ._report_text import conversation_lines, write_report
from ._reproducers import write_findings
from ._script import HEART_BEATS
from ._symptoms import SEVERITIES, Severity

__all__ = ["ENDED_EARLY", "FINDINGS", "NO_CONNECTION", "USAGE", "main"]

#: Exit statuses besides 0.
FINDINGS, USAGE, NO_CONNECTION, ENDED_EARLY = 1, 2, 3, 4
_VERSIONS = ("1.0", "1.1", "1.2")
_EVERY = 5.0  # seconds between two lines of progress
_START = 120.0  # seconds that a broker has to listen
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_EXPLANATION = f"""\
Examples:
  PROG stomp://guest:guest@localhost:61613 --report findings
  PROG stomp://guest:guest@localhost:61613 --rule undefined-escape --seed 7
  PROG stomp://localhost:61613 --exec "my-broker --port 61613"
  PROG stomp+ssl://localhost:61614 --ca authority.pem
  PROG stomp://guest:guest@localhost:61613 --replay findings/findings.jsonl
  PROG --listen 127.0.0.1:0 --exec "python my_client.py" --time 120

Severities, the worst one first: {", ".join(SEVERITIES)}. "lenient" is what most implementations
do somewhere: to accept what the specification forbids their peer to send. It counts for the exit status only if
--fail-on names it.

The exit status is 0 without a finding that counts, 1 with one, 2 for wrong usage, 3 if there is no connection, and 4 if
the run has ended early since the broker has died, or the client does not connect any more, whatever was found.

Fuzz brokers that are there for tests: each conversation leaves messages in queues of its own.
"""

Progress = Callable[[RunReport], None]


def main(
    arguments: Sequence[str] | None = None,
    *,
    prog: str = "python -m stomp_testing fuzz",
    progress: Progress | None = None,
) -> int:
    """Fuzz.

    Args:
        arguments: of the command line; ``None`` takes them from ``sys.argv``.
        prog: what the program is called in its help.
        progress: shows how far it is, called behind each conversation from any thread; ``None`` prints lines.

    Returns:
        The exit status.
    """
    parser = _parser(prog)
    chosen = parser.parse_args(arguments)
    if chosen.rules:
        print("\n".join(f"{one.name:<40} {one.kind:<7} {one.demand:<14} {one.section}" for one in MUTATIONS))
        print(f"{HEART_BEATS.name:<40} {'timing':<7} {HEART_BEATS.demand:<14} {HEART_BEATS.section}")
        return 0
    if (chosen.url is None) == (chosen.listen is None):
        parser.error("give either the URL of a broker or --listen for a client")
    if chosen.listen is not None and (chosen.ca or chosen.cert or chosen.key or chosen.insecure):
        parser.error("--ca, --cert, --key and --insecure are for a broker")
    if chosen.key is not None and chosen.cert is None:
        parser.error("--key needs --cert")
    if chosen.seed is None:
        chosen.seed = random.SystemRandom().randrange(1_000_000)
    try:
        chosen.fail_on = _severities(chosen.fail_on)
        target = _broker(chosen) if chosen.listen is None else _client(chosen)
        if chosen.replay is not None:
            return _replay(target, load_findings(chosen.replay), chosen)
        report = _fuzz(target, chosen, progress or _Lines(chosen.quiet))
        return _show(report, chosen)
    except ValueError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return USAGE
    except OSError as error:
        print(f"{prog}: {str(error) or 'nobody has connected'}", file=sys.stderr)
        return USAGE if error.filename is not None else NO_CONNECTION


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Fuzz a broker, or a client that connects: play conversations that break one rule of STOMP each, "
        "and legal ones, and compare what it does with what the specification demands.",
        epilog=_EXPLANATION.replace("PROG", prog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "url",
        nargs="?",
        help="the broker: stomp://login:passcode@host:port/virtual-host, or stomp+ssl://, ws://, wss://",
    )
    parser.add_argument(
        "--listen", metavar="HOST:PORT", help="fuzz a client that connects here; port 0 is free"
    )
    parser.add_argument(
        "--exec",
        dest="command",
        metavar="COMMAND",
        help="start the broker, and start it again when it has died or hangs; or start this client for each "
        "conversation, with STOMP_URL and STOMP_VERSION in its environment: without it the client has to connect again "
        "and again",
    )
    tls = parser.add_argument_group("TLS with a broker")
    tls.add_argument("--ca", "--ssl-ca-file", metavar="FILE", help="the authorities to trust (PEM)")
    tls.add_argument("--cert", "--ssl-cert-file", metavar="FILE", help="our own certificate (PEM)")
    tls.add_argument("--key", "--ssl-key-file", metavar="FILE", help="its key (PEM)")
    tls.add_argument(
        "--insecure", "--ssl-insecure", action="store_true", help="do not verify the broker's certificate"
    )
    run = parser.add_argument_group("the run")
    run.add_argument(
        "--seed", type=int, help="repeat the run with this seed (default: a random one, which is printed)"
    )
    run.add_argument("--time", type=_positive, default=60.0, metavar="SECONDS", help="(default: %(default)s)")
    run.add_argument(
        "--count", type=_positive_int, metavar="N", help="play N conversations, whatever time it takes"
    )
    run.add_argument("--stop-after", type=_positive_int, metavar="N", help="stop when there are N findings")
    run.add_argument(
        "--jobs",
        type=_positive_int,
        default=4,
        metavar="N",
        help="conversations at the same time (%(default)s)",
    )
    run.add_argument(
        "--timeout",
        type=_positive,
        default=5.0,
        metavar="SECONDS",
        help="for each answer (default: %(default)s)",
    )
    run.add_argument(
        "--start-timeout",
        type=_positive,
        metavar="SECONDS",
        help="for a broker of --exec until it listens (120), and for a client until it connects (30)",
    )
    run.add_argument(
        "--version", action="append", choices=_VERSIONS, help="this version of STOMP only; repeatable"
    )
    run.add_argument(
        "--rule",
        action="append",
        default=[],
        metavar="NAME",
        help="break this rule only; repeatable; 'legal' is none",
    )
    run.add_argument("--rules", action="store_true", help="list the rules, and do nothing else")
    run.add_argument(
        "--pid",
        type=_positive_int,
        help="the broker's process, whose memory is watched (default: found for loopback)",
    )
    run.add_argument(
        "--destination",
        default="/queue/fuzz-",
        help="what the names of queues begin with (default: %(default)s)",
    )
    result = parser.add_argument_group("what comes out")
    result.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write report.md, report.html, findings.jsonl and reproducers",
    )
    result.add_argument(
        "--fail-on",
        default=",".join(one for one in SEVERITIES if one is not Severity.LENIENT),
        metavar="SEVERITIES",
        help="which make the exit status 1 (default: %(default)s); 'all' or 'none'",
    )
    result.add_argument(
        "--replay", type=Path, metavar="FILE", help="play the findings of a findings.jsonl again"
    )
    result.add_argument("--quiet", action="store_true", help="print no progress")
    return parser


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be positive, got {text}")
    return number


def _positive_int(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be positive, got {text}")
    return number


def _severities(text: str) -> set[Severity]:
    if text in ("all", "none"):
        return set(SEVERITIES) if text == "all" else set()
    try:
        return {Severity(word.strip()) for word in text.split(",")}
    except ValueError:
        raise ValueError(f"--fail-on must be of {', '.join(SEVERITIES)}, all, none; got {text!r}") from None


def _broker(chosen: argparse.Namespace) -> BrokerTarget:
    endpoint = Endpoint.parse(chosen.url)
    credentials = endpoint.credentials or Credentials("guest", "guest")
    try:
        return BrokerTarget(
            endpoint.host,
            endpoint.port,
            credentials.login or "",
            credentials.passcode or "",
            endpoint.virtual_host or "/",
            chosen.destination,
            chosen.timeout,
            min(1.0, chosen.timeout),
            endpoint.scheme,
            endpoint.path,
            _tls(chosen) if endpoint.secure else None,
        )
    except ModuleNotFoundError as error:
        raise ValueError(str(error)) from None


def _tls(chosen: argparse.Namespace) -> ssl.SSLContext:
    """Return what TLS trusts.

    Raises:
        OSError, ValueError: a file cannot be read, or contains something else.
    """
    try:
        context = ssl.create_default_context(cafile=chosen.ca)
        if chosen.cert is not None:
            context.load_cert_chain(chosen.cert, chosen.key)
    except OSError as error:
        files = ", ".join(filter(None, (chosen.ca, chosen.cert, chosen.key)))
        reason = error if isinstance(error, ssl.SSLError) else error.strerror
        raise ValueError(f"{files}: {reason}") from None
    if chosen.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _client(chosen: argparse.Namespace) -> ClientAddress:
    host, colon, port = chosen.listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"--listen must be HOST:PORT, got {chosen.listen!r}")
    return ClientAddress(
        host.strip("[]") or "127.0.0.1",
        int(port),
        chosen.command,
        chosen.timeout,
        chosen.start_timeout or 30.0,
    )


def _fuzz(target: BrokerTarget | ClientAddress, chosen: argparse.Namespace, progress: Progress) -> RunReport:
    limits = RunLimits(None if chosen.count else chosen.time, chosen.count, chosen.jobs, chosen.stop_after)
    versions = tuple(chosen.version or reversed(_VERSIONS))
    if isinstance(target, ClientAddress):
        return fuzz_client(
            target,
            seed=chosen.seed,
            limits=limits,
            versions=versions,
            only=chosen.rule,
            progress=progress,
            listening=lambda url: print(f"waiting for a client on {url}", file=sys.stderr, flush=True),
        )
    pid = chosen.pid
    if pid is None and chosen.command is None and target.host in _LOOPBACK:
        pid = listening_process(target.port)
    return fuzz_broker(
        target,
        seed=chosen.seed,
        limits=limits,
        versions=versions,
        only=chosen.rule,
        pid=pid,
        command=chosen.command,
        start_timeout=chosen.start_timeout or _START,
        progress=progress,
    )


class _Lines:
    """Prints a line of progress every few seconds."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._next = self._start + _EVERY

    def __call__(self, report: RunReport) -> None:
        now = time.monotonic()
        if self._quiet or now < self._next:
            return
        with self._lock:
            if now < self._next:
                return
            self._next = now + _EVERY
        print(
            f"{now - self._start:.0f} s: {report.conversations} conversations, {len(report.findings)} findings",
            file=sys.stderr,
            flush=True,
        )


def _show(report: RunReport, chosen: argparse.Namespace) -> int:
    counted = report.of_severity(chosen.fail_on)
    for finding in report.findings:
        _print_finding(finding)
    print(
        f"{report.conversations} conversations in {report.seconds:.0f} s with seed {report.seed}: "
        f"{len(report.findings)} findings, {len(counted)} of them count"
    )
    for note in report.notes:
        print(f"note: {note}")
    if report.ended_early is not None:
        print(f"the run has ended early: {report.ended_early}")
    if chosen.report is not None:
        write_report(report, chosen.report)
        write_findings(report.findings, chosen.report)
        print(f"written to {chosen.report}")
    if report.ended_early is not None:
        return ENDED_EARLY
    return FINDINGS if counted else 0


def _print_finding(finding: Finding) -> None:
    print(
        f"{finding.severity}: {finding.rule}, {finding.symptom} (STOMP {finding.script.version}, {finding.seen} times)"
    )
    print(f"    {printable(finding.text)}")
    for line in conversation_lines(finding):
        print(f"    {line}")
    print()


def _replay(
    target: BrokerTarget | ClientAddress, findings: Sequence[Finding], chosen: argparse.Namespace
) -> int:
    results: list[Replayed] = []
    program, early = None, None
    if isinstance(target, BrokerTarget) and chosen.command is not None:
        program = BrokerProgram(chosen.command, target, chosen.start_timeout or _START)
    try:
        for finding in findings:
            if isinstance(target, BrokerTarget):
                results.append(replay_to_broker(finding, target, program))
            else:
                results.append(replay_to_client(finding, target))
    except (OSError, NotServed) as error:
        if not results:
            raise
        early = error
    finally:
        if program is not None:
            program.close()
    for one in results:
        print(f"{'shown again' if one.shown else 'not shown':<12} {one.finding.name}")
        if one.text:
            print(f"    {printable(one.text)}")
    if early is not None:
        print(f"the rest was not played, since nobody serves any more: {early}")
        return ENDED_EARLY
    return FINDINGS if any(one.shown for one in results) else 0
