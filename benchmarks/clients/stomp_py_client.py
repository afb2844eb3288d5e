"""stomp.py, with the listener that a program for it has to write in order to wait for messages and receipts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from ..address import Address
from ..jobs import AT_ONCE, Job
from ..readers import peer

__all__ = ["CONTESTS"]

stomp = peer("stomp")


class Messages(stomp.ConnectionListener):  # type: ignore[misc, name-defined]
    """Counts messages, and passes each of them to a function."""

    def __init__(self, count: int, handle: Callable[[Any], object]) -> None:
        self._missing = count
        self._handle = handle
        self.all = threading.Event()

    def on_message(self, frame: Any) -> None:
        self._handle(frame)
        self._missing -= 1
        if not self._missing:
            self.all.set()


class Receipts(stomp.ConnectionListener):  # type: ignore[misc, name-defined]
    """Counts receipts, for a program that does not ask which of its sends a receipt answers."""

    def __init__(self) -> None:
        self.received = threading.Semaphore(0)

    def on_receipt(self, frame: Any) -> None:
        self.received.release()


class ReceiptsById(stomp.ConnectionListener):  # type: ignore[misc, name-defined]
    """Wakes the thread that waits for a receipt, for a program with many threads."""

    def __init__(self) -> None:
        self._waiting: dict[str, threading.Lock] = {}

    def on_receipt(self, frame: Any) -> None:
        self._waiting.pop(frame.headers["receipt-id"]).release()

    def expect(self, receipt: str) -> threading.Lock:
        """Return a lock that can be acquired once the receipt has come."""
        waiting = self._waiting[receipt] = threading.Lock()
        waiting.acquire()
        return waiting


@contextmanager
def _connected(job: Job, listener: Any) -> Iterator[Any]:
    host, port, login, passcode = Address.of(job.url)
    conn = stomp.Connection12([(host, port)], vhost="/")
    conn.set_listener("contest", listener)
    conn.connect(login, passcode, wait=True)
    yield conn
    # It waits for the receipt of the DISCONNECT with a listener of its own.
    conn.remove_listener("contest")
    conn.disconnect()


def receive(job: Job) -> None:
    messages = Messages(job.count, lambda frame: None)
    with _connected(job, messages) as conn, job.measured():
        conn.subscribe(job.queue, id="1")
        messages.all.wait()


def ack(job: Job) -> None:
    messages = Messages(job.count, lambda frame: conn.ack(frame.headers["ack"]))
    with _connected(job, messages) as conn, job.measured():
        conn.subscribe(job.queue, id="1", ack="client-individual")
        messages.all.wait()


def send(job: Job) -> None:
    receipts = Receipts()
    with _connected(job, receipts) as conn, job.measured():
        for _ in range(job.count - 1):
            conn.send(job.queue, job.body)
        conn.send(job.queue, job.body, receipt="last")
        receipts.received.acquire()


def confirm(job: Job) -> None:
    receipts = Receipts()
    with _connected(job, receipts) as conn, job.measured():
        for number in job.one_by_one():
            conn.send(job.queue, job.body, receipt=str(number))
            receipts.received.acquire()


def pipeline(job: Job) -> None:
    receipts = Receipts()
    with _connected(job, receipts) as conn, job.measured():
        for number in range(job.count):
            if number >= AT_ONCE:
                receipts.received.acquire()
            conn.send(job.queue, job.body, receipt=str(number))
        for _ in range(min(job.count, AT_ONCE)):
            receipts.received.acquire()


def crowd(job: Job) -> None:
    receipts = ReceiptsById()
    with _connected(job, receipts) as conn, ThreadPoolExecutor(AT_ONCE) as pool:

        def send_share(thread: int) -> None:
            for number in range(job.share):
                receipt = f"{thread}-{number}"
                received = receipts.expect(receipt)
                conn.send(job.queue, job.body, receipt=receipt)
                received.acquire()

        with job.measured():
            for done in [pool.submit(send_share, thread) for thread in range(AT_ONCE)]:
                done.result()


CONTESTS = {
    "receive": receive,
    "ack": ack,
    "send": send,
    "confirm": confirm,
    "pipeline": pipeline,
    "crowd": crowd,
}
