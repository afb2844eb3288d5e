"""Brokers, and connections that are closed at the end of a test."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import stomp_py as stomp
from stomp_testing import Broker
from tests.heart_beats import PATIENT

LOGIN = "admin"
PASSCODE = "password"


@dataclass(frozen=True)
class Place:
    """Where a broker is, real or embedded, whose user is ``admin``."""

    name: str
    host: str
    port: int

    @property
    def address(self) -> list[tuple[str, int]]:
        return [(self.host, self.port)]

    def new_queue(self) -> str:
        return f"/queue/test-{uuid.uuid4().hex}"


@pytest.fixture
def broker() -> Iterator[Broker]:
    # RabbitMQ's heart-beats are whole seconds, which would make tests slow. This one tolerates any silence.
    with Broker(users={LOGIN: PASSCODE}, flavour=PATIENT, heart_beat=(1, 1)) as broker:
        yield broker


@pytest.fixture
def here(broker: Broker) -> Place:
    """Return the place of the embedded broker."""
    return Place("embedded", broker.host, broker.port)


@pytest.fixture(
    params=[
        "embedded",
        pytest.param("rabbitmq", marks=pytest.mark.rabbitmq),
        pytest.param("activemq", marks=pytest.mark.activemq),
    ]
)
def place(request: pytest.FixtureRequest) -> Place:
    """Return the place of the embedded broker, then of each real one."""
    if request.param == "embedded":
        here: Place = request.getfixturevalue("here")
        return here
    real = request.getfixturevalue(request.param)
    return Place(request.param, real.host, real.tcp_port)


Open = Callable[..., Any]


@pytest.fixture
def open_connection() -> Iterator[Open]:
    """Return ``open_connection(place, listener, type=stomp.Connection, **arguments)``, which connects."""
    opened: list[Any] = []

    def connect(place: Place, listener: Any = None, type: Any = stomp.Connection, **arguments: Any) -> Any:
        conn = type(place.address, **arguments)
        if listener is not None:
            conn.set_listener("test", listener)
        conn.connect(LOGIN, PASSCODE, wait=True)
        opened.append(conn)
        return conn

    yield connect
    for conn in opened:
        conn.disconnect()
