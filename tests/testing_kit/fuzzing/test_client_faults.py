"""The fuzzer finds what is wrong with clients that have one fault each, and nothing in a client without."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from stomp_testing.fuzzing import ClientAddress, RunLimits, RunReport, Severity, fuzz_client

CLIENT = Path(__file__).parent / "echo_client.py"


def fuzz(fault: str, only: Sequence[str], count: int, timeout: float = 30.0) -> RunReport:
    return fuzz_client(
        ClientAddress(command=f"{sys.executable} {CLIENT} {fault}", timeout=timeout, start_timeout=60.0),
        seed=1,
        versions=["1.2"],
        only=only,
        limits=RunLimits(seconds=None, count=count, jobs=2, findings=1, minimise_seconds=20.0),
    )


@pytest.mark.parametrize(
    ("fault", "only", "severity", "symptom", "steps"),
    [
        # CONNECTED, and the frame that breaks the rule
        pytest.param(
            "lenient", "undefined-escape", Severity.WRONG_ANSWER, "went-on", 2, marks=pytest.mark.slow
        ),
        ("mistake", "unknown-command", Severity.CRASH, "unhandled-exception", 2),
        ("dies", "lone-backslash", Severity.CRASH, "killed-by-sigabrt", 2),
        pytest.param("hangs", "content-length-no-number", Severity.HANG, "hung", 2, marks=pytest.mark.slow),
        # CONNECTED, MESSAGE
        ("wrong-ack", "legal", Severity.WRONG_ANSWER, "illegal-frame-not-acknowledgeable", 2),
        ("changes", "legal", Severity.WRONG_ANSWER, "message-changed", 2),
        pytest.param("refuses-nul", "legal", Severity.WRONG_ANSWER, "closed", 2, marks=pytest.mark.slow),
        pytest.param(
            "out-of-memory", "legal", Severity.CRASH, "unhandled-exception", 2, marks=pytest.mark.slow
        ),
    ],
)
def test_fault_is_found_with_the_shortest_conversation(
    fault: str, only: str, severity: Severity, symptom: str, steps: int
) -> None:
    report = fuzz(fault, [only], 60, timeout=2.0)
    finding = report.findings[0]
    assert (finding.severity, finding.symptom) == (severity, symptom), finding.text
    assert len(finding.script.sends) <= steps, finding.script


def test_error_of_the_library_is_a_refusal() -> None:
    """The client ends by it, with a traceback and status 1, since a rule was broken."""
    report = fuzz("unhandled", ["unknown-command", "lone-backslash"], 6)
    assert not report.findings, report.findings
    assert {outcome for counts in report.counts.values() for outcome in counts} == {"as specified"}


def test_what_ends_before_a_rule_is_broken_belongs_to_no_rule() -> None:
    """The client leaves when CONNECTED has heart-beats, which is legal, and does not see the frame that is not."""
    finding = fuzz("leaves", ["undefined-escape"], 60).findings[0]
    assert (finding.rule, finding.symptom, len(finding.script.sends)) == ("legal", "closed", 1), (
        finding.script
    )


def test_client_without_a_fault_has_no_findings() -> None:
    report = fuzz("", [], 25)
    assert not report.findings, report.findings
    assert "sends the header 'reveal' back" in report.notes[0]
