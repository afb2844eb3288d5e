"""The examples, run as described in their first lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from stomp_core import Limits
from stomp_testing import Broker
from tests.brokers import Broker as RealBroker
from tests.waiting import HANGS

ROOT = Path(__file__).parents[2]


def start(example: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "examples" / example), *arguments],
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'transports'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(run: subprocess.Popen[str], stdin: str = "") -> list[str]:
    try:
        out, err = run.communicate(stdin, timeout=HANGS)
    except BaseException:
        run.kill()
        run.communicate()
        raise
    assert run.returncode == 0, out + err
    assert err == ""
    return out.splitlines()


def check_producer_and_consumer(url: str, queue: str) -> None:
    output = finish(start("producer.py", url, queue), "one\ntwo\nthree\n")
    assert output == ["confirmed: one", "confirmed: two", "confirmed: three"]
    assert finish(start("consumer.py", url, queue, "3")) == ["one", "two", "three"]


def test_the_consumer_receives_what_the_producer_sends() -> None:
    with Broker() as broker:
        check_producer_and_consumer(broker.url, "/queue/lines")
        assert broker.messages("/queue/lines") == []


def test_producer_and_consumer_on_a_real_broker(real_broker: RealBroker) -> None:
    check_producer_and_consumer(real_broker.url, real_broker.new_queue())


def test_the_bulk_producer_prints_what_is_not_confirmed() -> None:
    lines = [str(number) for number in range(1000)]
    with Broker() as broker:
        output = finish(start("bulk_producer.py", broker.url, "/queue/lines"), "\n".join(lines))
        assert output == ["confirmed: all 1000"]
        assert broker.messages("/queue/lines") == [line.encode() for line in lines]
    with Broker(limits=Limits(max_body=3)) as broker:
        run = start("bulk_producer.py", broker.url, "/queue/lines")
        out, err = run.communicate("1\n12\n1234\n", timeout=HANGS)
        assert (run.returncode, err) == (1, "")
        assert "not confirmed: 1234: " in out
        assert "not confirmed: 12:" not in out


def test_the_worker_pool_empties_a_queue() -> None:
    with Broker() as broker:
        for number in range(6):
            broker.send("/queue/jobs", f"job {number}")
        output = finish(start("worker_pool.py", broker.url, "/queue/jobs", "6"))
        assert sorted(line for line in output if line.startswith("done")) == [
            f"done: job {n}" for n in range(6)
        ]
        assert broker.messages("/queue/jobs") == []
        assert not broker.unacknowledged("/queue/jobs")


def test_a_request_gets_its_reply_on_a_real_broker(real_broker: RealBroker) -> None:
    pytest.importorskip("trio", reason='pip install "stomp-core[trio]"')
    output = finish(start("request_reply.py", real_broker.url, real_broker.new_queue()))
    assert output == ["2 squared is 4", "3 squared is 9", "12 squared is 144"]


def test_a_request_gets_its_reply_on_the_embedded_broker() -> None:
    pytest.importorskip("trio", reason='pip install "stomp-core[trio]"')
    with Broker() as broker:
        output = finish(start("request_reply.py", broker.url, "/queue/squares"))
    assert output == ["2 squared is 4", "3 squared is 9", "12 squared is 144"]


def test_failover_uses_the_second_broker_when_the_first_dies() -> None:
    with Broker() as first, Broker() as second:

        def kill_the_first_broker_in_use() -> None:
            deadline = time.monotonic() + HANGS
            while len(first.messages("/queue/a")) < 3 and time.monotonic() < deadline:
                time.sleep(0.01)
            first.kill()

        killer = threading.Thread(target=kill_the_first_broker_in_use)
        killer.start()
        output = finish(start("failover.py", f"{first.url},{second.url}", "/queue/a", "20"))
        killer.join()
        confirmed = sum(line.startswith("confirmed") for line in output)
        unknown = sum(line.startswith("unknown") for line in output)
        assert confirmed + unknown == 20
        assert unknown <= 1
        assert any(line.startswith("lost:") for line in output)
        assert any(line.startswith(f"connected to stomp://127.0.0.1:{second.port}") for line in output)
        assert second.messages("/queue/a")


# ---------------------------------------------------------------------- what a user does wrong

EXAMPLES = sorted(
    path.name
    for path in (ROOT / "examples").glob("*.py")
    if path.name not in ("demo.py", "transport.py") and not path.name.startswith("dial_")
)


def failure(example: str, *arguments: str) -> str:
    """Run an example that must fail; return what it writes to standard error."""
    if example == "request_reply.py":
        pytest.importorskip("trio", reason='pip install "stomp-core[trio]"')
    run = start(example, *arguments)
    try:
        _, err = run.communicate("", timeout=HANGS)
    finally:
        run.kill()
    assert run.returncode == 1
    assert "Traceback" not in err
    return err


#: Runs an example once for each list of arguments, and prints what each run writes to standard error and ends with.
RUN_AGAIN = """
import contextlib, io, json, runpy, sys
example, runs = sys.argv[1:]
for arguments in json.loads(runs):
    sys.argv = [example, *arguments]
    written, code = io.StringIO(), None
    with contextlib.redirect_stderr(written):
        try:
            runpy.run_path(example, run_name="__main__")
        except SystemExit as end:
            code = end.code
    print(json.dumps([written.getvalue(), code]))
