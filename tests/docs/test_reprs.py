"""What users see of an object in a debugger, a log or a failed assertion: what it is, and no passcode."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import stomp_socket
from stomp_core import ClientConnection, Connect, Endpoint, Send, ServerConnection, Session
from stomp_testing import Broker

from ..waiting import HANGS

PASSCODE = "secret-4711"


@dataclass(frozen=True)
class Used:
    """A connection with a login, and what it has handed out."""

    connection: stomp_socket.Connection
    subscription: stomp_socket.Subscription
    message: stomp_socket.Message
    transaction: stomp_socket.Transaction
    pipeline: stomp_socket.Pipeline


@pytest.fixture(scope="module")
def used() -> Iterator[Used]:
    with (
        Broker(users={"app": PASSCODE}) as broker,
        stomp_socket.connect(f"stomp://127.0.0.1:{broker.port}", "app", PASSCODE) as connection,
        connection.pipeline() as pipeline,
        connection.subscribe("/queue/a", id="orders", ack="client-individual") as subscription,
    ):
        pipeline.send("/queue/a", b"hello")
        pipeline.drain()
        message = subscription.receive(HANGS)
        transaction = connection.begin("t")
        yield Used(connection, subscription, message, transaction, pipeline)
        message.ack()


@pytest.mark.parametrize(
    ("get", "words"),
    [
        (lambda used: used.connection, ["stomp_socket.Connection", "stomp://127.0.0.1:", "connected"]),
        (lambda used: used.connection.session, ["Session", "stomp://127.0.0.1:", "connected"]),
        (lambda used: used.connection.session.config, ["Config", "login='app'", "receipt_timeout=30.0"]),
        (lambda used: used.connection.session.endpoint, ["Endpoint", "stomp://127.0.0.1:"]),
        (lambda used: used.connection.connected, ["Connected", "RabbitMQ"]),
        (lambda used: used.subscription, ["Subscription", "orders", "/queue/a", "client-individual", "active"]),
        (lambda used: used.message, ["Message", "/queue/a", "5 bytes"]),
        (lambda used: used.message.event, ["Message", "/queue/a", "hello"]),
        (lambda used: used.message.event.frame, ["Frame", "MESSAGE", "/queue/a", "hello"]),
        (lambda used: used.transaction, ["Transaction", "'t'", "open"]),
        (lambda used: used.pipeline, ["Pipeline", "1 confirmed", "0 in flight"]),
    ],
)  # fmt: skip
def test_repr_of_what_a_connection_hands_out(
    used: Used, get: Callable[[Used], object], words: list[str]
) -> None:
    text = repr(get(used))
    assert [word for word in words if word not in text] == []
    assert PASSCODE not in text
    assert " object at 0x" not in text


def test_repr_of_both_sides_of_a_connection() -> None:
    client, server = ClientConnection(), ServerConnection()
    assert repr(client) == "<ClientConnection, new>"
    server.receive_data(client.send(Connect(host="/", login="app", passcode=PASSCODE)))
    server.next_event()
    assert repr(server) == "<ServerConnection, connecting, STOMP 1.2>"


def test_repr_of_a_session_without_a_connection() -> None:
    session = Session(f"stomp://app:{PASSCODE}@localhost:61613,stomp://localhost:1", log=False)
    assert repr(session) == "<Session to stomp://localhost:61613, waiting>"


@pytest.mark.parametrize(
    "made",
    [
        Connect(host="/", login="app", passcode=PASSCODE),
        Connect(host="/", login="app", passcode=PASSCODE).frame,
        Connect(host="/", login="app", passcode=PASSCODE).headers,
        Endpoint.parse(f"stomp://app:{PASSCODE}@localhost"),
        Send("/queue/a", headers={"authorization": PASSCODE}),
    ],
    ids=lambda made: type(made).__name__,
)
def test_repr_masks_secrets(made: Any) -> None:
    assert PASSCODE not in repr(made)
    assert PASSCODE not in str(made)


def test_error_of_a_wrong_passcode_does_not_show_it() -> None:
    with (
        Broker() as broker,
        pytest.raises(stomp_socket.AuthenticationFailed) as raised,
    ):
        stomp_socket.connect(f"stomp://app:{PASSCODE}@127.0.0.1:{broker.port}")
    error = raised.value
    assert "check login and passcode" in str(error)
    assert PASSCODE not in f"{error!r} {error} {error.failures!r} {error.error!r}"
