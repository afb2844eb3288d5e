"""``python -m stomp_testing fuzz``: what it writes, and its exit statuses."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from stomp_testing import Broker
from stomp_testing.__main__ import main
from stomp_testing.conformance import Case, Outcome, SocketServer, Step, play
from stomp_testing.fuzzing import RunReport, Severity, as_html, as_markdown, load_findings

from .faulty_brokers import FAULTY

ONE_RULE = ("--rule", "undefined-escape", "--seed", "1", "--count", "60", "--jobs", "1", "--quiet")


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run that has found something."""
    folder = tmp_path_factory.mktemp("fuzzing") / "new"
    with FAULTY["UnescapesTab"]() as broker:
        assert main(["fuzz", broker.url, *ONE_RULE, "--stop-after", "1", "--report", str(folder)]) == 1
    return folder


def line_of(folder: Path) -> dict[str, Any]:
    [line] = (folder / "findings.jsonl").read_text().splitlines()
    content: dict[str, Any] = json.loads(line)
    return content


def test_bytes_script_line_and_reports_are_written(findings: Path) -> None:
    name = "wrong-answer-undefined-escape-accepted"
    names = {path.name for path in findings.iterdir()}
    assert names == {"findings.jsonl", "report.md", "report.html", f"{name}.bin", f"{name}.py"}
    assert b"\\t" in (findings / f"{name}.bin").read_bytes()
    assert "# Fuzzing stomp://127.0.0.1" in (findings / "report.md").read_text()


def test_line_is_a_case_of_conformance(findings: Path) -> None:
    content = line_of(findings)
    steps = tuple(
        Step(kind, value, step.get("on", "a"), None)
        for step in content["case"]["steps"]
        for kind, value in step.items()
        if kind != "on"
    )
    case = Case("1.2/fuzzing/one#server/case", content["version"], "STRICT", "server", "open", steps)
    for fault, outcome in (("UnescapesTab", Outcome.FAILED), ("LosesReceiptOfNack", Outcome.PASSED)):
        with FAULTY[fault]() as broker:
            assert play(case, SocketServer("127.0.0.1", broker.port)).outcome is outcome


def test_script_needs_nothing_but_python(findings: Path) -> None:
    script = findings / "wrong-answer-undefined-escape-accepted.py"
    for fault, status in (("UnescapesTab", 1), ("LosesReceiptOfNack", 0)):
        with FAULTY[fault]() as broker:
            command = [sys.executable, "-I", str(script), "127.0.0.1", str(broker.port)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        assert 'Section of the specification: "Value Encoding"' in done.stdout


def test_finding_is_played_again(findings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(findings / "findings.jsonl")
    for fault, status, text in (
        ("UnescapesTab", 1, "shown again"),
        ("LosesReceiptOfNack", 0, "not shown"),
    ):
        with FAULTY[fault]() as broker:
            assert main(["fuzz", broker.url, "--replay", file]) == status
        assert capsys.readouterr().out.startswith(text)


def test_findings_are_read_again(findings: Path) -> None:
    [finding] = load_findings(findings / "findings.jsonl")
    assert finding.severity is Severity.WRONG_ANSWER
    assert finding.as_json() == line_of(findings)


def test_severities_that_count_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    with Broker() as broker:
        options = (*ONE_RULE[4:], "--rule", "begin-twice", "--seed", "1", "--stop-after", "1")
        assert main(["fuzz", broker.url, *options]) == 0
        assert main(["fuzz", broker.url, *options, "--fail-on", "lenient"]) == 1
    assert "lenient: begin-twice, accepted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("stomp+unix:///socket",), 2, "must be stomp://"),
        (("stomp://127.0.0.1:1", "--fail-on", "everything"), 2, "--fail-on must be of crash"),
        (("--listen", "here"), 2, "--listen must be HOST:PORT"),
        (("--listen", "127.0.0.1:0", "--exec", "no-such-program-there-is"), 2, "no-such-program"),
        (("stomp://127.0.0.1:1", "--replay", "no-such-file"), 2, "no-such-file"),
    ],
)
def test_errors_have_a_status_and_a_line(
    arguments: tuple[str, ...], status: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fuzz", *arguments]) == status
    assert text in capsys.readouterr().err


def test_status_is_3_without_a_connection(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        assert main(["fuzz", f"stomp://127.0.0.1:{nobody_listens.getsockname()[1]}"]) == 3
    assert "refused" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [(), ("stomp://a:1", "--listen", ":0"), ("--listen", ":0", "--insecure")]
)
def test_wrong_usage(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["fuzz", *arguments])
    assert exit_.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_rules_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fuzz", "--rules"]) == 0
    assert "undefined-escape " in capsys.readouterr().out


def test_reports_escape_what_a_broker_has_sent(findings: Path) -> None:
    [finding] = load_findings(findings / "findings.jsonl")
    finding.text = "got <script>alert(1)</script> | `x`\n\x1b[31m"
    report = RunReport("stomp://a", "<b>", "server", ("1.2",), 1, findings=[finding])
    page, text = as_html(report), as_markdown(report)
    tags: set[str] = set()
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.add(tag)  # type: ignore[method-assign]
    parser.feed(page)
    assert not tags & {"script", "b", "link", "img"}
    assert "\x1b" not in page + text
    assert "<script>" not in text.replace("\\<script\\>", "")
