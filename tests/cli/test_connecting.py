"""How the command connects: options, environment, contexts; and that a passcode is never shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stomp_testing import Broker

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


def test_a_failover_list_is_tried_in_turn(stomp: Stomp, broker: Broker) -> None:
    assert stomp("ping", "-n", "1", f"stomp://127.0.0.1:1,{broker.url}").status == 0


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


# ---------------------------------------------------------------------- contexts


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
