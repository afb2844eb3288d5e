"""What Python clients do when something fails: python benchmarks/failures.py [--deadline SECONDS] [--client NAME]

Each client does what its documentation shows, with its own defaults, in a process of its own. What the program sees
is printed; the table in README.md says the same in words. The broker is the embedded one.

- silent: the server accepts the connection and answers nothing. Does connecting end?
- held: the broker never confirms a message that was sent with a receipt. What is the call's outcome?
- receipt: the connection is reset before the receipt comes. What is the call's outcome?
- restart: the connection of a subscription is reset. Does the next message come?
- name: TLS, and a certificate for another host, from an authority that is trusted. Is it refused?
- plain: a URL or option that asks for TLS, and a server without. Does the login leave?
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.path.insert(0, str(Path(__file__).parents[1] / "transports"))

from benchmarks.readers import peer
from stomp_testing import Broker, FaultProxy, ServerCertificate

__all__ = ["CASES", "CLIENTS", "main", "observe"]

QUEUE = "/queue/a"
CASES = ("silent", "held", "receipt", "restart", "name", "plain")
#: Seconds after which a client that does nothing counts as one that waits for ever.
DEADLINE = 60.0


def _ready() -> None:
    """Tell the parent that the subscription exists."""
    print("ready", flush=True)


def _run_stomp_socket(case: str, port: int, ca: str) -> str:
    import stomp_socket

    tls = case in ("name", "plain")
    url = f"{'stomp+ssl' if tls else 'stomp'}://guest:guest@localhost:{port}"
    with stomp_socket.connect(url, ca_file=ca if tls else None) as conn:
        if case in ("held", "receipt"):
            conn.send(QUEUE, "hello", receipt=True)
            return "send() returned"
        if case == "restart":
            with conn.subscribe(QUEUE, ack="client-individual") as messages:
                _ready()
                for message in messages:
                    message.ack()
                    return "received"
        return "connected"


def _run_stomp_py(case: str, port: int, ca: str) -> str:
    stomp = peer("stomp")
    received = threading.Event()

    class Listener(stomp.ConnectionListener):  # type: ignore[misc, name-defined]
        def on_message(self, frame: Any) -> None:
            received.set()

    conn = stomp.Connection12([("localhost", port)])
    if case in ("name", "plain"):
        conn.set_ssl([("localhost", port)], ca_certs=ca)
    conn.set_listener("", Listener())
    conn.connect("guest", "guest", wait=True)
    if case in ("held", "receipt"):
        conn.send(QUEUE, "hello", receipt="1")
        return "send() returned"
    if case == "restart":
        conn.subscribe(QUEUE, id="1", ack="auto")
        _ready()
        received.wait()
        return "received"
    return "connected"


def _run_stompman(case: str, port: int, ca: str) -> str:
    stompman = peer("stompman")
    received = asyncio.Event()

    async def handle(frame: Any) -> None:
        received.set()

    async def run() -> str:
        context = ssl.create_default_context(cafile=ca) if case in ("name", "plain") else None
        server = stompman.ConnectionParameters("localhost", port, "guest", "guest")
        async with stompman.Client([server], ssl=context) as client:
            if case in ("held", "receipt"):
                await client.send(b"hello", QUEUE, receipt_timeout=30.0)
                return "send() returned"
            if case == "restart":
                subscription = await client.subscribe(
                    QUEUE, handle, on_suppressed_exception=lambda error, frame: None
                )
                _ready()
                await received.wait()
                await subscription.unsubscribe()
                return "received"
        return "connected"

    return asyncio.run(run())


def _run_stompest(case: str, port: int, ca: str) -> str:
    sync, config = peer("stompest.sync"), peer("stompest.config")
    uri = f"{'ssl' if case in ('name', 'plain') else 'tcp'}://localhost:{port}"
    context = ssl.create_default_context(cafile=ca) if case == "name" else None
    client = sync.Stomp(config.StompConfig(uri, "guest", "guest", version="1.2", sslContext=context))
    client.connect()
    if case in ("held", "receipt"):
        client.send(QUEUE, b"hello", receipt="1")
        return "send() returned"
    if case == "restart":
        client.subscribe(QUEUE, {"id": "1", "ack": "client-individual"})
        _ready()
        client.receiveFrame()
        return "received"
    return "connected"


#: What runs a case with a client: ``CLIENTS[name](case, port, ca_file)`` returns what the program saw.
CLIENTS: dict[str, Callable[[str, int, str], str]] = {
    "stomp_socket": _run_stomp_socket,
    "stomp.py": _run_stomp_py,
    "stompman": _run_stompman,
    "stompest": _run_stompest,
}


def _reason(error: BaseException) -> str:
    """Name what was raised; of a group, what is in it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"raised {type(error).__name__}"


