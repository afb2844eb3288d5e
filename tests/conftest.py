"""Fixtures for all tests: real brokers, and certificates.

STOMP_BROKERS=required   a broker, or a client of another language, that is not installed is a failure (CI sets this)
STOMP_BROKERS=off        tests with real brokers are skipped, even where these are installed
(unset)                  tests with real brokers run where these are installed

Tests may run in several processes (pytest-xdist). Each process that needs a broker starts its own, so that no test
kills the broker of another one. All tests with RabbitMQ run in the same process, and so do all tests with ActiveMQ:
then each broker starts once.
"""

from __future__ import annotations

import gc
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    # The pure tests run against the wheel, in an environment without the dependencies of these modules.
    from .brokers import ActiveMQ, Broker, RabbitMQ
    from .certificates import Certificates

BROKERS = ("rabbitmq", "activemq")

# No deadline, and no check that examples are made fast: on a busy machine both may take any time.
_ANY_TIME: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", **_ANY_TIME, max_examples=50)
settings.register_profile("ci", **_ANY_TIME, max_examples=50, print_blob=True)
# .ci/run tests the pure layers on each interpreter with this one: pytest --hypothesis-profile thorough.
settings.register_profile("thorough", **_ANY_TIME, max_examples=300, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

#: The brokers that were started in this process, by name.
_started: dict[str, Broker] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name in BROKERS:
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(name)
    if "PYTEST_XDIST_WORKER" in os.environ:
        # The scheduler starts groups in the order of their first tests. Those with brokers take longest.
        items.sort(key=lambda item: _group(item.nodeid) not in BROKERS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Run all tests of a file in one process, except for those with real brokers.

    Marks of xdist_group would do, but pytest-xdist 3.8 loses them with pytest 9.2.
    """
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped, unused-ignore]

    class Scheduling(LoadScopeScheduling):  # type: ignore[misc, unused-ignore]
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    return Scheduling(config, log)


def _group(nodeid: str) -> str:
    """Return which tests must run in the same process as this one: those with the same result.

    The id of a test has the name of its broker, be it as a parameter. If it has not, a broker may start twice.
    """
    return next((name for name in BROKERS if name in nodeid), nodeid.partition("::")[0])


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    # Thousands of tests and their modules live as long as the run. Without them, garbage collections take no time.
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tell what took long, and why."""
    from .durations import what_took_long

    durations: dict[str, float] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                durations[report.nodeid] = durations.get(report.nodeid, 0.0) + report.duration
    for line in what_took_long(durations):
        terminalreporter.write_line(line)


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


@pytest.fixture
def start_broker() -> Iterator[Callable[[type[Broker]], Broker]]:
    """Start brokers of one test, with configurations of their own. Each needs a ``name`` of its own, too."""
    brokers: list[Broker] = []

    def start(broker_type: type[Broker]) -> Broker:
        brokers.append(_start(broker_type))
        return brokers[-1]

    yield start
    for broker in brokers:
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


class _Records(logging.Handler):
    """Keeps the texts of log records."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._texts = texts

    def emit(self, record: logging.LogRecord) -> None:
        self._texts.append(f"logger {record.name}: {self.format(record)}")


@contextmanager
def _no_unhandled_exceptions() -> Iterator[None]:
    """Fail if an exception reaches an excepthook or an event loop's exception handler.

    The default handlers of asyncio and uvloop write an ERROR to the logger ``asyncio``, as does what asyncio finds when
    it collects a task or a future. pytest itself makes a warning, and so an error, of what reaches sys.unraisablehook.
    tests/test_unhandled.py causes each of them.
    """
    unhandled: list[str] = []

    def unhandled_in_thread(details: threading.ExceptHookArgs) -> None:
        unhandled.append(f"thread {details.thread}: {details.exc_value!r}")

    handler = _Records(unhandled)
    logger = logging.getLogger("asyncio")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "excepthook", lambda kind, error, trace: unhandled.append(repr(error)))
        patch.setattr(threading, "excepthook", unhandled_in_thread)
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)
    assert not unhandled, "\n".join(unhandled)


@pytest.fixture(autouse=True)
def _nothing_is_unhandled() -> Iterator[None]:
    with _no_unhandled_exceptions():
        yield


@pytest.fixture(autouse=True, scope="session")
def _nothing_unhandled_is_left() -> Iterator[None]:
    """What asyncio finds only when it collects a task or a future, after all tests."""
    yield
    with _no_unhandled_exceptions():
        gc.unfreeze()
        gc.collect()


@pytest.fixture(autouse=True, scope="module")
def _collections_stay_short() -> Iterator[None]:
    """What a run keeps of thousands of tests is not looked at again, until the end of all tests."""
    yield
    with _no_unhandled_exceptions():
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session")
def tls_certs(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A certificate authority, certificates of a server and a client, and one for each reason of a refusal."""
    from .certificates import Certificates

    return Certificates.create(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens: it is taken, and not listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
