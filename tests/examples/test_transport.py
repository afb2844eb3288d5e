"""A transport that is written from the docstrings alone, in under 40 lines."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from stomp_testing import Broker

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "transport.py"
#: What `nc HOST PORT` does, for machines that have none.
NETCAT = """
import os, socket, sys, threading
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 65536):
        peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := peer.recv(65536):
    os.write(1, data)
"""


def test_it_sends_and_receives_through_the_streams_of_a_program() -> None:
    with Broker() as broker:
        run = subprocess.run(
            [
                sys.executable, str(EXAMPLE), broker.url, "/queue/a",
                sys.executable, "-c", NETCAT, broker.host, str(broker.port),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )  # fmt: skip
    assert run.stdout == "confirmed and received: hello through a pipe\n", run.stderr
    assert run.returncode == 0


def test_it_says_why_it_cannot_connect() -> None:
    run = subprocess.run(
        [
            sys.executable,
            str(EXAMPLE),
            "stomp://guest:hush@nowhere",
            "/queue/a",
            sys.executable,
            "-c",
            "pass",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode != 0
    assert "ConnectFailed" in run.stderr
    assert "stomp://nowhere:61613" in run.stderr
    assert "hush" not in run.stderr


def test_the_transport_itself_has_under_forty_lines() -> None:
    functions = [node for node in ast.parse(EXAMPLE.read_text()).body if isinstance(node, ast.FunctionDef)]
    drive = next(function for function in functions if function.name == "drive")
    assert drive.end_lineno is not None
    assert drive.end_lineno - drive.lineno < 40
