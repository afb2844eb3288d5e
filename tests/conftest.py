"""Fixtures for all tests: real brokers, and certificates.

STOMP_BROKERS=required   a broker that is not installed is a failure (CI sets this)
STOMP_BROKERS=off        tests with real brokers are skipped, even where these are installed
(unset)                  tests with real brokers run where these are installed

Tests may run in several processes (pytest-xdist). All tests with RabbitMQ then run in one process and all tests with
ActiveMQ in one process, so that each broker starts once and no test kills the broker of another one.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    # The pure tests run against the wheel, in an environment without the dependencies of these modules.
    from .brokers import ActiveMQ, Broker, RabbitMQ
    from .certificates import Certificates

BROKERS = ("rabbitmq", "activemq")

# No deadline: on a busy machine an example may take any time.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

#: The brokers that were started in this process, by name.
_started: dict[str, Broker] = {}


# First, because pytest-xdist reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for name in BROKERS:
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(name)
    if config.getoption("dist", "no") == "loadgroup":
        _group(items)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    # Thousands of tests and their modules live as long as the run. Without them, garbage collections take no time.
    gc.collect()
    gc.freeze()


def _group(items: list[pytest.Item]) -> None:
    """Assign every test to a group; pytest-xdist runs all tests of a group in the same process."""
    for item in items:
        broker = _broker_of(item)
        item.add_marker(pytest.mark.xdist_group(broker or item.path.parent.name + "." + item.path.stem))
    # Groups start in the order of their first tests. Those with brokers take longest.
    items.sort(key=lambda item: _broker_of(item) is None)


def _broker_of(item: pytest.Item) -> str | None:
    return next((name for name in BROKERS if item.get_closest_marker(name)), None)


def _start(broker_type: type[Broker]) -> Broker:
    """Start a broker, or skip or fail the test."""
    brokers = os.environ.get("STOMP_BROKERS", "")
    if brokers not in ("", "required", "off"):
        pytest.fail(f"STOMP_BROKERS must be 'required' or 'off', got {brokers!r}")
    if brokers == "off":
        pytest.skip("STOMP_BROKERS=off")
    if not broker_type.available():
        message = f"{broker_type.name} is not installed: {broker_type.install_hint}"
        if brokers == "required":
            pytest.fail(message)
        pytest.skip(message)
    broker = broker_type()
    _started[broker.name] = broker
    broker.start()
    return broker


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    from .brokers import RabbitMQ

    broker = _start(RabbitMQ)
    assert isinstance(broker, RabbitMQ)
    yield broker
    del _started[broker.name]
    broker.stop()


@pytest.fixture(scope="session")
def activemq() -> Iterator[ActiveMQ]:
    from .brokers import ActiveMQ

    broker = _start(ActiveMQ)
    assert isinstance(broker, ActiveMQ)
    yield broker
    del _started[broker.name]
    broker.stop()


@pytest.fixture(params=[pytest.param(name, marks=getattr(pytest.mark, name)) for name in BROKERS])
def real_broker(request: pytest.FixtureRequest) -> Broker:
    """Each real broker in turn, running and answering, even if the test before has killed it."""
    broker: Broker = request.getfixturevalue(request.param)
    return broker


@pytest.fixture(autouse=True)
def _brokers_are_up() -> None:
    """A test that killed or suspended a broker, and failed, must not make later tests fail."""
    for broker in _started.values():
        broker.ensure_running()


@pytest.fixture(scope="session")
def tls_certs(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A certificate authority, certificates of a server and a client, and one for each reason of a refusal."""
    from .certificates import Certificates

    return Certificates.create(tmp_path_factory.mktemp("certificates"))
