"""The pytest plugin: fixtures ``stomp_broker`` and ``stomp_proxy``. Installed with the package, nothing to configure.

pytest loads it in every run on a machine that has the package: it imports nothing but pytest until a fixture is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

try:
    import pytest
except ModuleNotFoundError as _error:
    if _error.name != "pytest":
        raise
    raise ModuleNotFoundError(
        "stomp_testing.plugin needs pytest: pip install stomp-core[testing]", name="pytest"
    ) from None

if TYPE_CHECKING:
    from . import Broker, FaultProxy

__all__ = ["pytest_configure", "stomp_broker", "stomp_proxy"]


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers. pytest calls it.

    Args:
        config: the configuration of pytest.
    """
    config.addinivalue_line(
        "markers", "stomp_broker(**arguments): arguments of stomp_testing.Broker for the stomp_broker fixture"
    )
    config.addinivalue_line(
        "markers",
        "stomp_proxy(**arguments): arguments of stomp_testing.FaultProxy for the stomp_proxy fixture",
    )


def _arguments(request: pytest.FixtureRequest, marker: str) -> dict[str, Any]:
    found = request.node.get_closest_marker(marker)
    return {} if found is None else dict(found.kwargs)


@pytest.fixture
def stomp_broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Start a new embedded broker for a test, and stop it afterwards. Its address is ``stomp_broker.url``.

    ``@pytest.mark.stomp_broker(flavour="activemq", tls=True)`` passes arguments to :class:`stomp_testing.Broker`. With
    ``websocket=True`` there is a ``stomp_broker.ws_url``. ::

        def test_orders(stomp_broker):
            run_my_service(stomp_broker.url)
            assert stomp_broker.messages("/queue/invoices") == [b"1 apple"]
    """
    from . import Broker

    with Broker(**_arguments(request, "stomp_broker")) as broker:
        yield broker


@pytest.fixture
def stomp_proxy(request: pytest.FixtureRequest, stomp_broker: Broker) -> Iterator[FaultProxy]:
    """Start a fault proxy in front of ``stomp_broker``, and stop it afterwards. Its address is ``stomp_proxy.url``.

    ``@pytest.mark.stomp_proxy(mean_bytes=10_000)`` passes arguments to :class:`stomp_testing.FaultProxy`. With
    ``websocket=True`` it is in front of ``stomp_broker.ws_url``.
    """
    from . import FaultProxy

    arguments = _arguments(request, "stomp_proxy")
    upstream = stomp_broker.ws_url if arguments.pop("websocket", False) else stomp_broker.url
    with FaultProxy(upstream, **arguments) as proxy:
        yield proxy
