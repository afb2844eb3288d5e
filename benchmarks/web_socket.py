"""Compare WebSocket with TCP on RabbitMQ, and with the WebSocket clients of stomp.py and stompman, in one run.

    python benchmarks/web_socket.py                    20,000 messages, five rounds
    python benchmarks/web_socket.py --quick            only check that it runs

Each client sends messages to a new queue while it receives them from it, over one connection. Rounds are interleaved;
the best one counts, for the rate and for the processor time of this process. The requirements: over WebSocket each
adapter has at least 0.6 of its rate over TCP, and all are ahead of both other clients.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import stomp_asyncio
import stomp_socket
from benchmarks.address import Address
from benchmarks.readers import peer
from benchmarks.report import Requirement, show_requirements

BODY = b"x" * 200
LEAST_SHARE = 0.6


@dataclass(frozen=True)
class Contestant:
    """A client over one transport.

    Attributes:
        client: its name.
        transport: ``"tcp"``, ``"ws"``, or ``"ws, deflate"``.
        run: sends and receives ``count`` messages over a queue, and returns seconds.
    """

    client: str
    transport: str
    run: Callable[[str, int], float]


# ---------------------------------------------------------------------- this library


def _blocking(url: str, queue: str, count: int, **options: Any) -> float:
    with stomp_socket.connect(url, **options) as conn:
        subscription = conn.subscribe(queue)
        began = time.perf_counter()

        def send() -> None:
            for _ in range(count):
                conn.send(queue, BODY)

        sender = threading.Thread(target=send)
        sender.start()
        for _ in range(count):
            subscription.receive()
        sender.join()
        return time.perf_counter() - began


async def _asyncio(url: str, queue: str, count: int, **options: Any) -> float:
    async with stomp_asyncio.connect(url, **options) as conn:
        subscription = await conn.subscribe(queue)
        began = time.perf_counter()

        async def send() -> None:
            for _ in range(count):
                await conn.send(queue, BODY)

        sender = asyncio.create_task(send())
        for _ in range(count):
            await subscription.receive()
        await sender
        return time.perf_counter() - began


async def _trio(url: str, queue: str, count: int, **options: Any) -> float:
    import trio

    import stomp_trio

    async with stomp_trio.connect(url, **options) as conn:
        subscription = await conn.subscribe(queue)
        began = time.perf_counter()

        async def send() -> None:
            for _ in range(count):
                await conn.send(queue, BODY)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            for _ in range(count):
                await subscription.receive()
        return time.perf_counter() - began


def _run_trio(url: str, queue: str, count: int, **options: Any) -> float:
    import trio

    async def run() -> float:
        return await _trio(url, queue, count, **options)

    return trio.run(run)


def _ours(tcp: str, ws: str) -> Iterator[Contestant]:
    from stomp_websocket import WebSocket

    adapters: list[tuple[str, Callable[..., float]]] = [
        ("stomp_socket", _blocking),
        ("stomp_asyncio", lambda *arguments, **options: asyncio.run(_asyncio(*arguments, **options))),
    ]
    try:
        import trio  # noqa: F401
    except ImportError:
        pass
    else:
        adapters.append(("stomp_trio", _run_trio))
    for name, run in adapters:
        yield Contestant(name, "tcp", partial(_run, run, tcp))
        yield Contestant(name, "ws", partial(_run, run, ws))
        yield Contestant(name, "ws, deflate", partial(_run, run, ws, websocket=WebSocket(compression=True)))


def _run(run: Callable[..., float], url: str, queue: str, count: int, **options: Any) -> float:
    return run(url, queue, count, **options)


# ---------------------------------------------------------------------- others


def _facade(stomp: Any, ws: str) -> Callable[[str, int], float]:
    """Return the contest for stomp.py's API."""

    class Counter(stomp.ConnectionListener):  # type: ignore[misc]
        def __init__(self, count: int) -> None:
            self.missing = count
            self.done = threading.Event()

        def on_message(self, frame: Any) -> None:
            self.missing -= 1
            if self.missing == 0:
                self.done.set()

    def run(queue: str, count: int) -> float:
        host, port, login, passcode = Address.of(ws)
        conn = stomp.WSConnection([(host, port)], vhost="/", ws_path="/ws")
        counter = Counter(count)
        conn.set_listener("counter", counter)
        conn.connect(login, passcode, wait=True)
        conn.subscribe(queue, id="1")
        began = time.perf_counter()
        for _ in range(count):
            conn.send(queue, BODY.decode())
        if not counter.done.wait(120):
            raise TimeoutError("messages are missing")
        seconds = time.perf_counter() - began
        conn.disconnect()
        return seconds

    return run


