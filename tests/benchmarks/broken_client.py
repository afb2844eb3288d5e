"""A client that fails in every contest."""

from __future__ import annotations

import os

from benchmarks.jobs import Job

__all__ = ["CONTESTS"]


def send(job: Job) -> None:
    raise RuntimeError("broken on purpose")


def receive(job: Job) -> None:
    os._exit(1)


CONTESTS = {"send": send, "receive": receive}
