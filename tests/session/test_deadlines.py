"""Deadlines of many operations at once."""

from __future__ import annotations

import gc
import time
import weakref
from typing import Any

from stomp_core.session import Pending
from stomp_core.session.deadlines import Deadlines


class Job:
    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.pending: Pending[Any] = Pending("job")

    def late(self) -> None:
        raise AssertionError("Deadlines only finds them")


def test_nothing_is_due_when_nothing_is_watched() -> None:
    deadlines = Deadlines()
    deadlines.tell(1.0)
    assert deadlines.next() is None
    assert deadlines.due(1e9) == []


def test_time_starts_with_the_next_time_that_is_told() -> None:
    deadlines, job = Deadlines(), Job(5.0)
    deadlines.tell(1.0)
    deadlines.add(job)
    assert deadlines.next() is None
    assert deadlines.due(1e9) == []
    deadlines.tell(100.0)
    assert deadlines.next() == 105.0
    deadlines.tell(104.0)
    assert deadlines.next() == 105.0, "and starts once only"


def test_due_is_what_has_reached_its_deadline_and_no_more() -> None:
    deadlines, job = Deadlines(), Job(5.0)
    deadlines.add(job)
    deadlines.tell(0.0)
    assert deadlines.due(4.999) == []
    assert deadlines.due(5.0) == [job]
    assert deadlines.due(5.0) == [], "each once"
    assert deadlines.next() is None


def test_the_earliest_comes_first_and_of_equals_the_older() -> None:
    deadlines = Deadlines()
    jobs = [Job(3.0), Job(1.0), Job(2.0), Job(1.0)]
    for job in jobs:
        deadlines.add(job)
    deadlines.tell(10.0)
    assert deadlines.next() == 11.0
    assert deadlines.due(13.0) == [jobs[1], jobs[3], jobs[2], jobs[0]]


def test_what_is_done_has_no_deadline() -> None:
    deadlines, early, late, fresh = Deadlines(), Job(1.0), Job(2.0), Job(0.5)
    deadlines.add(early)
    deadlines.add(late)
    deadlines.tell(0.0)
    early.pending.succeed(None)
    assert deadlines.next() == 2.0
    fresh.pending.succeed(None)
    deadlines.add(fresh)
    deadlines.tell(0.0)
    assert deadlines.next() == 2.0
    late.pending.succeed(None)
    assert deadlines.due(10.0) == []


def test_done_ones_do_not_pile_up_behind_one_that_takes_long() -> None:
    deadlines = Deadlines()
    slow = Job(1e6)
    deadlines.add(slow)
    deadlines.tell(0.0)
    alive: list[weakref.ref[Job]] = []

    def quick(turn: int) -> None:
        job = Job(2e6 + turn)
        alive.append(weakref.ref(job))
        deadlines.add(job)
        deadlines.tell(float(turn))
        job.pending.succeed(None)

    for turn in range(10_000):
        quick(turn)
    gc.collect()
    assert sum(ref() is not None for ref in alive) <= 1025
    assert deadlines.next() == 1e6


def test_what_is_done_before_the_time_is_told_is_not_kept() -> None:
    deadlines, job = Deadlines(), Job(5.0)
    alive = weakref.ref(job)
    deadlines.add(job)
    job.pending.succeed(None)
    deadlines.tell(0.0)
    del job
    gc.collect()
    assert alive() is None


def test_the_order_survives_that_done_ones_are_thrown_out() -> None:
    deadlines = Deadlines()
    timeouts = [float(number * 7919 % 5000) for number in range(5000)]
    jobs = [Job(timeout) for timeout in timeouts]
    for number, job in enumerate(jobs):
        deadlines.add(job)
        deadlines.tell(0.0)
        if number % 3:
            job.pending.succeed(None)
    due = deadlines.due(1e9)
    assert due == sorted((job for job in jobs if not job.pending.done), key=lambda job: job.timeout)


def test_to_be_told_the_time_often_costs_little_however_many_are_under_way() -> None:
    def cost(count: int) -> float:
        deadlines = Deadlines()
        for _ in range(count):
            deadlines.add(Job(1e6))
        deadlines.tell(0.0)
        start = time.perf_counter()
        for _ in range(1000):
            deadlines.add(Job(1e6))
            deadlines.tell(0.0)
            deadlines.next()
        return time.perf_counter() - start

    assert min(cost(8000) for _ in range(2)) < 8 * min(cost(500) for _ in range(3)) + 0.01


def test_many_that_are_under_way_are_all_found() -> None:
    deadlines = Deadlines()
    jobs = [Job(float(number)) for number in range(5000)]
    for job in jobs:
        deadlines.add(job)
        deadlines.tell(0.0)
    assert deadlines.due(2499.0) == jobs[:2500]
    assert deadlines.next() == 2500.0
    assert deadlines.due(1e9) == jobs[2500:]