def _run_here(client: str, case: str, port: int, ca: str) -> None:
    """Run a case in this process, and print what the program saw."""
    try:
        seen = CLIENTS[client](case, port, ca)
    except Exception as error:
        seen = _reason(error)
    print(json.dumps(seen), flush=True)


@contextmanager
def _bare_server(received: list[bytes], *, close: bool) -> Iterator[int]:
    """Listen on a port, answer nothing, and keep what comes first; then close, or stay open."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connections.append(server.accept()[0])
                    received.append(connections[-1].recv(4096))
                    if close:
                        connections[-1].close()
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        for connection in connections:
            connection.close()


def _ask(
    client: str, case: str, port: int, ca: str, deadline: float, on_ready: Callable[[], object] = bool
) -> str:
    """Run a case in a process of its own, and return what the program saw.

    Args:
        client: one of ``CLIENTS``.
        case: one of ``CASES``.
        port: where it is to connect.
        ca: the file with the authority that it is to trust.
        deadline: seconds after which nothing more is expected.
        on_ready: called when its subscription exists.
    """
    process = subprocess.Popen(
        [sys.executable, __file__, "--run", client, case, str(port), ca],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    timer = threading.Timer(deadline, process.kill)
    timer.start()
    try:
        line = process.stdout.readline()
        if line == "ready\n":
            on_ready()
            line = process.stdout.readline()
        return str(json.loads(line)) if line else "nothing"
    finally:
        timer.cancel()
        process.kill()  # a client may have threads that never end
        process.wait()
        process.stdout.close()


def observe(client: str, case: str, deadline: float = DEADLINE) -> str:
    """Run a case with a client.

    Args:
        client: one of ``CLIENTS``.
        case: one of ``CASES``.
        deadline: seconds after which nothing more is expected.

    Returns:
        What its program saw; ``"nothing"`` if the call did not end.
    """
    if case in ("silent", "plain"):
        return _observe_bare_server(client, case, deadline)
    with tempfile.TemporaryDirectory() as folder:
        authority = trustme.CA()
        ca = str(Path(folder) / "ca.pem")
        authority.cert_pem.write_to_path(ca)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("another.example").configure_cert(context)
        # The flavour that ignores CONNECT's host: not every client can say which virtual host it means.
        with (
            Broker(flavour="activemq", tls=context, hold_receipts=case == "held") as broker,
            FaultProxy(broker.url, faults=["reset@before=RECEIPT"] if case == "receipt" else []) as proxy,
        ):

            def reset_and_send() -> None:
                broker.wait_until(lambda broker: any(client.destinations for client in broker.connections))
                proxy.reset_all()
                broker.send(QUEUE, "hello")

            port = broker.tls_port if case == "name" else proxy.port
            return _ask(client, case, port, ca, deadline, reset_and_send)


def _observe_bare_server(client: str, case: str, deadline: float) -> str:
    """Run a case with a server that answers nothing."""
    received: list[bytes] = []
    with _bare_server(received, close=case == "plain") as port:
        seen = _ask(client, case, port, str(ServerCertificate().ca_file), deadline)
    if case == "silent":
        return seen
    return "sent the passcode" if any(b"passcode" in data for data in received) else "sent no passcode"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table of what each client does in each case.

    Args:
        arguments: of the command line; ``None`` takes them from ``sys.argv``.

    Returns:
        The exit status.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] == ["--run"]:
        client, case, port, ca = given[1:]
        _run_here(client, case, int(port), ca)
        return 0
    parser = argparse.ArgumentParser(description="What Python clients do when something fails.")
    parser.add_argument("--client", choices=CLIENTS, action="append", help="only this one")
    parser.add_argument("--case", choices=CASES, action="append", help="only this one")
    parser.add_argument(
        "--deadline",
        type=float,
        default=DEADLINE,
        help="seconds until it counts as waiting for ever (%(default)s)",
    )
    chosen = parser.parse_args(given)
    clients = chosen.client or list(CLIENTS)
    print(f"| | {' | '.join(clients)} |\n|---{'|---' * len(clients)}|", flush=True)
    for case in chosen.case or CASES:
        cells = [observe(client, case, chosen.deadline) for client in clients]
        print(f"| {case} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
