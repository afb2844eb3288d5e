"""The fuzzer finds what is wrong with brokers that have one fault each, and nothing in brokers without."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest

from stomp_testing import Broker
from stomp_testing.fuzzing import BrokerTarget, RunLimits, RunReport, Severity, fuzz_broker

from .faulty_brokers import FAULTY
from .small_broker import SmallBroker

#: What tests of a symptom that shows at once wait for an answer that never comes.
SECONDS = 2.0


def fuzz(port: int, only: Sequence[str] = (), count: int = 250, timeout: float = 30.0) -> RunReport:
    """Fuzz until something is found that is not only lenient, or so many conversations were played."""
    return fuzz_broker(
        BrokerTarget("127.0.0.1", port, timeout=timeout),
        seed=1,
        only=only,
        limits=RunLimits(seconds=None, count=count, jobs=1, findings=1, minimise_seconds=30.0),
    )


@pytest.mark.parametrize(
    ("fault", "only", "severity", "symptom", "steps"),
    [
        # the broken rule alone: CONNECT, and the frame that breaks it
        ("UnescapesTab", "undefined-escape", Severity.WRONG_ANSWER, "accepted", 2),
        ("HangsOnContentLength", "content-length-no-number", Severity.HANG, "ignored", 2),
        ("ClosesOthersAtError", "header-without-colon", Severity.CRASH, "bystander-closed", 2),
        ("DiesOfLongHeads", "header-line-too-long", Severity.CRASH, "bystander-closed", None),
        # CONNECT, SUBSCRIBE with a receipt
        ("ConfirmsTwice", "legal", Severity.WRONG_ANSWER, "unexpected-receipt", 2),
        # CONNECT, SEND
        ("DeliversToOthers", "legal", Severity.LEAK, "message-of-another-client", 2),
        # CONNECT, SUBSCRIBE, SEND, in any order
        ("CutsBodies", "legal", Severity.WRONG_ANSWER, "message-changed-body", 3),
        ("TakesLastHeader", "repeated-header", Severity.WRONG_ANSWER, "message-changed-header", 3),
        # and NACK with a receipt
        pytest.param(
            "LosesReceiptOfNack",
            "legal",
            Severity.WRONG_ANSWER,
            "no-receipt-for-nack",
            4,
            marks=pytest.mark.slow,
        ),
        # CONNECT, BEGIN, SEND, the end of the connection; CONNECT, SUBSCRIBE
        ("CommitsAtDisconnect", "legal", Severity.WRONG_ANSWER, "unexpected-message", 6),
        # CONNECT, SUBSCRIBE, SEND, the end of the connection; CONNECT, SUBSCRIBE
        pytest.param(
            "ForgetsUnacknowledged", "legal", Severity.WRONG_ANSWER, "message-lost", 6, marks=pytest.mark.slow
        ),
        pytest.param(
            "EndsHeadsEarly",
            "legal",
            Severity.WRONG_ANSWER,
            "message-changed-mark",
            3,
            marks=pytest.mark.slow,
        ),
        # CONNECT
        pytest.param(
            "PromisesHeartBeats",
            "promised-heart-beats",
            Severity.WRONG_ANSWER,
            "no-heart-beat",
            1,
            marks=pytest.mark.slow,
        ),
        # and frames of their own
        ("AcceptsUnknownAck", "ack-unknown-message", Severity.LENIENT, "accepted", 2),
        ("ForgetsClose", "unknown-command", Severity.LENIENT, "open-after-error", 2),
    ],
)
def test_fault_is_found_with_the_shortest_conversation(
    fault: str, only: str, severity: Severity, symptom: str, steps: int | None
) -> None:
    with FAULTY[fault]() as broker:
        report = fuzz(broker.port, [only], timeout=SECONDS)
    [finding] = report.findings
    assert (finding.severity, finding.symptom) == (severity, symptom), finding.text
    if steps is not None:
        assert finding.minimised
        assert len(finding.script.sends) <= steps, finding.script


@pytest.mark.parametrize("flavour", ["rabbitmq", "activemq"])
def test_promised_heart_beats_that_come_are_no_finding(flavour: str) -> None:
    with Broker(flavour=flavour) as broker:
        report = fuzz(broker.port, ["promised-heart-beats"], count=2)
    assert not report.findings, report.findings
    assert {rule: counts["as specified"] for rule, counts in report.counts.items()} == {
        "promised-heart-beats": 2
    }


def test_strict_broker_has_no_findings() -> None:
    """Not even lenient ones: the reference and this broker agree on every rule."""
    with SmallBroker() as broker:
        report = fuzz(broker.port, count=60)
    assert not report.findings, report.findings
    assert not [note for note in report.notes if "seen" in note]


@pytest.mark.parametrize("flavour", ["rabbitmq", "activemq"])
def test_embedded_broker_is_lenient_at_most(flavour: str) -> None:
    """It accepts what the brokers accept that it stands for."""
    with Broker(flavour=flavour) as broker:
        report = fuzz_broker(
            BrokerTarget("127.0.0.1", broker.port, timeout=30.0, close_timeout=0.05),
            seed=1,
            limits=RunLimits(seconds=None, count=40, jobs=2, minimise_seconds=0.0),
        )
    assert {one.severity for one in report.findings} <= {Severity.LENIENT}, report.findings


def test_seed_repeats_a_run() -> None:
    def run() -> tuple[list[tuple[str, str, int]], dict[str, dict[str, int]]]:
        with FAULTY["UnescapesTab"]() as broker:
            report = fuzz_broker(
                BrokerTarget("127.0.0.1", broker.port, timeout=30.0),
                seed=5,
                only=["undefined-escape", "unknown-command"],
                limits=RunLimits(seconds=None, count=30, jobs=1),
            )
        found = [(one.rule, one.symptom, one.number) for one in report.findings]
        return found, {rule: dict(counts) for rule, counts in report.counts.items()}

    first = run()
    assert first[0]
    assert run() == first


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "found"), [("KeepsBadFrames", True), ("UnescapesTab", False)])
def test_memory_that_grows_is_found(fault: str, found: bool) -> None:
    """Memory of a process of its own is watched; what grows in the other broker is too little."""
    command = [sys.executable, "-m", "tests.testing_kit.fuzzing.faulty_brokers", fault]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().rpartition(":")[2])
            report = fuzz_broker(
                BrokerTarget("127.0.0.1", port, timeout=30.0),
                seed=1,
                only=["legal", "lone-backslash", "unknown-command"],
                limits=RunLimits(seconds=None, count=120, jobs=2),
                pid=process.pid,
            )
        finally:
            process.kill()
    assert [(one.severity, one.rule) for one in report.findings] == (
        [(Severity.MEMORY, "lone-backslash")] if found else []
    )
