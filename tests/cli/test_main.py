"""The command as a whole: its help, mistakes, colours, completion, and what it imports."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

import stomp_core
from stomp_testing import Broker

from .command import ROOT, Stomp, environment, finish, start

COMMANDS = (
    "pub", "sub", "req", "reply", "move", "drain", "record", "replay", "ping", "check", "bench", "fuzz", "trace",
    "decode", "encode", "broker", "shell", "context", "completion",
)  # fmt: skip


def test_the_help_lists_commands_statuses_and_examples(stomp: Stomp) -> None:
    result = stomp("--help")
    assert result.status == 0
    text = result.out.decode()
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert "6 outcome unknown" in text
    assert "seq 1000 | stomp pub /queue/orders -l" in text
    assert stomp().out == result.out


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "broker"])
def test_every_command_has_examples(stomp: Stomp, name: str) -> None:
    result = stomp(name, "--help")
    assert result.status == 0
    text = result.out.decode()
    assert "Examples:" in text
    assert f"  stomp {name}" in text or f"| stomp {name}" in text or f'"$(stomp {name}' in text


def test_the_version(stomp: Stomp) -> None:
    assert stomp("--version").out.decode().startswith(f"stomp {stomp_core.__version__} (Python 3.")


def test_a_misspelt_command_gets_a_suggestion(stomp: Stomp) -> None:
    result = stomp("pbu")
    assert result.status == 2
    assert "No such command 'pbu'. Did you mean 'pub'?" in result.err


def test_a_mistake_of_ours_is_one_line_unless_debugged(stomp: Stomp, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr("stomp_socket.connect", broken)
    result = stomp("ping")
    assert result.status == 1
    assert (
        result.err
        == "stomp: KeyError: 'oops' (this is a mistake of the command itself; --debug shows where)\n"
    )
    with pytest.raises(KeyError):
        stomp("ping", "--debug")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed(stomp: Stomp, shell: str) -> None:
    assert b"_STOMP_COMPLETE" in stomp("completion", shell).out


def test_completion_completes() -> None:
    variables = environment({"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "transports")])})
    done = subprocess.run(
        [sys.executable, "-m", "stomp_cli"],
        env=variables | {"_STOMP_COMPLETE": "bash_complete", "COMP_WORDS": "stomp p", "COMP_CWORD": "1"},
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == [b"plain,pub", b"plain,ping"]


def _at_a_terminal(*arguments: str, url: str, variables: dict[str, str]) -> bytes:
    """Return what a command prints at a terminal."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "stomp_cli", *arguments],
            stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.DEVNULL,
            env=environment({"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "transports")]), "STOMP_URL": url})
            | {"TERM": "xterm", "NO_COLOR": ""} | variables,
        )  # fmt: skip
        os.close(theirs)
        output = b""
        try:
            while data := os.read(ours, 4096):
                output += data
        except OSError:
            pass  # Linux: the other end was closed
        assert process.wait(60) == 0
    finally:
        os.close(ours)
    return output


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_at_a_terminal_that_wants_them(broker: Broker, variables: dict[str, str]) -> None:
    broker.send("/queue/a", '{"a": 1}', {"content-type": "application/json"})
    output = _at_a_terminal("sub", "/queue/a", "-n", "1", url=broker.url, variables=variables)
    assert b"[1] /queue/a" in output
    assert (b"\x1b[" in output) == (not variables)


def test_the_embedded_broker_is_a_command(stomp: Stomp) -> None:
    process = start("broker", "--port", "0")
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    assert line.startswith("stomp_testing broker (rabbitmq flavour) on stomp://")
    assert stomp("ping", "-n", "1", line.split()[-1]).status == 0
    process.terminate()
    assert finish(process).status == 0


def test_what_is_imported_to_start() -> None:
    """It starts quickly because it does not import what it does not use."""
    script = "import sys, json, stomp_cli; stomp_cli.main(['pub', '--help']); print(json.dumps(sorted(sys.modules)))"
    variables = environment({"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "transports")])})
    done = subprocess.run(
        [sys.executable, "-c", script], env=variables, capture_output=True, check=True, timeout=60, text=True
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "click" in loaded
    assert not loaded & {
        "rich",
        "prompt_toolkit",
        "hdrh",
        "tomli_w",
        "asyncio",
        "trio",
        "ssl",
        "pytest",
        "websockets",
    }
