"""``stomp bench``: its arithmetic with a made-up clock, and the command with a broker of a known delay."""

from __future__ import annotations

import csv
import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from stomp_cli._benchmark._latencies import Latencies
from stomp_cli._benchmark._plan import NANOSECONDS, Plan
from stomp_cli._benchmark._tally import Deliveries
from stomp_testing import Broker, FaultProxy
from tests.brokers import Broker as RealBroker

from .command import Stomp, finish, start

MILLISECOND = 1_000_000  # nanoseconds


def results_of(stomp: Stomp, *arguments: str, status: int = 0) -> Any:
    result = stomp("bench", "--json", "--patience", "60", *arguments)
    assert result.status == status, result.err
    return json.loads(result.out)


# ------------------------------------------------------------------ when messages are meant to be sent


def times_of(plan: Plan, sender: int = 0) -> list[int]:
    schedule = plan.schedule(sender, start=0)
    times = []
    while (at := schedule.next(now=0)) is not None:
        times.append(at)
    return times


def test_open_loop_keeps_its_times() -> None:
    plan = Plan("/queue/a", rate=1000.0, messages=5)
    assert times_of(plan) == [n * MILLISECOND for n in range(5)]


def test_producers_take_turns() -> None:
    plan = Plan("/queue/a", rate=1000.0, messages=5, producers=2)
    assert times_of(plan, 0) == [0, 2 * MILLISECOND, 4 * MILLISECOND]
    assert times_of(plan, 1) == [MILLISECOND, 3 * MILLISECOND]


def test_warm_up_does_not_count() -> None:
    plan = Plan("/queue/a", rate=10.0, messages=5, warmup=1.0)
    assert len(times_of(plan)) == 10 + 5


def test_duration_ends_after_the_warm_up() -> None:
    plan = Plan("/queue/a", rate=10.0, duration=2.0, warmup=1.0)
    assert len(times_of(plan)) == 30


def test_closed_loop_sends_when_asked() -> None:
    schedule = Plan("/queue/a", duration=1.0).schedule(0, start=0)
    assert schedule.next(now=7) == 7
    assert schedule.next(now=NANOSECONDS - 1) == NANOSECONDS - 1
    assert schedule.next(now=NANOSECONDS) is None


def test_stall_is_in_the_percentiles() -> None:
    """A broker that stops for a second, of four, at 1000 messages a second, with one in flight.

    A quarter of the messages are meant to be sent while it stops, and wait for what is left of that second. In a closed
    loop a single message would be slow.
    """
    latencies = Latencies()
    schedule = Plan("/queue/a", rate=1000.0, duration=4.0).schedule(0, start=0)
    now = 0
    while (at := schedule.next(now)) is not None:
        now = max(now, at)
        if NANOSECONDS <= now < 2 * NANOSECONDS:
            now = 2 * NANOSECONDS
        latencies.record(now - at)
    summary = latencies.summary()
    assert summary["count"] == 4000
    assert summary["p50"] == 0
    assert summary["p90"] == pytest.approx(600, rel=0.01)
    assert summary["p99"] == pytest.approx(960, rel=0.01)
    assert summary["max"] == 1000


# ------------------------------------------------------------------ percentiles and counts


def test_percentiles_are_right() -> None:
    latencies = Latencies()
    for number in range(1, 100_001):
        latencies.record(number * 1000)
    summary = latencies.summary()
    assert summary["min"] == 0.001
    assert summary["mean"] == pytest.approx(50.0005)
    for name, value in {"p50": 50, "p90": 90, "p99": 99, "p99.9": 99.9, "p99.99": 99.99}.items():
        assert summary[name] == pytest.approx(value, rel=0.001)
    assert summary["max"] == 100


def test_merged_latencies_are_all_counted() -> None:
    one, other = Latencies(), Latencies()
    one.record(MILLISECOND)
    other.record(MILLISECOND)
    other.record(3 * MILLISECOND)
    one.merge(other)
    assert one.summary()["count"] == 3
    assert one.bars()[0] == (1.0, 2.0, 2)
    assert one.bars()[-1] == (2.0, 5.0, 1)


def test_percentile_text_ends_with_all_of_them() -> None:
    latencies = Latencies()
    for number in range(1000):
        latencies.record(number * MILLISECOND)
    rows = [line.split() for line in latencies.percentile_text() if line[:1] == " " and "Value" not in line]
    assert [float(row[1]) for row in rows] == sorted(float(row[1]) for row in rows)
    assert rows[-1][1:] == ["1.000000000000", "1000"]


def test_lost_and_duplicate_messages_are_found() -> None:
    deliveries = Deliveries(producers=2)
    deliveries.confirm(0, 0)
    deliveries.confirm(1, 5)
    assert deliveries.missing == 2
    assert deliveries.deliver(0, 0)
    assert not deliveries.deliver(0, 0)
    assert deliveries.deliver(1, 4), "delivered before it was confirmed"
    deliveries.confirm(1, 4)
    assert (deliveries.missing, deliveries.duplicates) == (1, 1)


# ------------------------------------------------------------------ the command


