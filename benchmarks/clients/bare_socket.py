"""A socket that writes prepared bytes and counts the NULs that it receives: no client can be faster than this."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from ..address import Address
from ..jobs import AT_ONCE, Job

__all__ = ["CONTESTS"]


@contextmanager
def _connected(job: Job) -> Iterator[socket.socket]:
    host, port, login, passcode = Address.of(job.url)
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
        if not data:
            raise ConnectionError("the broker has closed the connection")
        received += data.count(b"\0")
    return received


def _frame(job: Job, receipt: str = "") -> bytes:
    return (
        f"SEND\ndestination:{job.queue}\n{receipt}content-length:{len(job.body)}\n\n".encode()
        + job.body
        + b"\0"
    )


def receive(job: Job) -> None:
    with _connected(job) as sock, job.measured():
        sock.sendall(f"SUBSCRIBE\nid:1\ndestination:{job.queue}\n\n\0".encode())
        _count(sock, job.count)


def send(job: Job) -> None:
    frame, last = _frame(job), _frame(job, "receipt:1\n")
    with _connected(job) as sock, job.measured():
        for _ in range(job.count - 1):
            sock.sendall(frame)
        sock.sendall(last)
        _count(sock, 1)


def confirm(job: Job) -> None:
    frame = _frame(job, "receipt:1\n")
    with _connected(job) as sock, job.measured():
        for _ in job.one_by_one():
            sock.sendall(frame)
            _count(sock, 1)


def pipeline(job: Job) -> None:
    frame = _frame(job, "receipt:1\n")
    with _connected(job) as sock, job.measured():
        pending = 0
        for _ in range(job.count):
            sock.sendall(frame)
            pending += 1
            if pending == AT_ONCE:
                pending -= _count(sock, 1)
        if pending:
            _count(sock, pending)


CONTESTS = {"receive": receive, "send": send, "confirm": confirm, "pipeline": pipeline}
