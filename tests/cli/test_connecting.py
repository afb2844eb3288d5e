"""How the command connects: options, environment, contexts; and that a passcode is never shown."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from stomp_testing import CLOSE, Broker, Pause, Recorder, ScriptedServer

from .command import Stomp, finish, start

SECRET = "s3cret"


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker(users={"me": SECRET}) as broker:
        yield broker


@pytest.fixture
def stomp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stomp:
    stomp = Stomp(monkeypatch)
    stomp.variables["XDG_CONFIG_HOME"] = str(tmp_path / "config")
    return stomp


def without_credentials(broker: Broker) -> str:
    return f"stomp://{broker.host}:{broker.port}"


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        ("--url", "stomp://me:s3cret@{host}:{port}"),
        ("--host", "{host}", "--port", "{port}", "--user", "me", "--password", SECRET),
    ],
)
def test_options_stand_before_or_after_the_command(
    stomp: Stomp, broker: Broker, options: tuple[str, ...], before: bool
) -> None:
    given = [option.format(host=broker.host, port=broker.port) for option in options]
    result = stomp(*given, "ping", "-n", "1") if before else stomp("ping", "-n", "1", *given)
    assert result.status == 0, result.err
    assert "everybody on this machine" in result.err
    assert SECRET not in result.err
    assert SECRET.encode() not in result.out


def test_short_options_of_stomp_py(stomp: Stomp, broker: Broker) -> None:
    broker.send("/queue/a", "x")
    result = stomp(
        "-H", broker.host, "-P", str(broker.port), "-U", "me", "-W", SECRET, "-S", "1.1", "ping", "--json"
    )
    assert result.status == 0, result.err
    assert '"version":"1.1"' in result.lines[0]


def test_the_variables_of_stompcat(stomp: Stomp, broker: Broker) -> None:
    stomp.variables |= {
        "STOMP_HOST": broker.host, "STOMP_PORT": str(broker.port), "STOMP_USER": "me", "STOMP_PASS": SECRET,
    }  # fmt: skip
    assert stomp("ping", "-n", "1").status == 0
    assert stomp("ping", "-n", "1").err == ""


def test_a_url_in_the_environment_wins_over_host_and_port(stomp: Stomp, broker: Broker) -> None:
    stomp.variables |= {"STOMP_URL": broker.url, "STOMP_HOST": "localhost", "STOMP_PORT": "1"}
    assert stomp("ping", "-n", "1").status == 0


def test_an_argument_wins_over_everything(stomp: Stomp, broker: Broker) -> None:
    stomp.variables["STOMP_URL"] = "stomp://127.0.0.1:1"
    assert stomp("ping", "-n", "1", broker.url).status == 0


def test_the_passcode_is_the_first_line_of_a_file(stomp: Stomp, broker: Broker, tmp_path: Path) -> None:
    file = tmp_path / "passcode"
    file.write_text(f"{SECRET}\nmore\n")
    result = stomp(
        "ping", "-n", "1", "--url", without_credentials(broker), "--user", "me", "--passcode-file", str(file)
    )
    assert (result.status, result.err) == (0, "")


def test_a_missing_passcode_file_is_named(stomp: Stomp, broker: Broker) -> None:
    result = stomp("ping", "--user", "me", "--passcode-file", "/none")
    assert result.status == 2
    assert "/none: No such file or directory" in result.err


def test_a_passcode_without_user_is_refused(stomp: Stomp, broker: Broker) -> None:
    stomp.variables["STOMP_PASSCODE"] = SECRET
    result = stomp("ping", without_credentials(broker))
    assert result.status == 2
    assert "There is a passcode, but no user" in result.err


def test_a_wrong_login_has_its_own_status(stomp: Stomp, broker: Broker) -> None:
    result = stomp("ping", f"stomp://me:wr0ng@{broker.host}:{broker.port}")
    assert result.status == 4
    assert "check login and passcode" in result.err
    assert "wr0ng" not in result.err
    assert "Traceback" not in result.err


def test_debug_shows_frames_without_the_passcode(broker: Broker) -> None:
    result = finish(start("ping", "-n", "1", "--debug", url=broker.url))
    assert result.status == 0
    assert "sent Connect(" in result.err
    assert "received Receipt(" in result.err
    assert SECRET not in result.err


def test_a_failover_list_is_tried_in_turn(stomp: Stomp, broker: Broker, closed_port: int) -> None:
    assert stomp("ping", "-n", "1", f"stomp://127.0.0.1:{closed_port},{broker.url}").status == 0


def test_tls_verifies_the_certificate_by_default(stomp: Stomp) -> None:
    with Broker(tls=True) as broker:
        refused = stomp("ping", "-n", "1", broker.tls_url)
        assert refused.status == 3
        assert "certificate" in refused.err
        assert stomp("ping", "-n", "1", broker.tls_url, "--ca", str(broker.ca_file)).status == 0
        insecure = stomp("ping", "-n", "1", broker.tls_url, "--insecure")
        assert insecure.status == 0
        assert "the certificate of the server is not verified" in insecure.err
        short = stomp(
            "ping", "-n", "1", "--host", "localhost", "--port", str(broker.tls_port), "--ssl", "--ssl-ca-file",
            str(broker.ca_file), "--user", "guest", "--password", "guest",
        )  # fmt: skip
        assert short.status == 0, short.err


@pytest.mark.parametrize("command", [("pub", "/queue/a", "x"), ("sub", "/queue/a"), ("req", "/queue/a", "x")])
@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("receipt:7", "the command asks for receipts by itself"),
        ("transaction:t", "the shell has transactions"),
        ("destination:/queue/b", "it is an argument"),
    ],
)
def test_headers_that_a_command_writes_by_itself_are_wrong_usage(
    stomp: Stomp, command: tuple[str, ...], header: str, why: str
) -> None:
    result = stomp(*command, "-H", header)
    assert result.status == 2
    name = header.partition(":")[0]
    assert f"{name} is no header to pass with -H: {why}" in " ".join(result.err.split())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--url", "http://x"), "the URL"),
        (("--heart-beat", "ten"), "two numbers separated by a comma, got 'ten'"),
        (("--connect-header", "x"), "a header is NAME:VALUE, got 'x'"),
        (("--context", "none"), "There is no context 'none'"),
        (("--port", "0"), "--port"),
    ],
)
def test_wrong_options_are_named(stomp: Stomp, options: tuple[str, ...], text: str) -> None:
    result = stomp("ping", *options)
    assert result.status == 2
    assert text in result.err


@pytest.mark.parametrize(
    ("options", "header"),
    [
        (("--vhost", "there"), ("host", "there")),
        (("--client-id", "me"), ("client-id", "me")),
        (("--connect-header", "x:  1"), ("x", " 1")),
        (("--heart-beat", "20,30"), ("heart-beat", "20000,30000")),
        (("--heartbeats", "20000,30000"), ("heart-beat", "20000,30000")),
        (("--protocol", "1.1"), ("accept-version", "1.1")),
    ],
    ids=lambda value: value[0],
)
def test_what_options_send_in_connect(
    stomp: Stomp, options: tuple[str, ...], header: tuple[str, str]
) -> None:
    recorder = Recorder()
    with Broker(recorder=recorder, vhosts=("/", "there", "127.0.0.1")) as broker:
        assert stomp("ping", "-n", "1", broker.url, *options).status == 0
    (connect,) = recorder.frames("CONNECT") or recorder.frames("STOMP")
    assert header in connect.headers.items()


def test_the_times_to_wait_are_those_that_were_given(stomp: Stomp, broker: Broker) -> None:
    with ScriptedServer([Pause(5), CLOSE]) as silent:
        url = f"stomp+ssl://127.0.0.1:{silent.port}"
        result = stomp("ping", url, "--insecure", "--connect-timeout", "0.1")
    assert result.status == 3
    assert "within 0.1 s" in result.err
    broker.hold_receipts = True
    result = stomp("pub", "/queue/a", "x", "--url", broker.url, "--receipt-timeout", "0.1")
    assert result.status == 6
    assert "0.1 s" in result.err


def test_the_user_of_the_environment_takes_no_urls_place(stomp: Stomp, broker: Broker) -> None:
    stomp.variables |= {"STOMP_URL": broker.url, "STOMP_USER": "somebody else", "STOMP_PASSCODE": "other"}
    assert stomp("ping", "-n", "1").status == 0


def test_a_command_leaves_the_log_as_it_was(stomp: Stomp, broker: Broker) -> None:
    logger = logging.getLogger("stomp_core")
    before = (list(logger.handlers), logger.level, logger.propagate)
    assert stomp("ping", "-n", "1", "--verbose", broker.url).status == 0
    assert (list(logger.handlers), logger.level, logger.propagate) == before


# ---------------------------------------------------------------------- contexts


@pytest.mark.parametrize(
    ("options", "url"),
    [
        (("--host", "broker.test"), "stomp://broker.test:61613"),
        (("--host", "broker.test", "--tls"), "stomp+ssl://broker.test:61614"),
        (("--host", "broker.test", "--ca", "ca.pem"), "stomp+ssl://broker.test:61614"),
        (("--host", "broker.test", "--tls", "--port", "5"), "stomp+ssl://broker.test:5"),
        (("--host", "::1"), "stomp://[::1]:61613"),
        (("--port", "5"), "stomp://localhost:5"),
    ],
)
def test_the_url_of_host_and_port(stomp: Stomp, options: tuple[str, ...], url: str) -> None:
    assert stomp("context", "add", "x", *options).status == 0
    assert stomp("context", "ls").out.decode().split("\t")[1].strip() == url


def test_without_a_current_context_none_is_used(stomp: Stomp) -> None:
    stomp("context", "add", "one", "--url", "stomp://localhost:1")
    stomp("context", "add", "two", "--url", "stomp://localhost:2")
    assert stomp("context", "ls").lines == ["* one\tstomp://localhost:1", "  two\tstomp://localhost:2"]
    assert stomp("context", "use").status == 0
    assert stomp("context", "ls").lines == ["  one\tstomp://localhost:1", "  two\tstomp://localhost:2"]
    assert stomp("context", "use", "two").status == 0
    assert stomp("context", "rm", "two").status == 0
    assert stomp("context", "ls").lines == ["  one\tstomp://localhost:1"]
    assert stomp("context", "add", "three", "--url", "stomp://localhost:3").status == 0
    assert stomp("context", "ls").lines[1] == "* three\tstomp://localhost:3"


def test_an_option_wins_over_the_context(stomp: Stomp) -> None:
    recorder = Recorder()
    with Broker(recorder=recorder, vhosts=("stored", "given")) as broker:
        stomp("context", "add", "x", "--url", broker.url, "--vhost", "stored", "--client-id", "me")
        assert stomp("ping", "-n", "1").status == 0
        assert stomp("ping", "-n", "1", "--vhost", "given").status == 0
    hosts = [
        frame.headers["host"] for frame in recorder.frames(direction="to-server") if "host" in frame.headers
    ]
    assert hosts == ["stored", "given"]


def test_host_and_port_use_nothing_of_the_current_context(stomp: Stomp, tmp_path: Path) -> None:
    passcode = tmp_path / "passcode"
    passcode.write_text("of somebody else")
    stomp(
        "context", "add", "x", "--url", "stomp://127.0.0.1:1", "--user", "else", "--passcode-file", str(passcode)
    )  # fmt: skip
    recorder = Recorder()
    with Broker(recorder=recorder, users=None) as broker:
        assert stomp("ping", "-n", "1", "--host", broker.host, "--port", str(broker.port)).status == 0
    assert not any(name in frame.headers for frame in recorder.frames() for name in ("login", "passcode"))


def test_contexts_are_stored_listed_used_and_removed(stomp: Stomp, broker: Broker, tmp_path: Path) -> None:
    passcode = tmp_path / "passcode"
    passcode.write_text(SECRET)
    url = without_credentials(broker)
    add = ("context", "add", "test", "--url", url, "--user", "me", "--passcode-file", str(passcode))
    assert stomp(*add).status == 0
    assert stomp("context", "add", "other", "--url", "stomp://127.0.0.1:1").status == 0
    assert (
        stomp("context", "ls").out.decode()
        == f"  other\tstomp://127.0.0.1:1\n* test\t{url}\tpasscode_file user\n"
    )
    assert stomp("ping", "-n", "1").status == 0
    assert stomp("context", "use", "other").status == 0
    assert stomp("ping", "-n", "1").status == 3
    assert stomp("ping", "-n", "1", "--context", "test").status == 0
    stomp.variables["STOMP_CONTEXT"] = "test"
    assert stomp("ping", "-n", "1").status == 0
    assert stomp("context", "rm", "test").status == 0
    assert stomp("ping", "-n", "1").status == 2
    assert stomp("context", "rm", "test").status == 2


def test_a_context_for_another_broker_lends_no_credentials(
    stomp: Stomp, broker: Broker, tmp_path: Path
) -> None:
    passcode = tmp_path / "passcode"
    passcode.write_text("of somebody else")
    stomp(
        "context",
        "add",
        "x",
        "--url",
        "stomp://127.0.0.1:1",
        "--user",
        "else",
        "--passcode-file",
        str(passcode),
    )
    stomp.variables["STOMP_URL"] = broker.url
    assert stomp("ping", "-n", "1").status == 0


def test_a_passcode_is_not_stored(stomp: Stomp) -> None:
    result = stomp("context", "add", "x", "--url", "stomp://localhost", "--password", SECRET)
    assert result.status == 2
    assert "A passcode is not stored" in result.err


def test_the_file_of_contexts_is_private(stomp: Stomp, tmp_path: Path) -> None:
    stomp("context", "add", "x", "--url", f"stomp://me:{SECRET}@localhost")
    file = tmp_path / "config/stomp/contexts.toml"
    assert file.stat().st_mode & 0o077 == 0
    assert SECRET not in stomp("context", "ls").out.decode()


def test_a_broken_file_of_contexts_is_named(stomp: Stomp, tmp_path: Path) -> None:
    file = tmp_path / "config/stomp/contexts.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[")
    result = stomp("ping")
    assert result.status == 2
    assert str(file) in result.err
