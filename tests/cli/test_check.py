"""``stomp check``: what it finds out of the embedded broker as each of its models, and of real brokers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stomp_testing import ACTIVEMQ, Broker
from tests.brokers import Broker as RealBroker

from .command import Stomp

# The answers must not depend on how busy this machine is.
PATIENT = ("--timeout", "30")


def answers_of(stomp: Stomp) -> dict[str, Any]:
    result = stomp("check", "--json", *PATIENT)
    assert result.status == 0, result.err
    rows = json.loads(result.out)["answers"]
    return {row["question"]: row for row in rows}


def test_embedded_broker(stomp: Stomp) -> None:
    answers = answers_of(stomp)
    assert {name for name, row in answers.items() if row["verdict"] == "no"} == {
        "receipt-id in ERROR",
        "selector",
        "transaction: atomic",
    }
    assert {name for name, row in answers.items() if row["verdict"] == "unknown"} == {"browse a queue"}
    assert answers["NACK"]["detail"] == "it is delivered again"


def test_broker_with_receipt_id_in_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with Broker(flavour=ACTIVEMQ) as broker:
        answers = answers_of(Stomp(monkeypatch, broker.url))
    assert answers["receipt-id in ERROR"]["verdict"] == "yes"
    assert answers["NACK"]["detail"] != "it is delivered again"


def test_pipe_gets_a_line_for_each_question(stomp: Stomp) -> None:
    lines = stomp("check", *PATIENT).lines
    assert "RabbitMQ/stomp_testing" in lines[0]
    assert lines[1].split() == ["STOMP", "1.0", "yes"]


def test_no_connection_is_exit_status_3(stomp: Stomp, broker: Broker) -> None:
    broker.stop()
    assert stomp("check").status == 3


def test_real_brokers(real_broker: RealBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = answers_of(Stomp(monkeypatch, real_broker.url))
    rabbitmq = real_broker.name == "rabbitmq"
    for name in ("STOMP 1.0", "STOMP 1.1", "STOMP 1.2", "receipts", "binary body with NUL", "body of 1 MB"):
        assert answers[name]["verdict"] == "yes"
    for name in ("escapes in headers", "prefetch", "transaction: commit", "transaction: abort"):
        assert answers[name]["verdict"] == "yes"
    assert answers["durable subscription"]["verdict"] == "yes"
    assert answers["receipt-id in ERROR"]["verdict"] == ("no" if rabbitmq else "yes")
    assert answers["selector"]["verdict"] == ("no" if rabbitmq else "yes")
    assert answers["browse a queue"]["verdict"] == ("unknown" if rabbitmq else "yes")
    moved = answers["NACK"]["detail"].startswith("it is moved to /queue/DLQ.stomp-check-")
    assert moved is not rabbitmq
