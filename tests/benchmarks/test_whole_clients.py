"""The benchmarks of whole clients run with every client, and name what is missing. Times are not checked."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NoReturn

import pytest

from benchmarks import brokers
from benchmarks.brokers import Comparison
from benchmarks.client_process import ClientFailed, ClientProcess
from benchmarks.client_results import Result, failures, goals, table
from benchmarks.clients import CLIENTS, Client
from benchmarks.contests import CONTESTS, QUICK, Contest
from benchmarks.jobs import Job, Measurement
from benchmarks.servers import embedded

RECEIVE, CONFIRM = CONTESTS[0], CONTESTS[3]
OURS = ("stomp_socket", "stomp_asyncio", "stomp_trio")
#: Contests that a client has no call for.
CANNOT = {
    "a bare socket": {"ack", "crowd"},
    "stompman": {"pipeline"},
    "stompest": {"crowd"},
    "aiostomp": {"send", "confirm", "pipeline", "crowd"},
}


BROKEN = Client("broken", "tests.benchmarks.broken_client", "other")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with embedded() as url:
        yield url


def test_every_client_is_in_every_contest(capsys: pytest.CaptureFixture[str]) -> None:
    assert brokers.main(["--quick", "embedded"]) == 0
    out = capsys.readouterr().out
    sections = out.split(f": {QUICK} messages of 100 bytes\n")[1:]
    assert len(sections) == len(CONTESTS)
    for contest, section in zip(CONTESTS, sections, strict=True):
        measured = {line[4:17].strip() for line in section.splitlines() if line.startswith("    ")}
        missing = {client.name for client in CLIENTS if f"{client.name} is not compared" in out}
        expected = {client.name for client in CLIENTS if contest.name not in CANNOT.get(client.name, set())}
        assert measured - {""} == expected - missing
    assert "failed" not in out
    assert not {name for name in OURS if f"{name} is not compared" in out}


def test_versions_and_machine_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert brokers.main(["--quick", "embedded", "--only", "send"]) == 0
    out = capsys.readouterr().out
    for what in (
        "Python: ",
        "stomp.py ",
        "stompman ",
        "stompest ",
        "CPUs",
        "Load before",
        "stomp_testing (embedded)",
    ):
        assert what in out


def test_missing_broker_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def running(name: str) -> NoReturn:
        raise LookupError("apt-get install it")

    monkeypatch.setattr(brokers, "running", running)
    monkeypatch.setattr(brokers, "CLIENTS", ())
    assert brokers.main(["--quick", "rabbitmq"]) == 0
    assert "rabbitmq is not installed: apt-get install it" in capsys.readouterr().out


def test_check_fails_if_nothing_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brokers, "CLIENTS", ())
    assert brokers.main(["--quick", "--check", "embedded", "--only", "send"]) == 1


def test_missing_client_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brokers, "CLIENTS", (Client("absent", "no_such_module", "other"),))
    shown: list[str] = []
    comparison = Comparison(CONTESTS, 1, shown.append)
    comparison.run([])
    assert comparison.missing == shown
    assert shown[0].startswith("absent is not compared: not installed: No module named")


def test_unknown_broker_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        brokers.main(["hornetq"])
    assert "brokers are embedded, rabbitmq, activemq, got hornetq" in capsys.readouterr().err


def test_client_that_raises_can_be_used_again(url: str, closed_port: int) -> None:
    with ClientProcess(CLIENTS[0]) as process:
        with pytest.raises(ClientFailed, match="ConnectionRefusedError"):
            process.run("send", f"stomp://a:b@127.0.0.1:{closed_port}", "/queue/a", 1, b"")
        assert process.run("send", url, "/queue/a", 10, b"body").seconds > 0


def test_client_that_does_not_finish_gets_a_new_process(url: str) -> None:
    with ClientProcess(CLIENTS[0]) as process:
        with pytest.raises(ClientFailed, match="did not finish"):
            process.run("receive", url, "/queue/that-stays-empty", 1, b"", timeout=0.2)
        assert process.run("send", url, "/queue/a", 10, b"body").seconds > 0


def test_process_that_ends_is_reported(url: str) -> None:
    with ClientProcess(BROKEN) as process:
        with pytest.raises(ClientFailed, match="its process has ended"):
            process.run("receive", url, "/queue/a", 1, b"")


def test_failure_is_reported_and_others_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(brokers, "CLIENTS", (CLIENTS[0], BROKEN))
    contest = Contest("send", "Send", 10)
    comparison = Comparison([contest], 2, print)
    comparison.run(["embedded"])
    rounds = {one.client: len(one.rounds) for one in comparison.results}
    assert rounds == {CLIENTS[0].name: 2, BROKEN.name: 0}
    assert failures(comparison.results) == [
        "broken failed with embedded in “Send”: RuntimeError: broken on purpose"
    ]
    assert "broken on purpose" in capsys.readouterr().out


# ---------------------------------------------------------------------- results


def result(
    client: str,
    cpu: list[float],
    contest: Contest = RECEIVE,
    seconds: float = 1.0,
    broker: str = "rabbitmq",
) -> Result:
    """Return a result of 1000 messages a round, with microseconds of CPU a message for each round."""
    rounds = [Measurement(seconds * (number + 1), us / 1000, array("q")) for number, us in enumerate(cpu)]
    return Result(broker, contest, client, 1000, rounds)


def test_table_has_best_and_worst_round_and_ratio() -> None:
    shown = table(RECEIVE, [result("stomp.py", [40.0, 60.0]), result("stomp_socket", [12.0, 10.0])])
    assert shown.rows == [
        ["stomp_socket", "1,000", "-50%", "10.0", "+20%", "0.25"],
        ["stomp.py", "1,000", "-50%", "40.0", "+50%", "1.00"],
    ]


def test_table_without_reference_has_no_ratio() -> None:
    assert table(RECEIVE, [result("stomp_socket", [10.0])]).rows[0][-1] == ""


def test_percentiles_are_of_all_rounds() -> None:
    both = [
        Measurement(1.0, 0.5, array("q", range(1000, 1_001_000, 2000))),
        Measurement(1.0, 0.5, array("q", range(2000, 1_002_000, 2000))),
    ]
    latency = Result("rabbitmq", CONFIRM, "stomp.py", 500, both).latency
    assert latency == pytest.approx({50.0: 500.0, 90.0: 900.0, 99.0: 990.0, 99.9: 999.0}, rel=0.002)


def test_goals_are_judged_by_the_best_round() -> None:
    found = {
        one.what: one
        for one in goals([result("stomp_socket", [30.0, 9.0]), result("stomp.py", [50.0, 20.0])])
    }
    assert len(found) == 1
    one = found["Receive: CPU of stomp_socket / stomp.py, rabbitmq"]
    assert (one.met, one.value, one.limit) == (True, "0.45", "at most 0.5")


def test_missed_goals_are_found() -> None:
    judged = goals(
        [
            result("stomp_socket", [10.0], CONFIRM, seconds=2.0),
            result("stomp.py", [10.0], CONFIRM, seconds=1.0),
            result("stomp_trio", [13.0], CONFIRM),
            result("stomp_socket", [10.0], CONTESTS[5], broker="embedded"),
        ]
    )
    assert {one.what.partition(",")[0]: one.met for one in judged if not one.met}
    verdicts = {one.what: one.met for one in judged}
    assert verdicts == {
        "Confirmed sends, one after the other: CPU of stomp_socket / stomp.py, rabbitmq": True,
        "Confirmed sends, one after the other: CPU of stomp_trio / stomp_socket, rabbitmq": False,
        "Confirmed sends, one after the other: rate of stomp_socket / stomp.py, rabbitmq": False,
        "Confirmed sends by 50 threads or tasks: messages a second of stomp_socket, embedded": False,
    }


def test_nothing_is_judged_that_was_not_measured() -> None:
    failed = Result("rabbitmq", RECEIVE, "stomp.py", 1000, failure="it has crashed")
    assert goals([result("stomp_socket", [1.0]), failed]) == []


def test_one_by_one_measures_each_message() -> None:
    job = Job("", "", 3, b"")
    with job.measured():
        assert list(job.one_by_one()) == [0, 1, 2]
    assert len(job.measurement.latencies) == 3
    assert job.measurement.seconds > 0