def _stompman(ws: str) -> Callable[[str, int], float]:
    stompman = peer("stompman")
    from stompman.connection_ws import WebSocketConnection

    address = Address.of(ws)

    class Connection(WebSocketConnection):  # type: ignore[misc, unused-ignore]
        """Connects to the host and path of the URL: stompman connects to the virtual host, which is `/` here."""

        @classmethod
        async def connect(cls, *, host: str, **others: Any) -> Any:
            return await super().connect(**{**others, "host": address.host, "ws_uri_path": "/ws"})

    async def run(queue: str, count: int) -> float:
        parameters = stompman.ConnectionParameters("/", address.port, address.login, address.passcode)
        missing, done = count, asyncio.Event()

        async def handle(frame: Any) -> None:
            nonlocal missing
            missing -= 1
            if missing == 0:
                done.set()

        client = stompman.Client(
            [parameters],
            heartbeat=stompman.Heartbeat(10_000, 10_000),
            max_concurrent_handlers=None,
            connection_class=Connection,
        )
        async with client as conn:
            subscription = await conn.subscribe(
                queue, handle, ack="auto", on_suppressed_exception=lambda error, frame: None
            )
            began = time.perf_counter()
            for _ in range(count):
                await conn.send(BODY, queue)
            await asyncio.wait_for(done.wait(), 120)
            seconds = time.perf_counter() - began
            await subscription.unsubscribe()
            return seconds

    return lambda queue, count: asyncio.run(run(queue, count))


def contestants(tcp: str, ws: str) -> list[Contestant]:
    """Return all clients that are installed.

    Args:
        tcp: the URL of the broker, with login and passcode.
        ws: the same for WebSocket.
    """
    import stomp_py

    found = [*_ours(tcp, ws), Contestant("stomp_py", "ws", _facade(stomp_py, ws))]
    try:
        found.append(Contestant("stomp.py", "ws", _facade(peer("stomp"), ws)))
    except ImportError as missing:
        print(f"not compared: stomp.py: {missing}")
    try:
        found.append(Contestant("stompman", "ws", _stompman(ws)))
    except ImportError as missing:
        print(f"not compared: stompman: {missing}")
    return found


# ---------------------------------------------------------------------- the contest


def contest(all_contestants: Sequence[Contestant], count: int, rounds: int) -> list[Requirement]:
    """Run it, print a table, and return the requirements."""
    seconds: dict[tuple[str, str], float] = {}
    processor: dict[tuple[str, str], float] = {}
    for _ in range(rounds):
        for one in all_contestants:
            key = (one.client, one.transport)
            began = time.process_time()
            try:
                took = one.run(f"/queue/bench-{uuid.uuid4().hex}", count)
            except Exception as error:
                print(f"  {one.client} over {one.transport} failed: {type(error).__name__}: {error}")
                continue
            processor[key] = min(processor.get(key, float("inf")), time.process_time() - began)
            seconds[key] = min(seconds.get(key, float("inf")), took)
    print(f"\n  {count} messages of {len(BODY)} bytes, sent while they are received")
    print(f"    {'':28}  {'messages/s':>10}  {'CPU us each':>11}  {'x its TCP':>9}")
    for (client, transport), took in sorted(seconds.items(), key=lambda entry: entry[1]):
        tcp = seconds.get((client, "tcp"))
        share = f"{tcp / took:9.2f}" if tcp is not None else ""
        each = processor[client, transport] / count * 1e6
        print(f"    {f'{client}, {transport}':28}  {count / took:10,.0f}  {each:11.1f}  {share}", flush=True)
    requirements = []
    for client, transport in seconds:
        if transport == "tcp" and (client, "ws") in seconds:
            share_of_tcp = seconds[client, "tcp"] / seconds[client, "ws"]
            requirements.append(Requirement(f"{client}: WebSocket / TCP", LEAST_SHARE, share_of_tcp))
            requirements += [
                Requirement(f"{client} / {other}", 1.0, seconds[other, "ws"] / seconds[client, "ws"])
                for other in ("stomp.py", "stompman")
                if (other, "ws") in seconds
            ]
    return requirements


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compare WebSocket with TCP on RabbitMQ.")
    parser.add_argument("--quick", action="store_true", help="only check that it runs")
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds; the best one counts")
    chosen = parser.parse_args(arguments)
    count, rounds = (200, 1) if chosen.quick else (chosen.messages, chosen.rounds)
    from tests.brokers import RabbitMQ

    if not RabbitMQ.available():
        print(f"not installed: {RabbitMQ.install_hint}")
        return 1
    with RabbitMQ() as broker:
        requirements = contest(contestants(broker.url, broker.ws_url), count, rounds)
    print(f"\n{show_requirements(requirements)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
