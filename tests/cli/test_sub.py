"""``stomp sub``: what is printed, when a message is acknowledged, and when the command ends."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from stomp_testing import Broker, FaultProxy, Recorder
from tests.brokers import ActiveMQ

from .command import InBackground, Stomp, finish, start

QUEUE = "/queue/a"


def test_a_message_is_a_line_of_json_in_a_pipe(stomp: Stomp, broker: Broker) -> None:
    broker.send(QUEUE, "häl\nlo", {"colour": "red"})
    broker.send(QUEUE, b"\xff\0")
    result = stomp("sub", QUEUE, "-n", "2")
    text, binary = result.messages
    assert "häl".encode() in result.out
    assert (text["destination"], text["body"], text["headers"]["colour"]) == (QUEUE, "häl\nlo", "red")
    assert binary["body_base64"] == "/wA="
    assert result.status == 0
    assert broker.unacknowledged(QUEUE) == broker.messages(QUEUE) == []


def test_what_sub_prints_pub_reads(stomp: Stomp, broker: Broker) -> None:
    for body in (b"text", b"\xff\0", b'{"a":1}'):
        broker.send(QUEUE, body, {"x": "1"})
    printed = stomp("sub", QUEUE, "-n", "3").out
    stomp("pub", "--jsonl", "/queue/b", stdin=printed)
    assert broker.messages("/queue/b") == [b"text", b"\xff\0", b'{"a":1}']


def test_raw_writes_bodies_only(stomp: Stomp, broker: Broker) -> None:
    broker.send(QUEUE, b"a\0")
    broker.send(QUEUE, b"\xff")
    assert stomp("sub", QUEUE, "-n", "2", "--raw").out == b"a\0\xff"


def test_format_has_fields_and_escapes(stomp: Stomp, broker: Broker) -> None:
    broker.send(QUEUE, b"body\xff", {"colour": "red"})
    result = stomp(
        "sub", QUEUE, "-n", "1", "--format", r"{{n}}\t{{destination}} {{colour}}{{none}} {{body}}\n"
    )
    assert result.out == b"1\t/queue/a red body\xff\n"
    broker.send(QUEUE, b"x")
    assert stomp("sub", QUEUE, "-n", "1", "--format", r"\\n{{body}}\0").out == b"\\nx\0"


def test_pretty_indents_json_and_dumps_binaries(stomp: Stomp, broker: Broker) -> None:
    broker.send(QUEUE, '{"a":{"b":1}}', {"content-type": "application/json"})
    broker.send(QUEUE, bytes(range(32)))
    broker.send(QUEUE, b"plain", {"bell": "\a"})
    out = stomp("sub", QUEUE, "-n", "3", "--pretty").out.decode()
    assert "[1] /queue/a\n" in out
    assert '{\n  "a": {\n    "b": 1\n  }\n}' in out
    assert "00000000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  |................|" in out
    assert "bell: \\x07\n" in out  # a message cannot control the terminal
    assert "\x1b" not in out


def test_headers_only(stomp: Stomp, broker: Broker) -> None:
    broker.send(QUEUE, "x")
    message = stomp("sub", QUEUE, "-n", "1", "--headers-only").messages[0]
    assert message.keys() == {"destination", "headers"}


def test_dump_writes_files_and_overwrites_none(stomp: Stomp, broker: Broker, tmp_path: Path) -> None:
    folder = tmp_path / "dump"
    for body in ("one", "two"):
        broker.send(QUEUE, body, {"content-type": "text/plain"})
        assert stomp("sub", QUEUE, "-n", "1", "--dump", str(folder)).status == 0
    assert sorted(file.name for file in folder.iterdir()) == [
        "000001.json",
        "000001.txt",
        "000002.json",
        "000002.txt",
    ]
    assert (folder / "000002.txt").read_text() == "two"
    assert json.loads((folder / "000002.json").read_text())["destination"] == QUEUE


def test_only_what_was_printed_is_acknowledged(stomp: Stomp, broker: Broker) -> None:
    for number in range(10):
        broker.send(QUEUE, str(number))
    assert stomp("sub", QUEUE, "-n", "3").bodies == ["0", "1", "2"]
    broker.wait_until(lambda broker: len(broker.messages(QUEUE)) == 7)


def test_several_destinations(stomp: Stomp, broker: Broker) -> None:
    for number in range(20):
        broker.send(f"/queue/{number % 2}", str(number))
    result = stomp("sub", "/queue/0", "/queue/1", "-n", "20")
    assert sorted(result.bodies, key=int) == [str(number) for number in range(20)]
    assert result.status == 0


def test_several_destinations_end_when_idle(stomp: Stomp, broker: Broker) -> None:
    for number in range(20):
        broker.send("/queue/0", str(number))
    assert stomp("sub", "/queue/0", "/queue/1", "--idle", "3").bodies == [str(number) for number in range(20)]
    assert broker.unacknowledged("/queue/0") == []


def test_too_few_in_time_is_a_timeout(stomp: Stomp, broker: Broker) -> None:
    broker.send(QUEUE, "x")
    result = stomp("sub", QUEUE, "-n", "2", "--timeout", "3")
    assert (result.status, result.bodies) == (124, ["x"])


def test_the_time_is_that_of_all_messages_together(stomp: Stomp, broker: Broker) -> None:
    """It does not begin again with each message."""
    stopped = threading.Event()

    def send() -> None:
        while not stopped.wait(0.02):
            broker.send(QUEUE, "x")

    sender = threading.Thread(target=send)
    sender.start()
    try:
        assert stomp("sub", QUEUE, "--timeout", "0.5").status == 0
    finally:
        stopped.set()
        sender.join()


def test_a_time_without_a_number_is_no_error(stomp: Stomp, broker: Broker) -> None:
    broker.send(QUEUE, "x")
    result = stomp("sub", QUEUE, "--timeout", "3")
    assert (result.status, result.bodies) == (0, ["x"])


def test_prefetch_of_auto_is_refused(stomp: Stomp) -> None:
    result = stomp("sub", QUEUE, "--ack", "auto", "--prefetch", "3")
    assert result.status == 2
    assert "--prefetch has no effect" in result.err


@pytest.mark.parametrize("mode", ["auto", "client"])
def test_other_ack_modes(stomp: Stomp, broker: Broker, mode: str) -> None:
    broker.send(QUEUE, "1")
    broker.send(QUEUE, "2")
    assert stomp("sub", QUEUE, "-n", "2", "--ack", mode).bodies == ["1", "2"]
    assert broker.messages(QUEUE) == broker.unacknowledged(QUEUE) == []


def test_a_durable_subscription_keeps_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    with Broker(flavour="activemq") as broker:
        stomp = Stomp(monkeypatch, broker.url)
        arguments = ("sub", "/topic/t", "--durable", "name", "--client-id", "me")
        assert stomp(*arguments, "--timeout", "0.3").status == 0
        broker.send("/topic/t", "while away")
        assert stomp(*arguments, "-n", "1").bodies == ["while away"]


def test_a_durable_subscription_without_client_id_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with Broker(flavour="activemq") as broker:
        result = Stomp(monkeypatch, broker.url)("sub", "/topic/t", "--durable", "name")
    assert result.status == 1
    assert "client_id" in result.err


# ---------------------------------------------------------------------- --exec


def test_a_command_gets_body_and_headers(stomp: Stomp, broker: Broker, tmp_path: Path) -> None:
    broker.send(QUEUE, "the body", {"my-colour": "red; rm -r /"})
    file = tmp_path / "out"
    result = stomp("sub", QUEUE, "-n", "1", "--exec", f'cat > {file}; echo ", $STOMP_MY_COLOUR" >> {file}')
    assert result.status == 0
    assert file.read_text() == "the body, red; rm -r /\n"
    assert broker.messages(QUEUE) == broker.unacknowledged(QUEUE) == []


def test_a_command_that_fails_is_tried_again_and_then_moved(
    stomp: Stomp, broker: Broker, tmp_path: Path
) -> None:
    broker.send(QUEUE, "bad")
    broker.send(QUEUE, "good")
    file = tmp_path / "out"
    result = stomp(
        "sub", QUEUE, "-n", "1", "--exec", f"read body; echo $body >> {file}; test $body = good",
        "--retries", "0", "--dead-letters", "/queue/dead",
    )  # fmt: skip
    assert result.status == 0
    assert broker.messages("/queue/dead") == [b"bad"]
    assert sorted(file.read_text().split()) == ["bad", "good"]


def test_retries_come_after_the_first_attempt(stomp: Stomp, broker: Broker, tmp_path: Path) -> None:
    broker.send(QUEUE, "bad")
    file = tmp_path / "out"
    program = f"echo x >> {file}; exit 1"
    arguments = ("--retries", "1", "--dead-letters", "/queue/dead")
    running = InBackground(
        finish, start("sub", QUEUE, "--exec", program, *arguments, "--idle", "5", url=broker.url)
    )
    broker.wait_until(lambda broker: broker.messages("/queue/dead") == [b"bad"], timeout=60)
    running.result()
    assert file.read_text().split() == ["x", "x"]


def test_commands_run_side_by_side(stomp: Stomp, broker: Broker, tmp_path: Path) -> None:
    """Each waits until the other has begun."""
    for name in ("a", "b"):
        broker.send(QUEUE, name)
    program = (
        f"read name; touch {tmp_path}/$name; while ! test -e {tmp_path}/a -a -e {tmp_path}/b; do :; done"
    )
    assert stomp("sub", QUEUE, "-n", "2", "-j", "2", "--exec", program).status == 0


def test_a_busy_command_is_not_idle(stomp: Stomp, broker: Broker, tmp_path: Path) -> None:
    broker.send(QUEUE, "x")
    result = stomp("sub", QUEUE, "--idle", "2", "--exec", f"sleep 3; touch {tmp_path}/done")
    assert result.status == 0
    assert (tmp_path / "done").exists()
    assert broker.unacknowledged(QUEUE) == broker.messages(QUEUE) == []


# ---------------------------------------------------------------------- browsing


def test_browsing_leaves_the_messages(activemq: ActiveMQ, stomp: Stomp) -> None:
    stomp.variables["STOMP_URL"] = activemq.url
    queue = activemq.new_queue()
    stomp("pub", queue, "-l", stdin=b"1\n2\n3\n")
    for _ in range(2):
        result = stomp("sub", queue, "--browse")
        assert (result.status, result.bodies) == (0, ["1", "2", "3"])
    assert stomp("sub", queue, "-n", "3").bodies == ["1", "2", "3"]


def test_a_broker_that_cannot_browse_is_named(stomp: Stomp) -> None:
    result = stomp("sub", QUEUE, "--browse")
    assert result.status == 1
    assert "RabbitMQ has no header to browse a queue with" in result.err


# ---------------------------------------------------------------------- how it ends


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_disconnect(number: int, status: int) -> None:
    recorder = Recorder()
    with Broker(recorder=recorder) as broker:
        broker.send(QUEUE, "x")
        process = start("sub", QUEUE, url=broker.url)
        assert process.stdout is not None
        line = process.stdout.readline()
        broker.wait_until(lambda broker: not broker.unacknowledged(QUEUE))
        os.kill(process.pid, number)
        result = finish(process)
    assert json.loads(line)["body"] == "x"
    assert (result.status, result.out, result.err) == (status, b"", "")
    assert any(getattr(record.what, "command", None) == "DISCONNECT" for record in recorder.records)


def test_a_reader_that_has_enough_ends_it_quietly(broker: Broker) -> None:
    """As in ``stomp sub /queue/a | head -1``: what nobody has read stays in the queue."""
    broker.send(QUEUE, "1")
    process = start("sub", QUEUE, url=broker.url)
    assert process.stdout is not None
    assert b'"body":"1"' in process.stdout.readline()
    process.stdout.close()
    broker.send(QUEUE, "2")
    with process:
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""
    broker.wait_until(lambda broker: broker.messages(QUEUE) == [b"2"])


def test_it_survives_a_lost_connection(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultProxy(broker.url) as proxy:
        stomp = Stomp(monkeypatch, broker.url)
        process = start("sub", QUEUE, "-n", "2", url=proxy.url)
        assert process.stdout is not None
        stomp("pub", QUEUE, "1")
        line = process.stdout.readline()
        broker.wait_until(lambda broker: not broker.unacknowledged(QUEUE), timeout=30)
        proxy.reset_all()
        stomp("pub", QUEUE, "2")
        result = finish(process)
    assert result.status == 0
    assert [json.loads(line)["body"], *result.bodies] == ["1", "2"]
    assert "connection lost" in result.err
    assert "connected again" in result.err


def test_without_reconnecting_a_lost_connection_is_an_error(broker: Broker) -> None:
    running = InBackground(finish, start("sub", QUEUE, "--no-reconnect", url=broker.url))
    broker.wait_until(lambda broker: broker.connections, timeout=30)
    broker.drop_connections()
    result = running.result()
    assert result.status == 3
    assert "Traceback" not in result.err
