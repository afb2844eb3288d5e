"""The pytest plugin: fixtures without configuration, and no imports where they are not used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stomp_testing import Broker, FaultProxy

from .wire import Wire

TESTS = """
import socket
import pytest

earlier = []

def test_fresh(stomp_broker, stomp_proxy):
    assert stomp_broker.messages("/queue/a") == []
    stomp_broker.send("/queue/a", "x")
    assert str(stomp_proxy.port) in stomp_proxy.url

def test_fresh_again(stomp_broker):
    assert stomp_broker.messages("/queue/a") == []
    earlier.append(stomp_broker)

def test_each_is_stopped_at_the_end_of_its_test():
    (broker,) = earlier
    assert not broker.running
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((broker.host, broker.port))

@pytest.mark.stomp_broker(users=None)
def test_arguments(stomp_broker):
    assert "guest" not in stomp_broker.url

@pytest.mark.stomp_broker(websocket=True)
@pytest.mark.stomp_proxy(websocket=True, seed=1)
def test_websocket(stomp_broker, stomp_proxy):
    assert stomp_proxy.url == stomp_broker.ws_url.replace(str(stomp_broker.ws_port), str(stomp_proxy.port))
"""


def test_the_fixtures_need_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-W",
            "error",
            "--strict-markers",
            "-p",
            "no:cacheprovider",
            ".",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "5 passed" in done.stdout, done.stdout + done.stderr


def test_the_plugin_imports_only_pytest() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import stomp_testing.plugin; "
        "print(sorted(name.partition('.')[0] for name in set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "['stomp_testing', 'stomp_testing']"


@pytest.mark.stomp_broker(flavour="activemq")
@pytest.mark.stomp_proxy(mean_bytes=1e9)
def test_the_proxy_connects_to_the_broker(stomp_broker: Broker, stomp_proxy: FaultProxy) -> None:
    with Wire(stomp_proxy.port) as wire:
        wire.connect()
        assert len(stomp_broker.connections) == stomp_proxy.connections == 1


def test_every_public_name_can_be_imported() -> None:
    import stomp_testing

    with pytest.raises(AttributeError, match="Nothing"):
        getattr(stomp_testing, "Nothing" + "AtAll")
    assert set(stomp_testing.__all__) <= set(dir(stomp_testing))
    for name in stomp_testing.__all__:
        assert getattr(stomp_testing, name) is not None
