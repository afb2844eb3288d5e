"""Brokers and clients still do what results.json states, and docs/conformance.md shows it.

Cases that depend on time are left to tools/conformance-table: on a busy machine a heart-beat may be late.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from stomp_testing.conformance import Case, load_requirements
from tests.brokers import ActiveMQ, RabbitMQ

from .implementations import (
    EMBEDDED,
    PROGRAMS,
    Play,
    cases_of,
    embedded,
    load_results,
    outcomes,
    play_all,
    play_to_url,
)

ROOT = Path(__file__).parents[2]
RESULTS = load_results()
REAL = {"embedded, rabbitmq": "RabbitMQ", "embedded, activemq": "ActiveMQ"}


def is_timed(case: Case) -> bool:
    return any(step.kind in ("beats", "wait") for step in case.steps)


def expected(name: str, cases: Iterable[Case]) -> dict[str, list[str]]:
    played = {case.id for case in cases}
    return {outcome: sorted(played & set(RESULTS[name][outcome])) for outcome in ("failed", "not applicable")}


def check(name: str, started: AbstractContextManager[Play], role: str) -> None:
    cases = [case for case in cases_of(role) if not is_timed(case)]
    with started as player:
        results = play_all(player, cases)
        if name not in EMBEDDED and outcomes(results) != expected(name, cases):
            # On a busy machine a real broker or a program of others may be too late once.
            results = [
                one if outcomes([one]) == expected(name, [one.case]) else player(one.case) for one in results
            ]
    reasons = [f"{one.case.id}: {one.reason}" for one in results if one.reason]
    assert outcomes(results) == expected(name, cases), "\n".join(reasons)


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_broker(name: str) -> None:
    check(name, embedded(EMBEDDED[name]), "server")


def test_rabbitmq(rabbitmq: RabbitMQ) -> None:
    check("RabbitMQ", play_to_url(rabbitmq.url), "server")


def test_activemq(activemq: ActiveMQ) -> None:
    check("ActiveMQ", play_to_url(activemq.url), "server")


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_client(name: str) -> None:
    program = PROGRAMS[name]
    if not program.available:
        message = f"{name} is not installed: {program.install}"
        if os.environ.get("STOMP_BROKERS") == "required":
            pytest.fail(message)
        pytest.skip(message)
    check(name, program.player(), "client")


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_broker_passes_what_the_real_one_passes(name: str) -> None:
    """It stands for the real one. It may be stricter, but must not fail where that does not."""
    cases = [case for case in cases_of("server") if not is_timed(case)]
    failed, failed_by_real = expected(name, cases)["failed"], expected(REAL[name], cases)["failed"]
    assert set(failed) - set(failed_by_real) == set()


def test_our_client_passes_everything() -> None:
    assert RESULTS["stomp_socket"]["failed"] == RESULTS["stomp_socket"]["not applicable"] == []


def test_readme_has_the_counts() -> None:
    requirements = load_requirements()
    cases = sum(len(one.cases) for one in requirements)
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"{cases} test cases for the {len(requirements)} requirements" in readme
