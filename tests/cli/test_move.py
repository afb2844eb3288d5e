"""``stomp move`` and ``stomp drain``: messages go where they should, and none is lost."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from stomp_testing import Broker, FaultProxy
from tests.brokers import Broker as RealBroker

from .command import Stomp, finish, start

SOURCE, TARGET = "/queue/dead", "/queue/orders"


@pytest.fixture(params=["rabbitmq", "activemq"])
def broker(request: pytest.FixtureRequest) -> object:
    """Of both flavours."""
    with Broker(flavour=request.param) as broker:
        yield broker


def test_messages_are_moved_with_their_headers(stomp: Stomp, broker: Broker) -> None:
    broker.send(SOURCE, "text", {"colour": "red", "content-type": "text/x", "x-error": "why", "expires": "1"})
    for number in range(250):
        broker.send(SOURCE, str(number))
    broker.send("/queue/other", "text")
    has_length = "content-length" in stomp("sub", "/queue/other", "-n", "1").messages[0]["headers"]
    result = stomp("move", SOURCE, TARGET, "-n", "251", "-H", "retried:yes")
    assert result.status == 0
    assert result.err == "stomp: 251 moved from /queue/dead to /queue/orders\n"
    assert broker.messages(SOURCE) == broker.unacknowledged(SOURCE) == []
    assert broker.messages(TARGET) == [b"text", *(b"%d" % number for number in range(250))]
    headers = stomp("sub", TARGET, "-n", "1").messages[0]["headers"]
    # ActiveMQ makes a TextMessage of one without it, which stays one.
    assert ("content-length" in headers) == has_length
    assert (headers["colour"], headers["content-type"], headers["retried"]) == ("red", "text/x", "yes")
    assert "x-error" not in headers
    assert headers.get("expires") != "1"


def test_only_matching_messages(stomp: Stomp, broker: Broker) -> None:
    """More than the window do not match: they are not in the way of later ones."""
    for number in range(300):
        broker.send(SOURCE, str(number), {"part": str(number // 100), "x": "1"})
    result = stomp(
        "move", SOURCE, TARGET, "--where", "part=2", "--where", "x=1", "-n", "100", "--window", "10"
    )
    assert "100 moved from /queue/dead to /queue/orders, 200 did not match and were left" in result.err
    assert broker.messages(TARGET) == [b"%d" % number for number in range(200, 300)]
    broker.wait_until(lambda broker: len(broker.messages(SOURCE)) == 200)


def test_a_number_of_messages(stomp: Stomp, broker: Broker) -> None:
    for number in range(20):
        broker.send(SOURCE, str(number))
    assert stomp("move", SOURCE, TARGET, "-n", "5").status == 0
    assert len(broker.messages(TARGET)) == 5
    broker.wait_until(lambda broker: len(broker.messages(SOURCE)) == 15)


def test_a_wrong_condition_is_refused(stomp: Stomp) -> None:
    result = stomp("move", SOURCE, TARGET, "--where", "colour")
    assert result.status == 2
    assert "a condition is NAME=VALUE, got 'colour'" in result.err


def test_killed_at_any_time_it_loses_nothing(broker: Broker) -> None:
    total = 1000
    for number in range(total):
        broker.send(SOURCE, str(number))
    for share in (0.1, 0.4, 0.7):
        process = start("move", SOURCE, TARGET, "--window", "20", url=broker.url)
        broker.wait_until(lambda broker: len(broker.messages(TARGET)) >= share * total, timeout=60)  # noqa: B023
        process.kill()
        finish(process)
        broker.wait_until(lambda broker: not broker.connections, timeout=30)
        both = [*broker.messages(SOURCE), *broker.messages(TARGET)]
        assert {int(body) for body in both} == set(range(total))
    left = str(len(broker.messages(SOURCE)))
    assert finish(start("move", SOURCE, TARGET, "-n", left, url=broker.url)).status == 0
    moved = [int(body) for body in broker.messages(TARGET)]
    assert set(moved) == set(range(total))
    assert len(moved) <= total + 3 * 20


def test_cut_connections_lose_nothing(broker: Broker) -> None:
    total = 1000
    for number in range(total):
        broker.send(SOURCE, str(number))
    with FaultProxy(broker.url) as proxy:
        process = start("move", SOURCE, TARGET, "--window", "20", "--idle", "3", url=proxy.url)
        for share in (0.2, 0.6):
            broker.wait_until(lambda broker: len(broker.messages(TARGET)) >= share * total, timeout=60)  # noqa: B023
            proxy.reset_all()
        result = finish(process)
    assert result.status == 0
    moved = [int(body) for body in broker.messages(TARGET)]
    assert set(moved) == set(range(total))
    assert broker.messages(SOURCE) == []
    doubles = len(moved) - total
    assert doubles <= 2 * 40
    assert doubles == 0 or "are in /queue/orders twice" in result.err


def test_a_broker_that_is_down_is_not_an_empty_queue(broker: Broker) -> None:
    for number in range(100):
        broker.send(SOURCE, str(number))
    with FaultProxy(broker.url) as proxy:
        process = start("move", SOURCE, TARGET, "--window", "10", "--idle", "2", url=proxy.url)
        broker.wait_until(lambda broker: len(broker.messages(TARGET)) >= 20, timeout=60)
        proxy.refuse_connections = True
        proxy.reset_all()
        assert process.stderr is not None
        assert b"connection lost" in process.stderr.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
        proxy.refuse_connections = False
        result = finish(process)
    assert result.status == 0
    assert {int(body) for body in broker.messages(TARGET)} == set(range(100))


def test_a_real_broker(real_broker: RealBroker, stomp: Stomp) -> None:
    stomp.variables["STOMP_URL"] = real_broker.url
    source, target = real_broker.new_queue(), real_broker.new_queue()
    stomp("pub", source, "-l", "-H", "part:1", stdin=b"".join(b"%d\n" % number for number in range(100)))
    stomp("pub", source, "-l", "-H", "part:2", stdin=b"x\ny\n")
    assert "100 moved" in stomp("move", source, target, "--where", "part=1", "--idle", "2").err
    result = stomp("sub", target, "-n", "100")
    assert sorted(map(int, result.bodies)) == list(range(100))
    assert sorted(stomp("sub", source, "-n", "2").bodies) == ["x", "y"]


# ---------------------------------------------------------------------- drain


def test_draining_asks_first(stomp: Stomp, broker: Broker) -> None:
    broker.send(SOURCE, "x")
    result = stomp("drain", SOURCE)
    assert result.status == 2
    assert "give --yes, or --output to keep them" in result.err
    assert broker.messages(SOURCE) == [b"x"]


def test_drained_messages_are_kept_in_a_file(stomp: Stomp, broker: Broker, tmp_path: Path) -> None:
    for number in range(5):
        broker.send(SOURCE, str(number))
    file = tmp_path / "kept.jsonl"
    result = stomp("drain", SOURCE, "-o", str(file), "-n", "5")
    assert result.err == "stomp: 5 taken from /queue/dead\n"
    assert broker.messages(SOURCE) == []
    assert [json.loads(line)["body"] for line in file.read_text().splitlines()] == ["0", "1", "2", "3", "4"]
    assert stomp("drain", SOURCE, "-o", str(file), "--idle", "0.5").status == 1  # it is not overwritten
    assert stomp("pub", "--jsonl", "-f", str(file), SOURCE).status == 0
    assert len(broker.messages(SOURCE)) == 5