@pytest.mark.parametrize("adapter", ["socket", "asyncio", "trio"])
def test_latencies_contain_the_delay_of_the_broker(adapter: str, broker: Broker, stomp: Stomp) -> None:
    """Lower bounds are exact: what is delayed by 50 ms takes 50 ms. No latency is longer than the whole run."""
    with FaultProxy(broker.url) as proxy:
        proxy.to_client.delay = 0.05
        start = time.perf_counter()
        results = results_of(
            stomp, proxy.url, "--adapter", adapter, "-n", "20", "--warmup", "0", "--rate", "100"
        )
        elapsed = 1000 * (time.perf_counter() - start)
    for name in ("send_to_receipt", "send_to_message"):
        summary = results["latency_ms"][name]
        assert summary["count"] == 20
        assert 50 <= summary["min"] <= summary["p50"] <= summary["p99"] <= summary["max"] < elapsed
    assert results["latency_ms"]["message_to_ack"]["count"] == 20


@pytest.mark.parametrize("adapter", ["socket", "asyncio", "trio"])
def test_every_message_is_counted(adapter: str, broker: Broker, stomp: Stomp) -> None:
    results = results_of(stomp, "--adapter", adapter, "--clients", "2", "-n", "301", "--warmup", "0")
    counts = results["counts"]
    assert [counts[name] for name in ("sent", "confirmed", "received", "acknowledged")] == [301] * 4
    assert set(results["errors"].values()) == {0}
    assert results["cpu_us_per_message"]["client"] > 0
    assert results["cpu_us_per_message"]["harness"] > 0
    destination = results["settings"]["destination"]
    assert broker.messages(destination) == broker.unacknowledged(destination) == []


@pytest.mark.parametrize("adapter", ["socket", "asyncio", "trio"])
def test_requests_get_replies(adapter: str, stomp: Stomp) -> None:
    results = results_of(
        stomp, "--request", "--adapter", adapter, "--window", "2", "-n", "21", "--warmup", "0"
    )
    assert results["latency_ms"]["request_to_reply"]["count"] == 21
    assert results["counts"]["confirmed"] == results["counts"]["received"] == 21


def test_queue_is_drained(broker: Broker, stomp: Stomp) -> None:
    results = results_of(stomp, "--consumers", "0", "-n", "50", "--warmup", "0")
    assert results["counts"]["drained"] == 50
    assert broker.messages(results["settings"]["destination"]) == []


def test_queue_of_the_user_is_consumed_only(broker: Broker, stomp: Stomp) -> None:
    for _ in range(30):
        broker.send("/queue/orders", b"order")
    arguments = ("--producers", "0", "--destination", "/queue/orders", "--warmup", "0", "--prefetch", "1")
    results = results_of(stomp, *arguments, "-n", "10")
    assert results["counts"]["foreign"] == results["counts"]["received"]
    assert 10 <= results["counts"]["acknowledged"] < 30
    assert len(broker.messages("/queue/orders")) == 30 - results["counts"]["acknowledged"]


def test_rejected_messages_are_counted(stomp: Stomp) -> None:
    arguments = ("--destination", "/no-such-kind/a", "--consumers", "0", "--window", "1", "--warmup", "0")
    results = results_of(stomp, *arguments, "-n", "2", status=5)
    assert results["errors"]["rejected"] == 2
    assert results["errors"]["reconnects"] >= 1
    assert results["counts"]["confirmed"] == 0


def test_files_and_comparison(stomp: Stomp, tmp_path: Path) -> None:
    old, table = tmp_path / "old.json", tmp_path / "table.csv"
    results = results_of(
        stomp, "-n", "20", "--warmup", "0", "--csv", str(table), "--hdr", str(tmp_path / "run.hgrm")
    )
    old.write_text(json.dumps(results))
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["latency"] for row in rows] == ["send_to_receipt", "send_to_message", "message_to_ack"]
    assert {row["count"] for row in rows} == {"20"}
    for row in rows:
        text = (tmp_path / f"run-{row['latency'].replace('_', '-')}.hgrm").read_text()
        assert text.split()[:3] == ["Value", "Percentile", "TotalCount"]
    result = stomp("bench", "-n", "20", "--warmup", "0", "--size", "7", "--compare", str(old))
    assert result.status == 0
    report = result.out.decode()
    assert "these settings differ: size 100 -> 7" in report
    assert "send->RECEIPT p50 ms" in report
    assert "errors: none" in report


@pytest.mark.parametrize(
    "arguments",
    [
        ("-n", "1", "--duration", "1"),
        ("--producers", "0"),
        ("--request", "--consumers", "0"),
        ("--producers", "0", "--consumers", "0", "--destination", "/queue/a"),
    ],
)
def test_options_that_contradict_each_other(arguments: tuple[str, ...], stomp: Stomp) -> None:
    assert stomp("bench", *arguments).status == 2


def test_ctrl_c_ends_early_with_results(broker: Broker) -> None:
    """As a process of its own, which gets the signal."""
    process = start("bench", "--json", "--duration", "600", "--warmup", "0", "--rate", "50", url=broker.url)
    try:
        # When a second connection exists, everything that Ctrl-C needs has been set up.
        broker.wait_until(lambda b: len(b.connections) == 2, timeout=60)
        process.send_signal(signal.SIGINT)
        result = finish(process)
    finally:
        process.kill()
    assert result.status == 0
    results = json.loads(result.out)
    assert results["counts"]["received"] == results["counts"]["confirmed"]


def test_real_brokers(real_broker: RealBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    results = results_of(Stomp(monkeypatch, real_broker.url), "-n", "200", "--warmup", "0")
    assert set(results["errors"].values()) == {0}
    assert results["counts"]["acknowledged"] == results["counts"]["confirmed"] == 200
    assert results["broker"]["server"].lower().startswith(real_broker.name)
