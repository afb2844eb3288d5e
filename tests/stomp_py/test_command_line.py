"""The command line client: what StompCLI prints is what that of stomp.py prints, and ``python -m stomp_py`` ends well.

The differential test gives the same commands to both, each with an embedded broker of its own, and compares every call
of ``stdout.write()``: tests that are written for stomp.py look at those.
"""

from __future__ import annotations

import base64
import inspect
import io
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import stomp_py
from stomp_py.__main__ import StompCLI, main
from stomp_testing import Broker

from ..terminal import Terminal
from .conftest import LOGIN, PASSCODE

TIMEOUT = 20.0


class Output(io.StringIO):
    """A stdout that records each write, and lets a test wait for a frame: the client flushes it after each."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []
        self.frames = 0
        self._changed = threading.Condition()

    def write(self, text: str) -> int:
        self.writes.append(text)
        return len(text)

    def flush(self) -> None:
        with self._changed:
            self.frames += 1
            self._changed.notify_all()

    def wait_for_frames(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.frames >= count, TIMEOUT), self.writes


#: Commands, each with the number of frames that the broker sends then.
Script = Sequence[tuple[str, int]]

SCRIPTS: dict[str, Script] = {
    "messages": [
        ("subscribe /queue/a", 0),
        ("subscribe /queue/a", 0),
        ("subscribe", 0),
        ("send /queue/a this  is a test", 1),
        ("sendreply /queue/a corr-1 the reply", 1),
        ("send /queue/a", 0),
        ("sendreply /queue/a corr-1", 0),
        ("unsubscribe /queue/a", 0),
        ("unsubscribe /queue/a", 0),
        ("unsubscribe", 0),
        ("subscribe /queue/b client", 0),
    ],
    "receipts": [("sendrec /queue/a one two", 1), ("sendrec /queue/a", 0)],
    "transactions": [
        ("commit", 0),
        ("abort", 0),
        ("rollback", 0),
        ("begin", 0),
        ("begin", 0),
        ("send /queue/a one", 0),
        ("abort", 0),
        ("begin", 0),
        ("send /queue/a two", 0),
        ("commit", 0),
        ("begin", 0),
        ("sendfile /queue/a data", 0),
        ("rollback", 0),
        ("subscribe /queue/a", 1),
        ("send /queue/a three", 1),
    ],
    "errors of the broker": [("subscribe /unknown/a", 1)],
    "unknown commands": [("", 0), ("   ", 0), ("unknown", 0), ("unknown command with words", 0)],
    "statistics": [
        ("stats", 0),
        ("stats on", 0),
        ("send /queue/a x", 0),
        ("stats", 0),
        ("stats off", 0),
        ("stats", 0),
        ("stats maybe", 0),
    ],
    "files": [
        ("sendfile /queue/a", 0),
        ("sendfile /queue/a missing", 0),
        ("sendfile /queue/a data missing.json", 0),
        ("subscribe /queue/a", 0),
        ("sendfile /queue/a data", 1),
        ("sendfile /queue/a data headers.json", 1),
    ],
    "run": [("run", 0), ("run missing", 0), ("run commands", 1)],
    "version": [("version", 0), ("ver", 0)],
    "help": [("help", 0), ("help help", 0), ("help unknown", 0), ("?", 0)],
    "quit": [("quit", 0)],
    "exit": [("exit", 0)],
    "end": [("EOF", 0)],
}
HELP = [
    *(
        "abort",
        "ack",
        "begin",
        "commit",
        "EOF",
        "exit",
        "nack",
        "quit",
        "rollback",
        "run",
        "send",
        "sendfile",
        "sendrec",
    ),
    *("sendreply", "stats", "subscribe", "unsubscribe", "ver", "version"),
]


@pytest.fixture
def theirs() -> Any:
    """Return StompCLI of stomp.py."""
    pytest.importorskip("docopt", reason="pip install stomp.py")
    path = list(sys.path)
    module = pytest.importorskip("stomp.__main__", reason="pip install stomp.py")
    sys.path[:] = path  # it appends to it
    return module.StompCLI


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, which is empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Client:
    """A client, ours or theirs, with a broker of its own, and what it has written."""

    def __init__(self, cli_class: Any, broker: Broker, version: str = "1.1", **options: Any) -> None:
        self.output = Output()
        self.cli = cli_class(
            broker.host,
            broker.port,
            LOGIN,
            PASSCODE,
            version,
            stdin=io.StringIO(),
            stdout=self.output,
            **options,
        )
        self.output.wait_for_frames(1)

    def run(self, script: Script) -> None:
        for command, frames in script:
            before = self.output.frames
            self.cli.onecmd(command)
            self.output.wait_for_frames(before + frames)

    @property
    def written(self) -> list[str]:
        return [normalised(text) for text in self.output.writes]

    def close(self) -> None:
        self.cli.do_quit("")
        self.cli.conn.disconnect()


def normalised(text: str) -> str:
    """Return what was written without what is different each time, and without what ours does better.

    Theirs shows the passcode, shows header values as they are escaped, and has no ``host`` header in 1.1.
    """
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", text)
    text = re.sub(r"data\.\d+", "data.TIME", text)
    text = re.sub(r"^timestamp: \d+", "timestamp: TIME", text)
    text = text.replace(f"'passcode': '{PASSCODE}'", "'passcode': '********'")
    return re.sub(r"'host': '[^']*', ", "", text).replace(r"\\c", ":")


def run(cli_class: Any, script: Script, **options: Any) -> list[str]:
    """Give commands to a client, and return what it has written."""
    with Broker(users={LOGIN: PASSCODE}) as broker:
        client = Client(cli_class, broker, **options)
        try:
            client.run(script)
            return client.written
        finally:
            client.close()


def make_files(folder: Path) -> None:
    (folder / "data").write_bytes(b"\0\xff binary")
    (folder / "headers.json").write_text('{"colour": "red"}')
    (folder / "commands").write_text("subscribe /queue/run\n\nunknown\nsend /queue/run from a file\n")


@pytest.mark.parametrize("verbose", [True, False], ids=["verbose", "terse"])
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_it_writes_what_stomp_py_writes(theirs: Any, script: Script, verbose: bool, folder: Path) -> None:
    make_files(folder)
    expected = run(theirs, script, verbose=verbose)
    for file in folder.glob("data.*"):
        file.unlink()
    assert run(StompCLI, script, verbose=verbose) == expected


@pytest.mark.parametrize("command", HELP)
def test_the_help_of_a_command_is_that_of_stomp_py(theirs: Any, command: str) -> None:
    script = [(f"help {command}", 0)]
    assert run(StompCLI, script) == run(theirs, script)


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
def test_messages_are_acknowledged_as_in_stomp_py(theirs: Any, version: str) -> None:
    def script(cli_class: Any) -> list[str]:
        # RabbitMQ refuses the virtual host that stomp.py asks for in 1.2.
        with Broker(users={LOGIN: PASSCODE}, flavour="activemq") as broker:
            client = Client(cli_class, broker, version)
            try:
                client.run([("subscribe /queue/a client-individual", 0), ("send /queue/a one", 1)])
                (name,) = (text for text in client.output.writes if text.startswith(_ACK_ID[version]))
                acknowledge = f"ack {name.partition(': ')[2].strip()}" + (" 1" if version == "1.1" else "")
                client.run([("begin", 0), (acknowledge, 0), ("commit", 0)])
                broker.wait_until(lambda broker: not broker.unacknowledged("/queue/a"))
                return client.written
            finally:
                client.close()

    assert script(StompCLI) == script(theirs)


_ACK_ID = {"1.0": "message-id: ", "1.1": "message-id: ", "1.2": "ack: "}


# ---------------------------------------------------------------------- what is better


@pytest.fixture
def client(broker: Broker) -> Iterator[Client]:
    client = Client(StompCLI, broker)
    yield client
    client.close()


def test_sendrec_waits_for_the_receipt(broker: Broker, client: Client) -> None:
    broker.hold_receipts = True
    thread = threading.Thread(target=client.cli.onecmd, args=("sendrec /queue/a one",))
    thread.start()
    broker.wait_until(lambda broker: broker.messages("/queue/a"))
    assert thread.is_alive()
    broker.hold_receipts = False
    thread.join(TIMEOUT)
    assert "RECEIPT\n" in client.output.writes


def test_sendrec_stops_waiting_when_the_connection_is_lost(broker: Broker, client: Client) -> None:
    broker.hold_receipts = True
    thread = threading.Thread(target=client.cli.onecmd, args=("sendrec /queue/a one",))
    thread.start()
    broker.wait_until(lambda broker: broker.messages("/queue/a"))
    broker.drop_connections()
    thread.join(TIMEOUT)
    assert any("lost connection" in text for text in client.output.writes)


@pytest.mark.parametrize("name", ["{outside}/new", "../new", "folder/../../new"])
def test_a_file_of_somebody_else_stays_in_the_current_folder(
    name: str, broker: Broker, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    (here / "folder").mkdir(parents=True)
    monkeypatch.chdir(here)
    client.run([("subscribe /queue/a", 0)])
    broker.send("/queue/a", base64.b64encode(b"content"), {"filename": name.format(outside=tmp_path)})
    client.output.wait_for_frames(2)
    assert (here / "new").read_bytes() == b"content"
    assert not (tmp_path / "new").exists()


def test_a_file_that_exists_is_not_replaced(broker: Broker, client: Client, folder: Path) -> None:
    (folder / "data").write_bytes(b"mine")
    client.run([("subscribe /queue/a", 0)])
    for _ in range(3):
        broker.send("/queue/a", base64.b64encode(b"theirs"), {"filename": "data"})
    client.output.wait_for_frames(4)
    assert (folder / "data").read_bytes() == b"mine"
    assert [file.read_bytes() for file in folder.glob("data.*")] == [b"theirs"] * 3


def test_a_file_that_cannot_be_saved_is_an_error_and_the_connection_lives(
    broker: Broker, client: Client, folder: Path
) -> None:
    client.run([("subscribe /queue/a", 0)])
    broker.send("/queue/a", "abc", {"filename": "data"})
    client.output.wait_for_frames(2)
    client.run([("send /queue/a still here", 1)])
    assert "still here\n" in client.output.writes
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.0", "nack <message-id>"), ("1.1", "nack <message-id> <subscription-id>"), ("1.2", "nack <ack-id>")],
)
def test_the_usage_of_nack_names_the_command(broker: Broker, version: str, expected: str) -> None:
    client = Client(StompCLI, broker, version)
    client.run([("nack", 0)])
    client.close()
    assert f"Expecting: {expected}" in client.output.writes[-1]


def test_1_0_has_no_nack(broker: Broker) -> None:
    client = Client(StompCLI, broker, "1.0")
    client.run([("nack id", 0)])
    client.close()
    assert "STOMP 1.0 has no nack" in client.output.writes[-1]


def test_completion_knows_the_destinations(client: Client) -> None:
    client.run([("subscribe /queue/first", 0), ("subscribe /topic/second", 0)])
    assert client.cli.complete_send("fi", "send /queue/fi") == ["first"]
    assert client.cli.complete_send("fi", "send /queue/fi", 12, 14) == ["first"]


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(RuntimeError, match="Unknown version"):
        StompCLI(ver="3.0")


def test_its_arguments_are_those_of_stomp_py(theirs: Any) -> None:
    assert list(inspect.signature(StompCLI).parameters) == list(inspect.signature(theirs).parameters)


def test_its_methods_are_those_of_stomp_py(theirs: Any) -> None:
    names = {name for name in dir(theirs) if not name.startswith("_")} - {"check_ack_nack"}
    assert names <= set(dir(StompCLI))


# ---------------------------------------------------------------------- the program


class Program:
    """``python -m stomp_py`` in this process, with commands from a pipe.

    Args:
        broker: to connect to.
    """

    def __init__(
        self, broker: Broker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._options = ["-H", broker.host, "-P", str(broker.port), "-U", LOGIN]
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        monkeypatch.setenv("STOMP_PASSCODE", PASSCODE)

    def __call__(self, *options: str, commands: Sequence[str] = ()) -> tuple[int, str, str]:
        """Run it, and return its exit status, what is on stdout, and what is on stderr."""
        self._monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(commands)))
        status = main([*self._options, *options])
        out, error = self._capsys.readouterr()
        return status, out, error


@pytest.fixture
def program(broker: Broker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(broker, monkeypatch, capsys)


def test_in_a_pipe_it_waits_for_the_messages(program: Program) -> None:
    status, out, error = program(commands=["subscribe /queue/a", "send /queue/a one", "send /queue/a two"])
    assert status == 0, out
    assert [line for line in out.splitlines() if line in ("one", "two")] == ["one", "two"]
    assert error == ""
    assert "> " not in out


def test_a_file_of_commands(program: Program, folder: Path) -> None:
    make_files(folder)
    status, out, _ = program("-F", "commands")
    assert "from a file" in out.splitlines()
    assert "Unknown command: unknown" in out.splitlines()
    assert status == 1


def test_commands_end_at_quit(program: Program, folder: Path) -> None:
    status, out, _ = program(commands=["version", "quit", "version"])
    assert (status, out.count("Protocol version")) == (0, 1)


@pytest.mark.parametrize("command", ["sendfile /queue/a . ", "run .", "sendfile /queue/a data data"])
def test_an_error_of_a_command_is_a_line(program: Program, folder: Path, command: str) -> None:
    (folder / "data").write_text("no JSON")
    status, out, error = program(commands=[command, "version"])
    assert status == 1
    assert "Protocol version" in out
    assert "Traceback" not in out + error


def test_a_wrong_passcode_is_one_line(program: Program) -> None:
    status, out, error = program("-W", "wrong")
    assert status == 1
    assert out == ""
    assert error.startswith("stomp: could not connect: ")
    assert "Access refused" in error
    assert error.count("\n") == 1


def test_no_broker_is_one_line(broker: Broker, program: Program) -> None:
    broker.stop()
    status, out, error = program()
    assert (status, out, error.count("\n")) == (1, "", 1)
    assert "connection refused" in error


def test_an_error_of_the_broker_is_the_exit_status(program: Program) -> None:
    status, out, _ = program(commands=["subscribe /unknown/a"])
    assert status == 1
    assert "'/unknown/a' is not a valid destination" in out


def test_wrong_heart_beats_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--heartbeats", "often"])
    assert raised.value.code == 2
    assert "Invalid heartbeats, expecting cx,cy" in capsys.readouterr().err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--version"])
    assert not raised.value.code
    assert capsys.readouterr().out == f"{stomp_py.__version__}\n"


def test_the_help_has_every_option_of_stomp_py(theirs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    options = re.findall(r"(?<!\w)--?[A-Za-z][a-z-]*", str(sys.modules[theirs.__module__].__doc__))
    shown = capsys.readouterr().out
    assert [option for option in options if option not in shown] == []


def _start(broker: Broker, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "stomp_py", "-H", broker.host, "-P", str(broker.port), "-U", LOGIN, *options],
        env={**os.environ, "STOMP_PASSCODE": PASSCODE, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


def _read_until(process: subprocess.Popen[str], expected: str) -> None:
    assert process.stdout is not None
    while expected not in (line := process.stdout.readline()):
        assert line, f"{expected!r} was not printed"


def test_it_listens_until_it_is_terminated(broker: Broker) -> None:
    broker.send("/queue/a", "waiting")
    with _start(broker, "-L", "/queue/a") as process:
        _read_until(process, "waiting")
        broker.send("/queue/a", "another")
        _read_until(process, "another")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    broker.wait_until(lambda broker: not broker.connections)


def test_it_listens_until_the_connection_is_lost(broker: Broker) -> None:
    broker.send("/queue/a", "waiting")
    with _start(broker, "-L", "/queue/a") as process:
        _read_until(process, "waiting")
        broker.drop_connections()
        out, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert "lost connection" in out


def test_at_a_terminal(broker: Broker) -> None:
    options = ["-m", "stomp_py", "-H", broker.host, "-P", str(broker.port), "-U", LOGIN, "-V"]
    environment = {"STOMP_PASSCODE": PASSCODE, "PYTHONPATH": os.pathsep.join(sys.path)}
    with Terminal(options, environment) as terminal:
        terminal.expect("CONNECTED")
        terminal.expect("> ")
        terminal.press("subscribe /queue/a\r")
        terminal.expect("id set to '1'")
        terminal.press("this is dropped\x03")
        terminal.press("send /queue/a hello\r")
        terminal.expect("MESSAGE")
        terminal.expect("hello")
        terminal.expect("> ")
        terminal.press("\x04")
        assert terminal.wait() == 0
        assert "Unknown command" not in terminal.shown


def test_tests_for_stomp_py_find_it() -> None:
    """``import stomp`` that finds this package finds its command line client, too."""
    program = (
        f"import sys; sys.path[:0] = {sys.path!r}\nimport stomp_py.as_stomp\nfrom stomp.__main__ import StompCLI\n"
        "print(StompCLI.__module__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "stomp_py._command_line\n", done.stderr
