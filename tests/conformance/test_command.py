"""``python -m stomp_testing conformance``."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stomp_testing import Broker
from stomp_testing.__main__ import main

CLIENT = Path(__file__).parent / "clients" / "stomp_socket_client.py"
OF_ONE_REQUIREMENT = ("--only", "1.2/value-encoding/decode*")


def test_table_of_a_broker(capsys: pytest.CaptureFixture[str]) -> None:
    with Broker() as broker:
        assert main(["conformance", broker.url, *OF_ONE_REQUIREMENT]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "passed          MUST    1.2/value-encoding/decode#server/receipt-id"
    assert lines[-5:] == [
        "MUST           1       0               0",
        "WILL           0       0               0",
        "SHOULD         0       0               0",
        "MAY            0       0               0",
        "STRICT         1       0               0",
    ]


def test_violation_is_status_1_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """The embedded broker does not close after ERROR, as RabbitMQ does not."""
    with Broker() as broker:
        options = ("--only", "1.2/error/close#server/after*", "--timeout", "0.2")
        assert main(["conformance", broker.url, *options]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "failed          MUST    1.2/error/close#server/after-a-violation"
    assert lines[1].strip() == (
        "step 2, rejects: expected the end of the connection behind ERROR: nothing came"
    )


def test_case_of_should_that_fails_is_no_violation() -> None:
    with Broker() as broker:
        assert main(["conformance", broker.url, "--only", "1.2/error/receipt-id#server/receipt-id"]) == 0


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    with Broker() as broker:
        assert main(["conformance", broker.url, "--json", *OF_ONE_REQUIREMENT]) == 0
    assert json.loads(capsys.readouterr().out)[0] == {
        "case": "1.2/value-encoding/decode#server/receipt-id",
        "level": "MUST",
        "outcome": "passed",
        "reason": "",
    }


def test_version_chooses_cases(capsys: pytest.CaptureFixture[str]) -> None:
    with Broker(versions=["1.2"]) as broker:
        options = ("--version", "1.1", "--only", "*/send/passed-through*", "--json")
        assert main(["conformance", broker.url, *options]) == 2
    captured = capsys.readouterr()
    assert {one["outcome"] for one in json.loads(captured.out)} == {"not applicable"}
    assert captured.err == "stomp_testing: no case is applicable\n"


def test_program_is_started_for_each_case(capsys: pytest.CaptureFixture[str]) -> None:
    command = f"{sys.executable} {CLIENT}"
    options = ("--listen", "127.0.0.1:0", "--exec", command, "--timeout", "30")
    assert main(["conformance", *options, *OF_ONE_REQUIREMENT]) == 0
    assert capsys.readouterr().out.startswith(
        "passed          MUST    1.2/value-encoding/decode#client/values\n"
    )


def test_client_that_connects_by_itself() -> None:
    command = [sys.executable, "-m", "stomp_testing", "conformance", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        [*command, "--only", "1.2/connect/host#client/*"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            match = re.search(r"127\.0\.0\.1:(\d+)$", process.stderr.readline())
            assert match
            with socket.create_connection(("127.0.0.1", int(match[1]))) as client:
                client.sendall(b"CONNECT\naccept-version:1.2\nhost:a\n\n\0")
                output, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert output.startswith("passed          MUST    1.2/connect/host#client/host\n")
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "give either the URL of a broker or --listen for a client"),
        (("stomp://a:1", "--listen", ":0"), "give either the URL of a broker or --listen for a client"),
        (("stomp://a:1", "--exec", "a"), "--exec needs --listen"),
        (("stomp://a:1", "--only", "none"), "no case of role server matches --only none"),
        (("stomp://a:1", "--version", "1.3"), "invalid choice: '1.3'"),
    ],
)
def test_wrong_arguments(arguments: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["conformance", *arguments])
    assert exit_.value.code == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("localhost",), "stomp://localhost"),
        (
            ("stomp+ssl://127.0.0.1:1",),
            "the URL of the broker must be stomp://..., got stomp+ssl://127.0.0.1:1",
        ),
        (("--listen", "203.0.113.1:0", "--exec", "true", *OF_ONE_REQUIREMENT), "203.0.113.1"),
        (("--listen", "127.0.0.1:0", "--exec", "no-such-program", *OF_ONE_REQUIREMENT), "no-such-program"),
        (("--listen", "127.0.0.1:x", *OF_ONE_REQUIREMENT), "--listen must be HOST:PORT, got '127.0.0.1:x'"),
    ],
)
def test_what_cannot_be_played_is_one_line(
    arguments: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["conformance", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("stomp_testing: ")
    assert text in error
    assert error.count("\n") == 1


def test_broker_that_does_not_listen_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert main(["conformance", f"stomp://127.0.0.1:{port}"]) == 2
    assert "Connection refused" in capsys.readouterr().err
