"""Compare whole clients with a broker: each adapter, stomp.py, stompman and aiostomp, in one run.

    python benchmarks/brokers.py                       the embedded broker, and the real ones that are installed
    python benchmarks/brokers.py --messages 20000 embedded rabbitmq
    python benchmarks/brokers.py --quick               only check that it runs

Three contests: receive the messages of a queue; send messages one after the other, each confirmed before the next;
send with fifty receipts pending. Every client runs each contest on a new queue, in interleaved rounds; the best round
counts. A bare socket, which writes prepared bytes and counts the NULs that it receives, shows how fast broker and
machine are: no client can be faster.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import socket
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import stomp_asyncio
import stomp_socket
import stomp_testing
from benchmarks.address import Address
from benchmarks.readers import peer
from stomp_core import Leniency

BODY = b"x" * 64
IN_FLIGHT = 50


@dataclass(frozen=True)
class Client:
    """A client: for each contest a function of ``(url, queue, count)`` that returns seconds, or None if it cannot."""

    name: str
    receive: Callable[[str, str, int], float] | None
    confirm: Callable[[str, str, int], float] | None
    confirm_many: Callable[[str, str, int], float] | None
    peer: bool = False


# ---------------------------------------------------------------------- a bare socket


@contextmanager
def _bare_connection(url: str) -> Iterator[socket.socket]:
    host, port, login, passcode = Address.of(url)
    with socket.create_connection((host, port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(
            f"CONNECT\naccept-version:1.2\nhost:/\nlogin:{login}\npasscode:{passcode}\n\n\0".encode()
        )
        _count(sock, 1)
        yield sock


def _count(sock: socket.socket, frames: int) -> int:
    """Receive at least so many frames, and return how many they were."""
    received = 0
    while received < frames:
        data = sock.recv(64 * 1024)
        assert data, "the broker has closed the connection"
        received += data.count(b"\0")
    return received


def bare_receive(url: str, queue: str, count: int) -> float:
    with _bare_connection(url) as sock:
        began = time.perf_counter()
        sock.sendall(f"SUBSCRIBE\nid:1\ndestination:{queue}\n\n\0".encode())
        _count(sock, count)
        return time.perf_counter() - began


def bare_confirm(url: str, queue: str, count: int, in_flight: int = 1) -> float:
    head = f"SEND\ndestination:{queue}\nreceipt:1\ncontent-length:{len(BODY)}\n\n"
    frame = head.encode() + BODY + b"\0"
    with _bare_connection(url) as sock:
        began = time.perf_counter()
        pending = 0
        for _ in range(count):
            sock.sendall(frame)
            pending += 1
            if pending == in_flight:
                pending -= _count(sock, 1)
        _count(sock, pending)
        return time.perf_counter() - began


# ---------------------------------------------------------------------- this library


def socket_receive(url: str, queue: str, count: int) -> float:
    with stomp_socket.connect(url) as conn:
        began = time.perf_counter()
        with conn.subscribe(queue) as messages:
            for _ in range(count):
                messages.receive()
            return time.perf_counter() - began


def socket_confirm(url: str, queue: str, count: int) -> float:
    with stomp_socket.connect(url) as conn:
        began = time.perf_counter()
        for _ in range(count):
            conn.send(queue, BODY, receipt=True)
        return time.perf_counter() - began


def socket_confirm_many(url: str, queue: str, count: int) -> float:
    with stomp_socket.connect(url) as conn:
        began = time.perf_counter()
        with conn.pipeline(IN_FLIGHT) as pipeline:
            for _ in range(count):
                pipeline.send(queue, BODY)
        return time.perf_counter() - began


def socket_confirm_in_threads(url: str, queue: str, count: int) -> float:
    with stomp_socket.connect(url) as conn, ThreadPoolExecutor(IN_FLIGHT) as pool:
        share = count // IN_FLIGHT

        def send() -> None:
            for _ in range(share):
                conn.send(queue, BODY, receipt=True)

        began = time.perf_counter()
        for done in [pool.submit(send) for _ in range(IN_FLIGHT)]:
            done.result()
        return (time.perf_counter() - began) * count / (share * IN_FLIGHT)


async def _receive(adapter: Any, url: str, queue: str, count: int) -> float:
    async with adapter.connect(url) as conn:
        began = time.perf_counter()
        async with conn.subscribe(queue) as messages:
            for _ in range(count):
                await messages.receive()
            return time.perf_counter() - began


async def _confirm_many(adapter: Any, url: str, queue: str, count: int) -> float:
    async with adapter.connect(url) as conn:
        began = time.perf_counter()
        async with conn.pipeline(IN_FLIGHT) as pipeline:
            for _ in range(count):
                await pipeline.send(queue, BODY)
        return time.perf_counter() - began


async def _asyncio_confirm(url: str, queue: str, count: int, senders: int = 1) -> float:
    async with stomp_asyncio.connect(url) as conn:

        async def send() -> None:
            for _ in range(count // senders):
                await conn.send(queue, BODY, receipt=True)

        began = time.perf_counter()
        await asyncio.gather(*(send() for _ in range(senders)))
        return time.perf_counter() - began


def _trio_clients() -> Iterator[Client]:
    try:
        import trio

        import stomp_trio
    except ImportError:
        return

    async def confirm(url: str, queue: str, count: int, senders: int = 1) -> float:
        async with stomp_trio.connect(url) as conn:

            async def send() -> None:
                for _ in range(count // senders):
                    await conn.send(queue, BODY, receipt=True)

            began = time.perf_counter()
            async with trio.open_nursery() as nursery:
                for _ in range(senders):
                    nursery.start_soon(send)
            return time.perf_counter() - began

    yield Client(
        "stomp_trio",
        lambda url, queue, count: trio.run(_receive, stomp_trio, url, queue, count),
        lambda url, queue, count: trio.run(confirm, url, queue, count),
        lambda url, queue, count: trio.run(_confirm_many, stomp_trio, url, queue, count),
    )
    yield Client(
        f"stomp_trio, {IN_FLIGHT} tasks",
        None,
        None,
        lambda url, queue, count: trio.run(confirm, url, queue, count, IN_FLIGHT),
    )


# ---------------------------------------------------------------------- other clients


def _stomp_py() -> Iterator[Client]:
    try:
        stomp = peer("stomp")
    except ImportError:
        return

    class Counter(stomp.ConnectionListener):  # type: ignore[misc, name-defined]
        def __init__(self, count: int) -> None:
            self.missing = count
            self.done = threading.Event()
            self.receipts = threading.Semaphore(0)

        def on_message(self, frame: Any) -> None:
            self.missing -= 1
            if self.missing == 0:
                self.done.set()

        def on_receipt(self, frame: Any) -> None:
            self.receipts.release()
            self.on_message(frame)

    def connected(url: str, count: int) -> tuple[Any, Counter]:
        host, port, login, passcode = Address.of(url)
        conn = stomp.Connection12([(host, port)], vhost="/")
        counter = Counter(count)
        conn.set_listener("counter", counter)
        conn.connect(login, passcode, wait=True)
        return conn, counter

    def receive(url: str, queue: str, count: int) -> float:
        conn, counter = connected(url, count)
        began = time.perf_counter()
        conn.subscribe(queue, id="1")
        counter.done.wait()
        seconds = time.perf_counter() - began
        conn.disconnect()
        return seconds

    def confirm(url: str, queue: str, count: int) -> float:
        conn, counter = connected(url, -1)
        began = time.perf_counter()
        for number in range(count):
            conn.send(queue, BODY, receipt=str(number))
            counter.receipts.acquire()
        seconds = time.perf_counter() - began
        conn.remove_listener("counter")
        conn.disconnect()
        return seconds

    def confirm_many(url: str, queue: str, count: int) -> float:
        conn, counter = connected(url, count)
        began = time.perf_counter()
        for number in range(count):
            if number >= IN_FLIGHT:
                counter.receipts.acquire()
            conn.send(queue, BODY, receipt=str(number))
        counter.done.wait()
        seconds = time.perf_counter() - began
        conn.remove_listener("counter")
        conn.disconnect()
        return seconds

    yield Client("stomp.py", receive, confirm, confirm_many, peer=True)


def _stompman() -> Iterator[Client]:
    try:
        stompman = peer("stompman")
    except ImportError:
        return

    def client(url: str) -> Any:
        address = Address.of(url)

        class Connection(stompman.connection.Connection):  # type: ignore[misc, name-defined]
            """Connects to the host of the URL: stompman connects to the virtual host, which is `/` on RabbitMQ."""

            @classmethod
            async def connect(cls, *, host: str, **others: Any) -> Any:
                return await super().connect(host=address.host, **others)

        parameters = stompman.ConnectionParameters("/", address.port, address.login, address.passcode)
        return stompman.Client(
            [parameters],
            heartbeat=stompman.Heartbeat(10_000, 10_000),
            max_concurrent_handlers=None,
            connection_class=Connection,
        )

    async def receive(url: str, queue: str, count: int) -> float:
        missing, done = count, asyncio.Event()

        async def handle(frame: Any) -> None:
            nonlocal missing
            missing -= 1
            if missing == 0:
                done.set()

        async with client(url) as conn:
            began = time.perf_counter()
            subscription = await conn.subscribe(
                queue, handle, ack="auto", on_suppressed_exception=lambda error, frame: None
            )
            await done.wait()
            seconds = time.perf_counter() - began
            await subscription.unsubscribe()
            return seconds

    async def confirm(url: str, queue: str, count: int, senders: int = 1) -> float:
        async with client(url) as conn:

            async def send() -> None:
                for _ in range(count // senders):
                    await conn.send(BODY, queue, receipt_timeout=30.0)

            began = time.perf_counter()
            await asyncio.gather(*(send() for _ in range(senders)))
            return time.perf_counter() - began

    yield Client(
        "stompman",
        lambda url, queue, count: asyncio.run(receive(url, queue, count)),
        lambda url, queue, count: asyncio.run(confirm(url, queue, count)),
        lambda url, queue, count: asyncio.run(confirm(url, queue, count, IN_FLIGHT)),
        peer=True,
    )


def _aiostomp() -> Iterator[Client]:
    try:
        aiostomp = peer("aiostomp")
    except ImportError:
        return

    async def receive(url: str, queue: str, count: int) -> float:
        host, port, login, passcode = Address.of(url)
        missing, done = count, asyncio.Event()

        async def handle(frame: Any, message: Any) -> bool:
            nonlocal missing
            missing -= 1
            if missing == 0:
                done.set()
            return True

        conn = aiostomp.AioStomp(host, port, heartbeat=False)
        await conn.connect(login, passcode)
        began = time.perf_counter()
        conn.subscribe(queue, handler=handle, ack="auto")
        await done.wait()
        seconds = time.perf_counter() - began
        conn.close()
        return seconds

    # It has no receipts.
    yield Client(
        "aiostomp", lambda url, queue, count: asyncio.run(receive(url, queue, count)), None, None, peer=True
    )


def clients() -> list[Client]:
    """Return all clients that are installed."""
    ours = [
        Client("stomp_socket", socket_receive, socket_confirm, socket_confirm_many),
        Client(
            "stomp_asyncio",
            lambda url, queue, count: asyncio.run(_receive(stomp_asyncio, url, queue, count)),
            lambda url, queue, count: asyncio.run(_asyncio_confirm(url, queue, count)),
            lambda url, queue, count: asyncio.run(_confirm_many(stomp_asyncio, url, queue, count)),
        ),
        Client(f"stomp_socket, {IN_FLIGHT} threads", None, None, socket_confirm_in_threads),
        Client(
            f"stomp_asyncio, {IN_FLIGHT} tasks",
            None,
            None,
            lambda url, queue, count: asyncio.run(_asyncio_confirm(url, queue, count, IN_FLIGHT)),
        ),
    ]
    bare = Client(
        "a bare socket",
        bare_receive,
        bare_confirm,
        lambda url, queue, count: bare_confirm(url, queue, count, IN_FLIGHT),
    )
    return [bare, *ours, *_trio_clients(), *_stomp_py(), *_stompman(), *_aiostomp()]


# ---------------------------------------------------------------------- the contests


@contextmanager
def embedded() -> Iterator[str]:
    """Run the embedded broker in a process of its own, as real brokers run."""
    import multiprocessing

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
    # aiostomp sends no host header.
    with stomp_testing.Broker(leniency=Leniency(missing_host=True)) as broker:
        pipe.send(broker.url)
        pipe.recv()


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


def fill(url: str, queue: str, count: int) -> None:
    """Send so many messages to a queue."""
    with stomp_socket.connect(url) as conn:
        for _ in range(count - 1):
            conn.send(queue, BODY)
        conn.send(queue, BODY, receipt=True, timeout=120)


def contest(url: str, all_clients: list[Client], count: int, rounds: int) -> None:
    """Run all contests with one broker and print a table of each."""
    for title, name, messages in (
        ("receive", "receive", count),
        ("confirmed sends, one after the other", "confirm", count // 10),
        (f"confirmed sends, {IN_FLIGHT} in flight", "confirm_many", count),
    ):
        seconds: dict[str, list[float]] = {}
        for _ in range(rounds):
            for client in all_clients:
                function = getattr(client, name)
                if function is None:
                    continue
                queue = f"/queue/bench-{uuid.uuid4().hex}"
                if name == "receive":
                    fill(url, queue, messages)
                seconds.setdefault(client.name, []).append(function(url, queue, messages))
        best = min(
            (min(seconds[client.name]) for client in all_clients if client.peer and client.name in seconds),
            default=None,
        )
        print(f"\n  {title}: {messages} messages of {len(BODY)} bytes")
        print(f"    {'':24}  {'messages/s':>10}  {'us each':>8}  {'median us':>9}  {'x best peer':>11}")
        for client_name, took in sorted(seconds.items(), key=lambda entry: min(entry[1])):
            rate = messages / min(took)
            ratio = f"{best / min(took):11.2f}" if best else ""
            median = statistics.median(took) / messages * 1e6
            print(
                f"    {client_name:24}  {rate:10,.0f}  {1e6 / rate:8.1f}  {median:9.1f}  {ratio}", flush=True
            )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compare whole clients with brokers.")
    parser.add_argument("--quick", action="store_true", help="only check that it runs")
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds; the best one counts")
    parser.add_argument("brokers", nargs="*", default=["embedded", "rabbitmq", "activemq"])
    chosen = parser.parse_args(arguments)
    count, rounds = (500, 1) if chosen.quick else (chosen.messages, chosen.rounds)
    print(f"{platform.python_implementation()} {platform.python_version()}")
    for name in chosen.brokers:
        try:
            with embedded() if name == "embedded" else real(name) as url:
                print(f"\n{name}")
                contest(url, clients(), count, rounds)
        except LookupError as missing:
            print(f"\n{name}: not installed: {missing}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
