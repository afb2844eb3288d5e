"""examples/dial_socket.py: each transport with heart-beats, a cut, a new connection, and TLS inside where it can be."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

import stomp_socket
from stomp_core import StompError
from stomp_core.session import Reconnect
from tests.adapters.scripted_proxy import ScriptedProxy, pump
from tests.certificates import Certificates
from tests.heart_beats import BeatingBroker
from tests.waiting import HANGS

from .dialling import EXAMPLES, SerialServer, load_example, netcat

BODY = bytes(range(256)) * 1200

example = load_example("dial_socket")


def story(broker: BeatingBroker, url: str, dial: Callable[..., Any], **options: Any) -> None:
    """Send 300 kB and get them back, be silent while heart-beats flow, lose the connection, and go on."""
    soon = Reconnect(first_delay=0.01, max_delay=0.05)
    settings = {"dial": dial, "reconnect": soon, **options, **broker.beats.client_options()}
    with stomp_socket.connect(url, "guest", "guest", **settings) as conn:
        conn.send("/queue/a", BODY, receipt=True)
        with conn.subscribe("/queue/a") as messages:
            assert messages.receive(timeout=HANGS).body == BODY
            broker.beats.wait()
        assert conn.session.connection_number == 1
        broker.drop_connections()
        confirmed: list[object] = []
        while not confirmed:
            with contextlib.suppress(StompError):
                confirmed.append(conn.send("/queue/b", "again", receipt=True, timeout=2))
        assert conn.session.connection_number > 1
        assert conn.close() is True


def test_a_serial_line(broker: BeatingBroker) -> None:
    """A line has no end: what is sent after a loss reaches the broker on a new connection, and ERROR is the answer."""
    with SerialServer(broker.port) as server:
        story(broker, f"serial://{server.device}", example.serial_line)


def test_a_serial_line_that_is_not_there() -> None:
    with pytest.raises(OSError, match=r"dial\(\) raised FileNotFoundError: .*'/dev/no-such-line'"):
        stomp_socket.connect("serial:///dev/no-such-line", dial=example.serial_line)


def test_the_streams_of_a_program(broker: BeatingBroker, tls_certs: Certificates) -> None:
    story(broker, "program://netcat", example.program(*netcat("127.0.0.1", broker.port)))
    secure = example.program(*netcat("127.0.0.1", broker.tls_port))
    story(broker, "stomp+ssl://localhost", secure, ca_file=str(tls_certs.ca))


def test_a_program_that_does_not_exist_or_ends_at_once() -> None:
    with pytest.raises(OSError, match=r"dial\(\) raised FileNotFoundError"):
        stomp_socket.connect("program://x", dial=example.program("no-such-program"))
    with pytest.raises(OSError, match=r"before CONNECTED .* since it goes through dial\(\)"):
        stomp_socket.connect("program://x", dial=example.program(sys.executable, "-c", ""))


def test_a_pair_in_memory(broker: BeatingBroker, tls_certs: Certificates) -> None:
    servers: list[threading.Thread] = []
    for url, port in ("memory://", broker.port), ("stomp+ssl://localhost", broker.tls_port):

        def accept(theirs: socket.socket, port: int = port) -> None:
            servers.append(threading.Thread(target=bridge, args=(theirs, port), daemon=True))
            servers[-1].start()

        options = {} if url == "memory://" else {"ca_file": str(tls_certs.ca)}
        story(broker, url, example.memory(accept), **options)
    for server in servers:
        server.join(HANGS)


def bridge(theirs: socket.socket, port: int) -> None:
    """The server of a pair in memory: it passes everything to a TCP port and back."""
    with theirs, socket.create_connection(("127.0.0.1", port)) as peer:
        up = threading.Thread(target=pump, args=(theirs, peer), daemon=True)
        up.start()
        pump(peer, theirs)
        up.join(HANGS)


def test_a_proxy_of_ones_own(broker: BeatingBroker, tls_certs: Certificates) -> None:
    pytest.importorskip("python_socks", reason='pip install "stomp-core[proxy]"')
    with ScriptedProxy("me:secret") as proxy:
        for scheme in "socks5", "http":
            story(broker, broker.url, example.through(proxy.url(scheme)))
        url = broker.tls_url.replace("127.0.0.1", "localhost")
        story(broker, url, example.through(proxy.url("socks5")), ca_file=str(tls_certs.ca))


def test_no_transport_of_the_example_has_30_lines() -> None:
    for part in (EXAMPLES / "dial_socket.py").read_text().split("\n# -----")[1:]:
        lines = [line for line in part.splitlines()[1:] if line.strip()]
        assert 0 < len(lines) < 30, part
