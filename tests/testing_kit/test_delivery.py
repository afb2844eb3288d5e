"""From SEND to MESSAGE."""

from __future__ import annotations

import pytest

from stomp_core import Send
from stomp_testing.delivery import passed_on
from stomp_testing.flavours import ACTIVEMQ, RABBITMQ


@pytest.mark.parametrize(
    "name",
    [
        "receipt",
        "transaction",
        "message-id",
        "subscription",
        "ack",
        "redelivered",
        "content-length",
        "destination",
    ],
)
def test_what_is_said_to_the_broker_or_by_it_is_not_passed_on(name: str) -> None:
    send = Send(
        "/queue/a", b"hello", headers=[("x", "1")] if name == "destination" else [(name, "5"), ("x", "1")]
    )
    assert passed_on(send, RABBITMQ) == [("x", "1")]


def test_repeated_headers_are_passed_on_in_their_order() -> None:
    send = Send("/queue/a", headers=[("x", "2"), ("y", "0"), ("x", "1")])
    assert passed_on(send, RABBITMQ) == [("x", "2"), ("y", "0"), ("x", "1")]


def test_activemq_remembers_that_there_was_a_content_length() -> None:
    assert passed_on(Send("/queue/a", b"hello", headers=[("content-length", "5")]), ACTIVEMQ) == [
        ("content-length", "5")
    ]
    assert passed_on(Send("/queue/a", b"hello"), ACTIVEMQ) == []
