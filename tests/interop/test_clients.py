"""Clients of other languages use the embedded broker as they use the real ones.

Each client is a small program in its own language, ``client.*`` beside this file. Its arguments are host, port, login,
passcode, queue and version. It prints a line for each step that it has passed, and fails at the first other one:
connect; bodies of text, of all 256 bytes and of none, each acknowledged; NACK, where version and client have it; a
transaction that is aborted and one that is committed; the end; a wrong passcode. The same programs run against the real
brokers, where these are installed: what a program expects is then what they do.

The clients are those of Debian, and stompit of npm, which is found in the folder ``STOMP_NODE_MODULES``. With
``STOMP_BROKERS=required`` a client that is not installed is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from stomp_testing import Broker

LOGIN, PASSCODE = "admin", "password"
HERE = Path(__file__).parent
HANGS = 240  # seconds; a program takes less than one


@dataclass(frozen=True)
class Client:
    """How a client of another language is started, found and installed."""

    command: tuple[str, ...]
    program: str
    probe: tuple[str, ...]
    install: str
    has_nack: bool = True


APT = "apt-get install --no-install-recommends"
CLIENTS = {
    "perl": Client(
        ("perl",), "client.pl", ("-MNet::Stomp", "-e", "1"), f"Net::Stomp is missing: {APT} libnet-stomp-perl"
    ),
    "ruby": Client(
        ("ruby",), "client.rb", ("-rstomp", "-e", "1"), f"the stomp gem is missing: {APT} ruby ruby-stomp"
    ),
    "php": Client(
        ("php",),
        "client.php",
        ("-r", 'exit(class_exists("Stomp") ? 0 : 1);'),
        f"the stomp extension of PHP is missing: {APT} php-cli php-stomp",
        has_nack=False,
    ),
    "stompit": Client(
        ("node",),
        "client.js",
        ("-e", 'require("stompit")'),
        "stompit is missing: npm install --prefix FOLDER stompit, and STOMP_NODE_MODULES=FOLDER/node_modules",
    ),
}
# The extension of PHP knows no 1.2: its ACK has no `id` header.
RUNS = [
    (name, version)
    for name in CLIENTS
    for version in ("1.0", "1.1", "1.2")
    if (name, version) != ("php", "1.2")
]


def _environment() -> dict[str, str]:
    modules = os.environ.get("STOMP_NODE_MODULES")
    return {**os.environ, "NODE_PATH": modules} if modules else dict(os.environ)


@cache
def _installed(name: str) -> bool:
    client = CLIENTS[name]
    if shutil.which(client.command[0]) is None:
        return False
    probe = subprocess.run(
        [*client.command, *client.probe],
        env=_environment(),
        cwd=HERE,
        capture_output=True,
        timeout=HANGS,
        check=False,
    )
    return probe.returncode == 0


@dataclass(frozen=True)
class Place:
    """Where a broker is, and the embedded one, if it is that."""

    host: str
    port: int
    embedded: Broker | None = None


@pytest.fixture(
    params=[
        "embedded-rabbitmq",
        "embedded-activemq",
        pytest.param("rabbitmq", marks=pytest.mark.rabbitmq),
        pytest.param("activemq", marks=pytest.mark.activemq),
    ]
)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Each broker in turn, whose user is ``admin``."""
    if request.param.startswith("embedded-"):
        flavour = request.param.removeprefix("embedded-")
        with Broker(flavour=flavour, users={LOGIN: PASSCODE}) as broker:
            yield Place(broker.host, broker.port, broker)
    else:
        real = request.getfixturevalue(request.param)
        yield Place(real.host, real.tcp_port)


@pytest.mark.parametrize(("name", "version"), RUNS)
def test_a_client_of_another_language(place: Place, name: str, version: str) -> None:
    client = CLIENTS[name]
    if not _installed(name):
        if os.environ.get("STOMP_BROKERS") == "required":
            pytest.fail(client.install)
        pytest.skip(client.install)
    queue = f"/queue/interop-{uuid.uuid4().hex}"
    run = subprocess.run(
        [*client.command, client.program, place.host, str(place.port), LOGIN, PASSCODE, queue, version],
        env=_environment(),
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    steps = run.stdout.splitlines()
    expected = ["connect", "text", "binary", "empty", "nack", "transactions", "disconnect", "refused"]
    if version == "1.0" or not client.has_nack:
        expected.remove("nack")
    assert [step for step in steps if step in expected] == expected
    if place.embedded is not None:
        # Every message was acknowledged, or refused for good.
        assert place.embedded.messages(queue) == []
