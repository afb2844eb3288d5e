"""`stomp_socket`, the blocking adapter of this library."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from stomp_socket import connect

from ..jobs import AT_ONCE, Job

__all__ = ["CONTESTS"]


def receive(job: Job) -> None:
    with connect(job.url) as conn, job.measured():
        for _ in zip(range(job.count), conn.subscribe(job.queue), strict=False):
            pass


def ack(job: Job) -> None:
    with connect(job.url) as conn, job.measured():
        messages = conn.subscribe(job.queue, ack="client-individual")
        for _, message in zip(range(job.count), messages, strict=False):
            message.ack()


def send(job: Job) -> None:
    with connect(job.url) as conn, job.measured():
        for _ in range(job.count - 1):
            conn.send(job.queue, job.body)
        conn.send(job.queue, job.body, receipt=True)


def confirm(job: Job) -> None:
    with connect(job.url) as conn, job.measured():
        for _ in job.one_by_one():
            conn.send(job.queue, job.body, receipt=True)


def pipeline(job: Job) -> None:
    with connect(job.url) as conn, job.measured(), conn.pipeline(AT_ONCE) as messages:
        for _ in range(job.count):
            messages.send(job.queue, job.body)


def crowd(job: Job) -> None:
    with connect(job.url) as conn, ThreadPoolExecutor(AT_ONCE) as pool:

        def send_share() -> None:
            for _ in range(job.share):
                conn.send(job.queue, job.body, receipt=True)

        with job.measured():
            for done in [pool.submit(send_share) for _ in range(AT_ONCE)]:
                done.result()


CONTESTS = {
    "receive": receive,
    "ack": ack,
    "send": send,
    "confirm": confirm,
    "pipeline": pipeline,
    "crowd": crowd,
}
