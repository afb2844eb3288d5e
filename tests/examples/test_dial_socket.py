"""examples/dial_socket.py: each transport with heart-beats, a cut, a new connection, and TLS inside where it can be."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("pty", reason="serial lines are tested with pseudo-terminals")

import pty

import stomp_socket
from stomp_core import StompError
from stomp_core.session import Reconnect
from stomp_testing import Broker
from tests.adapters.scripted_proxy import ScriptedProxy
from tests.certificates import Certificates

EXAMPLE = Path(__file__).parents[2] / "examples" / "dial_socket.py"
HANGS = 30.0
BEAT = 0.1  # seconds between heart-beats
SILENCE = 0.4  # seconds without a message, in which the connection would be lost without heart-beats
BODY = bytes(range(256)) * 1200

#: What `nc HOST PORT` does, for machines without it.
NETCAT = """
import os, socket, sys, threading
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    try:
        while data := os.read(0, 65536):
            peer.sendall(data)
    finally:
        os._exit(0)
threading.Thread(target=up, daemon=True).start()
while data := peer.recv(65536):
    os.write(1, data)
"""


def load() -> ModuleType:
    spec = spec_from_file_location("dial_socket", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


example = load()


@pytest.fixture
def broker(tls_certs: Certificates) -> Iterator[Broker]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*tls_certs.server)
    with Broker(heart_beat=(100, 100), tls=context) as broker:
        yield broker


def story(broker: Broker, url: str, dial: Callable[..., Any], **options: Any) -> None:
    """Send 300 kB and get them back, be silent while heart-beats flow, lose the connection, and go on."""
    soon = Reconnect(first_delay=0.01, max_delay=0.05)
    settings = {"dial": dial, "heart_beat": (BEAT, BEAT), "reconnect": soon, **options}
    with stomp_socket.connect(url, "guest", "guest", **settings) as conn:
        conn.send("/queue/a", BODY, receipt=True)
        with conn.subscribe("/queue/a") as messages:
            assert messages.receive(timeout=HANGS).body == BODY
            with pytest.raises(TimeoutError):
                messages.receive(timeout=SILENCE)
        assert conn.session.connection_number == 1
        broker.drop_connections()
        confirmed: list[object] = []
        while not confirmed:
            with contextlib.suppress(StompError):
                confirmed.append(conn.send("/queue/b", "again", receipt=True, timeout=2))
        assert conn.session.connection_number > 1
        assert conn.close() is True


class SerialServer:
    """What is at the other end of a serial line, such as ser2net: it connects to the broker when bytes come."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._master, self._slave = pty.openpty()
        self.device = os.ttyname(self._slave)
        self._end, end = socket.socketpair()
        self._thread = threading.Thread(target=self._run, args=(end,), daemon=True)

    def __enter__(self) -> SerialServer:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._end.close()
        self._thread.join(HANGS)
        os.close(self._master)
        os.close(self._slave)

    def _run(self, end: socket.socket) -> None:
        with end, contextlib.ExitStack() as stack:
            peer: socket.socket | None = None
            while True:
                watched: list[Any] = [self._master, end] if peer is None else [self._master, end, peer]
                ready, _, _ = select.select(watched, [], [])
                if end in ready:
                    return
                with contextlib.suppress(OSError):
                    if self._master in ready:
                        data = os.read(self._master, 65536)
                        if peer is None:
                            peer = stack.enter_context(socket.create_connection(("127.0.0.1", self._port)))
                        peer.sendall(data)
                    if peer in ready:
                        assert peer is not None
                        data = receive(peer)
                        if not data:
                            peer.close()
                            peer = None
                        while data:
                            data = data[os.write(self._master, data) :]


def receive(sock: socket.socket) -> bytes:
    try:
        return sock.recv(65536)
    except OSError:
        return b""


def test_a_serial_line(broker: Broker) -> None:
    """A line has no end: that the broker is gone is noticed by its silence."""
    with SerialServer(broker.port) as server:
        story(broker, f"serial://{server.device}", example.serial_line)


def test_a_serial_line_that_is_not_there() -> None:
    with pytest.raises(OSError, match=r"dial\(\) raised FileNotFoundError: .*'/dev/no-such-line'"):
        stomp_socket.connect("serial:///dev/no-such-line", dial=example.serial_line)


def test_the_streams_of_a_program(broker: Broker, tls_certs: Certificates) -> None:
    command = [sys.executable, "-c", NETCAT, "127.0.0.1"]
    story(broker, "program://netcat", example.program(*command, str(broker.port)))
    secure = example.program(*command, str(broker.tls_port))
    story(broker, "stomp+ssl://localhost", secure, ca_file=str(tls_certs.ca))


def test_a_program_that_does_not_exist_or_ends_at_once() -> None:
    with pytest.raises(OSError, match=r"dial\(\) raised FileNotFoundError"):
        stomp_socket.connect("program://x", dial=example.program("no-such-program"))
    with pytest.raises(OSError, match=r"before CONNECTED .* since it goes through dial\(\)"):
        stomp_socket.connect("program://x", dial=example.program(sys.executable, "-c", ""))


def test_a_pair_in_memory(broker: Broker, tls_certs: Certificates) -> None:
    for url, port in ("memory://", broker.port), ("stomp+ssl://localhost", broker.tls_port):

        def accept(theirs: socket.socket, port: int = port) -> None:
            peer = socket.create_connection(("127.0.0.1", port))
            for source, target in (peer, theirs), (theirs, peer):
                threading.Thread(target=pump, args=(source, target), daemon=True).start()

        options = {} if url == "memory://" else {"ca_file": str(tls_certs.ca)}
        story(broker, url, example.memory(accept), **options)


def pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for sock in source, target:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    if threading.current_thread().daemon:
        source.close()


def test_a_proxy_of_ones_own(broker: Broker, tls_certs: Certificates) -> None:
    pytest.importorskip("python_socks", reason='pip install "stomp-core[proxy]"')
    with ScriptedProxy("me:secret") as proxy:
        for scheme in "socks5", "http":
            story(broker, broker.url, example.through(proxy.url(scheme)))
        url = broker.tls_url.replace("127.0.0.1", "localhost")
        story(broker, url, example.through(proxy.url("socks5")), ca_file=str(tls_certs.ca))


def test_no_transport_of_the_example_has_30_lines() -> None:
    for part in EXAMPLE.read_text().split("\n# -----")[1:]:
        lines = [line for line in part.splitlines()[1:] if line.strip()]
        assert 0 < len(lines) < 30, part
