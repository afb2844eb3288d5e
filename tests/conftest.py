"""Fixtures that every test may ask for: real brokers, and certificates.

STOMP_BROKERS=required   a broker that is not installed is a failure (what CI says)
STOMP_BROKERS=off        tests that need one are skipped, also where it is installed
(unset)                  they run where it is installed
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    # Not at run time: the wheel is tested in an environment where nobody may need these.
    from .brokers import ActiveMQ, Broker, RabbitMQ
    from .certificates import Certificates

BROKERS = ("rabbitmq", "activemq")

# A busy machine is slow; that a call took long is nothing that a property test should fail for.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

#: the brokers that were started in this run
_started: dict[str, Broker] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name in BROKERS:
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(name)


def _run(broker_type: type[Broker]) -> Broker:
    """Start a broker, or say why not: each at most once a run, since a start costs seconds."""
    wish = os.environ.get("STOMP_BROKERS", "")
    if wish not in ("", "required", "off"):
        pytest.fail(f"STOMP_BROKERS={wish}: neither `required` nor `off`")
    if wish == "off":
        pytest.skip("STOMP_BROKERS=off")
    if not broker_type.available():
        message = f"{broker_type.name} is not installed: {broker_type.install_hint}"
        if wish == "required":
            pytest.fail(message)
        pytest.skip(message)
    broker = broker_type()
    _started[broker.name] = broker
    broker.start()
    return broker


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    from .brokers import RabbitMQ

    broker = _run(RabbitMQ)
    assert isinstance(broker, RabbitMQ)
    yield broker
    del _started[broker.name]
    broker.stop()


@pytest.fixture(scope="session")
def activemq() -> Iterator[ActiveMQ]:
    from .brokers import ActiveMQ

    broker = _run(ActiveMQ)
    assert isinstance(broker, ActiveMQ)
    yield broker
    del _started[broker.name]
    broker.stop()


@pytest.fixture(params=[pytest.param(name, marks=getattr(pytest.mark, name)) for name in BROKERS])
def real_broker(request: pytest.FixtureRequest) -> Broker:
    """Each real broker in turn, up and answering, whatever the test before did to it."""
    broker: Broker = request.getfixturevalue(request.param)
    return broker


@pytest.fixture(autouse=True)
def _brokers_are_up() -> None:
    """A test that killed or suspended a broker, and failed, must not fail those after it."""
    for broker in _started.values():
        broker.ensure_running()


@pytest.fixture(scope="session")
def tls_certs(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, a server's and a client's certificate of it, and one for each way of being refused."""
    from .certificates import Certificates

    return Certificates.create(tmp_path_factory.mktemp("certificates"))
