"""``python -m stomp_testing proxy`` as a process, steered by plain sockets, as a test in any language does."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import stomp_socket
from stomp_core.session import ConnectFailed, Reconnect
from stomp_testing import Broker, ServerCertificate
from stomp_testing.__main__ import main

from ..waiting import HANGS
from .wire import Wire


class Program:
    """The program, and its lines of output."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the program has ended"
        return line

    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.line())
        return found

    def command(self, **command: object) -> dict[str, Any]:
        """Send a command to its stdin."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.event()

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[str, int]:
        """Send a signal; return what is left of the output, and the status."""
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=HANGS)
        assert errors == ""
        return output, self.process.returncode


@contextmanager
def program(*arguments: str) -> Iterator[Program]:
    with subprocess.Popen(
        [sys.executable, "-m", "stomp_testing", "proxy", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Program(process)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


def port_of(line: str) -> int:
    found = re.match(r"proxy on 127\.0\.0\.1:(\d+)", line)
    assert found, line
    return int(found[1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_line_has_the_port_and_a_signal_ends_it(broker: Broker, number: signal.Signals) -> None:
    target = f"127.0.0.1:{broker.port}"
    with program("--listen", "127.0.0.1:0", "--target", target, "--fault", "swallow@receipt") as proxy:
        with Wire(port_of(proxy.line())) as wire:
            wire.connect()
            wire.send(
                "SEND\ndestination:/queue/a\nreceipt:1\n\n", "SEND\ndestination:/queue/a\nreceipt:2\n\n"
            )
            assert wire.receive() == "RECEIPT\nreceipt-id:2\n\n"
            assert proxy.end(number) == ("", 0)
            assert wire.end() in ("FIN", "RST")


def test_faults_are_added_by_lines_on_a_socket(broker: Broker) -> None:
    with program("--target", broker.url, "--control", "0") as proxy:
        line = proxy.line()
        found = re.search(r", control on 127\.0\.0\.1:(\d+)$", line)
        assert found, line
        with socket.create_connection(("127.0.0.1", int(found[1])), timeout=HANGS) as control:
            answers = control.makefile()

            def ask(text: str) -> dict[str, Any]:
                control.sendall(text.encode() + b"\n")
                answer: dict[str, Any] = json.loads(answers.readline())
                return answer

            with Wire(port_of(line)) as wire:
                wire.connect()
                assert ask('{"fault": "swallow@receipt, error=full@send:3"}') == {"ok": True, "ids": [1, 2]}
                for number in range(2):
                    wire.send(f"SEND\ndestination:/queue/a\nreceipt:{number}\n\n")
                assert wire.receive() == "RECEIPT\nreceipt-id:1\n\n"
                assert ask('{"wait": 1}') == {"ok": True, "struck": 1}
                assert ask('{"fault": "stall"}') == {"ok": True, "ids": [3]}
                wire.send("SEND\ndestination:/queue/a\nreceipt:2\n\n")
                status = ask('{"status": true}')
                assert (status["accepted"], status["connections"], status["cuts"]) == (1, [1], 0)
                assert status["faults"] == [
                    {"id": 1, "fault": "swallow@frame=RECEIPT:1", "struck": 1, "armed": False},
                    {"id": 2, "fault": "error=full@frame=SEND:3", "struck": 0, "armed": True},
                    {"id": 3, "fault": "stall", "struck": 1, "armed": True},
                ]
                assert ask('{"resume": true}') == {"ok": True}
                assert wire.receive() == "ERROR\nmessage:full\nreceipt-id:2\n\n"
            assert ask('{"stop": true}') == {"ok": True}
        assert proxy.process.wait(HANGS) == 0


def test_commands_on_stdin(broker: Broker) -> None:
    with program("--target", broker.url, "--control", "-") as proxy:
        port = port_of(proxy.line())
        with Wire(port) as one, Wire(port) as two:
            one.connect()
            two.connect()
            assert proxy.command(reset=2) == {"ok": True}
            assert two.end() == "RST"
            assert proxy.command(cut=True) == {"ok": True}
            assert one.end() == "FIN"
        assert proxy.command(refuse=True) == {"ok": True}
        with pytest.raises(ConnectionRefusedError):
            Wire(port)
        assert proxy.command(clear=True) == {"ok": True}
        with Wire(port) as wire:
            wire.connect()
        assert proxy.command(fault="drop")["ids"] == [1]
        assert proxy.command(remove=1) == {"ok": True}
        assert proxy.command(stop=True) == {"ok": True}
        assert proxy.process.wait(HANGS) == 0


def test_a_wrong_command_has_an_error_and_changes_nothing(broker: Broker) -> None:
    with program("--target", broker.url, "--control", "-") as proxy:
        proxy.line()
        wrong: list[tuple[dict[str, object], str]] = [
            ({}, "a line is an object with one of fault, remove, "),
            ({"cut": 1, "reset": 1}, "a line is an object with one of "),
            ({"explode": 1}, "a line is an object with one of "),
            ({"fault": "drop, explode"}, "a fault is one of "),
            ({"fault": 3}, "fault must be a text, got 3"),
            ({"remove": 7}, "there is no fault with the id 7"),
            ({"cut": 7}, "there is no connection 7 now"),
            ({"reset": "x"}, "the number of a connection or true is needed, got 'x'"),
            ({"refuse": 1}, "refuse must be true or false, got 1"),
            ({"resume": 1}, "resume must be true, got 1"),
        ]
        for command, error in wrong:
            answer = proxy.command(**command)
            assert not answer["ok"]
            assert answer["error"].startswith(error)
        assert proxy.command(fault="swallow@receipt") == {"ok": True, "ids": [1]}
        assert proxy.command(wait=1, timeout=0.01)["error"].endswith("has not struck within 0.01 s")
        assert len(proxy.command(status=True)["faults"]) == 1


def test_events_are_lines_of_json(broker: Broker) -> None:
    with program("--target", broker.url, "--events", "--fault", "duplicate@send,reset@ack") as proxy:
        listening = proxy.event()
        assert (listening["event"], listening["host"]) == ("listening", "127.0.0.1")
        with Wire(listening["port"]) as wire:
            wire.connect()
            wire.send("SEND\ndestination:/queue/b\n\n", "ACK\nid:1\n\n")
            assert wire.end() == "RST"
        events = [proxy.event() for _ in range(4)]
        assert [event["event"] for event in events] == ["accepted", "fault", "fault", "ended"]
        assert (events[1]["fault"], events[1]["what"]) == ("duplicate@frame=SEND:1", "SEND")
        assert (events[3]["connection"], events[3]["text"]) == (1, "reset by the proxy")
        assert proxy.end() == ("", 0)


CONVERSATION = [
    "SUBSCRIBE\nid:s\ndestination:/queue/recorded\nack:client-individual\nreceipt:r1\n\n",
    "SEND\ndestination:/queue/recorded\nreceipt:r2\n\nhello",
]


def recorded(broker: Broker, file: Path, *options: str) -> list[dict[str, Any]]:
    """Record a client that sends itself a message and acknowledges it; return the lines."""
    with program("--target", broker.url, "--record", str(file), *options) as proxy:
        with Wire(port_of(proxy.line())) as wire:
            wire.connect()
            wire.send(CONVERSATION[0])
            assert wire.receive() == "RECEIPT\nreceipt-id:r1\n\n"
            wire.send(CONVERSATION[1])
            frames = [wire.receive(), wire.receive()]
            message = next(frame for frame in frames if frame.startswith("MESSAGE\n"))
            found = re.search("^ack:(.*)$", message, re.MULTILINE)
            assert found
            wire.send(f"ACK\nid:{found[1]}\n\n", "DISCONNECT\nreceipt:r3\n\n")
            assert wire.receive() == "RECEIPT\nreceipt-id:r3\n\n"
            assert wire.end() == "FIN"
        assert proxy.end()[1] == 0
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_recording_has_what_has_passed(broker: Broker, tmp_path: Path) -> None:
    lines = recorded(broker, tmp_path / "recording.jsonl", "--fault", "to-client:swallow@heart-beat:all")
    frames = [(line["direction"], line["command"]) for line in lines if "command" in line]
    assert frames[:3] == [("to-server", "CONNECT"), ("to-client", "CONNECTED"), ("to-server", "SUBSCRIBE")]
    assert lines[1]["headers"]["passcode"] == "***"
    assert "raw_base64" not in lines[1]
    assert lines[0]["event"].startswith("accepted from ")
    assert all(line["connection"] == 1 and line["time"] >= 0 for line in lines)
    lines = recorded(broker, tmp_path / "secret.jsonl", "--secrets")
    assert lines[1]["headers"]["passcode"] == "guest"


def test_the_recorded_server_is_played_to_a_client_with_other_ids(broker: Broker, tmp_path: Path) -> None:
    """Twice with the same answers; ids of receipts and of subscriptions do not get mixed up."""
    file = tmp_path / "recording.jsonl"
    recorded(broker, file)
    for _ in range(2):
        with program("--replay", str(file), "--speed", "0", "--events") as proxy:
            with Wire(proxy.event()["port"]) as wire:
                wire.connect()
                wire.send(CONVERSATION[0].replace("receipt:r1", "receipt:s").replace("id:s\n", "id:other\n"))
                assert wire.receive() == "RECEIPT\nreceipt-id:s\n\n"
                wire.send(CONVERSATION[1].replace("r2", "r1"))
                frames = sorted([wire.receive(), wire.receive()])
                assert "\nsubscription:other\n" in frames[0]
                assert frames[1] == "RECEIPT\nreceipt-id:r1\n\n"
                wire.send("ACK\nid:whatever\n\n", "DISCONNECT\nreceipt:bye\n\n")
                assert wire.receive() == "RECEIPT\nreceipt-id:bye\n\n"
                assert wire.end() == "FIN"
            assert proxy.event()["event"] == "accepted"
            assert proxy.event()["event"] == "ended"
            assert proxy.end() == ("", 0)


def test_frames_sent_before_connected_are_recorded_and_played(broker: Broker, tmp_path: Path) -> None:
    """A client that does not wait for CONNECTED: its frames are recorded when they come, and played in both roles."""
    file = tmp_path / "recording.jsonl"
    connect = "CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n"
    send = "SEND\ndestination:/queue/early\nreceipt:r\n\nhello"
    with program("--target", broker.url, "--record", str(file)) as proxy:
        with Wire(port_of(proxy.line())) as wire:
            wire.send(connect, send)
            assert [wire.receive().partition("\n")[0] for _ in range(2)] == ["CONNECTED", "RECEIPT"]
        assert proxy.end()[1] == 0
    commands = [json.loads(line).get("command") for line in file.read_text().splitlines()]
    assert [command for command in commands if command] == ["CONNECT", "SEND", "CONNECTED", "RECEIPT"]

    with (
        program("--replay", str(file), "--speed", "0", "--events") as proxy,
        Wire(proxy.event()["port"]) as wire,
    ):
        wire.send(connect, send)
        assert [wire.receive().partition("\n")[0] for _ in range(2)] == ["CONNECTED", "RECEIPT"]
    arguments = ["--as", "client", "--speed", "0", "--target", broker.url]
    with program("--replay", str(file), *arguments) as proxy:
        assert (proxy.process.communicate(timeout=HANGS)[1], proxy.process.returncode) == ("", 0)
    assert broker.messages("/queue/early") == [b"hello", b"hello"]


def test_a_client_that_speaks_websocket_gets_an_error(broker: Broker, tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    recorded(broker, file)
    with program("--replay", str(file), "--events") as proxy:
        port = proxy.event()["port"]
        with pytest.raises(ConnectFailed, match="A replay speaks no WebSocket"):
            stomp_socket.connect(f"ws://127.0.0.1:{port}", reconnect=Reconnect.never())
        assert proxy.event()["event"] == "accepted"
        assert "the client speaks WebSocket" in proxy.event()["text"]


def test_the_recorded_client_is_played_to_a_server(tmp_path: Path) -> None:
    """The broker gives the message another id, and gets the ACK for this one. The URL has the masked passcode."""
    file = tmp_path / "recording.jsonl"
    with Broker() as broker:
        recorded(broker, file)
    with Broker() as broker:
        with Wire(broker.port) as other:
            # The ids of this broker are ahead of the recorded ones.
            other.connect()
            other.send("SUBSCRIBE\nid:1\ndestination:/queue/x\n\n", "SEND\ndestination:/queue/x\n\n1")
            other.receive()
        with program(
            "--replay", str(file), "--as", "client", "--speed", "0", "--target", broker.url
        ) as proxy:
            _, errors = proxy.process.communicate(timeout=HANGS)
            assert (errors, proxy.process.returncode) == ("", 0)
        assert broker.messages("/queue/recorded") == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_client_that_was_not_played_to_its_end_is_no_success(
    broker: Broker, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    file = tmp_path / "recording.jsonl"
    recorded(broker, file)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(HANGS)
        target = f"stomp://127.0.0.1:{silent.getsockname()[1]}"
        arguments = ["--as", "client", "--speed", "0", "--target", target]
        with program("--replay", str(file), *arguments) as proxy, silent.accept()[0] as peer:
            peer.settimeout(HANGS)
            assert peer.recv(7) == b"CONNECT"
            assert proxy.end(number)[1] == status


def test_a_server_that_answers_otherwise_is_reported(broker: Broker, tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    recorded(broker, file)
    url = broker.url.replace("guest:guest", "guest:wrong")
    with program(
        "--replay", str(file), "--as", "client", "--speed", "0", "--target", url, "--events"
    ) as proxy:
        output, _ = proxy.process.communicate(timeout=HANGS)
        assert proxy.process.returncode == 1
    different = [json.loads(line) for line in output.splitlines()][1]
    assert different["event"] == "differs"
    assert "expected CONNECTED of the server, got ERROR" in different["text"]


def test_tls_ends_at_the_proxy() -> None:
    certificate = ServerCertificate()
    with Broker(tls=certificate.server_context()) as broker:
        arguments = ["--target", broker.tls_url, "--ca", str(certificate.ca_file)]
        arguments += ["--listen-cert", str(certificate.certificate_file), "--fault", "error=no@begin"]
        with program(*arguments) as proxy:
            with Wire(port_of(proxy.line()), tls=certificate.client_context()) as wire:
                wire.connect()
                wire.send("BEGIN\ntransaction:1\n\n")
                assert wire.receive() == "ERROR\nmessage:no\n\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "--target is needed"),
        (["--target", "http://x"], "stomp"),
        (["--target", "127.0.0.1:1", "--fault", "explode"], "a fault is one of swallow, "),
        (["--target", "127.0.0.1:1", "--listen", "here"], "an address is HOST:PORT, got 'here'"),
        (["--target", "127.0.0.1:1", "--control", "x"], "--control: an address is HOST:PORT, got 'x'"),
        (["--replay", "f", "--target", "127.0.0.1:1"], "--replay takes the place of --target"),
        (["--replay", "f", "--as", "client"], "--target is needed"),
        (["--replay", "f", "--fault", "drop"], "--replay has no faults and no --control"),
        (["--replay", "f", "--speed", "-1"], "--speed must be 0 or more, got -1"),
        (["--target", "127.0.0.1:1", "--listen-key", "f"], "--listen-key needs --listen-cert"),
    ],
)
def test_wrong_options_have_one_clear_error(
    arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["proxy", *arguments])
    assert raised.value.code == 2
    assert error in capsys.readouterr().err.splitlines()[-1]


def test_what_cannot_be_used_is_one_line(
    broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty, wrong = tmp_path / "empty", tmp_path / "wrong"
    empty.write_text("")
    wrong.write_text('{"connection":1}\n')
    for arguments, error in [
        (["--target", broker.url, "--listen", f"127.0.0.1:{broker.port}"], "cannot listen on"),
        (["--target", "stomp+ssl://127.0.0.1:1", "--fault", "swallow@receipt"], "sees no frames in TLS"),
        (["--replay", str(empty)], "the recording is empty"),
        (["--replay", str(wrong)], "line 1: it has no connection or no time"),
    ]:
        assert main(["proxy", *arguments]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert error in lines[0]