"""


def failures(example: str, *runs: tuple[str, ...]) -> list[str]:
    """Run an example that must fail several times, in one process; return what each run tells the user."""
    if example == "request_reply.py":
        pytest.importorskip("trio", reason='pip install "stomp-core[trio]"')
    done = subprocess.run(
        [sys.executable, "-c", RUN_AGAIN, str(ROOT / "examples" / example), json.dumps(runs)],
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'transports'}"},
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    texts = []
    for written, code in map(json.loads, done.stdout.splitlines()):
        assert written == ""
        assert isinstance(code, str)  # which Python writes to standard error, and ends with 1
        texts.append(f"{code}\n")
    assert len(texts) == len(runs)
    return texts


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_wrong_number_of_arguments_is_answered_by_the_usage(example: str) -> None:
    runs: list[tuple[str, ...]] = [("one",), ("one", "two", "3", "four"), ("--help",)]
    for text in [failure(example), *failures(example, *runs)]:
        assert f"python examples/{example} stomp://" in text


def test_the_transport_without_a_program_prints_its_usage() -> None:
    for text in failures("transport.py", (), ("stomp://broker",), ("stomp://broker", "/queue/a")):
        assert "python examples/transport.py stomp://" in text


def assert_one_line(example: str, error: str, *parts: str) -> None:
    assert error.startswith(f"{example.removesuffix('.py')}: ")
    assert error.count("\n") == 1, error
    for part in parts:
        assert part in error


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_unreachable_broker_is_one_line(example: str) -> None:
    with Broker() as broker:
        url = broker.url
    assert_one_line(example, failure(example, url, "/queue/a"), "could not connect")


def test_a_program_without_a_broker_is_one_line() -> None:
    error = failure("transport.py", "stomp://broker", "/queue/a", sys.executable, "-c", "pass")
    assert_one_line("transport.py", error, "could not connect")


@pytest.mark.parametrize("flavour", ["rabbitmq", "activemq"])
@pytest.mark.parametrize("example", EXAMPLES)
def test_a_wrong_passcode_is_one_line(example: str, flavour: str) -> None:
    with Broker(users={"guest": "another"}, flavour=flavour) as broker:
        url = f"stomp://guest:mistyped@{broker.host}:{broker.port}"
        error = failure(example, url, "/queue/a")
    assert_one_line(example, error, "refused")
    assert "mistyped" not in error


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_wrong_url_is_one_line(example: str) -> None:
    urls = ("http://localhost:61613", "localhost", "stomp://", "stomp://localhost:port")
    for text in failures(example, *((url, "/queue/a") for url in urls)):
        assert_one_line(example, text)


@pytest.mark.parametrize("example", sorted({*EXAMPLES} - {"producer.py", "bulk_producer.py"}))
def test_a_refused_destination_is_one_line(example: str) -> None:
    """The producers print why each of their lines was rejected."""
    with Broker() as broker:
        assert_one_line(example, failure(example, broker.url, "/nowhere"))
