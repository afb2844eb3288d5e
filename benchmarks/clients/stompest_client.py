"""stompest, a blocking client without threads: a program calls `receiveFrame` when it expects one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..address import Address
from ..jobs import AT_ONCE, Job
from ..readers import peer

__all__ = ["CONTESTS"]

stompest_sync = peer("stompest.sync")
StompConfig = peer("stompest.config").StompConfig


@contextmanager
def _connected(job: Job) -> Iterator[Any]:
    host, port, login, passcode = Address.of(job.url)
    client = stompest_sync.Stomp(StompConfig(f"tcp://{host}:{port}", login, passcode, version="1.2"))
    client.connect(versions=["1.2"], host="/")
    yield client
    client.disconnect()


def _expect(client: Any, command: str) -> Any:
    frame = client.receiveFrame()
    if frame.command != command:
        raise RuntimeError(f"expected {command}, got {frame.command}: {frame.body!r}")
    return frame


def receive(job: Job) -> None:
    with _connected(job) as client, job.measured():
        client.subscribe(job.queue, {"id": "1", "ack": "auto"})
        for _ in range(job.count):
            _expect(client, "MESSAGE")


def ack(job: Job) -> None:
    with _connected(job) as client, job.measured():
        client.subscribe(job.queue, {"id": "1", "ack": "client-individual"})
        for _ in range(job.count):
            client.ack(_expect(client, "MESSAGE"))


def send(job: Job) -> None:
    with _connected(job) as client, job.measured():
        for _ in range(job.count - 1):
            client.send(job.queue, job.body)
        client.send(job.queue, job.body, receipt="last")
        _expect(client, "RECEIPT")


def confirm(job: Job) -> None:
    with _connected(job) as client, job.measured():
        for number in job.one_by_one():
            client.send(job.queue, job.body, receipt=str(number))
            _expect(client, "RECEIPT")


def pipeline(job: Job) -> None:
    with _connected(job) as client, job.measured():
        for number in range(job.count):
            if number >= AT_ONCE:
                _expect(client, "RECEIPT")
            client.send(job.queue, job.body, receipt=str(number))
        for _ in range(min(job.count, AT_ONCE)):
            _expect(client, "RECEIPT")


CONTESTS = {"receive": receive, "ack": ack, "send": send, "confirm": confirm, "pipeline": pipeline}
