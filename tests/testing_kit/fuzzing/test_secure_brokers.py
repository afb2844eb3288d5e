"""Brokers that are reached over TLS and WebSocket are fuzzed as others are."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from stomp_testing import Broker
from stomp_testing.__main__ import main
from stomp_testing.fuzzing import BrokerTarget, RunLimits, Severity, fuzz_broker
from tests.waiting import HANGS

RULE = ("--rule", "begin-twice", "--seed", "1", "--count", "8", "--jobs", "1", "--quiet", "--fail-on", "all")


def url_of(broker: Broker, scheme: str) -> str:
    return {"stomp+ssl": broker.tls_url, "ws": broker.ws_url, "wss": broker.wss_url}[scheme]


@pytest.mark.parametrize("scheme", ["stomp+ssl", "ws", "wss"])
def test_finding_is_the_same_over_each_transport(
    scheme: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Broker(tls=True, websocket=True) as broker:
        url = url_of(broker, scheme)
        trust = () if scheme == "ws" else ("--ca", str(broker.ca_file))
        assert main(["fuzz", url, *RULE, *trust, "--report", str(tmp_path)]) == 1
        assert "lenient: begin-twice, accepted" in capsys.readouterr().out
        assert main(["fuzz", url, *trust, "--replay", str(tmp_path / "findings.jsonl")]) == 1
    [line] = (tmp_path / "findings.jsonl").read_text().splitlines()
    assert len(json.loads(line)["script"]["sends"]) == 3  # CONNECT, and BEGIN twice


@pytest.mark.parametrize("scheme", ["stomp+ssl", "wss"])
def test_broker_that_is_not_trusted_is_not_fuzzed(scheme: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Broker(tls=True, websocket=True) as broker:
        assert main(["fuzz", url_of(broker, scheme), *RULE]) == 3
        assert "the certificate is not trusted" in capsys.readouterr().err
        assert main(["fuzz", url_of(broker, scheme), *RULE, "--insecure"]) == 1


@pytest.mark.parametrize("scheme", ["stomp+ssl", "ws", "wss"])
def test_port_of_another_protocol_is_no_connection(scheme: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Broker() as broker:
        assert main(["fuzz", f"{scheme}://127.0.0.1:{broker.port}/", *RULE, "--timeout", "2"]) == 3
    assert capsys.readouterr().err


@pytest.mark.parametrize("scheme", ["stomp+ssl", "ws", "wss"])
def test_legal_conversations_have_no_findings(scheme: str) -> None:
    """Whole, joined, and cut into pieces of a few bytes. RabbitMQ confirms no DISCONNECT over WebSocket."""
    with Broker(tls=True, websocket=True) as broker:
        tls = ssl.create_default_context(cafile=str(broker.ca_file))
        port, path = {
            "stomp+ssl": (broker.tls_port, ""),
            "ws": (broker.ws_port, "/ws"),
            "wss": (broker.wss_port, "/ws"),
        }[scheme]
        target = BrokerTarget("127.0.0.1", port, scheme=scheme, path=path, tls=tls, timeout=30.0)
        limits = RunLimits(seconds=None, count=20, jobs=2, minimise_seconds=0.0)
        report = fuzz_broker(target, seed=3, only=["legal"], limits=limits)
    found = {one.symptom for one in report.findings if one.severity is not Severity.LENIENT}
    assert found <= ({"refused-disconnect-without-error"} if path else set()), report.findings
    assert report.conversations == 20


def test_script_plays_over_tls(tmp_path: Path) -> None:
    with Broker(tls=True) as broker:
        assert main(["fuzz", broker.url, *RULE, "--report", str(tmp_path)]) == 1
        [script] = tmp_path.glob("*.py")
        command = [sys.executable, "-I", str(script), "stomp+ssl://127.0.0.1", str(broker.tls_port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "NOT AS EXPECTED" in done.stdout


@pytest.mark.parametrize(
    ("option", "text"), [("--ca", "No such file"), ("--cert", "No such file"), ("--key", "needs --cert")]
)
def test_files_of_tls_are_checked(option: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status: object = main(["fuzz", "stomp+ssl://127.0.0.1:1", option, "no-such-file.pem"])
    except SystemExit as end:
        status = end.code
    assert status == 2
    assert text in capsys.readouterr().err
