"""This machine under its own name: 127.0.0.1 is tried in its place, but never where the name must speak TLS."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stomp_testing import CLOSE, Broker, ScriptedServer
from tests.waiting import HANGS

from .conftest import LOGIN, PASSCODE

pytest.importorskip("trustme", reason='pip install "stomp-core[testing]"')
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only 127.0.0.1 is this machine")

OWN_NAME = "127.0.0.2"
# In a process of its own: the names of this machine are looked up once.
PROGRAM = """
import socket, sys
socket.gethostname = lambda: {name!r}
import stomp_py as stomp
host = ({name!r}, int(sys.argv[1]))
conn = stomp.Connection([host], reconnect_attempts_max=1, {arguments})
{before}
conn.connect("admin", "password", wait=True)
print(conn.transport.current_host_and_port[0], type(conn.transport.socket).__name__)
conn.disconnect()
"""


def connect(port: int, before: str = "", arguments: str = "") -> str:
    """Run a program that connects to this machine by its own name; return where it was, and over which socket."""
    program = PROGRAM.format(name=OWN_NAME, before=before, arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", program, str(port)], capture_output=True, text=True, timeout=HANGS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("for_hosts", ["[host], ", ""], ids=["named", "all hosts"])
def test_a_name_that_must_speak_tls_is_not_replaced(for_hosts: str) -> None:
    """127.0.0.1 is not among the hosts that were named, so the passcode would go there as plaintext."""
    with ScriptedServer([CLOSE]) as plaintext:
        with Broker(host=OWN_NAME, tls=True, tls_port=plaintext.port, users={LOGIN: PASSCODE}) as broker:
            before = f"conn.set_ssl({for_hosts}ca_certs={str(broker.ca_file)!r})"
            assert connect(broker.tls_port, before) == f"{OWN_NAME} SSLSocket"
        assert b"passcode" not in plaintext.received


@pytest.mark.parametrize(("arguments", "host"), [("", "127.0.0.1"), ("try_loopback_connect=False", OWN_NAME)])
def test_127_0_0_1_is_tried_first(arguments: str, host: str) -> None:
    with Broker(host="127.0.0.1", users={LOGIN: PASSCODE}) as broker:
        with Broker(host=OWN_NAME, port=broker.port, users={LOGIN: PASSCODE}):
            assert connect(broker.port, arguments=arguments) == f"{host} socket"
