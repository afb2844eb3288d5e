"""``python -m stomp_testing``: the broker as a program."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys

import pytest

from stomp_testing import Broker
from stomp_testing.__main__ import main

from ..waiting import HANGS
from .wire import Wire


def run(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "stomp_testing", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_url_and_runs_until_a_signal(number: signal.Signals) -> None:
    with run("--port", "0", "--login", "me", "--passcode", "secret", "--verbose") as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            match = re.search(r"stomp://me:secret@127\.0\.0\.1:(\d+)", line)
            assert match, line
            process.stdout.readline()
            with Wire(int(match[1])) as wire:
                wire.send("CONNECT\naccept-version:1.2\nhost:/\nlogin:me\npasscode:secret\n\n")
                assert wire.receive().startswith("CONNECTED\n")
            line = process.stdout.readline()
            assert "CONNECT " in line
            assert "secret" not in line
            process.send_signal(number)
            _, errors = process.communicate(timeout=HANGS)
        finally:
            process.kill()
    assert process.returncode == 0
    assert errors == ""


def test_websocket_opens_a_port_with_a_path() -> None:
    with run("--port", "0", "--websocket", "--ws-port", "0", "--ws-path", "/stomp") as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            match = re.search(r"ws://guest:guest@127\.0\.0\.1:(\d+)/stomp$", process.stdout.readline())
            assert match
            with socket.create_connection(("127.0.0.1", int(match[1])), timeout=HANGS) as client:
                client.sendall(b"GET /other HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n")
                assert client.recv(100).startswith(b"HTTP/1.1 404 Not Found\r\n")
        finally:
            process.terminate()


@pytest.mark.parametrize(("options", "answer"), [((), "ERROR\n"), (("--lenient",), "RECEIPT\n")])
def test_lenient_accepts_what_the_specification_forbids(options: tuple[str, ...], answer: str) -> None:
    """A line without colon. The STOMP frame of stomp.py, which has no host, is accepted by default."""
    with run("--port", "0", *options) as process:
        try:
            assert process.stdout is not None
            match = re.search(r":(\d+)$", process.stdout.readline())
            assert match
            with Wire(int(match[1])) as wire:
                wire.send("STOMP\naccept-version:1.1\nlogin:guest\npasscode:guest\n\n")
                assert wire.receive().startswith("CONNECTED\n")
                wire.send("BEGIN\ntransaction:t\nno colon\nreceipt:r\n\n")
                assert wire.receive().startswith(answer)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=HANGS)
        finally:
            process.kill()


def test_a_busy_port_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    with Broker() as broker, run("--port", str(broker.port)) as process:
        output, errors = process.communicate(timeout=HANGS)
    assert process.returncode == 1
    assert f"127.0.0.1:{broker.port}" in errors
    assert "Traceback" not in errors
    assert output == ""


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--port", "99999"), "port must be from 0 to 65535, got 99999"),
        (("--port", "-1"), "port must be from 0 to 65535, got -1"),
        (("--host", "203.0.113.1", "--port", "61613"), "cannot listen on 203.0.113.1:61613"),
        (("--host", "no host", "--port", "0"), "cannot listen on no host"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_line(
    options: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options) == 1
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1


def test_an_unknown_flavour_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--flavour", "hornetq"])
    assert "rabbitmq" in capsys.readouterr().err
