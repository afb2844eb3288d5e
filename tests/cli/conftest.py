"""An embedded broker, and the command that uses it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stomp_testing import Broker

from .command import Stomp


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as broker:
        yield broker


@pytest.fixture
def stomp(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Stomp:
    """The command in this process, with the broker's URL in STOMP_URL."""
    return Stomp(monkeypatch, broker.url)
