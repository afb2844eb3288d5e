"""The real brokers of the tests start, end and start again as the docstrings of `Broker` state."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import pytest

from tests.brokers import Broker, RabbitMQ
from tests.brokers.guard import processes_of_session
from tests.waiting import HANGS


class Client:
    """A minimal STOMP client: these tests must not depend on the library."""

    def __init__(self, broker: Broker, connection: socket.socket | None = None) -> None:
        self.socket = connection or socket.create_connection((broker.host, broker.tcp_port), timeout=HANGS)
        self.buffer = b""
        connect = (
            f"CONNECT\naccept-version:1.2\nhost:/\nlogin:{broker.login}\npasscode:{broker.passcode}\n\n\0"
        )
        try:
            self.write(connect)
            assert self.read().startswith("CONNECTED\n")
        except BaseException:
            self.close()
            raise

    def write(self, frame: str) -> None:
        self.socket.sendall(frame.encode())

    def read(self) -> str:
        while b"\0" not in self.buffer:
            piece = self.socket.recv(4096)
            if not piece:
                raise EOFError
            self.buffer += piece
        frame, _, self.buffer = self.buffer.partition(b"\0")
        return frame.decode().lstrip("\r\n")

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def test_connect_is_answered(real_broker: Broker) -> None:
    Client(real_broker).close()
    assert real_broker.log_file.stat().st_size > 0
    assert str(real_broker.tcp_port) in real_broker.url


def test_tls_is_verified_by_the_authority(real_broker: Broker) -> None:
    context = ssl.create_default_context(cafile=real_broker.ca_file)
    raw = socket.create_connection((real_broker.host, real_broker.tls_port), timeout=HANGS)
    with Client(real_broker, context.wrap_socket(raw, server_hostname="localhost")):
        pass


def test_persistent_message_survives_sigkill(real_broker: Broker) -> None:
    queue = real_broker.new_queue()
    pid = real_broker.pid
    with Client(real_broker) as sender:
        sender.write(f"SEND\ndestination:{queue}\npersistent:true\nreceipt:r\n\nstill here\0")
        assert sender.read().startswith("RECEIPT\n")

        real_broker.write_queues()
        real_broker.kill()
        assert not real_broker.running
        assert is_closed(sender.socket)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((real_broker.host, real_broker.tcp_port), timeout=HANGS).close()
    real_broker.restart()

    assert real_broker.pid != pid
    with Client(real_broker) as receiver:
        receiver.write(f"SUBSCRIBE\nid:0\ndestination:{queue}\nack:auto\n\n\0")
        message = receiver.read()
    assert message.startswith("MESSAGE\n")
    assert message.endswith("\n\nstill here")


def is_closed(connection: socket.socket) -> bool:
    """Wait until the peer has closed the connection; the line end after its last frame may still be received."""
    try:
        while piece := connection.recv(100):
            assert piece.strip() == b""
    except ConnectionResetError:
        pass
    return True


def test_suspended_broker_keeps_connections_and_sends_nothing(real_broker: Broker) -> None:
    with Client(real_broker) as client:
        real_broker.suspend()
        client.write("BEGIN\ntransaction:t\nreceipt:r\n\n\0")
        client.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):  # noqa: PT012 - the line end after CONNECTED may still be received
            while True:
                assert client.socket.recv(100).strip() == b""
        real_broker.resume()
        client.socket.settimeout(HANGS)
        assert client.read().startswith("RECEIPT\n")


def test_rabbitmqctl_reaches_the_node(rabbitmq: RabbitMQ) -> None:
    with Client(rabbitmq) as client:
        host, port = client.socket.getsockname()
        # list_connections would list connections of AMQP only.
        assert f"{host}:{port} ->" in rabbitmq.ctl("list_stomp_connections", "conn_name")


SCRIPT = """
import sys
from tests.brokers import ActiveMQ
broker = ActiveMQ()
broker.start()
print(broker.pid, broker.folder, flush=True)
sys.stdin.read()
"""


def test_guard_cleans_up_activemq_after_a_killed_run(activemq: Broker) -> None:
    """After SIGKILL to the test run, the guard kills the broker and removes its folder."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        pid, folder = run.stdout.readline().split()
        assert processes_of_session(int(pid))
        os.kill(run.pid, signal.SIGKILL)
    deadline = time.monotonic() + HANGS
    while (processes_of_session(int(pid)) or Path(folder).exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not processes_of_session(int(pid))
    assert not Path(folder).exists()
