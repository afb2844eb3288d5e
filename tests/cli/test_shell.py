"""``stomp shell``: commands from a pipe and a file in this process, and at a terminal."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytest.importorskip("click", reason="pip install 'stomp-core[cli]'")

from stomp_cli import main
from stomp_socket import connect
from stomp_testing import Broker

from ..terminal import Terminal


class Result(NamedTuple):
    status: int
    out: str
    error: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What is JSON on stdout."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]

    @property
    def bodies(self) -> list[str]:
        return [message["body"] for message in self.messages]


Shell = Callable[..., Result]


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Broker]:
    with Broker() as broker:
        monkeypatch.setenv("STOMP_URL", broker.url)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        yield broker


@pytest.fixture
def shell(broker: Broker, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shell:
    """Return a function that runs ``stomp shell`` with lines from a pipe."""

    def run(*lines: str, arguments: tuple[str, ...] = ("shell",)) -> Result:
        monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines)))
        capfd.readouterr()
        status = main(arguments)
        out, err = capfd.readouterr()
        return Result(int(status), out, err)

    return run


def test_messages_are_printed_as_json(shell: Shell) -> None:
    result = shell("subscribe /queue/a", "send /queue/a hello   world", "wait")
    assert (result.status, result.bodies) == (0, ["hello   world"])


def test_a_body_is_the_rest_of_the_line(broker: Broker, shell: Shell) -> None:
    shell(
        'send /queue/a {"a": 1}',
        'send /queue/a "one quoted word"',
        'send /queue/a "two" "words"',
        "send /queue/a -- --text",
        "send /queue/a it's",
    )
    assert broker.messages("/queue/a") == [
        b'{"a": 1}',
        b"one quoted word",
        b'"two" "words"',
        b"--text",
        b"it's",
    ]


def test_headers_of_a_message(shell: Shell) -> None:
    result = shell(
        "subscribe /queue/a",
        "send -H colour:red /queue/a -H 'size: very big' -t text/x --persistent body",
        "wait",
    )
    headers = result.messages[0]["headers"]
    assert (headers["colour"], headers["size"], headers["content-type"]) == ("red", "very big", "text/x")
    assert headers["persistent"] == "true"


def test_an_error_is_a_line_and_the_next_command_runs(shell: Shell) -> None:
    result = shell("send /queue/a", "frobnicate", "version")
    assert result.status == 2
    assert "stomp: line 1: expecting: send DESTINATION" in result.error
    assert "stomp: line 2: unknown command: frobnicate" in result.error
    assert "server RabbitMQ/stomp_testing" in result.out


def test_the_status_is_that_of_the_first_error(shell: Shell) -> None:
    assert shell("subscribe /unknown/a", "send").status == 5


def test_unknown_options_are_errors(shell: Shell) -> None:
    result = shell("subscribe /queue/a --nonsense", "send /queue/a --nonsense body", "send '/queue/a")
    assert [line for line in ("line 1: no such option", "line 2: no such option", "line 3: a quote is not closed")
            if line not in result.error] == []  # fmt: skip


def test_last_and_ids_are_acknowledged(broker: Broker, shell: Shell) -> None:
    result = shell(
        "subscribe /queue/a client-individual",
        "send /queue/a one",
        "send /queue/a two",
        "wait 2",
        "ack last",
        "ack last",
        "ack last",
    )
    assert "line 7: no unacknowledged message last" in result.error
    assert broker.messages("/queue/a") == []
    broker.wait_until(lambda broker: not broker.unacknowledged("/queue/a"))


def test_a_message_that_is_not_consumed_comes_again(shell: Shell) -> None:
    result = shell(
        "subscribe /queue/a client-individual", "send /queue/a one", "wait", "nack last", "wait", "ack last"
    )
    assert result.status == 0
    assert [message["headers"]["redelivered"] for message in result.messages] == ["false", "true"]


def test_a_transaction_is_committed_or_aborted(broker: Broker, shell: Shell) -> None:
    result = shell(
        "begin",
        "send /queue/a never",
        "rollback",
        "begin mine",
        "begin",
        "send /queue/a once",
        "commit",
        "abort",
    )
    assert broker.messages("/queue/a") == [b"once"]
    assert "line 5: there is a transaction already: mine" in result.error
    assert "line 8: there is no transaction" in result.error


def test_subscriptions_by_destination_and_id(shell: Shell) -> None:
    result = shell(
        "subscribe /topic/a",
        "subscribe /topic/a",
        "subscribe /topic/a --id mine client",
        "subscriptions",
        "unsubscribe mine",
        "unsubscribe /topic/a",
        "unsubscribe /topic/a",
    )
    assert "line 2: already subscribed to /topic/a" in result.error
    assert "mine\tclient\t/topic/a" in result.out
    assert "line 7: no subscription /topic/a; there is none" in result.error


def test_sendrec_sendreply_and_sendfile(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text of a file")
    (tmp_path / "headers.json").write_text('{"colour": "red", "n": 1}')
    result = shell(
        "subscribe /queue/a",
        "sendrec /queue/a one",
        "sendreply /queue/a 17 two",
        f"sendfile /queue/a {tmp_path}/a.txt {tmp_path}/headers.json",
        f"sendfile /queue/a {tmp_path}/a.txt --base64",
        f"sendfile /queue/a {tmp_path}/missing",
        "wait 4",
    )
    assert "RECEIPT: /queue/a has it" in result.error
    assert result.bodies == ["one", "two", "text of a file", "dGV4dCBvZiBhIGZpbGU="]
    headers = [message["headers"] for message in result.messages]
    assert headers[1]["correlation-id"] == "17"
    assert (headers[2]["content-type"], headers[2]["colour"], headers[2]["n"]) == ("text/plain", "red", "1")
    assert headers[3]["filename"] == "a.txt"
    assert "line 6: " in result.error
    assert "missing: No such file" in result.error


def test_a_request_prints_the_reply(broker: Broker, shell: Shell) -> None:
    with connect(broker.url) as service, service.subscribe("/queue/time") as requests:
        requests_seen: list[str] = []

        def answer() -> None:
            request = requests.receive(20)
            requests_seen.append(request.text)
            service.send(
                request.headers["reply-to"],
                "noon",
                headers={"correlation-id": request.headers.get("correlation-id", "")},
            )

        thread = threading.Thread(target=answer)
        thread.start()
        result = shell("request /queue/time what time is it?")
        thread.join()
    assert (requests_seen, result.bodies) == (["what time is it?"], ["noon"])


def test_raw_frames_and_their_answers(shell: Shell) -> None:
    result = shell(
        'raw SUBSCRIBE {"destination": "/queue/a", "id": "mine", "ack": "auto"}',
        'raw SEND {"destination": "/queue/a", "receipt": "r-1"} hello',
        "wait",
    )
    assert "RECEIPT r-1" in result.out
    assert result.bodies == ["hello"]


def test_statistics(shell: Shell) -> None:
    result = shell("stats", "stats on", "send /queue/a x", "stats", "stats off", "stats")
    assert "sent: 1 SEND" in result.out
    assert "received: 1 RECEIPT" in result.out
    assert "line 1: nothing is counted" in result.error
    assert "line 6: nothing is counted" in result.error


def test_to_wait_for_too_many_is_a_timeout(shell: Shell) -> None:
    result = shell("subscribe /queue/a", "send /queue/a x", "wait 2 0.2")
    assert result.status == 124
    assert "line 3: 1 of 2 messages came within 0.2 s" in result.error


def test_at_the_end_of_a_pipe_messages_may_still_come(broker: Broker, shell: Shell) -> None:
    broker.send("/queue/a", "waiting")
    assert shell("subscribe /queue/a").bodies == ["waiting"]


def test_quit_ends_a_pipe(shell: Shell) -> None:
    assert shell("version", "quit", "version").out.count("stomp ") == 1


@pytest.mark.parametrize("arguments", [("shell", "-F"), ("-F",)], ids=["stomp shell -F", "stomp -F"])
def test_a_file_ends_at_its_first_error(
    broker: Broker, shell: Shell, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    file = tmp_path / "commands"
    file.write_text("# a comment\nsend /queue/a one\n\nsend\nsend /queue/a two\n")
    result = shell(arguments=(*arguments, str(file)))
    assert result.status == 2
    assert f"{file}:4: expecting: send DESTINATION" in result.error
    assert broker.messages("/queue/a") == [b"one"]


def test_a_file_that_runs_itself_ends(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "commands"
    file.write_text(f"run {file}\n")
    assert "files run each other without end" in shell(f"run {file}").error


def test_help_lists_the_commands_and_has_examples(shell: Shell) -> None:
    out = shell("help", "help subscribe", "help nonsense").out
    for name in ("sendfile", "unsubscribe", "rollback", "raw", "stats"):
        assert name in out + shell("help abort").out
    assert "subscribe /queue/orders client-individual --prefetch 10" in out


def test_other_commands_of_stomp_work(broker: Broker, shell: Shell) -> None:
    result = shell("pub /queue/a hello", "sub /queue/a -n 1 --raw", "ping -n 1 -q", "pub")
    assert "hello" in result.out
    assert result.status == 2
    assert broker.messages("/queue/a") == []


def test_a_refused_login_is_its_own_status(broker: Broker, shell: Shell) -> None:
    broken = broker.url.replace("guest:guest", "guest:wrong")
    result = shell(arguments=("shell", broken))
    assert result.status == 4
    assert "Traceback" not in result.error


def test_it_disconnects_at_the_end(broker: Broker, shell: Shell) -> None:
    shell("subscribe /queue/a", "quit")
    broker.wait_until(lambda broker: not broker.connections)


# ---------------------------------------------------------------------- at a terminal


@pytest.fixture
def terminal(broker: Broker) -> Iterator[Terminal]:
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "NO_COLOR": "1"}
    with Terminal(["-m", "stomp_cli", "shell"], environment) as terminal:
        terminal.expect("help lists the commands")
        terminal.expect_prompt()
        yield terminal


def test_messages_are_printed_above_the_prompt(broker: Broker, terminal: Terminal) -> None:
    terminal.press("subscribe /queue/a\r")
    terminal.expect("subscribed to /queue/a")
    terminal.expect_prompt()
    terminal.press("ver")
    broker.send("/queue/a", "from elsewhere")
    terminal.expect("from elsewhere")
    terminal.expect("ver")
    terminal.press("sion\r")
    terminal.expect("server RabbitMQ/stomp_testing")
    terminal.expect_prompt()
    terminal.press("\x04")
    assert terminal.wait() == 0
    broker.wait_until(lambda broker: not broker.connections)


def test_ctrl_c_drops_the_line_and_errors_are_a_line(terminal: Terminal) -> None:
    terminal.press("dropped")
    terminal.expect("dropped")
    terminal.press("\x03")
    terminal.expect("stomp>")
    terminal.press("unknown\r")
    terminal.expect("stomp: unknown command: unknown")
    terminal.expect_prompt()
    terminal.press("begin mine\r")
    terminal.expect_prompt("(mine)>")
    terminal.press("quit\r")
    assert terminal.wait() == 0
    assert "unknown command: dropped" not in terminal.shown


def test_tab_completes_commands_and_destinations(broker: Broker, terminal: Terminal) -> None:
    terminal.press("send /queue/first-queue one\r")
    terminal.expect_prompt()
    broker.wait_until(lambda broker: broker.messages("/queue/first-queue"))
    terminal.press("sendrec /queue/fi\t")
    terminal.expect("rst-queue")  # completion is asynchronous: what is typed next would overtake it
    terminal.press(" two\r")
    terminal.expect("RECEIPT: /queue/first-queue")
    terminal.expect_prompt()
    terminal.press("\x04")
    assert terminal.wait() == 0


def test_history_is_kept_for_the_user_alone(broker: Broker, terminal: Terminal, tmp_path: Path) -> None:
    terminal.press("version\r")
    terminal.expect("server RabbitMQ")
    terminal.expect_prompt()
    terminal.press(" help\r")
    terminal.expect("Commands:")
    terminal.expect_prompt()
    terminal.press("\x04")
    assert terminal.wait() == 0
    history = tmp_path / "state" / "stomp" / "history"
    assert "+version" in history.read_text()
    assert "help" not in history.read_text()
    assert history.stat().st_mode & 0o077 == 0
