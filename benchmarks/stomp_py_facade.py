"""Compare ``stomp_py`` with stomp.py: the same program with each, with real brokers, in one run.

    python benchmarks/stomp_py_facade.py                        RabbitMQ
    python benchmarks/stomp_py_facade.py --messages 50000 rabbitmq activemq embedded
    python benchmarks/stomp_py_facade.py --quick                only check that it runs
    python benchmarks/stomp_py_facade.py --check                exit status 1 if stomp.py is faster anywhere

Two times are measured for sending, both from the first ``send()``: until the last one has returned, and until the
broker, which may be slower than either library, has confirmed it. Receiving is measured from ``subscribe()`` until the
listener has received all messages of the queue. Of the interleaved rounds the best and the median are shown.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import stomp_py
from benchmarks.address import Address
from benchmarks.readers import peer
from benchmarks.servers import drain, fill, running

__all__ = ["main"]

_TIMEOUT = 120.0


class Counter:
    """A listener that counts messages and receipts."""

    def __init__(self, count: int) -> None:
        self._missing = count
        self._done = threading.Event()

    def on_message(self, frame: Any) -> None:
        self._missing -= 1
        if not self._missing:
            self._done.set()

    on_receipt = on_message

    def wait(self) -> None:
        if not self._done.wait(_TIMEOUT):
            raise TimeoutError(f"{self._missing} messages or receipts are missing")


def _connected(lib: Any, url: str, counter: Counter) -> Any:
    host, port, login, passcode = Address.of(url)
    conn = lib.Connection12([(host, port)], vhost="/")
    conn.set_listener("counter", counter)
    conn.connect(login, passcode, wait=True)
    return conn


def send(lib: Any, url: str, queue: str, count: int, body: bytes) -> dict[str, float]:
    """Return the seconds that so many sends take."""
    counter = Counter(1)
    conn = _connected(lib, url, counter)
    began = time.perf_counter()
    for _ in range(count - 1):
        conn.send(queue, body)
    conn.send(queue, body, receipt="last")
    returned = time.perf_counter()
    counter.wait()
    confirmed = time.perf_counter()
    conn.remove_listener("counter")
    conn.disconnect()
    drain(url, queue, count)
    return {"send() returns": returned - began, "sent and confirmed": confirmed - began}


def receive(lib: Any, url: str, queue: str, count: int, body: bytes) -> dict[str, float]:
    """Return the seconds that it takes to receive so many messages."""
    fill(url, queue, count, body)
    counter = Counter(count)
    conn = _connected(lib, url, counter)
    began = time.perf_counter()
    conn.subscribe(queue, id="1")
    counter.wait()
    seconds = time.perf_counter() - began
    conn.remove_listener("counter")
    conn.disconnect()
    return {"received": seconds}


Contest = Callable[[Any, str, str, int, bytes], dict[str, float]]
CONTESTS: list[tuple[Contest, int, str]] = [
    (send, 64, "64 bytes"),
    (receive, 64, "64 bytes"),
    (send, 4096, "4 KiB"),
    (receive, 4096, "4 KiB"),
]


def compare(url: str, libraries: dict[str, Any], count: int, rounds: int) -> bool:
    """Run all contests with one broker and print a table. Return whether ``stomp_py`` was faster in all of them."""
    faster = True
    print(f"  {'':28}  {'':10}  {'messages/s':>10}  {'median':>10}")
    for contest, size, shown in CONTESTS:
        rates: dict[str, dict[str, list[float]]] = {}
        for _ in range(rounds):
            for name, lib in libraries.items():
                queue = f"/queue/bench-{uuid.uuid4().hex}"
                for title, seconds in contest(lib, url, queue, count, b"x" * size).items():
                    rates.setdefault(title, {}).setdefault(name, []).append(count / seconds)
        for title, by_name in rates.items():
            row = f"{title}, {shown}"
            for name, reached in by_name.items():
                print(f"  {row:28}  {name:10}  {max(reached):10,.0f}  {statistics.median(reached):10,.0f}")
            if "stomp.py" in by_name:
                best = max(by_name["stomp_py"]) / max(by_name["stomp.py"])
                median = statistics.median(by_name["stomp_py"]) / statistics.median(by_name["stomp.py"])
                faster = faster and best > 1.0
                print(f"  {row:28}  {'ratio':10}  {best:10.2f}  {median:10.2f}", flush=True)
    return faster


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compare stomp_py with stomp.py.")
    parser.add_argument("--quick", action="store_true", help="only check that it runs")
    parser.add_argument("--check", action="store_true", help="exit status 1 if stomp.py is faster anywhere")
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("brokers", nargs="*", default=["rabbitmq"], help="rabbitmq, activemq, embedded")
    chosen = parser.parse_args(arguments)
    libraries: dict[str, Any] = {"stomp_py": stomp_py}
    try:
        stomp = peer("stomp")
    except ImportError:
        print("not installed, so not compared: stomp.py (pip install --group bench)")
    else:
        libraries["stomp.py"] = stomp
        print(f"stomp.py {stomp.__version__}, {platform.python_implementation()} {platform.python_version()}")
    faster = True
    for name in chosen.brokers:
        count, rounds = (200, 1) if chosen.quick else (chosen.messages, chosen.rounds)
        try:
            with running(name) as url:
                print(f"\n{name}, {count} messages")
                faster = compare(url, libraries, count, rounds) and faster
        except LookupError as missing:
            print(f"\n{name}: not installed: {missing}")
    return int(chosen.check and not faster)


if __name__ == "__main__":
    raise SystemExit(main())
