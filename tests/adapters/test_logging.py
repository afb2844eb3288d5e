"""The log: what becomes of a connection is in the program's log without any listener."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import pytest

from stomp_core.session import Reconnect
from stomp_testing import Broker

from .worlds import World, until

SOON = Reconnect(first_delay=0.01, max_delay=0.05)


def levels(caplog: pytest.LogCaptureFixture, name: str) -> list[str]:
    return [record.levelname for record in caplog.records if record.name == name]


def test_the_log_shows_the_life_of_a_connection(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "stomp_core")
    with Broker(users={"guest": "hush-hush"}) as broker:
        conn = world.connect(broker.url, reconnect=SOON)
        messages = conn.subscribe("/queue/a")
        conn.send("/queue/a", "hello", receipt=True)
        messages.receive()
        broker.drop_connections(reset=True)
        broker.send("/queue/a", "again")
        messages.receive()
        conn.close()
    until(lambda: "closed by the caller" in caplog.text)
    assert levels(caplog, "stomp_core.connection") == ["INFO", "INFO", "WARNING", "INFO", "INFO", "INFO"]
    texts = [record.getMessage() for record in caplog.records if record.name == "stomp_core.connection"]
    assert texts[0] == f"connecting to stomp://127.0.0.1:{broker.port} (attempt 1)"
    assert texts[1].startswith("connected to stomp://127.0.0.1:")
    assert "was lost" in texts[2]
    assert texts[4].startswith("connected again to")
    assert texts[5].endswith("closed by the caller")
    frames = "\n".join(record.getMessage() for record in caplog.records if record.name == "stomp_core.frames")
    for part in (
        "sent Connect(",
        "received Connected(",
        "sent Send(",
        "received Message(",
        "'passcode', '***'",
    ):
        assert part in frames
    assert "hush" not in caplog.text


def test_a_failure_to_connect_is_logged_without_credentials(
    world: World, caplog: pytest.LogCaptureFixture, closed_port: int
) -> None:
    with pytest.raises(world.module.ConnectFailed):
        world.connect(f"stomp://guest:hush@127.0.0.1:{closed_port}")
    assert levels(caplog, "stomp_core.connection") == ["WARNING", "ERROR"]
    assert "check the port" in caplog.text
    assert "hush" not in caplog.text


def test_a_listener_that_raises_goes_to_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(world.module.Listener):  # type: ignore[misc,name-defined]
        def frame_sent(self, event: Any) -> None:
            raise RuntimeError("I am broken")

    with Broker() as broker:
        conn = world.connect(broker.url, listener=Broken())
        conn.send("/queue/a", "hello", receipt=True)
        conn.close()
    assert set(levels(caplog, "stomp_core")) == {"ERROR"}
    assert "RuntimeError: I am broken" in caplog.text


PROGRAM = """
import logging, sys, stomp_socket
assert "logging" in sys.modules
if len(sys.argv) > 2:
    logging.basicConfig(level=sys.argv[2], format="%(levelname)s:%(name)s:%(message)s")
try:
    stomp_socket.connect(sys.argv[1])
except stomp_socket.ConnectFailed:
    pass
"""


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (None, []),
        ("WARNING", ["WARNING:stomp_core.connection:could not connect: ", "ERROR:stomp_core.connection:giving up: "]),
        (
            "INFO",
            [
                "INFO:stomp_core.connection:connecting to ",
                "WARNING:stomp_core.connection:could not connect: ",
                "ERROR:stomp_core.connection:giving up: ",
            ],
        ),
    ],
)  # fmt: skip
def test_a_program_sees_what_its_logging_shows(
    level: str | None, expected: list[str], closed_port: int
) -> None:
    """Without a configuration that is nothing: the logger has a NullHandler, so nothing goes to stderr by default."""
    command = [sys.executable, "-c", PROGRAM, f"stomp://127.0.0.1:{closed_port}"] + ([level] if level else [])
    path = ":".join(entry for entry in sys.path if entry)
    done = subprocess.run(
        command, env={"PYTHONPATH": path}, capture_output=True, text=True, timeout=60, check=True
    )
    lines = done.stderr.splitlines()
    assert len(lines) == len(expected)
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(start)
