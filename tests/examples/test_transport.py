"""examples/transport.py: a complete transport over the streams of a program, written from the docstrings alone."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from stomp_core import Session
from stomp_core.adapter import Driver
from stomp_core.session import Config, OutcomeUnknown, Pending, Reconnect
from stomp_testing import Broker, FaultProxy
from tests.heart_beats import BeatingBroker

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "transport.py"
#: What `nc HOST PORT` does, for machines without it.
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
SOON = Reconnect(first_delay=0.01, max_delay=0.05)


def netcat(host: str, port: int) -> list[str]:
    return [sys.executable, "-c", NETCAT, host, str(port)]


def run_example(url: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLE), url, "/queue/a", *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def drive(session: Session, command: list[str], step: Callable[[], object]) -> None:
    spec = spec_from_file_location("transport", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    example: Any = module_from_spec(spec)
    spec.loader.exec_module(example)
    example.drive(Driver(session), command, step)


def close_after(session: Session, pending: Pending[Any]) -> Callable[[], object]:
    def step() -> None:
        if pending.done:
            session.close(time.monotonic(), timeout=0.5)

    return step


def test_it_sends_and_receives_through_the_streams_of_a_program() -> None:
    with Broker() as broker:
        run = run_example(broker.url, *netcat(broker.host, broker.port))
    assert run.stdout == "confirmed and received: hello through a pipe\n", run.stderr
    assert run.returncode == 0


def test_a_failure_to_connect_names_the_endpoint() -> None:
    run = run_example("stomp://guest:hush@nowhere", sys.executable, "-c", "pass")
    assert run.returncode != 0
    assert run.stderr.startswith("transport: could not connect: ")
    assert "stomp://nowhere:61613" in run.stderr
    assert "hush" not in run.stderr


def test_writing_does_not_stop_the_clock() -> None:
    """The peer stops reading: the receipt's timeout is noticed all the same."""
    with Broker() as broker, FaultProxy(broker.url) as proxy:
        session = Session(Config(proxy.url, heart_beat=(0, 0), reconnect=Reconnect.never()))
        session.opened.add_done_callback(proxy.stall)
        sent = session.send(time.monotonic(), "/queue/a", b"x" * 20_000_000, receipt=True, timeout=1.0)
        drive(session, netcat(proxy.host, proxy.port), close_after(session, sent))
        assert isinstance(sent.exception(), OutcomeUnknown)


def test_heart_beats_keep_it_alive_and_a_lost_connection_is_replaced() -> None:
    with BeatingBroker() as broker, FaultProxy(broker.url) as proxy:
        session = Session(Config(proxy.url, reconnect=SOON, **broker.beats.client_options()))
        beaten = broker.beats.more(5)
        numbers: list[int] = []
        cut = False

        def step() -> None:
            nonlocal cut
            numbers.append(session.connection_number)
            if beaten() and not cut:
                assert session.connection_number == 1
                cut = True
                proxy.reset_all()
            if session.connection_number == 2 and not session.closed:
                session.close(time.monotonic())

        drive(session, netcat(proxy.host, proxy.port), step)
        assert session.error is None
        assert sorted(set(numbers)) == [0, 1, 2]
