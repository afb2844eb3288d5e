"""``stomp trace``: what it shows of a conversation, the faults that it causes, and the server that it plays."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest

import stomp_socket
from stomp_core.session import ConnectFailed
from stomp_testing import Broker, ServerCertificate
from tests.brokers import RabbitMQ
from tests.brokers.base import free_ports
from tests.testing_kit.wire import Wire

from .command import InBackground, Result, Stomp, finish, start


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


def when_listening(port: int) -> Wire:
    """Connect as soon as somebody listens."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return Wire(port)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise


def connect(url: str, **options: Any) -> stomp_socket.Connection:
    """Connect as soon as somebody listens."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return stomp_socket.connect(url, **options)
        except ConnectFailed:
            if time.monotonic() > deadline:
                raise


def converse(port: int, *frames: str) -> list[str]:
    """Connect, send each frame with a receipt, and disconnect; returns what the server has sent."""
    received = []
    with when_listening(port) as wire:
        wire.connect()
        for number, frame in enumerate([*frames, "DISCONNECT\n\n"]):
            head, _, rest = frame.partition("\n")
            wire.send(f"{head}\nreceipt:{number}\n{rest}")
            received.append(wire.receive())
    return received


def traced(stomp: Stomp, port: int, *options: str, frames: tuple[str, ...] = ()) -> Result:
    """Trace one conversation."""
    client = InBackground(converse, port, *frames)
    result = stomp("trace", str(port), "-n", "1", *options)
    client.result()
    return result


def test_both_directions_are_shown_as_frames(stomp: Stomp, port: int) -> None:
    result = traced(stomp, port, "--one-line", frames=("SEND\ndestination:/queue/a\n\nhello",))
    assert result.status == 0
    shown = [line.split(" ", 1)[1] for line in result.lines]
    assert shown[0].startswith("#1 accepted from 127.0.0.1:")
    assert "passcode:***" in shown[1]
    assert "guest\n" not in result.out.decode()
    assert "#1 --> SEND receipt:0 destination:/queue/a b'hello'" in shown
    assert "#1 <-- RECEIPT receipt-id:0" in shown
    assert result.err.endswith("stomp: 1 connection, 3 frames to the server, 3 to the client, 0 violations\n")


def test_violations_name_their_section(stomp: Stomp, port: int) -> None:
    client = InBackground(_break_a_rule, port)
    result = stomp("trace", str(port), "-n", "1", "--jsonl", "--strict", "--filter", "violations")
    client.result()
    assert result.status == 1
    line = result.messages[0]
    assert line["command"] == "ACK"
    assert [(found["code"], found["section"]) for found in line["violations"]] == [
        ("not-acknowledgeable", "ACK")
    ]


def _break_a_rule(port: int) -> None:
    with when_listening(port) as wire:
        wire.connect()
        wire.send("ACK\nid:nothing\n\n", "DISCONNECT\nreceipt:1\n\n")
        wire.receive()


def test_filters_choose_frames(stomp: Stomp, port: int) -> None:
    frames = ("SEND\ndestination:/queue/a\n\n1", "SEND\ndestination:/queue/b\nx:yes\n\n2")
    result = traced(stomp, port, "--jsonl", "--filter", "SEND", "--filter", "/queue/b*,x=no", frames=frames)
    assert result.bodies == ["2"]
    assert stomp("trace", "1", "--filter", "nonsense").status == 2


@pytest.mark.parametrize(
    ("filters", "commands"),
    [
        (["send,receipt"], ["SEND", "SEND", "RECEIPT", "RECEIPT", "RECEIPT"]),
        (["to-client"], ["CONNECTED", "RECEIPT", "RECEIPT", "RECEIPT"]),
        (["to-client", "receipt-id=0"], ["RECEIPT"]),
        (["x=y*"], ["SEND"]),
        (["x=[a-c]es"], []),
        (["/queue/*"], ["SEND", "SEND"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_filters_are_alternatives_of_each(
    stomp: Stomp, port: int, filters: list[str], commands: list[str]
) -> None:
    frames = ("SEND\ndestination:/queue/a\n\n1", "SEND\ndestination:/queue/b\nx:yes\n\n2")
    options = [option for text in filters for option in ("--filter", text)]
    result = traced(stomp, port, "--jsonl", *options, frames=frames)
    assert sorted(line["command"] for line in result.messages) == sorted(commands)


@pytest.mark.parametrize("shown", [True, False])
def test_heart_beats_are_shown_if_asked_for(stomp: Stomp, port: int, tmp_path: Path, shown: bool) -> None:
    """Everything is recorded all the same, also what the filter does not show."""
    file = tmp_path / "recording.jsonl"
    client = InBackground(_beat, port)
    options = ["--heart-beats"] if shown else ["--filter", "SEND"]
    result = stomp("trace", str(port), "-n", "1", "--jsonl", "--record", str(file), *options)
    client.result()
    assert any("heart_beats" in line for line in result.messages) is shown
    recorded = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["command"] for line in recorded if "command" in line] == [
        *("CONNECT", "CONNECTED", "DISCONNECT", "RECEIPT"),
    ]


def _beat(port: int) -> None:
    with when_listening(port) as wire:
        wire.connect()
        wire.socket.sendall(b"\n\n")
        wire.send("DISCONNECT\nreceipt:1\n\n")
        wire.receive()


def test_each_connection_is_checked_by_itself(stomp: Stomp, port: int) -> None:
    """A second CONNECT on one connection would be a violation."""
    client = InBackground(lambda: [converse(port), converse(port)])
    result = stomp("trace", str(port), "-n", "2", "--strict", "--one-line")
    client.result()
    assert result.status == 0
    assert "2 connections, 4 frames to the server, 4 to the client, 0 violations" in result.err


@pytest.mark.parametrize("fault", ["delay=-1", "to-nobody:drop", "split=x", "cut_after", "explode"])
def test_a_wrong_fault_is_refused(stomp: Stomp, fault: str) -> None:
    result = stomp("trace", "1", "--fail", fault)
    assert result.status == 2
    assert "Traceback" not in result.err


def test_a_fault_may_be_for_one_direction(stomp: Stomp, port: int) -> None:
    """What the client sends is not dropped, and it gets no answer."""
    client = InBackground(_without_an_answer, port)
    result = stomp("trace", str(port), "-n", "1", "--jsonl", "--fail", "to-client:drop")
    client.result()
    assert [line["command"] for line in result.messages if "command" in line] == ["CONNECT"]


def _without_an_answer(port: int) -> None:
    with when_listening(port) as wire:
        wire.send("CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n")
        assert wire.is_quiet(0.1)


def test_a_diagram_is_drawn(stomp: Stomp, port: int, tmp_path: Path) -> None:
    file = tmp_path / "diagram.mmd"
    traced(stomp, port, "--mermaid", str(file), frames=("SEND\ndestination:/queue/a;b\n\n",))
    lines = [line.strip() for line in file.read_text().splitlines()]
    assert lines[0] == "sequenceDiagram"
    assert "C1->>B: SEND destination=/queue/a#59;b receipt=0" in lines
    assert "B->>C1: RECEIPT receipt-id=0" in lines


def test_faults_end_connections(stomp: Stomp, port: int) -> None:
    client = InBackground(_until_the_end, port)
    result = stomp("trace", str(port), "-n", "1", "--fail", "to-client:split=3,reset@frame=2")
    assert client.result() == "RST"
    assert "reset by the proxy" in result.out.decode()
    assert stomp("trace", "1", "--fail", "explode").status == 2


def _until_the_end(port: int) -> str:
    with when_listening(port) as wire:
        wire.send("CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n")
        return wire.end()


def test_a_recorded_server_answers_other_ids(stomp: Stomp, port: int, tmp_path: Path, broker: Broker) -> None:
    file = tmp_path / "recording.jsonl"
    frames = (
        "SEND\ndestination:/queue/a\n\nhello",
        "SUBSCRIBE\nid:1\ndestination:/queue/b\n\n",
    )
    traced(stomp, port, "--record", str(file), frames=frames)
    assert "guest" not in json.loads(file.read_text().splitlines()[1])["headers"]["passcode"]
    broker.stop()
    client = InBackground(_send_with_receipt, port)
    result = stomp("trace", str(port), "-n", "1", "--replay", str(file), "--speed", "0", "--one-line")
    assert client.result() == "RECEIPT\nreceipt-id:mine\n\n"
    assert "#1 <-- RECEIPT receipt-id:mine" in result.out.decode()


def _send_with_receipt(port: int) -> str:
    with when_listening(port) as wire:
        wire.connect()
        wire.send("SEND\ndestination:/queue/a\nreceipt:mine\n\nother")
        return wire.receive()


def test_later_clients_get_what_the_last_recorded_one_got(stomp: Stomp, port: int, tmp_path: Path) -> None:
    """A client that does something else is reported."""
    file = tmp_path / "recording.jsonl"
    client = InBackground(lambda: [converse(port), converse(port, "BEGIN\ntransaction:t\n\n")])
    stomp("trace", str(port), "-n", "2", "--record", str(file))
    client.result()
    again = InBackground(lambda: [*converse(port), *(_send_with_receipt(port) for _ in range(2))])
    result = stomp("trace", str(port), "-n", "3", "--replay", str(file), "--speed", "0", "--one-line")
    assert again.result() == ["RECEIPT\nreceipt-id:0\n\n"] * 3
    assert result.out.decode().count("the client sent SEND, and BEGIN when it was recorded") == 2


def test_a_recorded_server_takes_its_time(stomp: Stomp, port: int, tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    traced(stomp, port, "--record", str(file))
    recorded = [json.loads(line) for line in file.read_text().splitlines()]
    for line in recorded:
        line["time"] = 0.2 * (line.get("command") != "CONNECT")
    file.write_text("".join(json.dumps(line) + "\n" for line in recorded))
    client = InBackground(_time_to_connect, port)
    stomp("trace", str(port), "-n", "1", "--replay", str(file), "--speed", "0.5")
    assert client.result() >= 0.4


def _time_to_connect(port: int) -> float:
    with when_listening(port) as wire:
        began = time.monotonic()
        wire.connect()
        return time.monotonic() - began


def test_tls_ends_at_the_trace(stomp: Stomp, port: int) -> None:
    certificate = ServerCertificate()
    with Broker(tls=certificate.server_context()) as broker:
        client = InBackground(_send_by_tls, port, certificate)
        result = stomp(
            "trace", str(port), f"stomp+ssl://127.0.0.1:{broker.tls_port}", "--ca", str(certificate.ca_file),
            "--listen-cert", str(certificate.certificate_file), "--jsonl", "--filter", "SEND", "-n", "1",
        )  # fmt: skip
        client.result()
    assert result.bodies == ["by TLS"]


def _send_by_tls(port: int, certificate: ServerCertificate) -> None:
    url = f"stomp+ssl://guest:guest@127.0.0.1:{port}"
    with connect(url, ca_file=str(certificate.ca_file)) as connection:
        connection.send("/queue/a", "by TLS", receipt=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("frame", "status"), [("BEGIN\ntransaction:t\n\n", 0), ("COMMIT\ntransaction:t\n\n", 1)]
)
def test_strict_has_the_status_of_violations_at_a_signal(
    broker: Broker, port: int, number: signal.Signals, frame: str, status: int
) -> None:
    process = start("trace", str(port), "--strict", url=broker.url)
    with when_listening(port) as wire:
        wire.connect()
        wire.send(frame)
        wire.socket.shutdown(socket.SHUT_WR)
        wire.end()
    assert process.stdout is not None
    while b"closed by" not in process.stdout.readline():
        pass
    process.send_signal(number)
    assert finish(process).status == status


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_with_a_summary(broker: Broker, port: int, number: signal.Signals) -> None:
    process = start("trace", str(port), url=broker.url)
    converse(port)
    assert process.stdout is not None
    while b"closed by" not in process.stdout.readline():
        pass
    process.send_signal(number)
    result = finish(process)
    assert result.status == 0
    assert "stomp: 1 connection, 2 frames to the server, 2 to the client, 0 violations" in result.err


def test_a_conversation_with_rabbitmq(stomp: Stomp, port: int, rabbitmq: RabbitMQ) -> None:
    client = InBackground(_converse_with, port, rabbitmq.login, rabbitmq.passcode)
    result = stomp("trace", str(port), f"stomp://{rabbitmq.host}:{rabbitmq.tcp_port}", "-n", "1", "--jsonl")
    client.result()
    commands = [line["command"] for line in result.messages if "command" in line]
    assert commands[:2] == ["CONNECT", "CONNECTED"]
    assert {"SEND", "SUBSCRIBE", "MESSAGE", "ACK", "RECEIPT"} <= set(commands)
    assert "0 violations" in result.err


def _converse_with(port: int, login: str, passcode: str) -> None:
    url = f"stomp://127.0.0.1:{port}"
    with connect(url, login=login, passcode=passcode) as connection:
        connection.send("/queue/traced", "hello", receipt=True)
        with connection.subscribe("/queue/traced", ack="client-individual") as subscription:
            subscription.receive(timeout=10).ack(receipt=True)
