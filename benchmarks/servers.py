"""The brokers that benchmarks run against: the embedded one, and real ones where they are installed."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["BROKERS", "allow_many_files", "drain", "embedded", "fill", "real", "running", "server_of"]

BROKERS = ("embedded", "rabbitmq", "activemq")

_TIMEOUT = 120.0

# Adapters are imported inside the functions: the process of every client imports this module, and a client of others
# is measured without ours in memory.


@contextmanager
def running(name: str) -> Iterator[str]:
    """Start one of `BROKERS`, and return its URL.

    Raises:
        LookupError: it is not installed.
    """
    with embedded() if name == "embedded" else real(name) as url:
        yield url


@contextmanager
def embedded() -> Iterator[str]:
    """Run the embedded broker in a process of its own, as real brokers run."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join(10)


def _serve(pipe: Any) -> None:
    import stomp_testing
    from stomp_core import Leniency

    allow_many_files()
    # aiostomp sends no host header.
    with stomp_testing.Broker(leniency=Leniency(missing_host=True)) as broker:
        pipe.send(broker.url)
        pipe.recv()


def allow_many_files() -> None:
    """Let this process open as many files, and so connections, as the system allows it to ask for."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def real(name: str) -> Iterator[str]:
    """Start a real broker as the tests do.

    Raises:
        LookupError: it is not installed.
    """
    from tests.brokers import ActiveMQ, RabbitMQ

    kind = {"rabbitmq": RabbitMQ, "activemq": ActiveMQ}[name]
    if not kind.available():
        raise LookupError(kind.install_hint)
    with kind() as broker:
        yield broker.url


def server_of(url: str) -> str:
    """Return name and version of a broker, as it states them in CONNECTED."""
    import stomp_socket
    from stomp_core import Connected, Listener

    found: list[str] = []

    class Note(Listener):
        def connection_made(self, endpoint: object, connected: Connected) -> None:
            found.append(connected.server or "a broker that does not state its name")

    with stomp_socket.connect(url, listener=Note()):
        return found[0]


def fill(url: str, queue: str, count: int, body: bytes) -> None:
    """Send so many messages to a queue."""
    import stomp_socket

    with stomp_socket.connect(url) as conn:
        for _ in range(count - 1):
            conn.send(queue, body)
        conn.send(queue, body, receipt=True, timeout=_TIMEOUT)


def drain(url: str, queue: str, count: int) -> None:
    """Receive all messages of a queue: many that nobody receives slow brokers down, and ActiveMQ then stops senders."""
    import stomp_socket

    with stomp_socket.connect(url) as conn, conn.subscribe(queue) as messages:
        for _ in range(count):
            messages.receive(timeout=_TIMEOUT)
