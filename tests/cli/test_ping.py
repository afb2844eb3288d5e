"""``stomp ping``, ``req`` and ``reply``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stomp_testing import CLOSE, Broker, Expect, ScriptedServer
from tests.brokers import Broker as RealBroker

from .command import InBackground, Stomp, finish, start


def test_ping_names_what_answers(stomp: Stomp, broker: Broker) -> None:
    result = stomp("ping", "-n", "3", "--interval", "0")
    assert result.status == 0
    first, *receipts = result.lines
    assert first.startswith(f"stomp://127.0.0.1:{broker.port}: connected in ")
    assert "STOMP 1.2, server RabbitMQ/stomp_testing (RabbitMQ), heart-beats 10 s, 10 s" in first
    assert [line.partition(":")[0] for line in receipts] == ["receipt 1", "receipt 2", "receipt 3"]
    assert "3 receipts: min " in result.err


def test_ping_as_json(stomp: Stomp) -> None:
    facts = json.loads(stomp("ping", "-n", "5", "--interval", "0", "--json").out)
    assert facts["version"] == "1.2"
    assert len(facts["receipts"]) == 5
    assert min(facts["receipts"]) <= facts["p50"] <= facts["p90"] <= facts["p99"] == max(facts["receipts"])


def test_ping_for_a_probe_prints_nothing(stomp: Stomp, broker: Broker) -> None:
    result = stomp("ping", "-q", "-n", "1")
    assert (result.status, result.out, result.err) == (0, b"", "")
    broker.stop()
    assert stomp("ping", "-q").status == 3


def test_ping_of_a_broker_that_confirms_nothing(stomp: Stomp, broker: Broker) -> None:
    broker.hold_receipts = True
    result = stomp("ping", "-n", "1", "--receipt-timeout", "0.3")
    broker.hold_receipts = False
    assert result.status == 6
    assert "receipt" in result.err


def test_a_real_broker(real_broker: RealBroker, stomp: Stomp) -> None:
    result = stomp("ping", real_broker.url, "-n", "2", "--json")
    assert result.status == 0, result.err
    assert json.loads(result.out)["profile"].lower().startswith(real_broker.name[:6].lower())


# ---------------------------------------------------------------------- requests


def test_a_request_gets_the_output_of_a_command(stomp: Stomp, broker: Broker) -> None:
    running = InBackground(
        finish,
        start("reply", "/queue/r", "--exec", "echo $STOMP_X; cat", "-n", "2", "-t", "text/x", url=broker.url),
    )
    assert stomp("req", "/queue/r", "question {{n}}", "-H", "x:1", "--raw").out == b"1\nquestion 1"
    reply = stomp("req", "/queue/r", stdin=b"\xff").messages[0]
    assert reply["headers"]["content-type"] == "text/x"
    result = running.result()
    assert (result.status, result.err) == (0, "stomp: 2 requests answered\n")


def test_a_request_gets_a_text(stomp: Stomp, broker: Broker) -> None:
    running = InBackground(
        finish, start("reply", "/queue/r", "you wrote: {{body}}", "-n", "1", url=broker.url)
    )
    assert stomp("req", "/queue/r", "hello", "--raw").out == b"you wrote: hello"
    assert running.result().status == 0


def test_no_reply_is_a_timeout(stomp: Stomp) -> None:
    result = stomp("req", "/queue/r", "hello", "--timeout", "0.3")
    assert result.status == 124
    assert "no reply from /queue/r within 0.3 s: is there a service that answers?" in result.err


def test_a_message_that_is_no_request_is_reported(stomp: Stomp, broker: Broker) -> None:
    broker.send("/queue/r", "x")
    result = stomp("reply", "/queue/r", "answer", "-n", "1")
    assert result.status == 0
    assert "has no reply-to: it is no request" in result.err
    assert broker.messages("/queue/r") == broker.unacknowledged("/queue/r") == []


@pytest.mark.parametrize("arguments", [(), ("text", "--exec", "date")])
def test_reply_needs_one_answer(stomp: Stomp, arguments: tuple[str, ...]) -> None:
    assert stomp("reply", "/queue/r", *arguments).status == 2


def test_a_reply_names_its_request(stomp: Stomp, broker: Broker) -> None:
    broker.send("/queue/r", "x", {"reply-to": "/queue/answers", "correlation-id": "17"})
    assert stomp("reply", "/queue/r", "{{body}}!", "-n", "1", "-H", "by:me", "-t", "text/x").status == 0
    (answer,) = stomp("sub", "/queue/answers", "-n", "1").messages
    headers = answer["headers"]
    assert (headers["correlation-id"], headers["by"], headers["content-type"]) == ("17", "me", "text/x")
    assert answer["body"] == "x!"


def test_a_command_that_fails_answers_nothing(stomp: Stomp, broker: Broker) -> None:
    broker.send("/queue/r", "x", {"reply-to": "/queue/answers"})
    result = stomp("reply", "/queue/r", "--exec", "echo wrong; exit 3", "-n", "1")
    assert "the command failed with exit status 3" in result.err
    assert broker.messages("/queue/answers") == []


def test_a_probe_does_not_connect_again(monkeypatch: pytest.MonkeyPatch) -> None:
    script: Any = [Expect(b"\0"), b"CONNECTED\nversion:1.2\n\n\0", Expect(b"BEGIN"), CLOSE]
    with ScriptedServer(script) as server:
        assert Stomp(monkeypatch, server.url)("ping", "-n", "3").status == 3
        assert len(server.connections) == 1
